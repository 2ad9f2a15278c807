//! The server's addresses for the lessons: pages that talk in a room, a simulated proxy for one page's requests, and
//! the pages themselves.

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use http::header::{ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::common::clients::{EventStream, Ws, next_text, open_websocket};
use crate::common::{Server, within};

const SESSION: &str = "0123456789abcdef01234567";

async fn post_to_session(server: &Server, what: &str, order: &Value) -> StatusCode {
    server.post(&format!("/live/session/{SESSION}/{what}"), order.to_string()).await.status()
}

/// The next message of a kind; others are skipped.
async fn next_of_kind(socket: &mut Ws, kind: &str) -> Value {
    let wanted = async {
        loop {
            let message = socket.next().await.unwrap().unwrap();
            let value = message.to_text().ok().and_then(|text| serde_json::from_str::<Value>(text).ok());
            if let Some(value) = value.filter(|value| value["kind"] == kind) {
                return value;
            }
        }
    };
    within(kind, wanted).await
}

#[tokio::test]
async fn a_message_reaches_every_page_of_its_room_and_no_other_page() {
    let server = Server::without_feed(&[]).await;
    let mut one = open_websocket(&server, "/talk/ws?room=a").await.unwrap();
    let hello = next_of_kind(&mut one, "hello").await;
    let mut two = open_websocket(&server, "/talk/ws?room=a").await.unwrap();
    let mut elsewhere = open_websocket(&server, "/talk/ws?room=b").await.unwrap();
    assert_eq!(next_of_kind(&mut two, "hello").await["here"], 2);
    one.send(Message::text("Hello!")).await.unwrap();
    let frame = next_of_kind(&mut one, "frame").await;
    // RFC 6455 section 5.2: a text frame with a mask; 2 + 4 + 6 bytes.
    assert_eq!(frame["bytes"], 12);
    assert!(frame["hex"].as_str().unwrap().starts_with("81 86 "), "{frame}");
    assert_eq!(within("the answer", next_text(&mut one)).await, "Nice to meet you!");
    let heard = next_of_kind(&mut two, "text").await;
    assert_eq!((&heard["text"], &heard["from"]), (&json!("Hello!"), &hello["you"]));
    two.send(Message::binary(vec![0, 16, 0, 32])).await.unwrap();
    let stroke = async {
        loop {
            if let Message::Binary(bytes) = one.next().await.unwrap().unwrap() {
                return bytes;
            }
        }
    };
    let stroke = within("the stroke", stroke).await;
    assert_eq!(stroke[2..], [0, 16, 0, 32], "after the sender's number");
    elsewhere.send(Message::text("alone?")).await.unwrap();
    assert_eq!(next_of_kind(&mut elsewhere, "text").await["text"], "alone?", "no message of the other room came first");
}

#[tokio::test]
async fn a_page_can_have_its_connection_pinged_closed_with_a_code_or_broken_off() {
    let server = Server::without_feed(&[]).await;
    for (order, wanted) in [
        (r#"{"do":"close","code":4000,"reason":"enough"}"#, Some((4000, "enough"))),
        (
            r#"{"do":"close","code":1005,"reason":"never sent"}"#,
            Some((1008, "no such close code, or too long a reason")),
        ),
        (r#"{"do":"break"}"#, None),
    ] {
        let mut line = open_websocket(&server, "/talk/ws?room=a").await.unwrap();
        line.send(Message::text(r#"{"do":"ping"}"#)).await.unwrap();
        assert!(next_of_kind(&mut line, "pong").await["us"].is_u64());
        line.send(Message::text(order)).await.unwrap();
        let mut closed = None;
        let ended = async {
            while let Some(Ok(message)) = line.next().await {
                if let Message::Close(frame) = message {
                    closed = frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                }
            }
        };
        within("the end", ended).await;
        let closed = closed.as_ref().map(|(code, reason)| (*code, reason.as_str()));
        assert_eq!(closed, wanted, "{order}");
    }
}

#[tokio::test]
async fn pages_can_only_talk_in_a_room_and_only_in_messages_of_limited_size() {
    let server = Server::without_feed(&[]).await;
    assert!(open_websocket(&server, "/talk/ws").await.is_err(), "the main stream is no room");
    assert_eq!(server.get("/talk/ws?room=a").await.status(), StatusCode::UPGRADE_REQUIRED);
    let mut line = open_websocket(&server, "/talk/ws?room=a").await.unwrap();
    line.send(Message::text("x".repeat(pushpull::limits::TALK_MESSAGE_BYTES_MAX + 1))).await.unwrap();
    // The hello message comes first, then the close.
    loop {
        match within("the close", line.next()).await {
            Some(Ok(Message::Close(frame))) => break assert_eq!(u16::from(frame.unwrap().code), 1009),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    server.assert_unharmed().await;
}

#[tokio::test]
async fn a_buffering_proxy_holds_back_an_event_stream_but_not_an_answer_that_ends() {
    let server = Server::without_feed(&[]).await;
    assert_eq!(post_to_session(&server, "middlebox", &json!({"buffer_bytes": 1000})).await, StatusCode::NO_CONTENT);
    let before = server.publish("\"first\"").await;
    let poll = server.json(&format!("/updates/long-poll?after=earliest&session={SESSION}")).await;
    assert_eq!(poll["updates"].as_array().unwrap().len(), 1, "an answer that ends is passed on");
    let mut stream = EventStream::open(&server, &format!("/updates/sse?after={before}&session={SESSION}"), None).await;
    server.publish(&format!("\"{}\"", "x".repeat(100))).await;
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), stream.block()).await;
    assert!(early.is_err(), "fewer bytes than the buffer are held back");
    server.publish(&format!("\"{}\"", "y".repeat(1000))).await;
    assert!(within("the buffered blocks", stream.block()).await.is_some());
    // Other pages are not affected.
    let mut other = EventStream::open(&server, &format!("/updates/sse?after={before}"), None).await;
    assert!(within("at once", other.block()).await.is_some());
}

#[tokio::test]
async fn a_proxy_with_an_idle_timeout_cuts_a_silent_connection_and_keeps_an_active_one() {
    let server = Server::without_feed(&[]).await;
    assert_eq!(post_to_session(&server, "middlebox", &json!({"idle_s": 2})).await, StatusCode::NO_CONTENT);
    let mut silent = open_websocket(&server, &format!("/talk/ws?room=a&session={SESSION}")).await.unwrap();
    let began = std::time::Instant::now();
    within("the cut", async { while let Some(Ok(_)) = silent.next().await {} }).await;
    assert!(began.elapsed().as_millis() >= 1900, "{:?}", began.elapsed());
    let mut beating = open_websocket(&server, &format!("/talk/ws?room=a&session={SESSION}")).await.unwrap();
    for beat in 0..8 {
        beating.send(Message::text(beat.to_string())).await.unwrap();
        assert_eq!(next_of_kind(&mut beating, "text").await["text"], beat.to_string());
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn a_proxy_without_upgrade_blocks_websocket_and_passes_the_other_three_transports() {
    let server = Server::without_feed(&[]).await;
    assert_eq!(post_to_session(&server, "middlebox", &json!({"no_upgrade": true})).await, StatusCode::NO_CONTENT);
    assert!(open_websocket(&server, &format!("/updates/ws?session={SESSION}")).await.is_err());
    let poll = server.get(&format!("/updates/long-poll?hold=0&session={SESSION}")).await;
    assert_eq!(poll.status(), StatusCode::NO_CONTENT);
    assert!(open_websocket(&server, "/updates/ws").await.is_ok(), "other pages are not affected");
}

#[tokio::test]
async fn middlebox_settings_out_of_bounds_are_refused() {
    let server = Server::without_feed(&[]).await;
    for bad in [
        json!({"buffer_bytes": 1 << 20}),
        json!({"buffer_bytes": -1}),
        json!({"idle_s": 0.5}),
        json!({"idle_s": 1e9}),
        json!({"idle_s": -1}),
        json!({"upgrade": false}),
    ] {
        assert_eq!(post_to_session(&server, "middlebox", &bad).await, StatusCode::BAD_REQUEST, "{bad}");
    }
    let answer = server.post("/live/session/xyz/middlebox", "{}").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "not the name of a session");
}

#[tokio::test]
async fn a_lesson_comes_in_the_browsers_language_and_loads_nothing_from_other_servers() {
    let server = Server::without_feed(&[]).await;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (path, accepted, wanted) in [
        ("/learn/", "zh-CN,zh;q=0.9,en;q=0.8", "/learn/zh/"),
        ("/learn/", "en-US,en;q=0.9", "/learn/en/"),
        ("/learn", "", "/learn/en/"),
        ("/learn/06-websocket", "zh", "/learn/zh/06-websocket"),
        ("/learn/handout", "zh", "/learn/en/handout"),
    ] {
        let answer = client.get(server.url(path)).header(ACCEPT_LANGUAGE, accepted).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.headers()[LOCATION], wanted, "{path} {accepted}");
    }
    for path in ["/learn/en/01-polling", "/learn/zh/01-polling", "/learn/en/", "/learn/en/notes-01-polling"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
        let page = answer.text().await.unwrap();
        assert!(path.contains("notes") || !page.contains("Wrong models"), "{path}: notes are not for students");
    }
    assert_eq!(server.get("/learn/pictures/empty.svg").await.headers()[CONTENT_TYPE], "image/svg+xml");
    for missing in
        ["/learn/none", "/learn/fr/01-polling", "/learn/en/none", "/learn/pictures/none.svg", "/learn/en/../../etc"]
    {
        assert_eq!(server.get(missing).await.status(), StatusCode::NOT_FOUND, "{missing}");
    }
}
