//! Which transport to use for a stream like the one of a run, and when that changes: derived from the run's figures,
//! and from theory for other rates. The words are in `report/text/wording/recommendations.rs`.

use crate::report::findings::ranking::{Ranking, Winner};
use crate::report::findings::theory;
use crate::report::findings::view::{Drawn, View};
use crate::run::Transport;
use crate::run::file::Point;
use crate::run::metric::Metric;

/// The smallest ratio that is worth a sentence: one per cent of the bytes is no reason to choose.
const WORTH_SAYING: f64 = 1.05;

/// A transport with one of its figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TransportFigure {
    pub transport: Transport,
    pub value: f64,
}

/// The recommendation of a run with one point whose clients subscribe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recommendation {
    /// The stream: rate, payload, clients, poll interval.
    pub point: Point,
    /// The fastest to deliver, the lowest first, each with its median latency in nanoseconds.
    pub fastest: Vec<TransportFigure>,
    /// True if the rounds do not decide which of several is fastest.
    pub is_open: bool,
    /// The slowest, if it is clearly behind.
    pub slowest: Option<TransportFigure>,
    /// Of the fastest, the one that clearly takes the fewest bytes, and the one that takes the most.
    pub between: Option<[TransportFigure; 2]>,
    /// A slower transport that clearly takes fewer bytes than all of the fastest: its bytes, its latency, and the best
    /// of those.
    pub cheaper: Option<(TransportFigure, f64, TransportFigure)>,
    /// Slower transports that clearly also take more bytes, the nearest first: bytes, latency, and the best of the
    /// fastest.
    pub dearer: Vec<(TransportFigure, f64, TransportFigure)>,
    /// In theory, the rate at which polling and the best of the fastest take the same bytes: below it, polling takes
    /// more.
    pub same_bytes_rate: Option<(f64, Transport)>,
}

/// The recommendation of a run; `None` for a sweep, for echoed messages, for unusable rows, and for a single transport.
pub(crate) fn of(view: &View<'_>) -> Option<Recommendation> {
    let [point] = view.points().try_into().ok()?;
    if view.is_echo() || view.transports().len() < 2 {
        return None;
    }
    let latency = Ranking::of(view, point, Drawn::Metric(Metric::LatencyP50))?;
    let value = |transport: Transport, metric: Metric| view.row(point, transport)?.metrics.get(metric).0;
    let with =
        |transport: Transport, metric: Metric| Some(TransportFigure { transport, value: value(transport, metric)? });
    let fastest: Vec<TransportFigure> =
        latency.leaders().into_iter().filter_map(|one| with(one, Metric::LatencyP50)).collect();
    let slower: Vec<Transport> = latency.behind.iter().map(|(transport, _)| *transport).collect();
    // If no transport is behind, the run decided nothing: not even polling differs from the streams.
    let slowest = slower.last().and_then(|one| with(*one, Metric::LatencyP50));
    let bytes = |transport: Transport| with(transport, Metric::WireTotal);
    let is_clearly = |lower: Transport, higher: Transport| {
        let found = view.difference(point, [higher, lower], Drawn::Metric(Metric::WireTotal));
        found.is_some_and(|found| found.is_clear && found.ratio > WORTH_SAYING)
    };
    let by_bytes = |list: Vec<Transport>| {
        let mut list: Vec<TransportFigure> = list.into_iter().filter_map(bytes).collect();
        list.sort_by(|a, b| a.value.total_cmp(&b.value));
        list
    };
    let of_fastest = by_bytes(fastest.iter().map(|one| one.transport).collect());
    let (best, worst) = (*of_fastest.first()?, *of_fastest.last()?);
    let others = by_bytes(slower);
    let latency_of = |one: &TransportFigure| value(one.transport, Metric::LatencyP50);
    let cheaper = others.first().filter(|one| is_clearly(one.transport, best.transport));
    let dearer = others.iter().filter(|one| is_clearly(best.transport, one.transport));
    let is_polled = others.iter().any(|one| one.transport == Transport::Polling);
    let same_bytes = || theory::rate_of_equal_bytes(view.run, [Transport::Polling, best.transport]);
    Some(Recommendation {
        point: view.row(point, latency.best)?.point.clone(),
        is_open: matches!(latency.winner(), Winner::Inconclusive(_)),
        slowest,
        between: is_clearly(best.transport, worst.transport).then_some([best, worst]),
        cheaper: cheaper.and_then(|one| Some((*one, latency_of(one)?, best))),
        dearer: dearer.filter_map(|one| Some((*one, latency_of(one)?, best))).collect(),
        same_bytes_rate: is_polled.then(same_bytes).flatten().map(|rate| (rate, best.transport)),
        fastest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::Run;
    use crate::run::metric::Value;

    fn recommendation(run: &Run) -> Option<Recommendation> {
        of(&View::new(run))
    }

    /// The default run with the bytes of one transport as given, in every round.
    fn with_bytes(transport: Transport, bytes: f64) -> Run {
        let mut run = fake::quick();
        let rows = run.summary.iter_mut().filter(|row| row.transport == Some(transport));
        rows.for_each(|row| row.metrics.wire_bytes_per_delivery.total = Value(Some(bytes)));
        for trial in run.trials.iter_mut().filter(|trial| trial.transport == Some(transport)) {
            trial.metrics.wire_bytes_per_delivery.total = Value(Some(bytes + f64::from(trial.round) / 10.0));
        }
        run
    }

    #[test]
    fn the_fastest_are_named_and_what_is_slower_is_cheaper_or_dearer_by_the_figures_of_the_run() {
        let cheap = recommendation(&with_bytes(Transport::Polling, 20.0)).unwrap();
        assert!(cheap.fastest.iter().all(|one| [Transport::Sse, Transport::WebSocket].contains(&one.transport)));
        assert_eq!(cheap.slowest.map(|one| one.transport), Some(Transport::Polling));
        let (polling, late, best) = cheap.cheaper.unwrap();
        assert_eq!((polling.transport, polling.value), (Transport::Polling, 20.0));
        assert!(late > 1e8 && best.value > 20.0, "{late} {best:?}");
        let dear = recommendation(&with_bytes(Transport::Polling, 9e5)).unwrap();
        assert_eq!(dear.cheaper, None);
        assert!(dear.dearer.iter().any(|(one, ..)| one.transport == Transport::Polling), "{dear:?}");
    }

    #[test]
    fn where_the_rounds_decide_nothing_no_transport_is_preferred() {
        let one_round = fake::run("quick", "?", None, vec![fake::point()], 1);
        let open = recommendation(&one_round).unwrap();
        assert!(open.is_open && open.fastest.len() == 4, "{open:?}");
        assert_eq!((open.slowest, open.between, open.cheaper, open.dearer.len()), (None, None, None, 0));
        assert_eq!(recommendation(&fake::sweep_over_rate()), None);
    }

    #[test]
    fn an_invalid_run_recommends_nothing_invalid() {
        let mut run = fake::quick();
        run.summary.iter_mut().for_each(|row| row.verdict = crate::run::file::Verdict::Invalid);
        assert_eq!(recommendation(&run), None);
    }
}
