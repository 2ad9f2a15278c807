//! What each exercise is checked for, stage by stage.
//!
//! The stages of the delivery exercises are shared ([`delivery`]), and each later exercise has those of the ones before it:
//! a client that survives a restart must still obey `Retry-After`.

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

/// Checks a student's program, and says how far it is. `loadgen` is this program, to run scenarios with; `seed` draws what
/// is drawn: the same draws the same.
///
/// Errors: the first thing that is wrong, or why the check could not be made.
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

/// Starts a session and lets the stages run in it.
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
