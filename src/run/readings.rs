//! What was read in a trial, before anything was divided by anything: with these, the counts of [`WireTotals`] and the
//! [`Audit`], every quotient of the run file can be worked out again (`scripts/recompute` does).
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
    /// Memory before, with all clients idle, and at the end.
    pub memory: MemoryReadings,
    /// What the age was averaged from.
    pub age: AgeReadings,
    /// Bytes of data that a full segment of the clients' connections carries (`TCP_INFO`, `tcpi_snd_mss`): the most of
    /// any of them; `None` where no connection told.
    pub segment_bytes: Option<u32>,
    /// How the server's clock was related to the generator's before, during and after the interval; one on one host,
    /// where both read the same clock.
    pub clocks: Vec<ClockReading>,
}

/// What was read at one end of the measured interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// When, on the monotonic clock of the generator's host.
    pub at_ns: Nanos,
    /// Processor time of the server's process; `None` of a server that was not started here.
    pub server_cpu_ns: Option<Nanos>,
    /// Processor time of the generator's process.
    pub generator_cpu_ns: Nanos,
    /// Processor time of the programs that make a link or a path.
    pub relay_cpu_ns: Nanos,
    /// How long the generator's threads had waited for a processor.
    pub generator_wait_ns: Option<Nanos>,
    /// How long the host's processors had not been idle, all together.
    pub host_busy_ns: Option<Nanos>,
    /// For how long another guest of the same machine had taken them.
    pub host_steal_ns: Option<Nanos>,
    /// Segments that the clients' sockets had received.
    pub segments_in: u64,
    /// Segments that they had sent.
    pub segments_out: u64,
    /// Bytes that they had sent again.
    pub bytes_retransmitted: u64,
    /// Bytes that the server had sent again; `None` where it does not say.
    pub server_bytes_retransmitted: Option<u64>,
}

/// Memory in bytes; `None` where it could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReadings {
    /// The server's resident memory without any client.
    pub server_before: Option<u64>,
    /// With all clients connected and nothing published yet.
    pub server_idle: Option<u64>,
    /// At the end of the measured interval.
    pub server_loaded: Option<u64>,
    /// The kernel's slab and socket memory, of the whole host, without any client.
    pub kernel_before: Option<u64>,
    /// With all clients connected.
    pub kernel_idle: Option<u64>,
    /// How many ends of each client's connection are on this host.
    pub ends_per_client: u32,
}

/// What the age of information and the stale fraction were averaged from, summed over the clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgeReadings {
    /// Area under the saw-tooth of age, in square nanoseconds.
    pub area_ns2: f64,
    /// Time in which a client had an age.
    pub covered_ns: Nanos,
    /// Time in which a newer update existed than the client held.
    pub stale_ns: Nanos,
}

/// How the server's clock was found to relate to the generator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    /// When, on the generator's clock.
    pub at_ns: Nanos,
    /// The server's clock minus the generator's.
    pub offset_ns: i64,
    /// How wrong that may be: half the best round trip, and a microsecond; 0 on one host.
    pub uncertainty_ns: Nanos,
}

impl Readings {
    /// What was added to a clock between the two ends; `None` where one of them was not read.
    pub fn spent(&self, of: impl Fn(&Edge) -> Option<Nanos>) -> Option<Nanos> {
        Some(of(&self.ended)?.saturating_sub(of(&self.begun)?))
    }

    /// Processor time of server, generator and relays together in the interval.
    pub fn parts(&self) -> Option<Nanos> {
        let own = self.spent(|edge| Some(edge.generator_cpu_ns.saturating_add(edge.relay_cpu_ns)))?;
        Some(self.spent(|edge| edge.server_cpu_ns)?.saturating_add(own))
    }

    /// The host's busy time in the interval; `None` where it was not read, or was less than its own parts: then it is
    /// wrong, and is not told.
    pub fn host_busy(&self) -> Option<Nanos> {
        let busy = self.spent(|edge| edge.host_busy_ns)?;
        self.parts().is_none_or(|parts| parts <= busy).then_some(busy)
    }

    /// Processor time that others took: programs that are no part of the trial, or another guest of the machine. `None`
    /// where the server's own is not known, which is then among it.
    pub fn others(&self) -> Option<Nanos> {
        let others = self.spent(|edge| edge.host_busy_ns)?.saturating_sub(self.parts()?);
        let stolen = self.spent(|edge| edge.host_steal_ns).unwrap_or_default();
        // What was stolen while a processor had work is among what is not idle.
        Some(others.max(stolen))
    }

    /// By how much the clock relation that the latencies were taken with may be wrong: its own uncertainty, and how far
    /// the relation was found to move.
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
    fn a_host_that_was_busy_for_less_than_its_own_programs_is_not_told_and_what_is_left_is_the_others() {
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
    fn a_clock_that_moved_between_its_readings_is_as_uncertain_as_it_moved() {
        let mut readings = fixture::readings();
        let reading =
            |offset_ns, uncertainty| ClockReading { at_ns: Nanos::ZERO, offset_ns, uncertainty_ns: Nanos(uncertainty) };
        readings.clocks = vec![reading(1_000, 50), reading(1_040, 70), reading(700, 20)];
        assert_eq!(readings.clock_uncertainty(), Nanos(320));
        readings.clocks.truncate(1);
        assert_eq!(readings.clock_uncertainty(), Nanos(50));
    }
}
