//! The stream: where updates come from ([`feed`]), where they are kept ([`journal`]), and how a subscriber reads them
//! ([`reader`]) from its [`cursor`] on. No wire format is known here: the forms in which updates are encoded are given
//! to the journal by whoever makes it.

pub mod cursor;
pub mod feed;
pub mod journal;
pub mod reader;

pub use cursor::{Cursor, CursorAhead, Epoch, Gap, GapReason, MalformedCursor, Start};
pub use journal::{Bounds, Entry, Journal, Occupancy};
pub use reader::{Batch, BatchLimit, Reader, SlowConsumerPolicy};
