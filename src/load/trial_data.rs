//! What a trial gathers, before anything is made of it.

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

/// Which trial of the plan.
#[derive(Clone, Copy, Debug)]
pub struct TrialId<'a> {
    /// What is measured.
    pub subject: Subject,
    /// From 1.
    pub round: u32,
    /// Index of the point.
    pub point_index: usize,
    /// The point.
    pub point: &'a PlanPoint,
    /// With one client, beside the crowd.
    pub is_alone: bool,
}

/// All that a trial brought together.
pub struct TrialData {
    /// What each client saw.
    pub outcomes: Vec<Outcome>,
    /// Every handshake of TLS.
    pub handshakes: Vec<Handshake>,
    /// How requests waited on each connection that clients share.
    pub queues: Vec<Arc<StreamQueue>>,
    /// The server's record of what was due, from before the interval on; `None` if it keeps none.
    pub due: Option<Vec<Due>>,
    /// What the generator published, where that was for it to do.
    pub published: Option<PublishReport>,
    /// Where it stands in messages that do not hold it where the target file says, if it does.
    pub published_stands_at: Option<String>,
    /// What updates say of themselves.
    pub knows: Knows,
    /// Do they say it by the clock of another host, of which nobody knows how it differs from ours?
    pub has_unrelated_clock: bool,
    /// Memory.
    pub memory: Memory,
    /// The counters at both ends of the interval.
    pub ends: Ends,
    /// How late the generator was.
    pub lateness: Lateness,
    /// Has the generator a processor that its server keeps off?
    pub is_pinned: bool,
    /// The clock that arrivals were read from.
    pub clock: Clock,
    /// How the clocks relate: before the interval, which the latencies are taken with, during and after it.
    pub relations: Vec<(Nanos, ClockRelation)>,
    /// The measured interval, on our own clock.
    pub window: Window,
    /// What the link was found to add, if there was one.
    pub link: Option<LinkReport>,
    /// Ends of TCP connections on this host for each client: two, and two more for what is between it and the server.
    pub ends_per_client: u32,
    /// Why it stood in for a path, if it did.
    pub refusal: Option<Refusal>,
    /// Where in its recording the feed began, as a share of it; `None` of a feed that is none.
    pub replay_from: Option<f64>,
    /// What the path gave, if there was one.
    pub path: Option<PathReport>,
    /// What the proxy took, if there was one.
    pub proxy: Option<ProxyReport>,
    /// When something was killed, if it was.
    pub killed: Option<Nanos>,
    /// What the log of several nodes took, if there were any.
    pub log: Option<LogReport>,
}

impl TrialData {
    /// Of an interval, with nothing more than what our own server's updates say of themselves.
    pub fn of(window: Window, ends: Ends) -> Self {
        Self {
            outcomes: Vec::new(),
            handshakes: Vec::new(),
            queues: Vec::new(),
            due: None,
            published: None,
            published_stands_at: None,
            knows: Knows::ALL,
            has_unrelated_clock: false,
            memory: Memory::default(),
            ends,
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

/// What updates say of themselves, and so what can be known of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knows {
    /// Their number: what was lost can be told.
    pub number: bool,
    /// When they were due or sent: how late they were can be told.
    pub time: bool,
}

impl Knows {
    /// Everything.
    pub const ALL: Self = Self { number: true, time: true };

    /// What can be known of updates that come from there.
    pub fn of(origin: &Origin) -> Self {
        match origin {
            Origin::Published => Self::ALL,
            Origin::Observed(timestamp) => Self { number: false, time: timestamp.is_some() },
        }
    }
}

/// The counters at both ends of the interval.
pub struct Ends {
    /// At its start.
    pub begun: Snapshot,
    /// At its end.
    pub ended: Snapshot,
}

/// The counters at one end of the measured interval.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// When, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// All clients' ledgers.
    pub counters: Reading,
    /// All clients' sockets.
    pub tcp: TcpCounts,
    /// Processor time of the server, where it is ours.
    pub server_cpu: Option<Nanos>,
    /// Processor time of this process.
    pub own_cpu: Nanos,
    /// How long this process was ready to run and waited for a processor.
    pub own_wait: Option<Nanos>,
    /// Processor time of the host.
    pub host: Option<HostTime>,
    /// When, on the generator's clock.
    pub at: Nanos,
    /// Processor time of the programs that make a link or a path.
    pub relay_cpu: Nanos,
    /// Bytes that the server sent again.
    pub server_retransmitted: Option<u64>,
}

/// Memory at three moments of a trial.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// The server's, and the kernel's, before any client.
    pub before: (Option<u64>, Option<u64>),
    /// With all clients connected and nothing published yet.
    pub idle: (Option<u64>, Option<u64>),
    /// The server's at the end of the measured interval.
    pub loaded: Option<u64>,
}
