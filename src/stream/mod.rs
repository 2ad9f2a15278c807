//! The stream: where updates come from ([`feed`]), where they are kept ([`journal`]), and how a subscriber reads them
//! ([`reader`]) from its [`cursor`] on. No wire format is known here: the forms in which updates are encoded are given
//! to the journal by whoever makes it. Several nodes have one stream where each follows the same [`log`]; a [`Publisher`] is
//! where updates go either way.

pub mod cursor;
pub mod feed;
pub mod journal;
pub mod log;
mod publisher;
pub mod reader;
mod value;

pub use cursor::{Cursor, CursorAhead, Epoch, Gap, GapReason, MalformedCursor, Start};
pub use journal::{Bounds, Entry, Journal, Occupancy};
pub use log::{Log, LogReading, LogSettings, Servers, Standing, StreamName};
pub use publisher::{Publisher, Unpublished};
pub use reader::{Batch, BatchLimit, Reader, SlowConsumerPolicy};
pub use value::value;
