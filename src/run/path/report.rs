//! What a path gave during a trial.

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// What happened to the packets of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// Packets that went in.
    pub packets_in: u64,
    /// Their bytes, IP headers included.
    pub bytes_in: u64,
    /// Packets that came out.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Packets that the link lost.
    pub lost: u64,
    /// Packets for which a queue had no room.
    pub queue_dropped: u64,
    /// Packets that came out before one that went in before them.
    pub reordered: u64,
}

impl PacketCounts {
    /// What was added since an earlier reading.
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

    /// Both directions together.
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

    /// Packets for which the queue had room, and which the link could lose.
    pub fn sent(self) -> u64 {
        self.packets_in.saturating_sub(self.queue_dropped)
    }

    /// Share of those that it lost; `None` if there were none.
    pub fn loss(self) -> Option<f64> {
        let sent = self.sent();
        (sent > 0).then(|| self.lost as f64 / sent as f64)
    }
}

/// A real path in the measured interval, and its own error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathReport {
    /// Round trip of the datagrams that probed it all through the trial: the median.
    pub round_trip_ns_p50: Nanos,
    /// The 99th percentile.
    pub round_trip_ns_p99: Nanos,
    /// Datagrams sent for that.
    pub probes: u64,
    /// From clients to the server, probes included.
    pub up: PacketCounts,
    /// From the server to clients.
    pub down: PacketCounts,
    /// How late packets left the relay, at the 99th percentile of the trial so far.
    pub late_ns_p99: Nanos,
    /// Packets that were neither asked to be lost nor found a full queue, and were lost all the same: the relay was too
    /// slow for the device, or the kernel did not take them back.
    pub missed: u64,
    /// Processor time of the relay, in which the kernel receives the packets of both ends.
    pub relay_cpu_ns: Nanos,
    /// Segments that the kernel sent again, of both ends and all connections; `None` where `/proc/net/snmp` does not say.
    pub segments_retransmitted: Option<u64>,
}
