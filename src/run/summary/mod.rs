//! From trials to rows: one row per transport and sweep point, with the median of its rounds, its intervals and its
//! verdict.
//!
//! Percentiles are never averaged: the latency of a row is that of its trials' histograms merged. The figures of an
//! invalid trial stay in its row, since leaving them out would make a choice that the reader cannot see; the row is
//! then invalid, and with it the run.

mod stretches;
#[cfg(test)]
mod wire_tests;

use std::collections::BTreeMap;

pub use stretches::{judge_stretches, updates_measured};

use crate::run::Transport;
use crate::run::file::{Audit, Point, Row, Trial, Verdict};
use crate::run::metric::{Metric, Metrics, Source, Unit, Value};
use crate::run::samples;
use crate::run::setting::Setting;
use crate::stats;
use crate::stats::Sample;

/// The rows of the transports, by point and then in the order of [`Transport::ALL`], and the rows of the TCP baseline, by
/// point.
///
/// The same trials and seed give the same rows.
pub fn summarise(trials: &[Trial], seed: u64) -> (Vec<Row>, Vec<Row>) {
    let rows = by_row(trials).into_iter().filter_map(|(key, trials)| row(key, &trials, seed));
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

/// One transport at one point; `None` of no trials.
fn row((point_index, transport): (usize, Option<Transport>), trials: &[&Trial], seed: u64) -> Option<Row> {
    let mut samples = samples::of(trials, Source::Trials, seed);
    let mut reasons = reasons(trials);
    let mut verdict = trials.iter().map(|trial| trial.verdict).max()?;
    let mut merged = |pick: fn(&Trial) -> &str| {
        let (histograms, unreadable) = samples::histograms(trials, pick);
        if !unreadable.is_empty() {
            verdict = Verdict::Invalid;
            reasons.extend(unreadable);
        }
        samples::latency(&histograms, seed)
    };
    samples.latency_ns = merged(|trial| &trial.latency_hdr);
    samples.uncorrected_latency_ns = merged(|trial| &trial.uncorrected_latency_hdr);
    let (mut metrics, mut ci95) = (Metrics::default(), Metrics::default());
    for &metric in Metric::ALL {
        let sample = samples.get(metric).as_ref();
        *metrics.get_mut(metric) = Value(sample.map(|sample| sample.value));
        *ci95.get_mut(metric) = sample.and_then(Sample::interval).map(|interval| clip(metric, interval));
    }
    Some(Row { transport, point_index, point: point(trials)?, audit: audit(trials), metrics, ci95, verdict, reasons })
}

/// A share has no interval beyond 1.
fn clip(metric: Metric, [low, high]: [f64; 2]) -> [f64; 2] {
    match metric.unit() {
        Unit::Fraction => [low.min(1.0), high.min(1.0)],
        Unit::Nanos | Unit::Bytes | Unit::Count => [low, high],
    }
}

/// The settings, which all trials share; what the feed was measured at, which they do not, as the median.
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

/// Each reason once, in the order in which they came up, with its rounds before it unless it holds for all of them.
fn reasons(trials: &[&Trial]) -> Vec<String> {
    let mut found: Vec<(&str, Vec<u32>)> = Vec::new();
    for trial in trials {
        for reason in &trial.reasons {
            match found.iter_mut().find(|(known, _)| known == reason) {
                Some((_, rounds)) if rounds.contains(&trial.round) => {}
                Some((_, rounds)) => rounds.push(trial.round),
                None => found.push((reason, vec![trial.round])),
            }
        }
    }
    let prefixed = |(reason, rounds): (&str, Vec<u32>)| {
        let numbers = || rounds.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        match rounds.len() {
            all if all == trials.len() => reason.to_owned(),
            1 => format!("round {}: {reason}", numbers()),
            _ => format!("rounds {}: {reason}", numbers()),
        }
    };
    found.into_iter().map(prefixed).collect()
}

/// The run as a whole: the worst of its rows, and every reason once, with the rows that it holds for.
///
/// The TCP baseline is there to be compared with; where it is invalid the run is suspect, not invalid. A run without a row is
/// invalid.
pub fn verdict(rows: &[Row], tcp_baseline: &[Row]) -> (Verdict, Vec<String>) {
    if rows.is_empty() {
        return (Verdict::Invalid, vec!["no trial of any transport was finished".to_owned()]);
    }
    let worst_tcp_baseline = tcp_baseline.iter().map(|row| row.verdict.min(Verdict::Suspect)).max();
    let worst = rows.iter().map(|row| row.verdict).chain(worst_tcp_baseline).max().unwrap_or(Verdict::Invalid);
    let everything: Vec<&Row> = rows.iter().chain(tcp_baseline).collect();
    let points: Vec<&Point> = everything.iter().map(|row| &row.point).collect();
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for row in everything.iter().filter(|row| row.verdict > Verdict::Valid) {
        let unsaid = [row.verdict.label().to_owned()];
        for reason in if row.reasons.is_empty() { &unsaid[..] } else { &row.reasons } {
            let name = row_name(row, &points);
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, names)) => names.push(name),
                None => reasons.push((reason.clone(), vec![name])),
            }
        }
    }
    let sentence = |(reason, names): (String, Vec<String>)| match names.as_slice() {
        all if all.len() == everything.len() && all.len() > 1 => format!("every row: {reason}"),
        several => format!("{}: {reason}", several.join(", ")),
    };
    (worst, reasons.into_iter().map(sentence).collect())
}

/// `SSE`, or `SSE at 100 clients, 10 updates a second` where these are what sets its point apart from the others.
pub fn row_name(row: &Row, points: &[&Point]) -> String {
    let transport = row.transport.map_or("the TCP baseline", Transport::title);
    let settings = distinguishing(&row.point, points);
    if settings.is_empty() { transport.to_owned() } else { format!("{transport} at {}", settings.join(", ")) }
}

/// Those settings of `point`, in words, that are not the same at all of `points`.
pub fn distinguishing(point: &Point, points: &[&Point]) -> Vec<String> {
    let differs = |setting: &&Setting| points.iter().any(|other| setting.differs(point, other));
    Setting::ALL.iter().filter(differs).map(|setting| setting.phrase(setting.of(point))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;
    use crate::run::histogram;
    use crate::run::metric::Percentiles;
    use crate::units::Nanos;

    fn trial(transport: Transport, round: u32, latency_ns: u64) -> Trial {
        fixture::trial(Some(transport), round, 0, latency_ns)
    }

    #[test]
    fn rows_are_ordered_by_point_and_then_by_transport_and_the_tcp_baseline_is_apart() {
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
        assert_eq!(row.metrics.latency_ns, histogram::percentiles(&merged));
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
    fn a_reason_is_given_once_with_the_rounds_that_it_does_not_share_with_all() {
        let mut trials: Vec<Trial> = (1..=3).map(|round| trial(Transport::Sse, round, 1_000)).collect();
        trials.iter_mut().for_each(|trial| trial.reasons.push("the host was busy".to_owned()));
        trials[1].reasons.push("7 updates were lost".to_owned());
        trials[1].verdict = Verdict::Invalid;
        let (rows, _) = summarise(&trials, 1);
        assert_eq!(rows[0].verdict, Verdict::Invalid);
        assert_eq!(rows[0].reasons, ["the host was busy", "round 2: 7 updates were lost"]);
        trials[2].reasons.push("7 updates were lost".to_owned());
        assert_eq!(summarise(&trials, 1).0[0].reasons[1], "rounds 2, 3: 7 updates were lost");
    }

    #[test]
    fn a_row_whose_histogram_cannot_be_read_is_invalid_and_says_so() {
        let mut damaged = trial(Transport::Sse, 2, 1_000);
        damaged.latency_hdr.insert(0, '!');
        let (rows, _) = summarise(&[trial(Transport::Sse, 1, 1_000), damaged], 1);
        assert_eq!(rows[0].verdict, Verdict::Invalid);
        assert!(rows[0].reasons[0].starts_with("round 2: a latency histogram is not base64"), "{:?}", rows[0].reasons);
    }

    #[test]
    fn a_run_is_as_good_as_its_worst_row_and_names_it() {
        let mut bad = fixture::trial(Some(Transport::Polling), 1, 1, 1_000);
        bad.verdict = Verdict::Invalid;
        bad.reasons = vec!["3 updates were lost".to_owned()];
        let good = trial(Transport::Sse, 1, 1_000);
        let (rows, _) = summarise(&[good.clone(), bad.clone()], 1);
        let clients = crate::units::grouped(i64::from(bad.point.clients));
        let (worst, reasons) = verdict(&rows, &[]);
        assert_eq!(worst, Verdict::Invalid);
        assert_eq!(reasons, [format!("Polling at {clients} clients: 3 updates were lost")]);
        assert_eq!(verdict(&summarise(std::slice::from_ref(&good), 1).0, &[]), (Verdict::Valid, vec![]));
        assert_eq!(verdict(&[], &[]).0, Verdict::Invalid);
        let (rows, tcp_baseline) =
            summarise(&[good, Trial { transport: None, point_index: 0, point: fixture::point(0), ..bad }], 1);
        assert_eq!(
            verdict(&rows, &tcp_baseline),
            (Verdict::Suspect, vec!["the TCP baseline: 3 updates were lost".to_owned()])
        );
    }

    #[test]
    fn a_measured_rate_or_payload_sets_no_rows_apart_but_one_that_was_asked_for_does() {
        let asked = fixture::point(0);
        let other = Point { rate_per_s: 11.0, payload_bytes: 999.0, ..asked.clone() };
        assert_eq!(distinguishing(&asked, &[&asked, &other]).len(), 2);
        let [one, two] = [&asked, &other].map(|point| Point { measured_feed: true, ..point.clone() });
        assert_eq!(distinguishing(&one, &[&one, &two]), Vec::<String>::new());
    }

    #[test]
    fn a_row_is_named_by_the_settings_that_are_swept() {
        let [one, two] = [0, 1].map(fixture::point);
        let slow = Point { poll_interval_ns: Nanos(5_000_000_000), ..one.clone() };
        assert_eq!(distinguishing(&one, &[&one, &one]), Vec::<String>::new());
        assert_eq!(distinguishing(&slow, &[&one, &slow]), ["poll interval 5 s"]);
        assert_eq!(distinguishing(&two, &[&one, &two]).len(), 1);
    }
}
