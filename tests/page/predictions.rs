//! Predict, then see: in a room of the page's own, whatever others do.

use serde_json::{Value, json};

use crate::browser::{Browser, Looks};
use crate::common::Server;

const QUESTIONS: usize = 5;
/// How far a measurement may be from theory.
const WITHIN: f64 = 0.10;

/// How often a question is run again that the page says was disturbed: other programs may have the processors.
const ATTEMPTS: usize = 8;

/// Answers a question with the guess that the slider stands at, and returns guess, measured and theory.
async fn answer(browser: &Browser, question: usize) -> Value {
    browser.click(&format!(".steps button:nth-child({question})")).await;
    let mut values = commit(browser).await;
    for _ in 1..ATTEMPTS {
        if browser.read("document.querySelector('#prediction p').dataset.busy").await == json!("false") {
            break;
        }
        println!("question {question} was disturbed: {values}");
        browser.click("#again").await;
        values = commit(browser).await;
    }
    values
}

async fn commit(browser: &Browser) -> Value {
    browser.click("#commit").await;
    browser.until("the run is over", "document.querySelectorAll('.bars b').length === 3").await;
    browser.read("[...document.querySelectorAll('.bars b')].map((one) => Number(one.dataset.value))").await
}

pub async fn two_pages_in_two_rooms_answer_five_questions_at_the_same_time_all_near_theory_and_without_a_token() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef0123456789abcdef").unwrap();
    let flags = ["--feed", "synthetic", "--rate", "20", "--token-file", file.path().to_str().unwrap()];
    let server = Server::start(&flags).await;
    let browsers = Browser::open_two(Looks::default()).await;
    for browser in &browsers {
        browser.goto(&server, "/#panel=predict").await;
    }
    let main_before = server.newest().await;
    let [one, two] = &browsers;
    for question in 1..=QUESTIONS {
        // Not the same question at the same time: each would disturb the other if the two shared a stream.
        let (first, second) = (question, QUESTIONS + 1 - question);
        let (a, b) = tokio::join!(answer(one, first), answer(two, second));
        for (question, values) in [(first, a), (second, b)] {
            let (measured, theory) = (values[1].as_f64().unwrap(), values[2].as_f64().unwrap());
            println!("question {question}: measured {measured:.1}, theory {theory:.1}");
            assert!(
                (measured / theory - 1.0).abs() <= WITHIN,
                "question {question}: guess, measured, theory: {values}"
            );
        }
    }
    for browser in browsers {
        assert_eq!(browser.read("document.getElementById('token').open").await, json!(false), "no token was asked for");
        let sheet = browser.import("answers.js", "it.csv()").await;
        assert_eq!(sheet.as_str().unwrap().lines().count(), 1 + QUESTIONS, "{sheet}");
        assert_eq!(browser.read("page.lanes.map((lane) => lane.audit.missing)").await, json!([0, 0, 0, 0]));
        browser.close().await;
    }
    let feed = server.json("/live/feed").await;
    assert_eq!((&feed["feed"], &feed["rate"]), (&json!("steady"), &json!(20.0)), "the main stream is the operator's");
    assert_ne!(server.newest().await, main_before, "and went on");
}

pub async fn an_answered_question_hides_no_lane_and_a_reload_loses_neither_the_answer_nor_the_way_back() {
    let browser = Browser::open(Looks::default()).await;
    let server = Server::start(&[]).await;
    browser.goto(&server, "/#panel=predict").await;
    answer(&browser, 3).await;
    browser.screenshot("answered").await;
    let bottom = browser.read("document.querySelector('.lane.websocket').getBoundingClientRect().bottom").await;
    let panel = browser.read("document.getElementById('panel-predict').getBoundingClientRect().bottom").await;
    assert!(
        bottom.as_f64().unwrap() < 800.0 && panel.as_f64().unwrap() <= 800.0,
        "lanes end at {bottom}, panel at {panel}"
    );
    let scrolls = browser.read("(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight)(document.getElementById('panel-predict'))").await;
    assert_eq!(scrolls, json!(0), "the answer is seen whole");

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

pub async fn on_the_main_stream_no_question_is_asked_since_it_would_change_it_for_everyone() {
    let browser = Browser::open(Looks::default()).await;
    let server = Server::start(&["--feed", "synthetic", "--rate", "10"]).await;
    browser.goto(&server, "/#room=main&panel=predict").await;
    assert_eq!(browser.read("document.querySelector('#predict form').hidden").await, json!(true));
    assert_eq!(server.json("/live/feed").await["version"], json!(0));
    browser.close().await;
}
