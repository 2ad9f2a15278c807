//! An axis, linear or logarithmic, with ticks of our own choice.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// How values are laid out along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equal differences; begins at zero.
    Linear,
    /// Equal steps are equal ratios.
    Log,
}

impl Scale {
    /// Logarithmic where the values span more than `span` times, and all are above zero.
    pub fn for_span(values: impl Iterator<Item = f64>, span: f64) -> Self {
        match extent(values) {
            Some((low, high)) if low > 0.0 && high / low > span => Self::Log,
            Some(_) | None => Self::Linear,
        }
    }

    /// What an axis counts, with a word where its steps are ratios.
    pub fn noted(self, what: &str) -> String {
        match self {
            Self::Linear => what.to_owned(),
            Self::Log => format!("{what}, log scale"),
        }
    }
}

/// An axis with its ends and its ticks. `from` may be larger than `to`: then it runs the other way.
#[derive(Clone, Debug)]
pub struct Axis {
    from: f64,
    to: f64,
    scale: Scale,
    /// Ticks with a label and a line.
    labelled: Vec<f64>,
    /// Ticks with a faint line only.
    minor: Vec<f64>,
}

impl Axis {
    /// An axis that holds all `values`, with about `ticks` labels. Without a value there is nothing to draw.
    pub fn fit(values: impl Iterator<Item = f64>, scale: Scale, ticks: usize) -> Option<Self> {
        let values: Vec<f64> = values.filter(|value| scale == Scale::Linear || *value > 0.0).collect();
        let (low, high) = extent(values.into_iter())?;
        Some(match scale {
            Scale::Linear => Self::linear(low.min(0.0), high, ticks),
            Scale::Log => Self::log(low, high, ticks),
        })
    }

    /// An axis that ends exactly where it is told, with exactly these labels.
    pub fn exact(from: f64, to: f64, scale: Scale, labelled: Vec<f64>) -> Self {
        Self { from, to, scale, labelled, minor: Vec::new() }
    }

    /// An axis over swept values, with a label at each as far as `labels_max` fit beside one another.
    pub fn at(values: &[f64], scale: Scale, labels_max: usize) -> Option<Self> {
        let (low, high) = extent(values.iter().copied())?;
        let margin = 0.04;
        let (from, to) = match scale {
            Scale::Linear if low < high => (low - (high - low) * margin, high + (high - low) * margin),
            Scale::Linear => (low - 1.0, high + 1.0),
            Scale::Log => {
                let reach = (high / low).powf(margin).max(1.05);
                (low / reach, high * reach)
            }
        };
        let mut axis = Self { from, to, scale, labelled: Vec::new(), minor: Vec::new() };
        // The last value is always named; before it, each that keeps its distance from the one named last.
        let apart = 1.0 / labels_max.max(1) as f64;
        let end = axis.share(high);
        for value in values.iter().copied() {
            let here = axis.share(value);
            let is_clear = axis.labelled.last().is_none_or(|last| here - axis.share(*last) >= apart);
            if value == high || (is_clear && end - here >= apart) {
                axis.labelled.push(value);
            }
        }
        Some(axis)
    }

    /// One place for each of `count` rows, the first on top.
    pub fn rows(count: usize) -> Self {
        let labelled = (0..count).map(|row| row as f64).collect();
        Self { from: count as f64 - 0.5, to: -0.5, scale: Scale::Linear, labelled, minor: Vec::new() }
    }

    fn linear(low: f64, high: f64, ticks: usize) -> Self {
        let step = round_step((high - low).max(f64::MIN_POSITIVE) / ticks.max(1) as f64);
        let (first, last) = ((low / step).floor() as i64, (high / step).ceil().max(1.0) as i64);
        let labelled: Vec<f64> = (first..=last).map(|count| count as f64 * step).collect();
        Self { from: first as f64 * step, to: last as f64 * step, scale: Scale::Linear, labelled, minor: Vec::new() }
    }

    fn log(low: f64, high: f64, ticks: usize) -> Self {
        let decades = || (low.log10().floor() as i32 - 1)..=(high.log10().ceil() as i32 + 1);
        let marks = |steps: &'static [f64]| -> Vec<f64> {
            decades().flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade))).collect()
        };
        let ends = marks(&[1.0, 2.0, 5.0]);
        // A hair of tolerance, so that 0.1 × 10 is not taken for more than 1.
        let from = ends.iter().copied().rfind(|end| *end <= low * 1.000_001).unwrap_or(low);
        let to = ends.iter().copied().find(|end| *end >= high * 0.999_999 && *end > from * 1.5).unwrap_or(high);
        let inside = |value: &f64| *value >= from * 0.999_999 && *value <= to * 1.000_001;
        let all = |steps: &'static [f64]| -> Vec<f64> { marks(steps).into_iter().filter(inside).collect() };
        let labelled = if (to / from).log10() * 3.0 <= ticks as f64 { all(&[1.0, 2.0, 5.0]) } else { all(&[1.0]) };
        let minor = all(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        Self { from, to, scale: Scale::Log, labelled, minor }
    }

    /// Where `value` lies between the ends: 0 at `from`, 1 at `to`.
    fn share(&self, value: f64) -> f64 {
        let on_scale = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
        };
        let length = on_scale(self.to) - on_scale(self.from);
        if length == 0.0 { 0.5 } else { (on_scale(value) - on_scale(self.from)) / length }
    }

    /// True if `value` can be placed: inside the ends, and above zero on a logarithmic axis.
    pub fn holds(&self, value: f64) -> bool {
        (-0.001..=1.001).contains(&self.share(value)) && (self.scale == Scale::Linear || value > 0.0)
    }

    /// The same with only as many labels as fit beside one another, each `label_px` wide, on `length_px`.
    pub fn spaced(&self, label_px: i32, length_px: i32) -> Self {
        let apart = f64::from(label_px) / f64::from(length_px.max(1));
        let mut labelled: Vec<f64> = Vec::new();
        for value in self.labelled.iter().copied() {
            let is_clear = labelled.last().is_none_or(|last| (self.share(value) - self.share(*last)).abs() >= apart);
            if is_clear {
                labelled.push(value);
            }
        }
        Self { labelled, ..self.clone() }
    }

    /// The same without its minor ticks, for a chart too small to show them.
    pub fn plain(&self) -> Self {
        Self { minor: Vec::new(), ..self.clone() }
    }

    /// The values with a label.
    pub fn labels(&self) -> impl Iterator<Item = f64> {
        self.labelled.iter().copied()
    }

    /// The ends, the smaller first.
    pub fn ends(&self) -> (f64, f64) {
        (self.from.min(self.to), self.from.max(self.to))
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        first + (self.share(*value).clamp(-0.5, 1.5) * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { self.minor.clone() } else { self.labelled.clone() }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

/// The nearest step above `raw` that people count in: 1, 2 or 5 times a power of ten.
fn round_step(raw: f64) -> f64 {
    let decade = 10f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * decade).find(|step| *step >= raw * 0.999).unwrap_or(decade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_axis_begins_at_zero_and_holds_every_value() {
        let axis = Axis::fit([230.0, 1998.0].into_iter(), Scale::Linear, 5).unwrap();
        assert_eq!(axis.labelled, [0.0, 500.0, 1000.0, 1500.0, 2000.0]);
        assert!(axis.holds(1998.0) && axis.holds(0.0) && !axis.holds(2100.0));
    }

    #[test]
    fn a_log_axis_ends_close_to_its_values() {
        let axis = Axis::fit([3e5, 9e8].into_iter(), Scale::Log, 6).unwrap();
        assert_eq!(axis.ends().0, 2e5);
        assert!((axis.ends().1 / 1e9 - 1.0).abs() < 1e-6);
        assert_eq!(axis.labelled.len(), 4, "{:?}", axis.labelled);
        assert!(!axis.holds(0.0), "zero has no place on a logarithmic axis");
    }

    #[test]
    fn a_single_value_still_makes_an_axis() {
        for scale in [Scale::Linear, Scale::Log] {
            let axis = Axis::fit([5.0].into_iter(), scale, 5).unwrap();
            assert!(axis.holds(5.0), "{axis:?}");
            assert!(Axis::at(&[5.0], scale, 5).unwrap().holds(5.0));
        }
        assert!(Axis::fit(std::iter::empty(), Scale::Linear, 5).is_none());
        assert!(Axis::fit([0.0].into_iter(), Scale::Linear, 5).unwrap().holds(0.0));
    }

    #[test]
    fn labels_of_swept_values_keep_their_distance() {
        let axis = Axis::at(&[1.0, 2.0, 3.0, 100.0], Scale::Linear, 4).unwrap();
        assert_eq!(axis.labelled, [1.0, 100.0]);
    }

    #[test]
    fn labels_that_would_touch_are_left_out() {
        let axis = Axis::exact(0.0, 4.0, Scale::Linear, vec![0.0, 0.3, 1.0, 2.0]);
        assert_eq!(axis.spaced(46, 270).labelled, [0.0, 1.0, 2.0]);
        assert_eq!(axis.spaced(46, 800).labelled, axis.labelled);
    }

    #[test]
    fn a_span_decides_between_linear_and_log() {
        assert_eq!(Scale::for_span([1.0, 30.0].into_iter(), 20.0), Scale::Log);
        assert_eq!(Scale::for_span([1.0, 10.0].into_iter(), 20.0), Scale::Linear);
        assert_eq!(Scale::for_span([0.0, 300.0].into_iter(), 20.0), Scale::Linear, "zero has no logarithm");
    }
}
