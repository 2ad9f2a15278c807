//! How much of a processor the page's own thread takes for one task, from the trace that the browser keeps of itself.
//!
//! The page itself can only see how long a task took (`longtask` of PerformanceObserver), and a busy machine takes the
//! processor away in the middle of it.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Tasks of all threads with the processor time of each (`tdur`).
const CATEGORY: &str = "disabled-by-default-devtools.timeline";
const TASK: &str = "RunTask";
/// The thread of a page's scripts, as Chromium names it.
const PAGE_THREAD: &str = "CrRendererMain";

/// What is read of an event of the trace: Trace Event Format.
#[derive(Deserialize)]
struct Event {
    name: String,
    pid: u64,
    tid: u64,
    /// Processor time of its thread, in microseconds.
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

/// What the threads of pages did meanwhile.
pub struct Tasks {
    pub count: usize,
    /// Processor time of the longest.
    pub longest_ms: f64,
}

/// Watches a browser, by its profile's folder, for so long.
pub async fn tasks(profile: &Path, length: Duration) -> Tasks {
    // Chromium writes there where it listens: a port, and the path of the browser itself.
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
