//! A node that drains, and a stream that was deleted or restored from an older copy.

use pushpull::run::Transport;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::clients::{EventStream, close_code, next_text, open_websocket, receive};
use crate::common::nats::{Nats, node, until_not_ready, until_ready};
use crate::common::within;
use crate::failures::{event, next_number};

pub async fn the_clients_of_a_node_that_drains_resume_at_another_node() {
    let nats = Nats::start().await;
    let leaving = node(&nats.url(), &["--drain", "4s"]).await;
    let other = node(&nats.url(), &[]).await;
    let mut stream = EventStream::open(&leaving, "/updates/sse", None).await;
    let mut socket = open_websocket(&leaving, "/updates/ws").await.unwrap();
    next_text(&mut socket).await;
    let cursor = leaving.publish("1").await;
    assert_eq!(next_number(&mut stream).await, 1);
    next_text(&mut socket).await;
    let parked = leaving.http.get(leaving.url(&format!("/updates/long-poll?hold=60&after={cursor}"))).send();
    let parked = tokio::spawn(parked);
    leaving.until_stat("/transports/long_polling/requests", 1).await;
    leaving.signal(Signal::TERM);
    let last = within("the last block", async {
        loop {
            match stream.block().await {
                Some(block) if block.field("retry").is_some() => return block,
                // A heartbeat.
                Some(block) => assert_eq!(block.field("data"), None),
                None => panic!("the stream ended without `retry`"),
            }
        }
    })
    .await;
    assert_eq!(last.field("data"), None);
    assert_eq!(within("the end", stream.block()).await, None);
    assert_eq!(close_code(&mut socket).await, 1001);
    assert_eq!(within("the answer", parked).await.unwrap().unwrap().status(), 204);
    let (status, log) = leaving.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    other.publish("2").await;
    for transport in Transport::ALL {
        let received = receive(&other, transport, &cursor, 1).await;
        assert_eq!((received.gap.clone(), received.numbers()), (None, vec![2]), "{transport:?}");
    }
}

pub async fn a_deleted_stream_is_recreated_by_a_node_as_another_epoch() {
    let nats = Nats::start().await;
    let nodes = [node(&nats.url(), &[]).await, node(&nats.url(), &[]).await];
    let mut stream = EventStream::open(&nodes[0], "/updates/sse", None).await;
    let old = nodes[1].publish("1").await;
    assert_eq!(next_number(&mut stream).await, 1);
    nats.jetstream().await.delete_stream("pushpull").await.unwrap();
    for server in &nodes {
        until_not_ready(server).await;
    }
    for server in &nodes {
        until_ready(server).await;
    }
    let new = nodes[0].publish("3").await;
    assert!(new[..8] != old[..8] && new.ends_with("-1"), "{old} {new}");
    let gap = json!({"reason": "epoch", "lost": null});
    assert_eq!(within("the gap", event(&mut stream)).await, (Some("gap".to_owned()), gap));
    assert_eq!(next_number(&mut stream).await, 1);
    // One node recreated it, and both follow it.
    nodes[1].until_stat("/journal/updates", 1).await;
    assert_eq!(nodes[1].newest().await, new);
}

pub async fn a_stream_that_lost_its_last_updates_is_another_epoch_of_the_node_that_had_them() {
    let mut nats = Nats::start().await;
    let server = node(&nats.url(), &[]).await;
    let mut stream = EventStream::open(&server, "/updates/sse", None).await;
    server.publish_numbers(3).await;
    for number in 1..=3 {
        assert_eq!(next_number(&mut stream).await, number);
    }
    // After the simulated power cut nats-server has only what it has stored by now.
    nats.kill().await;
    nats.save_store();
    nats.restart().await;
    until_ready(&server).await;
    let old = {
        server.publish("4").await;
        server.publish("5").await
    };
    for number in 4..=5 {
        assert_eq!(next_number(&mut stream).await, number);
    }
    nats.kill().await;
    nats.load_store();
    nats.restart().await;
    let gap = json!({"reason": "epoch", "lost": null});
    assert_eq!(within("the gap", event(&mut stream)).await, (Some("gap".to_owned()), gap.clone()));
    for number in 1..=3 {
        assert_eq!(next_number(&mut stream).await, number, "all updates of the stream, with new positions");
    }
    until_ready(&server).await;
    let received = receive(&server, Transport::Polling, &old, 3).await;
    assert_eq!((received.gap, received.updates.len()), (Some(gap), 3));
    let answer: Value = server.json("/updates/poll").await;
    assert_ne!(answer["cursor"].as_str().unwrap()[..8], old[..8]);
}
