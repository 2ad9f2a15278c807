//! Errors that can be known before a run are reported before it.

use serde_json::Value;

use crate::{content, loadgen_in};

#[tokio::test]
async fn a_run_that_could_measure_nothing_is_refused_at_once_and_creates_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["run", "sparse", "--rounds", "1", "--measure", "3s"][..],
        &["run", "--feed", "synthetic", "--rate", "1", "--measure", "200ms", "--poll-interval", "5ms"],
        &["run", "--clients", "1", "--measure", "200ms", "--poll-interval", "60s"],
        &["run", "--fail-if", "sse.latency_ns.p99 > +10%"],
        &["run", "--transports", "sse", "--fail-if", "polling.lost > 0"],
    ] {
        let output = loadgen_in(folder.path(), arguments).await;
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        // Each setting is valid on its own; together they make a run without a result.
        assert!(!output.stderr.contains("invalid value"), "{arguments:?}: {output:?}");
    }
    assert_eq!(content(folder.path()), []);
}

#[tokio::test]
async fn a_dry_run_prints_each_point_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, points) in [
        (&["run", "--dry-run"][..], 1),
        (&["run", "chatty", "--dry-run"], 5),
        (&["run", "distance", "--dry-run"], 8),
        // Nothing listens there, and a dry run does not connect.
        (&["run", "--target", "http://127.0.0.1:1", "--dry-run"], 1),
        (&["--dry-run"], 1),
    ] {
        let output = loadgen_in(folder.path(), arguments).await;
        assert_eq!(output.code, Some(0), "{arguments:?}: {output:?}");
        let found = output.stdout.lines().filter(|line| line.starts_with("point ")).count();
        assert_eq!(found, points, "{}", output.stdout);
    }
    assert_eq!(content(folder.path()), []);
}

#[tokio::test]
async fn every_scenario_is_listed_with_its_question_and_its_duration() {
    let folder = tempfile::tempdir().unwrap();
    let output = loadgen_in(folder.path(), &["scenarios", "--json"]).await;
    let list: Value = serde_json::from_str(&output.stdout).unwrap();
    let list = list.as_array().unwrap();
    let text = loadgen_in(folder.path(), &["scenarios"]).await.stdout;
    for scenario in list {
        let name = scenario["name"].as_str().unwrap();
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
        assert!(scenario["question"].as_str().unwrap().ends_with('?'), "{scenario}");
        assert!((10.0..1800.0).contains(&scenario["seconds"].as_f64().unwrap()), "{scenario}");
        assert!(scenario["trials"].as_u64().unwrap() > 0);
    }
    assert_eq!(list.len(), std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios")).unwrap().count());
}
