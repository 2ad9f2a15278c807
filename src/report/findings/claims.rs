//! The four claims of the text that this project started from, each held against the run that puts it to the test.
//!
//! | claim | put to the test by |
//! |---|---|
//! | 1. Polling wastes requests and bandwidth when nothing has changed. | `sparse` |
//! | 2. Long polling is an improvement, but when updates are very frequent it is in essence no better than polling. | `chatty` |
//! | 3. SSE pushes without repeated requests, but is one-way. | `sparse` and `chatty` (pushes), `duplex` (one-way) |
//! | 4. WebSocket has a large advantage over polling as traffic and load grow, is bidirectional, carries text and binary, and is not complicated to develop with. | `crowd` (advantage, effort), `duplex` (both ways) |
//!
//! A part of a claim *holds* if every figure that it speaks of says so beyond noise, *does not hold* if none does, and
//! holds *within limits* otherwise; where the rounds leave too much open for a word on it, it *cannot be told*. Which browsers have SSE is nothing that can be measured here.

use maud::{Markup, html};

use crate::report::findings::ranking::is_equal;
use crate::report::findings::view::{Drawn, Setting, View, ends as within, listed, shown_interval, times};
use crate::run::Transport;
use crate::run::file::{Effort, MessageKind, Run};
use crate::run::metric::Metric;
use crate::run::purpose::ClaimName;
use crate::stats::{Difference, median};
use crate::units::grouped;

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
    /// From what each of the figures that a claim speaks of says; `None` is one that cannot be told.
    fn of(parts: &[Option<bool>]) -> Self {
        let count = |said: Option<bool>| parts.iter().filter(|part| **part == said).count();
        match (count(Some(true)), count(Some(false)), count(None)) {
            (1.., 1.., _) => Self::WithinLimits,
            (_, _, 1..) => Self::Inconclusive,
            (0, _, 0) => Self::DoesNotHold,
            (_, 0, 0) => Self::Holds,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::WithinLimits => "holds within limits",
            Self::DoesNotHold => "does not hold",
            Self::Inconclusive => "cannot be told from this run",
        }
    }
}

/// The verdict on a claim, or on one part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// From 1 to 4.
    pub number: u8,
    /// What is claimed.
    pub claimed: &'static str,
    /// Does it hold?
    pub holding: Holding,
    /// In one sentence, with the figures and their intervals.
    pub because: String,
}

/// The verdicts on the claims that the run's scenario names, those aside for which the run lacks what is needed.
pub fn of(run: &Run) -> Vec<Claim> {
    let view = View::new(run);
    run.scenario.purpose.claims.iter().filter_map(|claim| judged(&view, *claim)).collect()
}

fn judged(view: &View<'_>, claim: ClaimName) -> Option<Claim> {
    match claim {
        ClaimName::PollingWastes => polling_wastes(view),
        ClaimName::LongPollingBecomesPolling => long_polling_becomes_polling(view),
        ClaimName::SsePushes => sse_pushes(view),
        ClaimName::SseIsOneWay => sse_is_one_way(view),
        ClaimName::WebsocketGainsWithLoad => websocket_gains_with_load(view),
        ClaimName::WebsocketIsBidirectional => websocket_is_bidirectional(view),
        ClaimName::WebsocketIsSimple => websocket_is_simple(view.run),
    }
}

/// The same as lines for a terminal.
pub fn lines(run: &Run) -> String {
    let line =
        |one: Claim| format!("Claim {}, \"{}\": {}. {}\n", one.number, one.claimed, one.holding.words(), one.because);
    of(run).into_iter().map(line).collect()
}

/// The same for a page.
pub(crate) fn html(run: &Run) -> Option<Markup> {
    let claims = of(run);
    (!claims.is_empty()).then(|| {
        html! {
            section #claims {
                h2 { "What was claimed" }
                dl.answers {
                    @for one in &claims {
                        div {
                            dt { "Claim " (one.number) ": " (one.claimed) }
                            dd { strong { "It " (one.holding.words()) "." } span { " " (one.because) } }
                        }
                    }
                }
            }
        }
    })
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

/// `6.1 [6.0, 6.2]`
fn ratio(found: &Difference) -> String {
    format!("{}{}", times(found.ratio), within(found.ci95, times))
}

/// A row's figure, and its interval.
fn measured(view: &View<'_>, point: usize, transport: Transport, metric: Metric) -> Option<[String; 2]> {
    let row = view.row(point, transport)?;
    let value = metric.show(row.metrics.get(metric).0?);
    let interval = shown_interval(metric.unit(), *row.ci95.get(metric));
    Some([value, interval.map(|interval| format!(" {interval}")).unwrap_or_default()])
}

fn polling_wastes(view: &View<'_>) -> Option<Claim> {
    let point = *view.points().first()?;
    let empty = view.values(point, Transport::Polling, Drawn::Metric(Metric::EmptyFraction));
    let [share, interval] = measured(view, point, Transport::Polling, Metric::EmptyFraction)?;
    let bytes = [Transport::LongPolling, Transport::Sse, Transport::WebSocket];
    let bytes = bytes.map(|other| between(view, point, Metric::WireTotal, [Transport::Polling, other]));
    let [Some(long_polling), Some(sse), Some(websocket)] = bytes else { return None };
    let wastes_bytes = [&long_polling, &sse, &websocket].map(is_more);
    let wastes_requests = Some(median(&empty)? > 0.0 && empty.iter().all(|share| *share > 0.0));
    Some(Claim {
        number: 1,
        claimed: "Polling wastes requests and bandwidth when nothing has changed",
        holding: Holding::of(&[wastes_requests].into_iter().chain(wastes_bytes).collect::<Vec<_>>()),
        because: format!(
            "{share} of the polls came back empty{interval}, and a delivery cost {} times the bytes of long polling, {} times those \
             of SSE and {} times those of WebSocket.",
            ratio(&long_polling),
            ratio(&sse),
            ratio(&websocket)
        ),
    })
}

/// Long polling against polling, the larger first: a ratio below 1 is hard to read.
fn as_many(found: &Difference, verb: &str, what: &str) -> String {
    let than = if what.starts_with("as ") { "as" } else { "of" };
    match found.ratio < 1.0 {
        true => format!("polling {verb} {} times {what} {than} long polling", ratio(&inverse(found))),
        false => format!("long polling {verb} {} times {what} {than} polling", ratio(found)),
    }
}

/// The same seen from the other side.
fn inverse(found: &Difference) -> Difference {
    let [low, high] = found.ci95;
    Difference { ratio: 1.0 / found.ratio, ci95: [1.0 / high, 1.0 / low], ..*found }
}

fn long_polling_becomes_polling(view: &View<'_>) -> Option<Claim> {
    let (rare, frequent) = ends(view)?;
    let order = [Transport::LongPolling, Transport::Polling];
    let fewer = between(view, rare, Metric::RequestsPerDelivery, order)?;
    let requests = between(view, frequent, Metric::RequestsPerDelivery, order)?;
    let bytes = between(view, frequent, Metric::WireTotal, order)?;
    let sooner = between(view, frequent, Metric::LatencyP50, [Transport::Polling, Transport::LongPolling])?;
    let is_improvement = is_less(&fewer);
    let parts = [is_improvement, not(is_less(&requests)), not(is_less(&bytes)), not(is_more(&sooner))];
    let but = if is_more(&sooner) == Some(true) { "but" } else { "and" };
    let (rare, frequent) = (view.point_title(rare), view.point_title(frequent));
    Some(Claim {
        number: 2,
        claimed: "Long polling is an improvement, but when updates are very frequent no better than polling",
        holding: if is_improvement == Some(false) { Holding::DoesNotHold } else { Holding::of(&parts) },
        because: format!(
            "At {rare}, {}. At {frequent}, {} and {}, {but} {} at the median.",
            as_many(&fewer, "sends", "the requests"),
            as_many(&requests, "sends", "the requests"),
            as_many(&bytes, "takes", "the bytes"),
            as_many(&inverse(&sooner), "takes", "as long")
        ),
    })
}

fn sse_pushes(view: &View<'_>) -> Option<Claim> {
    let points = view.points();
    let requests: Vec<f64> = points
        .iter()
        .flat_map(|point| view.values(*point, Transport::Sse, Drawn::Metric(Metric::RequestsPerDelivery)))
        .collect();
    let delivered: u64 =
        points.iter().filter_map(|point| view.row(*point, Transport::Sse)).map(|row| row.audit.delivered).sum();
    let most = requests.iter().copied().reduce(f64::max)?;
    Some(Claim {
        number: 3,
        claimed: "SSE pushes without repeated requests",
        holding: Holding::of(&[Some(most == 0.0)]),
        because: format!(
            "For {} deliveries on open streams it sent {} requests each at the most, in every trial.",
            grouped(delivered as i64),
            Metric::RequestsPerDelivery.show(most)
        ),
    })
}

fn sse_is_one_way(view: &View<'_>) -> Option<Claim> {
    // The smallest text: what is around a message weighs most there.
    let is_text = |point: &usize| view.point(*point).and_then(|point| point.echo) == Some(MessageKind::Text);
    let size = |point: &usize| view.point(*point).map_or(f64::MAX, |point| point.payload_bytes);
    let point = view.points().into_iter().filter(is_text).min_by(|a, b| size(a).total_cmp(&size(b)))?;
    let [requests, interval] = measured(view, point, Transport::Sse, Metric::RequestsPerDelivery)?;
    let asks = view.values(point, Transport::Sse, Drawn::Metric(Metric::RequestsPerDelivery));
    let order = [Transport::Sse, Transport::WebSocket];
    let bytes = between(view, point, Metric::WireTotal, order)?;
    let time = between(view, point, Metric::LatencyP50, order)?;
    Some(Claim {
        number: 3,
        claimed: "SSE is one-way",
        holding: Holding::of(&[Some(median(&asks)? > 0.0)]),
        because: format!(
            "Each message up took a request of its own ({requests}{interval}): at {} {} times the bytes of a WebSocket message there \
             and back, and {} times its round trip.",
            view.point_title(point),
            ratio(&bytes),
            ratio(&time)
        ),
    })
}

fn websocket_is_bidirectional(view: &View<'_>) -> Option<Claim> {
    let counts = [MessageKind::Text, MessageKind::Binary].map(|kind| {
        let is_of = |point: &usize| view.point(*point).and_then(|point| point.echo) == Some(kind);
        let points = view.points().into_iter().filter(is_of);
        let rows = points.filter_map(|point| view.row(point, Transport::WebSocket));
        rows.fold((0, 0), |(sent, back), row| (sent + row.audit.expected, back + row.audit.delivered))
    });
    let [(texts, texts_back), (binaries, binaries_back)] = counts;
    if texts + binaries == 0 {
        return None;
    }
    let count = |count: u64| grouped(count as i64);
    Some(Claim {
        number: 4,
        claimed: "WebSocket is bidirectional and carries text and binary",
        holding: Holding::of(&counts.map(|(sent, back)| Some(sent > 0 && sent == back))),
        because: format!(
            "{} of {} text and {} of {} binary messages went up and came back unchanged on the connection that was there.",
            count(texts_back),
            count(texts),
            count(binaries_back),
            count(binaries)
        ),
    })
}

/// What polling has more of than WebSocket, with its name.
const COSTS: [(Metric, &str); 3] = [
    (Metric::LatencyP99, "latency at p99"),
    (Metric::WireTotal, "bytes"),
    (Metric::ServerCpu, "processor time of the server"),
];

fn websocket_gains_with_load(view: &View<'_>) -> Option<Claim> {
    let (few, many) = ends(view)?;
    let order = [Transport::Polling, Transport::WebSocket];
    let (mut advantages, mut growths, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for (metric, name) in COSTS {
        let (at_few, at_many) = (between(view, few, metric, order)?, between(view, many, metric, order)?);
        let growth = growth(&at_few, &at_many);
        advantages.push((name, is_more(&at_many)));
        growths.push((name, growth.0));
        said.push(format!("{} and {} times the {name} ({})", ratio(&at_few), ratio(&at_many), growth.1));
    }
    let parts: Vec<Option<bool>> = advantages.iter().chain(&growths).map(|(_, part)| *part).collect();
    Some(Claim {
        number: 4,
        claimed: "WebSocket has a large advantage over polling as traffic and load grow",
        holding: Holding::of(&parts),
        because: format!(
            "{} For each delivery polling took, at {} and at {} in turn, {}.",
            advantage(&advantages, &growths),
            view.point_title(few),
            view.point_title(many),
            listed(&said)
        ),
    })
}

/// Does a ratio grow from one end of a sweep to the other? With the word for it; `None` if the rounds cannot tell.
fn growth(at_few: &Difference, at_many: &Difference) -> (Option<bool>, &'static str) {
    let ([few_low, few_high], [many_low, many_high]) = (at_few.ci95, at_many.ci95);
    if many_low > few_high {
        (Some(true), "more with load")
    } else if many_high < few_low {
        (Some(false), "less with load")
    } else if few_low > 0.0 && many_low > 0.0 && is_equal([many_low / few_high, many_high / few_low]) {
        (Some(false), "the same with load")
    } else {
        (None, "no answer how it changes")
    }
}

/// The finding in plain words: "There is an advantage in bytes; it does not grow with load."
fn advantage(advantages: &[(&str, Option<bool>)], growths: &[(&str, Option<bool>)]) -> String {
    let names = |parts: &[(&str, Option<bool>)]| -> Vec<String> {
        parts.iter().filter(|(_, part)| *part == Some(true)).map(|(name, _)| (*name).to_owned()).collect()
    };
    let (has, grows) = (names(advantages), names(growths));
    if has.is_empty() {
        return match advantages.iter().any(|(_, part)| part.is_none()) {
            true => "Whether there is an advantage cannot be told.".to_owned(),
            false => "There is no advantage.".to_owned(),
        };
    }
    let where_ = if has.len() == advantages.len() { String::new() } else { format!(" in {}", listed(&has)) };
    let growing = match (grows.len(), growths.iter().any(|(_, part)| part.is_none())) {
        (0, false) => "it does not grow with load".to_owned(),
        (0, true) => "in no figure is it known to grow with load".to_owned(),
        (all, _) if all == growths.len() => "it grows with load".to_owned(),
        _ => format!("with load it grows in {} only", listed(&grows)),
    };
    format!("There is an advantage{where_}; {growing}.")
}

fn websocket_is_simple(run: &Run) -> Option<Claim> {
    let effort = |transport| run.environment.effort.iter().find(|effort| effort.transport == transport);
    let lines = Transport::ALL.map(|transport| effort(transport).map(|effort| (transport, effort)));
    let said: Vec<String> = lines
        .iter()
        .flatten()
        .map(|(transport, Effort { server_lines, client_lines, .. })| {
            format!("{} {server_lines} and {client_lines}", crate::report::findings::view::prose(*transport))
        })
        .collect();
    let total = |effort: &Effort| f64::from(effort.server_lines + effort.client_lines);
    let ratio = total(effort(Transport::WebSocket)?) / total(effort(Transport::Polling)?);
    let holding = match ratio {
        few if few <= EFFORT_HOLDS_MAX => Holding::Holds,
        some if some <= EFFORT_WITHIN_LIMITS_MAX => Holding::WithinLimits,
        _ => Holding::DoesNotHold,
    };
    Some(Claim {
        number: 4,
        claimed: "WebSocket is not complicated to develop with",
        holding,
        because: format!(
            "Lines of code for the server half and the client half, as counted from this program's source: {}. WebSocket \
             took {} times as many as polling (whose answers' format, shared with long polling, is not counted), and a \
             library for its frames.",
            listed(&said),
            times(ratio)
        ),
    })
}

/// The points with the least and the most of what is swept.
fn ends(view: &View<'_>) -> Option<(usize, usize)> {
    let sweep = view.sweep()?;
    let value = |point: &usize| view.point(*point).map_or(0.0, |point| sweep.of(point));
    let points = view.points();
    let least = points.iter().copied().min_by(|a, b| value(a).total_cmp(&value(b)))?;
    let most = points.iter().copied().max_by(|a, b| value(a).total_cmp(&value(b)))?;
    (least != most && matches!(sweep, Setting::Rate | Setting::Clients)).then_some((least, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::Point;
    use crate::run::metric::Value;

    fn holding(run: &Run, claimed: &str) -> Holding {
        let found = of(run);
        found.iter().find(|claim| claim.claimed.contains(claimed)).unwrap_or_else(|| panic!("{found:?}")).holding
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
        assert_eq!(holding(&run, "Polling wastes"), Holding::Holds);
        set(&mut run, Transport::Polling, Metric::WireTotal, |_| 200.0);
        assert_eq!(holding(&run, "Polling wastes"), Holding::WithinLimits);
        set(&mut run, Transport::Polling, Metric::EmptyFraction, |_| 0.0);
        assert_eq!(holding(&run, "Polling wastes"), Holding::DoesNotHold);
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
        assert_eq!(holding(&run, "no better than polling"), Holding::WithinLimits);
        let found = of(&run);
        assert!(found[0].because.contains("but polling takes 500 [") && lines(&run).contains("Claim 2"), "{found:?}");
        set(&mut run, Transport::LongPolling, Metric::LatencyP50, |_| 5e8);
        assert_eq!(holding(&run, "no better than polling"), Holding::Holds);
        set(&mut run, Transport::LongPolling, Metric::RequestsPerDelivery, |point| 2.0 / point.rate_per_s);
        assert_eq!(holding(&run, "no better than polling"), Holding::DoesNotHold, "it never was an improvement");
    }

    #[test]
    fn sse_that_asks_again_does_not_push_without_requests() {
        let mut run = sparse();
        set(&mut run, Transport::Sse, Metric::RequestsPerDelivery, |_| 0.0);
        assert_eq!(holding(&run, "without repeated requests"), Holding::Holds);
        set(&mut run, Transport::Sse, Metric::RequestsPerDelivery, |_| 0.01);
        assert_eq!(holding(&run, "without repeated requests"), Holding::DoesNotHold);
    }

    #[test]
    fn an_advantage_that_does_not_grow_is_one_within_limits() {
        let points = [10, 1_000].map(|clients| Point { clients, ..fake::point() });
        let mut run = fake::run("crowd", "?", Some("clients"), points.to_vec(), 3);
        for (metric, _) in COSTS {
            set(&mut run, Transport::WebSocket, metric, |_| 10.0);
            set(&mut run, Transport::Polling, metric, |point| 20.0 * f64::from(point.clients));
        }
        assert_eq!(holding(&run, "large advantage"), Holding::Holds);
        assert!(of(&run)[0].because.starts_with("There is an advantage; it grows with load."), "{:?}", of(&run));
        set(&mut run, Transport::Polling, Metric::WireTotal, |_| 20.0);
        assert_eq!(holding(&run, "large advantage"), Holding::WithinLimits);
        for (metric, _) in COSTS {
            set(&mut run, Transport::Polling, metric, |point| 40.0 / f64::from(point.clients).log10());
        }
        assert_eq!(holding(&run, "large advantage"), Holding::WithinLimits);
        let because = &of(&run)[0].because;
        assert!(because.starts_with("There is an advantage; it does not grow with load."), "{because}");
        assert!(because.contains("times the bytes (less with load)"), "{because}");
        for (metric, _) in COSTS {
            set(&mut run, Transport::Polling, metric, |_| 5.0);
        }
        assert_eq!(holding(&run, "large advantage"), Holding::DoesNotHold);
    }

    #[test]
    fn a_claim_that_noise_hides_cannot_be_told() {
        let all = |ratio, ci95: [f64; 2]| Difference { ratio, ci95, is_clear: ci95[0] > 1.0, p_value: 0.5 };
        assert_eq!(is_more(&all(1.5, [0.5, 4.0])), None);
        assert_eq!(is_more(&all(1.1, [0.95, 1.2])), Some(false));
        assert_eq!(growth(&all(2.0, [1.0, 4.0]), &all(3.0, [1.5, 6.0])).0, None);
        assert_eq!(Holding::of(&[None, Some(true)]), Holding::Inconclusive);
        assert_eq!(Holding::of(&[None, Some(true), Some(false)]), Holding::WithinLimits);
    }

    #[test]
    fn effort_is_judged_by_lines_and_said_for_each_transport() {
        let mut run = fake::run("crowd", "?", Some("clients"), vec![fake::point()], 3);
        let effort = |transport, lines| Effort { transport, shared_lines: 9, server_lines: lines, client_lines: lines };
        for (lines, expected) in [(110, Holding::Holds), (200, Holding::WithinLimits), (400, Holding::DoesNotHold)] {
            run.environment.effort =
                Transport::ALL.into_iter().zip([100, 100, 100, lines]).map(|(t, lines)| effort(t, lines)).collect();
            assert_eq!(holding(&run, "not complicated"), expected);
        }
        assert!(of(&run)[0].because.contains("polling 100 and 100, "), "{:?}", of(&run));
    }

    #[test]
    fn messages_that_did_not_come_back_count_against_both_directions() {
        let points = [MessageKind::Text, MessageKind::Binary].map(|kind| Point { echo: Some(kind), ..fake::point() });
        let mut run = fake::run("duplex", "?", None, points.to_vec(), 3);
        assert_eq!(holding(&run, "bidirectional"), Holding::Holds);
        let row = run.summary.iter_mut().rfind(|row| row.transport == Some(Transport::WebSocket)).unwrap();
        row.audit.delivered -= 1;
        assert_eq!(holding(&run, "bidirectional"), Holding::WithinLimits);
    }

    #[test]
    fn a_run_that_was_made_for_no_claim_judges_none() {
        assert_eq!(of(&fake::quick()), []);
        let mut run = sparse();
        run.trials.retain(|trial| trial.transport != Some(Transport::LongPolling));
        assert!(of(&run).iter().all(|claim| claim.number != 1), "what it needs was not measured");
    }
}
