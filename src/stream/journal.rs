//! The bounded in-memory log of recent updates that every transport reads from.
//!
//! There is no queue per subscriber. A subscriber is a [`Reader`]: a sequence number and a place in the line of those
//! who are woken when the journal grows. What a reader has not yet read stays in the journal for everyone until the
//! journal's bounds evict it; a reader that was too slow then gets a [`Gap`](super::Gap), and is never silently moved on.
//!
//! An update is encoded once per form ([`Encoded`]), when it is appended, and shared by all subscribers from then on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::cursor::{Cursor, CursorAhead, Epoch, Gap, GapReason, Start};
use super::reader::{Reader, SlowConsumerPolicy};
use crate::limits;
use crate::units::Nanos;

/// One update, encoded once in each form in which it is sent.
#[derive(Debug)]
pub struct Entry {
    /// The update's number, from 1.
    pub seq: u64,
    /// When it was due by the feed's schedule, on the host's monotonic clock.
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
pub type Encode = fn(Cursor, Nanos, &RawValue) -> Encoded;

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

/// The log. Cheap to share: put it in an `Arc` and give each subscriber a [`Reader`].
#[derive(Debug)]
pub struct Journal {
    pub(super) epoch: Epoch,
    bounds: Bounds,
    encode: Encode,
    ring: Mutex<Ring>,
    /// The number of the newest update; subscribers wait for it to change.
    head: watch::Sender<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    pub(super) entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// The number of the newest update ever appended, 0 before the first.
    pub(super) head: u64,
}

impl Ring {
    pub(super) fn oldest(&self) -> u64 {
        self.head + 1 - self.entries.len() as u64
    }
}

impl Journal {
    /// An empty journal with a new epoch.
    pub fn new(bounds: Bounds, encode: Encode) -> Arc<Self> {
        let bounds = Bounds { updates: bounds.updates.max(1), bytes: bounds.bytes };
        Arc::new(Self { epoch: Epoch::random(), bounds, encode, ring: Mutex::default(), head: watch::Sender::new(0) })
    }

    /// Appends an update in O(1), pushes out what exceeds the bounds, and wakes every subscriber.
    ///
    /// `at_ns` is when it was due, `now` when it is appended. The newest update is always retained, however large.
    pub fn append(&self, at_ns: Nanos, now: Nanos, data: &RawValue) -> Cursor {
        let mut ring = self.ring();
        let cursor = Cursor { epoch: self.epoch, seq: ring.head + 1 };
        let encoded = (self.encode)(cursor, at_ns, data);
        let entry = Entry { seq: cursor.seq, at_ns, published_ns: now, data_bytes: data.get().len(), encoded };
        ring.bytes += entry.bytes();
        ring.entries.push_back(Arc::new(entry));
        ring.head = cursor.seq;
        while ring.entries.len() > self.bounds.updates || (ring.bytes > self.bounds.bytes && ring.entries.len() > 1) {
            let Some(evicted) = ring.entries.pop_front() else { break };
            ring.bytes -= evicted.bytes();
        }
        drop(ring);
        self.announce(cursor.seq);
        cursor
    }

    /// Wakes those who wait for this update. Of two that are appended at the same time, the older may come here last;
    /// it must not take back the word of the newer.
    fn announce(&self, seq: u64) {
        self.head.send_modify(|head| *head = seq.max(*head));
    }

    /// The newest update's cursor.
    pub fn newest(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.ring().head }
    }

    /// A subscription that begins at `start`.
    ///
    /// Errors: [`CursorAhead`] for a cursor of this epoch that has not been given out yet. A cursor of another epoch,
    /// or one whose next update is gone, is no error: its first [`Batch`] begins with a [`Gap`].
    pub fn reader(self: &Arc<Self>, start: Start) -> Result<Reader, CursorAhead> {
        let ring = self.ring();
        let newest = Cursor { epoch: self.epoch, seq: ring.head };
        let (next, gap) = match start {
            Start::Now => (ring.head + 1, None),
            Start::Earliest => (ring.oldest(), None),
            Start::After(cursor) if cursor.epoch != self.epoch => {
                (ring.oldest(), Some(Gap { reason: GapReason::Epoch, lost: None }))
            }
            Start::After(cursor) if cursor.seq > ring.head => return Err(CursorAhead { cursor, newest }),
            Start::After(cursor) => (cursor.seq + 1, None),
        };
        drop(ring);
        let head = self.head.subscribe();
        Ok(Reader {
            head,
            journal: Arc::clone(self),
            next,
            gap,
            policy: SlowConsumerPolicy::default(),
            is_under_way: false,
        })
    }

    /// How many read it just now.
    pub fn subscribers(&self) -> usize {
        self.head.receiver_count()
    }

    /// What is retained, for `/stats`.
    pub fn occupancy(&self) -> Occupancy {
        let ring = self.ring();
        Occupancy {
            newest: Cursor { epoch: self.epoch, seq: ring.head },
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
    pub(crate) fn encode(_cursor: Cursor, _at_ns: Nanos, data: &RawValue) -> Encoded {
        let json = Bytes::copy_from_slice(data.get().as_bytes());
        Encoded { sse: json.clone(), json }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::encode;
    use super::*;
    use crate::stream::{Batch, BatchLimit, MalformedCursor};

    const ALL: BatchLimit = BatchLimit { updates: usize::MAX, bytes: usize::MAX };

    fn journal(updates: usize) -> Arc<Journal> {
        Journal::new(Bounds { updates, bytes: usize::MAX }, encode)
    }

    fn append(journal: &Journal, data: &str) -> Cursor {
        journal.append(Nanos(1), Nanos(2), &RawValue::from_string(data.to_owned()).unwrap())
    }

    fn seqs(batch: &Batch) -> Vec<u64> {
        batch.updates.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn a_reader_that_starts_now_sees_only_what_comes_later() {
        let journal = journal(4);
        append(&journal, "1");
        let mut reader = journal.reader(Start::Now).unwrap();
        assert!(reader.try_next(ALL).is_none());
        append(&journal, "2");
        assert_eq!(seqs(&reader.try_next(ALL).unwrap()), [2]);
        assert!(reader.try_next(ALL).is_none());
    }

    #[test]
    fn a_reader_that_falls_behind_is_told_how_many_it_lost() {
        let journal = journal(2);
        let mut reader = journal.reader(Start::Now).unwrap();
        for data in ["1", "2", "3", "4", "5"] {
            append(&journal, data);
        }
        let batch = reader.try_next(ALL).unwrap();
        assert_eq!(batch.gap, Some(Gap { reason: GapReason::Evicted, lost: Some(3) }));
        assert_eq!(seqs(&batch), [4, 5]);
    }

    #[test]
    fn a_cursor_of_another_epoch_gets_a_gap_even_when_nothing_is_retained() {
        let old = journal(2).newest();
        let journal = journal(2);
        let batch = journal.reader(Start::After(old)).unwrap().try_next(ALL).unwrap();
        assert_eq!(batch.gap, Some(Gap { reason: GapReason::Epoch, lost: None }));
        assert_eq!(batch.cursor, journal.newest());
    }

    #[test]
    fn a_cursor_from_the_future_is_refused() {
        let journal = journal(2);
        let newest = append(&journal, "1");
        let ahead = Cursor { seq: 2, ..newest };
        assert_eq!(journal.reader(Start::After(ahead)).unwrap_err(), CursorAhead { cursor: ahead, newest });
    }

    #[test]
    fn the_byte_bound_pushes_out_the_oldest_but_keeps_the_newest() {
        let journal = Journal::new(Bounds { updates: 100, bytes: 1 }, encode);
        append(&journal, "1");
        append(&journal, "2");
        let occupancy = journal.occupancy();
        assert_eq!((occupancy.updates, occupancy.oldest_seq), (1, 2));
    }

    #[test]
    fn a_batch_keeps_to_its_limits_and_always_makes_progress() {
        let journal = journal(10);
        for _ in 0..5 {
            append(&journal, "0");
        }
        let mut reader = journal.reader(Start::Earliest).unwrap();
        let mut next = |updates, bytes| {
            let batch = reader.try_next(BatchLimit { updates, bytes }).unwrap();
            (seqs(&batch), batch.is_short)
        };
        assert_eq!(next(2, usize::MAX), (vec![1, 2], false), "as many as were asked for");
        assert_eq!(next(9, 1), (vec![3], true), "more was asked for, and is there");
        assert_eq!(next(9, usize::MAX), (vec![4, 5], false));
    }

    #[test]
    fn a_cursor_has_one_spelling() {
        let cursor: Cursor = "00ab12ff-42".parse().unwrap();
        assert_eq!(cursor.to_string(), "00ab12ff-42");
        for bad in [
            "",
            "42",
            "00ab12ff",
            "00ab12ff-",
            "00AB12FF-42",
            "00ab12ff-042",
            "00ab12ff-+4",
            "0ab12ff-4",
            "00ab12ff-99999999999999999999",
            "00ab12ff-4 ",
            "+0ab12ff-4",
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(MalformedCursor), "{bad}");
        }
    }

    #[test]
    fn of_two_updates_appended_at_the_same_time_the_older_may_be_announced_last() {
        let journal = journal(4);
        let mut reader = journal.reader(Start::Now).unwrap();
        append(&journal, "1");
        append(&journal, "2");
        journal.announce(1);
        assert_eq!(seqs(&reader.try_next(ALL).unwrap()), [1, 2]);
        append(&journal, "3");
        journal.announce(2);
        assert_eq!(seqs(&reader.try_next(ALL).unwrap()), [3]);
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken_by_an_append() {
        let journal = journal(4);
        let mut reader = journal.reader(Start::Now).unwrap();
        let waiting = tokio::spawn(async move { seqs(&reader.next(ALL).await) });
        tokio::task::yield_now().await;
        append(&journal, "1");
        assert_eq!(waiting.await.unwrap(), [1]);
    }
}
