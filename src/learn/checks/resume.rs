//! `resume`: whatever happens to the line and to the server, nothing is lost without a gap notice.

use std::ffi::OsString;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{delivery, run_stages};
use crate::learn::context::Disturbance;
use crate::learn::fault::{Code, Stop, fail};
use crate::learn::relay::Reply;
use crate::learn::session::{Progress, Session, Setup};
use crate::stream::Bounds;

/// The time between heartbeats on a stream.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// A line that is silent for so long is dead.
const SILENCE: Duration = Duration::from_millis(1500);
/// The number of updates that the lab retains: enough for the large updates of an earlier stage.
const RETAINED: usize = 60;
/// How many more updates than that are published while the program is offline.
const BEYOND: u64 = 17;

/// The number of disturbances that the seed draws.
const DRAWN: usize = 8;

pub async fn check(command: &[OsString], seed: u64, say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    let setup = Setup {
        journal: Bounds { updates: RETAINED, ..Bounds::default() },
        heartbeat: HEARTBEAT,
        variables: vec![("LAB_SILENCE_MS", SILENCE.as_millis().to_string())],
        transports: &[],
    };
    run_stages(command, setup, say, async |session| {
        delivery::begins(session).await?;
        delivery::in_order(session).await?;
        delivery::check_cursors(session)?;
        delivery::large(session).await?;
        delivery::cuts(session).await?;
        delivery::half_answers(session).await?;
        delivery::busy(session).await?;
        silence(session).await?;
        eviction(session).await?;
        drawn(session, seed).await?;
        restart(session).await
    })
    .await
}

/// No more bytes pass, and the connection stays open.
async fn silence(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("notices a dead line that nothing closes");
    session.disturb(Disturbance::Silence);
    session.relay.freeze();
    session.publish(3);
    session.caught_up().await
}

/// The program is offline for so long that the journal evicts what it misses.
async fn eviction(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("announces what was evicted while it was offline");
    session.disturb(Disturbance::Eviction);
    session.publish_while_away(RETAINED as u64 + BEYOND);
    session.caught_up().await
}

/// The earlier disturbances in a random order. The same seed draws the same.
async fn drawn(session: &mut Session<'_>, seed: u64) -> Result<(), Stop> {
    session.stage("survives cuts, half answers and evictions in a random order (--seed)");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..DRAWN {
        let count = random.random_range(1..=5);
        match random.random_range(0..4) {
            0 | 1 => {
                session.disturb(Disturbance::Cut);
                session.relay.cut();
                session.publish(count);
            }
            2 => {
                session.disturb(Disturbance::HalfAnswer);
                session.relay.reply(Reply::HalfUpdate(random.random_range(1..=3)));
                session.relay.cut();
                session.publish(count + 3);
            }
            _ => {
                session.disturb(Disturbance::Eviction);
                session.publish_while_away(RETAINED as u64 + count);
            }
        }
        session.caught_up().await?;
    }
    Ok(())
}

/// Another server, which cannot continue the sequence of the first.
async fn restart(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("announces that the server restarted, and follows it");
    session.disturb(Disturbance::Restart);
    session.relay.freeze();
    // The program will never get these.
    session.publish(2);
    session.restart()?;
    session.publish(3);
    session.caught_up().await?;
    let (lives, announced) = session.lives();
    if announced + 1 < lives {
        let sentence = "the server restarted, and no gap was printed; print {\"gap\":{\"reason\":\"epoch\",\"lost\":null}} when the server announces it";
        return fail(Code::Gap, sentence);
    }
    session.publish(2);
    session.caught_up().await
}
