//! What the clients of a trial share, and what each brings back.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};

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
    /// One of the four.
    Transport(Transport),
    /// A TCP baseline.
    TcpBaseline,
}

impl Subject {
    /// Its name in lines and messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Transport(transport) => transport.label(),
            Self::TcpBaseline => "tcp_baseline",
        }
    }

    /// Which of the four; `None` of the baseline.
    pub fn transport(self) -> Option<Transport> {
        match self {
            Self::Transport(transport) => Some(transport),
            Self::TcpBaseline => None,
        }
    }
}

/// What all clients of a trial share.
pub struct TrialContext {
    /// What they subscribe to.
    pub subject: Subject,
    /// Where the server is; of several nodes without a balancer before them, each.
    pub servers: Vec<SocketAddr>,
    /// Is there a real path to it, on which each client has a link of its own?
    pub has_path: bool,
    /// What is spoken on a connection.
    pub protocol: Protocol,
    /// Whom clients believe, where TLS is spoken.
    pub tls: Option<Connector>,
    /// Does a client keep its connection for the next request?
    pub keep_alive: bool,
    /// The connections that clients share; none where each has its own.
    pub shared: Vec<Mutex<Option<H2Session>>>,
    /// The bytes of those.
    pub shared_counters: Arc<ByteCounters>,
    /// How requests waited on them.
    pub queues: std::sync::Mutex<Vec<Arc<StreamQueue>>>,
    /// Every handshake of TLS.
    pub handshakes: std::sync::Mutex<Vec<Handshake>>,
    /// The clock that arrivals are read from.
    pub clock: Clock,
    /// What makes instants of that clock of the server's `at_us`.
    pub relation: ClockRelation,
    /// Their open sockets.
    pub sockets: Sockets<()>,
    /// Taken while dialling, so that a ramp is gentle.
    pub dials: Semaphore,
    /// Gets a permit for each client that has its first position or answer.
    pub connected: Semaphore,
    /// What they follow, of a server that is not ours.
    pub subscriber: Option<Arc<Subscriber>>,
    /// How they leave, to come back.
    pub leaving: Leaving,
    /// When it all happens, once that is known.
    pub begun: watch::Sender<Option<Begun>>,
    /// Ends all of them.
    pub stop: CancellationToken,
}

/// A handshake of TLS that a client did.
#[derive(Clone, Copy, Debug)]
pub struct Handshake {
    /// When it was done.
    pub at: Nanos,
    /// How long it took, once there was a connection.
    pub took: Nanos,
    /// It went on from an earlier session, without a certificate.
    pub is_resumed: bool,
}

/// When a trial happens, on the generator's clock.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// The start of the feed.
    pub origin: Nanos,
    /// The measured interval.
    pub window: Window,
}

impl TrialContext {
    /// For clients that speak in the clear to `servers`, of which there must be one, each on a connection of its own, none of them connected yet.
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
            begun: watch::Sender::new(None),
            stop: CancellationToken::new(),
        }
    }

    /// What a client dials: over a path, an address of its own; of several nodes, one after the other.
    pub fn server_of(&self, client: u32) -> SocketAddr {
        let server = self.servers[client as usize % self.servers.len()];
        match self.has_path {
            true => SocketAddr::new(path::address::server_of_client(client).into(), server.port()),
            false => server,
        }
    }

    /// The connection that a client shares with its neighbours.
    pub fn shared_of(&self, client: u32) -> Option<&Mutex<Option<H2Session>>> {
        // Neighbours are those that poll at times that have nothing to do with one another.
        self.shared.get(client as usize % self.shared.len().max(1))
    }

    /// Another shared connection has been made.
    pub fn note_queue(&self, queue: Arc<StreamQueue>) {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).push(queue);
    }

    /// Another handshake is done.
    pub fn note_handshake(&self, handshake: Handshake) {
        self.handshakes.lock().unwrap_or_else(PoisonError::into_inner).push(handshake);
    }

    /// Waits until it is known when the trial happens.
    pub async fn begun(&self) -> Begun {
        let mut begun = self.begun.subscribe();
        // The sender is here: the channel cannot close while anyone waits on it.
        match begun.wait_for(Option::is_some).await.ok().and_then(|begun| *begun) {
            Some(begun) => begun,
            None => std::future::pending().await,
        }
    }
}

/// What the trial may look at while the client runs.
#[derive(Debug, Default)]
pub struct ClientProgress {
    /// Its bytes and requests.
    pub counters: Arc<ByteCounters>,
    /// The newest update it holds.
    pub held: AtomicU64,
}

/// What a client brings back.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The updates and the gaps.
    pub seen: DeliveryLog,
    /// From dialling to the first position or answer, of its first connection.
    pub connect: Option<Nanos>,
    /// Connections beyond the first.
    pub reconnects: u64,
    /// Connections that were refused or broke.
    pub refused: u64,
    /// Of those, refusals that asked for patience (429 and 503).
    pub throttled: u64,
    /// Messages that did not hold what was published.
    pub unread: u64,
    /// Polls left out because the one before was still on its way.
    pub missed_polls: u64,
    /// Each connection after having left: when it was there, and how long that took.
    pub returns: Vec<(Nanos, Nanos)>,
    /// When each update was due that was missed while away, and came after all.
    pub recovered: Vec<Nanos>,
    /// What it was to send; `None` of a client that subscribes.
    pub planned: Option<Vec<Due>>,
    /// Why it last failed, if it did.
    pub error: Option<ClientError>,
}
