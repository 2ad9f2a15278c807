//! The byte ledger: every byte that a client's socket reads or writes is counted as HTTP head, framing, body, or TLS,
//! as it passes.
//!
//! Nothing is estimated. The ledger follows the message syntax of HTTP/1.1 and WebSocket ([`http1`]), the frames of
//! HTTP/2 ([`http2`]) and the records of TLS ([`tls`]) with its own state machines, independent of the libraries that
//! send and receive: what those were asked to send may differ from what went over the wire.
//!
//! With TLS a connection has two taps: [`tls::RecordTap`] below TLS, which counts what the socket reads and writes,
//! and [`ByteClassifier::inside_tls`] above it, which classifies the content of the records.

mod http1;
mod http2;
pub mod queue;
pub mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::measure::tap::Tap;
use http1::{MessageFollower, Upgraded};
pub use queue::StreamQueue;

/// Counters of the bytes and requests of one client's connections, in both directions.
#[derive(Debug, Default)]
pub struct ByteCounters {
    http_headers: AtomicU64,
    h2_frames: AtomicU64,
    framing: AtomicU64,
    body: AtomicU64,
    payload: AtomicU64,
    coded: AtomicU64,
    decoded: AtomicU64,
    tls_handshake: AtomicU64,
    tls_records: AtomicU64,
    tls_content: AtomicU64,
    inside_tls: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    requests: AtomicU64,
    empty: AtomicU64,
    deliveries: AtomicU64,
}

/// A reading of one ledger, or the sum or the difference of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Request and response heads; with HTTP/2 as HPACK blocks (RFC 7541).
    pub http_headers: u64,
    /// Heads of HTTP/2 frames, and the frames that carry neither a head nor a body.
    pub h2_frames: u64,
    /// Chunk sizes, WebSocket headers, control frames.
    pub framing: u64,
    /// Everything else: envelopes and payload, in compressed form if compressed.
    pub body: u64,
    /// The `data` of updates, which is part of the body.
    pub payload: u64,
    /// Bytes of the body that were compressed.
    pub coded: u64,
    /// The decompressed size of these.
    pub decoded: u64,
    /// Bytes on the socket until the TLS handshake is done.
    pub tls_handshake: u64,
    /// After that, what TLS adds to the content of its records: heads, content types, tags.
    pub tls_records: u64,
    /// The content of these records, whatever it is.
    pub tls_content: u64,
    /// How much of it the layer above TLS wrote and read.
    pub inside_tls: u64,
    /// What the socket's writes returned.
    pub up: u64,
    /// What the socket's reads returned.
    pub down: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that returned nothing new.
    pub empty: u64,
    /// Updates decoded.
    pub deliveries: u64,
}

impl Reading {
    /// Everything spent on establishing TLS: the handshake, and the session tickets after it, which are content that
    /// nobody above TLS sees (RFC 8446 section 4.6.1).
    pub fn tls_handshake_and_tickets(&self) -> u64 {
        self.tls_handshake + self.tls_content.saturating_sub(self.inside_tls)
    }
}

macro_rules! each_count {
    ($apply:ident) => {
        $apply!(
            http_headers,
            h2_frames,
            framing,
            body,
            payload,
            coded,
            decoded,
            tls_handshake,
            tls_records,
            tls_content,
            inside_tls,
            up,
            down,
            requests,
            empty,
            deliveries
        )
    };
}

impl ByteCounters {
    /// An update with `bytes` of `data` was decoded.
    pub fn delivered(&self, bytes: usize) {
        self.payload.fetch_add(bytes as u64, Relaxed);
        self.deliveries.fetch_add(1, Relaxed);
    }

    /// `coded` bytes of a compressed body were decompressed to `decoded` bytes.
    pub fn decompressed(&self, coded: usize, decoded: usize) {
        self.coded.fetch_add(coded as u64, Relaxed);
        self.decoded.fetch_add(decoded as u64, Relaxed);
    }

    /// A request was sent.
    pub fn requested(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// A request returned nothing new.
    pub fn came_back_empty(&self) {
        self.empty.fetch_add(1, Relaxed);
    }

    /// The current counts.
    pub fn read(&self) -> Reading {
        macro_rules! load {
            ($($name:ident),+) => { Reading { $( $name: self.$name.load(Relaxed), )+ } };
        }
        each_count!(load)
    }
}

impl std::ops::Sub for Reading {
    type Output = Self;

    /// The increase between two readings of the same ledger.
    fn sub(self, earlier: Self) -> Self {
        macro_rules! subtract {
            ($($name:ident),+) => { Self { $( $name: self.$name - earlier.$name, )+ } };
        }
        each_count!(subtract)
    }
}

impl std::iter::Sum for Reading {
    fn sum<I: Iterator<Item = Self>>(readings: I) -> Self {
        readings.fold(Self::default(), |sum, one| {
            macro_rules! add {
                ($($name:ident),+) => { Self { $( $name: sum.$name + one.$name, )+ } };
            }
            each_count!(add)
        })
    }
}

/// Follows one connection of a client and counts the bytes by kind.
#[derive(Debug)]
pub struct ByteClassifier {
    counters: Arc<ByteCounters>,
    is_inside_tls: bool,
    framing: Framing,
}

/// The protocol of the connection.
#[derive(Debug)]
enum Framing {
    /// HTTP/1.1, WebSocket after an upgrade, or no protocol.
    Http1 { up: MessageFollower, down: MessageFollower },
    /// HTTP/2.
    Http2(Box<http2::Connection>),
}

impl ByteClassifier {
    /// A new connection with HTTP/1.1 until it is upgraded.
    pub fn new(counters: Arc<ByteCounters>) -> Self {
        Self::of(counters, Framing::Http1 { up: MessageFollower::default(), down: MessageFollower::default() })
    }

    /// A new connection without any protocol: every byte is body.
    pub fn bare(counters: Arc<ByteCounters>) -> Self {
        Self::of(counters, Framing::Http1 { up: MessageFollower::bare(), down: MessageFollower::bare() })
    }

    /// A new connection with HTTP/2, with WebSockets in its streams if there are any (RFC 8441). `queue` is notified
    /// when streams start and end.
    pub fn http2(counters: Arc<ByteCounters>, has_websockets: bool, queue: Option<Arc<StreamQueue>>) -> Self {
        Self::of(counters, Framing::Http2(Box::new(http2::Connection::new(has_websockets, queue))))
    }

    fn of(counters: Arc<ByteCounters>, framing: Framing) -> Self {
        Self { counters, is_inside_tls: false, framing }
    }

    /// The same above TLS, where a [`tls::RecordTap`] counts the socket's bytes.
    #[must_use]
    pub fn inside_tls(self) -> Self {
        Self { is_inside_tls: true, ..self }
    }
}

impl Tap for ByteClassifier {
    fn came_in(&mut self, bytes: &[u8]) {
        let passed = if self.is_inside_tls { &self.counters.inside_tls } else { &self.counters.down };
        passed.fetch_add(bytes.len() as u64, Relaxed);
        match &mut self.framing {
            Framing::Http1 { up, down } => {
                if down.follow(bytes, &self.counters) == Upgraded::Now {
                    *up = MessageFollower::of_websocket();
                }
            }
            Framing::Http2(connection) => connection.came_in(bytes, &self.counters),
        }
    }

    fn went_out(&mut self, bytes: &[u8]) {
        let passed = if self.is_inside_tls { &self.counters.inside_tls } else { &self.counters.up };
        passed.fetch_add(bytes.len() as u64, Relaxed);
        match &mut self.framing {
            Framing::Http1 { up, .. } => {
                up.follow(bytes, &self.counters);
            }
            Framing::Http2(connection) => connection.went_out(bytes, &self.counters),
        }
    }
}
