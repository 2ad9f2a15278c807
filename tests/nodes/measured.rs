//! `loadgen run --nodes`: nodes, their log and their balancer as the server of a run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::common::{loadgen, send_signal, within};

/// A few trials of a second, each with a log and nodes to start, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const SHORT: &[&str] = &[
    "--clients",
    "24",
    "--feed",
    "synthetic",
    "--rate",
    "10",
    "--rounds",
    "1",
    "--measure",
    "1s",
    "--poll-interval",
    "200ms",
];

/// A run with these flags behind [`SHORT`], all of whose files are in `folder`.
fn start(folder: &Path, flags: &[&str]) -> Child {
    let temporary = folder.join("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut command = Command::new(loadgen());
    command.arg("run").args(SHORT).args(flags).arg("--out").arg(folder.join("out")).env("TMPDIR", temporary);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

/// The trials of a run that is over, whatever its figures are worth on a busy machine.
async fn trials(folder: &Path, flags: &[&str]) -> Vec<Value> {
    let run = start(folder, flags);
    let said = tokio::time::timeout(PATIENCE, run.wait_with_output()).await.expect("the run ends").unwrap();
    let folders = std::fs::read_dir(folder.join("out")).unwrap().map(|entry| entry.unwrap().path());
    let file = folders.map(|folder| folder.join("run.json")).find(|file| file.exists());
    let file = file.unwrap_or_else(|| panic!("no run: {}", String::from_utf8_lossy(&said.stderr)));
    let run: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    run["trials"].as_array().unwrap().clone()
}

/// What became of the updates: each client had each, once and in order.
fn assert_whole(trial: &Value) {
    let audit = &trial["audit"];
    let [expected, delivered] = ["expected", "delivered"].map(|name| audit[name].as_u64().unwrap());
    assert!(expected == delivered && expected > 0, "{audit}");
    for name in ["lost", "duplicate", "reordered"] {
        assert_eq!(audit[name], 0, "{audit}");
    }
}

fn left_in(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder.join("temporary")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

pub async fn nodes_behind_a_balancer_deliver_everything_and_their_log_and_balancer_are_counted_apart() {
    let folder = tempfile::tempdir().unwrap();
    let trials = trials(folder.path(), &["--nodes", "0,2", "--transports", "polling,websocket"]).await;
    assert_eq!(trials.len(), 4, "no TCP baseline");
    for trial in &trials {
        assert_whole(trial);
        assert!(trial["proxy"]["software"].as_str().unwrap().starts_with("haproxy/"), "{}", trial["proxy"]);
        assert!(trial["proxy"]["cpu_ns"].as_u64().is_some() && trial["point"]["proxy"] == "haproxy");
        assert!(trial["readings"]["ended"]["server_cpu_ns"].as_u64().is_some());
        let log = &trial["log"];
        if trial["point"]["nodes"] == 0 {
            assert!(log.is_null(), "{log}");
            continue;
        }
        assert!(log["software"].as_str().unwrap().starts_with("nats-server/") && log["servers"] == 1, "{log}");
        assert!(log["cpu_ns"].as_u64().is_some() && log["resident_bytes"].as_u64() > Some(0), "{log}");
        let connections: Vec<u64> =
            log["connections"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
        assert_eq!(connections.iter().sum::<u64>(), 24, "{connections:?}");
        assert!(connections.len() == 2 && connections.iter().all(|count| *count >= 6), "{connections:?}");
    }
    assert_eq!(left_in(folder.path()), Vec::<PathBuf>::new());
}

pub async fn agents_deal_their_clients_out_to_nodes_without_a_balancer() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--nodes", "2", "--proxy", "none", "--agents", "2", "--transports", "sse"];
    let trials = trials(folder.path(), &flags).await;
    let [trial] = trials.as_slice() else { panic!("{trials:?}") };
    assert_whole(trial);
    assert_eq!(trial["log"]["connections"], serde_json::json!([12, 12]));
    assert!(trial["proxy"].is_null() && trial["agents"].as_array().unwrap().len() == 2, "{trial}");
}

/// The process that a file of the run's names, once it does.
async fn pid(folder: &Path, prefix: &str, file: &str) -> u32 {
    within("a program of the run", async {
        loop {
            let named = left_in(folder)
                .into_iter()
                .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)));
            let read = named.and_then(|folder| std::fs::read_to_string(folder.join(file)).ok());
            if let Some(pid) = read.and_then(|text| text.trim().parse().ok()) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

pub async fn a_run_that_is_interrupted_or_killed_leaves_neither_processes_nor_nodes() {
    for signal in [Signal::INT, Signal::KILL] {
        let folder = tempfile::tempdir().unwrap();
        let flags = ["--nodes", "2", "--transports", "sse", "--warm-up", "60s"];
        let mut run = start(folder.path(), &flags);
        let programs = [
            pid(folder.path(), "pushpull-log-", "nats-server.pid").await,
            // Started when all nodes are there.
            pid(folder.path(), "pushpull-haproxy-", "haproxy.pid").await,
        ];
        let nodes = children(run.id().unwrap());
        assert!(nodes.len() >= 4, "two nodes and two guards: {nodes:?}");
        send_signal(run.id().unwrap(), signal);
        within("the end of the run", run.wait()).await.unwrap();
        within("the end of what it started", async {
            while programs.iter().chain(&nodes).any(|pid| is_there(*pid)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        if signal == Signal::INT {
            assert_eq!(left_in(folder.path()), Vec::<PathBuf>::new());
        }
    }
}

/// Is there such a process, and has it not ended?
fn is_there(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}

/// The processes that this one started.
fn children(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(str::to_owned);
        fields.collect::<Vec<_>>().get(1) == Some(&parent.to_string())
    };
    pids.filter(is_child).collect()
}

pub async fn a_program_that_is_missing_is_named_with_its_package() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, package) in [(["--nodes", "1"], "haproxy"), (["--proxy", "haproxy"], "haproxy")] {
        let mut command = Command::new(loadgen());
        // There is nothing on its path.
        command.arg("run").args(SHORT).args(flags).arg("--out").arg(folder.path()).env("PATH", folder.path());
        let said = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.code() == Some(1) && text.contains(&format!("apt-get install {package}")), "{text}");
    }
    let mut command = Command::new(loadgen());
    let flags = ["--nodes", "1", "--proxy", "none", "--transports", "sse"];
    command.arg("run").args(SHORT).args(flags).arg("--out").arg(folder.path()).env("PATH", folder.path());
    let said = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("apt-get install nats-server"), "{said:?}");
}
