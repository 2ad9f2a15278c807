//! Generated updates: a rate, a payload size, an arrival process, and a seed that makes them repeatable.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::value::RawValue;

use crate::limits;
use crate::run::Arrivals;
use crate::stream::feed::Due;
use crate::units::Nanos;

/// The schedule of a synthetic feed.
#[derive(Clone, Debug)]
pub struct Synthetic {
    /// Mean interval between two updates, in nanoseconds.
    mean_ns: f64,
    payload: usize,
    arrivals: Arrivals,
    random: ChaCha8Rng,
    /// When the next update is due, not rounded, so that rounding errors do not accumulate.
    next_ns: f64,
    count: u64,
}

/// Why a schedule is impossible.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SyntheticError {
    /// The rate is out of range.
    #[error("--rate is {0}; use {least} to {most}, or --feed none for no updates", least = limits::RATE_MIN, most = limits::RATE_MAX)]
    Rate(f64),
    /// The payload size is out of range.
    #[error("--payload is {0} B; a JSON value has 1 B or more, and one update at most {max} B", max = limits::UPDATE_BYTES_MAX)]
    Payload(usize),
}

impl Synthetic {
    /// A schedule with these settings.
    ///
    /// Errors: [`SyntheticError`], which says what to use instead.
    pub fn new(rate: f64, payload: usize, arrivals: Arrivals, seed: u64) -> Result<Self, SyntheticError> {
        if !(limits::RATE_MIN..=limits::RATE_MAX).contains(&rate) {
            return Err(SyntheticError::Rate(rate));
        }
        if !(1..=limits::UPDATE_BYTES_MAX).contains(&payload) {
            return Err(SyntheticError::Payload(payload));
        }
        let random = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { mean_ns: 1e9 / rate, payload, arrivals, random, next_ns: 0.0, count: 0 })
    }

    /// A JSON value of exactly `payload` bytes: a random string, which hardly compresses. A single byte is a digit,
    /// since the quotation marks would not fit.
    fn data(&mut self) -> Arc<RawValue> {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let text = match self.payload {
            1 => "0".to_owned(),
            size => {
                let mut text = String::with_capacity(size);
                text.push('"');
                for _ in 0..size - 2 {
                    text.push(char::from(LETTERS[self.random.random_range(0..LETTERS.len())]));
                }
                text.push('"');
                text
            }
        };
        Arc::from(RawValue::from_string(text).expect("letters between quotation marks are JSON"))
    }

    /// The interval from one arrival to the next, in nanoseconds.
    fn distance(&mut self) -> f64 {
        let exponential = |random: &mut ChaCha8Rng, mean: f64| -mean * (1.0 - random.random::<f64>()).ln();
        match self.arrivals {
            Arrivals::Steady => self.mean_ns,
            Arrivals::Poisson => exponential(&mut self.random, self.mean_ns),
            Arrivals::Bursty => {
                let inside = self.mean_ns / limits::BURST_SPEEDUP;
                if !self.count.is_multiple_of(limits::BURST_UPDATES) {
                    return inside;
                }
                // The burst's share of time that is left after its own updates.
                let burst = limits::BURST_UPDATES as f64;
                exponential(&mut self.random, burst * self.mean_ns - (burst - 1.0) * inside)
            }
        }
    }
}

impl Iterator for Synthetic {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        let due = Due { offset: Nanos(self.next_ns.round() as u64).whole_micros(), data: self.data() };
        self.count += 1;
        self.next_ns += self.distance();
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrival_process_keeps_the_mean_rate() {
        for arrivals in [Arrivals::Steady, Arrivals::Poisson, Arrivals::Bursty] {
            let last = Synthetic::new(100.0, 8, arrivals, 7).unwrap().nth(20_000).unwrap();
            let rate = 20_000.0 / last.offset.seconds();
            assert!((96.0..104.0).contains(&rate), "{arrivals:?}: {rate}");
        }
    }

    #[test]
    fn a_seed_repeats_times_and_data() {
        let run = |seed| -> Vec<(Nanos, String)> {
            let feed = Synthetic::new(5.0, 40, Arrivals::Bursty, seed).unwrap();
            feed.take(30).map(|due| (due.offset, due.data.get().to_owned())).collect()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    #[test]
    fn the_payload_has_exactly_the_requested_size() {
        for size in [1, 2, 3, 16, 4096] {
            let due = Synthetic::new(1.0, size, Arrivals::Steady, 0).unwrap().next().unwrap();
            assert_eq!(due.data.get().len(), size);
        }
    }

    #[test]
    fn an_impossible_rate_or_size_is_refused_with_what_to_use() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-4, 1e5] {
            assert!(Synthetic::new(rate, 8, Arrivals::Steady, 0).is_err(), "{rate}");
        }
        let said = Synthetic::new(1.0, 0, Arrivals::Steady, 0).unwrap_err().to_string();
        assert!(said.contains("1 B or more"), "{said}");
    }
}
