//! The shipped target files, each with the real server.

use serde_json::Value;

use crate::measure::{measured, rows};

/// Asserts that every update reached every client once and in order, and that everything measurable was measured.
async fn is_measured(target: &str, transports: &[&str]) {
    let (output, run) = measured(target, &[], &[]).await;
    let found: Vec<&str> = rows(&run).iter().map(|row| row["transport"].as_str().unwrap()).collect();
    assert_eq!(found, transports, "{output:?}");
    for row in rows(&run) {
        check(row, target);
    }
    for trial in run["trials"].as_array().unwrap() {
        let published = &trial["published"];
        assert!(published["sent"].as_u64().unwrap() >= 50, "{published}");
        assert!(["refused", "throttled", "failed"].iter().all(|one| published[one] == 0), "{published}");
        let wire = |part: &str| trial["wire"][part].as_u64().unwrap();
        let parts = wire("payload") + wire("framing") + wire("http_headers");
        // The counters are read while the clients go on: bytes that arrive at that moment may be in only one of them.
        assert!(parts.abs_diff(wire("socket")) <= wire("socket") / 100, "{trial}");
        assert_eq!(trial["health"]["refused"], 0, "{trial}");
    }
}

fn check(row: &Value, target: &str) {
    assert_eq!(row["target"], target, "{row}");
    assert_eq!(row["payload_bytes"], 200.0, "{row}");
    // 50 updates a second for a second, to 8 clients.
    assert_eq!((row["expected"].as_u64(), row["delivered"].as_u64()), (Some(400), Some(400)), "{row}");
    assert!(["lost", "duplicate", "reordered"].iter().all(|count| row[count] == 0), "{row}");
    let bytes = &row["wire_bytes_per_delivery"];
    // An update that is due in the interval and arrives after its end is counted as delivered, but its bytes are not;
    // at the beginning of the interval it is the other way round. A busy machine is late by some tens of milliseconds.
    let payload = bytes["payload"].as_f64().unwrap();
    assert!((180.0..=220.0).contains(&payload), "{row}");
    for metric in ["server_cpu_ns_per_delivery", "age_ns_mean", "connect_ns_p50"] {
        assert!(row[metric].as_f64().is_some_and(|value| value > 0.0), "{metric} of {row}");
    }
    let latency = &row["latency_ns"];
    assert!(latency["p50"].as_f64().unwrap() > 0.0 && latency["p50"].as_f64() <= latency["max"].as_f64(), "{row}");
    let requests = row["requests_per_delivery"].as_f64().unwrap();
    match row["transport"].as_str().unwrap() {
        "sse" | "websocket" => assert_eq!(requests, 0.0, "{row}"),
        // An answer has all updates since the previous one; on a busy machine requests come late, and answers have
        // more.
        "long_polling" => assert!((0.02..=2.0).contains(&requests), "{row}"),
        _ => assert!(requests > 0.0, "{row}"),
    }
}

pub async fn our_own_server_is_measured_by_its_target_file() {
    is_measured("pushpull", &["polling", "long_polling", "sse", "websocket"]).await;
}

pub async fn the_textbook_server_is_measured_by_its_target_file() {
    is_measured("textbook_axum", &["sse", "websocket"]).await;
}

pub async fn nchan_is_measured_by_its_target_file() {
    is_measured("nchan", &["polling", "long_polling", "sse", "websocket"]).await;
}

pub async fn polls_of_a_static_file_of_nginx_deliver_its_changes_and_unchanged_answers_cost_cpu_too() {
    // Updates far apart: of two changes within a second a client may see only the later one.
    let slow = ["--rate", "0.5", "--measure", "4s", "--poll-interval", "200ms"];
    let (output, run) = measured("nginx_static", &slow, &[]).await;
    let [row] = rows(&run) else { panic!("{output:?}") };
    assert_eq!((row["expected"].as_u64(), row["delivered"].as_u64()), (Some(16), Some(16)), "{row}");
    assert!(["lost", "duplicate", "reordered"].iter().all(|count| row[count] == 0), "{row}");
    // Ten polls for each update, of which one returns it.
    assert!(row["empty_fraction"].as_f64().is_some_and(|share| share > 0.6), "{row}");
    assert!(row["server_cpu_ns_per_delivery"].as_f64().is_some_and(|cpu| cpu > 0.0), "{row}");
}

pub async fn socketio_is_measured_by_its_target_file() {
    is_measured("socketio", &["long_polling", "websocket"]).await;
}

pub async fn ws_is_measured_by_its_target_file() {
    is_measured("ws", &["websocket"]).await;
}

pub async fn websockets_is_measured_by_its_target_file() {
    is_measured("websockets", &["websocket"]).await;
}

pub async fn sse_starlette_is_measured_by_its_target_file() {
    is_measured("sse_starlette", &["sse"]).await;
}

pub async fn servers_side_by_side_are_points_of_one_run() {
    let keeps = ["--fail-if", "pushpull.sse.lost > 0", "--fail-if", "textbook_axum.websocket.latency_ns.p99 > 1h"];
    let (output, run) = measured("textbook_axum,pushpull", &keeps, &[]).await;
    assert_eq!(run["scenario"]["sweep"], "target");
    let mut found: Vec<(&str, &str)> =
        rows(&run).iter().map(|row| (row["target"].as_str().unwrap(), row["transport"].as_str().unwrap())).collect();
    found.sort_unstable();
    let wanted = [
        ("pushpull", "long_polling"),
        ("pushpull", "polling"),
        ("pushpull", "sse"),
        ("pushpull", "websocket"),
        ("textbook_axum", "sse"),
        ("textbook_axum", "websocket"),
    ];
    assert_eq!(found, wanted);
    assert!(run["thresholds"].as_array().unwrap().iter().all(|one| one["failed"] == false), "{output:?}");
    let fails = ["--fail-if", "textbook_axum.sse.latency_ns.p50 > 1ns"];
    let (output, _run) =
        measured("textbook_axum,pushpull", &[&["--transports", "sse"], &fails[..]].concat(), &[]).await;
    assert!(matches!(output.code, Some(3 | 4)), "{output:?}");
    assert!(output.stdout.contains("textbook_axum"), "{output:?}");
}
