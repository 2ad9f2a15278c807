//! One log for several nodes: a stream of NATS JetStream, of which each node's journal is a bounded cache.
//!
//! ```text
//! POST /updates, feed ─▶ node ─ publish, acknowledged ─▶ JetStream stream ─▶ each node's journal ─▶ its clients
//! ```
//!
//! The stream's sequence numbers are those of the updates, and the instant at which the stream was made names the epoch:
//! so a cursor means the same on every node, and a client that was cut off from one goes on at another.
//!
//! A message holds an update's `data` as it is, and when it was due in the header `Pushpull-At-Us`; for a message of
//! somebody else's it is when it was stored.
//!
//! What a node cannot have any more, it tells its clients: messages that the stream dropped, or that are no updates, are
//! a gap, and a stream that was made anew is another epoch.

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

/// When an update was due, in microseconds since the Unix epoch.
const AT_US: &str = "Pushpull-At-Us";

/// How a node stands to the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// No server has answered yet, or not for a while.
    Away,
    /// The servers know no such stream.
    Missing,
    /// The stream cannot be followed as it is set up, with the reason.
    Unfit(String),
    /// It has not yet all that the stream holds.
    CatchingUp,
    /// It has what the stream holds.
    Following,
}

/// How a node stands to the log, for `/stats`.
#[derive(Clone, Debug, Serialize)]
pub struct LogReading {
    /// The stream's name.
    pub stream: String,
    /// How this node stands to it.
    pub standing: Standing,
    /// The newest number of the stream when it was last looked at.
    pub newest_seq: u64,
    /// How often it began to follow.
    pub followed: u64,
}

/// The log as one node sees it: publishes to it, and keeps the node's journal up with it.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    feeder: Feeder,
    _follower: AbortOnDropHandle<()>,
}

/// What the tasks of a log share.
#[derive(Debug)]
struct Shared {
    settings: LogSettings,
    journal: Arc<Journal>,
    clock: Clock,
    connection: Connection,
    /// Names this node in the identifiers of what it publishes.
    node: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    standing: Standing,
    newest_seq: u64,
    followed: u64,
    /// Where to publish: the stream's one subject, once it is known.
    subject: Option<Arc<str>>,
}

impl Log {
    /// Begins to follow the log into the journal, which must be one [`Journal::of_log`]; it never gives up.
    pub fn start(settings: LogSettings, journal: Arc<Journal>, clock: Clock) -> Arc<Self> {
        let connection = Connection::default();
        let state = State { standing: Standing::Away, newest_seq: 0, followed: 0, subject: None };
        let node = Cursor { epoch: Epoch::random(), seq: clock.anchor().unix(clock.now()).0 }.to_string();
        let shared = Arc::new(Shared { settings, journal, clock, connection, node, state: Mutex::new(state) });
        let follower = tokio::spawn(follow::run(Arc::clone(&shared)));
        let feeder = Feeder::start(Arc::clone(&shared));
        Arc::new(Self { shared, feeder, _follower: AbortOnDropHandle::new(follower) })
    }

    /// How this node stands to it.
    pub fn standing(&self) -> Standing {
        self.shared.lock().standing.clone()
    }

    /// Has it been followed yet? Before that the journal knows neither the epoch nor any update.
    pub fn has_been_followed(&self) -> bool {
        self.shared.lock().followed > 0
    }

    /// The same with figures.
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
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how this node stands to the log, and says so once for each change.
    fn set(&self, standing: Standing) {
        let mut state = self.lock();
        if state.standing == standing {
            return;
        }
        let stream = &self.settings.stream;
        match &standing {
            Standing::Away => tracing::warn!("the log {stream} cannot be reached at {}", self.settings.servers),
            Standing::Missing => tracing::warn!("there is no stream {stream} to follow"),
            Standing::Unfit(reason) => tracing::error!("the stream {stream} cannot be followed: {reason}"),
            Standing::CatchingUp => tracing::info!("catching up with the log {stream}"),
            Standing::Following => tracing::info!("following the log {stream}"),
        }
        state.standing = standing;
    }
}
