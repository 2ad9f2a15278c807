//! The measured interval of a trial: when it is, and the readings at its two edges.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::task::{JoinHandle, block_in_place};

use crate::clock::Clock;
use crate::limits;
use crate::load::clock_relation::ClockRelation;
use crate::load::context::{ClientProgress, TrialContext};
use crate::load::path::trial_path::{PathReading, TrialPath};
use crate::load::plan::{Plan, preflight};
use crate::load::proxy::RunningProxy;
use crate::load::trial_data::{Snapshot, TrialId};
use crate::load::trial_error::TrialError;
use crate::load::under_test::UnderTest;
use crate::measure::bytes::Reading;
use crate::measure::delivery::Window;
use crate::measure::host;
use crate::measure::process::{TcpCounts, process_cpu};
use crate::run::failover::Kill;
use crate::run::file::LinkReport;
use crate::units::Nanos;

/// What is between clients and server: a path, a proxy or a link, if any.
#[derive(Default)]
pub struct Relays {
    /// The path.
    pub path: Option<TrialPath>,
    /// The proxy.
    pub proxy: Option<RunningProxy>,
    /// Process id of the link.
    pub link_pid: Option<u32>,
    /// The probe of the link.
    pub probe: Option<JoinHandle<Option<LinkReport>>>,
}

impl Relays {
    /// TCP endpoints on this host per client: two, and two more for each relay that ends the connection.
    pub fn ends_per_client(&self) -> u32 {
        2 + 2 * u32::from(self.link_pid.is_some()) + 2 * u32::from(self.proxy.is_some())
    }
}

/// The clients of this process, and their progress.
pub type Clients<'a> = (&'a TrialContext, &'a [Arc<ClientProgress>]);

/// The measured interval of a trial whose feed starts at `origin`.
pub fn window(plan: &Plan, which: TrialId<'_>, origin: Nanos) -> Window {
    let point = &which.point.point;
    let (warm_up, length) = (plan.warm_up_at(point, which.subject), plan.measure_at(point));
    // It starts half the mean time between updates later, so that the edges of the interval fall between evenly spaced updates, and not on
    // one that is half delivered when the counters are read. The rate of a server that is already running is unknown.
    let edge = preflight::edge(point.rate_per_s, length);
    let start = origin.saturating_add(warm_up).saturating_add(edge);
    Window { start, end: start.saturating_add(length) }
}

/// The readings of an interval.
pub struct IntervalReadings {
    /// At its start and at its end.
    pub edges: [EdgeReading; 2],
    /// How the clocks relate: before the interval and, if the server is on another host, during and after it.
    pub relations: Vec<(Nanos, ClockRelation)>,
}

/// The readings at one edge of the interval.
pub struct EdgeReading {
    /// All counters.
    pub snapshot: Snapshot,
    /// The path's counters.
    pub path: Option<PathReading>,
    /// CPU time of the proxy, which is part of the snapshot's `relay_cpu` too.
    pub proxy_cpu: Option<Nanos>,
    /// CPU time of the log's servers, which is part of the snapshot's `relay_cpu` too.
    pub log_cpu: Option<Nanos>,
}

/// Waits through the interval, reads all counters at both edges, and in its middle kills what the point's `kill` names.
///
/// Errors: [`TrialError`].
pub async fn read_interval(
    which: TrialId<'_>,
    target: &mut UnderTest,
    clients: Clients<'_>,
    relays: &mut Relays,
    window: Window,
) -> Result<IntervalReadings, TrialError> {
    let context = clients.0;
    let at = |instant: Nanos| tokio::time::sleep_until(context.clock.instant(instant));
    // A query costs the server time that must not be measured, so queries are sent before and after the interval, except
    // one for the clock of a server on another host in its middle.
    at(window.start.saturating_sub(limits::QUERY_LEAD)).await;
    let retransmitted = target.retransmitted(which.subject).await;
    at(window.start).await;
    let mut begun = read_edge(target, relays, Some(clients))?;
    begun.snapshot.server_retransmitted = retransmitted;
    let mut relations = vec![(begun.snapshot.at, context.relation)];
    let kill = which.point.point.kill;
    if kill != Kill::None {
        at(window.middle()).await;
        target.kill(kill, &context.killed, context.clock).await?;
    }
    // On one host there is one clock.
    let is_far = context.relation.uncertainty > Nanos::ZERO;
    if is_far {
        at(window.middle()).await;
        relations.push((context.clock.now(), target.clock(which.subject).await?));
    }
    at(window.end).await;
    let mut ended = read_edge(target, relays, Some(clients))?;
    ended.snapshot.server_retransmitted = target.retransmitted(which.subject).await;
    if is_far {
        relations.push((context.clock.now(), target.clock(which.subject).await?));
    }
    Ok(IntervalReadings { edges: [begun, ended], relations })
}

/// Reads all counters that need no query to the server; those of the clients are zero without `clients`.
///
/// Errors: [`TrialError`].
pub fn read_edge(
    target: &UnderTest,
    relays: &mut Relays,
    clients: Option<Clients<'_>>,
) -> Result<EdgeReading, TrialError> {
    let path = relays.path.as_mut().map(|path| block_in_place(|| path.read())).transpose()?;
    let (proxy_cpu, log_cpu) = (relays.proxy.as_ref().and_then(RunningProxy::cpu), target.log_cpu());
    let relay_cpu = match (path, relays.link_pid) {
        (Some(path), _) => path.cpu(),
        (None, Some(pid)) => process_cpu(pid).unwrap_or_default(),
        (None, None) => Nanos::ZERO,
    };
    let relay_cpu = [proxy_cpu, log_cpu].into_iter().flatten().fold(relay_cpu, Nanos::saturating_add);
    let own = match clients {
        Some(clients) => snapshot(clients)?,
        None => own_snapshot(Clock::Monotonic)?,
    };
    let snapshot = Snapshot { server_cpu: target.cpu(), relay_cpu, ..own };
    Ok(EdgeReading { snapshot, path, proxy_cpu, log_cpu })
}

/// Reads the counters of the clients, of this process and of the host.
///
/// Errors: [`TrialError::Reading`].
pub fn snapshot((context, progress): Clients<'_>) -> Result<Snapshot, TrialError> {
    let counters = progress.iter().map(|progress| progress.counters.read()).chain([context.shared_counters.read()]);
    Ok(Snapshot { counters: counters.sum(), tcp: context.sockets.total(), ..own_snapshot(context.clock)? })
}

/// Reads the counters of this process and of the host.
fn own_snapshot(clock: Clock) -> Result<Snapshot, TrialError> {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Snapshot {
        at: clock.now(),
        relay_cpu: Nanos::ZERO,
        unix_ns: Nanos::from(unix).0,
        server_cpu: None,
        own_wait: host::waited(std::process::id()),
        own_cpu: process_cpu(std::process::id()).map_err(TrialError::Reading)?,
        host: host::time(),
        counters: Reading::default(),
        tcp: TcpCounts::default(),
        server_retransmitted: None,
    })
}
