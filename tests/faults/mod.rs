//! The fault proxy, the schedules, the soak, and the oracle that judges them all.
//!
//! `main.rs` runs them as tests, `examples/faults.rs` as a program; see docs/FAULTS.md.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
// The tests and the program each use their own part of this.
#![allow(dead_code)]

pub use pushpull::learn::oracle;

pub mod context;
pub mod plan;
pub mod proxy;
pub mod run;
pub mod soak;
pub mod table;
