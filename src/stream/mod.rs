//! The stream: where updates come from ([`feed`]), where they are kept ([`journal`]), and how a subscriber reads them
//! ([`reader`]) from its [`cursor`] on.
//!
//! This module knows no wire format: the journal is given a function that encodes an update. Several nodes share one
//! stream if each follows the same [`log`]. A [`Publisher`] publishes to a journal or to a log.

pub mod cursor;
pub mod feed;
pub mod journal;
pub mod log;
mod publisher;
pub mod reader;
mod value;

pub use cursor::{Cursor, CursorAhead, Epoch, Gap, GapReason, MalformedCursor, Start};
pub use journal::{Bounds, Entry, Journal, Occupancy};
pub use log::{Log, LogReading, LogSettings, LogState, Servers, StreamName};
pub use publisher::{Publisher, Unpublished};
pub use reader::{Batch, BatchLimit, Reader, SlowConsumerPolicy};
pub use value::value;
