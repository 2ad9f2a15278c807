//! Measures the path's own error: datagrams cross it like any packet, on their own link, are returned by the far end,
//! and are timed at both ends.
//!
//! They are UDP, since TCP would hide a loss behind a retransmission, and sent from separate threads, since a busy
//! runtime would be measured together with the path.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::{FAR, NEAR, server_for};
use crate::clock::Clock;
use crate::limits;
use crate::run::path::PathSettings;
use crate::stats::nearest_rank;
use crate::units::Nanos;

/// The result of the probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// Probes sent by the near end.
    pub sent: u64,
    /// Probes received by the far end.
    pub reached: u64,
    /// Probes received back by the near end.
    pub returned: u64,
    /// Shortest round trip.
    pub round_trip_ns_min: Nanos,
    /// Median round trip.
    pub round_trip_ns_p50: Nanos,
    /// 99th percentile of the round trip.
    pub round_trip_ns_p99: Nanos,
    /// Longest round trip.
    pub round_trip_ns_max: Nanos,
    /// Median delay of the upward direction.
    pub up_ns_p50: Nanos,
    /// Median delay of the downward direction.
    pub down_ns_p50: Nanos,
}

/// Host number of the probes' link, different from those of clients.
const HOST: u16 = limits::PATH_HOSTS_MAX;
/// Number of the probe, send time, and arrival time at the far end.
const PROBE_BYTES: usize = 24;
/// How often a thread that waits for a datagram checks whether to stop.
const LOOK: Duration = Duration::from_millis(20);

/// Probes that go back and forth until stopped.
#[derive(Debug)]
pub struct Probes {
    is_stopped: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    /// Number of returned probes.
    returned: Arc<AtomicU64>,
    patience: Duration,
    sender: JoinHandle<io::Result<u64>>,
    mirror: JoinHandle<io::Result<u64>>,
    receiver: JoinHandle<io::Result<Vec<[Nanos; 2]>>>,
}

impl Probes {
    /// Sends probes one after the other, `rest` apart. The path must exist.
    ///
    /// Errors: those of the sockets.
    pub fn start(settings: &PathSettings, rest: Duration) -> io::Result<Self> {
        let far = UdpSocket::bind((FAR, 0))?;
        let near = UdpSocket::bind((NEAR, 0))?;
        near.connect((server_for(HOST), far.local_addr()?.port()))?;
        let receiving = near.try_clone()?;
        for socket in [&far, &receiving] {
            socket.set_read_timeout(Some(LOOK))?;
            // Datagrams that arrive while a thread waits for a processor are not losses of the path. A host may allow
            // a smaller buffer.
            rustix::net::sockopt::set_socket_recv_buffer_size(socket, limits::PATH_PROBE_BUFFER_BYTES)?;
        }
        let (is_stopped, is_over) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (stop, over, over_too) = (Arc::clone(&is_stopped), Arc::clone(&is_over), Arc::clone(&is_over));
        let returned = Arc::<AtomicU64>::default();
        let count = Arc::clone(&returned);
        Ok(Self {
            is_stopped,
            is_over,
            returned,
            patience: settings.rtt.duration() + settings.jitter.duration() * 2 + limits::PATH_PROBE_GRACE,
            sender: thread::spawn(move || send(&near, rest, &stop)),
            mirror: thread::spawn(move || reflect(&far, &over)),
            receiver: thread::spawn(move || receive(&receiving, &over_too, &count)),
        })
    }

    /// Stops sending, waits for the probes in flight, and returns the result.
    ///
    /// Errors: those of the sockets.
    pub fn finish(self) -> io::Result<ProbeReport> {
        self.is_stopped.store(true, Relaxed);
        let sent = joined(self.sender);
        let patience = Clock::Monotonic.now().saturating_add(self.patience.into());
        let all = *sent.as_ref().unwrap_or(&0);
        while self.returned.load(Relaxed) < all && Clock::Monotonic.now() < patience {
            thread::sleep(LOOK);
        }
        self.is_over.store(true, Relaxed);
        let (sent, reached, ways) = (sent?, joined(self.mirror)?, joined(self.receiver)?);
        Ok(summary(sent, reached, &ways))
    }
}

fn joined<T>(thread: JoinHandle<io::Result<T>>) -> io::Result<T> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("a probe's thread panicked")))
}

fn send(socket: &UdpSocket, rest: Duration, is_stopped: &AtomicBool) -> io::Result<u64> {
    let clock = Clock::Monotonic;
    let mut due = clock.now();
    for number in 0_u64.. {
        if is_stopped.load(Relaxed) {
            return Ok(number);
        }
        let mut probe = [0; PROBE_BYTES];
        probe[..8].copy_from_slice(&number.to_be_bytes());
        probe[8..16].copy_from_slice(&clock.now().0.to_be_bytes());
        socket.send(&probe)?;
        due = due.saturating_add(rest.into());
        thread::sleep(due.saturating_sub(clock.now()).duration());
    }
    Ok(u64::MAX)
}

fn reflect(socket: &UdpSocket, is_over: &AtomicBool) -> io::Result<u64> {
    let mut reached = 0;
    let mut probe = [0; PROBE_BYTES];
    while !is_over.load(Relaxed) {
        let Some((PROBE_BYTES, from)) = arrived(socket.recv_from(&mut probe))? else { continue };
        probe[16..].copy_from_slice(&Clock::Monotonic.now().0.to_be_bytes());
        socket.send_to(&probe, from)?;
        reached += 1;
    }
    Ok(reached)
}

/// The upward and downward delays of each returned probe.
fn receive(socket: &UdpSocket, is_over: &AtomicBool, returned: &AtomicU64) -> io::Result<Vec<[Nanos; 2]>> {
    let mut ways = Vec::new();
    let mut probe = [0; PROBE_BYTES];
    while !is_over.load(Relaxed) {
        let Some(PROBE_BYTES) = arrived(socket.recv(&mut probe))? else { continue };
        let now = Clock::Monotonic.now();
        let read = |at: usize| {
            let bytes: [u8; 8] = probe[at..at + 8].try_into().expect("the range has eight bytes");
            Nanos(u64::from_be_bytes(bytes))
        };
        let (sent, reached) = (read(8), read(16));
        // Both ends use one clock, so a probe that arrived before it was sent is not one of these.
        if let (Some(up), Some(down)) = (reached.since(sent), now.since(reached)) {
            ways.push([up, down]);
            returned.fetch_add(1, Relaxed);
        }
    }
    Ok(ways)
}

/// The received datagram; `None` if nothing arrived within the timeout.
fn arrived<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(arrived) => Ok(Some(arrived)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn summary(sent: u64, reached: u64, ways: &[[Nanos; 2]]) -> ProbeReport {
    let sorted = |of: fn(&[Nanos; 2]) -> Nanos| {
        let mut lengths: Vec<Nanos> = ways.iter().map(of).collect();
        lengths.sort_unstable();
        lengths
    };
    let trips = sorted(|[up, down]| up.saturating_add(*down));
    let [ups, downs] = [sorted(|[up, _]| *up), sorted(|[_, down]| *down)];
    let at = |lengths: &[Nanos], share| nearest_rank(lengths, share).unwrap_or_default();
    ProbeReport {
        sent,
        reached,
        returned: ways.len() as u64,
        round_trip_ns_min: trips.first().copied().unwrap_or_default(),
        round_trip_ns_p50: at(&trips, 0.5),
        round_trip_ns_p99: at(&trips, 0.99),
        round_trip_ns_max: trips.last().copied().unwrap_or_default(),
        up_ns_p50: at(&ups, 0.5),
        down_ns_p50: at(&downs, 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_summed_up_by_their_round_trips_and_each_way() {
        let ways: Vec<[Nanos; 2]> = (1..=100).map(|number| [Nanos(number), Nanos(1_000 + number)]).collect();
        let report = summary(120, 110, &ways);
        assert_eq!((report.sent, report.reached, report.returned), (120, 110, 100));
        assert_eq!((report.round_trip_ns_min, report.round_trip_ns_max), (Nanos(1_002), Nanos(1_200)));
        assert_eq!(report.round_trip_ns_p50, Nanos(1_100));
        assert_eq!((report.up_ns_p50, report.down_ns_p50), (Nanos(50), Nanos(1_050)));
        assert_eq!(summary(3, 0, &[]).returned, 0);
    }
}
