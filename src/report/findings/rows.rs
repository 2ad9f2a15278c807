//! The rows of a run, with the settings that distinguish them.

use crate::run::Transport;
use crate::run::file::{Point, Row, Run};
use crate::run::reason::RowId;
use crate::run::setting::Setting;

/// The rows of a run, the TCP baseline's last, each with its point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows(Vec<(RowId, Point)>);

impl Rows {
    /// The rows of a run.
    pub fn of(run: &Run) -> Self {
        let entry = |row: &Row| (row.id(), row.point.clone());
        Self(run.summary.iter().chain(&run.tcp_baseline).map(entry).collect())
    }

    /// The ids of all rows.
    pub fn ids(&self) -> impl Iterator<Item = RowId> {
        self.0.iter().map(|(row, _)| *row)
    }

    /// How many points a transport (`None`: the TCP baseline) has a row at.
    pub fn count(&self, transport: Option<Transport>) -> usize {
        self.ids().filter(|row| row.transport == transport).count()
    }

    /// The settings of a row that differ between rows; empty for an unknown row.
    pub fn distinguishing(&self, row: RowId) -> Vec<(Setting, f64)> {
        let Some((_, point)) = self.0.iter().find(|(id, _)| *id == row) else { return Vec::new() };
        distinguishing(point, &self.0.iter().map(|(_, point)| point).collect::<Vec<_>>())
    }
}

/// The settings of `point` that differ between `points`, without values that were measured from a feed.
fn distinguishing(point: &Point, points: &[&Point]) -> Vec<(Setting, f64)> {
    let telling = Setting::ALL.iter().filter(|setting| points.iter().any(|other| setting.differs(point, other)));
    telling.map(|setting| (*setting, setting.of(point))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;

    #[test]
    fn a_requested_rate_or_payload_distinguishes_points_and_a_measured_one_does_not() {
        let asked = Point { rate_per_s: 10.0, ..fake::point() };
        let other = Point { rate_per_s: 11.0, payload_bytes: 999.0, ..asked.clone() };
        let names = |point, points: &[&Point]| -> Vec<Setting> {
            distinguishing(point, points).into_iter().map(|(setting, _)| setting).collect()
        };
        assert_eq!(names(&asked, &[&asked, &other]), [Setting::Rate, Setting::Payload]);
        let [one, two] = [&asked, &other].map(|point| Point { measured_feed: true, ..point.clone() });
        assert_eq!(names(&one, &[&one, &two, &asked]), []);
        assert_eq!(names(&one, &[&one, &Point { clients: 7, ..two }]), [Setting::Clients]);
    }
}
