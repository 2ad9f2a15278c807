//! The raw data of a trial.

use std::sync::Arc;

use super::clock_relation::ClockRelation;
use super::context::{Handshake, Outcome, Subject};
use super::foreign::subscriber::Origin;
use super::health::Lateness;
use super::path::namespace::Refusal;
use super::plan::PlanPoint;
use crate::clock::Clock;
use crate::measure::bytes::{Reading, StreamQueue};
use crate::measure::delivery::{Due, Window};
use crate::measure::host::HostTime;
use crate::measure::process::TcpCounts;
use crate::run::file::{LinkReport, PublishReport};
use crate::run::nodes::LogReport;
use crate::run::path::report::PathReport;
use crate::run::proxy::ProxyReport;
use crate::units::Nanos;

/// Identifies a trial of the plan.
#[derive(Clone, Copy, Debug)]
pub struct TrialId<'a> {
    /// The transport or baseline that is measured.
    pub subject: Subject,
    /// The round; the first is 1.
    pub round: u32,
    /// Index of the point.
    pub point_index: usize,
    /// The point.
    pub point: &'a PlanPoint,
    /// Is this the additional trial with a single client?
    pub is_alone: bool,
}

/// The raw data of a trial.
pub struct TrialData {
    /// The result of each client.
    pub outcomes: Vec<Outcome>,
    /// Every TLS handshake.
    pub handshakes: Vec<Handshake>,
    /// How requests waited on each shared connection.
    pub queues: Vec<Arc<StreamQueue>>,
    /// The server's record of what was due, from before the interval on; `None` if it keeps none.
    pub due: Option<Vec<Due>>,
    /// What the generator published, if it does the publishing.
    pub published: Option<PublishReport>,
    /// Where in a message the published update was found, if not where the target file says.
    pub published_found_at: Option<String>,
    /// What updates state about themselves.
    pub update_info: UpdateInfo,
    /// Are send times from another host's clock whose offset is unknown?
    pub has_unrelated_clock: bool,
    /// Memory.
    pub memory: Memory,
    /// The counters at both ends of the interval.
    pub snapshots: Snapshots,
    /// How late the generator was.
    pub lateness: Lateness,
    /// Is the generator pinned to a processor that the server does not use?
    pub is_pinned: bool,
    /// The clock that arrival times were read from.
    pub clock: Clock,
    /// How the clocks relate: before (used for the latencies), during and after the interval.
    pub relations: Vec<(Nanos, ClockRelation)>,
    /// The measured interval, on the generator's clock.
    pub window: Window,
    /// The delay that the link was measured to add, if there was one.
    pub link: Option<LinkReport>,
    /// TCP endpoints on this host per client: two, and two more for each relay in between.
    pub ends_per_client: u32,
    /// Why a link replaced the path, if it did.
    pub refusal: Option<Refusal>,
    /// Where in its recording the feed started, as a share; `None` for a feed that is not a recording.
    pub replay_from: Option<f64>,
    /// What the path delivered, if there was one.
    pub path: Option<PathReport>,
    /// The proxy's processor time, if there was one.
    pub proxy: Option<ProxyReport>,
    /// When something was killed, if anything was.
    pub killed: Option<Nanos>,
    /// What the log of several nodes used, if there was one.
    pub log: Option<LogReport>,
}

impl TrialData {
    /// Data of an interval for a server of the project, whose updates state their number and due time; everything else
    /// is empty.
    pub fn of(window: Window, snapshots: Snapshots) -> Self {
        Self {
            outcomes: Vec::new(),
            handshakes: Vec::new(),
            queues: Vec::new(),
            due: None,
            published: None,
            published_found_at: None,
            update_info: UpdateInfo::ALL,
            has_unrelated_clock: false,
            memory: Memory::default(),
            snapshots,
            lateness: Lateness::default(),
            is_pinned: false,
            clock: Clock::Monotonic,
            relations: Vec::new(),
            window,
            link: None,
            ends_per_client: 2,
            refusal: None,
            replay_from: None,
            path: None,
            proxy: None,
            killed: None,
            log: None,
        }
    }
}

/// What updates state about themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateInfo {
    /// Their sequence number, so that losses can be counted.
    pub has_number: bool,
    /// When they were due or sent, so that latency can be computed.
    pub has_time: bool,
}

impl UpdateInfo {
    /// Both.
    pub const ALL: Self = Self { has_number: true, has_time: true };

    /// What updates of this origin state.
    pub fn of(origin: &Origin) -> Self {
        match origin {
            Origin::Published => Self::ALL,
            Origin::Observed(timestamp) => Self { has_number: false, has_time: timestamp.is_some() },
        }
    }
}

/// The counters at both ends of the interval.
pub struct Snapshots {
    /// At its start.
    pub start: Snapshot,
    /// At its end.
    pub end: Snapshot,
}

/// The counters at one end of the measured interval.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// When, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// Byte counters, summed over all clients.
    pub counters: Reading,
    /// TCP counters, summed over all clients' sockets.
    pub tcp: TcpCounts,
    /// CPU time of the server, if it runs here.
    pub server_cpu: Option<Nanos>,
    /// CPU time of this process.
    pub own_cpu: Nanos,
    /// How long this process was runnable but waited for a processor.
    pub own_wait: Option<Nanos>,
    /// CPU time of the host.
    pub host: Option<HostTime>,
    /// When, on the generator's clock.
    pub at: Nanos,
    /// CPU time of the relays of a link or a path.
    pub relay_cpu: Nanos,
    /// Bytes that the server retransmitted.
    pub server_retransmitted: Option<u64>,
}

/// Memory at three moments of a trial.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Of the server and of the kernel, before any client connects.
    pub before: (Option<u64>, Option<u64>),
    /// With all clients connected and nothing published yet.
    pub idle: (Option<u64>, Option<u64>),
    /// Of the server, at the end of the measured interval.
    pub loaded: Option<u64>,
}
