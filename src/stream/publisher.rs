//! Where updates are published: to a journal of this process, or to the log that several nodes follow.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::cursor::Cursor;
use super::journal::Journal;
use super::log::Log;
use crate::units::Nanos;

/// Where the updates of a stream are published.
#[derive(Clone, Debug)]
pub enum Publisher {
    /// The journal: an update is published once it is appended.
    Journal(Arc<Journal>),
    /// The log that this node's journal follows: an update is published once the log has acknowledged it.
    Log(Arc<Log>),
}

/// Why an update was not published, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpublished {
    /// Nothing was sent to the log.
    #[error("the log cannot be reached, so nothing was published; try again")]
    Away,
    /// The update was sent, and the log did not answer.
    #[error(
        "the log did not answer, so the update may or may not be published; try again with the same Idempotency-Key, \
         which keeps it from being published twice"
    )]
    Unknown,
    /// The log refused the update.
    #[error("the log refused the update: {0}")]
    Refused(String),
}

impl Publisher {
    /// Publishes an update that was due at `at`, and returns once it is published for certain.
    ///
    /// While a log remembers `key`, it stores only the first update with it. A journal ignores keys.
    ///
    /// Errors: [`Unpublished`], from a log only.
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

    /// Publishes an update of a schedule, in the order of the calls. With a log, it returns before the acknowledgement,
    /// and waits only if too many acknowledgements are outstanding.
    pub async fn offer(&self, at: Nanos, now: Nanos, data: &RawValue) {
        match self {
            Self::Journal(journal) => drop(journal.append(at, now, data)),
            Self::Log(log) => log.offer(at, data).await,
        }
    }
}
