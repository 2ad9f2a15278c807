//! The resources that a server used in short trials on one machine. `loadgen predict --calibrate` measures them once
//! and stores them in a file, `loadgen predict` reads it. The file has the measurements and not the fit, which can be
//! repeated.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::run::Transport;
use crate::run::drift::Machine;
use crate::run::file::Trial;
use crate::run::reason::Verdict;
use crate::units::Nanos;

/// The schema that this build writes and reads.
pub const SCHEMA: &str = "pushpull.capacity/1";

/// A calibration of capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When it began, UTC, RFC 3339.
    pub measured_at: String,
    /// Where it was measured. A calibration is valid for one machine, kernel and build.
    pub machine: Machine,
    /// Seed of the random settings.
    pub seed: u64,
    /// One sample for each trial.
    pub samples: Vec<CapacitySample>,
}

/// A workload of a server: a steady stream of updates to clients that stay connected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// The transport that delivers it.
    pub transport: Transport,
    /// Clients, each on its own connection.
    pub clients: u64,
    /// Updates a second.
    pub rate_per_s: f64,
    /// Bytes of `data` in each.
    pub payload_bytes: f64,
    /// Time between two polls of one client.
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

/// The resources that one trial used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapacitySample {
    /// The workload of the trial.
    pub workload: Workload,
    /// Whether the sample can be used.
    pub verdict: Verdict,
    /// How long the connections had been open when the measured interval began.
    pub warm_up_ns: Nanos,
    /// Length of the measured interval.
    pub measure_ns: Nanos,
    /// Payload of a full TCP segment; absent if no connection reported it.
    pub segment_bytes: Option<u32>,
    /// Requests a second.
    pub requests_per_s: f64,
    /// Deliveries a second.
    pub deliveries_per_s: f64,
    /// Bytes on the wire a second, both ways, TCP/IP headers included.
    pub wire_bytes_per_s: f64,
    /// Bytes on the wire for each delivery.
    pub wire_bytes_per_delivery: f64,
    /// Processor time of the server's process a second: the number of cores that it kept busy.
    pub server_cores: f64,
    /// The server's resident memory without any client.
    pub server_bytes_before: u64,
    /// The server's resident memory at the end of the interval.
    pub server_bytes: u64,
    /// Kernel memory for each client; absent with few clients.
    pub kernel_bytes_per_client: Option<f64>,
}

impl CapacitySample {
    /// The sample of a trial; `None` if its server could not be read, or if nothing was delivered.
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
    /// The file does not exist.
    #[error(
        "this machine is not calibrated: there is no {path}; create it with `loadgen predict --calibrate`, which takes \
         about five minutes"
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
    /// The file is not a calibration.
    #[error("{path} is not a calibration of capacity: {problem}; recreate it with `loadgen predict --calibrate`")]
    Format {
        /// As given.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

impl Capacity {
    /// Reads a calibration.
    ///
    /// Errors: [`CapacityFileError`], whose message says what to do.
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
            return Err(refuse(format!("it has schema `{}`; this version reads `{SCHEMA}`", head.schema)));
        }
        serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))
    }

    /// Writes it atomically, and creates missing folders.
    ///
    /// Errors: those of the file system.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        files::write_whole(file, (serde_json::to_string_pretty(self)? + "\n").as_bytes())
    }
}
