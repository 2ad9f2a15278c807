//! What a server took in short trials on one machine: measured once by `loadgen predict --calibrate`, kept in a file, and
//! used by `loadgen predict`. The file holds what was measured and not what was made of it, so that a fit can be repeated.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::run::Transport;
use crate::run::drift::Machine;
use crate::run::file::Trial;
use crate::run::reason::Verdict;
use crate::units::Nanos;

/// The form that this build writes and reads.
pub const SCHEMA: &str = "pushpull.capacity/1";

/// A calibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When it was begun, UTC, RFC 3339.
    pub measured_at: String,
    /// Where: a calibration is of one machine, kernel and build.
    pub machine: Machine,
    /// Draws the settings.
    pub seed: u64,
    /// One for each trial.
    pub samples: Vec<CapacitySample>,
}

/// What is asked of a server: a steady stream of updates to clients that stay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// How it is delivered.
    pub transport: Transport,
    /// Clients, each on a connection of its own.
    pub clients: u64,
    /// Updates a second.
    pub rate_per_s: f64,
    /// Bytes of `data` in each.
    pub payload_bytes: f64,
    /// Between two polls of one client.
    pub poll_interval_ns: Nanos,
    /// How long a long poll is parked.
    pub hold_ns: Nanos,
}

impl Workload {
    /// Deliveries a second.
    pub fn deliveries_per_s(&self) -> f64 {
        self.clients as f64 * self.rate_per_s
    }
}

/// What one trial took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapacitySample {
    /// What was asked.
    pub workload: Workload,
    /// Can it be used?
    pub verdict: Verdict,
    /// How long the connections had been open when the measured interval began.
    pub warm_up_ns: Nanos,
    /// Length of the measured interval.
    pub measure_ns: Nanos,
    /// Payload of a full TCP segment; absent where no connection told.
    pub segment_bytes: Option<u32>,
    /// Requests a second.
    pub requests_per_s: f64,
    /// Deliveries a second.
    pub deliveries_per_s: f64,
    /// Bytes on the wire a second, both ways, those of TCP/IP among them.
    pub wire_bytes_per_s: f64,
    /// The same for each delivery.
    pub wire_bytes_per_delivery: f64,
    /// Processors that the server's process kept busy.
    pub server_cores: f64,
    /// The server's resident memory without any client.
    pub server_bytes_before: u64,
    /// At the end of the interval.
    pub server_bytes: u64,
    /// The kernel's memory for each client; absent of few clients.
    pub kernel_bytes_per_client: Option<f64>,
}

impl CapacitySample {
    /// What a trial says; `None` of one that could not read its server, or delivered nothing.
    pub fn of(workload: Workload, warm_up_ns: Nanos, trial: &Trial) -> Option<Self> {
        let readings = trial.readings.as_ref()?;
        let measure_ns = readings.ended.at_ns.since(readings.begun.at_ns)?;
        let seconds = measure_ns.seconds();
        let wire = &trial.wire;
        let bytes = wire.payload + wire.framing + wire.http_headers + wire.tcp_ip + wire.retransmitted;
        Some(Self {
            workload,
            verdict: trial.verdict,
            warm_up_ns,
            measure_ns,
            segment_bytes: readings.segment_bytes,
            requests_per_s: wire.requests as f64 / seconds,
            deliveries_per_s: trial.arrived as f64 / seconds,
            wire_bytes_per_s: bytes as f64 / seconds,
            wire_bytes_per_delivery: trial.metrics.wire_bytes_per_delivery.total.0?,
            server_cores: readings.spent(|edge| edge.server_cpu_ns)?.seconds() / seconds,
            server_bytes_before: readings.memory.server_before?,
            server_bytes: readings.memory.server_loaded?,
            kernel_bytes_per_client: trial.metrics.kernel_bytes_per_client.0,
        })
    }
}

/// Why a calibration could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CapacityFileError {
    /// There is none.
    #[error(
        "this machine is not calibrated: there is no {path}; make it with `loadgen predict --calibrate`, about five minutes"
    )]
    Missing {
        /// Where it was looked for.
        path: String,
    },
    /// The file could not be read.
    #[error("cannot read the calibration {path}: {source}; name another file with --capacity")]
    Read {
        /// As given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not one.
    #[error("{path} is not a calibration of capacity: {problem}; make it anew with `loadgen predict --calibrate`")]
    Format {
        /// As given.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

impl Capacity {
    /// Reads one.
    ///
    /// Errors: [`CapacityFileError`], which says what to do.
    pub fn read(file: &Path) -> Result<Self, CapacityFileError> {
        let path = file.display().to_string();
        let text = std::fs::read(file).map_err(|source| match source.kind() == std::io::ErrorKind::NotFound {
            true => CapacityFileError::Missing { path: path.clone() },
            false => CapacityFileError::Read { path: path.clone(), source },
        })?;
        let refuse = |problem| CapacityFileError::Format { path: path.clone(), problem };
        #[derive(Deserialize)]
        #[serde(expecting = "an object with the member `schema`")]
        struct Head {
            schema: String,
        }
        let head: Head = serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
        if head.schema != SCHEMA {
            return Err(refuse(format!("it has schema `{}`, and this version reads `{SCHEMA}`", head.schema)));
        }
        serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))
    }

    /// Writes it, whole or not at all; folders that are missing are made.
    ///
    /// Errors: the system's.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        files::write_whole(file, (serde_json::to_string_pretty(self)? + "\n").as_bytes())
    }
}
