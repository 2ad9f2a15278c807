//! A real browser for each test: started on a free port, ended by handle.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::extensions::cdp::ChromeDevTools;
use thirtyfour::prelude::*;
use tokio::sync::{Mutex, MutexGuard};

use crate::common::Server;

const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];
const PATIENCE: Duration = Duration::from_secs(45);

/// Browsers are heavy: one at a time, or their own load is what is measured.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A process that ends with its owner, and with it those that it started: a browser outlives its driver otherwise.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let group = self.0.id().try_into().ok().and_then(rustix::process::Pid::from_raw);
        // It may have ended by itself.
        let _ = group.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
        let _ = self.0.wait();
    }
}

/// How a page is looked at.
#[derive(Clone, Copy)]
pub struct Looks {
    pub width: u32,
    pub height: u32,
    pub is_dark: bool,
    pub is_still: bool,
    /// A host name that the browser takes for loopback.
    pub host: Option<&'static str>,
}

impl Default for Looks {
    fn default() -> Self {
        Self { width: 1280, height: 800, is_dark: false, is_still: false, host: None }
    }
}

/// A browser with one page of the server open.
pub struct Browser {
    pub driver: WebDriver,
    driver_url: String,
    _process: Ended,
    _profile: tempfile::TempDir,
    _turn: Arc<MutexGuard<'static, ()>>,
}

/// What is missing here to open one.
pub fn missing() -> Option<String> {
    let missing = [CHROMIUM, CHROMEDRIVER].into_iter().find(|program| !Path::new(program).exists())?;
    Some(format!("{missing} is missing; apt-get install chromium chromium-driver"))
}

impl Browser {
    /// A browser of its own.
    pub async fn open(looks: Looks) -> Self {
        Self::start(looks, Arc::new(ONE_AT_A_TIME.lock().await)).await
    }

    /// Two at the same time, as on two desks.
    pub async fn open_two(looks: Looks) -> [Self; 2] {
        let turn = Arc::new(ONE_AT_A_TIME.lock().await);
        [Self::start(looks, Arc::clone(&turn)).await, Self::start(looks, turn).await]
    }

    async fn start(looks: Looks, turn: Arc<MutexGuard<'static, ()>>) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(CHROMEDRIVER)
            .arg(format!("--port={port}"))
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = Ended(process);
        let driver_url = format!("http://127.0.0.1:{port}");
        let began = Instant::now();
        while reqwest::get(format!("{driver_url}/status")).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "chromedriver does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(CHROMIUM).unwrap();
        // A lab certificate is nobody's that a browser knows.
        capabilities.accept_insecure_certs(true).unwrap();
        for flag in FLAGS {
            capabilities.add_arg(flag).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        if let Some(host) = looks.host {
            capabilities.add_arg(&format!("--host-resolver-rules=MAP {host} 127.0.0.1")).unwrap();
        }
        capabilities.insert_base_capability("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"}));
        let driver = WebDriver::new(&driver_url, capabilities).await.unwrap();
        let browser = Self { driver, driver_url, _process: process, _profile: profile, _turn: turn };
        let Looks { width, height, is_dark, is_still, host: _ } = looks;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": if is_dark { "dark" } else { "light" }},
            {"name": "prefers-reduced-motion", "value": if is_still { "reduce" } else { "no-preference" }},
        ]});
        browser.devtools("Emulation.setEmulatedMedia", features).await;
        // What is drawn on canvases is no text to the page; so its smallest size is written down.
        let watch = "const draw = CanvasRenderingContext2D.prototype.fillText; window.canvasTextPx = Infinity; \
            CanvasRenderingContext2D.prototype.fillText = function (...all) { \
            window.canvasTextPx = Math.min(window.canvasTextPx, Number(/([0-9.]+)px/.exec(this.font)[1])); \
            return draw.apply(this, all); };";
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": watch})).await;
        browser
    }

    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let tools = ChromeDevTools::new(self.driver.handle.clone());
        tools.execute_cdp_with_params(command, parameters).await.unwrap()
    }

    /// Opens a page of the server and waits until all four lanes have received something.
    pub async fn goto(&self, server: &Server, address: &str) {
        self.goto_url(&server.url(address)).await;
    }

    /// The same by a whole address.
    pub async fn goto_url(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
        self.until("all lanes receive", "page.lanes.length === 4 && page.lanes.every((lane) => lane.latest)").await;
    }

    /// What an expression over the page's own `page` and `clock` gives.
    pub async fn read(&self, expression: &str) -> Value {
        let script =
            format!("const {{ page, clock }} = window.pushpull ?? {{ page: {{ lanes: [] }} }}; return {expression};");
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// What a file of the page exports, worked on by an expression over `it`.
    pub async fn import(&self, file: &str, expression: &str) -> Value {
        let script = format!("const it = await import('/web/{file}'); return {expression};");
        let script = format!("const done = arguments[0]; (async () => {{ {script} }})().then(done);");
        self.driver.execute_async(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Waits until an expression holds.
    pub async fn until(&self, what: &str, expression: &str) {
        let began = Instant::now();
        while self.read(&format!("Boolean({expression})")).await != json!(true) {
            if began.elapsed() > PATIENCE {
                let state =
                    self.read("[document.body.innerText, page.lanes.map((lane) => [lane.audit, lane.cuts])]").await;
                panic!("waited for {PATIENCE:?}: {what}\n{state}\n{:?}", self.console().await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn click(&self, selector: &str) {
        self.driver.find(By::Css(selector)).await.unwrap().click().await.unwrap();
    }

    pub async fn text(&self, selector: &str) -> String {
        self.driver.find(By::Css(selector)).await.unwrap().text().await.unwrap()
    }

    /// Moves a slider as a hand does: the value, then the event.
    pub async fn slide(&self, setting: &str, step: u32) {
        let script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'));";
        let slider = self.driver.find(By::Css(format!("#setting-{setting}"))).await.unwrap();
        self.driver.execute(script, vec![slider.to_json().unwrap(), json!(step)]).await.unwrap();
    }

    /// Errors and warnings in the console since it was last asked.
    pub async fn console(&self) -> Vec<String> {
        let address = format!("{}/session/{}/se/log", self.driver_url, self.driver.session_id());
        let client = reqwest::Client::new();
        let answer: Value =
            client.post(address).json(&json!({"type": "browser"})).send().await.unwrap().json().await.unwrap();
        let lines = answer["value"].as_array().cloned().unwrap_or_default();
        let is_bad = |line: &&Value| matches!(line["level"].as_str(), Some("SEVERE" | "WARNING"));
        lines.iter().filter(is_bad).map(|line| line["message"].to_string()).collect()
    }

    /// Writes what is to be seen to `target/tmp`.
    pub async fn screenshot(&self, name: &str) -> Vec<u8> {
        let png = self.driver.screenshot_as_png().await.unwrap();
        std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}.png")), &png).unwrap();
        png
    }

    pub async fn close(self) {
        self.driver.quit().await.unwrap();
    }
}

/// Chooses a feed as a hand does: the value, then the event.
pub async fn choose_feed(browser: &Browser, feed: &str) {
    let script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'));";
    let select = browser.driver.find(By::Css("#setting-feed")).await.unwrap();
    browser.driver.execute(script, vec![select.to_json().unwrap(), json!(feed)]).await.unwrap();
    browser.until("the feed is set", &format!("page.status.feed.feed === '{feed}'")).await;
}
