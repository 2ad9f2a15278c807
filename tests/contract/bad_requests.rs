//! Bad requests: each gets the right status and a problem document that says what to do, and the server goes on.
//! Generates the tables of docs/BAD-INPUT.md.
//!
//! Over 400 lines: the cases are one list of bad input.

use serde_json::Value;

use crate::common::clients::handshake;
use crate::common::docs::assert_generated;
use crate::common::{Server, within};
use pushpull::limits;

/// A bad request and its expected status: a row of docs/BAD-INPUT.md, which also holds the words of each answer.
struct Case {
    /// Method, path and headers, without `host` and `connection: close`, which every request has.
    head: &'static str,
    body: Body,
    status: u16,
}

/// The body of a request.
#[derive(Clone, Copy)]
enum Body {
    None,
    Text(&'static str),
    /// A body of this many bytes.
    Large(usize),
}

const fn case(head: &'static str, status: u16) -> Case {
    Case { head, body: Body::None, status }
}

const fn body(head: &'static str, body: &'static str, status: u16) -> Case {
    Case { head, body: Body::Text(body), status }
}

const fn large(head: &'static str, bytes: usize, status: u16) -> Case {
    Case { head, body: Body::Large(bytes), status }
}

/// Headers that several cases share, by their placeholder.
const HEADERS: [(&str, &str); 4] = [
    ("{upgrade}", "connection: upgrade, close\r\nupgrade: websocket"),
    ("{version}", "sec-websocket-version: 13"),
    ("{key}", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="),
    ("{token}", "authorization: Bearer 0123456789abcdef"),
];

/// An update that is nested more deeply than is allowed.
const NESTED: &str = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\
    ]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]";

/// `--echo-max` of the server under test.
const ECHO_BYTES_MAX: usize = 64 << 10;

// To add a case, add a row; `PUSHPULL_BLESS=1 cargo test --test contract bad_requests` then updates the docs.
#[rustfmt::skip]
const CASES: &[Case] = &[
    // Cursors.
    case("GET /updates/poll?after=nonsense", 400),
    case("GET /updates/poll?after=", 400),
    case("GET /updates/poll?after=1f3a9c02-", 400),
    case("GET /updates/poll?after=1F3A9C02-1", 400),
    case("GET /updates/poll?after=1f3a9c02-01", 400),
    case("GET /updates/poll?after=1f3a9c02-99999999999999999999", 400),
    case("GET /updates/poll?after=%ff", 400),
    case("GET /updates/long-poll?after=-1", 400),
    case("GET /updates/sse?after=Earliest", 400),
    case("GET /updates/sse\r\nlast-event-id: 12", 400),
    case("GET /updates/sse?after=earliest\r\nlast-event-id: \u{e9}", 400),
    case("GET /updates/poll\r\nif-none-match: \"12\"", 400),
    case("GET /updates/poll\r\nif-none-match: *", 400),
    case("GET /stats/schedule?after=12", 400),
    // Queries.
    case("GET /updates/poll?before=1f3a9c02-1", 400),
    case("GET /updates/poll?hold=5", 400),
    case("GET /updates/long-poll?holt=5", 400),
    case("GET /updates/sse?afer=earliest", 400),
    case("GET /updates/poll?after=earliest&after=earliest", 400),
    case("GET /updates/poll?limit=0", 400),
    case("GET /updates/poll?limit=10001", 400),
    case("GET /updates/poll?limit=many", 400),
    case("GET /updates/long-poll?hold=-1", 400),
    case("GET /updates/long-poll?hold=121", 400),
    case("GET /updates/long-poll?hold=NaN", 400),
    case("GET /updates/long-poll?hold=5s", 400),
    // Addresses and methods.
    case("GET /updates/pool", 404),
    case("DELETE /updates/poll", 405),
    case("GET /updates", 405),
    case("GET /live/session/%ff", 400),
    case("GET /web/%ff", 400),
    case("GET /reports/%ff", 400),
    case("GET /updates/poll\r\nhost: other.example", 400),
    // Bodies.
    body("POST /updates", "", 400),
    body("POST /updates", "{", 400),
    body("POST /updates", "not json", 400),
    body("POST /updates", "1 2", 400),
    body("POST /updates", "{\"a\":1}}", 400),
    body("POST /updates", "[1,]", 400),
    body("POST /updates", "\"\\ud800\"x", 400),
    body("POST /updates", "'single'", 400),
    body("POST /updates", "NaN", 400),
    body("POST /updates", NESTED, 400),
    body("POST /updates\r\norigin: http://other.example", "1", 403),
    large("POST /updates", limits::UPDATE_BYTES_MAX + 1, 413),
    large("POST /echo", ECHO_BYTES_MAX + 1, 413),
    // The live page.
    case("GET /live/session/short", 400),
    case("GET /updates/poll?session=short", 400),
    body("POST /live/session/0123456789abcdef/cut", "{\"seconds\":1e9}", 400),
    body("POST /live/session/0123456789abcdef/cut", "{}", 400),
    body("POST /live/session/0123456789abcdef/link", "{\"round_trip_ms\":-1}", 400),
    // Rooms, and names of the server.
    case("GET /updates/poll?room=a.b", 400),
    body("POST /live/feed?room=a", "{\"feed\":\"steady\",\"rate\":100,\"payload\":16}", 400),
    large("POST /updates?room=a", limits::ROOM_UPDATE_BYTES_MAX + 1, 413),
    case("GET http://lab.example/updates/poll", 403),
    // WebSocket.
    case("GET /updates/ws", 426),
    case("GET /echo/ws", 426),
    case("GET /updates/ws\r\n{upgrade}\r\n{version}\r\n{version}\r\n{key}", 426),
    case("GET /updates/ws\r\n{upgrade}\r\n{version}\r\n{key}\r\n{key}", 400),
    case("GET /updates/ws\r\n{upgrade}\r\nsec-websocket-version: 8\r\n{key}", 426),
    case("GET /updates/ws\r\n{upgrade}\r\n{version}", 400),
    case("GET /updates/ws\r\n{upgrade}\r\n{version}\r\nsec-websocket-key: c2hvcnQ=", 400),
    case("GET /updates/ws?after=x\r\n{upgrade}\r\n{version}\r\n{key}", 400),
    case("GET /updates/ws\r\norigin: http://other.example\r\n{upgrade}\r\n{version}\r\n{key}", 403),
];

/// Cases for a server that has a token, and whose `--publish-rate` is used up.
#[rustfmt::skip]
const ACCESS_CASES: &[Case] = &[
    body("POST /updates", "1", 401),
    body("POST /updates\r\nauthorization: Bearer 0123456789abcdeF", "1", 401),
    body("POST /updates\r\nauthorization: Basic MDEyMzQ1Njc4OWFiY2RlZg==", "1", 401),
    body("POST /live/feed", "{\"feed\":\"paused\",\"rate\":1,\"payload\":16}", 401),
    body("POST /live/session/0123456789abcdef/cut", "{\"seconds\":1}", 401),
    body("POST /updates\r\n{token}\r\norigin: http://other.example", "1", 403),
    body("POST /live/session/0123456789abcdef/cut?room=a", "{\"seconds\":1e9}", 400),
    body("POST /updates\r\n{token}", "1", 429),
];

/// The status, the head in lower case and the problem document of an answer.
fn problem(answer: &str) -> (u16, String, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    (status.unwrap(), head.to_ascii_lowercase(), body)
}

fn assert_problem(answer: &str, status: u16, request: &str) {
    let (found, head, body) = problem(answer);
    assert_eq!(found, status, "{request}\n{answer}");
    assert!(head.contains("content-type: application/problem+json"), "{request}\n{head}");
    assert_eq!(body["status"], status, "{request}");
    assert!(body["title"].is_string() && body["type"] == "about:blank", "{request}: {body}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{request}: {body}");
}

impl Case {
    /// The full request, with everything that the table leaves out.
    fn request(&self) -> Vec<u8> {
        let (line, headers) = self.head.split_once("\r\n").unwrap_or((self.head, ""));
        let headers = HEADERS.iter().fold(headers.to_owned(), |headers, (name, header)| headers.replace(name, header));
        let end = if headers.contains("connection:") { "" } else { "connection: close\r\n" };
        let separator = if headers.is_empty() { "" } else { "\r\n" };
        let (length, body) = match self.body {
            Body::None => (String::new(), Vec::new()),
            Body::Text(text) => (format!("content-length: {}\r\n", text.len()), text.into()),
            Body::Large(bytes) => (format!("content-length: {bytes}\r\n"), vec![b'1'; bytes]),
        };
        let head = format!("{line} HTTP/1.1\r\nhost: test\r\n{headers}{separator}{length}{end}\r\n");
        [head.into_bytes(), body].concat()
    }

    /// The request as shown in the docs.
    fn shown(&self) -> String {
        let code = |text: &str| format!("`{}`", text.replace('|', "\\|"));
        let mut shown: Vec<_> = self.head.split("\r\n").map(code).collect();
        match self.body {
            Body::None => {}
            Body::Text("") => shown.push("no body".to_owned()),
            Body::Text(text) => shown.push(format!("body {}", code(text))),
            Body::Large(bytes) => shown.push(format!("a body of {bytes} bytes")),
        }
        shown.join(", ")
    }
}

#[tokio::test]
async fn each_bad_request_gets_its_status_and_a_problem_document_and_is_listed_in_the_docs() {
    let server = Server::without_feed(&["--echo-max", "64KiB"]).await;
    assert_generated("docs/BAD-INPUT.md", "requests", &table(&server, CASES).await);
    server.assert_unharmed().await;
}

#[tokio::test]
async fn each_refusal_of_access_says_what_would_allow_it_and_is_listed_in_the_docs() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef").unwrap();
    let server =
        Server::without_feed(&["--publish-rate", "0.001", "--token-file", file.path().to_str().unwrap()]).await;
    let first = body("POST /updates\r\n{token}", "1", 201);
    assert!(
        server.raw(&first.request()).await.starts_with("HTTP/1.1 201 "),
        "the rate allows one update in a thousand seconds"
    );
    assert_generated("docs/BAD-INPUT.md", "access", &table(&server, ACCESS_CASES).await);
    assert_eq!(server.stat("/journal/updates").await, 1, "no refused update was published");
}

/// Sends each request and checks its answer; returns the table for the docs.
async fn table(server: &Server, cases: &[Case]) -> String {
    let mut table = String::from("| request | status | detail |\n|---|---|---|\n");
    for case in cases {
        let request = case.request();
        let status = case.status;
        let answer = server.raw(&request).await;
        let shown = case.shown();
        assert_problem(&answer, status, &shown);
        let (_, head, document) = problem(&answer);
        match status {
            405 => assert!(head.contains("\r\nallow: "), "{answer}"),
            426 => {
                assert!(head.contains("\r\nupgrade: websocket"), "{answer}");
                assert!(head.contains("\r\nsec-websocket-version: 13"), "{answer}");
            }
            401 => assert!(head.contains("\r\nwww-authenticate: bearer "), "{answer}"),
            429 => assert!(head.contains("\r\nretry-after: "), "{answer}"),
            _ => {}
        }
        table += &format!("| {shown} | {status} | {} |\n", document["detail"].as_str().unwrap().replace('|', "\\|"));
        assert_eq!(server.get("/healthz").await.status(), 200, "after {shown}");
    }
    table
}

#[tokio::test]
async fn a_cursor_ahead_of_the_newest_update_is_400_on_every_transport() {
    let server = Server::without_feed(&[]).await;
    let ahead = server.newest().await.replace("-0", "-1");
    for path in ["poll", "long-poll", "sse"] {
        let response = server.get(&format!("/updates/{path}?after={ahead}")).await;
        assert_eq!(response.status(), 400, "{path}");
        // Unlike the answer to a malformed cursor, this one names the newest position.
        let (newest, problem) = (server.newest().await, response.json::<Value>().await.unwrap());
        assert!(problem["detail"].as_str().unwrap().contains(&newest), "{problem}");
    }
    let refused = crate::common::clients::open_websocket(&server, &format!("/updates/ws?after={ahead}")).await;
    let Err(tokio_tungstenite::tungstenite::Error::Http(response)) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), 400);
    server.publish("1").await;
    assert_eq!(server.get(&format!("/updates/poll?after={ahead}")).await.status(), 204, "now it is not ahead");
}

#[tokio::test]
async fn a_body_that_is_not_one_json_value_is_400_and_is_not_published() {
    let server = Server::without_feed(&[]).await;
    for body in [&b"{"[..], b"1 2", b"\"\xff\""] {
        assert_eq!(server.post("/updates", body).await.status(), 400, "{body:?}");
    }
    assert_eq!(server.stat("/journal/updates").await, 0);
    server.assert_unharmed().await;
}

#[tokio::test]
async fn a_value_of_any_depth_is_published_or_refused_and_never_crashes_the_server() {
    let server = Server::without_feed(&[]).await;
    for depth in [100, 1_000, 100_000] {
        let body = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let status = server.post("/updates", body).await.status();
        assert!(status == 201 || status == 400, "{depth}: {status}");
        server.assert_unharmed().await;
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_whatever_its_size() {
    let server = Server::without_feed(&["--echo-max", "64KiB"]).await;
    for (path, limit) in [("/updates", limits::UPDATE_BYTES_MAX), ("/echo", 64 << 10)] {
        let exact = format!("\"{}\"", "x".repeat(limit - 2));
        assert!(server.post(path, exact).await.status().is_success(), "{path}");
        for length in [limit + 1, limit * 2, 16 << 20] {
            let response = server.post(path, vec![b'1'; length]).await;
            assert_eq!(response.status(), 413, "{path} {length}");
            let problem = response.json::<Value>().await.unwrap();
            assert_eq!(problem["status"], 413, "{problem}");
        }
        // Chunked, so that its length is not known beforehand.
        let pieces = (0..64).map(move |_| Ok::<_, std::io::Error>(vec![b'1'; limit / 16]));
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        assert_eq!(server.post(path, body).await.status(), 413, "{path}");
    }
    server.assert_unharmed().await;
}

#[tokio::test]
async fn bytes_that_are_not_http_are_refused_and_the_server_goes_on() {
    let server = Server::without_feed(&[]).await;
    let long_head = format!("GET / HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "x".repeat(limits::HEAD_BYTES_MAX * 2));
    let many_headers = format!("GET / HTTP/1.1\r\nhost: t\r\n{}\r\n", "a: b\r\n".repeat(500));
    let garbage: [(&str, &[u8]); 12] = [
        ("four zero bytes", b"\0\0\0\0\r\n\r\n"),
        ("a word", b"hello\r\n\r\n"),
        ("no version", b"GET /\r\n\r\n"),
        ("a version that there is not", b"GET / HTTP/9.9\r\n\r\n"),
        ("a blank too many", b"GET  / HTTP/1.1\r\n\r\n"),
        ("a header without a colon", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"),
        ("a zero byte in a header", b"GET / HTTP/1.1\r\nhost: t\r\nx: \0\r\n\r\n"),
        ("a negative length", b"POST /updates HTTP/1.1\r\nhost: t\r\ncontent-length: -1\r\n\r\n"),
        ("two lengths", b"POST /updates HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n1"),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client hello\r\n\r\n"),
        ("a head of twice the limit", long_head.as_bytes()),
        ("500 headers", many_headers.as_bytes()),
    ];
    let mut table = String::from("| bytes | status |\n|---|---|\n");
    for (what, bytes) in garbage {
        let answer = server.raw(bytes).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{what}: {answer:?}");
        table += &format!("| {what} | {} |\n", &answer[9..12]);
        server.assert_unharmed().await;
    }
    assert_generated("docs/BAD-INPUT.md", "bytes", &table);
    // HTTP/2 with prior knowledge, and malformed chunks: refused, with whatever answer.
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"POST /updates HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nnot a size\r\n",
    ] {
        let answer = server.raw(bytes).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
        server.assert_unharmed().await;
    }
}

#[tokio::test]
async fn frames_that_violate_rfc_6455_are_answered_with_close_1002_or_1007() {
    let server = Server::without_feed(&[]).await;
    let masked = |first: u8, payload: &[u8]| [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
    for path in ["/updates/ws", "/echo/ws"] {
        for (what, frame, code) in [
            ("a reserved bit", masked(0xc1, b"x"), 1002),
            ("a reserved opcode", masked(0x83, b"x"), 1002),
            ("no mask", vec![0x81, 1, b'x'], 1002),
            ("a fragmented ping", masked(0x09, b"x"), 1002),
            ("a continuation of nothing", masked(0x80, b"x"), 1002),
            ("text that is not UTF-8", masked(0x81, &[0xff, 0xfe]), 1007),
        ] {
            let mut bytes = handshake(path, "").into_bytes();
            bytes.extend(frame);
            let answer = raw_bytes(&server, &bytes).await;
            let close = answer.windows(2).rposition(|pair| pair[0] == 0x88 && pair[1] < 126);
            let Some(close) = close else { panic!("{path}, {what}: no close in {answer:?}") };
            let found = u16::from_be_bytes([answer[close + 2], answer[close + 3]]);
            assert_eq!(found, code, "{path}, {what}");
        }
    }
    server.assert_unharmed().await;
}

/// Like [`Server::raw`], for answers that are not text.
async fn raw_bytes(server: &Server, bytes: &[u8]) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ended = within("the connection's end", socket.read_to_end(&mut answer)).await;
    answer
}

#[tokio::test]
async fn a_request_with_no_host_or_an_invalid_one_is_refused_and_its_connection_closed() {
    let server = Server::without_feed(&[]).await;
    for hosts in ["", "host: a b\r\n", "host: user@test\r\n", "host: test\r\nhost: test\r\n"] {
        let answer = server.raw(format!("GET /updates/poll HTTP/1.1\r\n{hosts}\r\n").as_bytes()).await;
        assert_problem(&answer, 400, hosts);
    }
    for head in ["GET /updates/poll HTTP/1.0\r\n", "GET /updates/poll HTTP/1.1\r\nhost:\r\nconnection: close\r\n"] {
        let answer = server.raw(format!("{head}\r\n").as_bytes()).await;
        assert!(answer.contains(" 200 OK\r\n"), "{head}: {answer}");
    }
    // The host in the request target overrides the Host header, and this server has no such name.
    let forged = format!(
        "POST http://other.example/updates HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\ncontent-length: 1\r\n\
         connection: close\r\n\r\n1",
        server.address
    );
    assert_problem(&server.raw(forged.as_bytes()).await, 403, &forged);
    server.assert_unharmed().await;
}

#[tokio::test]
async fn a_body_whose_content_length_is_too_large_is_refused_before_it_is_sent() {
    let server = Server::without_feed(&[]).await;
    let request = "POST /updates HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 500000\r\n\r\n";
    let answer = server.raw(request.as_bytes()).await;
    assert_problem(&answer, 413, request);
}

#[tokio::test]
async fn a_websocket_can_only_be_opened_with_get() {
    let server = Server::without_feed(&[]).await;
    let request = handshake("/updates/ws", "").replace("GET", "HEAD").replace("upgrade\r\n", "upgrade, close\r\n");
    let answer = server.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.to_ascii_lowercase().contains("allow: get"), "{answer}");
}

#[tokio::test]
async fn a_bad_request_is_counted_for_the_transport_of_its_path() {
    let server = Server::without_feed(&[]).await;
    for path in
        ["/updates/poll?limit=-1", "/updates/poll?after=x", "/updates/long-poll?x=1", "/updates/sse?x=1", "/updates/ws"]
    {
        server.get(path).await;
    }
    for (transport, requests) in [("polling", 2), ("long_polling", 1), ("sse", 1), ("websocket", 1)] {
        assert_eq!(server.stat(&format!("/transports/{transport}/requests")).await, requests, "{transport}");
    }
}
