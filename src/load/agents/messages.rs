//! The messages between coordinator and agents. Each carries the version of the formats in this file. The first two,
//! in which versions are compared, are plain JSON; all others are deflated.

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

/// Incremented with any change to this file, to [`Point`] or to [`Trial`].
pub const VERSION: u32 = 2;

/// Subject on which agents send their hello, for any run.
pub const HELLO: &str = "pushpull.control.hello";

/// Subject on which an agent receives orders.
pub fn orders_of(agent: &str) -> String {
    format!("pushpull.agent.{agent}")
}

/// Subject on which a run's agents report.
pub fn reports_of(run: &str) -> String {
    format!("pushpull.run.{run}.reports")
}

/// Subject on which a run's coordinator answers with its clock.
pub fn clock_of(run: &str) -> String {
    format!("pushpull.run.{run}.clock")
}

/// An agent's first message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Its [`VERSION`].
    pub version: u32,
    /// Unique id of the agent, part of its orders' subject.
    pub id: String,
    /// Name in reports and messages.
    pub name: String,
    /// Maximum number of clients, by its limit on open files.
    pub clients_max: u32,
    /// Identifies the boot of its host.
    pub boot_id: Option<String>,
}

/// The answer to a hello.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The coordinator's [`VERSION`].
    pub version: u32,
    /// The run to join; absent if the agent is refused.
    pub run: Option<String>,
    /// Why the agent is refused.
    pub refusal: Option<String>,
}

/// The version in any first message, which can be read whatever its other members are.
#[derive(Clone, Debug, Deserialize)]
pub struct Versioned {
    /// Its [`VERSION`].
    pub version: u32,
}

/// Message for a coordinator and an agent with different versions.
pub fn other_version(who: &str, version: u32) -> String {
    format!(
        "the {who} uses version {version} of this protocol, and this program version {VERSION}; \
         use the same loadgen on all hosts"
    )
}

/// An instant of the coordinator's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instant {
    /// On its monotonic clock.
    pub monotonic_ns: Nanos,
    /// Identifies the boot of its host.
    pub boot_id: Option<String>,
}

/// An order to an agent, for one trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Number of the trial in the run.
    pub trial: u64,
    /// The order itself.
    pub what: OrderBody,
}

/// The order itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrderBody {
    /// Connect a share of the clients.
    Connect(Box<Share>),
    /// Start the feed and set the measured interval, both on the coordinator's clock.
    Begin {
        /// The start of the feed.
        origin: Nanos,
        /// The measured interval.
        window: [Nanos; 2],
    },
    /// The interval is over: wait for everything that was due, stop the clients, report.
    Finish {
        /// Sequence number, due time and publishing time, on the coordinator's clock; absent if nobody keeps a record.
        due: Option<Vec<(u64, Nanos, Option<Nanos>)>>,
        /// Longest time between two polls of a client, plus the round trip.
        patience: Nanos,
    },
    /// Stop the trial without a report.
    Abandon,
    /// The run is over.
    Leave,
}

/// The clients of one agent in one trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The transport; `None` for the TCP baseline.
    pub transport: Option<Transport>,
    /// The settings, with the total number of clients.
    pub point: Point,
    /// The round; the first is 1.
    pub round: u32,
    /// Index of the point.
    pub point_index: usize,
    /// Address of the server, or of each node if several have no balancer in front.
    pub servers: Vec<std::net::SocketAddr>,
    /// Value of the `Host` header.
    pub authority: String,
    /// Added to the coordinator's monotonic clock to get the server's `at_us`, in microseconds.
    pub anchor: i64,
    /// Maximum error of that.
    pub anchor_uncertainty: Nanos,
    /// Seed of the phases of all clients.
    pub seed: u64,
    /// Index of this agent's first client.
    pub first: u32,
    /// Number of its clients.
    pub count: u32,
}

impl Share {
    /// The transport or baseline that is measured.
    pub fn subject(&self) -> Subject {
        self.transport.map_or(Subject::TcpBaseline, Subject::Transport)
    }
}

/// A report of an agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Id of the agent.
    pub agent: String,
    /// Number of the trial.
    pub trial: u64,
    /// The report itself.
    pub said: ReportBody,
}

/// The report itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ReportBody {
    /// A heartbeat.
    Alive,
    /// All of its clients have their first position or answer.
    Connected,
    /// Not all clients connected, or something else failed.
    Failed {
        /// Clients that were connected.
        connected: u32,
        /// Why.
        reason: String,
    },
    /// The result of its clients.
    Part(Box<Part>),
}

/// The result of one agent's clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// The trial as computed from these clients only: audit, bytes, histograms, health, and faults.
    pub trial: Trial,
    /// Histogram of the connection times.
    pub connects: String,
    /// Histograms of the latency in slices of the interval.
    pub slices: Vec<String>,
    /// The coordinator's clock minus the agent's, before, during and after the interval.
    pub clocks: Vec<ClockReading>,
    /// How late it started to measure.
    pub skew_ns: Nanos,
}

/// Why a message cannot be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It is not a message of this program.
    #[error("a message over NATS is not one of this program's: {0}")]
    Form(#[from] serde_json::Error),
    /// It cannot be deflated or inflated.
    #[error("a message over NATS cannot be read: {0}")]
    Deflate(#[from] io::Error),
    /// It is too large.
    #[error(
        "a message of {bytes} B exceeds the {most} B that the NATS server or this program accepts; \
         use a shorter --measure or a lower --rate"
    )]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// Maximum size in bytes.
        most: usize,
    },
}

/// Packs a message for sending.
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

/// Unpacks a message packed by [`pack`].
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

/// The form of a schedule in a message.
pub fn sent(due: &[Due]) -> Vec<(u64, Nanos, Option<Nanos>)> {
    due.iter().map(|due| (due.seq, due.at_ns, due.published_ns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_unpacked_and_an_invalid_or_too_large_one_is_refused() {
        let order = Order { trial: 3, what: OrderBody::Begin { origin: Nanos(5), window: [Nanos(6), Nanos(7)] } };
        let packed = pack(&order, 1_000).unwrap();
        assert_eq!(unpack::<Order>(&packed).unwrap(), order);
        assert!(matches!(pack(&order, 10), Err(MessageError::TooLarge { most: 10, .. })));
        assert!(matches!(unpack::<Order>(b"not deflated"), Err(MessageError::Deflate(_))));
        let other = pack(&"a text", 1_000).unwrap();
        assert!(matches!(unpack::<Order>(&other), Err(MessageError::Form(_))));
        // A decompression bomb: much text in few bytes.
        let bomb = pack(&"a".repeat(limits::AGENT_MESSAGE_BYTES_MAX), usize::MAX).unwrap();
        assert!(matches!(unpack::<String>(&bomb), Err(MessageError::TooLarge { .. })));
    }
}
