//! The page's HTTP addresses, without a browser: what they accept and refuse, and from which origins.

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use crate::common::Server;

const ID: &str = "0123456789abcdef";

async fn post(server: &Server, path: &str, body: Value) -> (StatusCode, Value) {
    let answer = server.http.post(server.url(path)).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

pub async fn a_page_of_another_site_can_change_nothing_and_open_no_websocket() {
    let server = Server::start(&["--feed", "none"]).await;
    let host = server.address.to_string();
    let client = &server.http;
    let cut = format!("/live/session/{ID}/cut");
    let link = format!("/live/session/{ID}/link");
    for (path, body) in [
        ("/updates", json!(1)),
        ("/live/feed", json!({"feed": "paused", "rate": 1, "payload": 16})),
        (&cut, json!({"seconds": 0})),
        (&link, json!({"round_trip_ms": 0})),
    ] {
        let send = |origin: String| client.post(server.url(path)).header(header::ORIGIN, origin).json(&body).send();
        assert_eq!(send("http://evil.example".to_owned()).await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
        assert!(send(server.url("")).await.unwrap().status().is_success(), "{path}");
    }
    for (origin, status) in [("http://evil.example".to_owned(), 403), (format!("http://{host}"), 101)] {
        let upgrade = client
            .get(server.url("/updates/ws"))
            .header(header::ORIGIN, origin)
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(upgrade.send().await.unwrap().status().as_u16(), status);
    }
    assert_eq!(server.json("/stats").await["journal"]["updates"], 1, "only the server's own page has published");
}

pub async fn a_setting_out_of_bounds_is_refused() {
    let server = Server::start(&["--feed", "none"]).await;
    for (path, body) in [
        ("/live/feed", json!({"feed": "steady", "rate": 1e9, "payload": 16})),
        ("/live/feed", json!({"feed": "steady", "rate": 1, "payload": 0})),
        ("/live/feed", json!({"feed": "sideways", "rate": 1, "payload": 16})),
        ("/live/feed", json!({"feed": "steady", "rate": 1, "payload": 16, "more": 1})),
        (&format!("/live/session/{ID}/cut"), json!({"seconds": 1e9})),
        (&format!("/live/session/{ID}/link"), json!({"round_trip_ms": 1e9})),
        (&format!("/live/session/{ID}/link"), json!({"round_trip_ms": -1})),
        ("/live/session/nonsense/cut", json!({"seconds": 1})),
    ] {
        let (status, problem) = post(&server, path, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert_eq!(problem["status"], 400, "{path} {body}: {problem}");
    }
    for path in ["/updates/poll?session=x", "/updates/sse?session=x", "/updates/long-poll?session=x"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

pub async fn the_page_cannot_change_a_feed_from_standard_input() {
    let server = Server::start(&["--feed", "stdin"]).await;
    assert_eq!(server.json("/live/feed").await["can_change"], false);
    let (status, problem) = post(&server, "/live/feed", json!({"feed": "steady", "rate": 1, "payload": 16})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(problem["detail"].as_str().unwrap().contains("--feed"));
}

pub async fn reports_are_listed_and_served_and_no_other_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("reports/20260101-quick");
    std::fs::create_dir_all(&run).unwrap();
    std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(run.join("index.html"), "<p>a report").unwrap();
    let head = r#"{"started_at":"2026-01-01T00:00:00Z","verdict":"valid","scenario":{"name":"quick","question":"?"}}"#;
    std::fs::write(run.join("run.json"), head).unwrap();
    let reports = folder.path().join("reports");
    let server = Server::start(&["--feed", "none", "--reports", reports.to_str().unwrap()]).await;
    let list = server.json("/live/reports").await;
    assert_eq!((&list[0]["folder"], &list[0]["has_page"]), (&json!("20260101-quick"), &json!(true)));
    let page = server.get("/reports/20260101-quick/index.html").await;
    assert!(page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src 'none'"));
    assert_eq!(page.text().await.unwrap(), "<p>a report");
    for path in ["/reports/%2e%2e/secret.txt", "/reports/..%2fsecret.txt", "/reports/20260101-quick", "/reports/none"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.text().await.unwrap().contains("secret\n"));
    }
}

pub async fn an_added_round_trip_delays_each_request_by_that_much() {
    let server = Server::start(&["--feed", "none"]).await;
    let client = &server.http;
    let poll = || client.get(server.url(&format!("/updates/poll?session={ID}"))).send();
    poll().await.unwrap().bytes().await.unwrap();
    let (status, _) = post(&server, &format!("/live/session/{ID}/link"), json!({"round_trip_ms": 300})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let mut took = Vec::new();
    for _ in 0..4 {
        let began = std::time::Instant::now();
        poll().await.unwrap().bytes().await.unwrap();
        took.push(began.elapsed().as_millis());
    }
    assert!(took.iter().all(|&took| took >= 300), "one added round trip on an open connection: {took:?} ms");
    // A busy machine delays some of the requests; a second round trip would delay each.
    assert!(took.iter().any(|&took| took < 600), "and not a second one: {took:?} ms");
    let counts = server.json(&format!("/live/session/{ID}")).await;
    assert_eq!(counts["lanes"]["polling"]["requests"], 5);
}
