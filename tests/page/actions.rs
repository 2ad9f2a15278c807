//! The page's controls: settings, cuts, the limit of six connections, messages to the server.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::browser::{Browser, Viewport, choose_feed};
use crate::common::Server;

/// Ten updates a second and no added latency, so that the tests are quick.
const QUICK: &str = "/#view=window&feed=steady&rate=10&rtt=0&poll=1000";

pub async fn each_setting_takes_effect_and_is_kept_in_the_address() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, &format!("{QUICK}&panel=settings")).await;

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

    browser.slide("rate", 4).await;
    browser.slide("payload", 4).await;
    browser
        .until("one update a second of 1 kB", "page.status.feed.rate === 1 && page.status.feed.payload === 1024")
        .await;
    browser
        .until("updates of the new size", "page.lanes.every((lane) => String(lane.latest.data).length === 1022)")
        .await;
    let room = browser.read("new URL(page.lanes[2].source.url).searchParams.get('room')").await;
    let feed = server.json(&format!("/live/feed?room={}", room.as_str().unwrap())).await;
    assert_eq!((&feed["feed"], &feed["rate"], &feed["payload"]), (&json!("steady"), &json!(1.0), &json!(1024)));

    browser.slide("hold", 0).await;
    browser.until("a hold of 1 s", "page.lanes[1].exchanges.filter((one) => one.answered).at(-1).answered > 0").await;

    let address = browser.driver.current_url().await.unwrap().to_string();
    for part in
        ["feed=steady", "rate=1", "payload=1024", "poll=100", "hold=1", "rtt=0", "view=window", "panel=settings"]
    {
        assert!(address.contains(part), "{part} is missing in {address}");
    }
    assert!(!address.contains("room="), "the page's own room is not shared: {address}");
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
}

pub async fn a_setting_that_the_server_refuses_is_not_shown_as_set() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, &format!("{QUICK}&panel=settings")).await;
    // Two hundred updates a second are more than a room allows.
    browser.slide("rate", 11).await;
    browser
        .until("the reason is shown", "document.getElementById('heading').textContent.includes('use 0.1 to 50')")
        .await;
    assert_eq!(browser.read("page.settings.rate").await, json!(10));
    browser.close().await;
}

pub async fn a_held_poll_comes_back_empty_when_its_hold_is_over() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, &format!("{QUICK}&hold=1&panel=settings")).await;
    choose_feed(&browser, "paused").await;
    browser.until("two empty long polls, each held for a second",
        "page.lanes[1].exchanges.filter((one) => one.outcome === 'empty' && one.answered - one.sent > 950).length >= 2").await;
    browser.close().await;
}

pub async fn an_update_published_by_hand_is_shown_to_arrive_in_all_four_lanes() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, QUICK).await;
    browser.click("#publish").await;
    let heading = "document.getElementById('heading').textContent";
    let text = browser.read_when("the arrivals are shown", &format!("{heading}.includes('arrived')"), heading).await;
    let text = text.as_str().unwrap();
    for lane in ["Polling after", "Long polling after", "SSE after", "WebSocket after"] {
        assert!(text.contains(lane), "{text}");
    }
    assert_eq!(
        browser.read("page.lanes.map((lane) => lane.deliveries.filter((one) => one.mark).length)").await,
        json!([1, 1, 1, 1])
    );
    browser.close().await;
}

pub async fn the_page_asks_for_the_token_once_on_the_main_stream_and_never_in_its_own_room() {
    let browser = Browser::open(Viewport::default()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef0123456789abcdef").unwrap();
    let flags = ["--feed", "synthetic", "--rate", "10", "--token-file", file.path().to_str().unwrap()];
    let server = Server::start(&flags).await;
    browser.goto(&server, QUICK).await;
    browser.click("#publish").await;
    browser.until("it is published", "document.getElementById('heading').textContent.includes('arrived')").await;
    assert_eq!(browser.read("document.getElementById('token').open").await, json!(false));

    browser.driver.goto("about:blank").await.unwrap();
    // On the main stream even setting the session's round trip needs the token.
    browser.driver.goto(server.url("/#room=main&view=window&rtt=0")).await.unwrap();
    browser.until("all lanes receive", "page.lanes.length === 4 && page.lanes.every((lane) => lane.latest)").await;
    browser.click("#publish").await;
    browser.until("the token is asked for", "document.getElementById('token').open").await;
    browser.screenshot("token").await;
    browser.click("#token button[value='']").await;
    browser
        .until("the page says that it only watches", "document.getElementById('heading').textContent.includes('token')")
        .await;
    browser.click("#publish").await;
    browser.until("the token is asked for again", "document.getElementById('token').open").await;
    let input = browser.driver.find(By::Css("#token-text")).await.unwrap();
    input.send_keys("0123456789abcdef0123456789abcdef" + Key::Enter).await.unwrap();
    browser.until("it is published", "document.getElementById('heading').textContent.includes('arrived')").await;
    browser.click("#cut").await;
    browser.until("the cut does not ask for the token", "page.lanes.every((lane) => lane.cuts.length === 1)").await;
    browser.close().await;
}

/// Cuts all lanes off and waits until every lane has an update from after the cut. Returns of each lane: its key, the
/// length of the cut in ms, the updates recovered and those lost.
async fn cut(browser: &Browser) -> Vec<(String, f64, u64, u64)> {
    browser.click("#cut").await;
    browser.until("the lanes are cut", "page.lanes.every((lane) => lane.cuts.length === 1)").await;
    let is_over = "page.lanes.every((lane) => lane.cuts[0].until !== null && lane.latest.due > lane.cuts[0].until) \
        && !document.getElementById('cut').ariaDisabled";
    browser.until("all are back", is_over).await;
    let cuts = browser
        .read("page.lanes.map((lane) => [lane.key, lane.cuts[0].until - lane.cuts[0].at, lane.cuts[0].recovered, lane.cuts[0].lost])")
        .await;
    let cut = |cut: &serde_json::Value| {
        (
            cut[0].as_str().unwrap().to_owned(),
            cut[1].as_f64().unwrap(),
            cut[2].as_u64().unwrap(),
            cut[3].as_u64().unwrap(),
        )
    };
    cuts.as_array().unwrap().iter().map(cut).collect()
}

pub async fn a_cut_with_a_cursor_loses_nothing_and_each_lane_names_the_code_that_recovered_it() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/").await;
    browser.until("an update everywhere", "page.lanes.every((lane) => lane.audit.received >= 1)").await;
    for (lane, away, recovered, lost) in cut(&browser).await {
        assert!(away >= 3_800.0, "{lane}: a cut of four seconds took {away} ms");
        assert!(recovered >= 3 && lost == 0, "{lane}: {recovered} recovered, {lost} lost");
    }
    let drawn = browser.read("page.lanes.map((lane) => lane.deliveries.filter((one) => one.isRecovered).length === lane.cuts[0].recovered)").await;
    assert_eq!(drawn, json!([true, true, true, true]), "each recovered update is marked, in every lane");
    let notices = browser
        .read_when(
            "the notices are shown",
            "page.lanes.every((lane) => document.querySelector(`.${lane.key} .notice`).dataset.tone === 'good')",
            "[...document.querySelectorAll('.notice')].map((one) => one.textContent)",
        )
        .await;
    browser.screenshot("cut-with-cursor").await;
    for (index, who) in ["your code", "your code", "the browser", "your code"].into_iter().enumerate() {
        let notice = notices[index].as_str().unwrap();
        assert!(notice.contains(who) && notice.contains("journal"), "{notice}");
    }
    assert_eq!(
        browser.read("page.lanes.map((lane) => lane.audit.missing + lane.audit.duplicate)").await,
        json!([0, 0, 0, 0])
    );
    // A long poll may be between two requests when the cut begins; then the next request is broken.
    browser
        .until(
            "the server reports that it cut each of them",
            "['long_polling', 'sse', 'websocket'].every((key) => page.status.lanes[key].cuts >= 1)",
        )
        .await;
    browser.close().await;
}

pub async fn a_cut_without_a_cursor_loses_the_updates_published_meanwhile_in_every_lane() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/").await;
    browser.click("#keeps-cursor").await;
    for (lane, _, recovered, lost) in cut(&browser).await {
        assert!(lost >= 3, "{lane}: {recovered} recovered, {lost} lost");
    }
    browser
        .until(
            "the losses are shown",
            "page.lanes.every((lane) => \
        document.querySelector(`.${lane.key} .notice`).textContent.includes(`${lane.cuts[0].lost} updates lost`))",
        )
        .await;
    browser.screenshot("cut-without-cursor").await;
    // Each lost update has its mark: the page has read from the server's schedule when it was due.
    let known = browser
        .read(
            "page.lanes.map((lane) => lane.losses.reduce((sum, loss) => sum + page.born.filter((one) => \
        one.seq >= loss.first && one.seq < loss.first + loss.count).length, 0) === lane.cuts[0].lost)",
        )
        .await;
    assert_eq!(known, json!([true, true, true, true]));
    browser.close().await;
}

pub async fn the_connection_limit_demo_stalls_the_next_request_explains_why_and_closes_its_connections() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/#view=window&feed=steady&rate=10&rtt=0&poll=200&panel=connections").await;
    let result = "document.getElementById('connect-result').textContent";
    let counts = "[page.lanes[0].exchanges.filter((one) => one.answered).length, page.lanes[3].audit.received]";
    // While it is stuck, the page itself records what the lanes do: the test might look too late.
    let watch = format!(
        "window.stuck = []; new MutationObserver(() => window.stuck.push({{ is: {result}.startsWith('Stuck'), \
        counts: (() => {{ const {{ page }} = window.pushpull; return {counts}; }})() }})) \
        .observe(document.getElementById('connect-result'), {{ childList: true, characterData: true, subtree: true }});"
    );
    browser.driver.execute(watch, Vec::new()).await.unwrap();
    browser.click("#connect").await;
    browser.until("they are closed", &format!("{result}.startsWith('Closed')")).await;
    let seen =
        browser.read("window.stuck.slice(window.stuck.findIndex((one) => one.is)).map((one) => one.counts)").await;
    let count =
        |at: usize, lane: usize| seen[at][lane].as_u64().unwrap_or_else(|| panic!("stuck, then closed: {seen}"));
    // Six seconds are sixty updates. Requests that were under way may still be answered.
    assert!(count(1, 1) > count(0, 1) + 15, "the WebSocket goes on meanwhile: {seen}");
    assert!(count(1, 0) <= count(0, 0) + 2, "polling waits meanwhile: {seen}");
    let answered = count(1, 0);
    browser
        .until(
            "polling goes on",
            &format!("page.lanes[0].exchanges.filter((one) => one.answered).length > {answered} + 3"),
        )
        .await;
    assert_eq!(browser.read("page.lanes.map((lane) => lane.audit.missing)").await, json!([0, 0, 0, 0]));
    browser.close().await;
}

pub async fn over_http2_the_limit_of_six_connections_is_gone() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&["--tls"]).await;
    browser.goto(&server, "/#view=window&feed=steady&rate=10&rtt=0&poll=200&panel=connections").await;
    browser.click("#connect").await;
    let is_told = "document.getElementById('connect-result').dataset.protocol === 'h2'";
    browser.until("all streams are open at the same time", is_told).await;
    let answered = "page.lanes[0].exchanges.filter((one) => one.answered).length";
    let polls = browser.read(answered).await.as_u64().unwrap();
    browser.until("polling goes on", &format!("{answered} > {polls} + 3")).await;
    assert_eq!(browser.read("page.lanes.map((lane) => lane.audit.missing)").await, json!([0, 0, 0, 0]));
    // On a shared connection bytes cannot be attributed to lanes, so the figures leave them out.
    let cells = |names: &str| {
        format!(
            "[...document.querySelectorAll('#figures .row:not(.head) .cell')].filter((cell) => {names}.some((name) => \
             cell.classList.contains(name))).map((cell) => [cell.textContent, cell.title])"
        )
    };
    let are_counted = format!("{}.every(([text]) => /^[0-9]/.test(text))", cells("['updates', 'requests']"));
    browser.until("updates and requests are counted", &are_counted).await;
    let of_bytes = browser.read(&cells("['messages', 'tcp', 'total', 'bar']")).await;
    assert_eq!(of_bytes, json!(vec![["–", "not counted separately over HTTP/2"]; 16]));
    // The one prediction about bytes is hidden, too.
    let forms = "[...document.querySelectorAll('#predict .steps button')].map((_, index) => { \
                 document.querySelectorAll('#predict .steps button')[index].click(); \
                 return document.querySelector('#predict form').hidden; })";
    let hidden = browser.read(forms).await;
    assert_eq!(hidden.as_array().unwrap().iter().filter(|one| **one == json!(true)).count(), 1, "{hidden}");
    browser.close().await;
}

pub async fn a_message_to_the_server_is_a_small_frame_on_the_websocket_and_a_request_in_each_other_lane() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, &format!("{QUICK}&panel=up")).await;
    browser.click("#up button").await;
    browser.until("the echo is shown", "document.getElementById('up-result').textContent.includes('round trip')").await;
    // RFC 6455 section 5.2: 2 B of header, 4 B of mask on the way up, and `hello`.
    let sizes = browser.text("#up-result .websocket").await;
    assert!(sizes.contains("11 B up, 7 B back"), "{sizes}");
    let posted = browser
        .read("page.lanes.slice(0, 3).map((lane) => lane.messages.length === 1 && lane.messages[0].up > 200)")
        .await;
    assert_eq!(posted, json!([true, true, true]), "a POST takes its whole head, and each lane sent one");
    assert_eq!(browser.read("page.status.lanes.up_post.requests").await.as_u64().map(|count| count <= 3), Some(true));
    browser.until("three POSTs in all", "page.status.lanes.up_post.requests === 3").await;
    browser.close().await;
}
