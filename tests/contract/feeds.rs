//! The feeds, as clients see them.

use pushpull::run::Transport;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::common::clients::receive;
use crate::common::{Server, within};

#[tokio::test]
async fn the_default_feed_is_the_recorded_week_of_earthquakes() {
    let server = Server::start(&["--speed", "100000"]).await;
    let received = receive(&server, Transport::WebSocket, "earliest", 20).await;
    for update in &received.updates {
        let update: Value = serde_json::from_str(update).unwrap();
        assert!(update["data"]["at_ms"].is_u64() && update["data"]["place"].is_string(), "{update}");
    }
}

#[tokio::test]
async fn updates_of_a_synthetic_feed_are_due_exactly_on_their_schedule() {
    let server = Server::start(&["--feed", "synthetic", "--rate", "200", "--payload", "64"]).await;
    let received = receive(&server, Transport::Sse, "earliest", 100).await;
    let due: Vec<u64> = received
        .updates
        .iter()
        .map(|update| serde_json::from_str::<Value>(update).unwrap()["at_us"].as_u64().unwrap())
        .collect();
    let steps: Vec<u64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| *step == 5_000), "{steps:?}");
}

#[tokio::test]
async fn standard_input_is_published_line_by_line_and_a_bad_line_is_logged_and_skipped() {
    let mut server = Server::start(&["--feed", "stdin"]).await;
    let mut input = server.input();
    input.write_all(b"{\"a\":1}\nnot json\n\"last\"\n").await.unwrap();
    let received = receive(&server, Transport::LongPolling, "earliest", 2).await;
    let data: Vec<Value> =
        received.updates.iter().map(|update| serde_json::from_str::<Value>(update).unwrap()["data"].take()).collect();
    assert_eq!(data, [serde_json::json!({"a": 1}), serde_json::json!("last")]);
    within("a log line about the bad line", async {
        while !server.log().contains("line 2") {
            tokio::task::yield_now().await
        }
    })
    .await;
    drop(input);
    server.assert_unharmed().await;
}
