//! Claim 2, "when updates are very frequent, long polling is no better than polling": compared with polling that is as
//! fresh, and with polling that takes as many bytes.

use crate::limits::EQUAL_WITHIN_MAX;
use crate::report::findings::claims::Holding;
use crate::report::findings::view::View;
use crate::run::Transport;
use crate::run::metric::Metric;
use crate::units::Nanos;

/// Long polling compared with equivalent polling.
#[derive(Clone, Debug, PartialEq)]
pub struct Fresh {
    /// Updates a second.
    pub rate: f64,
    /// Mean age with long polling, in nanoseconds.
    pub age_ns: f64,
    /// Bytes per delivery with long polling.
    pub bytes: f64,
    /// Polling that is as fresh; `None` if it is not at any measured interval.
    pub as_fresh: Option<Equal>,
    /// Polling that takes as many bytes; `None` if it takes fewer at all measured intervals.
    pub as_dear: Option<Equal>,
    /// The shortest measured interval.
    pub shortest: Nanos,
    /// Whether long polling takes no fewer bytes than polling that is as fresh; `None` if its interval does not decide.
    pub is_no_cheaper: Option<bool>,
    /// Whether it is no fresher than polling that takes as many bytes; `None` if its interval does not decide.
    pub is_no_fresher: Option<bool>,
    /// In theory, the round trip from which updates come faster than a request can be parked again: each answer then
    /// brings the updates of a whole cycle, as with polling.
    pub flips_at: Nanos,
}

/// Polling at the interval that makes it equal to long polling in one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equal {
    /// That interval, interpolated between the measured ones.
    pub interval: Nanos,
    /// Mean age at that interval, in nanoseconds.
    pub age_ns: f64,
    /// Bytes per delivery at that interval.
    pub bytes: f64,
}

/// One measured interval: its length, age and bytes.
type Polled = [f64; 3];
const INTERVAL: usize = 0;
const AGE: usize = 1;
const BYTES: usize = 2;

impl Fresh {
    pub(super) fn of(view: &View<'_>) -> Option<Self> {
        let points = view.points();
        let long_polling = points.iter().find_map(|point| view.row(*point, Transport::LongPolling))?;
        let polled = points.iter().filter_map(|point| {
            let row = view.row(*point, Transport::Polling)?;
            let figures = [Metric::AgeMean, Metric::WireTotal].map(|metric| row.metrics.get(metric).0);
            let [Some(age), Some(bytes)] = figures else { return None };
            Some([row.point.poll_interval_ns.0 as f64, age, bytes])
        });
        let mut polled: Vec<Polled> = polled.collect();
        polled.sort_by(|a, b| a[INTERVAL].total_cmp(&b[INTERVAL]));
        let value = |metric| long_polling.metrics.get(metric).0;
        let ends = |metric| Some(long_polling.ci95.get(metric).unwrap_or([value(metric)?; 2]));
        let (age_ns, bytes) = (value(Metric::AgeMean)?, value(Metric::WireTotal)?);
        let [ages, costs] = [ends(Metric::AgeMean)?, ends(Metric::WireTotal)?];
        // Polling that saves a fifth of the bytes, or is a quarter fresher, would be better; so would long polling.
        let saves = |age: f64, bytes: f64| match as_fresh(&polled, age) {
            Some(equal) => equal[BYTES] > bytes * EQUAL_WITHIN_MAX,
            // None of them is as fresh, whatever it costs.
            None => polled.first().is_some_and(|shortest| shortest[AGE] > age),
        };
        let fresher = |age: f64, bytes: f64| match nearest(&polled, bytes) {
            Some(equal) => equal[AGE] > age * EQUAL_WITHIN_MAX,
            None => false,
        };
        let corners = [0, 1].map(|age| [0, 1].map(|cost| (ages[age], costs[cost]))).concat();
        let all_say = |is_better: &dyn Fn(f64, f64) -> bool| {
            let said: Vec<bool> = corners.iter().map(|(age, cost)| is_better(*age, *cost)).collect();
            said.iter().all(|one| *one == said[0]).then(|| !said[0])
        };
        let rate = long_polling.point.rate_per_s;
        // What a cycle takes without any distance, there and back.
        let trip = long_polling.point.round_trip().0 as f64;
        let local = 2.0 * (value(Metric::LatencyMean)? - trip / 2.0).max(0.0);
        let own = if trip > 0.0 { 0.0 } else { local };
        Some(Self {
            rate,
            age_ns,
            bytes,
            as_fresh: as_fresh(&polled, age_ns).map(equal),
            as_dear: nearest(&polled, bytes).map(equal),
            shortest: Nanos(polled.first()?[INTERVAL] as u64),
            is_no_cheaper: all_say(&saves),
            is_no_fresher: all_say(&fresher),
            flips_at: Nanos((1e9 / rate - own).max(0.0) as u64),
        })
    }

    /// Whether the claim holds: long polling is no better by either measure.
    pub fn holding(&self) -> Holding {
        Holding::of(&[self.is_no_cheaper, self.is_no_fresher])
    }
}

fn equal([interval, age_ns, bytes]: Polled) -> Equal {
    Equal { interval: Nanos(interval as u64), age_ns, bytes }
}

/// Polling with this value of one figure, interpolated linearly in logarithms between the measured intervals.
fn at(polled: &[Polled], figure: usize, value: f64) -> Option<Polled> {
    polled.windows(2).find_map(|pair| {
        let [low, high] = [pair[0][figure], pair[1][figure]];
        let is_between = (low.min(high)..=low.max(high)).contains(&value);
        let share = (value / low).ln() / (high / low).ln();
        let between = |one: usize| pair[0][one] * (pair[1][one] / pair[0][one]).powf(share);
        (is_between && low != high).then(|| [between(INTERVAL), between(AGE), between(BYTES)])
    })
}

/// Polling with this age; or the shortest interval, if it is older by no more than what counts as equal.
fn as_fresh(polled: &[Polled], age: f64) -> Option<Polled> {
    let shortest = polled.first().filter(|one| one[AGE] >= age && one[AGE] <= age * EQUAL_WITHIN_MAX);
    at(polled, AGE, age).or(shortest.copied())
}

/// Polling with this many bytes; or the shortest interval, if it takes up to a tenth fewer.
fn nearest(polled: &[Polled], bytes: f64) -> Option<Polled> {
    let shortest = polled.first()?;
    at(polled, BYTES, bytes).or((shortest[BYTES] <= bytes && shortest[BYTES] * 1.1 >= bytes).then_some(*shortest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::{Point, Run};
    use crate::run::metric::Value;
    use crate::run::summary;

    /// 200 updates a second; polling's age is half its interval and a little, and a request 400 B.
    fn run(long_polling: [f64; 2]) -> Run {
        let millis = [5, 20, 60, 1_000];
        let point = |ms: u64| Point { poll_interval_ns: Nanos(ms * 1_000_000), rate_per_s: 200.0, ..fake::point() };
        let mut run = fake::run("fresh", "?", Some("poll_interval_ns"), millis.map(point).to_vec(), 5);
        for trial in &mut run.trials {
            let interval = trial.point.poll_interval_ns.0 as f64;
            let noise = 1.0 + f64::from(trial.round) / 1e4;
            let polling = [interval / 2.0 + 3e6, 250.0 + 400.0 / (interval / 5e6)];
            let is_long = trial.transport == Some(Transport::LongPolling);
            let [age, bytes] = if is_long { long_polling } else { polling };
            trial.metrics.age_ns_mean = Value(Some(age * noise));
            trial.metrics.wire_bytes_per_delivery.total = Value(Some(bytes * noise));
        }
        (run.summary, run.tcp_baseline) = summary::summarise(&run.trials, run.scenario.seed);
        run
    }

    fn found(long_polling: [f64; 2]) -> Fresh {
        Fresh::of(&View::new(&run(long_polling))).unwrap()
    }

    #[test]
    fn long_polling_that_is_as_fresh_for_the_same_bytes_is_no_better() {
        // As polling each 50 ms or so is.
        let fresh = found([28e6, 290.0]);
        assert_eq!(fresh.holding(), Holding::Holds, "{fresh:?}");
        let equal = fresh.as_fresh.unwrap();
        assert!((40_000_000..60_000_000).contains(&equal.interval.0), "{equal:?}");
    }

    #[test]
    fn polling_that_is_older_by_less_than_what_counts_as_a_difference_is_as_fresh() {
        // Polling each 5 ms is 5.5 ms old and takes 650 B.
        for (long_polling, holding) in [
            ([5.4e6, 660.0], Holding::Holds),
            ([4.5e6, 660.0], Holding::Holds),
            ([4.3e6, 660.0], Holding::DoesNotHold),
            ([5.4e6, 400.0], Holding::DoesNotHold),
        ] {
            let fresh = found(long_polling);
            assert_eq!(fresh.holding(), holding, "{fresh:?}");
            assert_eq!(fresh.as_fresh.is_some(), long_polling[0] > 5.5e6 / EQUAL_WITHIN_MAX, "{fresh:?}");
        }
    }

    #[test]
    fn long_polling_that_no_interval_reaches_is_better_where_it_takes_the_same_bytes() {
        let fresh = found([3e6, 660.0]);
        assert_eq!((fresh.as_fresh, fresh.holding()), (None, Holding::DoesNotHold), "{fresh:?}");
    }

    #[test]
    fn long_polling_that_is_fresher_and_dearer_than_any_polling_is_better_by_one_measure() {
        assert_eq!(found([3e6, 2_000.0]).holding(), Holding::WithinLimits);
    }
}
