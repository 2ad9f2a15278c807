//! What the log took that a trial's nodes followed.

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// The log of several nodes, in one trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReport {
    /// What it says that it is: `nats-server/2.9.10`.
    pub software: String,
    /// How many servers it had.
    pub servers: u32,
    /// User and system time of its processes in the measured interval; the nodes' own is the server's.
    pub cpu_ns: Option<Nanos>,
    /// Their memory at the end of the interval.
    pub resident_bytes: Option<u64>,
    /// Connections of the trial's transport that each node had at the end of the interval.
    pub connections: Vec<u64>,
}
