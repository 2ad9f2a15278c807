//! What there is to say something about when a program is wrong: what was published, asked, done and printed.

use super::oracle::{Oracle, Published};
use super::request::Request;

/// What is done to a program's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disturbance {
    /// Connections were cut.
    Cut,
    /// An answer was cut in its middle.
    HalfAnswer,
    /// Nothing came any more, and nothing said so.
    Silence,
    /// The server said that it was busy.
    Busy,
    /// The server began anew with an empty journal.
    Restart,
    /// While it was away, more was published than the journal retains.
    Eviction,
}

/// What was done, and where the stream stood then.
#[derive(Clone, Copy, Debug)]
pub struct DisturbanceRecord {
    /// What.
    pub what: Disturbance,
    /// Which of its kind, from 1.
    pub nth: usize,
    /// Updates that were published before.
    pub published: u64,
    /// Requests that were made before.
    pub asked: usize,
}

/// A check as it stands.
pub struct Context<'a> {
    /// What the program printed, judged.
    pub oracle: &'a Oracle,
    /// What was published.
    pub published: &'a Published,
    /// What was done to the line.
    pub disturbed: &'a [DisturbanceRecord],
    /// What the program asked.
    pub asked: Vec<Request>,
    /// How many servers there were.
    pub lives: usize,
    /// How many ends of one were announced.
    pub epochs_announced: usize,
    /// What the program said last, as the end of a sentence.
    pub last_words: String,
}

impl Context<'_> {
    /// What an update is called in its life: its `seq`.
    pub fn seq_of(&self, number: u64) -> u64 {
        self.published.place(number).1
    }

    /// What the update before this one is called; 0 where there is none.
    pub fn seq_before(&self, number: u64) -> u64 {
        self.seq_of(number) - 1
    }

    /// The server's life in which an update was published.
    pub fn life_of(&self, number: u64) -> usize {
        self.published.place(number).0
    }

    /// The requests from `first` on.
    pub fn requests_since(&self, first: usize) -> &[Request] {
        self.asked.get(first..).unwrap_or_default()
    }

    /// The number that a request asks for next, if it names a cursor of this lab.
    pub fn next(&self, asked: &Request) -> Option<u64> {
        asked.next(self.published)
    }

    /// Is a new server not announced yet?
    pub fn has_unannounced_restart(&self) -> bool {
        self.epochs_announced + 1 < self.lives
    }
}
