//! A run as the report asks for it: which points there are, and what belongs to a point and a transport.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::run::Transport;
use crate::run::file::{MessageKind, Point, Row, Run, Trial, Verdict};
use crate::run::metric::{Metric, Metrics, Unit, Value};
use crate::run::samples::{self, Samples, Source};
use crate::stats::{self, Difference, Sample};
use crate::units::short_number;

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

    /// What tells a point from the others: the swept setting, and those of the others that differ between points.
    pub fn telling_settings(&self, index: usize) -> Vec<(Setting, f64)> {
        let Some(point) = self.point(index) else { return Vec::new() };
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
        named.map(|setting| (setting, setting.of(point))).collect()
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
#[allow(missing_docs, reason = "each is documented at its member of `Point`")]
pub enum Setting {
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

#[allow(missing_docs, reason = "as above")]
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
            Self::PollInterval | Self::RoundTrip | Self::Hold | Self::Jitter => Unit::Nanos.tick(value),
            Self::Churn if value == 0.0 => "for good".to_owned(),
            Self::Churn => Unit::Nanos.tick(value),
            Self::Storm => (if value == 0.0 { "no" } else { "yes" }).to_owned(),
            Self::Echo => (["updates", "text", "binary"][value as usize % 3]).to_owned(),
            Self::Payload | Self::RequestHeader => Unit::Bytes.tick(value),
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::units::Nanos;

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
        assert_eq!(view.telling_settings(0), [(Setting::PollInterval, 1e9)]);
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
    fn every_setting_has_its_member_of_a_point() {
        let point = serde_json::to_value(&fake::quick().summary[0].point).unwrap();
        for setting in Setting::ALL {
            assert!(point.get(setting.name()).is_some(), "{}", setting.name());
            assert_eq!(Setting::from_name(setting.name()), Some(setting));
        }
    }
}
