//! What cannot be planned, and what to ask for instead.

use crate::load::plan::{Refusal, count};
use crate::load::settings::RunSettings;
use crate::run::{FeedKind, Transport};
use crate::stream::feed::FeedError;

/// Why a run is impossible.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A feed that cannot be repeated for each trial.
    #[error(
        "--feed {0} gives no updates that every trial could repeat; use replay or synthetic, or --target a server \
             that has them"
    )]
    Unrepeatable(&'static str),
    /// A setting of the synthetic feed without it.
    #[error("--{0} is of the synthetic feed; add --feed synthetic")]
    NotSynthetic(&'static str),
    /// A setting of the replayed feed without it.
    #[error("--{0} is of the replay feed; leave it out, or use --feed replay")]
    NotReplay(&'static str),
    /// A setting of a feed that is not ours.
    #[error("--{0} is of a feed that loadgen starts, and the server at --target has its own; leave it out")]
    NotOurs(&'static str),
    /// A sweep over what a server that is already there decides by itself.
    #[error(
        "this scenario sweeps {0} of the feed, and the server at --target has its own; leave out --target, or run another"
    )]
    NotOursToSweep(&'static str),
    /// Something is to be swept that is not measured.
    #[error("--sweep-only names {0}, which --transports leaves out; add it there, or leave it out here")]
    NotMeasured(Transport),
    /// More clients than files may be open.
    #[error(
        "{clients} clients need {needed} open files on each side, and {allowed} are allowed; raise `ulimit -n` to \
             {needed} or use --clients {most}"
    )]
    Files {
        /// Asked for.
        clients: u32,
        /// What they need.
        needed: u64,
        /// What the system allows.
        allowed: u64,
        /// How many clients that is enough for.
        most: u64,
    },
    /// A run of which nothing would come.
    #[error(transparent)]
    Empty(#[from] Refusal),
    /// A run that would take for ever.
    #[error("{count} would take at least {hours:.1} hours; use fewer rounds or sweep points, or a shorter --measure")]
    TooLong {
        /// How many trials, in words.
        count: String,
        /// How long at the least.
        hours: f64,
    },
}

impl PlanError {
    /// Does it lie in what was asked for, and not in a file or the machine?
    pub fn is_usage_error(&self) -> bool {
        match self {
            Self::Feed(error) => error.is_usage_error(),
            Self::Files { .. } => false,
            Self::Unrepeatable(_)
            | Self::NotSynthetic(_)
            | Self::NotReplay(_)
            | Self::NotOurs(_)
            | Self::NotOursToSweep(_)
            | Self::NotMeasured(_)
            | Self::Empty(_)
            | Self::TooLong { .. } => true,
        }
    }
}

/// Refuses settings of a feed that nothing would come of. `flags` were given, `knobs` are they over the scenario's.
pub(super) fn refuse_idle(flags: &RunSettings, settings: &RunSettings, is_external: bool) -> Result<(), PlanError> {
    if settings.echo.is_some() {
        // Rate and payload are those of the messages.
        return Ok(());
    }
    let of_synthetic = |settings: &RunSettings| {
        [
            ("rate", settings.rate.is_some()),
            ("payload", settings.payload.is_some()),
            ("arrivals", settings.arrivals.is_some()),
        ]
    };
    let of_replay =
        |settings: &RunSettings| [("replay", settings.replay.is_some()), ("speed", settings.speed.is_some())];
    fn first<const N: usize>(given: [(&'static str, bool); N]) -> Option<&'static str> {
        given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
    }
    if is_external {
        let given = first([("feed", flags.feed.is_some())]).or(first(of_synthetic(flags))).or(first(of_replay(flags)));
        let swept = first([("the rate", count(&settings.rate) > 1), ("the payload", count(&settings.payload) > 1)]);
        return match (given, swept) {
            (Some(name), _) => Err(PlanError::NotOurs(name)),
            (None, Some(name)) => Err(PlanError::NotOursToSweep(name)),
            (None, None) => Ok(()),
        };
    }
    // Whoever asks for another feed than the scenario's has not asked for the speed that stands in the scenario.
    let asked = if flags.feed.is_some() { flags } else { settings };
    let (synthetic, replay) = (first(of_synthetic(settings)), first(of_replay(asked)));
    match (settings.feed.unwrap_or(FeedKind::Replay), synthetic, replay) {
        (FeedKind::Replay | FeedKind::Stdin | FeedKind::None, Some(name), _) => Err(PlanError::NotSynthetic(name)),
        (FeedKind::Synthetic | FeedKind::Stdin | FeedKind::None, _, Some(name)) => Err(PlanError::NotReplay(name)),
        (FeedKind::Replay | FeedKind::Synthetic | FeedKind::Stdin | FeedKind::None, _, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::plan::Plan;
    use crate::load::plan::tests::settings;
    use crate::load::scenarios::Scenario;
    use std::path::PathBuf;

    fn refusal(scenario: &str, flags: &str, target: Option<&str>) -> Option<PlanError> {
        let target = target.map(|url| url.parse().unwrap());
        Plan::new(Scenario::load(scenario).unwrap(), settings(flags), target, PathBuf::new()).err()
    }

    #[test]
    fn settings_of_another_feed_are_refused_and_not_left_lying() {
        let target = Some("http://127.0.0.1:1");
        for (scenario, flags, target, part) in [
            ("quick", "--rate 50", None, "--rate is of the synthetic feed"),
            ("quick", "--feed synthetic --speed 3", None, "--speed is of the replay feed"),
            ("sparse", "--replay FILE", None, "--replay is of the replay feed"),
            ("chatty", "--feed replay", None, "--rate is of the synthetic feed"),
            ("quick", "--rate 5", target, "--rate is of a feed that loadgen starts"),
            ("quick", "--feed replay", target, "--feed is of a feed that loadgen starts"),
            ("chatty", "", target, "sweeps the rate"),
        ] {
            let error = refusal(scenario, flags, target).unwrap_or_else(|| panic!("{scenario} {flags}"));
            assert!(error.is_usage_error() && error.to_string().contains(part), "{scenario} {flags}: {error}");
        }
        for (scenario, flags, target) in [
            // The speed is the scenario's, and of the feed that was not asked for.
            ("quick", "--feed synthetic", None),
            ("quick", "--speed 60 --measure 60s", None),
            ("quick", "", target),
            ("sparse", "", target),
            ("duplex", "--rate 5", target),
        ] {
            assert!(refusal(scenario, flags, target).is_none(), "{scenario} {flags}");
        }
    }

    #[test]
    fn a_run_in_which_nothing_would_be_due_is_refused_with_an_interval_that_is_enough() {
        let Some(PlanError::Empty(refusal)) = refusal("sparse", "--rounds 1 --measure 3s", None) else {
            panic!("not refused")
        };
        let Refusal::NoUpdate { enough: Some(enough), .. } = &refusal else { panic!("{refusal}") };
        let flags = format!("--rounds 1 --measure {}s", enough.seconds());
        assert!(self::refusal("sparse", &flags, None).is_none(), "{refusal}");
        // The recording has its quiet hours: at this speed a tenth of a second may hold none.
        assert!(matches!(
            self::refusal("quick", "--measure 1ms", None),
            Some(PlanError::Empty(Refusal::NoPoll { .. } | Refusal::NoUpdate { .. }))
        ));
        assert!(matches!(
            self::refusal("quick", "--measure 10ms --clients 5 --poll-interval 60s", None),
            Some(PlanError::Empty(Refusal::NoPoll { .. }))
        ));
    }
}
