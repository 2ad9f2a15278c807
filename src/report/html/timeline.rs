//! Latency over the measured interval.

use maud::Markup;

use crate::report::findings::view::View;
use crate::report::html::charts::Ink;
use crate::report::html::charts::axis::{Axis, Scale};
use crate::report::html::charts::lines::{Lines, Mark, Series};
use crate::report::html::components::{Fit, Picture, Table, legend};
use crate::report::text::wording::shown;
use crate::run::Transport;
use crate::run::file::{Slice, Trial};
use crate::run::metric::Unit;
use crate::units::{Nanos, short_number};

/// Every which slice shows its value on hover: enough to read a line, few enough to keep the page small.
const SLICES_SHOWN_EVERY: usize = 5;

/// One slice of the interval, as medians over the rounds.
struct Moment {
    from_s: f64,
    p50: Option<f64>,
    p99: Option<f64>,
}

/// The slices of a transport at a point.
fn moments(view: &View<'_>, point: usize, transport: Transport) -> Vec<Moment> {
    let trials: Vec<&Trial> = view.trials(point, Some(transport)).collect();
    let count = trials.iter().map(|trial| trial.timeline.len()).max().unwrap_or_default();
    let moment = |index: usize| {
        let slices: Vec<&Slice> = trials.iter().filter_map(|trial| trial.timeline.get(index)).collect();
        let from_s = slices.first()?.from_ns.seconds();
        Some(Moment { from_s, p50: middle(&slices, |slice| slice.p50_ns), p99: middle(&slices, |slice| slice.p99_ns) })
    };
    (0..count).filter_map(moment).collect()
}

/// The median over rounds of one percentile in one slice.
fn middle(slices: &[&Slice], of: fn(&Slice) -> Option<Nanos>) -> Option<f64> {
    let mut values: Vec<u64> = slices.iter().filter_map(|slice| of(slice)).map(|value| value.0).collect();
    values.sort_unstable();
    values.get(values.len() / 2).map(|value| *value as f64)
}

/// A thick line for p50, and a thin one for p99.
fn series(view: &View<'_>, transport: Transport, moments: &[Moment]) -> [Series; 2] {
    let strong = moments.iter().enumerate().filter_map(|(index, moment)| {
        let value = moment.p50?;
        let shown = (index % SLICES_SHOWN_EVERY == 0).then(|| {
            let (p50, p99) = (Unit::Nanos.show(value), shown(Unit::Nanos, moment.p99));
            format!("p50 {p50}, p99 {p99} at {:.1} s", moment.from_s)
        });
        Some(Mark { shown, ..Mark::plain(moment.from_s, value) })
    });
    let strong: Vec<Mark> = strong.collect();
    let thin = moments.iter().filter_map(|moment| Some(Mark::plain(moment.from_s, moment.p99?))).collect();
    let (index, name) = (transport.index() as u8, view.title(transport).to_owned());
    let is_named = !strong.is_empty();
    [
        Series { name: name.clone(), ink: Ink::Series(index), marker: None, is_named, points: strong },
        Series { name, ink: Ink::Thin(index), marker: None, is_named: false, points: thin },
    ]
}

/// The figures of the lines. A slice in which nothing was due has none.
fn table(view: &View<'_>, transports: &[Transport], moments: &[Vec<Moment>]) -> Table {
    let head = transports.iter().flat_map(|one| ["p50", "p99"].map(|what| format!("{} {what}", view.title(*one))));
    let count = moments.iter().map(Vec::len).max().unwrap_or_default();
    let row = |index: usize| {
        let here: Vec<Option<&Moment>> = moments.iter().map(|of_one| of_one.get(index)).collect();
        let from = here.iter().flatten().next()?.from_s;
        let values: Vec<Option<f64>> =
            here.iter().flat_map(|one| [one.and_then(|one| one.p50), one.and_then(|one| one.p99)]).collect();
        let cells = values.iter().map(|value| shown(Unit::Nanos, *value));
        let has_any = values.iter().any(Option::is_some);
        has_any.then(|| std::iter::once(format!("{from:.2} s")).chain(cells).collect())
    };
    let head = std::iter::once("from".to_owned()).chain(head).collect();
    Table::new(head, (0..count).filter_map(row).collect())
}

/// The chart: p50 thick, p99 thin.
pub(crate) fn timeline(view: &View<'_>, point: usize, fit: Fit, is_captioned: bool) -> Option<Markup> {
    let transports = view.transports();
    let moments: Vec<Vec<Moment>> = transports.iter().map(|one| moments(view, point, *one)).collect();
    let drawn = transports.iter().zip(&moments).map(|(transport, moments)| series(view, *transport, moments));
    let (strong, thin): (Vec<Series>, Vec<Series>) = drawn.map(|[strong, thin]| (strong, thin)).unzip();
    let series: Vec<Series> = thin.into_iter().chain(strong).collect();
    let marks = || series.iter().flat_map(|one| &one.points);
    let y = Axis::fit(marks().map(|mark| mark.y), Scale::Log, 7)?;
    let end = marks().map(|mark| mark.x).fold(0.0, f64::max);
    let x = Axis::fit([0.0, end].into_iter(), Scale::Linear, 8)?;
    let x = Axis::exact(0.0, end.max(f64::MIN_POSITIVE), Scale::Linear, x.labels().filter(|at| *at <= end).collect());
    let what = if view.is_echo() { ["Round trip", "round trip"] } else { ["Latency", "latency"] };
    let lines = Lines {
        title: &format!("{} over the measured interval", what[0]),
        x: (x, &|value| format!("{} s", short_number(value))),
        y: (y, &|value| Unit::Nanos.tick(value)),
        x_title: "time from the start of the measured interval",
        y_title: &format!("{}, log scale", what[1]),
        series,
        height_px: 360,
    };
    let picture = Picture {
        title: format!("{} over time", what[0]),
        is_captioned,
        note: "Each point is a slice of the interval, the median of the rounds. Slices in which nothing was due are left out."
            .to_owned(),
        legend: legend(view, &transports, &[("solid", "p50"), ("thin", "p99")]),
        drawing: fit.draw(|size| lines.svg(size)),
        table: table(view, &transports, &moments),
    };
    Some(picture.html())
}
