//! Compares the byte ledger with a packet capture: the bytes that the load generator counted for a trial's clients, and
//! the bytes that tcpdump saw on the loopback interface in the same interval.
//!
//! Needs tcpdump and the right to capture (root, or CAP_NET_RAW).

use std::collections::HashSet;
use std::ops::Range;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use crate::common::{loadgen, run_for, send_signal, within};

/// The largest relative difference between ledger and capture, for connections that are kept and for connections made
/// per request, of which all segments from SYN to the last acknowledgement count.
const TOLERANCE: f64 = 0.01;
/// IPv4 without options and TCP with timestamps (RFC 791 section 3.1, RFC 9293 section 3.1, RFC 7323 section 3.2).
const SEGMENT_HEADER_BYTES: f64 = 52.0;
/// Five trials of about four seconds each.
const RUN_TIMEOUT: Duration = Duration::from_secs(120);
/// Captured bytes of each packet: the Ethernet, IP and TCP headers take 66, and the rest distinguishes the control
/// plane from a client.
const SNAP_BYTES: &str = "128";

/// Why packets cannot be captured on this machine, if they cannot.
pub async fn missing() -> Option<String> {
    Capture::start().await.err()
}

pub async fn the_bytes_of_each_transport_agree_with_a_packet_capture_within_1_percent() {
    compare("", 5).await;
}

/// TLS, HTTP/2, compression and a new connection per request, in fewer trials than the whole matrix. With other flags
/// in `PUSHPULL_CAPTURE` those are measured instead. The table is printed.
pub async fn the_bytes_of_each_protocol_agree_with_a_packet_capture_within_1_percent() {
    match std::env::var("PUSHPULL_CAPTURE") {
        Ok(flags) => drop(compare(&flags, 1).await),
        Err(_) => {
            let bytes = |trial: &Value, part: &str| trial["wire"][part].as_i64().unwrap();
            let trials = compare("--protocol h2 --transports sse,websocket --tcp-baseline false", 2).await;
            assert!(trials.iter().all(|one| bytes(one, "h2_frames") > 0 && bytes(one, "tls_records") > 0));
            let fresh = "--keep-alive false --protocol https1,h2 --transports polling --tcp-baseline false";
            let trials = compare(fresh, 2).await;
            assert!(trials.iter().all(|one| bytes(one, "tls_handshake") > 0 && bytes(one, "tls_records") > 0));
            assert!(trials.iter().all(|one| one["handshakes"]["full"].as_u64().unwrap() >= 20));
            let coded = "--compression gzip,deflate --transports sse,websocket --tcp-baseline false";
            let trials = compare(coded, 2).await;
            assert!(trials.iter().all(|one| bytes(one, "compression_saved") > 0), "compression that saves nothing");
        }
    }
}

/// Compares the trials of a run with these flags with a capture, and returns the trials.
async fn compare(more: &str, least: usize) -> Vec<Value> {
    let capture = Capture::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    // A steady feed with a whole number of updates in the interval: the generator then puts both ends of the interval
    // halfway between two updates. Ledger and capture could disagree about bytes that are in flight at an end.
    let flags = "run --rounds 1 --clients 20 --feed synthetic --rate 7 --poll-interval 200ms --alone false --warm-up 300ms \
                 --measure 3s";
    let flags = flags.split_whitespace().chain(more.split_whitespace()).chain(["--out"]);
    let arguments: Vec<&str> = flags.chain([folder.path().to_str().unwrap()]).collect();
    let output = run_for(loadgen(), &arguments, RUN_TIMEOUT).await;
    // On a busy machine the run may be invalid because of its latencies; its bytes are the same.
    assert!(matches!(output.code, Some(0 | 4)), "{output:?}");
    let packets = capture.stop().await;

    let mut lines =
        vec![format!("{:<34}{:>12}{:>12}{:>9}{:>12}{:>9}", "", "ledger B", "capture B", "", "segments", "packets")];
    let (mut off, mut rows) = (Vec::new(), Vec::new());
    let run = run_file(folder.path());
    let trials = run["trials"].as_array().unwrap();
    for trial in trials {
        let setting = |name: &str| trial["point"][name].as_str().unwrap().to_owned();
        let transport = trial["transport"].as_str().unwrap_or("tcp_baseline");
        let name = format!("{transport} {} {}", setting("protocol"), setting("compression"));
        let wire = |name: &str| trial["wire"][name].as_u64().unwrap();
        let parts = ["payload", "framing", "http_headers", "h2_frames", "tls_records", "tls_handshake", "tcp_ip"];
        let saved = trial["wire"]["compression_saved"].as_i64().unwrap();
        let counters = (parts.map(wire).iter().sum::<u64>() + wire("retransmitted")).saturating_add_signed(-saved);
        let [least, seen, most] = edges(trial).map(|interval| Traffic::of(&packets, trial, interval));
        lines.push(format!(
            "{name:<34}{counters:>12}{:>12}{:>+8.2}%{:>12}{:>9}",
            seen.bytes,
            (counters as f64 / seen.bytes as f64 - 1.0) * 100.0,
            wire("segments"),
            seen.packets
        ));
        assert!(seen.bytes > 0, "{name}: the capture has no packet of this trial");
        rows.push(table_row(trial, counters, seen.bytes));
        if !is_between(counters, least.bytes, most.bytes, TOLERANCE) {
            off.push(name);
        }
    }
    let table = lines.join("\n");
    println!("{table}\n{}", rows.join("\n"));
    assert!(trials.len() >= least, "at least {least} trials are expected:\n{table}");
    assert_eq!(off, Vec::<String>::new(), "\n{table}");
    trials.clone()
}

/// A row of the table in docs/PROTOCOLS.md: the parts of the bytes of a delivery, the ledger, the capture.
fn table_row(trial: &Value, ledger: u64, capture: u64) -> String {
    let delivered = trial["audit"]["delivered"].as_f64().unwrap();
    let each = |bytes: f64| {
        let tenths = (bytes / delivered * 10.0).round() / 10.0;
        tenths.to_string().replace('-', "−")
    };
    let part = |name: &str| each(trial["wire"][name].as_f64().unwrap());
    let parts = ["payload", "framing", "http_headers", "h2_frames", "tls_records", "tls_handshake"].map(part);
    // Acknowledgements are counted as segments: they have headers and no data.
    let acknowledgements = trial["wire"]["acknowledgements"].as_f64().unwrap() * SEGMENT_HEADER_BYTES;
    let setting = |name: &str| trial["point"][name].as_str().unwrap().to_owned();
    let fresh = if trial["point"]["keep_alive"].as_bool().unwrap_or(true) { "" } else { ", not kept" };
    let cells = [
        trial["transport"].as_str().unwrap_or("TCP baseline").to_owned(),
        setting("protocol") + fresh,
        setting("compression"),
    ]
    .into_iter()
    .chain(parts)
    .chain([each(0.0 - trial["wire"]["compression_saved"].as_f64().unwrap()), part("tcp_ip")])
    .chain([each(acknowledgements), part("retransmitted"), each(ledger as f64), each(capture as f64)]);
    let off = (ledger as f64 / capture as f64 - 1.0) * 100.0;
    let off = format!("{off:.2} %").replace('-', "−").replace("−0.00", "0.00");
    format!("| {} | {off} |", cells.collect::<Vec<_>>().join(" | "))
}

/// Three intervals of a trial: the shortest that its counters may cover, the planned one, and the longest. The clients'
/// timers may be late, and then their counters belong to an earlier moment.
pub fn edges(trial: &Value) -> [Range<u64>; 3] {
    let [from, to] = [0, 1].map(|end| trial["window_unix_ns"][end].as_u64().unwrap());
    let late = trial["health"]["schedule_lag_ns_p99"].as_u64().unwrap();
    [from..to - late, from..to, from - late..to]
}

/// Is the ledger between the least and the most that the capture allows?
pub fn is_between(ledger: u64, least: u64, most: u64, tolerance: f64) -> bool {
    let ledger = ledger as f64;
    least > 0 && ledger >= least as f64 * (1.0 - tolerance) && ledger <= most as f64 * (1.0 + tolerance)
}

pub fn run_file(out: &std::path::Path) -> Value {
    let folders = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let folder = folders.filter(|path| path.is_dir()).max().unwrap();
    serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap()
}

/// A running tcpdump.
pub struct Capture {
    process: Child,
    words: Lines<BufReader<ChildStderr>>,
    bytes: JoinHandle<Vec<u8>>,
}

impl Capture {
    /// Captures all TCP on the loopback interface.
    ///
    /// Errors: why this machine cannot capture.
    async fn start() -> Result<Self, String> {
        Self::of(Command::new("tcpdump"), "lo").await
    }

    /// Captures all TCP on an interface; `tcpdump` is the command that starts tcpdump.
    ///
    /// Errors: why this machine cannot capture.
    pub async fn of(tcpdump: Command, interface: &str) -> Result<Self, String> {
        let mut command = tcpdump;
        // 64 MiB of buffer: other programs may use the same interface.
        command.args([
            "-i",
            interface,
            "-n",
            "-s",
            SNAP_BYTES,
            "-B",
            "65536",
            "--immediate-mode",
            "-U",
            "-w",
            "-",
            "tcp",
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process =
            command.spawn().map_err(|error| format!("tcpdump cannot be started: {error}; install tcpdump"))?;
        let mut output = process.stdout.take().unwrap();
        let bytes = tokio::spawn(async move {
            let mut bytes = Vec::new();
            output.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        let mut words = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut last_line = String::new();
        let begun = async {
            while let Some(line) = words.next_line().await.unwrap() {
                if line.contains(&format!("listening on {interface}")) {
                    return true;
                }
                last_line = line;
            }
            false
        };
        match within("tcpdump to begin", begun).await {
            true => Ok(Self { process, words, bytes }),
            false => Err(format!("{last_line}; run as root, or give tcpdump CAP_NET_RAW")),
        }
    }

    /// Ends the capture; asserts that no packet was dropped.
    async fn stop(self) -> Vec<Packet> {
        send_signal(self.process.id().unwrap(), Signal::INT);
        packets(&self.ended().await)
    }

    /// The file of a capture that ends. It ends by itself when its interface is removed.
    pub async fn ended(mut self) -> Vec<u8> {
        let bytes = within("the end of the capture", self.bytes).await.unwrap();
        let mut dropped = None;
        while let Some(line) = within("the end of tcpdump's output", self.words.next_line()).await.unwrap() {
            if let Some(count) = line.strip_suffix(" packets dropped by kernel") {
                dropped = Some(count.to_owned());
            }
        }
        assert_eq!(dropped.as_deref(), Some("0"), "packets dropped by the capture");
        bytes
    }
}

/// The traffic of one trial's clients in its interval, from the capture.
struct Traffic {
    bytes: u64,
    packets: u64,
}

impl Traffic {
    /// Everything to or from the trial's port, except the control plane's connection: the one that ever requested the
    /// clock or the counters. Under TLS requests cannot be read; the control plane's connection is then the first.
    fn of(packets: &[Packet], trial: &Value, interval: Range<u64>) -> Self {
        let port = u16::try_from(trial["port"].as_u64().unwrap()).unwrap();
        let clients = |packet: &Packet| match port {
            port if packet.to == port => Some(packet.from),
            port if packet.from == port => Some(packet.to),
            _ => None,
        };
        let mut control: HashSet<u16> = packets.iter().filter(|packet| packet.is_control).filter_map(clients).collect();
        if matches!(trial["point"]["protocol"].as_str(), Some("https1" | "h2")) {
            control.extend(packets.iter().find_map(clients));
        }
        let mut seen = Self { bytes: 0, packets: 0 };
        for packet in packets.iter().filter(|packet| interval.contains(&packet.at_unix_ns)) {
            if clients(packet).is_some_and(|client| !control.contains(&client)) {
                seen.bytes += u64::from(packet.ip_bytes);
                seen.packets += 1;
            }
        }
        seen
    }
}

/// One captured TCP segment.
#[derive(Debug, PartialEq)]
struct Packet {
    at_unix_ns: u64,
    from: u16,
    to: u16,
    /// Length of the IP packet, header included.
    ip_bytes: u16,
    /// Does it request the clock or the counters?
    is_control: bool,
}

/// Reads a capture file of IPv4 over Ethernet, as tcpdump writes it for the loopback interface of a little-endian host.
/// Source: draft-ietf-opsawg-pcap section 4 and 5; RFC 791 section 3.1; RFC 9293 section 3.1.
fn packets(file: &[u8]) -> Vec<Packet> {
    const ETHERNET: u32 = 1;
    let frames = frames(file, ETHERNET).into_iter();
    frames.filter_map(|(at_unix_ns, frame)| segment(frame, at_unix_ns)).collect()
}

/// The frames of a capture file, each with its time.
pub fn frames(file: &[u8], link_type: u32) -> Vec<(u64, &[u8])> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let fraction_ns = match word(0) {
        0xa1b2_c3d4 => 1_000,
        0xa1b2_3c4d => 1,
        other => panic!("not a capture file: it begins with {other:08x}"),
    };
    assert_eq!(word(20), link_type, "link type");
    let mut frames = Vec::new();
    let mut at = 24;
    while at + 16 <= file.len() {
        let at_unix_ns = u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4)) * fraction_ns;
        let end = at + 16 + word(at + 8) as usize;
        frames.push((at_unix_ns, &file[at + 16..end]));
        at = end;
    }
    frames
}

fn segment(frame: &[u8], at_unix_ns: u64) -> Option<Packet> {
    const IPV4: [u8; 2] = [8, 0];
    const TCP: u8 = 6;
    let ip = frame.get(14..).filter(|_| frame[12..14] == IPV4)?;
    if ip[9] != TCP {
        return None;
    }
    let tcp = &ip[usize::from(ip[0] & 0x0f) * 4..];
    let short = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
    let content = &tcp[usize::from(tcp[12] >> 4) * 4..];
    let is_control = content.starts_with(b"GET /clock") || content.starts_with(b"GET /stats");
    Some(Packet { at_unix_ns, from: short(tcp), to: short(&tcp[2..]), ip_bytes: short(&ip[2..]), is_control })
}

pub async fn a_capture_file_is_read_packet_by_packet() {
    let mut file = [0xa1b2_c3d4_u32, 0, 0, 0, 128, 1].map(u32::to_le_bytes).concat();
    let content = b"GET /stats HTTP/1.1\r\n";
    let mut frame = vec![0; 12];
    frame.extend([8, 0]);
    frame.extend([0x45, 0, 0, 73, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    frame.extend([0x1f, 0x90, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    frame.extend([0; 12]);
    frame.extend(content);
    for seconds in [1, 2] {
        file.extend([seconds, 5, frame.len() as u32, frame.len() as u32].map(u32::to_le_bytes).concat());
        file.extend(&frame);
    }
    let packet = |at_unix_ns| Packet { at_unix_ns, from: 8080, to: 80, ip_bytes: 73, is_control: true };
    assert_eq!(packets(&file), [packet(1_000_005_000), packet(2_000_005_000)]);
}
