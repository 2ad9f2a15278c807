//! The bytes of a delivery are taken together, so that their parts add up to their total: the total is the median of
//! the rounds, and the parts are those of the round that has it (of an even number of rounds, the means of the two in
//! the middle). Medians taken part by part would come from different rounds, and add up to nothing. The intervals of the
//! parts come from the same statistic on resamples of the rounds.

use crate::run::file::Trial;
use crate::run::metric::{Metric, Metrics, WireBytes};
use crate::stats::{self, Sample};

/// The parts of [`WireBytes`]; their sum is its total.
const WIRE_PARTS: [Metric; 5] =
    [Metric::WirePayload, Metric::WireFraming, Metric::WireHttpHeaders, Metric::WireTcpIp, Metric::WireRetransmitted];

/// The run file writes a millionth of a byte and no less.
const WRITTEN_PER_BYTE: f64 = 1e6;

/// The bytes of a delivery as the round with the median total had them; `None` where no trial has them.
pub fn samples(trials: &[&Trial], seed: u64) -> WireBytes<Option<Sample>> {
    let measured = trials.iter().filter_map(|trial| {
        let of = |metric| trial.metrics.get(metric).0;
        let parts: Vec<f64> = WIRE_PARTS.into_iter().filter_map(of).collect();
        Some((of(Metric::WireTotal)?, <[f64; WIRE_PARTS.len()]>::try_from(parts).ok()?))
    });
    let measured: Vec<(f64, [f64; WIRE_PARTS.len()])> = measured.collect();
    let trials = measured.len();
    let Some(parts) = parts_of_median(measured.clone()) else { return WireBytes::default() };
    let mut replicates: [Vec<f64>; WIRE_PARTS.len()] = Default::default();
    stats::for_each_resample(trials, seed, |drawn| {
        let parts = parts_of_median(drawn.iter().map(|index| measured[*index]).collect());
        replicates.iter_mut().zip(parts.unwrap_or_default()).for_each(|(list, part)| list.push(part));
    });
    let mut samples = Metrics::<Option<Sample>>::default();
    for ((metric, value), replicates) in WIRE_PARTS.into_iter().zip(parts).zip(replicates) {
        *samples.get_mut(metric) = Some(Sample { value, replicates, trials });
    }
    let totals: Vec<f64> = measured.iter().map(|(total, _)| *total).collect();
    let sum: f64 = parts.iter().sum();
    // The sum of the rounded parts, unless it is more than rounding that sets the two apart: a median is a median.
    let is_rounded = |median: f64| (median - sum).abs() <= WIRE_PARTS.len() as f64 / WRITTEN_PER_BYTE;
    let total = Sample::of_median(&totals, seed);
    *samples.get_mut(Metric::WireTotal) =
        total.map(|total| if is_rounded(total.value) { Sample { value: sum, ..total } } else { total });
    samples.wire_bytes_per_delivery
}

/// The parts of the entry whose total is the median, or the means of the two in the middle; rounded as the run file
/// rounds them, so that they add up there too. `None` of nothing.
fn parts_of_median<const N: usize>(mut measured: Vec<(f64, [f64; N])>) -> Option<[f64; N]> {
    measured.sort_by(|a, b| a.0.total_cmp(&b.0));
    let last = measured.len().checked_sub(1)?;
    let (low, high) = (measured[last / 2].1, measured[last.div_ceil(2)].1);
    Some(std::array::from_fn(|part| ((low[part] + high[part]) / 2.0 * WRITTEN_PER_BYTE).round() / WRITTEN_PER_BYTE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Transport;
    use crate::run::fixture;
    use crate::run::metric::Value;
    use crate::run::summary::summarise;

    #[test]
    fn the_parts_of_the_bytes_add_up_to_the_total_and_the_total_is_the_median() {
        // Each part has its median in another round: part by part they would add up to 154 + 46 + 29 + 20 = 249.
        let rounds = [[150.1, 46.2, 30.3, 20.4], [154.1, 40.2, 29.3, 22.4], [158.1, 47.2, 20.3, 19.4]];
        for count in [1, 2, 3] {
            let mut trials: Vec<Trial> =
                (1..=count).map(|round| fixture::trial(Some(Transport::Sse), round as u32, 0, 1_000)).collect();
            let mut totals = Vec::new();
            for (trial, [payload, framing, http_headers, tcp_ip]) in trials.iter_mut().zip(rounds) {
                let total = payload + framing + http_headers + tcp_ip;
                totals.push(total);
                trial.metrics.wire_bytes_per_delivery = WireBytes {
                    total: Value(Some(total)),
                    payload: Value(Some(payload)),
                    framing: Value(Some(framing)),
                    http_headers: Value(Some(http_headers)),
                    tcp_ip: Value(Some(tcp_ip)),
                    retransmitted: Value(Some(0.0)),
                };
            }
            let row = &summarise(&trials, 1).0[0];
            let total = row.metrics.wire_bytes_per_delivery.total.0.unwrap();
            assert!((total - stats::median(&totals).unwrap()).abs() < 1e-5, "{count}: {total} of {totals:?}");
            let parts = || WIRE_PARTS.map(|part| row.metrics.get(part).0.unwrap());
            assert!((total - parts().iter().sum::<f64>()).abs() < 1e-9, "{count}: {:?}", parts());
            // As written, too.
            let written = serde_json::to_value(&row.metrics.wire_bytes_per_delivery).unwrap();
            let sum: f64 = ["payload", "framing", "http_headers", "tcp_ip", "retransmitted"]
                .map(|part| written[part].as_f64().unwrap())
                .iter()
                .sum();
            assert!((sum - written["total"].as_f64().unwrap()).abs() < 1e-9, "{count}: {written}");
            for part in WIRE_PARTS {
                let (value, interval) = (row.metrics.get(part).0.unwrap(), row.ci95.get(part));
                assert_eq!(interval.is_some(), count > 1, "{part:?}");
                assert!(interval.is_none_or(|[low, high]| low <= value && value <= high), "{part:?}: {interval:?}");
            }
        }
    }
}
