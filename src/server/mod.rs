//! What all handlers share: the journal, the rooms, the counters, the page sessions and access control.
//!
//! This module knows no transport and no route. `http` combines them.

pub mod auth;
mod counters;
mod drain;
pub mod fanout;
mod feed_control;
pub mod idempotency;
pub mod origin;
mod page_session;
mod problem;
mod rate_limit;
pub mod repeat;
pub mod request;
mod room;
pub mod takeover;
mod talk;
pub mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use auth::Token;
pub use counters::{AccountReading, Connection, Counters, Handshaking, Meter, RequestCounters, Socket};
pub use drain::{Drain, DrainSignal};
pub use feed_control::{FeedChangeError, FeedControl, FeedSetting, FeedState};
use origin::Origins;
pub use page_session::{
    Attachment, Buffered, DelayedStream, Lane, LaneCounts, LaneReading, Middlebox, PageSession, SessionId, Sessions,
};
pub use problem::{Problem, method_not_allowed, not_found};
pub use rate_limit::{Addresses, RateLimit};
pub use room::{Room, RoomLimits, RoomName, Rooms};
pub use talk::{Talk, TalkContent, TalkMessage};

use crate::clock::Clock;
use crate::limits;
use crate::net::tls::Acceptor;
use crate::stream::journal::Encode;
use crate::stream::{Bounds, Journal, Log, LogSettings, Publisher, SlowConsumerPolicy};

/// The server's settings. The defaults are safe.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The journal's bounds.
    pub journal: Bounds,
    /// The log that this node shares with others. Without one, the stream exists only in this node's journal.
    pub log: Option<LogSettings>,
    /// Maximum number of open connections.
    pub connections_max: usize,
    /// How long a client may read nothing of what it is sent.
    pub write_timeout: Duration,
    /// TLS, if enabled; clients negotiate HTTP/1.1 or HTTP/2 over it.
    pub tls: Option<Acceptor>,
    /// Accept HTTP/2 without TLS from clients that start with it (prior knowledge).
    pub h2c: bool,
    /// Concurrent requests on one HTTP/2 connection.
    pub h2_streams: u32,
    /// Compress what is sent to clients that accept it.
    pub compress: bool,
    /// How long a request head may take, and how long a kept-alive connection may wait for its next request.
    pub head_timeout: Duration,
    /// The `retry` of an event stream.
    pub sse_retry: Duration,
    /// Time between the heartbeat comments of an event stream.
    pub sse_heartbeat: Duration,
    /// Time between the pings of a WebSocket of updates.
    pub ws_ping: Duration,
    /// Maximum size of a message to `/echo` or `/echo/ws`.
    pub echo_bytes_max: usize,
    /// How long a stopping server waits for its connections.
    pub drain: Duration,
    /// Maximum age of a stream.
    pub stream_age_max: Option<Duration>,
    /// The folder of reports that the page lists, if any.
    pub reports: Option<PathBuf>,
    /// Connections per address; `None` means [`limits::CONNECTIONS_PER_ADDRESS`], and no limit for loopback.
    pub per_address_max: Option<usize>,
    /// What happens to a subscriber that falls behind the journal.
    pub slow_consumer: SlowConsumerPolicy,
    /// Updates that may be posted per second.
    pub publish_per_s: f64,
    /// The token that requests to publish or control must present.
    pub token: Option<Token>,
    /// The host names of this server, and the pages of other sites that may use it.
    pub origins: Origins,
    /// CPU time burnt per update sent, to calibrate the measurement.
    pub burn: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            journal: Bounds::default(),
            log: None,
            connections_max: usize::MAX,
            write_timeout: limits::WRITE_TIMEOUT,
            tls: None,
            h2c: false,
            compress: false,
            h2_streams: limits::H2_STREAMS_MAX,
            head_timeout: limits::HEAD_READ_TIMEOUT,
            sse_retry: limits::SSE_RETRY,
            sse_heartbeat: limits::SSE_HEARTBEAT,
            ws_ping: limits::WS_PING,
            echo_bytes_max: limits::ECHO_BYTES_MAX,
            drain: limits::DRAIN,
            stream_age_max: None,
            reports: None,
            per_address_max: None,
            slow_consumer: SlowConsumerPolicy::default(),
            publish_per_s: limits::PUBLISH_PER_S,
            token: None,
            origins: Origins::default(),
            burn: Duration::ZERO,
        }
    }
}

/// The state that all handlers share.
#[derive(Debug)]
pub struct App {
    /// The main stream.
    pub main: Arc<Room>,
    /// The main stream's journal.
    pub journal: Arc<Journal>,
    /// The log that the journal follows, if any.
    pub log: Option<Arc<Log>>,
    /// The other streams.
    pub rooms: Arc<Rooms>,
    /// The clock of the feed; its anchor converts an instant to `at_us`.
    pub clock: Clock,
    /// The counters.
    pub counters: Arc<Counters>,
    /// The shutdown signal.
    pub drain: Drain,
    /// Owns the WebSocket tasks, which outlive the request that opened them.
    pub tasks: TaskTracker,
    /// One permit for each refused connection that is kept open until its client has read the reason.
    pub refusals: Arc<Semaphore>,
    /// The open live pages.
    pub sessions: Sessions,
    /// The settings.
    pub settings: Settings,
    /// The kernel's identifier of this boot of the host.
    pub boot_id: String,
}

impl App {
    /// The state of a server with an empty journal and no connections. If a log is configured, starts to follow it in
    /// tasks of the runtime.
    pub fn new(settings: Settings, clock: Clock, encode: Encode) -> Arc<Self> {
        let spread = settings.drain.mul_f64(limits::DRAIN_SPREAD_SHARE);
        let drain = Drain::new(spread, settings.stream_age_max, clock.now().0);
        let publish_rate = RateLimit::new(settings.publish_per_s, "raise --publish-rate");
        let (journal, log, publisher) = match &settings.log {
            None => {
                let journal = Journal::new(settings.journal, clock.anchor(), encode);
                (Arc::clone(&journal), None, Publisher::Journal(journal))
            }
            Some(log) => {
                let journal = Journal::of_log(settings.journal, clock.anchor(), encode);
                let log = Log::start(log.clone(), Arc::clone(&journal), clock);
                (journal, Some(Arc::clone(&log)), Publisher::Log(log))
            }
        };
        let main = Room::main(Arc::clone(&journal), publisher, publish_rate, settings.slow_consumer);
        Arc::new(Self {
            journal,
            log,
            main,
            rooms: Rooms::new(clock, encode, settings.slow_consumer),
            clock,
            counters: Arc::new(Counters::new(settings.burn)),
            drain,
            tasks: TaskTracker::new(),
            refusals: Arc::new(Semaphore::new(limits::REFUSALS_AT_ONCE)),
            sessions: Sessions::default(),
            settings,
            boot_id: crate::measure::host::boot_id().unwrap_or_default(),
        })
    }
}
