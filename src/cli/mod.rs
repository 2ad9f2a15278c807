//! The two programs: [`server`] and [`loadgen`], their flags, and what both programs share ([`process`]).

mod agents;
pub mod args;
mod bounded;
mod calibrate;
mod children;
mod dry_run;
mod feed;
mod folders;
mod learn;
pub mod loadgen;
mod log;
pub mod path;
mod predict;
pub mod process;
mod protocol;
pub mod server;
mod targets;
mod trust;
mod try_url;

pub use feed::FeedArgs;
