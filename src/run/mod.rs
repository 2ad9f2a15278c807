//! What a run is: the names, settings, metrics and rows that `load` writes and `report` reads.
//!
//! [`file`] is `run.json`; [`transport`], [`feed`], [`metric`], [`reason`] and [`threshold`] are the names in it; [`samples`] and [`summary`] make
//! rows of trials.

#[cfg(test)]
pub(crate) mod fake;
pub mod feed;
pub mod file;
#[cfg(test)]
pub(crate) mod fixture;
pub mod histogram;
pub mod metric;
pub mod path;
pub mod reason;
pub mod samples;
#[cfg(test)]
mod schema;
pub mod summary;
pub mod threshold;
pub mod transport;

pub use feed::{Arrivals, FeedKind};
pub use transport::Transport;
