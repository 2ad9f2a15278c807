//! The bounded in-memory log of recent updates that every transport reads from.
//!
//! There is no queue per subscriber. A subscriber is a [`Reader`](super::Reader): a sequence number and a place in the line of those
//! who are woken when the journal grows. What a reader has not yet read stays in the journal for everyone until the
//! journal's bounds evict it; a reader that was too slow then gets a [`Gap`](super::Gap), and is never silently moved on.
//!
//! An update is encoded once per form ([`Encoded`]), when it is appended, and shared by all subscribers from then on.
//!
//! By itself a journal numbers what is appended to it, and has one life. Where several nodes follow one [log](super::log),
//! the numbers and the epoch are the log's, and a journal is a cache of its end ([`Journal::of_log`]): it may have to pass over numbers ([`Journal::skip_to`])
//! and to begin another life ([`Journal::restart`]), and either way its readers are told of the gap.

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

/// One update, encoded once in each form in which it is sent.
#[derive(Debug)]
pub struct Entry {
    /// The update's number, from 1.
    pub seq: u64,
    /// When it was due by the feed's schedule, on the host's monotonic clock; on the wire it is `at_us`.
    pub at_ns: Nanos,
    /// When it was appended; the distance from `at_ns` is the server's own lateness.
    pub published_ns: Nanos,
    /// Bytes of `data` as it was published.
    pub data_bytes: usize,
    /// The forms in which it is sent.
    pub encoded: Encoded,
}

/// An update in each form in which it is sent, encoded once for all subscribers.
#[derive(Debug)]
pub struct Encoded {
    /// The update as a JSON object: the polls' array member and the text frame of a WebSocket.
    pub json: Bytes,
    /// The same as one block of an event stream, with its cursor as `id`.
    pub sse: Bytes,
}

/// Encodes an update from its cursor, the instant at which it was due, and its data.
pub type Encode = fn(Cursor, UnixMicros, &RawValue) -> Encoded;

impl Entry {
    /// What it counts towards [`Bounds::bytes`].
    fn bytes(&self) -> usize {
        self.encoded.json.len() + self.encoded.sse.len() + limits::JOURNAL_ENTRY_OVERHEAD_BYTES
    }
}

/// How much a journal retains; whichever bound is reached first pushes the oldest update out.
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

/// The log. Cheap to share: put it in an `Arc` and give each subscriber a [`Reader`](super::Reader).
#[derive(Debug)]
pub struct Journal {
    bounds: Bounds,
    /// It caches a log: a cursor that is ahead of it may come from a node that has followed further.
    pub(super) is_cache: bool,
    /// Turns the instants of the feed into those of the wire.
    anchor: UnixAnchor,
    encode: Encode,
    ring: Mutex<Ring>,
    /// The newest update; subscribers wait for it to change.
    pub(super) head: watch::Sender<Head>,
}

/// The newest update: what is appended later is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    /// Counts the journal's lives, each of which has an epoch.
    pub(super) life: u64,
    /// The update's number, 0 before the first.
    pub(super) seq: u64,
}

#[derive(Debug)]
pub(super) struct Ring {
    pub(super) life: u64,
    pub(super) epoch: Epoch,
    pub(super) entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// The number of the newest update ever appended, 0 before the first.
    pub(super) head: u64,
}

impl Ring {
    pub(super) fn oldest(&self) -> u64 {
        self.head + 1 - self.entries.len() as u64
    }

    /// Makes `seq` the newest number, if it is not that yet; what is retained has no holes, so it begins anew behind one.
    fn pass_over(&mut self, seq: u64) {
        if seq > self.head {
            self.entries.clear();
            self.bytes = 0;
            self.head = seq;
        }
    }
}

impl Journal {
    /// An empty journal with a new epoch. `anchor` is that of the clock which its updates are due by.
    pub fn new(bounds: Bounds, anchor: UnixAnchor, encode: Encode) -> Arc<Self> {
        Self::empty(bounds, anchor, encode, false)
    }

    /// An empty cache of a log. Its epoch says nothing before [`Self::restart`] has given it the log's.
    pub fn of_log(bounds: Bounds, anchor: UnixAnchor, encode: Encode) -> Arc<Self> {
        Self::empty(bounds, anchor, encode, true)
    }

    fn empty(bounds: Bounds, anchor: UnixAnchor, encode: Encode, is_cache: bool) -> Arc<Self> {
        let bounds = Bounds { updates: bounds.updates.max(1), bytes: bounds.bytes };
        let ring = Ring { life: 0, epoch: Epoch::random(), entries: VecDeque::new(), bytes: 0, head: 0 };
        let head = watch::Sender::new(Head::default());
        Arc::new(Self { bounds, is_cache, anchor, encode, ring: Mutex::new(ring), head })
    }

    /// Appends an update in O(1), pushes out what exceeds the bounds, and wakes every subscriber.
    ///
    /// `at_ns` is when it was due, `now` when it is appended. The newest update is always retained, however large.
    pub fn append(&self, at_ns: Nanos, now: Nanos, data: &RawValue) -> Cursor {
        self.push(self.ring(), at_ns, self.anchor.unix(at_ns), now, data)
    }

    /// Appends update `seq` of the log that it caches, which was due `at`; `now` is when it came here. Where numbers are
    /// missing before it, they and what was retained are passed over. One that it has, or had, changes nothing.
    pub fn append_logged(&self, seq: u64, at: UnixMicros, now: Nanos, data: &RawValue) {
        let mut ring = self.ring();
        if seq <= ring.head {
            return;
        }
        ring.pass_over(seq - 1);
        // Not from the monotonic clock and back: the log may be older than this host's uptime.
        self.push(ring, self.anchor.instant(at), at, now, data);
    }

    /// Passes over the numbers up to `seq`, none of which can be had any more, and gives up what was retained before
    /// them: to each reader that has not come that far, they are a gap.
    pub fn skip_to(&self, seq: u64) {
        let mut ring = self.ring();
        ring.pass_over(seq);
        let head = Head { life: ring.life, seq: ring.head };
        drop(ring);
        self.announce(head);
    }

    /// Begins another life, in which `seq` is the newest number and nothing is retained: to each reader, that is a gap.
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

    /// Wakes those who wait for this update. Of two that are appended at the same time, the older may come here last;
    /// it must not take back the word of the newer.
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

    /// How many read it just now.
    pub fn subscribers(&self) -> usize {
        self.head.receiver_count()
    }

    /// What is retained, for `/stats`.
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

/// What a journal holds at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Occupancy {
    /// The newest update.
    pub newest: Cursor,
    /// The oldest update retained; one more than the newest if there is none.
    pub oldest_seq: u64,
    /// How many are retained.
    pub updates: usize,
    /// Bytes of their encoded forms.
    pub bytes: usize,
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// The data alone: what a form looks like is not the journal's business.
    pub(crate) fn encode(_cursor: Cursor, _at_us: UnixMicros, data: &RawValue) -> Encoded {
        let json = Bytes::copy_from_slice(data.get().as_bytes());
        Encoded { sse: json.clone(), json }
    }
}
