//! An outage of the log's only server under load. Environment: `NODES_AWAY`, its length in seconds (default 2).

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use pushpull::limits;

use crate::common::Server;
use crate::common::clients::EventStream;
use crate::common::nats::{Nats, node};

/// Subscribers of each node.
const SUBSCRIBERS: usize = 50;
/// The pause between two updates.
const PAUSE: Duration = Duration::from_millis(20);
/// Updates published before the outage, and as many from its beginning on.
const AROUND: u64 = 30;
/// The timeout, in addition to the length of the outage.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Counts of the answers to publishers, and the longest waits for them.
#[derive(Debug, Default)]
struct AnswerCounts {
    acknowledged: u64,
    refused: u64,
    slowest_refusal: Duration,
    slowest_acknowledgement: Duration,
}

/// Publishes a number with its key until it is acknowledged.
async fn publish(server: &Server, number: u64, answers: &mut AnswerCounts) {
    let began = Instant::now();
    loop {
        let request = server.http.post(server.url("/updates")).header("idempotency-key", format!("away-{number}"));
        let asked = Instant::now();
        let answer = request.body(number.to_string()).send().await.unwrap();
        match answer.status().as_u16() {
            201 => {
                answers.acknowledged += 1;
                answers.slowest_acknowledgement = answers.slowest_acknowledgement.max(began.elapsed());
                return;
            }
            status => {
                assert_eq!((status, answer.headers()["retry-after"].to_str().unwrap()), (503, "1"));
                let problem: Value = answer.json().await.unwrap();
                assert_eq!(problem["status"], 503);
                answers.refused += 1;
                answers.slowest_refusal = answers.slowest_refusal.max(asked.elapsed());
                // As long as `Retry-After` asks.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

pub async fn a_log_that_is_away_under_load_costs_no_connection_and_no_update() {
    let away = Duration::from_secs(std::env::var("NODES_AWAY").map_or(2, |text| text.parse().unwrap()));
    let mut nats = Nats::start().await;
    let nodes = [node(&nats.url(), &[]).await, node(&nats.url(), &[]).await];
    let (done, newest) = tokio::sync::watch::channel(None);
    let mut subscribers = JoinSet::new();
    for server in &nodes {
        for _ in 0..SUBSCRIBERS {
            let (mut stream, newest) = (EventStream::open(server, "/updates/sse", None).await, newest.clone());
            subscribers.spawn(async move {
                let mut got: Vec<(u64, u64)> = Vec::new();
                // All on one connection, which stays open from beginning to end.
                while newest.borrow().is_none_or(|newest| got.len() < newest) {
                    let block = stream.block().await.expect("the stream goes on");
                    if let Some(data) = block.field("data") {
                        assert_eq!(block.field("event"), None, "no gap: {data}");
                        let update: Value = serde_json::from_str(data).unwrap();
                        got.push((update["seq"].as_u64().unwrap(), update["data"].as_u64().unwrap()));
                    }
                }
                got
            });
        }
    }
    let mut answers = AnswerCounts::default();
    for number in 0..AROUND {
        publish(&nodes[number as usize % 2], number, &mut answers).await;
        tokio::time::sleep(PAUSE).await;
    }
    let killed = Instant::now();
    nats.kill().await;
    let back = async {
        tokio::time::sleep(away).await;
        nats.restart().await;
        Instant::now()
    };
    let publishing = async {
        // All but the last update: subscribers may stop when they have the last one.
        for number in AROUND..2 * AROUND - 1 {
            publish(&nodes[number as usize % 2], number, &mut answers).await;
            if number == AROUND {
                answers.slowest_acknowledgement = killed.elapsed();
            }
            tokio::time::sleep(PAUSE).await;
        }
        Instant::now()
    };
    let both = async { tokio::join!(back, publishing) };
    let (back, _) = tokio::time::timeout(away + TIMEOUT, both).await.expect("all is acknowledged");
    done.send_replace(Some(usize::try_from(2 * AROUND).unwrap()));
    publish(&nodes[0], 2 * AROUND - 1, &mut answers).await;
    let mut count = 0;
    let all = async {
        while let Some(got) = subscribers.join_next().await {
            let expected: Vec<(u64, u64)> = (1..=2 * AROUND).zip(0..).collect();
            assert_eq!(got.unwrap(), expected, "each once, in order");
            count += 1;
        }
    };
    tokio::time::timeout(TIMEOUT, all).await.expect("every subscriber gets the last update");
    assert_eq!((count, answers.acknowledged), (2 * SUBSCRIBERS, 2 * AROUND));
    // Every publisher meets the outage: with a 503, or if its request was sent before the node noticed, with a wait.
    assert!(answers.refused > 0 || answers.slowest_acknowledgement >= limits::LOG_ACK_TIMEOUT, "{answers:?}");
    if away > Duration::from_secs(2) {
        println!(
            "away for {away:?}: {} acknowledged, {} refused with 503 and Retry-After (the slowest after {:?}); the first was \
             acknowledged {:?} after the server listened again; {count} connections stayed, each with every update once",
            answers.acknowledged,
            answers.refused,
            answers.slowest_refusal,
            (killed + answers.slowest_acknowledgement).saturating_duration_since(back),
        );
    }
}
