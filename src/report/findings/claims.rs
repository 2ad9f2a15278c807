//! The four claims of the text that this project started from, each checked against the run that can test it.
//!
//! | claim | put to the test by |
//! |---|---|
//! | 1. Polling wastes requests and bandwidth when nothing has changed. | `sparse` |
//! | 2. Long polling is an improvement, but when updates are very frequent it is in essence no better than polling. | `chatty` |
//! | 3. SSE pushes without repeated requests, but is one-way. | `sparse` and `chatty` (pushes), `duplex` (one-way) |
//! | 4. WebSocket has a large advantage over polling as traffic and load grow, is bidirectional, carries text and binary, and is not complicated to develop with. | `crowd` (advantage, effort), `duplex` (both ways) |
//!
//! A part of a claim *holds* if every figure that it speaks of says so beyond noise, *does not hold* if none does, and
//! holds *within limits* otherwise; where the rounds leave it open, it is *inconclusive*. Which browsers have SSE is
//! nothing that can be measured here.

use crate::report::findings::ranking::is_equal;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::run::Transport;
use crate::run::file::{Effort, MessageKind};
use crate::run::metric::Metric;
use crate::stats::{Difference, median};

/// Lines of code, as a ratio to polling's, up to which a transport counts as not complicated.
const EFFORT_HOLDS_MAX: f64 = 1.25;
/// Up to which it counts as not much more so.
const EFFORT_WITHIN_LIMITS_MAX: f64 = 3.0;

/// Does a claim hold?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Every figure says so.
    Holds,
    /// Some do.
    WithinLimits,
    /// None does.
    DoesNotHold,
    /// The rounds leave too much open.
    Inconclusive,
}

impl Holding {
    /// From what each of the figures that a claim speaks of says; `None` is one that the rounds leave open.
    fn of(parts: &[Option<bool>]) -> Self {
        let count = |said: Option<bool>| parts.iter().filter(|part| **part == said).count();
        match (count(Some(true)), count(Some(false)), count(None)) {
            (1.., 1.., _) => Self::WithinLimits,
            (_, _, 1..) => Self::Inconclusive,
            (0, _, 0) => Self::DoesNotHold,
            (_, 0, 0) => Self::Holds,
        }
    }
}

/// The verdict on a claim, or on one part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Does it hold?
    pub holding: Holding,
    /// What is claimed, with the figures that say so.
    pub evidence: Evidence,
}

/// What is claimed, and the figures for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// Claim 1.
    PollingWastes {
        /// Share of the polls that came back empty.
        empty: Measured,
        /// Polling's bytes to those of long polling, SSE and WebSocket.
        bytes: [Difference; 3],
    },
    /// Claim 2: long polling to polling.
    LongPollingBecomesPolling {
        /// The point with the fewest updates, and that with the most.
        points: [usize; 2],
        /// Its requests at the fewest.
        requests_at_few: Difference,
        /// Its requests at the most.
        requests: Difference,
        /// Its bytes at the most.
        bytes: Difference,
        /// Its median latency at the most.
        latency: Difference,
        /// Does it still deliver clearly sooner there?
        is_sooner: bool,
    },
    /// Claim 3, first part.
    SsePushes {
        /// Deliveries on open streams.
        delivered: u64,
        /// The most requests for each in any trial.
        requests_max: f64,
    },
    /// Claim 3, second part.
    SseIsOneWay {
        /// The point that it is told of.
        point: usize,
        /// Requests for each message up.
        requests: Measured,
        /// A message's bytes to those of WebSocket.
        bytes: Difference,
        /// Its round trip to that of WebSocket.
        latency: Difference,
    },
    /// Claim 4: both ways, text and binary.
    WebSocketIsBidirectional {
        /// Text messages sent, and those that came back.
        text: [u64; 2],
        /// Binary messages, likewise.
        binary: [u64; 2],
    },
    /// Claim 4: the advantage.
    WebSocketGainsWithLoad {
        /// The point with the least load, and that with the most.
        points: [usize; 2],
        /// What polling has more of.
        costs: Vec<Gain>,
    },
    /// Claim 4: the effort.
    WebSocketIsSimple {
        /// Lines of code of each transport.
        lines: Vec<Effort>,
        /// WebSocket's to polling's.
        ratio: f64,
    },
}

/// A figure with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Of a row.
    pub value: f64,
    /// Of the row.
    pub ci95: Option<[f64; 2]>,
}

/// Polling to WebSocket in one cost, with little load and with much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// Which cost.
    pub cost: Cost,
    /// With little load.
    pub at_few: Difference,
    /// With much.
    pub at_many: Difference,
    /// Is polling's clearly more with much load?
    pub is_advantage: Option<bool>,
    /// How the ratio changes.
    pub growth: Growth,
}

/// What polling may have more of than WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Latency at the 99th percentile.
    Latency,
    /// Bytes on the wire.
    Bytes,
    /// CPU time of the server.
    Cpu,
}

impl Cost {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Latency, Self::Bytes, Self::Cpu];

    fn metric(self) -> Metric {
        match self {
            Self::Latency => Metric::LatencyP99,
            Self::Bytes => Metric::WireTotal,
            Self::Cpu => Metric::ServerCpu,
        }
    }
}

/// How a ratio changes from one end of a sweep to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// It grows.
    More,
    /// It shrinks.
    Less,
    /// It stays the same within noise.
    Same,
    /// The rounds leave it open.
    Inconclusive,
}

impl Growth {
    fn of(at_few: &Difference, at_many: &Difference) -> Self {
        let ([few_low, few_high], [many_low, many_high]) = (at_few.ci95, at_many.ci95);
        if many_low > few_high {
            Self::More
        } else if many_high < few_low {
            Self::Less
        } else if few_low > 0.0 && many_low > 0.0 && is_equal([many_low / few_high, many_high / few_low]) {
            Self::Same
        } else {
            Self::Inconclusive
        }
    }

    /// Does it grow? `None` if the rounds leave it open.
    pub fn is_more(self) -> Option<bool> {
        match self {
            Self::More => Some(true),
            Self::Less | Self::Same => Some(false),
            Self::Inconclusive => None,
        }
    }
}

impl Evidence {
    /// Which of the four claims it belongs to.
    pub fn number(&self) -> u8 {
        match self {
            Self::PollingWastes { .. } => 1,
            Self::LongPollingBecomesPolling { .. } => 2,
            Self::SsePushes { .. } | Self::SseIsOneWay { .. } => 3,
            Self::WebSocketIsBidirectional { .. } => 4,
            Self::WebSocketGainsWithLoad { .. } | Self::WebSocketIsSimple { .. } => 4,
        }
    }
}

/// The verdicts that a run can give: none, if it is no scenario that was made for a claim, or lacks what is needed.
pub(crate) fn of(view: &View<'_>) -> Vec<Claim> {
    let found = match view.run.scenario.name.as_str() {
        "sparse" => vec![polling_wastes(view), sse_pushes(view)],
        "chatty" => vec![long_polling_becomes_polling(view), sse_pushes(view)],
        "duplex" => vec![sse_is_one_way(view), websocket_is_bidirectional(view)],
        "crowd" => vec![websocket_gains_with_load(view), websocket_is_simple(view)],
        _ => Vec::new(),
    };
    found.into_iter().flatten().collect()
}

/// How two transports stand to one another in a figure at a point.
fn between(view: &View<'_>, point: usize, metric: Metric, pair: [Transport; 2]) -> Option<Difference> {
    view.difference(point, pair, Drawn::Metric(metric))
}

/// Is the first clearly more than the second? `None` if the rounds leave too much open to say.
fn is_more(found: &Difference) -> Option<bool> {
    (found.is_clear || is_equal(found.ci95)).then_some(found.is_clear && found.ratio > 1.0)
}

/// Is the first clearly less than the second?
fn is_less(found: &Difference) -> Option<bool> {
    (found.is_clear || is_equal(found.ci95)).then_some(found.is_clear && found.ratio < 1.0)
}

fn not(said: Option<bool>) -> Option<bool> {
    said.map(|said| !said)
}

/// A row's figure, and its interval.
fn measured(view: &View<'_>, point: usize, transport: Transport, metric: Metric) -> Option<Measured> {
    let row = view.row(point, transport)?;
    Some(Measured { value: row.metrics.get(metric).0?, ci95: *row.ci95.get(metric) })
}

fn polling_wastes(view: &View<'_>) -> Option<Claim> {
    let point = *view.points().first()?;
    let polls = view.values(point, Transport::Polling, Drawn::Metric(Metric::EmptyFraction));
    let empty = measured(view, point, Transport::Polling, Metric::EmptyFraction)?;
    let others = [Transport::LongPolling, Transport::Sse, Transport::WebSocket];
    let bytes = others.map(|other| between(view, point, Metric::WireTotal, [Transport::Polling, other]));
    let [Some(long_polling), Some(sse), Some(websocket)] = bytes else { return None };
    let bytes = [long_polling, sse, websocket];
    let wastes_requests = Some(median(&polls)? > 0.0 && polls.iter().all(|share| *share > 0.0));
    let parts: Vec<Option<bool>> = [wastes_requests].into_iter().chain(bytes.iter().map(is_more)).collect();
    Some(Claim { holding: Holding::of(&parts), evidence: Evidence::PollingWastes { empty, bytes } })
}

fn long_polling_becomes_polling(view: &View<'_>) -> Option<Claim> {
    let points @ [few, many] = extreme_points(view)?;
    let order = [Transport::LongPolling, Transport::Polling];
    let requests_at_few = between(view, few, Metric::RequestsPerDelivery, order)?;
    let requests = between(view, many, Metric::RequestsPerDelivery, order)?;
    let bytes = between(view, many, Metric::WireTotal, order)?;
    let latency = between(view, many, Metric::LatencyP50, order)?;
    let (is_improvement, is_sooner) = (is_less(&requests_at_few), is_less(&latency));
    let parts = [is_improvement, not(is_less(&requests)), not(is_less(&bytes)), not(is_sooner)];
    let holding = if is_improvement == Some(false) { Holding::DoesNotHold } else { Holding::of(&parts) };
    let is_sooner = is_sooner == Some(true);
    let evidence = Evidence::LongPollingBecomesPolling { points, requests_at_few, requests, bytes, latency, is_sooner };
    Some(Claim { holding, evidence })
}

fn sse_pushes(view: &View<'_>) -> Option<Claim> {
    let points = view.points();
    let requests: Vec<f64> = points
        .iter()
        .flat_map(|point| view.values(*point, Transport::Sse, Drawn::Metric(Metric::RequestsPerDelivery)))
        .collect();
    let delivered: u64 =
        points.iter().filter_map(|point| view.row(*point, Transport::Sse)).map(|row| row.audit.delivered).sum();
    let requests_max = requests.iter().copied().reduce(f64::max)?;
    let holding = Holding::of(&[Some(requests_max == 0.0)]);
    Some(Claim { holding, evidence: Evidence::SsePushes { delivered, requests_max } })
}

fn sse_is_one_way(view: &View<'_>) -> Option<Claim> {
    // The smallest text: what is around a message weighs most there.
    let is_text = |point: &usize| view.point(*point).and_then(|point| point.echo) == Some(MessageKind::Text);
    let size = |point: &usize| view.point(*point).map_or(f64::MAX, |point| point.payload_bytes);
    let point = view.points().into_iter().filter(is_text).min_by(|a, b| size(a).total_cmp(&size(b)))?;
    let requests = measured(view, point, Transport::Sse, Metric::RequestsPerDelivery)?;
    let asks = view.values(point, Transport::Sse, Drawn::Metric(Metric::RequestsPerDelivery));
    let order = [Transport::Sse, Transport::WebSocket];
    let bytes = between(view, point, Metric::WireTotal, order)?;
    let latency = between(view, point, Metric::LatencyP50, order)?;
    let holding = Holding::of(&[Some(median(&asks)? > 0.0)]);
    Some(Claim { holding, evidence: Evidence::SseIsOneWay { point, requests, bytes, latency } })
}

fn websocket_is_bidirectional(view: &View<'_>) -> Option<Claim> {
    let counts = [MessageKind::Text, MessageKind::Binary].map(|kind| {
        let is_of = |point: &usize| view.point(*point).and_then(|point| point.echo) == Some(kind);
        let points = view.points().into_iter().filter(is_of);
        let rows = points.filter_map(|point| view.row(point, Transport::WebSocket));
        rows.fold([0, 0], |[sent, back], row| [sent + row.audit.expected, back + row.audit.delivered])
    });
    let [text, binary] = counts;
    if text[0] + binary[0] == 0 {
        return None;
    }
    let holding = Holding::of(&counts.map(|[sent, back]| Some(sent > 0 && sent == back)));
    Some(Claim { holding, evidence: Evidence::WebSocketIsBidirectional { text, binary } })
}

fn websocket_gains_with_load(view: &View<'_>) -> Option<Claim> {
    let points @ [few, many] = extreme_points(view)?;
    let order = [Transport::Polling, Transport::WebSocket];
    let gain = |cost: Cost| {
        let metric = cost.metric();
        let (at_few, at_many) = (between(view, few, metric, order)?, between(view, many, metric, order)?);
        let (is_advantage, growth) = (is_more(&at_many), Growth::of(&at_few, &at_many));
        Some(Gain { cost, at_few, at_many, is_advantage, growth })
    };
    let costs = Cost::ALL.into_iter().map(gain).collect::<Option<Vec<Gain>>>()?;
    let advantages = costs.iter().map(|one| one.is_advantage);
    let parts: Vec<Option<bool>> = advantages.chain(costs.iter().map(|one| one.growth.is_more())).collect();
    Some(Claim { holding: Holding::of(&parts), evidence: Evidence::WebSocketGainsWithLoad { points, costs } })
}

fn websocket_is_simple(view: &View<'_>) -> Option<Claim> {
    let effort = |transport| view.run.environment.effort.iter().find(|effort| effort.transport == transport).copied();
    let total = |effort: Effort| f64::from(effort.server_lines + effort.client_lines);
    let ratio = total(effort(Transport::WebSocket)?) / total(effort(Transport::Polling)?);
    let holding = match ratio {
        few if few <= EFFORT_HOLDS_MAX => Holding::Holds,
        some if some <= EFFORT_WITHIN_LIMITS_MAX => Holding::WithinLimits,
        _ => Holding::DoesNotHold,
    };
    let lines = Transport::ALL.into_iter().filter_map(effort).collect();
    Some(Claim { holding, evidence: Evidence::WebSocketIsSimple { lines, ratio } })
}

/// The points with the least and the most of what is swept.
fn extreme_points(view: &View<'_>) -> Option<[usize; 2]> {
    let sweep = view.sweep()?;
    let value = |point: &usize| view.point(*point).map_or(0.0, |point| sweep.of(point));
    let points = view.points();
    let least = points.iter().copied().min_by(|a, b| value(a).total_cmp(&value(b)))?;
    let most = points.iter().copied().max_by(|a, b| value(a).total_cmp(&value(b)))?;
    (least != most && matches!(sweep, Setting::Rate | Setting::Clients)).then_some([least, most])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::{Point, Run};
    use crate::run::metric::Value;

    fn claims(run: &Run) -> Vec<Claim> {
        super::of(&View::new(run))
    }

    /// Of the claim whose evidence this is.
    fn holding(run: &Run, is_meant: fn(&Evidence) -> bool) -> Holding {
        let found = claims(run);
        found.iter().find(|claim| is_meant(&claim.evidence)).unwrap_or_else(|| panic!("{found:?}")).holding
    }

    fn wastes(evidence: &Evidence) -> bool {
        matches!(evidence, Evidence::PollingWastes { .. })
    }

    fn becomes_polling(evidence: &Evidence) -> bool {
        matches!(evidence, Evidence::LongPollingBecomesPolling { .. })
    }

    fn pushes(evidence: &Evidence) -> bool {
        matches!(evidence, Evidence::SsePushes { .. })
    }

    fn gains(evidence: &Evidence) -> bool {
        matches!(evidence, Evidence::WebSocketGainsWithLoad { .. })
    }

    /// Sets a figure of every trial and row of a transport, as `value` says from its point.
    fn set(run: &mut Run, transport: Transport, metric: Metric, value: impl Fn(&Point) -> f64) {
        for trial in run.trials.iter_mut().filter(|trial| trial.transport == Some(transport)) {
            let noise = 1.0 + f64::from(trial.round) / 1e3;
            let value = value(&trial.point) * noise;
            *trial.metrics.get_mut(metric) = Value(Some(value));
            if metric.path().starts_with("latency_ns") {
                trial.latency_hdr = fake::all_taking(value);
            }
        }
        for row in run.summary.iter_mut().filter(|row| row.transport == Some(transport)) {
            *row.metrics.get_mut(metric) = Value(Some(value(&row.point)));
        }
    }

    fn sparse() -> Run {
        let mut run = fake::run("sparse", "?", None, vec![fake::point()], 3);
        set(&mut run, Transport::Polling, Metric::EmptyFraction, |_| 0.9);
        for (transport, bytes) in Transport::ALL.into_iter().zip([3_000.0, 600.0, 300.0, 280.0]) {
            set(&mut run, transport, Metric::WireTotal, |_| bytes);
        }
        run
    }

    #[test]
    fn polling_wastes_where_it_is_empty_and_dearer_and_not_where_it_is_neither() {
        let mut run = sparse();
        assert_eq!(holding(&run, wastes), Holding::Holds);
        set(&mut run, Transport::Polling, Metric::WireTotal, |_| 200.0);
        assert_eq!(holding(&run, wastes), Holding::WithinLimits);
        set(&mut run, Transport::Polling, Metric::EmptyFraction, |_| 0.0);
        assert_eq!(holding(&run, wastes), Holding::DoesNotHold);
    }

    #[test]
    fn long_polling_that_is_still_sooner_when_it_costs_more_is_a_claim_within_limits() {
        let mut run = fake::sweep_over_rate();
        set(&mut run, Transport::Polling, Metric::RequestsPerDelivery, |point| 1.0 / point.rate_per_s);
        set(&mut run, Transport::LongPolling, Metric::RequestsPerDelivery, |_| 1.0);
        set(&mut run, Transport::Polling, Metric::WireTotal, |_| 170.0);
        set(&mut run, Transport::LongPolling, Metric::WireTotal, |_| 550.0);
        set(&mut run, Transport::Polling, Metric::LatencyP50, |_| 5e8);
        set(&mut run, Transport::LongPolling, Metric::LatencyP50, |_| 1e6);
        assert_eq!(holding(&run, becomes_polling), Holding::WithinLimits);
        let Evidence::LongPollingBecomesPolling { latency, is_sooner, .. } = claims(&run)[0].evidence else {
            panic!("{:?}", claims(&run));
        };
        assert!(is_sooner && (latency.ratio * 500.0 - 1.0).abs() < 0.01, "{latency:?}");
        set(&mut run, Transport::LongPolling, Metric::LatencyP50, |_| 5e8);
        assert_eq!(holding(&run, becomes_polling), Holding::Holds);
        set(&mut run, Transport::LongPolling, Metric::RequestsPerDelivery, |point| 2.0 / point.rate_per_s);
        assert_eq!(holding(&run, becomes_polling), Holding::DoesNotHold, "it never was an improvement");
    }

    #[test]
    fn sse_that_asks_again_does_not_push_without_requests() {
        let mut run = sparse();
        set(&mut run, Transport::Sse, Metric::RequestsPerDelivery, |_| 0.0);
        assert_eq!(holding(&run, pushes), Holding::Holds);
        set(&mut run, Transport::Sse, Metric::RequestsPerDelivery, |_| 0.01);
        assert_eq!(holding(&run, pushes), Holding::DoesNotHold);
    }

    fn growths(run: &Run) -> Vec<Growth> {
        let Evidence::WebSocketGainsWithLoad { costs, .. } = &claims(run)[0].evidence else { panic!("no such claim") };
        costs.iter().map(|one| one.growth).collect()
    }

    #[test]
    fn an_advantage_that_does_not_grow_is_one_within_limits() {
        let points = [10, 1_000].map(|clients| Point { clients, ..fake::point() });
        let mut run = fake::run("crowd", "?", Some("clients"), points.to_vec(), 3);
        for metric in Cost::ALL.map(Cost::metric) {
            set(&mut run, Transport::WebSocket, metric, |_| 10.0);
            set(&mut run, Transport::Polling, metric, |point| 20.0 * f64::from(point.clients));
        }
        assert_eq!(holding(&run, gains), Holding::Holds);
        assert_eq!(growths(&run), [Growth::More; 3]);
        set(&mut run, Transport::Polling, Metric::WireTotal, |_| 20.0);
        assert_eq!(holding(&run, gains), Holding::WithinLimits);
        for metric in Cost::ALL.map(Cost::metric) {
            set(&mut run, Transport::Polling, metric, |point| 40.0 / f64::from(point.clients).log10());
        }
        assert_eq!(holding(&run, gains), Holding::WithinLimits);
        assert_eq!(growths(&run), [Growth::Less; 3]);
        for metric in Cost::ALL.map(Cost::metric) {
            set(&mut run, Transport::Polling, metric, |_| 5.0);
        }
        assert_eq!(holding(&run, gains), Holding::DoesNotHold);
    }

    #[test]
    fn a_claim_that_noise_hides_is_inconclusive() {
        let all = |ratio, ci95: [f64; 2]| Difference { ratio, ci95, is_clear: ci95[0] > 1.0, p_value: 0.5 };
        assert_eq!(is_more(&all(1.5, [0.5, 4.0])), None);
        assert_eq!(is_more(&all(1.1, [0.95, 1.2])), Some(false));
        assert_eq!(Growth::of(&all(2.0, [1.0, 4.0]), &all(3.0, [1.5, 6.0])), Growth::Inconclusive);
        assert_eq!(Holding::of(&[None, Some(true)]), Holding::Inconclusive);
        assert_eq!(Holding::of(&[None, Some(true), Some(false)]), Holding::WithinLimits);
    }

    #[test]
    fn effort_is_judged_by_lines_and_counted_for_each_transport() {
        let mut run = fake::run("crowd", "?", Some("clients"), vec![fake::point()], 3);
        let effort = |transport, lines| Effort { transport, shared_lines: 9, server_lines: lines, client_lines: lines };
        for (lines, expected) in [(110, Holding::Holds), (200, Holding::WithinLimits), (400, Holding::DoesNotHold)] {
            run.environment.effort =
                Transport::ALL.into_iter().zip([100, 100, 100, lines]).map(|(t, lines)| effort(t, lines)).collect();
            assert_eq!(holding(&run, |one| matches!(one, Evidence::WebSocketIsSimple { .. })), expected);
        }
        let Evidence::WebSocketIsSimple { lines, ratio } = &claims(&run)[0].evidence else { panic!("no effort") };
        assert_eq!((lines.len(), *ratio), (4, 4.0));
    }

    #[test]
    fn messages_that_did_not_come_back_count_against_both_directions() {
        let points = [MessageKind::Text, MessageKind::Binary].map(|kind| Point { echo: Some(kind), ..fake::point() });
        let mut run = fake::run("duplex", "?", None, points.to_vec(), 3);
        assert_eq!(holding(&run, |one| matches!(one, Evidence::WebSocketIsBidirectional { .. })), Holding::Holds);
        let row = run.summary.iter_mut().rfind(|row| row.transport == Some(Transport::WebSocket)).unwrap();
        row.audit.delivered -= 1;
        assert_eq!(
            holding(&run, |one| matches!(one, Evidence::WebSocketIsBidirectional { .. })),
            Holding::WithinLimits
        );
    }

    #[test]
    fn a_run_that_was_made_for_no_claim_judges_none() {
        assert_eq!(claims(&fake::quick()), []);
        let mut run = sparse();
        run.trials.retain(|trial| trial.transport != Some(Transport::LongPolling));
        assert!(claims(&run).iter().all(|claim| claim.evidence.number() != 1), "what it needs was not measured");
    }
}
