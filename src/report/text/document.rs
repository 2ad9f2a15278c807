//! The figures of a run as cells of a Markdown table, as in the README.

use crate::report::findings::ranking::{Ranking, Winner};
use crate::report::findings::view::{Drawn, View};
use crate::report::text::wording::{self, DASH, NO_WINNER, shown_interval, withheld_lines};
use crate::run::file::{Row, Run};
use crate::run::metric::{Metric, Unit};

/// A figure of a row with its interval: `617 B`, `1.01 [0.93, 1.10] ms`; a dash if it is not shown.
pub fn cell(row: &Row, metric: Metric) -> String {
    let show = |value: f64| match metric.unit() {
        Unit::Count => format!("{value:.2}"),
        Unit::Nanos | Unit::Bytes | Unit::Fraction => metric.show(value),
    };
    let Ok(value) = row.shown(metric) else { return DASH.to_owned() };
    let interval = match (metric.unit(), *row.ci95.get(metric)) {
        (Unit::Count, Some([low, high])) if show(low) == show(high) => None,
        (Unit::Count, Some([low, high])) => Some(format!("[{}, {}]", show(low), show(high))),
        (unit, interval) => shown_interval(unit, interval),
    };
    let value = show(value);
    // Show the unit once: `617 [608, 638] B`.
    let unit = value.split_once(' ').map(|(_, unit)| unit);
    match (interval, unit) {
        (None, _) => value,
        (Some(interval), Some(unit)) if interval.ends_with(&format!("] {unit}")) => {
            format!("{} {interval}", value.trim_end_matches(unit).trim_end())
        }
        (Some(interval), _) => format!("{value} {interval}"),
    }
}

/// Which transport is lowest in a figure at the first point, in the report's own words: "SSE = WebSocket", or
/// "no clear winner".
pub fn lowest(run: &Run, metric: Metric) -> String {
    let view = View::new(run);
    let Some(ranking) = Ranking::of(&view, 0, Drawn::Metric(metric)) else { return DASH.to_owned() };
    // A withheld figure may be lower than every figure shown.
    if !ranking.withheld.is_empty() {
        return DASH.to_owned();
    }
    let names = view.prose_of(&ranking.leaders());
    match ranking.winner() {
        Winner::Inconclusive(_) if names.len() < view.transports().len() => {
            format!("{NO_WINNER}: {}", wording::either(&names))
        }
        // A single transport is not compared with anything.
        Winner::Unopposed => DASH.to_owned(),
        Winner::Inconclusive(_) | Winner::Clear | Winner::Tied(_) => wording::ranking_cell(&view, &ranking),
    }
}

/// Why cells of these figures are a dash: one sentence for each reason.
pub fn dashes(run: &Run, metrics: &[Metric]) -> Vec<String> {
    withheld_lines(&View::new(run), 0, metrics)
}
