//! Which row of one run belongs to which of the other, and which settings the two runs do not share.
//!
//! A setting that each run keeps at one value, and not at the same, is what the comparison is about, or a slip: it is
//! named, and rows are paired in spite of it. A setting that either run sweeps tells its rows apart.

use crate::report::findings::compare::{Caveat, Which};
use crate::report::findings::view::Setting;
use crate::run::Transport;
use crate::run::file::{Row, Run};
use crate::run::reason::RowId;
use crate::run::summary::{is_another, is_same_point};

/// The rows of two runs, each with its counterpart.
pub struct Pairing<'a> {
    /// Rows of the first run, with the row of the second that belongs to it.
    pub pairs: Vec<(&'a Row, &'a Row)>,
    /// What differs in the settings, and which rows are alone.
    pub caveats: Vec<Caveat>,
}

/// Pairs the rows of two runs, the TCP baselines last.
pub fn of<'a>(before: &'a Run, after: &'a Run) -> Pairing<'a> {
    let rows = |run: &'a Run| -> Vec<&'a Row> { run.summary.iter().chain(&run.tcp_baseline).collect() };
    let (first, second) = (rows(before), rows(after));
    let (held, mut caveats) = differing_settings(&first, &second);
    let mut partners: Vec<Option<usize>> = vec![None; first.len()];
    let is_equal = |a: &Row, b: &Row| is_same_point(&a.point, &b.point);
    let is_alike = |a: &Row, b: &Row| is_alike(a, b, &held);
    // Rows that agree in everything find one another before those that agree only in what matters.
    for is_match in [&is_equal as &dyn Fn(&Row, &Row) -> bool, &is_alike] {
        for (place, row) in first.iter().enumerate().filter(|(place, _)| partners[*place].is_none()).collect::<Vec<_>>()
        {
            let is_free = |index: &usize| !partners.contains(&Some(*index));
            let is_counterpart = |other: &Row| other.transport == row.transport && is_match(row, other);
            partners[place] = (0..second.len()).filter(is_free).find(|index| is_counterpart(second[*index]));
        }
    }
    let paired = |(row, partner): (&&'a Row, &Option<usize>)| Some((*row, second[(*partner)?]));
    let pairs = first.iter().zip(&partners).filter_map(paired).collect();
    let ids = |rows: &mut dyn Iterator<Item = &&Row>| -> Vec<RowId> { rows.map(|row| row.id()).collect() };
    let alone = partners.iter().zip(&first).filter(|(partner, _)| partner.is_none()).map(|(_, row)| row);
    let unclaimed =
        second.iter().enumerate().filter(|(index, _)| !partners.contains(&Some(*index))).map(|(_, row)| row);
    let alone = [ids(&mut { alone }), ids(&mut { unclaimed })];
    let only_in = Which::BOTH.into_iter().zip(alone).filter(|(_, rows)| !rows.is_empty());
    caveats.extend(only_in.map(|(run, rows)| Caveat::OnlyIn { run, rows }));
    Pairing { pairs, caveats }
}

/// The settings that each run holds at a value of its own, and each setting that is not the same.
fn differing_settings(first: &[&Row], second: &[&Row]) -> (Vec<Setting>, Vec<Caveat>) {
    let (mut held, mut caveats) = (Vec::new(), Vec::new());
    for setting in Setting::ALL {
        let (a, b) = (values(setting, first), values(setting, second));
        let is_known = |value: &f64, others: &[f64]| others.iter().any(|other| is_same(setting, *value, *other));
        // What a feed was measured at is no setting of one run, and then nothing that differs from the other's.
        let is_unset = a.is_empty() || b.is_empty();
        if is_unset || a.iter().all(|value| is_known(value, &b)) && b.iter().all(|value| is_known(value, &a)) {
            continue;
        }
        if a.len() == 1 && b.len() == 1 {
            held.push(setting);
        }
        caveats.push(Caveat::Setting { setting, values: [a, b] });
    }
    (held, caveats)
}

/// The values that a setting has in these rows, each once, in order.
fn values(setting: Setting, rows: &[&Row]) -> Vec<f64> {
    let mut values: Vec<f64> = Vec::new();
    for value in rows.iter().filter(|row| !setting.is_measured(&row.point)).map(|row| setting.of(&row.point)) {
        if !values.iter().any(|known| is_same(setting, *known, value)) {
            values.push(value);
        }
    }
    values
}

/// The same value of a setting; what a feed was measured at may differ a little.
fn is_same(setting: Setting, a: f64, b: f64) -> bool {
    match setting {
        Setting::Rate | Setting::Payload => !is_another(a, b),
        Setting::Clients
        | Setting::PollInterval
        | Setting::RoundTrip
        | Setting::RequestHeader
        | Setting::Hold
        | Setting::Link
        | Setting::Jitter
        | Setting::Churn
        | Setting::Storm
        | Setting::Echo => a == b,
    }
}

/// Do two rows agree in every setting that concerns their transport, those aside that each run holds?
fn is_alike(a: &Row, b: &Row, held: &[Setting]) -> bool {
    let matters = |setting: &Setting| !held.contains(setting) && concerns(*setting, a.transport);
    let is_measured = |one: Setting| one.is_measured(&a.point) || one.is_measured(&b.point);
    Setting::ALL
        .into_iter()
        .filter(matters)
        .all(|one| is_measured(one) || is_same(one, one.of(&a.point), one.of(&b.point)))
}

/// Can a setting change what this transport (`None`: the TCP baseline) does?
fn concerns(setting: Setting, transport: Option<Transport>) -> bool {
    match setting {
        Setting::PollInterval => transport == Some(Transport::Polling),
        Setting::Hold => transport == Some(Transport::LongPolling),
        Setting::RequestHeader => transport.is_some(),
        Setting::Rate
        | Setting::Clients
        | Setting::Payload
        | Setting::RoundTrip
        | Setting::Link
        | Setting::Jitter
        | Setting::Churn
        | Setting::Storm
        | Setting::Echo => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::file::Point;
    use crate::run::fixture;
    use crate::units::Nanos;

    /// Sets something at every point of a run.
    fn set(run: &mut Run, set: impl Fn(&mut Point)) {
        run.summary.iter_mut().chain(&mut run.tcp_baseline).for_each(|row| set(&mut row.point));
        run.trials.iter_mut().for_each(|trial| set(&mut trial.point));
    }

    #[test]
    fn a_setting_that_each_run_holds_is_named_once_and_the_rows_are_paired_in_spite_of_it() {
        let before = fixture::run(|_, _| 1.0);
        type Change<'a> = (&'a dyn Fn(&mut Point), Setting, [f64; 2]);
        let changes: [Change<'_>; 6] = [
            (&|point| point.poll_interval_ns = Nanos(500_000_000), Setting::PollInterval, [1e9, 5e8]),
            (&|point| point.request_header_bytes = 500, Setting::RequestHeader, [0.0, 500.0]),
            (&|point| point.hold_ns = Nanos::SECOND, Setting::Hold, [25e9, 1e9]),
            (&|point| point.rtt_ns = Nanos::MILLI, Setting::RoundTrip, [0.0, 1e6]),
            (&|point| point.rate_per_s = 50.0, Setting::Rate, [10.0, 50.0]),
            (&|point| point.churn_ns = Some(Nanos::SECOND), Setting::Churn, [0.0, 1e9]),
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
        assert_eq!(found.caveats[0], Caveat::Setting { setting: Setting::Clients, values });
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
}
