//! What a user meets in the first hour on the command line: no file of theirs is overwritten, bad input is refused
//! before anything is measured, and a closed pipe, a full disk or a server that ends is handled.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod bad_commands;
mod breaks;
mod files;
mod plans;
mod suggestions;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{CommandOutput, TIMEOUT, loadgen};
use serde_json::Value;
use tokio::process::Command;

/// The folder of the sample run in this repository.
fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample")
}

/// Copies the sample's `run.json` into a new folder.
fn run_in(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::copy(sample().join("run.json"), folder.join("run.json")).unwrap();
}

/// Runs the load generator to its end, with `folder` as working directory.
async fn loadgen_in(folder: &Path, arguments: &[&str]) -> CommandOutput {
    ended(Command::new(loadgen()).args(arguments).current_dir(folder)).await
}

/// Runs a program to its end; panics if that takes longer than twice [`TIMEOUT`].
async fn ended(command: &mut Command) -> CommandOutput {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(TIMEOUT * 2, command.output()).await.expect("it ends in time").unwrap();
    CommandOutput {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The only run in a folder of runs: its folder and its run file.
fn only_run(out: &Path) -> (PathBuf, Value) {
    let entries = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("run.json").is_file()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    let folder = folders.remove(0);
    let run = serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap();
    (folder, run)
}

/// The entries of a folder, sorted by name, each with its content (empty for a folder).
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| {
            let text = if entry.path().is_file() { std::fs::read(entry.path()).unwrap() } else { Vec::new() };
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect();
    files.sort();
    files
}

/// The names of the files that differ between two contents of a folder.
fn changed(before: &[(String, Vec<u8>)], after: &[(String, Vec<u8>)]) -> Vec<String> {
    let other = |these: &[(String, Vec<u8>)], those: &[(String, Vec<u8>)]| {
        these.iter().filter(|file| !those.contains(file)).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let mut names = [other(before, after), other(after, before)].concat();
    names.sort();
    names.dedup();
    names
}
