//! What a person meets in the first hour at the command line: nothing of theirs is overwritten, nothing is refused late,
//! a pipe may close, a disk may be full, a server may end.

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

use common::{PATIENCE, Said, loadgen};
use serde_json::Value;
use tokio::process::Command;

/// The sample run of this repository.
fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample")
}

/// A copy of the sample's `run.json`, in a folder made for it.
fn run_in(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::copy(sample().join("run.json"), folder.join("run.json")).unwrap();
}

/// Runs the load generator to its end in a folder.
async fn loadgen_in(folder: &Path, arguments: &[&str]) -> Said {
    ended(Command::new(loadgen()).args(arguments).current_dir(folder)).await
}

/// Waits for a program's end, and for no longer than [`PATIENCE`].
async fn ended(command: &mut Command) -> Said {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE * 2, command.output()).await.expect("it ends in time").unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The one run under a folder of runs.
fn only_run(out: &Path) -> (PathBuf, Value) {
    let entries = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("run.json").is_file()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    let folder = folders.remove(0);
    let run = serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap();
    (folder, run)
}

/// Everything in a folder, by name, with its content.
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

/// The names of the files that are not the same in two contents of a folder.
fn changed(before: &[(String, Vec<u8>)], after: &[(String, Vec<u8>)]) -> Vec<String> {
    let other = |these: &[(String, Vec<u8>)], those: &[(String, Vec<u8>)]| {
        these.iter().filter(|file| !those.contains(file)).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let mut names = [other(before, after), other(after, before)].concat();
    names.sort();
    names.dedup();
    names
}
