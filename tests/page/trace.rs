//! The CPU time of each task on the page's own thread, from the browser's trace.
//!
//! The page itself can only measure the wall-clock time of a task (`longtask` of PerformanceObserver), which includes
//! the time in which a busy machine runs other programs.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The trace category with the tasks of all threads and the CPU time of each (`tdur`).
const CATEGORY: &str = "disabled-by-default-devtools.timeline";
const TASK: &str = "RunTask";
/// Chromium's name of the thread that runs a page's scripts.
const PAGE_THREAD: &str = "CrRendererMain";

/// The members of a trace event that are read (Trace Event Format).
#[derive(Deserialize)]
struct Event {
    name: String,
    pid: u64,
    tid: u64,
    /// CPU time, in microseconds.
    #[serde(default)]
    tdur: u64,
    #[serde(default)]
    args: Value,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    method: String,
    #[serde(default)]
    params: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    value: Vec<Event>,
}

/// The tasks of all page threads during a trace.
pub struct Tasks {
    pub count: usize,
    /// The CPU time of the longest task.
    pub longest_ms: f64,
}

/// Traces the browser with this profile folder for `length`.
pub async fn tasks(profile: &Path, length: Duration) -> Tasks {
    // Chromium writes its debugging port and the path of the browser's own WebSocket to this file.
    let listens = std::fs::read_to_string(profile.join("DevToolsActivePort")).unwrap();
    let (port, path) = listens.trim().split_once('\n').unwrap();
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    let unbounded = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let address = format!("ws://127.0.0.1:{port}{path}");
    let (mut socket, _) = tokio_tungstenite::client_async_with_config(address, stream, Some(unbounded)).await.unwrap();
    let config = json!({"includedCategories": [CATEGORY], "excludedCategories": ["*"]});
    let begin = json!({"id": 1, "method": "Tracing.start", "params": {"traceConfig": config}});
    socket.send(Message::text(begin.to_string())).await.unwrap();
    tokio::time::sleep(length).await;
    socket.send(Message::text(json!({"id": 2, "method": "Tracing.end"}).to_string())).await.unwrap();
    let mut events = Vec::new();
    loop {
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else { continue };
        let answer: Answer = serde_json::from_str(&text).unwrap();
        match answer.method.as_str() {
            "Tracing.dataCollected" => events.extend(answer.params.value),
            "Tracing.tracingComplete" => break,
            _ => {}
        }
    }
    let is_page = |event: &&Event| event.name == "thread_name" && event.args["name"] == PAGE_THREAD;
    let pages: HashSet<(u64, u64)> = events.iter().filter(is_page).map(|event| (event.pid, event.tid)).collect();
    let tasks = events.iter().filter(|event| event.name == TASK && pages.contains(&(event.pid, event.tid)));
    let taken: Vec<u64> = tasks.map(|task| task.tdur).collect();
    Tasks { count: taken.len(), longest_ms: taken.iter().max().map_or(0.0, |&longest| longest as f64 / 1e3) }
}
