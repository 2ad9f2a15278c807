//! What a feed is called in flags, scenario files and run files.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Where updates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedKind {
    /// A recorded stream, by its own timestamps.
    Replay,
    /// Made-up updates at a rate.
    Synthetic,
    /// One JSON value a line on standard input.
    Stdin,
    /// Only what is posted to /updates.
    None,
}

/// How updates are spread in time; the mean rate is the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Evenly.
    Steady,
    /// A Poisson process: independent, with exponential distances.
    Poisson,
    /// Bursts of ten at ten times the rate, the bursts themselves a Poisson process.
    Bursty,
}

impl Arrivals {
    /// As in flags and in the run file.
    pub fn label(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Poisson => "poisson",
            Self::Bursty => "bursty",
        }
    }
}
