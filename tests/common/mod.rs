//! Shared by the black-box tests: starts the real programs, each in its own process, and subscribes with third-party
//! client libraries.

#![allow(dead_code, reason = "each test binary uses only part of this module")]

pub mod clients;
pub mod docs;
pub mod nats;
pub mod tool_tests;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// The timeout for anything that should be immediate: generous, since the machine may be busy.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Awaits `future`; panics if that takes longer than [`TIMEOUT`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(TIMEOUT, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {TIMEOUT:?} for {what}"),
    }
}

/// The load generator under test: `PUSHPULL_LOADGEN` if set, otherwise the binary that cargo built for the tests.
pub fn loadgen() -> PathBuf {
    std::env::var_os("PUSHPULL_LOADGEN").map_or_else(|| env!("CARGO_BIN_EXE_loadgen").into(), PathBuf::from)
}

/// A running `server` process, listening on a free port. Killed when dropped.
pub struct Server {
    /// The address it listens on, from the first line of its output.
    pub address: SocketAddr,
    is_tls: bool,
    /// An HTTP client for this server.
    pub http: reqwest::Client,
    process: Child,
    input: Option<ChildStdin>,
    /// Kept open so that the server can write to it.
    _output: BufReader<ChildStdout>,
    log: Log,
}

/// The standard error of a process, collected while it runs.
struct Log {
    text: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
}

impl Log {
    fn of(stderr: ChildStderr) -> Self {
        let text = Arc::<Mutex<String>>::default();
        let shared = Arc::clone(&text);
        let reading = tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut text = shared.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        Self { text, reading }
    }

    fn read(&self) -> String {
        self.text.lock().unwrap().clone()
    }
}

impl Server {
    /// Starts a server on a free port with these flags.
    pub async fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command.args(["--port", "0"]).args(flags).kill_on_drop(true);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::of(process.stderr.take().unwrap());
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        within("the server's first line", output.read_line(&mut line)).await.unwrap();
        let (scheme, address) = line.trim().split_once("://").unwrap_or_default();
        let (is_tls, address) = (scheme == "https", address.parse().ok());
        let Some(address) = address else { panic!("the first line is no address: {line:?}, then {}", log.read()) };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { address, is_tls, http, input: process.stdin.take(), process, _output: output, log }
    }

    /// Starts a server that publishes only what is posted to it.
    pub async fn without_feed(flags: &[&str]) -> Self {
        Self::start(&[&["--feed", "none"], flags].concat()).await
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> reqwest::Response {
        within(path, self.http.get(self.url(path)).send()).await.unwrap()
    }

    /// `GET path`, which must answer 200 with JSON.
    pub async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// `POST path`.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        within(path, self.http.post(self.url(path)).body(body).send()).await.unwrap()
    }

    /// Publishes `data` and returns its cursor.
    pub async fn publish(&self, data: &str) -> String {
        let response = self.post("/updates", data.to_owned()).await;
        assert_eq!(response.status(), 201, "{data}");
        let published: Value = response.json().await.unwrap();
        published["cursor"].as_str().unwrap().to_owned()
    }

    /// Publishes `count` numbers and returns the cursor before them.
    pub async fn publish_numbers(&self, count: usize) -> String {
        let before = self.newest().await;
        for number in 0..count {
            self.publish(&number.to_string()).await;
        }
        before
    }

    /// The position of the newest update.
    pub async fn newest(&self) -> String {
        self.json("/updates/poll").await["cursor"].as_str().unwrap().to_owned()
    }

    /// The count at a JSON pointer in `/stats`.
    pub async fn stat(&self, pointer: &str) -> u64 {
        let stats = self.json("/stats").await;
        stats.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {stats}"))
    }

    /// Waits until the count at a JSON pointer in `/stats` is at least `least`.
    pub async fn until_stat(&self, pointer: &str, least: u64) {
        within(pointer, async { while self.stat(pointer).await < least {} }).await;
    }

    /// Writes bytes to a new connection, and returns everything received until the server closes it.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // The connection may end with a reset as well; what came before it counts.
        let _ended = within("the connection's end", socket.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The server's standard input, for `--feed stdin`; dropping it ends the input.
    pub fn input(&mut self) -> ChildStdin {
        self.input.take().unwrap()
    }

    /// What it has written to standard error so far.
    pub fn log(&self) -> String {
        self.log.read()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Asserts that the server still publishes and answers, and that nothing in it has panicked.
    pub async fn assert_unharmed(&self) {
        let cursor = self.publish("\"still here\"").await;
        let newest = self.newest().await;
        assert_eq!(newest, cursor);
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }

    /// The same for a node that follows a log: its journal has an update only some time after it is published.
    pub async fn assert_unharmed_by_log(&self) {
        self.publish("\"still here\"").await;
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        send_signal(self.pid(), signal);
    }

    /// Waits for the process to exit; returns its exit status and everything it wrote to standard error.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let status = within("the server's end", self.process.wait()).await.unwrap();
        within("the end of its standard error", &mut self.log.reading).await.unwrap();
        (status, self.log.read())
    }
}

/// Sends a signal to a process that the test started.
pub fn send_signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// The exit code and output of a program that has ended.
#[derive(Debug)]
pub struct CommandOutput {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a program to its end, with the default timeout.
pub async fn run(program: impl AsRef<OsStr>, arguments: &[&str]) -> CommandOutput {
    run_for(program, arguments, TIMEOUT).await
}

/// Runs a program to its end; panics if that takes longer than `timeout`.
pub async fn run_for(program: impl AsRef<OsStr>, arguments: &[&str], timeout: Duration) -> CommandOutput {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(timeout, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("waited {timeout:?} for {arguments:?}")).unwrap();
    CommandOutput {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
