//! `heartbeat`: distinguishes a dead line, a slow line and a line on which everything is held back.

use std::ffi::OsString;
use std::time::Duration;

use super::{delivery, run_stages};
use crate::learn::context::Disturbance;
use crate::learn::fault::{Code, Stop, fail};
use crate::learn::relay::Treatment;
use crate::learn::request::Request;
use crate::learn::session::{Progress, Session, Setup};
use crate::limits;
use crate::run::Transport;
use crate::stream::Bounds;

/// The time between heartbeats.
const HEARTBEAT: Duration = Duration::from_millis(600);
/// The largest delay of each piece. With it, two pieces are still less than two intervals apart.
const JITTER: Duration = Duration::from_millis(300);
const _: () = assert!(JITTER.as_millis() < HEARTBEAT.as_millis());
/// How long the line is slow.
const SLOW: Duration = Duration::from_millis(3600);
/// How much longer than two intervals a program may take to reconnect: for a timer that is not exact, and a connection.
const GRACE: Duration = Duration::from_millis(700);
/// If this machine stalled for at least so long, it may be the cause of a false alarm.
const STALL_MAX: Duration = Duration::from_millis(100);
/// How often the slow line is tried if the machine stalls.
const TRIES: usize = 3;

pub async fn check(command: &[OsString], say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    let setup = Setup {
        journal: Bounds::default(),
        heartbeat: HEARTBEAT,
        variables: vec![("LAB_HEARTBEAT_MS", HEARTBEAT.as_millis().to_string())],
        transports: &[Transport::Sse, Transport::LongPolling, Transport::Polling],
    };
    run_stages(command, setup, say, async |session| {
        delivery::begins(session).await?;
        begins_with_a_stream(session)?;
        delivery::in_order(session).await?;
        delivery::check_cursors(session)?;
        delivery::cuts(session).await?;
        slow(session).await?;
        dead(session).await?;
        held_back(session).await
    })
    .await
}

fn begins_with_a_stream(session: &Session<'_>) -> Result<(), Stop> {
    match session.relay.requests_since(0).first().and_then(Request::transport) {
        Some(Transport::Sse) => Ok(()),
        Some(Transport::Polling | Transport::LongPolling | Transport::WebSocket) | None => fail(
            Code::WrongAddress,
            "the first request was not for /updates/sse; begin with the stream, and fall back from there",
        ),
    }
}

/// Every piece is delayed, but none for so long that the line looks dead.
async fn slow(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("does not take a slow line for a dead one (jitter of 300 ms)");
    for attempt in 1..=TRIES {
        session.relay.treat(Treatment { jitter: JITTER, ..Treatment::default() });
        let (before, stalled) = (session.relay.request_count(), session.stall.total());
        for _ in 0..2 {
            session.watch(SLOW / 3).await?;
            session.publish(1);
        }
        session.watch(SLOW / 3).await?;
        session.relay.treat(Treatment::default());
        session.caught_up().await?;
        let alarms = session.relay.request_count() - before;
        if alarms == 0 {
            return Ok(());
        }
        let stalled = session.stall.total().saturating_sub(stalled);
        if stalled < STALL_MAX || attempt == TRIES {
            let sentence = format!(
                "{} while the line was alive: a sign of life came every {} ms, up to {} ms late; a line is dead after two intervals of silence",
                crate::learn::messages::counted(alarms as u64, "new request"),
                HEARTBEAT.as_millis(),
                JITTER.as_millis()
            );
            return fail(Code::FalseAlarm, sentence);
        }
    }
    Ok(())
}

/// No more bytes pass, and the connection stays open.
async fn dead(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("notices a dead line within two intervals");
    for _ in 0..2 {
        session.disturb(Disturbance::Silence);
        let (before, stalled) = (session.relay.request_count(), session.stall.total());
        session.relay.freeze();
        let began = tokio::time::Instant::now();
        session.publish(2);
        let is_back = session.wait(limits::LEARN_PATIENCE, |session| session.relay.request_count() > before).await?;
        let stalled = session.stall.total().saturating_sub(stalled);
        let took = began.elapsed();
        let most = HEARTBEAT * 2 + GRACE + stalled * 2;
        if !is_back || took > most {
            let took =
                if is_back { format!("{} ms", took.as_millis()) } else { format!("more than {} ms", took.as_millis()) };
            let sentence = format!(
                "the line was dead for {took} before a new request came; with a sign of life every {} ms, it is dead after two missing ones",
                HEARTBEAT.as_millis()
            );
            return fail(Code::DeadUnnoticed, sentence);
        }
        session.caught_up().await?;
    }
    Ok(())
}

/// A proxy buffers the stream: the head comes, and then nothing.
async fn held_back(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("falls back to long polling where a proxy holds the stream back");
    session.relay.treat(Treatment { holds_streams: true, ..Treatment::default() });
    let before = session.relay.request_count();
    session.relay.cut();
    session.publish(2);
    let fell_back = |session: &Session<'_>| {
        session
            .relay
            .requests_since(before)
            .iter()
            .any(|asked| matches!(asked.transport(), Some(Transport::LongPolling | Transport::Polling)))
    };
    if !session.wait(limits::LEARN_PATIENCE, fell_back).await? {
        let sentence = format!(
            "{} to the stream got a head and no event, and no request was for /updates/long-poll; fall back to it when the first event is late",
            crate::learn::messages::counted((session.relay.request_count() - before) as u64, "request")
        );
        return fail(Code::NoFallback, sentence);
    }
    session.caught_up().await?;
    session.publish(3);
    session.caught_up().await
}
