//! The facts from which a message to a student is made: what was published, requested, disturbed and printed.

use super::oracle::{Oracle, Published};
use super::request::Request;

/// A way to disturb a program's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disturbance {
    /// Connections are cut.
    Cut,
    /// An answer is cut in the middle.
    HalfAnswer,
    /// No more bytes pass, and the connections stay open.
    Silence,
    /// The server answers 503.
    Busy,
    /// The server restarts with an empty journal.
    Restart,
    /// While the program is offline, more is published than the journal retains.
    Eviction,
}

/// A disturbance, and the position of the stream at that time.
#[derive(Clone, Copy, Debug)]
pub struct DisturbanceRecord {
    /// Its kind.
    pub what: Disturbance,
    /// Its number among those of its kind, from 1.
    pub nth: usize,
    /// The number of updates published before it.
    pub published: u64,
    /// The number of requests sent before it.
    pub asked: usize,
}

/// The state of a check.
pub struct Context<'a> {
    /// The judge of what the program printed.
    pub oracle: &'a Oracle,
    /// What was published.
    pub published: &'a Published,
    /// The disturbances so far.
    pub disturbed: &'a [DisturbanceRecord],
    /// The program's requests.
    pub asked: Vec<Request>,
    /// The number of server lives.
    pub lives: usize,
    /// The number of epoch gaps that the program printed.
    pub epochs_announced: usize,
    /// The program's last line on standard error, as the end of a sentence.
    pub last_words: String,
}

impl Context<'_> {
    /// The `seq` of an update in its server life.
    pub fn seq_of(&self, number: u64) -> u64 {
        self.published.place(number).1
    }

    /// The `seq` before that of this update; 0 if it is the first.
    pub fn seq_before(&self, number: u64) -> u64 {
        self.seq_of(number) - 1
    }

    /// The index of the server life in which an update was published.
    pub fn life_of(&self, number: u64) -> usize {
        self.published.place(number).0
    }

    /// The requests from `first` on.
    pub fn requests_since(&self, first: usize) -> &[Request] {
        self.asked.get(first..).unwrap_or_default()
    }

    /// The number of the update that a request asks for, if it names a cursor of this lab.
    pub fn next(&self, asked: &Request) -> Option<u64> {
        asked.next(self.published)
    }

    /// Has the server restarted without the program having printed the gap?
    pub fn has_unannounced_restart(&self) -> bool {
        self.epochs_announced + 1 < self.lives
    }
}
