//! Properties that must hold for every input, tested with generated inputs (proptest).
//!
//! A failing case is shrunk and printed. It is not saved anywhere, so turn it into a test of the module concerned.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod cursor;
mod journal;
mod scenario;
mod sse;

use proptest::test_runner::{Config, RngSeed};

/// The seed of the suite: fixed, so that a suite that passes today passes tomorrow. `scripts/fuzz` tries other inputs.
const SEED: u64 = 1;

/// The configuration for `cases` cases of each property: always the same cases, whatever proptest's own environment
/// variables are, and no failure file next to the sources. `PUSHPULL_SEED` sets another seed, `PUSHPULL_CASES`
/// multiplies the number of cases.
fn cases(cases: u32) -> Config {
    let cases = cases.saturating_mul(number("PUSHPULL_CASES").unwrap_or(1));
    let rng_seed = RngSeed::Fixed(number("PUSHPULL_SEED").unwrap_or(SEED));
    Config { cases, rng_seed, failure_persistence: None, ..Config::default() }
}

/// The number in an environment variable. Panics if it is set and not a number: it must not count as unset.
fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`; give a whole number")))
}

#[test]
fn the_same_seed_draws_the_same_cases() {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let draw = || {
        let mut drawn = Vec::new();
        let mut runner = TestRunner::new(cases(1));
        for _ in 0..100 {
            drawn.push(any::<u64>().new_tree(&mut runner).unwrap().current());
        }
        drawn
    };
    assert_eq!(draw(), draw());
}
