//! The scenario's own picture: what its question is about, over the setting that it sweeps.

use maud::{Markup, html};

use super::lubbers_greco;
use crate::report::findings::crossover::{self, Change, Changes, Compared, Lowest, Relation};
use crate::report::findings::ranking::{Winner, no_ranking};
use crate::report::findings::theory;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::html::charts::axis::{Axis, Scale};
use crate::report::html::charts::lines::{Lines, Mark, Series};
use crate::report::html::charts::{Ink, Size};
use crate::report::html::components::{Fit, Picture, Table, legend};
use crate::report::html::distributions::{anatomy, plain_bars, timeline};
use crate::report::text::wording::{
    capitalised, change_of_pair, changes_along, compared_at, ends_of_sweep, listed, no_ranking_because, rounds_advice,
    shown, shown_interval,
};
use crate::run::Transport;
use crate::run::file::Verdict;
use crate::run::metric::{Metric, Unit};

/// A swept setting that spans more than this many times is drawn on a logarithmic axis.
const LOG_SPAN: f64 = 20.0;

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

/// One figure over the swept setting, a line for each transport.
fn over(view: &View<'_>, setting: Setting, group: &Group, drawn: Drawn, is_folded: bool) -> Option<Markup> {
    let unit = drawn.unit();
    let transports = view.transports();
    let predictions = theory::predictions(view.run);
    let mut series = Vec::new();
    for transport in &transports {
        let index = transport.index();
        let predicted = group.points.iter().filter_map(|point| {
            let one = predictions.iter().find(|one| {
                Drawn::Metric(one.metric) == drawn && one.transport == *transport && one.point_index == *point
            })?;
            Some(Mark::plain(setting.of(view.point(*point)?), one.predicted))
        });
        let (ink, name) = (Ink::Dashed(index as u8), format!("{}, theory", view.title(*transport)));
        series.push(Series { name, ink, marker: None, is_named: false, points: predicted.collect() });
    }
    let has_theory = series.iter().any(|one| !one.points.is_empty());
    for transport in &transports {
        let marks = group.points.iter().filter_map(|point| {
            let (row, settings) = (view.row(*point, *transport)?, view.point(*point)?);
            let (x, y) = (setting.of(settings), drawn.of(&row.metrics)?);
            let interval = drawn.interval(row);
            let value = match shown_interval(unit, interval) {
                Some(interval) => format!("{} {interval} at {}", unit.show(y), setting.tick(x)),
                None => format!("{} at {}", unit.show(y), setting.tick(x)),
            };
            Some(Mark { x, y, interval, shown: Some(value), label: None, is_focusable: true })
        });
        let (index, name) = (transport.index(), view.title(*transport).to_owned());
        let (ink, marker) = (Ink::Series(index as u8), Some(index));
        series.push(Series { name, ink, marker, is_named: true, points: marks.collect() });
    }
    let values = || series.iter().flat_map(|one| one.points.iter().map(|mark| mark.y));
    let scale = Scale::for_span(values().filter(|value| *value > 0.0), LOG_SPAN);
    let y = Axis::fit(values(), scale, 6)?;
    let at: Vec<f64> =
        group.points.iter().filter_map(|point| view.point(*point)).map(|point| setting.of(point)).collect();
    let x_scale = Scale::for_span(at.iter().copied(), LOG_SPAN);
    let unplaced: Vec<String> = transports
        .iter()
        .filter(|transport| series.iter().any(|one| one.name == view.title(**transport) && !one.points.is_empty()))
        .filter(|transport| {
            series
                .iter()
                .all(|one| one.name != view.title(**transport) || one.points.iter().all(|mark| !y.holds(mark.y)))
        })
        .map(|transport| view.title(*transport).to_owned())
        .collect();
    for one in &mut series {
        one.is_named = one.is_named && one.points.iter().any(|mark| y.holds(mark.y));
    }
    let title = capitalised(&view.label(drawn));
    let y_title = scale.noted(&unit_title(drawn));
    let x_title = x_scale.noted(setting.label());
    let lines = Lines {
        title: &format!("{title} over {}", setting.label()),
        x: (Axis::at(&at, x_scale, 7)?, &|value| setting.tick(value)),
        y: (y, &|value| unit.tick(value)),
        x_title: &x_title,
        y_title: &y_title,
        series,
        height_px: 310,
    };
    let mut notes = Vec::new();
    if !unplaced.is_empty() {
        notes.push(format!("{}: 0, which has no place on a log scale.", listed(&unplaced)));
    }
    let unusable = unusable(view, setting, &group.points);
    if !unusable.is_empty() {
        notes.push(format!("Drawn, but invalid and not to be used: {}.", listed(&unusable)));
    }
    let fit = if is_folded { Fit::Scrolled(Size::Half) } else { Fit::Both(Size::Half) };
    let theory: &[(&str, &str)] = if has_theory { &[("dashed", "theory")] } else { &[] };
    let picture = Picture {
        title,
        is_captioned: true,
        note: notes.join(" "),
        legend: if has_theory {
            html! { div.always { (legend(view, &transports, theory)) } }
        } else {
            legend(view, &transports, theory)
        },
        drawing: fit.draw(|size| lines.svg(size)),
        table: swept_table(view, setting, &group.points, drawn),
    };
    Some(picture.html())
}

/// The rows that must not be used, in words.
fn unusable(view: &View<'_>, setting: Setting, points: &[usize]) -> Vec<String> {
    let of_point = |point: &usize| {
        let rows =
            view.transports().into_iter().filter_map(|transport| Some((transport, view.row(*point, transport)?)));
        let invalid = rows.filter(|(_, row)| row.verdict == Verdict::Invalid);
        invalid
            .map(|(transport, row)| format!("{} {}", view.prose(transport), setting.at(setting.of(&row.point))))
            .collect::<Vec<_>>()
    };
    points.iter().flat_map(of_point).collect()
}

/// What the axis upwards counts; the title of the picture has named the figure.
fn unit_title(drawn: Drawn) -> String {
    match drawn.unit() {
        Unit::Nanos => "time",
        Unit::Bytes => "bytes",
        Unit::Count => "count",
        Unit::Fraction => "share",
    }
    .to_owned()
}

fn swept_table(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn) -> Table {
    let transports = view.transports();
    let head = std::iter::once(setting.label()).chain(transports.iter().map(|one| view.title(*one)));
    let rows = points.iter().map(|point| {
        let value = view.point(*point).map(|point| setting.tick(setting.of(point))).unwrap_or_default();
        let cells = transports.iter().map(|transport| {
            let row = view.row(*point, *transport);
            let value = shown(drawn.unit(), row.and_then(|row| drawn.of(&row.metrics)));
            let interval = shown_interval(drawn.unit(), row.and_then(|row| drawn.interval(row)));
            interval.map_or(value.clone(), |interval| format!("{value} {interval}"))
        });
        std::iter::once(value).chain(cells).collect()
    });
    Table::new(head.map(str::to_owned).collect(), rows.collect())
}

/// What freshness costs: age against bytes, the polls as a line over their intervals, the streams as points.
fn frontier(view: &View<'_>) -> Option<Markup> {
    let (bytes, age) = (Drawn::Metric(Metric::WireTotal), Drawn::Metric(Metric::AgeMean));
    let transports = view.transports();
    let mut series = Vec::new();
    let mut table = Vec::new();
    for transport in &transports {
        let mut marks = Vec::new();
        for point in view.points() {
            let (Some(row), Some(settings)) = (view.row(point, *transport), view.point(point)) else { continue };
            let interval = Setting::PollInterval.tick(Setting::PollInterval.of(settings));
            let (x, y) = (bytes.of(&row.metrics), age.of(&row.metrics));
            table.push(vec![
                transport.title().to_owned(),
                interval.clone(),
                shown(bytes.unit(), x),
                shown(age.unit(), y),
            ]);
            let (Some(x), Some(y)) = (x, y) else { continue };
            let what = match transport {
                Transport::Polling => format!("every {interval}: {}, age {}", bytes.unit().show(x), age.unit().show(y)),
                Transport::LongPolling | Transport::Sse | Transport::WebSocket => {
                    format!("{}, age {}", bytes.unit().show(x), age.unit().show(y))
                }
            };
            let label = (*transport == Transport::Polling).then(|| format!("every {interval}"));
            let mark = Mark { x, y, interval: age.interval(row), shown: Some(what), label, is_focusable: true };
            marks.push(mark);
            // The poll interval is nothing to the others: one point says all of them.
            if *transport != Transport::Polling {
                break;
            }
        }
        let (index, name) = (transport.index(), transport.title().to_owned());
        series.push(Series {
            name,
            ink: Ink::Series(index as u8),
            marker: Some(index),
            is_named: false,
            points: marks,
        });
    }
    let xs = || series.iter().flat_map(|one| one.points.iter().map(|mark| mark.x));
    let ys = || series.iter().flat_map(|one| one.points.iter().map(|mark| mark.y));
    let (x_scale, y_scale) = (Scale::for_span(xs(), 4.0), Scale::for_span(ys(), 4.0));
    let (x, y) = (Axis::fit(xs(), x_scale, 6)?, Axis::fit(ys(), y_scale, 6)?);
    let (x_title, y_title) = (x_scale.noted(&view.label(bytes)), y_scale.noted(&view.label(age)));
    let lines = Lines {
        title: "Age of information against bytes for each delivery",
        x: (x, &|value| bytes.unit().tick(value)),
        y: (y, &|value| age.unit().tick(value)),
        x_title: &x_title,
        y_title: &y_title,
        series,
        height_px: 300,
    };
    let picture = Picture {
        title: "What freshness costs".to_owned(),
        is_captioned: true,
        note: "Down is fresher, left is cheaper. Polling is a line over its intervals; the others do not depend on it."
            .to_owned(),
        legend: legend(view, &transports, &[]),
        drawing: Fit::Both(Size::Full).draw(|size| lines.svg(size)),
        table: Table::new(
            ["transport", "poll interval", "bytes per delivery", "age"].map(str::to_owned).to_vec(),
            table,
        ),
    };
    Some(picture.html())
}

/// Two more figures over the setting, below a picture that is not a line over it.
fn also_over(view: &View<'_>, setting: Setting, metric: Metric) -> Markup {
    let groups = groups(view, setting);
    let Some(group) = groups.first() else { return html! {} };
    let pictures =
        [Drawn::Metric(metric), Drawn::Metric(Metric::WireTotal)].map(|drawn| over(view, setting, group, drawn, false));
    side_by_side(pictures)
}

/// What a sweep says of one figure.
enum Answer {
    /// Of the two transports that the question is about.
    Pair { change: Option<Change>, at_ends: Vec<Compared> },
    /// Of all of them.
    All { ends: Option<[Lowest; 2]>, spread: Option<Compared>, changes: Changes },
}

impl Answer {
    fn of(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn) -> Self {
        let Some(pair @ [first, second]) = focus(view, setting) else {
            let spread = points.last().and_then(|point| crossover::spread(view, setting, *point, drawn));
            let ends = crossover::lowest_at_ends(view, setting, points, drawn);
            return Self::All { ends, spread, changes: crossover::changes(view, setting, points, drawn) };
        };
        let ends = points.first().into_iter().chain(points.last());
        let at_ends = ends.filter_map(|point| crossover::pair(view, setting, *point, drawn, pair)).collect();
        Self::Pair { change: crossover::change_of(view, setting, points, drawn, [second, first]), at_ends }
    }

    /// Do the rounds leave something open that more of them may decide?
    fn is_inconclusive(&self) -> bool {
        let is_open = |found: &Compared| matches!(found.relation, Relation::Inconclusive { .. });
        match self {
            Self::Pair { at_ends, .. } => at_ends.iter().any(is_open),
            Self::All { ends, spread, .. } => {
                spread.iter().any(is_open)
                    || ends.iter().flatten().any(|end| matches!(end.winner, Winner::Inconclusive(_)))
            }
        }
    }

    /// A headline, and the sentences behind it.
    fn words(&self, view: &View<'_>, setting: Setting, drawn: Drawn) -> (Option<String>, Vec<String>) {
        let compared = |found: &Compared| compared_at(view, setting, drawn, found);
        let mut sentences: Vec<String> = match self {
            Self::Pair { change, at_ends } => {
                let change = change.iter().map(|change| change_of_pair(view, setting, change));
                change.chain(at_ends.iter().map(compared)).collect()
            }
            Self::All { ends, spread, changes } => {
                let headline = ends.as_ref().map(|ends| ends_of_sweep(view, setting, ends));
                let change = changes_along(view, setting, changes).into_iter().take(1);
                return (headline, spread.iter().map(compared).chain(change).collect());
            }
        };
        let rest = sentences.split_off(sentences.len().min(1));
        (sentences.pop(), rest)
    }
}

/// The answer of a sweep in words: who is lowest at its ends, and who changes places between.
pub(crate) fn answers(view: &View<'_>) -> Option<Markup> {
    let setting = view.sweep()?;
    if let Some(why) = no_ranking(view) {
        return Some(html! { p.unranked { strong { (no_ranking_because(why)) } } });
    }
    let groups = groups(view, setting);
    let group = groups.first().filter(|group| group.points.len() > 1)?;
    let answers = asked_of(view, setting).map(|drawn| (drawn, Answer::of(view, setting, &group.points, drawn)));
    let is_inconclusive = answers.iter().any(|(_, answer)| answer.is_inconclusive());
    Some(html! {
        dl.answers.cards {
            @for (drawn, answer) in &answers {
                @let (headline, sentences) = answer.words(view, setting, *drawn);
                div {
                    dt { (capitalised(&view.label(*drawn))) }
                    dd {
                        strong { (headline.unwrap_or_else(|| "No answer: too little was measured.".to_owned())) }
                        @for sentence in sentences { span { (sentence) " " } }
                    }
                }
            }
        }
        @if is_inconclusive { p.note { (rounds_advice(view)) } }
    })
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
