//! A published update is in the log exactly once, and before the request is answered.

use std::collections::BTreeSet;

use pushpull::run::Transport;
use serde_json::{Value, json};

use crate::common::clients::receive;
use crate::common::nats::{Nats, node, until_ready};
use crate::common::within;

fn seq(cursor: &str) -> u64 {
    cursor.split_once('-').unwrap().1.parse().unwrap()
}

pub async fn an_update_is_in_the_stream_before_its_201() {
    let nats = Nats::start().await;
    let server = node(&nats.url(), &[]).await;
    let stream = nats.jetstream().await.get_stream("pushpull").await.unwrap();
    for number in 1..=20 {
        let data = format!("{{\"n\":{number}}}");
        let cursor = server.publish(&data).await;
        let stored = stream.get_raw_message(seq(&cursor)).await.unwrap();
        assert_eq!((seq(&cursor), &stored.payload[..]), (number, data.as_bytes()));
        let received = receive(&server, Transport::Sse, &format!("{}-{}", &cursor[..8], number - 1), 1).await;
        let update: Value = serde_json::from_str(&received.updates[0]).unwrap();
        assert_eq!(stored.headers.get("Pushpull-At-Us").unwrap().as_str(), update["at_us"].to_string());
    }
}

pub async fn a_repeated_key_publishes_once_whichever_node_it_is_sent_to() {
    let nats = Nats::start().await;
    let nodes = [node(&nats.url(), &[]).await, node(&nats.url(), &[]).await];
    let mut cursors = BTreeSet::new();
    for round in 0..2 {
        for server in &nodes {
            for key in ["a", "\"b\""] {
                let request =
                    server.http.post(server.url("/updates")).header("idempotency-key", key).body(key.len().to_string());
                let response = within("an answer", request.send()).await.unwrap();
                assert_eq!(response.status(), 201, "{round}");
                cursors.insert(response.json::<Value>().await.unwrap()["cursor"].to_string());
            }
        }
    }
    assert_eq!(cursors.len(), 2, "one for each key");
    let mut stream = nats.jetstream().await.get_stream("pushpull").await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 2);
    let request = nodes[0].http.post(nodes[0].url("/updates")).header("idempotency-key", "a b").body("1");
    assert_eq!(request.send().await.unwrap().status(), 400);
}

pub async fn messages_of_other_programs_in_the_stream_are_updates_or_gaps() {
    let nats = Nats::start().await;
    let server = node(&nats.url(), &[]).await;
    let before = server.newest().await;
    let jetstream = nats.jetstream().await;
    for text in ["{\"theirs\":1}", "no JSON", "[2]"] {
        jetstream.publish("pushpull.updates", text.into()).await.unwrap().await.unwrap();
    }
    server.until_stat("/journal/oldest_seq", 3).await;
    let received = receive(&server, Transport::Polling, &before, 1).await;
    assert_eq!((received.numbers(), received.gap), (vec![3], Some(json!({"reason": "evicted", "lost": 2}))));
    let update: Value = serde_json::from_str(&received.updates[0]).unwrap();
    assert_eq!((update["data"].clone(), update["at_us"].to_string().len()), (json!([2]), 16));
    server.assert_unharmed_by_log().await;
}

pub async fn the_feed_of_one_node_is_published_exactly_once_through_a_restart_of_nats() {
    const PERIOD_US: u64 = 20_000;
    let mut nats = Nats::start().await;
    let watching = node(&nats.url(), &[]).await;
    let before = watching.newest().await;
    let feeding = node(&nats.url(), &["--feed", "synthetic", "--rate", "50", "--payload", "8"]).await;
    watching.until_stat("/journal/updates", 20).await;
    nats.kill().await;
    crate::common::nats::until_not_ready(&watching).await;
    nats.restart().await;
    until_ready(&watching).await;
    until_ready(&feeding).await;
    let held = watching.stat("/journal/updates").await;
    watching.until_stat("/journal/updates", held + 100).await;
    let received = receive(&watching, Transport::Polling, &before, 100).await;
    assert_eq!(received.gap, None);
    let at_us = |text: &String| serde_json::from_str::<Value>(text).unwrap()["at_us"].as_u64().unwrap();
    let due: BTreeSet<u64> = received.updates.iter().map(at_us).collect();
    assert_eq!(due.len(), received.updates.len(), "no update twice");
    // Updates that were in flight when nats-server was killed may come after later ones; those in flight now are not
    // here.
    let missing = due.iter().zip(due.iter().skip(1)).filter(|(one, next)| *next - *one != PERIOD_US).count();
    assert_eq!(missing, 0, "each instant of the schedule has its update: {due:?}");
}
