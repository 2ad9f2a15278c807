//! The coordinator's part of a trial: the server, the orders, and merging the parts of all agents.

use std::collections::BTreeMap;

use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

use super::errors::FleetError;
use super::fleet::{Fleet, Member};
use super::merge::{self, AgentOutcome};
use super::messages::{OrderBody, ReportBody, Share, sent};
use crate::clock::Clock;
use crate::limits;
use crate::load::clock_relation::ClockRelation;
use crate::load::interval::{self, Relays};
use crate::load::plan::Plan;
use crate::load::proxy::RunningProxy;
use crate::load::trial::{ramp_time, request_time, seed};
use crate::load::trial_data::{Memory, Snapshots, TrialId};
use crate::load::trial_error::TrialError;
use crate::load::under_test::{Schedule, UnderTest};
use crate::run::file::Trial;

/// Runs one trial with the clients of all agents, in the same steps as a trial with clients of its own.
///
/// Errors: [`TrialError`]. An agent that fails after the first update does not fail the trial, but makes it invalid.
pub async fn run(
    fleet: &Fleet,
    plan: &Plan,
    which: TrialId<'_>,
    stop: &CancellationToken,
) -> Result<Trial, TrialError> {
    let members = tokio::select! {
        biased;
        () = stop.cancelled() => return Err(TrialError::Stopped),
        members = fleet.ready() => members?,
    };
    let feed = plan.feed_in(which.point, which.round);
    let mut target = UnderTest::start(plan, which.subject, which.point, &feed, fleet.server_host).await?;
    let relation = target.clock(which.subject).await?;
    let point = &which.point.point;
    let proxy = block_in_place(|| RunningProxy::start(point.proxy, &target.addresses(), point.clients))?;
    let mut relays = Relays { proxy, ..Relays::default() };
    let trial = fleet.new_trial();
    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => Err(TrialError::Stopped),
        outcome = measure(fleet, trial, &members, plan, which, &mut target, relation, &mut relays) => outcome,
    };
    if outcome.is_err() {
        fleet.order_all(members.keys(), trial, &OrderBody::Abandon).await;
    }
    target.stop().await;
    outcome
}

#[expect(clippy::too_many_arguments, reason = "everything that a trial consists of")]
async fn measure(
    fleet: &Fleet,
    trial: u64,
    members: &BTreeMap<String, Member>,
    plan: &Plan,
    which: TrialId<'_>,
    target: &mut UnderTest,
    relation: ClockRelation,
    relays: &mut Relays,
) -> Result<Trial, TrialError> {
    let clock = Clock::Monotonic;
    let point = &which.point.point;
    let feed = plan.feed_in(which.point, which.round);
    let shares = shares(point.clients, members)?;
    let busy: Vec<&String> = shares.iter().filter(|(_, (_, count))| *count > 0).map(|(id, _)| id).collect();
    let start = target.newest(which.subject).await?;
    let mut memory = Memory { before: target.memory(), ..Memory::default() };
    for (id, (first, count)) in shares.iter().filter(|(_, (_, count))| *count > 0) {
        let share = Share {
            transport: which.subject.transport(),
            point: point.clone(),
            round: which.round,
            point_index: which.point_index,
            servers: relays.proxy.as_ref().map_or_else(|| target.addresses(), |proxy| vec![proxy.address]),
            authority: target.authority(),
            anchor: relation.anchor.0,
            anchor_uncertainty: relation.uncertainty,
            seed: seed(plan, which),
            first: *first,
            count: *count,
        };
        fleet.order(id, trial, OrderBody::Connect(Box::new(share))).await?;
    }
    all_connected(fleet, trial, members, &busy, point.clients).await?;
    tokio::time::sleep(limits::SETTLE).await;
    memory.idle = target.memory();

    // Later than with local clients, since every agent must receive this order before that time.
    let origin = clock.now().saturating_add(limits::AGENT_LEAD).whole_micros();
    target.begin(&feed, origin).await?;
    let window = interval::window(plan, which, origin);
    fleet
        .order_all(busy.iter().copied(), trial, &OrderBody::Begin { origin, window: [window.start, window.end] })
        .await;

    tokio::time::sleep_until(clock.instant(window.start.saturating_sub(limits::QUERY_LEAD))).await;
    let retransmitted = target.retransmitted(which.subject).await;
    tokio::time::sleep_until(clock.instant(window.start)).await;
    let mut begun = interval::read_edge(target, relays, None)?;
    begun.snapshot.server_retransmitted = retransmitted;
    tokio::time::sleep_until(clock.instant(window.end)).await;
    let mut ended = interval::read_edge(target, relays, None)?;
    ended.snapshot.server_retransmitted = target.retransmitted(which.subject).await;
    memory.loaded = target.resident_bytes();
    let log = target.log_report(which.subject, [begun.log_cpu, ended.log_cpu]).await;
    target.check_alive().await?;
    let Schedule { due, published: _ } = target.schedule(start, relation, &feed, origin, window).await?;
    let patience = request_time(point);
    fleet.order_all(busy.iter().copied(), trial, &OrderBody::Finish { due: due.as_deref().map(sent), patience }).await;
    let long = patience.duration() * 2 + limits::TRIAL_DRAIN + limits::AGENT_GRACE;
    let parts = fleet.collect(&busy, trial, long, |said| match said {
        ReportBody::Part(part) => Some(Ok(*part)),
        ReportBody::Failed { reason, .. } => Some(Err(reason)),
        ReportBody::Alive | ReportBody::Connected => None,
    });
    let parts = parts.await;
    let own = |id: &&String| {
        let member = members.get(*id).cloned();
        AgentOutcome { member, count: shares[*id].1, part: parts.get(*id).cloned() }
    };
    let outcomes: Vec<AgentOutcome> = busy.iter().map(own).collect();
    let snapshots = Snapshots { start: begun.snapshot, end: ended.snapshot };
    let trial = merge::trial(which, target.address(), &outcomes, memory, snapshots, window, &feed);
    let proxy = relays.proxy.as_ref().map(|proxy| proxy.report([begun.proxy_cpu, ended.proxy_cpu]));
    Ok(Trial { log, proxy, ..trial })
}

/// Waits until these agents have connected their clients.
async fn all_connected(
    fleet: &Fleet,
    trial: u64,
    members: &BTreeMap<String, Member>,
    busy: &[&String],
    clients: u32,
) -> Result<(), FleetError> {
    let patience = ramp_time(clients) + limits::AGENT_GRACE;
    let connected = fleet.collect(busy, trial, patience, |report| match report {
        ReportBody::Connected => Some(Ok(())),
        ReportBody::Failed { reason, .. } => Some(Err(reason)),
        ReportBody::Alive | ReportBody::Part(_) => None,
    });
    let connected = connected.await;
    for id in busy {
        let reason = match connected.get(*id) {
            Some(Ok(())) => continue,
            Some(Err(reason)) => reason.clone(),
            None => "it stopped responding, or its clients had no answer in time".to_owned(),
        };
        let agent = members.get(*id).map_or_else(|| (*id).clone(), |member| member.name.clone());
        return Err(FleetError::Failed { agent, reason });
    }
    Ok(())
}

/// The first client of each agent, and its number of clients: evenly shared, up to each agent's maximum.
fn shares(clients: u32, members: &BTreeMap<String, Member>) -> Result<BTreeMap<String, (u32, u32)>, FleetError> {
    let most: u32 = members.values().map(|member| member.clients_max).fold(0, u32::saturating_add);
    if most < clients {
        return Err(FleetError::TooMany { clients, most, agents: members.len() });
    }
    // The agent with the smallest maximum first; what it cannot run is shared among the others.
    let mut by_room: Vec<_> = members.iter().collect();
    by_room.sort_by_key(|(_, member)| member.clients_max);
    let (mut first, mut left) = (0, clients);
    let mut shares = BTreeMap::new();
    for (index, (id, member)) in by_room.iter().enumerate() {
        let others = u32::try_from(by_room.len() - index).unwrap_or(u32::MAX);
        let count = left.div_ceil(others).min(member.clients_max);
        shares.insert((*id).clone(), (first, count));
        (first, left) = (first + count, left - count);
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_shared_evenly_without_overlap_up_to_each_agents_maximum() {
        let members = |rooms: &[u32]| -> BTreeMap<String, Member> {
            rooms.iter().enumerate().map(|(n, room)| (format!("{n}"), Member::fixture(*room))).collect()
        };
        for (clients, rooms) in [
            (1_000, vec![19_000, 19_000]),
            (1, vec![10, 10, 10]),
            (38_000, vec![19_000, 19_000]),
            (100, vec![5, 90, 90]),
        ] {
            let shares = shares(clients, &members(&rooms)).unwrap();
            let mut all: Vec<_> = shares.values().copied().collect();
            all.sort_unstable();
            let mut next = 0;
            for (first, count) in all.into_iter().filter(|(_, count)| *count > 0) {
                assert_eq!(first, next, "{shares:?}");
                next += count;
            }
            assert_eq!(next, clients);
            assert!(shares.iter().all(|(id, (_, count))| *count <= rooms[id.parse::<usize>().unwrap()]), "{shares:?}");
        }
        assert!(matches!(shares(11, &members(&[5, 5])), Err(FleetError::TooMany { most: 10, .. })));
    }
}
