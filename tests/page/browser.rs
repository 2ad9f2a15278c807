//! Real browsers. Each is started by its own chromedriver on a free port and ended through its process handle. The next
//! test reuses it, with a new tab and without any data of the test before.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::extensions::cdp::ChromeDevTools;
use thirtyfour::prelude::*;
use tokio::runtime::Runtime;
use tokio::sync::SemaphorePermit;

use crate::common::Server;
use crate::common::tool_tests::Slots;

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
/// A host name that every browser here resolves to loopback.
pub const NAME: &str = "lab.example";
/// The timeout for anything on the page, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Slots for browsers that run in parallel: they mostly wait, so two processors are enough for four. A test that
/// measures takes all slots, since the load of others would disturb it.
pub static SLOTS: Slots = Slots::new(4);

/// The runtime of all tests: a browser outlives the test that started it.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Browsers that no test is using.
static IDLE: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// Ends all browsers that are left.
pub fn end_all() {
    idle().clear();
}

fn idle() -> std::sync::MutexGuard<'static, Vec<Running>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A browser and its driver.
struct Running {
    driver: WebDriver,
    driver_url: String,
    _process: ProcessGroup,
    profile: tempfile::TempDir,
}

/// A process group that is killed when this is dropped. Without that a browser would outlive its driver.
struct ProcessGroup(Child);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        let group = self.0.id().try_into().ok().and_then(rustix::process::Pid::from_raw);
        // It may have ended by itself.
        let _ = group.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
        let _ = self.0.wait();
    }
}

/// The size and the media features with which a page is shown.
#[derive(Clone, Copy)]
pub struct Viewport {
    pub width: u32,
    pub height: u32,
    pub is_dark: bool,
    pub is_still: bool,
}

impl Default for Viewport {
    fn default() -> Self {
        Self { width: 1280, height: 800, is_dark: false, is_still: false }
    }
}

/// A browser with one page of the server open.
pub struct Browser {
    pub driver: WebDriver,
    running: Option<Running>,
    _slots: SemaphorePermit<'static>,
}

/// Why no browser can be started on this machine, if it cannot.
pub fn missing() -> Option<String> {
    let missing = [CHROMIUM, CHROMEDRIVER].into_iter().find(|program| !Path::new(program).exists())?;
    Some(format!("{missing} is missing; apt-get install chromium chromium-driver"))
}

impl Running {
    async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(CHROMEDRIVER)
            .arg(format!("--port={port}"))
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = ProcessGroup(process);
        let driver_url = format!("http://127.0.0.1:{port}");
        let began = Instant::now();
        while reqwest::get(format!("{driver_url}/status")).await.is_err() {
            assert!(began.elapsed() < TIMEOUT, "chromedriver does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(CHROMIUM).unwrap();
        // The certificate of `--tls` is signed by no authority that a browser knows.
        capabilities.accept_insecure_certs(true).unwrap();
        for flag in FLAGS {
            capabilities.add_arg(flag).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        capabilities.add_arg(&format!("--host-resolver-rules=MAP {NAME} 127.0.0.1")).unwrap();
        capabilities.insert_base_capability("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"}));
        let driver = WebDriver::new(&driver_url, capabilities).await.unwrap();
        Self { driver, driver_url, _process: process, profile }
    }

    /// Replaces all tabs by a new one, which also discards their session storage.
    async fn open_fresh_tab(&self) {
        let before = self.driver.windows().await.unwrap();
        let tab = self.driver.new_tab().await.unwrap();
        for window in before {
            self.driver.switch_to_window(window).await.unwrap();
            self.driver.close_window().await.unwrap();
        }
        self.driver.switch_to_window(tab).await.unwrap();
    }
}

impl Drop for Browser {
    /// Leaves the browser to the next test, unless this one failed: then its state is unknown.
    fn drop(&mut self) {
        if let Some(running) = self.running.take().filter(|_| !std::thread::panicking()) {
            idle().push(running);
        }
    }
}

impl Browser {
    /// Opens a browser for a test that does not measure.
    pub async fn open(viewport: Viewport) -> Self {
        Self::begin(viewport, SLOTS.one().await).await
    }

    /// Opens two browsers, as for two users.
    pub async fn open_two(viewport: Viewport) -> [Self; 2] {
        Self::begin_two(viewport, SLOTS.many(2).await).await
    }

    /// Opens two browsers for a test that measures: no other test has a browser meanwhile.
    pub async fn open_two_alone(viewport: Viewport) -> [Self; 2] {
        Self::begin_two(viewport, SLOTS.all().await).await
    }

    async fn begin_two(viewport: Viewport, mut slots: SemaphorePermit<'static>) -> [Self; 2] {
        let first = slots.split(1).unwrap();
        [Self::begin(viewport, first).await, Self::begin(viewport, slots).await]
    }

    async fn begin(viewport: Viewport, slots: SemaphorePermit<'static>) -> Self {
        let found = idle().pop();
        let running = match found {
            Some(running) => running,
            None => Running::start().await,
        };
        running.open_fresh_tab().await;
        let browser = Self { driver: running.driver.clone(), running: Some(running), _slots: slots };
        // A new server may have the port of an earlier one, and so the origin of data stored for that one.
        browser.devtools("Storage.clearDataForOrigin", json!({"origin": "*", "storageTypes": "all"})).await;
        let _of_the_test_before = browser.console().await;
        let Viewport { width, height, is_dark, is_still } = viewport;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": if is_dark { "dark" } else { "light" }},
            {"name": "prefers-reduced-motion", "value": if is_still { "reduce" } else { "no-preference" }},
        ]});
        browser.devtools("Emulation.setEmulatedMedia", features).await;
        // Text drawn on a canvas is not in the DOM, so its smallest size is recorded.
        let watch = "const draw = CanvasRenderingContext2D.prototype.fillText; window.canvasTextPx = Infinity; \
            CanvasRenderingContext2D.prototype.fillText = function (...all) { \
            window.canvasTextPx = Math.min(window.canvasTextPx, Number(/([0-9.]+)px/.exec(this.font)[1])); \
            return draw.apply(this, all); };";
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": watch})).await;
        browser
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it is given back when this is dropped")
    }

    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let tools = ChromeDevTools::new(self.driver.handle.clone());
        tools.execute_cdp_with_params(command, parameters).await.unwrap()
    }

    /// Opens a page of the server and waits until all four lanes have received an update.
    pub async fn goto(&self, server: &Server, address: &str) {
        self.goto_url(&server.url(address)).await;
    }

    /// The same with a full URL.
    pub async fn goto_url(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
        self.until("all lanes receive", "page.lanes.length === 4 && page.lanes.every((lane) => lane.latest)").await;
    }

    /// Evaluates an expression over the page's own `page` and `clock`.
    pub async fn read(&self, expression: &str) -> Value {
        let script =
            format!("const {{ page, clock }} = window.pushpull ?? {{ page: {{ lanes: [] }} }}; return {expression};");
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Imports a JavaScript module of the page and evaluates an expression over its exports, `it`.
    pub async fn import(&self, file: &str, expression: &str) -> Value {
        let script = format!("const it = await import('/web/{file}'); return {expression};");
        let script = format!("const done = arguments[0]; (async () => {{ {script} }})().then(done);");
        self.driver.execute_async(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Waits until an expression holds.
    pub async fn until(&self, what: &str, expression: &str) {
        self.read_when(what, expression, "true").await;
    }

    /// Waits until an expression holds, and returns the value of another at that same moment: on a busy machine a
    /// second read could come after the page has changed.
    pub async fn read_when(&self, what: &str, expression: &str, then: &str) -> Value {
        let began = Instant::now();
        loop {
            let read = self.read(&format!("({expression}) ? [{then}] : null")).await;
            if let Value::Array(mut values) = read {
                return values.remove(0);
            }
            if began.elapsed() > TIMEOUT {
                let state =
                    self.read("[document.body.innerText, page.lanes.map((lane) => [lane.audit, lane.cuts])]").await;
                panic!("waited for {TIMEOUT:?}: {what}\n{state}\n{:?}", self.console().await);
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

    /// Moves a slider as a user does: sets the value, then fires the event.
    pub async fn slide(&self, setting: &str, step: u32) {
        let script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'));";
        let slider = self.driver.find(By::Css(format!("#setting-{setting}"))).await.unwrap();
        self.driver.execute(script, vec![slider.to_json().unwrap(), json!(step)]).await.unwrap();
    }

    /// The folder of its profile, which also has the file with its debugging port.
    pub fn profile(&self) -> &Path {
        self.running().profile.path()
    }

    /// Errors and warnings on the console since the last call.
    pub async fn console(&self) -> Vec<String> {
        let address = format!("{}/session/{}/se/log", self.running().driver_url, self.driver.session_id());
        let client = reqwest::Client::new();
        let answer: Value =
            client.post(address).json(&json!({"type": "browser"})).send().await.unwrap().json().await.unwrap();
        let lines = answer["value"].as_array().cloned().unwrap_or_default();
        let is_bad = |line: &&Value| matches!(line["level"].as_str(), Some("SEVERE" | "WARNING"));
        lines.iter().filter(is_bad).map(|line| line["message"].to_string()).collect()
    }

    /// Writes a screenshot to `target/tmp`.
    pub async fn screenshot(&self, name: &str) -> Vec<u8> {
        let png = self.driver.screenshot_as_png().await.unwrap();
        std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}.png")), &png).unwrap();
        png
    }

    /// Leaves the page, which ends its connections.
    pub async fn close(self) {
        self.driver.goto("about:blank").await.unwrap();
    }
}

/// Chooses a feed as a user does: sets the value, then fires the event.
pub async fn choose_feed(browser: &Browser, feed: &str) {
    let script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'));";
    let select = browser.driver.find(By::Css("#setting-feed")).await.unwrap();
    browser.driver.execute(script, vec![select.to_json().unwrap(), json!(feed)]).await.unwrap();
    browser.until("the feed is set", &format!("page.status.feed.feed === '{feed}'")).await;
}
