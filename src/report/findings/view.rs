//! A view of a run for reports: its points, and the rows and trials of each point and transport.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::run::Transport;
use crate::run::file::{Point, Row, Run, Trial, Verdict};
use crate::run::metric::{Metric, Metrics, Source, Unit, Value};
use crate::run::purpose::{Figure, Focus};
use crate::run::samples::{self, Samples};
pub(crate) use crate::run::setting::Setting;
use crate::stats::{self, Difference, Sample};

/// A run, indexed by point and transport.
pub(crate) struct View<'a> {
    pub run: &'a Run,
    /// The points that were measured, by their index.
    points: BTreeMap<usize, &'a Point>,
    /// The samples of a point and a transport, computed on first use.
    samples: RefCell<BTreeMap<(usize, Transport, Source), Rc<Samples>>>,
}

impl<'a> View<'a> {
    pub fn new(run: &'a Run) -> Self {
        let mut points: BTreeMap<usize, &Point> = BTreeMap::new();
        for trial in &run.trials {
            points.entry(trial.point_index).or_insert(&trial.point);
        }
        // A row's rate may be measured over all its rounds, so it is only used if there is no trial.
        for row in run.rows() {
            points.entry(row.point_index).or_insert(&row.point);
        }
        Self { run, points, samples: RefCell::default() }
    }

    /// The points that were measured, in order.
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

    /// The row of the trials with one client.
    pub fn alone(&self, point: usize, transport: Transport) -> Option<&'a Row> {
        self.run.alone.row(point, transport)
    }

    /// The trials of a transport (`None`: of the TCP baseline) at a point, in order.
    pub fn trials(&self, point: usize, transport: Option<Transport>) -> impl Iterator<Item = &'a Trial> {
        self.run.trials.iter().filter(move |trial| trial.point_index == point && trial.transport == transport)
    }

    /// The values of a figure in the usable trials.
    pub fn values(&self, point: usize, transport: Transport, drawn: Drawn) -> Vec<f64> {
        self.trials(point, Some(transport))
            .filter(|trial| trial.verdict != Verdict::Invalid)
            .filter_map(|trial| drawn.of(&trial.metrics))
            .collect()
    }

    /// The sample of a figure from the usable trials: the row's value and its uncertainty.
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

    /// The ratio of the first to the second in a figure at a point; `None` if it is unknown.
    pub fn difference(&self, point: usize, [a, b]: [Transport; 2], drawn: Drawn) -> Option<Difference> {
        stats::difference(&self.sample(point, a, drawn)?, &self.sample(point, b, drawn)?)
    }

    /// The setting that is swept, if one is and its name is known.
    pub fn sweep(&self) -> Option<Setting> {
        self.run.scenario.sweep.as_deref().and_then(Setting::from_name)
    }

    /// True if clients sent messages and got them back, instead of subscribing.
    pub fn is_echo(&self) -> bool {
        !self.points.is_empty() && self.points.values().all(|point| point.echo.is_some())
    }

    /// The settings that distinguish a point: the swept setting, and the others that differ between points.
    pub fn distinguishing_settings(&self, index: usize) -> Vec<(Setting, f64)> {
        let Some(point) = self.point(index) else { return Vec::new() };
        let sweep = self.sweep();
        let differs = |setting: &Setting| self.points.values().any(|other| setting.differs(point, other));
        let named = Setting::ALL.iter().filter(|setting| sweep == Some(**setting) || differs(setting));
        named.map(|setting| (*setting, setting.of(point))).collect()
    }

    /// The figures that the scenario lists, or by default those that suit the swept setting.
    pub fn figures(&self) -> Vec<Figure> {
        let asked = &self.run.scenario.purpose.figures;
        let of_metrics = |metrics: &[Metric]| metrics.iter().copied().map(Figure::Metric).collect::<Vec<_>>();
        match self.sweep() {
            _ if !asked.is_empty() => asked.clone(),
            None => Vec::new(),
            Some(Setting::PollInterval) => {
                [vec![Figure::Frontier], of_metrics(&[Metric::LatencyP50, Metric::WireTotal])].concat()
            }
            Some(Setting::RequestHeader | Setting::Heads) => vec![Figure::LubbersGreco, Figure::Anatomy],
            // What a server delivers and what it costs, on one screen.
            Some(Setting::Target) => {
                of_metrics(&[Metric::LatencyP50, Metric::WireTotal, Metric::ServerCpu, Metric::ServerRss])
            }
            Some(_) => of_metrics(&[Metric::LatencyP50, Metric::WireTotal]),
        }
    }

    /// The first two metrics that the figures draw: what the question is about.
    pub fn asked(&self) -> Vec<Drawn> {
        let mut asked = Vec::new();
        for drawn in self.figures().into_iter().flat_map(drawn_by) {
            if !asked.contains(&drawn) && asked.len() < 2 {
                asked.push(drawn);
            }
        }
        asked
    }

    /// The two transports that the question is about, if it is about two.
    pub fn focus(&self) -> Option<[Transport; 2]> {
        if let Some(Focus(asked)) = self.run.scenario.purpose.focus {
            return Some(asked).filter(|both| both.iter().all(|one| self.transports().contains(one)));
        }
        let is_about_polls =
            matches!(self.sweep(), Some(Setting::PollInterval | Setting::RequestHeader | Setting::Heads));
        let stream = [Transport::WebSocket, Transport::Sse].into_iter().find(|one| self.transports().contains(one));
        stream.filter(|_| is_about_polls).map(|stream| [Transport::Polling, stream])
    }
}

/// The metrics that a figure draws; empty if the figure is an answer by itself.
fn drawn_by(figure: Figure) -> Vec<Drawn> {
    match figure {
        Figure::Metric(metric) => vec![Drawn::Metric(metric)],
        Figure::Overhead => vec![Drawn::Overhead],
        Figure::Frontier => [Metric::AgeMean, Metric::WireTotal].map(Drawn::Metric).to_vec(),
        Figure::LubbersGreco => vec![Drawn::Metric(Metric::WireTotal), Drawn::Overhead],
        Figure::Timeline | Figure::Anatomy | Figure::Matrix => Vec::new(),
    }
}

/// A quantity that a chart can draw for a row or a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// A metric of the run file.
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

    /// The value of a row, if it may be shown.
    pub fn shown_of(self, row: &Row) -> Option<f64> {
        match self {
            Self::Metric(metric) => row.shown(metric).ok(),
            Self::Overhead => self.of(&row.metrics),
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
        assert_eq!(View::new(&run).distinguishing_settings(0), [(Setting::PollInterval, 1e9)]);
        let rates = [10.0, 11.0].map(|rate_per_s| Point { rate_per_s, ..fake::point() });
        let run = fake::run("mine", "?", None, rates.to_vec(), 1);
        let told = [0, 1].map(|point| View::new(&run).distinguishing_settings(point));
        assert_eq!(told, [[(Setting::Rate, 10.0)], [(Setting::Rate, 11.0)]]);
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
