//! The surroundings of a run, next to its figures: what links and paths delivered, what handshakes, shared connections,
//! proxies, logs and agents took, the effects of kills, and repeated trials. All of it is data from the run's trials; its
//! words are made in the report.

use std::collections::BTreeMap;

use super::{Failover, failovers};
use crate::run::agents::AgentReport;
use crate::run::file::{Handshakes, LinkReport, Point, Run, Sharing, Trial};
use crate::run::nodes::LogReport;
use crate::run::path::PathSettings;
use crate::run::path::report::{PacketCounts, PathReport};
use crate::run::proxy::Proxy;
use crate::run::{Protocol, Transport};
use crate::units::Nanos;

/// One fact about the surroundings of a run. Times of several trials are the median of their medians and the worst of
/// their 99th percentiles.
#[derive(Clone, Debug, PartialEq)]
pub enum Surrounding {
    /// A link.
    Link {
        /// The requested round trip.
        asked_ns: Nanos,
        /// The measured round trip: median.
        gave_ns_p50: Nanos,
        /// The same, 99th percentile.
        gave_ns_p99: Nanos,
        /// How many trials had it.
        trials: u64,
    },
    /// A path.
    Path {
        /// Its settings.
        settings: PathSettings,
        /// The measured round trip: median.
        round_trip_ns_p50: Nanos,
        /// The same, 99th percentile.
        round_trip_ns_p99: Nanos,
        /// How many trials had it.
        trials: u64,
        /// The packets of both directions and all trials.
        packets: PacketCounts,
        /// Segments that the kernel retransmitted.
        retransmitted: u64,
        /// CPU time of its relay per packet.
        relay_ns_per_packet: Nanos,
    },
    /// TLS handshakes.
    Handshakes {
        /// What they were made over.
        over: Over,
        /// Full handshakes, if any.
        full: Option<Took>,
        /// Resumed sessions, if any.
        resumed: Option<Took>,
    },
    /// Connections that clients shared.
    Sharing {
        /// What they ran over.
        over: Over,
        /// Clients per connection.
        clients: u32,
        /// The waits of each transport that sent requests.
        waits: Vec<Wait>,
    },
    /// A proxy.
    Proxy {
        /// Which.
        proxy: Proxy,
        /// Its name and version.
        software: String,
        /// Its CPU time per delivery of each transport.
        cpu_ns: Vec<(Option<Transport>, Nanos)>,
    },
    /// The log of several nodes.
    Log {
        /// How many nodes.
        nodes: u32,
        /// Its name and version.
        software: String,
        /// Its CPU time per update, for the trials of each transport.
        cpu_ns: Vec<(Option<Transport>, Nanos)>,
        /// Its resident memory, at most.
        resident_bytes: u64,
        /// The fewest and the most connections of a node.
        connections: [u64; 2],
    },
    /// The effect of a kill on the clients of one transport.
    Failover(Failover),
    /// An agent.
    Agent {
        /// Its name.
        name: String,
        /// The most clients that it ran.
        clients_max: u32,
        /// How many trials it took part in.
        trials: u64,
        /// In how many of them it was lost.
        lost: u64,
        /// How precisely its clock was known, at worst.
        clock_uncertainty_ns: Nanos,
        /// How late it began to measure, at most.
        skew_ns: Nanos,
    },
    /// Trials that were repeated because other programs disturbed them.
    Repeated {
        /// How many.
        trials: u64,
        /// The most that other programs used of the processors, as a share.
        others_fraction_max: f64,
    },
}

/// What connections run over: a protocol, and a round trip that may be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Over {
    /// The protocol.
    pub protocol: Protocol,
    /// The round trip.
    pub round_trip_ns: Nanos,
}

/// How long handshakes of one kind took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    /// How many.
    pub count: u64,
    /// Median.
    pub ns_p50: Nanos,
    /// 99th percentile.
    pub ns_p99: Nanos,
}

/// How long the requests of one transport waited behind others on shared connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The transport; `None` for the TCP baseline.
    pub transport: Option<Transport>,
    /// Median.
    pub ns_p50: Nanos,
    /// 99th percentile.
    pub ns_p99: Nanos,
    /// The longest.
    pub ns_max: Nanos,
    /// The most streams on one connection.
    pub streams_max: u64,
}

/// CPU time in nanoseconds, and the number of deliveries or updates, by transport.
type Sums = BTreeMap<Option<Transport>, (u64, u64)>;

/// All facts about a run's surroundings.
pub fn surroundings(run: &Run) -> Vec<Surrounding> {
    let trials = &run.trials;
    let mut all = links(trials);
    all.extend(paths(trials));
    all.extend(handshakes(trials));
    all.extend(sharing(trials));
    all.extend(proxies(trials));
    all.extend(logs(trials));
    all.extend(failovers(trials).into_iter().map(Surrounding::Failover));
    all.extend(agents(trials));
    let worst = run.repeated.iter().map(|one| one.others_fraction).max_by(f64::total_cmp);
    let trials = run.repeated.len() as u64;
    all.extend(worst.map(|others_fraction_max| Surrounding::Repeated { trials, others_fraction_max }));
    all
}

fn links(trials: &[Trial]) -> Vec<Surrounding> {
    let mut links: BTreeMap<Nanos, Vec<LinkReport>> = BTreeMap::new();
    for link in trials.iter().filter_map(|trial| trial.link) {
        links.entry(link.asked_ns).or_default().push(link);
    }
    let link = |(asked_ns, links): (Nanos, Vec<LinkReport>)| {
        let trials = links.len() as u64;
        let (gave_ns_p50, gave_ns_p99) = middle_and_worst(links.iter().map(|one| (one.gave_ns_p50, one.gave_ns_p99)))?;
        Some(Surrounding::Link { asked_ns, gave_ns_p50, gave_ns_p99, trials })
    };
    links.into_iter().filter_map(link).collect()
}

fn paths(trials: &[Trial]) -> Vec<Surrounding> {
    let mut paths: BTreeMap<String, (PathSettings, Vec<PathReport>)> = BTreeMap::new();
    for (settings, report) in trials.iter().filter_map(|trial| trial.point.path.zip(trial.path)) {
        paths.entry(settings.to_string()).or_insert((settings, Vec::new())).1.push(report);
    }
    let path = |(settings, reports): (PathSettings, Vec<PathReport>)| {
        let packets = reports.iter().fold(PacketCounts::default(), |sum, one| sum.with(one.up).with(one.down));
        let relay_ns: u64 = reports.iter().map(|one| one.relay_cpu_ns.0).sum();
        let trips = reports.iter().map(|one| (one.round_trip_ns_p50, one.round_trip_ns_p99));
        let (round_trip_ns_p50, round_trip_ns_p99) = middle_and_worst(trips)?;
        Some(Surrounding::Path {
            settings,
            round_trip_ns_p50,
            round_trip_ns_p99,
            trials: reports.len() as u64,
            packets,
            retransmitted: reports.iter().filter_map(|one| one.segments_retransmitted).sum(),
            relay_ns_per_packet: Nanos(relay_ns / packets.packets_in.max(1)),
        })
    };
    paths.into_values().filter_map(path).collect()
}

fn handshakes(trials: &[Trial]) -> Vec<Surrounding> {
    let mut all: BTreeMap<Over, Vec<Handshakes>> = BTreeMap::new();
    for (trial, handshakes) in trials.iter().filter_map(|trial| Some((trial, trial.handshakes?))) {
        all.entry(over(&trial.point)).or_default().push(handshakes);
    }
    let note = |(over, handshakes): (Over, Vec<Handshakes>)| {
        let took = |of: fn(&Handshakes) -> (u64, Nanos, Nanos)| {
            let some = || handshakes.iter().map(of).filter(|(count, ..)| *count > 0);
            let (ns_p50, ns_p99) = middle_and_worst(some().map(|(_, p50, p99)| (p50, p99)))?;
            Some(Took { count: some().map(|(count, ..)| count).sum(), ns_p50, ns_p99 })
        };
        let full = took(|one| (one.full, one.full_ns_p50, one.full_ns_p99));
        let resumed = took(|one| (one.resumed, one.resumed_ns_p50, one.resumed_ns_p99));
        Surrounding::Handshakes { over, full, resumed }
    };
    all.into_iter().map(note).collect()
}

fn sharing(trials: &[Trial]) -> Vec<Surrounding> {
    let mut all: BTreeMap<(Over, u32), BTreeMap<Option<Transport>, Vec<Sharing>>> = BTreeMap::new();
    for (trial, sharing) in trials.iter().filter_map(|trial| Some((trial, trial.sharing?))) {
        let of_setting = all.entry((over(&trial.point), trial.point.share_connection)).or_default();
        of_setting.entry(trial.transport).or_default().push(sharing);
    }
    let wait = |(transport, sharing): (Option<Transport>, Vec<Sharing>)| {
        let asked = sharing.iter().filter(|one| one.requests > 0);
        let (ns_p50, ns_p99) = middle_and_worst(asked.map(|one| (one.wait_ns_p50, one.wait_ns_p99)))?;
        let ns_max = sharing.iter().map(|one| one.wait_ns_max).max()?;
        let streams_max = sharing.iter().map(|one| one.streams_max).max()?;
        Some(Wait { transport, ns_p50, ns_p99, ns_max, streams_max })
    };
    let all = all.into_iter().map(|((over, clients), transports)| {
        let waits: Vec<Wait> = transports.into_iter().filter_map(wait).collect();
        (!waits.is_empty()).then_some(Surrounding::Sharing { over, clients, waits })
    });
    all.flatten().collect()
}

fn proxies(trials: &[Trial]) -> Vec<Surrounding> {
    let mut proxies: BTreeMap<&str, (Proxy, String, Sums)> = BTreeMap::new();
    for (trial, proxy) in trials.iter().filter_map(|trial| Some((trial, trial.proxy.as_ref()?))) {
        let Some(cpu) = proxy.cpu_ns else { continue };
        let (.., transports) = proxies
            .entry(trial.point.proxy.label())
            .or_insert_with(|| (trial.point.proxy, proxy.software.clone(), Sums::new()));
        let (sum, arrived) = transports.entry(trial.transport).or_default();
        *sum += cpu.0;
        *arrived += trial.arrived;
    }
    let proxy = |(proxy, software, transports)| Surrounding::Proxy { proxy, software, cpu_ns: quotients(transports) };
    proxies.into_values().map(proxy).collect()
}

fn logs(trials: &[Trial]) -> Vec<Surrounding> {
    let mut logs: BTreeMap<u32, Vec<(&Trial, &LogReport)>> = BTreeMap::new();
    for (trial, log) in trials.iter().filter_map(|trial| Some((trial, trial.log.as_ref()?))) {
        logs.entry(trial.point.nodes).or_default().push((trial, log));
    }
    let log = |(nodes, of_nodes): (u32, Vec<(&Trial, &LogReport)>)| {
        let mut transports = Sums::new();
        for (trial, log) in &of_nodes {
            let (sum, updates) = transports.entry(trial.transport).or_default();
            *sum += log.cpu_ns.unwrap_or_default().0;
            *updates += trial.audit.expected / u64::from(trial.point.clients.max(1));
        }
        let connections = || of_nodes.iter().flat_map(|(_, log)| log.connections.iter().copied());
        Surrounding::Log {
            nodes,
            software: of_nodes.first().map(|(_, log)| log.software.clone()).unwrap_or_default(),
            cpu_ns: quotients(transports),
            resident_bytes: of_nodes.iter().filter_map(|(_, log)| log.resident_bytes).max().unwrap_or_default(),
            connections: [connections().min().unwrap_or_default(), connections().max().unwrap_or_default()],
        }
    };
    logs.into_iter().map(log).collect()
}

fn agents(trials: &[Trial]) -> Vec<Surrounding> {
    let mut agents: BTreeMap<&str, Vec<&AgentReport>> = BTreeMap::new();
    for agent in trials.iter().flat_map(|trial| &trial.agents) {
        agents.entry(&agent.name).or_default().push(agent);
    }
    let agent = |(name, reports): (&str, Vec<&AgentReport>)| {
        let worst = |of: fn(&AgentReport) -> Nanos| reports.iter().map(|one| of(one)).max().unwrap_or_default();
        Surrounding::Agent {
            name: name.to_owned(),
            clients_max: reports.iter().map(|one| one.clients).max().unwrap_or_default(),
            trials: reports.len() as u64,
            lost: reports.iter().filter(|one| one.is_lost).count() as u64,
            clock_uncertainty_ns: worst(|one| {
                one.clocks.iter().map(|clock| clock.uncertainty_ns).max().unwrap_or_default()
            }),
            skew_ns: worst(|one| one.skew_ns),
        }
    };
    agents.into_iter().map(agent).collect()
}

fn over(point: &Point) -> Over {
    Over { protocol: point.protocol, round_trip_ns: point.round_trip() }
}

/// For each transport, CPU time divided by the number of deliveries or updates.
fn quotients(transports: Sums) -> Vec<(Option<Transport>, Nanos)> {
    transports.into_iter().map(|(transport, (cpu, count))| (transport, Nanos(cpu / count.max(1)))).collect()
}

/// The median of the trials' medians, and the worst of their 99th percentiles; `None` without trials.
fn middle_and_worst(all: impl Iterator<Item = (Nanos, Nanos)>) -> Option<(Nanos, Nanos)> {
    let mut all: Vec<(Nanos, Nanos)> = all.collect();
    all.sort_unstable();
    let worst = all.iter().map(|(_, p99)| *p99).max()?;
    Some((all[all.len() / 2].0, worst))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;

    const MILLI: u64 = Nanos::MILLI.0;

    fn with_protocol(transport: Transport, protocol: Protocol, rtt_ns: Nanos) -> Trial {
        let mut trial = fixture::trial(Some(transport), 1, 0, 1_000);
        (trial.point.protocol, trial.point.rtt_ns) = (protocol, rtt_ns);
        trial
    }

    #[test]
    fn handshakes_are_kept_apart_by_protocol_round_trip_and_kind() {
        let trial = |protocol, rtt, full: u64, ms: u64| {
            let (full_ns_p50, full_ns_p99) = (Nanos(ms * MILLI), Nanos(3 * ms * MILLI));
            let handshakes = Handshakes { full, full_ns_p50, full_ns_p99, ..Handshakes::default() };
            Trial { handshakes: Some(handshakes), ..with_protocol(Transport::Polling, protocol, Nanos(rtt * MILLI)) }
        };
        let mut resuming = trial(Protocol::H2, 0, 20, 2);
        let of_resuming = resuming.handshakes.as_mut().unwrap();
        (of_resuming.resumed, of_resuming.resumed_ns_p50) = (400, Nanos(MILLI));
        of_resuming.resumed_ns_p99 = Nanos(5 * MILLI);
        let trials = [
            trial(Protocol::Https1, 0, 20, 1),
            trial(Protocol::Https1, 0, 20, 9),
            trial(Protocol::Https1, 0, 20, 2),
            trial(Protocol::Https1, 50, 10, 60),
            resuming,
            with_protocol(Transport::Polling, Protocol::Http1, Nanos::ZERO),
        ];
        let took = |count, p50, p99| Some(Took { count, ns_p50: Nanos(p50 * MILLI), ns_p99: Nanos(p99 * MILLI) });
        let over = |protocol, ms| Over { protocol, round_trip_ns: Nanos(ms * MILLI) };
        let mut expected = vec![
            Surrounding::Handshakes { over: over(Protocol::Https1, 0), full: took(60, 2, 27), resumed: None },
            Surrounding::Handshakes { over: over(Protocol::Https1, 50), full: took(10, 60, 180), resumed: None },
            Surrounding::Handshakes { over: over(Protocol::H2, 0), full: took(20, 2, 6), resumed: took(400, 1, 5) },
        ];
        let found = handshakes(&trials);
        expected.retain(|one| !found.contains(one));
        assert_eq!((found.len(), expected), (3, Vec::new()), "{found:?}");
    }

    #[test]
    fn waits_on_shared_connections_are_those_of_transports_with_requests() {
        let trial = |transport, requests, us: u64| {
            let [wait_ns_p50, wait_ns_p99, wait_ns_max] = [us, 2 * us, 4 * us].map(|us| Nanos(us * 1_000));
            let sharing = Sharing { connections: 2, streams_max: 49, requests, wait_ns_p50, wait_ns_p99, wait_ns_max };
            let mut trial = with_protocol(transport, Protocol::H2, Nanos::ZERO);
            (trial.sharing, trial.point.share_connection) = (Some(sharing), 50);
            trial
        };
        // A stream sends no more requests in the interval.
        let trials =
            [trial(Transport::Polling, 800, 10), trial(Transport::Polling, 800, 30), trial(Transport::Sse, 0, 0)];
        let [ns_p50, ns_p99, ns_max] = [30, 60, 120].map(|us| Nanos(us * 1_000));
        let wait = Wait { transport: Some(Transport::Polling), ns_p50, ns_p99, ns_max, streams_max: 49 };
        let over = Over { protocol: Protocol::H2, round_trip_ns: Nanos::ZERO };
        assert_eq!(sharing(&trials), [Surrounding::Sharing { over, clients: 50, waits: vec![wait] }]);
    }
}
