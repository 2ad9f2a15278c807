//! What coordinator and agents say to one another. Each message carries the version of this file's forms; the first two, by
//! which versions are compared, are plain JSON, all others are deflated.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::load::context::Subject;
use crate::measure::delivery::Due;
use crate::run::Transport;
use crate::run::file::{Point, Trial};
use crate::run::readings::ClockReading;
use crate::units::Nanos;

/// Changes with any change of what stands here, of [`Point`] or of [`Trial`].
pub const VERSION: u32 = 2;

/// Where agents say hello, whatever run there is.
pub const HELLO: &str = "pushpull.control.hello";

/// Where an agent takes orders.
pub fn orders_of(agent: &str) -> String {
    format!("pushpull.agent.{agent}")
}

/// Where a run's agents report.
pub fn reports_of(run: &str) -> String {
    format!("pushpull.run.{run}.reports")
}

/// Where a run's coordinator tells its clock.
pub fn clock_of(run: &str) -> String {
    format!("pushpull.run.{run}.clock")
}

/// The first word of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Its [`VERSION`].
    pub version: u32,
    /// Names it among all: where it takes orders.
    pub id: String,
    /// Names it to people.
    pub name: String,
    /// The clients that its open files allow.
    pub clients_max: u32,
    /// Names the boot of its host.
    pub boot_id: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The coordinator's [`VERSION`].
    pub version: u32,
    /// The run that it is part of; absent where it is refused.
    pub run: Option<String>,
    /// Why it is refused.
    pub refusal: Option<String>,
}

/// Of any first word: whose it is can be read whatever else it says.
#[derive(Clone, Debug, Deserialize)]
pub struct Versioned {
    /// Its [`VERSION`].
    pub version: u32,
}

/// That coordinator and agents are not of one version.
pub fn other_version(who: &str, version: u32) -> String {
    format!(
        "the {who} speaks version {version} of this protocol, and this program version {VERSION}; use the same loadgen on all hosts"
    )
}

/// An instant of the coordinator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instant {
    /// On its monotonic clock.
    pub monotonic_ns: Nanos,
    /// Names the boot of its host.
    pub boot_id: Option<String>,
}

/// What an agent is told, of which trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Counts the trials of a run.
    pub trial: u64,
    /// What to do.
    pub what: What,
}

/// What an agent is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// Connect a share of the clients.
    Connect(Box<Share>),
    /// The feed begins, and when is measured: on the coordinator's clock.
    Begin {
        /// The first update.
        origin: Nanos,
        /// The interval.
        window: [Nanos; 2],
    },
    /// The interval is over: wait for what was due, end the clients, report.
    Finish {
        /// Number, due and published, on the coordinator's clock; absent where nobody keeps a record.
        due: Option<Vec<(u64, Nanos, Option<Nanos>)>>,
        /// How long a client may go without asking.
        patience: Nanos,
    },
    /// End the trial without a report.
    Abandon,
    /// The run is over.
    Leave,
}

/// The clients of one agent in one trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// `None`: the TCP baseline.
    pub transport: Option<Transport>,
    /// The settings, with the clients of all agents.
    pub point: Point,
    /// From 1.
    pub round: u32,
    /// Index of the point.
    pub point_index: usize,
    /// Where the server is; of several nodes without a balancer before them, each.
    pub servers: Vec<std::net::SocketAddr>,
    /// As requests name it.
    pub authority: String,
    /// What is added to the coordinator's monotonic clock, in microseconds, for the server's `at_us`.
    pub anchor: i64,
    /// How wrong that may be.
    pub anchor_uncertainty: Nanos,
    /// Seed of the phases of all clients.
    pub seed: u64,
    /// The first client of this agent.
    pub first: u32,
    /// How many it has.
    pub count: u32,
}

impl Share {
    /// What is measured.
    pub fn subject(&self) -> Subject {
        self.transport.map_or(Subject::TcpBaseline, Subject::Transport)
    }
}

/// What an agent reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Who.
    pub agent: String,
    /// Of which trial.
    pub trial: u64,
    /// What.
    pub said: Said,
}

/// What an agent reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Said {
    /// It is there.
    Alive,
    /// All of its clients have their first position or answer.
    Connected,
    /// They have not, or something else failed.
    Failed {
        /// Clients that were connected.
        connected: u32,
        /// Why.
        reason: String,
    },
    /// What its clients saw.
    Part(Box<Part>),
}

/// What the clients of one agent saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// The trial as it would be with these clients alone: audit, bytes, histograms, health, what is wrong with it.
    pub trial: Trial,
    /// How long each connection took: a histogram.
    pub connects: String,
    /// Latency in slices of the interval: histograms.
    pub slices: Vec<String>,
    /// Coordinator's clock minus the agent's, before, during and after the interval.
    pub clocks: Vec<ClockReading>,
    /// By how much it began late.
    pub skew_ns: Nanos,
}

/// Why a message cannot be sent or read.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It is none of ours.
    #[error("a message over NATS is not one of this program's: {0}")]
    Form(#[from] serde_json::Error),
    /// It cannot be deflated or inflated.
    #[error("a message over NATS cannot be read: {0}")]
    Deflate(#[from] io::Error),
    /// It is too large.
    #[error(
        "a message of {bytes} B is more than {most} B, which is all that the NATS server or this program takes; use a shorter --measure or a lower --rate"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most.
        most: usize,
    },
}

/// A message as it is sent.
///
/// Errors: [`MessageError::TooLarge`] past `most` bytes.
pub fn pack<T: Serialize>(message: &T, most: usize) -> Result<Bytes, MessageError> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&serde_json::to_vec(message)?)?;
    let packed = packed.finish()?;
    match packed.len() <= most {
        true => Ok(packed.into()),
        false => Err(MessageError::TooLarge { bytes: packed.len(), most }),
    }
}

/// A message as it was before [`pack`].
///
/// Errors: [`MessageError`].
pub fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Result<T, MessageError> {
    let mut text = Vec::new();
    let most = limits::AGENT_MESSAGE_BYTES_MAX;
    let bytes = ZlibDecoder::new(packed).take(most as u64 + 1).read_to_end(&mut text)?;
    if bytes > most {
        return Err(MessageError::TooLarge { bytes, most });
    }
    Ok(serde_json::from_slice(&text)?)
}

/// A schedule as it is sent.
pub fn sent(due: &[Due]) -> Vec<(u64, Nanos, Option<Nanos>)> {
    due.iter().map(|due| (due.seq, due.at_ns, due.published_ns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_back_and_one_that_is_none_or_too_large_is_refused() {
        let order = Order { trial: 3, what: What::Begin { origin: Nanos(5), window: [Nanos(6), Nanos(7)] } };
        let packed = pack(&order, 1_000).unwrap();
        assert_eq!(unpack::<Order>(&packed).unwrap(), order);
        assert!(matches!(pack(&order, 10), Err(MessageError::TooLarge { most: 10, .. })));
        assert!(matches!(unpack::<Order>(b"not deflated"), Err(MessageError::Deflate(_))));
        let other = pack(&"a text", 1_000).unwrap();
        assert!(matches!(unpack::<Order>(&other), Err(MessageError::Form(_))));
        // A bomb: much text in few bytes.
        let bomb = pack(&"a".repeat(limits::AGENT_MESSAGE_BYTES_MAX), usize::MAX).unwrap();
        assert!(matches!(unpack::<String>(&bomb), Err(MessageError::TooLarge { .. })));
    }
}
