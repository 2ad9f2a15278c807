//! Claim 4, "a large advantage over polling as traffic and load grow": in Lubbers and Greco's absolute form, bytes a second
//! and processor time a second, with clients and rate swept.

use crate::report::findings::claims::Holding;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::run::Transport;
use crate::run::metric::Metric;
use crate::stats::Difference;

/// The ratio from which an advantage counts as large: WebSocket takes half or less.
pub const LARGE_MIN: f64 = 2.0;

/// Polling compared with WebSocket over clients and rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// One entry for each point.
    pub points: Vec<LoadPoint>,
    /// The updates per poll at which the advantage in bytes falls to [`LARGE_MIN`], and at which it ends; `None` if
    /// that is not at any rate.
    pub updates_per_poll: [Option<f64>; 2],
}

/// Polling compared with WebSocket at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadPoint {
    /// Clients.
    pub clients: u32,
    /// Updates per poll.
    pub updates_per_poll: f64,
    /// Bytes a second, of polling and of WebSocket.
    pub bytes_per_s: [f64; 2],
    /// The ratio of the two.
    pub bytes: Difference,
    /// Processor time of the server in a second, in seconds.
    pub cpu_per_s: [f64; 2],
    /// The ratio of the two.
    pub cpu: Difference,
}

const PAIR: [Transport; 2] = [Transport::Polling, Transport::WebSocket];

impl Load {
    pub(super) fn of(view: &View<'_>) -> Option<Self> {
        let points: Option<Vec<LoadPoint>> = view.points().into_iter().map(|point| load_point(view, point)).collect();
        let points = points.filter(|points| points.len() > 1)?;
        let most = points.iter().map(|point| point.clients).max()?;
        let at_most: Vec<&LoadPoint> = points.iter().filter(|point| point.clients == most).collect();
        let by_rate = |a: &&&LoadPoint, b: &&&LoadPoint| a.updates_per_poll.total_cmp(&b.updates_per_poll);
        let (few, many) = (*at_most.iter().min_by(by_rate)?, *at_most.iter().max_by(by_rate)?);
        Some(Self { updates_per_poll: [LARGE_MIN, 1.0].map(|ratio| rate_of(few, many, ratio)), points })
    }

    /// Whether the claim holds: with the most clients, the advantage is large at each rate, in bytes and in processor
    /// time.
    pub fn holding(&self) -> Holding {
        Holding::of(&self.parts())
    }

    /// Whether each figure supports the claim; `None` if the rounds do not decide.
    fn parts(&self) -> Vec<Option<bool>> {
        let most = self.points.iter().map(|point| point.clients).max().unwrap_or_default();
        let with_most = || self.points.iter().filter(|point| point.clients == most);
        let is_large = |found: &Difference| match found.ci95 {
            [low, _] if low >= LARGE_MIN => Some(true),
            [_, high] if high < LARGE_MIN => Some(false),
            _ => None,
        };
        with_most().flat_map(|point| [is_large(&point.bytes), is_large(&point.cpu)]).collect()
    }
}

fn load_point(view: &View<'_>, point: usize) -> Option<LoadPoint> {
    let settings = view.point(point)?;
    let a_second = settings.rate_per_s * f64::from(settings.clients);
    let of = |metric| {
        let each = PAIR.map(|transport| view.row(point, transport).and_then(|row| row.metrics.get(metric).0));
        let [Some(polling), Some(websocket)] = each else { return None };
        let found = view.difference(point, PAIR, Drawn::Metric(metric))?;
        Some(([polling, websocket].map(|each| each * a_second), found))
    };
    let (bytes_per_s, bytes) = of(Metric::WireTotal)?;
    let (cpu, cpu_ratio) = of(Metric::ServerCpu)?;
    let interval = Setting::PollInterval.of(settings) / 1e9;
    Some(LoadPoint {
        clients: settings.clients,
        updates_per_poll: settings.rate_per_s * interval,
        bytes_per_s,
        bytes,
        cpu_per_s: cpu.map(|nanos| nanos / 1e9),
        cpu: cpu_ratio,
    })
}

/// The updates per poll, n, at which polling takes `ratio` times WebSocket's bytes. A delivery takes a + r / n, where r
/// is the bytes of a request; a and r follow from two rates. `None` if that is not at any rate.
fn rate_of(few: &LoadPoint, many: &LoadPoint, ratio: f64) -> Option<f64> {
    let each = |point: &LoadPoint, which: usize| point.bytes_per_s[which] / point.updates_per_poll;
    let (low, high) = (each(few, 0), each(many, 0));
    let request = (low - high) / (1.0 / few.updates_per_poll - 1.0 / many.updates_per_poll);
    let rest = low - request / few.updates_per_poll;
    let rate = request / (ratio * each(many, 1) - rest);
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(clients: u32, updates_per_poll: f64, request: f64, cpu: f64) -> LoadPoint {
        let found =
            |ratio: f64| Difference { ratio, ci95: [ratio * 0.95, ratio * 1.05], is_clear: true, p_value: 0.01 };
        let each = [250.0 + request / updates_per_poll, 280.0];
        let bytes_per_s = each.map(|bytes| bytes * updates_per_poll * f64::from(clients));
        let cpu_per_s = [cpu, 1.0];
        LoadPoint {
            clients,
            updates_per_poll,
            bytes_per_s,
            bytes: found(each[0] / each[1]),
            cpu_per_s,
            cpu: found(cpu),
        }
    }

    fn load(request: f64, cpu: f64) -> Load {
        let points = vec![point(10, 1.0, request, cpu), point(100, 1.0, request, cpu), point(100, 10.0, request, cpu)];
        let updates_per_poll = [LARGE_MIN, 1.0].map(|ratio| rate_of(&points[1], &points[2], ratio));
        Load { points, updates_per_poll }
    }

    #[test]
    fn an_advantage_is_large_from_twice_on_at_every_rate_and_in_bytes_and_processor_time() {
        assert_eq!(load(10_000.0, 3.0).holding(), Holding::Holds);
        assert_eq!(load(400.0, 3.0).holding(), Holding::WithinLimits, "at ten updates to a poll it is gone");
        assert_eq!(load(0.0, 1.0).holding(), Holding::DoesNotHold);
    }

    #[test]
    fn the_rate_at_which_the_advantage_ends_is_where_a_request_is_shared_by_so_many() {
        let [large, none] = load(620.0, 3.0).updates_per_poll;
        // 250 + 620 / n = 2 × 280, and = 280.
        assert!((large.unwrap() - 2.0).abs() < 1e-9 && (none.unwrap() - 20.0 - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(rate_of(&point(1, 1.0, 0.0, 1.0), &point(1, 10.0, 0.0, 1.0), 1.0), None);
    }
}
