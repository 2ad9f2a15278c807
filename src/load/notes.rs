//! What a run notes of its surroundings, beside its figures: what links and paths gave, what agents, targets, proxies and logs
//! were and took, what kills did, what was done again. Each is kept in the run file and said behind the run.

use std::collections::BTreeMap;

use crate::load::plan::Plan;
use crate::net::tls::Trust;
use crate::print;
use crate::run::Transport;
use crate::run::agents::AgentReport;
use crate::run::file::{Environment, LinkReport, Repeated, Run, Trial};
use crate::run::nodes::LogReport;
use crate::run::path::report::{PacketCounts, PathReport};
use crate::run::summary;
use crate::units::Nanos;

/// Adds all of them to a run's environment, and says them.
pub fn add(run: &mut Run, plan: &Plan) {
    let Run { environment, trials, repeated, .. } = run;
    links(environment, trials);
    paths(environment, plan, trials);
    proxies(environment, trials);
    logs(environment, trials);
    failovers(environment, trials);
    targets(environment, plan);
    agents(environment, trials);
    repeats(environment, repeated);
}

/// Notes what was done again, and why.
fn repeats(environment: &mut Environment, repeated: &[Repeated]) {
    let Some(worst) = repeated.iter().map(|one| one.others_fraction).max_by(f64::total_cmp) else { return };
    let said = format!(
        "{} in place of trials in which others took up to {:.0} % of the processors",
        repeated.len(),
        worst * 100.0
    );
    note(environment, "trials done again".to_owned(), said);
}

/// Notes what round trip each link was asked for and gave, as its probes found it.
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
        let said = format!("gave {gave} at the median of {trials} trials, and {worst} at the worst trial's p99");
        note(environment, format!("link with a round trip of {asked}"), said);
    }
}

/// Notes which agents ran the clients, how well their clocks were known, and by how much they began late.
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
        let said = format!(
            "{} clients at the most in {} trials{lost}; its clock known to \u{b1}{clock}, it began to measure up to {} late",
            reports.iter().map(|one| one.clients).max().unwrap_or_default(),
            reports.len(),
            worst(|one| one.skew_ns),
        );
        note(environment, format!("agent {name}"), said);
    }
}

/// Notes what the servers were that are not ours, by what their files say, and what was believed of them.
fn targets(environment: &mut Environment, plan: &Plan) {
    for (name, found) in &plan.catalog {
        let description = &found.description;
        let untried =
            description.untried.as_ref().map_or_else(String::new, |why| format!("; its file was not tried: {why}"));
        environment.notes.insert(format!("target {name}"), format!("{}{untried}", description.about));
    }
    if !plan.catalog.is_empty() && plan.trust == Trust::Anyone {
        let said = "certificates were not checked (--insecure)";
        environment.notes.insert("certificates".to_owned(), said.to_owned());
    }
}

/// Notes what each path was asked for and gave, or why there was none.
fn paths(environment: &mut Environment, plan: &Plan, trials: &[Trial]) {
    if let Some(refusal) = plan.paths.refusal() {
        let said =
            format!("a link stood in for it, which delays a stream and shows neither loss nor slow start: {refusal}");
        environment.notes.insert("path".to_owned(), said);
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
        let said = format!(
            "gave a round trip of {} at the median of {} trials, and {worst} at the worst trial's p99; of {packets} packets \
             it lost {:.2} % and had no room in a queue for {full}; the kernel sent {} segments again; its relay took {} of \
             processor time a packet",
            trips[trips.len() / 2],
            gave.len(),
            both.loss().unwrap_or(0.0) * 100.0,
            total(|one| one.segments_retransmitted.unwrap_or(0)),
            Nanos(total(|one| one.relay_cpu_ns.0) / packets.max(1)),
        );
        note(environment, format!("path {asked}"), said);
    }
}

/// Notes what each proxy was, and what it took.
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
        let said = format!("its processor time for each delivery: {}", each.join(", "));
        note(environment, name, said);
    }
}

/// Notes what the log of several nodes was, what it took, and how clients were spread.
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
        let said = format!(
            "its processor time for each update: {}; {} MB of memory; a node had {} to {} connections",
            each.collect::<Vec<_>>().join(", "),
            memory / 1_000_000,
            connections().min().unwrap_or(&0),
            connections().max().unwrap_or(&0),
        );
        let software = &of_nodes[0].1.software;
        let name = format!("log of {nodes} node{} ({software})", if nodes == 1 { "" } else { "s" });
        note(environment, name, said);
    }
}

/// Notes what became of clients after something was killed.
fn failovers(environment: &mut Environment, trials: &[Trial]) {
    for one in summary::failovers(trials) {
        let cut = match one.cut {
            0 => "no client was cut".to_owned(),
            cut => format!(
                "{cut} clients were cut, {} of them came back, within {} at the worst trial's median, {} at its p99 and {} at the most, \
                 with up to {} connections a second; {} updates were recovered",
                one.back,
                one.recover_ns_p50,
                one.recover_ns_p99,
                one.recover_ns_max,
                one.dialled_per_s_max.round(),
                one.recovered,
            ),
        };
        let (trials, silence) = (one.trials, one.silence_ns_max);
        let said =
            format!("in {trials} trials {cut}; {} updates were lost, and none came for up to {silence}", one.lost);
        let name = format!("{} killed, {}", one.kill, one.transport.map_or("tcp_baseline", Transport::label));
        note(environment, name, said);
    }
}

/// Keeps what was found with the run, and says it.
fn note(environment: &mut Environment, name: String, said: String) {
    print::err(&format!("{name}: {said}"));
    environment.notes.insert(name, said);
}
