//! Where along a sweep two transports change places, in words.

use super::verdicts::{Standing, above};
use super::view::{Drawn, Setting, View, capitalised, listed, percent, prose};
use crate::report::run_file::Verdict;
use crate::transport::Transport;

/// A change of places in which one of the sides is closer than this is not told: with six pairs at many points, some
/// interval excludes 1 by chance alone.
const CHANGE_MIN: f64 = 0.05;

/// How two transports stand to one another at one swept value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    /// The first is clearly lower; with the ratio of first to second.
    Lower(f64),
    /// The first is clearly higher.
    Higher(f64),
    /// They cannot be told apart.
    Equal,
}

/// One sentence for each pair that changes places or becomes equal in `drawn` along `points`, and if none does, one
/// that says so.
pub(crate) fn sentences(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn) -> Vec<String> {
    let transports = view.transports();
    let mut found = Vec::new();
    for (index, first) in transports.iter().enumerate() {
        for second in &transports[index + 1..] {
            let orders = orders(view, setting, points, drawn, *first, *second);
            found.extend(sentence(setting, *first, *second, &orders));
        }
    }
    if found.is_empty() {
        found.push("No two transports clearly change places.".to_owned());
    }
    found
}

/// What becomes of one pair along the sweep; `None` if it keeps its order.
pub(crate) fn between(
    view: &View<'_>,
    setting: Setting,
    points: &[usize],
    drawn: Drawn,
    first: Transport,
    second: Transport,
) -> Option<String> {
    sentence(setting, first, second, &orders(view, setting, points, drawn, first, second))
}

/// The order at each swept value at which one is known.
fn orders(
    view: &View<'_>,
    setting: Setting,
    points: &[usize],
    drawn: Drawn,
    first: Transport,
    second: Transport,
) -> Vec<(f64, Order)> {
    let mut orders = Vec::new();
    for point in points {
        let is_usable = |transport| view.row(*point, transport).is_some_and(|row| row.verdict != Verdict::Invalid);
        let Some(settings) = view.point(*point).filter(|_| is_usable(first) && is_usable(second)) else { continue };
        let order = match view.difference(*point, [first, second], drawn) {
            Some(found) if found.is_clear && found.ratio < 1.0 => Order::Lower(found.ratio),
            Some(found) if found.is_clear => Order::Higher(found.ratio),
            Some(_) => Order::Equal,
            None => continue,
        };
        orders.push((setting.of(settings), order));
    }
    orders.sort_by(|a, b| a.0.total_cmp(&b.0));
    orders
}

/// What becomes of a pair along the sweep; nothing if it keeps its order.
fn sentence(setting: Setting, first: Transport, second: Transport, orders: &[(f64, Order)]) -> Option<String> {
    let clear: Vec<(f64, f64)> = orders
        .iter()
        .filter_map(|(value, order)| match order {
            Order::Lower(ratio) | Order::Higher(ratio) => Some((*value, *ratio)),
            Order::Equal => None,
        })
        .collect();
    let (a, b) = (prose(first), prose(second));
    let is_change = |pair: &&[(f64, f64)]| (pair[0].1 < 1.0) != (pair[1].1 < 1.0);
    let mut changes = clear.windows(2).filter(is_change);
    let is_wide = |ratio: &f64| (ratio - 1.0).abs() > CHANGE_MIN;
    let is_wide_on = |is_low: bool| clear.iter().any(|(_, ratio)| (*ratio < 1.0) == is_low && is_wide(ratio));
    match (changes.next(), changes.next()) {
        (Some(pair), None) if is_wide_on(true) && is_wide_on(false) => {
            let ((from, before), (to, after)) = (pair[0], pair[1]);
            let (below, above) = if before < 1.0 { (a, b) } else { (b, a) };
            let near = two_digits(crossing(from, to, before, after));
            let near = setting.phrase(near);
            let (from, to) = (setting.tick(from), setting.tick(to));
            return Some(capitalised(&format!(
                "{a} and {b} change places near {near} (between {from} and {to}): {below} is lower before it, \
                 {above} after it."
            )));
        }
        // More than one change is noise around equality, and so is one that stays within a hair of it.
        (Some(_), _) => return None,
        (None, _) => {}
    }
    if !clear.iter().any(|(_, ratio)| is_wide(ratio)) {
        return None;
    }
    let (last_clear, ratio) = clear.last().copied()?;
    let (equal_from, _) = orders.iter().find(|(value, order)| *value > last_clear && *order == Order::Equal)?;
    let lower = if ratio < 1.0 { a } else { b };
    Some(format!(
        "From {} on, {a} and {b} are equal within noise; before it {lower} is lower.",
        setting.phrase(*equal_from)
    ))
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
        let standing = Standing::of(view, point, drawn)?;
        let mut leaders = standing.leaders();
        leaders.sort_unstable();
        let names: Vec<String> = leaders.into_iter().map(|one| prose(one).to_owned()).collect();
        Some((names, setting.of(view.point(point)?)))
    };
    let ((low, at_low), (high, at_high)) = (lowest(*first)?, lowest(*last)?);
    let (at_low, at_high) = (setting.at(at_low), setting.at(at_high));
    let high = if low == high { "the same".to_owned() } else { listed(&high) };
    let is = if low.len() == 1 { "is" } else { "are" };
    Some(capitalised(&format!("{at_low} the lowest {is} {}; {at_high} {high}", listed(&low))))
}

/// How far the highest is from the lowest at one point.
pub(crate) fn spread(view: &View<'_>, setting: Setting, point: usize, drawn: Drawn) -> Option<String> {
    let standing = Standing::of(view, point, drawn)?;
    let (highest, _) = standing.behind.last()?;
    pair(view, setting, point, drawn, *highest, standing.best)
}

/// How two transports compare at one point.
pub(crate) fn pair(
    view: &View<'_>,
    setting: Setting,
    point: usize,
    drawn: Drawn,
    first: Transport,
    second: Transport,
) -> Option<String> {
    let is_usable = |transport| view.row(point, transport).is_some_and(|row| row.verdict != Verdict::Invalid);
    let found = view.difference(point, [first, second], drawn).filter(|_| is_usable(first) && is_usable(second))?;
    let at = setting.at(setting.of(view.point(point)?));
    let [low, high] = found.ci95;
    let (first, second) = (prose(first), prose(second));
    if !found.is_clear {
        let bound = percent((low - 1.0).abs().max((high - 1.0).abs()));
        return Some(capitalised(&format!("{at} {first} and {second} are equal within noise (±{bound} %).")));
    }
    // The larger over the smaller, whichever it is: a ratio below 1 is hard to read.
    let (higher, lower, ratio, low, high) = match found.ratio < 1.0 {
        true => (second, first, 1.0 / found.ratio, 1.0 / high, 1.0 / low),
        false => (first, second, found.ratio, low, high),
    };
    Some(capitalised(&format!("{at} {higher} {}.", above(drawn, ratio, [low, high], lower))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::Figure;
    use crate::report::fake;

    #[test]
    fn the_crossing_of_polling_and_long_polling_is_found_between_its_two_points() {
        let run = fake::sweep_over_rate();
        let view = View::new(&run);
        let drawn = Drawn::Figure(Figure::RequestsPerDelivery);
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

    #[test]
    fn becoming_equal_is_said_and_keeping_the_order_is_not() {
        let (a, b) = (Transport::Polling, Transport::LongPolling);
        let merging = [(1.0, Order::Higher(3.0)), (10.0, Order::Higher(1.2)), (100.0, Order::Equal)];
        let text = sentence(Setting::Rate, a, b, &merging).unwrap();
        assert_eq!(
            text,
            "From 100 updates a second on, polling and long polling are equal within noise; \
             before it long polling is lower."
        );
        assert_eq!(sentence(Setting::Rate, a, b, &merging[..2]), None);
    }
}
