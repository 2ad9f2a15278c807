//! Several nodes as the server: their balancer, and the settings they cannot be combined with.

use super::PlanError;
use crate::run::setting::List;
use crate::run::{Protocol, Proxy, RunSettings};

fn any<T>(list: &Option<List<T>>, is_so: impl Fn(&T) -> bool) -> bool {
    list.as_ref().is_some_and(|List(values)| values.iter().any(is_so))
}

fn has_nodes(settings: &RunSettings) -> bool {
    any(&settings.nodes, |nodes| nodes.0 > 0)
}

/// Puts a balancer in front of every point of a run with nodes, including points with one server and a journal of its
/// own, so that they differ only in the log. `--proxy` overrides this.
pub(super) fn balance(settings: &mut RunSettings) {
    if has_nodes(settings) && settings.proxy.is_none() {
        settings.proxy = Some(List(vec![Proxy::Haproxy]));
    }
}

/// Refuses settings that nodes cannot be combined with.
pub(super) fn refuse(settings: &RunSettings, is_targeted: bool) -> Result<(), PlanError> {
    if !has_nodes(settings) {
        return Ok(());
    }
    let is_balanced = !any(&settings.proxy, |proxy| *proxy == Proxy::None);
    let delays = any(&settings.rtt, |delay| delay.0.0 > 0) || any(&settings.jitter, |delay| delay.0.0 > 0);
    let has_link = delays || any(&settings.bandwidth, |limit| limit.0.is_some());
    let given = [
        ("target", is_targeted),
        ("protocol", any(&settings.protocol, |protocol| *protocol != Protocol::Http1)),
        ("path", any(&settings.path, |path| path.0.is_some())),
        // A link has only one destination address.
        ("proxy none, or the link (--rtt, --jitter, --bandwidth)", has_link && !is_balanced),
    ];
    if let Some((what, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
        return Err(PlanError::NodesAnd(what));
    }
    let List(proxies) = settings.proxy.clone().unwrap_or(List(Vec::new()));
    proxies.into_iter().find(|proxy| proxy.speaks_http()).map_or(Ok(()), |proxy| Err(PlanError::NodesBehind(proxy)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::plan::Plan;
    use crate::load::plan::tests::settings;
    use crate::load::scenarios::Scenario;
    use std::path::PathBuf;

    fn planned(flags: &str, agents: u32) -> Result<Plan, PlanError> {
        Plan::with_agents(Scenario::load("quick").unwrap(), settings(flags), PathBuf::new(), agents)
    }

    #[test]
    fn every_point_of_a_run_with_nodes_is_behind_the_balancer_unless_a_flag_overrides_it() {
        let of = |flags: &str| {
            let plan = planned(flags, 1).unwrap();
            plan.points.iter().map(|point| (point.point.nodes, point.point.proxy)).collect::<Vec<_>>()
        };
        let balanced = |nodes| (nodes, Proxy::Haproxy);
        assert_eq!(of("--nodes 0,1,4"), [0, 1, 4].map(balanced));
        assert_eq!(of("--nodes 2 --proxy none"), [(2, Proxy::None)]);
        assert_eq!(of("--nodes 0"), [(0, Proxy::None)]);
        assert!(planned("--nodes 1,2", 1).unwrap().subjects(0).len() == 4, "and without a TCP baseline");
    }

    #[test]
    fn settings_that_nodes_do_not_support_are_refused() {
        for flags in ["--path 4g", "--protocol h2", "--target http://127.0.0.1:1", "--proxy none --rtt 10ms"] {
            let refused = planned(&format!("--nodes 2 {flags}"), 1);
            assert!(matches!(refused, Err(PlanError::NodesAnd(_))), "{flags}: {refused:?}");
        }
        assert!(matches!(planned("--nodes 2 --proxy nginx", 1), Err(PlanError::NodesBehind(Proxy::Nginx))));
        assert!(planned("--nodes 2 --rtt 10ms", 1).is_ok(), "a link leads to the balancer");
    }

    #[test]
    fn a_kill_needs_its_node_and_clients_that_stay() {
        for flags in ["", "--nodes 1", "--nodes 2 --proxy none", "--nodes 2 --churn 1s", "--nodes 1,2"] {
            assert!(matches!(planned(&format!("--kill node {flags}"), 1), Err(PlanError::Kill(..))), "{flags}");
        }
        assert!(matches!(planned("--kill log", 1), Err(PlanError::Kill(..))));
        for flags in ["node --nodes 2", "log --nodes 1 --proxy none", "none,leader --nodes 1"] {
            assert!(planned(&format!("--kill {flags}"), 1).is_ok(), "{flags}");
        }
    }

    #[test]
    fn several_processes_may_run_more_clients_than_one() {
        let Err(PlanError::TooManyClients { most: 19_000, agents: 3, .. }) = planned("--clients 38001", 1) else {
            panic!("one process has too many")
        };
        let files = |flags: &str, agents| {
            let plan = planned(&format!("--clients 100 {flags}"), agents).unwrap();
            plan.open_files().needed - crate::limits::FD_RESERVE
        };
        assert_eq!(files("", 1), 100);
        assert_eq!(files("", 2), 100, "one server has all of them");
        assert_eq!(files("--nodes 2 --proxy none", 2), 50);
        assert_eq!(files("--nodes 2", 2), 200, "the balancer has both ends");
    }
}
