//! Figures over the swept setting, a line for each transport.

use maud::{Markup, html};

use crate::report::findings::theory;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::html::charts::axis::{Axis, Scale};
use crate::report::html::charts::lines::{Lines, Mark, Series};
use crate::report::html::charts::{Ink, Size};
use crate::report::html::components::{Fit, Picture, Table, legend};
use crate::report::html::sweep::Group;
use crate::report::html::sweep::along::Along;
use crate::report::text::wording::{capitalised, listed, shown, shown_in_table, shown_interval};
use crate::run::Transport;
use crate::run::file::{Row, Verdict};
use crate::run::metric::{Metric, Unit};

/// A swept setting that spans more than this many times is drawn on a logarithmic axis.
pub(super) const LOG_SPAN: f64 = 20.0;

/// A figure along a sweep.
struct Swept<'a> {
    view: &'a View<'a>,
    along: Along,
    points: &'a [usize],
    drawn: Drawn,
    /// The swept values, in the order of the axis.
    values: Vec<f64>,
}

/// One figure over the swept setting.
pub(super) fn over(view: &View<'_>, setting: Setting, group: &Group, drawn: Drawn, is_folded: bool) -> Option<Markup> {
    let (unit, along) = (drawn.unit(), Along::of_sweep(view, setting));
    let transports = view.transports();
    let points = &group.points;
    let values = points.iter().filter_map(|point| view.point(*point)).map(|point| along.of(point)).collect();
    let swept = Swept { view, along, points, drawn, values };
    let predictions = theory::predictions(view.run);
    let predicted: Vec<Series> = transports.iter().map(|one| swept.predicted(*one, &predictions)).collect();
    let mut measured: Vec<Series> = transports.iter().map(|one| swept.measured(*one)).collect();
    let has_theory = predicted.iter().any(|one| !one.points.is_empty());
    let values = || predicted.iter().chain(&measured).flat_map(|one| one.points.iter().map(|mark| mark.y));
    let scale = Scale::for_span(values().filter(|value| *value > 0.0), LOG_SPAN);
    let y = Axis::fit(values(), scale, 6)?;
    let at: Vec<f64> = swept.values.iter().map(|value| swept.place(*value)).collect();
    let x_scale = Scale::for_span(at.iter().copied(), LOG_SPAN);
    let is_placed = |one: &Series| one.points.iter().any(|mark| y.holds(mark.y));
    let is_unplaced = |(_, one): &(&Transport, &Series)| !one.points.is_empty() && !is_placed(one);
    let unplaced = transports.iter().zip(&measured).filter(is_unplaced);
    let unplaced: Vec<String> = unplaced.map(|(transport, _)| view.title(*transport).to_owned()).collect();
    for one in &mut measured {
        one.is_named = is_placed(one);
    }
    let title = match along {
        Along::Loss => format!("{}, {}", capitalised(&view.label(drawn)), group.title),
        Along::RoundTrip | Along::Setting(_) => capitalised(&view.label(drawn)),
    };
    let (y_title, x_title) = (scale.noted(unit_title(drawn)), x_scale.noted(along.label()));
    let lines = Lines {
        title: &format!("{title} over {}", along.label()),
        x: (Axis::at(&at, x_scale, 7)?, &|at| along.tick(swept.value(at))),
        y: (y, &|value| unit.tick(value)),
        x_title: &x_title,
        y_title: &y_title,
        series: predicted.into_iter().chain(measured).collect(),
        height_px: 310,
    };
    let fit = if is_folded { Fit::Scrolled(Size::Half) } else { Fit::Both(Size::Half) };
    let picture = Picture {
        title,
        is_captioned: true,
        note: notes(&unplaced, &unusable(view, setting, points)),
        legend: match has_theory {
            true => html! { div.always { (legend(view, &transports, &[("dashed", "theory")])) } },
            false => legend(view, &transports, &[]),
        },
        drawing: fit.draw(|size| lines.svg(size)),
        table: swept_table(view, along, points, drawn),
    };
    Some(picture.html())
}

impl Swept<'_> {
    /// The place of a swept value on the axis: along a scale, or side by side with the others.
    fn place(&self, value: f64) -> f64 {
        match self.along.is_category() {
            true => self.values.iter().position(|one| *one == value).unwrap_or_default() as f64,
            false => value,
        }
    }

    /// The swept value at a place.
    fn value(&self, at: f64) -> f64 {
        match self.along.is_category() {
            true => self.values.get(at as usize).copied().unwrap_or_default(),
            false => at,
        }
    }

    /// The prediction of theory for a transport.
    fn predicted(&self, transport: Transport, predictions: &[theory::Prediction]) -> Series {
        let points = self.points.iter().filter_map(|point| {
            let value = expected(predictions, self.drawn, transport, *point)?;
            Some(Mark::plain(self.place(self.along.of(self.view.point(*point)?)), value))
        });
        let (ink, name) = (Ink::Dashed(transport.index() as u8), format!("{}, theory", self.view.title(transport)));
        Series { name, ink, marker: None, is_named: false, points: points.collect() }
    }

    /// The measured values of a transport.
    fn measured(&self, transport: Transport) -> Series {
        let (unit, along) = (self.drawn.unit(), self.along);
        let marks = self.points.iter().filter_map(|point| {
            let (row, settings) = (self.view.row(*point, transport)?, self.view.point(*point)?);
            let (x, y) = (self.place(along.of(settings)), self.drawn.shown_of(row)?);
            let (interval, at) = (self.drawn.interval(row), along.tick(along.of(settings)));
            let value = match shown_interval(unit, interval) {
                Some(interval) => format!("{} {interval} at {at}", unit.show(y)),
                None => format!("{} at {at}", unit.show(y)),
            };
            Some(Mark { x, y, interval, shown: Some(value), label: None, is_focusable: true })
        });
        let (index, name) = (transport.index(), self.view.title(transport).to_owned());
        Series { name, ink: Ink::Series(index as u8), marker: Some(index), is_named: true, points: marks.collect() }
    }
}

/// The prediction of theory for a figure of one row, if there is one.
pub(super) fn expected(
    predictions: &[theory::Prediction],
    drawn: Drawn,
    transport: Transport,
    point: usize,
) -> Option<f64> {
    let is_asked = |one: &&theory::Prediction| {
        Drawn::Metric(one.metric) == drawn && one.transport == transport && one.point_index == point
    };
    predictions.iter().find(is_asked).map(|one| one.predicted)
}

/// A note on values that are not drawn.
pub(super) fn notes(unplaced: &[String], unusable: &[String]) -> String {
    let mut notes = Vec::new();
    if !unplaced.is_empty() {
        notes.push(format!("{}: 0, which has no place on a log scale.", listed(unplaced)));
    }
    if !unusable.is_empty() {
        notes.push(format!("Drawn, but invalid and not to be used: {}.", listed(unusable)));
    }
    notes.join(" ")
}

/// The rows that must not be used, in words.
pub(super) fn unusable(view: &View<'_>, setting: Setting, points: &[usize]) -> Vec<String> {
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
pub(super) fn unit_title(drawn: Drawn) -> &'static str {
    match drawn.unit() {
        Unit::Nanos => "time",
        Unit::Bytes => "bytes",
        Unit::Count => "count",
        Unit::Fraction => "share",
    }
}

pub(super) fn swept_table(view: &View<'_>, along: Along, points: &[usize], drawn: Drawn) -> Table {
    let transports = view.transports();
    let head = std::iter::once(along.label()).chain(transports.iter().map(|one| view.title(*one)));
    let rows = points.iter().map(|point| {
        let value = view.point(*point).map(|point| along.tick(along.of(point))).unwrap_or_default();
        let cells = transports.iter().map(|transport| {
            let row = view.row(*point, *transport);
            with_interval(drawn, row)
        });
        std::iter::once(value).chain(cells).collect()
    });
    Table::new(head.map(str::to_owned).collect(), rows.collect())
}

/// A value with its interval, if there is one.
pub(super) fn with_interval(drawn: Drawn, row: Option<&Row>) -> String {
    let value = shown_in_table(drawn, row);
    let interval = shown_interval(drawn.unit(), row.and_then(|row| drawn.interval(row)));
    interval.map_or(value.clone(), |interval| format!("{value} {interval}"))
}

/// The cost of freshness: age against bytes, the polls as a line over their intervals, the streams as points.
pub(super) fn frontier(view: &View<'_>) -> Option<Markup> {
    let transports = view.transports();
    let (mut series, mut table) = (Vec::new(), Vec::new());
    for transport in &transports {
        let (marks, rows) = of_frontier(view, *transport);
        let (index, name) = (transport.index(), transport.title().to_owned());
        let (ink, marker) = (Ink::Series(index as u8), Some(index));
        series.push(Series { name, ink, marker, is_named: false, points: marks });
        table.extend(rows);
    }
    let xs = || series.iter().flat_map(|one| one.points.iter().map(|mark| mark.x));
    let ys = || series.iter().flat_map(|one| one.points.iter().map(|mark| mark.y));
    let (x_scale, y_scale) = (Scale::for_span(xs(), 4.0), Scale::for_span(ys(), 4.0));
    let (x, y) = (Axis::fit(xs(), x_scale, 6)?, Axis::fit(ys(), y_scale, 6)?);
    let (x_title, y_title) = (x_scale.noted(&view.label(BYTES)), y_scale.noted(&view.label(AGE)));
    let lines = Lines {
        title: "Age of information against bytes for each delivery",
        x: (x, &|value| BYTES.unit().tick(value)),
        y: (y, &|value| AGE.unit().tick(value)),
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

/// Across, and upwards.
const BYTES: Drawn = Drawn::Metric(Metric::WireTotal);
const AGE: Drawn = Drawn::Metric(Metric::AgeMean);

/// The points of one transport, and their rows in the table.
fn of_frontier(view: &View<'_>, transport: Transport) -> (Vec<Mark>, Vec<Vec<String>>) {
    let (mut marks, mut rows) = (Vec::new(), Vec::new());
    for point in view.points() {
        let (Some(row), Some(settings)) = (view.row(point, transport), view.point(point)) else { continue };
        let interval = Setting::PollInterval.tick(Setting::PollInterval.of(settings));
        let (x, y) = (BYTES.of(&row.metrics), AGE.of(&row.metrics));
        let cells = [interval.clone(), shown(BYTES.unit(), x), shown(AGE.unit(), y)];
        rows.push(std::iter::once(transport.title().to_owned()).chain(cells).collect());
        let (Some(x), Some(y)) = (x, y) else { continue };
        let values = format!("{}, age {}", BYTES.unit().show(x), AGE.unit().show(y));
        let (what, label) = match transport {
            Transport::Polling => (format!("every {interval}: {values}"), Some(format!("every {interval}"))),
            Transport::LongPolling | Transport::Sse | Transport::WebSocket => (values, None),
        };
        marks.push(Mark { x, y, interval: AGE.interval(row), shown: Some(what), label, is_focusable: true });
        // The others do not depend on the poll interval, so one point shows all of them.
        if transport != Transport::Polling {
            break;
        }
    }
    (marks, rows)
}
