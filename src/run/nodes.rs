//! The resources that the log of a trial's nodes used.

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// The log that several nodes followed in one trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReport {
    /// The software and version that it reports: `nats-server/2.9.10`.
    pub software: String,
    /// Number of its servers.
    pub servers: u32,
    /// User and system time of its processes in the measured interval. That of the nodes counts as the server's.
    pub cpu_ns: Option<Nanos>,
    /// Memory of its processes at the end of the interval.
    pub resident_bytes: Option<u64>,
    /// Connections of the trial's transport that each node had at the end of the interval.
    pub connections: Vec<u64>,
}
