//! A run as the report asks for it: which points there are, and what belongs to a point and a transport.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::run::Transport;
use crate::run::file::{MessageKind, Point, Row, Run, Trial, Verdict};
use crate::run::metric::{Metric, Metrics, Unit, Value};
use crate::run::samples::{self, Samples, Source};
use crate::stats::{self, Difference, Sample};
use crate::units::{Nanos, grouped, three_digits};

/// A run with its points, rows and trials brought together.
pub(crate) struct View<'a> {
    pub run: &'a Run,
    /// The points that were reached, by their index.
    points: BTreeMap<usize, &'a Point>,
    /// Each row of the summary with the index of its point.
    rows: Vec<(usize, &'a Row)>,
    /// Each row of the TCP baseline, likewise.
    tcp_baselines: Vec<(usize, &'a Row)>,
    /// What the trials of a point and a transport say, worked out when it is first asked for.
    samples: RefCell<BTreeMap<(usize, Transport, Source), Rc<Samples>>>,
}

impl<'a> View<'a> {
    pub fn new(run: &'a Run) -> Self {
        let mut points: BTreeMap<usize, &Point> = BTreeMap::new();
        for trial in &run.trials {
            points.entry(trial.point_index).or_insert(&trial.point);
        }
        if let (true, Some(row)) = (points.is_empty(), run.summary.first()) {
            points.insert(0, &row.point);
        }
        // A row does not say which point it belongs to, and its rate may have been measured: the nearest one is it.
        let placed = |rows: &'a [Row]| {
            rows.iter()
                .filter_map(|row| {
                    let nearest = points
                        .iter()
                        .map(|(index, point)| (distance(point, &row.point), *index))
                        .min_by(|a, b| a.0.total_cmp(&b.0))?;
                    Some((nearest.1, row))
                })
                .collect()
        };
        let (rows, tcp_baselines) = (placed(&run.summary), placed(&run.tcp_baseline));
        Self { run, points, rows, tcp_baselines, samples: RefCell::default() }
    }

    /// The points that were reached, in order.
    pub fn points(&self) -> Vec<usize> {
        self.points.keys().copied().collect()
    }

    /// The settings of a point.
    pub fn point(&self, index: usize) -> Option<&'a Point> {
        self.points.get(&index).copied()
    }

    /// The transports that have a row, in the order in which they are shown.
    pub fn transports(&self) -> Vec<Transport> {
        let has_row = |transport: &Transport| self.rows.iter().any(|(_, row)| row.transport == Some(*transport));
        Transport::ALL.into_iter().filter(has_row).collect()
    }

    pub fn row(&self, point: usize, transport: Transport) -> Option<&'a Row> {
        self.rows.iter().find(|(index, row)| *index == point && row.transport == Some(transport)).map(|(_, row)| *row)
    }

    pub fn tcp_baseline(&self, point: usize) -> Option<&'a Row> {
        self.tcp_baselines.iter().find(|(index, _)| *index == point).map(|(_, row)| *row)
    }

    /// The trials of a transport (`None`: of the TCP baseline) at a point, in order.
    pub fn trials(&self, point: usize, transport: Option<Transport>) -> impl Iterator<Item = &'a Trial> {
        self.run.trials.iter().filter(move |trial| trial.point_index == point && trial.transport == transport)
    }

    /// What each trial that may be used measured of a figure.
    pub fn values(&self, point: usize, transport: Transport, drawn: Drawn) -> Vec<f64> {
        self.trials(point, Some(transport))
            .filter(|trial| trial.verdict != Verdict::Invalid)
            .filter_map(|trial| drawn.of(&trial.metrics))
            .collect()
    }

    /// What the trials that may be used say of a figure together: the row's own value, and how far it can be trusted.
    pub fn sample(&self, point: usize, transport: Transport, drawn: Drawn) -> Option<Sample> {
        let source = match drawn {
            Drawn::Metric(metric) => Source::of(metric),
            Drawn::Overhead => Source::Trials,
        };
        let made = || {
            let is_usable = |trial: &&Trial| trial.verdict != Verdict::Invalid;
            let trials: Vec<&Trial> = self.trials(point, Some(transport)).filter(is_usable).collect();
            Rc::new(samples::of(&trials, source, self.run.scenario.seed))
        };
        let samples = Rc::clone(self.samples.borrow_mut().entry((point, transport, source)).or_insert_with(made));
        match drawn {
            Drawn::Metric(metric) => samples.get(metric).clone(),
            Drawn::Overhead => {
                let bytes = &samples.wire_bytes_per_delivery;
                let (total, payload) = (bytes.total.as_ref()?, bytes.payload.as_ref()?);
                if !total.all(|total| total > 0.0) {
                    return None;
                }
                payload.with(total, |payload, total| 1.0 - payload / total)
            }
        }
    }

    /// How the first stands to the second in a figure at a point; `None` where nothing can be said.
    pub fn difference(&self, point: usize, [a, b]: [Transport; 2], drawn: Drawn) -> Option<Difference> {
        stats::difference(&self.sample(point, a, drawn)?, &self.sample(point, b, drawn)?)
    }

    /// The setting that is swept, if one is and its name is known.
    pub fn sweep(&self) -> Option<Setting> {
        self.run.scenario.sweep.as_deref().and_then(Setting::from_name)
    }

    /// True if clients sent messages up and had them back, and nobody subscribed.
    pub fn is_echo(&self) -> bool {
        !self.points.is_empty() && self.points.values().all(|point| point.echo.is_some())
    }

    /// A transport as a heading names it: upwards, three of the four are the same request.
    pub fn title(&self, transport: Transport) -> &'static str {
        match transport {
            Transport::Polling if self.is_echo() => "Polling (POST)",
            Transport::LongPolling if self.is_echo() => "Long polling (POST)",
            Transport::Sse if self.is_echo() => "SSE (POST)",
            Transport::Polling | Transport::LongPolling | Transport::Sse | Transport::WebSocket => transport.title(),
        }
    }

    /// The same in the middle of a sentence.
    pub fn prose(&self, transport: Transport) -> &'static str {
        match transport {
            Transport::Polling if self.is_echo() => "polling (POST)",
            Transport::LongPolling if self.is_echo() => "long polling (POST)",
            Transport::Sse | Transport::WebSocket => self.title(transport),
            Transport::Polling | Transport::LongPolling => prose(transport),
        }
    }

    /// What a figure is called: of messages that come back, the latency is a round trip.
    pub fn label(&self, drawn: Drawn) -> String {
        let label = drawn.label();
        match self.is_echo() {
            true => label.replace("latency", "round trip").replace("per delivery", "per message and back"),
            false => label.to_owned(),
        }
    }

    /// The settings that a heading names, in words.
    pub fn settings(&self, point: &Point) -> Vec<String> {
        let shown = [Setting::Clients, Setting::Rate, Setting::Payload, Setting::PollInterval, Setting::RoundTrip];
        let has_polls = !self.is_echo() && self.transports().contains(&Transport::Polling);
        let is_shown = |one: &Setting| {
            (*one != Setting::RoundTrip || point.rtt_ns.0 > 0) && (*one != Setting::PollInterval || has_polls)
        };
        let phrase = |one: Setting| {
            let value = one.of(point);
            // Each client sends as many of its own; updates are one stream for all.
            let is_messages = self.is_echo() && one == Setting::Rate;
            if is_messages { format!("{} a second each", counted_messages(value)) } else { one.phrase(value) }
        };
        shown.into_iter().filter(|one| self.sweep() != Some(*one) && is_shown(one)).map(phrase).collect()
    }

    /// A point in words, as a heading: the swept setting, and those of the others that differ between points.
    pub fn point_title(&self, index: usize) -> String {
        let Some(point) = self.point(index) else { return String::new() };
        let sweep = self.sweep();
        let differs = |setting: &Setting| {
            let asked = self.points.values().filter(|point| !setting.is_measured(point));
            let mut values = asked.map(|point| setting.of(point));
            let first = values.next();
            // A rate or a size that was measured is never twice the same; only what was asked for tells points apart.
            values.any(|value| first.is_some_and(|first| (value - first).abs() > first.abs() * 0.2))
        };
        // A storm is named where there is one; its clients leave once and not each so often.
        let is_silent = |setting: &Setting| match setting {
            Setting::Storm => !point.storm,
            Setting::Churn => point.storm,
            Setting::Rate
            | Setting::Clients
            | Setting::PollInterval
            | Setting::Payload
            | Setting::RoundTrip
            | Setting::RequestHeader
            | Setting::Hold
            | Setting::Link
            | Setting::Jitter
            | Setting::Echo => false,
        };
        let is_named = |setting: &Setting| sweep == Some(*setting) || differs(setting);
        let named = Setting::ALL.into_iter().filter(|setting| is_named(setting) && !is_silent(setting));
        named.map(|setting| setting.phrase(setting.of(point))).collect::<Vec<_>>().join(", ")
    }
}

/// How far apart two points are: the sum of the ratios of their settings.
fn distance(a: &Point, b: &Point) -> f64 {
    let is_set = |setting: &Setting| !setting.is_measured(a) && !setting.is_measured(b);
    let settings = Setting::ALL.into_iter().filter(is_set);
    settings.map(|setting| ((setting.of(a) + 1.0) / (setting.of(b) + 1.0)).ln().abs()).sum()
}

/// A setting that can be swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Rate,
    Clients,
    PollInterval,
    Payload,
    RoundTrip,
    RequestHeader,
    Hold,
    Link,
    Jitter,
    Churn,
    Storm,
    Echo,
}

impl Setting {
    pub const ALL: [Self; 12] = [
        Self::Rate,
        Self::Clients,
        Self::PollInterval,
        Self::Payload,
        Self::RoundTrip,
        Self::RequestHeader,
        Self::Hold,
        Self::Link,
        Self::Jitter,
        Self::Churn,
        Self::Storm,
        Self::Echo,
    ];

    /// Is it no setting of this point, but what its feed was measured at?
    pub fn is_measured(self, point: &Point) -> bool {
        point.measured_feed && matches!(self, Self::Rate | Self::Payload)
    }

    /// The setting with this name in a run file.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }

    /// The member of [`Point`] that it is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate_per_s",
            Self::Clients => "clients",
            Self::PollInterval => "poll_interval_ns",
            Self::Payload => "payload_bytes",
            Self::RoundTrip => "rtt_ns",
            Self::RequestHeader => "request_header_bytes",
            Self::Hold => "hold_ns",
            Self::Link => "link_bits_per_s",
            Self::Jitter => "jitter_ns",
            Self::Churn => "churn_ns",
            Self::Storm => "storm",
            Self::Echo => "echo",
        }
    }

    pub fn of(self, point: &Point) -> f64 {
        match self {
            Self::Rate => point.rate_per_s,
            Self::Clients => f64::from(point.clients),
            Self::PollInterval => point.poll_interval_ns.0 as f64,
            Self::Payload => point.payload_bytes,
            Self::RoundTrip => point.rtt_ns.0 as f64,
            Self::RequestHeader => f64::from(point.request_header_bytes),
            Self::Hold => point.hold_ns.0 as f64,
            Self::Link => point.link_bits_per_s.unwrap_or(0) as f64,
            Self::Jitter => point.jitter_ns.0 as f64,
            Self::Churn => point.churn_ns.unwrap_or_default().0 as f64,
            Self::Storm => f64::from(u8::from(point.storm)),
            // Numbers only to tell the kinds apart: no axis runs over them.
            Self::Echo => match point.echo {
                None => 0.0,
                Some(MessageKind::Text) => 1.0,
                Some(MessageKind::Binary) => 2.0,
            },
        }
    }

    /// What an axis over it is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::Rate => "updates a second",
            Self::Clients => "clients",
            Self::PollInterval => "poll interval",
            Self::Payload => "payload",
            Self::RoundTrip => "added round trip",
            Self::RequestHeader => "bytes added to each request's headers",
            Self::Hold => "hold of a long poll",
            Self::Link => "bandwidth of the link",
            Self::Jitter => "jitter of the link",
            Self::Churn => "mean time before a client leaves",
            Self::Storm => "all clients leaving at once",
            Self::Echo => "kind of message",
        }
    }

    /// A value at a tick.
    pub fn tick(self, value: f64) -> String {
        match self {
            Self::Rate | Self::Clients => short_number(value),
            // The zero of an axis needs no unit; that of a setting does.
            Self::PollInterval | Self::RoundTrip | Self::Hold | Self::Jitter if value == 0.0 => "0 ms".to_owned(),
            Self::PollInterval | Self::RoundTrip | Self::Hold | Self::Jitter => tick(Unit::Nanos, value),
            Self::Churn if value == 0.0 => "for good".to_owned(),
            Self::Churn => tick(Unit::Nanos, value),
            Self::Storm => (if value == 0.0 { "no" } else { "yes" }).to_owned(),
            Self::Echo => (["updates", "text", "binary"][value as usize % 3]).to_owned(),
            Self::Payload | Self::RequestHeader => tick(Unit::Bytes, value),
            Self::Link if value == 0.0 => "no limit".to_owned(),
            Self::Link => format!("{} Mbit/s", short_number(value / 1e6)),
        }
    }

    /// Where along a sweep, in a sentence.
    pub fn at(self, value: f64) -> String {
        let phrase = self.phrase(value);
        match self {
            Self::Rate => format!("at {phrase}"),
            Self::Clients => format!("with {phrase}"),
            Self::PollInterval | Self::Payload | Self::RoundTrip | Self::Hold | Self::Jitter => {
                let (what, tick) = (phrase.trim_end_matches(&self.tick(value)).trim_end(), self.tick(value));
                format!("with a {what} of {tick}")
            }
            Self::RequestHeader if value == 0.0 => "with bare headers".to_owned(),
            Self::RequestHeader => format!("with {phrase}"),
            Self::Link if value == 0.0 => format!("with {phrase}"),
            Self::Link => format!("on a {phrase}"),
            Self::Churn | Self::Storm | Self::Echo => format!("with {phrase}"),
        }
    }

    /// A value as a heading.
    pub fn phrase(self, value: f64) -> String {
        let tick = self.tick(value);
        match self {
            Self::Rate => format!("{tick} {} a second", if value == 1.0 { "update" } else { "updates" }),
            Self::Clients => format!("{tick} {}", if value == 1.0 { "client" } else { "clients" }),
            Self::PollInterval => format!("poll interval {tick}"),
            Self::Payload => format!("payload {tick}"),
            Self::RoundTrip => format!("round trip {tick}"),
            Self::RequestHeader if value == 0.0 => "bare headers".to_owned(),
            Self::RequestHeader => format!("{tick} more in each request's headers"),
            Self::Hold => format!("hold {tick}"),
            Self::Link if value == 0.0 => "no limit on the link".to_owned(),
            Self::Link => format!("link of {tick}"),
            Self::Jitter => format!("jitter {tick}"),
            Self::Churn => format!("clients that stay {tick}"),
            Self::Storm if value == 0.0 => "no storm".to_owned(),
            Self::Storm => "all clients leaving at once".to_owned(),
            Self::Echo if value == 0.0 => "updates".to_owned(),
            Self::Echo => format!("{tick} messages"),
        }
    }
}

/// What a picture can draw of a row or a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// A figure as it is in the file.
    Metric(Metric),
    /// The share of the bytes that is not payload.
    Overhead,
}

impl Drawn {
    pub fn of(self, metrics: &Metrics<Value>) -> Option<f64> {
        match self {
            Self::Metric(metric) => metrics.get(metric).0,
            Self::Overhead => {
                let (total, payload) =
                    (metrics.wire_bytes_per_delivery.total.0?, metrics.wire_bytes_per_delivery.payload.0?);
                (total > 0.0).then(|| 1.0 - payload / total)
            }
        }
    }

    /// The interval of a row.
    pub fn interval(self, row: &Row) -> Option<[f64; 2]> {
        match self {
            Self::Metric(metric) => *row.ci95.get(metric),
            Self::Overhead => {
                let payload = row.metrics.wire_bytes_per_delivery.payload.0?;
                let [low, high] = row.ci95.wire_bytes_per_delivery.total.filter(|[low, _]| *low > 0.0)?;
                Some([1.0 - payload / low, 1.0 - payload / high])
            }
        }
    }

    pub fn unit(self) -> Unit {
        match self {
            Self::Metric(metric) => metric.unit(),
            Self::Overhead => Unit::Fraction,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.label(),
            Self::Overhead => "share of the bytes that is not payload",
        }
    }
}

/// Said wherever a figure is missing: never a zero, never a blank.
pub(crate) const NOT_MEASURED: &str = "not measured";

/// A figure's value with its unit, or that there is none.
pub(crate) fn shown(unit: Unit, value: Option<f64>) -> String {
    value.map_or_else(|| NOT_MEASURED.to_owned(), |value| unit.show(value))
}

/// An interval: `[391, 403] µs`, or each end with its unit where the ends have different ones. `None` also where it is
/// narrower than the digits shown: `[617, 617] B` says nothing that the value does not.
pub(crate) fn shown_interval(unit: Unit, interval: Option<[f64; 2]>) -> Option<String> {
    let [low, high] = interval?.map(|end| unit.show(end));
    if low == high {
        return None;
    }
    Some(match (low.split_once(' '), high.split_once(' ')) {
        (Some((low, same)), Some((high, unit))) if same == unit => format!("[{low}, {high}] {unit}"),
        _ => format!("[{low}, {high}]"),
    })
}

/// An interval behind a number in a sentence: ` [7.9, 8.4]`, or nothing where it is narrower than the digits shown.
pub(crate) fn ends([low, high]: [f64; 2], show: impl Fn(f64) -> String) -> String {
    let (low, high) = (show(low), show(high));
    if low == high { String::new() } else { format!(" [{low}, {high}]") }
}

/// A value at a tick of an axis: no digits that only fill up.
pub(crate) fn tick(unit: Unit, value: f64) -> String {
    match unit {
        // Whole bytes, so that no axis in KiB stands beside one in kB.
        Unit::Bytes => format!("{} B", short_number(value)),
        Unit::Count => short_number(value),
        Unit::Fraction => format!("{} %", short_number(value * 100.0)),
        Unit::Nanos => match value.abs() {
            0.0 => "0".to_owned(),
            size if size < 1e3 => format!("{} ns", short_number(value)),
            size if size < 1e6 => format!("{} µs", short_number(value / 1e3)),
            size if size < 1e9 => format!("{} ms", short_number(value / 1e6)),
            _ => format!("{} s", short_number(value / 1e9)),
        },
    }
}

/// A number without trailing zeros: `0.2`, `1`, `1,000`.
pub(crate) fn short_number(value: f64) -> String {
    if (value - value.round()).abs() < 1e-6 * value.abs().max(1e-3) {
        return grouped(value.round() as i64);
    }
    let text = three_digits(value);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A length without trailing zeros: `1 s`.
pub(crate) fn short_length(length: Nanos) -> String {
    tick(Unit::Nanos, length.0 as f64)
}

/// Names in a sentence: `A`, `A and B`, `A, B and C`.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Names of which one is meant: `A`, `A or B`, `A, B or C`.
pub(crate) fn either(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A moment as people write it: `2026-11-22 17:47:03 UTC`, never broken over two lines.
pub(crate) fn moment(written: &str) -> String {
    let Some(whole) = written.strip_suffix('Z') else { return written.to_owned() };
    let seconds = whole.split_once('.').map_or(whole, |(seconds, _)| seconds);
    format!("{} UTC", seconds.replacen('T', " ", 1)).replace(' ', "\u{a0}").replace('-', "\u{2011}")
}

/// A transport in the middle of a sentence.
pub(crate) fn prose(transport: Transport) -> &'static str {
    match transport {
        Transport::Polling => "polling",
        Transport::LongPolling => "long polling",
        Transport::Sse | Transport::WebSocket => transport.title(),
    }
}

/// With a capital letter in front.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A ratio in a sentence: two digits say all that an interval of a few rounds can hold.
pub(crate) fn times(ratio: f64) -> String {
    match ratio {
        small if small < 0.095 => three_digits(small),
        some if some < 0.995 => format!("{some:.2}"),
        some if some < 9.95 => format!("{some:.1}"),
        many => grouped(many.round() as i64),
    }
}

/// A share as per cent in a sentence, likewise.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent.abs() < 9.95 { format!("{percent:.1}") } else { grouped(percent.round() as i64) }
}

/// `1 trial`, `12 trials`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count as i64), if count == 1 { "" } else { "s" })
}

/// `1 message`, `10 messages`.
fn counted_messages(count: f64) -> String {
    format!("{} message{}", short_number(count), if count == 1.0 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;

    #[test]
    fn an_interval_narrower_than_its_digits_is_not_shown() {
        assert_eq!(shown_interval(Unit::Bytes, Some([616.9, 617.2])), None);
        assert_eq!(shown_interval(Unit::Bytes, Some([616.0, 617.2])).as_deref(), Some("[616, 617] B"));
        assert_eq!(ends([4.91, 4.94], times), "");
        assert_eq!(ends([4.81, 4.94], times), " [4.8, 4.9]");
    }

    #[test]
    fn messages_that_come_back_are_told_in_their_own_words() {
        let point = Point { echo: Some(MessageKind::Text), rate_per_s: 10.0, ..fake::point() };
        let run = fake::run("duplex", "?", None, vec![point], 1);
        let view = View::new(&run);
        assert_eq!((view.title(Transport::Sse), view.title(Transport::WebSocket)), ("SSE (POST)", "WebSocket"));
        assert_eq!(view.label(Drawn::Metric(Metric::LatencyP50)), "round trip p50");
        let settings = view.settings(view.point(0).unwrap()).join(" · ");
        assert!(settings.contains("10 messages a second each") && !settings.contains("poll"), "{settings}");
    }

    #[test]
    fn each_row_finds_its_point_though_its_rate_was_measured() {
        let mut run = fake::sweep_over_rate();
        for row in &mut run.summary {
            row.point.rate_per_s *= 1.03;
        }
        let view = View::new(&run);
        assert_eq!(view.points().len(), 7);
        for point in view.points() {
            for transport in Transport::ALL {
                let (row, asked) = (view.row(point, transport).unwrap(), view.point(point).unwrap());
                assert!((row.point.rate_per_s / asked.rate_per_s - 1.03).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn a_measured_feed_neither_places_a_row_nor_names_a_point() {
        let intervals = [1_000, 1_300].map(|ms| Point {
            poll_interval_ns: Nanos(ms * Nanos::MILLI.0),
            measured_feed: true,
            ..fake::point()
        });
        let mut run = fake::run("mine", "?", None, intervals.to_vec(), 1);
        for (rows, points) in run.summary.chunks_mut(4).zip(&intervals) {
            rows.iter_mut().for_each(|row| row.point.rate_per_s = points.rate_per_s * 2.0);
        }
        for trial in &mut run.trials {
            trial.point.rate_per_s *= 1.0 + trial.point_index as f64;
        }
        let view = View::new(&run);
        for point in view.points() {
            let row = view.row(point, Transport::Sse).unwrap();
            assert_eq!(row.point.poll_interval_ns, view.point(point).unwrap().poll_interval_ns);
        }
        assert_eq!(view.point_title(0), "poll interval 1 s");
    }

    #[test]
    fn a_ratio_is_that_of_the_values_of_the_rows() {
        let run = fake::quick();
        let view = View::new(&run);
        let mut compared = 0;
        for pair in [[Transport::Polling, Transport::Sse], [Transport::WebSocket, Transport::LongPolling]] {
            for drawn in Metric::ALL.iter().copied().map(Drawn::Metric).chain([Drawn::Overhead]) {
                let Some(found) = view.difference(0, pair, drawn) else { continue };
                let [a, b] = pair.map(|transport| drawn.of(&view.row(0, transport).unwrap().metrics).unwrap());
                let is_nothing = a == 0.0 && b == 0.0;
                assert!(
                    is_nothing || (found.ratio - a / b).abs() <= 1e-9 * (a / b),
                    "{drawn:?}: {found:?}, {a} to {b}"
                );
                let [low, high] = found.ci95;
                assert!(low - 1e-6 <= found.ratio && found.ratio <= high + 1e-6, "{drawn:?}: {found:?}");
                compared += 1;
            }
        }
        assert!(compared > 40, "{compared}");
    }

    #[test]
    fn ticks_carry_no_digits_that_only_fill_up() {
        assert_eq!(tick(Unit::Nanos, 2e8), "200 ms");
        assert_eq!(tick(Unit::Nanos, 1.5e9), "1.5 s");
        assert_eq!(tick(Unit::Bytes, 500.0), "500 B");
        assert_eq!(tick(Unit::Bytes, 65_536.0), "65,536 B", "never binary beside decimal");
        assert_eq!(tick(Unit::Nanos, 0.0), "0", "an axis in µs does not begin in ms");
        assert_eq!(Setting::RoundTrip.phrase(0.0), "round trip 0 ms");
        assert_eq!(tick(Unit::Fraction, 0.05), "5 %");
        assert_eq!(short_number(0.2), "0.2");
        assert_eq!(short_number(1000.0), "1,000");
    }

    #[test]
    fn every_setting_has_its_member_of_a_point() {
        let point = serde_json::to_value(&fake::quick().summary[0].point).unwrap();
        for setting in Setting::ALL {
            assert!(point.get(setting.name()).is_some(), "{}", setting.name());
            assert_eq!(Setting::from_name(setting.name()), Some(setting));
        }
    }
}
