//! What the agents of a trial were, which ran its clients together.

use serde::{Deserialize, Serialize};

use crate::run::metric::Value;
use crate::run::readings::ClockReading;
use crate::units::Nanos;

/// One agent, in one trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentReport {
    /// As it names itself.
    pub name: String,
    /// The clients that were its share.
    pub clients: u32,
    /// Did it end, or fall silent, before it had brought its share back? Nothing of it is then in the trial.
    pub is_lost: bool,
    /// Deliveries of updates that were due in the interval.
    pub delivered: u64,
    /// Coordinator's clock minus the agent's before, during and after the interval.
    pub clocks: Vec<ClockReading>,
    /// By how much it began to measure later than all were to, on the coordinator's clock, as it knows it.
    pub skew_ns: Nanos,
    /// Share of its host's processors that it used.
    pub cpu_fraction: f64,
    /// Of the time in which it had work, the share in which it waited for a processor.
    pub wait_fraction: Value,
    /// How late a 10 ms tick of its own fired: 99th percentile.
    pub schedule_lag_ns_p99: Nanos,
}
