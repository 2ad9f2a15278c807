//! Computes what a delivery costs, from counters and clocks at both ends of the measured interval.

use std::net::SocketAddr;

use crate::limits;
use crate::load::clock_relation::ClockRelation;
use crate::load::context::Outcome;
use crate::load::trial_data::{Memory, Snapshot, Snapshots, TrialData, TrialId};
use crate::measure::delivery::{self, Due, Window};
use crate::measure::host;
use crate::run::file::{Health, WireTotals};
use crate::run::metric::{Metrics, Value, WireBytes};
use crate::run::readings::{AgeReadings, ClockReading, Edge, MemoryReadings, Readings};
use crate::units::Nanos;

/// The bytes of the interval by kind.
pub(super) fn wire(snapshots: &Snapshots, address: SocketAddr) -> WireTotals {
    let counters = snapshots.end.counters - snapshots.start.counters;
    let segments = |snapshot: &Snapshot| snapshot.tcp.segments_in + snapshot.tcp.segments_out;
    let segments = segments(&snapshots.end) - segments(&snapshots.start);
    let data_segments = snapshots.end.tcp.data_segments - snapshots.start.tcp.data_segments;
    let connections = snapshots.end.tcp.connections - snapshots.start.tcp.connections;
    // Compressed bodies are counted by their decompressed size, so that payload and framing mean the same with and
    // without compression.
    let compression_saved = counters.decoded as i64 - counters.coded as i64;
    let body = counters.body.saturating_add_signed(compression_saved);
    let header = limits::segment_header_bytes(address.ip());
    let server = match (snapshots.start.server_retransmitted, snapshots.end.server_retransmitted) {
        (Some(begun), Some(ended)) => ended.saturating_sub(begun),
        (None, _) | (_, None) => 0,
    };
    let client = snapshots.end.tcp.bytes_retransmitted - snapshots.start.tcp.bytes_retransmitted;
    WireTotals {
        payload: counters.payload,
        framing: counters.framing + body.saturating_sub(counters.payload),
        http_headers: counters.http_headers,
        h2_frames: counters.h2_frames,
        tls_records: counters.tls_records,
        tls_handshake: counters.tls_handshake_and_tickets(),
        compression_saved,
        acknowledgements: segments.saturating_sub(data_segments),
        tcp_ip: segments * header + connections * limits::TCP_OPENING_BYTES,
        retransmitted: client + server,
        socket: counters.up + counters.down,
        segments,
        up: counters.up,
        requests: counters.requests,
        empty: counters.empty,
    }
}

/// The raw readings that are kept in the run file.
pub(super) fn readings(data: &TrialData, age: AgeReadings) -> Readings {
    let edge = |snapshot: &Snapshot| Edge {
        at_ns: snapshot.at,
        server_cpu_ns: snapshot.server_cpu,
        generator_cpu_ns: snapshot.own_cpu,
        relay_cpu_ns: snapshot.relay_cpu,
        generator_wait_ns: snapshot.own_wait,
        host_busy_ns: snapshot.host.map(|host| host.busy),
        host_steal_ns: snapshot.host.map(|host| host.steal),
        segments_in: snapshot.tcp.segments_in,
        segments_out: snapshot.tcp.segments_out,
        bytes_retransmitted: snapshot.tcp.bytes_retransmitted,
        server_bytes_retransmitted: snapshot.server_retransmitted,
    };
    let Memory { before, idle, loaded } = data.memory;
    let clock = |(at_ns, relation): &(Nanos, ClockRelation)| ClockReading {
        at_ns: *at_ns,
        offset_ns: relation.offset_ns(),
        uncertainty_ns: relation.uncertainty,
    };
    let segment_bytes = data.snapshots.end.tcp.segment_bytes;
    Readings {
        begun: edge(&data.snapshots.start),
        ended: edge(&data.snapshots.end),
        memory: MemoryReadings {
            server_before: before.0,
            server_idle: idle.0,
            server_loaded: loaded,
            kernel_before: before.1,
            kernel_idle: idle.1,
            // A link or a proxy in the middle of each connection makes two connections of it.
            ends_per_client: data.ends_per_client,
        },
        age,
        segment_bytes: (segment_bytes > 0).then_some(segment_bytes),
        clocks: data.relations.iter().map(clock).collect(),
    }
}

/// The health of the generator and its host.
pub(super) fn health(data: &mut TrialData, readings: &Readings) -> Health {
    let Snapshots { start, end } = &data.snapshots;
    let capacity = end.at.saturating_sub(start.at).0 as f64 * f64::from(host::cores());
    let share = |used: Nanos| used.0 as f64 / capacity;
    let own_cpu = end.own_cpu.saturating_sub(start.own_cpu);
    let lateness = &mut data.lateness;
    Health {
        schedule_lag_ns_p50: lateness.percentile(0.5),
        schedule_lag_ns_p99: lateness.percentile(0.99),
        schedule_lag_ns_max: lateness.percentile(1.0),
        missed_ticks: lateness.missed,
        cpu_fraction: share(own_cpu),
        wait_fraction: match (start.own_wait, end.own_wait) {
            (Some(begun), Some(ended)) => {
                let waited = ended.saturating_sub(begun).0 as f64;
                Value::ratio(waited, waited + own_cpu.0 as f64)
            }
            (None, _) | (_, None) => Value(None),
        },
        host_cpu_fraction: readings.spent(|edge| edge.host_busy_ns).map_or(0.0, share),
        others_cpu_fraction: readings.others().map(share).into(),
        refused: data.outcomes.iter().map(|outcome| outcome.refused).sum(),
        throttled: data.outcomes.iter().map(|outcome| outcome.throttled).sum(),
        reconnects: data.outcomes.iter().map(|outcome| outcome.reconnects).sum(),
        clock_offset_ns: readings.clocks.first().map_or(0, |clock| clock.offset_ns),
        clock_uncertainty_ns: readings.clock_uncertainty(),
    }
}

/// The metrics that are a cost divided by deliveries or by clients. For all transports, deliveries are the updates
/// that were due in the interval and were delivered.
pub(super) fn costs(
    data: &TrialData,
    wire: &WireTotals,
    readings: &Readings,
    delivered: u64,
    which: TrialId<'_>,
) -> Metrics<Value> {
    let memory = &readings.memory;
    let clients = f64::from(which.point.point.clients);
    let per_delivery = |amount: u64| Value::ratio(amount as f64, delivered as f64);
    let per_client = |after: Option<u64>, before: Option<u64>| match (after, before) {
        (Some(after), Some(before)) => Value::ratio(after as f64 - before as f64, clients),
        (None, _) | (_, None) => Value(None),
    };
    let cpu = |spent: Option<Nanos>| spent.map_or(Value(None), |spent| per_delivery(spent.0));
    let total = (wire.parts() + wire.tcp_ip + wire.retransmitted).saturating_add_signed(-wire.compression_saved);
    let segment = wire.tcp_ip.checked_div(wire.segments).unwrap_or_default();
    // With churn, the reconnects count instead of the first connects.
    let mut connects = reconnect_times(data);
    if connects.is_empty() {
        connects = data.outcomes.iter().filter_map(|outcome| outcome.connect).collect();
        connects.sort_unstable();
    }
    // The kernel reports the socket memory of the whole host, in which a few clients are lost in noise.
    let are_enough = which.point.point.clients >= limits::KERNEL_MEMORY_CLIENTS_MIN;
    let all_ends = if are_enough { per_client(memory.kernel_idle, memory.kernel_before) } else { Value(None) };
    let ends = f64::from(memory.ends_per_client);
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
            compression: Value::ratio(-wire.compression_saved as f64, delivered as f64),
            tcp_ip: per_delivery(wire.tcp_ip),
            acknowledgements: per_delivery(wire.acknowledgements * segment),
            retransmitted: per_delivery(wire.retransmitted),
        },
        server_cpu_ns_per_delivery: cpu(readings.spent(|edge| edge.server_cpu_ns)),
        host_cpu_ns_per_delivery: match memory.server_before {
            // With the server on another host, this host's time is only half of the cost.
            None => Value(None),
            Some(_) => cpu(readings.host_busy()),
        },
        generator_cpu_ns_per_delivery: cpu(readings.spent(|edge| Some(edge.generator_cpu_ns))),
        server_rss_bytes_per_client: per_client(memory.server_idle, memory.server_before),
        server_rss_loaded_bytes_per_client: per_client(memory.server_loaded, memory.server_before),
        kernel_bytes_per_client: Value(all_ends.0.map(|bytes| bytes / ends)),
        connect_ns_p50: Value(connects.get(connects.len() / 2).map(|connect| connect.0 as f64)),
        ..Metrics::default()
    }
}

/// The sums that Age of Information and stale fraction are averaged from, over all clients.
pub(super) fn age(outcomes: &[Outcome], due: &[Due], window: Window) -> AgeReadings {
    let mut sum = AgeReadings::default();
    for outcome in outcomes {
        let (area, covered) = delivery::age(&outcome.seen.deliveries, window);
        sum.area_ns2 += area;
        sum.covered_ns.0 += covered.0;
        sum.stale_ns.0 += delivery::stale(&outcome.seen.deliveries, due, window).0;
    }
    sum
}

/// The duration of each reconnect in the interval, sorted.
pub(super) fn reconnect_times(data: &TrialData) -> Vec<Nanos> {
    let returns = data.outcomes.iter().flat_map(|outcome| &outcome.returns);
    let in_window = returns.filter(|(at, _)| data.window.contains(*at));
    let mut connects: Vec<Nanos> = in_window.map(|(_, connect)| *connect).collect();
    connects.sort_unstable();
    connects
}
