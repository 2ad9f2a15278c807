//! What a check ends with when it does not end well.

use std::io;

use serde::{Deserialize, Serialize};

/// What is wrong with a student's program, for programs to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// It never asked the lab for anything.
    NeverAsked,
    /// It asked an address that this exercise is not about.
    WrongAddress,
    /// It printed a line that is not JSON.
    NotJson,
    /// It printed JSON that is neither an update nor a gap.
    NotAnUpdate,
    /// It printed a line without end, or lines without end.
    Flood,
    /// It ended too early.
    Ended,
    /// It printed nothing more, though there was something to print.
    Silent,
    /// It did not come back after its connection was ended.
    NoReturn,
    /// Updates are missing without a gap.
    Lost,
    /// Updates are missing because it asked from now.
    FromNow,
    /// Updates are missing because it asked after one that it had not printed.
    MovedOn,
    /// An update was printed again.
    Twice,
    /// Updates were printed in another order than that of the stream.
    OutOfOrder,
    /// An update was printed with other content than it was published with.
    Altered,
    /// A gap was not announced, or not as it was.
    Gap,
    /// It asks more often than it may.
    TooManyRequests,
    /// Its interval grows by what its answers take.
    Drifts,
    /// It came back before the time that the server asked for.
    IgnoresRetryAfter,
    /// It asks again at once when an answer brings nothing.
    TightLoop,
    /// It asks the server to hold a request longer than what stands between lets live.
    HoldTooLong,
    /// It did not notice in time that its line was dead.
    DeadUnnoticed,
    /// It took a live line for a dead one.
    FalseAlarm,
    /// It did not change to another transport.
    NoFallback,
    /// What it shows is too old.
    TooOld,
    /// It shows faster than showing takes.
    ShowsTooFast,
    /// It takes more and more memory.
    Memory,
    /// It does not end with the newest.
    NotTheNewest,
    /// A question was answered wrongly.
    WrongAnswer,
    /// It does not listen.
    NotListening,
    /// Its opening handshake, or a frame of it, is not as RFC 6455 has it.
    Protocol,
    /// A message came to another client than it should, or not at all.
    NotDelivered,
    /// A scenario's thresholds decide nothing.
    DecidesNothing,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Fault {
    /// For programs.
    pub code: Code,
    /// For the student.
    pub sentence: String,
}

impl Fault {
    /// A fault in these words.
    pub fn new(code: Code, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The student's program could not be started.
    #[error("cannot start `{command}`: {source}; is it installed, and is its name right?")]
    CannotStart {
        /// Its first word.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// The lab itself could not be.
    #[error("the check cannot run here: {0}")]
    Lab(#[from] io::Error),
    /// The exercise asks for a file and not for a program.
    #[error("{0}")]
    Use(String),
}

/// Why a check ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The student's program is not there yet.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The check could not be made.
    #[error(transparent)]
    Error(#[from] CheckError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Error(error.into())
    }
}

/// Ends a check with a fault.
pub fn fail<T>(code: Code, sentence: impl Into<String>) -> Result<T, Stop> {
    Err(Fault::new(code, sentence).into())
}
