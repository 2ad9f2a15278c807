//! Where along a sweep two transports change places, in words.

use crate::report::findings::ranking::{Lead, Ranking, apart, is_equal, left_open};
use crate::report::findings::view::{Drawn, Setting, View, capitalised, either, ends as within, listed, percent};
use crate::report::html::verdicts::above;
use crate::run::Transport;
use crate::run::file::Verdict;
use crate::run::metric::Unit;
use crate::stats::{Difference, difference};

/// A change of places in which one of the sides is closer than this is not told: with six pairs at many points, some
/// interval excludes 1 by chance alone.
const CHANGE_MIN: f64 = 0.05;

/// Two transports by name, and the ratio of the first to the second at each swept value at which one is known.
struct Pair<'a> {
    names: [&'a str; 2],
    at: Vec<(f64, Difference)>,
}

/// One sentence for each pair that changes places or becomes equal in `drawn` along `points`; if none does, one that
/// says so, or that the rounds cannot tell. Nothing where nothing could be compared.
pub(crate) fn sentences(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn) -> Vec<String> {
    let transports = view.transports();
    let (mut found, mut has_any, mut is_all_told) = (Vec::new(), false, true);
    for (index, first) in transports.iter().enumerate() {
        for second in &transports[index + 1..] {
            let pair = Pair::of(view, setting, points, drawn, [*first, *second]);
            has_any |= pair.at.len() > 1;
            is_all_told &= pair.at.iter().all(|(_, found)| found.is_clear || is_equal(found.ci95));
            found.extend(pair.sentence(setting));
        }
    }
    if found.is_empty() && has_any {
        found.push(match is_all_told {
            true => "No two transports change places.".to_owned(),
            false => "No two transports clearly change places; where the rounds leave no answer, some may.".to_owned(),
        });
    }
    found
}

/// What becomes of one pair along the sweep; `None` if it keeps its order.
pub(crate) fn between(
    view: &View<'_>,
    setting: Setting,
    points: &[usize],
    drawn: Drawn,
    pair: [Transport; 2],
) -> Option<String> {
    Pair::of(view, setting, points, drawn, pair).sentence(setting)
}

impl<'a> Pair<'a> {
    fn of(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn, pair: [Transport; 2]) -> Self {
        let known = points.iter().filter_map(|point| {
            let found = compared(view, *point, drawn, pair)?;
            Some((setting.of(view.point(*point)?), found))
        });
        let mut at: Vec<(f64, Difference)> = known.collect();
        at.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { names: pair.map(|transport| view.prose(transport)), at }
    }

    /// What becomes of a pair along the sweep; nothing if it keeps its order, or if the rounds cannot tell.
    fn sentence(&self, setting: Setting) -> Option<String> {
        let [a, b] = self.names;
        let clear: Vec<&(f64, Difference)> = self.at.iter().filter(|(_, found)| found.is_clear).collect();
        let is_change = |pair: &&[&(f64, Difference)]| (pair[0].1.ratio < 1.0) != (pair[1].1.ratio < 1.0);
        let mut changes = clear.windows(2).filter(is_change);
        let is_wide = |ratio: f64| (ratio - 1.0).abs() > CHANGE_MIN;
        let is_wide_on = |is_low: bool| clear.iter().any(|(_, one)| (one.ratio < 1.0) == is_low && is_wide(one.ratio));
        match (changes.next(), changes.next()) {
            (Some(pair), None) if is_wide_on(true) && is_wide_on(false) => {
                let ((from, before), (to, after)) = (pair[0], pair[1]);
                let (below, above) = if before.ratio < 1.0 { (a, b) } else { (b, a) };
                let near = two_digits(crossing(*from, *to, before.ratio, after.ratio));
                let near = setting.phrase(near);
                let (from, to) = (setting.tick(*from), setting.tick(*to));
                return Some(capitalised(&format!(
                    "{a} and {b} change places near {near} (between {from} and {to}): {below} is lower before it, \
                     {above} after it."
                )));
            }
            // More than one change is noise around equality, and so is one that stays within a hair of it.
            (Some(_), _) => return None,
            (None, _) => {}
        }
        if !clear.iter().any(|(_, one)| is_wide(one.ratio)) {
            return None;
        }
        let (last_clear, last) = clear.last()?;
        let after: Vec<&(f64, Difference)> = self.at.iter().filter(|(value, _)| value > last_clear).collect();
        let (from, first) = after.first()?;
        // "Clear before, not clear after" alone is no finding: after it the two must be equal within a narrow bound,
        // at every value, and the ratio must be another than before.
        let is_another = first.ci95[0] > last.ci95[1] || first.ci95[1] < last.ci95[0];
        if !is_another || !after.iter().all(|(_, one)| is_equal(one.ci95)) {
            return None;
        }
        let bound = after.iter().map(|(_, one)| apart(one.ci95)).fold(1.0, f64::max);
        let lower = if last.ratio < 1.0 { a } else { b };
        Some(format!(
            "From {} on, {a} and {b} are equal within noise (±{} %); before it {lower} is lower.",
            setting.phrase(*from),
            percent(bound - 1.0)
        ))
    }
}

/// How two transports compare at one point, if both rows may be used and there is an interval.
fn compared(view: &View<'_>, point: usize, drawn: Drawn, [first, second]: [Transport; 2]) -> Option<Difference> {
    let sample = |transport| {
        let place = stands_at(view, point, transport)?;
        let is_usable = view.row(place, transport)?.verdict != Verdict::Invalid;
        view.sample(place, transport, drawn).filter(|_| is_usable)
    };
    difference(&sample(first)?, &sample(second)?)
}

/// Where a transport's row for a point is: there, or, where polls alone are swept, at the one point at which the others
/// were measured, since the poll interval is nothing to them.
fn stands_at(view: &View<'_>, point: usize, transport: Transport) -> Option<usize> {
    let is_there = |point: &usize| view.row(*point, transport).is_some();
    let is_concerned = view.sweep() != Some(Setting::PollInterval) || transport == Transport::Polling;
    let elsewhere = || view.points().into_iter().filter(|_| !is_concerned).find(is_there);
    Some(point).filter(is_there).or_else(elsewhere)
}

/// No more digits than an estimate between two measured points can have.
fn two_digits(value: f64) -> f64 {
    let decade = 10f64.powf(value.abs().log10().floor() - 1.0);
    if decade > 0.0 { (value / decade).round() * decade } else { value }
}

/// Where the ratio passes 1, between two values at which it is known: straight in the logarithm of the ratio, and of
/// the setting if that is above zero.
fn crossing(from: f64, to: f64, before: f64, after: f64) -> f64 {
    let share = before.ln() / (before.ln() - after.ln());
    if from > 0.0 { (from.ln() + (to.ln() - from.ln()) * share).exp() } else { from + (to - from) * share }
}

/// Who is lowest at the two ends of a sweep.
pub(crate) fn ends(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn) -> Option<String> {
    let (first, last) = (points.first()?, points.last()?);
    let lowest = |point: usize| {
        let standing = Ranking::of(view, point, drawn)?;
        let mut leaders = standing.leaders();
        leaders.sort_unstable();
        let names: Vec<String> = leaders.into_iter().map(|one| view.prose(one).to_owned()).collect();
        let said = match standing.lead() {
            Lead::Sole => format!("the lowest is {}", listed(&names)),
            Lead::Shared(_) => format!("the lowest are {}", listed(&names)),
            Lead::Alone => format!("only {} can be used", listed(&names)),
            Lead::Inconclusive(_) if names.len() == view.transports().len() => "none can be told apart".to_owned(),
            Lead::Inconclusive(_) => format!("the lowest is {} (cannot be told apart)", either(&names)),
        };
        Some((said, setting.at(setting.of(view.point(point)?))))
    };
    let ((low, at_low), (high, at_high)) = (lowest(*first)?, lowest(*last)?);
    let high = if low == high { "the same".to_owned() } else { high };
    Some(capitalised(&format!("{at_low} {low}; {at_high} {high}")))
}

/// How far the highest is from the lowest at one point.
pub(crate) fn spread(view: &View<'_>, setting: Setting, point: usize, drawn: Drawn) -> Option<String> {
    let standing = Ranking::of(view, point, drawn)?;
    let (highest, _) = standing.behind.last()?;
    pair(view, setting, point, drawn, [*highest, standing.best])
}

/// How two transports compare at one point.
pub(crate) fn pair(
    view: &View<'_>,
    setting: Setting,
    point: usize,
    drawn: Drawn,
    [first, second]: [Transport; 2],
) -> Option<String> {
    let found = compared(view, point, drawn, [first, second])?;
    let at = setting.at(setting.of(view.point(point)?));
    let names = format!("{} and {}", view.prose(first), view.prose(second));
    if !found.is_clear {
        return Some(capitalised(&match is_equal(found.ci95) {
            true => format!("{at} {names} are equal within noise (±{} %).", percent(apart(found.ci95) - 1.0)),
            false => {
                let rounds = |one| {
                    let sample = stands_at(view, point, one).and_then(|place| view.sample(place, one, drawn));
                    sample.map_or(0, |sample| sample.trials)
                };
                let open = left_open(rounds(first).min(rounds(second)), Some(apart(found.ci95)));
                format!("{at} {names} cannot be told apart: {open}.")
            }
        }));
    }
    // The larger over the smaller, whichever it is: a ratio below 1 is hard to read.
    let (higher, lower, ratio, ci95) = match found.ratio < 1.0 {
        true => (second, first, 1.0 / found.ratio, [1.0 / found.ci95[1], 1.0 / found.ci95[0]]),
        false => (first, second, found.ratio, found.ci95),
    };
    let said = match drawn.unit() {
        Unit::Fraction => shares(view, point, drawn, [higher, lower], ci95)?,
        Unit::Nanos | Unit::Bytes | Unit::Count => {
            format!("{} {}", view.prose(higher), above(drawn, ratio, ci95, view.prose(lower)))
        }
    };
    Some(capitalised(&format!("{at} {said}.")))
}

/// Two shares and the points between them: per cent of per cent would read as another figure.
fn shares(
    view: &View<'_>,
    point: usize,
    drawn: Drawn,
    [higher, lower]: [Transport; 2],
    ci95: [f64; 2],
) -> Option<String> {
    let share = |transport| Some(view.sample(point, transport, drawn)?.value);
    let (high, low) = (share(higher)?, share(lower)?);
    let points = |share: f64| format!("{:.1}", share * 100.0);
    let shown = |share: f64| format!("{} %", points(share));
    // The interval of the ratio, as what it adds to the lower share.
    let interval = within(ci95, |ratio| points(low * (ratio - 1.0)));
    Some(format!(
        "it is {} for {} and {} for {}, {} points apart{interval}",
        shown(high),
        view.prose(higher),
        shown(low),
        view.prose(lower),
        points(high - low)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::{Point, Run};
    use crate::run::metric::{Metric, Value};
    use crate::units::Nanos;

    #[test]
    fn where_polls_alone_are_swept_each_interval_is_held_against_the_one_point_of_a_stream() {
        let points = [50, 1_000, 10_000].map(|ms| Point { poll_interval_ns: Nanos(ms * 1_000_000), ..fake::point() });
        let mut run = fake::run("interval", "?", Some("poll_interval_ns"), points.to_vec(), 3);
        let is_once = |transport: Option<Transport>, interval: Nanos| {
            transport == Some(Transport::Polling) || interval == points[0].poll_interval_ns
        };
        run.trials.retain(|trial| is_once(trial.transport, trial.point.poll_interval_ns));
        run.summary.retain(|row| is_once(row.transport, row.point.poll_interval_ns));
        let said = |sweep: &str, transport| {
            let mut run = run.clone();
            run.scenario.sweep = Some(sweep.to_owned());
            let view = View::new(&run);
            super::pair(
                &view,
                Setting::PollInterval,
                2,
                Drawn::Metric(Metric::AgeMean),
                [Transport::Polling, transport],
            )
        };
        let found = said("poll_interval_ns", Transport::WebSocket).unwrap();
        assert!(found.contains("10 s") && found.contains("WebSocket"), "{found}");
        assert_eq!(
            said("clients", Transport::WebSocket),
            None,
            "what the setting concerns is not held against elsewhere"
        );
    }

    #[test]
    fn the_crossing_of_polling_and_long_polling_is_found_between_its_two_points() {
        let run = fake::sweep_over_rate();
        let view = View::new(&run);
        let drawn = Drawn::Metric(Metric::RequestsPerDelivery);
        let found = sentences(&view, Setting::Rate, &view.points(), drawn);
        let pair = found.iter().find(|text| text.starts_with("Polling and long polling change places")).unwrap();
        assert!(pair.contains("long polling is lower before it, polling after it"), "{pair}");
        assert!(pair.contains("(between 0.5 and 1)"), "{pair}");
    }

    #[test]
    fn a_crossing_lies_where_the_ratio_passes_one() {
        assert!((crossing(1.0, 100.0, 0.1, 10.0) - 10.0).abs() < 1e-9);
        assert!((crossing(0.0, 10.0, 0.5, 2.0) - 5.0).abs() < 1e-9);
    }

    /// Polling against long polling: a ratio and its interval at each rate.
    fn pair(at: &[(f64, f64, [f64; 2])]) -> Option<String> {
        let found = |(value, ratio, ci95): &(f64, f64, [f64; 2])| {
            let is_clear = ci95[0] > 1.0 || ci95[1] < 1.0;
            (*value, Difference { ratio: *ratio, ci95: *ci95, is_clear, p_value: 0.5 })
        };
        Pair { names: ["polling", "long polling"], at: at.iter().map(found).collect() }.sentence(Setting::Rate)
    }

    #[test]
    fn becoming_equal_is_said_and_keeping_the_order_is_not() {
        let merging = [(1.0, 3.0, [2.8, 3.2]), (10.0, 1.3, [1.25, 1.35]), (100.0, 1.02, [0.95, 1.1])];
        assert_eq!(
            pair(&merging).unwrap(),
            "From 100 updates a second on, polling and long polling are equal within noise (±10 %); \
             before it long polling is lower."
        );
        assert_eq!(pair(&merging[..2]), None);
    }

    #[test]
    fn clear_at_one_point_and_noisy_at_the_next_is_no_finding() {
        let clear = (1.0, 1.3, [1.2, 1.4]);
        assert_eq!(pair(&[clear, (10.0, 1.2, [0.4, 3.0])]), None, "a wide interval hides any difference");
        assert_eq!(pair(&[clear, (10.0, 1.1, [0.98, 1.24])]), None, "the same ratio as before is not excluded");
        let later = [clear, (10.0, 1.0, [0.95, 1.05]), (100.0, 1.5, [0.5, 4.0])];
        assert_eq!(pair(&later), None, "what comes after is not known to be equal");
    }

    #[test]
    fn one_round_tells_of_no_places_and_no_change() {
        let points = [0, 800].map(|bytes| Point { request_header_bytes: bytes, ..fake::point() });
        let run = fake::run("headers", "?", Some("request_header_bytes"), points.to_vec(), 1);
        let view = View::new(&run);
        for metric in [Metric::LatencyP50, Metric::WireTotal] {
            let found = sentences(&view, Setting::RequestHeader, &view.points(), Drawn::Metric(metric));
            assert!(found.is_empty(), "{found:?}");
        }
        let ends = ends(&view, Setting::RequestHeader, &view.points(), Drawn::Metric(Metric::WireTotal)).unwrap();
        assert!(ends.contains("none can be told apart") && !ends.contains("lowest is"), "{ends}");
    }

    fn overhead(run: &mut Run, transport: Transport, payload: f64) {
        for trial in run.trials.iter_mut().filter(|trial| trial.transport == Some(transport)) {
            let bytes = &mut trial.metrics.wire_bytes_per_delivery;
            (bytes.total, bytes.payload) = (Value(Some(1000.0 + f64::from(trial.round) / 10.0)), Value(Some(payload)));
        }
    }

    #[test]
    fn shares_are_told_as_they_are_with_the_points_between() {
        let mut run = fake::quick();
        overhead(&mut run, Transport::Polling, 42.0);
        overhead(&mut run, Transport::WebSocket, 120.0);
        let view = View::new(&run);
        let order = [Transport::Polling, Transport::WebSocket];
        let said = super::pair(&view, Setting::Clients, 0, Drawn::Overhead, order).unwrap();
        assert!(said.contains("it is 95.8 % for polling and 88.0 % for WebSocket, 7.8 points apart"), "{said}");
        assert!(!said.contains("more"), "{said}");
    }
}
