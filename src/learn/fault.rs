//! Why a check fails: a mistake of the student's program, or an error of the check itself.

use std::io;

use serde::{Deserialize, Serialize};

/// What is wrong with a student's program, as a code for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// It never sent the lab a request.
    NeverAsked,
    /// It sent a request to an address that is not part of this exercise.
    WrongAddress,
    /// It printed a line that is not JSON.
    NotJson,
    /// It printed JSON that is neither an update nor a gap.
    NotAnUpdate,
    /// It printed a line that does not end, or too much.
    Flood,
    /// It exited too early.
    Ended,
    /// It stopped printing, though there was something to print.
    Silent,
    /// It did not reconnect after its connection was ended.
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
    /// It did not print a gap, or not as the server announced it.
    Gap,
    /// It sends requests more often than it may.
    TooManyRequests,
    /// Its interval grows by the time that its answers take.
    Drifts,
    /// It sent a request before the time in `Retry-After` had passed.
    IgnoresRetryAfter,
    /// It asks again at once when an answer brings nothing.
    TightLoop,
    /// It asks the server to hold a request longer than proxies allow.
    HoldTooLong,
    /// It did not notice in time that its line was dead.
    DeadUnnoticed,
    /// It took a live line for a dead one.
    FalseAlarm,
    /// It did not change to another transport.
    NoFallback,
    /// What it shows is too old.
    TooOld,
    /// It does not wait as long as showing an update takes.
    ShowsTooFast,
    /// Its memory grows.
    Memory,
    /// The last update that it showed is not the newest.
    NotTheNewest,
    /// A question was answered wrongly.
    WrongAnswer,
    /// It does not listen.
    NotListening,
    /// Its opening handshake, or one of its frames, violates RFC 6455.
    Protocol,
    /// A message did not arrive.
    NotDelivered,
    /// The chosen transport breaks a threshold of the scenario.
    ThresholdBroken,
    /// A scenario's thresholds decide nothing.
    DecidesNothing,
}

/// The first mistake that a check found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Fault {
    /// What is wrong, for programs.
    pub code: Code,
    /// What is wrong, for the student.
    pub sentence: String,
}

impl Fault {
    /// A fault with this explanation.
    pub fn new(code: Code, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

/// Why a check could not run.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The student's program could not be started.
    #[error("cannot start `{command}`: {source}; is it installed, and is its name right?")]
    CannotStart {
        /// The first word of its command line.
        command: String,
        /// The system's error.
        source: io::Error,
    },
    /// The lab itself could not be started.
    #[error("the check cannot run here: {0}")]
    Lab(#[from] io::Error),
    /// The exercise takes a file and not a program.
    #[error("{0}")]
    Use(String),
}

/// Why a check stopped early.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The student's program made a mistake.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The check could not run.
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
