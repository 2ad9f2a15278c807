//! Tests that plan every bundled scenario.

use std::path::PathBuf;

use super::Plan;
use crate::load::scenarios::{self, Scenario};
use crate::run::RunSettings;

fn plan(scenario: Scenario) -> Plan {
    Plan::new(scenario, RunSettings::default(), PathBuf::new()).unwrap()
}

#[test]
fn every_bundled_scenario_asks_one_question_and_can_be_planned() {
    for scenario in Scenario::all() {
        let scenario = scenario.unwrap();
        assert_eq!(scenario.question.matches('?').count(), 1, "{}", scenario.name);
        assert!(scenario.question.ends_with('?'), "{}", scenario.name);
        assert!(plan(scenario).trials() > 0);
    }
    assert!(Scenario::load(scenarios::DEFAULT).is_ok());
}

/// The five scenarios about protocols and paths must take at most six minutes each, by their plan (starts and drains
/// included), not by a clock.
#[test]
fn scenarios_of_the_real_web_are_planned_for_less_than_six_minutes() {
    for name in ["protocols", "loss", "handshake", "mobile", "proxy"] {
        let seconds = plan(Scenario::load(name).unwrap()).estimate().seconds();
        assert!(seconds < 360.0, "{name} takes about {seconds:.0} s");
    }
}

/// Issue 3 gives these scenarios five minutes on two cores. Each trial starts and stops a server and its clients,
/// which takes about a second, plus half a poll interval of drain for a polling client.
#[test]
fn chatty_interval_and_headers_end_within_five_minutes() {
    for name in ["chatty", "interval", "headers"] {
        let plan = plan(Scenario::load(name).unwrap());
        let between: f64 = (0..plan.points.len())
            .map(|index| {
                let point = &plan.points[index].point;
                let edge = (0.5 / point.rate_per_s).min(plan.measure_at(point).seconds() / 2.0);
                plan.subjects(index).len() as f64 * (1.0 + edge) + point.poll_interval_ns.seconds() / 2.0
            })
            .sum();
        let seconds = plan.least_length().seconds() + between * f64::from(plan.scenario.rounds);
        assert!(seconds < 300.0, "{name} takes about {seconds:.0} s");
    }
}
