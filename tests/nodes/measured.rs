//! `loadgen run --nodes`: a run against nodes with their log and load balancer.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::common::{loadgen, send_signal, within};

/// The timeout of a run: a few trials of a second, each of which starts a log and nodes, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(120);

const SHORT: &[&str] = &[
    "--clients",
    "24",
    "--feed",
    "synthetic",
    "--rate",
    "10",
    "--rounds",
    "1",
    "--poll-interval",
    "200ms",
    "--alone",
    "false",
];

/// Starts a run with [`SHORT`] and these flags, with all its files in `folder`.
fn start(folder: &Path, flags: &[&str]) -> Child {
    let temporary = folder.join("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut command = Command::new(loadgen());
    command.arg("run").args(SHORT).args(flags).arg("--out").arg(folder.join("out")).env("TMPDIR", temporary);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

/// Makes a run and returns its trials, whatever its verdict: the machine may be busy.
async fn trials(folder: &Path, flags: &[&str]) -> Vec<Value> {
    let run = start(folder, flags);
    let output = tokio::time::timeout(TIMEOUT, run.wait_with_output()).await.expect("the run ends").unwrap();
    let folders = std::fs::read_dir(folder.join("out")).unwrap().map(|entry| entry.unwrap().path());
    let file = folders.map(|folder| folder.join("run.json")).find(|file| file.exists());
    let file = file.unwrap_or_else(|| panic!("no run: {}", String::from_utf8_lossy(&output.stderr)));
    let run: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(run["cut_short"], false, "{}", String::from_utf8_lossy(&output.stderr));
    run["trials"].as_array().unwrap().clone()
}

/// Asserts that each client received each update, once and in order.
fn assert_complete(trial: &Value) {
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

pub async fn nodes_behind_a_balancer_deliver_everything_and_the_cpu_of_log_and_balancer_is_counted_separately() {
    let folder = tempfile::tempdir().unwrap();
    let trials =
        trials(folder.path(), &["--nodes", "0,2", "--transports", "polling,websocket", "--measure", "1s"]).await;
    assert_eq!(trials.len(), 4, "no TCP baseline");
    for trial in &trials {
        assert_complete(trial);
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

pub async fn clients_of_a_killed_node_resume_at_another_and_a_killed_log_costs_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    // Long enough for an outage of the log of two seconds.
    let flags = ["--nodes", "2", "--kill", "node,log,leader", "--transports", "sse", "--measure", "5s"];
    for trial in &trials(folder.path(), &flags).await {
        assert_complete(trial);
        let failover = &trial["failover"];
        let [cut, back, dialled, recovered] =
            ["cut", "back", "dialled", "recovered"].map(|name| failover[name].as_u64().unwrap());
        assert_eq!(back, cut, "{failover}");
        match trial["point"]["kill"].as_str().unwrap() {
            // About half of the clients, as the balancer distributed them.
            "node" => {
                assert!((6..=18).contains(&cut) && dialled >= cut, "{failover}");
                assert!(recovered > 0 && failover["recover_ns_max"].as_u64() > Some(0), "{failover}");
            }
            "log" => {
                assert_eq!((cut, recovered), (0, 0), "{failover}");
                assert!(failover["silence_ns_max"].as_u64() >= Some(2_000_000_000), "{failover}");
            }
            _ => {
                assert_eq!((cut, recovered, &trial["log"]["servers"]), (0, 0, &Value::from(3)), "{failover}");
            }
        }
    }
}

pub async fn agents_distribute_their_clients_over_nodes_without_a_balancer() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--nodes", "2", "--proxy", "none", "--agents", "2", "--transports", "sse", "--measure", "1s"];
    let trials = trials(folder.path(), &flags).await;
    let [trial] = trials.as_slice() else { panic!("{trials:?}") };
    assert_complete(trial);
    assert_eq!(trial["log"]["connections"], serde_json::json!([12, 12]));
    assert!(trial["proxy"].is_null() && trial["agents"].as_array().unwrap().len() == 2, "{trial}");
}

/// Waits for a pid file of the run, and returns the process id in it.
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

pub async fn a_run_that_is_interrupted_or_killed_leaves_no_process_behind() {
    for signal in [Signal::INT, Signal::KILL] {
        let folder = tempfile::tempdir().unwrap();
        let flags = ["--nodes", "2", "--transports", "sse", "--warm-up", "60s"];
        let mut run = start(folder.path(), &flags);
        let programs = [
            pid(folder.path(), "pushpull-log-", "nats-server.pid").await,
            // haproxy is started last, when all nodes are ready.
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

/// Does this process exist, and has it not ended?
fn is_there(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}

/// The child processes of this process.
fn children(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(str::to_owned);
        fields.collect::<Vec<_>>().get(1) == Some(&parent.to_string())
    };
    pids.filter(is_child).collect()
}

pub async fn a_missing_program_is_named_with_its_package() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, package) in [(["--nodes", "1"], "haproxy"), (["--proxy", "haproxy"], "haproxy")] {
        let mut command = Command::new(loadgen());
        // No program can be found on this path.
        command.arg("run").args(SHORT).args(flags).arg("--out").arg(folder.path()).env("PATH", folder.path());
        let output = tokio::time::timeout(TIMEOUT, command.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && text.contains(&format!("apt-get install {package}")), "{text}");
    }
    let mut command = Command::new(loadgen());
    let flags = ["--nodes", "1", "--proxy", "none", "--transports", "sse"];
    command.arg("run").args(SHORT).args(flags).arg("--out").arg(folder.path()).env("PATH", folder.path());
    let output = tokio::time::timeout(TIMEOUT, command.output()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("apt-get install nats-server"), "{output:?}");
}
