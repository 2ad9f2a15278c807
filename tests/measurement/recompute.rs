//! `scripts/recompute` recomputes every figure independently of the program: for the runs kept in `reports`, and for a
//! fresh one, since the kept runs cannot show that a new figure is not covered.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::short_run::{run_folder, short_run};

/// Why the script cannot run on this machine, if it cannot.
pub fn missing() -> Option<String> {
    let started = Command::new("python3").arg("--version").output();
    started.err().map(|error| format!("python3 cannot be started: {error}; apt-get install python3"))
}

fn reports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports")
}

/// Runs the script on a run: does it agree, and what does it print?
fn recompute(run: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/recompute");
    let output = Command::new("python3").arg(script).arg(run).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&printed).into_owned())
}

pub async fn every_figure_of_the_sample_run_is_recomputed_from_its_readings_and_one_that_is_not_is_named() {
    let sample = reports().join("sample/run.json");
    let (agrees, output) = recompute(&sample);
    assert!(agrees, "{output}");
    let text = std::fs::read_to_string(&sample).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for pointer in [
        "/trials/0/metrics/server_cpu_ns_per_delivery",
        "/trials/3/readings/ended/segments_in",
        "/summary/1/latency_ns/p50",
        "/summary/2/ci95/wire_bytes_per_delivery/total/1",
        "/alone/summary/0/latency_ns/mean",
    ] {
        let mut run: serde_json::Value = serde_json::from_str(&text).unwrap();
        let place = run.pointer_mut(pointer).unwrap();
        *place = serde_json::json!(place.as_f64().unwrap().mul_add(1.002, 1.0).round());
        let altered = folder.path().join("run.json");
        std::fs::write(&altered, run.to_string()).unwrap();
        let (agrees, output) = recompute(&altered);
        assert!(!agrees && output.contains("recomputed"), "{pointer}: {output}");
    }
}

pub async fn every_figure_of_the_runs_behind_the_claims_is_recomputed() {
    for file in std::fs::read_dir(reports().join("claims")).unwrap() {
        let (agrees, output) = recompute(&file.unwrap().path());
        assert!(agrees, "{output}");
    }
}

pub async fn every_figure_of_a_fresh_run_is_recomputed() {
    let folder = tempfile::tempdir().unwrap();
    short_run(folder.path()).await;
    let (agrees, output) = recompute(&run_folder(folder.path()));
    assert!(agrees, "{output}");
}
