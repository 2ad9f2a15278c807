//! The checks of all exercises, stage by stage.
//!
//! The delivery exercises share their stages ([`delivery`]), and each later exercise includes those of the earlier
//! ones: a client that survives a restart must still obey `Retry-After`.

mod chat;
mod conflate;
mod delivery;
mod echo;
mod frames;
mod heartbeat;
mod long_poller;
mod poller;
mod resume;
mod sse_parser;
mod staleness;
mod student_server;
mod your_case;

use std::ffi::OsString;
use std::path::Path;

use super::exercise::Exercise;
use super::fault::{Fault, Stop};
use super::session::{Progress, Session, Setup};
use crate::limits;

/// Checks a student's program, and reports its progress to `say`. `loadgen` is the path of this program, to run
/// scenarios with. The same `seed` draws the same disturbances.
///
/// Errors: the first mistake, or why the check could not run.
pub async fn check(
    exercise: Exercise,
    command: &[OsString],
    loadgen: &Path,
    seed: u64,
    say: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), Stop> {
    let checking = async {
        match exercise {
            Exercise::Poller => poller::check(command, say).await,
            Exercise::Staleness => staleness::check(command, say).await,
            Exercise::LongPoller => long_poller::check(command, say).await,
            Exercise::Frames => frames::check(command, say).await,
            Exercise::SseParser => sse_parser::check(command, say).await,
            Exercise::Echo => echo::check(command, say).await,
            Exercise::Chat => chat::check(command, say).await,
            Exercise::Resume => resume::check(command, seed, say).await,
            Exercise::Heartbeat => heartbeat::check(command, say).await,
            Exercise::Conflate => conflate::check(command, say).await,
            Exercise::YourCase => your_case::check(command, loadgen, say).await,
        }
    };
    tokio::time::timeout(limits::LEARN_CHECK_MAX, checking).await.unwrap_or_else(|_| {
        let sentence = format!("the check was not over after {} s", limits::LEARN_CHECK_MAX.as_secs());
        Err(Fault::new(super::Code::Silent, sentence).into())
    })
}

/// Starts a session and runs these stages in it.
async fn run_stages(
    command: &[OsString],
    setup: Setup,
    say: &mut (dyn FnMut(Progress) + Send),
    stages: impl AsyncFnOnce(&mut Session<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut session = Session::start(command, setup, say).await?;
    stages(&mut session).await?;
    session.check_addresses()?;
    session.finish();
    Ok(())
}
