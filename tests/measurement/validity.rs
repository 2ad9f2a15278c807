//! The measurement does not hide problems: a stalled server shows in the latency, and a starved generator or a busy
//! host in the verdict.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pushpull::limits;
use rustix::process::Signal;
use serde_json::Value;

use crate::common::{CommandOutput, Server, loadgen, run_for, send_signal};

const RUN_TIMEOUT: Duration = Duration::from_secs(120);

async fn measure(out: &Path, flags: &[&str]) -> (CommandOutput, Value) {
    let arguments = [&["run", "--out", out.to_str().unwrap()], flags].concat();
    let output = run_for(loadgen(), &arguments, RUN_TIMEOUT).await;
    let folders = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let run = folders.map(|folder| folder.join("run.json")).find(|file| file.exists());
    let run = run.unwrap_or_else(|| panic!("no run: {output:?}"));
    (output, serde_json::from_slice(&std::fs::read(run).unwrap()).unwrap())
}

/// Stops a process for 400 ms of every 2 s. When dropped it leaves the process running.
struct Stutter {
    pid: u32,
    task: tokio::task::JoinHandle<()>,
}

impl Stutter {
    fn of(pid: u32) -> Self {
        let task = tokio::spawn(async move {
            loop {
                // The sleeps wait for no event: the length of the stall is what is tested.
                tokio::time::sleep(Duration::from_millis(1600)).await;
                send_signal(pid, Signal::STOP);
                tokio::time::sleep(Duration::from_millis(400)).await;
                send_signal(pid, Signal::CONT);
            }
        });
        Self { pid, task }
    }
}

impl Drop for Stutter {
    fn drop(&mut self) {
        self.task.abort();
        send_signal(self.pid, Signal::CONT);
    }
}

pub async fn a_stalled_server_shows_in_the_corrected_latency_and_not_in_the_uncorrected_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--feed", "synthetic", "--rate", "50", "--payload", "64"]).await;
    let stutter = Stutter::of(server.pid());
    let target = server.url("");
    let flags = ["--target", &target, "--transports", "sse,websocket", "--clients", "20", "--rounds", "1"];
    let lengths = ["--warm-up", "200ms", "--measure", "4s"];
    let (output, run) = measure(folder.path(), &[&flags[..], &lengths].concat()).await;
    drop(stutter);
    let rows = run["summary"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{output:?}");
    for row in rows {
        let p99_ms = |metric: &str| row[metric]["p99"].as_f64().unwrap() / 1e6;
        let (corrected, uncorrected) = (p99_ms("latency_ns"), p99_ms("uncorrected_latency_ns"));
        println!("{}: p99 {corrected:.1} ms corrected, {uncorrected:.1} ms uncorrected", row["transport"]);
        // A fifth of the updates was due during a stall of 400 ms.
        assert!(corrected > 250.0, "{row}");
        assert!(uncorrected < corrected / 3.0, "{row}");
        assert_eq!(row["lost"], 0, "late updates are not lost: {row}");
    }
}

/// A busy loop on one processor, until it is dropped.
struct BusyLoop {
    is_over: Arc<AtomicBool>,
}

impl BusyLoop {
    fn on(core: usize) -> Self {
        let mut cores = rustix::thread::CpuSet::new();
        cores.set(core);
        let is_over = Arc::new(AtomicBool::new(false));
        let (send, ready) = std::sync::mpsc::channel();
        let watched = Arc::clone(&is_over);
        std::thread::spawn(move || {
            rustix::thread::sched_setaffinity(None, &cores).unwrap();
            send.send(()).unwrap();
            while !watched.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        ready.recv().unwrap();
        Self { is_over }
    }
}

impl Drop for BusyLoop {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// The processor to which `--pin` pins the generator.
const GENERATOR_CORE: usize = 1;

/// Why the generator cannot be starved on this machine, if it cannot.
pub fn missing_core() -> Option<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores <= GENERATOR_CORE).then(|| format!("needs a second processor; this machine has {cores}"))
}

pub async fn a_run_whose_generator_was_starved_is_invalid_and_prints_the_reason_before_any_figure() {
    let folder = tempfile::tempdir().unwrap();
    // One is not enough: the scheduler prefers a generator that mostly sleeps to a busy program.
    let busy_loops = [(); 8].map(|()| BusyLoop::on(GENERATOR_CORE));
    let flags = ["--pin", "--transports", "websocket", "--clients", "100", "--feed", "synthetic", "--rate", "50"];
    let once = ["--rounds", "1", "--alone", "false", "--tcp-baseline", "false", "--measure", "2s"];
    let (output, run) = measure(folder.path(), &[&flags[..], &once].concat()).await;
    drop(busy_loops);
    assert_eq!(run["verdict"], "invalid", "{}", run["summary"]);
    let health = &run["trials"][0]["health"];
    let value = |name: &str| health[name].as_f64().unwrap();
    let is_starved = value("wait_fraction") > limits::WAIT_PINNED_INVALID
        || value("schedule_lag_ns_p50") > limits::LAG_P50_INVALID.0 as f64
        || value("schedule_lag_ns_p99") > limits::LAG_P99_INVALID.0 as f64;
    assert!(is_starved, "{health}");
    let code = run["reasons"][0]["code"].as_str().unwrap();
    assert!(["generator_stalled", "generator_starved"].contains(&code), "{}", run["reasons"]);
    assert_eq!(output.code, Some(4), "{output:?}");
    let reason = output.stdout.find("invalid");
    let figures = output.stdout.find("p99");
    assert!(reason.is_some() && figures.is_some() && reason < figures, "{output:?}");
    println!("{}", run["reasons"]);
}

/// Takes a quarter of the time of every processor, until it is dropped.
struct Neighbour {
    is_over: Arc<AtomicBool>,
}

impl Neighbour {
    fn on_all_cores() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let watched = Arc::clone(&is_over);
            std::thread::spawn(move || {
                while !watched.load(Ordering::Relaxed) {
                    let begun = std::time::Instant::now();
                    while begun.elapsed() < Duration::from_millis(5) {
                        std::hint::spin_loop();
                    }
                    std::thread::sleep(Duration::from_millis(15));
                }
            });
        }
        Self { is_over }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

pub async fn every_trial_beside_a_busy_neighbour_is_suspect_and_says_how_much_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let neighbour = Neighbour::on_all_cores();
    let flags = ["--transports", "sse,websocket", "--clients", "10", "--feed", "synthetic", "--rate", "20"];
    let once =
        ["--rounds", "2", "--alone", "false", "--tcp-baseline", "false", "--warm-up", "200ms", "--measure", "1s"];
    let (output, run) = measure(folder.path(), &[&flags[..], &once].concat()).await;
    drop(neighbour);
    let trials = run["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 4, "{output:?}");
    for trial in trials {
        let reasons = trial["reasons"].as_array().unwrap();
        let found = reasons.iter().find(|reason| reason["code"] == "others_busy");
        let taken = found.and_then(|reason| reason["fraction"].as_f64()).unwrap_or_else(|| panic!("{trial}"));
        assert!(taken > limits::OTHERS_BUSY_SUSPECT && taken <= 1.0, "{trial}");
        assert_ne!(trial["verdict"], "valid", "{trial}");
    }
}
