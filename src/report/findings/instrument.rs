//! How much of the difference between two transports' latencies may come from the instrument: the generator's processor
//! time, which adds to latency if generator and server share processors, and the uncertainty of clock offsets.

use crate::report::findings::view::{Drawn, View};
use crate::run::Transport;
use crate::run::metric::{Family, Metric, Unit};

/// How much higher, in nanoseconds, the instrument alone may make the first transport's latency than the second's.
///
/// For an update that is pushed to N clients, the generator needs N times its processor time per delivery, on all its
/// processors. The client in the middle of the queue waits for half of that, and the last one for all of it. With
/// polling, each client asks at its own time, and none waits.
pub(crate) fn explains(view: &View<'_>, point: usize, drawn: Drawn, [first, second]: [Transport; 2]) -> f64 {
    let Drawn::Metric(metric) = drawn else { return 0.0 };
    if metric.family() != Family::Latency || metric.unit() != Unit::Nanos {
        return 0.0;
    }
    let [of_first, of_second] = [first, second].map(|one| generator(view, point, one) * share_waited(metric));
    let [clock, other_clock] = [first, second].map(|one| clock(view, point, one));
    (of_first - of_second).max(0.0) + clock + other_clock
}

/// The generator's time for all deliveries of one update, in nanoseconds.
fn generator(view: &View<'_>, point: usize, transport: Transport) -> f64 {
    let is_pushed = match transport {
        Transport::Polling => false,
        Transport::LongPolling | Transport::Sse | Transport::WebSocket => !view.is_echo(),
    };
    let row = view.row(point, transport).filter(|_| is_pushed);
    let each = row.and_then(|row| Some((f64::from(row.point.clients), row.metrics.get(Metric::GeneratorCpu).0?)));
    each.map_or(0.0, |(clients, each)| clients * each / f64::from(view.run.environment.cores.max(1)))
}

/// The share of that time that the client at a percentile has waited.
fn share_waited(metric: Metric) -> f64 {
    const TAILS: [([Metric; 2], f64); 4] = [
        ([Metric::LatencyP90, Metric::UncorrectedP90], 0.9),
        ([Metric::LatencyP99, Metric::UncorrectedP99], 0.99),
        ([Metric::LatencyP999, Metric::UncorrectedP999], 0.999),
        ([Metric::LatencyMax, Metric::UncorrectedMax], 1.0),
    ];
    // All other latency metrics are a median or a mean.
    TAILS.iter().find(|(metrics, _)| metrics.contains(&metric)).map_or(0.5, |(_, share)| *share)
}

/// The uncertainty of the clocks, in nanoseconds.
fn clock(view: &View<'_>, point: usize, transport: Transport) -> f64 {
    let trials = view.trials(point, Some(transport));
    trials.map(|trial| trial.health.clock_uncertainty_ns.0).max().unwrap_or_default() as f64
}
