//! The four lanes and their figures.

use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::{Browser, Viewport};
use crate::common::Server;
use crate::trace;

/// Twenty updates of 100 B a second, and no added latency.
const QUICK: &str = "/#view=window&feed=steady&rate=20&payload=100&rtt=0";

pub async fn each_lane_receives_the_same_sequence_without_a_gap_and_its_figures_match_the_servers_counts() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, &format!("{QUICK}&poll=200")).await;
    browser.until("a hundred updates in each lane", "page.lanes.every((lane) => lane.audit.received >= 100)").await;

    // The feed is paused, so that all four lanes end with the same update and nothing more is counted.
    browser
        .driver
        .execute(
            "document.getElementById('setting-feed').value = 'paused'; \
        document.getElementById('setting-feed').dispatchEvent(new Event('change'));",
            Vec::new(),
        )
        .await
        .unwrap();
    browser
        .until(
            "all lanes at one end",
            "page.lanes.every((lane) => lane.audit.last === Number(page.status.newest.split('-')[1])) \
            && page.status.feed.feed === 'paused'",
        )
        .await;
    let audits = browser.read("page.lanes.map((lane) => lane.audit)").await;
    let first: &Value = &audits[0];
    assert_eq!(first["received"], json!(first["last"].as_u64().unwrap() - first["first"].as_u64().unwrap() + 1));
    for audit in audits.as_array().unwrap() {
        assert_eq!(audit, first, "the same first, last and number in every lane: {audits}");
        assert_eq!((&audit["missing"], &audit["duplicate"], &audit["announced"]), (&json!(0), &json!(0), &json!(0)));
    }

    // The page's figures match the server's counts for its connections, read independently of the page.
    let session = browser.read("page.lanes[2].source.url.match(/session=([0-9a-f]+)/)[1]").await;
    let counts = server.json(&format!("/live/session/{}", session.as_str().unwrap())).await;
    let stats = server.json("/stats").await;
    for (index, key) in ["polling", "long_polling", "sse", "websocket"].into_iter().enumerate() {
        let lane = &counts["lanes"][key];
        assert_eq!(lane["updates"], audits[index]["received"], "{key}");
        assert_eq!(lane["payload_bytes"].as_u64().unwrap(), lane["updates"].as_u64().unwrap() * 100, "{key}");
        assert_eq!(lane["gaps"], 0);
        let whole = &stats["transports"][key];
        assert!(whole["updates"].as_u64() >= lane["updates"].as_u64(), "{key}: {whole} {lane}");
        assert!(whole["bytes_out"].as_u64() >= lane["bytes_out"].as_u64(), "{key}: {whole} {lane}");
    }
    // The path's figures are those of this page's own connections, from the server's kernel.
    let path = browser.read("page.path()").await;
    let sum = |name: &str| {
        counts["lanes"].as_object().unwrap().values().map(|lane| lane[name].as_u64().unwrap()).sum::<u64>()
    };
    assert!(path["sent"].as_u64().unwrap() > 100, "{path}");
    assert!(path["sent"].as_u64().unwrap() <= sum("data_segments_out"), "{path}");
    assert!(path["again"].as_u64().unwrap() <= sum("segments_retransmitted"), "{path}");
    assert!((0.0..1_000.0).contains(&path["roundTripMs"].as_f64().unwrap()), "{path}");
    // The bytes that the page added up itself are those that the server wrote to the socket.
    let seen = browser.read("page.lanes[0].exchanges.reduce((sum, one) => sum + one.down, 0)").await;
    let wrote = counts["lanes"]["polling"]["bytes_out"].as_f64().unwrap();
    let share = seen.as_f64().unwrap() / wrote;
    assert!((0.98..=1.02).contains(&share), "the page counted {seen} B of answers, the server {wrote} B");
    let framed = browser.read("page.lanes[3].deliveries.reduce((sum, one) => sum + one.bytes, 0)").await;
    let wrote = counts["lanes"]["websocket"]["bytes_out"].as_f64().unwrap();
    let rest = wrote - framed.as_f64().unwrap();
    assert!(
        (100.0..400.0).contains(&rest),
        "in addition to the frames there are the 101 response and the hello: {rest} B"
    );
    browser.close().await;
}

pub async fn an_undisturbed_page_logs_no_error_and_loads_nothing_from_other_hosts() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, QUICK).await;
    for panel in ["predict", "up", "connections", "reports", "help", "settings", "figures"] {
        browser.click(&format!("#open-{panel}")).await;
    }
    browser.until("forty updates", "page.lanes.every((lane) => lane.audit.received >= 40)").await;
    let hosts = browser
        .read("[...new Set(performance.getEntriesByType('resource').map((one) => new URL(one.name).host))]")
        .await;
    assert_eq!(hosts, json!([server.address.to_string()]));
    assert_eq!(browser.console().await, Vec::<String>::new());
    assert_eq!(browser.read("window.crossOriginIsolated").await, json!(true), "the page has a high-resolution clock");
    browser.close().await;
}

pub async fn two_pages_have_separate_streams_unless_both_name_the_same_room() {
    let [one, two] = Browser::open_two(Viewport::default()).await;
    let server = Server::start(&[]).await;
    one.goto(&server, "/#view=window&feed=steady&rate=20&payload=100&rtt=0&poll=500").await;
    two.goto(&server, "/#view=window&feed=steady&rate=5&payload=64&rtt=0&poll=200").await;
    two.until("two pages are counted", "page.status.pages === 2").await;
    // Each page keeps its own feed, whichever page set its feed last.
    for again in 0..2 {
        for (page, payload) in [(&one, 100), (&two, 64)] {
            let seen = page.read("page.lanes[3].audit.received").await.as_u64().unwrap();
            let has_its_own = format!(
                "page.lanes[3].audit.received > {seen} + {again} * 5 \
                && page.lanes.every((lane) => String(lane.latest.data).length + 2 === {payload})"
            );
            page.until("the page's own feed in each lane, and not the other page's", &has_its_own).await;
        }
    }

    for page in [&one, &two] {
        page.driver.goto("about:blank").await.unwrap();
        page.goto(&server, "/#room=desk-7&view=window&rtt=0&feed=steady&rate=10&panel=settings").await;
    }
    let version = "page.status.feed.version";
    let before = one.read(version).await.as_u64().unwrap();
    two.slide("payload", 3).await;
    one.until("the other page's setting has come", "page.settings.payload === 256").await;
    assert!(one.read(version).await.as_u64().unwrap() > before);
    for page in [one, two] {
        assert_eq!(page.read("page.lanes.map((lane) => lane.audit.missing)").await, json!([0, 0, 0, 0]));
        page.close().await;
    }
}

/// Opens a page at 50 updates a second in each lane.
async fn busy_page(server: &Server) -> Browser {
    let browser = Browser::open(Viewport::default()).await;
    browser.goto(server, "/#view=window&feed=steady&rate=50&rtt=0&poll=200").await;
    browser
}

/// The longest task of the page's thread: after a longer one the page does not respond to input at once.
const TASK_MS_MAX: f64 = 100.0;

pub async fn at_fifty_updates_a_second_no_task_of_the_page_takes_a_tenth_of_a_second_of_cpu_time() {
    let server = Server::start(&[]).await;
    let browser = busy_page(&server).await;
    let trace::Tasks { count, longest_ms } = trace::tasks(browser.profile(), Duration::from_secs(15)).await;
    println!("the longest of {count} tasks took {longest_ms} ms of CPU time");
    // Each update in each lane makes a task, but a busy machine merges some.
    assert!(count > 500, "{count} tasks: the trace has not covered the page");
    assert!(longest_ms > 0.0 && longest_ms <= TASK_MS_MAX, "a task took {longest_ms} ms of CPU time");
    assert_eq!(browser.read("page.lanes.map((lane) => lane.audit.missing)").await, json!([0, 0, 0, 0]));
    browser.close().await;
}

/// The page's heap in bytes, after garbage collection.
async fn heap(browser: &Browser) -> f64 {
    browser.devtools("HeapProfiler.collectGarbage", json!({})).await;
    browser.devtools("Runtime.getHeapUsage", json!({})).await["usedSize"].as_f64().unwrap()
}

/// The page's histories are full after three minutes; from then on nothing may grow.
pub async fn ten_minutes_at_fifty_updates_a_second_leave_the_memory_level() {
    let server = Server::start(&[]).await;
    let browser = busy_page(&server).await;
    let began = std::time::Instant::now();
    let mut taken = Vec::new();
    for minute in 1..=10 {
        let look = began + Duration::from_secs(60 * minute);
        tokio::time::sleep_until(look.into()).await;
        taken.push(heap(&browser).await / 1e6);
        println!("after {minute:2} min: {:.2} MB", taken.last().unwrap());
    }
    let (early, late) = (taken[2], taken[9]);
    assert!(late < early * 1.05 + 0.2, "MB after each minute: {taken:.1?}");
    assert_eq!(browser.read("page.lanes.map((lane) => lane.audit.missing)").await, json!([0, 0, 0, 0]));
    browser.close().await;
}
