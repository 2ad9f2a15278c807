//! Server-Sent Events, WebSocket, and the echo.

use pushpull::limits;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::common::clients::{self, EventStream, close_code, next_message, next_text, open_websocket, send};
use crate::common::{Server, within};

#[tokio::test]
async fn an_event_stream_begins_with_retry_and_the_position_and_no_data() {
    let server = Server::without_feed(&["--sse-retry", "1234ms"]).await;
    let cursor = server.publish("1").await;
    for path in ["/updates/sse".to_owned(), format!("/updates/sse?after={cursor}")] {
        let mut stream = EventStream::open(&server, &path, None).await;
        let headers = stream.response.headers();
        assert_eq!(headers["content-type"], "text/event-stream");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-accel-buffering"], "no");
        let first = within("the first block", stream.block()).await.unwrap();
        assert_eq!(first.field("retry"), Some("1234"));
        assert_eq!(first.field("id"), Some(cursor.as_str()));
        assert_eq!(first.field("data"), None);
    }
}

#[tokio::test]
async fn an_event_has_its_cursor_as_id_and_the_update_as_data() {
    let server = Server::without_feed(&[]).await;
    let mut stream = EventStream::open(&server, "/updates/sse", None).await;
    within("the first block", stream.block()).await.unwrap();
    let cursor = server.publish(r#"{"magnitude":5.1}"#).await;
    let event = within("the event", stream.block()).await.unwrap();
    assert_eq!(event.field("id"), Some(cursor.as_str()));
    assert_eq!(event.field("event"), None);
    let update: Value = serde_json::from_str(event.field("data").unwrap()).unwrap();
    assert_eq!(update["seq"], 1);
    assert_eq!(update["data"], json!({"magnitude": 5.1}));
}

#[tokio::test]
async fn last_event_id_wins_over_after_unless_it_is_empty() {
    let server = Server::without_feed(&[]).await;
    let before = server.publish_numbers(4).await;
    let path = format!("/updates/sse?after={before}");
    let third = before.replace("-0", "-3");
    for (last_event_id, wanted) in [(third.as_str(), 4), ("", 1)] {
        let mut stream = EventStream::open(&server, &path, Some(last_event_id)).await;
        within("the first block", stream.block()).await.unwrap();
        let event = within("the event", stream.block()).await.unwrap();
        assert_eq!(clients::number(event.field("data").unwrap()), wanted, "Last-Event-ID: {last_event_id}");
    }
}

#[tokio::test]
async fn a_websocket_begins_with_the_position_and_then_sends_each_update() {
    let server = Server::without_feed(&[]).await;
    let cursor = server.publish("1").await;
    let mut socket = open_websocket(&server, "/updates/ws").await.unwrap();
    let hello: Value = serde_json::from_str(&next_text(&mut socket).await).unwrap();
    assert_eq!(hello, json!({"cursor": cursor}));
    server.publish("\"new\"").await;
    let update: Value = serde_json::from_str(&next_text(&mut socket).await).unwrap();
    assert_eq!((&update["seq"], &update["data"]), (&json!(2), &json!("new")));
}

#[tokio::test]
async fn a_websocket_answers_a_ping_with_a_pong_and_a_close_with_a_close() {
    let server = Server::without_feed(&[]).await;
    for path in ["/updates/ws", "/echo/ws"] {
        let mut socket = open_websocket(&server, path).await.unwrap();
        send(&mut socket, Message::Ping(Bytes::from_static(b"are you there"))).await;
        let pong = loop {
            match next_message(&mut socket).await {
                Message::Pong(payload) => break payload,
                Message::Text(_) => {}
                other @ (Message::Binary(_) | Message::Ping(_) | Message::Close(_) | Message::Frame(_)) => {
                    panic!("expected a pong, not {other:?}")
                }
            }
        };
        assert_eq!(pong, "are you there");
        let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
        send(&mut socket, Message::Close(Some(frame))).await;
        assert_eq!(close_code(&mut socket).await, 1000, "{path}");
    }
    server.assert_unharmed().await;
}

#[tokio::test]
async fn a_websocket_of_updates_refuses_messages_with_the_right_close_code() {
    let server = Server::without_feed(&[]).await;
    let too_large = "x".repeat(limits::WS_UP_BYTES_MAX + 1);
    for (message, code) in
        [(Message::text("hello"), 1008), (Message::binary(vec![0; 3]), 1008), (Message::text(too_large), 1009)]
    {
        let mut socket = open_websocket(&server, "/updates/ws").await.unwrap();
        send(&mut socket, message).await;
        assert_eq!(close_code(&mut socket).await, code);
    }
    server.assert_unharmed().await;
}

#[tokio::test]
async fn the_echo_sends_back_each_body_and_each_message_unchanged() {
    let server = Server::without_feed(&[]).await;
    let bodies: [Vec<u8>; 4] = [vec![], b"text".to_vec(), (0..=255).collect(), vec![7; 300_000]];
    for body in bodies {
        let request =
            server.http.post(server.url("/echo")).header("content-type", "application/x-any").body(body.clone());
        let response = within("the echo", request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/x-any");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.bytes().await.unwrap(), body);
    }
    let mut socket = open_websocket(&server, "/echo/ws").await.unwrap();
    for message in
        [Message::text(""), Message::text("é 𝄞"), Message::binary(vec![0, 255, 128]), Message::binary(vec![7; 300_000])]
    {
        send(&mut socket, message.clone()).await;
        assert_eq!(next_message(&mut socket).await, message);
    }
}
