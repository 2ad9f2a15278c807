//! How the clients of each transport recovered from a kill, over all trials with the same kind of kill.

use std::collections::BTreeMap;

use crate::run::Transport;
use crate::run::failover::Kill;
use crate::run::file::Trial;
use crate::units::Nanos;

/// All trials of one transport with the same kind of kill. Counts are sums, times and rates those of the worst trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Failover {
    /// What was killed.
    pub kill: Kill,
    /// The transport; `None` for the TCP baseline.
    pub transport: Option<Transport>,
    /// Number of trials.
    pub trials: u64,
    /// Clients whose connection ended.
    pub cut: u64,
    /// Of those, clients that had an answer on a new connection.
    pub back: u64,
    /// Time from the kill to that answer: median.
    pub recover_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub recover_ns_p99: Nanos,
    /// The same, largest.
    pub recover_ns_max: Nanos,
    /// Updates that were due while their client had no connection, and that reached it afterwards.
    pub recovered: u64,
    /// Updates that never reached a client.
    pub lost: u64,
    /// The most connections dialled in a tenth of a second, as a rate.
    pub dialled_per_s_max: f64,
    /// The longest time in which no update reached any client.
    pub silence_ns_max: Nanos,
}

/// The recovery from each kind of kill, by kind and then in the order of [`Transport::ALL`]; empty if nothing was
/// killed.
pub fn failovers(trials: &[Trial]) -> Vec<Failover> {
    let mut all: BTreeMap<(Kill, Option<Transport>), Failover> = BTreeMap::new();
    for (trial, one) in trials.iter().filter_map(|trial| Some((trial, trial.failover.as_ref()?))) {
        let (kill, transport) = (trial.point.kill, trial.transport);
        let sum = all.entry((kill, transport)).or_insert_with(|| Failover::none(kill, transport));
        sum.trials += 1;
        sum.cut += one.cut;
        sum.back += one.back;
        sum.recover_ns_p50 = sum.recover_ns_p50.max(one.recover_ns_p50);
        sum.recover_ns_p99 = sum.recover_ns_p99.max(one.recover_ns_p99);
        sum.recover_ns_max = sum.recover_ns_max.max(one.recover_ns_max);
        sum.recovered += one.recovered;
        sum.lost += trial.audit.lost;
        sum.dialled_per_s_max = sum.dialled_per_s_max.max(one.dialled_per_s_max);
        sum.silence_ns_max = sum.silence_ns_max.max(one.silence_ns_max);
    }
    all.into_values().collect()
}

impl Failover {
    fn none(kill: Kill, transport: Option<Transport>) -> Self {
        Self {
            kill,
            transport,
            trials: 0,
            cut: 0,
            back: 0,
            recover_ns_p50: Nanos::ZERO,
            recover_ns_p99: Nanos::ZERO,
            recover_ns_max: Nanos::ZERO,
            recovered: 0,
            lost: 0,
            dialled_per_s_max: 0.0,
            silence_ns_max: Nanos::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::failover::FailoverReport;
    use crate::run::fixture;

    #[test]
    fn counts_add_up_and_times_are_those_of_the_worst_trial_of_the_same_kill_and_transport() {
        let mut trials = fixture::run(|_, _| 1.0).trials;
        assert_eq!(failovers(&trials), []);
        let report = |cut, ms| FailoverReport {
            cut,
            back: cut - 1,
            recover_ns_p50: Nanos(ms),
            dialled_per_s_max: 10.0 / ms as f64,
            ..FailoverReport::default()
        };
        let of_sse: Vec<&mut Trial> =
            trials.iter_mut().filter(|trial| trial.transport == Some(Transport::Sse)).take(3).collect();
        for (trial, (kill, failover)) in of_sse.into_iter().zip([
            (Kill::Node, report(5, 20)),
            (Kill::Node, report(3, 40)),
            (Kill::Log, report(1, 1)),
        ]) {
            trial.point.kill = kill;
            trial.audit.lost = 2;
            trial.failover = Some(failover);
        }
        let sse = Some(Transport::Sse);
        let node = Failover {
            trials: 2,
            cut: 8,
            back: 6,
            recover_ns_p50: Nanos(40),
            lost: 4,
            dialled_per_s_max: 0.5,
            ..Failover::none(Kill::Node, sse)
        };
        let log = Failover {
            trials: 1,
            cut: 1,
            recover_ns_p50: Nanos(1),
            lost: 2,
            dialled_per_s_max: 10.0,
            ..Failover::none(Kill::Log, sse)
        };
        assert_eq!(failovers(&trials), [node, log]);
    }
}
