//! Pairs the rows of two runs, and finds the settings that differ.
//!
//! Rows are paired if their points have exactly the same requested settings; the measured rate and payload of a feed do
//! not count. If a setting has one value in each run, but not the same, it is the subject of the comparison or a
//! mistake: the comparison names it, and pairs rows in spite of it.

use crate::report::findings::compare::{Caveat, Which};
use crate::run::file::{Point, Row, Run};
use crate::run::reason::RowId;
use crate::run::setting::Setting;

/// The rows of two runs, each with its counterpart.
pub struct Pairing<'a> {
    /// Rows of the first run, with the row of the second that belongs to it.
    pub pairs: Vec<(&'a Row, &'a Row)>,
    /// The settings that differ, and the rows without a counterpart.
    pub caveats: Vec<Caveat>,
}

/// Pairs the rows of two runs, the TCP baselines last.
pub fn of<'a>(before: &'a Run, after: &'a Run) -> Pairing<'a> {
    let (first, second): (Vec<&Row>, Vec<&Row>) = (before.rows().collect(), after.rows().collect());
    let asked: Vec<Asked> = Setting::ALL.iter().map(|setting| Asked::of(*setting, &first, &second)).collect();
    let mut partners: Vec<Option<usize>> = vec![None; first.len()];
    let are_equal = |a: &Row, b: &Row| Setting::ALL.iter().all(|setting| is_same(*setting, &a.point, &b.point));
    let are_alike = |a: &Row, b: &Row| asked.iter().all(|setting| setting.allows(a, b));
    // Rows that are equal in everything are paired before those that only agree in relevant settings.
    for is_match in [&are_equal as &dyn Fn(&Row, &Row) -> bool, &are_alike] {
        for (place, row) in first.iter().enumerate().filter(|(place, _)| partners[*place].is_none()).collect::<Vec<_>>()
        {
            let is_free = |index: &usize| !partners.contains(&Some(*index));
            let is_counterpart = |other: &Row| other.transport == row.transport && is_match(row, other);
            partners[place] = (0..second.len()).filter(is_free).find(|index| is_counterpart(second[*index]));
        }
    }
    let paired = |(row, partner): (&&'a Row, &Option<usize>)| Some((*row, second[(*partner)?]));
    let pairs = first.iter().zip(&partners).filter_map(paired).collect();
    let alone = partners.iter().zip(&first).filter(|(partner, _)| partner.is_none()).map(|(_, row)| row.id());
    let unclaimed = (0..second.len()).filter(|index| !partners.contains(&Some(*index))).map(|index| second[index].id());
    let alone: [Vec<RowId>; 2] = [alone.collect(), unclaimed.collect()];
    let only_in = Which::BOTH.into_iter().zip(alone).filter(|(_, rows)| !rows.is_empty());
    let only_in = only_in.map(|(run, rows)| Caveat::OnlyIn { run, rows });
    Pairing { pairs, caveats: asked.iter().filter_map(Asked::differing).chain(only_in).collect() }
}

/// True if two points have the same requested value of a setting, or neither has one.
fn is_same(setting: Setting, a: &Point, b: &Point) -> bool {
    match (setting.is_measured(a), setting.is_measured(b)) {
        (true, true) => true,
        (false, false) => setting.of(a) == setting.of(b),
        (true, false) | (false, true) => false,
    }
}

/// The requested values of a setting in two runs.
struct Asked {
    setting: Setting,
    /// The distinct values in each run, in order; empty if it was measured.
    values: [Vec<f64>; 2],
}

impl Asked {
    fn of(setting: Setting, first: &[&Row], second: &[&Row]) -> Self {
        let values = |rows: &[&Row]| {
            let mut values: Vec<f64> = Vec::new();
            for row in rows.iter().filter(|row| !setting.is_measured(&row.point)) {
                let value = setting.of(&row.point);
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            values
        };
        Self { setting, values: [values(first), values(second)] }
    }

    /// True if this setting allows these two rows to be compared.
    fn allows(&self, a: &Row, b: &Row) -> bool {
        let is_held = self.values.iter().all(|values| values.len() <= 1);
        is_held || !self.setting.concerns(a.transport) || is_same(self.setting, &a.point, &b.point)
    }

    /// A caveat if the requested values differ.
    fn differing(&self) -> Option<Caveat> {
        let [a, b] = &self.values;
        let is_in = |values: &[f64], others: &[f64]| values.iter().all(|value| others.contains(value));
        let is_same = a.is_empty() || b.is_empty() || is_in(a, b) && is_in(b, a);
        (!is_same).then(|| Caveat::Setting { setting: self.setting, values: self.values.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::file::Leaving;
    use crate::run::fixture;
    use crate::run::{Heads, Transport};
    use crate::units::Nanos;

    /// Sets something at every point of a run.
    fn set(run: &mut Run, set: impl Fn(&mut Point)) {
        run.summary.iter_mut().chain(&mut run.tcp_baseline).for_each(|row| set(&mut row.point));
        run.trials.iter_mut().for_each(|trial| set(&mut trial.point));
    }

    #[test]
    fn a_setting_that_is_constant_in_each_run_is_named_once_and_rows_are_paired() {
        let before = fixture::run(|_, _| 1.0);
        type Change<'a> = (&'a dyn Fn(&mut Point), Setting, [f64; 2]);
        let changes: [Change<'_>; 7] = [
            (&|point| point.poll_interval_ns = Nanos(500_000_000), Setting::PollInterval, [1e9, 5e8]),
            (&|point| point.request_header_bytes = 500, Setting::RequestHeader, [0.0, 500.0]),
            (&|point| point.heads = Heads::Browser, Setting::Heads, [0.0, 1.0]),
            (&|point| point.hold_ns = Nanos::SECOND, Setting::Hold, [25e9, 1e9]),
            (&|point| point.rtt_ns = Nanos::MILLI, Setting::RoundTrip, [0.0, 1e6]),
            (&|point| point.rate_per_s = 50.0, Setting::Rate, [10.0, 50.0]),
            (
                &|point| point.churn = Leaving::Each(Nanos::SECOND),
                Setting::Churn,
                [Leaving::Never, Leaving::Each(Nanos::SECOND)]
                    .map(|churn| Setting::Churn.of(&Point { churn, ..fixture::point(0) })),
            ),
        ];
        for (change, setting, values) in changes {
            let mut after = before.clone();
            set(&mut after, change);
            let found = of(&before, &after);
            assert_eq!(found.pairs.len(), before.summary.len() + before.tcp_baseline.len(), "{setting:?}");
            let values = values.map(|value| vec![value]);
            assert_eq!(found.caveats, [Caveat::Setting { setting, values }]);
            assert!(found.pairs.iter().all(|(a, b)| a.transport == b.transport && a.point.clients == b.point.clients));
        }
    }

    #[test]
    fn a_sweep_meets_a_single_point_where_the_two_agree() {
        let before = fixture::run(|_, _| 1.0);
        let mut after = before.clone();
        after.summary.retain(|row| row.point.clients == 1_000);
        after.tcp_baseline.retain(|row| row.point.clients == 1_000);
        set(&mut after, |point| point.hold_ns = Nanos::SECOND);
        let found = of(&before, &after);
        assert_eq!(found.pairs.len(), 5);
        assert!(found.pairs.iter().all(|(a, b)| [a, b].iter().all(|row| row.point.clients == 1_000)));
        let values = [vec![50.0, 1_000.0], vec![1_000.0]];
        assert!(found.caveats.contains(&Caveat::Setting { setting: Setting::Clients, values }), "{:?}", found.caveats);
        let Some(Caveat::OnlyIn { run: Which::First, rows }) = found.caveats.last() else {
            panic!("{:?}", found.caveats)
        };
        assert!(rows.len() == 5 && rows.iter().all(|row| row.point_index == 0), "{rows:?}");
    }

    #[test]
    fn a_transport_that_does_not_poll_is_paired_across_sweeps_of_the_poll_interval() {
        let mut before = fixture::run(|_, _| 1.0);
        set(&mut before, |point| point.poll_interval_ns = Nanos(u64::from(point.clients) * Nanos::MILLI.0));
        set(&mut before, |point| point.clients = 50);
        let mut after = before.clone();
        set(&mut after, |point| point.poll_interval_ns = Nanos(point.poll_interval_ns.0 * 20));
        // 50 ms and 1 s against 1 s and 20 s.
        let found = of(&before, &after);
        let polling = found.pairs.iter().filter(|(a, _)| a.transport == Some(Transport::Polling));
        let intervals: Vec<_> = polling.map(|(a, b)| (a.point.poll_interval_ns, b.point.poll_interval_ns)).collect();
        assert_eq!(intervals, [(Nanos::SECOND, Nanos::SECOND)]);
        assert_eq!(found.pairs.len(), 9, "all others have both their rows");
    }

    #[test]
    fn runs_of_other_transports_have_no_pair() {
        let mut before = fixture::run(|_, _| 1.0);
        let mut after = before.clone();
        before.tcp_baseline.clear();
        before.summary.retain(|row| row.transport == Some(Transport::Sse));
        after.summary.retain(|row| row.transport == Some(Transport::Polling));
        assert!(of(&before, &after).pairs.is_empty());
    }

    #[test]
    fn points_that_are_near_one_another_are_not_taken_for_one() {
        let mut before = fixture::run(|_, _| 1.0);
        set(&mut before, |point| point.rate_per_s = if point.clients == 50 { 10.0 } else { 11.0 });
        set(&mut before, |point| point.clients = 50);
        let mut after = before.clone();
        // The order of rows says nothing.
        after.summary.reverse();
        for after in [before.clone(), after] {
            let found = of(&before, &after);
            assert_eq!((found.pairs.len(), &found.caveats), (10, &Vec::new()));
            assert!(found.pairs.iter().all(|(a, b)| a.point == b.point && a.point_index == b.point_index));
        }
    }

    #[test]
    fn a_rate_that_is_swept_in_one_run_and_measured_in_the_other_pairs_nothing() {
        let mut before = fixture::run(|_, _| 1.0);
        set(&mut before, |point| point.rate_per_s = f64::from(point.clients));
        set(&mut before, |point| point.clients = 50);
        let mut after = before.clone();
        set(&mut after, |point| point.measured_feed = true);
        assert!(of(&before, &after).pairs.is_empty());
        assert_eq!(of(&after, &after).pairs.len(), 10, "measured in both, they are the points of one list");
        set(&mut before, |point| point.rate_per_s = 10.0);
        assert_eq!(of(&before, &after).pairs.len(), 10, "asked for once, there is no choice");
    }
}
