//! Goes through the lessons as a reader does (guess, run, three bars), in both languages, on desktop and phone, light
//! and dark.
//!
//! With `PUSHPULL_BLESS=1` it writes what it measured to `docs/learn/figures.json`, and the pictures.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::browser::{Browser, Viewport};
use crate::common::Server;
use crate::near_theory::Run;

/// The files of the lessons. docs/learn/labs.json has how far each lab may be from theory.
const LESSONS: [&str; 10] = [
    "01-polling",
    "02-late",
    "03-long-polling",
    "04-bytes",
    "05-sse",
    "06-websocket",
    "07-resume",
    "08-between",
    "09-slow-reader",
    "10-choose",
];
/// The smallest text size that can be read from the last row of a classroom.
const TEXT_PX_MIN: f64 = 14.0;
/// How often a run that is far from theory is repeated: other programs may have disturbed it.
const ATTEMPTS: usize = 6;
/// Width, height, and whether the colour scheme is dark.
type Screen = (u32, u32, bool);
const DESKTOP: Screen = (1280, 800, false);
const PHONE: Screen = (390, 844, true);

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn labs() -> BTreeMap<String, Value> {
    serde_json::from_str(&std::fs::read_to_string(repository("docs/learn/labs.json")).unwrap()).unwrap()
}

async fn set_screen(browser: &Browser, (width, height, is_dark): Screen) {
    let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
    browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    let scheme = if is_dark { "dark" } else { "light" };
    browser
        .devtools(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        )
        .await;
}

/// Runs a lab with the slider's initial guess; returns what the page stored of the last run.
async fn run(browser: &Browser, lab: &str, within: f64) -> Value {
    browser.click(&format!("#lab-{lab} form.guess button")).await;
    let state = format!("document.getElementById('lab-{lab}').dataset");
    let kept = format!("JSON.parse(localStorage.getItem('pushpull-lessons') ?? '{{}}').guesses?.['{lab}']");
    let mut last = Value::Null;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            println!("{lab} was disturbed: {:?}", Run::of(&last));
            browser.click(&format!("#lab-{lab} button.again")).await;
        }
        let is_over = format!("{state}.state === 'failed' || {kept}?.runs > {attempt} && {state}.state === 'answered'");
        browser.until(&format!("{lab} is answered"), &is_over).await;
        let shown = browser.text(&format!("#lab-{lab} .result")).await;
        assert_eq!(browser.read(&format!("{state}.state")).await, json!("answered"), "{lab}: {shown}");
        last = browser.read(&format!("{kept}.last")).await;
        if is_acceptable(Run::of(&last), within) {
            break;
        }
    }
    last
}

/// Is a run close enough to theory? One that will be recorded gets no allowance for disturbance.
fn is_acceptable(run: Run, within: f64) -> bool {
    if is_blessed() { run.is_fit_to_record(within) } else { run.is_near(within) }
}

fn is_blessed() -> bool {
    std::env::var_os("PUSHPULL_BLESS").is_some_and(|value| value == "1")
}

/// The figures of a run as the page shows them, by name.
async fn shown(browser: &Browser, lab: &str) -> Value {
    let script = format!(
        "(() => {{ const {{ unit, measured, theory, rows, details }} = JSON.parse(localStorage.getItem('pushpull-lessons')).guesses['{lab}'].last; \
        return {{ measured: it.shown(measured, unit), theory: it.shown(theory, unit), \
        ...Object.fromEntries(rows.map(([, value], index) => [`row${{index}}`, it.shown(value, unit)])), \
        ...Object.fromEntries(Object.entries(details).map(([name, value]) => [name, String(value)])) }}; }})()"
    );
    browser.import("learn/words.js", &script).await
}

/// Saves the picture after the run as the lesson's still picture.
async fn keep_picture(browser: &Browser, lab: &str) {
    let script = format!(
        "(() => {{ const one = window.lessons.labs.find(({{ lab }}) => lab.id === '{lab}'); \
        return one.instrument.picture?.(one.still.querySelector('img')?.alt ?? '') ?? null; }})()"
    );
    if let Value::String(picture) = browser.read(&script).await {
        std::fs::write(repository(&format!("docs/learn/pictures/{lab}.svg")), picture).unwrap();
    }
}

async fn walk(
    browser: &Browser,
    server: &Server,
    lesson: &str,
    screen: Screen,
) -> (BTreeMap<String, Value>, Vec<String>) {
    let number: u64 = lesson[..2].parse().unwrap();
    set_screen(browser, screen).await;
    browser.driver.goto(server.url(&format!("/learn/{lesson}"))).await.unwrap();
    browser.until("the page is alive", "Boolean(window.lessons)").await;
    let mut recorded = BTreeMap::new();
    let mut wrong = Vec::new();
    for (lab, settings) in labs().into_iter().filter(|(_, settings)| settings["lesson"] == number) {
        assert_eq!(
            browser.read(&format!("document.querySelectorAll('#lab-{lab} .bars').length")).await,
            json!(0),
            "{lab}: no figure before the guess"
        );
        let within = settings["within"].as_f64().unwrap();
        let result = run(browser, &lab, within).await;
        let bars = browser
            .read(&format!("[...document.querySelectorAll('#lab-{lab} .bars b')].slice(0, 3).map((bar) => Number(bar.dataset.value))"))
            .await;
        assert_eq!(bars, json!([result["guess"], result["measured"], result["theory"]]), "{lab}: three bars");
        println!("{lab}: {:?}, {}", Run::of(&result), result["details"]);
        if !is_acceptable(Run::of(&result), within) {
            wrong.push(format!("{lab}: {:?}", Run::of(&result)));
        }
        recorded.insert(lab.clone(), shown(browser, &lab).await);
        if is_blessed() {
            keep_picture(browser, &lab).await;
        }
    }
    for (width, height, is_dark) in [DESKTOP, (1280, 800, true), (390, 844, false), PHONE] {
        set_screen(browser, (width, height, is_dark)).await;
        let name = format!("{lesson}-{width}-{}", if is_dark { "dark" } else { "light" });
        let wide = browser.read("document.documentElement.scrollWidth").await.as_u64().unwrap();
        assert!(wide <= u64::from(width), "{name}: the page is {wide} px wide");
        let smallest = browser
            .read(
                "Math.min(window.canvasTextPx, ...[...document.querySelectorAll('body *')].filter((node) => \
            node.checkVisibility() && [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim())) \
            .map((node) => parseFloat(getComputedStyle(node).fontSize)))",
            )
            .await
            .as_f64()
            .unwrap();
        assert!(smallest >= TEXT_PX_MIN, "{name}: a text of {smallest} px");
        browser.screenshot(&name).await;
    }
    // The seventh lesson cuts connections, and a browser logs each failed attempt to reconnect.
    let is_cut = |line: &String| lesson == "07-resume" && line.contains("/updates/ws?");
    let console: Vec<String> = browser.console().await.into_iter().filter(|line| !is_cut(line)).collect();
    assert_eq!(console, Vec::<String>::new(), "{lesson}");
    (recorded, wrong)
}

pub async fn all_ten_lessons_run_and_show_three_bars_near_theory_at_both_widths_light_and_dark() {
    let server = Server::start(&["--feed", "none"]).await;
    let browsers = Browser::open_two_alone(Viewport::default()).await;
    let [one, two] = &browsers;
    let (one, two) =
        tokio::join!(walk_all(one, &server, &LESSONS[..5], DESKTOP), walk_all(two, &server, &LESSONS[5..], DESKTOP));
    let version = browsers[0].read("/Chrome\\/([0-9]+)/.exec(navigator.userAgent)[1]").await;
    for browser in browsers {
        browser.close().await;
    }
    let wrong = [one.1, two.1].concat();
    assert!(wrong.is_empty(), "far from theory: {wrong:#?}");
    if is_blessed() {
        let mut recorded: BTreeMap<_, _> = one.0.into_iter().chain(two.0).collect();
        recorded.insert("run".to_owned(), recorded_with(version.as_str().unwrap()));
        let text = serde_json::to_string_pretty(&recorded).unwrap();
        std::fs::write(repository("docs/learn/figures.json"), text + "\n").unwrap();
    }
}

/// The commit, date and browser of the recording, which docs/learn/README.md shows.
fn recorded_with(version: &str) -> Value {
    let commit = pushpull::load::environment::read(Vec::new(), &[]).commit;
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    json!({"commit": commit, "date": date, "browser": format!("Chromium {version}")})
}

async fn walk_all(
    browser: &Browser,
    server: &Server,
    lessons: &[&str],
    screen: Screen,
) -> (BTreeMap<String, Value>, Vec<String>) {
    let mut all = (BTreeMap::new(), Vec::new());
    for lesson in lessons {
        let (recorded, wrong) = walk(browser, server, lesson, screen).await;
        all.0.extend(recorded);
        all.1.extend(wrong);
    }
    all
}

pub async fn guesses_and_answers_are_kept_in_both_languages_and_handed_in_as_the_schema_says() {
    let server = Server::start(&["--feed", "none"]).await;
    let browser = Browser::open(Viewport::default()).await;
    let open = async |path: &str| {
        browser.driver.goto(server.url(path)).await.unwrap();
        browser.until("the page is alive", "Boolean(window.lessons)").await;
    };
    open("/learn/en/06-websocket").await;
    run(&browser, "hello", 0.0).await;
    browser.click("#check-hello-mask .option:nth-child(1)").await;
    assert!(!browser.text("#check-hello-mask .feedback").await.is_empty(), "there is an explanation");
    browser.click("#check-hello-mask .option:nth-child(2)").await;
    let script = "const field = document.getElementById('note-saw-hello'); field.value = 'eleven bytes'; \
        field.dispatchEvent(new Event('change'));";
    browser.driver.execute(script, Vec::new()).await.unwrap();

    // The same page in the other language has them, and every text is translated.
    browser.click("nav a[hreflang=zh]").await;
    browser.until("the other language", "document.documentElement.lang === 'zh' && Boolean(window.lessons)").await;
    assert_eq!(browser.read("window.lessons.untranslated()").await, json!([]));
    assert_eq!(browser.read("document.querySelectorAll('#lab-hello .bars b').length >= 3").await, json!(true));
    browser.screenshot("lesson-zh").await;
    // So is every text in and next to the pictures of the lanes.
    for (lesson, lab) in [("01-polling", "empty"), ("05-sse", "six"), ("07-resume", "lost")] {
        open(&format!("/learn/zh/{lesson}")).await;
        // The first picture of a page starts by itself.
        let begin = format!("document.querySelector('#lab-{lab} button.watch')?.click()");
        browser.driver.execute(begin, Vec::new()).await.unwrap();
        browser
            .until("something is seen", "page.lanes.length > 0 && page.lanes.every((lane) => lane.audit.received > 1)")
            .await;
        browser.screenshot(&format!("lanes-zh-{lesson}")).await;
        assert_eq!(browser.read("window.lessons.untranslated()").await, json!([]));
    }

    open("/learn/en/").await;
    browser
        .until(
            "the list shows it",
            "document.querySelector('a[href=\"06-websocket\"]').nextElementSibling?.textContent.includes('1')",
        )
        .await;
    open("/learn/en/hand-in").await;
    browser.screenshot("hand-in").await;
    let file = browser.read("window.lessons.handIn()").await;
    let schema = std::fs::read_to_string(repository("schema/hand-in.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let problems: Vec<String> = validator.iter_errors(&file).map(|error| error.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new(), "{file}");
    assert_eq!((&file["guesses"][0]["lab"], &file["guesses"][0]["measured"]), (&json!("hello"), &json!(11)));
    assert_eq!(
        (&file["checks"][0]["answer"], &file["checks"][0]["right"]),
        (&json!(1), &json!(false)),
        "the first answer counts"
    );
    assert_eq!(file["notes"][0]["text"], json!("eleven bytes"));
    browser.click("#forget").await;
    browser.click("#forget").await;
    assert_eq!(browser.read("window.lessons.handIn().guesses").await, json!([]));
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
}

pub async fn two_pages_in_one_room_talk_and_see_the_frames_of_their_own_messages() {
    let server = Server::start(&["--feed", "none"]).await;
    let browsers = Browser::open_two(Viewport::default()).await;
    for browser in &browsers {
        browser.driver.goto(server.url("/learn/en/06-websocket#room=desk-7")).await.unwrap();
        browser.until("it is in the room", "document.querySelector('.talk .told')?.textContent.length > 0").await;
    }
    let [one, two] = &browsers;
    one.click(".talk form button").await;
    two.until("the message has arrived", "document.querySelector('.talk .log').textContent.includes('Hello!')").await;
    one.until("its frame is shown", "document.querySelector('.frame .data small')?.textContent.includes('Hello!')")
        .await;
    assert_eq!(one.read("document.querySelectorAll('.frame .cell').length").await, json!(4));
    assert_eq!(two.read("document.querySelector('.frame')").await, json!(null), "only the sender sees the frame");
    one.click(".talk .pair button").await;
    one.until("the close code is shown", "document.querySelector('.talk .log .closed')?.textContent.includes('4000')")
        .await;
    for browser in browsers {
        browser.close().await;
    }
}

pub async fn the_handout_is_printed_on_one_sheet() {
    use base64::Engine as _;
    let server = Server::start(&["--feed", "none"]).await;
    let browser = Browser::open(Viewport::default()).await;
    browser.driver.goto(server.url("/learn/en/handout")).await.unwrap();
    let printed = browser.devtools("Page.printToPDF", json!({"preferCSSPageSize": true})).await;
    let printed = printed["data"].as_str().unwrap();
    let pdf = base64::engine::general_purpose::STANDARD.decode(printed).unwrap();
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("handout.pdf"), &pdf).unwrap();
    let text = String::from_utf8_lossy(&pdf);
    let sheets = text.matches("/Type /Page").count() - text.matches("/Type /Pages").count();
    assert_eq!(sheets, 1);
    browser.close().await;
}
