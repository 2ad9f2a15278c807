//! The names of feeds in flags, scenario files and run files.

use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Where updates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedKind {
    /// A recorded stream, replayed by its own timestamps.
    Replay,
    /// Generated updates at a given rate.
    Synthetic,
    /// Standard input, one JSON value per line.
    Stdin,
    /// Only `POST /updates`.
    None,
}

impl FromStr for FeedKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(text, false)
    }
}

/// How updates are spread in time. The mean rate is the same for all variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Evenly.
    Steady,
    /// A Poisson process: independent, with exponential gaps.
    Poisson,
    /// Bursts of ten at ten times the rate; the bursts are a Poisson process.
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

impl FromStr for Arrivals {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(text, false)
    }
}

/// The kind of messages that clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// Text.
    Text,
    /// Bytes.
    Binary,
}

impl MessageKind {
    /// As in the run file and in flags.
    pub fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

impl FromStr for MessageKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::Text, Self::Binary].into_iter().find(|one| one.label() == text);
        found.ok_or_else(|| format!("there is no message kind `{text}`; use text or binary, or none to subscribe"))
    }
}

/// The feed of a run, as in the run file: the member `feed` names it, and its settings are next to that member. Rate
/// and payload are settings of a point.
///
/// Files written before these settings were recorded have only the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "feed", rename_all = "lowercase")]
pub enum PublishedFeed {
    /// A recording.
    Replay {
        /// Its file name; `None` for the bundled earthquakes.
        #[serde(default)]
        recording: Option<String>,
        /// Replay speed, as a multiple of the recorded pace.
        #[serde(default)]
        speed: Option<f64>,
    },
    /// Generated updates.
    Synthetic {
        /// How they were spread in time.
        #[serde(default)]
        arrivals: Option<Arrivals>,
    },
    /// The updates of a server that was already running.
    External {
        /// Its address.
        #[serde(default)]
        target: Option<String>,
    },
    /// No updates: clients sent messages and got them back.
    None,
}
