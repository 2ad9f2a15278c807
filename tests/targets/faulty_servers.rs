//! Small servers with one deliberate fault each, which must be reported as what it is. And targets that cannot be
//! measured.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream::{Stream, unfold};
use tokio::sync::broadcast::{Sender, channel};

use crate::measure::{SHORT, measured, reasons, rows, run};

/// A fault: maps a published update to the updates that the server sends, in order. Arguments: the number of updates
/// before it, the update, and a slot to hold one back.
type Mangle = fn(u64, String, &mut Option<String>) -> Vec<String>;

/// A faulty server of an event stream.
struct FaultyServer {
    address: SocketAddr,
    file: tempfile::TempDir,
    app: Arc<App>,
}

struct App {
    sender: Sender<String>,
    mangle: Mangle,
    held: std::sync::Mutex<Option<String>>,
    count: AtomicU64,
    /// How often publishing is still refused with 429, from the twentieth update on.
    refusals_left: AtomicU64,
    token: Option<&'static str>,
    /// When publishing was last refused; `None` once it has been retried.
    refused_at: std::sync::Mutex<Option<Instant>>,
    /// The time from the last refusal to the retry.
    retried_after: std::sync::Mutex<Option<Duration>>,
    /// Is each client's first subscription refused? Every other one with 429, the rest with 503.
    refuses_first: AtomicBool,
    /// The times of each client's subscriptions.
    subscribed_at: std::sync::Mutex<BTreeMap<String, Vec<Instant>>>,
}

/// The `Retry-After` of refusals.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl FaultyServer {
    async fn start(mangle: Mangle, refusals: u64, token: Option<&'static str>) -> Self {
        let sender = channel(4096).0;
        let app = Arc::new(App {
            sender,
            mangle,
            held: std::sync::Mutex::default(),
            count: AtomicU64::new(0),
            refusals_left: AtomicU64::new(refusals),
            token,
            refused_at: std::sync::Mutex::default(),
            retried_after: std::sync::Mutex::default(),
            refuses_first: AtomicBool::new(false),
            subscribed_at: std::sync::Mutex::default(),
        });
        let routes = Router::new().route("/publish", post(publish)).route("/events", get(events));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = routes.with_state(Arc::clone(&app));
        tokio::spawn(async move { axum::serve(listener, served).await });
        Self { address, file: tempfile::tempdir().unwrap(), app }
    }

    /// Writes a target file for this server, with these sections; returns its path.
    fn describe(&self, publish: &str, events: &str) -> String {
        let path = self.file.path().join("wrong.toml");
        let address = self.address;
        let text = format!(
            "about = 'does wrong'\nbase = 'http://{address}'\n{publish}\n[sse]\nurl = '{{base}}/events'\n{events}\n"
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn target(&self) -> String {
        self.describe("[publish.http]\nurl = '{base}/publish'", "")
    }
}

fn is_allowed(app: &App, headers: &HeaderMap) -> bool {
    let sent = headers.get("authorization").and_then(|value| value.to_str().ok());
    app.token.is_none_or(|token| sent == Some(&format!("Bearer {token}")))
}

async fn publish(State(app): State<Arc<App>>, headers: HeaderMap, body: String) -> Response {
    if !is_allowed(&app, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let count = app.count.fetch_add(1, SeqCst);
    if count >= 20 && app.refusals_left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
        *app.refused_at.lock().unwrap() = Some(Instant::now());
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", RETRY_AFTER.as_secs().to_string())]).into_response();
    }
    if let Some(refused_at) = app.refused_at.lock().unwrap().take() {
        *app.retried_after.lock().unwrap() = Some(refused_at.elapsed());
    }
    for update in (app.mangle)(count, body, &mut app.held.lock().unwrap()) {
        let _nobody = app.sender.send(update);
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn events(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if !is_allowed(&app, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if app.refuses_first.load(SeqCst) {
        let now = Instant::now();
        let client = headers["x-client"].to_str().unwrap().to_owned();
        let mut subscribed_at = app.subscribed_at.lock().unwrap();
        let number = subscribed_at.len();
        let times = subscribed_at.entry(client).or_default();
        times.push(now);
        if times.len() == 1 {
            let status = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE][number % 2];
            return (status, [("retry-after", RETRY_AFTER.as_secs().to_string())]).into_response();
        }
    }
    Sse::new(updates(&app)).into_response()
}

fn updates(app: &App) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    unfold(app.sender.subscribe(), async |mut updates| {
        let update = updates.recv().await.ok()?;
        Some((Ok(Event::default().data(update)), updates))
    })
}

fn as_it_is(_: u64, update: String, _: &mut Option<String>) -> Vec<String> {
    vec![update]
}

pub async fn a_server_that_drops_every_hundredth_update_has_lost_updates() {
    let drops: Mangle = |count, update, _| if count % 100 == 99 { Vec::new() } else { vec![update] };
    let server = FaultyServer::start(drops, 0, None).await;
    let (output, run) = measured(&server.target(), &["--rate", "200"], &[]).await;
    let row = &rows(&run)[0];
    // 200 updates, of which two are dropped, to 8 clients.
    assert_eq!((row["expected"].as_u64(), row["lost"].as_u64()), (Some(1600), Some(16)), "{row}");
    assert_eq!((row["duplicate"].as_u64(), row["reordered"].as_u64()), (Some(0), Some(0)), "{row}");
    assert!(reasons(row).contains(&"lost") && output.code == Some(4), "{output:?}");
}

pub async fn a_server_that_sends_each_update_twice_has_duplicates() {
    let twice: Mangle = |_, update, _| vec![update.clone(), update];
    let server = FaultyServer::start(twice, 0, None).await;
    let (_, run) = measured(&server.target(), &[], &[]).await;
    let row = &rows(&run)[0];
    assert_eq!((row["delivered"].as_u64(), row["duplicate"].as_u64()), (Some(400), Some(400)), "{row}");
    assert_eq!((row["lost"].as_u64(), row["reordered"].as_u64()), (Some(0), Some(0)), "{row}");
    assert!(reasons(row).contains(&"duplicate"), "{row}");
}

pub async fn a_server_that_swaps_updates_has_reordered_ones() {
    let reorders: Mangle = |count, update, held| match count % 10 {
        3 => {
            *held = Some(update);
            Vec::new()
        }
        4 => [update].into_iter().chain(held.take()).collect(),
        _ => vec![update],
    };
    let server = FaultyServer::start(reorders, 0, None).await;
    let (_, run) = measured(&server.target(), &[], &[]).await;
    let row = &rows(&run)[0];
    // One of ten, to 8 clients; an end of the interval may split a pair.
    let reordered = row["reordered"].as_u64().unwrap();
    assert!((32..=48).contains(&reordered), "{row}");
    assert_eq!((row["lost"].as_u64(), row["duplicate"].as_u64()), (Some(0), Some(0)), "{row}");
    assert!(reasons(row).contains(&"reordered"), "{row}");
}

pub async fn retry_after_is_obeyed_when_publishing_and_the_throttled_updates_are_counted() {
    let server = FaultyServer::start(as_it_is, 1, None).await;
    let (_, run) = measured(&server.target(), &["--measure", "3s"], &[]).await;
    let trial = &run["trials"][0];
    // One second at 50 updates a second, and more on a busy machine. They were not sent, and so not lost.
    let throttled = trial["published"]["throttled"].as_u64().unwrap();
    assert!((40..=100).contains(&throttled), "{trial}");
    assert!(reasons(trial).contains(&"publish_throttled") && trial["audit"]["lost"] == 0, "{trial}");
    let retried_after = *server.app.retried_after.lock().unwrap();
    assert!(retried_after.is_some_and(|length| length >= RETRY_AFTER), "{retried_after:?}");
}

pub async fn retry_after_is_obeyed_by_each_subscriber_and_the_throttled_attempts_are_counted() {
    let server = FaultyServer::start(as_it_is, 0, None).await;
    let target = server.describe("[publish.http]\nurl = '{base}/publish'", "headers = { X-Client = '{client}' }");
    server.app.refuses_first.store(true, SeqCst);
    let (output, run) = measured(&target, &[], &[]).await;
    let trial = &run["trials"][0];
    // Each of the eight clients was refused once.
    assert_eq!(trial["health"]["throttled"], 8, "{trial}");
    assert!(reasons(trial).contains(&"throttled") && !reasons(trial).contains(&"refused"), "{output:?} {trial}");
    assert_eq!((trial["audit"]["expected"].as_u64(), trial["audit"]["lost"].as_u64()), (Some(400), Some(0)), "{trial}");
    let subscribed_at = server.app.subscribed_at.lock().unwrap();
    assert_eq!(subscribed_at.len(), 8);
    for (client, times) in subscribed_at.iter() {
        let [first, again] = times[..] else { panic!("client {client} subscribed {} times", times.len()) };
        assert!(again - first >= RETRY_AFTER, "client {client} retried after {:?}", again - first);
    }
}

pub async fn a_secret_from_the_environment_is_sent_and_written_nowhere() {
    const SECRET: &str = "swordfish-7f3a9c";
    let server = FaultyServer::start(as_it_is, 0, Some(SECRET)).await;
    let headers = "headers = { Authorization = 'Bearer ${TEST_TOKEN}' }";
    let target = server.describe(&format!("[publish.http]\nurl = '{{base}}/publish'\n{headers}"), headers);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let arguments = [&["run", "--target", &target, "--out", out], &SHORT[..]].concat();
    let output = run(&arguments, &[]).await;
    assert!(output.code == Some(2) && output.stderr.contains("TEST_TOKEN"), "{output:?}");
    let output = run(&arguments, &[("TEST_TOKEN", SECRET)]).await;
    assert!(matches!(output.code, Some(0 | 4)), "{output:?}");
    assert!(!format!("{output:?}").contains(SECRET), "{output:?}");
    let mut left = vec![folder.path().to_owned()];
    let mut files = 0;
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{} holds the secret", path.display());
        }
    }
    assert!(files >= 3, "{files}");
}

pub async fn a_target_that_cannot_be_measured_is_refused_with_a_useful_message() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let sse = "[sse]\nurl = '{base}/events'\n[publish.http]\nurl = '{base}/p'\n";
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let at = |base: &str| format!("about = 'a'\nbase = '{base}'\n{sse}");
    let elsewhere = "about = 'a'\nbase = 'http://127.0.0.1:1'\n[sse]\nurl = 'http://127.0.0.1:2/events'\n[publish.http]\nurl = '{base}/p'\n";
    let start =
        |command: &str| format!("about = 'a'\nbase = 'http://127.0.0.1:{{port}}'\n[start]\ncommand = {command}\n{sse}");
    // The program is started on this host, and its clients connect to another.
    let far_start = "about = 'a'\nbase = 'http://192.0.2.1:{port}'\n[start]\ncommand = ['sleep', '9']\n[sse]\nurl = '{base}/e'\n\
                     [publish.http]\nurl = '{base}/p'\n";
    let far_publish = |way: &str, scheme: &str| {
        let here = "about = 'a'\nbase = 'http://127.0.0.1:1'\n[sse]\nurl = '{base}/e'\n";
        format!("{here}[publish.{way}]\nurl = '{scheme}://192.0.2.1/p'\n")
    };
    for (target, code, part) in [
        ("nchn".to_owned(), 2, "`nchan`"),
        ("nchan,none".to_owned(), 2, "pushpull"),
        ("nchan,http://127.0.0.1:1".to_owned(), 2, "target file"),
        ("no/such.toml".to_owned(), 1, "no/such.toml"),
        (write("line.toml", "about = 'a'\nbse = 'b'\n"), 2, "line 2"),
        (write("closed.toml", &at(&format!("http://{closed}"))), 1, closed.as_str()),
        (write("far.toml", &at("http://192.0.2.1")), 2, "--i-may-load-this-server"),
        (write("far_start.toml", far_start), 2, "--i-may-load-this-server"),
        (write("far_http.toml", &far_publish("http", "http")), 2, "--i-may-load-this-server"),
        (write("far_socket.toml", &far_publish("websocket", "ws")), 2, "--i-may-load-this-server"),
        (write("elsewhere.toml", elsewhere), 1, "{base}"),
        (write("missing.toml", &start("['no-such-program']")), 1, "no-such-program"),
        (write("ends.toml", &start("['false']")), 1, "exit status: 1"),
    ] {
        let out = folder.path().join("out");
        let output =
            run(&[&["run", "--target", &target, "--out", out.to_str().unwrap()], &SHORT[..]].concat(), &[]).await;
        assert_eq!(output.code, Some(code), "{target}: {output:?}");
        assert!(output.stderr.contains(part), "{target}: {output:?}");
    }
}

pub async fn a_missing_program_of_a_target_is_reported_before_anything_is_measured() {
    let server = FaultyServer::start(as_it_is, 0, None).await;
    let there = server.target();
    let missing = server.file.path().join("missing.toml");
    let text = "about = 'a'\nbase = 'http://127.0.0.1:{port}'\n[start]\ncommand = ['{dir}/not-there', '-x']\n\
                install = 'make not-there'\n[sse]\nurl = '{base}/events'\n[publish.http]\nurl = '{base}/p'\n";
    std::fs::write(&missing, text).unwrap();
    let (folder, both) = (tempfile::tempdir().unwrap(), format!("{there},{}", missing.display()));
    // Whichever target would be measured first.
    for seed in ["1", "2", "3"] {
        let out = folder.path().to_str().unwrap();
        let output = run(&[&["run", "--target", &both, "--seed", seed, "--out", out], &SHORT[..]].concat(), &[]).await;
        assert!(output.code == Some(1) && output.stderr.contains("/not-there"), "{output:?}");
        assert!(output.stderr.contains("make not-there"), "{output:?}");
        assert_eq!(server.app.count.load(SeqCst), 0, "seed {seed}: the other target was not measured");
    }
}

pub async fn a_third_party_feed_is_measured_by_its_timestamps_or_without_latency() {
    let server = FaultyServer::start(as_it_is, 0, None).await;
    let app = Arc::clone(&server.app);
    let publishing = tokio::spawn(async move {
        for number in 0_u64.. {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            let _nobody = app.sender.send(format!(r#"{{"n":{number},"at":{{"ts":{}}}}}"#, now.as_millis()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let target = server.describe("", "");
    let common =
        ["run", "--target", &target, "--clients", "4", "--rounds", "1", "--warm-up", "300ms", "--measure", "1s"];
    let folder = tempfile::tempdir().unwrap();
    for (more, is_timed) in [(&[][..], false), (&["--timestamp", "$.at.ts"], true)] {
        let out = folder.path().join(if is_timed { "timed" } else { "untimed" });
        let output = run(&[&common[..], &["--out", out.to_str().unwrap()], more].concat(), &[]).await;
        assert!(matches!(output.code, Some(0 | 4)), "{output:?}");
        let made = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        let file = made.filter(|path| path.is_dir()).max().unwrap().join("run.json");
        let run: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let row = &rows(&run)[0];
        assert!(row["delivered"].as_u64().unwrap() > 20 && row["measured_feed"] == true, "{row}");
        assert!(reasons(row).contains(&"not_audited"), "{row}");
        assert_eq!(reasons(row).contains(&"not_timed"), !is_timed, "{row}");
        assert_eq!(row["latency_ns"]["p50"].is_number(), is_timed, "{row}");
        assert!(row["wire_bytes_per_delivery"]["total"].is_number(), "{row}");
    }
    publishing.abort();
}
