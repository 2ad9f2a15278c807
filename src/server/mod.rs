//! The server: one journal, four transports, and what watches them.
//!
//! [`Server::bind`] takes settings and an address; [`Server::run`] accepts until it is told to leave. Connections are
//! served by hyper's own `http1::Builder`, which unlike `axum::serve` lets a half-sent request head time out and keeps
//! the memory of an idle connection small.

mod accept;
pub mod cli;
pub mod doors;
mod drain;
pub mod live;
pub mod origin;
mod pages;
mod problem;
pub mod request;
mod routes;
mod stats;
mod wire;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use accept::serve_over;
use doors::{Rate, Token};
pub use drain::{Drain, Turn};
pub use live::{Lane, Live};
use origin::Origins;
pub use problem::Problem;
pub use stats::{AccountReading, Connection, Counts, Meter, Socket, Stats};
pub use wire::Wire;

use crate::clock::Clock;
use crate::journal::{Behind, Bounds, CursorAhead, Journal, Reader, Start};
use crate::limits;

/// What can be set; the defaults are safe.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The journal's bounds.
    pub journal: Bounds,
    /// Connections at the same time.
    pub connections_max: usize,
    /// How long a client may take nothing of what it is sent.
    pub write_timeout: Duration,
    /// How long a request head may take, and a kept-alive connection may wait for its next request.
    pub head_timeout: Duration,
    /// The `retry` of an event stream.
    pub sse_retry: Duration,
    /// One message to `/echo` or `/echo/ws`.
    pub echo_bytes_max: usize,
    /// How long a stopping server waits for its connections.
    pub drain: Duration,
    /// A stream's greatest age.
    pub stream_age_max: Option<Duration>,
    /// The folder of reports that the page lists, if any.
    pub reports: Option<PathBuf>,
    /// Connections of one address; `None` is [`limits::CONNECTIONS_PER_ADDRESS`], except for loopback.
    pub per_address_max: Option<usize>,
    /// What becomes of a subscriber that falls behind the journal.
    pub behind: Behind,
    /// Updates a second that may be posted.
    pub publish_per_s: f64,
    /// What a request must show that publishes or controls.
    pub token: Option<Token>,
    /// The pages of other sites that are let in.
    pub origins: Origins,
    /// Processor time that is wasted on each update sent: a known slowness, to hold an instrument against.
    pub burn: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            journal: Bounds::default(),
            connections_max: usize::MAX,
            write_timeout: limits::WRITE_TIMEOUT,
            head_timeout: limits::HEAD_READ_TIMEOUT,
            sse_retry: limits::SSE_RETRY,
            echo_bytes_max: limits::ECHO_BYTES_MAX,
            drain: limits::DRAIN,
            stream_age_max: None,
            reports: None,
            per_address_max: None,
            behind: Behind::default(),
            publish_per_s: limits::PUBLISH_PER_S,
            token: None,
            origins: Origins::default(),
            burn: Duration::ZERO,
        }
    }
}

/// What every handler shares.
#[derive(Debug)]
pub struct App {
    /// The log of recent updates.
    pub journal: Arc<Journal>,
    /// The clock of `at_ns`.
    pub clock: Clock,
    /// The counters.
    pub stats: Arc<Stats>,
    /// The signal to leave.
    pub drain: Drain,
    /// Owns the WebSockets, which outlive the request that opened them.
    pub tasks: TaskTracker,
    /// How often updates may be posted.
    pub publishing: Rate,
    /// One permit for each refused connection that is given time to read why.
    pub refusals: Arc<Semaphore>,
    /// What the live page needs.
    pub live: Live,
    /// As set.
    pub settings: Settings,
    /// Names this boot of the host.
    pub boot_id: String,
}

impl App {
    /// With an empty journal and nobody connected.
    pub fn new(settings: Settings, clock: Clock) -> Arc<Self> {
        let spread = settings.drain.mul_f64(limits::DRAIN_SPREAD_SHARE);
        let drain = Drain::new(spread, settings.stream_age_max, clock.now().0);
        Arc::new(Self {
            journal: Journal::new(settings.journal),
            clock,
            stats: Arc::new(Stats::new(settings.burn)),
            drain,
            tasks: TaskTracker::new(),
            publishing: Rate::new(settings.publish_per_s),
            refusals: Arc::new(Semaphore::new(limits::REFUSALS_AT_ONCE)),
            live: Live::default(),
            settings,
            boot_id: crate::measure::host::boot_id().unwrap_or_default(),
        })
    }

    /// A subscription to the journal, with the answer to falling behind that was set.
    ///
    /// Errors: as [`Journal::reader`].
    pub fn reader(&self, start: Start) -> Result<Reader, CursorAhead> {
        Ok(self.journal.reader(start)?.when_behind(self.settings.behind))
    }
}

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The system says so, as for a port in use.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Others could reach it, and publish as they like.
    #[error(
        "other hosts could reach {0} and publish there; set a token (--token-file or PUSHPULL_TOKEN), or listen on 127.0.0.1"
    )]
    NoToken(IpAddr),
}

impl From<BindError> for io::Error {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Io(error) => error,
            BindError::NoToken(_) => Self::new(io::ErrorKind::PermissionDenied, error),
        }
    }
}

/// A server that listens.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
}

impl Server {
    /// Listens on `address`; port 0 picks a free one.
    ///
    /// Errors: what the system says, as for a port in use; an address beyond loopback without a token.
    pub fn bind(address: SocketAddr, settings: Settings, clock: Clock) -> Result<Self, BindError> {
        if !address.ip().to_canonical().is_loopback() && settings.token.is_none() {
            return Err(BindError::NoToken(address.ip()));
        }
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(limits::LISTEN_BACKLOG)?;
        Ok(Self { app: App::new(settings, clock), listener })
    }

    /// The address it really listens on.
    ///
    /// Errors: what the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What its handlers share: to publish to, to count with, and to drain.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Accepts and serves until [`Drain::begin`], then lets connections end in good order, in bounded time.
    pub async fn run(self) {
        accept::run(self.app, self.listener).await;
    }
}
