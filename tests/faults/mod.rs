//! The fault proxy, the schedules, the soak test, and the oracle that checks them.
//!
//! `main.rs` runs them as tests, `examples/faults.rs` as a program. See docs/FAULTS.md.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(dead_code, reason = "the tests and the program each use only part of this module")]

pub use pushpull::learn::oracle;

pub mod context;
pub mod plan;
pub mod proxy;
pub mod run;
pub mod soak;
pub mod table;
