//! Statistics over trials: medians, confidence intervals, and whether two sets of trials differ. (For percentiles of
//! latency, see [`crate::run::histogram`].)
//!
//! The trial is the statistical unit. The thousands of deliveries in a trial are not independent, so only the spread
//! *between* trials shows how much a figure would change if the run were repeated (Kalibera and Jones, "Rigorous
//! benchmarking in reasonable time", ISMM 2013). Runs have few trials, often three, for which the usual percentile
//! bootstrap is too optimistic. Its interval cannot extend beyond the smallest and the largest value, and the range of
//! three values contains the true median only 1 − 2 × (1/2)³ = 75 % of the time, and that of five 94 %, even if it is
//! called a "95 %" interval.
//!
//! So the bootstrap is used for what it does well with few values, the *standard error*, and the interval around the
//! median uses Student's t (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, sections 6.2 and 12.2):
//!
//! 1. Resample the trials with replacement, [`limits::BOOTSTRAP_RESAMPLES`] times or in every possible way, and compute
//!    the statistic of each resample ([`Sample`]): the median, or for latency the percentile of the merged histograms.
//! 2. The standard error is the standard deviation of these replicates, times √(n / (n − 1)), because a resample varies
//!    around the sample and not around the truth.
//! 3. The interval is the statistic ± t × the standard error, with t at 95 % for n − 1 degrees of freedom
//!    (2 (n − 1) for the difference of two samples).
//!
//! Positive values are transformed to logarithms, where noise is a factor and an interval cannot extend below zero.
//!
//! In simulations with normal, t-distributed, contaminated and skewed noise and with 2 to 8 trials, the interval of one
//! median contains the truth in 93 to 98 % of runs. [`difference`] calls two samples of the same thing different in 0.5
//! to 5 % of cases, as long as both have the same amount of noise. If one is a hundred times noisier than the other, it
//! does so in up to 6 % with three rounds and 15 % with two, which are too few. It finds a shift of 20 % under 3 % of
//! noise in more than 9 of 10 runs of three rounds, and practically always with four. The tests below repeat the main
//! cases.
//!
//! Over 400 lines: a third are those tests, and the rest is one method whose parts depend on each other.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::limits;

/// The percentile of a sorted list by nearest rank: the smallest value that at least this share of the values does not
/// exceed. `None` for an empty list.
pub fn nearest_rank<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The confidence level of the intervals.
const CONFIDENCE: f64 = 0.95;

/// The middle value, or the mean of the two middle values; `None` for an empty list.
pub fn median(values: &[f64]) -> Option<f64> {
    median_of(&mut values.to_vec())
}

fn median_of(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// A statistic of a set of trials: its value for all of them together, and for each resample.
///
/// The value, interval and ratio of a figure all come from here, so that they cannot contradict each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The statistic of all trials together.
    pub value: f64,
    /// The statistic of each resample of [`for_each_resample`].
    pub replicates: Vec<f64>,
    /// The number of trials.
    pub trials: usize,
}

impl Sample {
    /// The median of trials with one value each; `None` for no trials.
    ///
    /// The same seed gives the same replicates.
    pub fn of_median(values: &[f64], seed: u64) -> Option<Self> {
        Some(Self { value: median(values)?, replicates: medians(values, seed), trials: values.len() })
    }

    /// The 95 % interval; `None` with fewer than two trials, which have no spread.
    pub fn interval(&self) -> Option<[f64; 2]> {
        interval_around(self.value, &self.replicates, self.trials)
    }

    /// Combines two statistics of the same trials. `None` if their numbers of trials differ.
    pub fn with(&self, other: &Self, make: impl Fn(f64, f64) -> f64) -> Option<Self> {
        let is_of_same = self.trials == other.trials && self.replicates.len() == other.replicates.len();
        is_of_same.then(|| Self {
            value: make(self.value, other.value),
            // With the same number of trials and the same seed, the resamples are the same and in the same order.
            replicates: self.replicates.iter().zip(&other.replicates).map(|(a, b)| make(*a, *b)).collect(),
            trials: self.trials,
        })
    }

    /// Whether this holds for the value and for every replicate.
    pub fn all(&self, is_so: impl Fn(f64) -> bool) -> bool {
        is_so(self.value) && self.replicates.iter().all(|value| is_so(*value))
    }

    /// The standard error of the replicates, after `scale` is applied to each.
    fn error(&self, scale: impl Fn(f64) -> f64) -> f64 {
        let scaled: Vec<f64> = self.replicates.iter().map(|value| scale(*value)).collect();
        deviation(&scaled) * few_trials(self.trials)
    }
}

/// The 95 % interval of the median of `values`; `None` with fewer than two values, which have no spread.
///
/// The same seed gives the same interval.
pub fn interval(values: &[f64], seed: u64) -> Option<[f64; 2]> {
    Sample::of_median(values, seed)?.interval()
}

/// The median of each resample of `values`.
fn medians(values: &[f64], seed: u64) -> Vec<f64> {
    let mut resample = vec![0.0; values.len()];
    let mut medians = Vec::with_capacity(limits::BOOTSTRAP_RESAMPLES);
    for_each_resample(values.len(), seed, |drawn| {
        for (place, index) in resample.iter_mut().zip(drawn) {
            *place = values[*index];
        }
        medians.extend(median_of(&mut resample));
    });
    medians
}

/// Calls `on_draw` for each resample of `trials` trials, with the indices drawn with replacement.
///
/// If there are at most [`limits::BOOTSTRAP_RESAMPLES`] possible draws, each is made once, which random draws only
/// approximate (Efron and Tibshirani, 1993, section 6.2: the ideal bootstrap). Otherwise that many random draws are
/// made, and the same seed gives the same draws.
pub fn for_each_resample(trials: usize, seed: u64, mut on_draw: impl FnMut(&[usize])) {
    let mut drawn = vec![0; trials];
    let ways = u32::try_from(trials).ok().and_then(|exponent| trials.checked_pow(exponent));
    if let Some(ways) = ways.filter(|ways| *ways <= limits::BOOTSTRAP_RESAMPLES) {
        for _ in 0..ways {
            on_draw(&drawn);
            // Counts up; the first index changes fastest.
            for place in &mut drawn {
                *place = (*place + 1) % trials;
                if *place != 0 {
                    break;
                }
            }
        }
        return;
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..limits::BOOTSTRAP_RESAMPLES {
        drawn.fill_with(|| random.random_range(0..trials));
        on_draw(&drawn);
    }
}

/// The 95 % interval of a statistic that is `centre` for all trials together and `replicates` for the resamples.
///
/// `None` with fewer than two trials, or if the interval would be infinite.
pub fn interval_around(centre: f64, replicates: &[f64], trials: usize) -> Option<[f64; 2]> {
    if trials < 2 || replicates.is_empty() {
        return None;
    }
    let t = student_t(trials - 1);
    let error = |values: &[f64]| deviation(values) * few_trials(trials);
    let interval = if centre > 0.0 && replicates.iter().all(|value| *value > 0.0) {
        let logarithms: Vec<f64> = replicates.iter().map(|value| value.ln()).collect();
        let factor = (t * error(&logarithms)).exp();
        [centre / factor, centre * factor]
    } else {
        let half = t * error(replicates);
        // A statistic that is never negative has no interval below zero.
        let low_min = if centre >= 0.0 && replicates.iter().all(|value| *value >= 0.0) { 0.0 } else { f64::MIN };
        [(centre - half).max(low_min), centre + half]
    };
    interval.iter().all(|bound| bound.is_finite()).then_some(interval)
}

/// The correction for a resample of `trials` values, which varies less than a new sample would.
fn few_trials(trials: usize) -> f64 {
    (trials as f64 / (trials as f64 - 1.0)).sqrt()
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    // Relative to one of the values, so that the deviation of equal values is exactly zero.
    let origin = values.first().copied().unwrap_or_default();
    let mean = values.iter().map(|value| value - origin).sum::<f64>() / count;
    (values.iter().map(|value| (value - origin - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// The comparison of two samples of trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The first value divided by the second.
    pub ratio: f64,
    /// The 95 % interval of the ratio.
    pub ci95: [f64; 2],
    /// The interval excludes 1: the two differ. Otherwise they are equal within noise, and the interval is the bound.
    pub is_clear: bool,
    /// The probability of a ratio this far from 1 between two samples of the same thing; below 0.05 exactly if the
    /// difference is clear. For corrections when many differences are examined at once.
    pub p_value: f64,
}

/// Compares two independent sets of trials: the ratio of their values, and its interval.
///
/// `None` if either has fewer than two trials, or if the second value is zero and not everything else is, because there
/// is no ratio to zero. If a value is zero or negative, the difference is taken without logarithms and expressed as a
/// share of the second value.
pub fn difference(a: &Sample, b: &Sample) -> Option<Difference> {
    let trials = a.trials.min(b.trials);
    if trials < 2 || !a.all(f64::is_finite) || !b.all(f64::is_finite) {
        return None;
    }
    if b.value == 0.0 {
        let nothing = Difference { ratio: 1.0, ci95: [1.0, 1.0], is_clear: false, p_value: 1.0 };
        let is_zero = |value| value == 0.0;
        return (a.all(is_zero) && b.all(is_zero)).then_some(nothing);
    }
    let is_positive = a.all(|value| value > 0.0) && b.all(|value| value > 0.0);
    let scale = |value: f64| if is_positive { value.ln() } else { value / b.value.abs() };
    let error = a.error(scale).hypot(b.error(scale));
    let distance = scale(a.value) - scale(b.value);
    // The smaller sample's degrees of freedom for both: more would be too optimistic if the other is much larger.
    let freedom = 2 * (trials - 1);
    let half = student_t(freedom) * error;
    let to_ratio = |distance: f64| if is_positive { distance.exp() } else { 1.0 + distance * b.value.signum() };
    let mut ci95 = [to_ratio(distance - half), to_ratio(distance + half)];
    ci95.sort_by(f64::total_cmp);
    // A rounding error of the logarithms is not a difference.
    let is_equal = distance.abs() <= 1e-12;
    let p_value = if is_equal { 1.0 } else { 2.0 * students(freedom).sf(distance.abs() / error) };
    let is_clear = !is_equal && distance.abs() > half;
    let is_bounded = ci95.iter().all(|bound| bound.is_finite());
    is_bounded.then_some(Difference { ratio: a.value / b.value, ci95, is_clear, p_value })
}

/// The slope of the least-squares line through points, and its 95 % interval by Student's t with n − 2 degrees of
/// freedom. `None` for fewer than three points, or if all have the same x.
///
/// Source: Draper and Smith, "Applied Regression Analysis", 3rd edition, 1998, sections 1.2 to 1.4.
pub fn slope(points: &[(f64, f64)]) -> Option<(f64, [f64; 2])> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if points.len() < 3 || spread <= 0.0 {
        return None;
    }
    let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
    let left: f64 = points.iter().map(|(x, y)| (y - mean_y - slope * (x - mean_x)).powi(2)).sum();
    let half = student_t(points.len() - 2) * (left / (count - 2.0) / spread).sqrt();
    Some((slope, [slope - half, slope + half]))
}

/// Student's t distribution with `freedom` degrees of freedom, which must be 1 or more.
fn students(freedom: usize) -> StudentsT {
    StudentsT::new(0.0, 1.0, freedom as f64).expect("a scale of 1 and at least one degree of freedom")
}

/// The two-sided 95 % quantile of Student's t distribution.
fn student_t(freedom: usize) -> f64 {
    students(freedom).inverse_cdf((1.0 + CONFIDENCE) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The difference of the medians of two lists of values.
    fn difference(a: &[f64], b: &[f64], seed: u64) -> Option<Difference> {
        super::difference(&Sample::of_median(a, seed)?, &Sample::of_median(b, seed)?)
    }

    /// Trials of a quantity whose true value is 1, with noise of this relative size.
    fn trials(count: usize, noise: f64, random: &mut ChaCha8Rng) -> Vec<f64> {
        // Box and Muller: a normal deviate from two uniform ones.
        let mut normal = || {
            let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
            radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
        };
        (0..count).map(|_| (noise * normal()).exp()).collect()
    }

    /// Pairs of samples in one simulation: enough to distinguish 5 % from 8 %, few enough for a debug build.
    const PAIRS: u64 = 300;

    /// The share of [`PAIRS`] pairs of samples, the second times `factor`, that are called different.
    fn share_called_different(rounds: [usize; 2], noise: [f64; 2], factor: f64) -> f64 {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let different = (0..PAIRS).filter(|seed| {
            let a = trials(rounds[0], noise[0], &mut random);
            let b: Vec<f64> = trials(rounds[1], noise[1], &mut random).iter().map(|value| value * factor).collect();
            difference(&a, &b, *seed).unwrap().is_clear
        });
        different.count() as f64 / PAIRS as f64
    }

    #[test]
    fn two_runs_of_the_same_thing_are_within_noise() {
        let even = [0.03, 0.03];
        let uneven = [0.001, 0.1];
        for (rounds, noise) in
            [([2, 2], even), ([3, 3], even), ([5, 5], even), ([3, 9], even), ([3, 3], uneven), ([5, 5], uneven)]
        {
            let share = share_called_different(rounds, noise, 1.0);
            assert!(share <= 0.08, "{share} of pairs of {rounds:?} rounds with noise {noise:?} called different");
        }
    }

    #[test]
    fn a_shift_of_a_fifth_is_found_under_three_percent_of_noise() {
        for (rounds, least) in [([3, 3], 0.9), ([4, 4], 0.99), ([5, 5], 0.99)] {
            let share = share_called_different(rounds, [0.03, 0.03], 1.2);
            assert!(share >= least, "found in {share} of {rounds:?} rounds");
        }
    }

    #[test]
    fn the_interval_of_a_median_contains_the_truth_as_often_as_it_claims() {
        for rounds in [2, 3, 5, 8] {
            let mut random = ChaCha8Rng::seed_from_u64(3);
            let holds = (0..PAIRS).filter(|seed| {
                let [low, high] = interval(&trials(rounds, 0.05, &mut random), *seed).unwrap();
                low <= 1.0 && 1.0 <= high
            });
            let share = holds.count() as f64 / PAIRS as f64;
            assert!((0.92..=0.995).contains(&share), "{share} of intervals of {rounds} rounds contain the truth");
        }
    }

    #[test]
    fn few_trials_are_resampled_in_every_possible_way_and_many_at_random() {
        let mut draws = std::collections::BTreeSet::new();
        for_each_resample(3, 1, |drawn| assert!(draws.insert(drawn.to_vec())));
        assert_eq!(draws.len(), 27);
        let mut count = 0;
        for_each_resample(9, 1, |drawn| count += usize::from(drawn.iter().all(|index| *index < 9)));
        assert_eq!(count, limits::BOOTSTRAP_RESAMPLES);
    }

    #[test]
    fn students_t_agrees_with_the_published_tables() {
        for (freedom, t) in [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (7, 2.365), (30, 2.042), (61, 2.000)] {
            assert!((student_t(freedom) - t).abs() < 0.001, "{freedom}: {}", student_t(freedom));
        }
    }

    #[test]
    fn a_median_is_the_middle_value() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn one_trial_has_no_interval_and_equal_trials_have_an_interval_of_zero_width() {
        assert_eq!(interval(&[5.0], 1), None);
        assert_eq!(difference(&[5.0], &[4.0], 1), None);
        assert_eq!(interval(&[5.0, 5.0, 5.0], 1), Some([5.0, 5.0]));
        let same = difference(&[5.0, 5.0], &[5.0, 5.0], 1).unwrap();
        assert_eq!((same.ratio, same.ci95, same.is_clear, same.p_value), (1.0, [1.0, 1.0], false, 1.0));
        let other = difference(&[6.0, 6.0], &[5.0, 5.0], 1).unwrap();
        assert!(other.is_clear && other.p_value == 0.0, "{other:?}");
    }

    #[test]
    fn zero_and_negative_values_are_compared_without_logarithms() {
        let nothing = [0.0, 0.0, 0.0];
        assert!(!difference(&nothing, &nothing, 1).unwrap().is_clear);
        assert_eq!(difference(&[1.0, 1.0, 1.0], &nothing, 1), None, "there is no ratio to zero");
        let fell = difference(&nothing, &[10.0, 10.1, 9.9], 1).unwrap();
        assert!(fell.is_clear && fell.ratio.abs() < 1e-9, "{fell:?}");
        let negative = difference(&[-20.0, -20.1, -19.9], &[-10.0, -10.1, -9.9], 1).unwrap();
        assert!(negative.is_clear && (negative.ratio - 2.0).abs() < 1e-9, "{negative:?}");
        let [low, high] = interval(&[0.0, 1.0, 2.0], 1).unwrap();
        assert!(low == 0.0 && high > 2.0, "{low} {high}");
    }

    #[test]
    fn a_line_through_exact_points_has_their_slope_and_one_through_noise_an_interval_that_contains_it() {
        let exact: Vec<(f64, f64)> = [10.0, 100.0, 1_000.0].map(|x| (x, 5e6 + 8_192.0 * x)).to_vec();
        let (found, [low, high]) = slope(&exact).unwrap();
        assert!((found - 8_192.0).abs() < 1e-3 && high - low < 1.0, "{found} {low} {high}");
        // Anscombe's first set (The American Statistician 27, 1973): slope 0.500, standard error 0.118.
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let points: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
        let (found, [low, high]) = slope(&points).unwrap();
        assert!((found - 0.500).abs() < 0.001 && ((high - low) / 2.0 - 2.262 * 0.118).abs() < 0.001, "{low} {high}");
        assert_eq!((slope(&points[..2]), slope(&[(1.0, 2.0); 5])), (None, None));
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let values = [1.0, 1.1, 0.9, 1.3, 1.25, 0.8];
        assert_eq!(interval(&values, 42), interval(&values, 42));
        assert_ne!(interval(&values, 42), interval(&values, 43));
    }
}
