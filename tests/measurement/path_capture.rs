//! Compares the byte ledger with a packet capture of a path's device: the packets from and to the clients, in the
//! segments of a real path.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::capture::{Capture, edges, frames, is_between, run_file};
use crate::common::{loadgen, within};
use pushpull::load::path::address::NEAR;

/// The largest relative difference between ledger and capture.
const TOLERANCE: f64 = 0.01;
/// Raw IP (LINKTYPE_RAW of draft-ietf-opsawg-pcaplinktype).
const RAW_IP: u32 = 101;

/// Why the device of a path cannot be captured on this machine, if it cannot: capturing needs to enter its namespace.
pub async fn missing() -> Option<String> {
    let tried = Command::new("nsenter").args(["--net=/proc/self/ns/net", "tcpdump", "--version"]).output().await;
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(_) => Some("no namespace can be entered here; run as root".to_owned()),
        Err(error) => Some(format!("nsenter cannot be started: {error}; install util-linux")),
    }
}

pub async fn over_a_path_the_bytes_of_each_transport_agree_with_a_capture_of_its_device_within_1_percent() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "run --rounds 1 --clients 20 --feed synthetic --rate 10 --poll-interval 200ms --warm-up 300ms --measure 2s \
                 --alone false --tcp-baseline false --path rtt=20ms --out";
    let mut run = Command::new(loadgen());
    run.args(flags.split_whitespace())
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut run = run.spawn().unwrap();
    let pid = run.id().unwrap();
    // `/proc/PID/net/dev` lists the devices of the process's namespace.
    let entered = async {
        let devices = format!("/proc/{pid}/net/dev");
        while !std::fs::read_to_string(&devices).is_ok_and(|text| text.contains(" path:")) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within("the namespace of the run", entered).await;
    let mut tcpdump = Command::new("nsenter");
    tcpdump.args([&format!("--net=/proc/{pid}/ns/net"), "tcpdump"]);
    let capture = Capture::of(tcpdump, "path").await.unwrap();
    // On a busy machine the run may be invalid because of its latencies; its bytes are the same.
    let code = tokio::time::timeout(Duration::from_secs(120), run.wait()).await.unwrap().unwrap().code();
    assert!(matches!(code, Some(0 | 4)), "{code:?}");
    let file = capture.ended().await;
    let frames = frames(&file, RAW_IP);

    let mut lines = vec![format!("{:<14}{:>12}{:>12}{:>9}", "", "ledger B", "capture B", "")];
    let mut off = Vec::new();
    let run = run_file(folder.path());
    for trial in run["trials"].as_array().unwrap() {
        let transport = trial["transport"].as_str().unwrap();
        let wire = |name: &str| trial["wire"][name].as_u64().unwrap();
        let ledger: u64 = ["payload", "framing", "http_headers", "tcp_ip", "retransmitted"].map(wire).iter().sum();
        let port = u16::try_from(trial["port"].as_u64().unwrap()).unwrap();
        let [least, seen, most] = edges(trial).map(|interval| {
            let is_of_trial = |at: &u64, packet: &[u8]| interval.contains(at) && is_of_a_client(packet, port);
            let of_trial = frames.iter().filter(|(at, packet)| is_of_trial(at, packet));
            of_trial.map(|(_, packet)| u64::from(u16::from_be_bytes([packet[2], packet[3]]))).sum::<u64>()
        });
        let difference = ledger as f64 / seen as f64 - 1.0;
        lines.push(format!("{transport:<14}{ledger:>12}{seen:>12}{:>+8.2}%", difference * 100.0));
        if !is_between(ledger, least, most, TOLERANCE) {
            off.push(transport.to_owned());
        }
    }
    let table = lines.join("\n");
    println!("{table}");
    assert_eq!(lines.len(), 5, "four transports:\n{table}");
    assert_eq!(off, Vec::<String>::new(), "\n{table}");
}

/// Is this packet on the clients' side of the path, to or from the server's port? The relay writes each packet to the
/// device a second time, with the addresses of the other side.
fn is_of_a_client(packet: &[u8], port: u16) -> bool {
    let near = NEAR.octets();
    let tcp = &packet[usize::from(packet[0] & 0x0f) * 4..];
    let short = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    (packet[12..16] == near && short(2) == port) || (packet[16..20] == near && short(0) == port)
}
