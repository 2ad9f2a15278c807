//! From flags and a scenario to a plan. Only a plan can be run: whatever is impossible is refused here, before anything
//! has begun.

#[cfg(test)]
mod bundled;
pub(crate) mod preflight;
mod refusals;

use std::path::PathBuf;

pub use preflight::{Forecast, Note, OpenFiles, Refusal};
pub use refusals::PlanError;

use crate::limits;
use crate::load::context::Subject;
use crate::load::scenarios::Scenario;
use crate::load::settings::{
    Bandwidth, Churn, Clients, Cycles, Interval, Leaving, Length, List, Positive, RoundTrip, Rounds, RunSettings, Size,
};
use crate::run::Transport;
use crate::run::file::Point;
use crate::run::{Arrivals, FeedKind};
use crate::stream::feed::{Feed, Source};
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
    /// Updates, and polls of a client, that the measured interval is lengthened to hold.
    pub cycles: u32,
    /// The transports that are measured at each point; the others and the TCP baseline only at the first. `None` for all.
    pub sweep_only: Option<Vec<Transport>>,
    /// Repeats the same order, phases and feed.
    pub seed: u64,
    /// The points of the sweep; one if nothing is swept.
    pub points: Vec<PlanPoint>,
    /// The member of [`Point`] that is swept, if one is.
    pub sweep: Option<String>,
    /// Is the TCP baseline measured too?
    pub tcp_baseline: bool,
    /// A server that is already there, instead of one started for each trial.
    pub target: Option<reqwest::Url>,
    /// Where runs are written.
    pub out: PathBuf,
    /// The processor that servers keep to, if they are to.
    pub server_core: Option<usize>,
    /// Further arguments of the servers that are started.
    pub server_args: Vec<String>,
}

/// One point of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanPoint {
    /// Its settings, as they stand in the run file.
    pub point: Point,
    /// What is published.
    pub feed: Feed,
}

impl PlanPoint {
    /// Is there a link between clients and server?
    pub fn has_link(&self) -> bool {
        let point = &self.point;
        point.rtt_ns > Nanos::ZERO || point.jitter_ns > Nanos::ZERO || point.link_bits_per_s.is_some()
    }
}

impl Plan {
    /// Works out the plan of a scenario, with `flags` in place of what the scenario says.
    ///
    /// Errors: [`PlanError`], which says what to change.
    pub fn new(
        scenario: Scenario,
        flags: RunSettings,
        target: Option<reqwest::Url>,
        out: PathBuf,
    ) -> Result<Self, PlanError> {
        let plan = Self::unchecked(scenario, flags, target, out)?;
        plan.check()?;
        Ok(plan)
    }

    /// The plan of a scenario as it would be on a machine that has room for it: to be told, not to be run.
    ///
    /// Errors: [`PlanError`].
    pub fn sketch(scenario: Scenario, flags: RunSettings) -> Result<Self, PlanError> {
        Self::unchecked(scenario, flags, None, PathBuf::new())
    }

    fn unchecked(
        scenario: Scenario,
        flags: RunSettings,
        target: Option<reqwest::Url>,
        out: PathBuf,
    ) -> Result<Self, PlanError> {
        let settings = flags.clone().over(scenario.settings);
        refusals::refuse_idle(&flags, &settings, target.is_some())?;
        let mut transports = settings.transports.clone().map_or_else(|| Transport::ALL.to_vec(), |List(list)| list);
        transports.sort_unstable();
        transports.dedup();
        let seed = settings.seed.unwrap_or(1);
        let (points, sweep) = points(&settings, seed, target.is_some())?;
        Ok(Self {
            name: scenario.name,
            question: scenario.question,
            transports,
            rounds: settings.rounds.unwrap_or(Rounds(3)).0,
            warm_up: settings.warm_up.unwrap_or(Length(Nanos::SECOND)).0,
            measure: settings.measure.unwrap_or(Length(Nanos(4 * Nanos::SECOND.0))).0,
            cycles: settings.cycles.unwrap_or(Cycles(0)).0,
            sweep_only: settings.sweep_only.map(|List(list)| list),
            seed,
            points,
            sweep,
            tcp_baseline: settings.tcp_baseline.unwrap_or(true) && target.is_none(),
            target,
            out,
            server_core: None,
            server_args: Vec::new(),
        })
    }

    fn check(&self) -> Result<(), PlanError> {
        let files = self.open_files();
        if files.needed > files.allowed {
            let clients = self.points.iter().map(|point| point.point.clients).max().unwrap_or(0);
            let most = files.allowed.saturating_sub(limits::FD_RESERVE) / files.of_client;
            return Err(PlanError::Files { clients, needed: files.needed, allowed: files.allowed, most });
        }
        let hours = self.least_length().seconds() / 3600.0;
        if hours > limits::RUN_HOURS_MAX {
            return Err(PlanError::TooLong { count: self.count(), hours });
        }
        let is_left_out = |one: &&Transport| !self.transports.contains(one);
        if let Some(missing) = self.sweep_only.iter().flatten().find(is_left_out) {
            return Err(PlanError::NotMeasured(*missing));
        }
        match self.refuse_empty()? {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    /// Trials in all, those of the TCP baseline with them.
    pub fn trials(&self) -> usize {
        let [trials, tcp_baselines] = self.trials_and_tcp_baselines();
        trials + tcp_baselines
    }

    /// Trials of the transports, and of the TCP baseline.
    pub fn trials_and_tcp_baselines(&self) -> [usize; 2] {
        let subjects: Vec<Subject> = (0..self.points.len()).flat_map(|index| self.subjects(index)).collect();
        let tcp_baselines = subjects.iter().filter(|subject| **subject == Subject::TcpBaseline).count();
        [subjects.len() - tcp_baselines, tcp_baselines].map(|each_round| each_round * self.rounds as usize)
    }

    /// "12 trials and 3 of the TCP baseline".
    pub fn count(&self) -> String {
        let [trials, tcp_baselines] = self.trials_and_tcp_baselines();
        let plural = if trials == 1 { "" } else { "s" };
        match tcp_baselines {
            0 => format!("{trials} trial{plural}"),
            _ => format!("{trials} trial{plural} and {tcp_baselines} of the TCP baseline"),
        }
    }

    /// Time that all trials take at the least.
    pub fn least_length(&self) -> Nanos {
        // A rate close to none makes a trial of centuries: it must come out as too long, not come round to short.
        let total = |lengths: &mut dyn Iterator<Item = u64>| lengths.fold(0, u64::saturating_add);
        let of_point = |(index, point): (usize, &PlanPoint)| {
            let measure = self.measure_at(&point.point).0;
            let of = |subject| self.warm_up_at(&point.point, subject).0.saturating_add(measure);
            total(&mut self.subjects(index).into_iter().map(of))
        };
        Nanos(total(&mut self.points.iter().enumerate().map(of_point)).saturating_mul(self.rounds.into()))
    }

    /// What is measured at a point.
    pub fn subjects(&self, point_index: usize) -> Vec<Subject> {
        let is_first = point_index == 0;
        let is_swept = |transport: &Transport| self.sweep_only.as_ref().is_none_or(|only| only.contains(transport));
        let transports = self.transports.iter().copied().filter(|one| is_first || is_swept(one));
        let point = &self.points[point_index].point;
        // The TCP baseline sends what it sends to whoever is there: it has no way up, and nobody who comes back finds it.
        let has_tcp_baseline = self.tcp_baseline && point.echo.is_none() && point.churn_ns.is_none() && !point.storm;
        let has_tcp_baseline = has_tcp_baseline && (is_first || self.sweep_only.is_none());
        transports.map(Subject::Transport).chain(has_tcp_baseline.then_some(Subject::TcpBaseline)).collect()
    }

    /// From all connected to the start of measuring. Each polling client must have polled once by then: one that holds
    /// nothing yet has no age, and leaving it out would make the others look older than they are.
    pub fn warm_up_at(&self, point: &Point, subject: Subject) -> Nanos {
        match subject {
            Subject::Transport(Transport::Polling) if point.echo.is_none() => {
                self.warm_up.max(point.poll_interval_ns.saturating_add(point.rtt_ns))
            }
            Subject::Transport(Transport::Polling | Transport::LongPolling | Transport::Sse | Transport::WebSocket)
            | Subject::TcpBaseline => self.warm_up,
        }
    }

    /// Length of the measured interval at a point.
    pub fn measure_at(&self, point: &Point) -> Nanos {
        let is_polled = self.transports.contains(&Transport::Polling) && point.echo.is_none();
        let poll = if is_polled { point.poll_interval_ns } else { Nanos::ZERO };
        let update = if point.rate_per_s > 0.0 { Nanos::from_seconds(1.0 / point.rate_per_s) } else { Nanos::ZERO };
        self.measure.max(Nanos(poll.max(update).0.saturating_mul(u64::from(self.cycles))))
    }
}

/// The points: every combination of the lists, and which of them has more than one value.
fn points(settings: &RunSettings, seed: u64, is_external: bool) -> Result<(Vec<PlanPoint>, Option<String>), PlanError> {
    let kind = settings.feed.unwrap_or(FeedKind::Replay);
    let mut sweep = None;
    let mut points = vec![first_point(settings)];
    let mut each = |name: &str, count: usize, set: &dyn Fn(&mut Point, usize)| {
        if count > 1 && sweep.is_none() {
            sweep = Some(name.to_owned());
        }
        if count > 0 {
            points = points.iter().flat_map(|point| (0..count).map(|index| with(point, index, set))).collect();
        }
    };
    // The outermost first: it is also the one that is swept where there are several lists.
    each("rtt_ns", count(&settings.rtt), &|point, at| point.rtt_ns = value(&settings.rtt, at, |RoundTrip(one)| *one));
    each("clients", count(&settings.clients), &|point, at| {
        point.clients = value(&settings.clients, at, |Clients(one)| *one)
    });
    each("rate_per_s", count(&settings.rate), &|point, at| {
        point.rate_per_s = value(&settings.rate, at, |Positive(one)| *one)
    });
    each("poll_interval_ns", count(&settings.poll_interval), &|point, at| {
        point.poll_interval_ns = value(&settings.poll_interval, at, |Interval(one)| *one);
    });
    each("payload_bytes", count(&settings.payload), &|point, at| {
        point.payload_bytes = value(&settings.payload, at, |Size(one)| *one as f64);
    });
    each("request_header_bytes", count(&settings.request_headers), &|point, at| {
        let bytes = value(&settings.request_headers, at, |Size(one)| *one);
        point.request_header_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    });
    each("link_bits_per_s", count(&settings.bandwidth), &|point, at| {
        point.link_bits_per_s = value(&settings.bandwidth, at, |Bandwidth(one)| *one);
    });
    each("churn_ns", count(&settings.churn), &|point, at| match value(&settings.churn, at, |Churn(one)| *one) {
        Leaving::Never => {}
        Leaving::Each(mean) => point.churn_ns = Some(mean),
        Leaving::AllAtOnce => point.storm = true,
    });
    each("echo", count(&settings.echo), &|point, at| point.echo = value(&settings.echo, at, |kind| Some(*kind)));
    let planned = points.into_iter().map(|point| plan_point(settings, kind, point, seed, is_external));
    Ok((planned.collect::<Result<_, _>>()?, sweep))
}

/// The point that there is without any list.
fn first_point(settings: &RunSettings) -> Point {
    Point {
        clients: 50,
        rate_per_s: 10.0,
        payload_bytes: 128.0,
        measured_feed: false,
        poll_interval_ns: Nanos::SECOND,
        hold_ns: settings.hold.map_or_else(|| limits::LONG_POLL_HOLD.into(), |Length(hold)| hold),
        rtt_ns: Nanos::ZERO,
        link_bits_per_s: None,
        request_header_bytes: 0,
        jitter_ns: settings.jitter.map_or(Nanos::ZERO, |RoundTrip(jitter)| jitter),
        churn_ns: None,
        storm: false,
        echo: None,
    }
}

fn count<T>(list: &Option<List<T>>) -> usize {
    list.as_ref().map_or(0, |List(values)| values.len())
}

/// The value at `index` of a list that has one.
fn value<T, V>(list: &Option<List<T>>, index: usize, read: impl Fn(&T) -> V) -> V {
    let List(values) = list.as_ref().expect("only the indices of a list that is there are asked for");
    read(&values[index])
}

fn with(point: &Point, index: usize, set: &dyn Fn(&mut Point, usize)) -> Point {
    let mut point = point.clone();
    set(&mut point, index);
    point
}

/// Adds the feed to a point, and takes the point's rate and payload from it: as asked for, or what serves for planning
/// until it is measured.
fn plan_point(
    settings: &RunSettings,
    kind: FeedKind,
    mut point: Point,
    seed: u64,
    is_external: bool,
) -> Result<PlanPoint, PlanError> {
    if point.echo.is_some() {
        // Nothing comes down; rate and payload are those of the messages.
        return Ok(PlanPoint { point, feed: Feed::None });
    }
    if is_external {
        // Whatever comes: nothing is known of it before it was measured.
        let point = Point { rate_per_s: 0.0, payload_bytes: 0.0, measured_feed: true, ..point };
        return Ok(PlanPoint { point, feed: Feed::None });
    }
    let feed = feed(settings, kind, point.rate_per_s, point.payload_bytes as u64, seed);
    (point.rate_per_s, point.payload_bytes) = nominal(&feed)?;
    point.measured_feed = kind != FeedKind::Synthetic;
    Ok(PlanPoint { point, feed })
}

fn feed(settings: &RunSettings, kind: FeedKind, rate: f64, payload: u64, seed: u64) -> Feed {
    match kind {
        FeedKind::Replay => {
            Feed::Replay { file: settings.replay.clone(), speed: settings.speed.unwrap_or(Positive(3600.0)).0 }
        }
        FeedKind::Synthetic => Feed::Synthetic {
            rate,
            payload: usize::try_from(payload).unwrap_or(usize::MAX),
            arrivals: settings.arrivals.unwrap_or(Arrivals::Steady),
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        settings: RunSettings,
    }

    /// The knobs as these flags set them.
    pub(super) fn settings(flags: &str) -> RunSettings {
        Flags::try_parse_from(std::iter::once("loadgen").chain(flags.split_whitespace())).unwrap().settings
    }

    fn plan(flags: &str) -> Plan {
        let settings = settings(flags);
        let scenario = Scenario { name: "none".to_owned(), question: "?".to_owned(), settings: RunSettings::default() };
        Plan::new(scenario, settings, None, PathBuf::new()).unwrap()
    }

    #[test]
    fn what_is_known_of_a_feed_before_it_is_measured_serves_for_planning_alone() {
        let scenario = Scenario { name: "none".to_owned(), question: "?".to_owned(), settings: RunSettings::default() };
        let target = Some("http://127.0.0.1:1".parse().unwrap());
        let external = Plan::new(scenario, RunSettings::default(), target, PathBuf::new()).unwrap();
        let point = &external.points[0].point;
        assert!(point.measured_feed && point.rate_per_s == 0.0, "{point:?}");
        let replayed = &plan("").points[0].point;
        assert!(replayed.measured_feed && (9.0..11.0).contains(&replayed.rate_per_s), "{replayed:?}");
        assert!(!plan("--feed synthetic").points[0].point.measured_feed);
    }

    #[test]
    fn trials_of_the_tcp_baseline_are_counted_apart() {
        assert_eq!(plan("--transports sse,websocket").count(), "6 trials and 3 of the TCP baseline");
        assert_eq!(plan("--transports sse --rounds 1 --tcp-baseline false").count(), "1 trial");
    }

    #[test]
    fn two_lists_make_every_combination_and_the_outer_one_is_swept() {
        let plan = plan("--feed synthetic --rtt 0ms,100ms --bandwidth none,1Mbit,10Mbit --jitter 2ms");
        assert_eq!((plan.points.len(), plan.sweep.as_deref()), (6, Some("rtt_ns")));
        assert!(plan.points.iter().all(|point| point.has_link() && point.point.jitter_ns == Nanos(2_000_000)));
        assert_eq!(plan.points[4].point.link_bits_per_s, Some(1_000_000));
        assert_eq!(plan.trials(), 6 * 5 * 3);
    }

    #[test]
    fn transports_that_do_not_depend_on_the_sweep_are_measured_at_its_first_point_alone() {
        let plan = plan("--poll-interval 50ms,1s,10s --transports polling,sse --sweep-only polling --rounds 1");
        let counts: Vec<usize> = (0..3).map(|index| plan.subjects(index).len()).collect();
        assert_eq!((counts, plan.trials()), (vec![3, 1, 1], 5));
    }

    #[test]
    fn the_interval_holds_the_cycles_asked_for_and_each_poller_has_polled_before_it() {
        let plan = plan("--feed synthetic --rate 0.2,100 --poll-interval 3s --measure 1s --warm-up 500ms --cycles 2");
        let lengths: Vec<Nanos> = plan.points.iter().map(|point| plan.measure_at(&point.point)).collect();
        assert_eq!(lengths, [10, 6].map(|seconds| Nanos(seconds * Nanos::SECOND.0)));
        let point = &plan.points[0].point;
        assert_eq!(plan.warm_up_at(point, Subject::Transport(Transport::Polling)), Nanos(3 * Nanos::SECOND.0));
        assert_eq!(plan.warm_up_at(point, Subject::Transport(Transport::Sse)), Nanos(500_000_000));
    }

    #[test]
    fn what_goes_up_and_who_comes_back_has_no_tcp_baseline() {
        let plan = plan("--echo text,binary --payload 16,1KiB --rate 5 --transports sse,websocket");
        assert_eq!((plan.points.len(), plan.sweep.as_deref()), (4, Some("payload_bytes")));
        assert!(plan.points.iter().all(|point| point.feed == Feed::None));
        assert_eq!(plan.subjects(0).len(), 2);
        let churn = self::plan("--churn none,2s,storm --transports sse");
        let counts: Vec<usize> = (0..3).map(|index| churn.subjects(index).len()).collect();
        assert_eq!(counts, [2, 1, 1]);
    }
}
