//! Which point of a sweep changes an answer, with the figures on both sides.

use crate::report::findings::turns::{Turn, Verdict};
use crate::report::findings::view::View;
use crate::report::text::wording::{listed, shown_interval};
use crate::run::Transport;
use crate::run::metric::Metric;

/// One row of the table: the answer at the first point, the nearest point that changes it, and the figures at both.
pub(crate) fn turn_cells(view: &View<'_>, verdict: &Verdict) -> [String; 3] {
    let leaders = listed(&view.prose_of(&verdict.leaders));
    let Some(turn) = verdict.turned.first() else {
        return [leaders, "none of the other points".to_owned(), String::new()];
    };
    let others = verdict.turned.iter().filter(|other| other.is_shared == turn.is_shared).count() - 1;
    let more = match others {
        0 => String::new(),
        1 => ", and 1 other point".to_owned(),
        _ => format!(", and {others} other points"),
    };
    let shared = if turn.is_shared { format!(": {} also leads", view.prose(turn.newcomer)) } else { String::new() };
    let by = format!("{}{more}{shared}", changed(view, verdict.first, turn.point));
    [leaders, by, figures(view, verdict, turn)]
}

/// The settings that differ at a point.
fn changed(view: &View<'_>, first: usize, point: usize) -> String {
    let (before, after) = (view.distinguishing_settings(first), view.distinguishing_settings(point));
    let changed = after.into_iter().zip(before).filter(|(after, before)| after != before);
    let phrases: Vec<String> = changed.map(|((setting, value), _)| setting.phrase(value)).collect();
    listed(&phrases)
}

/// "polling 226 B, SSE 331 B; there SSE 340 B, polling 469 B": the leader and the newcomer at the first point, then
/// both at the other.
fn figures(view: &View<'_>, verdict: &Verdict, turn: &Turn) -> String {
    let Some(before) = verdict.leaders.first().copied() else { return String::new() };
    let at = |point: usize, order: [Transport; 2]| {
        let each = order.map(|one| figure_with_interval(view, point, one, verdict.metric));
        each.into_iter().flatten().collect::<Vec<_>>().join(", ")
    };
    format!("{}; there {}", at(verdict.first, [before, turn.newcomer]), at(turn.point, [turn.newcomer, before]))
}

fn figure_with_interval(view: &View<'_>, point: usize, transport: Transport, metric: Metric) -> Option<String> {
    let row = view.row(point, transport)?;
    let value = row.shown(metric).ok()?;
    // The value before the interval already shows its unit.
    let shown = metric.show(value);
    let unit = shown.split_once(' ').map_or("", |(_, unit)| unit);
    let interval = shown_interval(metric.unit(), *row.ci95.get(metric));
    let interval = interval
        .map(|interval| interval.strip_suffix(unit).map_or(interval.clone(), |short| short.trim_end().to_owned()));
    let interval = interval.map_or_else(String::new, |interval| format!(" {interval}"));
    Some(format!("{} {shown}{interval}", view.prose(transport)))
}
