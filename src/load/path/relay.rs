//! The packets in flight: which link each is on, and when it leaves. It has neither a clock nor a device; the process
//! around it is [`super::serve`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use serde::{Deserialize, Serialize};

use super::address::{Direction, rewrite};
use super::link::{Fate, Link};
use crate::limits;
use crate::run::path::PathSettings;
use crate::run::path::report::PacketCounts;
use crate::units::Nanos;

/// The relay's own counts since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayReport {
    /// From clients to the server.
    pub up: PacketCounts,
    /// From the server to clients.
    pub down: PacketCounts,
    /// Packets on the device that do not belong to the path.
    pub strays: u64,
    /// Packets that the kernel did not accept back.
    pub refused: u64,
    /// Packets that the device dropped because the relay was too slow to read them.
    pub missed: u64,
    /// Packets in flight.
    pub waiting: u64,
    /// How late packets left the relay, after they were due: the median.
    pub late_ns_p50: Nanos,
    /// The 99th percentile.
    pub late_ns_p99: Nanos,
    /// The maximum.
    pub late_ns_max: Nanos,
}

/// The packets in flight, and their links.
#[derive(Debug)]
pub struct Relay {
    settings: PathSettings,
    seed: u64,
    links: HashMap<u16, [Link; 2]>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    waiting_bytes: usize,
    /// Packet counter, so that packets due at the same time leave in the order of arrival.
    next: u64,
    counts: [PacketCounts; 2],
    strays: u64,
}

/// A packet in flight.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at: Nanos,
    order: u64,
    is_down: bool,
    packet: Box<[u8]>,
}

impl Relay {
    /// A relay of this path. The same seed repeats the losses of each client.
    pub fn new(settings: PathSettings, seed: u64) -> Self {
        Self {
            settings,
            seed,
            links: HashMap::new(),
            waiting: BinaryHeap::new(),
            waiting_bytes: 0,
            next: 0,
            counts: [PacketCounts::default(); 2],
            strays: 0,
        }
    }

    /// Accepts a packet that came out of the device at `now`.
    pub fn take(&mut self, packet: &mut [u8], now: Nanos) {
        let Some((direction, host)) = rewrite(packet) else {
            self.strays += 1;
            return;
        };
        let way = usize::from(direction == Direction::Down);
        let links = self.links.entry(host).or_insert_with(|| {
            [Direction::Up, Direction::Down].map(|direction| Link::new(&self.settings, direction, host, self.seed))
        });
        let counts = &mut self.counts[way];
        counts.packets_in += 1;
        counts.bytes_in += packet.len() as u64;
        if self.waiting_bytes + packet.len() > limits::PATH_BYTES_MAX {
            counts.queue_dropped += 1;
            return;
        }
        match links[way].send(packet.len(), now) {
            Fate::Lost => counts.lost += 1,
            Fate::QueueFull => counts.queue_dropped += 1,
            Fate::Arrives { at, overtakes } => {
                counts.reordered += u64::from(overtakes);
                self.waiting_bytes += packet.len();
                let is_down = direction == Direction::Down;
                self.waiting.push(Reverse(Waiting { at, order: self.next, is_down, packet: packet.into() }));
                self.next += 1;
            }
        }
    }

    /// When the next packet is due.
    pub fn due(&self) -> Option<Nanos> {
        self.waiting.peek().map(|Reverse(first)| first.at)
    }

    /// The next packet that is due by `now`, and when it was due.
    pub fn release(&mut self, now: Nanos) -> Option<(Nanos, Box<[u8]>)> {
        self.due().filter(|due| *due <= now)?;
        let Reverse(first) = self.waiting.pop()?;
        self.waiting_bytes -= first.packet.len();
        let counts = &mut self.counts[usize::from(first.is_down)];
        counts.packets_out += 1;
        counts.bytes_out += first.packet.len() as u64;
        Some((first.at, first.packet))
    }

    /// The counts so far, without the lateness of packets, which is not known here.
    pub fn report(&self) -> RelayReport {
        let [up, down] = self.counts;
        RelayReport { up, down, strays: self.strays, waiting: self.waiting.len() as u64, ..RelayReport::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::tests::packet;
    use super::super::address::{FAR, NEAR, server_for};
    use super::*;
    use std::net::Ipv4Addr;

    const MILLI: u64 = Nanos::MILLI.0;

    fn up(host: u16, bytes: usize) -> Vec<u8> {
        packet(NEAR, server_for(host), bytes)
    }

    fn down(host: u16, bytes: usize) -> Vec<u8> {
        packet(FAR, Ipv4Addr::from(u32::from(super::super::address::CLIENTS) | u32::from(host)), bytes)
    }

    fn relay(path: &str) -> Relay {
        Relay::new(path.parse().unwrap(), 7)
    }

    fn drain(relay: &mut Relay) -> Vec<Nanos> {
        std::iter::from_fn(|| relay.release(Nanos::MAX)).map(|(at, _)| at).collect()
    }

    #[test]
    fn a_packet_comes_out_when_it_is_due_and_not_before() {
        let mut relay = relay("rtt=50ms");
        relay.take(&mut up(1, 40), Nanos(MILLI));
        relay.take(&mut down(1, 60), Nanos(2 * MILLI));
        assert_eq!(relay.due(), Some(Nanos(26 * MILLI)));
        assert_eq!(relay.release(Nanos(26 * MILLI - 1)), None);
        let (at, first) = relay.release(Nanos(26 * MILLI)).unwrap();
        assert_eq!((at, first.len()), (Nanos(26 * MILLI), 40));
        assert_eq!(drain(&mut relay), [Nanos(27 * MILLI)]);
        assert_eq!(relay.due(), None);
    }

    #[test]
    fn every_packet_is_counted_once_in_its_direction() {
        let mut relay = relay("rtt=20ms,jitter=5ms,reorder=yes,loss=5%,rate=10Mbit,queue=15000B");
        for index in 0..5_000_u64 {
            let host = (index % 7 + 1) as u16;
            let now = Nanos(index * 300_000);
            relay.take(&mut up(host, 52), now);
            relay.take(&mut down(host, 1_500), now);
            relay.take(&mut down(host, 1_500), now);
            while relay.release(now).is_some() {}
        }
        relay.take(&mut [0x60; 48], Nanos(0));
        let waiting = relay.report().waiting;
        let out = drain(&mut relay).len() as u64;
        assert_eq!(waiting, out);
        let RelayReport { up, down, strays, waiting, .. } = relay.report();
        for (counts, packets) in [(up, 5_000), (down, 10_000)] {
            assert_eq!(counts.packets_in, packets);
            assert_eq!(counts.packets_in, counts.packets_out + counts.lost + counts.queue_dropped, "{counts:?}");
            assert!(counts.lost > 0 && counts.reordered > 0, "{counts:?}");
        }
        assert_eq!((strays, waiting, relay.waiting_bytes), (1, 0, 0));
        assert_eq!(up.bytes_in, 5_000 * 52);
        assert_eq!(down.bytes_out, down.packets_out * 1_500);
    }

    #[test]
    fn a_client_fills_only_its_own_queue() {
        let mut relay = relay("rate=12Mbit,queue=15000B");
        for _ in 0..100 {
            relay.take(&mut down(1, 1_500), Nanos(0));
        }
        relay.take(&mut down(2, 1_500), Nanos(0));
        assert_eq!(relay.report().down.queue_dropped, 90);
        assert_eq!(relay.release(Nanos(MILLI)).map(|(at, _)| at), Some(Nanos(MILLI)));
        assert_eq!(relay.release(Nanos(MILLI)).map(|(at, _)| at), Some(Nanos(MILLI)), "the other client's");
    }

    #[test]
    fn packets_due_at_the_same_time_leave_in_the_order_of_arrival() {
        let mut relay = relay("rtt=2ms");
        for bytes in 40..140 {
            relay.take(&mut up(1, bytes), Nanos(0));
        }
        let lengths: Vec<usize> =
            std::iter::from_fn(|| relay.release(Nanos::MAX)).map(|(_, packet)| packet.len()).collect();
        assert_eq!(lengths, (40..140).collect::<Vec<_>>());
    }

    #[test]
    fn packets_in_flight_are_bounded_and_the_rest_is_dropped_and_counted() {
        let mut relay = relay("rtt=1s");
        let room = limits::PATH_BYTES_MAX / 1_500;
        for index in 0..room + 10 {
            relay.take(&mut down((index % 1_000) as u16 + 1, 1_500), Nanos(0));
        }
        let report = relay.report();
        assert_eq!((report.waiting, report.down.queue_dropped), (room as u64, 10));
    }
}
