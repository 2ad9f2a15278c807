//! Polling, long polling and publishing.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::common::clients::{Answer, number};
use crate::common::{Server, within};

async fn answer(server: &Server, path: &str) -> (Answer, String) {
    let response = server.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(response.headers()["content-type"], "application/json");
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    (response.json().await.unwrap(), tag)
}

#[tokio::test]
async fn a_poll_without_a_position_gets_one_and_nothing_old() {
    let server = Server::without_feed(&[]).await;
    let (first, tag) = answer(&server, "/updates/poll").await;
    assert!(first.updates.is_empty());
    assert!(first.cursor.ends_with("-0"), "{}", first.cursor);
    assert_eq!(tag, format!("\"{}\"", first.cursor));
    let newest = server.publish("1").await;
    let (second, _) = answer(&server, "/updates/poll").await;
    assert!(second.updates.is_empty());
    assert_eq!(second.cursor, newest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_without_a_position_gets_one_and_no_update_while_updates_come() {
    let server = Server::without_feed(&[]).await;
    let publishing = async {
        loop {
            server.publish("1").await;
        }
    };
    let asking = async {
        for _ in 0..200 {
            // A new connection each time: the server takes it over with its first request.
            let http = reqwest::Client::new();
            let response = within("a first poll", http.get(server.url("/updates/poll")).send()).await.unwrap();
            let tag = response.headers()["etag"].clone();
            let first: Answer = response.json().await.unwrap();
            assert!(first.updates.is_empty(), "{:?}", first.updates);
            assert_eq!(tag, format!("\"{}\"", first.cursor));
        }
    };
    tokio::select! {
        () = asking => {}
        () = publishing => {}
    }
}

#[tokio::test]
async fn a_poll_returns_new_updates_and_then_204_with_the_same_tag() {
    let server = Server::without_feed(&[]).await;
    let before = server.publish_numbers(3).await;
    let (new, tag) = answer(&server, &format!("/updates/poll?after={before}")).await;
    let numbers: Vec<u64> = new.updates.iter().map(|update| number(update.get())).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(new.gap, None);
    assert_eq!(new.cursor, before.replace("-0", "-3"));
    assert_eq!(tag, format!("\"{}\"", new.cursor));
    let nothing = server.get(&format!("/updates/poll?after={}", new.cursor)).await;
    assert_eq!(nothing.status(), 204);
    assert_eq!(nothing.headers()["etag"], tag.as_str());
    assert!(nothing.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn if_none_match_replaces_after_and_nothing_new_is_then_304() {
    let server = Server::without_feed(&[]).await;
    let before = server.publish_numbers(2).await;
    let newest = server.newest().await;
    for path in ["/updates/poll", "/updates/long-poll?hold=0"] {
        for tag in [format!("\"{newest}\""), format!("W/\"{newest}\"")] {
            let request = server.http.get(server.url(path)).header("if-none-match", &tag);
            assert_eq!(within(path, request.send()).await.unwrap().status(), 304, "{path} {tag}");
        }
        let request = server.http.get(server.url(path)).header("if-none-match", format!("\"{before}\""));
        let response = within(path, request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.json::<Answer>().await.unwrap().updates.len(), 2);
    }
}

#[tokio::test]
async fn a_connection_is_closed_after_the_answer_if_any_connection_header_asks_for_it() {
    let server = Server::without_feed(&[]).await;
    let newest = server.newest().await;
    for path in ["/updates/poll", "/updates/long-poll?hold=0"] {
        for fields in ["close", "keep-alive, close", "keep-alive\r\nconnection: close"] {
            let after = if path.contains('?') { "&after=" } else { "?after=" };
            let request = format!("GET {path}{after}{newest} HTTP/1.1\r\nhost: t\r\nconnection: {fields}\r\n\r\n");
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            within(path, stream.read_to_string(&mut answer)).await.unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 204 ") && answer.contains("connection: close\r\n"),
                "{fields}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn an_empty_tag_counts_as_no_position() {
    let server = Server::without_feed(&[]).await;
    let newest = server.publish("1").await;
    let request = server.http.get(server.url("/updates/poll")).header("if-none-match", "\"\"");
    let answer: Value = within("an answer", request.send()).await.unwrap().json().await.unwrap();
    assert_eq!(answer["cursor"], newest);
}

#[tokio::test]
async fn a_limit_shortens_an_answer_and_its_cursor_continues_after_it() {
    let server = Server::without_feed(&[]).await;
    let before = server.publish_numbers(5).await;
    for path in ["/updates/poll?limit=2", "/updates/long-poll?limit=2"] {
        let (first, _) = answer(&server, &format!("{path}&after={before}")).await;
        assert_eq!(first.updates.len(), 2);
        let (second, _) = answer(&server, &format!("{path}&after={}", first.cursor)).await;
        assert_eq!(second.updates.iter().map(|update| number(update.get())).collect::<Vec<_>>(), [3, 4]);
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_short_by_its_bytes_says_that_more_is_waiting() {
    let server = Server::without_feed(&[]).await;
    let before = server.newest().await;
    let data = format!("\"{}\"", "x".repeat(200_000));
    for _ in 0..4 {
        server.publish(&data).await;
    }
    for path in ["/updates/poll", "/updates/long-poll"] {
        let first = server.json(&format!("{path}?after={before}")).await;
        assert_eq!((first["updates"].as_array().unwrap().len(), &first["more"]), (2, &json!(true)));
        let rest = server.json(&format!("{path}?after={}", first["cursor"].as_str().unwrap())).await;
        assert_eq!((rest["updates"].as_array().unwrap().len(), rest.get("more")), (2, None));
        let limited = server.json(&format!("{path}?limit=1&after={before}")).await;
        assert_eq!(
            (limited["updates"].as_array().unwrap().len(), limited.get("more")),
            (1, None),
            "a full answer to this limit"
        );
    }
}

#[tokio::test]
async fn after_earliest_begins_with_the_oldest_update_retained() {
    let server = Server::without_feed(&["--journal-updates", "3"]).await;
    server.publish_numbers(5).await;
    for path in ["/updates/poll?after=earliest", "/updates/long-poll?after=earliest"] {
        let (oldest, _) = answer(&server, path).await;
        assert_eq!(oldest.gap, None, "a client that asks for the oldest has lost nothing");
        assert_eq!(oldest.updates.iter().map(|update| number(update.get())).collect::<Vec<_>>(), [3, 4, 5]);
    }
}

#[tokio::test]
async fn a_parked_long_poll_is_answered_as_soon_as_an_update_is_published() {
    let server = Server::without_feed(&[]).await;
    for has_position in [true, false] {
        let old = server.publish("\"old\"").await;
        let after = if has_position { format!("&after={old}") } else { String::new() };
        let path = format!("/updates/long-poll?hold=100{after}");
        let parked_before = server.stat("/transports/long_polling/requests").await;
        let parked = tokio::spawn(server.http.get(server.url(&path)).send());
        server.until_stat("/transports/long_polling/requests", parked_before + 1).await;
        assert!(!parked.is_finished(), "there is no update to answer with yet");
        let cursor = server.publish("\"new\"").await;
        // `within` is far shorter than the hold.
        let answer: Answer = within("the answer", parked).await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(answer.cursor, cursor);
        assert_eq!(answer.updates.len(), 1, "{path}");
        assert_eq!(serde_json::from_str::<Value>(answer.updates[0].get()).unwrap()["data"], "new");
    }
}

#[tokio::test]
async fn a_long_poll_answers_204_when_its_hold_has_passed_and_at_once_with_hold_0() {
    let server = Server::without_feed(&[]).await;
    let cursor = server.publish("1").await;
    for (hold, least) in [("0", 0.0), ("0.3", 0.3), ("1", 1.0)] {
        let began = Instant::now();
        let response = server.get(&format!("/updates/long-poll?hold={hold}&after={cursor}")).await;
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["etag"], format!("\"{cursor}\"").as_str());
        assert!(began.elapsed().as_secs_f64() >= least, "hold={hold} took {:?}", began.elapsed());
    }
    // A new client that gets no update gets its position from the tag.
    let response = server.get("/updates/long-poll?hold=0").await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["etag"], format!("\"{cursor}\"").as_str());
}

#[tokio::test]
async fn publishing_answers_201_with_the_cursor_and_keeps_the_value_byte_for_byte() {
    let server = Server::without_feed(&[]).await;
    let before = server.newest().await;
    let values = [
        "null",
        "true",
        "0.1000000000000000055511151231257827",
        "123456789012345678901234567890",
        r#""é \u00e9 𝄞""#,
        "[]",
        r#"{"b":1,"a":[1, 2,  {"c": null}],"b":2}"#,
    ];
    for (number, value) in (1..).zip(values) {
        assert_eq!(server.publish(value).await, before.replace("-0", &format!("-{number}")));
    }
    let (all, _) = answer(&server, &format!("/updates/poll?after={before}")).await;
    for (update, value) in all.updates.iter().zip(values) {
        let update = update.get();
        assert!(update.ends_with(&format!(",\"data\":{value}}}")), "{value} in {update}");
    }
}

#[tokio::test]
async fn an_update_is_due_when_it_is_posted_by_the_servers_own_clock() {
    let server = Server::without_feed(&[]).await;
    let before = server.json("/clock").await["now_us"].as_u64().unwrap();
    server.publish("1").await;
    let after = server.json("/clock").await["now_us"].as_u64().unwrap();
    let (oldest, _) = answer(&server, "/updates/poll?after=earliest").await;
    let update: Value = serde_json::from_str(oldest.updates[0].get()).unwrap();
    let at_us = update["at_us"].as_u64().unwrap();
    assert!((before..=after).contains(&at_us), "{before} {at_us} {after}");
    assert_eq!(at_us.to_string().len(), 16, "{at_us}");
    let mut names: Vec<_> = update.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["at_us", "data", "seq"]);
}

#[tokio::test]
async fn line_breaks_between_the_tokens_of_a_value_do_not_break_an_event_stream() {
    let server = Server::without_feed(&[]).await;
    let before = server.newest().await;
    server.publish("{\r\n\"a\":\n1}").await;
    let received = crate::common::clients::receive(&server, pushpull::run::Transport::Sse, &before, 1).await;
    let update: Value = serde_json::from_str(&received.updates[0]).unwrap();
    assert_eq!(update["data"], json!({"a": 1}));
}

/// Sends a request over an open connection; returns the lines of the answer's head, sorted and without the date, and
/// its body.
async fn exchange(connection: &mut BufReader<TcpStream>, request: &str) -> (Vec<String>, String) {
    connection.get_mut().write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        within(request, connection.read_line(&mut line)).await.unwrap();
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_ascii_lowercase()),
        }
    }
    head.retain(|line| !line.starts_with("date: "));
    head.sort();
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    within(request, connection.read_exact(&mut body)).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn polls_over_one_connection_are_answered_like_polls_over_separate_ones() {
    let server = Server::without_feed(&[]).await;
    let open = async || BufReader::new(TcpStream::connect(server.address).await.unwrap());
    let before = server.publish_numbers(3).await;
    let newest = server.newest().await;
    let polls_before = server.stat("/transports/polling/requests").await;
    let poll = |after: &str, more: &str| format!("GET /updates/poll?{after} HTTP/1.1\r\nhost: t\r\n{more}\r\n");
    let after = |cursor: &str| format!("after={cursor}");
    let tag = |cursor: &str| format!("if-none-match: \"{cursor}\"\r\n");
    let requests = [
        poll("", ""),
        // From the third poll on the server recognizes the form of the request, whatever its cursor.
        poll(&after(&before), ""),
        poll(&after(&newest), ""),
        poll(&after(&newest), ""),
        poll(&after(&before), ""),
        poll(&after(&newest), ""),
        poll(&after("nonsense"), ""),
        // Polls of other forms, each repeated.
        poll(&(after(&before) + "&limit=1"), ""),
        poll(&(after(&before.replace("-0", "-1")) + "&limit=1"), ""),
        poll(&(after(&before.replace("-0", "-2")) + "&limit=1"), ""),
        poll("", &tag(&newest)),
        poll("", &tag(&newest)),
        poll("", &tag(&newest)),
        poll("after=earliest", &tag(&before)),
        poll("after=earliest", &tag(&newest)),
        poll("after=earliest", &tag(&newest)),
        // Other requests in between.
        "GET /updates/long-poll?hold=0 HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(),
        poll(&after(&newest), "x-new: 1\r\n"),
        poll(&after(&newest), ""),
        poll(&after(&newest), ""),
    ];
    let mut one = open().await;
    for request in &requests {
        let over_one = exchange(&mut one, request).await;
        assert_eq!(over_one, exchange(&mut open().await, request).await, "{request}");
    }
    server.publish("4").await;
    let (head, body) = exchange(&mut one, requests.last().unwrap()).await;
    assert!(head[0].starts_with("cache-control") && body.contains("\"data\":4"), "{head:?} {body}");
    let polls = requests.iter().filter(|request| request.contains("/poll?")).count() as u64;
    let counted = server.stat("/transports/polling/requests").await - polls_before;
    assert_eq!(counted, 2 * polls + 1, "each is counted");
}
