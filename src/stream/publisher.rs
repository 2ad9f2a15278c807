//! Where updates are published: into a journal of this process, or into the log that several nodes follow.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::cursor::Cursor;
use super::journal::Journal;
use super::log::Log;
use crate::units::Nanos;

/// Where the updates of a stream are published.
#[derive(Clone, Debug)]
pub enum Publisher {
    /// The journal itself: an update is published once it is appended.
    Journal(Arc<Journal>),
    /// A log, which this node's journal follows: an update is published once the log has acknowledged it.
    Log(Arc<Log>),
}

/// Why an update is not published, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpublished {
    /// Nothing was sent.
    #[error("the log cannot be reached, so nothing was published; try again")]
    Away,
    /// It was sent, and no answer came.
    #[error(
        "the log did not answer, so the update may or may not be published; try again with the same Idempotency-Key, \
         which keeps it from being published twice"
    )]
    Unknown,
    /// The log does not take it.
    #[error("the log does not take the update: {0}")]
    Refused(String),
}

impl Publisher {
    /// Publishes an update that was due at `at`, and returns once that is certain.
    ///
    /// Of two updates with the same `key` a log keeps the first for as long as it knows the key; a journal knows none.
    ///
    /// Errors: [`Unpublished`]; a journal takes everything.
    pub async fn publish(
        &self,
        at: Nanos,
        now: Nanos,
        data: &RawValue,
        key: Option<&str>,
    ) -> Result<Cursor, Unpublished> {
        match self {
            Self::Journal(journal) => Ok(journal.append(at, now, data)),
            Self::Log(log) => log.publish(at, data, key).await,
        }
    }

    /// Publishes an update of a schedule, in the order of the calls. With a log it returns before that is certain: a
    /// schedule does not wait for acknowledgements, but for room among those that are awaited.
    pub async fn offer(&self, at: Nanos, now: Nanos, data: &RawValue) {
        match self {
            Self::Journal(journal) => drop(journal.append(at, now, data)),
            Self::Log(log) => log.offer(at, data).await,
        }
    }
}
