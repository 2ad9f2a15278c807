//! A cursor is valid on every node.

use std::collections::HashMap;

use pushpull::run::Transport;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::clients::{self, receive};
use crate::common::nats::{Nats, node};

pub async fn a_client_resumes_at_another_node_with_its_cursor_on_each_transport() {
    let nats = Nats::start().await;
    let nodes = [node(&nats.url(), &[]).await, node(&nats.url(), &[]).await];
    let before = nodes[0].newest().await;
    for number in 0..20_usize {
        nodes[number % 2].publish(&number.to_string()).await;
    }
    let mut seen: HashMap<u64, String> = HashMap::new();
    for (from, to) in [(0, 1), (1, 0)] {
        for transport in Transport::ALL {
            let first = receive(&nodes[from], transport, &before, 7).await;
            // A poll receives everything at once; the other transports disconnect after seven updates.
            let rest = 20 - first.updates.len();
            let second = receive(&nodes[to], transport, &first.cursor, rest).await;
            assert_eq!((&first.gap, &second.gap), (&None, &None), "{transport:?}");
            let all = [first.updates, second.updates].concat();
            assert_eq!(
                all.iter().map(|update| clients::number(update)).collect::<Vec<_>>(),
                (1..=20).collect::<Vec<_>>()
            );
            for update in all {
                let known = seen.entry(clients::number(&update)).or_insert_with(|| update.clone());
                assert_eq!(*known, update, "the same bytes on every node and transport");
            }
        }
    }
}

pub async fn a_node_that_is_killed_and_restarted_is_in_the_same_epoch() {
    let nats = Nats::start().await;
    let killed = node(&nats.url(), &[]).await;
    let other = node(&nats.url(), &[]).await;
    let cursor = killed.publish("1").await;
    killed.signal(Signal::KILL);
    killed.ended().await;
    other.publish("2").await;
    let again = node(&nats.url(), &[]).await;
    other.publish("3").await;
    for transport in Transport::ALL {
        let received = receive(&again, transport, &cursor, 2).await;
        assert_eq!((received.gap.clone(), received.numbers()), (None, vec![2, 3]), "{transport:?}");
    }
}

pub async fn a_node_retains_the_end_of_the_log_and_announces_a_gap_before_it() {
    let nats = Nats::start().await;
    let first = node(&nats.url(), &[]).await;
    let before = first.publish_numbers(12).await;
    let late = node(&nats.url(), &["--journal-updates", "5"]).await;
    for transport in Transport::ALL {
        let received = receive(&late, transport, &before, 5).await;
        assert_eq!(received.gap, Some(json!({"reason": "evicted", "lost": 7})), "{transport:?}");
        assert_eq!(received.numbers(), [8, 9, 10, 11, 12]);
        let received = receive(&first, transport, &before, 12).await;
        assert_eq!((received.gap, received.updates.len()), (None, 12), "{transport:?}");
    }
}

pub async fn a_room_exists_only_on_its_node() {
    let nats = Nats::start().await;
    let nodes = [node(&nats.url(), &[]).await, node(&nats.url(), &[]).await];
    let response = nodes[0].post("/updates?room=a", "1").await;
    assert_eq!(response.status(), 201);
    let answers = [
        nodes[0].get("/updates/poll?room=a&after=earliest").await,
        nodes[1].get("/updates/poll?room=a&after=earliest").await,
    ];
    assert_eq!(answers.map(|answer| answer.status().as_u16()), [200, 204]);
    let stats: Value = nodes[1].json("/stats").await;
    assert_eq!(stats["journal"]["updates"], 0);
}
