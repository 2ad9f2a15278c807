//! A run as the report asks for it: which points there are, and what belongs to a point and a transport.

mod format;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub(crate) use format::*;

use crate::run::Transport;
use crate::run::file::{Point, PublishedFeed, Row, Run, Trial, Verdict};
use crate::run::metric::{Metric, Metrics, Source, Unit, Value};
use crate::run::purpose::{Figure, Focus};
use crate::run::samples::{self, Samples};
pub(crate) use crate::run::setting::Setting;
use crate::stats::{self, Difference, Sample};

/// A run with its points, rows and trials brought together.
pub(crate) struct View<'a> {
    pub run: &'a Run,
    /// The points that were reached, by their index.
    points: BTreeMap<usize, &'a Point>,
    /// What the trials of a point and a transport say, worked out when it is first asked for.
    samples: RefCell<BTreeMap<(usize, Transport, Source), Rc<Samples>>>,
}

impl<'a> View<'a> {
    pub fn new(run: &'a Run) -> Self {
        let mut points: BTreeMap<usize, &Point> = BTreeMap::new();
        for trial in &run.trials {
            points.entry(trial.point_index).or_insert(&trial.point);
        }
        // A row's rate may have been measured over all its rounds: it serves where no trial is there.
        for row in run.rows() {
            points.entry(row.point_index).or_insert(&row.point);
        }
        Self { run, points, samples: RefCell::default() }
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
        let has_row = |transport: &Transport| self.run.summary.iter().any(|row| row.transport == Some(*transport));
        Transport::ALL.into_iter().filter(has_row).collect()
    }

    pub fn row(&self, point: usize, transport: Transport) -> Option<&'a Row> {
        self.run.summary.iter().find(|row| row.point_index == point && row.transport == Some(transport))
    }

    pub fn tcp_baseline(&self, point: usize) -> Option<&'a Row> {
        self.run.tcp_baseline.iter().find(|row| row.point_index == point)
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
            Drawn::Metric(metric) => metric.source(),
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
        let differs = |setting: &Setting| self.points.values().any(|other| setting.differs(point, other));
        let named = Setting::ALL.iter().filter(|setting| sweep == Some(**setting) || differs(setting));
        named.map(|setting| setting.phrase(setting.of(point))).collect::<Vec<_>>().join(", ")
    }

    /// What the scenario asks to be drawn; where it does not say, what suits the setting that is swept.
    pub fn figures(&self) -> Vec<Figure> {
        let asked = &self.run.scenario.purpose.figures;
        let of_metrics = |metrics: [Metric; 2]| metrics.map(Figure::Metric).to_vec();
        match self.sweep() {
            _ if !asked.is_empty() => asked.clone(),
            None => Vec::new(),
            Some(Setting::PollInterval) => {
                [vec![Figure::Frontier], of_metrics([Metric::LatencyP50, Metric::WireTotal])].concat()
            }
            Some(Setting::RequestHeader) => vec![Figure::LubbersGreco, Figure::Anatomy],
            Some(_) => of_metrics([Metric::LatencyP50, Metric::WireTotal]),
        }
    }

    /// The first two things that the figures draw: what the question is about.
    pub fn asked(&self) -> Vec<Drawn> {
        let mut asked = Vec::new();
        for drawn in self.figures().into_iter().flat_map(drawn_by) {
            if !asked.contains(&drawn) && asked.len() < 2 {
                asked.push(drawn);
            }
        }
        asked
    }

    /// The two transports that the question is about, where it is about two of them.
    pub fn focus(&self) -> Option<[Transport; 2]> {
        if let Some(Focus(asked)) = self.run.scenario.purpose.focus {
            return Some(asked).filter(|both| both.iter().all(|one| self.transports().contains(one)));
        }
        let is_about_polls = matches!(self.sweep(), Some(Setting::PollInterval | Setting::RequestHeader));
        let stream = [Transport::WebSocket, Transport::Sse].into_iter().find(|one| self.transports().contains(one));
        stream.filter(|_| is_about_polls).map(|stream| [Transport::Polling, stream])
    }

    /// What was published, in words.
    pub fn feed(&self) -> String {
        feed(&self.run.scenario.feed)
    }
}

/// A feed in words. Rate and payload are settings of a point, and said there.
pub(crate) fn feed(feed: &PublishedFeed) -> String {
    let at_speed = |speed: Option<f64>| speed.map_or_else(String::new, |speed| format!(", at {speed} times its speed"));
    match feed {
        PublishedFeed::Replay { recording: None, speed } => {
            format!("a recorded week of earthquakes{}", at_speed(*speed))
        }
        PublishedFeed::Replay { recording: Some(name), speed } => format!("the recording {name}{}", at_speed(*speed)),
        PublishedFeed::Synthetic { arrivals: Some(arrivals) } => {
            format!("synthetic updates, {} arrivals", arrivals.label())
        }
        PublishedFeed::Synthetic { arrivals: None } => "synthetic updates".to_owned(),
        PublishedFeed::External { target: Some(url) } => format!("whatever {url} publishes"),
        PublishedFeed::External { target: None } => "whatever the server publishes".to_owned(),
        PublishedFeed::None => {
            "messages that clients send up and get back, each on a steady schedule of its own".to_owned()
        }
    }
}

/// What a figure is about; nothing, where it answers by itself.
fn drawn_by(figure: Figure) -> Vec<Drawn> {
    match figure {
        Figure::Metric(metric) => vec![Drawn::Metric(metric)],
        Figure::Overhead => vec![Drawn::Overhead],
        Figure::Frontier => [Metric::AgeMean, Metric::WireTotal].map(Drawn::Metric).to_vec(),
        Figure::LubbersGreco => vec![Drawn::Metric(Metric::WireTotal), Drawn::Overhead],
        Figure::Timeline | Figure::Anatomy => Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::MessageKind;
    use crate::units::Nanos;

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
    fn a_row_belongs_to_the_point_that_it_names_whatever_its_feed_was_measured_at() {
        let mut run = fake::sweep_over_rate();
        run.summary.reverse();
        for row in &mut run.summary {
            row.point = Point { rate_per_s: 7.0, measured_feed: true, ..row.point.clone() };
        }
        let view = View::new(&run);
        assert_eq!(view.points().len(), 7);
        for point in view.points() {
            for transport in Transport::ALL {
                assert_eq!(view.row(point, transport).unwrap().point_index, point);
            }
        }
    }

    #[test]
    fn a_measured_feed_does_not_name_a_point_and_settings_that_are_near_one_another_do() {
        let intervals = [1_000, 1_001].map(|ms| Point {
            poll_interval_ns: Nanos(ms * Nanos::MILLI.0),
            measured_feed: true,
            ..fake::point()
        });
        let mut run = fake::run("mine", "?", None, intervals.to_vec(), 1);
        for trial in &mut run.trials {
            trial.point.rate_per_s *= 1.0 + trial.point_index as f64;
        }
        assert_eq!(View::new(&run).point_title(0), "poll interval 1 s");
        let rates = [10.0, 11.0].map(|rate_per_s| Point { rate_per_s, ..fake::point() });
        let run = fake::run("mine", "?", None, rates.to_vec(), 1);
        assert_eq!(
            [0, 1].map(|point| View::new(&run).point_title(point)),
            ["10 updates a second", "11 updates a second"]
        );
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
}
