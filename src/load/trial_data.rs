//! What a trial gathers, before anything is made of it.

use std::sync::Arc;

use super::clock_relation::ClockRelation;
use super::context::{Handshake, Outcome, Subject};
use super::health::Lateness;
use super::path::namespace::Refusal;
use super::plan::PlanPoint;
use crate::clock::Clock;
use crate::measure::bytes::{Reading, StreamQueue};
use crate::measure::delivery::{Due, Window};
use crate::measure::process::TcpCounts;
use crate::run::file::LinkReport;
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
    /// How the clocks relate.
    pub relation: ClockRelation,
    /// The measured interval, on our own clock.
    pub window: Window,
    /// What the link was found to add, if there was one.
    pub link: Option<LinkReport>,
    /// Was there a link?
    pub has_link: bool,
    /// Why it stood in for a path, if it did.
    pub refusal: Option<Refusal>,
    /// What the path gave, if there was one.
    pub path: Option<PathReport>,
    /// What the proxy took, if there was one.
    pub proxy: Option<ProxyReport>,
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
    /// Busy time of the host.
    pub host_busy: Option<Nanos>,
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
