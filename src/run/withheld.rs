//! The figures of a row that were measured but are not shown, and why, as data. The words are in
//! `report/text/wording/withheld.rs`.
//!
//! The figures stay in the run file, for readers who know their limits. Reports, tables and rankings omit them.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::run::histogram::QUANTILES;
use crate::run::metric::{Metric, Metrics, Source, Value};
use crate::units::Nanos;

/// A figure that is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// The metric.
    pub metric: Metric,
    /// The reason.
    #[serde(flatten)]
    pub why: Why,
}

/// Why a figure is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Why {
    /// A percentile with too few deliveries beyond it.
    FewBeyond {
        /// The number of deliveries beyond it.
        beyond: u64,
    },
    /// A percentile that too few trials reach: it shows what happened in one of them.
    FewTrials {
        /// The number of trials that reach it.
        trials: u64,
    },
    /// A latency that is within the uncertainty of the two hosts' clocks.
    ClockUncertain {
        /// The uncertainty.
        uncertainty_ns: Nanos,
    },
    /// Memory per client with so few clients that unrelated memory of the allocator outweighs theirs.
    FewClients {
        /// The number of clients.
        clients: u32,
    },
}

/// Why there is no figure to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// It could not be measured.
    NotMeasured,
    /// It was measured, but would mislead.
    Withheld(Why),
}

const CORRECTED: [Metric; 4] = [Metric::LatencyP50, Metric::LatencyP90, Metric::LatencyP99, Metric::LatencyP999];
const UNCORRECTED: [Metric; 4] =
    [Metric::UncorrectedP50, Metric::UncorrectedP90, Metric::UncorrectedP99, Metric::UncorrectedP999];
const MEMORY: [Metric; 3] = [Metric::ServerRss, Metric::ServerRssLoaded, Metric::Kernel];

/// The percentiles of `merged`, the sum of `trials`, that are not shown. All are of one kind of latency.
///
/// A percentile needs [`limits::PERCENTILE_SAMPLES_MIN`] deliveries beyond it. One above the median also needs
/// [`limits::PERCENTILE_TRIALS_MIN`] trials that reach it: an update that was late for all clients of one trial is many
/// deliveries, but still a single accident. The median depends on all trials, whatever happened in one.
pub fn percentiles(merged: &Histogram<u64>, trials: &[Histogram<u64>], is_corrected: bool) -> Vec<Withheld> {
    let metrics = if is_corrected { CORRECTED } else { UNCORRECTED };
    if merged.is_empty() {
        return Vec::new();
    }
    let why = |quantile: f64| {
        let beyond = (merged.len() as f64 * (1.0 - quantile) + 1e-9).floor() as u64;
        let value = merged.value_at_quantile(quantile);
        let reaches = |trial: &&Histogram<u64>| !trial.is_empty() && trial.max() >= merged.lowest_equivalent(value);
        let reached = trials.iter().filter(reaches).count() as u64;
        if beyond < limits::PERCENTILE_SAMPLES_MIN {
            return Some(Why::FewBeyond { beyond });
        }
        (quantile > 0.5 && reached < limits::PERCENTILE_TRIALS_MIN).then_some(Why::FewTrials { trials: reached })
    };
    let each = QUANTILES.into_iter().zip(metrics);
    each.filter_map(|(quantile, metric)| Some(Withheld { metric, why: why(quantile)? })).collect()
}

/// The latencies that are no larger than the uncertainty of the clocks, which is zero on one host.
pub fn uncertain(metrics: &Metrics<Value>, uncertainty_ns: Nanos) -> Vec<Withheld> {
    let why = Why::ClockUncertain { uncertainty_ns };
    let is_latency = |metric: &&Metric| metric.source() != Source::Trials && uncertainty_ns > Nanos::ZERO;
    let is_small = |metric: &&Metric| metrics.get(**metric).0.is_some_and(|value| value <= uncertainty_ns.0 as f64);
    let latencies = Metric::ALL.iter().filter(is_latency).filter(is_small);
    latencies.map(|metric| Withheld { metric: *metric, why }).collect()
}

/// The memory metrics, if there are too few clients to show them.
pub fn memory(clients: u32) -> Vec<Withheld> {
    let why = Why::FewClients { clients };
    let is_few = clients < limits::MEMORY_CLIENTS_MIN;
    MEMORY.into_iter().filter(|_| is_few).map(|metric| Withheld { metric, why }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::histogram;

    fn of(latencies: &[(u64, u64)]) -> Histogram<u64> {
        let mut all = histogram::empty();
        for (latency, count) in latencies {
            (0..*count).for_each(|_| histogram::record(&mut all, Nanos(*latency)));
        }
        all
    }

    fn found(trials: &[Histogram<u64>]) -> Vec<(Metric, Why)> {
        percentiles(&histogram::merge(trials), trials, true).into_iter().map(|one| (one.metric, one.why)).collect()
    }

    #[test]
    fn a_percentile_needs_twenty_deliveries_beyond_it_from_three_trials() {
        let trials = [1_000, 1_010, 1_020].map(|latency| of(&[(latency, 980), (2_000, 20)]));
        assert_eq!(found(&trials), [(Metric::LatencyP999, Why::FewBeyond { beyond: 3 })]);
        let few = [1_000, 1_010, 1_020].map(|latency| of(&[(latency, 13)]));
        let beyond = |beyond| Why::FewBeyond { beyond };
        let expected = [
            (Metric::LatencyP50, beyond(19)),
            (Metric::LatencyP90, beyond(3)),
            (Metric::LatencyP99, beyond(0)),
            (Metric::LatencyP999, beyond(0)),
        ];
        assert_eq!(found(&few), expected);
    }

    #[test]
    fn one_update_that_was_late_for_all_clients_of_one_trial_makes_no_p99() {
        let quiet = || of(&[(1_000, 850)]);
        let accident = of(&[(1_000, 800), (90_000, 50)]);
        let found = found(&[quiet(), accident, quiet()]);
        assert!(found.contains(&(Metric::LatencyP99, Why::FewTrials { trials: 1 })), "{found:?}");
        assert!(found.iter().all(|(metric, _)| !matches!(metric, Metric::LatencyP50 | Metric::LatencyP90)));
    }

    #[test]
    fn a_latency_within_what_two_clocks_leave_uncertain_is_not_shown() {
        let mut metrics = Metrics::<Value>::default();
        (metrics.latency_ns.p50, metrics.latency_ns.p99) = (Value(Some(-300.0)), Value(Some(700.0)));
        let why = Why::ClockUncertain { uncertainty_ns: Nanos(500) };
        assert_eq!(uncertain(&metrics, Nanos(500)), [Withheld { metric: Metric::LatencyP50, why }]);
        assert_eq!(uncertain(&metrics, Nanos::ZERO), []);
    }

    #[test]
    fn two_trials_show_their_median_and_no_tail() {
        let found = found(&[of(&[(1_000, 5_000)]), of(&[(1_000, 5_000)])]);
        let tails = [Metric::LatencyP90, Metric::LatencyP99].map(|metric| (metric, Why::FewTrials { trials: 2 }));
        assert_eq!(found, [&tails[..], &[(Metric::LatencyP999, Why::FewBeyond { beyond: 10 })]].concat());
    }
}
