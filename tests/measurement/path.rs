//! A real path: the kernel's TCP meets the delays, rates and losses that were asked for, and a system that forbids
//! paths is diagnosed.

use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::common::docs::assert_generated;
use crate::common::{CommandOutput, loadgen, run_for};
use pushpull::run::path::presets::PRESETS;

/// The timeout of a check, which has four parts of a few seconds each.
const TIMEOUT: Duration = Duration::from_secs(120);
const MILLI: u64 = 1_000_000;

/// Why no path can be created on this machine, if it cannot.
pub async fn missing() -> Option<String> {
    let output = run_for(loadgen(), &["path-try"], TIMEOUT).await;
    let outcome: Value = serde_json::from_str(&output.stdout).unwrap();
    outcome.get("Err").map(|refusal| format!("no network path is available here: {refusal}"))
}

/// Why a system that forbids paths cannot be simulated on this machine, if it cannot.
pub async fn missing_forbidden() -> Option<String> {
    let tried = Command::new("unshare").args(["-rm", "setpriv", "--dump"]).output().await;
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(_) => Some("user namespaces are forbidden here".to_owned()),
        Err(error) => Some(format!("unshare cannot be started: {error}; install util-linux")),
    }
}

async fn check(path: &str, length: &str) -> Value {
    let output = run_for(loadgen(), &["path-check", path, "--length", length, "--json"], TIMEOUT).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    serde_json::from_str(&output.stdout).unwrap()
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

pub async fn a_round_trip_over_20_ms_each_way_takes_40_ms_and_nothing_is_lost() {
    let report = check("rtt=40ms", "2s").await;
    let least = number(&report, "/probes/round_trip_ns_min");
    // No probe arrives early; and even on a busy machine, one of a thousand probes is not delayed.
    assert!((40 * MILLI..42 * MILLI).contains(&least), "{report:#}");
    assert!(number(&report, "/messages/connect_ns") >= 40 * MILLI, "a handshake is a round trip: {report:#}");
    assert!(number(&report, "/messages/latency_ns_p50") >= 20 * MILLI, "{report:#}");
    for direction in ["up", "down"] {
        let count = |name: &str| number(&report, &format!("/relay/{direction}/{name}"));
        assert_eq!((count("lost"), count("queue_dropped"), count("reordered")), (0, 0, 0), "{report:#}");
    }
    assert_eq!((number(&report, "/relay/missed"), number(&report, "/relay/strays")), (0, 0), "{report:#}");
}

pub async fn the_kernel_retransmits_what_the_relay_has_dropped() {
    let report = check("rtt=20ms,loss=1%", "4s").await;
    for bulk in report["bulk"].as_array().unwrap() {
        let again = number(bulk, "/segments_retransmitted");
        let dropped = number(bulk, "/down/lost") + number(bulk, "/down/queue_dropped");
        // A tail loss probe retransmits what was not lost, and so does a timeout after the machine stalled.
        let connections = number(bulk, "/connections");
        assert!(again.abs_diff(dropped) <= 3 * connections + dropped / 20, "{bulk:#}");
    }
    let lost = number(&report, "/relay/down/lost") as f64;
    let packets = number(&report, "/relay/down/packets_in") as f64;
    let deviation = (packets * 0.01 * 0.99).sqrt();
    assert!((lost - packets * 0.01).abs() < 5.0 * deviation, "{lost} of {packets}");
    // The losses are random; without any, nothing above was tested.
    assert!(lost > 10.0, "{report:#}");
}

pub async fn segments_over_a_path_carry_1448_bytes_and_are_counted_one_by_one() {
    let report = check("rtt=10ms,rate=20Mbit", "2s").await;
    for bulk in report["bulk"].as_array().unwrap() {
        assert_eq!(number(bulk, "/segment_bytes"), 1_448, "{bulk:#}");
        let full = number(bulk, "/bytes").div_ceil(1_448);
        let sent = number(bulk, "/data_segments") - number(bulk, "/segments_retransmitted");
        // The last write of a burst may leave a segment that is not full.
        assert!((full..full + full / 10 + 10).contains(&sent), "{full} full segments: {bulk:#}");
        // The relay saw each of them as one packet, and a few packets without data: no two segments were merged.
        let packets = number(bulk, "/down/packets_in");
        assert!(packets >= number(bulk, "/data_segments"), "{bulk:#}");
        assert!(number(bulk, "/down/bytes_in") <= packets * 1_500, "{bulk:#}");
    }
}

pub async fn each_direction_has_its_rate_within_2_percent() {
    // Datagrams are sent for half of the length.
    const FLOOD_S: f64 = 1.0;
    // If the machine stalls while the first or the last datagram arrives, the measured rate is wrong. That may happen
    // in one check, and hardly in three; a wrong rate is wrong in each.
    let mut given = Vec::new();
    for _ in 0..3 {
        let report = check("rtt=10ms,down=8Mbit,up=2Mbit", "2s").await;
        given.push([0, 1].map(|index| report["rate_bits_per_s"][index].as_f64().unwrap()));
        let late_s = number(&report, "/relay/late_ns_max") as f64 / 1e9;
        let is_near = |direction: usize, asked: f64| {
            given.iter().any(|one| (one[direction] / asked - 1.0).abs() < 0.02 + 2.0 * late_s / FLOOD_S)
        };
        if is_near(0, 2e6) && is_near(1, 8e6) {
            return;
        }
    }
    panic!("asked for 2 Mbit/s up and 8 Mbit/s down, measured {given:?}");
}

/// The step at which the load generator fails to create a path, in a system that `script` prepares.
async fn refused(script: &str) -> Value {
    let script = format!("{script} \"$0\" path-try");
    let program = loadgen();
    let CommandOutput { code, stdout, stderr } =
        run_for("unshare", &["-rm", "sh", "-ec", &script, program.to_str().unwrap()], TIMEOUT).await;
    assert_eq!(code, Some(0), "{stderr}");
    let mut outcome: Value = serde_json::from_str(&stdout).unwrap();
    outcome["Err"]["step"].take()
}

pub async fn a_system_without_a_tun_device_is_diagnosed() {
    assert_eq!(refused("mount -t tmpfs none /dev/net; exec").await, "open_device");
}

pub async fn a_system_that_forbids_namespaces_is_diagnosed() {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --inh-caps=-all --bounding-set=-all";
    assert_eq!(refused(script).await, "unshare");
}

/// Makes a short run over `path`, started through the command `launcher`; returns its run file.
async fn run_over(path: &str, launcher: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let program = loadgen();
    let flags = "--transports sse,websocket --rounds 1 --clients 5 --feed synthetic --rate 20 --alone false --warm-up 300ms --measure 2s";
    let run = [program.to_str().unwrap(), "run", "--path", path, "--out", folder.path().to_str().unwrap()];
    let arguments: Vec<&str> = launcher.iter().copied().chain(run).chain(flags.split(' ')).collect();
    let output = run_for(arguments[0], &arguments[1..], TIMEOUT).await;
    // On a busy machine the run may be invalid because of its latencies; what is checked here does not depend on them.
    assert!(matches!(output.code, Some(0 | 4)), "{output:?}");
    crate::capture::run_file(folder.path())
}

pub async fn a_run_over_a_path_delivers_everything_with_its_delay_and_records_what_the_path_did() {
    let run = run_over("rtt=40ms,loss=1%", &[]).await;
    let trials = run["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 3, "two transports and the TCP baseline");
    for trial in trials {
        assert_eq!(trial["point"]["path"], "rtt=40ms,loss=1%");
        assert_eq!(number(trial, "/audit/expected"), 5 * 40);
        assert_eq!(number(trial, "/audit/delivered"), 5 * 40, "the kernel retransmits what the path has lost");
        assert!(trial["metrics"]["latency_ns"]["p50"].as_f64().unwrap() >= 20e6, "{trial:#}");
        assert!(number(trial, "/path/round_trip_ns_p50") >= 40 * MILLI);
        // Each client gets a packet for each update, and answers with an acknowledgement.
        assert!(number(trial, "/path/down/packets_in") >= 5 * 40 * 9 / 10, "{trial:#}");
        assert!(number(trial, "/path/up/packets_in") >= 5 * 40 * 9 / 10, "{trial:#}");
        assert!(number(trial, "/path/relay_cpu_ns") > 0);
        assert!(trial.get("link").is_none());
    }
}

pub async fn where_paths_are_forbidden_a_link_replaces_the_path_and_every_trial_says_so() {
    let script = "mount -t tmpfs none /dev/net; exec \"$0\" \"$@\"";
    let run = run_over("rtt=40ms,loss=1%", &["unshare", "-rm", "sh", "-ec", script]).await;
    for trial in run["trials"].as_array().unwrap() {
        assert!(trial.get("path").is_none());
        assert_eq!(number(trial, "/link/asked_ns"), 40 * MILLI);
        assert_ne!(trial["verdict"], "valid", "a link is no path: {trial:#}");
    }
}

pub async fn the_docs_list_every_preset_with_its_source() {
    let rows = PRESETS.iter().map(|preset| {
        let (name, about, path, source) = (preset.name, preset.about, preset.settings, preset.source);
        format!("| `{name}` | {about} | `{path}` | {source} |\n")
    });
    let head = "| preset | description | the same as keys | source |\n|---|---|---|---|\n".to_owned();
    assert_generated("docs/PATHS.md", "presets", &(head + &rows.collect::<String>()));
}
