//! The bounded in-memory log of recent updates that every transport reads from, and the [`Cursor`] into it.
//!
//! There is no queue per subscriber. A subscriber is a [`Reader`]: a sequence number and a place in the line of those
//! who are woken when the journal grows. What a reader has not yet read stays in the journal for everyone until the
//! journal's bounds push it out; a reader that was too slow is then told so by a [`Gap`], never silently moved on.
//!
//! An update is encoded once per form ([`Entry`]), when it is appended, and shared by all subscribers from then on.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::limits;
use crate::units::Nanos;

/// Names one life of a journal; a new journal cannot continue the old sequence, so it gets a new name.
///
/// On the wire: eight lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u32);

impl Epoch {
    /// A name that the previous life of the journal did not have, but for one chance in four thousand million.
    pub fn random() -> Self {
        let mut bytes = [0; 4];
        // The kernel's generator cannot fail for so few bytes once the system is up; the clock serves if it does.
        if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).is_err() {
            bytes = (crate::clock::Clock::Monotonic.now().0 as u32).to_be_bytes();
        }
        Self(u32::from_be_bytes(bytes))
    }
}

/// The last update that a client has: `<epoch>-<seq>`, for example `1f3a9c02-42`. `-0` is before the first update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The journal's life.
    pub epoch: Epoch,
    /// The update's number, from 1.
    pub seq: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch.0, self.seq)
    }
}

/// A cursor that no server gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a cursor; send back one that the server gave you, as in 1f3a9c02-42, or `earliest`, or none to start from now"
)]
pub struct MalformedCursor;

impl FromStr for Cursor {
    type Err = MalformedCursor;

    /// Reads exactly what [`Cursor`]'s `Display` writes: one cursor has one spelling, so that an `ETag` can be compared.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (epoch, seq) = text.split_once('-').ok_or(MalformedCursor)?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if epoch.len() != 8 || !epoch.bytes().all(is_hex) {
            return Err(MalformedCursor);
        }
        let is_number = seq.bytes().all(|byte| byte.is_ascii_digit()) && (seq == "0" || !seq.starts_with('0'));
        if !is_number {
            return Err(MalformedCursor);
        }
        let epoch = u32::from_str_radix(epoch, 16).map_err(|_| MalformedCursor)?;
        let seq = seq.parse().map_err(|_| MalformedCursor)?;
        Ok(Self { epoch: Epoch(epoch), seq })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A place where updates are missing for a client: `{"reason":"evicted","lost":17}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Why they are missing.
    pub reason: GapReason,
    /// How many, where that can be known; another epoch's updates cannot be counted.
    pub lost: Option<u64>,
}

/// Why updates are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GapReason {
    /// The cursor belongs to another life of the journal.
    Epoch,
    /// The journal's bounds pushed them out before they were read.
    Evicted,
}

/// One update, encoded once in each form in which it is sent.
#[derive(Debug)]
pub struct Entry {
    /// The update's number, from 1.
    pub seq: u64,
    /// When it was due by the feed's schedule, on the host's monotonic clock.
    pub at_ns: Nanos,
    /// When it was appended; the distance from `at_ns` is the server's own lateness.
    pub published_ns: Nanos,
    /// `{"seq":42,"at_ns":8123456789,"data":{…}}`: the polls' array member and the WebSocket text frame.
    pub json: Utf8Bytes,
    /// The same as one block of an event stream, with its cursor as `id`.
    pub sse: Bytes,
}

impl Entry {
    fn encode(cursor: Cursor, at_ns: Nanos, published_ns: Nanos, data: &RawValue) -> Self {
        let seq = cursor.seq;
        let json = format!(r#"{{"seq":{seq},"at_ns":{},"data":{}}}"#, at_ns.0, data.get());
        // A line break would end the event's `data` field early; inside JSON it can only be white space between
        // tokens (RFC 8259 section 2), so a blank says the same.
        let json = if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json };
        let sse = Bytes::from(format!("id: {cursor}\ndata: {json}\n\n"));
        Self { seq, at_ns, published_ns, json: json.into(), sse }
    }

    /// What it counts towards [`Bounds::bytes`].
    fn bytes(&self) -> usize {
        self.json.len() + self.sse.len() + limits::JOURNAL_ENTRY_OVERHEAD_BYTES
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
    epoch: Epoch,
    bounds: Bounds,
    ring: Mutex<Ring>,
    /// The number of the newest update; subscribers wait for it to change.
    head: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// The number of the newest update ever appended, 0 before the first.
    head: u64,
}

impl Ring {
    fn oldest(&self) -> u64 {
        self.head + 1 - self.entries.len() as u64
    }
}

/// Where a subscriber wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the next update to come.
    Now,
    /// With the oldest update retained.
    Earliest,
    /// Behind an update that it already has.
    After(Cursor),
}

impl FromStr for Start {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "earliest" => Ok(Self::Earliest),
            cursor => cursor.parse().map(Self::After),
        }
    }
}

/// A cursor of this epoch beyond the newest update: it cannot have come from this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor {cursor} is ahead of the newest update, {newest}; send back a cursor that this server gave you")]
pub struct CursorAhead {
    /// What the client sent.
    pub cursor: Cursor,
    /// The newest there is.
    pub newest: Cursor,
}

impl Journal {
    /// An empty journal with a new epoch.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        let bounds = Bounds { updates: bounds.updates.max(1), bytes: bounds.bytes };
        Arc::new(Self { epoch: Epoch::random(), bounds, ring: Mutex::default(), head: watch::Sender::new(0) })
    }

    /// Appends an update in O(1), pushes out what exceeds the bounds, and wakes every subscriber.
    ///
    /// `at_ns` is when it was due, `now` when it is appended. The newest update is always retained, however large.
    pub fn append(&self, at_ns: Nanos, now: Nanos, data: &RawValue) -> Cursor {
        let mut ring = self.ring();
        let cursor = Cursor { epoch: self.epoch, seq: ring.head + 1 };
        let entry = Entry::encode(cursor, at_ns, now, data);
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
        Ok(Reader { head, journal: Arc::clone(self), next, gap, behind: Behind::default(), is_under_way: false })
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

    fn ring(&self) -> MutexGuard<'_, Ring> {
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

/// One subscriber's place in the journal.
#[derive(Debug)]
pub struct Reader {
    journal: Arc<Journal>,
    head: watch::Receiver<u64>,
    next: u64,
    gap: Option<Gap>,
    behind: Behind,
    /// It has looked before: where updates are missing now, they were pushed out under its eyes.
    is_under_way: bool,
}

/// What becomes of a subscriber that falls behind the journal: the next update it needs is no longer retained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Behind {
    /// It is told of the gap and goes on with the oldest update retained.
    #[default]
    Gap,
    /// It is told of the gap and goes on with the newest update alone (conflation).
    Conflate,
    /// Its stream is ended; when it comes back, it is told of the gap. A poll, which holds nothing, is answered.
    Cut,
}

/// What a reader gets in one go: at most a gap, then updates in order.
#[derive(Debug)]
pub struct Batch {
    /// Announced before the updates.
    pub gap: Option<Gap>,
    /// In order, without holes. Empty only behind a gap with nothing retained after it.
    pub updates: Vec<Arc<Entry>>,
    /// The client's position once it has them.
    pub cursor: Cursor,
    /// There is more that was asked for: the bound in bytes came before the one in updates.
    pub is_short: bool,
    /// The stream must end here and not hand this out: see [`Behind::Cut`].
    pub is_cut: bool,
}

/// Bounds of one [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct BatchLimit {
    /// Updates.
    pub updates: usize,
    /// Bytes of JSON; one update is given even if it is larger.
    pub bytes: usize,
}

impl Reader {
    /// The same, with another answer to falling behind.
    pub fn when_behind(self, behind: Behind) -> Self {
        Self { behind, ..self }
    }

    /// The position: the last update that was read, or the one before the first.
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.journal.epoch, seq: self.next - 1 }
    }

    /// What there is to read now, or `None`.
    pub fn try_next(&mut self, limit: BatchLimit) -> Option<Batch> {
        // Marked before the look, so that an update appended after it wakes the next wait.
        let head = *self.head.borrow_and_update();
        let was_under_way = std::mem::replace(&mut self.is_under_way, true);
        if head < self.next && self.gap.is_none() {
            return None;
        }
        let ring = self.journal.ring();
        let oldest = ring.oldest();
        let mut gap = self.gap.take();
        let is_behind = self.next < oldest;
        if is_behind {
            let resumed = match self.behind {
                Behind::Gap | Behind::Cut => oldest,
                Behind::Conflate => ring.head,
            };
            let lost = resumed - self.next;
            gap = gap.or(Some(Gap { reason: GapReason::Evicted, lost: Some(lost) }));
            self.next = resumed;
        }
        let is_cut = is_behind && self.behind == Behind::Cut && was_under_way;
        let mut bytes = 0;
        let from = usize::try_from(self.next - oldest).unwrap_or(usize::MAX);
        let updates: Vec<_> = ring
            .entries
            .range(from.min(ring.entries.len())..)
            .take(limit.updates)
            .take_while(|entry| {
                let first = bytes == 0;
                bytes += entry.json.len();
                first || bytes <= limit.bytes
            })
            .cloned()
            .collect();
        let is_short = updates.len() < limit.updates && from + updates.len() < ring.entries.len();
        drop(ring);
        self.next += updates.len() as u64;
        Some(Batch { gap, updates, cursor: self.cursor(), is_short, is_cut })
    }

    /// Waits until the journal has grown since this reader last looked; does not borrow the reader, so that the wait can
    /// be stored beside it.
    pub fn grown(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut head = self.head.clone();
        async move {
            // The sender lives in the journal, which outlives its readers.
            let _still_open = head.changed().await;
        }
    }

    /// Waits until there is something to read.
    ///
    /// Cancel safe: nothing is read before it returns.
    pub async fn next(&mut self, limit: BatchLimit) -> Batch {
        loop {
            if let Some(batch) = self.try_next(limit) {
                return batch;
            }
            // The sender lives in the journal that this reader holds, so it cannot be gone.
            let _still_open = self.head.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: BatchLimit = BatchLimit { updates: usize::MAX, bytes: usize::MAX };

    fn journal(updates: usize) -> Arc<Journal> {
        Journal::new(Bounds { updates, bytes: usize::MAX })
    }

    fn append(journal: &Journal, data: &str) -> Cursor {
        journal.append(Nanos(1), Nanos(2), &RawValue::from_string(data.to_owned()).unwrap())
    }

    fn seqs(batch: &Batch) -> Vec<u64> {
        batch.updates.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn an_update_is_encoded_in_each_form_as_the_contract_says() {
        let journal = journal(4);
        let cursor = append(&journal, "{\n\"a\": 1}");
        let mut reader = journal.reader(Start::Earliest).unwrap();
        let entry = Arc::clone(&reader.try_next(ALL).unwrap().updates[0]);
        assert_eq!(entry.json.as_str(), r#"{"seq":1,"at_ns":1,"data":{ "a": 1}}"#);
        assert_eq!(entry.sse, format!("id: {cursor}\ndata: {}\n\n", entry.json));
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
        let journal = Journal::new(Bounds { updates: 100, bytes: 1 });
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
