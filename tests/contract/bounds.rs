//! The server's behaviour at its limits.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::clients::{EventStream, close_code, open_websocket, send};
use crate::common::{Server, within};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_connection_beyond_the_limit_is_503_with_retry_after_and_accepted_once_another_closes() {
    let server = Server::without_feed(&["--max-connections", "1"]).await;
    // A connection counts as soon as it is accepted, and the connections of one backlog are accepted in order.
    let first = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
    let answer = server.raw(request).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let head = answer.to_ascii_lowercase();
    assert!(head.contains("\r\nretry-after: ") && head.contains("application/problem+json"), "{answer}");
    drop(first);
    let accepted = async { while !server.raw(request).await.starts_with("HTTP/1.1 200 ") {} };
    within("a connection that is accepted", accepted).await;
}

#[tokio::test]
async fn a_request_head_that_arrives_too_slowly_is_cut_off() {
    let server = Server::without_feed(&["--head-timeout", "300ms"]).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let began = Instant::now();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost:").await.unwrap();
    let mut answer = Vec::new();
    let _ended = within("the cut", socket.read_to_end(&mut answer)).await;
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    server.assert_unharmed().await;
}

#[tokio::test]
async fn an_echo_over_the_limit_is_closed_with_1009_and_one_at_the_limit_is_sent_back() {
    let server = Server::without_feed(&["--echo-max", "100KiB"]).await;
    for (length, fits) in [(100 << 10, true), ((100 << 10) + 1, false)] {
        let mut socket = open_websocket(&server, "/echo/ws").await.unwrap();
        let message = Message::binary(vec![7; length]);
        send(&mut socket, message.clone()).await;
        match fits {
            true => assert_eq!(crate::common::clients::next_message(&mut socket).await, message),
            false => assert_eq!(close_code(&mut socket).await, 1009),
        }
    }
    server.assert_unharmed().await;
}

#[tokio::test]
async fn a_stream_is_told_to_reconnect_before_its_maximum_age() {
    let server = Server::without_feed(&["--max-age", "500ms"]).await;
    let began = Instant::now();
    let mut stream = EventStream::open(&server, "/updates/sse", None).await;
    within("the first block", stream.block()).await.unwrap();
    let last = within("the last block", stream.block()).await.unwrap();
    assert!(last.field("retry").is_some() && last.field("data").is_none(), "{last:?}");
    assert_eq!(within("the end", stream.block()).await, None);
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    let mut socket = open_websocket(&server, "/updates/ws").await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1001);
    assert_eq!(server.get("/updates/long-poll?hold=100").await.status(), 204);
}

#[tokio::test]
async fn a_subscriber_that_reads_nothing_is_cut_off_after_the_write_timeout() {
    let server = Server::without_feed(&["--write-timeout", "500ms"]).await;
    let stream = EventStream::open(&server, "/updates/sse", None).await;
    let socket = open_websocket(&server, "/updates/ws").await.unwrap();
    let data = format!("\"{}\"", "x".repeat(250_000));
    let cut = async {
        // More than the sockets of both sides can hold, repeated until both connections are gone.
        loop {
            for _ in 0..20 {
                server.publish(&data).await;
            }
            let open = |transport: &str| format!("/transports/{transport}/connections_open");
            if server.stat(&open("sse")).await + server.stat(&open("websocket")).await == 0 {
                break;
            }
        }
    };
    within("the cut", cut).await;
    drop((stream, socket));
    server.assert_unharmed().await;
}
