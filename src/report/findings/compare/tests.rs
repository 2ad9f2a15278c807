//! Of the comparison: false alarms, what is found, what is said.

use std::sync::LazyLock;

use super::*;
use crate::run::file::Verdict;
use crate::run::fixture;
use crate::run::histogram;
use crate::run::metric::{Percentiles, Value};
use crate::units::Nanos;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The trials of a run with noise of 3 % in each figure, and each times its factor.
fn noisy(seed: u64, factor: impl Fn(Transport, Metric) -> f64) -> Run {
    static QUIET: LazyLock<Run> = LazyLock::new(|| fixture::run(same));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut run = QUIET.clone();
    for trial in &mut run.trials {
        for &metric in Metric::ALL {
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

/// Latencies of trials as they come: each trial has a pace of its own, and one in seven a hiccup that holds up some of
/// its deliveries for many times as long.
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
        (histogram::encode(&all), histogram::percentiles(&all))
    };
    (0..100).map(|_| latencies()).collect()
});

/// A run of one point as the machine makes it: trials differ, and runs differ by 2 % more.
fn simulated(seed: u64, rounds: u32, factor: impl Fn(Metric) -> f64) -> Run {
    static QUIET: LazyLock<Run> = LazyLock::new(|| fixture::run(same));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut run = QUIET.clone();
    let template: Vec<Trial> =
        run.trials.drain(..).filter(|trial| trial.point_index == 0 && trial.round == 1).collect();
    let drifts: Vec<f64> = Metric::ALL.iter().map(|_| 0.02 * normal(&mut random)).collect();
    for round in 1..=rounds {
        for trial in template.iter().filter(|trial| trial.transport.is_some()) {
            let mut trial = Trial { round, ..trial.clone() };
            for (&metric, drift) in Metric::ALL.iter().zip(&drifts) {
                let (noise, drift) = match (metric, metric.family()) {
                    (Metric::WirePayload, _) => (0.0, 0.0),
                    (_, Family::Wire) => (0.003, 0.0),
                    (_, Family::Processor) => (0.03, *drift),
                    (_, Family::Memory) => (0.02, *drift),
                    (_, Family::Latency | Family::Connect) => (0.06, *drift),
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

fn is_called_different(line: &Line) -> bool {
    matches!(line.outcome, Outcome::Worse | Outcome::Better | Outcome::Changed)
}

/// Of `pairs` comparisons of the same thing, the share in which any figure is called different.
fn share_of_false_alarms(pairs: u64, rounds: u32) -> f64 {
    let has_alarm = |seed: &u64| {
        let comparison = compare(&simulated(*seed, rounds, |_| 1.0), &simulated(10_000 + seed, rounds, |_| 1.0));
        assert_eq!(comparison.lines.len(), 4 * Metric::ALL.len());
        comparison.lines.iter().any(is_called_different)
    };
    (0..pairs).filter(has_alarm).count() as f64 / pairs as f64
}

/// Of `pairs` comparisons with 20 % more processor time of the server, the share of transports for which it is found,
/// and the share of comparisons in which it is found for any.
fn shares_found(pairs: u64, rounds: u32) -> [f64; 2] {
    let slower = |metric| if metric == Metric::ServerCpu { 1.2 } else { 1.0 };
    let found = |seed| {
        let comparison = compare(&simulated(seed, rounds, |_| 1.0), &simulated(10_000 + seed, rounds, slower));
        comparison.of(Outcome::Worse).filter(|line| line.metric == Metric::ServerCpu).count()
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
        (histogram::encode(&all), histogram::percentiles(&all))
    };
    for (run, hiccups) in [(&mut before, 0), (&mut after, 2)] {
        for trial in &mut run.trials {
            let (histogram, percentiles) = tail(if trial.round <= hiccups { 30 } else { 0 });
            (trial.latency_hdr, trial.metrics.latency_ns) = (histogram, percentiles);
        }
    }
    let lines = compare(&before, &after).lines;
    let tail: Vec<&Line> = lines.iter().filter(|line| line.metric == Metric::LatencyMax).collect();
    assert!(tail.iter().all(|line| line.share().unwrap() > 10.0), "{tail:?}");
    assert!(tail.iter().all(|line| !is_called_different(line)), "{tail:?}");
}

#[test]
fn the_change_is_the_second_value_over_the_first_for_every_figure_and_the_values_are_the_rows() {
    let (before, after) = (simulated(1, 3, |_| 1.0), simulated(2, 4, |_| 1.3));
    let comparison = compare(&before, &after);
    let row = |run: &Run, line: &Line| run.summary.iter().find(|row| row.transport == line.transport).cloned().unwrap();
    for line in &comparison.lines {
        let [first, second] = [&before, &after].map(|run| row(run, line).metrics.get(line.metric).0.unwrap());
        assert_eq!((line.before, line.after), (Some(first), Some(second)), "{:?}", line.metric);
        let share = line.share().unwrap();
        assert!((share - (second / first - 1.0)).abs() < 1e-9, "{line:?}");
        let found = line.difference.unwrap();
        assert!((found.ratio - second / first).abs() < 1e-9, "{line:?}");
        let [low, high] = line.share_ci95().unwrap();
        assert!(low - 1e-9 <= share && share <= high + 1e-9, "{line:?}");
        assert_eq!(found.is_clear, low > 0.0 || high < 0.0, "{line:?}");
        let [_, _, _, _, printed, ..] = line.cells();
        let is_less = printed.starts_with('−');
        assert_eq!(is_less, share < -0.0005, "{printed} for {first} and {second}");
    }
    assert!(comparison.of(Outcome::Worse).count() > 0);
}

#[test]
fn an_interval_that_leaves_out_no_change_is_never_called_within_noise_without_a_reason() {
    let mut seen = 0;
    for seed in 0..8 {
        let comparison = compare(&simulated(seed, 3, |_| 1.0), &simulated(500 + seed, 3, |_| 1.0));
        for line in &comparison.lines {
            let is_clear = line.difference.unwrap().is_clear;
            assert_eq!(is_clear, line.outcome != Outcome::WithinNoise, "{line:?}");
            seen += usize::from(line.outcome == Outcome::Chance);
        }
        let says = comparison.table().contains("with 112 figures looked at, about 6 would do so by chance");
        assert_eq!(says, comparison.of(Outcome::Chance).count() > 0);
    }
    assert!(seen > 0, "not one of 900 figures left zero by chance");
}

#[test]
fn the_headline_names_what_is_there_and_says_nothing_of_nothing() {
    let quiet = fixture::run(same);
    assert_eq!(compare(&quiet, &quiet).headline(), "Nothing changed beyond noise.");
    let mixed = |transport, metric| match (transport, metric) {
        (Transport::Sse, Metric::ServerCpu | Metric::HostCpu) => 2.0,
        (Transport::Polling, Metric::ServerRss) => 0.5,
        _ => 1.0,
    };
    let comparison = compare(&quiet, &fixture::run(mixed));
    assert_eq!(comparison.headline(), "4 figures got worse and 2 got better.");
    assert_eq!(comparison.rest(), "Of 224 figures: 218 within noise.");
    let mut single = quiet.clone();
    single.trials.retain(|trial| trial.round == 1);
    assert!(compare(&single, &quiet).headline().starts_with("Nothing can be judged: a single round"));
    let mut other = quiet.clone();
    other.summary.clear();
    let empty = compare(&quiet, &other);
    assert!(empty.is_empty() && empty.headline().starts_with("Nothing can be compared"), "{}", empty.headline());
}

#[test]
fn a_change_has_a_sign_and_no_digits_that_nobody_reads() {
    assert_eq!([0.203, -0.5, -0.0001, 38.778].map(change), ["+20.3 %", "−50.0 %", "+0.0 %", "+3,878 %"]);
}

#[test]
fn a_side_is_told_to_the_second_with_the_command_as_it_was_given() {
    let mut run = fixture::run(same);
    run.started_at = "2026-11-22T23:58:21.11726856Z".to_owned();
    run.environment.command = ["loadgen", "run", "quick", "--fail-if", "*.lost > 0"].map(str::to_owned).to_vec();
    let side = &compare(&run, &run).runs[0];
    assert_eq!(side.started_at, "2026-11-22 23:58:21 UTC");
    assert_eq!(side.command, "loadgen run quick --fail-if '*.lost > 0'");
}

#[test]
fn a_fifth_more_processor_time_is_found_and_nothing_else() {
    let slower = |_, metric: Metric| if metric.family() == Family::Processor { 1.2 } else { 1.0 };
    let mut found = 0;
    for seed in 0..5 {
        let comparison = compare(&noisy(seed, same), &noisy(1_000 + seed, slower));
        let worse: Vec<_> = comparison.of(Outcome::Worse).collect();
        found += worse.iter().filter(|line| line.metric == Metric::ServerCpu).count();
        assert!(worse.iter().all(|line| line.metric.family() == Family::Processor), "{worse:?}");
        assert_eq!(comparison.of(Outcome::Better).count(), 0);
    }
    assert!(found >= 32, "found in {found} of 40 rows");
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
    let rss = comparison.lines.iter().find(|line| line.metric == Metric::ServerRss).unwrap();
    assert!(rss.difference.unwrap().is_clear);
    assert_eq!(rss.outcome, Outcome::Small);
    assert!(comparison.table().contains("\nwithin noise ²: its own interval leaves out no change"));
}

#[test]
fn what_cannot_be_compared_says_why() {
    let (mut before, mut after) = (fixture::run(same), fixture::run(same));
    after.trials.iter_mut().for_each(|trial| trial.metrics.kernel_bytes_per_client = Value(None));
    before.trials.iter_mut().for_each(|trial| trial.metrics.wire_bytes_per_delivery.retransmitted = Value(Some(0.0)));
    let outcome = |before: &Run, after: &Run, metric| {
        compare(before, after).lines.into_iter().find(|line| line.metric == metric).unwrap().outcome
    };
    assert_eq!(outcome(&before, &after, Metric::Kernel), Outcome::NotComparable(Lack::NotMeasured));
    assert_eq!(outcome(&before, &after, Metric::WireRetransmitted), Outcome::NotComparable(Lack::WasZero));
    after.trials.retain(|trial| trial.round == 1);
    assert_eq!(outcome(&before, &after, Metric::ServerCpu), Outcome::NotComparable(Lack::OneRound));
    // Nothing at the median of either, though not in every trial: there is no ratio, and no difference.
    let mut rare = before.clone();
    rare.trials[0].metrics.wire_bytes_per_delivery.retransmitted = Value(Some(5.0));
    assert_eq!(outcome(&before, &rare, Metric::WireRetransmitted), Outcome::WithinNoise);
    assert_eq!(outcome(&rare, &before, Metric::WireRetransmitted), Outcome::WithinNoise);
}

#[test]
fn other_conditions_are_warned_of() {
    let before = fixture::run(same);
    assert_eq!(compare(&before, &before).warnings, Vec::<String>::new());
    let mut after = before.clone();
    after.environment.kernel = "Linux 7.0".to_owned();
    after.environment.notes.insert("governor".to_owned(), "powersave".to_owned());
    after.scenario.measure_ns = Nanos::SECOND;
    after.verdict = Verdict::Suspect;
    after.reasons = vec!["the host was busy".to_owned()];
    after.summary.retain(|row| row.transport != Some(Transport::Sse));
    let warnings = compare(&before, &after).warnings;
    for expected in [
        "second run is suspect: the host was busy",
        "kernel: Linux 6.12",
        "governor: not noted in the first run",
        "measured interval: ",
        "SSE at 50 clients and SSE at 1,000 clients are only in the first run",
    ] {
        assert!(warnings.iter().any(|warning| warning.contains(expected)), "{expected}: {warnings:?}");
    }
}

#[test]
fn a_tcp_baseline_that_changed_is_the_machines_doing() {
    let before = fixture::run(same);
    let mut after = before.clone();
    for trial in after.trials.iter_mut().filter(|trial| trial.transport.is_none()) {
        let cpu = &mut trial.metrics.server_cpu_ns_per_delivery;
        *cpu = Value(cpu.0.map(|value| value * 1.5));
    }
    let warnings = compare(&before, &after).warnings;
    assert!(warnings[0].contains("the TCP baseline's server CPU per delivery is +50.0 %"), "{warnings:?}");
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
fn the_table_puts_what_got_worse_first_and_ends_with_the_sentence() {
    let slower = |transport, metric| match (transport, metric) {
        (Transport::Sse, Metric::ServerCpu) => 2.0,
        _ => 1.0,
    };
    let comparison = compare(&fixture::run(same), &fixture::run(slower));
    let table = comparison.table();
    let rows: Vec<&str> = table.lines().skip_while(|line| !line.contains("95 % interval")).collect();
    assert!(
        rows[1].starts_with("SSE at 50 clients") && rows[1].contains("+100.0 %") && rows[1].ends_with("worse"),
        "{table}"
    );
    assert!(table.ends_with(&format!("\n{}\n{}\n", comparison.headline(), comparison.rest())));
    assert_eq!(comparison.headline(), "2 figures got worse.");
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
    let lines: Vec<&Line> = comparison.lines.iter().filter(|line| line.metric == Metric::ServerCpu).collect();
    assert_eq!((lines.len(), &comparison.warnings), (10, &Vec::new()));
    for line in lines {
        let expected = if line.name.contains("10 updates") { 100_020.0 } else { 900_180.0 };
        assert_eq!((line.before, line.after), (Some(expected), Some(expected)), "{}", line.name);
        assert_eq!(line.outcome, Outcome::WithinNoise, "{}", line.name);
    }
}
