//! The page's predictions: guess, then measure, in the page's own room.

use serde_json::json;

use crate::browser::{Browser, Viewport};
use crate::common::Server;
use crate::near_theory::Run;

const QUESTIONS: usize = 5;
/// How far a measurement may be from theory, as a fraction of it.
const WITHIN: f64 = 0.10;

/// How often a question whose run is far from theory is repeated: other programs may have disturbed it.
const ATTEMPTS: usize = 5;

/// Answers a question with the slider's initial guess; asserts that the measurement is near theory, with the allowance
/// for the disturbance that the page reports.
async fn answer(browser: &Browser, question: usize) {
    browser.click(&format!(".steps button:nth-child({question})")).await;
    let mut run = commit(browser, question).await;
    for _ in 1..ATTEMPTS {
        if run.is_near(WITHIN) {
            break;
        }
        println!("question {question} was disturbed: {run:?}");
        browser.click("#again").await;
        run = commit(browser, question).await;
    }
    println!("question {question}: {run:?}");
    assert!(run.is_near(WITHIN), "question {question}: {run:?}");
}

async fn commit(browser: &Browser, question: usize) -> Run {
    browser.click("#commit").await;
    browser.until("the run is over", "document.querySelectorAll('.bars b').length === 3").await;
    let bars = browser.read("[...document.querySelectorAll('.bars b')].map((one) => Number(one.dataset.value))").await;
    let kept = browser.import("answers.js", &format!("it.remembered()[{question}]")).await;
    assert_eq!(bars, json!([kept["guess"], kept["measured"], kept["theory"]]), "three bars");
    Run::of(&kept)
}

/// Answers every question, beginning with `first`.
async fn answer_all(browser: &Browser, first: usize) {
    for question in (first..=QUESTIONS).chain(1..first) {
        answer(browser, question).await;
    }
}

pub async fn two_pages_in_two_rooms_answer_five_questions_at_once_all_near_theory_and_without_a_token() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef0123456789abcdef").unwrap();
    let flags = ["--feed", "synthetic", "--rate", "20", "--token-file", file.path().to_str().unwrap()];
    let server = Server::start(&flags).await;
    let browsers = Browser::open_two_alone(Viewport::default()).await;
    for browser in &browsers {
        browser.goto(&server, "/#panel=predict").await;
    }
    let main_before = server.newest().await;
    let [one, two] = &browsers;
    // Different questions at the same time: if the pages shared a stream, each would disturb the other.
    tokio::join!(answer_all(one, 1), answer_all(two, 3));
    for browser in browsers {
        assert_eq!(browser.read("document.getElementById('token').open").await, json!(false), "no token was asked for");
        let sheet = browser.import("answers.js", "it.csv()").await;
        assert_eq!(sheet.as_str().unwrap().lines().count(), 1 + QUESTIONS, "{sheet}");
        assert_eq!(browser.read("page.lanes.map((lane) => lane.audit.missing)").await, json!([0, 0, 0, 0]));
        browser.close().await;
    }
    let feed = server.json("/live/feed").await;
    assert_eq!(
        (&feed["feed"], &feed["rate"]),
        (&json!("steady"), &json!(20.0)),
        "the main stream still has the operator's feed"
    );
    assert_ne!(server.newest().await, main_before, "and went on");
}

pub async fn an_answered_question_hides_no_lane_and_a_reload_keeps_the_answer_and_the_earlier_settings() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/#panel=predict").await;
    browser.click(".steps button:nth-child(3)").await;
    commit(&browser, 3).await;
    browser.screenshot("answered").await;
    let bottom = browser.read("document.querySelector('.lane.websocket').getBoundingClientRect().bottom").await;
    let panel = browser.read("document.getElementById('panel-predict').getBoundingClientRect().bottom").await;
    assert!(
        bottom.as_f64().unwrap() < 800.0 && panel.as_f64().unwrap() <= 800.0,
        "lanes end at {bottom}, panel at {panel}"
    );
    let scrolls = browser.read("(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight)(document.getElementById('panel-predict'))").await;
    assert_eq!(scrolls, json!(0), "the answer is fully visible");

    browser.driver.refresh().await.unwrap();
    browser.until("the page is back", "page.lanes.length === 4 && page.lanes.every((lane) => lane.latest)").await;
    browser.click(".steps button:nth-child(3)").await;
    assert_eq!(browser.read("document.querySelectorAll('.bars b').length").await, json!(3));
    browser.click("#restore").await;
    browser
        .until(
            "the settings are back",
            "page.settings.view === 'one' && page.settings.rtt === 800 && page.settings.rate === 0.15",
        )
        .await;
    browser.close().await;
}

pub async fn the_main_stream_has_no_questions_since_they_would_change_it_for_everyone() {
    let browser = Browser::open(Viewport::default()).await;
    let server = Server::start(&["--feed", "synthetic", "--rate", "10"]).await;
    browser.goto(&server, "/#room=main&panel=predict").await;
    assert_eq!(browser.read("document.querySelector('#predict form').hidden").await, json!(true));
    assert_eq!(server.json("/live/feed").await["version"], json!(0));
    browser.close().await;
}
