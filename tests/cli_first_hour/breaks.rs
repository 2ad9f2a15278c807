//! Interruptions: a pipe whose reader has closed it, a server that ends in the middle of a run.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use crate::common::{Server, loadgen, send_signal, within};
use crate::files::SHORT;
use crate::{only_run, run_in};

/// A pipe whose read end is closed.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// The exit code of a program whose standard output and standard error are closed pipes.
async fn unread(program: &Path, arguments: &[&str], folder: &Path) -> Option<i32> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let mut process = command.stdout(closed_pipe()).stderr(closed_pipe()).spawn().unwrap();
    within("the end of a program with closed pipes", process.wait()).await.unwrap().code()
}

#[tokio::test]
async fn no_command_panics_on_a_closed_pipe() {
    let folder = tempfile::tempdir().unwrap();
    run_in(&folder.path().join("a"));
    for (arguments, code) in [
        (&["scenarios"][..], 0),
        (&["scenarios", "--json"], 0),
        (&["compare", "a", "a"], 0),
        (&["report", "a"], 0),
        (&["run", "--dry-run"], 0),
        (&["--help"], 0),
        (&["run", "--help"], 0),
        (&["--version"], 0),
        (&["run", "--clinets", "5"], 2),
        (&["run", "nosuch"], 2),
        (&["report", "nowhere"], 1),
    ] {
        assert_eq!(unread(&loadgen(), arguments, folder.path()).await, Some(code), "{arguments:?}");
    }
    for (arguments, code) in [(&["--port", "0"][..], 0), (&["--help"], 0), (&["--prot", "0"], 2)] {
        let server = Path::new(env!("CARGO_BIN_EXE_server"));
        assert_eq!(unread(server, arguments, folder.path()).await, Some(code), "server {arguments:?}");
    }
    assert_eq!(unread(&loadgen(), &["serve", "--port", "0"], folder.path()).await, Some(0));
}

#[tokio::test]
async fn a_run_with_closed_pipes_still_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let code = unread(&loadgen(), &SHORT, folder.path()).await;
    assert!([Some(0), Some(4)].contains(&code), "{code:?}");
    let (run, file) = only_run(&folder.path().join("reports"));
    assert_eq!(file["trials"].as_array().unwrap().len(), 1);
    assert!(run.join("index.html").is_file());
}

#[tokio::test]
async fn a_server_goes_on_after_the_reader_of_its_log_is_gone() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.args(["--port", "0", "--feed", "none"]).env("RUST_LOG", "trace").stdin(Stdio::null()).kill_on_drop(true);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let url = within("the first line", lines.next_line()).await.unwrap().unwrap();
    drop((lines, process.stderr.take()));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..20 {
        let status = within("an answer", http.get(format!("{url}/healthz")).send()).await.unwrap().status();
        assert_eq!(status, 200);
    }
    send_signal(process.id().unwrap(), Signal::TERM);
    assert_eq!(within("its end", process.wait()).await.unwrap().code(), Some(0));
}

/// Starts a run and reads its standard error up to a line that contains `until`.
async fn run_until(flags: &[&str], out: &Path, until: &str) -> (Child, BufReader<ChildStderr>) {
    let mut command = Command::new(loadgen());
    command.args(["run", "--clients", "3", "--rounds", "50", "--warm-up", "50ms", "--poll-interval", "100ms"]);
    command.args(flags).arg("--out").arg(out).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(until) {
        line.clear();
        assert_ne!(within(until, lines.read_line(&mut line)).await.unwrap(), 0, "the run goes on");
    }
    (process, lines)
}

#[tokio::test]
async fn a_run_whose_target_ends_keeps_the_trials_that_were_done() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--feed", "synthetic", "--rate", "50"]).await;
    let target = format!("http://{}", server.address);
    let flags = ["--target", &target, "--measure", "300ms"];
    let (mut run, _lines) = run_until(&flags, folder.path(), "[2/200]").await;
    drop(server);
    assert_eq!(within("the end of the run", run.wait()).await.unwrap().code(), Some(1));
    let (report, file) = only_run(folder.path());
    assert_eq!(file["cut_short"], true);
    let trials = file["trials"].as_array().unwrap().len();
    assert!((2..200).contains(&trials), "{trials}");
    let reasons = file["reasons"].to_string();
    assert!(reasons.contains("\"code\"") && reasons.contains(&target), "{reasons}");
    for name in ["index.html", "summary.csv"] {
        assert!(report.join(name).is_file(), "{name}");
    }
}

#[tokio::test]
async fn a_run_whose_own_server_is_killed_is_cut_short_and_that_trial_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let flags =
        ["--feed", "synthetic", "--rate", "50", "--measure", "1s", "--tcp-baseline", "false", "--alone", "false"];
    let (mut run, _lines) = run_until(&flags, folder.path(), "[1/200]").await;
    let server = within("the next trial's server", async {
        loop {
            match server_of(run.id().unwrap()) {
                Some(server) => return server,
                None => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    send_signal(server, Signal::KILL);
    assert_eq!(within("the end of the run", run.wait()).await.unwrap().code(), Some(1));
    let (_, file) = only_run(folder.path());
    assert_eq!(file["cut_short"], true);
    // The killed trial may be the second one or, on a busy machine, a later one.
    let trials = file["trials"].as_array().unwrap();
    assert!((1..10).contains(&trials.len()), "{}", trials.len());
    assert!(trials.iter().all(|trial| trial["audit"]["lost"] == 0 && trial["audit"]["expected"] != 0));
}

/// The server that this process has started, from `/proc`.
fn server_of(pid: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let children = threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let children: BTreeSet<u32> = children
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>())
        .collect();
    children.into_iter().find(|child| {
        let command = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains("loadgen\0serve")
    })
}
