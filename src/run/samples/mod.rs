//! Turns trials into values, intervals and ratios.
//!
//! A latency comes from the merged histograms of the trials. The bytes of a delivery are those of the trial with the
//! median total. Every other figure is the median of the trials. The rows of the summary ([`crate::run::summary`])
//! consist of these. The ratio of two rows is the ratio of their values, and its interval comes from resampling the
//! trials of both, so that all printed figures agree.

mod wire;

use std::collections::{BTreeMap, HashMap};

use hdrhistogram::Histogram;

use crate::run::file::Trial;
use crate::run::histogram::{self, HistogramError, Shifted};
use crate::run::metric::{Metric, Metrics, Percentiles, Source};
use crate::stats::{self, Sample};

/// One sample for each metric; `None` if it was not measured.
pub(crate) type Samples = Metrics<Option<Sample>>;

/// The samples of the metrics with one source, from the trials of one row; `None` for a metric that no trial measured.
pub(crate) fn of(trials: &[&Trial], source: Source, seed: u64) -> Samples {
    let mut samples = Metrics::default();
    // An unreadable histogram has already made its row invalid, with the reason.
    let merged = |pick: fn(&Trial) -> &str| latency(histograms(trials, pick).0, seed);
    match source {
        Source::Corrected => samples.latency_ns = merged(|trial| &trial.latency_hdr),
        Source::Uncorrected => samples.uncorrected_latency_ns = merged(|trial| &trial.uncorrected_latency_hdr),
        Source::Trials => {
            for &metric in Metric::ALL.iter().filter(|metric| metric.source() == source) {
                *samples.get_mut(metric) = Sample::of_median(&values(trials, metric), seed);
            }
            samples.wire_bytes_per_delivery = wire::samples(trials, seed);
        }
    }
    samples
}

/// The samples of every metric, from the trials of one row.
pub(crate) fn all(trials: &[&Trial], seed: u64) -> Samples {
    let [corrected, uncorrected, mut samples] = Source::ALL.map(|source| of(trials, source, seed));
    samples.latency_ns = corrected.latency_ns;
    samples.uncorrected_latency_ns = uncorrected.uncorrected_latency_ns;
    samples
}

/// The samples of latency from the histograms of several trials.
pub(crate) fn latency(shifted: Vec<Shifted>, seed: u64) -> Percentiles<Option<Sample>> {
    let (histograms, shift) = histogram::aligned(shifted);
    let centre = histogram::percentiles(&histogram::merge(&histograms), shift);
    let [p50, p90, p99, p999, max, mean] = resampled(&histograms, seed);
    let trials = histograms.len();
    let sample = |value: Option<f64>, mut replicates: Vec<f64>| {
        replicates.iter_mut().for_each(|replicate| *replicate -= shift.0 as f64);
        value.map(|value| Sample { value, replicates, trials })
    };
    Percentiles {
        p50: sample(centre.p50.0, p50),
        p90: sample(centre.p90.0, p90),
        p99: sample(centre.p99.0, p99),
        p999: sample(centre.p999.0, p999),
        max: sample(centre.max.0, max),
        mean: sample(centre.mean.0, mean),
    }
}

/// The values of one metric in the trials that measured it.
pub fn values(trials: &[&Trial], metric: Metric) -> Vec<f64> {
    trials.iter().filter_map(|trial| trial.metrics.get(metric).0).collect()
}

/// The histograms of the trials that have one, each with its shift, and the round and error of each unreadable one.
pub(super) fn histograms(trials: &[&Trial], pick: fn(&Trial) -> &str) -> (Vec<Shifted>, Vec<(u32, HistogramError)>) {
    let mut read = Vec::new();
    let mut unreadable = Vec::new();
    for trial in trials.iter().filter(|trial| !pick(trial).is_empty()) {
        match histogram::decode(pick(trial)) {
            Ok(histogram) => read.push((histogram, trial.latency_shift_ns)),
            Err(error) => unreadable.push((trial.round, error)),
        }
    }
    (read, unreadable)
}

/// p50, p90, p99, p99.9, maximum and mean of the merged histograms in each resample of the trials.
pub(super) fn resampled(histograms: &[Histogram<u64>], seed: u64) -> [Vec<f64>; 6] {
    let counts = Counts::of(histograms);
    // Few trials have few different resamples (three have ten), so each is merged only once.
    let mut known: HashMap<Vec<u64>, Option<[f64; 6]>> = HashMap::new();
    let mut replicates: [Vec<f64>; 6] = Default::default();
    let mut weights = vec![0; histograms.len()];
    stats::for_each_resample(histograms.len(), seed, |drawn| {
        weights.fill(0);
        drawn.iter().for_each(|&trial| weights[trial] += 1);
        let values = match known.get(&weights) {
            Some(values) => *values,
            None => *known.entry(weights.clone()).or_insert_with(|| counts.percentiles(&weights)),
        };
        if let Some(values) = values {
            replicates.iter_mut().zip(values).for_each(|(list, value)| list.push(value));
        }
    });
    replicates
}

/// Cumulative counts of several histograms. A percentile of a resample is found in them by binary search, without
/// adding whole histograms or scanning the few thousand values that occur.
struct Counts {
    /// The values that occur in any histogram, ascending.
    values: Vec<u64>,
    /// For each value, how many recorded values of each histogram are not larger.
    running: Vec<Vec<u64>>,
    /// The sum of each histogram's values, and the largest.
    of_each: Vec<(f64, u64)>,
}

impl Counts {
    fn of(histograms: &[Histogram<u64>]) -> Self {
        let mut counted: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let mut of_each = vec![(0.0, 0); histograms.len()];
        for (index, histogram) in histograms.iter().enumerate() {
            for recorded in histogram.iter_recorded() {
                let (value, count) = (recorded.value_iterated_to(), recorded.count_at_value());
                counted.entry(value).or_insert_with(|| vec![0; histograms.len()])[index] += count;
                of_each[index] = (of_each[index].0 + value as f64 * count as f64, value);
            }
        }
        let mut so_far = vec![0; histograms.len()];
        let (values, running) = counted
            .into_iter()
            .map(|(value, counts)| {
                so_far.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                (value, so_far.clone())
            })
            .unzip();
        Self { values, running, of_each }
    }

    /// p50, p90, p99, p99.9, maximum and mean with each histogram taken `weights` times; `None` if nothing was
    /// recorded.
    fn percentiles(&self, weights: &[u64]) -> Option<[f64; 6]> {
        let weighted = |running: &[u64]| running.iter().zip(weights).map(|(count, weight)| count * weight).sum::<u64>();
        let total = weighted(self.running.last()?);
        if total == 0 {
            return None;
        }
        let drawn = || self.of_each.iter().zip(weights).filter(|(_, weight)| **weight > 0);
        let max = drawn().map(|((_, largest), _)| *largest).max()?;
        let mean = drawn().map(|((sum, _), weight)| sum * *weight as f64).sum::<f64>() / total as f64;
        let [p50, p90, p99, p999] = histogram::QUANTILES.map(|quantile| {
            let wanted = ((quantile * total as f64).ceil() as u64).max(1);
            self.values[self.running.partition_point(|running| weighted(running) < wanted)] as f64
        });
        Some([p50, p90, p99, p999, max as f64, mean])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;
    use crate::run::metric::Unit;
    use crate::units::Nanos;

    #[test]
    fn value_and_interval_of_every_figure_are_those_of_the_row() {
        let run = fixture::run(|_, _| 1.0);
        for row in run.summary.iter().chain(&run.tcp_baseline) {
            let samples = all(&run.trials_of(row), run.scenario.seed);
            for &metric in Metric::ALL {
                let sample = samples.get(metric).as_ref().unwrap();
                assert_eq!(Some(sample.value), row.metrics.get(metric).0, "{metric:?}");
                let ends_max = if metric.unit() == Unit::Fraction { 1.0 } else { f64::INFINITY };
                let interval = sample.interval().map(|ends| ends.map(|end| end.min(ends_max)));
                assert_eq!(interval, *row.ci95.get(metric), "{metric:?}");
            }
        }
    }

    #[test]
    fn latencies_below_zero_are_figures_like_any_other_and_trials_of_different_shifts_are_merged() {
        let of = |latencies: [i64; 3], shift: u64| {
            let mut histogram = histogram::empty();
            latencies
                .iter()
                .for_each(|one| histogram::record(&mut histogram, Nanos(one.saturating_add_unsigned(shift) as u64)));
            (histogram, Nanos(shift))
        };
        let found = latency(vec![of([-300, -200, 200], 300), of([-50, 400, 500], 50)], 1);
        let value = |sample: &Option<Sample>| sample.as_ref().unwrap().value.round();
        assert_eq!((value(&found.p50), value(&found.max)), (-50.0, 500.0));
        assert!((value(&found.mean) - 92.0).abs() <= 1.0, "{:?}", found.mean);
        let [low, high] = found.mean.unwrap().interval().unwrap();
        assert!(low < 0.0 && high > 92.0, "{low} {high}");
    }

    #[test]
    fn weighted_counts_give_the_percentiles_of_the_merged_histograms() {
        let histograms = [1_000, 5_000, 90_000].map(|latency| {
            let mut histogram = histogram::empty();
            (0..100).for_each(|step| histogram::record(&mut histogram, Nanos(latency + latency * step / 100)));
            histogram
        });
        let [one, two, three] = &histograms;
        let merged = histogram::percentiles(&histogram::merge([one, one, three]), Nanos::ZERO);
        let weighted = Counts::of(&[one.clone(), two.clone(), three.clone()]).percentiles(&[2, 0, 1]).unwrap();
        let expected = [merged.p50, merged.p90, merged.p99, merged.p999, merged.max, merged.mean];
        for (found, expected) in weighted.into_iter().zip(expected) {
            let expected = expected.0.unwrap();
            assert!((found / expected - 1.0).abs() < 0.001, "{found} {expected}");
        }
        assert_eq!(Counts::of(&[histogram::empty()]).percentiles(&[1]), None);
    }
}
