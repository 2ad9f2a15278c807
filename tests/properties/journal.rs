//! Compares the journal and its readers with a model that keeps everything, and checks the contract: the updates that a
//! reader was given and those counted as lost are all updates there were, with every policy for slow consumers.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use pushpull::clock::UnixAnchor;
use pushpull::limits;
use pushpull::stream::{BatchLimit, Bounds, Cursor, Gap, GapReason, Journal, Reader, SlowConsumerPolicy, Start};
use pushpull::units::Nanos;
use serde_json::value::RawValue;

/// One operation on the journal or on one of its readers.
#[derive(Clone, Debug)]
enum Step {
    Append {
        data_bytes: usize,
    },
    Open(From, SlowConsumerPolicy),
    Read {
        reader: usize,
        limit: BatchLimit,
    },
    /// The reader is closed, and reopened with its cursor.
    Reconnect {
        reader: usize,
    },
}

/// The position at which a reader is opened.
#[derive(Clone, Debug)]
enum From {
    Now,
    Earliest,
    /// This many updates before the newest one; a negative number is in the future.
    Around {
        back: i64,
    },
    AnotherEpoch {
        seq: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let from = prop_oneof![
        Just(From::Now),
        Just(From::Earliest),
        (-2..30_i64).prop_map(|back| From::Around { back }),
        (0..40_u64).prop_map(|seq| From::AnotherEpoch { seq }),
    ];
    let policy =
        prop_oneof![Just(SlowConsumerPolicy::Gap), Just(SlowConsumerPolicy::Conflate), Just(SlowConsumerPolicy::Cut)];
    let limit = (1..6_usize, prop_oneof![Just(usize::MAX), 0..400_usize]);
    let limit = limit.prop_map(|(updates, bytes)| BatchLimit { updates, bytes });
    prop_oneof![
        8 => (1..200_usize).prop_map(|data_bytes| Step::Append { data_bytes }),
        2 => (from, policy).prop_map(|(from, policy)| Step::Open(from, policy)),
        5 => (any::<usize>(), limit).prop_map(|(reader, limit)| Step::Read { reader, limit }),
        1 => any::<usize>().prop_map(|reader| Step::Reconnect { reader }),
    ]
}

/// The model of the journal: every update ever published, and which are retained.
struct Model {
    epoch: pushpull::stream::Epoch,
    bounds: Bounds,
    /// The JSON of all updates; that of update `seq` is at index `seq - 1`.
    all: Vec<String>,
    /// The sequence number of the oldest retained update.
    oldest: u64,
}

impl Model {
    fn head(&self) -> u64 {
        self.all.len() as u64
    }

    fn json(&self, seq: u64) -> &str {
        &self.all[usize::try_from(seq - 1).unwrap()]
    }

    /// What an update counts towards the byte bound: both of its encodings, and the overhead of an entry.
    fn bytes(&self, seq: u64) -> usize {
        let json = self.json(seq).len();
        let sse = format!("id: {}\ndata: \n\n", Cursor { epoch: self.epoch, seq }).len() + json;
        json + sse + limits::JOURNAL_ENTRY_OVERHEAD_BYTES
    }

    fn retained_bytes(&self) -> usize {
        (self.oldest..=self.head()).map(|seq| self.bytes(seq)).sum()
    }

    fn append(&mut self, json: String) {
        self.all.push(json);
        let is_over = |model: &Self| {
            let updates = model.head() + 1 - model.oldest;
            updates > model.bounds.updates as u64 || (model.retained_bytes() > model.bounds.bytes && updates > 1)
        };
        while is_over(self) {
            self.oldest += 1;
        }
    }
}

/// A reader, and what the model expects of it.
struct Follower {
    reader: Reader,
    /// The sequence number of the next update it must be given.
    next: u64,
    owes_epoch_gap: bool,
    /// Its position when it was opened, or after the gap between epochs.
    origin: u64,
    given: u64,
    lost: u64,
    policy: SlowConsumerPolicy,
    /// Has it been read from since it was opened or reopened?
    is_under_way: bool,
}

impl Follower {
    fn new(reader: Reader, next: u64, owes_epoch_gap: bool, policy: SlowConsumerPolicy) -> Self {
        let reader = reader.when_slow(policy);
        Self { reader, next, owes_epoch_gap, origin: next - 1, given: 0, lost: 0, policy, is_under_way: false }
    }

    fn read(&mut self, model: &Model, limit: BatchLimit) {
        let batch = self.reader.try_next(limit);
        let was_under_way = std::mem::replace(&mut self.is_under_way, true);
        if model.head() < self.next && !self.owes_epoch_gap {
            assert!(batch.is_none(), "there is nothing to read: {batch:?}");
            return;
        }
        let batch = batch.expect("there is something to read");
        let is_behind = self.next < model.oldest;
        let resumed = match self.policy {
            SlowConsumerPolicy::Gap | SlowConsumerPolicy::Cut => model.oldest,
            SlowConsumerPolicy::Conflate => model.head(),
        };
        let missed = if is_behind { resumed - self.next } else { 0 };
        assert_eq!(batch.is_cut, is_behind && was_under_way && self.policy == SlowConsumerPolicy::Cut);
        if self.owes_epoch_gap {
            assert_eq!(batch.gap, Some(Gap { reason: GapReason::Epoch, lost: None }));
            // The updates of the other epoch cannot be counted, so counting begins after the gap.
            (self.origin, self.given, self.lost) = (self.next + missed - 1, 0, 0);
            self.owes_epoch_gap = false;
        } else if missed > 0 {
            assert_eq!(batch.gap, Some(Gap { reason: GapReason::Evicted, lost: Some(missed) }));
            self.lost += missed;
        } else {
            assert_eq!(batch.gap, None);
        }
        self.next += missed;
        let mut bytes = 0;
        for entry in &batch.updates {
            assert_eq!(entry.seq, self.next, "in order, without a hole");
            assert_eq!(entry.encoded.json, model.json(self.next));
            let id = Cursor { epoch: model.epoch, seq: self.next };
            assert_eq!(
                entry.encoded.sse,
                format!("id: {id}\ndata: {}\n\n", String::from_utf8_lossy(&entry.encoded.json))
            );
            bytes += entry.encoded.json.len();
            self.next += 1;
        }
        let count = batch.updates.len();
        self.given += count as u64;
        assert!(
            count <= limit.updates && (bytes <= limit.bytes || count == 1),
            "{count} updates, {bytes} B: {limit:?}"
        );
        let is_full = count == limit.updates
            || self.next > model.head()
            || (count > 0 && bytes + model.json(self.next).len() > limit.bytes);
        assert!(is_full, "only {count} updates, though the limit allows more of those available");
        assert_eq!(batch.cursor, self.reader.cursor());
    }

    fn check(&self, model: &Model) {
        assert_eq!(self.reader.cursor(), Cursor { epoch: model.epoch, seq: self.next - 1 });
        assert_eq!(self.origin + self.given + self.lost, self.next - 1, "each update ends in one bin");
    }
}

fn open(journal: &Arc<Journal>, model: &Model, from: &From, policy: SlowConsumerPolicy) -> Option<Follower> {
    let head = model.head();
    let (start, next, owes_epoch_gap) = match from {
        From::Now => (Start::Now, head + 1, false),
        From::Earliest => (Start::Earliest, model.oldest, false),
        From::AnotherEpoch { seq } => {
            let other =
                Journal::new(Bounds::default(), UnixAnchor::SIMULATED, pushpull::transport::encode).newest().epoch;
            (Start::After(Cursor { epoch: other, seq: *seq }), model.oldest, true)
        }
        From::Around { back } => {
            let seq = head.saturating_add_signed(-back);
            let cursor = Cursor { epoch: model.epoch, seq };
            if seq > head {
                let refused = journal.reader(Start::After(cursor)).expect_err("a cursor from the future");
                assert_eq!((refused.cursor, refused.newest.seq), (cursor, head));
                return None;
            }
            (Start::After(cursor), seq + 1, false)
        }
    };
    Some(Follower::new(journal.reader(start).expect("no cursor from the future"), next, owes_epoch_gap, policy))
}

fn run(bounds: Bounds, steps: &[Step]) {
    let journal = Journal::new(bounds, UnixAnchor::SIMULATED, pushpull::transport::encode);
    let mut model = Model { epoch: journal.newest().epoch, bounds, all: Vec::new(), oldest: 1 };
    let mut followers = Vec::<Follower>::new();
    for step in steps {
        let count = followers.len().max(1);
        match step {
            Step::Append { data_bytes } => {
                let data = "7".repeat(*data_bytes);
                let seq = model.head() + 1;
                let due = Nanos(seq * Nanos::MICRO.0);
                let at_us = UnixAnchor::SIMULATED.unix(due).0;
                model.append(format!(r#"{{"seq":{seq},"at_us":{at_us},"data":{data}}}"#));
                let cursor = journal.append(due, due, &RawValue::from_string(data).unwrap());
                assert_eq!(cursor, Cursor { epoch: model.epoch, seq });
            }
            Step::Open(from, policy) => followers.extend(open(&journal, &model, from, *policy)),
            Step::Read { reader, limit } => {
                followers.get_mut(reader % count).into_iter().for_each(|follower| follower.read(&model, *limit));
            }
            Step::Reconnect { reader } => {
                // A reader that is still owed a gap is not reopened: the reopened one would not be given it.
                if let Some(follower) = followers.get_mut(reader % count).filter(|follower| !follower.owes_epoch_gap) {
                    let reader = journal.reader(Start::After(follower.reader.cursor())).unwrap();
                    follower.reader = reader.when_slow(follower.policy);
                    follower.is_under_way = false;
                }
            }
        }
        let occupancy = journal.occupancy();
        assert_eq!(occupancy.newest.seq, model.head());
        assert_eq!(occupancy.oldest_seq, model.oldest);
        assert_eq!(occupancy.updates as u64, model.head() + 1 - model.oldest);
        assert_eq!(occupancy.bytes, model.retained_bytes());
        followers.iter().for_each(|follower| follower.check(&model));
    }
    // Whatever was done before, every reader gets to the end.
    for follower in &mut followers {
        while follower.next <= model.head() || follower.owes_epoch_gap {
            follower.read(&model, BatchLimit { updates: 3, bytes: 500 });
        }
        follower.check(&model);
    }
}

proptest! {
    #![proptest_config(crate::cases(1_500))]

    #[test]
    fn the_journal_does_what_its_model_does(
        updates in 1..12_usize,
        bytes in prop_oneof![Just(usize::MAX), 1..4_000_usize],
        steps in vec(step(), 1..80),
    ) {
        run(Bounds { updates, bytes }, &steps);
    }
}
