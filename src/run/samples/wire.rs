//! The bytes of a delivery are summarised together, so that their parts add up to their total. The total is the median
//! of the rounds, and the parts are those of the round that has it (with an even number of rounds, the means of the
//! middle two). Medians of each part by itself would come from different rounds, and would not add up. The intervals of
//! the parts come from the same statistic on resamples of the rounds.

use std::cmp::Ordering;

use crate::run::file::Trial;
use crate::run::metric::{Metric, Metrics, WireBytes};
use crate::stats::{self, Sample};

/// The reported bytes: the parts of [`WireBytes`], whose sum is its total, followed by a part of a part.
const REPORTED: [Metric; SUMMED + 1] = [
    Metric::WirePayload,
    Metric::WireFraming,
    Metric::WireHttpHeaders,
    Metric::WireH2Frames,
    Metric::WireTlsRecords,
    Metric::WireTlsHandshake,
    Metric::WireCompression,
    Metric::WireTcpIp,
    Metric::WireRetransmitted,
    Metric::WireAcknowledgements,
];
const SUMMED: usize = 9;

/// The run file's precision: a millionth of a byte.
const WRITTEN_PER_BYTE: f64 = 1e6;

/// The bytes of a delivery in the round with the median total; `None` if no trial has them.
pub fn samples(trials: &[&Trial], seed: u64) -> WireBytes<Option<Sample>> {
    let measured = trials.iter().filter_map(|trial| {
        let of = |metric| trial.metrics.get(metric).0;
        // A file from before a part was counted separately has none of it.
        Some((of(Metric::WireTotal)?, REPORTED.map(|part| of(part).unwrap_or(0.0))))
    });
    let measured: Vec<(f64, [f64; REPORTED.len()])> = measured.collect();
    let trials = measured.len();
    let Some(parts) = parts_of_median(measured.clone()) else { return WireBytes::default() };
    let mut replicates: [Vec<f64>; REPORTED.len()] = Default::default();
    stats::for_each_resample(trials, seed, |drawn| {
        let parts = parts_of_median(drawn.iter().map(|index| measured[*index]).collect());
        replicates.iter_mut().zip(parts.unwrap_or_default()).for_each(|(list, part)| list.push(part));
    });
    let mut samples = Metrics::<Option<Sample>>::default();
    for ((metric, value), replicates) in REPORTED.into_iter().zip(parts).zip(replicates) {
        *samples.get_mut(metric) = Some(Sample { value, replicates, trials });
    }
    let totals: Vec<f64> = measured.iter().map(|(total, _)| *total).collect();
    let sum: f64 = parts[..SUMMED].iter().sum();
    // Use the sum of the rounded parts, unless it differs from the median by more than rounding.
    let is_rounded = |median: f64| (median - sum).abs() <= SUMMED as f64 / WRITTEN_PER_BYTE;
    let total = Sample::of_median(&totals, seed);
    *samples.get_mut(Metric::WireTotal) =
        total.map(|total| if is_rounded(total.value) { Sample { value: sum, ..total } } else { total });
    samples.wire_bytes_per_delivery
}

/// The parts of the entry whose total is the median, or the means of the middle two, rounded as in the run file, so
/// that they add up there too. Entries with equal totals are ordered by their parts, so that the order of the trials
/// does not matter. `None` without any entry.
fn parts_of_median<const N: usize>(mut measured: Vec<(f64, [f64; N])>) -> Option<[f64; N]> {
    let ordered = |a: &[f64; N], b: &[f64; N]| a.partial_cmp(b).unwrap_or(Ordering::Equal);
    measured.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| ordered(&a.1, &b.1)));
    let last = measured.len().checked_sub(1)?;
    let (low, high) = (measured[last / 2].1, measured[last.div_ceil(2)].1);
    Some(std::array::from_fn(|part| ((low[part] + high[part]) / 2.0 * WRITTEN_PER_BYTE).round() / WRITTEN_PER_BYTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_with_equal_totals_give_the_same_parts_in_any_order() {
        let [low, high] = [(200.0, [90.0, 110.0]), (200.0, [100.0, 100.0])];
        let other = (150.0, [50.0, 100.0]);
        for measured in [[other, low, high], [other, high, low], [high, low, other]] {
            assert_eq!(parts_of_median(measured.to_vec()), Some(low.1));
        }
    }
}
