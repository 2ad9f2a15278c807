//! Latency histograms: recorded in every trial, stored in the run file as text, and merged, never averaged.
//!
//! The text is a compressed HdrHistogram V2 in base64, which the public HdrHistogram tools read and write.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use crate::limits;
use crate::run::metric::{Percentiles, Value};
use crate::units::Nanos;

/// Why a histogram could not be read from its text.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// Not base64.
    #[error("a latency histogram is not base64: {0}; the run file is damaged, repeat the run")]
    Base64(#[from] base64::DecodeError),
    /// Not a histogram.
    #[error("a latency histogram is not an HdrHistogram V2: {0}; the run file is damaged, repeat the run")]
    Format(#[from] hdrhistogram::serialization::DeserializeError),
    /// It holds values beyond the range that this program records.
    #[error("a latency histogram holds values beyond {}; it was not written by this program", limits::HISTOGRAM_MAX)]
    Beyond,
}

/// An empty histogram from 1 ns to [`limits::HISTOGRAM_MAX`]. It takes about a quarter of a megabyte: one for each
/// trial and worker, not one for each client.
pub fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, limits::HISTOGRAM_MAX.0, limits::HISTOGRAM_DIGITS)
        .expect("the bounds and digits are constants that a histogram accepts")
}

/// The latencies of a trial.
pub struct Latencies {
    /// From the due time of each update to its arrival.
    pub corrected: Histogram<u64>,
    /// From its publication to its arrival; empty if it is unknown when updates were published.
    pub uncorrected: Histogram<u64>,
    /// How much was added to each, so that none is negative: clocks of two hosts may differ by that.
    pub shift_ns: Nanos,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { corrected: empty(), uncorrected: empty(), shift_ns: Nanos::ZERO }
    }
}

/// Records one latency; one beyond the largest is recorded as the largest.
pub fn record(histogram: &mut Histogram<u64>, latency: Nanos) {
    histogram.saturating_record(latency.min(limits::HISTOGRAM_MAX).0);
}

/// Encodes a histogram as text for a run file: a few kilobytes.
pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("writing to memory does not fail, and 64-bit counts fit the format");
    STANDARD.encode(bytes)
}

/// Decodes a histogram, within the bounds of [`empty`], so that any two can be merged.
///
/// Errors: [`HistogramError`].
pub fn decode(text: &str) -> Result<Histogram<u64>, HistogramError> {
    let bytes = STANDARD.decode(text.trim())?;
    let read: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice())?;
    let mut histogram = empty();
    histogram.add(read).map_err(|_| HistogramError::Beyond)?;
    Ok(histogram)
}

/// The sum of several histograms.
pub fn merge<'a>(histograms: impl IntoIterator<Item = &'a Histogram<u64>>) -> Histogram<u64> {
    let mut all = empty();
    for one in histograms {
        // Histograms made by `empty` have the same range; for one with a wider range, the sum is resized.
        if all.add(one).is_err() {
            all.auto(true);
            all.add(one).expect("a histogram that resizes itself takes any value");
        }
    }
    all
}

/// A histogram of latencies, and the shift that was added to each latency before it was recorded.
pub type Shifted = (Histogram<u64>, Nanos);

/// The histograms of several trials, all with the largest of their shifts, and that shift. Shifts differ between trials
/// whose clock offsets were uncertain by different amounts.
pub fn aligned(shifted: Vec<Shifted>) -> (Vec<Histogram<u64>>, Nanos) {
    let most = shifted.iter().map(|(_, shift)| *shift).max().unwrap_or_default();
    let align = |(histogram, shift): Shifted| match most.saturating_sub(shift) {
        Nanos::ZERO => histogram,
        more => moved(&histogram, |value| value.saturating_add(more)),
    };
    (shifted.into_iter().map(align).collect(), most)
}

/// The histogram with its shift subtracted again, for a logarithmic chart or an export format, which cannot hold
/// negative values: these become the smallest value. The figures are not computed from this.
pub fn unshifted(histogram: Histogram<u64>, shift: Nanos) -> Histogram<u64> {
    match shift {
        Nanos::ZERO => histogram,
        some => moved(&histogram, |value| value.saturating_sub(some)),
    }
}

fn moved(histogram: &Histogram<u64>, to: impl Fn(Nanos) -> Nanos) -> Histogram<u64> {
    let mut all = empty();
    for recorded in histogram.iter_recorded() {
        let value = to(Nanos(recorded.value_iterated_to())).min(limits::HISTOGRAM_MAX).0;
        all.saturating_record_n(value, recorded.count_at_value());
    }
    all
}

/// The quantile of each percentile that is reported, in the order of [`Percentiles`].
pub const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// The percentiles that are reported, with the shift subtracted; not measured if nothing was recorded.
pub fn percentiles(histogram: &Histogram<u64>, shift: Nanos) -> Percentiles<Value> {
    let less = |value: f64| Value(Some(value - shift.0 as f64));
    if histogram.is_empty() {
        return Percentiles::default();
    }
    let [p50, p90, p99, p999] = QUANTILES.map(|quantile| less(histogram.value_at_quantile(quantile) as f64));
    Percentiles { p50, p90, p99, p999, max: less(histogram.max() as f64), mean: less(histogram.mean()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(latencies: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = empty();
        latencies.into_iter().for_each(|latency| record(&mut histogram, Nanos(latency)));
        histogram
    }

    #[test]
    fn what_was_written_is_read_back() {
        let histogram = of((1..=1_000).map(|n| n * 1_013));
        assert_eq!(decode(&encode(&histogram)).unwrap(), histogram);
        assert_eq!(decode(&encode(&empty())).unwrap(), empty());
    }

    #[test]
    fn a_latency_beyond_the_largest_is_recorded_as_the_largest() {
        let histogram = of([u64::MAX]);
        let largest = limits::HISTOGRAM_MAX.0 as f64;
        assert!((histogram.max() as f64 / largest - 1.0).abs() < 0.001, "{}", histogram.max());
        let back = decode(&encode(&histogram)).unwrap();
        assert_eq!((back.len(), back.max()), (1, histogram.max()));
    }

    #[test]
    fn a_histogram_takes_a_quarter_of_a_megabyte_and_its_text_a_few_kilobytes() {
        assert!(empty().distinct_values() * size_of::<u64>() <= 256 << 10, "{}", empty().distinct_values());
        // The widest range that trials produce: 20,000 polls spread evenly over a second, and a long tail.
        let wide = of((0..20_000).map(|n| n * 50_000).chain((0..2_000).map(|n| n * n * 500)));
        assert!(encode(&wide).len() < 6 << 10, "{}", encode(&wide).len());
        let narrow = of((0..100_000_u64).map(|n| 80_000 + n * 7_919 % 40_000));
        assert!(encode(&narrow).len() < 3 << 10, "{}", encode(&narrow).len());
    }

    #[test]
    fn percentiles_of_merged_histograms_are_those_of_all_values() {
        let fast = of((1..=900).map(|_| 1_000));
        let slow = of((1..=100).map(|_| 2_000_000));
        let merged = percentiles(&merge([&fast, &slow]), Nanos::ZERO);
        let near = |value: Value, wanted: f64| (value.0.unwrap() / wanted - 1.0).abs() < 0.001;
        assert!(near(merged.p50, 1e3) && near(merged.p90, 1e3) && near(merged.p99, 2e6) && near(merged.max, 2e6));
        assert!(near(merged.mean, 200_900.0), "{merged:?}");
    }

    #[test]
    fn percentiles_of_nothing_were_not_measured() {
        assert_eq!(percentiles(&empty(), Nanos::ZERO), Percentiles::default());
    }

    #[test]
    fn text_that_is_no_histogram_is_refused() {
        assert!(matches!(decode("not base64!"), Err(HistogramError::Base64(_))));
        assert!(matches!(decode("AAAA"), Err(HistogramError::Format(_))));
        assert!(matches!(decode(""), Err(HistogramError::Format(_))));
        let mut wide = Histogram::<u64>::new(3).unwrap();
        wide.record(u64::MAX / 4).unwrap();
        assert!(matches!(decode(&encode(&wide)), Err(HistogramError::Beyond)));
    }
}
