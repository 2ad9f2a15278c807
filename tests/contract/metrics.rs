//! Monitoring: counters, clock, health checks, and the links of the page at `/`.

use std::time::{SystemTime, UNIX_EPOCH};

use pushpull::clock::Clock;
use pushpull::run::Transport;
use serde_json::Value;

use crate::common::clients::receive;
use crate::common::{Server, TIMEOUT};

#[tokio::test]
async fn the_clock_is_near_the_system_time_runs_with_the_monotonic_clock_and_names_the_boot() {
    let server = Server::without_feed(&[]).await;
    let [first, second] = [server.json("/clock").await, server.json("/clock").await];
    let of = |reading: &Value, name: &str| reading[name].as_u64().unwrap();
    assert!(of(&second, "now_us") > of(&first, "now_us"));
    let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
    assert!(of(&second, "now_us").abs_diff(system) < TIMEOUT.as_micros() as u64, "{second} at {system}");
    // The offset between the two clocks is constant, so a client on the same host can relate them exactly.
    let between = |reading| of(reading, "now_us") - of(reading, "monotonic_us");
    assert_eq!(between(&first), between(&second));
    let own = Clock::Monotonic.now().0 / 1_000;
    let age = own.checked_sub(of(&second, "monotonic_us")).expect("one host has one monotonic clock");
    assert!(age < TIMEOUT.as_micros() as u64, "{age}");
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(first["boot_id"], boot_id.trim());
}

#[tokio::test]
async fn the_counters_of_a_transport_count_its_requests_and_updates() {
    let server = Server::without_feed(&[]).await;
    let before = server.publish_numbers(3).await;
    let newest = server.newest().await;
    let polls_before = server.stat("/transports/polling/requests").await;
    for transport in Transport::ALL {
        receive(&server, transport, &before, 3).await;
    }
    server.get(&format!("/updates/long-poll?hold=0&after={newest}")).await;
    let stats = server.json("/stats").await;
    let of = |transport: Transport, name: &str| stats["transports"][transport.label()][name].as_u64().unwrap();
    for transport in Transport::ALL {
        assert_eq!(of(transport, "updates"), 3, "{transport}");
        assert_eq!(of(transport, "gaps"), 0, "{transport}");
        assert!(of(transport, "bytes_out") > 100 && of(transport, "bytes_in") > 50, "{transport}: {stats}");
    }
    assert_eq!(of(Transport::Polling, "requests"), polls_before + 1);
    assert_eq!(of(Transport::LongPolling, "requests"), 2);
    assert_eq!(of(Transport::LongPolling, "empty"), 1);
    assert_eq!((of(Transport::Sse, "requests"), of(Transport::WebSocket, "requests")), (1, 1));
    assert_eq!(stats["journal"]["updates"], 3);
    assert_eq!(stats["journal"]["newest"], newest.as_str());
}

#[tokio::test]
async fn a_connection_counts_as_open_until_it_is_closed() {
    let server = Server::without_feed(&[]).await;
    let stream = crate::common::clients::EventStream::open(&server, "/updates/sse", None).await;
    assert_eq!(server.stat("/transports/sse/connections_open").await, 1);
    drop(stream);
    let gone = async { while server.stat("/transports/sse/connections_open").await > 0 {} };
    crate::common::within("the connection's end", gone).await;
}

#[tokio::test]
async fn the_metrics_are_openmetrics_with_the_counts_of_the_stats() {
    let server = Server::without_feed(&[]).await;
    let before = server.publish_numbers(2).await;
    receive(&server, Transport::Sse, &before, 2).await;
    let response = server.get("/metrics").await;
    assert!(
        response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text; version=1")
    );
    let text = response.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    for line in [
        r#"pushpull_updates_sent_total{transport="sse"} 2"#,
        r#"pushpull_requests_total{transport="sse"} 1"#,
        r#"pushpull_requests_total{transport="websocket"} 0"#,
        "pushpull_updates_published_total 2",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn the_health_checks_answer_200() {
    let server = Server::without_feed(&[]).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn every_link_of_the_front_page_leads_somewhere() {
    let server = Server::without_feed(&[]).await;
    let response = server.get("/").await;
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = response.text().await.unwrap();
    let links = page.split("href=\"/").skip(1).filter_map(|rest| rest.split('"').next());
    let links: Vec<String> = links.map(|link| link.replace("&amp;", "&")).collect();
    assert!(!links.is_empty(), "{page}");
    for link in links {
        // A WebSocket address answers 426; an answer that does not end is cut off by dropping it.
        let parked = link.starts_with("updates/long-poll");
        let link = if parked { format!("/{link}?hold=0") } else { format!("/{link}") };
        let status = server.get(&link).await.status();
        assert!(status.is_success() || status == 426, "{link}: {status}");
    }
}

#[tokio::test]
async fn the_schedule_lists_updates_without_their_data() {
    let server = Server::without_feed(&[]).await;
    let before = server.publish_numbers(3).await;
    let schedule = server.json(&format!("/stats/schedule?after={before}")).await;
    let entries = schedule["updates"].as_array().unwrap();
    let numbers: Vec<&Value> = entries.iter().map(|entry| &entry[0]).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(
        entries.iter().all(|entry| entry[1].as_u64() <= entry[2].as_u64()),
        "an update is due before it is published"
    );
    let answer = server.json(&format!("/updates/poll?after={before}")).await;
    let due = |entry: &Value| [entry[0].clone(), entry[1].clone()];
    let updates = answer["updates"].as_array().unwrap().iter();
    let wanted: Vec<_> = updates.map(|update| [update["seq"].clone(), update["at_us"].clone()]).collect();
    assert_eq!(
        entries.iter().map(due).collect::<Vec<_>>(),
        wanted,
        "both have the same sequence numbers and due times"
    );
    let now_us = server.json("/stats").await["now_us"].as_u64();
    assert!(entries.iter().all(|entry| entry[2].as_u64() <= now_us), "published by the clock that /stats shows");
}
