//! One subscriber's place in the journal, and the batches it reads.

use std::sync::Arc;

use tokio::sync::watch;

use super::cursor::{Cursor, Gap, GapReason};
use super::journal::{Entry, Journal};

/// One subscriber's place in the journal.
#[derive(Debug)]
pub struct Reader {
    pub(super) journal: Arc<Journal>,
    pub(super) head: watch::Receiver<u64>,
    pub(super) next: u64,
    pub(super) gap: Option<Gap>,
    pub(super) policy: SlowConsumerPolicy,
    /// It has looked before: where updates are missing now, they were pushed out under its eyes.
    pub(super) is_under_way: bool,
}

/// What becomes of a subscriber that falls behind the journal: the next update it needs is no longer retained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowConsumerPolicy {
    /// It is told of the gap and goes on with the oldest update retained.
    #[default]
    Gap,
    /// It is told of the gap and goes on with the newest update alone (conflation).
    Conflate,
    /// Its stream is ended; when it comes back, it is told of the gap. A poll, which holds nothing, is answered.
    Cut,
}

impl SlowConsumerPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Gap, Self::Conflate, Self::Cut];

    /// As in flags.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Conflate => "conflate",
            Self::Cut => "cut",
        }
    }
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
    /// The stream must end here and not hand this out: see [`SlowConsumerPolicy::Cut`].
    pub is_cut: bool,
}

impl Batch {
    /// The client's position once it knows of the gap, and has none of the updates yet.
    pub fn position_after_gap(&self) -> Cursor {
        Cursor { seq: self.cursor.seq - self.updates.len() as u64, ..self.cursor }
    }
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
    pub fn when_slow(self, policy: SlowConsumerPolicy) -> Self {
        Self { policy, ..self }
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
            let resumed = match self.policy {
                SlowConsumerPolicy::Gap | SlowConsumerPolicy::Cut => oldest,
                SlowConsumerPolicy::Conflate => ring.head,
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
