//! `long-poller`: one request parked at all times, and nothing lost while none is.

use std::ffi::OsString;
use std::time::Duration;

use super::{delivery, run_stages};
use crate::learn::fault::{Code, Stop, fail};
use crate::learn::relay::{Reply, Treatment};
use crate::learn::session::{Progress, Session, Setup};
use crate::limits;
use crate::run::Transport;
use crate::stream::Bounds;

/// RFC 6202 section 5.5: 30 seconds is a safe timeout with regard to proxies.
const HOLD_S_MAX: f64 = 30.0;
/// How long the relay answers at once with 204.
const IMPATIENT: Duration = Duration::from_millis(1200);
/// The shortest accepted wait after an empty answer; the task asks for 100 ms.
const WAIT_MIN: Duration = Duration::from_millis(50);
/// How many requests may come sooner than that; more are a tight loop.
const HASTY_MAX: usize = 3;
/// How long a request takes to arrive while updates are published.
const UNDER_WAY: Duration = Duration::from_millis(150);

pub async fn check(command: &[OsString], say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    let setup = Setup {
        journal: Bounds::default(),
        heartbeat: limits::SSE_HEARTBEAT,
        variables: Vec::new(),
        // A program may get its first position from a poll.
        transports: &[Transport::LongPolling, Transport::Polling],
    };
    run_stages(command, setup, say, async |session| {
        delivery::begins(session).await?;
        delivery::in_order(session).await?;
        delivery::check_cursors(session)?;
        parks(session)?;
        between_requests(session).await?;
        delivery::large(session).await?;
        delivery::half_answers(session).await?;
        patience(session).await?;
        delivery::busy(session).await
    })
    .await
}

/// Checks that requests are parked in the server, and not longer than proxies allow.
fn parks(session: &Session<'_>) -> Result<(), Stop> {
    let asked = session.relay.requests_since(0);
    if !asked.iter().any(|asked| asked.transport() == Some(Transport::LongPolling)) {
        return fail(Code::WrongAddress, "no request was for /updates/long-poll, which this exercise is about");
    }
    let too_long = asked
        .iter()
        .filter_map(|asked| asked.hold.as_deref())
        .find(|hold| hold.parse::<f64>().is_ok_and(|seconds| seconds > HOLD_S_MAX));
    match too_long {
        None => Ok(()),
        Some(hold) => {
            let sentence = format!(
                "a request asks to be held for {hold} s; proxies end requests that are silent for so long, so use at most {HOLD_S_MAX}"
            );
            fail(Code::HoldTooLong, sentence)
        }
    }
}

/// Updates are published while an answer and the next request travel: nothing is parked then.
async fn between_requests(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("loses nothing that is published while no request is parked");
    for _ in 0..3 {
        let before = session.relay.request_count();
        session.relay.reply(Reply::Late(UNDER_WAY));
        session.publish(1);
        session.next_request_after(before).await?;
        session.publish(3);
        session.caught_up().await?;
    }
    Ok(())
}

/// Empty answers come at once, as from a server that is shutting down.
async fn patience(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("does not ask in a tight loop when answers bring nothing at once");
    session.relay.treat(Treatment { is_impatient: true, ..Treatment::default() });
    session.relay.cut();
    let before = session.relay.request_count();
    session.watch(IMPATIENT).await?;
    session.relay.treat(Treatment::default());
    let asked = session.relay.requests_since(before);
    let hasty = asked
        .windows(2)
        .filter(|two| two[0].answered.is_some_and(|answered| two[1].at.saturating_duration_since(answered) < WAIT_MIN));
    if hasty.count() > HASTY_MAX {
        let sentence = format!(
            "{} requests in {} s, each answered at once with 204: a tight loop; wait 100 ms when an answer brings nothing",
            asked.len(),
            IMPATIENT.as_secs_f64()
        );
        return fail(Code::TightLoop, sentence);
    }
    session.publish(2);
    session.caught_up().await
}
