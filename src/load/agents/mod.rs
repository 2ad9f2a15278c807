//! Several load generators working together: a coordinator (`loadgen run --agents`) and its agents (`loadgen agent`),
//! over NATS.
//!
//! ```text
//! agent                          coordinator
//!   hello (version, name)  ──▶    welcome, or a refusal in one sentence
//!   ◀── connect: settings, server, which clients     (one order for each trial)
//!   clock? ──▶ ◀── instant         several times: before, during, after the interval
//!   connected ──▶
//!   ◀── begin: origin of the feed, measured interval, on the coordinator's clock
//!   ◀── finish: what was due
//!   part ──▶                      histograms, audit, bytes, health; merged by `merge`
//! ```
//!
//! The coordinator starts the server and reads its counters, and runs no clients itself. An agent sends a heartbeat
//! every half second. An agent that falls silent, or returns no part, makes its trial invalid, and the trial names it.

pub mod agent;
mod clock;
mod coordinate;
pub mod errors;
mod fleet;
pub mod local;
mod merge;
mod messages;
mod nats;
mod share;

pub(super) use coordinate::run;
pub use fleet::Fleet;
