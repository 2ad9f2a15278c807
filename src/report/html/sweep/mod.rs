//! The scenario's own picture over the swept setting, and its answers in words.

mod along;
mod answers;
mod beside;
mod lines;
mod matrix;
mod servers;

use std::collections::BTreeSet;

pub(crate) use answers::answers;
use maud::{Markup, html};
pub(crate) use servers::servers;

use super::lubbers_greco;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::html::charts::Size;
use crate::report::html::components::Fit;
use crate::report::html::distributions::{anatomy, plain_bars};
use crate::report::html::sweep::beside::beside;
use crate::report::html::sweep::lines::{frontier, over};
use crate::report::html::timeline::timeline;
use crate::report::text::wording::{capitalised, listed};
use crate::run::metric::Metric;
use crate::run::purpose::Figure;
use along::Along;

/// The figures that the scenario draws, in its order; `None` where the scorecard answers its question.
pub(crate) fn picture(view: &View<'_>) -> Option<Markup> {
    let points = view.points();
    let first = *points.first()?;
    let setting = view.sweep().filter(|_| points.len() > 1);
    let drawn = |figure: &Figure| match figure {
        Figure::Metric(metric) => Some(Drawn::Metric(*metric)),
        Figure::Overhead => Some(Drawn::Overhead),
        Figure::Timeline | Figure::Frontier | Figure::Anatomy | Figure::LubbersGreco | Figure::Matrix => None,
    };
    let mut all = Vec::new();
    let in_matrix = matrix::metrics(view).filter(|_| points.len() > 1);
    let mut figures = view.figures();
    if in_matrix.is_some() {
        figures.retain(|figure| !matches!(figure, Figure::Metric(_)));
    }
    // Metrics are shown in pairs.
    for group in figures.chunk_by(|a, b| drawn(a).is_some() && drawn(b).is_some()) {
        let metrics: Vec<Drawn> = group.iter().filter_map(drawn).collect();
        match (group[0], setting) {
            (Figure::Metric(_) | Figure::Overhead, Some(setting)) => all.extend(lines(view, setting, &metrics)),
            (Figure::Metric(_) | Figure::Overhead, None) => {
                let bars = metrics.iter().filter_map(|drawn| match drawn {
                    Drawn::Metric(metric) => Some(plain_bars(view, first, *metric)),
                    Drawn::Overhead => None,
                });
                all.push(side_by_side(bars));
            }
            (Figure::Timeline, _) => all.extend(timeline(view, first, Fit::Both(Size::Full), true)),
            (Figure::Frontier, _) => all.extend(frontier(view)),
            (Figure::Matrix, _) => all.extend(in_matrix.iter().map(|metrics| matrix::table(view, metrics))),
            (Figure::LubbersGreco, _) => all.push(lubbers_greco::table(view)),
            (Figure::Anatomy, _) => {
                let ends: BTreeSet<usize> = points.first().into_iter().chain(points.last()).copied().collect();
                let title = |point| capitalised(&view.point_title(point));
                let anatomy = |point| anatomy(view, point, Fit::Both(Size::Half), &title(point));
                all.push(side_by_side(ends.into_iter().map(anatomy)));
            }
        }
    }
    (!all.is_empty()).then(|| html! { @for one in all { (one) } })
}

/// True if values between the swept ones exist. If not, no line joins them, and no two transports cross over.
pub(crate) fn has_order(view: &View<'_>, setting: Setting) -> bool {
    Along::of_sweep(view, setting).has_order()
}

/// Lines over the swept setting, or rows where it has no order, folded for all but the first group of points.
fn lines(view: &View<'_>, setting: Setting, metrics: &[Drawn]) -> Option<Markup> {
    let groups = groups(view, setting);
    let main = groups.first()?;
    let one = |group: &Group, drawn: Drawn, is_folded: bool| match has_order(view, setting) {
        true => over(view, setting, group, drawn, is_folded),
        false => beside(view, setting, group, drawn, is_folded),
    };
    let charts =
        |group: &Group, is_folded: bool| side_by_side(metrics.iter().map(|drawn| one(group, *drawn, is_folded)));
    if Along::of_sweep(view, setting) == Along::Loss {
        // The effect of loss depends on the round trip, so all groups are shown.
        let of_groups =
            |drawn: &Drawn| side_by_side(groups.iter().map(|group| over(view, setting, group, *drawn, false)));
        return Some(html! { @for drawn in metrics { (of_groups(drawn)) } });
    }
    Some(html! {
        @if groups.len() > 1 { p.note { "Here with " (main.title) "; the others are below." } }
        (charts(main, false))
        @for group in &groups[1..] {
            details.fold { summary { "With " (group.title) } (charts(group, true)) }
        }
    })
}

fn side_by_side(pictures: impl Iterator<Item = Option<Markup>>) -> Markup {
    html! { div.pair { @for one in pictures.flatten() { (one) } } }
}

/// Points that differ in the swept setting alone.
pub(crate) struct Group {
    /// What they have in common that other groups do not.
    title: String,
    /// Their indices, ordered by the swept setting.
    pub points: Vec<usize>,
}

/// The points by group: a second list in a scenario makes a second group, instead of a zigzag line.
pub(crate) fn groups(view: &View<'_>, setting: Setting) -> Vec<Group> {
    let along = Along::of_sweep(view, setting);
    let mut groups: Vec<(Vec<String>, Group)> = Vec::new();
    for index in view.points() {
        let Some(point) = view.point(index) else { continue };
        // A measured feed was not set, so it does not distinguish points.
        let others = Setting::ALL.iter().filter(|one| **one != setting && !one.is_measured(point));
        let others = others.map(|one| one.phrase(one.of(point)));
        let key: Vec<String> = others.chain(std::iter::once(along.common(point).unwrap_or_default())).collect();
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.points.push(index),
            None => groups.push((key, Group { title: String::new(), points: vec![index] })),
        }
    }
    let keys: Vec<Vec<String>> = groups.iter().map(|(key, _)| key.clone()).collect();
    let is_shared = |column: usize| keys.iter().all(|key| key[column] == keys[0][column]);
    groups
        .into_iter()
        .map(|(key, mut group)| {
            let telling = key.into_iter().enumerate().filter(|(column, _)| !is_shared(*column)).map(|(_, text)| text);
            group.title = listed(&telling.collect::<Vec<_>>());
            let value = |index: &usize| view.point(*index).map(|point| along.of(point)).unwrap_or_default();
            // Values without an order keep the order in which they were set.
            if along.has_order() {
                group.points.sort_by(|a, b| value(a).total_cmp(&value(b)));
            }
            group
        })
        .collect()
}

/// The metrics whose questions a scenario without a sweep answers above its picture.
pub(crate) fn asked_first(view: &View<'_>) -> Vec<Metric> {
    let asked = view.asked().into_iter().filter_map(|drawn| match drawn {
        Drawn::Metric(metric) => Some(metric),
        Drawn::Overhead => None,
    });
    let asked: Vec<Metric> = asked.collect();
    if asked.is_empty() { vec![Metric::LatencyP50, Metric::AgeMean] } else { asked }
}
