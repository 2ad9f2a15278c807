//! What a run is: the names, settings, metrics and rows that `load` writes and `report` reads.
//!
//! [`mod@file`] is `run.json`. [`setting`] and [`metric`] are tables that generate all code for settings and metrics.
//! [`transport`], [`protocol`], [`feed`], [`heads`], [`proxy`], [`purpose`], [`readings`], [`reason`] and [`threshold`]
//! define the other types of the run file. [`samples`] and [`summary`] turn trials into rows; [`withheld`] decides
//! which of their figures are not shown.

pub mod agents;
pub mod capacity;
pub mod drift;
pub mod failover;
#[cfg(test)]
pub(crate) mod fake;
pub mod feed;
pub mod file;
#[cfg(test)]
pub(crate) mod fixture;
pub mod heads;
pub mod histogram;
pub mod metric;
pub mod nodes;
pub mod path;
pub mod protocol;
pub mod proxy;
pub mod purpose;
pub mod readings;
pub mod reason;
pub mod samples;
#[cfg(test)]
mod schema;
pub mod setting;
pub mod summary;
pub mod target_name;
pub mod threshold;
pub mod transport;
pub mod withheld;

pub use feed::{Arrivals, FeedKind};
pub use heads::Heads;
pub use protocol::{Compression, Protocol};
pub use proxy::Proxy;
pub use setting::RunSettings;
pub use transport::Transport;
