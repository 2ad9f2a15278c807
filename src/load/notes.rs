//! Notes on a run's surroundings, next to its figures: what links and paths delivered, what agents, targets, proxies
//! and logs were and used, the effects of kills, and repeated trials. Each note is kept in the run file and printed
//! after the run.

use std::collections::BTreeMap;

use crate::load::plan::Plan;
use crate::net::tls::Trust;
use crate::print;
use crate::run::Transport;
use crate::run::agents::AgentReport;
use crate::run::file::{Environment, Handshakes, LinkReport, Point, Repeated, Run, Sharing, Trial};
use crate::run::nodes::LogReport;
use crate::run::path::report::{PacketCounts, PathReport};
use crate::run::summary;
use crate::units::{Nanos, grouped};

/// Adds all notes to a run's environment, and prints them.
pub fn add(run: &mut Run, plan: &Plan) {
    let Run { environment, trials, repeated, .. } = run;
    links(environment, trials);
    paths(environment, plan, trials);
    handshakes(environment, trials);
    sharing(environment, trials);
    proxies(environment, trials);
    logs(environment, trials);
    failovers(environment, trials);
    targets(environment, plan);
    agents(environment, trials);
    repeats(environment, repeated);
}

/// Notes which trials were repeated, and why.
fn repeats(environment: &mut Environment, repeated: &[Repeated]) {
    let Some(worst) = repeated.iter().map(|one| one.others_fraction).max_by(f64::total_cmp) else { return };
    let text = format!(
        "{} in place of trials in which other programs took up to {:.0} % of the processors",
        repeated.len(),
        worst * 100.0
    );
    note(environment, "trials repeated".to_owned(), text);
}

/// Notes the requested and the measured round trip of each link.
fn links(environment: &mut Environment, trials: &[Trial]) {
    let mut links: BTreeMap<Nanos, Vec<LinkReport>> = BTreeMap::new();
    for link in trials.iter().filter_map(|trial| trial.link) {
        links.entry(link.asked_ns).or_default().push(link);
    }
    for (asked, mut links) in links {
        links.sort_by_key(|link| link.gave_ns_p50);
        let worst = links.iter().map(|link| link.gave_ns_p99).max().unwrap_or_default();
        let gave = links[links.len() / 2].gave_ns_p50;
        let trials = links.len();
        let text = format!("measured {gave} (median of {trials} trials), worst trial's p99 {worst}");
        note(environment, format!("link with a round trip of {asked}"), text);
    }
}

/// Notes which agents ran the clients, how precisely their clocks were known, and how late they started.
fn agents(environment: &mut Environment, trials: &[Trial]) {
    let mut agents: BTreeMap<&str, Vec<&AgentReport>> = BTreeMap::new();
    for agent in trials.iter().flat_map(|trial| &trial.agents) {
        agents.entry(&agent.name).or_default().push(agent);
    }
    for (name, reports) in agents {
        let worst = |of: fn(&AgentReport) -> Nanos| reports.iter().map(|one| of(one)).max().unwrap_or_default();
        let clock = worst(|one| one.clocks.iter().map(|clock| clock.uncertainty_ns).max().unwrap_or_default());
        let lost = reports.iter().filter(|one| one.is_lost).count();
        let lost = if lost > 0 { format!(", lost in {lost} of them") } else { String::new() };
        let text = format!(
            "at most {} clients in {} trials{lost}; its clock known to \u{b1}{clock}; measuring began up to {} late",
            reports.iter().map(|one| one.clients).max().unwrap_or_default(),
            reports.len(),
            worst(|one| one.skew_ns),
        );
        note(environment, format!("agent {name}"), text);
    }
}

/// Notes what the third-party servers were, by their target files, and whether certificates were checked.
fn targets(environment: &mut Environment, plan: &Plan) {
    for (name, found) in &plan.catalog {
        let description = &found.description;
        let untried =
            description.untried.as_ref().map_or_else(String::new, |why| format!("; its file was not tried: {why}"));
        environment.notes.insert(format!("target {name}"), format!("{}{untried}", description.about));
    }
    if !plan.catalog.is_empty() && plan.trust == Trust::Anyone {
        let text = "certificates were not checked (--insecure)";
        environment.notes.insert("certificates".to_owned(), text.to_owned());
    }
}

/// Notes what each path was asked for and delivered, or why there was none.
fn paths(environment: &mut Environment, plan: &Plan, trials: &[Trial]) {
    if let Some(refusal) = plan.paths.refusal() {
        let text =
            format!("a link was used instead, which delays a stream and shows neither loss nor slow start: {refusal}");
        environment.notes.insert("path".to_owned(), text);
    }
    let mut paths: BTreeMap<String, Vec<PathReport>> = BTreeMap::new();
    for (asked, gave) in trials.iter().filter_map(|trial| trial.point.path.zip(trial.path)) {
        paths.entry(asked.to_string()).or_default().push(gave);
    }
    for (asked, gave) in paths {
        let total = |of: fn(&PathReport) -> u64| gave.iter().map(of).sum::<u64>();
        let both = gave.iter().fold(PacketCounts::default(), |sum, one| sum.with(one.up).with(one.down));
        let (packets, full) = (both.packets_in, both.queue_dropped);
        let mut trips: Vec<Nanos> = gave.iter().map(|one| one.round_trip_ns_p50).collect();
        trips.sort_unstable();
        let worst = gave.iter().map(|one| one.round_trip_ns_p99).max().unwrap_or_default();
        let text = format!(
            "measured a round trip of {} (median of {} trials), worst trial's p99 {worst}; of {packets} packets it \
             lost {:.2} % and dropped {full} at a full queue; the kernel retransmitted {} segments; its relay took {} \
             of processor time per packet",
            trips[trips.len() / 2],
            gave.len(),
            both.loss().unwrap_or(0.0) * 100.0,
            total(|one| one.segments_retransmitted.unwrap_or(0)),
            Nanos(total(|one| one.relay_cpu_ns.0) / packets.max(1)),
        );
        note(environment, format!("path {asked}"), text);
    }
}

/// Notes how long TLS handshakes took: the first of each client with the server, and those that resumed a session.
fn handshakes(environment: &mut Environment, trials: &[Trial]) {
    let mut all: BTreeMap<String, Vec<Handshakes>> = BTreeMap::new();
    for (trial, handshakes) in trials.iter().filter_map(|trial| Some((trial, trial.handshakes?))) {
        all.entry(over(&trial.point)).or_default().push(handshakes);
    }
    for (over, handshakes) in all {
        let kind = |of: fn(&Handshakes) -> (u64, Nanos, Nanos)| {
            let some: Vec<_> = handshakes.iter().map(of).filter(|(count, ..)| *count > 0).collect();
            let count: u64 = some.iter().map(|(count, ..)| count).sum();
            let waited = some.iter().map(|(_, p50, p99)| (*p50, *p99)).collect();
            match middle_and_worst(waited) {
                None => "none".to_owned(),
                Some((p50, p99)) => format!("p50 {p50}, p99 {p99} of {}", grouped(count as i64)),
            }
        };
        let full = kind(|one| (one.full, one.full_ns_p50, one.full_ns_p99));
        let resumed = kind(|one| (one.resumed, one.resumed_ns_p50, one.resumed_ns_p99));
        note(environment, format!("TLS over {over}"), format!("full handshakes: {full}; resumed: {resumed}"));
    }
}

/// Notes how long requests waited behind others on shared connections.
fn sharing(environment: &mut Environment, trials: &[Trial]) {
    let mut all: BTreeMap<(String, u32), BTreeMap<Option<Transport>, Vec<Sharing>>> = BTreeMap::new();
    for (trial, sharing) in trials.iter().filter_map(|trial| Some((trial, trial.sharing?))) {
        let of_setting = all.entry((over(&trial.point), trial.point.share_connection)).or_default();
        of_setting.entry(trial.transport).or_default().push(sharing);
    }
    for ((over, clients), transports) in all {
        let each = transports.into_iter().filter_map(|(transport, sharing)| {
            let name = transport.map_or("tcp_baseline", Transport::label);
            let asked = sharing.iter().filter(|one| one.requests > 0);
            let (p50, p99) = middle_and_worst(asked.map(|one| (one.wait_ns_p50, one.wait_ns_p99)).collect())?;
            let most = sharing.iter().map(|one| one.wait_ns_max).max().unwrap_or_default();
            let streams = sharing.iter().map(|one| one.streams_max).max().unwrap_or_default();
            Some(format!("{name} p50 {p50}, p99 {p99}, at most {most} behind up to {streams} streams"))
        });
        let each: Vec<String> = each.collect();
        if !each.is_empty() {
            let name = format!("one connection for {clients} clients, {over}");
            note(environment, name, format!("requests waited: {}", each.join("; ")));
        }
    }
}

/// The protocol, such as `https1`, with the round trip if there is one.
fn over(point: &Point) -> String {
    let protocol = point.protocol.label();
    match point.round_trip() {
        Nanos::ZERO => protocol.to_owned(),
        far => format!("{protocol}, round trip {far}"),
    }
}

/// The median of the trials' medians, and the worst of their 99th percentiles.
fn middle_and_worst(mut all: Vec<(Nanos, Nanos)>) -> Option<(Nanos, Nanos)> {
    all.sort_unstable();
    let worst = all.iter().map(|(_, p99)| *p99).max()?;
    Some((all[all.len() / 2].0, worst))
}

/// Notes what each proxy was, and its processor time.
fn proxies(environment: &mut Environment, trials: &[Trial]) {
    let mut proxies: BTreeMap<(&str, Option<Transport>), (String, u64, u64)> = BTreeMap::new();
    for (trial, proxy) in trials.iter().filter_map(|trial| Some((trial, trial.proxy.as_ref()?))) {
        let Some(cpu) = proxy.cpu_ns else { continue };
        let key = (trial.point.proxy.label(), trial.transport);
        let (_, sum, arrived) = proxies.entry(key).or_insert_with(|| (proxy.software.clone(), 0, 0));
        *sum += cpu.0;
        *arrived += trial.arrived;
    }
    let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ((proxy, transport), (software, cpu, arrived)) in proxies {
        let name = transport.map_or("tcp_baseline", Transport::label);
        let each = Nanos(cpu / arrived.max(1));
        notes.entry(format!("proxy {proxy} ({software})")).or_default().push(format!("{name} {each}"));
    }
    for (name, each) in notes {
        let text = format!("its processor time per delivery: {}", each.join(", "));
        note(environment, name, text);
    }
}

/// Notes what the log of several nodes was, what it used, and how clients were spread over the nodes.
fn logs(environment: &mut Environment, trials: &[Trial]) {
    let mut logs: BTreeMap<u32, Vec<(&Trial, &LogReport)>> = BTreeMap::new();
    for (trial, log) in trials.iter().filter_map(|trial| Some((trial, trial.log.as_ref()?))) {
        logs.entry(trial.point.nodes).or_default().push((trial, log));
    }
    for (nodes, of_nodes) in logs {
        let mut transports: BTreeMap<Option<Transport>, (u64, u64)> = BTreeMap::new();
        for (trial, log) in &of_nodes {
            let (sum, updates) = transports.entry(trial.transport).or_default();
            *sum += log.cpu_ns.unwrap_or_default().0;
            *updates += trial.audit.expected / u64::from(trial.point.clients.max(1));
        }
        let each = transports.into_iter().map(|(transport, (cpu, updates))| {
            format!("{} {}", transport.map_or("tcp_baseline", Transport::label), Nanos(cpu / updates.max(1)))
        });
        let memory = of_nodes.iter().filter_map(|(_, log)| log.resident_bytes).max().unwrap_or_default();
        let connections = || of_nodes.iter().flat_map(|(_, log)| &log.connections);
        let text = format!(
            "its processor time per update: {}; {} MB of memory; a node had {} to {} connections",
            each.collect::<Vec<_>>().join(", "),
            memory / 1_000_000,
            connections().min().unwrap_or(&0),
            connections().max().unwrap_or(&0),
        );
        let software = &of_nodes[0].1.software;
        let name = format!("log of {nodes} node{} ({software})", if nodes == 1 { "" } else { "s" });
        note(environment, name, text);
    }
}

/// Notes the effects of each kill on the clients.
fn failovers(environment: &mut Environment, trials: &[Trial]) {
    for one in summary::failovers(trials) {
        let report = &one.report;
        let cut = match report.cut {
            0 => "no client was disconnected".to_owned(),
            cut => format!(
                "{cut} clients were disconnected, {} of them reconnected, within {} at the worst trial's median, {} at \
                 its p99 and {} at most, with up to {} connections per second; {} updates were recovered",
                report.back,
                report.recover_ns_p50,
                report.recover_ns_p99,
                report.recover_ns_max,
                report.dialled_per_s_max.round(),
                report.recovered,
            ),
        };
        let (trials, silence) = (one.trials, report.silence_ns_max);
        let text =
            format!("in {trials} trials {cut}; {} updates were lost, and none arrived for up to {silence}", one.lost);
        let name = format!("{} killed, {}", one.kill, one.transport.map_or("tcp_baseline", Transport::label));
        note(environment, name, text);
    }
}

/// Keeps a note in the run, and prints it.
fn note(environment: &mut Environment, name: String, text: String) {
    print::err(&format!("{name}: {text}"));
    environment.notes.insert(name, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Protocol, fixture};

    fn of_protocol(transport: Transport, protocol: Protocol, rtt: Nanos) -> Trial {
        let mut trial = fixture::trial(Some(transport), 1, 0, 1_000);
        (trial.point.protocol, trial.point.rtt_ns) = (protocol, rtt);
        trial
    }

    #[test]
    fn handshakes_are_noted_by_protocol_and_round_trip_with_full_and_resumed_ones_separate() {
        let trial = |protocol, rtt, full: u64, ns: u64| {
            let handshakes =
                Handshakes { full, full_ns_p50: Nanos(ns), full_ns_p99: Nanos(3 * ns), ..Handshakes::default() };
            Trial { handshakes: Some(handshakes), ..of_protocol(Transport::Polling, protocol, rtt) }
        };
        let mut resuming = trial(Protocol::H2, Nanos::ZERO, 20, 2_000_000);
        let handshakes = resuming.handshakes.as_mut().unwrap();
        (handshakes.resumed, handshakes.resumed_ns_p50) = (400, Nanos(1_000_000));
        handshakes.resumed_ns_p99 = Nanos(5_000_000);
        let trials = [
            trial(Protocol::Https1, Nanos::ZERO, 20, 1_000_000),
            trial(Protocol::Https1, Nanos::ZERO, 20, 9_000_000),
            trial(Protocol::Https1, Nanos::ZERO, 20, 2_000_000),
            trial(Protocol::Https1, Nanos(50_000_000), 10, 60_000_000),
            resuming,
            of_protocol(Transport::Polling, Protocol::Http1, Nanos::ZERO),
        ];
        let mut environment = fixture::run(|_, _| 1.0).environment;
        environment.notes.clear();
        super::handshakes(&mut environment, &trials);
        let found: Vec<(&str, &str)> =
            environment.notes.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let [ns2, ns27, ns60, ns180] = [2, 27, 60, 180].map(|ms| Nanos(ms * 1_000_000).to_string());
        let [ns1, ns5, ns6] = [1, 5, 6].map(|ms| Nanos(ms * 1_000_000).to_string());
        let expected = [
            (
                "TLS over h2".to_owned(),
                format!("full handshakes: p50 {ns2}, p99 {ns6} of 20; resumed: p50 {ns1}, p99 {ns5} of 400"),
            ),
            ("TLS over https1".to_owned(), format!("full handshakes: p50 {ns2}, p99 {ns27} of 60; resumed: none")),
            (
                format!("TLS over https1, round trip {}", Nanos(50_000_000)),
                format!("full handshakes: p50 {ns60}, p99 {ns180} of 10; resumed: none"),
            ),
        ];
        let expected: Vec<(&str, &str)> = expected.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn waits_on_shared_connections_are_noted_for_each_transport() {
        let trial = |transport, requests, us: u64| {
            let [wait_ns_p50, wait_ns_p99, wait_ns_max] = [us, 2 * us, 4 * us].map(|us| Nanos(us * 1_000));
            let sharing = Sharing { connections: 2, streams_max: 49, requests, wait_ns_p50, wait_ns_p99, wait_ns_max };
            let mut trial = of_protocol(transport, Protocol::H2, Nanos::ZERO);
            (trial.sharing, trial.point.share_connection) = (Some(sharing), 50);
            trial
        };
        // A stream sends no more requests in the interval.
        let trials =
            [trial(Transport::Polling, 800, 10), trial(Transport::Polling, 800, 30), trial(Transport::Sse, 0, 0)];
        let mut environment = fixture::run(|_, _| 1.0).environment;
        environment.notes.clear();
        super::sharing(&mut environment, &trials);
        let us = |us: u64| Nanos(us * 1_000);
        let text = format!(
            "requests waited: polling p50 {}, p99 {}, at most {} behind up to 49 streams",
            us(30),
            us(60),
            us(120)
        );
        let found: Vec<_> = environment.notes.into_iter().collect();
        assert_eq!(found, [("one connection for 50 clients, h2".to_owned(), text)]);
    }
}
