//! map to come
pub mod clock;
pub mod feed;
pub mod journal;
pub mod load;
pub mod limits;
pub mod program;
pub mod measure;
pub mod report;
pub mod server;
pub mod transport;
pub mod units;
