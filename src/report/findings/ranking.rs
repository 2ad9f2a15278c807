//! How the transports stand to one another in a figure: who is lowest, who is equal to it, and where the rounds
//! cannot tell.

use crate::limits::{EQUAL_WITHIN_MAX, MEMORY_CLIENTS_MIN};
use crate::report::findings::view::{Drawn, View, capitalised, counted, either, listed, percent, times};
use crate::run::Transport;
use crate::run::file::Verdict;
use crate::run::metric::Metric;
use crate::stats::{Difference, Sample, difference};

/// Who comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lead {
    /// One alone was measured, or is fit to be used: there is nothing to compare it with.
    Alone,
    /// One is clearly below all others.
    Sole,
    /// Several are equal, within this factor; `None` where they are exactly equal.
    Shared(Option<f64>),
    /// Several may be the lowest: the rounds leave this factor between them, `None` where there is no interval at all.
    Inconclusive(Option<f64>),
}

/// How the transports stand to one another in one figure at one point.
pub(crate) struct Ranking {
    /// The lowest.
    pub best: Transport,
    /// Those that are equal to it, each with the factor within which they are; `None` where they are exactly equal.
    pub equal: Vec<(Transport, Option<f64>)>,
    /// Those that may be equal to it or far from it, each with the factor that the rounds leave between the two.
    pub untold: Vec<(Transport, f64)>,
    /// Those that are clearly above it, the nearest first.
    pub behind: Vec<(Transport, Difference)>,
    /// Those that have some, with how much, where the best has none at all: there is no ratio to nothing.
    pub above_none: Vec<(Transport, f64)>,
    /// Those of which one cannot say, because there is no interval.
    pub unjudged: Vec<Transport>,
    /// Those without a value.
    pub missing: Vec<Transport>,
    /// Those whose row is invalid.
    pub invalid: Vec<Transport>,
    /// How many rounds this is from, at the least.
    pub rounds: usize,
}

impl Ranking {
    /// How the transports stand in `drawn`, lower being better. `None` if no transport has a value to be used, or if
    /// it is a figure in which they are not ranked.
    pub fn of(view: &View<'_>, point: usize, drawn: Drawn) -> Option<Self> {
        if is_unranked(view, point, drawn) {
            return None;
        }
        let (mut missing, mut invalid, mut measured) = (Vec::new(), Vec::new(), Vec::new());
        for transport in view.transports() {
            let Some(row) = view.row(point, transport) else { continue };
            if row.verdict == Verdict::Invalid {
                invalid.push(transport);
            } else if let Some(sample) = view.sample(point, transport, drawn) {
                measured.push((transport, sample));
            } else {
                missing.push(transport);
            }
        }
        measured.sort_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
        let rounds = measured.iter().map(|(_, sample)| sample.trials).min().unwrap_or_default();
        let (best, lowest) = measured.first().cloned()?;
        let (equal, untold, behind, above_none, unjudged) = Default::default();
        let mut standing = Self { best, equal, untold, behind, above_none, unjudged, missing, invalid, rounds };
        for (transport, sample) in measured.iter().skip(1) {
            standing.place(*transport, sample, &lowest);
        }
        Some(standing)
    }

    /// Puts one transport where it belongs beside the best.
    fn place(&mut self, transport: Transport, sample: &Sample, best: &Sample) {
        let has_none = best.trials > 1 && best.all(|value| value == 0.0);
        // One round that saw the same twice may have done so by chance.
        if sample.trials > 1 && sample == best {
            self.equal.push((transport, None));
            return;
        }
        match difference(sample, best) {
            Some(found) if found.is_clear && found.ratio > 1.0 => self.behind.push((transport, found)),
            Some(found) if is_equal(found.ci95) => self.equal.push((transport, Some(apart(found.ci95)))),
            Some(found) => self.untold.push((transport, apart(found.ci95))),
            None if has_none && sample.all(|value| value > 0.0) => self.above_none.push((transport, sample.value)),
            None => self.unjudged.push(transport),
        }
    }

    /// Every transport that is the lowest, or may be.
    pub fn leaders(&self) -> Vec<Transport> {
        let equal = self.equal.iter().map(|(transport, _)| *transport);
        let untold = self.untold.iter().map(|(transport, _)| *transport);
        std::iter::once(self.best).chain(equal).chain(untold).chain(self.unjudged.iter().copied()).collect()
    }

    /// Who comes first.
    pub fn lead(&self) -> Lead {
        if !self.unjudged.is_empty() || !self.untold.is_empty() {
            return Lead::Inconclusive(self.untold.iter().map(|(_, factor)| *factor).reduce(f64::max));
        }
        if !self.equal.is_empty() {
            return Lead::Shared(self.equal.iter().filter_map(|(_, factor)| *factor).reduce(f64::max));
        }
        if self.behind.is_empty() && self.above_none.is_empty() { Lead::Alone } else { Lead::Sole }
    }

    /// The leaders by name, with the bound: "SSE and WebSocket, equal within ±4 %".
    pub fn headline(&self, view: &View<'_>) -> String {
        let names: Vec<String> = self.leaders().iter().map(|one| view.prose(*one).to_owned()).collect();
        match self.lead() {
            Lead::Alone => format!("Only {}", listed(&names)),
            Lead::Sole => capitalised(&listed(&names)),
            Lead::Shared(Some(factor)) if names.len() > 2 && names.len() == view.transports().len() => {
                format!("All equal within ±{} %", percent(factor - 1.0))
            }
            Lead::Shared(Some(factor)) => {
                format!("{}, equal within ±{} %", capitalised(&listed(&names)), percent(factor - 1.0))
            }
            Lead::Shared(None) => format!("{}, exactly equal", capitalised(&listed(&names))),
            Lead::Inconclusive(_) if names.len() == view.transports().len() => "No answer".to_owned(),
            Lead::Inconclusive(_) => format!("{} (cannot be told apart)", capitalised(&either(&names))),
        }
    }
}

/// True of what says nothing about which transport is better: what the whole host did besides, a share of requests
/// whose number is a figure of its own, and memory with so few clients that a process's own moods outweigh them.
pub(crate) fn is_unranked(view: &View<'_>, point: usize, drawn: Drawn) -> bool {
    match drawn {
        Drawn::Metric(Metric::HostCpu | Metric::EmptyFraction) => true,
        Drawn::Metric(Metric::ServerRss | Metric::ServerRssLoaded | Metric::Kernel) => has_few_clients(view, point),
        Drawn::Metric(_) | Drawn::Overhead => false,
    }
}

/// True if there are too few clients to compare memory.
pub(crate) fn has_few_clients(view: &View<'_>, point: usize) -> bool {
    view.point(point).is_some_and(|point| point.clients < MEMORY_CLIENTS_MIN)
}

/// The largest factor that an interval of a ratio leaves between two transports, whichever is the higher.
pub(crate) fn apart([low, high]: [f64; 2]) -> f64 {
    // An interval that reaches below nothing was taken of differences and not of ratios.
    let below = if low > 0.0 { 1.0 / low } else { 2.0 - low };
    high.max(below)
}

/// True if an interval of a ratio is so narrow that what it leaves open is no difference worth having.
pub(crate) fn is_equal(ci95: [f64; 2]) -> bool {
    apart(ci95) <= EQUAL_WITHIN_MAX
}

/// What the rounds leave open: "3 rounds leave up to 4.4 times between them".
pub(crate) fn left_open(rounds: usize, factor: Option<f64>) -> String {
    match factor {
        Some(factor) => format!("{} leave up to {} times between them", counted(rounds, "round"), times(factor)),
        None => "fewer than two rounds to compare".to_owned(),
    }
}

/// What to do where the rounds cannot tell.
pub(crate) fn advice(view: &View<'_>) -> String {
    let rounds = view.run.scenario.rounds.saturating_mul(2).max(3);
    format!(
        "Where they cannot be told apart, more rounds (--rounds {rounds}), a longer --measure or more --clients may tell."
    )
}

/// Why nothing in the whole run can be told apart; `None` if something can.
pub(crate) fn nothing_told(view: &View<'_>) -> Option<String> {
    let rounds = |point: usize, transport| {
        view.trials(point, Some(transport)).filter(|trial| trial.verdict != Verdict::Invalid).count()
    };
    let transports = view.transports();
    let most = view.points().into_iter().flat_map(|point| transports.iter().map(move |one| rounds(point, *one))).max();
    match (most.unwrap_or_default(), view.run.scenario.rounds) {
        (2.., _) => None,
        (0, _) => Some("No answer: no trial is fit to be used.".to_owned()),
        (1, 1) => Some("One round: nothing can be told apart; use --rounds 3.".to_owned()),
        (1, _) => Some("Only one round can be used: nothing can be told apart; let all rounds run.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::Run;
    use crate::run::metric::Value;

    fn standing(run: &Run, metric: Metric) -> Option<Ranking> {
        Ranking::of(&View::new(run), 0, Drawn::Metric(metric))
    }

    /// The default run with one figure of every transport as given, round by round.
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
        let found = standing(&run, Metric::AgeMean).unwrap();
        assert!(
            matches!(found.lead(), Lead::Inconclusive(Some(factor)) if factor > EQUAL_WITHIN_MAX),
            "{:?}",
            found.lead()
        );
        assert!(found.equal.is_empty());
        let headline = found.headline(&View::new(&run));
        assert_eq!(headline, "No answer");
    }

    #[test]
    fn a_bound_up_to_a_quarter_is_an_equality_and_one_above_is_none() {
        assert!(is_equal([0.9, 1.2]) && is_equal([1.0 / EQUAL_WITHIN_MAX + 1e-9, EQUAL_WITHIN_MAX]));
        assert!(!is_equal([0.9, 1.26]));
        assert!(!is_equal([0.78, 1.1]), "1 / 0.78 is 1.28: the bound is a factor, either way");
        assert!((apart([-0.5, 1.2]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn two_that_cannot_be_told_apart_share_the_first_place_with_a_bound() {
        let run = fake::quick();
        let found = standing(&run, Metric::LatencyP50).unwrap();
        assert_eq!(found.leaders().len(), 2, "SSE and WebSocket differ by less than their noise");
        let headline = found.headline(&View::new(&run));
        assert!(headline.contains(" and ") && headline.contains(", equal within ±"), "{headline}");
        assert_eq!(found.behind.last().unwrap().0, Transport::Polling);
    }

    #[test]
    fn one_round_names_no_one() {
        let run = fake::run("quick", "?", None, vec![fake::point()], 1);
        let found = standing(&run, Metric::LatencyP50).unwrap();
        assert_eq!((found.lead(), found.leaders().len()), (Lead::Inconclusive(None), 4));
        assert_eq!(found.headline(&View::new(&run)), "No answer");
        assert!(nothing_told(&View::new(&run)).unwrap().contains("--rounds 3"));
        assert_eq!(nothing_told(&View::new(&fake::quick())), None);
    }

    #[test]
    fn memory_of_few_clients_and_the_time_of_the_whole_host_rank_no_one() {
        let mut run = fake::quick();
        for metric in [Metric::ServerRss, Metric::Kernel, Metric::HostCpu, Metric::EmptyFraction] {
            assert!(standing(&run, metric).is_none(), "{}", metric.label());
        }
        for trial in &mut run.trials {
            trial.point.clients = MEMORY_CLIENTS_MIN;
        }
        assert!(standing(&run, Metric::ServerRss).is_some());
        assert!(standing(&run, Metric::HostCpu).is_none());
    }
}
