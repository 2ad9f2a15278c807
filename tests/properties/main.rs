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

/// The seed of the suite: what passes today passes tomorrow. Other inputs are tried by `scripts/fuzz`.
const SEED: u64 = 1;

/// So many cases of each property, always the same ones, whatever the environment says to proptest itself; nothing is
/// written beside the sources. `PUSHPULL_SEED` draws other cases, `PUSHPULL_CASES` so many times as many.
fn cases(cases: u32) -> Config {
    let cases = cases.saturating_mul(number("PUSHPULL_CASES").unwrap_or(1));
    let rng_seed = RngSeed::Fixed(number("PUSHPULL_SEED").unwrap_or(SEED));
    Config { cases, rng_seed, failure_persistence: None, ..Config::default() }
}

/// A number of the environment. One that is none must not pass for none given.
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
