//! Detects transports that saw different stretches of a feed.

use std::collections::BTreeMap;

use crate::limits;
use crate::run::Transport;
use crate::run::file::{Row, Run, Trial, Verdict};
use crate::run::reason::{Cause, UpdatesDue};
use crate::run::summary::by_row;

/// Marks the rows of a point suspect if its transports saw different stretches of a feed. The generator does not start
/// the feed of a `--target`, so each trial gets what that server publishes at that time.
///
/// `rows` must be what [`crate::run::summary::summarise`] returned for these trials.
pub fn judge_stretches(rows: &mut [Row], trials: &[Trial]) {
    let mut means: BTreeMap<usize, BTreeMap<Transport, f64>> = BTreeMap::new();
    for (key, of_row) in by_row(trials) {
        let (point_index, Some(transport)) = key else { continue };
        if of_row[0].point.echo.is_none() {
            let due: f64 = of_row.iter().map(|trial| updates_due(trial)).sum();
            means.entry(point_index).or_default().insert(transport, due / of_row.len() as f64);
        }
    }
    for row in rows {
        let Some(due) = means.get(&row.point_index) else { continue };
        let least = due.values().copied().fold(f64::INFINITY, f64::min);
        let most = due.values().copied().fold(0.0, f64::max);
        if most <= least * (1.0 + limits::STRETCH_DIFFERENCE_SUSPECT) {
            continue;
        }
        let updates = due.iter().map(|(transport, mean)| UpdatesDue { transport: *transport, mean: *mean }).collect();
        row.reasons.push(Cause::DifferentStretches { updates }.into());
        row.verdict = row.verdict.max(Verdict::Suspect);
    }
}

/// The number of different updates that were due in a trial's interval.
fn updates_due(trial: &Trial) -> f64 {
    trial.audit.expected as f64 / f64::from(trial.point.clients.max(1))
}

/// The number of different updates that were due in a measured interval, in the trial with the fewest and the one with
/// the most; `None` if the run did not measure updates.
pub fn updates_measured(run: &Run) -> Option<[u64; 2]> {
    let trials = || run.trials.iter().filter(|trial| trial.point.echo.is_none());
    let due = || trials().map(|trial| updates_due(trial).round() as u64);
    Some([due().min()?, due().max()?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;
    use crate::run::summary::summarise;

    #[test]
    fn transports_that_saw_different_stretches_of_a_feed_are_suspect_with_that_reason() {
        let due = |transport, round, updates: u64| {
            let mut trial = fixture::trial(Some(transport), round, 0, 1_000);
            trial.audit.expected = updates * u64::from(trial.point.clients);
            trial
        };
        let run = |counts: [[u64; 2]; 2]| {
            let [sse, websocket] = counts;
            let trials = [
                due(Transport::Sse, 1, sse[0]),
                due(Transport::Sse, 2, sse[1]),
                due(Transport::WebSocket, 1, websocket[0]),
                due(Transport::WebSocket, 2, websocket[1]),
                fixture::trial(None, 1, 0, 1_000),
            ];
            let (mut rows, _) = summarise(&trials, 1);
            judge_stretches(&mut rows, &trials);
            rows
        };
        for row in run([[20, 20], [20, 30]]) {
            assert_eq!((row.verdict, row.reasons.len()), (Verdict::Suspect, 1));
            let updates = [(Transport::Sse, 20.0), (Transport::WebSocket, 25.0)]
                .map(|(transport, mean)| UpdatesDue { transport, mean });
            assert_eq!(row.reasons[0].cause, Cause::DifferentStretches { updates: updates.to_vec() });
        }
        assert!(run([[20, 20], [18, 29]]).iter().all(|row| row.verdict == Verdict::Valid && row.reasons.is_empty()));
    }
}
