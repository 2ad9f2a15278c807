//! Controls, cuts, the trap, messages up, predictions: each does what it says.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::browser::{Browser, Looks, choose_feed};
use crate::common::Server;

const FEED: [&str; 4] = ["--feed", "synthetic", "--rate", "10"];

#[tokio::test]
async fn each_control_does_what_it_says_and_stands_in_the_address() {
    let Some(browser) = Browser::open(Looks::default()).await else { return };
    let server = Server::start(&FEED).await;
    browser.goto(&server, "/").await;

    browser.slide("poll", 0).await;
    browser
        .until(
            "ten polls a second",
            "page.counted('polling')?.requests >= 20 && (() => { const last = page.lanes[0].exchanges.slice(-11); \
        return last.at(-1).sent - last[0].sent < 1500; })()",
        )
        .await;

    browser.slide("rtt", 5).await;
    browser.until("300 ms are added", "page.status.round_trip_ms === 300").await;
    browser.until("pushes take half of it, answers to polls more",
        "page.lanes[2].latencies.length > 5 && page.lanes.every((lane) => lane.latencies.slice(-5).every((ms) => ms > 145)) \
            && page.lanes[2].latencies.slice(-5).every((ms) => ms < 300)").await;
    browser.slide("rtt", 0).await;

    browser.slide("rate", 3).await;
    browser.slide("payload", 4).await;
    browser
        .until("one update a second of 1 kB", "page.status.feed.rate === 1 && page.status.feed.payload === 1024")
        .await;
    let feed = server.json("/live/feed").await;
    assert_eq!((&feed["feed"], &feed["rate"], &feed["payload"]), (&json!("steady"), &json!(1.0), &json!(1024)));
    browser
        .until("updates of the new size", "page.lanes.every((lane) => String(lane.latest.data).length === 1022)")
        .await;

    browser.slide("hold", 0).await;
    browser.until("a hold of 1 s", "page.lanes[1].exchanges.filter((one) => one.answered).at(-1).answered > 0").await;

    let address = browser.driver.current_url().await.unwrap().to_string();
    for part in ["feed=steady", "rate=1", "payload=1024", "poll=100", "hold=1", "rtt=0", "window=5"] {
        assert!(address.contains(part), "{part} is missing in {address}");
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn a_held_poll_comes_back_empty_when_its_hold_is_over() {
    let Some(browser) = Browser::open(Looks::default()).await else { return };
    let server = Server::start(&FEED).await;
    browser.goto(&server, "/#hold=1").await;
    choose_feed(&browser, "paused").await;
    browser.until("two empty long polls, each held for a second",
        "page.lanes[1].exchanges.filter((one) => one.outcome === 'empty' && one.answered - one.sent > 950).length >= 2").await;
    browser.close().await;
}

#[tokio::test]
async fn one_update_published_by_hand_is_seen_to_arrive_four_times() {
    let Some(browser) = Browser::open(Looks::default()).await else { return };
    let server = Server::start(&FEED).await;
    browser.goto(&server, "/").await;
    browser.click("#publish").await;
    browser.until("it is told", "document.getElementById('deed').textContent.includes('arrived')").await;
    let told = browser.text("#deed").await;
    for lane in ["Polling after", "Long polling after", "SSE after", "WebSocket after"] {
        assert!(told.contains(lane), "{told}");
    }
    assert_eq!(
        browser.read("page.lanes.map((lane) => lane.deliveries.filter((one) => one.mark).length)").await,
        json!([1, 1, 1, 1])
    );
    browser.close().await;
}

#[tokio::test]
async fn where_the_server_has_a_token_the_page_asks_for_it_once_and_watches_without() {
    let Some(browser) = Browser::open(Looks::default()).await else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef0123456789abcdef").unwrap();
    let server = Server::start(&[&FEED[..], &["--token-file", file.path().to_str().unwrap()]].concat()).await;
    browser.goto(&server, "/").await;
    browser.click("#publish").await;
    browser.until("it is asked for", "document.getElementById('token').open").await;
    browser.screenshot("token").await;
    browser.click("#token button[value='']").await;
    browser.until("only watching is told", "document.getElementById('deed').textContent.includes('token')").await;
    browser.click("#publish").await;
    browser.until("it is asked for again", "document.getElementById('token').open").await;
    let input = browser.driver.find(By::Css("#token-text")).await.unwrap();
    input.send_keys("0123456789abcdef0123456789abcdef" + Key::Enter).await.unwrap();
    browser.until("it is published", "document.getElementById('deed').textContent.includes('arrived')").await;
    browser.click("#cut").await;
    browser.until("the cut needs no more asking", "page.lanes.every((lane) => lane.cuts.length === 1)").await;
    browser.close().await;
}

#[tokio::test]
async fn a_cut_breaks_each_lane_and_every_update_of_that_time_is_recovered() {
    let Some(browser) = Browser::open(Looks::default()).await else { return };
    let server = Server::start(&FEED).await;
    browser.goto(&server, "/#poll=200").await;
    browser.until("a picture", "page.lanes.every((lane) => lane.audit.received > 10)").await;
    browser.click("#cut").await;
    browser.until("the lanes are cut", "page.lanes.every((lane) => lane.cuts.length === 1)").await;
    browser.until("all are back", "document.getElementById('deed').textContent.startsWith('Back after')").await;
    let cuts = browser.read("page.lanes.map((lane) => ({ away: lane.cuts[0].until - lane.cuts[0].at, recovered: lane.cuts[0].recovered }))").await;
    for cut in cuts.as_array().unwrap() {
        let (away, recovered) = (cut["away"].as_f64().unwrap(), cut["recovered"].as_f64().unwrap());
        assert!((1900.0..9000.0).contains(&away), "two seconds and the way back: {cuts}");
        assert!((recovered - away / 100.0).abs() < 4.0, "ten updates a second were missed and recovered: {cuts}");
    }
    assert_eq!(
        browser.read("page.lanes.map((lane) => lane.audit.missing + lane.audit.duplicate)").await,
        json!([0, 0, 0, 0])
    );
    // A long poll may be between two requests when the order comes; then it is the next one that is broken.
    browser
        .until(
            "the server tells that it broke each of them",
            "['long_polling', 'sse', 'websocket'].every((key) => page.status.lanes[key].cuts >= 1)",
        )
        .await;
    browser.close().await;
}

#[tokio::test]
async fn the_trap_stalls_the_next_request_explains_it_and_lets_go() {
    let Some(browser) = Browser::open(Looks::default()).await else { return };
    let server = Server::start(&FEED).await;
    browser.goto(&server, "/#tab=trap&poll=200").await;
    browser.click("#trap").await;
    browser.until("it is stuck", "document.getElementById('trap-result').textContent.startsWith('Stuck')").await;
    let polls = browser.read("page.lanes[0].exchanges.filter((one) => one.answered).length").await.as_u64().unwrap();
    let pushed = browser.read("page.lanes[3].audit.received").await.as_u64().unwrap();
    browser.until("the WebSocket goes on", &format!("page.lanes[3].audit.received > {pushed} + 15")).await;
    let answered = browser.read("page.lanes[0].exchanges.filter((one) => one.answered).length").await.as_u64().unwrap();
    assert!(answered <= polls + 1, "polling waits meanwhile: {polls} answered, then {answered}");
    browser.until("it lets go", "document.getElementById('trap-result').textContent.startsWith('Let go')").await;
    browser
        .until(
            "polling goes on",
            &format!("page.lanes[0].exchanges.filter((one) => one.answered).length > {answered} + 3"),
        )
        .await;
    assert_eq!(browser.read("page.lanes.map((lane) => lane.audit.missing)").await, json!([0, 0, 0, 0]));
    browser.close().await;
}

#[tokio::test]
async fn a_message_up_is_a_small_frame_on_the_websocket_and_a_whole_request_elsewhere() {
    let Some(browser) = Browser::open(Looks::default()).await else { return };
    let server = Server::start(&FEED).await;
    browser.goto(&server, "/#tab=up").await;
    browser.click("#up button").await;
    browser
        .until("the echo is told", "document.getElementById('up-result').textContent.includes('there and back')")
        .await;
    // RFC 6455 section 5.2: 2 B of header, 4 B of mask on the way up, and `hello`.
    let told = browser.text("#up-result .websocket").await;
    assert!(told.contains("11 B up, 7 B back"), "{told}");
    let posted = browser.read("page.lanes[0].messages[0].up").await.as_u64().unwrap();
    assert!((200..2000).contains(&posted), "a POST takes its whole head: {posted} B");
    browser.close().await;
}

#[tokio::test]
async fn a_prediction_is_run_and_shown_beside_the_measurement_and_the_theory() {
    let Some(browser) = Browser::open(Looks::default()).await else { return };
    let server = Server::start(&FEED).await;
    browser.goto(&server, "/#tab=predict").await;
    assert_eq!(browser.read("document.querySelectorAll('.steps button').length").await, json!(5));
    for (question, low, high) in [(1, 62.0, 82.0), (3, 195.0, 260.0)] {
        browser.click(&format!(".steps button:nth-child({question})")).await;
        browser.click("#commit").await;
        browser.until("the run is over", "document.querySelectorAll('.bars b').length === 3").await;
        let values =
            browser.read("[...document.querySelectorAll('.bars b')].map((one) => Number(one.dataset.value))").await;
        let measured = values[1].as_f64().unwrap();
        assert!((low..=high).contains(&measured), "question {question}: guess, measured, theory: {values}");
    }
    browser.click("#restore").await;
    browser.until("the settings are back", "page.settings.rtt === 0 && page.settings.rate === 10").await;
    browser.close().await;
}
