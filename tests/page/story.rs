//! The page's first view: the way of one update through the four lanes, with a true sentence in each.

use serde_json::{Value, json};

use crate::browser::{Browser, Viewport};
use crate::common::Server;

/// The lanes in the order of the page.
const LANES: [&str; 4] = ["polling", "long_polling", "sse", "websocket"];

/// The followed update has arrived in every lane, and its picture is drawn to the end.
const IS_OVER: &str = "(() => { const frame = page.story.frame(performance.now()); \
    return frame.scene.kind === 'update' && frame.now >= frame.to && page.lanes.every((lane) => \
    lane.deliveries.some((one) => one.seq === frame.scene.seq)); })()";

pub async fn the_first_view_follows_one_update_through_four_lanes_slowly_enough_to_see_its_way() {
    let browser = Browser::open(Viewport { width: 1024, height: 768, ..Viewport::default() }).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/").await;
    // All read at one moment: the page soon follows the next update.
    let seen = "(() => { const of = (lane) => lane.deliveries.find((one) => one.seq === page.story.scene.seq); \
        const frame = page.story.frame(performance.now()); const asked = of(page.lanes[0]); \
        return { late: page.lanes.map((lane) => of(lane).arrived - of(lane).due), uncertain: clock.roundTripMs / 2, \
        seconds: (frame.to - frame.from) / 1000, asked: (asked.exchange.sent - asked.due) / 1000, \
        slant: page.lanes[2].oneWay / page.story.spanMs * document.querySelector('.diagram').clientWidth, \
        notices: [...document.querySelectorAll('.notice')].map((one) => one.textContent), \
        told: page.lanes.map((lane) => document.querySelector(`.${lane.key} .late`).textContent) }; })()";
    let is_complete = format!(
        "{IS_OVER} && [...document.querySelectorAll('.late')].every((one) => one.textContent.endsWith(' late'))"
    );
    let seen = browser.read_when("one update has arrived, and its lateness is shown", &is_complete, seen).await;
    let number = |name: &str| seen[name].as_f64().unwrap_or_else(|| panic!("{name} in {seen}"));
    for (key, late) in LANES.into_iter().zip(seen["late"].as_array().unwrap()) {
        // Up to the uncertainty of the clocks, no update is faster than its way.
        assert!(late.as_f64().unwrap() >= 400.0 - 20.0 - number("uncertain"), "{key} over a way of 400 ms: {seen}");
    }
    assert!((3.0..8.0).contains(&number("seconds")), "seconds on the screen: {seen}");
    assert!(number("slant") > 40.0, "the horizontal pixels of an arrow: {seen}");
    let notices: Vec<&str> = seen["notices"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(notices.iter().all(|notice| !notice.is_empty() && notice.len() < 130), "{notices:?}");
    for (index, notice) in notices.iter().enumerate() {
        assert!(!notices[..index].contains(notice), "each lane has a different sentence: {notices:?}");
    }
    // The sentence of the polling lane matches its exchange.
    let asked = number("asked");
    if asked > 0.0 {
        assert!(notices[0].contains(&format!("{asked:.1} s")), "{asked} s: {}", notices[0]);
    }
    browser.close().await;
}

pub async fn the_pictures_of_event_stream_and_websocket_differ_even_without_colour() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/").await;
    // The share of the dark pixels of both pictures that are dark in only one of them.
    let differ = browser
        .read_when("one journey is over", IS_OVER, "(() => { const ink = ['sse', 'websocket'].map((key) => { const canvas = document.querySelector(`.${key} .diagram`); \
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; const points = []; \
        for (let i = 0; i < data.length; i += 4) points.push(data[i + 3] > 120 && data[i] + data[i + 1] + data[i + 2] < 600); \
        return points; }); let one = 0; let both = 0; \
        ink[0].forEach((is, at) => { one += is !== ink[1][at]; both += is && ink[1][at]; }); return one / (one + both); })()")
        .await;
    assert!(differ.as_f64().unwrap() > 0.3, "{differ} of the dark pixels are in only one picture");
    browser.close().await;
}

pub async fn the_websocket_lane_shows_the_servers_ping_and_the_browsers_pong() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/").await;
    browser.until("a ping and its pong", "page.lanes[3].pings.some((one) => one.pong !== null)").await;
    let took = browser.read("page.lanes[3].pings[0].pong - page.lanes[3].pings[0].ping").await;
    assert!(took.as_f64().unwrap() >= 790.0, "ping and pong take the added round trip: {took} ms");
    browser.close().await;
}

pub async fn arrows_and_table_show_the_same_bytes_and_the_table_adds_those_of_tcp() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/#view=window&feed=steady&rate=50&payload=100&rtt=0&panel=figures").await;
    browser.until("updates of 100 B", "page.lanes.every((lane) => String(lane.latest.data).length === 98)").await;
    browser.click("#reset").await;
    browser.until("two hundred updates since", "page.counted('websocket').updates >= 200").await;
    for (index, key) in LANES.into_iter().enumerate().skip(2) {
        let counted =
            browser.read(&format!("(({{ bytes_out, updates }}) => bytes_out / updates)(page.counted('{key}'))")).await;
        let arrow = browser.read(&format!("page.lanes[{index}].deliveries.at(-1).bytes")).await;
        let (counted, arrow) = (counted.as_f64().unwrap(), arrow.as_f64().unwrap());
        // Not exact: a heartbeat of the event stream adds 8 B in fifteen seconds, and the last update may be counted
        // before or after its bytes.
        assert!(
            (counted - arrow).abs() < 1.0 + arrow / 100.0,
            "{key}: the arrow shows {arrow} B, the server counted {counted} B"
        );
    }
    for key in LANES {
        let sums = browser
            .read(&format!(
                "['messages', 'tcp', 'total'].map((name) => {{ const text = document.querySelector(`.row.{key} .${{name}}`).textContent; \
                return parseFloat(text) * (text.includes('kB') ? 1000 : 1); }})"
            ))
            .await;
        let [messages, tcp, total] = [0, 1, 2].map(|index| sums[index].as_f64().unwrap());
        assert!((messages + tcp - total).abs() <= 0.006 * total + 1.5, "{key}: {sums}");
    }
    let requests = browser
        .read("['sse', 'websocket'].map((key) => document.querySelector(`.row.${key} .requests`).textContent)")
        .await;
    assert_eq!(requests, json!(["1 open", "1 open"]), "an open stream is one request, sent earlier");
    browser.close().await;
}

pub async fn a_latency_below_the_uncertainty_of_the_clocks_is_shown_as_an_upper_bound() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/#view=window&rtt=0&feed=steady&rate=10").await;
    let shown = browser
        .import("clock.js", "[it.latency(-1), it.latency(0), it.latency(it.uncertaintyMs() * 0.99), it.latency(1234)]")
        .await;
    let shown: Vec<&str> = shown.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(shown[..3].iter().all(|one| one.starts_with("under ")), "{shown:?}");
    assert_eq!(shown[3], "1.23 s");
    let shown = browser.read("document.body.innerText").await;
    assert!(!shown.as_str().unwrap().contains("0.00 ms"), "{shown}");
    browser.close().await;
}

pub async fn a_reload_keeps_the_room_and_its_stream() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/#view=window&feed=steady&rate=10&rtt=0").await;
    let room = |page: Value| page.as_str().unwrap().to_owned();
    let before = room(browser.read("new URL(page.lanes[2].source.url).searchParams.get('room')").await);
    assert!(before.starts_with("page-"), "{before}");
    let seq = browser.read("page.lanes[2].audit.last").await.as_u64().unwrap();
    browser.driver.refresh().await.unwrap();
    browser.until("the page is back", "page.lanes.length === 4 && page.lanes.every((lane) => lane.latest)").await;
    assert_eq!(room(browser.read("new URL(page.lanes[2].source.url).searchParams.get('room')").await), before);
    assert!(browser.read("page.lanes[2].audit.last").await.as_u64().unwrap() > seq, "the stream went on");
    browser.close().await;
}
