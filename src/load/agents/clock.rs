//! How the coordinator's clock relates to an agent's. Each exchange bounds the offset from both sides, since the
//! coordinator read its clock between two readings of the agent. Of many exchanges the tightest bound on each side
//! counts (Marzullo, "Maintaining the time in a distributed system", 1984): the fastest way there and the fastest way
//! back, even from different exchanges.

use crate::load::agents::messages::Instant;
use crate::units::Nanos;

/// Bounds on the offset from all exchanges so far.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    low: i128,
    high: i128,
    is_shared: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { low: i128::MIN, high: i128::MAX, is_shared: true }
    }
}

/// The coordinator's clock minus this agent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// In nanoseconds.
    pub offset_ns: i64,
    /// Maximum error; zero if both are the same clock.
    pub uncertainty_ns: Nanos,
}

impl Bounds {
    /// Adds an instant that the coordinator read between two readings of this agent's clock.
    pub fn take(&mut self, before: Nanos, read: &Instant, after: Nanos, boot_id: Option<&str>) {
        let theirs = i128::from(read.monotonic_ns.0);
        self.low = self.low.max(theirs - i128::from(after.0));
        self.high = self.high.min(theirs - i128::from(before.0));
        // Within one boot there is one clock, unless one side is in a time namespace (time_namespaces(7)); its instant
        // is then not in between.
        let is_between = (before..=after).contains(&read.monotonic_ns);
        self.is_shared &= is_between && boot_id.is_some() && boot_id == read.boot_id.as_deref();
    }

    /// The offset from these bounds; `None` without an exchange.
    pub fn offset(&self) -> Option<Offset> {
        if self.low == i128::MIN {
            return None;
        }
        if self.is_shared {
            return Some(Offset { offset_ns: 0, uncertainty_ns: Nanos::ZERO });
        }
        let (middle, width) = ((self.low + self.high) / 2, self.high.abs_diff(self.low));
        let uncertainty = u64::try_from(width / 2).unwrap_or(u64::MAX);
        // Half of the remaining interval, plus the microsecond resolution of the messages.
        let uncertainty_ns = Nanos(uncertainty).saturating_add(Nanos::MICRO);
        Some(Offset { offset_ns: i64::try_from(middle).ok()?, uncertainty_ns })
    }
}

/// Converts an instant of the coordinator's clock to this agent's.
pub fn ours(theirs: Nanos, offset_ns: i64) -> Nanos {
    Nanos(u64::try_from(i128::from(theirs.0) - i128::from(offset_ns)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: u64 = 5_000_000_000_000;

    fn instant(monotonic_ns: u64, boot_id: &str) -> Instant {
        Instant { monotonic_ns: Nanos(monotonic_ns), boot_id: Some(boot_id.to_owned()) }
    }

    #[test]
    fn the_fastest_ways_there_and_back_bound_the_offset_even_from_different_exchanges() {
        for offset in [0_i64, 7_000_000_000_123, -4_000_000_000_456] {
            let mut bounds = Bounds::default();
            for (there, back) in [(900_000, 50_000), (40_000, 800_000), (300_000, 300_000)] {
                let read = (OURS + there).wrapping_add_signed(offset);
                bounds.take(Nanos(OURS), &instant(read, "another"), Nanos(OURS + there + back), Some("ours"));
            }
            let found = bounds.offset().unwrap();
            assert!(found.uncertainty_ns <= Nanos(46_000), "{found:?}");
            assert!(found.offset_ns.abs_diff(offset) <= found.uncertainty_ns.0, "{found:?}");
            let theirs = Nanos(OURS.wrapping_add_signed(offset));
            assert!(ours(theirs, found.offset_ns).0.abs_diff(OURS) <= found.uncertainty_ns.0);
        }
        assert_eq!(Bounds::default().offset(), None);
    }

    #[test]
    fn a_shared_clock_is_known_exactly_and_a_time_namespace_is_not_mistaken_for_it() {
        let mut bounds = Bounds::default();
        bounds.take(Nanos(OURS), &instant(OURS + 100, "here"), Nanos(OURS + 200), Some("here"));
        assert_eq!(bounds.offset(), Some(Offset { offset_ns: 0, uncertainty_ns: Nanos::ZERO }));
        // The same boot id, but the clock is 1,000 s ahead.
        bounds.take(Nanos(OURS), &instant(OURS + 1_000_000_000_000, "here"), Nanos(OURS + 200), Some("here"));
        assert!(bounds.offset().unwrap().uncertainty_ns > Nanos::ZERO);
    }
}
