//! The quantity along the axis of a group of points: the swept setting, or one key of the swept paths.

use crate::report::findings::view::{Setting, View};
use crate::run::file::Point;
use crate::run::metric::Unit;
use crate::run::path::PathSettings;

/// The quantity along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Along {
    /// The setting.
    Setting(Setting),
    /// The loss of paths that differ in nothing else.
    Loss,
    /// The round trip of paths that differ in nothing else.
    RoundTrip,
}

impl Along {
    /// The quantity that suits a sweep: the key in which paths differ if there are several for each value of the other
    /// keys; otherwise the setting itself.
    pub fn of_sweep(view: &View<'_>, setting: Setting) -> Self {
        let paths: Vec<PathSettings> =
            view.points().into_iter().filter_map(|point| view.point(point).and_then(|point| point.path)).collect();
        if setting != Setting::Path || paths.len() < view.points().len() {
            return Self::Setting(setting);
        }
        let have_company = |along: &Self| {
            let is_alike = |a: PathSettings, b: PathSettings| a != b && along.rest_of(a) == along.rest_of(b);
            paths.iter().all(|path| paths.iter().any(|other| is_alike(*path, *other)))
        };
        [Self::Loss, Self::RoundTrip].into_iter().find(have_company).unwrap_or(Self::Setting(setting))
    }

    /// A path without the quantity of the axis; `None` if that is the whole path.
    fn rest_of(self, path: PathSettings) -> Option<PathSettings> {
        match self {
            Self::Setting(_) => None,
            Self::Loss => Some(PathSettings { loss: 0.0, burst: None, ..path }),
            Self::RoundTrip => Some(PathSettings { rtt: crate::units::Nanos::ZERO, ..path }),
        }
    }

    /// What a point has in common with the others of its group, in addition to all other settings.
    pub fn common(self, point: &Point) -> Option<String> {
        let rest = point.path.and_then(|path| self.rest_of(path))?;
        let rate = Setting::Path.phrase(Setting::Path.of(&Point { path: Some(rest), ..point.clone() }));
        Some(match self {
            Self::Loss => format!("a round trip of {}", rest.rtt),
            Self::RoundTrip if rest == PathSettings::default() => "no limit of the rate".to_owned(),
            Self::RoundTrip | Self::Setting(_) => rate.replace("rtt=0ms,", ""),
        })
    }

    /// The value of a point.
    pub fn of(self, point: &Point) -> f64 {
        match self {
            Self::Setting(setting) => setting.of(point),
            Self::Loss => point.loss(),
            Self::RoundTrip => point.round_trip().0 as f64,
        }
    }

    /// A value at a tick.
    pub fn tick(self, value: f64) -> String {
        match self {
            Self::Setting(setting) => setting.tick(value),
            Self::Loss => format!("{} %", crate::units::short_number(value * 100.0)),
            Self::RoundTrip => Unit::Nanos.tick(value),
        }
    }

    /// The title of the axis.
    pub fn label(self) -> &'static str {
        match self {
            Self::Setting(setting) => setting.label(),
            Self::Loss => "share of the packets that is lost, each way",
            Self::RoundTrip => "round trip of the path",
        }
    }

    /// True if its values have an order: there are values in between, so that a line can be drawn and two transports
    /// can cross over.
    pub fn has_order(self) -> bool {
        match self {
            Self::Setting(setting) => !setting.is_category(),
            Self::Loss | Self::RoundTrip => true,
        }
    }

    /// True if its values are placed side by side, and not along a scale.
    pub fn is_category(self) -> bool {
        match self {
            Self::Setting(setting) => setting.is_category(),
            // 0, 0.1, 1 and 5 per cent: no scale would have room for all of them.
            Self::Loss => true,
            Self::RoundTrip => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;

    #[test]
    fn paths_that_differ_in_one_key_stand_along_it_and_others_beside_one_another() {
        for (paths, along) in [
            (&["rtt=20ms", "rtt=20ms,loss=1%", "rtt=100ms", "rtt=100ms,loss=1%"][..], Along::Loss),
            (&["rtt=0ms", "rtt=20ms", "rtt=0ms,rate=1Mbit", "rtt=20ms,rate=1Mbit"], Along::RoundTrip),
            (&["4g", "3g", "satellite"], Along::Setting(Setting::Path)),
            (&["rtt=20ms", "rtt=100ms"], Along::RoundTrip),
        ] {
            let points = paths.iter().map(|path| Point { path: path.parse().ok(), ..fake::point() }).collect();
            let run = fake::run("paths", "?", Some("path"), points, 1);
            let view = View::new(&run);
            assert_eq!(Along::of_sweep(&view, Setting::Path), along, "{paths:?}");
            assert_eq!(along.has_order(), along != Along::Setting(Setting::Path), "{paths:?}");
            assert_eq!(Along::of_sweep(&view, Setting::Clients), Along::Setting(Setting::Clients));
        }
    }
}
