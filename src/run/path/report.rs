//! What a path measured about itself during a trial.

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// Counts of the packets in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// Packets that went in.
    pub packets_in: u64,
    /// Their bytes, IP headers included.
    pub bytes_in: u64,
    /// Packets that came out.
    pub packets_out: u64,
    /// Bytes of those packets.
    pub bytes_out: u64,
    /// Packets that the link lost.
    pub lost: u64,
    /// Packets dropped because a queue was full.
    pub queue_dropped: u64,
    /// Packets that came out before one that went in before them.
    pub reordered: u64,
}

impl PacketCounts {
    /// The difference to an earlier reading.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            packets_in: self.packets_in.saturating_sub(earlier.packets_in),
            bytes_in: self.bytes_in.saturating_sub(earlier.bytes_in),
            packets_out: self.packets_out.saturating_sub(earlier.packets_out),
            bytes_out: self.bytes_out.saturating_sub(earlier.bytes_out),
            lost: self.lost.saturating_sub(earlier.lost),
            queue_dropped: self.queue_dropped.saturating_sub(earlier.queue_dropped),
            reordered: self.reordered.saturating_sub(earlier.reordered),
        }
    }

    /// Packets that did not come out.
    pub fn dropped(self) -> u64 {
        self.lost + self.queue_dropped
    }

    /// The sum of both directions.
    pub fn with(self, other: Self) -> Self {
        Self {
            packets_in: self.packets_in + other.packets_in,
            bytes_in: self.bytes_in + other.bytes_in,
            packets_out: self.packets_out + other.packets_out,
            bytes_out: self.bytes_out + other.bytes_out,
            lost: self.lost + other.lost,
            queue_dropped: self.queue_dropped + other.queue_dropped,
            reordered: self.reordered + other.reordered,
        }
    }

    /// Packets that were queued, and that the link could therefore lose.
    pub fn sent(self) -> u64 {
        self.packets_in.saturating_sub(self.queue_dropped)
    }

    /// Share of the queued packets that the link lost; `None` if there were none.
    pub fn loss(self) -> Option<f64> {
        let sent = self.sent();
        (sent > 0).then(|| self.lost as f64 / sent as f64)
    }
}

/// A real path in the measured interval, with the errors of its emulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathReport {
    /// Round trip of the datagrams that probed it throughout the trial: median.
    pub round_trip_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub round_trip_ns_p99: Nanos,
    /// Probe datagrams sent.
    pub probes: u64,
    /// From clients to the server, probes included.
    pub up: PacketCounts,
    /// From the server to clients.
    pub down: PacketCounts,
    /// How late packets left the relay, 99th percentile of the trial so far.
    pub late_ns_p99: Nanos,
    /// Packets lost although neither the loss setting nor a full queue dropped them: the relay was too slow for the
    /// device, or the kernel did not take them back.
    pub missed: u64,
    /// Processor time of the relay. It includes the kernel's work of receiving the packets of both ends.
    pub relay_cpu_ns: Nanos,
    /// Segments that the kernel retransmitted, at both ends and for all connections; `None` if `/proc/net/snmp` does
    /// not say.
    pub segments_retransmitted: Option<u64>,
}
