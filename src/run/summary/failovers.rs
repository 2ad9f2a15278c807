//! The effect of each kill on the clients of each transport, over all trials with that kill.

use std::collections::BTreeMap;

use crate::run::Transport;
use crate::run::failover::{FailoverReport, Kill};
use crate::run::file::Trial;

/// The trials of one transport with the same kill.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failover {
    /// What was killed.
    pub kill: Kill,
    /// The clients' transport; `None` for the TCP baseline.
    pub transport: Option<Transport>,
    /// How many trials these are.
    pub trials: u64,
    /// Updates that never reached a client, in all of them.
    pub lost: u64,
    /// Their reports, [merged](FailoverReport::merged).
    pub report: FailoverReport,
}

/// The effect of each kill, by what was killed and then in the order of [`Transport::ALL`]; empty if nothing was killed.
pub fn failovers(trials: &[Trial]) -> Vec<Failover> {
    let mut all: BTreeMap<(Kill, Option<Transport>), Failover> = BTreeMap::new();
    for (trial, report) in trials.iter().filter_map(|trial| Some((trial, trial.failover.as_ref()?))) {
        let (kill, transport) = (trial.point.kill, trial.transport);
        let sum = all.entry((kill, transport)).or_insert(Failover { kill, transport, ..Failover::default() });
        sum.trials += 1;
        sum.lost += trial.audit.lost;
        sum.report = sum.report.merged(report);
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;
    use crate::units::Nanos;

    #[test]
    fn counts_add_up_and_times_are_those_of_the_worst_trial_of_the_same_kill_and_transport() {
        let mut trials = fixture::run(|_, _| 1.0).trials;
        assert_eq!(failovers(&trials), []);
        let report = |cut, back, ms, dialled_per_s_max| FailoverReport {
            cut,
            back,
            recover_ns_p50: Nanos(ms),
            dialled_per_s_max,
            ..FailoverReport::default()
        };
        let of_sse: Vec<&mut Trial> =
            trials.iter_mut().filter(|trial| trial.transport == Some(Transport::Sse)).take(3).collect();
        for (trial, (kill, failover)) in of_sse.into_iter().zip([
            (Kill::Node, report(5, 4, 20, 0.5)),
            (Kill::Node, report(3, 2, 40, 0.25)),
            (Kill::Log, report(1, 0, 1, 10.0)),
        ]) {
            trial.point.kill = kill;
            trial.audit.lost = 2;
            trial.failover = Some(failover);
        }
        let sse = |kill, trials, lost, report| Failover { kill, transport: Some(Transport::Sse), trials, lost, report };
        assert_eq!(
            failovers(&trials),
            [sse(Kill::Node, 2, 4, report(8, 6, 40, 0.5)), sse(Kill::Log, 1, 2, report(1, 0, 1, 10.0))]
        );
    }
}
