//! The page's layout and accessibility: on a projector and a phone, light and dark, by keyboard, and with reduced
//! motion.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::browser::{Browser, NAME, Viewport};
use crate::common::Server;

/// The smallest text size that can be read from the last row of a classroom.
const TEXT_PX_MIN: f64 = 14.0;
/// The maximum height of the page on a phone with no panel open: less than two screens, so that lanes and controls are
/// close.
const PHONE_HEIGHT_PX_MAX: u64 = 1_200;

/// The way of an update is drawn to its end.
const IS_OVER: &str = "(() => { const frame = page.story.frame(performance.now()); \
    return frame.scene.kind === 'update' && frame.now >= frame.to; })()";

/// The parts of each transport's bar of bytes fill it.
const BARS_ARE_FILLED: &str = "[...document.querySelectorAll('#figures .bar[role=img]')].filter((bar) => { \
    const width = (node) => node.getBoundingClientRect().width; \
    return width(bar) >= 40 && Math.abs([...bar.children].reduce((sum, part) => sum + width(part), 0) - width(bar)) < 2; \
    }).length === 4";

/// The smallest visible text size in px, in the page and on its canvases.
async fn smallest_text(browser: &Browser) -> f64 {
    let script = "Math.min(window.canvasTextPx, ...[...document.querySelectorAll('body *')].filter((node) => \
        node.checkVisibility() && [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim())) \
        .map((node) => parseFloat(getComputedStyle(node).fontSize)))";
    browser.read(script).await.as_f64().unwrap()
}

/// The elements whose text is cut off: wider than its box or the page.
async fn cut_off(browser: &Browser) -> serde_json::Value {
    let script = "[...document.querySelectorAll('h1, h2, p, button, label, output, .cell, .row span, .row b')].filter((node) => \
        node.checkVisibility() && (node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0 \
        || node.getBoundingClientRect().right > document.documentElement.clientWidth + 1)).map((node) => node.outerHTML)";
    browser.read(script).await
}

pub async fn four_lanes_fit_on_a_projector_with_any_panel_open_and_no_text_is_too_small() {
    for (width, height, is_dark) in [(1024, 768, false), (1024, 768, true), (1280, 800, false), (1280, 800, true)] {
        let name = format!("{width}x{height}-{}", if is_dark { "dark" } else { "light" });
        let browser = Browser::open(Viewport { width, height, is_dark, ..Viewport::default() }).await;
        let server = Server::start(&[]).await;
        browser.goto(&server, "/").await;
        browser.until("one journey is over", IS_OVER).await;
        browser.screenshot(&name).await;
        for panel in ["", "figures", "settings", "predict", "up", "connections", "reports", "help"] {
            if !panel.is_empty() {
                browser.click(&format!("#open-{panel}")).await;
                browser.screenshot(&format!("{name}-{panel}")).await;
            }
            let page =
                browser.read("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]").await;
            assert_eq!(page, json!([width, height]), "{name} {panel}: everything is on the first screen");
            let lanes = browser.read("[...document.querySelectorAll('.lane')].map((lane) => lane.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom])").await;
            for lane in lanes.as_array().unwrap() {
                let (top, bottom) = (lane[0].as_f64().unwrap(), lane[1].as_f64().unwrap());
                assert!(bottom <= f64::from(height) && bottom - top >= 85.0, "{name} {panel}: {lanes}");
            }
            let smallest = smallest_text(&browser).await;
            assert!(smallest >= TEXT_PX_MIN, "{name} {panel}: a text of {smallest} px");
            if panel == "figures" {
                browser.until("each bar of bytes has its parts", BARS_ARE_FILLED).await;
            }
            assert_eq!(cut_off(&browser).await, json!([]), "{name} {panel}");
        }
        // Each lane's canvas has a drawing.
        let drawn = "page.lanes.every((lane) => { const canvas = document.querySelector(`.${lane.key} .diagram`); \
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; \
            let count = 0; for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 200) count += 1; return count > 500; })";
        browser.until("each lane has its own picture", drawn).await;
        assert_eq!(browser.console().await, Vec::<String>::new());
        browser.close().await;
    }
}

pub async fn on_a_phone_the_lanes_come_before_the_controls_and_nothing_is_cut_off() {
    for is_dark in [false, true] {
        let name = format!("phone-{}", if is_dark { "dark" } else { "light" });
        let browser = Browser::open(Viewport { width: 390, height: 844, is_dark, ..Viewport::default() }).await;
        let server = Server::start(&[]).await;
        browser.goto(&server, "/").await;
        browser.until("one journey is over", IS_OVER).await;
        browser.screenshot(&name).await;
        let tops = browser.read("['.lane.polling', '.lane.websocket', '.actions', '#panels'].map((one) => document.querySelector(one).getBoundingClientRect().top)").await;
        let tops: Vec<f64> = tops.as_array().unwrap().iter().map(|top| top.as_f64().unwrap()).collect();
        assert!(tops.is_sorted() && tops[0] < 100.0 && tops[1] < 700.0, "lanes, actions, panels: {tops:?}");
        let height = browser.read("document.documentElement.scrollHeight").await.as_u64().unwrap();
        assert!(height <= PHONE_HEIGHT_PX_MAX, "{height} px");
        for panel in ["", "figures", "settings", "predict", "up", "connections", "help"] {
            if !panel.is_empty() {
                browser.click(&format!("#open-{panel}")).await;
            }
            assert_eq!(browser.read("document.documentElement.scrollWidth").await, json!(390), "{panel}");
            assert_eq!(cut_off(&browser).await, json!([]), "{name} {panel}");
            assert!(smallest_text(&browser).await >= TEXT_PX_MIN, "{panel}");
            if panel == "figures" {
                browser.until("each bar of bytes has its parts", BARS_ARE_FILLED).await;
            }
        }
        browser.close().await;
    }
}

pub async fn the_page_works_by_keyboard_and_every_control_has_a_name() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/").await;
    let button = browser.driver.find(By::Css("#open-settings")).await.unwrap();
    button.focus().await.unwrap();
    button.send_keys(Key::Enter + Key::Null).await.unwrap();
    browser
        .until(
            "the panel is open",
            "document.activeElement.ariaExpanded === 'true' && !document.getElementById('panel-settings').hidden",
        )
        .await;
    let slider = browser.driver.find(By::Css("#setting-poll")).await.unwrap();
    slider.send_keys(Key::Left + Key::Null).await.unwrap();
    browser.until("the slider moved", "page.settings.poll === 1000").await;
    let nameless = browser.read("[...document.querySelectorAll('button, input, select, canvas[role=img], [role=img]')].filter((node) => \
        !(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim())).map((node) => node.outerHTML)").await;
    assert_eq!(nameless, json!([]));
    browser
        .until(
            "pictures have a description",
            "document.querySelector('.polling .diagram').ariaLabel?.includes('request')",
        )
        .await;
    browser.close().await;
}

pub async fn with_reduced_motion_the_pictures_change_at_most_once_a_second() {
    let browser = Browser::open(Viewport { is_still: true, ..Viewport::default() }).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/#view=window&feed=steady&rate=10&rtt=0").await;
    let watch = "window.changes = new Set(); window.watchedSince = performance.now(); \
        const canvas = document.querySelector('.websocket .diagram'); \
        const look = () => { window.changes.add(canvas.toDataURL()); requestAnimationFrame(look); }; look();";
    browser.driver.execute(watch, Vec::new()).await.unwrap();
    let seen = browser
        .read_when(
            "some change, and four seconds",
            "window.changes.size >= 2 && performance.now() - window.watchedSince > 4000",
            "[window.changes.size, (performance.now() - window.watchedSince) / 1000]",
        )
        .await;
    let (changes, seconds) = (seen[0].as_f64().unwrap(), seen[1].as_f64().unwrap());
    assert!(changes <= seconds + 2.0, "{changes} pictures in {seconds} s");
    browser.close().await;
}

pub async fn a_page_opened_under_an_allowed_host_name_receives_on_all_four_lanes() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&["--allow-host", NAME]).await;
    let url = format!("http://{NAME}:{}/#view=window&feed=steady&rate=10&rtt=0", server.address.port());
    browser.goto_url(&url).await;
    browser.until("each lane goes on", "page.lanes.every((lane) => lane.audit.received > 10)").await;
    browser.close().await;
}
