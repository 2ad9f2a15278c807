//! What the black-box tests share: the real programs, each in a process of its own, and clients that nobody here wrote.

// Each test program uses its own part of this.
#![allow(dead_code)]

pub mod clients;
pub mod docs;
pub mod nats;
pub mod trials;

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

/// How long anything may take that should take no time, on a machine that is busy with something else.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `future`, but not for ever.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// The load generator under test: the one that `PUSHPULL_LOADGEN` names, else the one that cargo built for the tests.
pub fn loadgen() -> PathBuf {
    std::env::var_os("PUSHPULL_LOADGEN").map_or_else(|| env!("CARGO_BIN_EXE_loadgen").into(), PathBuf::from)
}

/// The program `server`, listening on a free port. Ended when dropped.
pub struct Server {
    /// Where it listens, as its first line says.
    pub address: SocketAddr,
    is_tls: bool,
    /// A client for it.
    pub http: reqwest::Client,
    process: Child,
    input: Option<ChildStdin>,
    /// Kept, so that the server may write to it.
    _output: BufReader<ChildStdout>,
    log: Log,
}

/// What a process has written to standard error so far.
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
    /// Starts it on a free port with these flags.
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

    /// Starts it with a feed of nothing but what is posted.
    pub async fn quiet(flags: &[&str]) -> Self {
        Self::start(&[&["--feed", "none"], flags].concat()).await
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> reqwest::Response {
        within(path, self.http.get(self.url(path)).send()).await.unwrap()
    }

    /// `GET path`, whose answer is JSON.
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

    /// Publishes `count` numbers and returns the position before them.
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

    /// A member of `/stats` by its JSON pointer.
    pub async fn stat(&self, pointer: &str) -> u64 {
        let stats = self.json("/stats").await;
        stats.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {stats}"))
    }

    /// Waits until a member of `/stats` is at least `least`.
    pub async fn until_stat(&self, pointer: &str, least: u64) {
        within(pointer, async { while self.stat(pointer).await < least {} }).await;
    }

    /// Writes bytes to a new connection, and returns all that comes back until the server closes it.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset ends an answer as well as a close; what came before it counts.
        let _ended = within("the connection's end", socket.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// What feeds `--feed stdin`; the input ends when this is dropped.
    pub fn input(&mut self) -> ChildStdin {
        self.input.take().unwrap()
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        self.log.read()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// The server still publishes and answers, and nothing in it has panicked.
    pub async fn assert_unharmed(&self) {
        let cursor = self.publish("\"still here\"").await;
        let newest = self.newest().await;
        assert_eq!(newest, cursor);
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }

    /// The same for a node of a log, whose own journal has an update a little after it is published.
    pub async fn assert_unharmed_by_log(&self) {
        self.publish("\"still here\"").await;
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        send_signal(self.pid(), signal);
    }

    /// Waits for it to end; returns how, and all that it wrote to standard error.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let status = within("the server's end", self.process.wait()).await.unwrap();
        within("the end of its words", &mut self.log.reading).await.unwrap();
        (status, self.log.read())
    }
}

/// Sends a signal to a process that a test has started.
pub fn send_signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// What a program that ran to its end left behind.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a program that should take no time to its end.
pub async fn run(program: impl AsRef<OsStr>, arguments: &[&str]) -> Said {
    run_for(program, arguments, PATIENCE).await
}

/// Runs a program to its end, for as long as `patience`.
pub async fn run_for(program: impl AsRef<OsStr>, arguments: &[&str], patience: Duration) -> Said {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(patience, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("waited {patience:?} for {arguments:?}")).unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
