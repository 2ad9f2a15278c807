//! Checks a path on its own: compares what was requested with what is measured, using the kernel's TCP over it.
//!
//! There are four parts, one after the other, each on its own link: probes ([`super::probe`]); datagrams faster than
//! the rate, to measure the rate that comes out; small messages on one connection, 100 a second, to measure their
//! latency; and bulk transfers. The retransmissions of the bulk transfers are compared with the relay's drops, and
//! their goodput with the formula of M. Mathis, J. Semke, J. Mahdavi, T. Ott, "The macroscopic behavior of the TCP
//! congestion avoidance algorithm", ACM CCR 27(3), 1997: MSS / RTT × √(3/2) / √p, for a sender that acknowledges each
//! segment and halves its window at a loss (Reno). A transfer under Reno has few losses in a few seconds, so several
//! run at once, each on its own link.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::{CLIENTS, Direction, FAR, NEAR, server_for};
use super::namespace::Namespace;
use super::probe::{ProbeReport, Probes};
use super::relay::RelayReport;
use super::running::{PathError, RunningPath};
use crate::clock::Clock;
use crate::limits;
use crate::measure::process::{TcpSender, process_cpu};
use crate::run::path::PathSettings;
use crate::run::path::report::PacketCounts;
use crate::stats::nearest_rank;
use crate::units::Nanos;

/// Why a path could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The relay failed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A socket over the path failed.
    #[error("a connection over the path failed: {0}")]
    Io(#[from] io::Error),
}

/// The measured properties of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The requested path.
    pub path: PathSettings,
    /// Round trip and loss of the probes.
    pub probes: ProbeReport,
    /// Measured rates, up and down, if they are limited.
    pub rate_bits_per_s: [Option<f64>; 2],
    /// Latencies of small messages to the client.
    pub messages: Messages,
    /// The bulk transfers.
    pub bulk: Vec<Bulk>,
    /// All of the relay's counts.
    pub relay: RelayReport,
    /// CPU time of the relay per packet that entered it.
    pub relay_cpu_ns_per_packet: f64,
}

/// 100 small messages a second on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// Number of messages.
    pub count: u64,
    /// Connection time: one round trip, and a second more for each lost packet of the handshake.
    pub connect_ns: Nanos,
    /// Median latency, from when a message was due to when the client had it.
    pub latency_ns_p50: Nanos,
    /// The 95th percentile.
    pub latency_ns_p95: Nanos,
    /// The 99th percentile.
    pub latency_ns_p99: Nanos,
    /// The 99.9th.
    pub latency_ns_p999: Nanos,
    /// The relay's counts of the downward direction.
    pub down: PacketCounts,
    /// Segments that the kernel retransmitted.
    pub segments_retransmitted: u32,
}

/// Bulk transfers from the server to the client, over independent connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bulk {
    /// Congestion control.
    pub congestion: String,
    /// Number of concurrent connections.
    pub connections: u64,
    /// Bytes of data in a full segment.
    pub segment_bytes: u32,
    /// Goodput of one connection's client in bits per second, after the first quarter of the time.
    pub goodput_bits_per_s: f64,
    /// The formula's value for the measured round trip and loss; `None` without loss, and for other congestion
    /// controls.
    pub mathis_bits_per_s: Option<f64>,
    /// Bytes that all clients received.
    pub bytes: u64,
    /// Data segments that the kernel sent.
    pub data_segments: u32,
    /// How many of these were retransmissions.
    pub segments_retransmitted: u32,
    /// The relay's counts of the downward direction.
    pub down: PacketCounts,
    /// Packets lost in addition to the requested loss, because the relay or the kernel was too slow.
    pub missed: u64,
}

/// Host numbers of the links of each part; clients of a run have other paths.
const FLOOD_HOST: u16 = 2;
const MESSAGES_HOST: u16 = 3;
const BULK_HOST: u16 = 4;
const RENO_HOST: u16 = 5;
/// Connections under Reno: at 1 % and 100 ms each has about one loss per second.
const RENO_CONNECTIONS: u16 = 12;
/// Time between two probes of a check: short, to distinguish 1 % from 1.1 %.
const PROBE_REST: Duration = Duration::from_millis(1);
/// Time between two messages.
const MESSAGE_REST: Nanos = Nanos(10 * Nanos::MILLI.0);
/// A small update with its envelope.
const MESSAGE_BYTES: usize = 150;
/// By which factor the datagrams exceed the rate.
const FLOOD_FACTOR: f64 = 1.25;
/// The largest rate that datagrams from one thread can exceed.
const FLOOD_BITS_PER_S_MAX: u64 = 200_000_000;
/// The congestion control to which the formula applies.
const RENO: &str = "reno";
/// Bytes per write.
const CHUNK_BYTES: usize = 64 << 10;

/// Checks a path; each part takes `length`. This process must be in a namespace and start nothing else there.
///
/// Errors: [`CheckError`].
pub fn check(
    namespace: &Namespace,
    settings: &PathSettings,
    length: Duration,
    seed: u64,
) -> Result<CheckReport, CheckError> {
    // Without this limit, the sender's buffer would contain minutes of a slow path at the end.
    let _as_is = std::fs::write("/proc/sys/net/ipv4/tcp_notsent_lowat", "65536");
    let mut path = RunningPath::start(namespace, settings, seed)?;
    let probes = Probes::start(settings, PROBE_REST)?;
    thread::sleep(length);
    let probes = probes.finish()?;
    let mut rates = [None; 2];
    for (rate, direction, asked) in
        [(0, Direction::Up, settings.up_bits_per_s), (1, Direction::Down, settings.down_bits_per_s)]
    {
        if let Some(asked) = asked.filter(|asked| *asked <= FLOOD_BITS_PER_S_MAX) {
            rates[rate] = flood(direction, asked, length / 2)?;
        }
    }
    let before = path.report()?.down;
    let (mut latencies, connect_ns, sender) = messages(length)?;
    let down = path.report()?.down.since(before);
    latencies.sort_unstable();
    let at = |share| nearest_rank(&latencies, share).unwrap_or_default();
    let messages = Messages {
        count: latencies.len() as u64,
        connect_ns,
        latency_ns_p50: at(0.5),
        latency_ns_p95: at(0.95),
        latency_ns_p99: at(0.99),
        latency_ns_p999: at(0.999),
        down,
        segments_retransmitted: sender.segments_retransmitted,
    };
    let mut bulk = Vec::new();
    let reno = RENO_HOST..RENO_HOST + if settings.loss > 0.0 { RENO_CONNECTIONS } else { 1 };
    for (hosts, congestion) in [(BULK_HOST..RENO_HOST, None), (reno, Some(RENO))] {
        let before = path.report()?;
        let mut transfer = transfers(hosts, length, congestion)?;
        let after = path.report()?;
        transfer.down = after.down.since(before.down);
        transfer.missed = (after.missed + after.refused).saturating_sub(before.missed + before.refused);
        let round_trip = probes.round_trip_ns_p50;
        transfer.mathis_bits_per_s = transfer
            .down
            .loss()
            .filter(|loss| *loss > 0.0 && round_trip > Nanos::ZERO && transfer.congestion == RENO)
            .map(|loss| f64::from(transfer.segment_bytes) * 8.0 / round_trip.seconds() * (1.5 / loss).sqrt());
        bulk.push(transfer);
    }
    let cpu = process_cpu(path.pid())?;
    let relay = path.report()?;
    let packets = relay.up.packets_in + relay.down.packets_in;
    Ok(CheckReport {
        path: *settings,
        probes,
        rate_bits_per_s: rates,
        messages,
        bulk,
        relay,
        relay_cpu_ns_per_packet: cpu.0 as f64 / packets.max(1) as f64,
    })
}

/// Sends full packets faster than the rate: how many bits per second come out?
fn flood(direction: Direction, asked: u64, length: Duration) -> io::Result<Option<f64>> {
    const HEADER_BYTES: usize = 28;
    let (near, far) = (UdpSocket::bind((NEAR, 0))?, UdpSocket::bind((FAR, 0))?);
    let ports = [near.local_addr()?.port(), far.local_addr()?.port()];
    let client = Ipv4Addr::from(u32::from(CLIENTS) | u32::from(FLOOD_HOST));
    let (from, to) = match direction {
        Direction::Up => {
            near.connect((server_for(FLOOD_HOST), ports[1]))?;
            (near, far)
        }
        Direction::Down => {
            far.connect((client, ports[0]))?;
            (far, near)
        }
    };
    let sending = thread::spawn(move || -> io::Result<()> {
        let packet = [0; limits::PATH_MTU_BYTES - HEADER_BYTES];
        let rest = Nanos::from_seconds(limits::PATH_MTU_BYTES as f64 * 8.0 / (asked as f64 * FLOOD_FACTOR));
        let begun = Clock::Monotonic.now();
        let (mut due, end) = (begun, begun.saturating_add(length.into()));
        while due < end {
            from.send(&packet)?;
            due = due.saturating_add(rest);
            thread::sleep(due.saturating_sub(Clock::Monotonic.now()).duration());
        }
        Ok(())
    });
    // The number of packets after the first, and when the last one arrived.
    to.set_read_timeout(Some(length + Duration::from_secs(3)))?;
    let mut buffer = [0; limits::PATH_MTU_BYTES];
    let (mut first, mut last, mut bytes) = (None, Nanos::ZERO, 0);
    while let Ok(length) = to.recv(&mut buffer) {
        last = Clock::Monotonic.now();
        match first {
            None => {
                first = Some(last);
                // Stops when nothing has arrived for longer than any delay.
                to.set_read_timeout(Some(Duration::from_millis(2_500)))?;
            }
            Some(_) => bytes += length + HEADER_BYTES,
        }
    }
    sending.join().unwrap_or_else(|_| Err(io::Error::other("the sender's thread panicked")))?;
    let took = first.map_or(Nanos::ZERO, |first| last.saturating_sub(first));
    Ok((took > Nanos::ZERO).then(|| bytes as f64 * 8.0 / took.seconds()))
}

/// Opens a connection over the path: the server's end, the client's end, and the connection time.
fn connect(host: u16, congestion: Option<&str>) -> io::Result<(TcpStream, TcpStream, Nanos)> {
    let listener = TcpListener::bind((FAR, 0))?;
    if let Some(congestion) = congestion {
        // Connections inherit it from their listener.
        rustix::net::sockopt::set_tcp_congestion(&listener, congestion)?;
    }
    let begun = Clock::Monotonic.now();
    let client = TcpStream::connect((server_for(host), listener.local_addr()?.port()))?;
    let took = Clock::Monotonic.now().saturating_sub(begun);
    let (server, _) = listener.accept()?;
    server.set_nodelay(true)?;
    Ok((server, client, took))
}

fn messages(length: Duration) -> io::Result<(Vec<Nanos>, Nanos, TcpSender)> {
    let (mut server, mut client, connect_ns) = connect(MESSAGES_HOST, None)?;
    let reading = thread::spawn(move || {
        let mut latencies = Vec::new();
        let mut message = [0; MESSAGE_BYTES];
        while client.read_exact(&mut message).is_ok() {
            let due: [u8; 8] = message[..8].try_into().expect("the range has eight bytes");
            latencies.push(Clock::Monotonic.now().saturating_sub(Nanos(u64::from_be_bytes(due))));
        }
        latencies
    });
    let mut due = Clock::Monotonic.now();
    let end = due.saturating_add(length.into());
    while due < end {
        thread::sleep(due.saturating_sub(Clock::Monotonic.now()).duration());
        let mut message = [0; MESSAGE_BYTES];
        message[..8].copy_from_slice(&due.0.to_be_bytes());
        server.write_all(&message)?;
        due = due.saturating_add(MESSAGE_REST);
    }
    server.shutdown(Shutdown::Write)?;
    let latencies = reading.join().unwrap_or_default();
    Ok((latencies, connect_ns, TcpSender::of(&server)?))
}

/// Transfers to all of these clients at the same time, and sums up.
fn transfers(hosts: Range<u16>, length: Duration, congestion: Option<&'static str>) -> io::Result<Bulk> {
    let connections = u64::from(hosts.end - hosts.start);
    let started: Vec<_> = hosts.map(|host| thread::spawn(move || transfer(host, length, congestion))).collect();
    let ended = started
        .into_iter()
        .map(|one| one.join().unwrap_or_else(|_| Err(io::Error::other("the thread of a transfer panicked"))));
    let all: Vec<Bulk> = ended.collect::<io::Result<_>>()?;
    let mut sum = all.first().cloned().ok_or_else(|| io::Error::other("no client to transfer to"))?;
    for one in &all[1..] {
        sum.goodput_bits_per_s += one.goodput_bits_per_s;
        sum.bytes += one.bytes;
        sum.data_segments += one.data_segments;
        sum.segments_retransmitted += one.segments_retransmitted;
    }
    Ok(Bulk { connections, goodput_bits_per_s: sum.goodput_bits_per_s / connections as f64, ..sum })
}

fn transfer(host: u16, length: Duration, congestion: Option<&str>) -> io::Result<Bulk> {
    let (mut server, mut client, _) = connect(host, congestion)?;
    let begun = Clock::Monotonic.now();
    let [from, to] = [length / 4, length].map(|after| begun.saturating_add(after.into()));
    let reading = thread::spawn(move || -> io::Result<[u64; 2]> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let (mut all, mut counted) = (0, 0);
        loop {
            let read = client.read(&mut buffer)? as u64;
            if read == 0 {
                return Ok([all, counted]);
            }
            all += read;
            if (from..to).contains(&Clock::Monotonic.now()) {
                counted += read;
            }
        }
    });
    let chunk = vec![0; CHUNK_BYTES];
    while Clock::Monotonic.now() < to {
        server.write_all(&chunk)?;
    }
    server.shutdown(Shutdown::Write)?;
    let read = reading.join().unwrap_or_else(|_| Err(io::Error::other("the reader's thread panicked")));
    let [bytes, counted] = read?;
    let sender = TcpSender::of(&server)?;
    Ok(Bulk {
        congestion: rustix::net::sockopt::tcp_congestion(&server)?,
        connections: 1,
        segment_bytes: sender.segment_bytes,
        goodput_bits_per_s: counted as f64 * 8.0 / to.saturating_sub(from).seconds(),
        mathis_bits_per_s: None,
        bytes,
        data_segments: sender.data_segments,
        segments_retransmitted: sender.segments_retransmitted,
        down: PacketCounts::default(),
        missed: 0,
    })
}
