//! The two programs: [`server`] and [`loadgen`], their flags, and what every program does ([`process`]).

pub mod args;
mod bounded;
mod children;
mod dry_run;
mod feed;
mod folders;
mod learn;
pub mod loadgen;
pub mod path;
pub mod process;
mod protocol;
pub mod server;

pub use feed::FeedArgs;
