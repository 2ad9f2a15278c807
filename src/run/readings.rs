//! The raw readings of a trial. From these, the counts of [`WireTotals`] and the [`Audit`], every ratio of the run file
//! can be recomputed (`scripts/recompute` does).
//!
//! [`WireTotals`]: crate::run::file::WireTotals
//! [`Audit`]: crate::run::file::Audit

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// The raw readings of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Readings {
    /// The clocks and the sockets at the start of the measured interval.
    pub begun: Edge,
    /// The same at its end.
    pub ended: Edge,
    /// Memory before any client, with all clients idle, and at the end.
    pub memory: MemoryReadings,
    /// The sums that the age was averaged from.
    pub age: AgeReadings,
    /// Bytes of data in a full segment of the clients' connections (`TCP_INFO`, `tcpi_snd_mss`): the largest of any
    /// connection; `None` if none reported it.
    pub segment_bytes: Option<u32>,
    /// The offset of the server's clock to the generator's before, during and after the interval. On one host, where
    /// both read the same clock, there is a single reading.
    pub clocks: Vec<ClockReading>,
}

/// The readings at one end of the measured interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Time of the readings, on the monotonic clock of the generator's host.
    pub at_ns: Nanos,
    /// Processor time of the server's process; `None` if the generator did not start the server.
    pub server_cpu_ns: Option<Nanos>,
    /// Processor time of the generator's process.
    pub generator_cpu_ns: Nanos,
    /// Processor time of the programs that emulate a link or a path.
    pub relay_cpu_ns: Nanos,
    /// Time that the generator's threads had waited for a processor.
    pub generator_wait_ns: Option<Nanos>,
    /// Time that the host's processors had not been idle, summed over all.
    pub host_busy_ns: Option<Nanos>,
    /// Time that other virtual machines had stolen them.
    pub host_steal_ns: Option<Nanos>,
    /// Segments that the clients' sockets had received.
    pub segments_in: u64,
    /// Segments that the clients' sockets had sent.
    pub segments_out: u64,
    /// Bytes that the clients' sockets had retransmitted.
    pub bytes_retransmitted: u64,
    /// Bytes that the server had retransmitted; `None` if it does not report them.
    pub server_bytes_retransmitted: Option<u64>,
}

/// Memory in bytes; `None` if it could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReadings {
    /// The server's resident memory without any client.
    pub server_before: Option<u64>,
    /// The server's, with all clients connected and nothing published yet.
    pub server_idle: Option<u64>,
    /// The server's, at the end of the measured interval.
    pub server_loaded: Option<u64>,
    /// The kernel's slab and socket memory, of the whole host, without any client.
    pub kernel_before: Option<u64>,
    /// The kernel's, with all clients connected.
    pub kernel_idle: Option<u64>,
    /// Number of ends of each client's connection on this host.
    pub ends_per_client: u32,
}

/// The sums over clients that the age of information and the stale fraction were averaged from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgeReadings {
    /// Area under the saw-tooth of age, in square nanoseconds.
    pub area_ns2: f64,
    /// Time in which a client held an update, and so had an age.
    pub covered_ns: Nanos,
    /// Time in which a newer update existed than the client held.
    pub stale_ns: Nanos,
}

/// One measurement of the offset between the server's clock and the generator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    /// Time of the measurement, on the generator's clock.
    pub at_ns: Nanos,
    /// The server's clock minus the generator's.
    pub offset_ns: i64,
    /// Uncertainty of that: half the best round trip plus a microsecond; 0 on one host.
    pub uncertainty_ns: Nanos,
}

impl Readings {
    /// How much a counter grew between the two ends; `None` if one of them was not read.
    pub fn spent(&self, of: impl Fn(&Edge) -> Option<Nanos>) -> Option<Nanos> {
        Some(of(&self.ended)?.saturating_sub(of(&self.begun)?))
    }

    /// Processor time of server, generator and relays together in the interval.
    pub fn parts(&self) -> Option<Nanos> {
        let own = self.spent(|edge| Some(edge.generator_cpu_ns.saturating_add(edge.relay_cpu_ns)))?;
        Some(self.spent(|edge| edge.server_cpu_ns)?.saturating_add(own))
    }

    /// The host's busy time in the interval; `None` if it was not read, or if it is less than its parts and therefore
    /// wrong.
    pub fn host_busy(&self) -> Option<Nanos> {
        let busy = self.spent(|edge| edge.host_busy_ns)?;
        self.parts().is_none_or(|parts| parts <= busy).then_some(busy)
    }

    /// Processor time that programs outside the trial used, or that other virtual machines stole. `None` if the
    /// server's own is unknown, because it cannot be subtracted then.
    pub fn others(&self) -> Option<Nanos> {
        let others = self.spent(|edge| edge.host_busy_ns)?.saturating_sub(self.parts()?);
        let stolen = self.spent(|edge| edge.host_steal_ns).unwrap_or_default();
        // Time stolen while a processor had work is part of its busy time.
        Some(others.max(stolen))
    }

    /// Uncertainty of the clock offset that the latencies were computed with: that of its measurement, plus the
    /// observed change of the offset.
    pub fn clock_uncertainty(&self) -> Nanos {
        let Some(first) = self.clocks.first() else { return Nanos::ZERO };
        let off = |one: &ClockReading| {
            let moved = Nanos(one.offset_ns.abs_diff(first.offset_ns));
            moved.saturating_add(one.uncertainty_ns)
        };
        self.clocks.iter().map(off).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;

    #[test]
    fn busy_time_below_its_parts_is_unknown_and_time_outside_the_trial_is_the_rest() {
        let mut readings = fixture::readings();
        let parts = readings.parts().unwrap();
        readings.ended.host_busy_ns = readings.begun.host_busy_ns.map(|busy| busy.saturating_add(parts));
        assert_eq!((readings.host_busy(), readings.others()), (Some(parts), Some(Nanos::ZERO)));
        readings.ended.host_busy_ns = readings.ended.host_busy_ns.map(|busy| Nanos(busy.0 - 1));
        assert_eq!(readings.host_busy(), None);
        readings.ended.host_busy_ns = readings.ended.host_busy_ns.map(|busy| Nanos(busy.0 + 501));
        assert_eq!(readings.others(), Some(Nanos(500)));
        readings.ended.host_steal_ns = readings.begun.host_steal_ns.map(|steal| Nanos(steal.0 + 700));
        assert_eq!(readings.others(), Some(Nanos(700)), "stolen time counts, and is not counted twice");
        readings.ended.server_cpu_ns = None;
        assert_eq!(readings.others(), None, "a server whose time is not known is among the others");
    }

    #[test]
    fn a_clock_offset_that_moved_is_uncertain_by_that_movement() {
        let mut readings = fixture::readings();
        let reading =
            |offset_ns, uncertainty| ClockReading { at_ns: Nanos::ZERO, offset_ns, uncertainty_ns: Nanos(uncertainty) };
        readings.clocks = vec![reading(1_000, 50), reading(1_040, 70), reading(700, 20)];
        assert_eq!(readings.clock_uncertainty(), Nanos(320));
        readings.clocks.truncate(1);
        assert_eq!(readings.clock_uncertainty(), Nanos(50));
    }
}
