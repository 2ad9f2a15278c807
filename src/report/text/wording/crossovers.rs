//! How the transports compare along a sweep.

use crate::report::findings::crossover::{BestAt, Change, Changes, Compared, Lowest, Relation};
use crate::report::findings::ranking::Winner;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::text::wording::{NO_WINNER, above, bracketed, capitalised, left_open, listed, percent};
use crate::run::Transport;

/// How one pair changes along a sweep.
pub(crate) fn change_of_pair(view: &View<'_>, setting: Setting, change: &Change) -> String {
    let names = |pair: [Transport; 2]| pair.map(|one| view.prose(one));
    match *change {
        Change::Crossing { pair, lower_before, near, between } => {
            let ([a, b], [from, to]) = (names(pair), between.map(|value| setting.tick(value)));
            let (below, above) = if lower_before == pair[0] { (a, b) } else { (b, a) };
            if setting.is_category() {
                return capitalised(&format!(
                    "{a} and {b} cross over between {from} and {to}: {below} is lower before that, {above} after it."
                ));
            }
            capitalised(&format!(
                "{a} and {b} cross over near {} (between {from} and {to}): {below} is lower below it, {above} above it.",
                setting.phrase(near)
            ))
        }
        Change::Merging { pair, lower_before, from, within } => {
            let [a, b] = names(pair);
            format!(
                "From {} on, {a} and {b} are equal within ±{} %; before that, {} is lower.",
                setting.phrase(from),
                percent(within - 1.0),
                view.prose(lower_before)
            )
        }
    }
}

/// How all pairs change along a sweep, one sentence for each; empty if nothing could be compared.
pub(crate) fn changes_along(view: &View<'_>, setting: Setting, changes: &Changes) -> Vec<String> {
    match changes {
        Changes::NotComparable => Vec::new(),
        Changes::None => vec!["No two transports cross over.".to_owned()],
        Changes::NoneClear => {
            vec!["No two transports clearly cross over; more rounds may show a crossover.".to_owned()]
        }
        Changes::Some(found) => found.iter().map(|change| change_of_pair(view, setting, change)).collect(),
    }
}

/// Which transport is lowest at each of several values without an order. Values with the same result share a clause.
pub(crate) fn lowest_by_category(view: &View<'_>, setting: Setting, all: &[Lowest]) -> Option<String> {
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for (text, name) in all.iter().map(|one| (lowest_words(view, one), setting.beside(one.at))) {
        match said.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(name),
            None => said.push((text, vec![name])),
        }
    }
    let at = |names: &[String]| setting.at_listed(&listed(names));
    let said: Vec<String> = said.iter().map(|(text, names)| format!("{} {text}", at(names))).collect();
    (!said.is_empty()).then(|| capitalised(&said.join("; ")))
}

/// At which of several values without an order each transport is lowest.
pub(crate) fn best_by_category(view: &View<'_>, setting: Setting, all: &[BestAt]) -> Option<String> {
    let place = |one: &BestAt| {
        let point = view.point(one.point?)?;
        Some(format!("{} is lowest {}", view.prose(one.transport), setting.at(setting.of(point))))
    };
    let open: Vec<Transport> = all.iter().filter(|one| one.point.is_none()).map(|one| one.transport).collect();
    let clear: Vec<String> = all.iter().filter_map(place).collect();
    let open = (!open.is_empty()).then(|| format!("for {} there is {NO_WINNER}", listed(&view.prose_of(&open))));
    let said: Vec<String> = (!clear.is_empty()).then(|| listed(&clear)).into_iter().chain(open).collect();
    (!said.is_empty()).then(|| format!("{}.", capitalised(&said.join("; "))))
}

/// Which transport is lowest at one swept value.
fn lowest_words(view: &View<'_>, found: &Lowest) -> String {
    let names = view.prose_of(&found.leaders);
    match found.winner {
        Winner::Clear => format!("the lowest is {}", listed(&names)),
        Winner::Tied(_) => format!("the lowest are {}", listed(&names)),
        Winner::Unopposed => format!("only {} has a usable figure", listed(&names)),
        Winner::Inconclusive(_) if names.len() == view.transports().len() => format!("there is {NO_WINNER}"),
        Winner::Inconclusive(_) => format!("there is {NO_WINNER} between {}", listed(&names)),
    }
}

/// Which transport is lowest at each end of a sweep.
pub(crate) fn ends_of_sweep(view: &View<'_>, setting: Setting, [low, high]: &[Lowest; 2]) -> String {
    let [at_low, at_high] = [low, high].map(|end| setting.at(end.at));
    let (low, high) = (lowest_words(view, low), lowest_words(view, high));
    let high = if low == high { "the same".to_owned() } else { high };
    capitalised(&format!("{at_low} {low}; {at_high} {high}"))
}

/// How two transports compare at one point.
pub(crate) fn compared_at(view: &View<'_>, setting: Setting, drawn: Drawn, found: &Compared) -> String {
    let [first, second] = found.pair.map(|one| view.prose(one));
    let said = match found.relation {
        Relation::Equal(within) => format!("{first} and {second} are equal within ±{} %", percent(within - 1.0)),
        Relation::Inconclusive { rounds, factor } => {
            format!("there is {NO_WINNER} between {first} and {second}: {}", left_open(rounds, Some(factor)))
        }
        Relation::Ratio { ratio, ci95 } => format!("{first} {}", above(drawn, ratio, ci95, second)),
        // A percentage of a percentage would read as a different figure.
        Relation::Shares { shares: [high, low], apart } => {
            let points = |share: f64| format!("{:.1}", share * 100.0);
            let interval = bracketed(apart, points);
            let [high, low, between] = [high, low, high - low].map(points);
            format!("it is {high} % for {first} and {low} % for {second}, {between} points apart{interval}")
        }
    };
    capitalised(&format!("{} {said}.", setting.at(found.at)))
}
