//! Runs that cannot be planned, and what to use instead.
//!
//! Over 400 lines: everything that is refused before a run is in one list, each with its message.

use crate::limits;
use crate::load::foreign::catalog::CatalogError;
use crate::load::plan::Refusal;
use crate::run::failover::Kill;
use crate::run::file::{Leaving, Point};
use crate::run::setting::{Delay, List, Setting};
use crate::run::target_name::TargetName;
use crate::run::{Compression, FeedKind, Protocol, Proxy, RunSettings, Transport};
use crate::stream::feed::FeedError;
use crate::units::Nanos;

/// Why a run is impossible.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A feed that cannot be repeated for each trial.
    #[error(
        "--feed {0} cannot be repeated for every trial; use replay or synthetic, or a server with its own feed \
             at --target"
    )]
    Unrepeatable(&'static str),
    /// A setting of the synthetic feed, with another feed.
    #[error("--{0} needs --feed synthetic; add it")]
    NotSynthetic(&'static str),
    /// A setting of the replayed feed without it.
    #[error("--{0} applies to the replay feed only; leave it out, or use --feed replay")]
    NotReplay(&'static str),
    /// A feed setting, for a server with a feed of its own.
    #[error("--{0} sets a feed that loadgen starts, but the server at --target has its own; leave it out")]
    NotOurs(&'static str),
    /// A sweep over something that a running server decides itself.
    #[error(
        "this scenario sweeps {0} of the feed, but the server at --target has its own feed; leave out --target, \
         or choose another scenario"
    )]
    NotOursToSweep(&'static str),
    /// A path to a server that is already running.
    #[error("--path needs servers that loadgen starts; leave out --path or --target")]
    PathToTarget,
    /// A proxy in front of a third-party server.
    #[error("--proxy needs servers that loadgen starts; leave out --proxy or --target")]
    ProxyToTarget,
    /// A path and a link.
    #[error("--path and --{0} both add delay; write it into the path, as in --path rtt=50ms, or leave one out")]
    PathAndLink(&'static str),
    /// Target files.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The address is not that of a server.
    #[error("--target {0}: {1}")]
    Address(TargetName, String),
    /// An address next to other targets.
    #[error(
        "--target {0} is the address of a server with its own feed, and cannot be combined with other targets; write a \
         target file for it (`loadgen try {0}` writes a first one)"
    )]
    AddressBesideTarget(TargetName),
    /// `none`, the server with its own feed inside, next to other targets.
    #[error("--target lists none together with servers; use pushpull instead, which is published to like the others")]
    NoneBesideTarget,
    /// Messages sent to a server that does not send them back.
    #[error("--echo needs a server with the /echo endpoints; leave out --target")]
    EchoToTarget,
    /// The target has none of the requested transports.
    #[error("the target {target} has {has}; add one of these to --transports")]
    NotDescribed {
        /// The target.
        target: TargetName,
        /// The transports it has.
        has: String,
    },
    /// The payload has no room for a number and a time.
    #[error(
        "--payload must have room for the sequence number and time of each update; use {least} or more with --target"
    )]
    PayloadTooSmall {
        /// Minimum payload size in bytes.
        least: usize,
    },
    /// A timestamp path that is not used.
    #[error(
        "--timestamp is for servers that loadgen does not publish to; use it with a --target whose file has no \
         [publish]"
    )]
    TimestampIdle,
    /// A server on another host.
    #[error(
        "the target {name} is at {address}, which is not on this host; if you have permission to load it, add \
         --i-may-load-this-server"
    )]
    Remote {
        /// The target.
        name: String,
        /// Its address.
        address: String,
    },
    /// A protocol setting for a server that is already running.
    #[error("--{0} applies to servers that loadgen starts, not to the one at --target; leave it out")]
    ProtocolOfTarget(&'static str),
    /// A proxy with a protocol that it is not configured for.
    #[error("--proxy supports HTTP/1.1 without TLS only; leave out --proxy or --protocol")]
    ProxyAndProtocol,
    /// Shared connections without multiplexing.
    #[error("--share-connection needs a protocol with streams; use it with --protocol h2 or h2c only")]
    NothingToShare,
    /// Clients that share a connection and make a new one for each request.
    #[error(
        "--keep-alive false opens a connection for each request, and --share-connection shares a connection; \
         leave one out"
    )]
    SharedAndNew,
    /// More clients on a connection than it has streams.
    #[error("{clients} clients cannot share one connection: a server allows {most} concurrent streams on each; \
        use --share-connection {most} or less",
        most = limits::H2_STREAMS_MAX)]
    TooManyOnOne {
        /// Number of clients per connection.
        clients: u32,
    },
    /// Echo over connections that are not kept.
    #[error("--keep-alive false applies to polls, and --echo keeps its connection; leave one of them out")]
    NewForEcho,
    /// A point at which no transport can be measured.
    #[error(
        "no transport of this run can be measured at compression {0} or without keep-alive: gzip and zstd apply to \
         polling, long_polling and sse, deflate to websocket, --keep-alive false to polling and long_polling; \
         add one of these to --transports and --sweep-only"
    )]
    NothingThere(Compression),
    /// A sweep over a transport that is not measured.
    #[error("--sweep-only names {0}, which --transports leaves out; add it there, or leave it out here")]
    NotMeasured(Transport),
    /// More clients than one process can run.
    #[error("{clients} clients are more than the {most} that {} can run; use --clients {most}, or --agents {agents}",
        if *.most > limits::CLIENTS_MAX { "these agents" } else { "one process" })]
    TooManyClients {
        /// Requested number of clients.
        clients: u32,
        /// Maximum number of clients.
        most: u32,
        /// Number of agents that would be enough.
        agents: u32,
    },
    /// Nodes with a setting that they do not support.
    #[error("--nodes starts servers on this host that speak HTTP/1.1 without TLS; leave out --{0}")]
    NodesAnd(&'static str),
    /// A kill of something that is not there, or with clients that leave by themselves.
    #[error("--kill {0} needs {1}")]
    Kill(Kill, &'static str),
    /// Nodes behind an HTTP proxy.
    #[error("--nodes needs --proxy haproxy, or none, which assigns clients to nodes; leave out --proxy {0}")]
    NodesBehind(Proxy),
    /// The clients need more open files than are allowed.
    #[error(
        "{clients} clients need {needed} open files on each side, and {allowed} are allowed; raise `ulimit -n` to \
             {needed} or use --clients {most}"
    )]
    Files {
        /// Requested number of clients.
        clients: u32,
        /// Open files that they need.
        needed: u64,
        /// Open files that the system allows.
        allowed: u64,
        /// Number of clients for which the allowed files are enough.
        most: u64,
    },
    /// A run that would have no result.
    #[error(transparent)]
    Empty(#[from] Refusal),
    /// More deliveries than the generator can keep in memory.
    #[error(
        "one trial would have {deliveries:.0} deliveries, and at most {most} can be kept; use fewer --clients, \
         a lower --rate or a shorter --measure",
        most = limits::TRIAL_DELIVERIES_MAX
    )]
    TooMany {
        /// Updates times clients.
        deliveries: f64,
    },
    /// A sweep of too many points.
    #[error("the lists make {points} points, and at most {most} are allowed; use fewer values",
        most = limits::POINTS_MAX)]
    Points {
        /// Number of points in the sweep.
        points: u64,
    },
    /// A value that is listed twice.
    #[error("the list of {label} contains a value twice; list each once", label = .0.label())]
    Twice(Setting),
    /// A transport that is listed twice.
    #[error("--{0} lists {1} twice; list each once")]
    TransportTwice(&'static str, Transport),
    /// A link with more jitter than delay.
    #[error(
        "--jitter {jitter} is more than half of --rtt {rtt}, and nothing can arrive before it was sent; \
         use a longer --rtt or a shorter --jitter"
    )]
    Jitter {
        /// Maximum deviation of the one-way delay.
        jitter: Nanos,
        /// Twice the one-way delay.
        rtt: Nanos,
    },
    /// Churn with clients that wait for their echoes.
    #[error("--echo and --churn cannot be combined: a client that leaves loses the echoes it waits for; leave one out")]
    EchoAndChurn,
    /// Subscriptions at one point and echo at another.
    #[error(
        "--echo lists none together with a message kind; run updates and messages separately, each with its own --rate"
    )]
    SomeEcho,
    /// A run that would take too long.
    #[error("{count} would take at least {hours:.1} hours, and {most} are allowed; use fewer rounds or sweep points, \
        or a shorter --measure",
        most = limits::RUN_HOURS_MAX)]
    TooLong {
        /// The number of trials, as text.
        count: String,
        /// Minimum length in hours.
        hours: f64,
    },
}

impl PlanError {
    /// Is the request at fault, and not a file or the machine?
    pub fn is_usage_error(&self) -> bool {
        match self {
            Self::Feed(error) => error.is_usage_error(),
            Self::Catalog(error) => error.is_usage_error(),
            Self::Files { .. } => false,
            Self::Unrepeatable(_)
            | Self::NotSynthetic(_)
            | Self::NotReplay(_)
            | Self::NotOurs(_)
            | Self::NotOursToSweep(_)
            | Self::TooMany { .. }
            | Self::Points { .. }
            | Self::Twice(_)
            | Self::TransportTwice(..)
            | Self::Jitter { .. }
            | Self::EchoAndChurn
            | Self::SomeEcho
            | Self::NotMeasured(_)
            | Self::PathToTarget
            | Self::ProtocolOfTarget(_)
            | Self::ProxyAndProtocol
            | Self::NothingToShare
            | Self::SharedAndNew
            | Self::TooManyOnOne { .. }
            | Self::NewForEcho
            | Self::NothingThere(_)
            | Self::ProxyToTarget
            | Self::PathAndLink(_)
            | Self::TooManyClients { .. }
            | Self::NodesAnd(_)
            | Self::NodesBehind(_)
            | Self::Kill(..)
            | Self::Address(_, _)
            | Self::AddressBesideTarget(_)
            | Self::NoneBesideTarget
            | Self::EchoToTarget
            | Self::NotDescribed { .. }
            | Self::PayloadTooSmall { .. }
            | Self::TimestampIdle
            | Self::Remote { .. }
            | Self::Empty(_)
            | Self::TooLong { .. } => true,
        }
    }
}

/// Refuses lists that make too many points or list a value twice, and sweeps over transports that are not measured.
pub(super) fn refuse_lists(settings: &RunSettings) -> Result<(), PlanError> {
    let points = settings.points_count();
    if points > limits::POINTS_MAX {
        return Err(PlanError::Points { points });
    }
    if let Some(setting) = settings.listed_twice() {
        return Err(PlanError::Twice(setting));
    }
    let measured = settings.transports();
    let named = [("transports", Some(&measured)), ("sweep-only", settings.sweep_only.as_ref())];
    for (flag, List(transports)) in named.into_iter().filter_map(|(flag, list)| Some((flag, list?))) {
        if let Some(again) = (1..transports.len()).find(|index| transports[..*index].contains(&transports[*index])) {
            return Err(PlanError::TransportTwice(flag, transports[again]));
        }
    }
    let mut swept = settings.sweep_only.iter().flat_map(|List(transports)| transports);
    if let Some(missing) = swept.find(|one| !measured.0.contains(one)) {
        return Err(PlanError::NotMeasured(*missing));
    }
    let kinds = settings.echo.iter().flat_map(|List(kinds)| kinds);
    let messages = kinds.clone().filter(|kind| kind.0.is_some()).count();
    if (1..kinds.count()).contains(&messages) { Err(PlanError::SomeEcho) } else { Ok(()) }
}

/// Refuses settings that contradict each other at one point.
pub(super) fn refuse_point(point: &Point) -> Result<(), PlanError> {
    if point.echo.is_some() && point.churn != Leaving::Never {
        return Err(PlanError::EchoAndChurn);
    }
    let stay = point.churn == Leaving::Never && point.echo.is_none();
    let needs = match point.kill {
        Kill::None => None,
        Kill::Node | Kill::Log | Kill::Leader if !stay => {
            Some("clients that stay and follow; leave out --churn and --echo")
        }
        Kill::Node if point.nodes < 2 || point.proxy != Proxy::Haproxy => {
            Some("two or more nodes behind a balancer that moves clients to another node; use --nodes 2")
        }
        Kill::Log | Kill::Leader if point.nodes == 0 => Some("nodes that share a log; use --nodes 1 or more"),
        Kill::Node | Kill::Log | Kill::Leader => None,
    };
    if let Some(needs) = needs {
        return Err(PlanError::Kill(point.kill, needs));
    }
    let (jitter, rtt) = (point.jitter_ns, point.rtt_ns);
    if jitter > Nanos(rtt.0 / 2) { Err(PlanError::Jitter { jitter, rtt }) } else { Ok(()) }
}

/// Refuses a measured interval with more deliveries than can be kept.
pub(super) fn refuse_too_many(point: &Point, measure: Nanos) -> Result<(), PlanError> {
    let deliveries = point.rate_per_s * measure.seconds() * f64::from(point.clients);
    match deliveries > limits::TRIAL_DELIVERIES_MAX as f64 {
        true => Err(PlanError::TooMany { deliveries }),
        false => Ok(()),
    }
}

/// The first of these settings that was given.
fn first<const N: usize>(given: [(&'static str, bool); N]) -> Option<&'static str> {
    given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
}

fn of_synthetic(settings: &RunSettings) -> Option<&'static str> {
    first([
        ("rate", settings.rate.is_some()),
        ("payload", settings.payload.is_some()),
        ("arrivals", settings.arrivals.is_some()),
    ])
}

fn of_replay(settings: &RunSettings) -> Option<&'static str> {
    first([("replay", settings.replay.is_some()), ("speed", settings.speed.is_some())])
}

/// Refuses feed settings that would have no effect. `settings` are the scenario's, overridden by `flags`.
pub(super) fn refuse_idle(flags: &RunSettings, settings: &RunSettings, is_external: bool) -> Result<(), PlanError> {
    let is_echo = settings.echo.iter().flat_map(|List(kinds)| kinds).any(|kind| kind.0.is_some());
    if is_echo {
        // Rate and payload are those of the messages.
        return Ok(());
    }
    if is_external {
        return refuse_feed_of_target(flags, settings);
    }
    // A user who chooses another feed than the scenario's has not asked for the scenario's speed.
    let asked = if flags.feed.is_some() { flags } else { settings };
    match (settings.feed(), of_synthetic(settings), of_replay(asked)) {
        (FeedKind::Replay | FeedKind::Stdin | FeedKind::None, Some(name), _) => Err(PlanError::NotSynthetic(name)),
        (FeedKind::Synthetic | FeedKind::Stdin | FeedKind::None, _, Some(name)) => Err(PlanError::NotReplay(name)),
        (FeedKind::Replay | FeedKind::Synthetic | FeedKind::Stdin | FeedKind::None, _, _) => Ok(()),
    }
}

/// Refuses a path that is not possible, or combined with a link.
pub(super) fn refuse_paths(settings: &RunSettings, is_external: bool) -> Result<(), PlanError> {
    let List(paths) = settings.path.clone().unwrap_or(List(Vec::new()));
    if paths.iter().all(|path| path.0.is_none()) {
        return Ok(());
    }
    if is_external {
        return Err(PlanError::PathToTarget);
    }
    let delays = |list: &Option<List<Delay>>| list.iter().flat_map(|List(all)| all).any(|one| one.0 > Nanos::ZERO);
    let rates = settings.bandwidth.iter().flat_map(|List(all)| all).any(|one| one.0.is_some());
    let links = [("rtt", delays(&settings.rtt)), ("jitter", delays(&settings.jitter)), ("bandwidth", rates)];
    match links.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(PlanError::PathAndLink(name)),
        None => Ok(()),
    }
}

/// Refuses protocols that are not available, and contradictory ways to use them.
pub(super) fn refuse_protocols(settings: &RunSettings, is_external: bool) -> Result<(), PlanError> {
    fn all<T: Copy>(list: &Option<List<T>>) -> Vec<T> {
        list.as_ref().map_or_else(Vec::new, |List(values)| values.clone())
    }
    let protocols = all(&settings.protocol);
    let compressions = all(&settings.compression);
    if is_external {
        let given = [
            ("protocol", protocols.iter().any(|protocol| *protocol != Protocol::Http1)),
            ("compression", compressions.iter().any(|compression| *compression != Compression::None)),
        ];
        if let Some(name) = first(given) {
            return Err(PlanError::ProtocolOfTarget(name));
        }
    }
    let has_proxy = all(&settings.proxy).into_iter().any(Proxy::speaks_http);
    if has_proxy && protocols.iter().any(|protocol| *protocol != Protocol::Http1) {
        return Err(PlanError::ProxyAndProtocol);
    }
    let most = all(&settings.share_connection).into_iter().map(|share| share.0).max().unwrap_or(1);
    let are_kept = all(&settings.keep_alive).into_iter().all(|kept| kept);
    let is_echo = all(&settings.echo).into_iter().any(|kind| kind.0.is_some());
    if most > 1 && (protocols.is_empty() || protocols.iter().any(|protocol| !protocol.is_h2())) {
        Err(PlanError::NothingToShare)
    } else if most > 1 && !are_kept {
        Err(PlanError::SharedAndNew)
    } else if most > limits::H2_STREAMS_MAX {
        Err(PlanError::TooManyOnOne { clients: most })
    } else if is_echo && !are_kept {
        Err(PlanError::NewForEcho)
    } else {
        Ok(())
    }
}

/// Refuses a proxy that is not possible.
pub(super) fn refuse_proxies(settings: &RunSettings, is_external: bool) -> Result<(), PlanError> {
    let has_proxy = settings.proxy.iter().flat_map(|List(all)| all).any(|one| *one != Proxy::None);
    if has_proxy && is_external { Err(PlanError::ProxyToTarget) } else { Ok(()) }
}

/// Refuses feed settings for a server that is already running, which has its own feed.
fn refuse_feed_of_target(flags: &RunSettings, settings: &RunSettings) -> Result<(), PlanError> {
    fn is_swept<T>(list: &Option<List<T>>) -> bool {
        list.as_ref().is_some_and(|List(values)| values.len() > 1)
    }
    let given = first([("feed", flags.feed.is_some())]).or_else(|| of_synthetic(flags)).or_else(|| of_replay(flags));
    let swept = first([("the rate", is_swept(&settings.rate)), ("the payload", is_swept(&settings.payload))]);
    match (given, swept) {
        (Some(name), _) => Err(PlanError::NotOurs(name)),
        (None, Some(name)) => Err(PlanError::NotOursToSweep(name)),
        (None, None) => Ok(()),
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
        let target = target.map_or_else(String::new, |url| format!(" --target {url}"));
        Plan::new(Scenario::load(scenario).unwrap(), settings(&format!("{flags}{target}")), PathBuf::new()).err()
    }

    #[test]
    fn settings_of_another_feed_are_refused_and_not_left_lying() {
        let target = Some("http://127.0.0.1:1");
        for (scenario, flags, target, part) in [
            ("quick", "--rate 50", None, "--rate needs --feed synthetic"),
            ("quick", "--feed synthetic --speed 3", None, "--speed applies to the replay feed"),
            ("sparse", "--replay FILE", None, "--replay applies to the replay feed"),
            ("chatty", "--feed replay", None, "--rate needs --feed synthetic"),
            ("quick", "--rate 5", target, "--rate sets a feed that loadgen starts"),
            ("quick", "--feed replay", target, "--feed sets a feed that loadgen starts"),
            ("chatty", "", target, "sweeps the rate"),
        ] {
            let error = refusal(scenario, flags, target).unwrap_or_else(|| panic!("{scenario} {flags}"));
            assert!(error.is_usage_error() && error.to_string().contains(part), "{scenario} {flags}: {error}");
        }
        for (scenario, flags, target) in [
            // The speed is the scenario's and applies to the feed that was not chosen.
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
    fn what_each_flag_allows_and_the_run_does_not_is_refused_before_it() {
        for flags in ["--transports sse,polling,sse", "--sweep-only polling,polling"] {
            let error = refusal("quick", flags, None);
            assert!(matches!(error, Some(PlanError::TransportTwice(..))), "{flags}: {error:?}");
        }
        let refused = |flags: &str| refusal("quick", flags, None);
        for flags in ["--jitter 1ms", "--rtt 0ms,20ms --jitter 5ms", "--rtt 19ms --jitter 10ms"] {
            assert!(matches!(refused(flags), Some(PlanError::Jitter { .. })), "{flags}");
        }
        assert!(matches!(refused("--echo text --churn none,1s"), Some(PlanError::EchoAndChurn)));
        for flags in ["--rtt 20ms --jitter 10ms", "--churn 1s", "--echo text"] {
            assert!(refused(flags).is_none(), "{flags}");
        }
    }

    #[test]
    fn a_path_stands_alone_and_leads_to_servers_of_our_own() {
        let path_and = |flags: &str, target| refusal("quick", &format!("--path 4g,none {flags}"), target);
        let target = Some("http://127.0.0.1:1");
        assert!(matches!(path_and("", target), Some(PlanError::PathToTarget)));
        assert!(matches!(refusal("quick", "--proxy nginx", target), Some(PlanError::ProxyToTarget)));
        for (flags, name) in [("--rtt 0ms,5ms", "rtt"), ("--jitter 1ms", "jitter"), ("--bandwidth 1Mbit", "bandwidth")]
        {
            assert!(matches!(path_and(flags, None), Some(PlanError::PathAndLink(given)) if given == name), "{flags}");
        }
        assert!(path_and("--rtt 0ms --bandwidth none", None).is_none());
        assert!(refusal("quick", "--path none --rtt 5ms", target).is_none());
    }

    #[test]
    fn what_protocols_cannot_do_is_refused_and_what_some_transports_have_is_measured_for_those() {
        let refused = |flags: &str| refusal("quick", flags, None);
        assert!(matches!(refused("--share-connection 10"), Some(PlanError::NothingToShare)));
        assert!(matches!(refused("--share-connection 10 --protocol h2,http1"), Some(PlanError::NothingToShare)));
        let new = "--protocol h2 --share-connection 10 --keep-alive false";
        assert!(matches!(refused(new), Some(PlanError::SharedAndNew)));
        assert!(matches!(
            refused("--protocol h2c --share-connection 201 --clients 201"),
            Some(PlanError::TooManyOnOne { clients: 201 })
        ));
        assert!(matches!(refused("--keep-alive false --transports sse"), Some(PlanError::NothingThere(_))));
        assert!(matches!(refused("--compression deflate --transports sse"), Some(PlanError::NothingThere(_))));
        assert!(matches!(refused("--compression gzip --transports websocket"), Some(PlanError::NothingThere(_))));
        assert!(matches!(
            refusal("quick", "--protocol h2", Some("http://127.0.0.1:1")),
            Some(PlanError::ProtocolOfTarget("protocol"))
        ));
        let plan = |flags: &str| Plan::new(Scenario::load("quick").unwrap(), settings(flags), PathBuf::new()).unwrap();
        let counts = |plan: &Plan| (0..plan.points.len()).map(|at| plan.subjects(at).len()).collect::<Vec<_>>();
        let base = "--tcp-baseline false";
        assert_eq!(counts(&plan(&format!("{base} --compression none,gzip,zstd,deflate"))), [4, 3, 3, 1]);
        assert_eq!(counts(&plan(&format!("{base} --keep-alive true,false"))), [4, 2]);
        assert_eq!(counts(&plan(&format!("{base} --protocol http1,https1,h2,h2c"))), [4, 4, 4, 4]);
    }

    #[test]
    fn a_run_in_which_nothing_would_be_due_is_refused_with_an_interval_that_is_enough() {
        let Some(PlanError::Empty(refusal)) = refusal("sparse", "--rounds 1 --measure 3s", None) else {
            panic!("not refused")
        };
        let Refusal::NoUpdate { enough: Some(enough), .. } = &refusal else { panic!("{refusal}") };
        let flags = format!("--rounds 1 --measure {}s", enough.seconds());
        assert!(self::refusal("sparse", &flags, None).is_none(), "{refusal}");
        // The recording has quiet hours: at this speed a tenth of a second may contain no update.
        assert!(matches!(
            self::refusal("quick", "--measure 100ms --speed 1", None),
            Some(PlanError::Empty(Refusal::NoPoll { .. } | Refusal::NoUpdate { .. }))
        ));
        assert!(matches!(
            self::refusal("quick", "--measure 100ms --clients 5 --poll-interval 60s", None),
            Some(PlanError::Empty(Refusal::NoPoll { .. }))
        ));
    }
}
