//! The transports along a sweep: which is lowest at its ends, and where two cross over.

#[cfg(test)]
mod tests;

use crate::report::findings::ranking::{Ranking, Winner, apart, is_equal};
use crate::report::findings::view::{Drawn, Setting, View};
use crate::run::Transport;
use crate::run::file::Verdict;
use crate::run::metric::Unit;
use crate::stats::{Difference, difference};

/// A crossing is not reported if the difference on one side is smaller than this: with six pairs at many points, some
/// interval excludes 1 by chance alone.
const CHANGE_MIN: f64 = 0.05;

/// How one pair changes its order along a sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    /// The two cross over.
    Crossing {
        /// The pair.
        pair: [Transport; 2],
        /// The transport that is lower before.
        lower_before: Transport,
        /// The estimated position.
        near: f64,
        /// The two swept values around it.
        between: [f64; 2],
    },
    /// The two become equal within noise.
    Merging {
        /// The pair.
        pair: [Transport; 2],
        /// The transport that is lower before.
        lower_before: Transport,
        /// The swept value from which they are equal.
        from: f64,
        /// The factor within which they are equal.
        within: f64,
    },
}

/// How all pairs change their order along a sweep.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Changes {
    /// No pair has two points at which it can be compared.
    NotComparable,
    /// Every pair keeps its order.
    None,
    /// No pair clearly changes its order, but not every comparison is decided.
    NoneClear,
    /// These pairs change their order.
    Some(Vec<Change>),
}

/// Two transports, with the ratio of the first to the second at each swept value where it is known.
struct Pair {
    transports: [Transport; 2],
    at: Vec<(f64, Difference)>,
}

/// Which pairs cross over or become equal in `drawn` along `points`.
pub(crate) fn changes(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn) -> Changes {
    let transports = view.transports();
    let (mut found, mut has_any, mut is_all_decided) = (Vec::new(), false, true);
    for (index, first) in transports.iter().enumerate() {
        for second in &transports[index + 1..] {
            let pair = Pair::of(view, setting, points, drawn, [*first, *second]);
            has_any |= pair.at.len() > 1;
            is_all_decided &= pair.at.iter().all(|(_, found)| found.is_clear || is_equal(found.ci95));
            found.extend(pair.change());
        }
    }
    match (found.is_empty(), has_any, is_all_decided) {
        (false, ..) => Changes::Some(found),
        (true, false, _) => Changes::NotComparable,
        (true, true, true) => Changes::None,
        (true, true, false) => Changes::NoneClear,
    }
}

/// How one pair changes its order along the sweep; `None` if it keeps its order.
pub(crate) fn change_of(
    view: &View<'_>,
    setting: Setting,
    points: &[usize],
    drawn: Drawn,
    pair: [Transport; 2],
) -> Option<Change> {
    Pair::of(view, setting, points, drawn, pair).change()
}

impl Pair {
    fn of(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn, pair: [Transport; 2]) -> Self {
        let known = points.iter().filter_map(|point| {
            let found = compared(view, *point, drawn, pair)?;
            Some((setting.of(view.point(*point)?), found))
        });
        let mut at: Vec<(f64, Difference)> = known.collect();
        // Categories keep the order of the points.
        if !setting.is_category() {
            at.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        Self { transports: pair, at }
    }

    /// How the pair changes its order; `None` if it keeps it, or if the rounds do not decide.
    fn change(&self) -> Option<Change> {
        let clear: Vec<&(f64, Difference)> = self.at.iter().filter(|(_, found)| found.is_clear).collect();
        let is_change = |pair: &&[&(f64, Difference)]| (pair[0].1.ratio < 1.0) != (pair[1].1.ratio < 1.0);
        let mut changes = clear.windows(2).filter(is_change);
        let is_wide = |ratio: f64| (ratio - 1.0).abs() > CHANGE_MIN;
        let is_wide_on = |is_low: bool| clear.iter().any(|(_, one)| (one.ratio < 1.0) == is_low && is_wide(one.ratio));
        match (changes.next(), changes.next()) {
            (Some(ends), None) if is_wide_on(true) && is_wide_on(false) => {
                let ((from, before), (to, after)) = (ends[0], ends[1]);
                return Some(Change::Crossing {
                    pair: self.transports,
                    lower_before: self.lower(before),
                    near: two_digits(crossing(*from, *to, before.ratio, after.ratio)),
                    between: [*from, *to],
                });
            }
            // Several crossings are noise around equality, and so is a crossing with tiny differences.
            (Some(_), _) => return None,
            (None, _) => {}
        }
        if clear.iter().any(|(_, one)| is_wide(one.ratio)) { self.merging(&clear) } else { None }
    }

    /// The change if the two become equal after the last value at which they clearly differ.
    fn merging(&self, clear: &[&(f64, Difference)]) -> Option<Change> {
        let (last_clear, last) = clear.last()?;
        let after: Vec<&(f64, Difference)> = self.at.iter().filter(|(value, _)| value > last_clear).collect();
        let (from, first) = after.first()?;
        // "Clear before, not clear after" alone is no finding: after it the two must be equal within a narrow bound,
        // at every value, and the ratio must be another than before.
        let is_another = first.ci95[0] > last.ci95[1] || first.ci95[1] < last.ci95[0];
        if !is_another || !after.iter().all(|(_, one)| is_equal(one.ci95)) {
            return None;
        }
        let within = after.iter().map(|(_, one)| apart(one.ci95)).fold(1.0, f64::max);
        Some(Change::Merging { pair: self.transports, lower_before: self.lower(last), from: *from, within })
    }

    /// Which is the lower where the two compare like this.
    fn lower(&self, found: &Difference) -> Transport {
        self.transports[usize::from(found.ratio >= 1.0)]
    }
}

/// The ratio of two transports at one point, if both rows are usable and there is an interval.
fn compared(view: &View<'_>, point: usize, drawn: Drawn, [first, second]: [Transport; 2]) -> Option<Difference> {
    let sample = |transport| {
        let place = measured_at(view, point, transport)?;
        let is_usable = view.row(place, transport)?.verdict != Verdict::Invalid;
        view.sample(place, transport, drawn).filter(|_| is_usable)
    };
    difference(&sample(first)?, &sample(second)?)
}

/// The point that has a transport's row: the point itself, or, if only the poll interval is swept, the one point at
/// which the other transports were measured, because the interval does not affect them.
fn measured_at(view: &View<'_>, point: usize, transport: Transport) -> Option<usize> {
    let is_there = |point: &usize| view.row(*point, transport).is_some();
    let is_concerned = view.sweep() != Some(Setting::PollInterval) || transport == Transport::Polling;
    let elsewhere = || view.points().into_iter().filter(|_| !is_concerned).find(is_there);
    Some(point).filter(is_there).or_else(elsewhere)
}

/// Rounds to the two digits that an estimate between two measured points can have.
fn two_digits(value: f64) -> f64 {
    let decade = 10f64.powf(value.abs().log10().floor() - 1.0);
    if decade > 0.0 { (value / decade).round() * decade } else { value }
}

/// Where the ratio passes 1 between two known values: linear in the logarithm of the ratio, and of the setting if that
/// is above zero.
fn crossing(from: f64, to: f64, before: f64, after: f64) -> f64 {
    let share = before.ln() / (before.ln() - after.ln());
    if from > 0.0 { (from.ln() + (to.ln() - from.ln()) * share).exp() } else { from + (to - from) * share }
}

/// Which transports are lowest at one end of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lowest {
    /// The swept value.
    pub at: f64,
    /// The transports that are, or may be, lowest, in the order in which they are shown.
    pub leaders: Vec<Transport>,
    /// Whether the lowest is clear.
    pub winner: Winner,
}

/// Which are lowest at the two ends of a sweep.
pub(crate) fn lowest_at_ends(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn) -> Option<[Lowest; 2]> {
    let lowest = |point: &usize| lowest_at(view, setting, *point, drawn);
    Some([lowest(points.first()?)?, lowest(points.last()?)?])
}

/// Which are lowest at one point.
pub(crate) fn lowest_at(view: &View<'_>, setting: Setting, point: usize, drawn: Drawn) -> Option<Lowest> {
    let ranking = Ranking::of(view, point, drawn)?;
    let mut leaders = ranking.leaders();
    leaders.sort_unstable();
    Some(Lowest { at: setting.of(view.point(point)?), leaders, winner: ranking.winner() })
}

/// Where one transport is lowest, of the points at which it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BestAt {
    /// The transport.
    pub transport: Transport,
    /// The point, if the transport is clearly lower there than at the next best; `None` if the rounds do not decide.
    pub point: Option<usize>,
}

/// Where a transport is lowest; `None` if fewer than two points can be compared.
pub(crate) fn best_at(view: &View<'_>, points: &[usize], transport: Transport, drawn: Drawn) -> Option<BestAt> {
    let usable = |point: &usize| {
        let row = view.row(*point, transport).filter(|row| row.verdict != Verdict::Invalid)?;
        Some((drawn.shown_of(row)?, *point))
    };
    let mut found: Vec<(f64, usize)> = points.iter().filter_map(usable).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let [(_, best), (_, next), ..] = found.as_slice() else { return None };
    let sample = |point: usize| view.sample(point, transport, drawn);
    // A withheld figure may be lower.
    let is_withheld = |point: &usize| match drawn {
        Drawn::Metric(metric) => view.row(*point, transport).is_some_and(|row| row.why_withheld(metric).is_some()),
        Drawn::Overhead => false,
    };
    let is_clear = difference(&sample(*next)?, &sample(*best)?).is_some_and(|found| found.is_clear);
    let is_clear = is_clear && !points.iter().any(is_withheld);
    Some(BestAt { transport, point: Some(*best).filter(|_| is_clear) })
}

/// How two transports compare at one swept value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Compared {
    /// The swept value.
    pub at: f64,
    /// The two; the higher first where they differ.
    pub pair: [Transport; 2],
    /// Their relation.
    pub relation: Relation,
}

/// The relation of one transport to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Relation {
    /// Equal within this factor.
    Equal(f64),
    /// The rounds do not rule out a difference of up to this factor.
    Inconclusive {
        /// The number of rounds, at least.
        rounds: usize,
        /// The factor.
        factor: f64,
    },
    /// The ratio of the first to the second.
    Ratio {
        /// The ratio.
        ratio: f64,
        /// Its interval.
        ci95: [f64; 2],
    },
    /// Two shares, which are compared by their difference.
    Shares {
        /// The shares of the first and the second.
        shares: [f64; 2],
        /// The interval of their difference.
        apart: [f64; 2],
    },
}

/// How far the highest is from the lowest at one point.
pub(crate) fn spread(view: &View<'_>, setting: Setting, point: usize, drawn: Drawn) -> Option<Compared> {
    let ranking = Ranking::of(view, point, drawn)?;
    let (highest, _) = ranking.behind.last()?;
    pair(view, setting, point, drawn, [*highest, ranking.best])
}

/// How two transports compare at one point.
pub(crate) fn pair(
    view: &View<'_>,
    setting: Setting,
    point: usize,
    drawn: Drawn,
    pair: [Transport; 2],
) -> Option<Compared> {
    let found = compared(view, point, drawn, pair)?;
    let at = setting.of(view.point(point)?);
    let sample = |one| measured_at(view, point, one).and_then(|place| view.sample(place, one, drawn));
    if !found.is_clear {
        let rounds = pair.map(|one| sample(one).map_or(0, |sample| sample.trials));
        let factor = apart(found.ci95);
        let relation = match is_equal(found.ci95) {
            true => Relation::Equal(factor),
            false => Relation::Inconclusive { rounds: rounds[0].min(rounds[1]), factor },
        };
        return Some(Compared { at, pair, relation });
    }
    // The larger over the smaller: a ratio below 1 is hard to read.
    let [first, second] = pair;
    let (pair, ratio, ci95) = match found.ratio < 1.0 {
        true => ([second, first], 1.0 / found.ratio, [1.0 / found.ci95[1], 1.0 / found.ci95[0]]),
        false => (pair, found.ratio, found.ci95),
    };
    let relation = match drawn.unit() {
        Unit::Nanos | Unit::Bytes | Unit::Count => Relation::Ratio { ratio, ci95 },
        Unit::Fraction => {
            let [Some(high), Some(low)] = pair.map(|one| sample(one).map(|sample| sample.value)) else { return None };
            // The interval of the ratio, converted to a difference from the lower share.
            Relation::Shares { shares: [high, low], apart: ci95.map(|ratio| low * (ratio - 1.0)) }
        }
    };
    Some(Compared { at, pair, relation })
}
