//! `poller`: interval polling with a cursor, on a fixed schedule.

use std::ffi::OsString;
use std::time::Duration;

use super::{delivery, run_stages};
use crate::learn::fault::{Code, Stop, fail};
use crate::learn::relay::Treatment;
use crate::learn::session::{Progress, Session, Setup};
use crate::limits;
use crate::run::Transport;
use crate::stream::Bounds;

/// The poll interval: short enough for a check of seconds.
const INTERVAL: Duration = Duration::from_millis(200);
/// The delay of each answer while the schedule is observed.
const ANSWER: Duration = Duration::from_millis(100);
/// How long the schedule is observed.
const LOOK: Duration = Duration::from_millis(2600);
/// The largest median time between two polls, in intervals. With an interval that grows by the time of its answers, it
/// would be 1.5.
const STRETCH_MAX: f64 = 1.45;

/// If this machine stalled for at least so long, the schedule is observed again, and how often it is observed.
const STALL_MAX: Duration = Duration::from_millis(300);
const TRIES: usize = 3;

pub async fn check(command: &[OsString], say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    let setup = Setup {
        journal: Bounds::default(),
        heartbeat: limits::SSE_HEARTBEAT,
        variables: vec![("LAB_INTERVAL_MS", INTERVAL.as_millis().to_string())],
        transports: &[Transport::Polling],
    };
    run_stages(command, setup, say, async |session| {
        delivery::begins(session).await?;
        delivery::in_order(session).await?;
        delivery::check_cursors(session)?;
        delivery::large(session).await?;
        keeps_schedule(session).await?;
        delivery::busy(session).await
    })
    .await
}

/// One request in each interval: not more, and not fewer because an answer took time.
async fn keeps_schedule(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("keeps its interval when answers take time, and when there is nothing new (204)");
    session.relay.treat(Treatment { delay: ANSWER, ..Treatment::default() });
    // An interval without the delay may still be under way.
    session.watch(INTERVAL * 2).await?;
    let mut polls = Vec::new();
    for _ in 0..TRIES {
        let (before, stalled) = (session.relay.request_count(), session.stall.total());
        session.watch(LOOK).await?;
        polls = session.relay.requests_since(before);
        // If the machine stalled meanwhile, try again.
        if session.stall.total().saturating_sub(stalled) < STALL_MAX {
            break;
        }
    }
    session.relay.treat(Treatment::default());
    let asked = polls.len();
    let planned = LOOK.as_secs_f64() / INTERVAL.as_secs_f64();
    let most = planned + 2.0;
    let mut apart: Vec<Duration> = polls.windows(2).map(|two| two[1].at.duration_since(two[0].at)).collect();
    apart.sort_unstable();
    // The median: short stalls of the machine hardly change it.
    let apart = apart.get(apart.len() / 2).copied().unwrap_or(LOOK);
    let (interval, look) = (INTERVAL.as_millis(), LOOK.as_secs_f64());
    if asked as f64 > most {
        let sentence = format!(
            "{asked} requests in {look} s, but one every {interval} ms (LAB_INTERVAL_MS) makes {planned:.0}; wait until the next poll is due"
        );
        return fail(Code::TooManyRequests, sentence);
    }
    if apart > INTERVAL.mul_f64(STRETCH_MAX) {
        let sentence = format!(
            "your polls are {} ms apart, not {interval} ms (LAB_INTERVAL_MS): your interval grows by the time that an answer \
             takes ({} ms here); count the next poll from when the last one was due, not from its answer",
            apart.as_millis(),
            ANSWER.as_millis()
        );
        return fail(Code::Drifts, sentence);
    }
    Ok(())
}
