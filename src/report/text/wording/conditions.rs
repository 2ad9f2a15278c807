//! The four claims under several conditions.

use crate::report::findings::claims::{EffortRatios, Evidence, Holding};
use crate::report::findings::conditions::{Condition, Equal, Found, Fresh, LARGE_MIN, Load};
use crate::report::text::wording::{claim_holds, effort, short_length, times};
use crate::run::Heads;
use crate::run::Transport;
use crate::run::file::Effort;
use crate::run::metric::{Metric, Unit};
use crate::units::Nanos;

/// The claims, as the project's original text states them.
pub const CLAIMS: [&str; 4] = [
    "Polling wastes requests and bandwidth when nothing has changed.",
    "Long polling is an improvement, but when updates are very frequent no better than polling.",
    "SSE pushes without repeated requests, but is one-way.",
    "WebSocket has a large advantage over polling as traffic and load grow, is bidirectional, carries text and binary, and is \
     not complicated.",
];

/// A condition as the heading of a column.
pub fn condition(condition: Condition) -> String {
    let heads = match condition.heads {
        Heads::Bare => "bare heads",
        Heads::Browser => "a browser's heads",
    };
    match condition.round_trip {
        Nanos::ZERO => format!("no distance, {heads}"),
        trip => format!("{} round trip, {heads}", short_length(trip)),
    }
}

/// A verdict as a table cell.
pub fn holding(holding: Holding) -> &'static str {
    claim_holds(holding)
}

/// The figures for a claim under one condition.
pub fn found(number: usize, found: &Found) -> String {
    match number {
        1 => waste(&found.waste.evidence),
        2 => fresh(&found.fresh),
        3 => pushes(&found.pushes.evidence),
        _ => load(&found.load),
    }
}

fn waste(evidence: &Evidence) -> String {
    let Evidence::PollingWastes { empty, bytes: [long_polling, sse, websocket] } = evidence else {
        return String::new();
    };
    let ratio = |found: &crate::stats::Difference| times(found.ratio);
    format!(
        "{} of the polls came back empty; a delivery cost {} times the bytes of long polling, {} times those of SSE and {} times those \
         of WebSocket",
        Metric::EmptyFraction.show(empty.value),
        ratio(long_polling),
        ratio(sse),
        ratio(websocket)
    )
}

fn pushes(evidence: &Evidence) -> String {
    let Evidence::SsePushes { delivered, requests_max } = evidence else { return String::new() };
    format!(
        "{} requests for each of {} deliveries",
        Metric::RequestsPerDelivery.show(*requests_max),
        crate::units::grouped(*delivered as i64)
    )
}

fn fresh(fresh: &Fresh) -> String {
    let age = |nanos: f64| Unit::Nanos.show(nanos);
    let to = |equal: &Equal| format!("polling every {}", short_length(equal.interval));
    let as_fresh = match &fresh.as_fresh {
        Some(equal) => {
            let share = fresh.bytes / equal.bytes;
            format!("{} is as fresh and takes {} times its bytes", to(equal), times(1.0 / share))
        }
        None => format!("no polling down to every {} is as fresh", short_length(fresh.shortest)),
    };
    let as_dear = match &fresh.as_dear {
        Some(equal) => {
            format!("{} takes as many bytes and is {} times as old", to(equal), times(equal.age_ns / fresh.age_ns))
        }
        None => "polling at any interval takes fewer bytes".to_owned(),
    };
    format!(
        "at {} updates a second, long polling is {} old at {} a delivery; {as_fresh}; {as_dear}",
        fresh.rate,
        age(fresh.age_ns),
        Unit::Bytes.show(fresh.bytes)
    )
}

fn load(load: &Load) -> String {
    let most = load.points.iter().map(|point| point.clients).max().unwrap_or_default();
    let at = load.points.iter().filter(|point| point.clients == most).map(|point| {
        let [polling, websocket] = point.bytes_per_s.map(|bytes| format!("{} kB/s", times(bytes / 1e3)));
        let [cpu, other_cpu] = point.cpu_per_s.map(|seconds| Unit::Nanos.show(seconds * 1e9));
        format!(
            "with {} to a poll, polling takes {polling} and {cpu} of server CPU a second, WebSocket {websocket} and \
             {other_cpu}: {} and {} times",
            counted_updates(point.updates_per_poll),
            times(point.bytes.ratio),
            times(point.cpu.ratio)
        )
    });
    format!("{most} clients: {}", at.collect::<Vec<_>>().join("; "))
}

fn counted_updates(count: f64) -> String {
    if count == 1.0 { "one update".to_owned() } else { format!("{} updates", times(count)) }
}

/// Where the verdict on a claim changes, over all conditions.
pub fn flips(number: usize, all: &[Found]) -> String {
    match number {
        1 => "with more than one update to a poll, when no poll comes back empty".to_owned(),
        2 => {
            let of: Vec<&Fresh> =
                all.iter().filter(|one| one.condition.round_trip == Nanos::ZERO).map(|one| &one.fresh).collect();
            of.first().map_or_else(String::new, |fresh| {
                format!(
                    "holds from a round trip of about {:.0} ms on (predicted, not measured), where updates come faster \
                     than a request is parked again",
                    fresh.flips_at.0 as f64 / 1e6
                )
            })
        }
        3 => "nowhere".to_owned(),
        _ => {
            let each = all.iter().filter(|one| one.condition.round_trip == Nanos::ZERO).map(|one| {
                let [large, none] = one.load.updates_per_poll.map(|rate| rate.map_or("no".to_owned(), times));
                let heads = match one.condition.heads {
                    Heads::Bare => "bare heads",
                    Heads::Browser => "a browser's heads",
                };
                format!("up to {large} updates per poll with {heads}, and more bytes than WebSocket up to {none}")
            });
            format!(
                "polling takes at least {} times WebSocket's bytes {}",
                times(LARGE_MIN),
                each.collect::<Vec<_>>().join("; ")
            )
        }
    }
}

/// The effort of each transport, counted in this program's source, and the verdict on "not complicated".
pub fn complicated(each: &[Effort]) -> Option<(Holding, String)> {
    let of = |transport| each.iter().find(|one| one.transport == transport).copied();
    let ratios = EffortRatios::of(of(Transport::WebSocket)?, of(Transport::Polling)?)?;
    Some((ratios.holding(), effort(each, ratios)))
}
