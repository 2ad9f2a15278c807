//! The surroundings of a run: what each fact is about, and the fact.

use crate::run::Transport;
use crate::run::summary::{Failover, Over, Surrounding, Took};
use crate::units::{Nanos, grouped};

/// What the fact is about, and the fact.
pub(crate) fn surrounding(one: &Surrounding) -> (String, String) {
    match one {
        Surrounding::Link { asked_ns, gave_ns_p50, gave_ns_p99, trials } => (
            format!("link with a round trip of {asked_ns}"),
            format!("measured {gave_ns_p50} (median of {trials} trials), worst trial's p99 {gave_ns_p99}"),
        ),
        Surrounding::Path {
            settings,
            round_trip_ns_p50,
            round_trip_ns_p99,
            trials,
            packets,
            retransmitted,
            relay_ns_per_packet,
        } => (
            format!("path {settings}"),
            format!(
                "measured a round trip of {round_trip_ns_p50} (median of {trials} trials), worst trial's p99 \
                 {round_trip_ns_p99}; of {} packets it lost {:.2} % and dropped {} at a full queue; the kernel \
                 retransmitted {retransmitted} segments; its relay took {relay_ns_per_packet} of processor time per packet",
                grouped(packets.packets_in as i64),
                packets.loss().unwrap_or(0.0) * 100.0,
                packets.queue_dropped,
            ),
        ),
        Surrounding::Handshakes { over, full, resumed } => (
            format!("TLS over {}", over_words(*over)),
            format!("full handshakes: {}; resumed: {}", took(*full), took(*resumed)),
        ),
        Surrounding::Sharing { over, clients, waits } => {
            let each = waits.iter().map(|wait| {
                format!(
                    "{} p50 {}, p99 {}, at most {} behind up to {} streams",
                    label(wait.transport),
                    wait.ns_p50,
                    wait.ns_p99,
                    wait.ns_max,
                    wait.streams_max
                )
            });
            let each: Vec<String> = each.collect();
            let name = format!("one connection for {clients} clients, {}", over_words(*over));
            (name, format!("requests waited: {}", each.join("; ")))
        }
        Surrounding::Proxy { proxy, software, cpu_ns } => (
            format!("proxy {} ({software})", proxy.label()),
            format!("its processor time per delivery: {}", per_transport(cpu_ns)),
        ),
        Surrounding::Log { nodes, software, cpu_ns, resident_bytes, connections: [least, most] } => (
            format!("log of {nodes} node{} ({software})", if *nodes == 1 { "" } else { "s" }),
            format!(
                "its processor time per update: {}; {} MB of memory; a node had {least} to {most} connections",
                per_transport(cpu_ns),
                resident_bytes / 1_000_000,
            ),
        ),
        Surrounding::Failover(one) => (format!("{} killed, {}", one.kill, label(one.transport)), failover(one)),
        Surrounding::Agent { name, clients_max, trials, lost, clock_uncertainty_ns, skew_ns } => {
            let lost = if *lost > 0 { format!(", lost in {lost} of them") } else { String::new() };
            let text = format!(
                "at most {} clients in {trials} trials{lost}; its clock known to ±{clock_uncertainty_ns}; \
                 measuring began up to {skew_ns} late",
                grouped((*clients_max).into()),
            );
            (format!("agent {name}"), text)
        }
        Surrounding::Repeated { trials, others_fraction_max } => (
            "trials repeated".to_owned(),
            format!(
                "{trials} in place of trials in which other programs took up to {:.0} % of the processors",
                others_fraction_max * 100.0
            ),
        ),
    }
}

fn failover(one: &Failover) -> String {
    let report = &one.report;
    let cut = match report.cut {
        0 => "no client was disconnected".to_owned(),
        cut => format!(
            "{cut} clients were disconnected, {} of them reconnected, within {} at the worst trial's median, {} at its \
             p99 and {} at most, with up to {} connections per second; {} updates were recovered",
            report.back,
            report.recover_ns_p50,
            report.recover_ns_p99,
            report.recover_ns_max,
            report.dialled_per_s_max.round(),
            report.recovered,
        ),
    };
    let silence = report.silence_ns_max;
    format!("in {} trials {cut}; {} updates were lost, and none arrived for up to {silence}", one.trials, one.lost)
}

/// The protocol, such as `https1`, with the round trip if there is one.
fn over_words(over: Over) -> String {
    match over.round_trip_ns {
        Nanos::ZERO => over.protocol.label().to_owned(),
        far => format!("{}, round trip {far}", over.protocol.label()),
    }
}

fn took(took: Option<Took>) -> String {
    took.map_or_else(
        || "none".to_owned(),
        |took| format!("p50 {}, p99 {} of {}", took.ns_p50, took.ns_p99, grouped(took.count as i64)),
    )
}

fn per_transport(cpu_ns: &[(Option<Transport>, Nanos)]) -> String {
    let each: Vec<String> = cpu_ns.iter().map(|(transport, cpu)| format!("{} {cpu}", label(*transport))).collect();
    each.join(", ")
}

fn label(transport: Option<Transport>) -> &'static str {
    transport.map_or("tcp_baseline", Transport::label)
}
