//! Rooms: streams in addition to the main one, each independent of the others.

use http::StatusCode;
use http::header::RETRY_AFTER;
use pushpull::limits;
use serde_json::{Value, json};

use crate::common::clients::{EventStream, next_text, open_websocket};
use crate::common::{Server, within};

/// Publishes in a room and returns the cursor.
async fn publish(server: &Server, room: &str, data: &str) -> String {
    let answer = server.post(&format!("/updates?room={room}"), data.to_owned()).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "{room}");
    answer.json::<Value>().await.unwrap()["cursor"].as_str().unwrap().to_owned()
}

async fn earliest(server: &Server, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/updates/poll?after=earliest{query}")).await;
    if answer.status() == StatusCode::NO_CONTENT {
        return Vec::new();
    }
    let answer: Value = answer.json().await.unwrap();
    answer["updates"].as_array().unwrap().iter().map(|update| update["data"].clone()).collect()
}

#[tokio::test]
async fn two_rooms_and_the_main_stream_are_separate_on_every_transport() {
    let server = Server::without_feed(&[]).await;
    let after = [publish(&server, "a", "0").await, publish(&server, "b", "0").await, server.publish("0").await];
    let queries =
        [format!("after={}&room=a", after[0]), format!("after={}&room=b", after[1]), format!("after={}", after[2])];
    let mut streams = Vec::new();
    let mut sockets = Vec::new();
    for query in &queries {
        let mut stream = EventStream::open(&server, &format!("/updates/sse?{query}"), None).await;
        stream.block().await;
        streams.push(stream);
        let mut socket = open_websocket(&server, &format!("/updates/ws?{query}")).await.unwrap();
        next_text(&mut socket).await;
        sockets.push(socket);
    }
    publish(&server, "a", "\"of a\"").await;
    publish(&server, "b", "\"of b\"").await;
    server.publish("\"of main\"").await;
    for (index, published) in ["of a", "of b", "of main"].into_iter().enumerate() {
        for path in ["/updates/poll", "/updates/long-poll"] {
            let answer = server.json(&format!("{path}?{}", queries[index])).await;
            let data: Vec<&Value> =
                answer["updates"].as_array().unwrap().iter().map(|update| &update["data"]).collect();
            assert_eq!(data, [&json!(published)], "{path}");
        }
        let block = streams[index].block().await.unwrap();
        let event: Value = serde_json::from_str(block.field("data").unwrap()).unwrap();
        let frame: Value = serde_json::from_str(&next_text(&mut sockets[index]).await).unwrap();
        assert_eq!((&event["data"], &frame["data"]), (&json!(published), &json!(published)));
    }
    let schedule = server.json("/stats/schedule?room=a").await;
    assert_eq!(schedule["updates"].as_array().unwrap().len(), 2);
    assert_eq!(server.stat("/rooms").await, 2);
}

#[tokio::test]
async fn a_cursor_of_another_room_is_a_gap_of_another_epoch() {
    let server = Server::without_feed(&[]).await;
    let of_a = publish(&server, "a", "1").await;
    publish(&server, "b", "2").await;
    for room in ["&room=b", ""] {
        let answer = server.json(&format!("/updates/poll?after={of_a}{room}")).await;
        assert_eq!(answer["gap"], json!({"reason": "epoch", "lost": null}), "{room}");
    }
}

#[tokio::test]
async fn a_bad_name_and_a_room_beyond_the_limit_are_refused() {
    let server = Server::without_feed(&[]).await;
    for bad in ["", "a.b", "a%20b", "%C3%A9", &"x".repeat(limits::ROOM_NAME_BYTES_MAX + 1)] {
        for path in ["/updates/poll", "/updates/sse", "/live/feed", "/stats/schedule"] {
            assert_eq!(
                server.get(&format!("{path}?room={bad}")).await.status(),
                StatusCode::BAD_REQUEST,
                "{path} {bad}"
            );
        }
    }
    for number in 0..limits::ROOMS_MAX {
        assert_eq!(server.get(&format!("/updates/poll?room=r{number}")).await.status(), StatusCode::OK);
    }
    let refused = server.get("/updates/poll?room=one-more").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    assert_eq!(server.get("/updates/poll?room=r0").await.status(), StatusCode::OK, "existing rooms go on");
    assert_eq!(server.get("/updates/poll").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_room_needs_no_token_and_the_main_stream_does() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef0123456789abcdef").unwrap();
    let server = Server::without_feed(&["--token-file", file.path().to_str().unwrap()]).await;
    let session = "/live/session/0123456789abcdef";
    for (path, body) in [
        ("/updates", "1"),
        ("/live/feed", r#"{"feed":"paused","rate":1,"payload":16}"#),
        (&format!("{session}/cut"), r#"{"seconds":0}"#),
        (&format!("{session}/link"), r#"{"round_trip_ms":0}"#),
    ] {
        assert_eq!(server.post(path, body).await.status(), StatusCode::UNAUTHORIZED, "{path}");
        let in_room = server.post(&format!("{path}?room=a"), body).await;
        assert!(in_room.status().is_success(), "{path}: {}", in_room.status());
    }
    let foreign = server.http.post(server.url("/updates?room=a")).header("origin", "http://evil.example").body("1");
    assert_eq!(within("an answer", foreign.send()).await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_rooms_feed_is_independent_and_limited() {
    let server = Server::without_feed(&[]).await;
    let feed =
        |feed: &str, rate: f64, payload: usize| json!({"feed": feed, "rate": rate, "payload": payload}).to_string();
    let set = server.post("/live/feed?room=a", feed("steady", 20.0, 16)).await;
    assert_eq!(set.status(), StatusCode::OK);
    within("three updates", async { while earliest(&server, "&room=a").await.len() < 3 {} }).await;
    assert_eq!(earliest(&server, "").await, Vec::<Value>::new(), "the main stream is not affected");
    assert_eq!(earliest(&server, "&room=b").await, Vec::<Value>::new());
    assert_eq!(server.json("/live/feed").await["feed"], "paused");
    assert_eq!(server.json("/live/feed?room=a").await["feed"], "steady");
    for (rate, payload) in [(limits::ROOM_UPDATES_PER_S_MAX * 2.0, 16), (1.0, limits::ROOM_UPDATE_BYTES_MAX + 1)] {
        let body = feed("steady", rate, payload);
        assert_eq!(server.post("/live/feed?room=a", body.clone()).await.status(), StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(server.post("/live/feed", body.clone()).await.status(), StatusCode::OK, "{body}: the operator may");
    }
}

#[tokio::test]
async fn updates_posted_in_a_room_are_limited_in_size_and_rate() {
    let server = Server::without_feed(&[]).await;
    let large = format!("\"{}\"", "x".repeat(limits::ROOM_UPDATE_BYTES_MAX));
    assert_eq!(server.post("/updates?room=a", large.clone()).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(server.post("/updates", large).await.status(), StatusCode::CREATED);
    let mut refused = 0;
    for _ in 0..limits::ROOM_UPDATES_PER_S_MAX as usize * 4 {
        let answer = server.post("/updates?room=a", "1").await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers().contains_key(RETRY_AFTER));
            refused += 1;
        }
    }
    assert!(refused > 0, "200 in much less than four seconds");
    publish(&server, "b", "1").await;
    assert!(server.publish("1").await.ends_with("-2"), "neither another room nor the main stream is affected");
}
