//! Tests of changes along a sweep.

use super::*;
use crate::run::fake;
use crate::run::file::{Point, Run};
use crate::run::metric::{Metric, Value};
use crate::units::Nanos;

#[test]
fn where_polls_alone_are_swept_each_interval_is_compared_with_the_one_point_of_a_stream() {
    let points = [50, 1_000, 10_000].map(|ms| Point { poll_interval_ns: Nanos(ms * 1_000_000), ..fake::point() });
    let mut run = fake::run("interval", "?", Some("poll_interval_ns"), points.to_vec(), 3);
    let is_once = |transport: Option<Transport>, interval: Nanos| {
        transport == Some(Transport::Polling) || interval == points[0].poll_interval_ns
    };
    run.trials.retain(|trial| is_once(trial.transport, trial.point.poll_interval_ns));
    run.summary.retain(|row| is_once(row.transport, row.point.poll_interval_ns));
    let found = |sweep: &str, transport| {
        let mut run = run.clone();
        run.scenario.sweep = Some(sweep.to_owned());
        let view = View::new(&run);
        super::pair(&view, Setting::PollInterval, 2, Drawn::Metric(Metric::AgeMean), [Transport::Polling, transport])
    };
    let at_the_last = found("poll_interval_ns", Transport::WebSocket).unwrap();
    assert_eq!((at_the_last.at, at_the_last.pair), (1e10, [Transport::Polling, Transport::WebSocket]));
    assert_eq!(found("clients", Transport::WebSocket), None, "what the setting concerns is compared at its own point");
}

#[test]
fn the_crossing_of_polling_and_long_polling_is_found_between_its_two_points() {
    let run = fake::sweep_over_rate();
    let view = View::new(&run);
    let drawn = Drawn::Metric(Metric::RequestsPerDelivery);
    let Changes::Some(found) = changes(&view, Setting::Rate, &view.points(), drawn) else { panic!("nothing found") };
    let is_found = |change: &&Change| match change {
        Change::Crossing { pair, lower_before, near, between } => {
            *pair == POLLS && *lower_before == POLLS[1] && *between == [0.5, 1.0] && (0.5..1.0).contains(near)
        }
        Change::Merging { .. } => false,
    };
    assert_eq!(found.iter().filter(is_found).count(), 1, "{found:?}");
}

#[test]
fn a_crossing_lies_where_the_ratio_passes_one() {
    assert!((crossing(1.0, 100.0, 0.1, 10.0) - 10.0).abs() < 1e-9);
    assert!((crossing(0.0, 10.0, 0.5, 2.0) - 5.0).abs() < 1e-9);
}

const POLLS: [Transport; 2] = [Transport::Polling, Transport::LongPolling];

/// Polling compared with long polling: a ratio and its interval at each rate.
fn change(at: &[(f64, f64, [f64; 2])]) -> Option<Change> {
    let found = |(value, ratio, ci95): &(f64, f64, [f64; 2])| {
        let is_clear = ci95[0] > 1.0 || ci95[1] < 1.0;
        (*value, Difference { ratio: *ratio, ci95: *ci95, is_clear, p_value: 0.5 })
    };
    Pair { transports: POLLS, at: at.iter().map(found).collect() }.change()
}

#[test]
fn becoming_equal_is_a_change_and_keeping_the_order_is_none() {
    let merging = [(1.0, 3.0, [2.8, 3.2]), (10.0, 1.3, [1.25, 1.35]), (100.0, 1.02, [0.95, 1.1])];
    let expected = Change::Merging { pair: POLLS, lower_before: Transport::LongPolling, from: 100.0, within: 1.1 };
    assert_eq!(change(&merging), Some(expected));
    assert_eq!(change(&merging[..2]), None);
}

#[test]
fn clear_at_one_point_and_noisy_at_the_next_is_no_finding() {
    let clear = (1.0, 1.3, [1.2, 1.4]);
    assert_eq!(change(&[clear, (10.0, 1.2, [0.4, 3.0])]), None, "a wide interval hides any difference");
    assert_eq!(change(&[clear, (10.0, 1.1, [0.98, 1.24])]), None, "the same ratio as before is not excluded");
    let later = [clear, (10.0, 1.0, [0.95, 1.05]), (100.0, 1.5, [0.5, 4.0])];
    assert_eq!(change(&later), None, "what comes after is not known to be equal");
}

#[test]
fn one_round_shows_no_winner_and_no_change() {
    let points = [0, 800].map(|bytes| Point { request_header_bytes: bytes, ..fake::point() });
    let run = fake::run("headers", "?", Some("request_header_bytes"), points.to_vec(), 1);
    let view = View::new(&run);
    for metric in [Metric::LatencyP50, Metric::WireTotal] {
        let found = changes(&view, Setting::RequestHeader, &view.points(), Drawn::Metric(metric));
        assert_eq!(found, Changes::NotComparable);
    }
    let drawn = Drawn::Metric(Metric::WireTotal);
    let ends = lowest_at_ends(&view, Setting::RequestHeader, &view.points(), drawn).unwrap();
    assert!(ends.iter().all(|end| end.winner == Winner::Inconclusive(None) && end.leaders.len() == 4), "{ends:?}");
}

fn overhead(run: &mut Run, transport: Transport, payload: f64) {
    for trial in run.trials.iter_mut().filter(|trial| trial.transport == Some(transport)) {
        let bytes = &mut trial.metrics.wire_bytes_per_delivery;
        (bytes.total, bytes.payload) = (Value(Some(1000.0 + f64::from(trial.round) / 10.0)), Value(Some(payload)));
    }
}

#[test]
fn shares_are_compared_as_they_are_with_what_lies_between() {
    let mut run = fake::quick();
    overhead(&mut run, Transport::Polling, 42.0);
    overhead(&mut run, Transport::WebSocket, 120.0);
    let view = View::new(&run);
    let order = [Transport::Polling, Transport::WebSocket];
    let Relation::Shares { shares, apart } = pair(&view, Setting::Clients, 0, Drawn::Overhead, order).unwrap().relation
    else {
        panic!("no shares");
    };
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
    near(shares[0], 0.958);
    near(shares[1], 0.88);
    assert!(apart[0] <= 0.0781 && 0.0779 <= apart[1], "{apart:?}");
}
