//! Makes a short run against a target, and reads its run file.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::common::{CommandOutput, loadgen};

/// The timeout of a run: a few trials of a second each, and the start of an interpreter.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Where `scripts/install-test-clients` installs packages.
pub fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("test-clients")
}

/// The settings of a short run, with enough clients and updates to notice faults.
pub const SHORT: [&str; 18] = [
    "--clients",
    "8",
    "--feed",
    "synthetic",
    "--rate",
    "50",
    "--payload",
    "200",
    "--rounds",
    "1",
    "--warm-up",
    "300ms",
    "--measure",
    "1s",
    "--poll-interval",
    "100ms",
    "--tcp-baseline",
    "false",
];

/// The textbook server, which `cargo test` builds with all examples.
pub fn textbook() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_loadgen")).parent().unwrap().join("examples/textbook_axum")
}

/// Runs `loadgen` with these arguments, and with the packages that the shipped targets need.
pub async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> CommandOutput {
    let mut command = Command::new(loadgen());
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("NODE_PATH", installed().join("node_modules"));
    command.env("PYTHON", installed().join("python/bin/python"));
    command.env("TEXTBOOK_AXUM", textbook());
    command.envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(TIMEOUT, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{arguments:?} took longer than {TIMEOUT:?}")).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let output = CommandOutput { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    output
}

/// Makes a short run against a target; returns its output and its run file.
pub async fn measured(target: &str, more: &[&str], environment: &[(&str, &str)]) -> (CommandOutput, Value) {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&arguments(target, folder.path().to_str().unwrap(), more), environment).await;
    let run = run_file(folder.path()).unwrap_or_else(|| panic!("no run: {output:?}"));
    (output, run)
}

/// The arguments of a short run; the flags in `more` replace those of [`SHORT`].
pub fn arguments<'a>(target: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let kept = SHORT.chunks(2).filter(|pair| !more.contains(&pair[0])).flatten().copied();
    ["run", "--target", target, "--out", out].into_iter().chain(kept).chain(more.iter().copied()).collect()
}

/// The newest run file in a folder, if there is one.
pub fn run_file(out: &Path) -> Option<Value> {
    let runs = std::fs::read_dir(out).ok()?.map(|entry| entry.unwrap().path());
    let text = std::fs::read(runs.filter(|path| path.is_dir()).max()?.join("run.json")).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

/// The summary rows of a run.
pub fn rows(run: &Value) -> &[Value] {
    run["summary"].as_array().unwrap()
}

/// The reason codes of a row or trial.
pub fn reasons(row: &Value) -> Vec<&str> {
    row["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}
