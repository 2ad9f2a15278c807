//! Clients and publishers when the log fails.

use pushpull::run::Transport;
use serde_json::{Value, json};

use crate::common::clients::{EventStream, next_text, open_websocket, receive};
use crate::common::nats::{NAMES, Nats, node, until_not_ready, until_ready};
use crate::common::{Server, within};

/// The next update or gap on an event stream.
pub async fn event(stream: &mut EventStream) -> (Option<String>, Value) {
    loop {
        let block = stream.block().await.expect("the stream goes on");
        if let Some(data) = block.field("data") {
            return (block.field("event").map(str::to_owned), serde_json::from_str(data).unwrap());
        }
    }
}

pub async fn next_number(stream: &mut EventStream) -> u64 {
    let (kind, update) = within("an update", event(stream)).await;
    assert_eq!(kind, None, "{update}");
    update["seq"].as_u64().unwrap()
}

pub async fn a_node_without_its_log_is_not_ready_and_follows_the_log_once_it_is_there() {
    let mut nats = Nats::start().await;
    nats.kill().await;
    let server = Server::start(&["--log", &nats.url()]).await;
    assert_eq!(server.get("/readyz").await.status(), 503);
    assert_eq!(server.get("/healthz").await.status(), 200);
    let paths = ["/updates/poll", "/updates/long-poll?hold=1", "/updates/sse", "/updates/ws"];
    for path in paths {
        let response = server.get(path).await;
        assert_eq!(response.status(), 503, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "1");
    }
    let refused = server.post("/updates", "1").await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(server.get("/updates/poll?room=a").await.status(), 200);
    nats.restart().await;
    until_ready(&server).await;
    server.publish("1").await;
    server.assert_unharmed_by_log().await;
}

pub async fn a_restart_of_nats_loses_nothing_and_publishers_get_503_meanwhile() {
    let mut nats = Nats::start().await;
    let nodes = [node(&nats.url(), &[]).await, node(&nats.url(), &[]).await];
    let mut stream = EventStream::open(&nodes[0], "/updates/sse", None).await;
    let mut socket = open_websocket(&nodes[1], "/updates/ws").await.unwrap();
    next_text(&mut socket).await;
    let cursor = nodes[0].publish("1").await;
    assert_eq!(next_number(&mut stream).await, 1);
    nodes[1].until_stat("/journal/updates", 1).await;
    nats.kill().await;
    for server in &nodes {
        until_not_ready(server).await;
        let refused = server.post("/updates", "2").await;
        assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["status"], 503);
        // The node still serves what is in its journal.
        assert_eq!(server.get("/updates/poll?after=earliest").await.status(), 200);
        assert_eq!(server.get(&format!("/updates/poll?after={cursor}")).await.status(), 204);
    }
    nats.restart().await;
    for server in &nodes {
        until_ready(server).await;
    }
    assert_eq!(nodes[1].publish("3").await, format!("{}-2", &cursor[..8]), "the refused ones were not stored");
    assert_eq!(next_number(&mut stream).await, 2, "on the same connection");
    let texts = [next_text(&mut socket).await, next_text(&mut socket).await];
    let numbers = texts.map(|text| serde_json::from_str::<Value>(&text).unwrap()["seq"].as_u64().unwrap());
    assert_eq!(numbers, [1, 2]);
}

pub async fn a_purge_is_a_gap_for_clients_that_are_behind_and_not_for_others() {
    let nats = Nats::start().await;
    let server = node(&nats.url(), &[]).await;
    let before = server.publish_numbers(5).await;
    server.until_stat("/journal/updates", 5).await;
    let mut level = EventStream::open(&server, &format!("/updates/sse?after={before}"), None).await;
    for number in 1..=5 {
        assert_eq!(next_number(&mut level).await, number);
    }
    nats.jetstream().await.get_stream("pushpull").await.unwrap().purge().await.unwrap();
    server.publish("6").await;
    assert_eq!(next_number(&mut level).await, 6, "it has received all before");
    // This node still has the purged updates in its journal; a new node never gets them.
    let late = node(&nats.url(), &[]).await;
    for transport in Transport::ALL {
        let received = receive(&late, transport, &before, 1).await;
        assert_eq!((received.numbers(), received.gap), (vec![6], Some(json!({"reason": "evicted", "lost": 5}))));
    }
}

pub async fn a_recreated_stream_is_another_epoch_on_open_connections_too() {
    let nats = Nats::start().await;
    let nodes = [node(&nats.url(), &[]).await, node(&nats.url(), &[]).await];
    let mut stream = EventStream::open(&nodes[0], "/updates/sse", None).await;
    let mut socket = open_websocket(&nodes[1], "/updates/ws").await.unwrap();
    next_text(&mut socket).await;
    let old = nodes[0].publish("1").await;
    assert_eq!(next_number(&mut stream).await, 1);
    next_text(&mut socket).await;
    let jetstream = nats.jetstream().await;
    let config = jetstream.get_stream("pushpull").await.unwrap().cached_info().config.clone();
    jetstream.delete_stream("pushpull").await.unwrap();
    for server in &nodes {
        until_not_ready(server).await;
    }
    jetstream.create_stream(config).await.unwrap();
    for server in &nodes {
        until_ready(server).await;
    }
    let new = nodes[1].publish("2").await;
    assert_eq!(new.split_once('-').unwrap().1, "1");
    assert_ne!(new[..8], old[..8]);
    let gap = json!({"reason": "epoch", "lost": null});
    assert_eq!(within("the gap", event(&mut stream)).await, (Some("gap".to_owned()), gap.clone()));
    assert_eq!(next_number(&mut stream).await, 1);
    let frame: Value = serde_json::from_str(&next_text(&mut socket).await).unwrap();
    assert_eq!((&frame["gap"], &frame["cursor"]), (&gap, &json!(format!("{}-0", &new[..8]))));
    for server in &nodes {
        for transport in Transport::ALL {
            let received = receive(server, transport, &old, 1).await;
            assert_eq!((received.gap.as_ref(), received.numbers(), &received.cursor), (Some(&gap), vec![1], &new));
        }
    }
}

pub async fn a_stream_with_the_wrong_subjects_is_refused_with_a_reason() {
    let nats = Nats::start().await;
    let config = async_nats::jetstream::stream::Config {
        name: "wild".to_owned(),
        subjects: vec!["wild.>".to_owned()],
        ..Default::default()
    };
    nats.jetstream().await.create_stream(config).await.unwrap();
    let server = Server::start(&["--log", &nats.url(), "--stream", "wild"]).await;
    within("the reason", async { while server.json("/stats").await["log"]["standing"]["unfit"].is_null() {} }).await;
    assert_eq!(server.get("/readyz").await.status(), 503);
    assert_eq!(server.post("/updates", "1").await.status(), 503);
}

pub async fn a_killed_leader_of_three_loses_nothing_that_was_acknowledged() {
    let mut cluster = Nats::cluster().await;
    let urls = cluster.iter().map(Nats::url).collect::<Vec<_>>().join(",");
    let server = node(&urls, &["--stream-replicas", "3"]).await;
    let before = server.newest().await;
    let mut stream = EventStream::open(&server, "/updates/sse", None).await;
    let mut acknowledged = Vec::new();
    let mut key = 0;
    let info = cluster[0].jetstream().await.get_stream("pushpull").await.unwrap().cached_info().clone();
    let leader = info.cluster.unwrap().leader.unwrap();
    let leader = NAMES.iter().position(|name| *name == leader).unwrap();
    let mut is_killed = false;
    while acknowledged.len() < 20 {
        if acknowledged.len() == 10 && !std::mem::replace(&mut is_killed, true) {
            cluster[leader].kill().await;
        }
        let request = server.http.post(server.url("/updates")).header("idempotency-key", format!("{key}"));
        let response = within("an answer", request.body(key.to_string()).send()).await.unwrap();
        match response.status().as_u16() {
            201 => {
                acknowledged.push(key);
                key += 1;
            }
            status => assert_eq!(status, 503),
        }
    }
    let mut delivered = Vec::new();
    for number in 1..=20 {
        let (kind, update) = within("an update", event(&mut stream)).await;
        assert_eq!((kind, update["seq"].as_u64()), (None, Some(number)));
        delivered.push(update["data"].as_i64().unwrap());
    }
    assert_eq!(delivered, acknowledged);
    let received = receive(&server, Transport::WebSocket, &before, 20).await;
    assert_eq!((received.gap, received.updates.len()), (None, 20));
}
