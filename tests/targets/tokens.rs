//! Tokens in the address of a server whose errors repeat the address: the token must not be written anywhere, whatever
//! the result of the run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures_util::stream::unfold;
use tokio::sync::broadcast::{Sender, channel};

use crate::common::CommandOutput;
use crate::measure::{arguments, run, run_file};

const SECRET: &str = "swordfish-7f3a9c";

/// A server that requires a token in each query, sends each update twice, and accepts a limited number of subscribers.
struct Gate {
    sender: Sender<String>,
    left: AtomicU64,
}

impl Gate {
    /// Starts a server that accepts `subscribers` subscribers; returns it and its address.
    async fn start(subscribers: u64) -> (Arc<Self>, String) {
        let gate = Arc::new(Self { sender: channel(4096).0, left: AtomicU64::new(subscribers) });
        let routes = Router::new()
            .route("/publish", any(publish))
            .route("/events", any(events))
            .route("/socket", any(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(|_socket| async {}) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = routes.with_state(Arc::clone(&gate));
        tokio::spawn(async move { axum::serve(listener, served).await });
        (gate, address.to_string())
    }
}

/// A refusal that repeats the requested address, token included, as some servers do.
fn refused(asked: &Request) -> Response {
    (StatusCode::UNAUTHORIZED, format!("not for you: {}", asked.uri())).into_response()
}

fn has_token(asked: &Request) -> bool {
    asked.uri().query() == Some(&format!("token={SECRET}"))
}

async fn publish(State(gate): State<Arc<Gate>>, asked: Request) -> Response {
    if !has_token(&asked) {
        return refused(&asked);
    }
    let body = axum::body::to_bytes(asked.into_body(), 4096).await.unwrap();
    let update = String::from_utf8(body.to_vec()).unwrap();
    // Twice, so that the trial is invalid because of the duplicates, and is not repeated on a busy machine.
    for _ in 0..2 {
        let _nobody = gate.sender.send(update.clone());
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn events(State(gate): State<Arc<Gate>>, asked: Request) -> Response {
    let is_full = || gate.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err();
    if !has_token(&asked) || is_full() {
        return refused(&asked);
    }
    let updates = unfold(gate.sender.subscribe(), async |mut updates| {
        let update = updates.recv().await.ok()?;
        Some((Ok::<_, std::convert::Infallible>(Event::default().data(update)), updates))
    });
    Sse::new(updates).into_response()
}

/// Asserts that the token is neither in the output nor in any file of this folder.
fn assert_written_nowhere(output: &CommandOutput, folder: &Path) {
    assert!(!format!("{output:?}").contains(SECRET), "{output:?}");
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let found = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(SECRET);
            assert!(!found, "{} holds the token", path.display());
        }
    }
}

pub async fn a_token_in_an_address_is_written_nowhere_though_the_servers_refusal_repeats_it() {
    let (_gate, address) = Gate::start(8).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.toml");
    let out = folder.path().join("out");
    let (target, out) = (file.to_str().unwrap(), out.to_str().unwrap());
    let base = format!("about = 'wants a token'\nbase = 'http://{address}'\n");
    let publish = "[publish.http]\nurl = '{base}/publish?token=${TEST_TOKEN}'\n";
    let environment = [("TEST_TOKEN", SECRET)];

    // The eight clients of the first round are accepted, and none of the second.
    std::fs::write(&file, format!("{base}{publish}[sse]\nurl = '{{base}}/events?token=${{TEST_TOKEN}}'\n")).unwrap();
    let output = run(&arguments(target, out, &["--rounds", "2"]), &environment).await;
    let run_json = run_file(Path::new(out)).unwrap_or_else(|| panic!("no run: {output:?}"));
    let reasons = run_json["reasons"].as_array().unwrap();
    let cut_short = reasons.iter().find(|reason| reason["code"] == "cut_short").unwrap_or_else(|| panic!("{output:?}"));
    let error = cut_short["error"].as_str().unwrap();
    assert!(error.contains("401") && error.contains("token=${TEST_TOKEN}"), "{error}");
    assert!(output.code == Some(1) && output.stderr.contains("401"), "{output:?}");
    assert_written_nowhere(&output, folder.path());

    // A failed publish reports the server's answer, and a failed WebSocket its address.
    let wrong = "[publish.http]\nurl = '{base}/publish?key=${TEST_TOKEN}'\n";
    let socket = "[websocket]\nurl = '{ws}/socket?token=${TEST_TOKEN}'\n";
    for (text, part) in [
        (format!("{base}{publish}{socket}subprotocol = 'another'\n"), "did not select the requested subprotocol"),
        (format!("{base}{wrong}{socket}"), "accepted none of the published updates"),
        (format!("{base}{publish}[sse]\nurl = 'http://127.0.0.1:1/?token=${{TEST_TOKEN}}'\n"), "{base}"),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = run(&arguments(target, out, &[]), &environment).await;
        assert!(output.code == Some(1) && output.stderr.contains(part), "{part}: {output:?}");
        assert_written_nowhere(&output, folder.path());
    }
}

pub async fn try_reads_a_token_in_an_address_from_the_environment_and_writes_it_nowhere() {
    let (gate, address) = Gate::start(1_000).await;
    let publishing = tokio::spawn(async move {
        for number in 0_u64.. {
            let _nobody = gate.sender.send(format!(r#"{{"n":{number}}}"#));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, out, literal) = (path("found.toml"), path("out"), path("literal.toml"));
    let environment = [("TEST_TOKEN", SECRET)];
    let url = format!("{address}/events?token=${{TEST_TOKEN}}");
    let output = run(&["try", &url, "--for", "1s", "--out", &file], &[]).await;
    assert!(output.code == Some(1) && output.stderr.contains("TEST_TOKEN"), "{output:?}");
    let output = run(&["try", &url, "--for", "1s", "--out", &file], &environment).await;
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert!(output.code == Some(0) && output.stdout.contains("an event stream"), "{output:?}");
    assert!(text.contains("url = \"{base}/events?token=${TEST_TOKEN}\"\n"), "{text}");
    assert_written_nowhere(&output, folder.path());

    // The generated target file can be run as it is.
    let flags = ["--clients", "2", "--rounds", "1", "--warm-up", "300ms", "--measure", "1s", "--out", &out];
    let output = run(&[&["run", "--target", &file], &flags[..]].concat(), &environment).await;
    assert!(matches!(output.code, Some(0 | 4)), "{output:?}");
    assert_written_nowhere(&output, folder.path());

    // A server that refuses and repeats the address.
    let output =
        run(&["try", &url.replace("token=", "key="), "--for", "1s", "--out", &path("none.toml")], &environment).await;
    assert!(output.stdout.contains("it answered 401"), "{output:?}");
    assert_written_nowhere(&output, folder.path());

    // A token written literally in the address is only where clients need it, and not in texts that go into reports.
    let output = run(&["try", &url.replace("${TEST_TOKEN}", SECRET), "--for", "1s", "--out", &literal], &[]).await;
    let text = std::fs::read_to_string(&literal).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(text.matches(SECRET).count(), 1, "{text}");
    publishing.abort();
}
