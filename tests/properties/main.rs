//! What must hold for every input, tried with many that nobody thought of.
//!
//! A case that fails is made as small as it gets and printed; it is not written down anywhere, so turn it into a test of
//! the module that it concerns.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod cursor;
mod journal;
mod scenario;
mod sse;

use proptest::test_runner::{Config, RngSeed};

/// The same cases in every run; `scripts/fuzz` searches at random.
const SEED: u64 = 0x70_75_73_68;

/// So many cases of each property; nothing is written beside the sources.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(SEED), ..Config::default() }
}
