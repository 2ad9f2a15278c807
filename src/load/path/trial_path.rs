//! The path of one trial: its relay and its probes, from before the clients connect until after the measured interval.

use std::io;

use super::namespace::Namespace;
use super::probe::Probes;
use super::relay::RelayReport;
use super::running::{PathError, RunningPath};
use crate::limits;
use crate::measure::host;
use crate::measure::process::process_cpu;
use crate::run::path::PathSettings;
use crate::run::path::report::PathReport;
use crate::units::Nanos;

/// A path with its probes.
#[derive(Debug)]
pub struct TrialPath {
    running: RunningPath,
    probes: Probes,
}

/// The path's counters at one end of the measured interval.
#[derive(Clone, Copy, Debug)]
pub struct PathReading {
    relay: RelayReport,
    cpu: Nanos,
    segments_retransmitted: Option<u64>,
}

impl PathReading {
    /// CPU time of the relay.
    pub fn cpu(self) -> Nanos {
        self.cpu
    }
}

impl TrialPath {
    /// Starts the relay, then the probes. Blocks while a process starts.
    ///
    /// Errors: [`PathError`].
    pub fn start(namespace: &Namespace, settings: &PathSettings, seed: u64) -> Result<Self, PathError> {
        let running = RunningPath::start(namespace, settings, seed)?;
        let probes = Probes::start(settings, limits::PATH_PROBE_PAUSE).map_err(PathError::Probe)?;
        Ok(Self { running, probes })
    }

    /// Reads the relay's counts and the kernel's.
    ///
    /// Errors: [`PathError`], if the relay has exited.
    pub fn read(&mut self) -> Result<PathReading, PathError> {
        Ok(PathReading {
            relay: self.running.report()?,
            cpu: process_cpu(self.running.pid()).map_err(|error| PathError::Silent(io::Error::other(error)))?,
            segments_retransmitted: host::segments_retransmitted(),
        })
    }

    /// Stops the probes, and reports what the path delivered between two readings. The relay runs until this is
    /// dropped.
    ///
    /// Errors: [`PathError::Probe`].
    pub fn finish(self, begun: PathReading, ended: PathReading) -> Result<PathReport, PathError> {
        let probes = self.probes.finish().map_err(PathError::Probe)?;
        let missed = |reading: PathReading| reading.relay.missed + reading.relay.refused;
        Ok(PathReport {
            round_trip_ns_p50: probes.round_trip_ns_p50,
            round_trip_ns_p99: probes.round_trip_ns_p99,
            probes: probes.sent,
            up: ended.relay.up.since(begun.relay.up),
            down: ended.relay.down.since(begun.relay.down),
            late_ns_p99: ended.relay.late_ns_p99,
            missed: missed(ended).saturating_sub(missed(begun)),
            relay_cpu_ns: ended.cpu.saturating_sub(begun.cpu),
            segments_retransmitted: ended
                .segments_retransmitted
                .zip(begun.segments_retransmitted)
                .map(|(ended, begun)| ended.saturating_sub(begun)),
        })
    }
}
