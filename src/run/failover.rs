//! Processes that are killed in the middle of a measured interval, and how the clients recover.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// What is killed, as by `kill -9`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kill {
    /// Nothing.
    #[default]
    None,
    /// A node that does not publish. It is not restarted.
    Node,
    /// The log's only server. It is restarted a little later.
    Log,
    /// The stream's leader in a log of three servers that each have a copy. It is not restarted.
    Leader,
}

impl Kill {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::None, Self::Node, Self::Log, Self::Leader];

    /// As in flags and in the run file.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Node => "node",
            Self::Log => "log",
            Self::Leader => "leader",
        }
    }

    /// The number of log servers that it needs.
    pub fn log_servers(self) -> u32 {
        match self {
            Self::None | Self::Node | Self::Log => 1,
            Self::Leader => 3,
        }
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Kill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.label() == text);
        found.ok_or_else(|| format!("`{text}` cannot be killed; use {}", Self::ALL.map(Self::label).join(", ")))
    }
}

/// How the clients recovered from the kill, until the trial ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FailoverReport {
    /// Time of the kill, from the start of the interval.
    pub at_ns: Nanos,
    /// Clients whose connection ended.
    pub cut: u64,
    /// Of those, clients that had an answer on a new connection.
    pub back: u64,
    /// Time from the kill to that answer: median.
    pub recover_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub recover_ns_p99: Nanos,
    /// The same, largest.
    pub recover_ns_max: Nanos,
    /// Updates that were due while their client had no connection, and that reached it afterwards.
    pub recovered: u64,
    /// Connections that the clients dialled.
    pub dialled: u64,
    /// The most connections dialled in a tenth of a second, as a rate.
    pub dialled_per_s_max: f64,
    /// The longest time from the kill on in which no update reached any client.
    pub silence_ns_max: Nanos,
}

impl FailoverReport {
    /// Both as one: counts are added, times and rates are those of the worse one.
    pub fn merged(&self, other: &Self) -> Self {
        Self {
            at_ns: self.at_ns.max(other.at_ns),
            cut: self.cut + other.cut,
            back: self.back + other.back,
            recover_ns_p50: self.recover_ns_p50.max(other.recover_ns_p50),
            recover_ns_p99: self.recover_ns_p99.max(other.recover_ns_p99),
            recover_ns_max: self.recover_ns_max.max(other.recover_ns_max),
            recovered: self.recovered + other.recovered,
            dialled: self.dialled + other.dialled,
            dialled_per_s_max: self.dialled_per_s_max.max(other.dialled_per_s_max),
            silence_ns_max: self.silence_ns_max.max(other.silence_ns_max),
        }
    }
}
