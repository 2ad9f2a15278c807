//! How much of what sets two transports apart in a latency is the instrument's: the generator's processor time, which
//! falls between the server and each client where both share their processors, and clocks that are not related exactly.

use crate::report::findings::view::{Drawn, View};
use crate::run::Transport;
use crate::run::metric::{Family, Metric, Unit};

/// By how much of a latency, in nanoseconds, the first of two transports may be above the second for no other reason.
///
/// An update that is pushed to N clients takes the generator N times its processor time for a delivery, on as many
/// processors as there are: the client in the middle of the queue has waited for half of that, and the last one for all.
/// Where clients poll, each at its own moment, nothing waits.
pub(crate) fn explains(view: &View<'_>, point: usize, drawn: Drawn, [first, second]: [Transport; 2]) -> f64 {
    let Drawn::Metric(metric) = drawn else { return 0.0 };
    if metric.family() != Family::Latency || metric.unit() != Unit::Nanos {
        return 0.0;
    }
    let [of_first, of_second] = [first, second].map(|one| generator(view, point, one) * share_waited(metric));
    let [clock, other_clock] = [first, second].map(|one| clock(view, point, one));
    (of_first - of_second).max(0.0) + clock + other_clock
}

/// How long the generator takes for all deliveries of one update, in nanoseconds.
fn generator(view: &View<'_>, point: usize, transport: Transport) -> f64 {
    let is_pushed = match transport {
        Transport::Polling => false,
        Transport::LongPolling | Transport::Sse | Transport::WebSocket => !view.is_echo(),
    };
    let row = view.row(point, transport).filter(|_| is_pushed);
    let each = row.and_then(|row| Some((f64::from(row.point.clients), row.metrics.get(Metric::GeneratorCpu).0?)));
    each.map_or(0.0, |(clients, each)| clients * each / f64::from(view.run.environment.cores.max(1)))
}

/// How much of that the client of a percentile has waited for.
fn share_waited(metric: Metric) -> f64 {
    const TAILS: [([Metric; 2], f64); 4] = [
        ([Metric::LatencyP90, Metric::UncorrectedP90], 0.9),
        ([Metric::LatencyP99, Metric::UncorrectedP99], 0.99),
        ([Metric::LatencyP999, Metric::UncorrectedP999], 0.999),
        ([Metric::LatencyMax, Metric::UncorrectedMax], 1.0),
    ];
    // All else of latency is a median or a mean.
    TAILS.iter().find(|(metrics, _)| metrics.contains(&metric)).map_or(0.5, |(_, share)| *share)
}

/// What the clocks leave uncertain.
fn clock(view: &View<'_>, point: usize, transport: Transport) -> f64 {
    let trials = view.trials(point, Some(transport));
    trials.map(|trial| trial.health.clock_uncertainty_ns.0).max().unwrap_or_default() as f64
}
