//! The four claims of the project's original text, each checked with a run that can test it.
//!
//! | claim | tested by |
//! |---|---|
//! | 1. Polling wastes requests and bandwidth when nothing has changed. | `sparse` |
//! | 2. Long polling is an improvement, but when updates are very frequent it is in essence no better than polling. | `chatty` |
//! | 3. SSE pushes without repeated requests, but is one-way. | `sparse` and `chatty` (pushes), `duplex` (one-way) |
//! | 4. WebSocket has a large advantage over polling as traffic and load grow, is bidirectional, carries text and binary, and is not complicated to develop with. | `crowd` (advantage, effort), `duplex` (both ways) |
//!
//! A part of a claim *holds* if every figure that it is about supports it beyond noise, *does not hold* if none does,
//! and holds *within limits* otherwise. If the rounds do not decide it, it is *inconclusive*. Effort is counted in
//! several ways, and has a verdict only if all of them agree. Which browsers support SSE cannot be measured here.
//!
//! Over 400 lines: one claim after the other, in the order of the table.

#[cfg(test)]
mod tests;

use crate::report::findings::ranking::is_equal;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::run::Transport;
use crate::run::file::{Effort, MessageKind};
use crate::run::metric::Metric;
use crate::run::purpose::ClaimName;
use crate::stats::{Difference, median};

/// Ratio to polling's lines of code up to which a transport counts as not complicated.
const EFFORT_HOLDS_MAX: f64 = 1.25;
/// Ratio up to which it counts as not much more complicated.
const EFFORT_WITHIN_LIMITS_MAX: f64 = 3.0;

/// Whether a claim holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Every figure supports it.
    Holds,
    /// Some figures support it.
    WithinLimits,
    /// No figure supports it.
    DoesNotHold,
    /// The rounds do not decide it.
    Inconclusive,
    /// Different ways of counting give different verdicts.
    DependsOnCounting,
}

impl Holding {
    /// The verdict from the figures that a claim is about: each supports it or not, or is `None` if the rounds do not
    /// decide.
    pub(super) fn of(parts: &[Option<bool>]) -> Self {
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
    /// Whether it holds.
    pub holding: Holding,
    /// The claim, with the figures for or against it.
    pub evidence: Evidence,
}

/// A claim, with the figures for or against it.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// Claim 1.
    PollingWastes {
        /// Share of the polls that came back empty.
        empty: Measured,
        /// Ratios of polling's bytes to those of long polling, SSE and WebSocket.
        bytes: [Difference; 3],
    },
    /// Claim 2, as ratios of long polling to polling.
    LongPollingBecomesPolling {
        /// The points with the fewest and the most updates.
        points: [usize; 2],
        /// Requests at the point with the fewest.
        requests_at_few: Difference,
        /// Requests at the point with the most.
        requests: Difference,
        /// Bytes at the point with the most.
        bytes: Difference,
        /// Median latency at the point with the most.
        latency: Difference,
        /// True if long polling still delivers clearly sooner there.
        is_sooner: bool,
    },
    /// Claim 3, first part.
    SsePushes {
        /// Deliveries on open streams.
        delivered: u64,
        /// The most requests per delivery in any trial.
        requests_max: f64,
    },
    /// Claim 3, second part.
    SseIsOneWay {
        /// The point of these figures.
        point: usize,
        /// Requests for each message to the server.
        requests: Measured,
        /// Ratio of a message's bytes to those of WebSocket.
        bytes: Difference,
        /// Ratio of its round trip to that of WebSocket.
        latency: Difference,
    },
    /// Claim 4: both ways, text and binary.
    WebSocketIsBidirectional {
        /// Text messages sent, and those that came back.
        text: [u64; 2],
        /// Binary messages sent, and those that came back.
        binary: [u64; 2],
    },
    /// Claim 4: the advantage.
    WebSocketGainsWithLoad {
        /// The points with the least and the most load.
        points: [usize; 2],
        /// The costs of polling compared with WebSocket.
        costs: Vec<Gain>,
    },
    /// Claim 4: the effort.
    WebSocketIsSimple {
        /// The effort of each transport.
        each: Vec<Effort>,
        /// Ratios of WebSocket to polling, by each way of counting.
        ratios: EffortRatios,
    },
}

/// Ratios of WebSocket's effort to polling's: first the server half, then the client half.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EffortRatios {
    /// Lines that are the transport's own.
    pub own: [f64; 2],
    /// Lines with the files that transports share, charged to each in full.
    pub with_shared: [f64; 2],
    /// Things to get right.
    pub musts: [f64; 2],
}

impl EffortRatios {
    /// The ratios of these counts; `None` if a count of polling is zero.
    pub fn of(websocket: Effort, polling: Effort) -> Option<Self> {
        let ratio = |count: fn(Effort) -> u32| {
            let (more, less) = (f64::from(count(websocket)), f64::from(count(polling)));
            (less > 0.0).then(|| more / less)
        };
        Some(Self {
            own: [ratio(|of| of.server_lines)?, ratio(|of| of.client_lines)?],
            with_shared: [
                ratio(|of| of.server_lines + of.shared_server_lines)?,
                ratio(|of| of.client_lines + of.shared_client_lines)?,
            ],
            musts: [ratio(|of| of.server_musts)?, ratio(|of| of.client_musts)?],
        })
    }

    /// The smallest and the largest ratio.
    pub fn range(self) -> [f64; 2] {
        let all = [self.own, self.with_shared, self.musts].concat();
        [all.iter().copied().fold(f64::INFINITY, f64::min), all.iter().copied().fold(0.0, f64::max)]
    }

    /// The verdict of the whole range: a single one, or that it depends on what is counted.
    pub fn holding(self) -> Holding {
        let of = |ratio: f64| match ratio {
            few if few <= EFFORT_HOLDS_MAX => Holding::Holds,
            some if some <= EFFORT_WITHIN_LIMITS_MAX => Holding::WithinLimits,
            _ => Holding::DoesNotHold,
        };
        let [least, most] = self.range().map(of);
        if least == most { least } else { Holding::DependsOnCounting }
    }
}

/// A figure with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The value in the row.
    pub value: f64,
    /// Its interval.
    pub ci95: Option<[f64; 2]>,
}

/// The ratio of polling to WebSocket in one cost, with low and high load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// The cost.
    pub cost: Cost,
    /// The ratio with low load.
    pub at_few: Difference,
    /// The ratio with high load.
    pub at_many: Difference,
    /// Whether polling's cost is clearly higher with high load; `None` if the rounds do not decide.
    pub is_advantage: Option<bool>,
    /// How the ratio changes with load.
    pub growth: Growth,
}

/// A cost that may be higher with polling than with WebSocket.
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
    /// The rounds do not decide.
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

    /// Whether it grows; `None` if the rounds do not decide.
    pub fn is_more(self) -> Option<bool> {
        match self {
            Self::More => Some(true),
            Self::Less | Self::Same => Some(false),
            Self::Inconclusive => None,
        }
    }
}

impl Evidence {
    /// The number of the claim, from 1 to 4.
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

/// The verdicts on the claims that the run's scenario names, without those for which the run lacks data.
pub(crate) fn of(view: &View<'_>) -> Vec<Claim> {
    view.run.scenario.purpose.claims.iter().filter_map(|claim| judged(view, *claim)).collect()
}

fn judged(view: &View<'_>, claim: ClaimName) -> Option<Claim> {
    match claim {
        ClaimName::PollingWastes => polling_wastes(view),
        ClaimName::LongPollingBecomesPolling => long_polling_becomes_polling(view),
        ClaimName::SsePushes => sse_pushes(view),
        ClaimName::SseIsOneWay => sse_is_one_way(view),
        ClaimName::WebsocketGainsWithLoad => websocket_gains_with_load(view),
        ClaimName::WebsocketIsBidirectional => websocket_is_bidirectional(view),
        ClaimName::WebsocketIsSimple => websocket_is_simple(view),
    }
}

/// The ratio of two transports in a figure at a point.
fn between(view: &View<'_>, point: usize, metric: Metric, pair: [Transport; 2]) -> Option<Difference> {
    view.difference(point, pair, Drawn::Metric(metric))
}

/// Whether the first is clearly more than the second; `None` if the rounds do not decide.
fn is_more(found: &Difference) -> Option<bool> {
    (found.is_clear || is_equal(found.ci95)).then_some(found.is_clear && found.ratio > 1.0)
}

/// Whether the first is clearly less than the second; `None` if the rounds do not decide.
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

pub(super) fn polling_wastes(view: &View<'_>) -> Option<Claim> {
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

pub(super) fn sse_pushes(view: &View<'_>) -> Option<Claim> {
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
    // The smallest text: framing and headers matter most there.
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
    let each = &view.run.environment.effort;
    let of = |transport| each.iter().find(|effort| effort.transport == transport).copied();
    let ratios = EffortRatios::of(of(Transport::WebSocket)?, of(Transport::Polling)?)?;
    Some(Claim { holding: ratios.holding(), evidence: Evidence::WebSocketIsSimple { each: each.clone(), ratios } })
}

/// The points with the smallest and the largest value of the swept setting.
fn extreme_points(view: &View<'_>) -> Option<[usize; 2]> {
    let sweep = view.sweep()?;
    let value = |point: &usize| view.point(*point).map_or(0.0, |point| sweep.of(point));
    let points = view.points();
    let least = points.iter().copied().min_by(|a, b| value(a).total_cmp(&value(b)))?;
    let most = points.iter().copied().max_by(|a, b| value(a).total_cmp(&value(b)))?;
    (least != most && matches!(sweep, Setting::Rate | Setting::Clients)).then_some([least, most])
}
