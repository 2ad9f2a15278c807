//! The server's counters, one account per transport, and the connections that are charged to them.
//!
//! Over 400 lines: the counters and the connections that they are charged to are one table.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::rate_limit::Addresses;
use crate::measure::process::TcpCounts;
use crate::measure::sockets::Sockets;
use crate::measure::tap::{Tap, Tapped};
use crate::net::{AnyStream, BytesBelow, Stream};
use crate::run::Transport;
use crate::server::page_session::{AddedDelay, Attachment, DelayedStream, Lane, LaneCounts, PageSession};
use crate::server::takeover::Takeover;
use crate::stream::Batch;
use crate::units::Nanos;

/// The server's side of a connection, with its bytes counted. Boxed because it is passed on often: from hyper to a
/// WebSocket or a group, and back.
pub type Socket = Box<Tapped<DelayedStream<AnyStream, Arc<Connection>>, Meter>>;

/// The account of bytes and requests that belong to no transport: `/stats`, `/clock`, pages, publishing.
const OTHER: usize = 4;
const ACCOUNTS: usize = 5;

/// All counters of a server.
#[derive(Debug, Default)]
pub struct Counters {
    accounts: [Account; ACCOUNTS],
    /// The open connections.
    pub sockets: Sockets<Connection>,
    /// The number of open connections per address.
    pub addresses: Addresses,
    accepted: AtomicU64,
    refused: AtomicU64,
    handshakes: AtomicUsize,
    burn: Duration,
}

/// A TLS handshake in progress.
pub struct Handshaking(Arc<Counters>);

impl Drop for Handshaking {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Relaxed);
    }
}

#[derive(Debug, Default)]
struct Account {
    connections_open: AtomicU64,
    requests: AtomicU64,
    empty: AtomicU64,
    updates: AtomicU64,
    gaps: AtomicU64,
    cut: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    segments_in: AtomicU64,
    segments_out: AtomicU64,
    bytes_retransmitted: AtomicU64,
}

/// A snapshot of one account, as `/stats` returns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AccountReading {
    /// Connections whose last request was for this transport.
    pub connections_open: u64,
    /// Requests; a stream counts as one.
    pub requests: u64,
    /// Requests answered without an update.
    pub empty: u64,
    /// Updates passed to connections.
    pub updates: u64,
    /// Gaps announced.
    pub gaps: u64,
    /// Streams ended because they fell behind the journal.
    pub cut: u64,
    /// Bytes read from sockets.
    pub bytes_in: u64,
    /// Bytes written to sockets.
    pub bytes_out: u64,
    /// TCP segments received, on open and closed connections.
    pub segments_in: u64,
    /// TCP segments sent.
    pub segments_out: u64,
    /// Bytes of data retransmitted.
    pub bytes_retransmitted: u64,
}

/// One connection and its counters.
#[derive(Debug)]
pub struct Connection {
    peer: SocketAddr,
    opened: Nanos,
    counters: Arc<Counters>,
    /// How long its client may read nothing.
    write_timeout: Duration,
    /// Index of the account that the last request is charged to.
    account: AtomicU8,
    /// Bytes read and not charged yet: a request's head arrives before its transport is known.
    uncharged_in: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Its number in the table of sockets.
    id: OnceLock<u64>,
    requests: AtomicU64,
    /// Bytes of the last request that had arrived when it was charged.
    request_bytes: AtomicU64,
    attachment: Attachment,
    takeover: Takeover<Socket>,
}

impl Counters {
    /// Counters at zero. `burn` is the CPU time to burn for each update sent.
    pub fn new(burn: Duration) -> Self {
        Self { burn, ..Self::default() }
    }

    /// Counts a new connection, which is already in [`Self::addresses`], and wraps its stream to count the bytes.
    pub fn open(
        self: &Arc<Self>,
        stream: AnyStream,
        peer: SocketAddr,
        now: Nanos,
        write_timeout: Duration,
    ) -> (Arc<Connection>, Socket) {
        let connection = Arc::new(Connection {
            peer,
            opened: now,
            counters: Arc::clone(self),
            write_timeout,
            account: AtomicU8::new(OTHER as u8),
            uncharged_in: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            id: OnceLock::new(),
            requests: AtomicU64::new(0),
            request_bytes: AtomicU64::new(0),
            attachment: Attachment::default(),
            takeover: Takeover::default(),
        });
        self.accepted.fetch_add(1, Relaxed);
        self.accounts[OTHER].connections_open.fetch_add(1, Relaxed);
        let id = self.sockets.enter(stream.descriptor(), Arc::clone(&connection));
        let _first = connection.id.set(id);
        let meter = Meter { connection: Arc::clone(&connection), socket: Some((id, stream.below())) };
        let line = DelayedStream::new(stream, Arc::clone(&connection), write_timeout);
        (connection, Box::new(Tapped::new(line, meter, write_timeout)))
    }

    /// Counts a connection whose TLS handshake is in progress, until the returned guard is dropped.
    pub fn begin_handshake(self: &Arc<Self>) -> Handshaking {
        self.handshakes.fetch_add(1, Relaxed);
        Handshaking(Arc::clone(self))
    }

    /// Connections that are open or in the TLS handshake.
    pub fn connections(&self) -> usize {
        self.sockets.len() + self.handshakes.load(Relaxed)
    }

    /// Counts a refused connection.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Connections refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Every account: the transports in order, then `other`.
    ///
    /// Asks the kernel about every open connection, which takes about half a microsecond each.
    pub fn read(&self) -> [(&'static str, AccountReading); ACCOUNTS] {
        let mut readings = std::array::from_fn(|index| {
            let label = Transport::ALL.get(index).map_or("other", |transport| transport.label());
            (label, self.accounts[index].read())
        });
        self.sockets.for_each(|connection, tcp| {
            let (_, reading) = &mut readings[usize::from(connection.account.load(Relaxed))];
            reading.segments_in += tcp.segments_in;
            reading.segments_out += tcp.segments_out;
            reading.bytes_retransmitted += tcp.bytes_retransmitted;
        });
        readings
    }
}

impl Account {
    fn read(&self) -> AccountReading {
        AccountReading {
            connections_open: self.connections_open.load(Relaxed),
            requests: self.requests.load(Relaxed),
            empty: self.empty.load(Relaxed),
            updates: self.updates.load(Relaxed),
            gaps: self.gaps.load(Relaxed),
            cut: self.cut.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            segments_in: self.segments_in.load(Relaxed),
            segments_out: self.segments_out.load(Relaxed),
            bytes_retransmitted: self.bytes_retransmitted.load(Relaxed),
        }
    }

    fn add_tcp(&self, tcp: TcpCounts) {
        self.segments_in.fetch_add(tcp.segments_in, Relaxed);
        self.segments_out.fetch_add(tcp.segments_out, Relaxed);
        self.bytes_retransmitted.fetch_add(tcp.bytes_retransmitted, Relaxed);
    }
}

impl Connection {
    /// Charges a request that has just arrived, and everything that follows on this connection, to a transport or to
    /// `other`.
    pub fn charge(&self, transport: Option<Transport>) {
        let index = transport.map_or(OTHER, Transport::index);
        self.attachment.leave(|| self.tcp_before_this_request());
        self.requests.fetch_add(1, Relaxed);
        let before = usize::from(self.account.swap(index as u8, Relaxed));
        if before != index {
            self.counters.accounts[before].connections_open.fetch_sub(1, Relaxed);
            self.counters.accounts[index].connections_open.fetch_add(1, Relaxed);
        }
        self.account().requests.fetch_add(1, Relaxed);
        self.request_bytes.store(self.settle(), Relaxed);
    }

    /// Counters for the answer to the request that was charged last.
    pub fn counts(self: &Arc<Self>) -> RequestCounters {
        RequestCounters { connection: Arc::clone(self) }
    }

    /// Attaches the connection to a lane of a page, from the request that was charged last. Returns whether that is the
    /// connection's first request.
    pub fn attach(&self, session: &Arc<PageSession>, lane: Lane) -> bool {
        let is_first = self.requests.load(Relaxed) <= 1;
        let since = if is_first { TcpCounts::default() } else { self.tcp_before_this_request() };
        session.lane(lane).request(is_first, self.request_bytes.load(Relaxed));
        self.attachment.take(Arc::clone(session), lane, since);
        is_first
    }

    /// An HTTP/2 stream inside this connection. Its bytes are not counted again: the connection's own meter has done
    /// so.
    pub fn stream(self: &Arc<Self>, stream: impl Stream + 'static) -> Socket {
        let meter = Meter { connection: Arc::clone(self), socket: None };
        let line = DelayedStream::new(AnyStream::Other(Box::new(stream)), Arc::clone(self), self.write_timeout);
        Box::new(Tapped::new(line, meter, self.write_timeout))
    }

    /// Writes last bytes to the socket directly, bypassing the task that serves the connection; only as much as the
    /// socket takes at once.
    pub fn say_last(&self, word: &[u8]) {
        if let Some(id) = self.id.get() {
            self.counters.sockets.say(*id, word);
        }
    }

    /// Its attachment to a page's session.
    pub fn attachment(&self) -> &Attachment {
        &self.attachment
    }

    /// The state of its takeover from hyper.
    pub fn takeover(&self) -> &Takeover<Socket> {
        &self.takeover
    }

    /// The kernel's counts without the segment in which the current request arrived.
    fn tcp_before_this_request(&self) -> TcpCounts {
        let counts = self.id.get().map(|id| self.counters.sockets.counts(*id)).unwrap_or_default();
        counts.since(TcpCounts { segments_in: 1, ..TcpCounts::default() })
    }

    fn account(&self) -> &Account {
        &self.counters.accounts[usize::from(self.account.load(Relaxed))]
    }

    /// Charges the bytes that were read since the last request, now that the account is known.
    fn settle(&self) -> u64 {
        let bytes = self.uncharged_in.swap(0, Relaxed);
        if bytes > 0 {
            self.account().bytes_in.fetch_add(bytes, Relaxed);
            self.attachment.count(|lane| lane.came_in(bytes));
        }
        bytes
    }

    /// The client's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// When it was accepted.
    pub fn opened(&self) -> Nanos {
        self.opened
    }

    /// Bytes read from it, and bytes written to it.
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes_in.load(Relaxed), self.bytes_out.load(Relaxed))
    }
}

impl AddedDelay for Arc<Connection> {
    fn added_one_way(&self) -> Duration {
        self.attachment.added_one_way()
    }
}

/// Counts the bytes of a server connection, and adds the kernel's counts when it closes.
#[derive(Debug)]
pub struct Meter {
    connection: Arc<Connection>,
    /// Its number in the table of sockets, and the count of bytes below TLS; `None` for a stream inside a connection.
    socket: Option<(u64, Option<Arc<BytesBelow>>)>,
}

impl Tap for Meter {
    const LINGERS: bool = true;

    fn came_in(&mut self, bytes: &[u8]) {
        let Some((_, below)) = &self.socket else { return };
        let bytes = below.as_ref().map_or(bytes.len() as u64, |below| below.take_in());
        self.connection.bytes_in.fetch_add(bytes, Relaxed);
        self.connection.uncharged_in.fetch_add(bytes, Relaxed);
    }

    fn went_out(&mut self, bytes: &[u8]) {
        let Some((_, below)) = &self.socket else { return };
        let bytes = below.as_ref().map_or(bytes.len() as u64, |below| below.take_out());
        self.connection.settle();
        self.connection.bytes_out.fetch_add(bytes, Relaxed);
        self.connection.account().bytes_out.fetch_add(bytes, Relaxed);
        self.connection.attachment.count(|lane| lane.went_out(bytes));
        self.connection.takeover.note_unsent(true);
    }

    fn flushed(&mut self) {
        if self.socket.is_none() {
            return;
        }
        self.connection.takeover.note_unsent(false);
    }

    fn closing(&mut self) {
        let Some((id, _)) = self.socket else { return };
        self.connection.settle();
        let account = self.connection.account();
        account.connections_open.fetch_sub(1, Relaxed);
        let counts = self.connection.counters.sockets.leave(id);
        self.connection.counters.addresses.leave(self.connection.peer.ip());
        account.add_tcp(counts);
        self.connection.attachment.leave(|| counts);
    }
}

/// Counts what is sent in answer to one request.
#[derive(Clone, Debug)]
pub struct RequestCounters {
    connection: Arc<Connection>,
}

impl RequestCounters {
    /// Counts the updates of a batch as sent.
    pub fn sent(&self, batch: &Batch) {
        let account = self.connection.account();
        account.updates.fetch_add(batch.updates.len() as u64, Relaxed);
        if batch.gap.is_some() {
            account.gaps.fetch_add(1, Relaxed);
        }
        self.connection.attachment.count(|lane| lane.sent(batch));
        let burn = self.connection.counters.burn;
        if !burn.is_zero() {
            burn_cpu(burn * u32::try_from(batch.updates.len()).unwrap_or(u32::MAX));
        }
    }

    /// Counts a stream that ends because it fell behind the journal.
    pub fn cut(&self) {
        self.connection.account().cut.fetch_add(1, Relaxed);
    }

    /// Notes that a ping was sent.
    pub fn pinged(&self, now: Nanos) {
        self.connection.attachment.count(|lane| lane.pinged(now));
    }

    /// Notes that a pong arrived.
    pub fn ponged(&self, now: Nanos) {
        self.connection.attachment.count(|lane| lane.ponged(now));
    }

    /// Counts an answer without an update.
    pub fn empty(&self) {
        self.connection.account().empty.fetch_add(1, Relaxed);
        self.connection.attachment.count(LaneCounts::empty);
    }
}

/// Keeps the processor busy for this long.
fn burn_cpu(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_connection_of_a_page_that_added_a_round_trip_is_delayed() {
        let one_way = Duration::from_millis(100);
        let (near, mut far) = tokio::io::duplex(8);
        let peer = "127.0.0.1:1".parse().unwrap();
        let counters = Arc::new(Counters::default());
        let (connection, mut socket) =
            counters.open(AnyStream::Other(Box::new(near)), peer, Nanos::ZERO, Duration::from_secs(30));
        let session = Arc::new(PageSession::default());
        session.add_round_trip((one_way * 2).into()).unwrap();
        connection.attach(&session, Lane::Down(Transport::Polling));
        let began = tokio::time::Instant::now();
        socket.write_all(b"hello").await.unwrap();
        let mut read = [0; 5];
        tokio::select! {
            read = far.read_exact(&mut read) => drop(read.unwrap()),
            _never = socket.read_u8() => {}
        }
        assert_eq!(began.elapsed(), one_way);
    }
}
