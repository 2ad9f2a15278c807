//! `resume`: whatever becomes of the line and of the server, nothing is lost without a gap notice.

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

/// Between signs of life on a stream.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// After how long without one a line is dead.
const SILENCE: Duration = Duration::from_millis(1500);
/// What the lab retains; it must hold the large updates of an earlier stage.
const RETAINED: usize = 60;
/// How much more than that is published while the program is away.
const BEYOND: u64 = 17;

/// How many disturbances the seed draws.
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

/// Nothing comes any more, and nothing says that the line is dead.
async fn silence(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("notices a line that is dead and does not say so");
    session.disturb(Disturbance::Silence);
    session.relay.freeze();
    session.publish(3);
    session.caught_up().await
}

/// It is away for so long that the journal has moved on.
async fn eviction(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("announces what was evicted while it was away");
    session.disturb(Disturbance::Eviction);
    session.publish_while_away(RETAINED as u64 + BEYOND);
    session.caught_up().await
}

/// What came one by one comes in any order, and again before the line has been quiet: the same seed draws the same.
async fn drawn(session: &mut Session<'_>, seed: u64) -> Result<(), Stop> {
    session.stage("survives cuts, half answers and evictions in an order that a seed draws (--seed)");
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

/// Another server, which cannot go on where the first ended.
async fn restart(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("announces that the server began anew, and follows it");
    session.disturb(Disturbance::Restart);
    session.relay.freeze();
    // These nobody will ever get.
    session.publish(2);
    session.restart()?;
    session.publish(3);
    session.caught_up().await?;
    let (lives, announced) = session.lives();
    if announced + 1 < lives {
        let sentence = "the server began anew, and no gap was printed; print {\"gap\":{\"reason\":\"epoch\",\"lost\":null}} when it says so";
        return fail(Code::Gap, sentence);
    }
    session.publish(2);
    session.caught_up().await
}
