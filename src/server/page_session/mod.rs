//! The session of one open live page: what its connections carried, the round trip it added, and whether it is cut off.
//!
//! A browser does not tell a page the size of an event stream or a WebSocket, so the server counts the bytes. The page
//! generates a [`SessionId`] and adds it to every address that it subscribes to.

mod attachment;
mod delayed;
mod middlebox;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use crate::stream::Batch;
pub use attachment::Attachment;
pub use delayed::{AddedDelay, DelayedStream};
pub use middlebox::{Buffered, Middlebox};

use crate::limits;
use crate::measure::process::TcpCounts;
use crate::run::Transport;
use crate::server::Problem;
use crate::units::Nanos;

/// The identifier that a page has generated: 16 to 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(Box<str>);

impl FromStr for SessionId {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match (16..=32).contains(&text.len()) && text.bytes().all(is_hex) {
            true => Ok(Self(text.into())),
            false => Err(Problem::new(StatusCode::BAD_REQUEST, "session must be 16 to 32 digits from 0-9 and a-f")),
        }
    }
}

/// The purpose of a page's connection, which is one column of the live page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// It receives updates.
    Down(Transport),
    /// It sends messages up, one `POST /echo` each.
    UpPost,
    /// It sends messages up over `/echo/ws`.
    UpWebSocket,
}

/// The number of lanes.
pub const LANES: usize = 6;

impl Lane {
    /// All of them, in the order of the page.
    pub const ALL: [Self; LANES] = [
        Self::Down(Transport::Polling),
        Self::Down(Transport::LongPolling),
        Self::Down(Transport::Sse),
        Self::Down(Transport::WebSocket),
        Self::UpPost,
        Self::UpWebSocket,
    ];

    /// The name in JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Down(transport) => transport.label(),
            Self::UpPost => "up_post",
            Self::UpWebSocket => "up_websocket",
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Down(transport) => transport.index(),
            Self::UpPost => 4,
            Self::UpWebSocket => 5,
        }
    }
}

/// The counters of one lane.
#[derive(Debug, Default)]
pub struct LaneCounts {
    connections: AtomicU64,
    requests: AtomicU64,
    empty: AtomicU64,
    updates: AtomicU64,
    gaps: AtomicU64,
    cuts: AtomicU64,
    payload_bytes: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    request_bytes: AtomicU64,
    segments_in: AtomicU64,
    segments_out: AtomicU64,
    data_segments_out: AtomicU64,
    segments_retransmitted: AtomicU64,
    pinged: AtomicU64,
    ponged: AtomicU64,
}

/// A snapshot of a lane's counters, as `GET /live/session/ID` returns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LaneReading {
    /// Connections opened for it; a browser may also reuse one that it has.
    pub connections: u64,
    /// Requests; a stream counts as one.
    pub requests: u64,
    /// Requests answered without an update.
    pub empty: u64,
    /// Updates passed to its connections.
    pub updates: u64,
    /// Gaps announced.
    pub gaps: u64,
    /// Connections broken at the page's request.
    pub cuts: u64,
    /// Bytes of `data` in those updates.
    pub payload_bytes: u64,
    /// Bytes read from its sockets.
    pub bytes_in: u64,
    /// Bytes written to them.
    pub bytes_out: u64,
    /// Bytes of its last request, head and body.
    pub request_bytes: u64,
    /// TCP segments received. If a browser uses one connection for several lanes, accurate to about one segment per
    /// change of lane.
    pub segments_in: u64,
    /// TCP segments sent.
    pub segments_out: u64,
    /// TCP segments sent that carried data.
    pub data_segments_out: u64,
    /// TCP segments with data that were retransmitted, because they were lost or late.
    pub segments_retransmitted: u64,
    /// The round trip to the browser, or to a proxy in front of it, as the kernel measures it; the shortest of the open
    /// connections.
    pub round_trip_us: Option<u64>,
    /// Time since the last ping was sent; WebSocket only.
    pub ping_ago_us: Option<u64>,
    /// Time since the last pong arrived; WebSocket only.
    pub pong_ago_us: Option<u64>,
}

impl LaneReading {
    /// Adds the kernel's counts of an open connection.
    pub fn add_open(&mut self, tcp: TcpCounts) {
        self.segments_in += tcp.segments_in;
        self.segments_out += tcp.segments_out;
        self.data_segments_out += tcp.data_segments_out;
        self.segments_retransmitted += tcp.segments_retransmitted;
        let round_trip = tcp.round_trip.map(|trip| trip.0 / 1_000);
        self.round_trip_us = [self.round_trip_us, round_trip].into_iter().flatten().min();
    }
}

impl LaneCounts {
    /// Counts a request, and the connection if it is new.
    pub fn request(&self, is_new_connection: bool, bytes: u64) {
        self.connections.fetch_add(is_new_connection.into(), Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.request_bytes.store(bytes, Relaxed);
        self.came_in(bytes);
    }

    /// Counts the updates of a batch as sent.
    pub fn sent(&self, batch: &Batch) {
        self.updates.fetch_add(batch.updates.len() as u64, Relaxed);
        self.gaps.fetch_add(batch.gap.is_some().into(), Relaxed);
        let payload: usize = batch.updates.iter().map(|entry| entry.data_bytes).sum();
        self.payload_bytes.fetch_add(payload as u64, Relaxed);
    }

    /// Counts an answer without an update.
    pub fn empty(&self) {
        self.empty.fetch_add(1, Relaxed);
    }

    /// Counts bytes read.
    pub fn came_in(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    /// Counts bytes written.
    pub fn went_out(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    /// Adds the kernel's counts for the time in which a connection served this lane.
    pub fn add_tcp(&self, tcp: TcpCounts) {
        self.segments_in.fetch_add(tcp.segments_in, Relaxed);
        self.segments_out.fetch_add(tcp.segments_out, Relaxed);
        self.data_segments_out.fetch_add(tcp.data_segments_out, Relaxed);
        self.segments_retransmitted.fetch_add(tcp.segments_retransmitted, Relaxed);
    }

    /// Counts a connection that is broken on purpose.
    pub fn cut(&self) {
        self.cuts.fetch_add(1, Relaxed);
    }

    /// Notes when a ping was sent.
    pub fn pinged(&self, now: Nanos) {
        self.pinged.store(now.0, Relaxed);
    }

    /// Notes when a pong arrived.
    pub fn ponged(&self, now: Nanos) {
        self.ponged.store(now.0, Relaxed);
    }

    fn read(&self, now: Nanos) -> LaneReading {
        let ago = |moment: &AtomicU64| match moment.load(Relaxed) {
            0 => None,
            at => Some(now.0.saturating_sub(at) / 1_000),
        };
        LaneReading {
            ping_ago_us: ago(&self.pinged),
            pong_ago_us: ago(&self.ponged),
            connections: self.connections.load(Relaxed),
            requests: self.requests.load(Relaxed),
            empty: self.empty.load(Relaxed),
            updates: self.updates.load(Relaxed),
            gaps: self.gaps.load(Relaxed),
            cuts: self.cuts.load(Relaxed),
            payload_bytes: self.payload_bytes.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            request_bytes: self.request_bytes.load(Relaxed),
            segments_in: self.segments_in.load(Relaxed),
            segments_out: self.segments_out.load(Relaxed),
            data_segments_out: self.data_segments_out.load(Relaxed),
            segments_retransmitted: self.segments_retransmitted.load(Relaxed),
            round_trip_us: None,
        }
    }
}

/// One open page.
#[derive(Debug, Default)]
pub struct PageSession {
    lanes: [LaneCounts; LANES],
    added_round_trip: AtomicU64,
    cut_until: AtomicU64,
    middlebox: Mutex<Middlebox>,
    touched: AtomicU64,
}

impl PageSession {
    /// The counters of one lane.
    pub fn lane(&self, lane: Lane) -> &LaneCounts {
        &self.lanes[lane.index()]
    }

    /// The counts of every lane. The kernel's counts are those of connections that have ended or changed lanes; the
    /// caller adds those of open connections.
    pub fn read(&self, now: Nanos) -> [(&'static str, LaneReading); LANES] {
        Lane::ALL.map(|lane| (lane.label(), self.lane(lane).read(now)))
    }

    /// The round-trip time that the page adds to that of the network.
    pub fn added_round_trip(&self) -> Nanos {
        Nanos(self.added_round_trip.load(Relaxed))
    }

    /// Sets the added round-trip time.
    ///
    /// Errors: 400 above `limits::LIVE_ROUND_TRIP_MAX`.
    pub fn add_round_trip(&self, length: Nanos) -> Result<(), Problem> {
        let most = limits::LIVE_ROUND_TRIP_MAX;
        if length.duration() > most {
            let detail = format!("the added round trip is {length}; use at most {} ms", most.as_millis());
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
        self.added_round_trip.store(length.0, Relaxed);
        Ok(())
    }

    /// The delay added in each direction: half of the round trip.
    pub fn added_one_way(&self) -> Duration {
        self.added_round_trip().duration() / 2
    }

    /// The simulated proxy between the page and the server.
    pub fn middlebox(&self) -> Middlebox {
        *self.middlebox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces it for later requests.
    pub fn set_middlebox(&self, middlebox: Middlebox) {
        *self.middlebox.lock().unwrap_or_else(PoisonError::into_inner) = middlebox;
    }

    /// Breaks every connection that asks for updates until `moment`.
    pub fn cut_until(&self, moment: Nanos) {
        self.cut_until.store(moment.0, Relaxed);
    }

    /// Whether the page is cut off at `now`.
    pub fn is_cut(&self, now: Nanos) -> bool {
        now.0 < self.cut_until.load(Relaxed)
    }
}

/// The sessions of all open pages, in bounded number. A session that has been silent for a while is replaced.
#[derive(Debug, Default)]
pub struct Sessions {
    table: Mutex<HashMap<SessionId, Arc<PageSession>>>,
}

impl Sessions {
    /// The session of a page, created when it is first named.
    ///
    /// Errors: 503 if too many pages are open.
    pub fn open(&self, id: SessionId, now: Nanos) -> Result<Arc<PageSession>, Problem> {
        let mut table = self.lock();
        if let Some(session) = table.get(&id) {
            session.touched.store(now.0, Relaxed);
            return Ok(Arc::clone(session));
        }
        table.retain(|_, session| is_in_use(session, now));
        if table.len() >= limits::LIVE_SESSIONS_MAX {
            let detail = format!("{} pages are open, which is the limit; close one", limits::LIVE_SESSIONS_MAX);
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        }
        let session = Arc::new(PageSession::default());
        session.touched.store(now.0, Relaxed);
        table.insert(id, Arc::clone(&session));
        Ok(session)
    }

    /// The number of pages that are open at `now`.
    pub fn in_use(&self, now: Nanos) -> usize {
        self.lock().values().filter(|session| is_in_use(session, now)).count()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<PageSession>>> {
        // Nothing in this file panics while it holds the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a connection is attached to it, or it was named recently.
fn is_in_use(session: &Arc<PageSession>, now: Nanos) -> bool {
    let silent = now.saturating_sub(Nanos(session.touched.load(Relaxed)));
    Arc::strong_count(session) > 1 || silent.duration() < limits::LIVE_SESSION_SILENCE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> SessionId {
        format!("{number:016x}").parse().unwrap()
    }

    #[test]
    fn a_session_id_has_hexadecimal_digits_only() {
        assert!("0123456789abcdef".parse::<SessionId>().is_ok());
        for bad in ["", "0123", "0123456789ABCDEF", "../../../etc/passw", &"a".repeat(33)] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn when_too_many_pages_are_open_a_silent_one_is_replaced_and_a_connected_one_is_not() {
        let sessions = Sessions::default();
        let connected = sessions.open(id(0), Nanos::ZERO).unwrap();
        for number in 1..limits::LIVE_SESSIONS_MAX {
            sessions.open(id(number), Nanos::ZERO).unwrap();
        }
        assert!(sessions.open(id(9999), Nanos::SECOND).is_err(), "all places are taken");
        let later = Nanos::from(limits::LIVE_SESSION_SILENCE_MAX);
        sessions.open(id(9999), later).unwrap();
        assert_eq!(sessions.in_use(later), 2, "the connected page and the new one");
        assert!(Arc::ptr_eq(&connected, &sessions.open(id(0), later).unwrap()));
    }

    #[test]
    fn every_lane_has_its_own_index_and_label() {
        for (index, lane) in Lane::ALL.into_iter().enumerate() {
            assert_eq!(lane.index(), index);
            assert_eq!(Lane::ALL.iter().filter(|other| other.label() == lane.label()).count(), 1);
        }
    }
}
