//! Turns the data of a trial into its figures and its verdict.
//!
//! Over 400 lines: the figures and every reason to doubt a trial come from the same data in the same window, and are
//! found here only.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::limits;
use crate::load::context::{Handshake, Outcome};
use crate::load::costs::{age, costs, health, readings, reconnect_times, wire};
use crate::load::failover;
use crate::load::path::path_errors;
use crate::load::trial_data::{TrialData, TrialId};
use crate::measure::delivery::{self, Delivery, Due, Window};
use crate::run::failover::Kill;
use crate::run::file::{
    Audit, Handshakes, Health, Leaving, LinkReport, Point, PublishReport, Returns, Sharing, Slice, Trial,
};
use crate::run::histogram::{self, Latencies};
use crate::run::metric::Value;
use crate::run::readings::AgeReadings;
use crate::run::reason::Cause;
use crate::stats::nearest_rank;
use crate::units::Nanos;

/// Computes the trial from its data.
pub fn trial(which: TrialId<'_>, address: SocketAddr, mut data: TrialData) -> Trial {
    let window = data.window;
    let due = match data.due.take() {
        Some(due) => due,
        None if data.update_info.has_number => union(&data.outcomes),
        None => Vec::new(),
    };
    // Updates without a due time have no age.
    let age = if data.update_info.has_time { age(&data.outcomes, &due, window) } else { AgeReadings::default() };
    let readings = readings(&data, age);
    let health = health(&mut data, &readings);
    let deliveries = || data.outcomes.iter().flat_map(|outcome| &outcome.seen.deliveries);
    // Counted at the same two moments as the bytes and the CPU time.
    let arrived = data.snapshots.end.counters.deliveries - data.snapshots.start.counters.deliveries;
    let in_window = within(&due, window);
    let audit = delivery::total(data.outcomes.iter().map(|outcome| match &outcome.planned {
        // A client that sends has its own plan.
        Some(planned) => delivery::audit(&outcome.seen, &within(planned, window)),
        None if data.update_info.has_number => delivery::audit(&outcome.seen, &in_window),
        None => delivery::unnumbered(&outcome.seen, window),
    }));
    let wire = wire(&data.snapshots, address);
    // If it is unknown what was due, count what arrived.
    let delivered = if audit.expected == 0 { arrived } else { audit.delivered };
    let mut metrics = costs(&data, &wire, &readings, delivered, which);
    // An echoed message tells its sender nothing new, so it has no age.
    if which.point.point.echo.is_none() && data.update_info.has_time {
        let all = window.length().0 as f64 * data.outcomes.len() as f64;
        metrics.age_ns_mean = Value::ratio(age.area_ns2, age.covered_ns.0 as f64);
        metrics.stale_fraction = match data.update_info.has_number {
            true => Value::ratio(age.stale_ns.0 as f64, all),
            false => Value(None),
        };
    }
    let before_due = |delivery: &Delivery| delivery.at_ns.saturating_sub(delivery.arrived_ns);
    let reversed = deliveries().filter(|one| before_due(one) > health.clock_uncertainty_ns).count() as u64;
    let mut trial = Trial {
        transport: which.subject.transport(),
        round: which.round,
        point_index: which.point_index,
        point: point(&which.point.point, &data, &in_window),
        replay_from: data.replay_from,
        port: address.port(),
        window_ns: [window.start, window.end],
        window_unix_ns: [data.snapshots.start.unix_ns, data.snapshots.end.unix_ns],
        arrived,
        audit,
        metrics,
        wire,
        health,
        readings: Some(readings),
        link: data.link,
        path: data.path,
        published: data.published,
        handshakes: handshakes(&data.handshakes),
        sharing: sharing(&data),
        proxy: data.proxy.clone(),
        log: data.log.clone(),
        failover: data.killed.map(|killed| failover::report(&data.outcomes, killed, window)),
        returns: returns(&data, which),
        timeline: timeline(deliveries().filter(|_| data.update_info.has_time), window),
        ..Trial::default()
    };
    trial.set_latencies(&latencies(&data, &in_window));
    judge(&mut trial, &data, reversed);
    trial
}

/// The updates that at least one client received: stands for what was due if the server keeps no record.
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

/// The latencies of the updates that were due in the interval, without those whose due time is unknown.
fn latencies(data: &TrialData, in_window: &[Due]) -> Latencies {
    let mut latencies = Latencies::default();
    // Each delivery, with the time it was published if that is known.
    let measured = || {
        data.outcomes.iter().filter(|_| data.update_info.has_time).flat_map(|outcome| {
            let due = outcome.planned.as_deref().unwrap_or(in_window);
            let seen = outcome.seen.deliveries.iter().filter(|delivery| data.window.contains(delivery.at_ns));
            seen.map(move |delivery| (delivery, published(due, delivery.seq)))
        })
    };
    // How far the earliest delivery seems to precede its due time, or its publication.
    let early = |(delivery, published): (&Delivery, Option<Nanos>)| {
        delivery.at_ns.max(published.unwrap_or_default()).saturating_sub(delivery.arrived_ns)
    };
    latencies.shift_ns = measured().map(early).max().unwrap_or_default();
    for (delivery, published) in measured() {
        let arrived = delivery.arrived_ns.saturating_add(latencies.shift_ns);
        histogram::record(&mut latencies.corrected, arrived.saturating_sub(delivery.at_ns));
        if let Some(published) = published {
            histogram::record(&mut latencies.uncorrected, arrived.saturating_sub(published));
        }
    }
    latencies
}

fn published(in_window: &[Due], seq: u64) -> Option<Nanos> {
    let first = in_window.first()?;
    in_window.get(usize::try_from(seq.checked_sub(first.seq)?).ok()?)?.published_ns
}

/// The updates of `due` that were due in the interval.
fn within(due: &[Due], window: Window) -> Vec<Due> {
    due.iter().copied().filter(|due| window.contains(due.at_ns)).collect()
}

/// The point's settings. If the feed's rate and payload were not set by the run, they are measured in the interval.
fn point(planned: &Point, data: &TrialData, in_window: &[Due]) -> Point {
    match (planned.measured_feed, data.update_info.has_number) {
        (false, _) => planned.clone(),
        (true, true) => measured(planned, &data.outcomes, in_window, data.window),
        // Without sequence numbers: the average of what each client received.
        (true, false) => {
            let deliveries = || data.outcomes.iter().flat_map(|outcome| &outcome.seen.deliveries);
            let of_window = || deliveries().filter(|delivery| data.window.contains(delivery.arrived_ns));
            let count = of_window().count() as f64;
            let bytes: f64 = of_window().map(|delivery| f64::from(delivery.bytes)).sum();
            let clients = f64::from(planned.clients.max(1));
            let (rate_per_s, payload_bytes) =
                (count / clients / data.window.length().seconds(), bytes / count.max(1.0));
            Point { rate_per_s, payload_bytes, ..planned.clone() }
        }
    }
}

fn measured(planned: &Point, outcomes: &[Outcome], in_window: &[Due], window: Window) -> Point {
    // Count each update once, however many clients received it.
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

/// The TLS handshakes; `None` if there were none.
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

/// How long requests waited on shared connections; `None` if clients shared none.
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

/// The clients that reconnected in the interval; `None` without churn.
fn returns(data: &TrialData, which: TrialId<'_>) -> Option<Returns> {
    let point = &which.point.point;
    if point.churn == Leaving::Never {
        return None;
    }
    let connects = reconnect_times(data);
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

/// Latency in equal slices of the interval; an update belongs to the slice in which it was due.
fn timeline<'a>(deliveries: impl Iterator<Item = &'a Delivery>, window: Window) -> Vec<Slice> {
    let width = (window.length().0 / u64::from(limits::TIMELINE_SLICES)).max(1);
    let mut latencies: Vec<Vec<u64>> = vec![Vec::new(); limits::TIMELINE_SLICES as usize];
    for delivery in deliveries.filter(|delivery| window.contains(delivery.at_ns)) {
        let index = (delivery.at_ns.saturating_sub(window.start).0 / width) as usize;
        // The last slice also takes the remainder of the division.
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

/// Sets the trial's verdict and its reasons.
fn judge(trial: &mut Trial, data: &TrialData, reversed: u64) {
    let causes =
        [audit_causes(trial, reversed), foreign_causes(data), generator_causes(trial, data), wire_causes(trial, data)]
            .concat();
    trial.set_causes(causes);
}

/// Causes found by the delivery audit.
pub(super) fn audit_causes(trial: &Trial, reversed: u64) -> Vec<Cause> {
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
    if reversed > 0 {
        causes.push(Cause::ArrivedBeforeDue { count: reversed });
    }
    let (uncertainty_ns, p50) = (trial.health.clock_uncertainty_ns, trial.metrics.latency_ns.p50.0);
    let uncertain = uncertainty_ns.0 as f64;
    if uncertain > 0.0 && p50.is_none_or(|p50| uncertain > p50 * limits::CLOCK_UNCERTAIN_SUSPECT) {
        causes.push(Cause::ClockUncertain { uncertainty_ns, latency_ns_p50: p50.map(|p50| p50 as i64) });
    }
    causes
}

/// Causes specific to third-party servers.
fn foreign_causes(data: &TrialData) -> Vec<Cause> {
    let PublishReport { throttled, refused, failed, is_behind, sent: _ } = data.published.unwrap_or_default();
    let unread: u64 = data.outcomes.iter().map(|outcome| outcome.unread).sum();
    let causes = [
        (throttled > 0, Cause::PublishThrottled { count: throttled }),
        (refused > 0, Cause::PublishRefused { count: refused }),
        (failed > 0, Cause::PublishFailed { count: failed }),
        (is_behind, Cause::PublisherBehind),
        (unread > 0, Cause::Unread { count: unread, found_at: data.published_found_at.clone() }),
        (!data.update_info.has_number, Cause::NotAudited),
        (!data.update_info.has_time, Cause::NotTimed),
        (data.has_unrelated_clock, Cause::ClocksUnrelated),
    ];
    causes.into_iter().filter_map(|(is_so, cause)| is_so.then_some(cause)).collect()
}

/// Causes in the generator and its host.
pub(super) fn generator_causes(trial: &Trial, data: &TrialData) -> Vec<Cause> {
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
    if let Some(fraction) = health.others_cpu_fraction.0.filter(|share| *share > limits::OTHERS_BUSY_SUSPECT) {
        causes.push(Cause::OthersBusy { fraction });
    }
    if health.host_cpu_fraction > limits::HOST_BUSY_SUSPECT {
        causes.push(Cause::HostBusy { fraction: health.host_cpu_fraction });
    }
    causes
}

/// How many of `requests` polls may be skipped over a path with this loss. A poll that waits for a lost packet, or a
/// second and more for a lost SYN, delays the polls after it. That is an effect of the path, which the run asked for.
fn missed_polls_max(requests: u64, loss: f64) -> u64 {
    if loss > 0.0 { u64::MAX } else { (requests as f64 * limits::MISSED_POLLS_SUSPECT) as u64 }
}

/// Causes in connections, link and bytes.
pub(super) fn wire_causes(trial: &Trial, data: &TrialData) -> Vec<Cause> {
    let mut causes = Vec::new();
    let wire = &trial.wire;
    let Health { refused, throttled, .. } = trial.health;
    if throttled > 0 {
        causes.push(Cause::Throttled { count: throttled });
    }
    // Connections that broke because of a kill were asked for, and are reported separately.
    if refused > throttled && trial.point.kill != Kill::Node {
        causes.push(Cause::Refused { count: refused - throttled });
    }
    let missed: u64 = data.outcomes.iter().map(|outcome| outcome.missed_polls).sum();
    if missed > missed_polls_max(wire.requests, trial.point.loss()) {
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

    /// A client that received these updates: sequence number, due time and bytes.
    fn client(got: &[(u64, u64, u32)]) -> Outcome {
        let deliver = |&(seq, at, bytes)| Delivery { seq, at_ns: Nanos(at), arrived_ns: Nanos(at + 5), bytes };
        let seen = DeliveryLog { deliveries: got.iter().map(deliver).collect(), gaps: Vec::new() };
        Outcome { seen, ..Outcome::default() }
    }

    #[test]
    fn one_poll_in_a_hundred_may_be_skipped_and_any_number_on_a_path_with_loss() {
        assert_eq!([60, 1_000].map(|requests| missed_polls_max(requests, 0.0)), [0, 10]);
        assert_eq!(missed_polls_max(60, 0.001), u64::MAX);
    }

    #[test]
    fn a_feed_that_the_run_did_not_set_is_measured_from_what_was_due_in_the_interval() {
        let second = Nanos::SECOND.0;
        let window = Window { start: Nanos(second), end: Nanos(3 * second) };
        let at = [second - 1, second, 2 * second, 3 * second - 1, 3 * second];
        let due: Vec<Due> = (1..).zip(at).map(|(seq, at)| Due { seq, at_ns: Nanos(at), published_ns: None }).collect();
        let in_window = within(&due, window);
        // Updates due outside the interval do not count, and one that two clients received counts once.
        let all = [(1, at[0], 9_000), (2, at[1], 100), (3, at[2], 200), (4, at[3], 300), (5, at[4], 9_000)];
        let outcomes = [client(&all), client(&all[..3])];
        let planned = Point { measured_feed: true, ..crate::run::fixture::point(0) };
        let measured = measured(&planned, &outcomes, &in_window, window);
        assert_eq!((measured.rate_per_s, measured.payload_bytes), (1.5, 200.0));
    }
}
