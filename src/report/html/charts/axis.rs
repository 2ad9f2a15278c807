//! A linear or logarithmic axis with ticks at round values.

use crate::report::html::charts::drawing::px;
use crate::report::html::charts::text;

/// Least room between two labels on one line.
const LABEL_GAP: i32 = px(6);

/// Labels whose distances differ by no more than this are evenly spaced.
const EVEN: i32 = px(1);

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

    /// What an axis counts, with a note if it is logarithmic.
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

    /// An axis with exactly these ends and labels.
    pub fn exact(from: f64, to: f64, scale: Scale, labelled: Vec<f64>) -> Self {
        Self { from, to, scale, labelled, minor: Vec::new() }
    }

    /// An axis over swept values, with a label at each value or, if there are more than `labels_max`, at some of them.
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
        // The last value always has a label; before it, each that is far enough from the previous label.
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

    fn linear(low: f64, high: f64, ticks: usize) -> Self {
        // Values that are all zero have no length of their own.
        let length = if high > low { high - low } else { 1.0 };
        let step = round_step(length / ticks.max(1) as f64);
        let (first, last) = ((low / step).floor() as i64, (high / step).ceil().max(1.0) as i64);
        let labelled: Vec<f64> = (first..=last).map(|count| count as f64 * step).collect();
        Self { from: first as f64 * step, to: last as f64 * step, scale: Scale::Linear, labelled, minor: Vec::new() }
    }

    fn log(low: f64, high: f64, ticks: usize) -> Self {
        let decades = (low.log10().floor() as i32 - 1)..=(high.log10().ceil() as i32 + 1);
        let marks = |steps: &[f64], every: i32| -> Vec<f64> {
            let kept = decades.clone().filter(|decade| decade.rem_euclid(every) == 0);
            kept.flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade))).collect()
        };
        let ends = marks(&[1.0, 2.0, 5.0], 1);
        // A small tolerance, so that 0.1 × 10 is not larger than 1.
        let from = ends.iter().copied().rfind(|end| *end <= low * 1.000_001).unwrap_or(low);
        let to = ends.iter().copied().find(|end| *end >= high * 0.999_999 && *end > from * 1.5).unwrap_or(high);
        let inside = |steps: &[f64], every: i32| -> Vec<f64> {
            let is_inside = |value: &f64| *value >= from * 0.999_999 && *value <= to * 1.000_001;
            marks(steps, every).into_iter().filter(is_inside).collect()
        };
        // The finest step with few enough labels, but at least two: with fewer, no value could be read.
        let mut labelled = inside(&[1.0, 2.0, 5.0], 1);
        for every in 1..=decades.clone().count() as i32 {
            let coarser = inside(&[1.0], every);
            if labelled.len() <= ticks || coarser.len() < 2 {
                break;
            }
            labelled = coarser;
        }
        let minor = inside(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 1);
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

    /// The coordinate of `value`, given the coordinates `first` and `last` of the axis' ends.
    pub fn place(&self, value: f64, first: i32, last: i32) -> i32 {
        first + (self.share(value).clamp(-0.5, 1.5) * f64::from(last - first)).round() as i32
    }

    /// The labels with their words: as many as fit next to each other on `length` units, with the ends first. Evenly
    /// spaced labels stay evenly spaced, except for the last.
    pub fn ticks_across(&self, label: &dyn Fn(f64) -> String, size_px: i32, length: i32) -> Vec<(f64, String)> {
        let room = |(value, text): &(f64, String)| {
            let half = text::width(text, size_px) / 2 + LABEL_GAP / 2;
            let at = self.place(*value, 0, length);
            (at - half, at + half)
        };
        let mut all: Vec<(f64, String)> = self.labelled.iter().map(|value| (*value, label(*value))).collect();
        all.sort_by_key(|tick| self.place(tick.0, 0, length));
        let is_clear = |pair: &[(f64, String)]| room(&pair[0]).1 <= room(&pair[1]).0;
        let places: Vec<i32> = all.iter().map(|tick| self.place(tick.0, 0, length)).collect();
        let gaps = || places.windows(2).map(|pair| pair[1] - pair[0]);
        let is_even = gaps().max().unwrap_or_default() - gaps().min().unwrap_or_default() <= EVEN;
        let end = all.len().saturating_sub(1);
        for every in (1..=end).filter(|_| is_even) {
            // All of these that are at least as far from the last as from each other; and the last.
            let indices = (0..end).step_by(every).filter(|index| index + every <= end).chain([end]);
            let kept: Vec<_> = indices.map(|index| all[index].clone()).collect();
            if kept.windows(2).all(is_clear) {
                return kept;
            }
        }
        let Some(last) = all.pop() else { return all };
        let mut kept: Vec<(f64, String)> = Vec::new();
        for (index, tick) in all.into_iter().enumerate() {
            let is_free = kept.last().is_none_or(|before| room(before).1 <= room(&tick).0);
            if is_free && (index == 0 || room(&tick).1 <= room(&last).0) {
                kept.push(tick);
            }
        }
        if kept.last().is_none_or(|before| room(before).1 <= room(&last).0) {
            kept.push(last);
        }
        kept
    }

    /// The values with a faint line only.
    pub fn minor(&self) -> &[f64] {
        &self.minor
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
    fn labels_that_would_touch_are_left_out_and_the_ends_stay() {
        let shown = |values: &[f64], length_px: i32| -> Vec<f64> {
            let axis = Axis::exact(0.0, 4.0, Scale::Linear, values.to_vec());
            let ticks = axis.ticks_across(&|value| format!("{value} updates"), 13, px(length_px));
            ticks.into_iter().map(|(value, _)| value).collect()
        };
        assert_eq!(shown(&[0.0, 0.3, 1.0, 2.0, 3.7, 4.0], 400), [0.0, 1.0, 2.0, 4.0]);
        assert_eq!(shown(&[0.0, 0.3, 1.0, 2.0, 3.7, 4.0], 2000), [0.0, 0.3, 1.0, 2.0, 3.7, 4.0]);
        assert_eq!(shown(&[4.0, 0.0], 400), [0.0, 4.0], "in order of their places");
        assert_eq!(shown(&[0.0, 4.0], 20), [0.0], "one where there is no room for two");
        let even =
            |count: u32| (0..count).map(|index| f64::from(index) * 4.0 / f64::from(count - 1)).collect::<Vec<_>>();
        let kept = |count: u32, length_px| {
            let axis = Axis::exact(0.0, 4.0, Scale::Linear, even(count));
            let ticks = axis.ticks_across(&|_| "65,536 B".to_owned(), 13, px(length_px));
            ticks.iter().map(|tick| (tick.0 * f64::from(count - 1) / 4.0).round() as u32).collect::<Vec<_>>()
        };
        assert_eq!(kept(7, 330), [0, 2, 4, 6]);
        // Short labels first: more of them would fit, but not evenly.
        let axis = Axis::exact(0.0, 6.0, Scale::Linear, (0..7).map(f64::from).collect());
        let ticks = axis.ticks_across(&|value| format!("{} B", 4u32.pow(value as u32 + 2)), 13, px(330));
        assert_eq!(ticks.iter().map(|tick| tick.0).collect::<Vec<_>>(), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(kept(12, 500), [0, 2, 4, 6, 8, 11]);
    }

    #[test]
    fn a_log_axis_has_two_labels_or_more_and_never_many() {
        for ticks in 3..=7 {
            for (low, decades) in
                [(3.0, 0.1), (2.0, 1.0), (2.0, 1.4), (0.7, 1.0), (4e5, 2.0), (1.0, 4.0), (2e-3, 9.0), (1e-6, 14.0)]
            {
                let high = low * 10f64.powf(decades);
                let labelled = Axis::fit([low, high].into_iter(), Scale::Log, ticks).unwrap().labelled;
                assert!(labelled.len() >= 2, "{low} to {high}: {labelled:?}");
                assert!(labelled.len() <= ticks.max(5), "{low} to {high}, {ticks}: {labelled:?}");
                let ratio = labelled[1] / labelled[0];
                let is_even = labelled.windows(2).all(|pair| (pair[1] / pair[0] / ratio - 1.0).abs() < 1e-6);
                assert!(is_even || labelled.windows(2).all(|pair| pair[1] / pair[0] < 2.6), "{labelled:?}");
            }
        }
    }

    #[test]
    fn places_are_even_in_differences_or_in_ratios() {
        let linear = Axis::exact(0.0, 4.0, Scale::Linear, Vec::new());
        assert_eq!([0.0, 1.0, 4.0].map(|value| linear.place(value, 100, 500)), [100, 200, 500]);
        let log = Axis::exact(1.0, 1e4, Scale::Log, Vec::new());
        assert_eq!([1.0, 10.0, 1e4].map(|value| log.place(value, 500, 100)), [500, 400, 100], "upwards");
    }

    #[test]
    fn an_axis_of_zeros_has_labels_that_differ() {
        assert_eq!(Axis::fit([0.0, 0.0].into_iter(), Scale::Linear, 4).unwrap().labelled, [0.0, 0.5]);
    }

    #[test]
    fn a_span_decides_between_linear_and_log() {
        assert_eq!(Scale::for_span([1.0, 30.0].into_iter(), 20.0), Scale::Log);
        assert_eq!(Scale::for_span([1.0, 10.0].into_iter(), 20.0), Scale::Linear);
        assert_eq!(Scale::for_span([0.0, 300.0].into_iter(), 20.0), Scale::Linear, "zero has no logarithm");
    }
}
