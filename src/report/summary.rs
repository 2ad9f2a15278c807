//! From trials to rows: one row per transport and sweep point, with the median of its rounds, its intervals and its
//! verdict.
//!
//! Percentiles are never averaged: the latency of a row is that of its trials' histograms merged. The figures of an
//! invalid trial stay in its row, since leaving them out would make a choice that the reader cannot see; the row is
//! then invalid, and with it the run.

mod stretches;
pub(super) mod wire;

use std::collections::{BTreeMap, HashMap};

use hdrhistogram::Histogram;

pub use stretches::{judge_stretches, updates_measured};

use super::run_file::{Audit, Point, Row, Trial, Verdict};
use super::samples::{self, Source};
use crate::measure::figures::{Figure, Figures, Unit, Value};
use crate::measure::statistics::Sample;
use crate::measure::{histogram, statistics};
use crate::transport::Transport;

/// The rows of the transports, by point and then in the order of [`Transport::ALL`], and the rows of the floor, by
/// point.
///
/// The same trials and seed give the same rows.
pub fn summarise(trials: &[Trial], seed: u64) -> (Vec<Row>, Vec<Row>) {
    let rows = by_row(trials).into_iter().filter_map(|((_, transport), trials)| row(transport, &trials, seed));
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
fn row(transport: Option<Transport>, trials: &[&Trial], seed: u64) -> Option<Row> {
    let mut samples = samples::of(trials, Source::Trials, seed);
    let mut reasons = reasons(trials);
    let mut verdict = trials.iter().map(|trial| trial.verdict).max()?;
    let mut merged = |pick: fn(&Trial) -> &str| {
        let (histograms, unreadable) = histograms(trials, pick);
        if !unreadable.is_empty() {
            verdict = Verdict::Invalid;
            reasons.extend(unreadable);
        }
        samples::latency(&histograms, seed)
    };
    samples.latency_ns = merged(|trial| &trial.latency_hdr);
    samples.uncorrected_latency_ns = merged(|trial| &trial.uncorrected_latency_hdr);
    let (mut figures, mut ci95) = (Figures::default(), Figures::default());
    for &figure in Figure::ALL {
        let sample = samples.get(figure).as_ref();
        *figures.get_mut(figure) = Value(sample.map(|sample| sample.value));
        *ci95.get_mut(figure) = sample.and_then(Sample::interval).map(|interval| clip(figure, interval));
    }
    Some(Row { transport, point: point(trials)?, audit: audit(trials), figures, ci95, verdict, reasons })
}

/// What the trials measured of one figure, those aside that could not.
pub fn values(trials: &[&Trial], figure: Figure) -> Vec<f64> {
    trials.iter().filter_map(|trial| trial.figures.get(figure).0).collect()
}

/// A share has no interval beyond 1.
fn clip(figure: Figure, [low, high]: [f64; 2]) -> [f64; 2] {
    match figure.unit() {
        Unit::Fraction => [low.min(1.0), high.min(1.0)],
        Unit::Nanos | Unit::Bytes | Unit::Count => [low, high],
    }
}

/// The settings, which all trials share; what the feed was measured at, which they do not, as the median.
fn point(trials: &[&Trial]) -> Option<Point> {
    let middle = |pick: fn(&Point) -> f64| {
        statistics::median(&trials.iter().map(|trial| pick(&trial.point)).collect::<Vec<_>>())
    };
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

/// The histograms of the trials that have one, and a sentence for each that cannot be read.
pub(super) fn histograms(trials: &[&Trial], pick: fn(&Trial) -> &str) -> (Vec<Histogram<u64>>, Vec<String>) {
    let mut read = Vec::new();
    let mut unreadable = Vec::new();
    for trial in trials.iter().filter(|trial| !pick(trial).is_empty()) {
        match histogram::decode(pick(trial)) {
            Ok(histogram) => read.push(histogram),
            Err(error) => unreadable.push(format!("round {}: {error}", trial.round)),
        }
    }
    (read, unreadable)
}

/// What p50, p90, p99, p99.9, largest and mean of the merged histograms are in each resample of the trials.
pub(super) fn resampled(histograms: &[Histogram<u64>], seed: u64) -> [Vec<f64>; 6] {
    let counts = Counts::of(histograms);
    // Few trials make few different resamples (ten of three): each is merged once.
    let mut known: HashMap<Vec<u64>, Option<[f64; 6]>> = HashMap::new();
    let mut replicates: [Vec<f64>; 6] = Default::default();
    let mut weights = vec![0; histograms.len()];
    statistics::for_each_resample(histograms.len(), seed, |drawn| {
        weights.fill(0);
        drawn.iter().for_each(|&trial| weights[trial] += 1);
        let values = match known.get(&weights) {
            Some(values) => *values,
            None => *known.entry(weights.clone()).or_insert_with(|| counts.percentiles(&weights)),
        };
        if let Some(values) = values {
            replicates.iter_mut().zip(values).for_each(|(list, value)| list.push(value));
        }
    });
    replicates
}

/// What several histograms counted, value by value: merging a resample of them is then a weighted sum over the few
/// thousand values that occur, and not an addition of whole histograms.
struct Counts {
    /// The values that occur in any, ascending, each with its count in every histogram.
    values: Vec<(u64, Vec<u64>)>,
}

impl Counts {
    fn of(histograms: &[Histogram<u64>]) -> Self {
        let mut values: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (index, histogram) in histograms.iter().enumerate() {
            for recorded in histogram.iter_recorded() {
                let counts = values.entry(recorded.value_iterated_to()).or_insert_with(|| vec![0; histograms.len()]);
                counts[index] += recorded.count_at_value();
            }
        }
        Self { values: values.into_iter().collect() }
    }

    /// p50, p90, p99, p99.9, largest and mean with each histogram taken `weights` times; `None` of nothing.
    fn percentiles(&self, weights: &[u64]) -> Option<[f64; 6]> {
        let weighted: Vec<(u64, u64)> = self
            .values
            .iter()
            .map(|(value, counts)| (*value, counts.iter().zip(weights).map(|(count, weight)| count * weight).sum()))
            .filter(|(_, count)| *count > 0)
            .collect();
        let total: u64 = weighted.iter().map(|(_, count)| count).sum();
        let (max, _) = *weighted.last()?;
        let mean = weighted.iter().map(|(value, count)| *value as f64 * *count as f64).sum::<f64>() / total as f64;
        let wanted = histogram::QUANTILES.map(|quantile| ((quantile * total as f64).ceil() as u64).max(1));
        let mut found = [max; histogram::QUANTILES.len()];
        let mut seen = 0;
        let mut next = 0;
        for (value, count) in weighted {
            seen += count;
            while next < wanted.len() && seen >= wanted[next] {
                found[next] = value;
                next += 1;
            }
        }
        let [p50, p90, p99, p999] = found.map(|value| value as f64);
        Some([p50, p90, p99, p999, max as f64, mean])
    }
}

/// The run as a whole: the worst of its rows, and every reason once, with the rows that it holds for.
///
/// The floor is there to be compared with; where it is invalid the run is suspect, not invalid. A run without a row is
/// invalid.
pub fn verdict(rows: &[Row], floor: &[Row]) -> (Verdict, Vec<String>) {
    if rows.is_empty() {
        return (Verdict::Invalid, vec!["no trial of any transport was finished".to_owned()]);
    }
    let worst_floor = floor.iter().map(|row| row.verdict.min(Verdict::Suspect)).max();
    let worst = rows.iter().map(|row| row.verdict).chain(worst_floor).max().unwrap_or(Verdict::Invalid);
    let everything: Vec<&Row> = rows.iter().chain(floor).collect();
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

/// `SSE`, or `SSE at 100 clients, 10 updates/s` where these are what sets its point apart from the others.
pub fn row_name(row: &Row, points: &[&Point]) -> String {
    let transport = row.transport.map_or("the floor", Transport::title);
    let settings = distinguishing(&row.point, points);
    if settings.is_empty() { transport.to_owned() } else { format!("{transport} at {}", settings.join(", ")) }
}

/// Those settings of `point`, in words, that are not the same at all of `points`.
pub fn distinguishing(point: &Point, points: &[&Point]) -> Vec<String> {
    let number = crate::units::three_digits;
    let link = point
        .link_bits_per_s
        .map_or("an unlimited link".to_owned(), |bits| format!("{} Mbit/s", number(bits as f64 / 1e6)));
    type Differs = fn(&Point, &Point) -> bool;
    let churn = point.churn_ns.map_or("clients that stay".to_owned(), |mean| format!("clients that stay {mean}"));
    let echo = point.echo.map_or("updates".to_owned(), |kind| format!("{} messages", kind.label()));
    let settings: [(Differs, String); 12] = [
        (|a, b| a.clients != b.clients, format!("{} clients", crate::units::grouped(i64::from(point.clients)))),
        (|a, b| is_another_feed(a, b, |point| point.rate_per_s), format!("{} updates/s", number(point.rate_per_s))),
        (
            |a, b| is_another_feed(a, b, |point| point.payload_bytes),
            format!("{} of payload", Unit::Bytes.show(point.payload_bytes)),
        ),
        (|a, b| a.poll_interval_ns != b.poll_interval_ns, format!("a poll interval of {}", point.poll_interval_ns)),
        (|a, b| a.hold_ns != b.hold_ns, format!("a hold of {}", point.hold_ns)),
        (|a, b| a.rtt_ns != b.rtt_ns, format!("a round trip of {}", point.rtt_ns)),
        (|a, b| a.link_bits_per_s != b.link_bits_per_s, link),
        (
            |a, b| a.request_header_bytes != b.request_header_bytes,
            format!("{} more header bytes", point.request_header_bytes),
        ),
        (|a, b| a.jitter_ns != b.jitter_ns, format!("a jitter of {}", point.jitter_ns)),
        (|a, b| a.churn_ns != b.churn_ns, churn),
        (|a, b| a.storm != b.storm, (if point.storm { "all leaving at once" } else { "no storm" }).to_owned()),
        (|a, b| a.echo != b.echo, echo),
    ];
    let kept = settings.into_iter().filter(|(differs, _)| points.iter().any(|other| differs(point, other)));
    kept.map(|(_, words)| words).collect()
}

/// The same settings; what rate and payload a feed was measured at is not a setting.
pub fn is_same_point(a: &Point, b: &Point) -> bool {
    let Point { rate_per_s, payload_bytes, measured_feed, .. } = *b;
    let asked = Point { rate_per_s, payload_bytes, measured_feed, ..a.clone() };
    let is_another = |pick: fn(&Point) -> f64| is_another_feed(a, b, pick);
    asked == *b && !is_another(|point| point.rate_per_s) && !is_another(|point| point.payload_bytes)
}

/// Was another rate, or another payload, asked for? What was measured depends on the stretch of the feed that the
/// interval fell on, and sets nothing apart.
fn is_another_feed(a: &Point, b: &Point, pick: fn(&Point) -> f64) -> bool {
    !a.measured_feed && !b.measured_feed && is_another(pick(a), pick(b))
}

/// Two numbers that were set apart, and not measured a little differently: older files do not tell which.
pub(super) fn is_another(a: f64, b: f64) -> bool {
    const MEASURED_ALIKE: f64 = 1.2;
    a.max(b) > a.min(b) * MEASURED_ALIKE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::Percentiles;
    use crate::report::fixture;
    use crate::units::Nanos;

    fn trial(transport: Transport, round: u32, latency_ns: u64) -> Trial {
        fixture::trial(Some(transport), round, 0, latency_ns)
    }

    #[test]
    fn rows_are_ordered_by_point_and_then_by_transport_and_the_floor_is_apart() {
        let mut trials = Vec::new();
        for point_index in [1, 0] {
            for transport in [None, Some(Transport::WebSocket), Some(Transport::Polling)] {
                trials.push(Trial { point_index, ..fixture::trial(transport, 1, point_index, 1_000) });
            }
        }
        let (rows, floor) = summarise(&trials, 1);
        let order: Vec<_> = rows.iter().map(|row| (row.point.clients, row.transport)).collect();
        let [first, second] = [0, 1].map(|index| fixture::point(index).clients);
        let expected = [
            (first, Transport::Polling),
            (first, Transport::WebSocket),
            (second, Transport::Polling),
            (second, Transport::WebSocket),
        ];
        assert_eq!(order, expected.map(|(clients, transport)| (clients, Some(transport))));
        assert_eq!(floor.len(), 2);
    }

    #[test]
    fn a_figure_is_the_median_of_its_rounds_and_latency_that_of_the_merged_histograms() {
        let mut trials: Vec<Trial> =
            (1..=3).map(|round| trial(Transport::Sse, round, u64::from(round) * 1_000)).collect();
        for (trial, bytes) in trials.iter_mut().zip([300.0, 100.0, 200.0]) {
            trial.figures.wire_bytes_per_delivery.total = Value(Some(bytes));
        }
        let (rows, _) = summarise(&trials, 1);
        let row = &rows[0];
        assert_eq!(row.figures.wire_bytes_per_delivery.total, Value(Some(200.0)));
        let merged = histogram::merge(
            &trials.iter().map(|trial| histogram::decode(&trial.latency_hdr).unwrap()).collect::<Vec<_>>(),
        );
        assert_eq!(row.figures.latency_ns, histogram::percentiles(&merged));
        assert_eq!(row.audit.expected, 3 * trials[0].audit.expected);
        for figure in [Figure::LatencyP50, Figure::LatencyMean, Figure::WireTotal] {
            let [low, high] = row.ci95.get(figure).unwrap();
            let value = row.figures.get(figure).0.unwrap();
            assert!(low < value && value < high, "{figure:?}: {low} {value} {high}");
        }
    }

    #[test]
    fn one_round_has_no_intervals_and_what_no_trial_measured_is_null() {
        let mut only = trial(Transport::Sse, 1, 1_000);
        only.figures.server_cpu_ns_per_delivery = Value(None);
        only.uncorrected_latency_hdr = String::new();
        let (rows, _) = summarise(&[only], 1);
        assert!(Figure::ALL.iter().all(|figure| rows[0].ci95.get(*figure).is_none()));
        assert_eq!(rows[0].figures.server_cpu_ns_per_delivery, Value(None));
        assert_eq!(rows[0].figures.uncorrected_latency_ns, Percentiles::default());
    }

    #[test]
    fn weighted_counts_give_the_percentiles_of_the_merged_histograms() {
        let histograms = [1_000, 5_000, 90_000]
            .map(|latency| histogram::decode(&trial(Transport::Sse, 1, latency).latency_hdr).unwrap());
        let [one, two, three] = &histograms;
        let merged = histogram::percentiles(&histogram::merge([one, one, three]));
        let weighted = Counts::of(&[one.clone(), two.clone(), three.clone()]).percentiles(&[2, 0, 1]).unwrap();
        let expected = [merged.p50, merged.p90, merged.p99, merged.p999, merged.max, merged.mean];
        for (found, expected) in weighted.into_iter().zip(expected) {
            let expected = expected.0.unwrap();
            assert!((found / expected - 1.0).abs() < 0.001, "{found} {expected}");
        }
        assert_eq!(Counts::of(&[histogram::empty()]).percentiles(&[1]), None);
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
        let (rows, floor) =
            summarise(&[good, Trial { transport: None, point_index: 0, point: fixture::point(0), ..bad }], 1);
        assert_eq!(verdict(&rows, &floor), (Verdict::Suspect, vec!["the floor: 3 updates were lost".to_owned()]));
    }

    #[test]
    fn a_measured_rate_or_payload_sets_no_points_apart_but_one_that_was_asked_for_does() {
        let asked = fixture::point(0);
        let other = Point { rate_per_s: 20.0, payload_bytes: 999.0, ..asked.clone() };
        assert!(!is_same_point(&asked, &other));
        assert_eq!(distinguishing(&asked, &[&asked, &other]).len(), 2);
        let [one, two] = [&asked, &other].map(|point| Point { measured_feed: true, ..point.clone() });
        assert!(is_same_point(&one, &two) && is_same_point(&asked, &two));
        assert_eq!(distinguishing(&one, &[&one, &two]), Vec::<String>::new());
        assert!(!is_same_point(&one, &Point { clients: 7, ..two }));
    }

    #[test]
    fn a_row_is_named_by_the_settings_that_are_swept() {
        let [one, two] = [0, 1].map(fixture::point);
        let slow = Point { poll_interval_ns: Nanos(5_000_000_000), ..one.clone() };
        assert_eq!(distinguishing(&one, &[&one, &one]), Vec::<String>::new());
        assert_eq!(distinguishing(&slow, &[&one, &slow]), ["a poll interval of 5.00 s"]);
        assert_eq!(distinguishing(&two, &[&one, &two]).len(), 1);
    }
}
