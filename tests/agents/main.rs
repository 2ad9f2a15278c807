//! Several generators (agents) in one run: the real programs and a real nats-server. Without nats-server these tests
//! are ignored.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod nats;
mod runs;

use std::process::{Command, ExitCode, Stdio};

fn works(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn main() -> ExitCode {
    let nats = !works("nats-server", &["--version"]);
    let nats = nats.then(|| "there is no nats-server; apt-get install nats-server".to_owned());
    let clock = !works("unshare", &["-T", "--monotonic", "1000", "--boottime", "1000", "true"]);
    let clock = clock.then(|| "time namespaces cannot be made here (unshare -T)".to_owned());
    let in_namespace = nats.clone().or(clock.clone());
    let tests = [
        tests![
            nats.as_deref();
            runs::two_agents_see_what_one_generator_sees,
            runs::an_agent_that_is_killed_makes_its_trial_invalid_and_is_named,
            runs::an_agent_of_another_version_is_refused_and_one_of_this_takes_its_place,
        ],
        tests![in_namespace.as_deref(); runs::an_agent_whose_clock_differs_by_a_thousand_seconds_is_measured_all_the_same],
    ];
    common::tool_tests::run(&[nats, clock], tests.into_iter().flatten().collect())
}
