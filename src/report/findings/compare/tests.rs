//! Tests of the comparison: false alarms, detected changes, caveats.
//!
//! Over 400 lines, because all tests share the same simulated runs.

use std::sync::LazyLock;

use super::*;
use crate::run::file::Verdict;
use crate::run::fixture;
use crate::run::histogram;
use crate::run::metric::{Percentiles, Value};
use crate::run::reason::Cause;
use crate::run::summary;
use crate::units::Nanos;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The trials of a run with noise of 3 % in each figure, and each times its factor.
fn noisy(seed: u64, factor: impl Fn(Transport, Metric) -> f64) -> Run {
    static QUIET: LazyLock<Run> = LazyLock::new(|| fixture::run(same));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut run = QUIET.clone();
    for trial in &mut run.trials {
        for &metric in Metric::ALL.iter().filter(|metric| metric.family() != Family::Generator) {
            let factor = trial.transport.map_or(1.0, |transport| factor(transport, metric));
            let value = trial.metrics.get_mut(metric);
            *value = Value(value.0.map(|value| value * factor * (0.03 * normal(&mut random)).exp()));
        }
    }
    run
}

fn same(_: Transport, _: Metric) -> f64 {
    1.0
}

/// Realistic latencies of trials: each trial has its own pace, and one in seven has a hiccup that delays some of its
/// deliveries many times as long.
static LATENCIES: LazyLock<Vec<(String, Percentiles<Value>)>> = LazyLock::new(|| {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut latencies = || {
        let mut all = histogram::empty();
        let pace = 5e5 * (0.05 * normal(&mut random)).exp();
        let held_up = if random.random_bool(0.15) { random.random_range(0.005..0.03) } else { 0.0 };
        for _ in 0..1_300 {
            let hiccup = if random.random_bool(held_up) { random.random_range(5.0..40.0) } else { 1.0 };
            let latency = pace * hiccup * (0.25 * normal(&mut random)).exp();
            histogram::record(&mut all, Nanos(latency as u64));
        }
        (histogram::encode(&all), histogram::percentiles(&all, Nanos::ZERO))
    };
    (0..100).map(|_| latencies()).collect()
});

/// A run of one point with realistic noise: trials differ, and runs differ by another 2 %.
fn simulated(seed: u64, rounds: u32, factor: impl Fn(Metric) -> f64) -> Run {
    static QUIET: LazyLock<Run> = LazyLock::new(|| fixture::run(same));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut run = QUIET.clone();
    let template: Vec<Trial> =
        run.trials.drain(..).filter(|trial| trial.point_index == 0 && trial.round == 1).collect();
    let metrics = || Metric::ALL.iter().filter(|metric| metric.family() != Family::Generator);
    let drifts: Vec<f64> = metrics().map(|_| 0.02 * normal(&mut random)).collect();
    for round in 1..=rounds {
        for trial in template.iter().filter(|trial| trial.transport.is_some()) {
            let mut trial = Trial { round, ..trial.clone() };
            for (&metric, drift) in metrics().zip(&drifts) {
                let (noise, drift) = match (metric, metric.family()) {
                    (Metric::WirePayload, _) => (0.0, 0.0),
                    (_, Family::Wire) => (0.003, 0.0),
                    (_, Family::Processor) => (0.03, *drift),
                    (_, Family::Memory) => (0.02, *drift),
                    (_, Family::Latency | Family::Connect | Family::Generator) => (0.06, *drift),
                };
                let value = trial.metrics.get_mut(metric);
                let factor = factor(metric) * (noise * normal(&mut random) + drift).exp();
                *value = Value(value.0.map(|value| value * factor));
            }
            let (histogram, percentiles) = LATENCIES[random.random_range(0..LATENCIES.len())].clone();
            (trial.metrics.latency_ns, trial.metrics.uncorrected_latency_ns) = (percentiles.clone(), percentiles);
            (trial.latency_hdr, trial.uncorrected_latency_hdr) = (histogram.clone(), histogram);
            run.trials.push(trial);
        }
    }
    (run.summary, run.tcp_baseline) = summary::summarise(&run.trials, run.scenario.seed);
    run
}

/// Nearly normal: twelve uniform numbers added up.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

fn is_called_different(delta: &Delta) -> bool {
    matches!(delta.outcome, Outcome::Worse | Outcome::Better | Outcome::Changed)
}

/// The share of `pairs` comparisons of identical runs in which any metric is called different.
fn share_of_false_alarms(pairs: u64, rounds: u32) -> f64 {
    let has_alarm = |seed: &u64| {
        let comparison = compare(&simulated(*seed, rounds, |_| 1.0), &simulated(10_000 + seed, rounds, |_| 1.0));
        assert_eq!(comparison.deltas.len(), 4 * Metric::ALL.len());
        comparison.deltas.iter().any(is_called_different)
    };
    (0..pairs).filter(has_alarm).count() as f64 / pairs as f64
}

/// For `pairs` comparisons with 20 % more server processor time: the share of transports for which it is found, and the
/// share of comparisons in which it is found for any transport.
fn shares_found(pairs: u64, rounds: u32) -> [f64; 2] {
    let slower = |metric| if metric == Metric::ServerCpu { 1.2 } else { 1.0 };
    let found = |seed| {
        let comparison = compare(&simulated(seed, rounds, |_| 1.0), &simulated(10_000 + seed, rounds, slower));
        comparison.of(Outcome::Worse).filter(|delta| delta.metric == Metric::ServerCpu).count()
    };
    let found: Vec<usize> = (0..pairs).map(found).collect();
    let any = found.iter().filter(|count| **count > 0).count();
    [found.iter().sum::<usize>() as f64 / (4 * pairs) as f64, any as f64 / pairs as f64]
}

#[test]
fn a_run_compared_with_its_repetition_is_within_noise() {
    let share = share_of_false_alarms(20, 3);
    assert!(share <= 0.15, "{share} of comparisons had a false alarm");
}

#[test]
fn a_fifth_more_processor_time_is_found_with_four_rounds() {
    let [each, any] = shares_found(10, 4);
    assert!(each >= 0.8 && any == 1.0, "found for {each} of the transports, in {any} of the comparisons");
}

#[test]
#[ignore = "some minutes in a debug build: cargo test --release false_alarms_are_few -- --ignored --nocapture"]
fn false_alarms_are_few_and_a_fifth_more_is_found_in_hundreds_of_comparisons() {
    const PAIRS: u64 = 200;
    let mut shares = Vec::new();
    for rounds in [3, 4, 6, 2] {
        let alarms = share_of_false_alarms(PAIRS, rounds);
        let [each, any] = shares_found(PAIRS, rounds);
        println!("{rounds} rounds: alarm in {alarms}; a fifth more found for {each} of transports, for any in {any}");
        shares.push((rounds, alarms, each));
    }
    for (rounds, alarms, each) in shares {
        // Two are too few for any promise; with many, the drift between runs shows, which no trial can tell.
        let alarms_max = if matches!(rounds, 3 | 4) { 0.1 } else { 0.2 };
        assert!(alarms <= alarms_max, "{alarms} of comparisons of {rounds} rounds had a false alarm");
        assert!(rounds < 4 || each >= 0.9, "found for {each} of the transports with {rounds} rounds");
    }
}

#[test]
fn a_tail_that_two_of_six_trials_made_is_not_called_different() {
    let (mut before, mut after) = (simulated(1, 6, |_| 1.0), simulated(2, 6, |_| 1.0));
    let tail = |held_up: u64| {
        let mut all = histogram::empty();
        let all_in = (0..1_000).map(|n| 500_000 + n * 100).chain((0..held_up).map(|n| 20_000_000 + n * 1_000));
        all_in.for_each(|latency| histogram::record(&mut all, Nanos(latency)));
        (histogram::encode(&all), histogram::percentiles(&all, Nanos::ZERO))
    };
    for (run, hiccups) in [(&mut before, 0), (&mut after, 2)] {
        for trial in &mut run.trials {
            let (histogram, percentiles) = tail(if trial.round <= hiccups { 30 } else { 0 });
            (trial.latency_hdr, trial.metrics.latency_ns) = (histogram, percentiles);
        }
    }
    let deltas = compare(&before, &after).deltas;
    let tail: Vec<&Delta> = deltas.iter().filter(|delta| delta.metric == Metric::LatencyMax).collect();
    assert!(tail.iter().all(|delta| delta.share().unwrap() > 10.0), "{tail:?}");
    assert!(tail.iter().all(|delta| !is_called_different(delta)), "{tail:?}");
}

#[test]
fn the_change_is_the_second_value_over_the_first_for_every_figure_and_the_values_are_the_rows() {
    let (before, after) = (simulated(1, 3, |_| 1.0), simulated(2, 4, |_| 1.3));
    let comparison = compare(&before, &after);
    let row =
        |run: &Run, delta: &Delta| run.summary.iter().find(|row| row.transport == delta.transport()).cloned().unwrap();
    for delta in &comparison.deltas {
        let [first, second] = [&before, &after].map(|run| row(run, delta).metrics.get(delta.metric).0.unwrap());
        assert_eq!((delta.before, delta.after), (Some(first), Some(second)), "{:?}", delta.metric);
        let share = delta.share().unwrap();
        assert!((share - (second / first - 1.0)).abs() < 1e-9, "{delta:?}");
        let found = delta.difference.unwrap();
        assert!((found.ratio - second / first).abs() < 1e-9, "{delta:?}");
        let [low, high] = delta.share_ci95().unwrap();
        assert!(low - 1e-9 <= share && share <= high + 1e-9, "{delta:?}");
        assert_eq!(found.is_clear, low > 0.0 || high < 0.0, "{delta:?}");
    }
    assert!(comparison.of(Outcome::Worse).count() > 0);
}

#[test]
fn an_interval_that_leaves_out_no_change_is_never_called_within_noise_without_a_reason() {
    let mut seen = 0;
    for seed in 0..8 {
        let comparison = compare(&simulated(seed, 3, |_| 1.0), &simulated(500 + seed, 3, |_| 1.0));
        for delta in &comparison.deltas {
            let is_clear = delta.difference.unwrap().is_clear;
            assert_eq!(is_clear, delta.outcome != Outcome::WithinNoise, "{delta:?}");
            seen += usize::from(delta.outcome == Outcome::Chance);
        }
        assert_eq!((comparison.judged(), comparison.by_chance()), (136, 7));
    }
    assert!(seen > 0, "not one of 900 figures left zero by chance");
}

#[test]
fn what_changed_is_counted_by_what_became_of_it() {
    let quiet = fixture::run(same);
    let different = |comparison: &Comparison| Outcome::DIFFERENT.map(|outcome| comparison.count(&[outcome]));
    assert_eq!(different(&compare(&quiet, &quiet)), [0, 0, 0]);
    let mixed = |transport, metric| match (transport, metric) {
        (Transport::Sse, Metric::ServerCpu | Metric::HostCpu) => 2.0,
        (Transport::Polling, Metric::ServerRss) => 0.5,
        _ => 1.0,
    };
    let comparison = compare(&quiet, &fixture::run(mixed));
    assert_eq!(different(&comparison), [4, 2, 0]);
    assert_eq!((comparison.transports().count(), comparison.count(&Outcome::NOISE)), (272, 266));
    let mut single = quiet.clone();
    single.trials.retain(|trial| trial.round == 1);
    let single = compare(&single, &quiet);
    assert_eq!((single.judged(), single.count(&Outcome::LACKING)), (0, 272));
    let mut other = quiet.clone();
    other.summary.clear();
    assert!(compare(&quiet, &other).is_empty());
}

#[test]
fn a_fifth_more_processor_time_is_found_and_nothing_else() {
    let slower = |_, metric: Metric| if metric.family() == Family::Processor { 1.2 } else { 1.0 };
    let mut found = 0;
    for seed in 0..5 {
        let comparison = compare(&noisy(seed, same), &noisy(1_000 + seed, slower));
        let worse: Vec<_> = comparison.of(Outcome::Worse).collect();
        found += worse.iter().filter(|delta| delta.metric == Metric::ServerCpu).count();
        assert!(worse.iter().all(|delta| delta.metric.family() == Family::Processor), "{worse:?}");
        assert_eq!(comparison.of(Outcome::Better).count(), 0);
    }
    assert!(found >= 30, "found in {found} of 40 rows");
    let back = compare(&noisy(1, slower), &noisy(2, same));
    assert!(back.of(Outcome::Better).count() > 4 && back.of(Outcome::Worse).count() == 0);
}

#[test]
fn growing_from_below_zero_is_worse_too() {
    let (mut before, mut after) = (fixture::run(same), fixture::run(same));
    for (run, bytes) in [(&mut before, -100.0), (&mut after, 4_000.0)] {
        run.trials
            .iter_mut()
            .for_each(|trial| trial.metrics.kernel_bytes_per_client = Value(Some(bytes + f64::from(trial.round))));
        run.summary.iter_mut().for_each(|row| row.metrics.kernel_bytes_per_client = Value(Some(bytes)));
    }
    assert_eq!(compare(&before, &after).of(Outcome::Worse).count(), 8);
    assert_eq!(compare(&after, &before).of(Outcome::Better).count(), 8);
}

#[test]
fn a_change_of_the_payload_is_neither_good_nor_bad() {
    let larger = |_, metric| if metric == Metric::WirePayload { 2.0 } else { 1.0 };
    let comparison = compare(&noisy(1, same), &noisy(2, larger));
    assert_eq!(comparison.of(Outcome::Changed).count(), 8);
}

#[test]
fn a_clear_difference_that_is_too_small_to_matter_is_not_called_one() {
    let slightly = |_, metric: Metric| if metric.family() == Family::Memory { 1.05 } else { 1.0 };
    let comparison = compare(&fixture::run(same), &fixture::run(slightly));
    let rss = comparison.deltas.iter().find(|delta| delta.metric == Metric::ServerRss).unwrap();
    assert!(rss.difference.unwrap().is_clear);
    assert_eq!(rss.outcome, Outcome::Small);
}

#[test]
fn what_cannot_be_compared_says_why() {
    let (mut before, mut after) = (fixture::run(same), fixture::run(same));
    after.trials.iter_mut().for_each(|trial| trial.metrics.kernel_bytes_per_client = Value(None));
    before.trials.iter_mut().for_each(|trial| trial.metrics.wire_bytes_per_delivery.retransmitted = Value(Some(0.0)));
    let outcome = |before: &Run, after: &Run, metric| {
        compare(before, after).deltas.into_iter().find(|delta| delta.metric == metric).unwrap().outcome
    };
    assert_eq!(outcome(&before, &after, Metric::Kernel), Outcome::NotComparable(NotCompared::NotMeasured));
    assert_eq!(outcome(&before, &after, Metric::WireRetransmitted), Outcome::NotComparable(NotCompared::WasZero));
    after.trials.retain(|trial| trial.round == 1);
    assert_eq!(outcome(&before, &after, Metric::ServerCpu), Outcome::NotComparable(NotCompared::OneRound));
    // Nothing at the median of either, though not in every trial: there is no ratio, and no difference.
    let mut rare = before.clone();
    rare.trials[0].metrics.wire_bytes_per_delivery.retransmitted = Value(Some(5.0));
    assert_eq!(outcome(&before, &rare, Metric::WireRetransmitted), Outcome::WithinNoise);
    assert_eq!(outcome(&rare, &before, Metric::WireRetransmitted), Outcome::WithinNoise);
}

#[test]
fn other_conditions_are_warned_of() {
    let before = fixture::run(same);
    assert_eq!(compare(&before, &before).caveats, []);
    let mut after = before.clone();
    after.environment.kernel = "Linux 7.0".to_owned();
    after.environment.notes.insert("governor".to_owned(), "powersave".to_owned());
    after.scenario.measure_ns = Nanos::SECOND;
    after.verdict = Verdict::Suspect;
    after.reasons = vec![Cause::HostBusy { fraction: 0.97 }.into()];
    after.summary.retain(|row| row.transport != Some(Transport::Sse));
    let text = |text: &str| Fact::Text(text.to_owned());
    let kernels = [text(&before.environment.kernel), text("Linux 7.0")];
    let rows = [0, 1].map(|point_index| RowId { transport: Some(Transport::Sse), point_index }).to_vec();
    let (name, values) = ("governor".to_owned(), [None, Some("powersave".to_owned())]);
    let reasons = after.reasons.clone();
    let caveats = compare(&before, &after).caveats;
    for expected in [
        Caveat::OnlyIn { run: Which::First, rows },
        Caveat::NotValid { run: Which::Second, verdict: Verdict::Suspect, reasons },
        Caveat::Condition { condition: Condition::Kernel, values: kernels },
        Caveat::Noted { name, values },
    ] {
        assert!(caveats.contains(&expected), "{expected:?} of {caveats:?}");
    }
    let of_the_run = caveats.iter().filter(|one| matches!(one, Caveat::RunSetting { .. })).count();
    assert_eq!((of_the_run, caveats.len()), (1, 5), "the measured interval: {caveats:?}");
}

#[test]
fn a_tcp_baseline_that_changed_is_the_machines_doing() {
    let before = fixture::run(same);
    let mut after = before.clone();
    for trial in after.trials.iter_mut().filter(|trial| trial.transport.is_none()) {
        let cpu = &mut trial.metrics.server_cpu_ns_per_delivery;
        *cpu = Value(cpu.0.map(|value| value * 1.5));
    }
    let caveats = compare(&before, &after).caveats;
    let [Caveat::MachineChanged { metric: Metric::ServerCpu, share }] = caveats.as_slice() else {
        panic!("{caveats:?}")
    };
    assert!((share - 0.5).abs() < 1e-9, "{share}");
}

#[test]
fn the_cutoff_is_that_of_benjamini_and_hochberg() {
    // Their example of 1995, section 3.2: fifteen p-values, of which four are discoveries.
    let mut p_values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590,
        1.0,
    ];
    assert_eq!(discovery_cutoff(&mut p_values), 0.0095);
    assert!(discovery_cutoff(&mut [0.5, 0.06]) < 0.0);
    assert!(discovery_cutoff(&mut []) < 0.0);
}

#[test]
fn points_that_are_near_one_another_are_compared_each_with_itself() {
    // Rates of 10 and 11, at which a delivery costs 100 and 900 µs: in the runs, and in what is compared.
    let run = || {
        let mut run = fixture::run(same);
        for trial in &mut run.trials {
            let (rate, cpu) = [(10.0, 100_000.0), (11.0, 900_000.0)][trial.point_index];
            let noise = 1.0 + f64::from(trial.round) / 1e4;
            (trial.point.clients, trial.point.rate_per_s) = (50, rate);
            trial.metrics.server_cpu_ns_per_delivery = Value(Some(cpu * noise));
        }
        (run.summary, run.tcp_baseline) = summary::summarise(&run.trials, run.scenario.seed);
        run
    };
    let (before, mut after) = (run(), run());
    after.summary.reverse();
    let comparison = compare(&before, &after);
    let deltas: Vec<&Delta> = comparison.deltas.iter().filter(|delta| delta.metric == Metric::ServerCpu).collect();
    assert_eq!((deltas.len(), &comparison.caveats), (10, &Vec::new()));
    for delta in deltas {
        let expected = [100_020.0, 900_180.0][delta.rows[0].point_index];
        assert_eq!((delta.before, delta.after), (Some(expected), Some(expected)), "{:?}", delta.rows);
        assert_eq!(delta.outcome, Outcome::WithinNoise, "{:?}", delta.rows);
    }
}

#[test]
fn a_machine_whose_runs_are_known_to_differ_by_more_calls_less_a_change() {
    let slower = |_, metric| if metric == Metric::ServerCpu { 1.3 } else { 1.0 };
    let (before, after) = (fixture::run(same), fixture::run(slower));
    let worse = |drift: Option<&Drift>| compare_calibrated(&before, &after, drift).of(Outcome::Worse).count();
    let mut drift = Drift::of(&[before.clone(), before.clone()]).unwrap();
    drift.shares.insert(Metric::ServerCpu, 0.4);
    assert!(worse(None) > 0);
    assert_eq!(worse(Some(&drift)), 0, "30 % is less than the 40 % that this machine drifts by");
    drift.machine.cores += 1;
    let of_another = compare_calibrated(&before, &after, Some(&drift));
    assert_eq!(of_another.calibration, Calibration::OfAnother(drift.machine.clone()));
    assert!(of_another.of(Outcome::Worse).count() > 0, "another machine's calibration says nothing of this one");
}

#[test]
fn two_boots_and_rates_near_one_another_differ_in_nothing() {
    let before = fixture::run(same);
    let mut after = before.clone();
    // A boot later, every clock counts from another zero.
    for trial in &mut after.trials {
        for instant in &mut trial.window_ns {
            *instant = Nanos(instant.0 + 987_654_321_000_000);
        }
        let readings = trial.readings.as_mut().unwrap();
        for edge in [&mut readings.begun, &mut readings.ended] {
            edge.at_ns = Nanos(edge.at_ns.0 + 987_654_321_000_000);
            edge.host_busy_ns = edge.host_busy_ns.map(|busy| Nanos(busy.0 / 7));
        }
    }
    let none = |comparison: &Comparison| comparison.deltas.iter().all(|delta| delta.outcome == Outcome::WithinNoise);
    assert!(none(&compare(&before, &after)));
    let rates = |run: &mut Run| {
        for (rate, index) in [(10.0, 0), (11.0, 1)] {
            let of_point = run.trials.iter_mut().filter(|trial| trial.point_index == index);
            of_point.for_each(|trial| (trial.point.rate_per_s, trial.point.clients) = (rate, 50));
        }
        (run.summary, run.tcp_baseline) = summary::summarise(&run.trials, 1);
    };
    rates(&mut after);
    let comparison = compare(&after, &after);
    assert!(none(&comparison) && comparison.deltas.len() == 10 * Metric::ALL.len());
    assert!(comparison.deltas.iter().all(|delta| delta.rows[0] == delta.rows[1] && delta.before == delta.after));
}
