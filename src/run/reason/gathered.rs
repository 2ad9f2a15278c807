//! Merges reasons of the same kind from several trials or rows.

use crate::run::reason::{Cause, Reason, RowId};

impl Cause {
    /// Merges another cause of the same kind into this one: counts are added, everything else keeps the worst. Returns
    /// false, and changes nothing, if the two are not of the same kind.
    fn absorb(&mut self, other: &Self) -> bool {
        if self.code() != other.code() {
            return false;
        }
        match self {
            Self::Lost { count, of } | Self::LostAnnounced { count, of } => {
                let (Self::Lost { count: more, of: due } | Self::LostAnnounced { count: more, of: due }) = other else {
                    return false;
                };
                (*count, *of) = (*count + more, *of + due);
            }
            Self::Duplicate { count }
            | Self::Reordered { count }
            | Self::ArrivedBeforeDue { count }
            | Self::Refused { count }
            | Self::Throttled { count }
            | Self::PublishThrottled { count }
            | Self::PublishRefused { count }
            | Self::PublishFailed { count }
            | Self::Unread { count, .. }
            | Self::MissedPolls { count } => *count += other.count(),
            Self::GeneratorStalled { lag_ns_p50, lag_ns_p99 } => {
                let Self::GeneratorStalled { lag_ns_p50: p50, lag_ns_p99: p99 } = other else { return false };
                (*lag_ns_p50, *lag_ns_p99) = ((*lag_ns_p50).max(*p50), (*lag_ns_p99).max(*p99));
            }
            Self::GeneratorStarved { waited_fraction, is_pinned } => {
                let Self::GeneratorStarved { waited_fraction: waited, is_pinned: also_pinned } = other else {
                    return false;
                };
                if is_pinned != also_pinned {
                    return false;
                }
                *waited_fraction = waited_fraction.max(*waited);
            }
            Self::AgentLost { agent, clients, detail: _ } => {
                let Self::AgentLost { agent: other, clients: more, detail: _ } = other else { return false };
                if agent != other {
                    return false;
                }
                *clients = (*clients).max(*more);
            }
            Self::AgentStarved { agent, lag_ns_p99, waited_fraction } => {
                let Self::AgentStarved { agent: other, lag_ns_p99: p99, waited_fraction: waited } = other else {
                    return false;
                };
                if agent != other {
                    return false;
                }
                *lag_ns_p99 = (*lag_ns_p99).max(*p99);
                *waited_fraction = [*waited_fraction, *waited].into_iter().flatten().reduce(f64::max);
            }
            Self::GeneratorLate { lag_ns_p99 } => {
                let Self::GeneratorLate { lag_ns_p99: p99 } = other else { return false };
                *lag_ns_p99 = (*lag_ns_p99).max(*p99);
            }
            Self::HostBusy { fraction } => {
                let Self::HostBusy { fraction: busy } = other else { return false };
                *fraction = fraction.max(*busy);
            }
            Self::OthersBusy { fraction } => {
                let Self::OthersBusy { fraction: taken } = other else { return false };
                *fraction = fraction.max(*taken);
            }
            Self::ClockUncertain { uncertainty_ns, latency_ns_p50 } => {
                let Self::ClockUncertain { uncertainty_ns: uncertain, latency_ns_p50: p50 } = other else {
                    return false;
                };
                if uncertain > uncertainty_ns {
                    (*uncertainty_ns, *latency_ns_p50) = (*uncertain, *p50);
                }
            }
            Self::LinkOff { asked_ns, gave_ns } | Self::PathRoundTripOff { asked_ns, gave_ns } => {
                let (Self::LinkOff { asked_ns: asked, gave_ns: gave }
                | Self::PathRoundTripOff { asked_ns: asked, gave_ns: gave }) = other
                else {
                    return false;
                };
                if asked_ns != asked {
                    return false;
                }
                let is_farther = gave.0.abs_diff(asked.0) > gave_ns.0.abs_diff(asked.0);
                *gave_ns = if is_farther { *gave } else { *gave_ns };
            }
            Self::PathLossOff { asked_fraction, lost, of } => {
                let Self::PathLossOff { asked_fraction: asked, lost: more, of: sent } = other else { return false };
                if asked_fraction != asked {
                    return false;
                }
                (*lost, *of) = (*lost + more, *of + sent);
            }
            Self::PathRelaySlow { missed, of } => {
                let Self::PathRelaySlow { missed: more, of: sent } = other else { return false };
                (*missed, *of) = (*missed + more, *of + sent);
            }
            Self::BytesDiffer { parts, socket } => {
                let Self::BytesDiffer { parts: more, socket: counted } = other else { return false };
                let off = |parts: u64, socket: u64| parts.abs_diff(socket) as f64 / socket.max(1) as f64;
                if off(*more, *counted) > off(*parts, *socket) {
                    (*parts, *socket) = (*more, *counted);
                }
            }
            Self::NothingDue
            | Self::PublisherBehind
            | Self::NotAudited
            | Self::NotTimed
            | Self::ClocksUnrelated
            | Self::PathStandIn { .. }
            | Self::HistogramUnreadable { .. }
            | Self::DifferentStretches { .. }
            | Self::NoTrials
            | Self::CutShort { .. }
            | Self::Other { .. } => return self == other,
        }
        true
    }

    /// Its count; zero for a cause without one.
    fn count(&self) -> u64 {
        match self {
            Self::Lost { count, .. } | Self::LostAnnounced { count, .. } => *count,
            Self::Duplicate { count } | Self::Reordered { count } | Self::ArrivedBeforeDue { count } => *count,
            Self::Refused { count } | Self::MissedPolls { count } | Self::Throttled { count } => *count,
            Self::PublishThrottled { count } | Self::PublishRefused { count } => *count,
            Self::PublishFailed { count } | Self::Unread { count, .. } => *count,
            Self::PublisherBehind | Self::NotAudited | Self::NotTimed | Self::ClocksUnrelated => 0,
            Self::AgentLost { .. } | Self::AgentStarved { .. } => 0,
            Self::NothingDue | Self::GeneratorStalled { .. } | Self::GeneratorStarved { .. } => 0,
            Self::GeneratorLate { .. } | Self::HostBusy { .. } | Self::LinkOff { .. } | Self::BytesDiffer { .. } => 0,
            Self::PathStandIn { .. } | Self::PathRoundTripOff { .. } | Self::PathLossOff { .. } => 0,
            Self::PathRelaySlow { .. } | Self::HistogramUnreadable { .. } | Self::NoTrials => 0,
            Self::DifferentStretches { .. } | Self::OthersBusy { .. } | Self::ClockUncertain { .. } => 0,
            Self::CutShort { .. } | Self::Other { .. } => 0,
        }
    }
}

/// The merged reasons of several trials or rows: each kind of cause once, the worst first, else in order of occurrence.
#[derive(Default)]
pub struct Gathered {
    reasons: Vec<Reason>,
}

impl Gathered {
    /// Adds a cause in one round of a row.
    pub fn add_round(&mut self, cause: &Cause, round: u32) {
        let known = self.reasons.iter_mut().find_map(|known| known.cause.absorb(cause).then_some(&mut known.rounds));
        match known {
            Some(rounds) if rounds.contains(&round) => {}
            Some(rounds) => rounds.push(round),
            None => self.reasons.push(Reason { rounds: vec![round], ..Reason::from(cause.clone()) }),
        }
    }

    /// Adds a reason for one row of a run.
    pub fn add_row(&mut self, reason: &Reason, row: RowId) {
        match self.reasons.iter_mut().find_map(|known| known.cause.absorb(&reason.cause).then_some(known)) {
            Some(known) => {
                known.rows.push(row);
                // It applies to all rounds of one row: no rounds are named.
                if known.rounds.is_empty() || reason.rounds.is_empty() {
                    known.rounds.clear();
                } else {
                    known.rounds.extend(&reason.rounds);
                    known.rounds.sort_unstable();
                    known.rounds.dedup();
                }
            }
            None => self.reasons.push(Reason { rows: vec![row], ..reason.clone() }),
        }
    }

    /// The reasons. A reason in `all_rounds` rounds names none of them.
    pub fn finish(mut self, all_rounds: Option<usize>) -> Vec<Reason> {
        for reason in self.reasons.iter_mut().filter(|reason| Some(reason.rounds.len()) == all_rounds) {
            reason.rounds.clear();
        }
        // A stable sort: reasons of the same severity keep their order of occurrence.
        self.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.cause.verdict()));
        self.reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::reason::tests::every_cause;
    use crate::units::Nanos;

    #[test]
    fn causes_of_one_kind_become_one_reason_and_others_stay_separate() {
        let link = |asked, gave| Cause::LinkOff { asked_ns: Nanos(asked), gave_ns: Nanos(gave) };
        let mut gathered = Gathered::default();
        for (round, cause) in [
            (1, Cause::HostBusy { fraction: 0.96 }),
            (2, Cause::HostBusy { fraction: 0.99 }),
            (2, Cause::Lost { count: 1, of: 100 }),
            (3, Cause::Lost { count: 2, of: 100 }),
            (3, Cause::HostBusy { fraction: 0.97 }),
            (1, link(100, 120)),
            (2, link(200, 120)),
            (3, link(100, 70)),
        ] {
            gathered.add_round(&cause, round);
        }
        let found: Vec<_> = gathered.finish(Some(3)).into_iter().map(|one| (one.cause, one.rounds)).collect();
        let expected = [
            (Cause::Lost { count: 3, of: 200 }, vec![2, 3]),
            (Cause::HostBusy { fraction: 0.99 }, vec![]),
            (link(100, 70), vec![1, 3]),
            (link(200, 120), vec![2]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn each_cause_merges_with_its_own_kind() {
        for cause in every_cause() {
            assert!(cause.clone().absorb(&cause), "{cause:?}");
        }
    }
}
