//! The two programs: [`server`] and [`loadgen`], their flags, and what every program does ([`process`]).

mod children;
mod feed;
pub mod loadgen;
pub mod path;
pub mod process;
pub mod server;

pub use feed::FeedArgs;
