//! Third-party clients read the stream through cut connections, and resume in their own way.
//!
//! Each client is a small script next to this file. It reads through a relay that cuts its connections in the middle of
//! a character, a frame or a head, and prints the number of every update. `scripts/install-test-clients` installs what
//! the scripts need; the tests of a client that is not installed are ignored.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod relay;

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use common::Server;
use common::tool_tests::packages;
use relay::Relay;

/// Updates that a client must receive.
const UPDATES: u64 = 300;
/// How many updates are published ahead of what the client has printed: fewer than the journal retains, so no gap may
/// occur.
const AHEAD: u64 = 40;
/// The timeout of one client. Most of it is for starting Python or node on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where `scripts/install-test-clients` installs the clients.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("test-clients")
}

/// The interpreter of a script.
#[derive(Clone, Copy)]
enum Runtime {
    Node,
    Python,
    Shell,
}

impl Runtime {
    fn program(self) -> PathBuf {
        match self {
            Self::Node => "node".into(),
            Self::Python => installed().join("python/bin/python"),
            Self::Shell => "bash".into(),
        }
    }

    /// Why its scripts cannot run on this machine, if they cannot.
    fn missing(self) -> Option<String> {
        let (list, what) = match self {
            Self::Node => ("package.json", "npm packages"),
            Self::Python => ("requirements.txt", "Python packages"),
            Self::Shell => {
                let curl = std::process::Command::new("curl").arg("--version").output();
                return curl.err().map(|error| format!("curl cannot be started: {error}; install curl"));
            }
        };
        packages(&installed(), list, what)
    }
}

/// Runs a script through the relay that cuts its connections, and asserts that it prints every number once, in order.
async fn reads_every_update_once(runtime: Runtime, script: &str, arguments: &[&str]) {
    let server = Server::without_feed(&["--sse-retry", "20ms", "--max-age", "2s"]).await;
    let relay = Relay::start(server.address).await;
    let mut client = Command::new(runtime.program())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script))
        .args([&relay.url(), &UPDATES.to_string()])
        .args(arguments)
        .env("TEST_CLIENTS", installed())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    let reading = async {
        // A client that is cut before its first update must resume, too, from the position that it was given.
        relay.position_sent().await;
        relay.cut_all();
        let mut published = 0;
        loop {
            while published < UPDATES.min(printed.len() as u64 + AHEAD) {
                published += 1;
                server.publish(&format!(r#"{{"n":{published},"words":"地震 \u00e9é {published}"}}"#)).await;
            }
            match lines.next_line().await.unwrap() {
                Some(line) => printed.push(line),
                None => break,
            }
        }
        client.wait().await.unwrap()
    };
    let ended = tokio::time::timeout(TIMEOUT, reading).await;
    let mut stderr = String::new();
    let mut errors = client.stderr.take().unwrap();
    let _ended_by_itself = client.start_kill();
    errors.read_to_string(&mut stderr).await.unwrap();
    match ended {
        Ok(status) => assert!(status.success(), "{script} ended with {status}: {printed:?}\n{stderr}"),
        Err(_) => {
            panic!("{script} printed {} of {UPDATES} updates in {TIMEOUT:?}: {printed:?}\n{stderr}", printed.len())
        }
    }
    let wanted: Vec<_> = (1..=UPDATES).map(|number| number.to_string()).collect();
    assert_eq!(printed, wanted, "{script}: {stderr}");
    let cuts = relay.cuts();
    assert!(cuts >= relay::CUTS_BY_BYTES, "{script} was cut only {cuts} times");
    println!(
        "{}: {UPDATES} updates, each once and in order, through {cuts} cuts",
        stderr.lines().next().unwrap_or(script)
    );
    server.assert_unharmed().await;
}

async fn npm_eventsource_reads_every_update_once() {
    reads_every_update_once(Runtime::Node, "eventsource.mjs", &[]).await;
}

async fn npm_ws_reads_every_update_once() {
    reads_every_update_once(Runtime::Node, "ws.mjs", &[]).await;
}

async fn python_httpx_sse_reads_every_update_once() {
    reads_every_update_once(Runtime::Python, "read_sse.py", &[]).await;
}

async fn python_websockets_reads_every_update_once() {
    reads_every_update_once(Runtime::Python, "read_websocket.py", &[]).await;
}

async fn curl_reads_every_update_of_an_event_stream_once() {
    reads_every_update_once(Runtime::Shell, "curl-sse", &[]).await;
}

async fn curl_reads_every_update_of_a_poll_once_with_its_own_etags() {
    reads_every_update_once(Runtime::Shell, "curl-poll", &["/updates/poll"]).await;
}

async fn curl_reads_every_update_of_a_long_poll_once_with_its_own_etags() {
    reads_every_update_once(Runtime::Shell, "curl-poll", &["/updates/long-poll"]).await;
}

fn main() -> ExitCode {
    let [node, python, shell] = [Runtime::Node, Runtime::Python, Runtime::Shell].map(Runtime::missing);
    let tests = [
        tests![node.as_deref(); npm_eventsource_reads_every_update_once, npm_ws_reads_every_update_once],
        tests![python.as_deref(); python_httpx_sse_reads_every_update_once, python_websockets_reads_every_update_once],
        tests![
            shell.as_deref();
            curl_reads_every_update_of_an_event_stream_once,
            curl_reads_every_update_of_a_poll_once_with_its_own_etags,
            curl_reads_every_update_of_a_long_poll_once_with_its_own_etags,
        ],
    ];
    common::tool_tests::run(&[node, python, shell], tests.into_iter().flatten().collect())
}
