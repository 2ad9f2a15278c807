//! Timeouts, heartbeats and slow clients, in virtual time: the server runs in this process, over in-memory streams.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use pushpull::clock::Clock;
use pushpull::http::serve_over;
use pushpull::limits;
use pushpull::run::Transport;
use pushpull::server::{App, Settings};
use pushpull::transport::{Event, Options, reconnect};
use pushpull::units::Nanos;
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::common::clients::handshake;

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
/// How many bytes the simulated network buffers in each direction.
const NETWORK_BYTES: usize = 4096;

fn app(settings: Settings) -> Arc<App> {
    App::new(settings, Clock::Runtime(Instant::now()), pushpull::transport::encode)
}

/// A connection to the server.
fn connect(app: &Arc<App>) -> DuplexStream {
    let (near, far) = tokio::io::duplex(NETWORK_BYTES);
    tokio::spawn(serve_over(Arc::clone(app), far, PEER));
    near
}

fn append(app: &App, data: &str) {
    let now = app.clock.now();
    app.journal.append(now, now, &RawValue::from_string(data.to_owned()).unwrap());
}

/// Publishes faster than the tests read.
async fn flood(app: Arc<App>) {
    let data = format!("\"{}\"", "x".repeat(1000));
    loop {
        append(&app, &data);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Reads 200 kB a second, so that there is always more to read. Returns what was read until the stream ended; `None` if
/// it did not end within `timeout`.
async fn read_slowly(stream: &mut DuplexStream, timeout: Duration) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let reading = async {
        let mut part = [0; 2000];
        while let Ok(read @ 1..) = stream.read(&mut part).await {
            all.extend_from_slice(&part[..read]);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(timeout, reading).await.ok().map(|()| all)
}

/// Do these bytes contain a close frame of the server with this code (RFC 6455 section 5.5.1)?
fn has_close_frame(bytes: &[u8], code: u16) -> bool {
    let [high, low] = code.to_be_bytes();
    bytes.windows(4).any(|part| part[0] == 0x88 && part[2..] == [high, low])
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_is_asked_to_reconnect_when_its_stream_reaches_its_maximum_age() {
    let app = app(Settings { stream_age_max: Some(Duration::from_secs(4)), ..Settings::default() });
    tokio::spawn(flood(Arc::clone(&app)));
    let mut stream = connect(&app);
    stream.write_all(b"GET /updates/sse HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await.unwrap();
    let read = read_slowly(&mut stream, Duration::from_secs(8)).await.expect("the event stream ends");
    assert!(read.ends_with(b"retry: 0\n\n\r\n0\r\n\r\n"), "{}", String::from_utf8_lossy(&read[read.len() - 200..]));

    let mut stream = connect(&app);
    stream.write_all(handshake("/updates/ws", "").as_bytes()).await.unwrap();
    let read = read_slowly(&mut stream, Duration::from_secs(12)).await.expect("the WebSocket ends");
    assert!(has_close_frame(&read, 1001), "{}", String::from_utf8_lossy(&read[read.len() - 200..]));
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_is_answered_when_it_closes_pings_or_violates_the_protocol() {
    // Masked with zeros: a close frame with 1000, a ping, a reserved opcode (RFC 6455 section 5.2).
    let cases: [(&[u8], &[u8]); 3] = [
        (b"\x88\x82\0\0\0\0\x03\xe8", b"\x88\x02\x03\xe8"),
        (b"\x89\x82\0\0\0\0hi", b"\x8a\x02hi"),
        (b"\x83\x80\0\0\0\0", b"\x03\xeanot according to RFC 6455"),
    ];
    for (frame, answer) in cases {
        let app = app(Settings::default());
        tokio::spawn(flood(Arc::clone(&app)));
        let mut stream = connect(&app);
        stream.write_all(handshake("/updates/ws", "").as_bytes()).await.unwrap();
        assert!(read_slowly(&mut stream, Duration::from_secs(2)).await.is_none(), "the stream goes on");
        stream.write_all(frame).await.unwrap();
        let mut all = Vec::new();
        let found = async {
            let mut part = [0; 2000];
            while !all.windows(answer.len()).any(|part| part == answer) {
                let read = stream.read(&mut part).await.unwrap();
                assert!(read > 0, "the stream ended without an answer");
                all.extend_from_slice(&part[..read]);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(2), found).await.expect("the answer");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_408_and_its_connection_is_closed() {
    for path in ["/updates", "/echo", "/live/feed"] {
        let app = app(Settings::default());
        let mut stream = connect(&app);
        let began = Instant::now();
        let head = format!("POST {path} HTTP/1.1\r\nhost: t\r\ncontent-length: 100\r\n\r\n1");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let ended = tokio::time::timeout(limits::BODY_TIMEOUT * 2, stream.read_to_string(&mut answer)).await;
        ended.expect("the end").unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{path}: {answer}");
        assert_eq!(began.elapsed().as_secs(), limits::BODY_TIMEOUT.as_secs(), "{path}");
    }
}

/// Reads until these bytes have arrived, and returns how long that took.
async fn until(stream: &mut DuplexStream, wanted: &[u8]) -> Duration {
    let began = Instant::now();
    let mut all = Vec::new();
    while !all.windows(wanted.len()).any(|part| part == wanted) {
        assert!(stream.read_buf(&mut all).await.unwrap() > 0, "it ended before {wanted:?}: {all:?}");
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn idle_event_streams_get_a_heartbeat_comment_and_idle_websockets_a_ping() {
    let app = app(Settings::default());
    let mut stream = connect(&app);
    stream.write_all(b"GET /updates/sse HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    until(&mut stream, b"\nid: ").await;
    // Each heartbeat comes when it is due, repeatedly.
    for _ in 0..3 {
        let waited = until(&mut stream, b"\r\n:\n\n\r\n").await;
        assert_eq!(waited.as_secs(), limits::SSE_HEARTBEAT.as_secs());
    }

    let mut stream = connect(&app);
    stream.write_all(handshake("/updates/ws", "").as_bytes()).await.unwrap();
    until(&mut stream, b"{\"cursor\":").await;
    for _ in 0..3 {
        let waited = until(&mut stream, b"\x89\x00").await;
        assert_eq!(waited.as_secs(), limits::WS_PING.as_secs());
        // A pong, masked with zeros: the client is alive, so the stream goes on.
        stream.write_all(b"\x8a\x80\0\0\0\0").await.unwrap();
    }
    append(&app, "1");
    until(&mut stream, b"\"data\":1}").await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_echo_websocket_is_pinged_and_then_cut_off() {
    // A client that sends nothing at all, and one that sends the beginning of a message.
    for sent in [&b""[..], b"\x81\xfe\x10\x00\0\0\0\0half"] {
        let app = app(Settings::default());
        let mut stream = connect(&app);
        stream.write_all(handshake("/echo/ws", "").as_bytes()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let began = Instant::now();
        let mut all = Vec::new();
        let bound = limits::WS_PING + limits::WS_PONG_WAIT;
        let ended = tokio::time::timeout(bound * 2, stream.read_to_end(&mut all)).await;
        ended.expect("the cut").unwrap();
        assert!(all.ends_with(b"\x89\x00"), "a ping and no more: {all:?}");
        assert_eq!(began.elapsed().as_secs(), bound.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn a_polling_client_gets_all_waiting_updates_even_if_they_exceed_one_answer() {
    const UPDATES: usize = 12;
    let app = app(Settings::default());
    let start = app.journal.newest();
    let io = connect(&app);
    let options = Options {
        host: HeaderValue::from_static("t"),
        headers: HeaderMap::new(),
        clock: app.clock,
        poll_interval: Nanos(10 * Nanos::SECOND.0),
        poll_phase: Nanos::ZERO,
        hold: Nanos::SECOND,
    };
    let mut arrived = Vec::new();
    let mut position = Some(start);
    let publishing = async {
        // The first poll returns nothing; all these updates wait for the next one.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let data = format!("\"{}\"", "x".repeat(100_000));
        (0..UPDATES).for_each(|_| append(&app, &data));
        std::future::pending::<()>().await;
    };
    let mut note = |event: Event<'_>| {
        if let Event::Update(_) = event {
            arrived.push(app.clock.now());
        }
    };
    tokio::select! {
        ended = reconnect::subscribe(Transport::Polling, io, &options, &mut position, &mut note) => panic!("{ended:?}"),
        () = publishing => {}
        () = tokio::time::sleep(Duration::from_secs(15)) => {}
    }
    assert_eq!(arrived.len(), UPDATES, "in the one interval that passed: {arrived:?}");
    assert_eq!(position, Some(app.journal.newest()));
}
