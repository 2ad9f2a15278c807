//! The points of a sweep that change the answer to a question: those where the leaders of the first point no longer
//! lead, or where another transport leads as well.

use crate::report::findings::ranking::{Ranking, Winner};
use crate::report::findings::view::{Drawn, View};
use crate::run::Transport;
use crate::run::metric::Metric;

/// How one answer changes along a sweep.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub metric: Metric,
    /// The first point, and the transports that lead there or may lead.
    pub first: usize,
    pub leaders: Vec<Transport>,
    /// First the points where none of them leads, then those where another leads with them; of each kind, the points
    /// that differ least from the first one come first.
    pub turned: Vec<Turn>,
}

/// A point that changes an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Turn {
    pub point: usize,
    /// A transport that leads there, but not at the first point.
    pub newcomer: Transport,
    /// True if it is equal to the former leaders, which still lead.
    pub is_shared: bool,
}

/// How the answer for a metric changes; `None` if no transport leads at the first point.
pub(crate) fn verdict(view: &View<'_>, metric: Metric) -> Option<Verdict> {
    let points = view.points();
    let first = *points.first()?;
    let ranking = |point: usize| Ranking::of(view, point, Drawn::Metric(metric));
    let leaders = ranking(first)?.leaders();
    let turn = |point: &usize| {
        let there = ranking(*point)?;
        // A point where none of the leaders was measured, such as one with a compression they do not support, changes
        // nothing.
        if !leaders.iter().any(|one| view.row(*point, *one).is_some()) {
            return None;
        }
        let is_new = |one: &Transport| !leaders.contains(one);
        let (newcomers, is_shared) = match there.leaders().iter().any(|one| leaders.contains(one)) {
            false => (vec![there.best], false),
            // If the rounds do not decide who leads, there is no newcomer.
            true if matches!(there.winner(), Winner::Tied(_)) => (there.leaders(), true),
            true => return None,
        };
        let newcomer = newcomers.into_iter().find(is_new)?;
        Some(Turn { point: *point, newcomer, is_shared })
    };
    let mut turned: Vec<Turn> = points.iter().skip(1).filter_map(turn).collect();
    turned.sort_by_key(|turn| (turn.is_shared, differing(view, first, turn.point)));
    Some(Verdict { metric, first, leaders, turned })
}

/// The number of settings in which two points differ.
fn differing(view: &View<'_>, a: usize, b: usize) -> usize {
    let (of_a, of_b) = (view.distinguishing_settings(a), view.distinguishing_settings(b));
    of_a.iter().zip(&of_b).filter(|(a, b)| a != b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::Point;
    use crate::run::metric::Value;
    use crate::run::protocol::{Compression, Protocol};

    #[test]
    fn an_answer_changes_where_none_of_its_leaders_leads_and_the_nearest_such_point_comes_first() {
        let points = [Compression::None, Compression::Gzip].map(|compression| {
            [Protocol::Http1, Protocol::H2].map(|protocol| Point { protocol, compression, ..fake::point() })
        });
        let mut run = fake::run("mine", "?", Some("protocol"), points.concat(), 3);
        for trial in &mut run.trials {
            let is_first = trial.transport == Some(Transport::Polling);
            let is_turned = trial.point_index >= 2;
            let low = is_first != is_turned;
            trial.metrics.wire_bytes_per_delivery.total = Value(Some(if low { 100.0 } else { 300.0 }));
        }
        (run.summary, run.tcp_baseline) = crate::run::summary::summarise(&run.trials, 1);
        let view = View::new(&run);
        let found = verdict(&view, Metric::WireTotal).unwrap();
        assert_eq!((found.first, found.leaders), (0, vec![Transport::Polling]));
        assert_eq!(found.turned.iter().map(|turn| turn.point).collect::<Vec<_>>(), [2, 3]);
        assert!(found.turned.iter().all(|turn| turn.newcomer != Transport::Polling && !turn.is_shared));
        let same = verdict(&view, Metric::ServerCpu).map(|found| found.turned.len());
        assert!(same.is_none_or(|turned| turned == 0), "what is the same everywhere is turned nowhere");
    }
}
