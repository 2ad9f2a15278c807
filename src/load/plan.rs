//! From flags and a scenario to a plan. Only a plan can be run: whatever is impossible is refused here, before anything
//! has begun.

use std::path::PathBuf;

use super::knobs::{Clients, Interval, Knobs, Length, List, Positive, Rounds, Size};
use super::scenarios::Scenario;
use crate::feed::{Arrivals, Feed, FeedError, FeedKind, Source};
use crate::limits;
use crate::measure::host;
use crate::report::run_file::Point;
use crate::transport::Transport;
use crate::units::Nanos;

/// What a run will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// The question it asks.
    pub question: String,
    /// The transports compared.
    pub transports: Vec<Transport>,
    /// How often each is tried at each point.
    pub rounds: u32,
    /// From all connected to the start of measuring.
    pub warm_up: Nanos,
    /// Length of the measured interval.
    pub measure: Nanos,
    /// Repeats the same order, phases and feed.
    pub seed: u64,
    /// The points of the sweep; one if nothing is swept.
    pub points: Vec<PlanPoint>,
    /// The member of [`Point`] that is swept, if one is.
    pub sweep: Option<String>,
    /// Is the floor measured too?
    pub floor: bool,
    /// A server that is already there, instead of one started for each trial.
    pub target: Option<reqwest::Url>,
    /// Where runs are written.
    pub out: PathBuf,
    /// The processor that servers keep to, if they are to.
    pub server_core: Option<usize>,
}

/// One point of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanPoint {
    /// Its settings, as they stand in the run file.
    pub point: Point,
    /// What is published.
    pub feed: Feed,
}

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
    /// A run that would take for ever.
    #[error(
        "{trials} trials would take at least {hours:.1} hours; use fewer rounds or sweep points, or a shorter --measure"
    )]
    TooLong {
        /// How many.
        trials: usize,
        /// How long at the least.
        hours: f64,
    },
}

impl Plan {
    /// Works out the plan of a scenario, with `flags` in place of what the scenario says.
    ///
    /// Errors: [`PlanError`], which says what to change.
    pub fn new(
        scenario: Scenario,
        flags: Knobs,
        target: Option<reqwest::Url>,
        out: PathBuf,
    ) -> Result<Self, PlanError> {
        let knobs = flags.over(scenario.knobs);
        let mut transports = knobs.transports.clone().map_or_else(|| Transport::ALL.to_vec(), |List(list)| list);
        transports.sort_unstable();
        transports.dedup();
        let seed = knobs.seed.unwrap_or(1);
        let (points, sweep) = points(&knobs, seed, target.is_some())?;
        let plan = Self {
            name: scenario.name,
            question: scenario.question,
            transports,
            rounds: knobs.rounds.unwrap_or(Rounds(3)).0,
            warm_up: knobs.warm_up.unwrap_or(Length(Nanos::SECOND)).0,
            measure: knobs.measure.unwrap_or(Length(Nanos(4 * Nanos::SECOND.0))).0,
            seed,
            points,
            sweep,
            floor: knobs.floor.unwrap_or(true) && target.is_none(),
            target,
            out,
            server_core: None,
        };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), PlanError> {
        let allowed = host::raise_file_limit();
        let clients = self.points.iter().map(|point| point.point.clients).max().unwrap_or(0);
        let needed = u64::from(clients) + limits::FD_RESERVE;
        if needed > allowed {
            let most = allowed.saturating_sub(limits::FD_RESERVE);
            return Err(PlanError::Files { clients, needed, allowed, most });
        }
        let hours = self.least_length().seconds() / 3600.0;
        if hours > limits::RUN_HOURS_MAX {
            return Err(PlanError::TooLong { trials: self.trials(), hours });
        }
        Ok(())
    }

    /// Trials in all.
    pub fn trials(&self) -> usize {
        (self.transports.len() + usize::from(self.floor)) * self.points.len() * self.rounds as usize
    }

    /// Time that all trials take at the least.
    pub fn least_length(&self) -> Nanos {
        Nanos(self.trials() as u64 * (self.warm_up.0 + self.measure.0))
    }
}

/// The points: every combination of the lists, and which of them has more than one value.
fn points(knobs: &Knobs, seed: u64, is_external: bool) -> Result<(Vec<PlanPoint>, Option<String>), PlanError> {
    let values = |list: &Option<List<Positive>>, default: f64| {
        list.as_ref().map_or_else(|| vec![default], |List(list)| list.iter().map(|value| value.0).collect())
    };
    let sizes = |list: &Option<List<Size>>, default: u64| -> Vec<u64> {
        list.as_ref().map_or_else(|| vec![default], |List(list)| list.iter().map(|size| size.0).collect())
    };
    let kind = knobs.feed.unwrap_or(FeedKind::Replay);
    if kind != FeedKind::Synthetic && !is_external {
        let given = [
            ("rate", knobs.rate.is_some()),
            ("payload", knobs.payload.is_some()),
            ("arrivals", knobs.arrivals.is_some()),
        ];
        if let Some((name, _)) = given.into_iter().find(|(_, given)| *given) {
            return Err(PlanError::NotSynthetic(name));
        }
    }
    let clients: Vec<u32> =
        knobs.clients.as_ref().map_or_else(|| vec![50], |List(list)| list.iter().map(|Clients(one)| *one).collect());
    let intervals: Vec<Nanos> = knobs
        .poll_interval
        .as_ref()
        .map_or_else(|| vec![Nanos::SECOND], |List(list)| list.iter().map(|Interval(one)| *one).collect());
    let rates = values(&knobs.rate, 10.0);
    let payloads = sizes(&knobs.payload, 128);
    let headers = sizes(&knobs.request_headers, 0);
    let swept = [
        ("clients", clients.len()),
        ("rate_per_s", rates.len()),
        ("poll_interval_ns", intervals.len()),
        ("payload_bytes", payloads.len()),
        ("request_header_bytes", headers.len()),
    ];
    let sweep = swept.into_iter().find(|(_, values)| *values > 1).map(|(name, _)| name.to_owned());
    let mut points = Vec::new();
    for &clients in &clients {
        for &rate in &rates {
            for &poll_interval_ns in &intervals {
                for &payload in &payloads {
                    for &request_header_bytes in &headers {
                        let feed = feed(knobs, kind, rate, payload, seed);
                        let (rate_per_s, payload_bytes) = match is_external {
                            true => (0.0, 0.0),
                            false => nominal(&feed)?,
                        };
                        let point = Point {
                            clients,
                            rate_per_s,
                            payload_bytes,
                            poll_interval_ns,
                            hold_ns: knobs.hold.map_or_else(|| limits::LONG_POLL_HOLD.into(), |Length(hold)| hold),
                            rtt_ns: Nanos::ZERO,
                            link_bits_per_s: None,
                            request_header_bytes: u32::try_from(request_header_bytes).unwrap_or(u32::MAX),
                        };
                        points.push(PlanPoint { point, feed });
                    }
                }
            }
        }
    }
    Ok((points, sweep))
}

fn feed(knobs: &Knobs, kind: FeedKind, rate: f64, payload: u64, seed: u64) -> Feed {
    match kind {
        FeedKind::Replay => {
            Feed::Replay { file: knobs.replay.clone(), speed: knobs.speed.unwrap_or(Positive(3600.0)).0 }
        }
        FeedKind::Synthetic => Feed::Synthetic {
            rate,
            payload: usize::try_from(payload).unwrap_or(usize::MAX),
            arrivals: knobs.arrivals.unwrap_or(Arrivals::Steady),
            seed,
        },
        FeedKind::Stdin => Feed::Stdin,
        FeedKind::None => Feed::None,
    }
}

/// Rate and payload of a feed: as asked for, or the means over the whole of a recording.
fn nominal(feed: &Feed) -> Result<(f64, f64), PlanError> {
    match (feed, feed.source()?) {
        (Feed::Synthetic { rate, payload, .. }, _) => Ok((*rate, *payload as f64)),
        (_, Some(Source::Replay(replay))) => Ok(replay.means()),
        (other, _) => Err(PlanError::Unrepeatable(other.label())),
    }
}
