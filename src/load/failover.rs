//! Turns the clients' records after a kill into a failover report.

use crate::limits;
use crate::load::context::Outcome;
use crate::measure::delivery::Window;
use crate::run::failover::FailoverReport;
use crate::stats::nearest_rank;
use crate::units::Nanos;

/// What happened to these clients after the kill at `killed`.
pub fn report(outcomes: &[Outcome], killed: Nanos, window: Window) -> FailoverReport {
    let cuts = || outcomes.iter().filter_map(|outcome| outcome.cut);
    let mut recover: Vec<Nanos> = cuts().filter_map(|cut| Some(cut.back?.saturating_sub(killed))).collect();
    recover.sort_unstable();
    let at = |share| nearest_rank(&recover, share).unwrap_or_default();
    let mut dialled: Vec<Nanos> = outcomes.iter().flat_map(|outcome| outcome.dialled.iter().copied()).collect();
    dialled.sort_unstable();
    let slice = limits::STORM_SLICE;
    let most = (0..dialled.len())
        .map(|first| dialled[first..].partition_point(|dial| dial.saturating_sub(dialled[first]) < slice));
    let most = most.max().unwrap_or(0);
    let deliveries = outcomes.iter().flat_map(|outcome| &outcome.seen.deliveries);
    let mut arrived: Vec<Nanos> =
        deliveries.map(|one| one.arrived_ns).filter(|at| *at >= killed && *at < window.end).collect();
    arrived.extend([killed, window.end]);
    arrived.sort_unstable();
    let silence = arrived.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default();
    FailoverReport {
        at_ns: killed.saturating_sub(window.start),
        cut: cuts().count() as u64,
        back: recover.len() as u64,
        recover_ns_p50: at(0.5),
        recover_ns_p99: at(0.99),
        recover_ns_max: at(1.0),
        recovered: outcomes.iter().map(|outcome| outcome.recovered.len() as u64).sum(),
        dialled: dialled.len() as u64,
        dialled_per_s_max: most as f64 / slice.seconds(),
        silence_ns_max: silence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::context::Cut;
    use crate::measure::delivery::{Delivery, DeliveryLog};

    #[test]
    fn times_count_from_the_kill_and_the_storm_is_its_busiest_tenth_of_a_second() {
        let ms = |count: u64| Nanos(count * 1_000_000);
        let client = |back: Option<u64>, dialled: &[u64], arrived: &[u64]| {
            let deliver = |at: &u64| Delivery { seq: *at, at_ns: ms(*at), arrived_ns: ms(*at), bytes: 1 };
            Outcome {
                cut: Some(Cut { back: back.map(ms) }),
                dialled: dialled.iter().copied().map(ms).collect(),
                recovered: vec![ms(1); 2],
                seen: DeliveryLog { deliveries: arrived.iter().map(deliver).collect(), gaps: Vec::new() },
                ..Outcome::default()
            }
        };
        let whole = Outcome { cut: None, ..Outcome::default() };
        let outcomes = [
            client(Some(1_300), &[1_010, 1_050], &[900, 1_300, 1_950]),
            client(Some(1_500), &[1_095], &[]),
            client(None, &[1_111], &[]),
            whole,
        ];
        let window = Window { start: Nanos::ZERO, end: ms(2_000) };
        let report = report(&outcomes, ms(1_000), window);
        assert_eq!((report.cut, report.back, report.recovered, report.dialled), (3, 2, 6, 4));
        assert_eq!((report.at_ns, report.recover_ns_max), (ms(1_000), ms(500)));
        assert_eq!((report.dialled_per_s_max, report.silence_ns_max), (30.0, ms(650)));
    }
}
