//! The four claims, whether each holds, and the evidence.

use crate::report::findings::claims::{Claim, Cost, EffortRatios, Evidence, Gain, Growth, Holding, Measured};
use crate::report::findings::view::View;
use crate::report::text::wording::{bracketed, listed, prose, shown_interval, times, whole};
use crate::run::file::Effort;
use crate::run::metric::Metric;
use crate::stats::Difference;

/// The text of a claim.
pub(crate) fn claimed(evidence: &Evidence) -> &'static str {
    match evidence {
        Evidence::PollingWastes { .. } => "Polling wastes requests and bandwidth when nothing has changed",
        Evidence::LongPollingBecomesPolling { .. } => {
            "Long polling is an improvement, but when updates are very frequent no better than polling"
        }
        Evidence::SsePushes { .. } => "SSE pushes without repeated requests",
        Evidence::SseIsOneWay { .. } => "SSE is one-way",
        Evidence::WebSocketIsBidirectional { .. } => "WebSocket is bidirectional and carries text and binary",
        Evidence::WebSocketGainsWithLoad { .. } => {
            "WebSocket has a large advantage over polling as traffic and load grow"
        }
        Evidence::WebSocketIsSimple { .. } => "WebSocket is not complicated to develop with",
    }
}

/// Whether a claim holds, as the end of a sentence: "holds within limits".
pub(crate) fn claim_holds(holding: Holding) -> &'static str {
    match holding {
        Holding::Holds => "holds",
        Holding::WithinLimits => "holds within limits",
        Holding::DoesNotHold => "does not hold",
        Holding::Inconclusive => "is not decided by this run",
        Holding::DependsOnCounting => "depends on what is counted",
    }
}

/// The evidence in one or two sentences, with the figures and their intervals.
pub(crate) fn because(view: &View<'_>, evidence: &Evidence) -> String {
    match evidence {
        Evidence::PollingWastes { empty, bytes } => {
            let [value, interval] = measured(Metric::EmptyFraction, empty);
            let [long_polling, sse, websocket] = bytes.each_ref().map(ratio);
            format!(
                "{value} of the polls came back empty{interval}, and a delivery cost {long_polling} times the bytes of long \
                 polling, {sse} times those of SSE and {websocket} times those of WebSocket."
            )
        }
        Evidence::LongPollingBecomesPolling { points, requests_at_few, requests, bytes, latency, is_sooner } => {
            let [few, many] = points.map(|point| view.point_title(point));
            format!(
                "At {few}, {}. At {many}, {} and {}, {} {} at the median.",
                to_polling(requests_at_few, "sends", "the requests of"),
                to_polling(requests, "sends", "the requests of"),
                to_polling(bytes, "takes", "the bytes of"),
                if *is_sooner { "but" } else { "and" },
                to_polling(latency, "takes", "as long as"),
            )
        }
        Evidence::SsePushes { delivered, requests_max } => format!(
            "It made {} deliveries on open streams, with at most {} requests for each in every trial.",
            whole(*delivered),
            Metric::RequestsPerDelivery.show(*requests_max)
        ),
        Evidence::SseIsOneWay { point, requests, bytes, latency } => {
            let [value, interval] = measured(Metric::RequestsPerDelivery, requests);
            format!(
                "Each message to the server took its own request ({value}{interval}): at {}, {} times the bytes of a \
                 WebSocket message there and back, and {} times its round trip.",
                view.point_title(*point),
                ratio(bytes),
                ratio(latency)
            )
        }
        Evidence::WebSocketIsBidirectional { text, binary } => {
            let [texts, texts_back] = text.map(whole);
            let [binaries, binaries_back] = binary.map(whole);
            format!(
                "{texts_back} of {texts} text and {binaries_back} of {binaries} binary messages were sent and came \
                 back unchanged on the open connection."
            )
        }
        Evidence::WebSocketGainsWithLoad { points, costs } => {
            let [few, many] = points.map(|point| view.point_title(point));
            let gains: Vec<String> = costs.iter().map(gain).collect();
            let advantage = advantage(costs);
            format!(
                "{advantage} For each delivery, at {few} and at {many} respectively, polling took {}.",
                listed(&gains)
            )
        }
        Evidence::WebSocketIsSimple { each, ratios } => effort(each, *ratios),
    }
}

/// The effort that each transport takes to write, and the ratio of WebSocket's to polling's.
pub(crate) fn effort(each: &[Effort], ratios: EffortRatios) -> String {
    let lines = each.iter().map(|one| {
        format!(
            "{} {} + {} and {} + {} ({} and {})",
            prose(one.transport),
            one.server_lines,
            one.shared_server_lines,
            one.client_lines,
            one.shared_client_lines,
            one.server_musts,
            one.client_musts
        )
    });
    let [least, most] = ratios.range().map(times);
    let both = |[server, client]: [f64; 2]| format!("{} and {}", times(server), times(client));
    format!(
        "Lines of code (own + shared) for the server half and the client half, with the number of things to get right \
         in each: {}. WebSocket took {least} to {most} times as much as polling: {} times the own lines, {} times the \
         own and shared lines, {} times the things to get right.",
        listed(&lines.collect::<Vec<_>>()),
        both(ratios.own),
        both(ratios.with_shared),
        both(ratios.musts)
    )
}

/// The verdict on a claim as a line for a terminal.
pub(crate) fn claim_line(view: &View<'_>, claim: &Claim) -> String {
    let Claim { holding: found, evidence } = claim;
    let (number, claimed, found) = (evidence.number(), claimed(evidence), claim_holds(*found));
    format!("Claim {number}, \"{claimed}\": {found}. {}", because(view, evidence))
}

/// `6.1 [6.0, 6.2]`
fn ratio(found: &Difference) -> String {
    format!("{}{}", times(found.ratio), bracketed(found.ci95, times))
}

/// A figure, and its interval to follow it.
fn measured(metric: Metric, found: &Measured) -> [String; 2] {
    let interval = shown_interval(metric.unit(), found.ci95);
    [metric.show(found.value), interval.map(|interval| format!(" {interval}")).unwrap_or_default()]
}

/// Long polling compared with polling, the larger first: a ratio below 1 is hard to read.
fn to_polling(found: &Difference, verb: &str, what: &str) -> String {
    match found.ratio < 1.0 {
        true => format!("polling {verb} {} times {what} long polling", ratio(&inverse(found))),
        false => format!("long polling {verb} {} times {what} polling", ratio(found)),
    }
}

/// The reciprocal of a ratio, with its interval.
fn inverse(found: &Difference) -> Difference {
    let [low, high] = found.ci95;
    Difference { ratio: 1.0 / found.ratio, ci95: [1.0 / high, 1.0 / low], ..*found }
}

/// A cost in the middle of a sentence.
fn cost(cost: Cost) -> &'static str {
    match cost {
        Cost::Latency => "latency at p99",
        Cost::Bytes => "bytes",
        Cost::Cpu => "server CPU time",
    }
}

fn gain(one: &Gain) -> String {
    let growth = match one.growth {
        Growth::More => "more with load",
        Growth::Less => "less with load",
        Growth::Same => "the same with load",
        Growth::Inconclusive => "change unclear",
    };
    format!("{} and {} times the {} ({growth})", ratio(&one.at_few), ratio(&one.at_many), cost(one.cost))
}

/// The finding in words: "There is an advantage in bytes; it does not grow with load."
fn advantage(costs: &[Gain]) -> String {
    let names = |is_meant: fn(&Gain) -> bool| -> Vec<String> {
        costs.iter().filter(|one| is_meant(one)).map(|one| cost(one.cost).to_owned()).collect()
    };
    let has = names(|one| one.is_advantage == Some(true));
    let grows = names(|one| one.growth == Growth::More);
    if has.is_empty() {
        return match costs.iter().any(|one| one.is_advantage.is_none()) {
            true => "It is unclear whether there is an advantage.".to_owned(),
            false => "There is no advantage.".to_owned(),
        };
    }
    let where_ = if has.len() == costs.len() { String::new() } else { format!(" in {}", listed(&has)) };
    let growing = match (grows.len(), costs.iter().any(|one| one.growth == Growth::Inconclusive)) {
        (0, false) => "it does not grow with load".to_owned(),
        (0, true) => "it does not clearly grow with load".to_owned(),
        (all, _) if all == costs.len() => "it grows with load".to_owned(),
        _ => format!("with load, it grows in {} only", listed(&grows)),
    };
    format!("There is an advantage{where_}; {growing}.")
}
