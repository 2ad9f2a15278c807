//! The scenario's own picture: what its question is about, over the setting that it sweeps.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::lubbers_greco;
use crate::report::findings::crossover;
use crate::report::findings::ranking::{advice, nothing_told};
use crate::report::findings::theory;
use crate::report::findings::view::{Drawn, Setting, View, capitalised, listed, shown, shown_interval, tick};
use crate::report::html::charts::axis::{Axis, Scale};
use crate::report::html::charts::lines::{Lines, Mark, Series};
use crate::report::html::charts::{Ink, Size};
use crate::report::html::components::{Fit, Picture, Table, legend};
use crate::report::html::distributions::{anatomy, plain_bars, timeline};
use crate::run::Transport;
use crate::run::file::Verdict;
use crate::run::metric::{Metric, Unit};
use crate::run::purpose::Figure;

/// A swept setting that spans more than this many times is drawn on a logarithmic axis.
const LOG_SPAN: f64 = 20.0;

/// What the scenario asks to be drawn, in its order; `None` where the scorecard answers its question.
pub(crate) fn picture(view: &View<'_>) -> Option<Markup> {
    let points = view.points();
    let first = *points.first()?;
    let setting = view.sweep().filter(|_| points.len() > 1);
    let drawn = |figure: &Figure| match figure {
        Figure::Metric(metric) => Some(Drawn::Metric(*metric)),
        Figure::Overhead => Some(Drawn::Overhead),
        Figure::Timeline | Figure::Frontier | Figure::Anatomy | Figure::LubbersGreco => None,
    };
    let mut all = Vec::new();
    // Metrics beside one another stand in pairs.
    for group in view.figures().chunk_by(|a, b| drawn(a).is_some() && drawn(b).is_some()) {
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

/// Lines over the swept setting, folded for all but the first group of points.
fn lines(view: &View<'_>, setting: Setting, metrics: &[Drawn]) -> Option<Markup> {
    let groups = groups(view, setting);
    let main = groups.first()?;
    let charts = |group: &Group, is_folded: bool| {
        side_by_side(metrics.iter().map(|drawn| over(view, setting, group, *drawn, is_folded)))
    };
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

/// The points sorted into groups: a second list in a scenario makes a second group, not a zigzag.
pub(crate) fn groups(view: &View<'_>, setting: Setting) -> Vec<Group> {
    let mut groups: Vec<(Vec<String>, Group)> = Vec::new();
    for index in view.points() {
        let Some(point) = view.point(index) else { continue };
        // What was measured was not asked for, and sets no points apart.
        let others = Setting::ALL.iter().filter(|one| **one != setting && !one.is_measured(point));
        let key: Vec<String> = others.map(|one| one.phrase(one.of(point))).collect();
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

/// Where the values of a setting stand on an axis: along a scale, or beside one another.
struct Place {
    /// In the order of the axis.
    values: Vec<f64>,
    is_category: bool,
}

impl Place {
    fn new(view: &View<'_>, setting: Setting, group: &Group) -> Self {
        let values = group.points.iter().filter_map(|point| view.point(*point)).map(|point| setting.of(point));
        Self { values: values.collect(), is_category: setting.is_category() }
    }

    fn of(&self, value: f64) -> f64 {
        match self.is_category {
            true => self.values.iter().position(|one| *one == value).unwrap_or_default() as f64,
            false => value,
        }
    }

    fn value(&self, at: f64) -> f64 {
        match self.is_category {
            true => self.values.get(at as usize).copied().unwrap_or_default(),
            false => at,
        }
    }
}

/// One figure over the swept setting, a line for each transport.
fn over(view: &View<'_>, setting: Setting, group: &Group, drawn: Drawn, is_folded: bool) -> Option<Markup> {
    let unit = drawn.unit();
    let transports = view.transports();
    let predictions = theory::predictions(view.run);
    let place = Place::new(view, setting, group);
    let mut series = Vec::new();
    for transport in &transports {
        let index = transport.index();
        let predicted = group.points.iter().filter_map(|point| {
            let one = predictions.iter().find(|one| {
                Drawn::Metric(one.metric) == drawn && one.transport == *transport && one.point_index == *point
            })?;
            Some(Mark::plain(place.of(setting.of(view.point(*point)?)), one.predicted))
        });
        let (ink, name) = (Ink::Dashed(index as u8), format!("{}, theory", view.title(*transport)));
        series.push(Series { name, ink, marker: None, is_named: false, points: predicted.collect() });
    }
    let has_theory = series.iter().any(|one| !one.points.is_empty());
    for transport in &transports {
        let marks = group.points.iter().filter_map(|point| {
            let (row, settings) = (view.row(*point, *transport)?, view.point(*point)?);
            let (x, y) = (place.of(setting.of(settings)), drawn.of(&row.metrics)?);
            let interval = drawn.interval(row);
            let at = setting.tick(setting.of(settings));
            let value = match shown_interval(unit, interval) {
                Some(interval) => format!("{} {interval} at {at}", unit.show(y)),
                None => format!("{} at {at}", unit.show(y)),
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
    let at: Vec<f64> = place.values.iter().map(|value| place.of(*value)).collect();
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
        x: (Axis::at(&at, x_scale, 7)?, &|at| setting.tick(place.value(at))),
        y: (y, &|value| tick(unit, value)),
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
    let (x_title, y_title) = (x_scale.noted(bytes.label()), y_scale.noted(age.label()));
    let lines = Lines {
        title: "Age of information against bytes for each delivery",
        x: (x, &|value| tick(bytes.unit(), value)),
        y: (y, &|value| tick(age.unit(), value)),
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

/// The answer of a sweep in words: who is lowest at its ends, and who changes places between.
pub(crate) fn answers(view: &View<'_>) -> Option<Markup> {
    let setting = view.sweep()?;
    if let Some(why) = nothing_told(view) {
        return Some(html! { p.untold { strong { (why) } } });
    }
    let groups = groups(view, setting);
    let group = groups.first().filter(|group| group.points.len() > 1)?;
    let answers: Vec<_> =
        view.asked().into_iter().map(|drawn| (drawn, answer(view, setting, &group.points, drawn))).collect();
    let has_open = answers.iter().any(|(_, (headline, sentences))| {
        headline
            .iter()
            .chain(sentences)
            .any(|text| text.contains("can be told apart") || text.contains("cannot be told"))
    });
    Some(html! {
        dl.answers.cards {
            @for (one, (headline, sentences)) in answers {
                div {
                    dt { (capitalised(&view.label(one))) }
                    dd {
                        strong { (headline.unwrap_or_else(|| "No answer: too little was measured.".to_owned())) }
                        @for sentence in sentences { span { (sentence) " " } }
                    }
                }
            }
        }
        @if has_open { p.note { (advice(view)) } }
    })
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

/// A headline and the sentences behind it, for one figure over the sweep.
fn answer(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn) -> (Option<String>, Vec<String>) {
    let ends = points.first().into_iter().chain(points.last()).copied();
    if let Some([first, second]) = view.focus() {
        let mut at_ends = ends.filter_map(|point| crossover::pair(view, setting, point, drawn, [first, second]));
        return match crossover::between(view, setting, points, drawn, [second, first]) {
            Some(change) => (Some(change), at_ends.collect()),
            None => (at_ends.next(), at_ends.collect()),
        };
    }
    let at_end = points.last().and_then(|point| crossover::spread(view, setting, *point, drawn));
    let changes = crossover::sentences(view, setting, points, drawn);
    (crossover::ends(view, setting, points, drawn), at_end.into_iter().chain(changes.into_iter().take(1)).collect())
}
