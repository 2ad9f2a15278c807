//! Merges the parts of all agents into one trial. Counts are added and histograms merged; for the generator's health
//! the worst value of any agent counts. No percentile is averaged.

use std::net::SocketAddr;

use hdrhistogram::Histogram;

use super::fleet::Member;
use super::messages::Part;
use crate::limits;
use crate::load::analysis::{audit_causes, generator_causes, wire_causes};
use crate::load::costs::{costs, health, readings};
use crate::load::trial_data::{Memory, Snapshot, Snapshots, TrialData, TrialId};
use crate::measure::delivery::{self, Window};
use crate::measure::host;
use crate::run::agents::AgentReport;
use crate::run::file::{Leaving, Point, Returns, Slice, Trial, WireTotals};
use crate::run::histogram::{self, HistogramError, Latencies};
use crate::run::metric::Value;
use crate::run::readings::{AgeReadings, Edge, Readings};
use crate::run::reason::{Cause, Reason};
use crate::stream::feed::Feed;
use crate::units::Nanos;

/// The result of one agent.
#[derive(Clone, Debug)]
pub struct AgentOutcome {
    /// The agent; `None` if it is no longer known.
    pub member: Option<Member>,
    /// Number of clients assigned to it.
    pub count: u32,
    /// Its part, or its error; `None` if it fell silent.
    pub part: Option<Result<Part, String>>,
}

impl AgentOutcome {
    fn name(&self) -> String {
        self.member.as_ref().map_or_else(|| "unknown".to_owned(), |member| member.name.clone())
    }

    /// Its part, if it can be parsed.
    fn readable(&self) -> Option<(&Part, &Readings)> {
        let part = self.part.as_ref()?.as_ref().ok()?;
        let texts = part.slices.iter().chain([&part.connects, &part.trial.latency_hdr]);
        let is_readable = texts.map(|text| histogram::decode(text)).all(|read| read.is_ok());
        part.trial.readings.as_ref().filter(|_| is_readable).map(|readings| (part, readings))
    }
}

/// The merged trial.
pub fn trial(
    which: TrialId<'_>,
    address: SocketAddr,
    outcomes: &[AgentOutcome],
    memory: Memory,
    snapshots: Snapshots,
    window: Window,
    feed: &Feed,
) -> Trial {
    let brought: Vec<(&AgentOutcome, &Part, &Readings)> =
        outcomes.iter().filter_map(|one| one.readable().map(|(part, readings)| (one, part, readings))).collect();
    let mut data = data(&brought, memory, snapshots, window);
    let wire = wire(&brought, &data.snapshots);
    let trials = || brought.iter().map(|(_, part, _)| &part.trial);
    let audit = delivery::total(trials().map(|one| one.audit));
    let age = brought.iter().fold(AgeReadings::default(), |sum, (_, _, one)| AgeReadings {
        area_ns2: sum.area_ns2 + one.age.area_ns2,
        covered_ns: sum.covered_ns.saturating_add(one.age.covered_ns),
        stale_ns: sum.stale_ns.saturating_add(one.age.stale_ns),
    });
    let mut readings = readings(&data, age);
    // From the agent with the least precisely known clock.
    let worst = brought.iter().max_by_key(|(_, _, one)| one.clock_uncertainty());
    readings.clocks = worst.map(|(_, _, one)| one.clocks.clone()).unwrap_or_default();
    let mut health = health(&mut data, &readings);
    health.schedule_lag_ns_p50 = trials().map(|one| one.health.schedule_lag_ns_p50).max().unwrap_or_default();
    health.schedule_lag_ns_p99 = trials().map(|one| one.health.schedule_lag_ns_p99).max().unwrap_or_default();
    health.schedule_lag_ns_max = trials().map(|one| one.health.schedule_lag_ns_max).max().unwrap_or_default();
    health.missed_ticks = trials().map(|one| one.health.missed_ticks).sum();
    health.wait_fraction = Value(trials().filter_map(|one| one.health.wait_fraction.0).reduce(f64::max));
    health.refused = trials().map(|one| one.health.refused).sum();
    health.throttled = trials().map(|one| one.health.throttled).sum();
    health.reconnects = trials().map(|one| one.health.reconnects).sum();

    let merged = |pick: fn(&Trial) -> &str| {
        let read = trials().filter(|one| !pick(one).is_empty());
        let read = read.filter_map(|one| Some((histogram::decode(pick(one)).ok()?, one.latency_shift_ns))).collect();
        let (histograms, shift) = histogram::aligned(read);
        (histogram::merge(&histograms), shift)
    };
    let (corrected, shift_ns) = merged(|one| &one.latency_hdr);
    let (uncorrected, _) = merged(|one| &one.uncorrected_latency_hdr);
    let connects = together(brought.iter().map(|(_, part, _)| part.connects.as_str()));
    let arrived = trials().map(|one| one.arrived).sum();
    let delivered = if audit.expected == 0 { arrived } else { audit.delivered };
    let mut metrics = costs(&data, &wire, &readings, delivered, which);
    let generator: u64 = brought
        .iter()
        .filter_map(|(_, _, one)| one.spent(|edge| Some(edge.generator_cpu_ns)))
        .map(|spent| spent.0)
        .sum();
    metrics.generator_cpu_ns_per_delivery = Value::ratio(generator as f64, delivered as f64);
    metrics.connect_ns_p50 = Value((!connects.is_empty()).then(|| connects.value_at_quantile(0.5) as f64));
    if which.point.point.echo.is_none() {
        let clients: u32 = brought.iter().map(|(one, _, _)| one.count).sum();
        metrics.age_ns_mean = Value::ratio(age.area_ns2, age.covered_ns.0 as f64);
        metrics.stale_fraction = Value::ratio(age.stale_ns.0 as f64, window.length().0 as f64 * f64::from(clients));
    }
    let mut trial = Trial {
        transport: which.subject.transport(),
        round: which.round,
        point_index: which.point_index,
        point: point(&which.point.point, trials().next()),
        replay_from: feed.replay_from(),
        port: address.port(),
        window_ns: [window.start, window.end],
        window_unix_ns: [data.snapshots.start.unix_ns, data.snapshots.end.unix_ns],
        arrived,
        audit,
        metrics,
        wire,
        health,
        readings: Some(readings),
        agents: outcomes.iter().map(report).collect(),
        returns: returns(&which.point.point, &brought, &connects),
        timeline: timeline(&brought, window),
        ..Trial::default()
    };
    trial.set_latencies(&Latencies { corrected, uncorrected, shift_ns });
    trial.set_causes(causes(&trial, &data, outcomes, &brought));
    trial
}

type Brought<'a> = [(&'a AgentOutcome, &'a Part, &'a Readings)];

/// The coordinator's readings, plus what the agents on this host read of themselves: together they are the generator.
fn data(brought: &Brought<'_>, memory: Memory, snapshots: Snapshots, window: Window) -> TrialData {
    let here = host::boot_id();
    let is_here = |one: &AgentOutcome| one.member.as_ref().is_some_and(|member| member.boot_id == here);
    let with = |mut snapshot: Snapshot, of: fn(&Readings) -> Edge| {
        for (one, _, readings) in brought {
            let edge = of(readings);
            if is_here(one) {
                snapshot.own_cpu = snapshot.own_cpu.saturating_add(edge.generator_cpu_ns);
                let both = |(own, more): (Nanos, Nanos)| own.saturating_add(more);
                snapshot.own_wait = snapshot.own_wait.zip(edge.generator_wait_ns).map(both);
            }
            snapshot.tcp.segments_in += edge.segments_in;
            snapshot.tcp.segments_out += edge.segments_out;
            snapshot.tcp.bytes_retransmitted += edge.bytes_retransmitted;
            snapshot.tcp.segment_bytes = snapshot.tcp.segment_bytes.max(readings.segment_bytes.unwrap_or(0));
        }
        snapshot
    };
    let snapshots =
        Snapshots { start: with(snapshots.start, |one| one.begun), end: with(snapshots.end, |one| one.ended) };
    TrialData { memory, ..TrialData::of(window, snapshots) }
}

fn wire(brought: &Brought<'_>, snapshots: &Snapshots) -> WireTotals {
    let server = match (snapshots.start.server_retransmitted, snapshots.end.server_retransmitted) {
        (Some(begun), Some(ended)) => ended.saturating_sub(begun),
        (None, _) | (_, None) => 0,
    };
    let none = WireTotals { retransmitted: server, ..WireTotals::default() };
    brought.iter().map(|(_, part, _)| part.trial.wire).fold(none, |sum, one| WireTotals {
        payload: sum.payload + one.payload,
        framing: sum.framing + one.framing,
        http_headers: sum.http_headers + one.http_headers,
        h2_frames: sum.h2_frames + one.h2_frames,
        tls_records: sum.tls_records + one.tls_records,
        tls_handshake: sum.tls_handshake + one.tls_handshake,
        compression_saved: sum.compression_saved + one.compression_saved,
        acknowledgements: sum.acknowledgements + one.acknowledgements,
        tcp_ip: sum.tcp_ip + one.tcp_ip,
        retransmitted: sum.retransmitted + one.retransmitted,
        socket: sum.socket + one.socket,
        segments: sum.segments + one.segments,
        up: sum.up + one.up,
        requests: sum.requests + one.requests,
        empty: sum.empty + one.empty,
    })
}

/// The point's settings. All agents receive the same feed, so one agent's measurement of it stands for all.
fn point(planned: &Point, seen: Option<&Trial>) -> Point {
    match seen {
        Some(seen) if planned.measured_feed => {
            Point { rate_per_s: seen.point.rate_per_s, payload_bytes: seen.point.payload_bytes, ..planned.clone() }
        }
        Some(_) | None => planned.clone(),
    }
}

/// Merges several histograms; one that cannot be decoded is left out.
fn together<'a>(texts: impl Iterator<Item = &'a str>) -> Histogram<u64> {
    let read: Vec<Histogram<u64>> =
        texts.map(histogram::decode).filter_map(|read: Result<_, HistogramError>| read.ok()).collect();
    histogram::merge(&read)
}

fn returns(point: &Point, brought: &Brought<'_>, connects: &Histogram<u64>) -> Option<Returns> {
    if point.churn == Leaving::Never {
        return None;
    }
    let sum =
        |of: fn(&Returns) -> u64| brought.iter().filter_map(|(_, part, _)| part.trial.returns.as_ref()).map(of).sum();
    let at = |share| Nanos(connects.value_at_quantile(share));
    Some(Returns {
        connects: sum(|one| one.connects),
        recovered: sum(|one| one.recovered),
        connect_ns_p50: at(0.5),
        connect_ns_p99: at(0.99),
        connect_ns_max: Nanos(connects.max()),
    })
}

fn timeline(brought: &Brought<'_>, window: Window) -> Vec<Slice> {
    let width = (window.length().0 / u64::from(limits::TIMELINE_SLICES)).max(1);
    let slice = |index: usize| {
        let all = together(brought.iter().filter_map(|(_, part, _)| part.slices.get(index)).map(String::as_str));
        let at = |share| (!all.is_empty()).then(|| Nanos(all.value_at_quantile(share)));
        Slice {
            from_ns: Nanos(width * index as u64),
            delivered: all.len(),
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            max_ns: (!all.is_empty()).then(|| Nanos(all.max())),
        }
    };
    (0..limits::TIMELINE_SLICES as usize).map(slice).collect()
}

fn report(one: &AgentOutcome) -> AgentReport {
    let lost = AgentReport { name: one.name(), clients: one.count, is_lost: true, ..AgentReport::default() };
    match one.readable() {
        None => lost,
        Some((part, _)) => AgentReport {
            is_lost: false,
            delivered: part.trial.audit.delivered,
            clocks: part.clocks.clone(),
            skew_ns: part.skew_ns,
            cpu_fraction: part.trial.health.cpu_fraction,
            wait_fraction: part.trial.health.wait_fraction,
            schedule_lag_ns_p99: part.trial.health.schedule_lag_ns_p99,
            ..lost
        },
    }
}

/// What is wrong with the trial, in the merged parts and in each agent.
fn causes(trial: &Trial, data: &TrialData, outcomes: &[AgentOutcome], brought: &Brought<'_>) -> Vec<Cause> {
    let all = || brought.iter().flat_map(|(_, part, _)| &part.trial.reasons).map(|reason| &reason.cause);
    let reversed = all().map(|cause| if let Cause::ArrivedBeforeDue { count } = cause { *count } else { 0 }).sum();
    let missed = all().map(|cause| if let Cause::MissedPolls { count } = cause { *count } else { 0 }).sum();
    let mut causes: Vec<Cause> = outcomes
        .iter()
        .filter(|one| one.readable().is_none())
        .map(|one| Cause::AgentLost {
            agent: one.name(),
            clients: one.count.into(),
            detail: one.part.as_ref().and_then(|part| part.as_ref().err().cloned()),
        })
        .collect();
    for (one, part, _) in brought {
        let is_starved =
            |reason: &Reason| matches!(reason.cause, Cause::GeneratorStalled { .. } | Cause::GeneratorStarved { .. });
        if part.trial.reasons.iter().any(is_starved) {
            let health = &part.trial.health;
            let (lag_ns_p99, waited_fraction) = (health.schedule_lag_ns_p99, health.wait_fraction.0);
            causes.push(Cause::AgentStarved { agent: one.name(), lag_ns_p99, waited_fraction });
        }
    }
    causes.extend(audit_causes(trial, reversed));
    // Reported below with the agent's name.
    let is_named = |cause: &Cause| matches!(cause, Cause::GeneratorStalled { .. } | Cause::GeneratorStarved { .. });
    causes.extend(generator_causes(trial, data).into_iter().filter(|cause| !is_named(cause)));
    causes.extend(wire_causes(trial, data));
    if missed > 0 {
        causes.push(Cause::MissedPolls { count: missed });
    }
    causes
}
