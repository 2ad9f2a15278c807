//! Turns flags and a scenario into a plan. Only a plan can be run: whatever is impossible is refused here, before
//! anything is started.
//!
//! Over 400 lines: a plan is built in one pass, and its counts and estimates are read together with it.

#[cfg(test)]
mod bundled;
mod nodes;
pub(crate) mod preflight;
mod refusals;
mod stretches;
mod targets;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

pub use preflight::{Forecast, Note, OpenFiles, Refusal};
pub use refusals::PlanError;

use crate::limits;
use crate::load::agents::Fleet;
use crate::load::context::Subject;
use crate::load::foreign::catalog::Catalog;
use crate::load::link::LinkOptions;
use crate::load::path::namespace::Paths;
use crate::load::scenarios::Scenario;
use crate::net::tls::Trust;
use crate::run::file as run;
use crate::run::file::{Leaving, Point, PublishedFeed};
use crate::run::path::PathSettings;
use crate::run::{Compression, FeedKind, Proxy, RunSettings, Transport};
use crate::stream::feed::{Feed, Source};
use crate::units::Nanos;

/// What a run will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The question, and the settings that are the same at every point, as in the run file.
    pub scenario: run::Scenario,
    /// The points of the sweep; one if nothing is swept.
    pub points: Vec<PlanPoint>,
    /// The same points with one client each.
    pub alone: Vec<PlanPoint>,
    /// Are network paths available here?
    pub paths: Paths,
    /// A server that is already running, instead of one started for each trial.
    pub target: Option<reqwest::Url>,
    /// Third-party servers, by the name in a point.
    pub catalog: Catalog,
    /// Which of their certificates are trusted.
    pub trust: Trust,
    /// The folder that runs are written to.
    pub out: PathBuf,
    /// The processor that servers are pinned to, if any.
    pub server_core: Option<usize>,
    /// Extra arguments of the servers that are started.
    pub server_args: Vec<String>,
    /// Number of processes that the clients are spread over.
    pub agents: u32,
    /// The agents that run the clients, if this process does not.
    pub fleet: Option<Arc<Fleet>>,
}

/// One point of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanPoint {
    /// Its settings, as in the run file.
    pub point: Point,
    /// The feed that is published.
    pub feed: Feed,
}

impl Plan {
    /// Builds the plan of a scenario; `flags` override the scenario's settings.
    ///
    /// Errors: [`PlanError`], which says what to change.
    pub fn new(scenario: Scenario, flags: RunSettings, out: PathBuf) -> Result<Self, PlanError> {
        Self::with_agents(scenario, flags, out, 1)
    }

    /// The same for a run whose clients are spread over `agents` processes.
    ///
    /// Errors: [`PlanError`].
    pub fn with_agents(scenario: Scenario, flags: RunSettings, out: PathBuf, agents: u32) -> Result<Self, PlanError> {
        let plan = Self { agents, ..Self::unchecked(scenario, flags, out)? };
        plan.check()?;
        Ok(plan)
    }

    /// The plan as it would be on a machine with enough resources: for display, not for running.
    ///
    /// Errors: [`PlanError`].
    pub fn sketch(scenario: Scenario, flags: RunSettings) -> Result<Self, PlanError> {
        Self::unchecked(scenario, flags, PathBuf::new())
    }

    fn unchecked(scenario: Scenario, flags: RunSettings, out: PathBuf) -> Result<Self, PlanError> {
        let Scenario { name, question, purpose, settings } = scenario;
        let mut settings = flags.clone().over(settings);
        let targets::Resolved { address: target, catalog } = targets::resolve(&mut settings)?;
        let is_external = target.is_some() || (!catalog.is_empty() && catalog.values().all(targets::is_observed));
        refusals::refuse_idle(&flags, &settings, is_external)?;
        refusals::refuse_lists(&settings)?;
        let is_targeted = target.is_some() || !catalog.is_empty();
        refusals::refuse_paths(&settings, is_targeted)?;
        refusals::refuse_protocols(&settings, is_targeted)?;
        refusals::refuse_proxies(&settings, is_targeted)?;
        nodes::refuse(&settings, is_targeted)?;
        nodes::balance(&mut settings);
        let (points, sweep) = settings.points();
        let planned = points.into_iter().map(|point| {
            let found = point.target.and_then(|name| catalog.get(&name));
            plan_point(&settings, point, target.is_some() || found.is_some_and(targets::is_observed))
        });
        let points = planned.collect::<Result<Vec<_>, _>>()?;
        let feed = published(&points[0], &settings, target.as_ref());
        let one_client =
            |one: &PlanPoint| PlanPoint { point: Point { clients: 1, ..one.point.clone() }, ..one.clone() };
        let alone = points.iter().map(one_client).collect();
        let mut scenario = run::Scenario::new(&settings, [name, question], purpose, feed, sweep);
        scenario.tcp_baseline &= !is_external;
        scenario.alone &= !is_external && catalog.is_empty();
        let (paths, server_args) = (Paths::NotEntered, Vec::new());
        let mut plan = Self {
            scenario,
            points,
            alone,
            paths,
            target,
            catalog,
            trust: Trust::System,
            out,
            server_core: None,
            server_args,
            agents: 1,
            fleet: None,
        };
        plan.keep_described()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), PlanError> {
        let files = self.open_files();
        let clients = self.points.iter().map(|point| point.point.clients).max().unwrap_or(0);
        if clients.div_ceil(self.agents) > limits::CLIENTS_MAX {
            let (most, agents) =
                (limits::CLIENTS_MAX.saturating_mul(self.agents), clients.div_ceil(limits::CLIENTS_MAX));
            return Err(PlanError::TooManyClients { clients, most, agents });
        }
        if files.needed > files.allowed {
            let room = files.allowed.saturating_sub(limits::FD_RESERVE);
            let most = u64::from(clients) * room / files.needed.saturating_sub(limits::FD_RESERVE).max(1);
            return Err(PlanError::Files { clients, needed: files.needed, allowed: files.allowed, most });
        }
        let hours = self.least_length().seconds() / 3600.0;
        if hours > limits::RUN_HOURS_MAX {
            return Err(PlanError::TooLong { count: self.count(), hours });
        }
        for point in &self.points {
            refusals::refuse_point(&point.point)?;
            refusals::refuse_too_many(&point.point, self.measure_at(&point.point))?;
        }
        if let Some(index) = (0..self.points.len()).find(|index| self.transports_at(*index) == 0) {
            return Err(PlanError::NothingThere(self.points[index].point.compression));
        }
        match self.refuse_empty()? {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    /// The link of a point: the one that was asked for, or the one that replaces a path that is unavailable here.
    pub fn link_options(&self, point: &Point, to: SocketAddr) -> Option<LinkOptions> {
        let asked = point.has_link().then_some(LinkOptions {
            to,
            rtt: point.rtt_ns,
            jitter: point.jitter_ns,
            bits_per_s: point.link_bits_per_s,
        });
        let stand_in = |path: PathSettings| {
            let bits_per_s = [path.up_bits_per_s, path.down_bits_per_s].into_iter().flatten().min();
            LinkOptions { to, rtt: path.rtt, jitter: path.jitter, bits_per_s }
        };
        asked.or_else(|| point.path.filter(|_| self.paths.refusal().is_some()).map(stand_in))
    }

    /// Total number of trials, including those of the TCP baseline and those with one client.
    pub fn trials(&self) -> usize {
        let [trials, tcp_baselines] = self.trials_and_tcp_baselines();
        trials + tcp_baselines + self.trials_alone()
    }

    /// Number of trials with one client.
    pub fn trials_alone(&self) -> usize {
        let each_round: usize = (0..self.points.len()).map(|index| self.subjects_alone(index).len()).sum();
        each_round * self.scenario.rounds as usize
    }

    /// Number of trials of the transports, and of the TCP baseline.
    pub fn trials_and_tcp_baselines(&self) -> [usize; 2] {
        let subjects: Vec<Subject> = (0..self.points.len()).flat_map(|index| self.subjects(index)).collect();
        let tcp_baselines = subjects.iter().filter(|subject| **subject == Subject::TcpBaseline).count();
        [subjects.len() - tcp_baselines, tcp_baselines].map(|each_round| each_round * self.scenario.rounds as usize)
    }

    /// "12 trials and 3 of the TCP baseline".
    pub fn count(&self) -> String {
        let [trials, tcp_baselines] = self.trials_and_tcp_baselines();
        let plural = if trials == 1 { "" } else { "s" };
        let alone = match self.trials_alone() {
            0 => String::new(),
            alone => format!(", {alone} with one client"),
        };
        match tcp_baselines {
            0 => format!("{trials} trial{plural}{alone}"),
            _ => format!("{trials} trial{plural}{alone} and {tcp_baselines} of the TCP baseline"),
        }
    }

    /// Minimum total time of all trials.
    pub fn least_length(&self) -> Nanos {
        // Saturating: an overflow must come out as too long, not wrap around to short.
        let total = |lengths: &mut dyn Iterator<Item = u64>| lengths.fold(0, u64::saturating_add);
        let of_point = |(index, point): (usize, &PlanPoint)| {
            let measure = self.measure_at(&point.point).0;
            let of = |subject| self.warm_up_at(&point.point, subject).0.saturating_add(measure);
            total(&mut self.subjects(index).into_iter().chain(self.subjects_alone(index)).map(of))
        };
        Nanos(total(&mut self.points.iter().enumerate().map(of_point)).saturating_mul(self.scenario.rounds.into()))
    }

    /// What is measured at a point.
    pub fn subjects(&self, point_index: usize) -> Vec<Subject> {
        let is_first = point_index == 0;
        let is_swept = |transport: &Transport| self.scenario.sweep_only.contains(transport);
        let are_all_swept = Transport::ALL.iter().all(is_swept);
        let point = &self.points[point_index].point;
        let described = self.entry(point).map(|entry| entry.description.transports());
        let is_described = |one: &Transport| described.as_ref().is_none_or(|described| described.contains(one));
        let transports = self.scenario.transports.iter().copied().filter(|one| is_first || is_swept(one));
        let transports = transports.filter(is_described).filter(|transport| is_supported(*transport, point));
        // The TCP baseline only sends to connected clients: it has no upstream direction, and clients that reconnect
        // would not find it.
        let has_tcp_baseline = self.scenario.tcp_baseline && point.echo.is_none() && point.churn == Leaving::Never;
        // A proxy speaks HTTP, and the log belongs to HTTP servers.
        let has_tcp_baseline = has_tcp_baseline && point.proxy == Proxy::None && point.nodes == 0;
        let has_tcp_baseline = has_tcp_baseline && (is_first || are_all_swept);
        // Its output does not depend on the server: measuring it once, with the first target, is enough.
        let has_tcp_baseline = has_tcp_baseline && point.target == self.points[0].point.target;
        transports.map(Subject::Transport).chain(has_tcp_baseline.then_some(Subject::TcpBaseline)).collect()
    }

    fn transports_at(&self, point_index: usize) -> usize {
        self.subjects(point_index).into_iter().filter(|subject| *subject != Subject::TcpBaseline).count()
    }

    /// What is measured with one client at a point: the transports that push, if the point has many clients. A polling
    /// client waits for its next poll, however many clients there are.
    pub fn subjects_alone(&self, point_index: usize) -> Vec<Subject> {
        let point = &self.points[point_index].point;
        let is_crowd = point.clients > 1 && point.echo.is_none() && point.churn == Leaving::Never;
        let pushes = |subject: &Subject| match subject {
            Subject::Transport(Transport::LongPolling | Transport::Sse | Transport::WebSocket) => true,
            Subject::Transport(Transport::Polling) | Subject::TcpBaseline => false,
        };
        let all = if self.scenario.alone && is_crowd { self.subjects(point_index) } else { Vec::new() };
        all.into_iter().filter(pushes).collect()
    }

    /// Warm-up: from when all clients are connected to the start of measuring. By then each polling client must have
    /// polled once: a client that holds nothing has no age, and leaving it out would make the others look older than
    /// they are.
    pub fn warm_up_at(&self, point: &Point, subject: Subject) -> Nanos {
        let warm_up = self.scenario.warm_up_ns;
        match subject {
            Subject::Transport(Transport::Polling) if point.echo.is_none() => {
                warm_up.max(point.poll_interval_ns.saturating_add(point.round_trip()))
            }
            Subject::Transport(Transport::Polling | Transport::LongPolling | Transport::Sse | Transport::WebSocket)
            | Subject::TcpBaseline => warm_up,
        }
    }

    /// Length of the measured interval at a point.
    pub fn measure_at(&self, point: &Point) -> Nanos {
        let is_polled = self.scenario.transports.contains(&Transport::Polling) && point.echo.is_none();
        let poll = if is_polled { point.poll_interval_ns } else { Nanos::ZERO };
        let update = if point.rate_per_s > 0.0 { Nanos::from_seconds(1.0 / point.rate_per_s) } else { Nanos::ZERO };
        self.scenario.measure_ns.max(Nanos(poll.max(update).0.saturating_mul(u64::from(self.scenario.cycles))))
    }
}

/// Does this transport exist with the compression and the `keep_alive` of a point? A transport that is one long-lived
/// connection has none to keep for a next request.
fn is_supported(transport: Transport, point: &Point) -> bool {
    let is_websocket = transport == Transport::WebSocket;
    let is_compressible = match point.compression {
        Compression::None => true,
        Compression::Gzip | Compression::Zstd => !is_websocket,
        Compression::Deflate => is_websocket,
    };
    let is_stream = matches!(transport, Transport::Sse | Transport::WebSocket);
    is_compressible && (point.keep_alive || !is_stream)
}

/// Adds the feed to a point, and sets the point's rate and payload from it: as asked for, or a value for planning
/// until it is measured.
fn plan_point(settings: &RunSettings, mut point: Point, is_external: bool) -> Result<PlanPoint, PlanError> {
    if point.echo.is_some() {
        // Nothing is sent downstream; rate and payload are those of the messages.
        return Ok(PlanPoint { point, feed: Feed::None });
    }
    if is_external {
        // Nothing is known of this feed until it is measured.
        let point = Point { rate_per_s: 0.0, payload_bytes: 0.0, measured_feed: true, ..point };
        return Ok(PlanPoint { point, feed: Feed::None });
    }
    let feed = feed(settings, &point);
    (point.rate_per_s, point.payload_bytes) = nominal(&feed)?;
    point.measured_feed = settings.feed() != FeedKind::Synthetic;
    Ok(PlanPoint { point, feed })
}

fn feed(settings: &RunSettings, point: &Point) -> Feed {
    match settings.feed() {
        FeedKind::Replay => Feed::Replay { file: settings.replay.clone(), speed: settings.speed().0, from: 0.0 },
        FeedKind::Synthetic => Feed::Synthetic {
            rate: point.rate_per_s,
            payload: point.payload_bytes as usize,
            arrivals: settings.arrivals(),
            seed: settings.seed().0,
        },
        FeedKind::Stdin => Feed::Stdin,
        FeedKind::None => Feed::None,
    }
}

/// Rate and payload of a feed: as asked for, or the means over a whole recording.
fn nominal(feed: &Feed) -> Result<(f64, f64), PlanError> {
    match (feed, feed.source()?) {
        (Feed::Synthetic { rate, payload, .. }, _) => Ok((*rate, *payload as f64)),
        (_, Some(Source::Replay(replay))) => Ok(replay.means()),
        (other, _) => Err(PlanError::Unrepeatable(other.label())),
    }
}

/// The feed as in the run file.
fn published(first: &PlanPoint, settings: &RunSettings, target: Option<&reqwest::Url>) -> PublishedFeed {
    match (&first.feed, target) {
        _ if first.point.echo.is_some() => PublishedFeed::None,
        (_, Some(url)) => PublishedFeed::External { target: Some(url.to_string()) },
        (Feed::None, None) if first.point.measured_feed => {
            PublishedFeed::External { target: first.point.target.map(|name| name.to_string()) }
        }
        (Feed::Replay { file, speed, .. }, None) => {
            let name = |file: &PathBuf| file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
            PublishedFeed::Replay { recording: file.as_ref().map(name), speed: Some(*speed) }
        }
        (Feed::Synthetic { .. } | Feed::Stdin | Feed::None, None) => {
            PublishedFeed::Synthetic { arrivals: Some(settings.arrivals()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::path::namespace::{self, Step};
    use crate::run::purpose::Purpose;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        settings: RunSettings,
    }

    /// The settings as set by these flags.
    pub(super) fn settings(flags: &str) -> RunSettings {
        Flags::try_parse_from(std::iter::once("loadgen").chain(flags.split_whitespace())).unwrap().settings
    }

    /// A scenario that sets nothing.
    fn nothing_set() -> Scenario {
        let [name, question] = ["none", "?"].map(str::to_owned);
        Scenario { name, question, purpose: Purpose::default(), settings: RunSettings::default() }
    }

    fn plan(flags: &str) -> Plan {
        let settings = settings(flags);
        Plan::new(nothing_set(), settings, PathBuf::new()).unwrap()
    }

    #[test]
    fn the_nominal_rate_of_a_measured_feed_is_only_for_planning() {
        let external = plan("--target http://127.0.0.1:1");
        let point = &external.points[0].point;
        assert!(point.measured_feed && point.rate_per_s == 0.0, "{point:?}");
        let replayed = &plan("").points[0].point;
        assert!(replayed.measured_feed && (9.0..11.0).contains(&replayed.rate_per_s), "{replayed:?}");
        assert!(!plan("--feed synthetic").points[0].point.measured_feed);
    }

    #[test]
    fn the_tcp_baseline_is_still_set_under_its_old_name() {
        assert_eq!(settings("--floor false"), settings("--tcp-baseline false"));
    }

    #[test]
    fn trials_of_the_tcp_baseline_are_counted_separately() {
        assert_eq!(plan("--transports sse,websocket").count(), "6 trials and 3 of the TCP baseline");
        assert_eq!(plan("--transports sse --rounds 1 --tcp-baseline false").count(), "1 trial");
    }

    #[test]
    fn two_lists_make_every_combination_and_the_outer_one_is_swept() {
        let plan = plan("--feed synthetic --rtt 10ms,100ms --bandwidth none,1Mbit,10Mbit --jitter 2ms");
        assert_eq!((plan.points.len(), plan.scenario.sweep.as_deref()), (6, Some("rtt_ns")));
        assert!(plan.points.iter().all(|point| point.point.has_link() && point.point.jitter_ns == Nanos(2_000_000)));
        assert_eq!(plan.points[4].point.link_bits_per_s, Some(1_000_000));
        assert_eq!(plan.trials(), 6 * 5 * 3);
    }

    #[test]
    fn transports_that_do_not_depend_on_the_sweep_are_measured_at_its_first_point_only() {
        let plan = plan("--poll-interval 50ms,1s,10s --transports polling,sse --sweep-only polling --rounds 1");
        let counts: Vec<usize> = (0..3).map(|index| plan.subjects(index).len()).collect();
        assert_eq!((counts, plan.trials()), (vec![3, 1, 1], 5));
    }

    #[test]
    fn the_interval_contains_the_requested_cycles_and_each_poller_has_polled_before_it() {
        let plan = plan("--feed synthetic --rate 0.2,100 --poll-interval 3s --measure 1s --warm-up 500ms --cycles 2");
        let lengths: Vec<Nanos> = plan.points.iter().map(|point| plan.measure_at(&point.point)).collect();
        assert_eq!(lengths, [10, 6].map(|seconds| Nanos(seconds * Nanos::SECOND.0)));
        let point = &plan.points[0].point;
        assert_eq!(plan.warm_up_at(point, Subject::Transport(Transport::Polling)), Nanos(3 * Nanos::SECOND.0));
        assert_eq!(plan.warm_up_at(point, Subject::Transport(Transport::Sse)), Nanos(500_000_000));
    }

    #[test]
    fn one_client_alone_is_measured_on_transports_that_push_at_points_with_several_clients() {
        let plan = plan("--alone true --clients 1,50 --rounds 2");
        let alone = [0, 1].map(|index| plan.subjects_alone(index));
        let pushing = [Transport::LongPolling, Transport::Sse, Transport::WebSocket].map(Subject::Transport);
        assert_eq!(alone, [vec![], pushing.to_vec()]);
        assert_eq!(
            (plan.trials(), plan.count()),
            (26, "16 trials, 6 with one client and 4 of the TCP baseline".to_owned())
        );
        assert!(plan.alone.iter().all(|point| point.point.clients == 1));
        assert_eq!(super::Plan::trials_alone(&self::plan("--alone true --echo text")), 0);
    }

    #[test]
    fn echo_and_churn_have_no_tcp_baseline() {
        let plan = plan("--echo text,binary --payload 16,1KiB --rate 5 --transports sse,websocket");
        assert_eq!((plan.points.len(), plan.scenario.sweep.as_deref()), (4, Some("payload_bytes")));
        assert!(plan.points.iter().all(|point| point.feed == Feed::None));
        assert_eq!(plan.subjects(0).len(), 2);
        let churn = self::plan("--churn none,2s,storm --transports sse");
        let counts: Vec<usize> = (0..3).map(|index| churn.subjects(index).len()).collect();
        assert_eq!(counts, [2, 1, 1]);
    }

    #[test]
    fn where_paths_are_unavailable_a_link_takes_their_delay_and_their_slower_rate() {
        let mut plan = plan("--path rtt=40ms,jitter=5ms,loss=1%,down=8Mbit,up=1Mbit,none");
        let to = SocketAddr::from(([127, 0, 0, 1], 1));
        let links = |plan: &Plan| -> Vec<_> {
            let of = |point: &PlanPoint| plan.link_options(&point.point, to);
            plan.points.iter().map(|point| of(point).map(|link| (link.rtt, link.jitter, link.bits_per_s))).collect()
        };
        assert_eq!(links(&plan), [None, None]);
        plan.paths = Paths::Forbidden(namespace::Refusal { step: Step::Unshare, errno: None });
        assert_eq!(links(&plan), [Some((Nanos(40_000_000), Nanos(5_000_000), Some(1_000_000))), None]);
    }
}
