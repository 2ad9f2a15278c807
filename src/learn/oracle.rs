//! The one judge of everything: what a client saw must be what was published, in order, with no duplicate, and with
//! nothing missing but where a gap was announced.
//!
//! Every update has a **number** that counts over all lives of the server, so that one line of numbers holds what was
//! published. A client is somewhere on that line; each event it reports moves it in the one way that the contract
//! allows, or is written down as a fault. In the end each number since the client's first position is in one bin:
//! received, announced or lost.
//!
//! A gap is believed only as far as it is true: an update that is announced as gone while the journal still had it
//! counts as lost.
//!
//! It judges the project's own clients in `tests/faults`, and students' programs in `loadgen learn check`.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::stream::{Cursor, Epoch, Gap, GapReason, Journal};
use crate::units::UnixMicros;

/// What was published, in all lives of the server.
#[derive(Debug, Default)]
pub struct Published {
    lives: Vec<Life>,
    data: Vec<Box<RawValue>>,
    by_due: HashMap<UnixMicros, u64>,
}

#[derive(Debug)]
struct Life {
    epoch: Epoch,
    /// The number of its first update.
    first: u64,
    /// Tells what is retained; without it nothing is ever evicted.
    journal: Option<Arc<Journal>>,
}

impl Published {
    /// A server has begun a new life.
    pub fn begin_life(&mut self, epoch: Epoch, journal: Option<Arc<Journal>>) {
        self.lives.push(Life { epoch, first: self.data.len() as u64, journal });
    }

    /// Writes an update down, due at an instant that no other has. To be called before the update can be seen.
    pub fn push(&mut self, at: UnixMicros, data: Box<RawValue>) {
        let before = self.by_due.insert(at, self.data.len() as u64);
        assert_eq!(before, None, "each update is due at an instant of its own");
        self.data.push(data);
    }

    /// How many updates there are so far.
    pub fn len(&self) -> u64 {
        self.data.len() as u64
    }

    /// Is there none yet?
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The number of the update that was due then, if it has this content too.
    pub fn identify(&self, at: UnixMicros, data: &RawValue) -> Option<u64> {
        let number = *self.by_due.get(&at)?;
        (self.data[number as usize].get() == data.get()).then_some(number)
    }

    /// The number of the update that was due then.
    pub fn number_due(&self, at: UnixMicros) -> Option<u64> {
        self.by_due.get(&at).copied()
    }

    /// The content of an update.
    pub fn data(&self, number: u64) -> Option<&RawValue> {
        Some(self.data.get(usize::try_from(number).ok()?)?)
    }

    /// The number of the update behind which a cursor stands is the one before this; `None` for an epoch that never was.
    pub fn next_behind(&self, cursor: Cursor) -> Option<u64> {
        Some(self.lives[self.life_of(cursor.epoch)?].first + cursor.seq)
    }

    fn life_of(&self, epoch: Epoch) -> Option<usize> {
        self.lives.iter().rposition(|life| life.epoch == epoch)
    }

    /// In which life an update was published, and as which of its sequence.
    pub fn place(&self, number: u64) -> (usize, u64) {
        let life = self.lives.partition_point(|life| life.first <= number).saturating_sub(1);
        (life, number - self.lives[life].first + 1)
    }

    /// The oldest number that a life's journal retains now.
    fn oldest(&self, life: usize) -> u64 {
        let Life { first, journal, .. } = &self.lives[life];
        first + journal.as_ref().map_or(0, |journal| journal.occupancy().oldest_seq - 1)
    }
}

/// What became of the updates of one client, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Published since the client knew where it stood.
    pub expected: u64,
    /// Of those, received.
    pub received: u64,
    /// Of those, missing where a gap was announced.
    pub announced: u64,
    /// Of those, missing without an announced gap, or announced as gone while they were still there.
    pub lost: u64,
    /// Received more than once.
    pub duplicate: u64,
    /// Received after a later one.
    pub reordered: u64,
    /// Gaps announced.
    pub gaps: u64,
    /// Anything else that the contract does not allow, in words.
    pub wrong: Vec<String>,
}

impl Tally {
    /// Was the contract kept?
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicate == 0 && self.reordered == 0 && self.wrong.is_empty()
    }

    /// Adds another client's.
    pub fn add(&mut self, other: Self) {
        self.expected += other.expected;
        self.received += other.received;
        self.announced += other.announced;
        self.lost += other.lost;
        self.duplicate += other.duplicate;
        self.reordered += other.reordered;
        self.gaps += other.gaps;
        self.wrong.extend(other.wrong);
    }
}

/// The first thing that was wrong with a client, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// These were passed over without a gap.
    Lost(Range<u64>),
    /// This came again.
    Duplicate(u64),
    /// This came behind a later one, and was missing until then.
    Reordered(u64),
    /// Something else that the contract does not allow, in words.
    Wrong(String),
}

/// Follows one client.
#[derive(Debug, Default)]
pub struct Oracle {
    /// The number that the client should see next; `None` until it knows where it stands.
    next: Option<u64>,
    /// The first that it should have seen.
    start: u64,
    life: usize,
    /// A gap between two epochs was announced, and nothing came behind it yet.
    between_lives: bool,
    /// Behind that gap, so many were announced as evicted before the first update.
    evicted_between_lives: u64,
    /// Numbers that were announced as missing.
    announced: Vec<Range<u64>>,
    /// Numbers that were passed over without a gap, so far.
    skipped: BTreeSet<u64>,
    first_violation: Option<Violation>,
    tally: Tally,
}

impl Oracle {
    /// Does the client know where it stands?
    pub fn has_position(&self) -> bool {
        self.next.is_some()
    }

    /// Has the client got everything that was published?
    pub fn is_caught_up(&self, published: &Published) -> bool {
        !self.between_lives && self.life + 1 == published.lives.len() && self.next == Some(published.len())
    }

    /// The client opens a connection behind `position`.
    pub fn connected(&mut self, published: &Published, position: Option<Cursor>) {
        let was_between_lives = std::mem::take(&mut self.between_lives);
        let Some(cursor) = position else {
            if self.has_position() {
                self.wrong("the client forgot its position");
            }
            return;
        };
        let Some(next) = self.next else { return self.stand(published, cursor) };
        // An epoch that is not on record yet is that of a server which has only just begun.
        let Some(life) = published.life_of(cursor.epoch) else {
            self.between_lives = was_between_lives;
            return;
        };
        let asks_for = published.lives[life].first + cursor.seq;
        if life > self.life && was_between_lives {
            self.pass_over(published, life, asks_for);
        } else if life == self.life && asks_for < next && self.is_announced(&(asks_for..next)) {
            // The position does not move before an update has come: the gap will be announced again.
            self.announced.retain(|range| range.start < asks_for);
            if let Some(last) = self.announced.last_mut() {
                last.end = last.end.min(asks_for);
            }
            self.tally.announced -= next - asks_for;
            self.next = Some(asks_for);
        }
    }

    /// The client learned its position.
    pub fn position(&mut self, published: &Published, cursor: Cursor) {
        if !self.has_position() {
            return self.stand(published, cursor);
        }
        // Behind a gap it may get its position, before there is an update.
        if let Some(life) = published.life_of(cursor.epoch)
            && self.between_lives
            && life > self.life
        {
            self.pass_over(published, life, published.lives[life].first + cursor.seq);
        }
    }

    fn stand(&mut self, published: &Published, cursor: Cursor) {
        match published.life_of(cursor.epoch) {
            Some(life) => {
                self.start = published.lives[life].first + cursor.seq;
                self.next = Some(self.start);
                self.life = life;
            }
            None => self.wrong(&format!("{cursor} is of an epoch that never was")),
        }
    }

    /// A gap was announced.
    pub fn gap(&mut self, published: &Published, gap: Gap) {
        self.tally.gaps += 1;
        let Some(next) = self.next else { return self.wrong("a gap before any position") };
        match gap {
            Gap { reason: GapReason::Epoch, lost: None } if self.life + 1 < published.lives.len() => {
                self.between_lives = true;
                self.evicted_between_lives = 0;
            }
            Gap { reason: GapReason::Evicted, lost: Some(lost) } if self.between_lives => {
                self.evicted_between_lives += lost;
            }
            Gap { reason: GapReason::Evicted, lost: Some(lost) } if lost > 0 => {
                let missing = next..next + lost;
                let retained = missing.end.saturating_sub(published.oldest(self.life).max(next));
                if retained > 0 {
                    self.wrong(&format!("a gap of {lost}, of which {retained} were still retained"));
                }
                self.tally.announced += lost;
                self.next = Some(missing.end);
                self.announced.push(missing);
            }
            _ => self.wrong(&format!("{gap:?} is not what happened")),
        }
    }

    /// An update came, with this number (`None`: nothing like it was published) and this place in its epoch.
    pub fn update(&mut self, published: &Published, number: Option<u64>, seq: u64) {
        let Some(number) = number else { return self.wrong(&format!("update {seq} is not as it was published")) };
        let (life, place) = published.place(number);
        if place != seq {
            self.wrong(&format!("update {place} came as {seq}"));
        }
        let Some(mut next) = self.next else { return self.wrong("an update before any position") };
        if self.between_lives && life > self.life {
            self.pass_over(published, life, number);
            next = number;
        }
        if number < next {
            return self.came_late(number);
        }
        if number > next {
            self.violation(|| Violation::Lost(next..number));
        }
        self.tally.lost += number - next;
        self.skipped.extend(next..number);
        self.tally.received += 1;
        self.next = Some(number + 1);
        self.life = life;
    }

    /// Goes on in another life, where `next` is the number that comes next.
    fn pass_over(&mut self, published: &Published, life: usize, next: u64) {
        let passed = self.next.unwrap_or(next)..next;
        let oldest = published.oldest(life);
        if next > oldest {
            self.wrong(&format!("behind a gap {} updates were passed over that were retained", next - oldest));
        }
        if published.lives[life].first + self.evicted_between_lives > next {
            self.wrong("more was announced as evicted than there was");
        }
        self.tally.announced += passed.end - passed.start;
        self.announced.push(passed);
        self.between_lives = false;
        self.life = life;
        self.next = Some(next);
    }

    fn came_late(&mut self, number: u64) {
        if self.skipped.remove(&number) {
            self.tally.lost -= 1;
            self.tally.received += 1;
            self.tally.reordered += 1;
            self.violation(|| Violation::Reordered(number));
        } else if number < self.start || self.is_announced(&(number..number + 1)) {
            self.wrong(&format!("update number {number} came where it was not to come any more"));
        } else {
            self.tally.duplicate += 1;
            self.violation(|| Violation::Duplicate(number));
        }
    }

    /// Was the whole of `range` announced as missing?
    fn is_announced(&self, range: &Range<u64>) -> bool {
        range.clone().all(|number| self.announced.iter().any(|one| one.contains(&number)))
    }

    /// Nothing disturbs the client any more, and still it does not come to the end.
    pub fn stuck(&mut self, last: &str) {
        self.wrong(&format!("the client is stuck before update number {:?}; {last}", self.next));
    }

    /// The first thing that was wrong.
    pub fn first_violation(&self) -> Option<&Violation> {
        self.first_violation.as_ref()
    }

    /// The number that should come next; `None` until the client knows where it stands.
    pub fn next(&self) -> Option<u64> {
        self.next
    }

    /// A gap between two lives was announced, and nothing came behind it yet.
    pub fn is_between_lives(&self) -> bool {
        self.between_lives
    }

    fn violation(&mut self, violation: impl FnOnce() -> Violation) {
        self.first_violation.get_or_insert_with(violation);
    }

    fn wrong(&mut self, what: &str) {
        const KEPT: usize = 5;
        self.violation(|| Violation::Wrong(what.to_owned()));
        if self.tally.wrong.len() < KEPT {
            self.tally.wrong.push(what.to_owned());
        }
    }

    /// What became of everything, when no more is to come.
    pub fn finish(mut self, published: &Published) -> Tally {
        let Some(next) = self.next else {
            self.wrong("the client never learned where it stands");
            return self.tally;
        };
        self.tally.lost += published.len().saturating_sub(next);
        self.tally.expected = published.len().saturating_sub(self.start);
        let Tally { expected, received, announced, lost, .. } = self.tally;
        if expected != received + announced + lost {
            self.wrong(&format!("{expected} expected, but {received} received, {announced} announced, {lost} lost"));
        }
        self.tally
    }
}
