//! The scenario's own picture, over the setting that it sweeps, and its answers in words.

mod answers;
mod lines;

pub(crate) use answers::answers;
use maud::{Markup, html};

use super::lubbers_greco;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::html::charts::Size;
use crate::report::html::components::Fit;
use crate::report::html::distributions::{anatomy, plain_bars};
use crate::report::html::sweep::lines::{frontier, over};
use crate::report::html::timeline::timeline;
use crate::report::text::wording::{capitalised, listed};
use crate::run::Transport;
use crate::run::metric::Metric;

/// The picture that answers the scenario's question; `None` where the scorecard does.
pub(crate) fn picture(view: &View<'_>) -> Option<Markup> {
    let points = view.points();
    let first = *points.first()?;
    let Some(setting) = view.sweep().filter(|_| points.len() > 1) else {
        return match view.run.scenario.name.as_str() {
            "sparse" => Some(side_by_side(
                [Metric::RequestsPerDelivery, Metric::WireTotal].map(|metric| plain_bars(view, first, metric)),
            )),
            "earthquakes" => timeline(view, first, Fit::Both(Size::Full), true),
            _ => None,
        };
    };
    if setting == Setting::PollInterval {
        return Some(html! { (frontier(view)?) (also_over(view, setting, Metric::LatencyP50)) });
    }
    if setting == Setting::RequestHeader {
        let ends = [points.first(), points.last()].map(|point| {
            point
                .and_then(|point| anatomy(view, *point, Fit::Both(Size::Half), &capitalised(&view.point_title(*point))))
        });
        return Some(html! { (lubbers_greco::table(view)) (side_by_side(ends)) });
    }
    let groups = groups(view, setting);
    let main = groups.first()?;
    let charts = |group: &Group, is_folded: bool| {
        side_by_side(drawn_for(view).map(|drawn| over(view, setting, group, drawn, is_folded)))
    };
    Some(html! {
        @if groups.len() > 1 { p.note { "Here with " (main.title) "; the others are below." } }
        (charts(main, false))
        @for group in &groups[1..] {
            details.fold { summary { "With " (group.title) } (charts(group, true)) }
        }
    })
}

/// The two figures that the scenario's question is about.
fn drawn_for(view: &View<'_>) -> [Drawn; 2] {
    let metrics = |first, second| [Drawn::Metric(first), Drawn::Metric(second)];
    match view.run.scenario.name.as_str() {
        "chatty" | "sparse" => metrics(Metric::RequestsPerDelivery, Metric::LatencyP50),
        "crowd" => metrics(Metric::LatencyP99, Metric::ServerCpu),
        "payload" => [Drawn::Metric(Metric::WireTotal), Drawn::Overhead],
        "distance" => metrics(Metric::LatencyMean, Metric::LatencyP99),
        "churn" => metrics(Metric::ConnectP50, Metric::ServerCpu),
        _ => metrics(Metric::LatencyP50, Metric::WireTotal),
    }
}

fn side_by_side(pictures: [Option<Markup>; 2]) -> Markup {
    html! { div.pair { @for one in pictures.into_iter().flatten() { (one) } } }
}

/// Points that differ in the swept setting alone.
pub(crate) struct Group {
    /// What they have in common that other groups do not.
    title: String,
    /// Their indices, ordered by the swept setting.
    pub points: Vec<usize>,
}

/// The points sorted into groups: a second list in a scenario makes a second group, not a zigzag.
pub(crate) fn groups(view: &View<'_>, setting: Setting) -> Vec<Group> {
    let mut groups: Vec<(Vec<String>, Group)> = Vec::new();
    // Rate and payload may have been measured, and so differ a little between points that were asked to be alike.
    let others = || {
        let is_asked = |one: &Setting| *one != Setting::Rate && *one != Setting::Payload && *one != setting;
        Setting::ALL.into_iter().filter(is_asked)
    };
    for index in view.points() {
        let Some(point) = view.point(index) else { continue };
        let key: Vec<String> = others().map(|one| one.phrase(one.of(point))).collect();
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
            let value = |index: &usize| view.point(*index).map(|point| setting.of(point)).unwrap_or_default();
            group.points.sort_by(|a, b| value(a).total_cmp(&value(b)));
            group
        })
        .collect()
}

/// Two more figures over the setting, below a picture that is not a line over it.
fn also_over(view: &View<'_>, setting: Setting, metric: Metric) -> Markup {
    let groups = groups(view, setting);
    let Some(group) = groups.first() else { return html! {} };
    let pictures =
        [Drawn::Metric(metric), Drawn::Metric(Metric::WireTotal)].map(|drawn| over(view, setting, group, drawn, false));
    side_by_side(pictures)
}

/// The two figures that a sweep of this setting is asked about.
fn asked_of(view: &View<'_>, setting: Setting) -> [Drawn; 2] {
    match setting {
        Setting::PollInterval => [Drawn::Metric(Metric::AgeMean), Drawn::Metric(Metric::WireTotal)],
        Setting::RequestHeader => [Drawn::Metric(Metric::WireTotal), Drawn::Overhead],
        Setting::Rate
        | Setting::Clients
        | Setting::Payload
        | Setting::RoundTrip
        | Setting::Hold
        | Setting::Link
        | Setting::Jitter
        | Setting::Churn
        | Setting::Storm
        | Setting::Echo => drawn_for(view),
    }
}

/// The figures whose questions a scenario without a sweep answers above its picture.
pub(crate) fn asked_first(view: &View<'_>) -> &'static [Metric] {
    match view.run.scenario.name.as_str() {
        "sparse" => &[Metric::RequestsPerDelivery, Metric::WireTotal],
        _ => &[Metric::LatencyP50, Metric::AgeMean],
    }
}

/// The two transports that a scenario's question is about, where it is about two of the four.
fn focus(view: &View<'_>, setting: Setting) -> Option<[Transport; 2]> {
    if view.run.scenario.name == "chatty" {
        return Some([Transport::LongPolling, Transport::Polling]);
    }
    let stream = [Transport::WebSocket, Transport::Sse].into_iter().find(|one| view.transports().contains(one));
    let is_about_polls = matches!(setting, Setting::PollInterval | Setting::RequestHeader);
    stream.filter(|_| is_about_polls).map(|stream| [Transport::Polling, stream])
}
