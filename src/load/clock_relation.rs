//! How the clock behind a server's `at_us` relates to the clock that arrival times are read from.

use serde::Deserialize;

use crate::clock::UnixAnchor;
use crate::units::{Nanos, UnixMicros};

/// The relation between the server's clock and the generator's, from `GET /clock` and two readings of the generator's
/// clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRelation {
    /// Converts the server's `at_us` to instants of the generator's clock.
    pub anchor: UnixAnchor,
    /// The maximum error of that conversion; zero on one host.
    pub uncertainty: Nanos,
}

impl ClockRelation {
    /// The relation to a server that uses this process's anchor.
    pub fn own() -> Self {
        Self { anchor: UnixAnchor::of_process(), uncertainty: Nanos::ZERO }
    }

    /// The server's clock minus the generator's; 0 on one host, where both read the same clock.
    pub fn offset_ns(self) -> i64 {
        let micros = self.anchor.0.saturating_sub(UnixAnchor::of_process().0);
        if self.uncertainty == Nanos::ZERO { 0 } else { micros.saturating_mul(1_000) }
    }
}

/// The answer to `GET /clock`.
#[derive(Debug, Deserialize)]
pub struct ClockReading {
    /// An instant on the clock of `at_us`.
    pub now_us: UnixMicros,
    /// The same instant on the monotonic clock of the server's host, if the server reports it.
    pub monotonic_us: Option<u64>,
    /// Identifies the boot of the server's host.
    pub boot_id: String,
}

impl ClockReading {
    /// The relation, if this reading was made between two readings of the generator's clock.
    ///
    /// On one host both sides read one monotonic clock. The server's reading then lies between the two of the
    /// generator, and gives the server's anchor exactly. If it does not, one of the two is in a time namespace, and
    /// the boot id proves nothing.
    pub fn relation(&self, before: Nanos, after: Nanos, boot_id: Option<&str>) -> ClockRelation {
        let shared = self.monotonic_us.map(|micros| Nanos(micros.saturating_mul(Nanos::MICRO.0)));
        let shared = shared.filter(|_| boot_id == Some(&*self.boot_id));
        if let Some(shared) = shared.filter(|at| (before.whole_micros()..=after.whole_micros()).contains(at)) {
            return ClockRelation { anchor: UnixAnchor::between(self.now_us, shared), uncertainty: Nanos::ZERO };
        }
        let half = Nanos(after.saturating_sub(before).0 / 2);
        let anchor = UnixAnchor::between(self.now_us, before.saturating_add(half));
        // Both instants were rounded, by at most half a microsecond.
        ClockRelation { anchor, uncertainty: half.saturating_add(Nanos::MICRO) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str = "4c1b0b52-6d5f-4d53-9e6f-0d6f7a0c5f0e";

    /// What a server with this anchor reports at `instant` of its monotonic clock.
    fn reading(anchor: UnixAnchor, instant: Nanos) -> ClockReading {
        let (now_us, monotonic_us) = (anchor.unix(instant), Some(instant.whole_micros().0 / 1_000));
        ClockReading { now_us, monotonic_us, boot_id: BOOT.to_owned() }
    }

    #[test]
    fn a_server_on_the_same_host_is_related_exactly_even_if_the_system_clock_was_set_in_between() {
        let uptime = Nanos(5_000 * Nanos::SECOND.0 + 123_456);
        for stepped in [0, 37_000_123, -3_600_000_000] {
            let anchor = UnixAnchor(UnixAnchor::of_process().0 + stepped);
            for took in [Nanos::ZERO, Nanos(80_000), Nanos(3 * Nanos::SECOND.0)] {
                let relation = reading(anchor, uptime).relation(uptime, uptime.saturating_add(took), Some(BOOT));
                assert_eq!(relation, ClockRelation { anchor, uncertainty: Nanos::ZERO }, "{stepped} {took}");
                assert_eq!(relation.offset_ns(), 0);
                let due = uptime.whole_micros();
                assert_eq!(relation.anchor.instant(anchor.unix(due)), due);
            }
        }
    }

    #[test]
    fn a_server_on_another_host_is_related_within_half_the_round_trip() {
        let ours = Nanos(5_000 * Nanos::SECOND.0);
        let skew = 250_000_i64;
        // The other host has been up for longer, and its clock is ahead.
        let theirs = Nanos(90_000 * Nanos::SECOND.0);
        let anchor = UnixAnchor(UnixAnchor::of_process().0 + skew - 85_000 * 1_000_000);
        for (there, back) in [(100, 100), (0, 900), (900, 0), (123, 456)] {
            let [there, back] = [there, back].map(|micros| Nanos(micros * 1_000));
            let reported = reading(anchor, theirs.saturating_add(there));
            for boot_id in [None, Some("another")] {
                let relation = reported.relation(ours, ours.saturating_add(there).saturating_add(back), boot_id);
                let off = relation.offset_ns() - skew * 1_000;
                assert!(off.unsigned_abs() <= relation.uncertainty.0, "{off} {}", relation.uncertainty);
                assert!(relation.uncertainty.0 <= (there.0 + back.0) / 2 + 1_000);
            }
        }
    }

    #[test]
    fn a_server_that_only_seems_to_share_the_clock_is_measured_like_any_other() {
        let ours = Nanos(5_000 * Nanos::SECOND.0);
        let after = Nanos(ours.0 + 200_000);
        // A time namespace has its own clock offset (time_namespaces(7)) but the same boot id.
        let elsewhere = reading(UnixAnchor::of_process(), Nanos(9_000 * Nanos::SECOND.0));
        assert_eq!(elsewhere.relation(ours, after, Some(BOOT)).uncertainty, Nanos(101_000));
        let silent = ClockReading { monotonic_us: None, ..reading(UnixAnchor::of_process(), ours) };
        assert_eq!(silent.relation(ours, after, Some(BOOT)).uncertainty, Nanos(101_000));
    }
}
