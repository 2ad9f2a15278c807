//! The judge of a client: what the client saw must be what was published, in order, without duplicates, and with
//! nothing missing except where a gap was announced.
//!
//! Every update has a **number** that counts over all lives of the server, so that everything published is one sequence
//! of numbers. A client has a position in it. Each event that the client reports moves this position in the one way
//! that the contract allows, or is recorded as a violation. In the end each number since the client's first position is
//! in one bin: received, announced or lost.
//!
//! A gap must be true: an update that is announced as gone while the journal still has it is a violation.
//!
//! The oracle judges the project's own clients in `tests/faults`, and students' programs in `loadgen learn check`.

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
    /// Knows what is retained; without it nothing is ever evicted.
    journal: Option<Arc<Journal>>,
}

impl Published {
    /// Records that a server life begins.
    pub fn begin_life(&mut self, epoch: Epoch, journal: Option<Arc<Journal>>) {
        self.lives.push(Life { epoch, first: self.data.len() as u64, journal });
    }

    /// Records an update, whose due time must be unique. Call this before a client can see the update.
    pub fn push(&mut self, at: UnixMicros, data: Box<RawValue>) {
        let before = self.by_due.insert(at, self.data.len() as u64);
        assert_eq!(before, None, "each update is due at an instant of its own");
        self.data.push(data);
    }

    /// The number of updates so far.
    pub fn len(&self) -> u64 {
        self.data.len() as u64
    }

    /// Is there no update yet?
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The number of the update with this due time and this content.
    pub fn identify(&self, at: UnixMicros, data: &RawValue) -> Option<u64> {
        let number = *self.by_due.get(&at)?;
        (self.data[number as usize].get() == data.get()).then_some(number)
    }

    /// The number of the update with this due time.
    pub fn number_due(&self, at: UnixMicros) -> Option<u64> {
        self.by_due.get(&at).copied()
    }

    /// The content of an update.
    pub fn data(&self, number: u64) -> Option<&RawValue> {
        Some(self.data.get(usize::try_from(number).ok()?)?)
    }

    /// The number of the update that follows a cursor; `None` if there was no such epoch.
    pub fn number_after(&self, cursor: Cursor) -> Option<u64> {
        Some(self.lives[self.life_of(cursor.epoch)?].first + cursor.seq)
    }

    fn life_of(&self, epoch: Epoch) -> Option<usize> {
        self.lives.iter().rposition(|life| life.epoch == epoch)
    }

    /// The index of the life in which an update was published, and its `seq` there.
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

/// The counts of updates for one client, or for many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Published since the client got its first position.
    pub expected: u64,
    /// Of those, received.
    pub received: u64,
    /// Of those, missing where a gap was announced.
    pub announced: u64,
    /// Of those, missing without an announced gap.
    pub lost: u64,
    /// Received more than once.
    pub duplicate: u64,
    /// Received after a later one.
    pub reordered: u64,
    /// Gaps announced.
    pub gaps: u64,
    /// Other violations of the contract, in words.
    pub wrong: Vec<String>,
}

impl Tally {
    /// Is there no violation?
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicate == 0 && self.reordered == 0 && self.wrong.is_empty()
    }

    /// Adds the counts of another client.
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

/// A violation of the contract by a client, with the numbers of the updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// These were skipped without a gap.
    Lost(Range<u64>),
    /// This one came again.
    Duplicate(u64),
    /// This one came after a later one.
    Reordered(u64),
    /// Another violation, in words.
    Wrong(String),
}

/// Judges one client.
#[derive(Debug, Default)]
pub struct Oracle {
    /// The number that the client should see next; `None` until it has a position.
    next: Option<u64>,
    /// The first number that it should see.
    start: u64,
    life: usize,
    /// A gap between two epochs was announced, and nothing has come after it yet.
    between_lives: bool,
    /// The number of updates that were announced as evicted after that gap, before the first update.
    evicted_between_lives: u64,
    /// Numbers that were announced as missing.
    announced: Vec<Range<u64>>,
    /// Numbers that were skipped without a gap, so far.
    skipped: BTreeSet<u64>,
    first_violation: Option<Violation>,
    tally: Tally,
}

impl Oracle {
    /// Does the client have a position?
    pub fn has_position(&self) -> bool {
        self.next.is_some()
    }

    /// Has the client got everything that was published?
    pub fn is_caught_up(&self, published: &Published) -> bool {
        !self.between_lives && self.life + 1 == published.lives.len() && self.next == Some(published.len())
    }

    /// The client connects and asks for what follows `position`.
    pub fn connected(&mut self, published: &Published, position: Option<Cursor>) {
        let was_between_lives = std::mem::take(&mut self.between_lives);
        let Some(cursor) = position else {
            if self.has_position() {
                self.wrong("the client forgot its position");
            }
            return;
        };
        let Some(next) = self.next else { return self.set_first_position(published, cursor) };
        // An epoch that is not recorded yet belongs to a server that has only just started.
        let Some(life) = published.life_of(cursor.epoch) else {
            self.between_lives = was_between_lives;
            return;
        };
        let asks_for = published.lives[life].first + cursor.seq;
        if life > self.life && was_between_lives {
            self.pass_over(published, life, asks_for);
        } else if life == self.life && asks_for < next && self.is_announced(&(asks_for..next)) {
            // The client's position had not moved, since no update had come after the gap: it will be announced again.
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
            return self.set_first_position(published, cursor);
        }
        // After a gap it may get its position before there is an update.
        if let Some(life) = published.life_of(cursor.epoch)
            && self.between_lives
            && life > self.life
        {
            self.pass_over(published, life, published.lives[life].first + cursor.seq);
        }
    }

    fn set_first_position(&mut self, published: &Published, cursor: Cursor) {
        match published.life_of(cursor.epoch) {
            Some(life) => {
                self.start = published.lives[life].first + cursor.seq;
                self.next = Some(self.start);
                self.life = life;
            }
            None => self.wrong(&format!("{cursor} names an unknown epoch")),
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

    /// An update came, with this number (`None`: no such update was published) and this `seq`.
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

    /// Continues in another life, in which `next` is the next number.
    fn pass_over(&mut self, published: &Published, life: usize, next: u64) {
        let passed = self.next.unwrap_or(next)..next;
        let oldest = published.oldest(life);
        if next > oldest {
            self.wrong(&format!("after a gap {} updates were skipped that were still retained", next - oldest));
        }
        if published.lives[life].first + self.evicted_between_lives > next {
            self.wrong("more updates were announced as evicted than there were");
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
            self.wrong(&format!(
                "update number {number} came though it is from before the first position, or announced as missing"
            ));
        } else {
            self.tally.duplicate += 1;
            self.violation(|| Violation::Duplicate(number));
        }
    }

    /// Was the whole of `range` announced as missing?
    fn is_announced(&self, range: &Range<u64>) -> bool {
        range.clone().all(|number| self.announced.iter().any(|one| one.contains(&number)))
    }

    /// Records that the client does not catch up although nothing disturbs it any more.
    pub fn stuck(&mut self, last: &str) {
        self.wrong(&format!("the client is stuck before update number {:?}; {last}", self.next));
    }

    /// The first violation.
    pub fn first_violation(&self) -> Option<&Violation> {
        self.first_violation.as_ref()
    }

    /// The number that should come next; `None` until the client has a position.
    pub fn next(&self) -> Option<u64> {
        self.next
    }

    /// Was a gap between two lives announced, with nothing after it yet?
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

    /// The final counts, when nothing more will come.
    pub fn finish(mut self, published: &Published) -> Tally {
        let Some(next) = self.next else {
            self.wrong("the client never learned its position");
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
