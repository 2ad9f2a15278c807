//! An agent's part of a trial: its clients, from connecting to their results.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use tokio::sync::mpsc;

use super::clock::{Bounds, Offset, ours};
use super::messages::{Instant, OrderBody, Part, Share, clock_of};
use crate::clock::{Clock, UnixAnchor};
use crate::limits;
use crate::load::analysis;
use crate::load::clock_relation::ClockRelation;
use crate::load::context::{Outcome, TrialContext, TrialTimes};
use crate::load::costs::reconnect_times;
use crate::load::health;
use crate::load::interval;
use crate::load::plan::PlanPoint;
use crate::load::trial;
use crate::load::trial_data::{Snapshots, TrialData, TrialId};
use crate::load::trial_error::TrialError;
use crate::measure::delivery::{Due, Window};
use crate::measure::host;
use crate::run::histogram;
use crate::run::readings::ClockReading;
use crate::stream::feed::Feed;
use crate::units::Nanos;

/// Why an agent has no part to report.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// An error of any trial.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// The coordinator's clock did not answer.
    #[error("the coordinator did not answer with its clock")]
    NoClock,
    /// The next order did not arrive.
    #[error("the coordinator's next order did not arrive within {} s", limits::AGENT_ORDER_TIMEOUT.as_secs())]
    NoOrder,
    /// The coordinator ended the trial without a report.
    #[error("the coordinator ended the trial")]
    Abandoned,
}

/// The connection to the coordinator during a trial.
pub struct CoordinatorConnection<'a> {
    /// The NATS connection.
    pub nats: &'a Client,
    /// Id of the run.
    pub run: &'a str,
    /// Further orders for this trial.
    pub orders: mpsc::Receiver<OrderBody>,
    /// Called when all clients are connected.
    pub on_connected: Box<dyn FnOnce() + Send + 'a>,
}

/// Connects the clients, measures, and returns their part.
///
/// Errors: [`ShareError`]; the clients are stopped in that case too.
pub async fn run(share: &Share, mut coordinator: CoordinatorConnection<'_>) -> Result<Part, ShareError> {
    let before = offset(coordinator.nats, coordinator.run).await?;
    let relation = relation(share, before);
    let context = Arc::new(TrialContext::new(share.subject(), share.servers.clone(), &share.point, relation));
    // Stops the clients however this function returns.
    let _end_clients = context.stop.clone().drop_guard();
    let ids = share.first..share.first.saturating_add(share.count);
    let (mut clients, progress) =
        trial::spawn(&share.point, share.subject(), share.seed, &share.authority, ids, &context);
    trial::all_connected(&mut clients, &context, share.count).await?;
    std::mem::replace(&mut coordinator.on_connected, Box::new(|| {}))();
    let OrderBody::Begin { origin, window: [start, end] } = next(&mut coordinator.orders).await? else {
        return Err(ShareError::NoOrder);
    };
    let own = |theirs: Nanos| ours(theirs, before.offset_ns);
    let window = Window { start: own(start), end: own(end) };
    let lateness = tokio::spawn(health::watch(context.stop.child_token()));
    context.times.send_replace(Some(TrialTimes { origin: own(origin), window }));
    tokio::time::sleep_until(context.clock.instant(window.start)).await;
    let begun = interval::snapshot((&context, &progress))?;
    let mut clocks = vec![(begun.at, before)];
    if before.uncertainty_ns > Nanos::ZERO {
        tokio::time::sleep_until(context.clock.instant(window.middle())).await;
        clocks.push((context.clock.now(), offset(coordinator.nats, coordinator.run).await?));
    }
    tokio::time::sleep_until(context.clock.instant(window.end)).await;
    let ended = interval::snapshot((&context, &progress))?;
    if before.uncertainty_ns > Nanos::ZERO {
        clocks.push((context.clock.now(), offset(coordinator.nats, coordinator.run).await?));
    }
    let OrderBody::Finish { due, patience } = next(&mut coordinator.orders).await? else {
        return Err(ShareError::NoOrder);
    };
    let due = due.map(|due| {
        let own = |(seq, at, published): (u64, Nanos, Option<Nanos>)| Due {
            seq,
            at_ns: own(at),
            published_ns: published.map(own),
        };
        due.into_iter().map(own).collect::<Vec<_>>()
    });
    trial::drain(&progress, due.as_deref(), window, patience).await;
    context.stop.cancel();
    let outcomes = clients.join_all().await;
    let slices = slices(&outcomes, window);
    let skew_ns = begun.at.saturating_sub(window.start);
    let data = TrialData {
        outcomes,
        due,
        lateness: lateness.await.expect("the watch does not panic"),
        relations: clocks.iter().map(|(at, offset)| (*at, self::relation(share, *offset))).collect(),
        ..TrialData::of(window, Snapshots { start: begun, end: ended })
    };
    let connects = connects(&data);
    let point = PlanPoint { point: share.point.clone(), feed: Feed::None };
    let which = TrialId {
        subject: share.subject(),
        round: share.round,
        point_index: share.point_index,
        point: &point,
        is_alone: false,
    };
    let reading = |(at_ns, one): &(Nanos, Offset)| ClockReading {
        at_ns: *at_ns,
        offset_ns: one.offset_ns,
        uncertainty_ns: one.uncertainty_ns,
    };
    Ok(Part {
        connects,
        slices,
        clocks: clocks.iter().map(reading).collect(),
        skew_ns,
        trial: analysis::trial(which, share.servers[0], data),
    })
}

async fn next(orders: &mut mpsc::Receiver<OrderBody>) -> Result<OrderBody, ShareError> {
    match tokio::time::timeout(limits::AGENT_ORDER_TIMEOUT, orders.recv()).await {
        Ok(Some(OrderBody::Abandon | OrderBody::Leave) | None) => Err(ShareError::Abandoned),
        Ok(Some(what)) => Ok(what),
        Err(_late) => Err(ShareError::NoOrder),
    }
}

/// Asks for the coordinator's clock, many times.
async fn offset(nats: &Client, run: &str) -> Result<Offset, ShareError> {
    let boot_id = host::boot_id();
    let mut bounds = Bounds::default();
    for _ in 0..limits::CLOCK_EXCHANGES {
        let before = Clock::Monotonic.now();
        let asked = nats.request(clock_of(run), bytes::Bytes::new());
        let Ok(Ok(answer)) = tokio::time::timeout(limits::AGENT_ANSWER_TIMEOUT, asked).await else { continue };
        let after = Clock::Monotonic.now();
        if let Ok(instant) = serde_json::from_slice::<Instant>(&answer.payload) {
            bounds.take(before, &instant, after, boot_id.as_deref());
        }
        // Spread out, so that one moment without a processor does not affect all exchanges.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bounds.offset().ok_or(ShareError::NoClock)
}

/// How the server's clock relates to this agent's, through the coordinator's.
fn relation(share: &Share, offset: Offset) -> ClockRelation {
    let micros = (offset.offset_ns as f64 / 1e3).round() as i64;
    ClockRelation {
        anchor: UnixAnchor(share.anchor.saturating_add(micros)),
        uncertainty: share.anchor_uncertainty.saturating_add(offset.uncertainty_ns),
    }
}

/// Histogram of the connection times; with churn, those of the reconnects.
fn connects(data: &TrialData) -> String {
    let mut all = histogram::empty();
    let mut connects = reconnect_times(data);
    if connects.is_empty() {
        connects = data.outcomes.iter().filter_map(|outcome| outcome.connect).collect();
    }
    connects.into_iter().for_each(|connect| histogram::record(&mut all, connect));
    histogram::encode(&all)
}

/// Latency in equal slices of the interval; an update belongs to the slice in which it was due.
fn slices(outcomes: &[Outcome], window: Window) -> Vec<String> {
    let width = (window.length().0 / u64::from(limits::TIMELINE_SLICES)).max(1);
    let mut slices = vec![histogram::empty(); limits::TIMELINE_SLICES as usize];
    for delivery in outcomes.iter().flat_map(|outcome| &outcome.seen.deliveries) {
        if window.contains(delivery.at_ns) {
            let index = (delivery.at_ns.saturating_sub(window.start).0 / width) as usize;
            // The last slice also takes the remainder of the division.
            let index = index.min(slices.len() - 1);
            histogram::record(&mut slices[index], delivery.arrived_ns.saturating_sub(delivery.at_ns));
        }
    }
    slices.iter().map(histogram::encode).collect()
}
