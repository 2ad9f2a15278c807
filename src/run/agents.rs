//! The agents of a trial: load generators that run its clients together.

use serde::{Deserialize, Serialize};

use crate::run::metric::Value;
use crate::run::readings::ClockReading;
use crate::units::Nanos;

/// One agent, in one trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentReport {
    /// The name that it reports.
    pub name: String,
    /// The number of clients that it ran.
    pub clients: u32,
    /// True if it ended, or stopped responding, before it returned its results. The trial then has none of them.
    pub is_lost: bool,
    /// Deliveries of updates that were due in the interval.
    pub delivered: u64,
    /// Coordinator's clock minus the agent's before, during and after the interval.
    pub clocks: Vec<ClockReading>,
    /// How much later than planned it began to measure, on the coordinator's clock as the agent knows it.
    pub skew_ns: Nanos,
    /// Share of its host's processors that it used.
    pub cpu_fraction: f64,
    /// Share of the time that it had work in which it waited for a processor.
    pub wait_fraction: Value,
    /// How late a 10 ms tick of its own fired: 99th percentile.
    pub schedule_lag_ns_p99: Nanos,
}
