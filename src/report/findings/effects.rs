//! The effect of each value of a swept setting with all other settings equal, from pairs of points.

use crate::report::findings::view::{Drawn, Setting, View};
use crate::run::Transport;
use crate::run::file::Point;
use crate::run::metric::Metric;
use crate::run::protocol::Protocol;
use crate::stats::{self, Difference};

/// The smallest change that is reported. A smaller one does not matter for a choice between two points.
pub const SHARE_MIN: f64 = 0.03;

/// A pair of points that differ in one setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub setting: Setting,
    /// The point to compare with.
    pub from: usize,
    /// The point with the changed setting.
    pub to: usize,
}

/// The effect of a step on a metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Effect {
    /// Clear changes as ratios, the smallest first.
    pub changed: Vec<(f64, Transport)>,
    /// The transports without a clear change.
    pub same: Vec<Transport>,
}

impl Effect {
    /// The effect on all transports that were measured at both points; `None` if there is none.
    pub fn of(view: &View<'_>, step: Step, metric: Metric) -> Option<Self> {
        let mut effect = Self::default();
        for transport in view.transports() {
            let is_there = |point| view.row(point, transport).and_then(|row| row.metrics.get(metric).0) != Some(0.0);
            let Some(found) = difference(view, [step.from, step.to], transport, metric) else { continue };
            // Zero before and after is no finding.
            if !is_there(step.from) && !is_there(step.to) {
                continue;
            }
            match clear_change(&found) {
                Some(ratio) => effect.changed.push((ratio, transport)),
                None => effect.same.push(transport),
            }
        }
        effect.changed.sort_by(|a, b| a.0.total_cmp(&b.0));
        (!effect.changed.is_empty() || !effect.same.is_empty()).then_some(effect)
    }
}

/// The ratio of the second point to the first for one transport; `None` if a figure is not shown.
pub(crate) fn difference(
    view: &View<'_>,
    [from, to]: [usize; 2],
    transport: Transport,
    metric: Metric,
) -> Option<Difference> {
    let drawn = Drawn::Metric(metric);
    let sample = |point: usize| {
        view.row(point, transport).and_then(|row| drawn.shown_of(row))?;
        view.sample(point, transport, drawn)
    };
    stats::difference(&sample(to)?, &sample(from)?)
}

/// The ratio, if it is clear and the change is large enough to matter.
pub(crate) fn clear_change(found: &Difference) -> Option<f64> {
    let is_told = found.is_clear && (found.ratio - 1.0).abs() >= SHARE_MIN && found.ratio > 0.0;
    is_told.then_some(found.ratio)
}

/// The point that a point of a table is compared with: the same one with connections kept, else the first point.
pub(crate) fn base_of(view: &View<'_>, point: usize) -> Option<usize> {
    let found = view.point(point)?;
    let kept = (!found.keep_alive).then(|| twin(view, found, Setting::KeepAlive, 1.0)).flatten();
    kept.or_else(|| view.points().first().copied()).filter(|base| *base != point)
}

/// The steps that show the effects of a sweep's settings. New connections for each request are shown at every point.
/// Each value of the other settings is shown once, with all others at their first value.
pub(crate) fn steps(view: &View<'_>) -> Vec<Step> {
    let points = view.points();
    let Some(first) = points.first().and_then(|first| view.point(*first)) else { return Vec::new() };
    let fresh: Vec<Step> = points
        .iter()
        .filter_map(|to| {
            let point = view.point(*to).filter(|point| !point.keep_alive)?;
            let from = twin(view, point, Setting::KeepAlive, 1.0)?;
            Some(Step { setting: Setting::KeepAlive, from, to: *to })
        })
        .collect();
    if !fresh.is_empty() {
        return fresh;
    }
    let of = |setting: Setting| {
        points.iter().filter_map(move |to| {
            let point = view.point(*to)?;
            let is_alone = Setting::ALL.iter().all(|other| *other == setting || !other.differs(point, first));
            let from = if setting == Setting::Protocol { without(point.protocol) } else { setting.of(first) };
            let from = twin(view, point, setting, from).or_else(|| twin(view, point, setting, setting.of(first)))?;
            (is_alone && setting.differs(point, first)).then_some(Step { setting, from, to: *to })
        })
    };
    Setting::ALL.iter().flat_map(|setting| of(*setting)).collect()
}

/// The protocol that a protocol is compared with, so that only one thing is added: TLS to HTTP/1.1, then HTTP/2.
fn without(protocol: Protocol) -> f64 {
    let beside = match protocol {
        Protocol::Http1 | Protocol::Https1 | Protocol::H2c => Protocol::Http1,
        Protocol::H2 => Protocol::Https1,
    };
    Setting::Protocol.of(&Point { protocol: beside, ..Point::default() })
}

/// The point that differs from this one only in `setting`, which has this value there.
fn twin(view: &View<'_>, point: &Point, setting: Setting, value: f64) -> Option<usize> {
    view.points().into_iter().find(|other| {
        view.point(*other).is_some_and(|other| {
            setting.of(other) == value
                && setting.of(other) != setting.of(point)
                && Setting::ALL.iter().all(|one| *one == setting || !one.differs(point, other))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::metric::Value;
    use crate::run::protocol::Compression;

    fn point(protocol: Protocol, compression: Compression, keep_alive: bool) -> Point {
        Point { protocol, compression, keep_alive, ..fake::point() }
    }

    #[test]
    fn each_value_has_one_step_and_http2_over_tls_is_compared_with_tls() {
        use Compression::{Gzip, None};
        use Protocol::{H2, Http1, Https1};
        let points = [Http1, Https1, H2].map(|protocol| [None, Gzip].map(|one| point(protocol, one, true)));
        let run = fake::run("mine", "?", Some("protocol"), points.concat(), 3);
        let view = View::new(&run);
        let told: Vec<(usize, usize)> = steps(&view).into_iter().map(|step| (step.from, step.to)).collect();
        assert_eq!(told, [(0, 2), (2, 4), (0, 1)]);
        assert_eq!([5, 0].map(|point| base_of(&view, point)), [Some(0), Option::None]);
    }

    #[test]
    fn new_connections_are_compared_with_kept_ones_at_every_point() {
        use Protocol::{Http1, Https1};
        let points = [Http1, Https1].map(|protocol| [true, false].map(|kept| point(protocol, Compression::None, kept)));
        let run = fake::run("mine", "?", Some("protocol"), points.concat(), 3);
        let view = View::new(&run);
        let told: Vec<(usize, usize)> = steps(&view).into_iter().map(|step| (step.from, step.to)).collect();
        assert_eq!(told, [(0, 1), (2, 3)]);
        assert_eq!([1, 2, 3].map(|point| base_of(&view, point)), [Some(0), Some(0), Some(2)]);
    }

    #[test]
    fn only_clear_changes_count_as_changed() {
        let points = [true, false].map(|kept| point(Protocol::Http1, Compression::None, kept));
        let mut run = fake::run("mine", "?", Some("keep_alive"), points.to_vec(), 3);
        for trial in run.trials.iter_mut().filter(|trial| trial.transport == Some(Transport::Polling)) {
            let bytes = &mut trial.metrics.wire_bytes_per_delivery.total;
            let times = if trial.point.keep_alive { 1.0 } else { 3.0 };
            *bytes = Value(bytes.0.map(|value| value * times));
        }
        (run.summary, run.tcp_baseline) = crate::run::summary::summarise(&run.trials, 1);
        let view = View::new(&run);
        let effect = Effect::of(&view, steps(&view)[0], Metric::WireTotal).unwrap();
        assert_eq!(effect.changed.iter().map(|(_, transport)| *transport).collect::<Vec<_>>(), [Transport::Polling]);
        assert!((effect.changed[0].0 - 3.0).abs() < 0.2, "{effect:?}");
        assert_eq!(effect.same.len(), 3);
    }
}
