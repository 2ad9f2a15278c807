//! Access control: tokens, origins and host names, connection limits, rate limits, slow consumers.

use http::StatusCode;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use pushpull::measure::host;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::common::clients::{EventStream, close_code, handshake, next_text, open_websocket};
use crate::common::{Server, run, within};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A file with a token, followed by the line break that an editor adds.
fn token_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    file
}

#[tokio::test]
async fn connections_beyond_the_limit_per_address_are_refused() {
    let server = Server::without_feed(&["--max-per-address", "2"]).await;
    let held = TcpStream::connect(server.address).await.unwrap();
    let also_held = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
    let answer = server.raw(request).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: "), "{answer}");
    drop((held, also_held));
    let accepted = async { while !server.raw(request).await.starts_with("HTTP/1.1 200 ") {} };
    within("a connection that is accepted", accepted).await;
}

#[tokio::test]
async fn a_server_with_a_token_requires_it_for_publishing_and_control_but_not_for_reading() {
    let file = token_file();
    let server = Server::without_feed(&["--token-file", file.path().to_str().unwrap()]).await;
    let feed = r#"{"feed":"steady","rate":5,"payload":128}"#;
    let session = "/live/session/0123456789abcdef";
    let guarded = [
        ("/updates".to_owned(), "1", 201),
        ("/live/feed".to_owned(), feed, 200),
        (format!("{session}/cut"), r#"{"seconds":0}"#, 200),
        (format!("{session}/link"), r#"{"round_trip_ms":0}"#, 204),
    ];
    for (path, body, status) in guarded {
        let request = || server.http.post(server.url(&path)).body(body);
        let answer = within(&path, request().send()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.headers()[WWW_AUTHENTICATE], "Bearer realm=\"pushpull\"", "{path}");
        let wrong = request().bearer_auth("0123456789abcdef0123456789abcdeF");
        let answer = within(&path, wrong.send()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.headers()[WWW_AUTHENTICATE].to_str().unwrap().contains("invalid_token"), "{path}");
        let answer = within(&path, request().bearer_auth(TOKEN).send()).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    for path in ["/", "/updates/poll", "/stats", "/metrics", "/live/feed"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    assert_eq!(server.post("/echo", "hello").await.status(), 200, "an echo changes nothing");
    assert!(!server.log().contains(TOKEN), "a token is in the log");
}

#[tokio::test]
async fn a_refusal_closes_the_connection_only_if_a_body_was_left_unread() {
    let file = token_file();
    let server = Server::without_feed(&["--token-file", file.path().to_str().unwrap()]).await;
    let token = format!("authorization: Bearer {TOKEN}\r\norigin: https://evil.example\r\n");
    for (headers, status) in [("", "401"), (token.as_str(), "403")] {
        // Only the head is sent: a server that read the body first would never answer.
        let head = format!("POST /updates HTTP/1.1\r\nhost: t\r\n{headers}content-length: 1000\r\n\r\n");
        let answer = server.raw(head.as_bytes()).await.to_ascii_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        let empty = format!("POST /updates HTTP/1.1\r\nhost: t\r\n{headers}content-length: 0\r\n\r\n");
        let twice = format!("{empty}GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
        let answers = server.raw(twice.as_bytes()).await;
        assert!(
            answers.starts_with(&format!("HTTP/1.1 {status} ")) && answers.contains("HTTP/1.1 200 OK"),
            "{answers}"
        );
    }
}

#[tokio::test]
async fn a_server_that_other_hosts_can_reach_does_not_start_without_a_token_and_names_the_flag() {
    let program = env!("CARGO_BIN_EXE_server");
    let output = run(program, &["--host", "0.0.0.0", "--port", "0"]).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("--token-file") && output.stderr.contains("127.0.0.1"), "{}", output.stderr);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "short").unwrap();
    let output = run(program, &["--port", "0", "--token-file", file.path().to_str().unwrap()]).await;
    let names_file = output.stderr.contains(file.path().to_str().unwrap());
    assert!(output.code == Some(1) && names_file, "{output:?}");
    let output = run(program, &["--port", "0", "--token-file", "there-is-none"]).await;
    assert!(output.code == Some(1) && output.stderr.contains("there-is-none"), "{output:?}");
}

#[tokio::test]
async fn publishing_faster_than_the_set_rate_is_429_with_retry_after_and_is_not_published() {
    let server = Server::without_feed(&["--publish-rate", "0.001"]).await;
    assert_eq!(server.post("/updates", "1").await.status(), 201);
    let answer = server.post("/updates", "2").await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = answer.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((900..=1000).contains(&wait), "{wait}");
    assert!(server.newest().await.ends_with("-1"));
}

#[tokio::test]
async fn a_page_of_another_site_can_neither_post_nor_open_a_websocket_unless_its_origin_is_allowed() {
    let closed = Server::without_feed(&[]).await;
    let open = Server::without_feed(&["--allow-origin", "https://lab.example"]).await;
    for (server, origin, is_let_in) in [
        (&closed, "https://lab.example", false),
        (&open, "https://lab.example", true),
        (&open, "https://evil.example", false),
    ] {
        for path in ["/updates/ws", "/echo/ws"] {
            let mut socket = TcpStream::connect(server.address).await.unwrap();
            socket.write_all(handshake(path, &format!("origin: {origin}\r\n")).as_bytes()).await.unwrap();
            let mut status = [0; 12];
            within(path, socket.read_exact(&mut status)).await.unwrap();
            let expected: &[u8] = if is_let_in { b"HTTP/1.1 101" } else { b"HTTP/1.1 403" };
            assert_eq!(&status, expected, "{origin} {path}");
        }
        let post = server.http.post(server.url("/updates")).header(ORIGIN, origin).body("1");
        let status = within("an answer", post.send()).await.unwrap().status();
        assert_eq!(status == StatusCode::CREATED, is_let_in, "{origin}: {status}");
        let get = server.http.get(server.url("/updates/poll")).header(ORIGIN, origin);
        let answer = within("an answer", get.send()).await.unwrap();
        assert_eq!(answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).is_some(), is_let_in, "{origin}");
    }
    let ask = open.http.request(http::Method::OPTIONS, open.url("/updates"));
    let ask = ask.header(ORIGIN, "https://lab.example").header(ACCESS_CONTROL_REQUEST_METHOD, "POST");
    let answer = within("the answer to a preflight", ask.send()).await.unwrap();
    let allowed = answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
    assert!(allowed.contains(AUTHORIZATION.as_str()) && allowed.contains("last-event-id"), "{allowed}");
}

/// Publishes 12 MB of updates through a journal of 20 KiB: more than the sockets of subscribers that do not read can
/// hold.
async fn flood(server: &Server) {
    let data = format!("\"{}\"", "x".repeat(200_000));
    for _ in 0..FLOOD {
        server.publish(&data).await;
    }
}

const FLOOD: u64 = 60;
const SMALL_JOURNAL: [&str; 2] = ["--journal-size", "20KiB"];

#[tokio::test]
async fn with_conflate_a_slow_consumer_gets_only_the_newest_update() {
    let server = Server::without_feed(
        &[&SMALL_JOURNAL[..], &["--slow-consumer", "conflate", "--journal-updates", "3"]].concat(),
    )
    .await;
    let before = server.publish_numbers(10).await;
    for path in ["/updates/poll?after=", "/updates/long-poll?after="] {
        let answer = server.json(&format!("{path}{before}")).await;
        assert_eq!(answer["gap"], json!({"reason": "evicted", "lost": 9}));
        assert_eq!(answer["updates"].as_array().unwrap().len(), 1);
    }
    let mut socket = open_websocket(&server, "/updates/ws").await.unwrap();
    server.until_stat("/transports/websocket/requests", 1).await;
    flood(&server).await;
    let (mut last, mut lost, mut seen) = (10, 0, 0);
    while last < 10 + FLOOD {
        let frame: Value = serde_json::from_str(&next_text(&mut socket).await).unwrap();
        if let Some(missing) = frame["gap"]["lost"].as_u64() {
            lost += missing;
        } else if let Some(seq) = frame["seq"].as_u64() {
            (last, seen) = (seq, seen + 1);
        }
    }
    assert_eq!(seen + lost, FLOOD, "skipped updates are counted");
    assert!(lost > 0, "the socket held everything");
}

#[tokio::test]
async fn with_cut_a_slow_consumer_is_disconnected_and_gets_the_gap_when_it_resumes() {
    let server = Server::without_feed(&[&SMALL_JOURNAL[..], &["--slow-consumer", "cut"]].concat()).await;
    let mut socket = open_websocket(&server, "/updates/ws").await.unwrap();
    let mut stream = EventStream::open(&server, "/updates/sse", None).await;
    server.until_stat("/transports/websocket/requests", 1).await;
    flood(&server).await;
    assert_eq!(close_code(&mut socket).await, 1008);
    let (mut position, mut seen) = (String::new(), 0);
    while let Some(block) = within("a block or the end", stream.block()).await {
        assert_ne!(block.field("event"), Some("gap"), "a cut stream announces no gap");
        seen += u64::from(block.field("data").is_some());
        position = block.field("id").map_or(position, ToOwned::to_owned);
    }
    assert_eq!(server.stat("/transports/sse/cut").await, 1);
    let answer = server.json(&format!("/updates/poll?after={position}")).await;
    let back = answer["updates"].as_array().unwrap().len() as u64;
    assert_eq!(seen + answer["gap"]["lost"].as_u64().unwrap() + back, FLOOD);
}

#[tokio::test]
async fn memory_stays_flat_with_a_thousand_clients_that_never_read() {
    const CLIENTS: usize = 1_000;
    assert!(host::raise_file_limit() > 2 * CLIENTS as u64, "the test needs more open files");
    let server = Server::without_feed(&["--journal-size", "1MiB", "--publish-rate", "20000"]).await;
    let mut held = Vec::with_capacity(CLIENTS);
    for client in 0..CLIENTS {
        let request = handshake(["/updates/sse", "/updates/ws"][client % 2], "");
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        // A small receive buffer, so that the server's side fills soon.
        socket.set_recv_buffer_size(4096).unwrap();
        let mut socket = socket.connect(server.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        held.push(socket);
    }
    server.until_stat("/transports/sse/requests", CLIENTS as u64 / 2).await;
    server.until_stat("/transports/websocket/requests", CLIENTS as u64 / 2).await;
    let data = format!("\"{}\"", "x".repeat(60_000));
    // Publish until the kernel's buffers are full and no client takes another update.
    let stuck = async {
        loop {
            let sent =
                server.stat("/transports/sse/updates").await + server.stat("/transports/websocket/updates").await;
            server.publish(&data).await;
            server.publish(&data).await;
            let now = server.stat("/transports/sse/updates").await + server.stat("/transports/websocket/updates").await;
            if now == sent && sent > CLIENTS as u64 {
                break;
            }
        }
    };
    within("all sockets to be full", stuck).await;
    let resident = || host::resident_bytes(server.pid()).unwrap();
    let before = resident();
    for _ in 0..300 {
        server.publish(&data).await;
    }
    let grown = resident().saturating_sub(before);
    // 300 updates of 60 kB for each client would be 18 GB; one update for each, 60 MB.
    assert!(grown < 8 << 20, "{grown} B more for {CLIENTS} clients that never read");
    drop(held);
}

#[tokio::test]
async fn all_four_transports_work_under_an_allowed_host_name_and_none_under_another() {
    let server = Server::without_feed(&["--allow-host", "Lab.example"]).await;
    server.publish("1").await;
    let port = server.address.port();
    for (name, is_let_in) in [("lab.example", true), ("evil.example", false)] {
        let host = format!("{name}:{port}");
        // As a browser sends it from a page that was opened under this name.
        let request = |path: &str, more: &str| {
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\nconnection: close\r\n{more}\r\n")
        };
        for path in
            ["/", "/stats", "/updates/poll", "/updates/poll?after=earliest", "/updates/long-poll?hold=0", "/echo"]
        {
            let answer = server.raw(request(path, "").as_bytes()).await;
            assert_eq!(answer.starts_with("HTTP/1.1 403 "), !is_let_in, "{name}{path}: {answer}");
        }
        let stream = server.http.get(server.url("/updates/sse")).header("host", &host);
        let upgrade =
            server.http.get(server.url("/updates/ws")).header("host", &host).header(ORIGIN, format!("http://{host}"));
        let upgrade = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]
        .into_iter()
        .fold(upgrade, |request, (name, value)| request.header(name, value));
        let publish = server
            .http
            .post(server.url("/updates"))
            .header("host", &host)
            .header(ORIGIN, format!("http://{host}"))
            .body("2");
        for (request, allowed) in [(stream, 200), (upgrade, 101), (publish, 201)] {
            let status = within("an answer", request.send()).await.unwrap().status().as_u16();
            assert_eq!(status, if is_let_in { allowed } else { 403 }, "{name}");
        }
    }
}

#[tokio::test]
async fn a_server_on_all_addresses_prints_the_urls_that_another_host_can_open() {
    let file = token_file();
    let mut process = tokio::process::Command::new(env!("CARGO_BIN_EXE_server"))
        .args(["--host", "0.0.0.0", "--port", "0", "--feed", "none", "--token-file", file.path().to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let address = |line: String| line.strip_prefix("http://").unwrap().parse::<std::net::SocketAddr>().unwrap();
    let first = address(within("the first line", lines.next_line()).await.unwrap().unwrap());
    assert!(first.ip().is_unspecified(), "the first line is the address it listens on: {first}");
    for _ in pushpull::net::host_addresses().unwrap().into_iter().filter(std::net::IpAddr::is_ipv4) {
        let other = address(within("another line", lines.next_line()).await.unwrap().unwrap());
        assert!(!other.ip().is_loopback() && other.port() == first.port(), "{other}");
        let answer = within("an answer", reqwest::get(format!("http://{other}/healthz"))).await.unwrap();
        assert_eq!(answer.status(), 200, "{other}");
    }
    process.kill().await.unwrap();
}
