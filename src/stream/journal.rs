//! The journal: the bounded in-memory log of recent updates that every transport reads from.
//!
//! There is no queue per subscriber. A subscriber is a [`Reader`](super::Reader): a sequence number, and a waker for
//! when the journal grows. All readers share the retained updates. A reader that is too slow, so that its next update
//! has been evicted, gets a [`Gap`](super::Gap) and is never moved on silently.
//!
//! An update is encoded once per form ([`Encoded`]) when it is appended, and all subscribers share the result.
//!
//! On a single node, a journal numbers its updates itself and has one epoch. If several nodes follow one
//! [log](super::log), the numbers and the epoch are the log's, and each journal is a cache of the log's end
//! ([`Journal::of_log`]). It may have to skip numbers ([`Journal::skip_to`]) or begin another epoch
//! ([`Journal::restart`]); its readers get a gap in both cases.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::cursor::{Cursor, Epoch};
use crate::clock::UnixAnchor;
use crate::limits;
use crate::units::{Nanos, UnixMicros};

/// One update in the journal.
#[derive(Debug)]
pub struct Entry {
    /// The update's sequence number, from 1.
    pub seq: u64,
    /// When it was due by the feed's schedule, on the host's monotonic clock; on the wire, this is `at_us`.
    pub at_ns: Nanos,
    /// When it was appended; the difference from `at_ns` is the server's own lateness.
    pub published_ns: Nanos,
    /// Bytes of `data` as it was published.
    pub data_bytes: usize,
    /// The encoded forms.
    pub encoded: Encoded,
}

/// An update in each form in which it is sent, encoded once for all subscribers.
#[derive(Debug)]
pub struct Encoded {
    /// The update as a JSON object: an array member of a poll's answer, and the text of a WebSocket frame.
    pub json: Bytes,
    /// The update as one block of an event stream, with its cursor as `id`.
    pub sse: Bytes,
}

/// Encodes an update from its cursor, the instant at which it was due, and its data.
pub type Encode = fn(Cursor, UnixMicros, &RawValue) -> Encoded;

impl Entry {
    /// Its size, which counts towards [`Bounds::bytes`].
    fn bytes(&self) -> usize {
        self.encoded.json.len() + self.encoded.sse.len() + limits::JOURNAL_ENTRY_OVERHEAD_BYTES
    }
}

/// How much a journal retains. The bound that is reached first evicts the oldest update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Updates.
    pub updates: usize,
    /// Bytes of their encoded forms.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { updates: limits::JOURNAL_UPDATES_MAX, bytes: limits::JOURNAL_BYTES_MAX }
    }
}

/// The journal. Share it in an `Arc` and give each subscriber a [`Reader`](super::Reader).
#[derive(Debug)]
pub struct Journal {
    bounds: Bounds,
    /// The journal caches a log, so a cursor ahead of it may come from a node that has followed further.
    pub(super) is_cache: bool,
    /// Converts the feed's instants to those on the wire.
    anchor: UnixAnchor,
    encode: Encode,
    ring: Mutex<Ring>,
    /// The newest update; subscribers wait for it to change.
    pub(super) head: watch::Sender<Head>,
}

/// The newest update. A later one compares greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    /// The number of the journal's epoch, counted from 0.
    pub(super) life: u64,
    /// The update's sequence number, 0 before the first.
    pub(super) seq: u64,
}

#[derive(Debug)]
pub(super) struct Ring {
    pub(super) life: u64,
    pub(super) epoch: Epoch,
    pub(super) entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// The sequence number of the newest update, 0 before the first.
    pub(super) head: u64,
}

impl Ring {
    pub(super) fn oldest(&self) -> u64 {
        self.head + 1 - self.entries.len() as u64
    }

    /// Makes `seq` the newest number unless it already is. Clears the retained updates, which must have no holes.
    fn pass_over(&mut self, seq: u64) {
        if seq > self.head {
            self.entries.clear();
            self.bytes = 0;
            self.head = seq;
        }
    }
}

impl Journal {
    /// An empty journal with a new epoch. `anchor` belongs to the clock of the feed.
    pub fn new(bounds: Bounds, anchor: UnixAnchor, encode: Encode) -> Arc<Self> {
        Self::empty(bounds, anchor, encode, false)
    }

    /// An empty cache of a log. Its epoch is meaningless until [`Self::restart`] has set the log's.
    pub fn of_log(bounds: Bounds, anchor: UnixAnchor, encode: Encode) -> Arc<Self> {
        Self::empty(bounds, anchor, encode, true)
    }

    fn empty(bounds: Bounds, anchor: UnixAnchor, encode: Encode, is_cache: bool) -> Arc<Self> {
        let bounds = Bounds { updates: bounds.updates.max(1), bytes: bounds.bytes };
        let ring = Ring { life: 0, epoch: Epoch::random(), entries: VecDeque::new(), bytes: 0, head: 0 };
        let head = watch::Sender::new(Head::default());
        Arc::new(Self { bounds, is_cache, anchor, encode, ring: Mutex::new(ring), head })
    }

    /// Appends an update in O(1), evicts updates that exceed the bounds, and wakes every subscriber.
    ///
    /// `at_ns` is when the update was due, `now` when it is appended. The newest update is always retained, however
    /// large.
    pub fn append(&self, at_ns: Nanos, now: Nanos, data: &RawValue) -> Cursor {
        self.push(self.ring(), at_ns, self.anchor.unix(at_ns), now, data)
    }

    /// Appends update `seq` of the log that this journal caches. The update was due at `at` and arrived here at `now`.
    /// If numbers are missing before it, they are skipped and the retained updates dropped. An update that the journal
    /// has, or had, changes nothing.
    pub fn append_logged(&self, seq: u64, at: UnixMicros, now: Nanos, data: &RawValue) {
        let mut ring = self.ring();
        if seq <= ring.head {
            return;
        }
        ring.pass_over(seq - 1);
        // `at` is used as is, not converted to the monotonic clock and back: the log may be older than the host's
        // uptime.
        self.push(ring, self.anchor.instant(at), at, now, data);
    }

    /// Skips the numbers up to `seq`, which are no longer available, and drops the updates retained before them. Each
    /// reader that has not reached `seq` gets a gap.
    pub fn skip_to(&self, seq: u64) {
        let mut ring = self.ring();
        ring.pass_over(seq);
        let head = Head { life: ring.life, seq: ring.head };
        drop(ring);
        self.announce(head);
    }

    /// Begins another epoch, in which `seq` is the newest number and nothing is retained. Each reader gets a gap.
    pub fn restart(&self, epoch: Epoch, seq: u64) {
        let mut ring = self.ring();
        *ring = Ring { life: ring.life + 1, epoch, entries: VecDeque::new(), bytes: 0, head: seq };
        let head = Head { life: ring.life, seq };
        drop(ring);
        self.announce(head);
    }

    fn push(
        &self,
        mut ring: MutexGuard<'_, Ring>,
        at_ns: Nanos,
        at: UnixMicros,
        now: Nanos,
        data: &RawValue,
    ) -> Cursor {
        let cursor = Cursor { epoch: ring.epoch, seq: ring.head + 1 };
        let encoded = (self.encode)(cursor, at, data);
        let entry = Entry { seq: cursor.seq, at_ns, published_ns: now, data_bytes: data.get().len(), encoded };
        ring.bytes += entry.bytes();
        ring.entries.push_back(Arc::new(entry));
        ring.head = cursor.seq;
        while ring.entries.len() > self.bounds.updates || (ring.bytes > self.bounds.bytes && ring.entries.len() > 1) {
            let Some(evicted) = ring.entries.pop_front() else { break };
            ring.bytes -= evicted.bytes();
        }
        let head = Head { life: ring.life, seq: cursor.seq };
        drop(ring);
        self.announce(head);
        cursor
    }

    /// Wakes the readers that wait. Of two updates appended concurrently, the older may be announced last; it must not
    /// replace the newer.
    pub(super) fn announce(&self, newest: Head) {
        self.head.send_modify(|head| *head = newest.max(*head));
    }

    /// The newest update's cursor.
    pub fn newest(&self) -> Cursor {
        let ring = self.ring();
        Cursor { epoch: ring.epoch, seq: ring.head }
    }

    /// How much it retains.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The number of readers.
    pub fn subscribers(&self) -> usize {
        self.head.receiver_count()
    }

    /// What the journal retains, for `/stats`.
    pub fn occupancy(&self) -> Occupancy {
        let ring = self.ring();
        Occupancy {
            newest: Cursor { epoch: ring.epoch, seq: ring.head },
            oldest_seq: ring.oldest(),
            updates: ring.entries.len(),
            bytes: ring.bytes,
        }
    }

    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing in this file panics while it holds the lock, so a poisoned ring is still whole.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a journal retains at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Occupancy {
    /// The newest update.
    pub newest: Cursor,
    /// The oldest update retained; one more than the newest if there is none.
    pub oldest_seq: u64,
    /// The number of updates retained.
    pub updates: usize,
    /// Bytes of their encoded forms.
    pub bytes: usize,
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Encodes the data alone: the journal does not depend on what the forms look like.
    pub(crate) fn encode(_cursor: Cursor, _at_us: UnixMicros, data: &RawValue) -> Encoded {
        let json = Bytes::copy_from_slice(data.get().as_bytes());
        Encoded { sse: json.clone(), json }
    }
}
