//! What the lessons need of the server: pages that talk in a room, a proxy before one page's requests, the pages themselves.

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use http::header::{ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::common::clients::{EventStream, Ws, next_text, open_websocket};
use crate::common::{Server, within};

const SESSION: &str = "0123456789abcdef01234567";

async fn order(server: &Server, what: &str, order: &Value) -> StatusCode {
    server.post(&format!("/live/session/{SESSION}/{what}"), order.to_string()).await.status()
}

/// The next text message of a kind; others are passed over.
async fn told(socket: &mut Ws, kind: &str) -> Value {
    let wanted = async {
        loop {
            let message = socket.next().await.unwrap().unwrap();
            let told = message.to_text().ok().and_then(|text| serde_json::from_str::<Value>(text).ok());
            if let Some(told) = told.filter(|told| told["kind"] == kind) {
                return told;
            }
        }
    };
    within(kind, wanted).await
}

#[tokio::test]
async fn what_one_page_says_every_page_of_its_room_hears_and_no_other() {
    let server = Server::quiet(&[]).await;
    let mut one = open_websocket(&server, "/talk/ws?room=a").await.unwrap();
    let hello = told(&mut one, "hello").await;
    let mut two = open_websocket(&server, "/talk/ws?room=a").await.unwrap();
    let mut elsewhere = open_websocket(&server, "/talk/ws?room=b").await.unwrap();
    assert_eq!(told(&mut two, "hello").await["here"], 2);
    one.send(Message::text("Hello!")).await.unwrap();
    let frame = told(&mut one, "frame").await;
    // RFC 6455 section 5.2: a text frame with a mask; 2 + 4 + 6 bytes.
    assert_eq!(frame["bytes"], 12);
    assert!(frame["hex"].as_str().unwrap().starts_with("81 86 "), "{frame}");
    assert_eq!(within("the answer", next_text(&mut one)).await, "Nice to meet you!");
    let heard = told(&mut two, "text").await;
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
    assert_eq!(stroke[2..], [0, 16, 0, 32], "behind the sender's seat");
    elsewhere.send(Message::text("alone?")).await.unwrap();
    assert_eq!(told(&mut elsewhere, "text").await["text"], "alone?", "nothing of the other room came before");
}

#[tokio::test]
async fn a_page_can_have_its_line_pinged_closed_with_a_code_and_broken_without_a_word() {
    let server = Server::quiet(&[]).await;
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
        assert!(told(&mut line, "pong").await["us"].is_u64());
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
async fn pages_talk_in_a_room_only_and_not_without_bounds() {
    let server = Server::quiet(&[]).await;
    assert!(open_websocket(&server, "/talk/ws").await.is_err(), "the main stream is no room");
    assert_eq!(server.get("/talk/ws?room=a").await.status(), StatusCode::UPGRADE_REQUIRED);
    let mut line = open_websocket(&server, "/talk/ws?room=a").await.unwrap();
    line.send(Message::text("x".repeat(pushpull::limits::TALK_MESSAGE_BYTES_MAX + 1))).await.unwrap();
    // The greeting comes first, then the close.
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
async fn a_proxy_that_gathers_holds_an_event_stream_back_and_not_an_answer_that_ends() {
    let server = Server::quiet(&[]).await;
    assert_eq!(order(&server, "middlebox", &json!({"buffer_bytes": 1000})).await, StatusCode::NO_CONTENT);
    let before = server.publish("\"first\"").await;
    let asked = server.json(&format!("/updates/long-poll?after=earliest&session={SESSION}")).await;
    assert_eq!(asked["updates"].as_array().unwrap().len(), 1, "an answer that ends is passed on");
    let mut stream = EventStream::open(&server, &format!("/updates/sse?after={before}&session={SESSION}"), None).await;
    server.publish(&format!("\"{}\"", "x".repeat(100))).await;
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), stream.block()).await;
    assert!(early.is_err(), "held back: less than the buffer");
    server.publish(&format!("\"{}\"", "y".repeat(1000))).await;
    assert!(within("the lump", stream.block()).await.is_some());
    // Another page is not concerned.
    let mut other = EventStream::open(&server, &format!("/updates/sse?after={before}"), None).await;
    assert!(within("at once", other.block()).await.is_some());
}

#[tokio::test]
async fn a_proxy_that_waits_two_seconds_cuts_a_silent_line_and_spares_one_that_beats() {
    let server = Server::quiet(&[]).await;
    assert_eq!(order(&server, "middlebox", &json!({"idle_s": 2})).await, StatusCode::NO_CONTENT);
    let mut silent = open_websocket(&server, &format!("/talk/ws?room=a&session={SESSION}")).await.unwrap();
    let began = std::time::Instant::now();
    within("the cut", async { while let Some(Ok(_)) = silent.next().await {} }).await;
    assert!(began.elapsed().as_millis() >= 1900, "{:?}", began.elapsed());
    let mut beating = open_websocket(&server, &format!("/talk/ws?room=a&session={SESSION}")).await.unwrap();
    for beat in 0..8 {
        beating.send(Message::text(beat.to_string())).await.unwrap();
        assert_eq!(told(&mut beating, "text").await["text"], beat.to_string());
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn a_proxy_that_knows_no_upgrade_leaves_the_other_three_ways() {
    let server = Server::quiet(&[]).await;
    assert_eq!(order(&server, "middlebox", &json!({"no_upgrade": true})).await, StatusCode::NO_CONTENT);
    assert!(open_websocket(&server, &format!("/updates/ws?session={SESSION}")).await.is_err());
    let poll = server.get(&format!("/updates/long-poll?hold=0&session={SESSION}")).await;
    assert_eq!(poll.status(), StatusCode::NO_CONTENT);
    assert!(open_websocket(&server, "/updates/ws").await.is_ok(), "others are not concerned");
}

#[tokio::test]
async fn a_middlebox_out_of_bounds_is_refused() {
    let server = Server::quiet(&[]).await;
    for bad in [
        json!({"buffer_bytes": 1 << 20}),
        json!({"buffer_bytes": -1}),
        json!({"idle_s": 0.5}),
        json!({"idle_s": 1e9}),
        json!({"idle_s": -1}),
        json!({"upgrade": false}),
    ] {
        assert_eq!(order(&server, "middlebox", &bad).await, StatusCode::BAD_REQUEST, "{bad}");
    }
    let answer = server.post("/live/session/xyz/middlebox", "{}").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "a session's name");
}

#[tokio::test]
async fn a_lesson_comes_in_the_language_that_the_browser_prefers_and_is_held_to_this_server() {
    let server = Server::quiet(&[]).await;
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
