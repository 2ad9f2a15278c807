//! `poller`: interval polling with a cursor, on a grid.

use std::ffi::OsString;
use std::time::Duration;

use super::{delivery, run_stages};
use crate::learn::fault::{Code, Stop, fail};
use crate::learn::relay::Treatment;
use crate::learn::session::{Progress, Session, Setup};
use crate::limits;
use crate::run::Transport;
use crate::stream::Bounds;

/// What the program is told: short enough for a check of seconds.
const INTERVAL: Duration = Duration::from_millis(200);
/// Each answer takes so much longer while the grid is looked at.
const ANSWER: Duration = Duration::from_millis(100);
/// For how long.
const LOOK: Duration = Duration::from_millis(2600);
/// Between two polls, in the middle of all, by how much longer than the interval: an interval that grows by its answers is
/// half as long again.
const STRETCH_MAX: f64 = 1.45;

/// From how much standstill of this machine on a look is taken again, and how often one is taken.
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
        grid(session).await?;
        delivery::busy(session).await
    })
    .await
}

/// Requests cost by the clock: not more than one in each interval, and not fewer because an answer took time.
async fn grid(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("keeps its interval when answers take time, and when there is nothing new (204)");
    session.relay.treat(Treatment { delay: ANSWER, ..Treatment::default() });
    // One interval of the old kind may still be under way.
    session.watch(INTERVAL * 2).await?;
    let mut polls = Vec::new();
    for _ in 0..TRIES {
        let (before, stalled) = (session.relay.request_count(), session.stall.total());
        session.watch(LOOK).await?;
        polls = session.relay.requests_since(before);
        // What a machine shows that stood still in between is looked at again.
        if session.stall.total().saturating_sub(stalled) < STALL_MAX {
            break;
        }
    }
    session.relay.treat(Treatment::default());
    let asked = polls.len();
    let of_grid = LOOK.as_secs_f64() / INTERVAL.as_secs_f64();
    let most = of_grid + 2.0;
    let mut apart: Vec<Duration> = polls.windows(2).map(|two| two[1].at.duration_since(two[0].at)).collect();
    apart.sort_unstable();
    // The middle one: a machine that stands still now and then moves it little.
    let apart = apart.get(apart.len() / 2).copied().unwrap_or(LOOK);
    let (interval, look) = (INTERVAL.as_millis(), LOOK.as_secs_f64());
    if asked as f64 > most {
        let sentence = format!(
            "{asked} requests in {look} s, where one each {interval} ms (LAB_INTERVAL_MS) makes {of_grid:.0}; wait for the next poll's time"
        );
        return fail(Code::TooManyRequests, sentence);
    }
    if apart > INTERVAL.mul_f64(STRETCH_MAX) {
        let sentence = format!(
            "your polls are {} ms apart, where {interval} ms are asked for (LAB_INTERVAL_MS): your interval grows by what an answer \
             takes ({} ms here); count the next poll from when the last was due, not from its answer",
            apart.as_millis(),
            ANSWER.as_millis()
        );
        return fail(Code::Drifts, sentence);
    }
    Ok(())
}
