//! How it looks: on a projector and on a phone, light and dark, by keyboard, and with motion reduced.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::browser::{Browser, Looks};
use crate::common::Server;

#[tokio::test]
async fn the_page_fits_a_projector_and_a_phone_in_light_and_in_dark() {
    for (name, width, height) in [("projector", 1280, 800), ("phone", 390, 844)] {
        for is_dark in [false, true] {
            let looks = Looks { width, height, is_dark, is_still: false };
            let Some(browser) = Browser::open(looks).await else { return };
            let server = Server::start(&[]).await;
            browser.goto(&server, "/#window=5").await;
            browser.until("a full picture", "page.lanes[0].exchanges.length > 6").await;
            browser.screenshot(&format!("{name}-{}", if is_dark { "dark" } else { "light" })).await;
            let overflow =
                browser.read("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            assert_eq!(overflow, json!(0), "nothing is cut off at the side");
            if name == "projector" {
                let bottom =
                    browser.read("document.querySelector('.lane.websocket').getBoundingClientRect().bottom").await;
                assert!(bottom.as_f64().unwrap() <= 800.0, "all four lanes stand on the first screen: {bottom}");
            }
            // Something of the lane's own colour is drawn.
            let drawn = browser.read("page.lanes.map((lane) => { const canvas = document.querySelector(`.${lane.key} .diagram`); \
                const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; \
                let count = 0; for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 200) count += 1; return count > 500; })").await;
            assert_eq!(drawn, json!([true, true, true, true]));
            browser.close().await;
        }
    }
}

#[tokio::test]
async fn everything_can_be_done_by_keyboard_and_has_a_name() {
    let Some(browser) = Browser::open(Looks::default()).await else { return };
    let server = Server::start(&[]).await;
    browser.goto(&server, "/").await;
    let tab = browser.driver.find(By::Css("#tab-controls")).await.unwrap();
    tab.focus().await.unwrap();
    tab.send_keys(Key::Right + Key::Null).await.unwrap();
    browser
        .until(
            "the arrow key moved on",
            "document.activeElement.id === 'tab-predict' && !document.getElementById('panel-predict').hidden",
        )
        .await;
    browser.click("#tab-controls").await;
    let slider = browser.driver.find(By::Css("#knob-poll")).await.unwrap();
    slider.send_keys(Key::Left + Key::Null).await.unwrap();
    browser.until("the slider moved", "page.settings.poll === 500").await;
    let nameless = browser.read("[...document.querySelectorAll('button, input, select, canvas[role=img], [role=img]')].filter((node) => \
        !(node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim())).map((node) => node.outerHTML)").await;
    assert_eq!(nameless, json!([]));
    browser
        .until(
            "pictures are told in words",
            "document.querySelector('.polling .diagram').ariaLabel?.includes('requests')",
        )
        .await;
    browser.close().await;
}

#[tokio::test]
async fn with_reduced_motion_the_pictures_change_once_a_second_at_most() {
    let Some(browser) = Browser::open(Looks { is_still: true, ..Looks::default() }).await else { return };
    let server = Server::start(&[]).await;
    browser.goto(&server, "/").await;
    let watch = "window.changes = new Set(); window.watchedSince = performance.now(); \
        const canvas = document.querySelector('.websocket .diagram'); \
        const look = () => { window.changes.add(canvas.toDataURL()); requestAnimationFrame(look); }; look();";
    browser.driver.execute(watch, Vec::new()).await.unwrap();
    browser.until("four seconds", "performance.now() - window.watchedSince > 4000").await;
    let changes = browser.read("window.changes.size").await.as_u64().unwrap();
    assert!((2..=6).contains(&changes), "{changes} pictures in four seconds");
    browser.close().await;
}
