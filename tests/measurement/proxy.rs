//! A real nginx in front of the server: every update passes through it, and it ends with the load generator.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::capture::run_file;
use crate::common::{loadgen, within};

/// The timeout of a run of eight trials, about two seconds each.
const RUN_TIMEOUT: Duration = Duration::from_secs(120);

/// Why nginx cannot be started on this machine, if it cannot.
pub fn missing() -> Option<String> {
    let started = std::process::Command::new("nginx").arg("-v").stderr(Stdio::null()).status();
    started.err().map(|error| format!("nginx cannot be started: {error}; apt-get install nginx"))
}

/// A run whose temporary files, nginx's included, are in `folder`.
fn run(folder: &Path, flags: &str) -> Command {
    let mut command = Command::new(loadgen());
    command.args([
        "run",
        "--tcp-baseline",
        "false",
        "--rounds",
        "1",
        "--clients",
        "8",
        "--feed",
        "synthetic",
        "--rate",
    ]);
    command.args(["20", "--poll-interval", "250ms", "--warm-up", "200ms"]).args(flags.split_whitespace());
    command.arg("--out").arg(folder.join("out")).env("TMPDIR", folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

pub async fn every_update_passes_through_a_real_nginx_which_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = run(folder.path(), "--proxy nginx,nginx-tuned --measure 1s");
    let status = tokio::time::timeout(RUN_TIMEOUT, command.status()).await.unwrap().unwrap();
    // On a busy machine the run may be invalid because of its latencies; what was delivered is the same.
    assert!(matches!(status.code(), Some(0 | 4)), "{status:?}");

    let run = run_file(&folder.path().join("out"));
    let trials = run["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 8, "four transports behind two configurations");
    for trial in trials {
        let name = format!("{} behind {}", trial["transport"], trial["point"]["proxy"]);
        let audit = |member: &str| trial["audit"][member].as_u64().unwrap();
        assert!(audit("expected") >= 8 * 19, "{name}: {}", trial["audit"]);
        assert_eq!(audit("delivered"), audit("expected"), "{name}");
        assert_eq!(["lost", "duplicate", "reordered"].map(audit), [0; 3], "{name}");
        let proxy = &trial["proxy"];
        assert!(proxy["software"].as_str().unwrap().starts_with("nginx/"), "{name}: {proxy}");
        assert!(proxy["cpu_ns"].as_u64().unwrap() > 0, "{name}: {proxy}");
    }
    until_no_process_of(folder.path()).await;
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["out"], "nginx's folders are deleted");
}

pub async fn nginx_ends_with_a_load_generator_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(folder.path(), "--proxy nginx --transports sse --measure 1m").spawn().unwrap();
    let begun = async {
        // nginx's master process and the guard process, whose command line names the same file.
        while processes_of(folder.path()) < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("nginx to be started", begun).await;
    run.kill().await.unwrap();
    until_no_process_of(folder.path()).await;
}

async fn until_no_process_of(folder: &Path) {
    let ended = async {
        while processes_of(folder) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("nginx and its guard to end", ended).await;
}

/// How many processes name a file of nginx in this folder on their command line.
fn processes_of(folder: &Path) -> usize {
    let file = folder.join("pushpull-nginx-");
    let file = file.to_str().unwrap();
    let of = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read(entry.ok()?.path().join("cmdline")).ok();
    let lines = std::fs::read_dir("/proc").unwrap().filter_map(of);
    lines.filter(|line| String::from_utf8_lossy(line).contains(file)).count()
}
