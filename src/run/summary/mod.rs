//! From trials to rows: one row per transport and sweep point, with the medians over the rounds, intervals and a
//! verdict.
//!
//! Percentiles are never averaged: the latency of a row comes from the merged histograms of its trials. The figures of
//! an invalid trial stay in its row, because omitting them would be a choice that the reader cannot see. The row is
//! then invalid, and so is the run.

mod failovers;
mod stretches;
mod surroundings;
#[cfg(test)]
mod wire_tests;

use std::collections::BTreeMap;

pub use failovers::{Failover, failovers};
pub use stretches::{judge_stretches, updates_measured};
pub use surroundings::{Over, Surrounding, Took, Wait, surroundings};

use crate::run::Transport;
use crate::run::file::{Audit, Point, Row, Trial, Verdict};
use crate::run::metric::{Metric, Metrics, Source, Unit, Value};
use crate::run::reason::{Cause, Gathered, Reason, RowId};
use crate::run::{histogram, samples, withheld};
use crate::stats;
use crate::stats::Sample;

/// The rows of the transports, by point and then in the order of [`Transport::ALL`], and the rows of the TCP baseline, by
/// point.
///
/// The same trials and seed give the same rows.
pub fn summarise(trials: &[Trial], seed: u64) -> (Vec<Row>, Vec<Row>) {
    let rows = by_row(trials).into_iter().filter_map(|((point_index, transport), trials)| {
        let id = RowId { transport, point_index };
        row(id, &trials, seed)
    });
    rows.partition(|row| row.transport.is_some())
}

/// The trials of each row, by its point and its transport, in the order of the rows.
fn by_row(trials: &[Trial]) -> BTreeMap<(usize, Option<Transport>), Vec<&Trial>> {
    let mut groups: BTreeMap<_, Vec<&Trial>> = BTreeMap::new();
    for trial in trials {
        groups.entry((trial.point_index, trial.transport)).or_default().push(trial);
    }
    groups
}

/// The row of one transport at one point; `None` without trials.
fn row(id: RowId, trials: &[&Trial], seed: u64) -> Option<Row> {
    let mut samples = samples::of(trials, Source::Trials, seed);
    let mut gathered = Gathered::default();
    for trial in trials {
        trial.reasons.iter().for_each(|reason| gathered.add_round(&reason.cause, trial.round));
    }
    let mut verdict = trials.iter().map(|trial| trial.verdict).max()?;
    let mut hidden = withheld::memory(trials.first()?.point.clients);
    let mut merged = |pick: fn(&Trial) -> &str, is_corrected: bool| {
        let (histograms, unreadable) = samples::histograms(trials, pick);
        for (round, error) in unreadable {
            let cause = Cause::HistogramUnreadable { detail: error.to_string() };
            verdict = verdict.max(cause.verdict());
            gathered.add_round(&cause, round);
        }
        let (aligned, _) = histogram::aligned(histograms.clone());
        hidden.extend(withheld::percentiles(&histogram::merge(&aligned), &aligned, is_corrected));
        samples::latency(histograms, seed)
    };
    samples.latency_ns = merged(|trial| &trial.latency_hdr, true);
    samples.uncorrected_latency_ns = merged(|trial| &trial.uncorrected_latency_hdr, false);
    let (mut metrics, mut ci95) = (Metrics::default(), Metrics::default());
    for &metric in Metric::ALL {
        let sample = samples.get(metric).as_ref();
        *metrics.get_mut(metric) = Value(sample.map(|sample| sample.value));
        *ci95.get_mut(metric) = sample.and_then(Sample::interval).map(|interval| clip(metric, interval));
    }
    let clocks = trials.iter().map(|trial| trial.health.clock_uncertainty_ns).max()?;
    hidden.extend(withheld::uncertain(&metrics, clocks));
    let RowId { transport, point_index } = id;
    let (point, audit, reasons) = (point(trials)?, audit(trials), gathered.finish(Some(trials.len())));
    Some(Row { transport, point_index, point, audit, metrics, ci95, withheld: hidden, verdict, reasons })
}

/// Limits the interval of a share to 1.
fn clip(metric: Metric, [low, high]: [f64; 2]) -> [f64; 2] {
    match metric.unit() {
        Unit::Fraction => [low.min(1.0), high.min(1.0)],
        Unit::Nanos | Unit::Bytes | Unit::Count => [low, high],
    }
}

/// The settings, which all trials share, with the median of the measured rate and payload, which they do not.
fn point(trials: &[&Trial]) -> Option<Point> {
    let middle =
        |pick: fn(&Point) -> f64| stats::median(&trials.iter().map(|trial| pick(&trial.point)).collect::<Vec<_>>());
    let rate_per_s = middle(|point| point.rate_per_s)?;
    let payload_bytes = middle(|point| point.payload_bytes)?;
    Some(Point { rate_per_s, payload_bytes, ..trials.first()?.point.clone() })
}

fn audit(trials: &[&Trial]) -> Audit {
    trials.iter().fold(Audit::default(), |sum, trial| Audit {
        expected: sum.expected + trial.audit.expected,
        delivered: sum.delivered + trial.audit.delivered,
        lost: sum.lost + trial.audit.lost,
        lost_announced: sum.lost_announced + trial.audit.lost_announced,
        duplicate: sum.duplicate + trial.audit.duplicate,
        reordered: sum.reordered + trial.audit.reordered,
    })
}

/// The verdict on the run: the worst of its rows, and every kind of reason once, with the rows that it applies to.
///
/// An invalid TCP baseline makes the run suspect, not invalid, because it is only there for comparison. A run without a
/// row is invalid.
pub fn verdict(rows: &[Row], tcp_baseline: &[Row]) -> (Verdict, Vec<Reason>) {
    if rows.is_empty() {
        return (Verdict::Invalid, vec![Cause::NoTrials.into()]);
    }
    let worst_tcp_baseline = tcp_baseline.iter().map(|row| row.verdict.min(Verdict::Suspect)).max();
    let worst = rows.iter().map(|row| row.verdict).chain(worst_tcp_baseline).max().unwrap_or(Verdict::Invalid);
    let mut gathered = Gathered::default();
    for row in rows.iter().chain(tcp_baseline) {
        row.reasons.iter().for_each(|reason| gathered.add_row(reason, row.id()));
    }
    (worst, gathered.finish(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;
    use crate::run::metric::Percentiles;
    use crate::units::Nanos;

    fn trial(transport: Transport, round: u32, latency_ns: u64) -> Trial {
        fixture::trial(Some(transport), round, 0, latency_ns)
    }

    #[test]
    fn rows_are_ordered_by_point_and_transport_and_the_tcp_baseline_is_separate() {
        let mut trials = Vec::new();
        for point_index in [1, 0] {
            for transport in [None, Some(Transport::WebSocket), Some(Transport::Polling)] {
                trials.push(Trial { point_index, ..fixture::trial(transport, 1, point_index, 1_000) });
            }
        }
        let (rows, tcp_baseline) = summarise(&trials, 1);
        let order: Vec<_> = rows.iter().map(|row| (row.point.clients, row.transport)).collect();
        let [first, second] = [0, 1].map(|index| fixture::point(index).clients);
        let expected = [
            (first, Transport::Polling),
            (first, Transport::WebSocket),
            (second, Transport::Polling),
            (second, Transport::WebSocket),
        ];
        assert_eq!(order, expected.map(|(clients, transport)| (clients, Some(transport))));
        assert_eq!(tcp_baseline.len(), 2);
        let places = |rows: &[Row]| rows.iter().map(|row| row.point_index).collect::<Vec<_>>();
        assert_eq!((places(&rows), places(&tcp_baseline)), (vec![0, 0, 1, 1], vec![0, 1]));
    }

    #[test]
    fn a_figure_is_the_median_of_its_rounds_and_latency_that_of_the_merged_histograms() {
        let mut trials: Vec<Trial> =
            (1..=3).map(|round| trial(Transport::Sse, round, u64::from(round) * 1_000)).collect();
        for (trial, bytes) in trials.iter_mut().zip([300.0, 100.0, 200.0]) {
            trial.metrics.wire_bytes_per_delivery.total = Value(Some(bytes));
        }
        let (rows, _) = summarise(&trials, 1);
        let row = &rows[0];
        assert_eq!(row.metrics.wire_bytes_per_delivery.total, Value(Some(200.0)));
        let merged = histogram::merge(
            &trials.iter().map(|trial| histogram::decode(&trial.latency_hdr).unwrap()).collect::<Vec<_>>(),
        );
        assert_eq!(row.metrics.latency_ns, histogram::percentiles(&merged, Nanos::ZERO));
        assert_eq!(row.audit.expected, 3 * trials[0].audit.expected);
        for metric in [Metric::LatencyP50, Metric::LatencyMean, Metric::WireTotal] {
            let [low, high] = row.ci95.get(metric).unwrap();
            let value = row.metrics.get(metric).0.unwrap();
            assert!(low < value && value < high, "{metric:?}: {low} {value} {high}");
        }
    }

    #[test]
    fn one_round_has_no_intervals_and_what_no_trial_measured_is_null() {
        let mut only = trial(Transport::Sse, 1, 1_000);
        only.metrics.server_cpu_ns_per_delivery = Value(None);
        only.uncorrected_latency_hdr = String::new();
        let (rows, _) = summarise(&[only], 1);
        assert!(Metric::ALL.iter().all(|metric| rows[0].ci95.get(*metric).is_none()));
        assert_eq!(rows[0].metrics.server_cpu_ns_per_delivery, Value(None));
        assert_eq!(rows[0].metrics.uncorrected_latency_ns, Percentiles::default());
    }

    #[test]
    fn a_reason_is_given_once_with_its_rounds_unless_it_applies_to_all() {
        let mut trials: Vec<Trial> = (1..=3).map(|round| trial(Transport::Sse, round, 1_000)).collect();
        let lost = || Reason::from(Cause::Lost { count: 7, of: 850 });
        trials.iter_mut().for_each(|trial| trial.reasons.push(Cause::HostBusy { fraction: 0.96 }.into()));
        trials[1].reasons.push(lost());
        trials[1].verdict = Verdict::Invalid;
        let (rows, _) = summarise(&trials, 1);
        assert_eq!(rows[0].verdict, Verdict::Invalid);
        let busy = Reason::from(Cause::HostBusy { fraction: 0.96 });
        assert_eq!(rows[0].reasons, [Reason { rounds: vec![2], ..lost() }, busy]);
        trials[2].reasons.push(lost());
        let both = Reason { rounds: vec![2, 3], ..Cause::Lost { count: 14, of: 1_700 }.into() };
        assert_eq!(summarise(&trials, 1).0[0].reasons[0], both);
    }

    #[test]
    fn a_row_whose_histogram_cannot_be_read_is_invalid_and_says_so() {
        let mut damaged = trial(Transport::Sse, 2, 1_000);
        damaged.latency_hdr.insert(0, '!');
        let (rows, _) = summarise(&[trial(Transport::Sse, 1, 1_000), damaged], 1);
        assert_eq!(rows[0].verdict, Verdict::Invalid);
        let [Reason { cause: Cause::HistogramUnreadable { .. }, rounds, .. }] = rows[0].reasons.as_slice() else {
            panic!("{:?}", rows[0].reasons);
        };
        assert_eq!(*rounds, [2]);
    }

    #[test]
    fn a_run_is_as_good_as_its_worst_row_and_names_it() {
        let lost = || Reason::from(Cause::Lost { count: 3, of: 850 });
        let mut bad = fixture::trial(Some(Transport::Polling), 1, 1, 1_000);
        bad.verdict = Verdict::Invalid;
        bad.reasons = vec![lost()];
        let good = trial(Transport::Sse, 1, 1_000);
        let (rows, _) = summarise(&[good.clone(), bad.clone()], 1);
        let (worst, reasons) = verdict(&rows, &[]);
        assert_eq!(worst, Verdict::Invalid);
        let of_row = |transport, point_index| vec![RowId { transport, point_index }];
        assert_eq!(reasons, [Reason { rows: of_row(Some(Transport::Polling), 1), ..lost() }]);
        assert_eq!(verdict(&summarise(std::slice::from_ref(&good), 1).0, &[]), (Verdict::Valid, vec![]));
        assert_eq!(verdict(&[], &[]), (Verdict::Invalid, vec![Cause::NoTrials.into()]));
        let (rows, tcp_baseline) =
            summarise(&[good, Trial { transport: None, point_index: 0, point: fixture::point(0), ..bad }], 1);
        let expected = (Verdict::Suspect, vec![Reason { rows: of_row(None, 0), ..lost() }]);
        assert_eq!(verdict(&rows, &tcp_baseline), expected);
    }

    #[test]
    fn a_run_gives_a_reason_once_for_all_its_transports() {
        let trials: Vec<Trial> = Transport::ALL
            .into_iter()
            .flat_map(|transport| [1, 2].map(|round| (transport, round)))
            .map(|(transport, round)| {
                let mut trial = trial(transport, round, 1_000);
                if transport != Transport::Sse && (round == 2 || transport == Transport::Polling) {
                    // A different figure each time.
                    let fraction = 0.95 + f64::from(round) / 100.0 + transport.index() as f64 / 1_000.0;
                    trial.reasons.push(Cause::HostBusy { fraction }.into());
                    trial.verdict = Verdict::Suspect;
                }
                trial
            })
            .collect();
        let (worst, reasons) = verdict(&summarise(&trials, 1).0, &[]);
        assert_eq!((worst, reasons.len()), (Verdict::Suspect, 1), "{reasons:?}");
        let transports: Vec<_> = reasons[0].rows.iter().filter_map(|row| row.transport).collect();
        assert_eq!(transports, [Transport::Polling, Transport::LongPolling, Transport::WebSocket]);
        assert_eq!(reasons[0].cause, Cause::HostBusy { fraction: 0.97 + 0.003 });
        assert!(reasons[0].rounds.is_empty(), "polling's was in every round");
    }
}
