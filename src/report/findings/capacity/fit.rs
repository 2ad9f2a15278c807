//! Least squares with non-negative coefficients, and prediction intervals for a new observation.
//!
//! The noise of processor time is proportional to it, and not a number of microseconds. Errors are therefore relative
//! to the prediction: at first to the measurement, then repeatedly to the fitted value ("iteratively reweighted",
//! Björck, "Numerical Methods for Least Squares Problems", 1996, section 4.5). There are so few terms that every subset
//! of them is tried. Of the subsets with only positive coefficients, the one with the smallest error per degree of
//! freedom is used. This omits a term that the measurements do not show, instead of giving it a meaningless negative
//! coefficient.
//!
//! The prediction interval for a new observation (Draper and Smith, "Applied Regression Analysis", 1998, section 3.1)
//! is Student's t × the spread of the residuals × √(1 + leverage).

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A predicted figure with its interval, which contains the measurement in 95 of 100 similar cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Band {
    /// The most likely value.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Band {
    /// True if the interval contains this value.
    pub fn covers(&self, measured: f64) -> bool {
        (self.low..=self.high).contains(&measured)
    }

    /// The figure multiplied by a factor.
    pub fn times(self, factor: f64) -> Self {
        Self { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }

    /// The figure plus a constant.
    pub fn plus(self, more: f64) -> Self {
        Self { value: self.value + more, low: self.low + more, high: self.high + more }
    }
}

/// The probability that an interval contains the next measurement.
pub const CONFIDENCE: f64 = 0.95;

/// Number of reweighting steps. After these, the fit changes by less than a thousandth.
const REWEIGHTED: usize = 8;

/// Coefficients of `N` terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit<const N: usize> {
    /// One for each term; 0 for an omitted term.
    pub coefficients: [f64; N],
    /// The indices of the terms that are used.
    used: Vec<usize>,
    /// (XᵀX)⁻¹ of the relative rows.
    inverse: Vec<Vec<f64>>,
    /// Standard deviation of the relative residuals.
    pub spread: f64,
    /// Degrees of freedom: observations minus terms.
    freedom: usize,
}

impl<const N: usize> Fit<N> {
    /// Fits measurements. Each row has the terms and the measured value, above zero. `None` if there are too few rows
    /// to estimate an error.
    pub fn of(rows: &[([f64; N], f64)]) -> Option<Self> {
        let rows: Vec<_> = rows.iter().filter(|(_, measured)| *measured > 0.0).collect();
        let subsets = (1_u32..1 << N).map(|bits| (0..N).filter(|term| bits >> term & 1 == 1).collect::<Vec<_>>());
        let fits = subsets.filter_map(|used| Self::with(&rows, used));
        fits.min_by(|a, b| a.spread.total_cmp(&b.spread))
    }

    fn with(rows: &[&([f64; N], f64)], used: Vec<usize>) -> Option<Self> {
        let freedom = rows.len().checked_sub(used.len()).filter(|freedom| *freedom > 0)?;
        let mut scales: Vec<f64> = rows.iter().map(|(_, measured)| *measured).collect();
        let mut found = None;
        for _ in 0..REWEIGHTED {
            let relative: Vec<(Vec<f64>, f64)> = rows
                .iter()
                .zip(&scales)
                .map(|((terms, measured), scale)| (used.iter().map(|t| terms[*t] / scale).collect(), measured / scale))
                .collect();
            let inverse = inverse(&squares(&relative, used.len()))?;
            let moments: Vec<f64> =
                (0..used.len()).map(|t| relative.iter().map(|(row, wanted)| row[t] * wanted).sum()).collect();
            let solved: Vec<f64> = inverse.iter().map(|row| dot(row, &moments)).collect();
            if solved.iter().any(|coefficient| !coefficient.is_finite() || *coefficient <= 0.0) {
                return None;
            }
            let errors: f64 = relative.iter().map(|(row, wanted)| (wanted - dot(row, &solved)).powi(2)).sum();
            scales = rows.iter().map(|(terms, _)| used.iter().zip(&solved).map(|(t, c)| terms[*t] * c).sum()).collect();
            if scales.iter().any(|scale| *scale <= 0.0) {
                return None;
            }
            found = Some((solved, inverse, (errors / freedom as f64).sqrt()));
        }
        let (solved, inverse, spread) = found?;
        let mut coefficients = [0.0; N];
        used.iter().zip(solved).for_each(|(term, coefficient)| coefficients[*term] = coefficient);
        Some(Self { coefficients, used, inverse, spread, freedom })
    }

    /// The prediction for these terms.
    pub fn predict(&self, terms: &[f64; N]) -> Band {
        let value = dot(&self.coefficients, terms);
        let row: Vec<f64> = self.used.iter().map(|term| terms[*term] / value.max(f64::MIN_POSITIVE)).collect();
        let leverage: f64 = self.inverse.iter().zip(&row).map(|(of, own)| own * dot(of, &row)).sum();
        let half = student(self.freedom) * self.spread * (1.0 + leverage.max(0.0)).sqrt();
        Band { value, low: value * (1.0 - half).max(0.0), high: value * (1.0 + half) }
    }
}

/// The two-sided quantile of Student's t for [`CONFIDENCE`].
fn student(freedom: usize) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, freedom.max(1) as f64).expect("one degree of freedom or more");
    distribution.inverse_cdf(0.5 + CONFIDENCE / 2.0)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn squares(rows: &[(Vec<f64>, f64)], terms: usize) -> Vec<Vec<f64>> {
    let sum = |i: usize, j: usize| rows.iter().map(|(row, _)| row[i] * row[j]).sum();
    (0..terms).map(|i| (0..terms).map(|j| sum(i, j)).collect()).collect()
}

/// A pivot smaller than this share of its diagonal is zero, apart from rounding.
const SINGULAR: f64 = 1e-10;

/// The inverse of a symmetric matrix by Gauss-Jordan elimination, after scaling its diagonal to ones; `None` if it is
/// singular.
fn inverse(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let size = matrix.len();
    let scale: Vec<f64> = (0..size).map(|i| matrix[i][i].sqrt()).collect();
    if scale.iter().any(|scale| !scale.is_finite() || *scale <= 0.0) {
        return None;
    }
    let mut left: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| matrix[i][j] / (scale[i] * scale[j])).collect()).collect();
    let mut right: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for column in 0..size {
        // For a positive definite matrix, the diagonal elements are suitable pivots.
        let pivot = left[column][column];
        if pivot < SINGULAR {
            return None;
        }
        for matrix in [&mut left, &mut right] {
            matrix[column].iter_mut().for_each(|value| *value /= pivot);
        }
        for row in (0..size).filter(|row| *row != column) {
            let factor = left[row][column];
            for matrix in [&mut left, &mut right] {
                let pivot = matrix[column].clone();
                matrix[row].iter_mut().zip(&pivot).for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
    }
    Some((0..size).map(|i| (0..size).map(|j| right[i][j] / (scale[i] * scale[j])).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Rows of three terms that differ by powers of ten, with relative noise of `noise`.
    fn rows(truth: [f64; 3], noise: f64, count: usize, seed: u64) -> Vec<([f64; 3], f64)> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // The sum of twelve uniform numbers minus six is nearly normal.
        let mut draw = || {
            let terms = [1.0, 100.0, 10_000.0].map(|size| size * 10_f64.powf(random.random::<f64>() * 2.0));
            let normal: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            (terms, dot(&truth, &terms) * (1.0 + noise * normal))
        };
        (0..count).map(|_| draw()).collect()
    }

    #[test]
    fn exact_measurements_give_the_coefficients_and_a_term_without_effect_is_omitted() {
        let fit = Fit::of(&rows([5e-6, 3e-6, 1e-9], 0.0, 12, 1)).unwrap();
        for (found, true_one) in fit.coefficients.iter().zip([5e-6, 3e-6, 1e-9]) {
            assert!((found / true_one - 1.0).abs() < 1e-6, "{fit:?}");
        }
        let fit = Fit::of(&rows([5e-6, 0.0, 1e-9], 0.0, 12, 1)).unwrap();
        assert!(fit.coefficients[1].abs() < 1e-15, "{fit:?}");
    }

    #[test]
    fn an_interval_contains_nearly_all_new_measurements_and_is_no_wider_than_the_noise_needs() {
        let truth = [50e-6, 3e-6, 1e-9];
        let (mut held, mut all, mut width) = (0, 0, 0.0);
        for seed in 0..200 {
            let fit = Fit::of(&rows(truth, 0.1, 12, seed)).unwrap();
            for (terms, measured) in rows(truth, 0.1, 10, seed + 1_000) {
                let band = fit.predict(&terms);
                held += u32::from(band.covers(measured));
                all += 1;
                width += (band.high - band.low) / band.value;
            }
        }
        let share = f64::from(held) / f64::from(all);
        assert!((0.92..0.98).contains(&share), "{share}");
        assert!(width / f64::from(all) < 0.65, "{}", width / f64::from(all));
    }

    #[test]
    fn of_two_collinear_terms_one_is_used_and_too_few_rows_give_no_fit() {
        let same: Vec<_> = (1..10).map(|n| ([f64::from(n), f64::from(n)], f64::from(n) * 2.0)).collect();
        let fit = Fit::of(&same).unwrap();
        assert_eq!(fit.coefficients.iter().filter(|coefficient| **coefficient > 0.0).count(), 1);
        assert!((fit.predict(&[20.0, 20.0]).value - 40.0).abs() < 1e-9);
        assert_eq!(Fit::of(&same[..1]), None);
        assert_eq!(Fit::<1>::of(&[]), None);
    }
}
