//! The one way in which trials become a value, an interval and a ratio.
//!
//! A figure of latency is that of the trials' histograms merged, the bytes of a delivery are those of the trial with the
//! median total, every other figure is the median of the trials; the rows of the summary ([`super::summary`]) are made
//! of these. The ratio of two rows is the ratio of their values, and its interval comes from resampling the trials of
//! both: what is printed beside one another agrees.

use hdrhistogram::Histogram;

use super::run_file::Trial;
use super::summary;
use crate::measure::figures::{Figure, Figures, Percentiles};
use crate::measure::histogram;
use crate::measure::statistics::Sample;

/// One for each figure; `None` where it was not measured.
pub(crate) type Samples = Figures<Option<Sample>>;

/// Where a figure comes from. A histogram takes a hundred times as long to read as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The histograms of corrected latency.
    Corrected,
    /// Those of uncorrected latency.
    Uncorrected,
    /// The trials' own figures.
    Trials,
}

impl Source {
    const ALL: [Self; 3] = [Self::Corrected, Self::Uncorrected, Self::Trials];

    pub fn of(figure: Figure) -> Self {
        use Figure as F;
        match figure {
            F::LatencyP50 | F::LatencyP90 | F::LatencyP99 | F::LatencyP999 | F::LatencyMax | F::LatencyMean => {
                Self::Corrected
            }
            F::UncorrectedP50 | F::UncorrectedP90 | F::UncorrectedP99 | F::UncorrectedP999 => Self::Uncorrected,
            F::UncorrectedMax | F::UncorrectedMean => Self::Uncorrected,
            F::AgeMean | F::StaleFraction | F::RequestsPerDelivery | F::EmptyFraction => Self::Trials,
            F::WireTotal | F::WirePayload | F::WireFraming | F::WireHttpHeaders | F::WireTcpIp => Self::Trials,
            F::WireRetransmitted | F::ServerCpu | F::HostCpu | F::ServerRss | F::ServerRssLoaded => Self::Trials,
            F::Kernel | F::ConnectP50 => Self::Trials,
        }
    }
}

/// What the trials of one row say of the figures of one source; `None` where none of them measured it.
pub(crate) fn of(trials: &[&Trial], source: Source, seed: u64) -> Samples {
    let mut samples = Figures::default();
    // One that cannot be read has made its row invalid, which says why.
    let merged = |pick: fn(&Trial) -> &str| latency(&summary::histograms(trials, pick).0, seed);
    match source {
        Source::Corrected => samples.latency_ns = merged(|trial| &trial.latency_hdr),
        Source::Uncorrected => samples.uncorrected_latency_ns = merged(|trial| &trial.uncorrected_latency_hdr),
        Source::Trials => {
            for &figure in Figure::ALL.iter().filter(|figure| Source::of(**figure) == source) {
                *samples.get_mut(figure) = Sample::of_median(&summary::values(trials, figure), seed);
            }
            samples.wire_bytes_per_delivery = summary::wire::samples(trials, seed);
        }
    }
    samples
}

/// What the trials of one row say of every figure.
pub(crate) fn all(trials: &[&Trial], seed: u64) -> Samples {
    let [corrected, uncorrected, mut samples] = Source::ALL.map(|source| of(trials, source, seed));
    samples.latency_ns = corrected.latency_ns;
    samples.uncorrected_latency_ns = uncorrected.uncorrected_latency_ns;
    samples
}

/// What the latencies of some trials say together.
pub(crate) fn latency(histograms: &[Histogram<u64>], seed: u64) -> Percentiles<Option<Sample>> {
    let centre = histogram::percentiles(&histogram::merge(histograms));
    let [p50, p90, p99, p999, max, mean] = summary::resampled(histograms, seed);
    let trials = histograms.len();
    let sample = |value: Option<f64>, replicates| value.map(|value| Sample { value, replicates, trials });
    Percentiles {
        p50: sample(centre.p50.0, p50),
        p90: sample(centre.p90.0, p90),
        p99: sample(centre.p99.0, p99),
        p999: sample(centre.p999.0, p999),
        max: sample(centre.max.0, max),
        mean: sample(centre.mean.0, mean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::Unit;
    use crate::report::fixture;

    #[test]
    fn value_and_interval_of_every_figure_are_those_of_the_row() {
        let run = fixture::run(|_, _| 1.0);
        for row in run.summary.iter().chain(&run.floor) {
            let is_of_row = |trial: &&Trial| trial.transport == row.transport && trial.point == row.point;
            let trials: Vec<&Trial> = run.trials.iter().filter(is_of_row).collect();
            let samples = all(&trials, run.scenario.seed);
            for &figure in Figure::ALL {
                let sample = samples.get(figure).as_ref().unwrap();
                assert_eq!(Some(sample.value), row.figures.get(figure).0, "{figure:?}");
                let ends_max = if figure.unit() == Unit::Fraction { 1.0 } else { f64::INFINITY };
                let interval = sample.interval().map(|ends| ends.map(|end| end.min(ends_max)));
                assert_eq!(interval, *row.ci95.get(figure), "{figure:?}");
            }
        }
    }
}
