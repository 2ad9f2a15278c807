//! One log for several nodes: a stream of NATS JetStream. Each node's journal is a bounded cache of it.
//!
//! ```text
//! POST /updates, feed ─▶ node ─ publish, acknowledged ─▶ JetStream stream ─▶ each node's journal ─▶ its clients
//! ```
//!
//! The stream's sequence numbers are those of the updates, and the epoch is derived from the instant at which the
//! stream was created. So a cursor means the same on every node, and a client that loses one node can continue at
//! another.
//!
//! The payload of a message is an update's `data`. The header `Pushpull-At-Us` is when the update was due; for a
//! message without it, from another publisher, this is when the message was stored.
//!
//! A node announces what it cannot get any more: messages that the stream has dropped, or that are not updates, are a
//! gap, and a stream that was recreated is another epoch.

mod connection;
mod follow;
mod publish;
mod settings;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

pub use settings::{LogSettings, MalformedLog, MalformedName, Servers, StreamName};

use super::cursor::{Cursor, Epoch};
use super::journal::Journal;
use crate::clock::Clock;
use connection::Connection;
use publish::Feeder;

/// The header for when an update was due, in microseconds since the Unix epoch.
const AT_US: &str = "Pushpull-At-Us";

/// Whether a node is up to date with the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogState {
    /// No server has answered yet, or not for a while.
    Away,
    /// The servers have no such stream.
    Missing,
    /// The stream's configuration is not supported, for this reason.
    Unfit(String),
    /// The node does not have all updates of the stream yet.
    CatchingUp,
    /// The node has all updates of the stream.
    Following,
}

/// A node's state with respect to the log, for `/stats`.
#[derive(Clone, Debug, Serialize)]
pub struct LogReading {
    /// The stream's name.
    pub stream: String,
    /// Whether this node is up to date.
    pub standing: LogState,
    /// The newest sequence number of the stream when it was last checked.
    pub newest_seq: u64,
    /// How many times the node has started to follow.
    pub followed: u64,
}

/// One node's access to the log: publishes to it, and keeps the node's journal up to date.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    feeder: Feeder,
    _follower: AbortOnDropHandle<()>,
}

/// The state that the tasks of a log share.
#[derive(Debug)]
struct Shared {
    settings: LogSettings,
    journal: Arc<Journal>,
    clock: Clock,
    connection: Connection,
    /// This node's name in the identifiers of its messages.
    node: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    standing: LogState,
    newest_seq: u64,
    followed: u64,
    /// The stream's only subject, where updates are published; `None` until it is known.
    subject: Option<Arc<str>>,
}

impl Log {
    /// Starts to follow the log into the journal, which must come from [`Journal::of_log`]. Retries for ever.
    pub fn start(settings: LogSettings, journal: Arc<Journal>, clock: Clock) -> Arc<Self> {
        let connection = Connection::default();
        let state = State { standing: LogState::Away, newest_seq: 0, followed: 0, subject: None };
        let node = Cursor { epoch: Epoch::random(), seq: clock.anchor().unix(clock.now()).0 }.to_string();
        let shared = Arc::new(Shared { settings, journal, clock, connection, node, state: Mutex::new(state) });
        let follower = tokio::spawn(follow::run(Arc::clone(&shared)));
        let feeder = Feeder::start(Arc::clone(&shared));
        Arc::new(Self { shared, feeder, _follower: AbortOnDropHandle::new(follower) })
    }

    /// Whether this node is up to date.
    pub fn standing(&self) -> LogState {
        self.shared.lock().standing.clone()
    }

    /// Whether the log has been followed yet. Until then, the journal has neither the epoch nor any update.
    pub fn has_been_followed(&self) -> bool {
        self.shared.lock().followed > 0
    }

    /// The state for `/stats`.
    pub fn reading(&self) -> LogReading {
        let state = self.shared.lock();
        LogReading {
            stream: self.shared.settings.stream.to_string(),
            standing: state.standing.clone(),
            newest_seq: state.newest_seq,
            followed: state.followed,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the standing, and logs each change.
    fn set(&self, standing: LogState) {
        let mut state = self.lock();
        if state.standing == standing {
            return;
        }
        let stream = &self.settings.stream;
        match &standing {
            LogState::Away => tracing::warn!("the log {stream} cannot be reached at {}", self.settings.servers),
            LogState::Missing => tracing::warn!("there is no stream {stream} to follow"),
            LogState::Unfit(reason) => tracing::error!("the stream {stream} cannot be followed: {reason}"),
            LogState::CatchingUp => tracing::info!("catching up with the log {stream}"),
            LogState::Following => tracing::info!("following the log {stream}"),
        }
        state.standing = standing;
    }
}
