//! Ranks the transports by one metric: which is lowest, which are equal to it, and which the rounds do not decide.

use crate::limits::{EQUAL_WITHIN_MAX, MEMORY_CLIENTS_MIN};
use crate::report::findings::instrument;
use crate::report::findings::view::{Drawn, View};
use crate::run::Transport;
use crate::run::file::{Row, Verdict};
use crate::run::metric::Metric;
use crate::run::withheld::Why;
use crate::stats::{Difference, Sample, difference};

/// Whether there is a winner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Winner {
    /// Only one transport was measured or is usable, so there is no comparison.
    Unopposed,
    /// One transport is clearly below all others.
    Clear,
    /// Several are equal within this factor; `None` if they are exactly equal.
    Tied(Option<f64>),
    /// Several may be the lowest: the rounds do not rule out a difference of this factor; `None` without any interval.
    Inconclusive(Option<f64>),
}

/// The transports in the order of one metric at one point.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranking {
    /// The lowest.
    pub best: Transport,
    /// Transports equal to it, each with the factor within which they are; `None` if exactly equal.
    pub tied: Vec<(Transport, Option<f64>)>,
    /// Transports that may be equal to it or not, each with the largest difference that the rounds do not rule out, as
    /// a factor.
    pub inconclusive: Vec<(Transport, f64)>,
    /// Transports clearly above it, the nearest first.
    pub behind: Vec<(Transport, Difference)>,
    /// If the best is zero: transports above it with their values, because there is no ratio to zero.
    pub above_none: Vec<(Transport, f64)>,
    /// Transports that cannot be judged, because there is no interval.
    pub unjudged: Vec<Transport>,
    /// Of the inconclusive ones, those whose whole difference from the best the instrument may explain: the generator's
    /// own processor time, or the uncertainty of the clocks.
    pub explained: Vec<Transport>,
    /// Transports whose value is not shown.
    pub withheld: Vec<(Transport, Why)>,
    /// Transports without a value.
    pub missing: Vec<Transport>,
    /// Transports whose row is invalid.
    pub invalid: Vec<Transport>,
    /// The smallest number of rounds of any transport.
    pub rounds: usize,
}

impl Ranking {
    /// Ranks the transports by `drawn`; lower is better. `None` if no transport has a usable value, or if the metric is
    /// not ranked.
    pub fn of(view: &View<'_>, point: usize, drawn: Drawn) -> Option<Self> {
        if is_unranked(view, point, drawn) {
            return None;
        }
        let (mut missing, mut invalid, mut measured, mut withheld) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let why = |row: &Row| match drawn {
            Drawn::Metric(metric) => row.why_withheld(metric),
            Drawn::Overhead => None,
        };
        for transport in view.transports() {
            let Some(row) = view.row(point, transport) else { continue };
            if row.verdict == Verdict::Invalid {
                invalid.push(transport);
            } else if let Some(why) = why(row) {
                withheld.push((transport, why));
            } else if let Some(sample) = view.sample(point, transport, drawn) {
                measured.push((transport, sample));
            } else {
                missing.push(transport);
            }
        }
        measured.sort_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
        let rounds = measured.iter().map(|(_, sample)| sample.trials).min().unwrap_or_default();
        let (best, lowest) = measured.first().cloned()?;
        let (tied, inconclusive, behind, above_none, unjudged, explained) = Default::default();
        let mut ranking = Self {
            best,
            tied,
            inconclusive,
            behind,
            above_none,
            unjudged,
            explained,
            withheld,
            missing,
            invalid,
            rounds,
        };
        for (transport, sample) in measured.iter().skip(1) {
            let slack = instrument::explains(view, point, drawn, [*transport, best]);
            ranking.place(*transport, sample, &lowest, slack);
        }
        Some(ranking)
    }

    /// Classifies one transport relative to the best. The instrument may explain a difference of up to `slack`.
    fn place(&mut self, transport: Transport, sample: &Sample, best: &Sample, slack: f64) {
        let has_none = best.trials > 1 && best.all(|value| value == 0.0);
        // With a single round, equality may be chance.
        if sample.trials > 1 && sample == best {
            self.tied.push((transport, None));
            return;
        }
        match difference(sample, best) {
            Some(found) if found.is_clear && found.ratio > 1.0 && is_beyond(sample, best, slack) => {
                self.behind.push((transport, found));
            }
            Some(found) if found.is_clear && found.ratio > 1.0 && !is_equal(found.ci95) => {
                self.explained.push(transport);
                self.inconclusive.push((transport, apart(found.ci95)));
            }
            Some(found) if is_equal(found.ci95) => self.tied.push((transport, Some(apart(found.ci95)))),
            Some(found) => self.inconclusive.push((transport, apart(found.ci95))),
            None if has_none && sample.all(|value| value > 0.0) => self.above_none.push((transport, sample.value)),
            None => self.unjudged.push(transport),
        }
    }

    /// Every transport that is, or may be, the lowest.
    pub fn leaders(&self) -> Vec<Transport> {
        let tied = self.tied.iter().map(|(transport, _)| *transport);
        let inconclusive = self.inconclusive.iter().map(|(transport, _)| *transport);
        std::iter::once(self.best).chain(tied).chain(inconclusive).chain(self.unjudged.iter().copied()).collect()
    }

    /// Whether there is a winner.
    pub fn winner(&self) -> Winner {
        if !self.unjudged.is_empty() || !self.inconclusive.is_empty() {
            return Winner::Inconclusive(self.inconclusive.iter().map(|(_, factor)| *factor).reduce(f64::max));
        }
        if !self.tied.is_empty() {
            return Winner::Tied(self.tied.iter().filter_map(|(_, factor)| *factor).reduce(f64::max));
        }
        if self.behind.is_empty() && self.above_none.is_empty() { Winner::Unopposed } else { Winner::Clear }
    }
}

/// True if a figure is clearly above the best, even when reduced by `slack`.
fn is_beyond(sample: &Sample, best: &Sample, slack: f64) -> bool {
    if slack == 0.0 {
        return true;
    }
    let less = |value: &f64| value - slack;
    let replicates = sample.replicates.iter().map(less).collect();
    let sample = Sample { value: less(&sample.value), replicates, trials: sample.trials };
    difference(&sample, best).is_some_and(|found| found.is_clear && found.ratio > 1.0)
}

/// True for metrics that do not show which transport is better: time of the whole host, a share of requests (their
/// number is a metric of its own), and memory with so few clients that variations of the process outweigh theirs.
pub(crate) fn is_unranked(view: &View<'_>, point: usize, drawn: Drawn) -> bool {
    match drawn {
        Drawn::Metric(Metric::HostCpu | Metric::GeneratorCpu | Metric::EmptyFraction) => true,
        Drawn::Metric(Metric::ServerRss | Metric::ServerRssLoaded | Metric::Kernel) => has_few_clients(view, point),
        Drawn::Metric(_) | Drawn::Overhead => false,
    }
}

/// True if there are too few clients to compare memory.
pub(crate) fn has_few_clients(view: &View<'_>, point: usize) -> bool {
    view.point(point).is_some_and(|point| point.clients < MEMORY_CLIENTS_MIN)
}

/// The largest factor between two transports in an interval of their ratio, in either direction.
pub(crate) fn apart([low, high]: [f64; 2]) -> f64 {
    // An interval that extends below zero was computed from differences, not ratios.
    let below = if low > 0.0 { 1.0 / low } else { 2.0 - low };
    high.max(below)
}

/// True if an interval of a ratio is so narrow that any difference in it is irrelevant.
pub(crate) fn is_equal(ci95: [f64; 2]) -> bool {
    apart(ci95) <= EQUAL_WITHIN_MAX
}

/// The number of rounds to try if these find no winner.
pub(crate) fn rounds_advised(view: &View<'_>) -> u32 {
    view.run.scenario.rounds.saturating_mul(2).max(3)
}

/// Why a run has no ranking at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRanking {
    /// No trial is usable.
    NothingUsable,
    /// There was one round, which does not show the noise.
    OneRound,
    /// There were several rounds, of which one is usable.
    OneUsableRound,
}

/// Why nothing in the run can be ranked; `None` if something can.
pub(crate) fn no_ranking(view: &View<'_>) -> Option<NoRanking> {
    let rounds = |point: usize, transport| {
        view.trials(point, Some(transport)).filter(|trial| trial.verdict != Verdict::Invalid).count()
    };
    let transports = view.transports();
    let most = view.points().into_iter().flat_map(|point| transports.iter().map(move |one| rounds(point, *one))).max();
    match (most.unwrap_or_default(), view.run.scenario.rounds) {
        (2.., _) => None,
        (0, _) => Some(NoRanking::NothingUsable),
        (1, 1) => Some(NoRanking::OneRound),
        (1, _) => Some(NoRanking::OneUsableRound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::Run;
    use crate::run::metric::Value;

    fn ranked(run: &Run, metric: Metric) -> Option<Ranking> {
        Ranking::of(&View::new(run), 0, Drawn::Metric(metric))
    }

    /// The default run with one metric of every transport set, round by round.
    fn with(metric: Metric, values: [[f64; 3]; 4]) -> Run {
        let mut run = fake::quick();
        for trial in &mut run.trials {
            let Some(transport) = trial.transport else { continue };
            *trial.metrics.get_mut(metric) = Value(Some(values[transport.index()][trial.round as usize - 1]));
        }
        run
    }

    const NOISY: [[f64; 3]; 4] =
        [[100.0, 300.0, 180.0], [110.0, 90.0, 260.0], [120.0, 310.0, 95.0], [105.0, 200.0, 330.0]];

    #[test]
    fn noise_that_hides_any_difference_is_no_equality() {
        let run = with(Metric::AgeMean, NOISY);
        let found = ranked(&run, Metric::AgeMean).unwrap();
        let winner = found.winner();
        assert!(matches!(winner, Winner::Inconclusive(Some(factor)) if factor > EQUAL_WITHIN_MAX), "{winner:?}");
        assert!(found.tied.is_empty());
    }

    #[test]
    fn a_bound_up_to_a_quarter_is_an_equality_and_one_above_is_none() {
        assert!(is_equal([0.9, 1.2]) && is_equal([1.0 / EQUAL_WITHIN_MAX + 1e-9, EQUAL_WITHIN_MAX]));
        assert!(!is_equal([0.9, 1.26]));
        assert!(!is_equal([0.78, 1.1]), "1 / 0.78 is 1.28: the bound is a factor, either way");
        assert!((apart([-0.5, 1.2]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn two_without_a_clear_difference_share_the_first_place_with_a_bound() {
        let run = fake::quick();
        let found = ranked(&run, Metric::LatencyP50).unwrap();
        assert_eq!(found.leaders().len(), 2, "SSE and WebSocket differ by less than their noise");
        assert!(matches!(found.winner(), Winner::Tied(Some(factor)) if factor < EQUAL_WITHIN_MAX));
        assert_eq!(found.behind.last().unwrap().0, Transport::Polling);
    }

    #[test]
    fn one_round_has_no_winner() {
        let run = fake::run("quick", "?", None, vec![fake::point()], 1);
        let found = ranked(&run, Metric::LatencyP50).unwrap();
        assert_eq!((found.winner(), found.leaders().len()), (Winner::Inconclusive(None), 4));
        assert_eq!(no_ranking(&View::new(&run)), Some(NoRanking::OneRound));
        assert_eq!(no_ranking(&View::new(&fake::quick())), None);
        let mut run = fake::quick();
        let mut spoil = |round: u32| {
            let of_round = run.trials.iter_mut().filter(|trial| trial.round == round);
            of_round.for_each(|trial| trial.verdict = Verdict::Invalid);
            no_ranking(&View::new(&run))
        };
        assert_eq!([1, 2, 3].map(&mut spoil), [None, Some(NoRanking::OneUsableRound), Some(NoRanking::NothingUsable)]);
    }

    #[test]
    fn memory_of_few_clients_and_the_time_of_the_whole_host_are_not_ranked() {
        let mut run = fake::quick();
        for metric in [Metric::ServerRss, Metric::Kernel, Metric::HostCpu, Metric::EmptyFraction] {
            assert!(ranked(&run, metric).is_none(), "{}", metric.label());
        }
        for trial in &mut run.trials {
            trial.point.clients = MEMORY_CLIENTS_MIN;
        }
        (run.summary, run.tcp_baseline) = crate::run::summary::summarise(&run.trials, run.scenario.seed);
        assert!(ranked(&run, Metric::ServerRss).is_some());
        assert!(ranked(&run, Metric::HostCpu).is_none());
    }

    /// The default run with long polling slower than SSE, and with this generator time per delivery.
    fn ranked_beside(generator_ns: f64, change: impl Fn(&mut Run)) -> Ranking {
        let mut run = fake::quick();
        for trial in &mut run.trials {
            let is_long_polling = trial.transport == Some(Transport::LongPolling);
            let each = if is_long_polling { generator_ns } else { 10_000.0 };
            trial.metrics.generator_cpu_ns_per_delivery = Value(Some(each));
        }
        change(&mut run);
        (run.summary, run.tcp_baseline) = crate::run::summary::summarise(&run.trials, run.scenario.seed);
        Ranking::of(&View::new(&run), 0, Drawn::Metric(Metric::LatencyP50)).unwrap()
    }

    #[test]
    fn a_latency_is_ranked_only_beyond_what_the_generator_explains() {
        let is_behind = |ranking: &Ranking| ranking.behind.iter().any(|(one, _)| *one == Transport::LongPolling);
        let found = ranked_beside(10_000.0, |_| {});
        assert!(is_behind(&found) && found.explained.is_empty(), "{found:?}");
        // 50 clients × 30 µs more on two processors: 375 µs of the median, more than what sets the two apart.
        let found = ranked_beside(40_000.0, |_| {});
        assert!(!is_behind(&found), "{found:?}");
        assert_eq!(found.explained, [Transport::LongPolling]);
        assert!(matches!(found.winner(), Winner::Inconclusive(Some(_))), "{:?}", found.winner());
    }

    #[test]
    fn a_difference_within_what_two_clocks_leave_uncertain_is_none() {
        let found = ranked_beside(10_000.0, |run| {
            run.trials.iter_mut().for_each(|trial| trial.health.clock_uncertainty_ns = crate::units::Nanos(150_000));
        });
        assert_eq!(found.explained, [Transport::LongPolling], "{found:?}");
        assert_eq!(found.behind.len(), 1, "polling is half a second away");
    }
}
