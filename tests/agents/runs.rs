//! Short runs with agents.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::common::{CommandOutput, loadgen, run_for, within};
use crate::nats::Nats;

/// The timeout of a run: one or two trials of a second, plus the silence after which an agent counts as lost, on a busy
/// machine.
const TIMEOUT: Duration = Duration::from_secs(90);

const SHORT: &[&str] = &[
    "--clients",
    "30",
    "--feed",
    "synthetic",
    "--rate",
    "10",
    "--rounds",
    "1",
    "--warm-up",
    "1s",
    "--measure",
    "1s",
    "--poll-interval",
    "200ms",
    "--tcp-baseline",
    "false",
];

/// Makes a run with [`SHORT`] and these flags; returns its output and its run file.
async fn run(folder: &Path, flags: &[&str]) -> (CommandOutput, Value) {
    let out = folder.to_str().unwrap();
    let output = run_for(loadgen(), &[&["run", "--out", out], SHORT, flags].concat(), TIMEOUT).await;
    (output, run_file(folder))
}

/// The run file of the only run in a folder; null without one.
fn run_file(folder: &Path) -> Value {
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = folders.map(|folder| folder.join("run.json")).find(|file| file.exists());
    file.map_or(Value::Null, |file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

/// An agent in its own process, killed when dropped.
struct Agent {
    process: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Agent {
    fn start(nats: &Nats, name: &str, before: &[&str], flags: &[&str]) -> Self {
        let program = loadgen();
        let words =
            [before, &[program.to_str().unwrap(), "agent", "--control", &nats.url, "--name", name], flags].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Waits until the agent prints a line with this text.
    async fn until_line_with(&mut self, part: &str) {
        within(part, async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(part) {
                    return;
                }
            }
            panic!("the agent ended without printing: {part}");
        })
        .await;
    }
}

fn codes(trial: &Value) -> Vec<&str> {
    trial["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

pub async fn two_agents_see_what_one_generator_sees() {
    let [alone, both] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let transports = ["--transports", "polling,sse"];
    let (_, alone) = run(alone.path(), &transports).await;
    // The run starts its own agents and a nats-server.
    let (output, both) = run(both.path(), &[&transports[..], &["--agents", "2"]].concat()).await;
    assert!(both["trials"].as_array().is_some_and(|trials| trials.len() == 2), "{output:?}");
    for trial in both["trials"].as_array().unwrap() {
        let same = |other: &&Value| other["transport"] == trial["transport"];
        let other = alone["trials"].as_array().unwrap().iter().find(same).unwrap();
        let audit = |of: &Value| {
            ["expected", "delivered", "lost", "duplicate", "reordered"]
                .map(|count| of["audit"][count].as_u64().unwrap())
        };
        assert_eq!(audit(trial), [300, 300, 0, 0, 0], "{trial}");
        assert_eq!(audit(trial), audit(other));
        let agents = trial["agents"].as_array().unwrap();
        let each: Vec<_> =
            agents.iter().map(|agent| (agent["clients"].as_u64(), agent["delivered"].as_u64())).collect();
        assert_eq!(each, [(Some(15), Some(150)), (Some(15), Some(150))]);
        // The agents share this host's clock.
        assert!(
            agents.iter().all(|agent| agent["clocks"][0]["uncertainty_ns"] == 0 && agent["is_lost"] == false),
            "{trial}"
        );
        let payload = |of: &Value| of["metrics"]["wire_bytes_per_delivery"]["payload"].as_f64().unwrap();
        assert!((payload(trial) / payload(other) - 1.0).abs() < 0.2, "{} {}", payload(trial), payload(other));
        let slices: u64 =
            trial["timeline"].as_array().unwrap().iter().map(|slice| slice["delivered"].as_u64().unwrap()).sum();
        assert_eq!(slices, 300);
    }
}

pub async fn an_agent_that_is_killed_makes_its_trial_invalid_and_is_named() {
    let nats = Nats::start().await;
    let mut doomed = Agent::start(&nats, "doomed", &[], &[]);
    let mut other = Agent::start(&nats, "other", &[], &[]);
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--transports", "sse", "--agents", "2", "--control", &nats.url];
    let (measured, ()) = tokio::join!(run(folder.path(), &flags), async {
        doomed.until_line_with("15 clients are connected").await;
        other.until_line_with("15 clients are connected").await;
        doomed.process.kill().await.unwrap();
    });
    let (output, run) = measured;
    assert_eq!(output.code, Some(4), "{output:?}");
    let trial = &run["trials"][0];
    assert_eq!((trial["verdict"].as_str(), codes(trial).contains(&"agent_lost")), (Some("invalid"), true), "{trial}");
    let lost = trial["reasons"].as_array().unwrap().iter().find(|reason| reason["code"] == "agent_lost").unwrap();
    assert_eq!((lost["agent"].as_str(), lost["clients"].as_u64()), (Some("doomed"), Some(15)));
    // What the other agent received is in the run.
    assert_eq!(
        (trial["audit"]["expected"].as_u64(), trial["audit"]["delivered"].as_u64()),
        (Some(150), Some(150)),
        "{trial}"
    );
    assert!(output.stdout.contains("doomed"), "{output:?}");
}

pub async fn an_agent_of_another_version_is_refused_and_one_of_this_takes_its_place() {
    let nats = Nats::start().await;
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--transports", "websocket", "--agents", "1", "--control", &nats.url];
    let (measured, ()) = tokio::join!(run(folder.path(), &flags), async {
        let mut stranger = Agent::start(&nats, "stranger", &[], &["--protocol", "99"]);
        let ended = within("the end of an agent that is refused", stranger.process.wait()).await.unwrap();
        assert_eq!(ended.code(), Some(1));
        stranger.until_line_with("version 99").await;
        let mut good = Agent::start(&nats, "good", &[], &["--once"]);
        let ended = tokio::time::timeout(TIMEOUT, good.process.wait()).await.unwrap().unwrap();
        assert_eq!(ended.code(), Some(0), "it ends with its run");
    });
    let (output, run) = measured;
    assert_eq!(run["trials"][0]["agents"][0]["name"].as_str(), Some("good"), "{output:?}");
    assert_eq!(run["trials"][0]["audit"]["delivered"].as_u64(), Some(300), "{output:?}");
}

pub async fn an_agent_whose_clock_differs_by_a_thousand_seconds_is_measured_all_the_same() {
    let nats = Nats::start().await;
    let elsewhere = ["unshare", "-T", "--monotonic", "1000", "--boottime", "1000"];
    let _agent = Agent::start(&nats, "elsewhere", &elsewhere, &[]);
    let folder = tempfile::tempdir().unwrap();
    let (output, run) = run(folder.path(), &["--transports", "sse", "--agents", "1", "--control", &nats.url]).await;
    let trial = &run["trials"][0];
    let agent = &trial["agents"][0];
    assert_eq!(agent["delivered"].as_u64(), Some(300), "{output:?}");
    let clocks = agent["clocks"].as_array().unwrap();
    assert_eq!(clocks.len(), 3, "before, during and after");
    for clock in clocks {
        let [offset, uncertainty] = ["offset_ns", "uncertainty_ns"].map(|name| clock[name].as_i64().unwrap());
        assert!(uncertainty > 0 && (offset + 1_000_000_000_000).abs() <= uncertainty, "{clock}");
    }
    // The latency is the real one: the difference between the clocks is not in it.
    let latency = trial["metrics"]["latency_ns"]["p50"].as_f64().unwrap();
    assert!(latency.abs() < 60e9, "{latency}");
}
