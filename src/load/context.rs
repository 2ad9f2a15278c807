//! The state that the clients of a trial share, and the result that each client returns.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, PoisonError};

use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::limits;
use crate::load::clock_relation::ClockRelation;
use crate::load::foreign::subscriber::Subscriber;
use crate::load::path;
use crate::measure::bytes::{ByteCounters, StreamQueue};
use crate::measure::delivery::{DeliveryLog, Due, Window};
use crate::measure::sockets::Sockets;
use crate::net::tls::Connector;
use crate::run::file::{Leaving, Point};
use crate::run::{Protocol, Transport};
use crate::transport::{ClientError, H2Session};
use crate::units::Nanos;

/// What a trial measures: a transport, or the TCP baseline that all are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// One of the four transports.
    Transport(Transport),
    /// The TCP baseline.
    TcpBaseline,
}

impl Subject {
    /// Name in progress lines and messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Transport(transport) => transport.label(),
            Self::TcpBaseline => "tcp_baseline",
        }
    }

    /// The transport; `None` for the baseline.
    pub fn transport(self) -> Option<Transport> {
        match self {
            Self::Transport(transport) => Some(transport),
            Self::TcpBaseline => None,
        }
    }
}

/// The state that all clients of a trial share.
pub struct TrialContext {
    /// The transport or baseline that they use.
    pub subject: Subject,
    /// Address of the server, or of each node if several have no balancer in front.
    pub servers: Vec<SocketAddr>,
    /// Is there a network path to the server, with a link per client?
    pub has_path: bool,
    /// The protocol on a connection.
    pub protocol: Protocol,
    /// Which certificates clients trust, with TLS.
    pub tls: Option<Connector>,
    /// Does a client keep its connection for the next request?
    pub keep_alive: bool,
    /// The connections that clients share; empty if each has its own.
    pub shared: Vec<Mutex<Option<H2Session>>>,
    /// Byte counters of the shared connections.
    pub shared_counters: Arc<ByteCounters>,
    /// How requests waited on the shared connections.
    pub queues: std::sync::Mutex<Vec<Arc<StreamQueue>>>,
    /// Every TLS handshake.
    pub handshakes: std::sync::Mutex<Vec<Handshake>>,
    /// The clock that arrivals are read from.
    pub clock: Clock,
    /// Converts the server's `at_us` to instants of `clock`.
    pub relation: ClockRelation,
    /// The clients' open sockets.
    pub sockets: Sockets<()>,
    /// Held while dialling, to limit how many clients connect at once.
    pub dials: Semaphore,
    /// Gains a permit for each client that has received its first position or answer.
    pub connected: Semaphore,
    /// What clients follow on a third-party server.
    pub subscriber: Option<Arc<Subscriber>>,
    /// Whether and how clients leave and come back.
    pub leaving: Leaving,
    /// When a node or log server was killed, if one was.
    pub killed: OnceLock<Nanos>,
    /// The start of the feed and the measured interval, once they are set.
    pub times: watch::Sender<Option<TrialTimes>>,
    /// Stops all clients.
    pub stop: CancellationToken,
}

/// A client's TLS handshake.
#[derive(Clone, Copy, Debug)]
pub struct Handshake {
    /// When it completed.
    pub at: Nanos,
    /// How long it took, from the TCP connection on.
    pub took: Nanos,
    /// It resumed an earlier session, without a certificate.
    pub is_resumed: bool,
}

/// The times of a trial, on the generator's clock.
#[derive(Clone, Copy, Debug)]
pub struct TrialTimes {
    /// The start of the feed.
    pub origin: Nanos,
    /// The measured interval.
    pub window: Window,
}

impl TrialContext {
    /// For clients that connect without TLS to `servers` (at least one), each on its own connection.
    pub fn new(subject: Subject, servers: Vec<SocketAddr>, point: &Point, relation: ClockRelation) -> Self {
        Self {
            subject,
            servers,
            has_path: false,
            protocol: point.protocol,
            tls: None,
            keep_alive: point.keep_alive,
            shared: Vec::new(),
            shared_counters: Arc::default(),
            queues: std::sync::Mutex::default(),
            handshakes: std::sync::Mutex::default(),
            clock: Clock::Monotonic,
            relation,
            sockets: Sockets::default(),
            dials: Semaphore::new(limits::DIALS_AT_ONCE),
            connected: Semaphore::new(0),
            leaving: point.churn,
            subscriber: None,
            killed: OnceLock::new(),
            times: watch::Sender::new(None),
            stop: CancellationToken::new(),
        }
    }

    /// The address that a client dials: its own on a path; with several nodes, the nodes in turn.
    pub fn server_of(&self, client: u32) -> SocketAddr {
        let server = self.servers[client as usize % self.servers.len()];
        match self.has_path {
            true => SocketAddr::new(path::address::server_of_client(client).into(), server.port()),
            false => server,
        }
    }

    /// The HTTP/2 connection that a client shares with others, if any.
    pub fn shared_of(&self, client: u32) -> Option<&Mutex<Option<H2Session>>> {
        // Assigned round robin, so that clients on one connection poll at unrelated times.
        self.shared.get(client as usize % self.shared.len().max(1))
    }

    /// Records the queue of a new shared connection.
    pub fn note_queue(&self, queue: Arc<StreamQueue>) {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).push(queue);
    }

    /// Records a completed handshake.
    pub fn note_handshake(&self, handshake: Handshake) {
        self.handshakes.lock().unwrap_or_else(PoisonError::into_inner).push(handshake);
    }

    /// Waits until the times of the trial are set.
    pub async fn times(&self) -> TrialTimes {
        let mut times = self.times.subscribe();
        // The sender is in `self`, so the channel cannot close while anyone waits on it.
        match times.wait_for(Option::is_some).await.ok().and_then(|times| *times) {
            Some(times) => times,
            None => std::future::pending().await,
        }
    }
}

/// The state of a client that the trial may read while it runs.
#[derive(Debug, Default)]
pub struct ClientProgress {
    /// Its byte and request counters.
    pub counters: Arc<ByteCounters>,
    /// Sequence number of the newest update it holds.
    pub held: AtomicU64,
}

/// A client whose connection ended because of a kill.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cut {
    /// When it had an answer on another connection, if ever.
    pub back: Option<Nanos>,
}

/// The result that a client returns.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The updates and gaps received.
    pub seen: DeliveryLog,
    /// From dialling to the first position or answer, for its first connection.
    pub connect: Option<Nanos>,
    /// Connections beyond the first.
    pub reconnects: u64,
    /// Connections that were refused or broke.
    pub refused: u64,
    /// How many of those were asked to slow down (429 and 503).
    pub throttled: u64,
    /// Messages in which the published update was not found.
    pub unread: u64,
    /// Polls skipped because the one before was still in flight.
    pub missed_polls: u64,
    /// Each reconnect after leaving: when it had an answer, and how long it took.
    pub returns: Vec<(Nanos, Nanos)>,
    /// Due times of updates missed while away and received later.
    pub recovered: Vec<Nanos>,
    /// Set if its connection ended after a kill; the first time counts.
    pub cut: Option<Cut>,
    /// When it dialled after a kill.
    pub dialled: Vec<Nanos>,
    /// What it was due to send; `None` for a client that subscribes.
    pub planned: Option<Vec<Due>>,
    /// The last error, if any.
    pub error: Option<ClientError>,
}
