//! The graceful shutdown on SIGTERM and Ctrl-C.

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::clients::{EventStream, close_code, handshake, next_text, open_websocket};
use crate::common::{Server, within};

#[tokio::test]
async fn on_sigterm_each_transport_closes_its_subscribers_properly_and_the_exit_code_is_0() {
    // Each subscriber is asked to reconnect within the first half of the drain.
    let server = Server::without_feed(&["--drain", "8s"]).await;
    let cursor = server.publish("1").await;
    let path = format!("/updates/long-poll?hold=100&after={cursor}");
    let parked = tokio::spawn(server.http.get(server.url(&path)).send());
    let mut stream = EventStream::open(&server, "/updates/sse", None).await;
    within("the first block", stream.block()).await.unwrap();
    let mut socket = open_websocket(&server, "/updates/ws").await.unwrap();
    next_text(&mut socket).await;
    let mut echo = open_websocket(&server, "/echo/ws").await.unwrap();
    server.until_stat("/transports/long_polling/requests", 1).await;

    server.signal(Signal::TERM);
    let event_stream = async {
        let last = within("the last block", stream.block()).await.unwrap();
        assert!(last.field("retry").is_some() && last.field("data").is_none(), "{last:?}");
        assert_eq!(within("the end", stream.block()).await, None);
    };
    let websockets = async {
        assert_eq!(close_code(&mut socket).await, 1001);
        assert_eq!(close_code(&mut echo).await, 1001);
    };
    let (answer, (), ()) = tokio::join!(within("the answer", parked), event_stream, websockets);
    let answer = answer.unwrap().unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers()["etag"], format!("\"{cursor}\"").as_str());
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(connections_left(&log), 0, "each client closed by itself: {log}");
    assert!(!log.contains("panicked"), "{log}");
}

/// The number of connections left when the drain time was over: the log's field `left=2`.
fn connections_left(log: &str) -> usize {
    log.split_whitespace().find_map(|word| word.strip_prefix("left=")).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_drain_ends_in_time_even_with_subscribers_that_never_read() {
    let server = Server::without_feed(&["--drain", "1s"]).await;
    let mut unread = Vec::new();
    for path in ["/updates/sse", "/updates/ws"] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(handshake(path, "").as_bytes()).await.unwrap();
        unread.push(socket);
    }
    server.until_stat("/transports/sse/requests", 1).await;
    server.until_stat("/transports/websocket/requests", 1).await;
    let data = format!("\"{}\"", "x".repeat(250_000));
    for _ in 0..40 {
        server.publish(&data).await;
    }
    server.signal(Signal::INT);
    // They would never close; the server exits without them.
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(connections_left(&log), 2, "{log}");
    drop(unread);
}

#[tokio::test]
async fn readyz_is_503_once_the_drain_has_begun_and_new_connections_are_refused() {
    let server = Server::without_feed(&["--drain", "5s"]).await;
    // Only a request that is under way when the drain begins can still be answered.
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"GET /readyz HTTP/1.1\r\nhost: t\r\n").await.unwrap();
    drain_under_a_request(&server, &socket).await;
    socket.write_all(b"\r\n").await.unwrap();
    let mut answer = String::new();
    within("the answer", socket.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test]
async fn a_long_poll_that_is_answered_during_the_drain_announces_and_gets_the_end_of_its_connection() {
    // So long that no client is asked to reconnect during the test.
    let server = Server::without_feed(&["--drain", "20h"]).await;
    let mut parked = TcpStream::connect(server.address).await.unwrap();
    parked.write_all(b"GET /updates/long-poll?hold=100 HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    server.until_stat("/transports/long_polling/requests", 1).await;
    // Only a request that is under way when the drain begins can still publish.
    let mut publisher = TcpStream::connect(server.address).await.unwrap();
    let head = b"POST /updates HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n";
    publisher.write_all(head).await.unwrap();
    drain_under_a_request(&server, &publisher).await;
    publisher.write_all(b"1").await.unwrap();
    let mut answer = String::new();
    within("the answer and the end of the connection", parked.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(head.to_ascii_lowercase().split("\r\n").any(|line| line == "connection: close"), "{answer}");
    assert!(body.contains("\"data\":1"), "{answer}");
    drop((parked, publisher));
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

/// Begins the drain once the server has read what this client has sent of a request, and waits until new connections
/// are refused.
async fn drain_under_a_request(server: &Server, client: &TcpStream) {
    let port = client.local_addr().unwrap().port();
    within("the server to read", async {
        while !has_read_all(server.address.port(), port) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.signal(Signal::TERM);
    within("new connections to be refused", async { while TcpStream::connect(server.address).await.is_ok() {} }).await;
}

/// Has the server read everything that this client sent? The kernel's table of IPv4 sockets shows how many bytes wait
/// to be read: `sl local remote state tx_queue:rx_queue …`, addresses and queues in hexadecimal.
fn has_read_all(server: u16, client: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1].ends_with(&format!(":{server:04X}"))
            && fields[2].ends_with(&format!(":{client:04X}"))
            && fields[4].ends_with(":00000000")
    })
}

#[tokio::test]
async fn a_second_signal_ends_the_server_at_once() {
    let server = Server::without_feed(&["--drain", "60s"]).await;
    let stream = EventStream::open(&server, "/updates/sse", None).await;
    server.signal(Signal::TERM);
    // From then on new connections are refused.
    within("the drain to begin", async { while TcpStream::connect(server.address).await.is_ok() {} }).await;
    server.signal(Signal::TERM);
    let (status, _log) = server.ended().await;
    assert_eq!(status.code(), Some(130));
    drop(stream);
}
