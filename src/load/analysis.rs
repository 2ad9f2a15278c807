//! From what a trial gathered to its figures and its verdict.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::limits;
use crate::load::context::{Handshake, Outcome, Subject};
use crate::load::path::path_errors;
use crate::load::trial_data::{Ends, Snapshot, TrialData, TrialId};
use crate::measure::delivery::{self, Delivery, Due, Window};
use crate::measure::host;
use crate::run::file::{
    Audit, Handshakes, Health, Leaving, LinkReport, Point, Returns, Sharing, Slice, Trial, Verdict, WireTotals,
};
use crate::run::histogram;
use crate::run::metric::{Metrics, Value, WireBytes};
use crate::run::reason::{Cause, Reason};
use crate::stats::nearest_rank;
use crate::units::Nanos;

/// Works out the trial.
pub fn trial(which: TrialId<'_>, address: SocketAddr, mut data: TrialData) -> Trial {
    let health = health(&mut data);
    let window = data.window;
    let due = data.due.take().unwrap_or_else(|| union(&data.outcomes));
    let deliveries = || data.outcomes.iter().flat_map(|outcome| &outcome.seen.deliveries);
    // Counted with the bytes and the processor time, at the same two moments.
    let arrived = data.ends.ended.counters.deliveries - data.ends.begun.counters.deliveries;
    let in_window = within(&due, window);
    let audit = delivery::total(data.outcomes.iter().map(|outcome| match &outcome.planned {
        // A client that sends has a plan of its own.
        Some(planned) => delivery::audit(&outcome.seen, &within(planned, window)),
        None => delivery::audit(&outcome.seen, &in_window),
    }));
    let wire = wire(&data.ends, address);
    let mut corrected = histogram::empty();
    let mut uncorrected = histogram::empty();
    for outcome in &data.outcomes {
        let due = outcome.planned.as_deref().unwrap_or(&in_window);
        for delivery in outcome.seen.deliveries.iter().filter(|delivery| window.contains(delivery.at_ns)) {
            histogram::record(&mut corrected, delivery.arrived_ns.saturating_sub(delivery.at_ns));
            if let Some(published) = published(due, delivery.seq) {
                histogram::record(&mut uncorrected, delivery.arrived_ns.saturating_sub(published));
            }
        }
    }
    let mut metrics = costs(&data, &wire, arrived, which);
    metrics.latency_ns = histogram::percentiles(&corrected);
    metrics.uncorrected_latency_ns = histogram::percentiles(&uncorrected);
    // What goes up and comes back tells its sender nothing new: it has no age.
    if which.point.point.echo.is_none() {
        (metrics.age_ns_mean, metrics.stale_fraction) = freshness(&data.outcomes, &due, window);
    }
    let reversed = deliveries().filter(|delivery| delivery.arrived_ns < delivery.at_ns).count() as u64;
    let mut trial = Trial {
        transport: match which.subject {
            Subject::Transport(transport) => Some(transport),
            Subject::TcpBaseline => None,
        },
        round: which.round,
        point_index: which.point_index,
        point: point(&which.point.point, &data.outcomes, &in_window, window),
        port: address.port(),
        window_ns: [window.start, window.end],
        window_unix_ns: [data.ends.begun.unix_ns, data.ends.ended.unix_ns],
        arrived,
        audit,
        metrics,
        wire,
        health,
        link: data.link,
        path: data.path,
        handshakes: handshakes(&data.handshakes),
        sharing: sharing(&data),
        proxy: data.proxy.clone(),
        returns: returns(&data, which),
        timeline: timeline(deliveries(), window),
        latency_hdr: histogram::encode(&corrected),
        uncorrected_latency_hdr: match uncorrected.is_empty() {
            true => String::new(),
            false => histogram::encode(&uncorrected),
        },
        verdict: Verdict::Valid,
        reasons: Vec::new(),
    };
    judge(&mut trial, &data, reversed);
    trial
}

/// What was due, as far as any client saw it: for a server that keeps no record.
fn union(outcomes: &[Outcome]) -> Vec<Due> {
    let mut due: Vec<Due> = outcomes
        .iter()
        .flat_map(|outcome| &outcome.seen.deliveries)
        .map(|delivery| Due { seq: delivery.seq, at_ns: delivery.at_ns, published_ns: None })
        .collect();
    due.sort_unstable_by_key(|due| due.seq);
    due.dedup_by_key(|due| due.seq);
    due
}

fn published(in_window: &[Due], seq: u64) -> Option<Nanos> {
    let first = in_window.first()?;
    in_window.get(usize::try_from(seq.checked_sub(first.seq)?).ok()?)?.published_ns
}

/// What of `due` was due in the interval.
fn within(due: &[Due], window: Window) -> Vec<Due> {
    due.iter().copied().filter(|due| window.contains(due.at_ns)).collect()
}

/// The settings, with the feed's rate and payload as they were in the interval where they were not asked for.
fn point(planned: &Point, outcomes: &[Outcome], in_window: &[Due], window: Window) -> Point {
    if !planned.measured_feed {
        return planned.clone();
    }
    // Each update once, however many clients it reached.
    let deliveries = outcomes.iter().flat_map(|outcome| &outcome.seen.deliveries);
    let sizes: BTreeMap<u64, u32> = deliveries
        .filter(|delivery| window.contains(delivery.at_ns))
        .map(|delivery| (delivery.seq, delivery.bytes))
        .collect();
    let bytes: f64 = sizes.values().map(|bytes| f64::from(*bytes)).sum();
    Point {
        rate_per_s: in_window.len() as f64 / window.length().seconds(),
        payload_bytes: if sizes.is_empty() { 0.0 } else { bytes / sizes.len() as f64 },
        ..planned.clone()
    }
}

/// The handshakes of TLS; `None` where there was none.
fn handshakes(all: &[Handshake]) -> Option<Handshakes> {
    if all.is_empty() {
        return None;
    }
    let [full, resumed] = [false, true].map(|is_resumed| {
        let of_kind = all.iter().filter(|handshake| handshake.is_resumed == is_resumed);
        let mut took: Vec<Nanos> = of_kind.map(|handshake| handshake.took).collect();
        took.sort_unstable();
        took
    });
    let at = |took: &[Nanos], share| nearest_rank(took, share).unwrap_or_default();
    Some(Handshakes {
        full: full.len() as u64,
        full_ns_p50: at(&full, 0.5),
        full_ns_p99: at(&full, 0.99),
        resumed: resumed.len() as u64,
        resumed_ns_p50: at(&resumed, 0.5),
        resumed_ns_p99: at(&resumed, 0.99),
    })
}

/// How requests waited on connections that clients shared; `None` where none did.
fn sharing(data: &TrialData) -> Option<Sharing> {
    if data.queues.is_empty() {
        return None;
    }
    let from = data.clock.instant(data.window.start).into_std();
    let (mut waits, mut streams_max) = (Vec::new(), 0);
    for queue in &data.queues {
        let (of_connection, open_max) = queue.waits_since(from);
        waits.extend(of_connection);
        streams_max = streams_max.max(open_max);
    }
    waits.sort_unstable();
    let at = |share| nearest_rank(&waits, share).unwrap_or_default();
    Some(Sharing {
        connections: data.queues.len() as u64,
        streams_max,
        requests: waits.len() as u64,
        wait_ns_p50: at(0.5),
        wait_ns_p99: at(0.99),
        wait_ns_max: at(1.0),
    })
}

/// The clients that came back in the interval; `None` where they were to stay.
fn returns(data: &TrialData, which: TrialId<'_>) -> Option<Returns> {
    let point = &which.point.point;
    if point.churn == Leaving::Never {
        return None;
    }
    let connects = came_back(data);
    let at = |share| nearest_rank(&connects, share).unwrap_or_default();
    let recovered = data.outcomes.iter().flat_map(|outcome| &outcome.recovered);
    Some(Returns {
        connects: connects.len() as u64,
        recovered: recovered.filter(|at| data.window.contains(**at)).count() as u64,
        connect_ns_p50: at(0.5),
        connect_ns_p99: at(0.99),
        connect_ns_max: at(1.0),
    })
}

/// How long each coming back in the interval took, sorted.
fn came_back(data: &TrialData) -> Vec<Nanos> {
    let returns = data.outcomes.iter().flat_map(|outcome| &outcome.returns);
    let in_window = returns.filter(|(at, _)| data.window.contains(*at));
    let mut connects: Vec<Nanos> = in_window.map(|(_, connect)| *connect).collect();
    connects.sort_unstable();
    connects
}

/// The bytes of the interval by what they were.
fn wire(ends: &Ends, address: SocketAddr) -> WireTotals {
    let counters = ends.ended.counters - ends.begun.counters;
    let segments = |snapshot: &Snapshot| snapshot.tcp.segments_in + snapshot.tcp.segments_out;
    let segments = segments(&ends.ended) - segments(&ends.begun);
    let data_segments = ends.ended.tcp.data_segments - ends.begun.tcp.data_segments;
    // What was compressed is taken apart as it was before, so that payload and framing mean the same with compression and
    // without.
    let compression_saved = counters.decoded as i64 - counters.coded as i64;
    let body = counters.body.saturating_add_signed(compression_saved);
    let header = limits::segment_header_bytes(address.ip());
    let server = match (ends.begun.server_retransmitted, ends.ended.server_retransmitted) {
        (Some(begun), Some(ended)) => ended.saturating_sub(begun),
        (None, _) | (_, None) => 0,
    };
    let client = ends.ended.tcp.bytes_retransmitted - ends.begun.tcp.bytes_retransmitted;
    WireTotals {
        payload: counters.payload,
        framing: counters.framing + body.saturating_sub(counters.payload),
        http_headers: counters.http_headers,
        h2_frames: counters.h2_frames,
        tls_records: counters.tls_records,
        tls_handshake: counters.tls_handshake_and_tickets(),
        compression_saved,
        acknowledgements: segments.saturating_sub(data_segments),
        tcp_ip: segments * header,
        retransmitted: client + server,
        socket: counters.up + counters.down,
        segments,
        up: counters.up,
        requests: counters.requests,
        empty: counters.empty,
    }
}

fn health(data: &mut TrialData) -> Health {
    let Ends { begun, ended } = &data.ends;
    let capacity = data.window.length().0 as f64 * f64::from(host::cores());
    let share = |used: Nanos| used.0 as f64 / capacity;
    let host_busy = ended.host_busy.zip(begun.host_busy).map(|(ended, begun)| ended.saturating_sub(begun));
    let own_cpu = ended.own_cpu.saturating_sub(begun.own_cpu);
    let lateness = &mut data.lateness;
    Health {
        schedule_lag_ns_p50: lateness.percentile(0.5),
        schedule_lag_ns_p99: lateness.percentile(0.99),
        schedule_lag_ns_max: lateness.percentile(1.0),
        missed_ticks: lateness.missed,
        cpu_fraction: share(own_cpu),
        wait_fraction: match (begun.own_wait, ended.own_wait) {
            (Some(begun), Some(ended)) => {
                let waited = ended.saturating_sub(begun).0 as f64;
                Value::ratio(waited, waited + own_cpu.0 as f64)
            }
            (None, _) | (_, None) => Value(None),
        },
        host_cpu_fraction: host_busy.map_or(0.0, share),
        refused: data.outcomes.iter().map(|outcome| outcome.refused).sum(),
        reconnects: data.outcomes.iter().map(|outcome| outcome.reconnects).sum(),
        clock_offset_ns: data.relation.offset_ns(),
        clock_uncertainty_ns: data.relation.uncertainty,
    }
}

/// The figures that are a cost divided by deliveries or by clients.
fn costs(data: &TrialData, wire: &WireTotals, arrived: u64, which: TrialId<'_>) -> Metrics<Value> {
    let Ends { begun, ended } = &data.ends;
    let memory = &data.memory;
    let clients = f64::from(which.point.point.clients);
    let per_delivery = |amount: u64| Value::ratio(amount as f64, arrived as f64);
    let per_client = |after: Option<u64>, before: Option<u64>| match (after, before) {
        (Some(after), Some(before)) => Value::ratio(after as f64 - before as f64, clients),
        (None, _) | (_, None) => Value(None),
    };
    let cpu = |ended: Option<Nanos>, begun: Option<Nanos>| match (ended, begun) {
        (Some(ended), Some(begun)) => per_delivery(ended.saturating_sub(begun).0),
        (None, _) | (_, None) => Value(None),
    };
    let total = (wire.parts() + wire.tcp_ip + wire.retransmitted).saturating_add_signed(-wire.compression_saved);
    let segment = wire.tcp_ip.checked_div(wire.segments).unwrap_or_default();
    // Where clients come and go, it is their coming back that counts.
    let mut connects = came_back(data);
    if connects.is_empty() {
        connects = data.outcomes.iter().filter_map(|outcome| outcome.connect).collect();
        connects.sort_unstable();
    }
    // The kernel tells what the whole host's sockets take: few clients are lost in what the others do meanwhile.
    let are_enough = which.point.point.clients >= limits::KERNEL_MEMORY_CLIENTS_MIN;
    let all_ends = if are_enough { per_client(memory.idle.1, memory.before.1) } else { Value(None) };
    // A link is in the middle of each connection, and makes two of it.
    let ends = if data.has_link { 4.0 } else { 2.0 };
    Metrics {
        requests_per_delivery: per_delivery(wire.requests),
        empty_fraction: Value::ratio(wire.empty as f64, wire.requests as f64),
        wire_bytes_per_delivery: WireBytes {
            total: per_delivery(total),
            payload: per_delivery(wire.payload),
            framing: per_delivery(wire.framing),
            http_headers: per_delivery(wire.http_headers),
            h2_frames: per_delivery(wire.h2_frames),
            tls_records: per_delivery(wire.tls_records),
            tls_handshake: per_delivery(wire.tls_handshake),
            compression: Value::ratio(-wire.compression_saved as f64, arrived as f64),
            tcp_ip: per_delivery(wire.tcp_ip),
            acknowledgements: per_delivery(wire.acknowledgements * segment),
            retransmitted: per_delivery(wire.retransmitted),
        },
        server_cpu_ns_per_delivery: cpu(ended.server_cpu, begun.server_cpu),
        host_cpu_ns_per_delivery: match data.memory.before.0 {
            // A server on another host makes this host's time half the story.
            None => Value(None),
            Some(_) => cpu(ended.host_busy, begun.host_busy),
        },
        server_rss_bytes_per_client: per_client(memory.idle.0, memory.before.0),
        server_rss_loaded_bytes_per_client: per_client(memory.loaded, memory.before.0),
        kernel_bytes_per_client: Value(all_ends.0.map(|bytes| bytes / ends)),
        connect_ns_p50: Value(connects.get(connects.len() / 2).map(|connect| connect.0 as f64)),
        ..Metrics::default()
    }
}

/// Age of Information and stale fraction, over all clients.
fn freshness(outcomes: &[Outcome], due: &[Due], window: Window) -> (Value, Value) {
    let (mut area, mut covered, mut stale) = (0.0, 0.0, 0.0);
    for outcome in outcomes {
        let (one, time) = delivery::age(&outcome.seen.deliveries, window);
        area += one;
        covered += time.0 as f64;
        stale += delivery::stale(&outcome.seen.deliveries, due, window).0 as f64;
    }
    let all = window.length().0 as f64 * outcomes.len() as f64;
    (Value::ratio(area, covered), Value::ratio(stale, all))
}

/// Latency in equal slices of the interval, by when the updates were due.
fn timeline<'a>(deliveries: impl Iterator<Item = &'a Delivery>, window: Window) -> Vec<Slice> {
    let width = (window.length().0 / u64::from(limits::TIMELINE_SLICES)).max(1);
    let mut latencies: Vec<Vec<u64>> = vec![Vec::new(); limits::TIMELINE_SLICES as usize];
    for delivery in deliveries.filter(|delivery| window.contains(delivery.at_ns)) {
        let index = (delivery.at_ns.saturating_sub(window.start).0 / width) as usize;
        // The last slice takes what rounding leaves over.
        let index = index.min(latencies.len() - 1);
        latencies[index].push(delivery.arrived_ns.saturating_sub(delivery.at_ns).0);
    }
    let mut from_ns = Nanos::ZERO;
    latencies
        .into_iter()
        .map(|mut latencies| {
            latencies.sort_unstable();
            let at = |share| nearest_rank(&latencies, share).map(Nanos);
            let slice = Slice {
                from_ns,
                delivered: latencies.len() as u64,
                p50_ns: at(0.5),
                p99_ns: at(0.99),
                max_ns: at(1.0),
            };
            from_ns = from_ns.saturating_add(Nanos(width));
            slice
        })
        .collect()
}

/// Says whether the trial can be used, and if not, why.
fn judge(trial: &mut Trial, data: &TrialData, reversed: u64) {
    let causes = [audit_causes(trial, reversed), generator_causes(trial, data), wire_causes(trial, data)].concat();
    trial.verdict = causes.iter().map(Cause::verdict).max().unwrap_or(Verdict::Valid);
    trial.reasons = causes.into_iter().map(Reason::from).collect();
}

/// What the delivery audit has against the trial.
fn audit_causes(trial: &Trial, reversed: u64) -> Vec<Cause> {
    let Audit { expected, lost, lost_announced, duplicate, reordered, .. } = trial.audit;
    let mut causes = Vec::new();
    if expected == 0 {
        causes.push(Cause::NothingDue);
    }
    if lost > lost_announced {
        causes.push(Cause::Lost { count: lost - lost_announced, of: expected });
    }
    if lost_announced > 0 {
        causes.push(Cause::LostAnnounced { count: lost_announced, of: expected });
    }
    if duplicate > 0 {
        causes.push(Cause::Duplicate { count: duplicate });
    }
    if reordered > 0 {
        causes.push(Cause::Reordered { count: reordered });
    }
    if reversed > 0 && trial.health.clock_uncertainty_ns == Nanos::ZERO {
        causes.push(Cause::ArrivedBeforeDue { count: reversed });
    }
    causes
}

/// What the generator and its host have against it.
fn generator_causes(trial: &Trial, data: &TrialData) -> Vec<Cause> {
    let mut causes = Vec::new();
    let health = &trial.health;
    let (lag_ns_p50, lag_ns_p99) = (health.schedule_lag_ns_p50, health.schedule_lag_ns_p99);
    let is_pinned = data.is_pinned;
    let wait_max = if is_pinned { limits::WAIT_PINNED_INVALID } else { limits::WAIT_INVALID };
    if lag_ns_p50 > limits::LAG_P50_INVALID || lag_ns_p99 > limits::LAG_P99_INVALID {
        causes.push(Cause::GeneratorStalled { lag_ns_p50, lag_ns_p99 });
    } else if let Some(waited_fraction) = health.wait_fraction.0.filter(|share| *share > wait_max) {
        causes.push(Cause::GeneratorStarved { waited_fraction, is_pinned });
    } else if lag_ns_p99 > limits::LAG_P99_SUSPECT {
        causes.push(Cause::GeneratorLate { lag_ns_p99 });
    }
    if health.host_cpu_fraction > limits::HOST_BUSY_SUSPECT {
        causes.push(Cause::HostBusy { fraction: health.host_cpu_fraction });
    }
    causes
}

/// What connections, link and bytes have against it.
fn wire_causes(trial: &Trial, data: &TrialData) -> Vec<Cause> {
    let mut causes = Vec::new();
    let wire = &trial.wire;
    if trial.health.refused > 0 {
        causes.push(Cause::Refused { count: trial.health.refused });
    }
    let missed: u64 = data.outcomes.iter().map(|outcome| outcome.missed_polls).sum();
    // A poll that waits for what a path has lost may miss the next; that is the path's doing, and was asked for.
    let lossy = trial.point.path.map_or(0.0, |path| path.loss);
    if missed as f64 > wire.requests as f64 * (limits::MISSED_POLLS_SUSPECT + lossy) {
        causes.push(Cause::MissedPolls { count: missed });
    }
    if let Some(LinkReport { asked_ns, gave_ns_p50: gave_ns, .. }) = trial.link {
        let off = gave_ns.0.abs_diff(asked_ns.0) as f64;
        if off > limits::LINK_OFF_MAX.0 as f64 + asked_ns.0 as f64 * limits::LINK_OFF_SHARE_MAX {
            causes.push(Cause::LinkOff { asked_ns, gave_ns });
        }
    }
    if let Some(refusal) = data.refusal {
        causes.push(Cause::PathStandIn { detail: refusal.to_string() });
    }
    if let (Some(asked), Some(gave)) = (trial.point.path, trial.path) {
        causes.extend(path_errors::of(&asked, &gave));
    }
    let (parts, socket) = (wire.parts().saturating_add_signed(-wire.compression_saved), wire.socket);
    if parts.abs_diff(socket) as f64 > socket as f64 * limits::WIRE_MISMATCH_SUSPECT {
        causes.push(Cause::BytesDiffer { parts, socket });
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::delivery::DeliveryLog;

    /// A client that got these updates, each as number, due instant and bytes.
    fn client(got: &[(u64, u64, u32)]) -> Outcome {
        let deliver = |&(seq, at, bytes)| Delivery { seq, at_ns: Nanos(at), arrived_ns: Nanos(at + 5), bytes };
        let seen = DeliveryLog { deliveries: got.iter().map(deliver).collect(), gaps: Vec::new() };
        Outcome { seen, ..Outcome::default() }
    }

    #[test]
    fn a_feed_that_was_not_asked_for_is_measured_as_what_was_due_in_the_interval() {
        let second = Nanos::SECOND.0;
        let window = Window { start: Nanos(second), end: Nanos(3 * second) };
        let at = [second - 1, second, 2 * second, 3 * second - 1, 3 * second];
        let due: Vec<Due> = (1..).zip(at).map(|(seq, at)| Due { seq, at_ns: Nanos(at), published_ns: None }).collect();
        let in_window = within(&due, window);
        // What was due outside does not count, nor does it count twice that two clients got the same.
        let all = [(1, at[0], 9_000), (2, at[1], 100), (3, at[2], 200), (4, at[3], 300), (5, at[4], 9_000)];
        let outcomes = [client(&all), client(&all[..3])];
        let planned = Point { measured_feed: true, ..crate::run::fixture::point(0) };
        let measured = point(&planned, &outcomes, &in_window, window);
        assert_eq!((measured.rate_per_s, measured.payload_bytes), (1.5, 200.0));
        let asked = Point { measured_feed: false, ..planned };
        assert_eq!(point(&asked, &outcomes, &in_window, window), asked);
    }
}
