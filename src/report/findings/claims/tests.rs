//! Tests of claims that hold, that do not hold, and that the rounds do not decide.

use super::*;
use crate::run::fake;
use crate::run::file::{Point, Run};
use crate::run::metric::Value;

fn claims(run: &Run) -> Vec<Claim> {
    super::of(&View::new(run))
}

/// The verdict on the claim with this evidence.
fn holding(run: &Run, is_meant: fn(&Evidence) -> bool) -> Holding {
    let found = claims(run);
    found.iter().find(|claim| is_meant(&claim.evidence)).unwrap_or_else(|| panic!("{found:?}")).holding
}

fn wastes(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::PollingWastes { .. })
}

fn becomes_polling(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::LongPollingBecomesPolling { .. })
}

fn pushes(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::SsePushes { .. })
}

fn gains(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::WebSocketGainsWithLoad { .. })
}

/// Sets a metric of every trial and row of a transport to `value` of its point.
fn set(run: &mut Run, transport: Transport, metric: Metric, value: impl Fn(&Point) -> f64) {
    for trial in run.trials.iter_mut().filter(|trial| trial.transport == Some(transport)) {
        let noise = 1.0 + f64::from(trial.round) / 1e3;
        let value = value(&trial.point) * noise;
        *trial.metrics.get_mut(metric) = Value(Some(value));
        if metric.path().starts_with("latency_ns") {
            trial.latency_hdr = fake::all_taking(value);
        }
    }
    for row in run.summary.iter_mut().filter(|row| row.transport == Some(transport)) {
        *row.metrics.get_mut(metric) = Value(Some(value(&row.point)));
    }
}

fn sparse() -> Run {
    let mut run = fake::run("sparse", "?", None, vec![fake::point()], 3);
    set(&mut run, Transport::Polling, Metric::EmptyFraction, |_| 0.9);
    for (transport, bytes) in Transport::ALL.into_iter().zip([3_000.0, 600.0, 300.0, 280.0]) {
        set(&mut run, transport, Metric::WireTotal, |_| bytes);
    }
    run
}

#[test]
fn polling_wastes_if_it_is_empty_and_more_expensive_and_not_if_it_is_neither() {
    let mut run = sparse();
    assert_eq!(holding(&run, wastes), Holding::Holds);
    set(&mut run, Transport::Polling, Metric::WireTotal, |_| 200.0);
    assert_eq!(holding(&run, wastes), Holding::WithinLimits);
    set(&mut run, Transport::Polling, Metric::EmptyFraction, |_| 0.0);
    assert_eq!(holding(&run, wastes), Holding::DoesNotHold);
}

#[test]
fn long_polling_that_is_still_sooner_when_it_costs_more_is_a_claim_within_limits() {
    let mut run = fake::sweep_over_rate();
    set(&mut run, Transport::Polling, Metric::RequestsPerDelivery, |point| 1.0 / point.rate_per_s);
    set(&mut run, Transport::LongPolling, Metric::RequestsPerDelivery, |_| 1.0);
    set(&mut run, Transport::Polling, Metric::WireTotal, |_| 170.0);
    set(&mut run, Transport::LongPolling, Metric::WireTotal, |_| 550.0);
    set(&mut run, Transport::Polling, Metric::LatencyP50, |_| 5e8);
    set(&mut run, Transport::LongPolling, Metric::LatencyP50, |_| 1e6);
    assert_eq!(holding(&run, becomes_polling), Holding::WithinLimits);
    let Evidence::LongPollingBecomesPolling { latency, is_sooner, .. } = claims(&run)[0].evidence else {
        panic!("{:?}", claims(&run));
    };
    assert!(is_sooner && (latency.ratio * 500.0 - 1.0).abs() < 0.01, "{latency:?}");
    set(&mut run, Transport::LongPolling, Metric::LatencyP50, |_| 5e8);
    assert_eq!(holding(&run, becomes_polling), Holding::Holds);
    set(&mut run, Transport::LongPolling, Metric::RequestsPerDelivery, |point| 2.0 / point.rate_per_s);
    assert_eq!(holding(&run, becomes_polling), Holding::DoesNotHold, "it never was an improvement");
}

#[test]
fn sse_that_asks_again_does_not_push_without_requests() {
    let mut run = sparse();
    set(&mut run, Transport::Sse, Metric::RequestsPerDelivery, |_| 0.0);
    assert_eq!(holding(&run, pushes), Holding::Holds);
    set(&mut run, Transport::Sse, Metric::RequestsPerDelivery, |_| 0.01);
    assert_eq!(holding(&run, pushes), Holding::DoesNotHold);
}

fn growths(run: &Run) -> Vec<Growth> {
    let Evidence::WebSocketGainsWithLoad { costs, .. } = &claims(run)[0].evidence else { panic!("no such claim") };
    costs.iter().map(|one| one.growth).collect()
}

#[test]
fn an_advantage_that_does_not_grow_is_one_within_limits() {
    let points = [10, 1_000].map(|clients| Point { clients, ..fake::point() });
    let mut run = fake::run("crowd", "?", Some("clients"), points.to_vec(), 3);
    for metric in Cost::ALL.map(Cost::metric) {
        set(&mut run, Transport::WebSocket, metric, |_| 10.0);
        set(&mut run, Transport::Polling, metric, |point| 20.0 * f64::from(point.clients));
    }
    assert_eq!(holding(&run, gains), Holding::Holds);
    assert_eq!(growths(&run), [Growth::More; 3]);
    set(&mut run, Transport::Polling, Metric::WireTotal, |_| 20.0);
    assert_eq!(holding(&run, gains), Holding::WithinLimits);
    for metric in Cost::ALL.map(Cost::metric) {
        set(&mut run, Transport::Polling, metric, |point| 40.0 / f64::from(point.clients).log10());
    }
    assert_eq!(holding(&run, gains), Holding::WithinLimits);
    assert_eq!(growths(&run), [Growth::Less; 3]);
    for metric in Cost::ALL.map(Cost::metric) {
        set(&mut run, Transport::Polling, metric, |_| 5.0);
    }
    assert_eq!(holding(&run, gains), Holding::DoesNotHold);
}

#[test]
fn a_claim_that_noise_hides_is_inconclusive() {
    let all = |ratio, ci95: [f64; 2]| Difference { ratio, ci95, is_clear: ci95[0] > 1.0, p_value: 0.5 };
    assert_eq!(is_more(&all(1.5, [0.5, 4.0])), None);
    assert_eq!(is_more(&all(1.1, [0.95, 1.2])), Some(false));
    assert_eq!(Growth::of(&all(2.0, [1.0, 4.0]), &all(3.0, [1.5, 6.0])), Growth::Inconclusive);
    assert_eq!(Holding::of(&[None, Some(true)]), Holding::Inconclusive);
    assert_eq!(Holding::of(&[None, Some(true), Some(false)]), Holding::WithinLimits);
}

#[test]
fn effort_has_a_verdict_only_if_every_way_of_counting_gives_the_same() {
    let effort = |transport, own: u32, musts: u32| Effort {
        transport,
        shared_lines: 9,
        server_lines: own,
        client_lines: own,
        shared_server_lines: 100,
        shared_client_lines: 300,
        server_musts: musts,
        client_musts: musts,
    };
    let found = |own, musts| {
        let ratios = EffortRatios::of(effort(Transport::WebSocket, own, musts), effort(Transport::Polling, 100, 4));
        ratios.unwrap().holding()
    };
    assert_eq!(found(110, 4), Holding::Holds);
    assert_eq!(found(290, 8), Holding::WithinLimits, "2.9 of its own, 1.5 with what is shared");
    assert_eq!(found(400, 8), Holding::DependsOnCounting, "4.0 of its own, 1.8 with what is shared");
    assert_eq!(found(4_000, 40), Holding::DoesNotHold);
    let mut run = fake::run("crowd", "?", Some("clients"), vec![fake::point()], 3);
    run.environment.effort = vec![effort(Transport::WebSocket, 400, 8), effort(Transport::Polling, 100, 4)];
    let simple = |one: &Evidence| matches!(one, Evidence::WebSocketIsSimple { .. });
    assert_eq!(holding(&run, simple), Holding::DependsOnCounting);
    run.environment.effort.truncate(1);
    assert!(!claims(&run).iter().any(|claim| simple(&claim.evidence)), "nothing to compare it with");
}

#[test]
fn messages_that_did_not_come_back_count_against_both_directions() {
    let points = [MessageKind::Text, MessageKind::Binary].map(|kind| Point { echo: Some(kind), ..fake::point() });
    let mut run = fake::run("duplex", "?", None, points.to_vec(), 3);
    assert_eq!(holding(&run, |one| matches!(one, Evidence::WebSocketIsBidirectional { .. })), Holding::Holds);
    let row = run.summary.iter_mut().rfind(|row| row.transport == Some(Transport::WebSocket)).unwrap();
    row.audit.delivered -= 1;
    assert_eq!(holding(&run, |one| matches!(one, Evidence::WebSocketIsBidirectional { .. })), Holding::WithinLimits);
}

#[test]
fn a_run_whose_scenario_names_no_claim_judges_none() {
    assert_eq!(claims(&fake::quick()), []);
    let mut run = sparse();
    run.trials.retain(|trial| trial.transport != Some(Transport::LongPolling));
    assert!(claims(&run).iter().all(|claim| claim.evidence.number() != 1), "what it needs was not measured");
}
