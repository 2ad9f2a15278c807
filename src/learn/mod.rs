//! `loadgen learn`: exercises whose solutions, in any language, are checked by the lab itself.
//!
//! A check starts the student's [`Program`](program::Program) and gives it the address of a [`Relay`](relay::Relay) in
//! front of a server of the check's own. It publishes updates, disturbs the line, and judges each line that the program
//! prints with the [`oracle`]. It ends at the first mistake, which it explains in one sentence.
//!
//! ```text
//! checks (one file for each kind) → session → messages → context → program, relay, oracle
//! ```

pub mod checks;
pub mod context;
pub mod exercise;
pub mod fault;
pub mod frames;
pub mod grade;
pub mod hand_in;
mod messages;
pub mod oracle;
pub mod program;
pub mod questions;
pub mod relay;
pub mod request;
pub mod session;
pub mod socket;
pub mod stall;

pub use exercise::{Exercise, Language};
pub use fault::{CheckError, Code, Fault, Stop};
