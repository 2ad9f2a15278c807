//! The [`Reader`]: one subscriber's position in the journal, and the batches that it reads.
//!
//! Over 400 lines: nearly half are tests of the rule that nothing is lost without a gap.

use std::sync::Arc;

use tokio::sync::watch;

use super::cursor::{Cursor, CursorAhead, Epoch, Gap, GapReason, Start};
use super::journal::{Entry, Head, Journal};
use crate::limits;

/// One subscriber's position in the journal.
#[derive(Debug)]
pub struct Reader {
    pub(super) journal: Arc<Journal>,
    pub(super) head: watch::Receiver<Head>,
    /// The number of the epoch that `next` belongs to.
    pub(super) life: u64,
    pub(super) epoch: Epoch,
    pub(super) next: u64,
    pub(super) gap: Option<Gap>,
    pub(super) policy: SlowConsumerPolicy,
    /// The reader has read before, so updates that are missing now were evicted while it was reading.
    pub(super) is_under_way: bool,
}

/// What happens to a subscriber that falls behind the journal, so that its next update is no longer retained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowConsumerPolicy {
    /// It gets the gap and continues with the oldest update retained.
    #[default]
    Gap,
    /// It gets the gap and continues with the newest update only (conflation).
    Conflate,
    /// Its stream is ended, and it gets the gap when it reconnects. A poll is answered, because it keeps no stream
    /// open.
    Cut,
}

impl SlowConsumerPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Gap, Self::Conflate, Self::Cut];

    /// The name in flags.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Conflate => "conflate",
            Self::Cut => "cut",
        }
    }
}

/// The result of one read: a gap if there is one, then updates in order.
#[derive(Debug)]
pub struct Batch {
    /// The gap before the updates.
    pub gap: Option<Gap>,
    /// The updates, in order and without holes. Empty only after a gap with nothing retained behind it.
    pub updates: Vec<Arc<Entry>>,
    /// The client's position after these updates.
    pub cursor: Cursor,
    /// The bound in bytes was reached before the one in updates, so more is available.
    pub is_short: bool,
    /// The stream must end without sending this batch; see [`SlowConsumerPolicy::Cut`].
    pub is_cut: bool,
}

impl Batch {
    /// The client's position after the gap and before the updates.
    pub fn position_after_gap(&self) -> Cursor {
        Cursor { seq: self.cursor.seq - self.updates.len() as u64, ..self.cursor }
    }
}

/// Bounds of one [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct BatchLimit {
    /// Updates.
    pub updates: usize,
    /// Bytes of JSON. The first update is returned even if it is larger.
    pub bytes: usize,
}

impl Journal {
    /// A subscription that begins at `start`.
    ///
    /// A cursor of another epoch, or one whose next update has been evicted, is not an error: the first [`Batch`]
    /// begins with a [`Gap`].
    ///
    /// Errors: [`CursorAhead`] for a cursor of this epoch that has not been issued yet. If the journal caches a log,
    /// another node may have issued it; the reader then waits for the updates after it.
    pub fn reader(self: &Arc<Self>, start: Start) -> Result<Reader, CursorAhead> {
        let ring = self.ring();
        let newest = Cursor { epoch: ring.epoch, seq: ring.head };
        let ahead = if self.is_cache { limits::LOG_AHEAD_MAX } else { 0 };
        let (next, gap) = match start {
            Start::Now => (ring.head + 1, None),
            Start::Earliest => (ring.oldest(), None),
            Start::After(cursor) if cursor.epoch != ring.epoch => {
                (ring.oldest(), Some(Gap { reason: GapReason::Epoch, lost: None }))
            }
            Start::After(cursor) if cursor.seq.saturating_sub(ring.head) > ahead => {
                return Err(CursorAhead { cursor, newest });
            }
            Start::After(cursor) => (cursor.seq + 1, None),
        };
        let (life, epoch) = (ring.life, ring.epoch);
        drop(ring);
        let head = self.head.subscribe();
        Ok(Reader {
            head,
            journal: Arc::clone(self),
            life,
            epoch,
            next,
            gap,
            policy: SlowConsumerPolicy::default(),
            is_under_way: false,
        })
    }
}

impl Reader {
    /// Sets the policy for falling behind.
    pub fn when_slow(self, policy: SlowConsumerPolicy) -> Self {
        Self { policy, ..self }
    }

    /// The position: the last update that was read, or the one before the first to read.
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.next - 1 }
    }

    /// The next batch, or `None` if there is nothing to read.
    pub fn try_next(&mut self, limit: BatchLimit) -> Option<Batch> {
        // Marked as seen before reading, so that an update appended afterwards wakes the next wait.
        let head = *self.head.borrow_and_update();
        let was_under_way = std::mem::replace(&mut self.is_under_way, true);
        if head.life == self.life && head.seq < self.next && self.gap.is_none() {
            return None;
        }
        let ring = self.journal.ring();
        let oldest = ring.oldest();
        let mut gap = self.gap.take();
        if ring.life != self.life {
            gap = Some(Gap { reason: GapReason::Epoch, lost: None });
            (self.life, self.epoch, self.next) = (ring.life, ring.epoch, oldest);
        }
        let is_behind = self.next < oldest;
        if is_behind {
            let resumed = match self.policy {
                SlowConsumerPolicy::Gap | SlowConsumerPolicy::Cut => oldest,
                SlowConsumerPolicy::Conflate => ring.head.max(oldest),
            };
            let lost = resumed - self.next;
            gap = gap.or(Some(Gap { reason: GapReason::Evicted, lost: Some(lost) }));
            self.next = resumed;
        }
        let is_cut = is_behind && self.policy == SlowConsumerPolicy::Cut && was_under_way;
        let mut bytes = 0;
        let from = usize::try_from(self.next - oldest).unwrap_or(usize::MAX);
        let updates: Vec<_> = ring
            .entries
            .range(from.min(ring.entries.len())..)
            .take(limit.updates)
            .take_while(|entry| {
                let first = bytes == 0;
                bytes += entry.encoded.json.len();
                first || bytes <= limit.bytes
            })
            .cloned()
            .collect();
        let is_short = updates.len() < limit.updates && from + updates.len() < ring.entries.len();
        drop(ring);
        self.next += updates.len() as u64;
        Some(Batch { gap, updates, cursor: self.cursor(), is_short, is_cut })
    }

    /// Whether this reader has already read all of a batch that another reader of the journal has read.
    pub fn has(&self, batch: &Batch) -> bool {
        batch.cursor.epoch == self.epoch && batch.cursor.seq < self.next
    }

    /// Advances over a batch that another reader of the journal has read, if it follows this reader's position. Returns
    /// whether it does.
    pub fn follow(&mut self, batch: &Batch) -> bool {
        let follows = batch.gap.is_none() && self.gap.is_none() && batch.position_after_gap().seq + 1 == self.next;
        let follows = follows && batch.cursor.epoch == self.epoch;
        if follows {
            self.next = batch.cursor.seq + 1;
        }
        follows
    }

    /// Waits until the journal has grown since the last read. The future does not borrow the reader, so that both can
    /// be stored together.
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
            // The reader keeps the journal alive, and with it the sender.
            let _still_open = self.head.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixAnchor;
    use crate::stream::journal::testing::encode;
    use crate::stream::{Bounds, MalformedCursor};
    use crate::units::Nanos;
    use serde_json::value::RawValue;

    const ALL: BatchLimit = BatchLimit { updates: usize::MAX, bytes: usize::MAX };

    fn journal(updates: usize) -> Arc<Journal> {
        Journal::new(Bounds { updates, bytes: usize::MAX }, UnixAnchor::SIMULATED, encode)
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
    fn a_reader_that_falls_behind_learns_how_many_updates_it_lost() {
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
    fn the_byte_bound_evicts_the_oldest_update_and_keeps_the_newest() {
        let journal = Journal::new(Bounds { updates: 100, bytes: 1 }, UnixAnchor::SIMULATED, encode);
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
        assert_eq!(next(2, usize::MAX), (vec![1, 2], false), "as many as requested");
        assert_eq!(next(9, 1), (vec![3], true), "fewer than requested, and more is available");
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
        journal.announce(Head { life: 0, seq: 1 });
        assert_eq!(seqs(&reader.try_next(ALL).unwrap()), [1, 2]);
        append(&journal, "3");
        journal.announce(Head { life: 0, seq: 2 });
        assert_eq!(seqs(&reader.try_next(ALL).unwrap()), [3]);
    }

    fn logged(journal: &Journal, seqs: std::ops::RangeInclusive<u64>) {
        let data = RawValue::from_string("0".to_owned()).unwrap();
        seqs.for_each(|seq| journal.append_logged(seq, crate::units::UnixMicros(seq), Nanos(1), &data));
    }

    fn cache(epoch: Epoch, seq: u64) -> Arc<Journal> {
        let journal = Journal::of_log(Bounds { updates: 100, bytes: usize::MAX }, UnixAnchor::SIMULATED, encode);
        journal.restart(epoch, seq);
        journal
    }

    #[test]
    fn numbers_that_a_log_lacks_are_a_gap_only_for_readers_that_have_not_reached_them() {
        let journal = cache(Epoch::of_log(1), 3);
        logged(&journal, 4..=5);
        let at = |seq| journal.reader(Start::After(Cursor { epoch: Epoch::of_log(1), seq })).unwrap();
        let (mut behind, mut level, mut conflating) = (at(4), at(9), at(4).when_slow(SlowConsumerPolicy::Conflate));
        journal.skip_to(9);
        let evicted = |lost| Some(Gap { reason: GapReason::Evicted, lost: Some(lost) });
        for reader in [&mut behind, &mut conflating] {
            let batch = reader.try_next(ALL).unwrap();
            assert_eq!((batch.gap, batch.updates.len(), batch.cursor.seq), (evicted(5), 0, 9));
        }
        assert!(level.try_next(ALL).is_none());
        logged(&journal, 5..=10);
        for reader in [&mut behind, &mut level, &mut conflating] {
            let batch = reader.try_next(ALL).unwrap();
            assert_eq!((batch.gap, seqs(&batch)), (None, vec![10]));
        }
        logged(&journal, 12..=13);
        let batch = behind.try_next(ALL).unwrap();
        assert_eq!((batch.gap, seqs(&batch)), (evicted(1), vec![12, 13]));
    }

    #[test]
    fn another_epoch_of_a_log_is_a_gap_for_every_reader_and_its_lower_numbers_are_new() {
        let journal = cache(Epoch::of_log(1), 0);
        logged(&journal, 1..=5);
        let mut group = journal.reader(Start::Now).unwrap();
        let mut member = journal.reader(Start::Now).unwrap();
        journal.restart(Epoch::of_log(2), 0);
        logged(&journal, 1..=2);
        let batch = group.try_next(ALL).unwrap();
        assert_eq!(batch.gap, Some(Gap { reason: GapReason::Epoch, lost: None }));
        assert_eq!((seqs(&batch), batch.cursor.epoch), (vec![1, 2], Epoch::of_log(2)));
        assert!(!member.has(&batch) && !member.follow(&batch), "its numbers are of another epoch");
        assert_eq!(member.try_next(ALL).unwrap().gap, batch.gap);
        assert!(member.has(&batch));
    }

    #[test]
    fn a_cursor_of_a_node_that_has_followed_further_waits_until_this_node_has_caught_up() {
        let journal = cache(Epoch::of_log(1), 0);
        logged(&journal, 1..=2);
        let ahead = |seq| journal.reader(Start::After(Cursor { epoch: Epoch::of_log(1), seq }));
        let mut reader = ahead(4).unwrap();
        logged(&journal, 3..=4);
        assert!(reader.try_next(ALL).is_none(), "the client has them already");
        logged(&journal, 5..=6);
        let batch = reader.try_next(ALL).unwrap();
        assert_eq!((batch.gap, seqs(&batch)), (None, vec![5, 6]));
        assert!(ahead(7 + limits::LOG_AHEAD_MAX).is_err(), "nobody is that far ahead");
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
