//! A trial: one transport, one workload, one measured interval, on a server that is started for it unless it is already
//! running.
//!
//! ```text
//! start the server → all clients connect → memory, idle → the feed begins → warm-up
//!   → [ the measured interval, read at both ends ] → drain → stop → compare what arrived with what was due
//! ```

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::Version;
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::task::{JoinSet, block_in_place};
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::load::analysis;
use crate::load::client;
use crate::load::context::{ClientProgress, Outcome, Subject, TrialContext, TrialTimes};
use crate::load::echo::Sending;
use crate::load::health;
use crate::load::interval::{self, Relays};
use crate::load::link::Link;
use crate::load::path::trial_path::TrialPath;
use crate::load::path::{self, PathError};
use crate::load::plan::Plan;
use crate::load::proxy::RunningProxy;
use crate::load::tcp_baseline;
use crate::load::trial_data::{Memory, Snapshots, TrialData, TrialId, UpdateInfo};
pub use crate::load::trial_error::TrialError;
use crate::load::under_test::{Schedule, UnderTest};
use crate::measure::delivery::{Due, Window};
use crate::run::failover::Kill;
use crate::run::file::{MessageKind, Point, Trial};
use crate::run::heads::Request;
use crate::run::{Compression, Transport};
use crate::transport::{H2Session, Options};
use crate::units::Nanos;

/// Runs one trial, from starting its server to stopping it.
///
/// Errors: [`TrialError`]; the server is stopped in that case too.
pub async fn run(plan: &Plan, which: TrialId<'_>, stop: &CancellationToken) -> Result<Trial, TrialError> {
    let point = &which.point.point;
    let path_settings = match point.path {
        Some(settings) => plan.paths.namespace().map_err(PathError::from)?.map(|namespace| (namespace, settings)),
        None => None,
    };
    let host = path_settings.map_or(Ipv4Addr::LOCALHOST, |_| path::address::FAR);
    let feed = plan.feed_in(which.point, which.round);
    let mut target = UnderTest::start(plan, which.subject, which.point, &feed, host).await?;
    let relation = target.clock(which.subject).await?;
    let path = match path_settings {
        Some((namespace, settings)) => {
            Some(block_in_place(|| TrialPath::start(namespace, &settings, seed(plan, which)))?)
        }
        None => None,
    };
    let proxy = block_in_place(|| RunningProxy::start(point.proxy, &target.addresses(), point.clients))?;
    let mut servers = proxy.as_ref().map_or_else(|| target.addresses(), |proxy| vec![proxy.address]);
    let link = match plan.link_options(point, servers[0]) {
        Some(options) => Some(Link::start(&options).await?),
        None => None,
    };
    if let Some(link) = &link {
        servers = vec![link.address];
    }
    let context = Arc::new(TrialContext {
        has_path: path.is_some(),
        tls: target.connector(point.protocol)?,
        shared: shared_connections(point),
        subscriber: target.subscriber(),
        ..TrialContext::new(which.subject, servers, point, relation)
    });
    // Stops the clients however this function returns.
    let _end_clients = context.stop.clone().drop_guard();
    let probe = link.as_ref().map(|link| tokio::spawn(link.watch(context.stop.child_token())));
    let relays = Relays { path, proxy, probe, link_pid: link.as_ref().and_then(Link::pid) };
    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => Err(TrialError::Stopped),
        outcome = measure(plan, which, &mut target, &context, relays) => outcome,
    };
    context.stop.cancel();
    if let Some(link) = link {
        link.stop().await;
    }
    target.stop().await;
    outcome
}

async fn measure(
    plan: &Plan,
    which: TrialId<'_>,
    target: &mut UnderTest,
    context: &Arc<TrialContext>,
    mut relays: Relays,
) -> Result<Trial, TrialError> {
    let point = &which.point.point;
    let feed = plan.feed_in(which.point, which.round);
    let start = target.newest(which.subject).await?;
    let mut memory = Memory { before: target.memory(), ..Memory::default() };

    let ids = 0..point.clients;
    let (mut clients, progress) = spawn(point, which.subject, seed(plan, which), &target.authority(), ids, context);
    all_connected(&mut clients, context, point.clients).await?;
    tokio::time::sleep(limits::SETTLE).await;
    memory.idle = target.memory();

    // Rounded to a whole microsecond, like every offset of the feed, so that `at_us` is exactly the instant at which
    // an update is due.
    let origin = context.clock.now().saturating_add(limits::FEED_LEAD).whole_micros();
    target.begin(&feed, origin).await?;
    let lateness = tokio::spawn(health::watch(context.stop.child_token()));
    let window = interval::window(plan, which, origin);
    context.times.send_replace(Some(TrialTimes { origin, window }));
    let interval = interval::read_interval(which, target, (context, &progress), &mut relays, window).await?;
    memory.loaded = target.resident_bytes();
    let [begun, ended] = interval.edges;
    let log = target.log_report(which.subject, [begun.log_cpu, ended.log_cpu]).await;

    target.check_alive().await?;
    // The interval is over, so the server knows everything that was due in it.
    let Schedule { due, published } = target.schedule(start, context.relation, &feed, origin, window).await?;
    drain(&progress, due.as_deref(), window, request_time(point)).await;
    context.stop.cancel();
    let outcomes = clients.join_all().await;
    let ends_per_client = relays.ends_per_client();
    // Not before now: everything in flight had to arrive first.
    let path = match (relays.path, begun.path, ended.path) {
        (Some(path), Some(begun), Some(ended)) => Some(block_in_place(|| path.finish(begun, ended))?),
        (_, _, _) => None,
    };
    let link = match relays.probe {
        Some(probe) => probe.await.expect("the probe does not panic"),
        None => None,
    };
    let lateness = lateness.await.expect("the watch does not panic");
    let subscriber = context.subscriber.as_ref();
    let data = TrialData {
        handshakes: std::mem::take(&mut *context.handshakes.lock().unwrap_or_else(PoisonError::into_inner)),
        queues: std::mem::take(&mut *context.queues.lock().unwrap_or_else(PoisonError::into_inner)),
        clock: context.clock,
        outcomes,
        due,
        published,
        published_found_at: subscriber.and_then(|one| one.published_found_at.get().cloned().flatten()),
        update_info: subscriber.map_or(UpdateInfo::ALL, |subscriber| UpdateInfo::of(&subscriber.origin)),
        has_unrelated_clock: target.has_unrelated_clock(),
        memory,
        snapshots: Snapshots { start: begun.snapshot, end: ended.snapshot },
        lateness,
        relations: interval.relations,
        window,
        link,
        path,
        ends_per_client,
        log,
        killed: context.killed.get().copied(),
        proxy: relays.proxy.map(|proxy| proxy.report([begun.proxy_cpu, ended.proxy_cpu])),
        refusal: point.path.and_then(|_| plan.paths.refusal()),
        is_pinned: plan.server_core.is_some(),
        replay_from: feed.replay_from(),
    };
    Ok(analysis::trial(which, target.address(), data))
}

/// One slot for each connection that clients share; empty if they share none.
fn shared_connections(point: &Point) -> Vec<tokio::sync::Mutex<Option<H2Session>>> {
    match point.share_connection {
        0 | 1 => Vec::new(),
        clients => (0..point.clients.div_ceil(clients)).map(|_| tokio::sync::Mutex::default()).collect(),
    }
}

/// The same seed for all transports at one point in one round, so that they meet the same phases and losses.
pub(super) fn seed(plan: &Plan, which: TrialId<'_>) -> u64 {
    plan.scenario.seed ^ u64::from(which.round) << 32 ^ which.point_index as u64
}

/// Starts these clients, each with its own phase.
pub(super) fn spawn(
    point: &Point,
    subject: Subject,
    seed: u64,
    authority: &str,
    ids: Range<u32>,
    context: &Arc<TrialContext>,
) -> (JoinSet<Outcome>, Vec<Arc<ClientProgress>>) {
    let Subject::Transport(via) = subject else {
        let progress: Vec<_> = ids.clone().map(|_| Arc::<ClientProgress>::default()).collect();
        return (tcp_baseline::reader::spawn(context, ids.zip(progress.iter().cloned()).collect()), progress);
    };
    let phases = phases(point.clients, point.poll_interval_ns, seed);
    let mut clients = JoinSet::new();
    let mut progress = Vec::with_capacity(ids.len());
    for (id, poll_phase) in (0..).zip(phases).filter(|(id, _)| ids.contains(id)) {
        let options = Options {
            host: HeaderValue::try_from(authority).expect("an authority is a valid header value"),
            headers: request_headers(point, via, authority),
            clock: context.clock,
            poll_interval: point.poll_interval_ns,
            poll_phase,
            hold: point.hold_ns,
        };
        let sending = point.echo.map(|kind| {
            let period = Nanos::from_seconds(1.0 / point.rate_per_s);
            let share = f64::from(id) / f64::from(point.clients);
            Sending {
                kind,
                bytes: point.payload_bytes as usize,
                period,
                phase: Nanos((share * period.0 as f64) as u64),
            }
        });
        let own = Arc::<ClientProgress>::default();
        progress.push(Arc::clone(&own));
        clients.spawn(client::run(id, via, Arc::clone(context), options, sending, own));
    }
    (clients, progress)
}

/// When in the interval each client polls: at a random time in each of N equal parts, assigned in random order. Each
/// client's phase is uniform over the interval, and the phases together cover it evenly, so the mean over the clients
/// does not depend on luck (stratified sampling: Cochran, "Sampling Techniques", 1977, chapter 5).
fn phases(clients: u32, interval: Nanos, seed: u64) -> Vec<Nanos> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let part = interval.0 as f64 / f64::from(clients);
    let mut phases: Vec<Nanos> =
        (0..clients).map(|index| Nanos(((f64::from(index) + random.random::<f64>()) * part) as u64)).collect();
    phases.shuffle(&mut random);
    phases
}

/// The headers added to each request: the requested heads, as for a page served by the server itself, and a cookie.
fn request_headers(point: &Point, transport: Transport, authority: &str) -> HeaderMap {
    let request = match (transport, point.echo) {
        (Transport::WebSocket, _) => Request::WebSocket,
        (Transport::Polling | Transport::LongPolling | Transport::Sse, Some(MessageKind::Text)) => Request::PostText,
        (Transport::Polling | Transport::LongPolling | Transport::Sse, Some(MessageKind::Binary)) => {
            Request::PostBinary
        }
        (Transport::Polling | Transport::LongPolling, None) => Request::Fetch,
        (Transport::Sse, None) => Request::EventSource,
    };
    let mut headers = cookie(point.request_header_bytes);
    let (version, scheme) = match (point.protocol.is_h2(), point.protocol.is_tls()) {
        (false, false) => (Version::HTTP_11, "http"),
        (false, true) => (Version::HTTP_11, "https"),
        (true, false) => (Version::HTTP_2, "http"),
        (true, true) => (Version::HTTP_2, "https"),
    };
    for (name, value) in point.heads.fields(request, version, &format!("{scheme}://{authority}")) {
        let name = HeaderName::try_from(name).expect("a test converts every recorded header");
        headers.insert(name, HeaderValue::try_from(value).expect("the same test"));
    }
    // Replaces what a browser would offer, so that exactly the requested compression is negotiated.
    match (point.compression, point.compression.coding()) {
        (_, Some(coding)) => drop(headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(coding))),
        (Compression::Deflate, None) => {
            let offer = HeaderValue::from_static("permessage-deflate");
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, offer);
        }
        (_, None) => {}
    }
    headers
}

/// One header that takes `bytes` on the wire, line end included.
fn cookie(bytes: u32) -> HeaderMap {
    const NAME: &str = "cookie";
    let around = NAME.len() + ": \r\n".len();
    let mut headers = HeaderMap::new();
    if let Some(length @ 1..) = (bytes as usize).checked_sub(around) {
        let value = HeaderValue::try_from("c".repeat(length)).expect("letters are a valid header value");
        headers.insert(HeaderName::from_static(NAME), value);
    }
    headers
}

/// Waits until each client has its first position or answer.
pub(super) async fn all_connected(
    clients: &mut JoinSet<Outcome>,
    context: &TrialContext,
    wanted: u32,
) -> Result<(), TrialError> {
    let gave_up = tokio::select! {
        _all = context.connected.acquire_many(wanted) => return Ok(()),
        gave_up = clients.join_next() => gave_up,
        () = tokio::time::sleep(ramp_time(wanted)) => None,
    };
    context.stop.cancel();
    let mut outcomes: Vec<Outcome> = gave_up.into_iter().filter_map(Result::ok).collect();
    while let Some(outcome) = clients.join_next().await {
        outcomes.extend(outcome);
    }
    let connected = outcomes.iter().filter(|outcome| outcome.connect.is_some()).count();
    let reason = outcomes.iter().find_map(|outcome| outcome.error.as_ref());
    let reason = reason.map_or_else(|| "the rest had no answer in time".to_owned(), ToString::to_string);
    Err(TrialError::Ramp { connected: u32::try_from(connected).unwrap_or(wanted), wanted, reason })
}

/// How long so many clients may take to connect.
pub(super) fn ramp_time(clients: u32) -> Duration {
    limits::DIAL_TIMEOUT + Duration::from_secs(u64::from(clients / limits::RAMP_PER_SECOND_MIN))
}

/// How long it may take until a client's next request is answered: its poll interval, the round trip, and what a lossy path
/// or a kill adds.
pub(super) fn request_time(point: &Point) -> Nanos {
    let lossy = if point.loss() > 0.0 { limits::LOSSY_REQUEST_EXTRA } else { Duration::ZERO };
    let killed = if point.kill == Kill::None { Duration::ZERO } else { limits::KILL_REQUEST_EXTRA };
    let disturbed = lossy.saturating_add(killed).into();
    point.poll_interval_ns.saturating_add(point.round_trip()).saturating_add(disturbed)
}

/// Waits until each client has what was due in the interval, or has had time for two requests.
pub(super) async fn drain(progress: &[Arc<ClientProgress>], due: Option<&[Due]>, window: Window, request_time: Nanos) {
    let last = due.and_then(|due| due.iter().rev().find(|due| window.contains(due.at_ns)));
    let timeout = request_time.duration() * 2 + limits::TRIAL_DRAIN;
    let done = async {
        match last {
            None => tokio::time::sleep(request_time.duration() + limits::SETTLE).await,
            Some(last) => {
                while progress.iter().any(|progress| progress.held.load(Relaxed) < last.seq) {
                    tokio::time::sleep(limits::DRAIN_CHECK_INTERVAL).await;
                }
            }
        }
    };
    // A client that does not have an update by then has lost it, and the audit reports that.
    let _in_time = tokio::time::timeout(timeout, done).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Heads;

    #[test]
    fn phases_cover_the_interval_evenly_and_are_not_in_client_order() {
        let phases = phases(50, Nanos::SECOND, 1);
        let mean = phases.iter().map(|phase| phase.seconds()).sum::<f64>() / 50.0;
        assert!((0.49..0.51).contains(&mean), "{mean}");
        let mut sorted = phases.clone();
        sorted.sort();
        assert_ne!(phases, sorted);
        assert!((0..).zip(&sorted).all(|(index, phase)| phase.0 / 20_000_000 == index));
    }

    #[test]
    fn added_headers_have_the_requested_size() {
        for bytes in [0, 11, 12, 800] {
            assert_eq!(on_wire(&cookie(bytes)), if bytes < 11 { 0 } else { bytes as usize });
        }
    }

    fn on_wire(headers: &HeaderMap) -> usize {
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
    }

    #[test]
    fn every_subscription_and_message_can_be_sent_with_a_browsers_heads_and_a_cookie() {
        for via in Transport::ALL {
            for echo in [None, Some(MessageKind::Text), Some(MessageKind::Binary)] {
                let point = |heads| Point { heads, echo, request_header_bytes: 100, ..Point::default() };
                let headers = |heads| request_headers(&point(heads), via, "127.0.0.1:40000");
                let (bare, browser) = (headers(Heads::Bare), headers(Heads::Browser));
                assert_eq!(on_wire(&bare), 100);
                assert!(on_wire(&browser) > 400 && browser.contains_key(http::header::USER_AGENT), "{via} {echo:?}");
            }
        }
    }
}
