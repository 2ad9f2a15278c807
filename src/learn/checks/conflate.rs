//! `conflate`: a reader that is slower than its stream shows the newest, and keeps nothing else.

use std::ffi::OsString;
use std::time::Duration;

use procfs::process::Process;
use tokio::time::Instant;

use super::delivery;
use crate::learn::fault::{Code, Fault, Stop, fail};
use crate::learn::session::{Expected, Progress, Session, Setup, Shown};
use crate::limits;
use crate::stream::Bounds;

/// How long it takes to show one update.
const SHOW: Duration = Duration::from_millis(100);
/// The time between two updates: twenty come while one is shown.
const APART: Duration = Duration::from_millis(5);
/// Size of each update: large enough that a program that keeps them all is noticed.
const BYTES: usize = 32 << 10;
/// The number of updates.
const FLOOD: usize = 1200;
/// The update from which on memory is compared: by then the program has the memory that it needs to start.
const SETTLED: usize = 400;
/// At most so much of this machine's stalls is subtracted from an age: a queue is older than that in any case.
const STALL_MAX: Duration = Duration::from_secs(1);
/// The share of shown updates that must be young enough; the others may be late because of the machine.
const YOUNG_SHARE: f64 = 0.75;
/// How much memory may grow from then on: less than the 25 MB that come in that time, more than a garbage collector
/// needs.
const GROWTH_BYTES_MAX: u64 = 16 << 20;
/// What the journal retains: so much that nothing is evicted before the program has read it.
const RETAINED_BYTES: usize = 128 << 20;

pub async fn check(command: &[OsString], say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    let setup = Setup {
        journal: Bounds { bytes: RETAINED_BYTES, ..Bounds::default() },
        heartbeat: limits::SSE_HEARTBEAT,
        variables: vec![("LAB_SHOW_MS", SHOW.as_millis().to_string())],
        transports: &[],
    };
    let mut session = Session::start(command, setup, say).await?;
    session.expected = Expected::NewestUpdate;
    delivery::begins(&mut session).await?;
    session.stage("shows the newest of a stream that is twenty times as fast");
    flood(&mut session).await?;
    session.stage("ends with the newest of all");
    newest(&mut session).await?;
    session.finish();
    Ok(())
}

async fn flood(session: &mut Session<'_>) -> Result<(), Stop> {
    let began = Instant::now();
    let (shown_before, stalled) = (session.shown().len(), session.stall.total());
    let (mut due, mut settled) = (began, None);
    for number in 0..FLOOD {
        due += APART;
        session.publish_bytes(BYTES);
        session.watch(due.saturating_duration_since(Instant::now())).await?;
        if number == SETTLED {
            settled = Some(memory(session));
        }
    }
    let grown = memory(session).saturating_sub(settled.unwrap_or(u64::MAX));
    let took = began.elapsed();
    let stalled = session.stall.total().saturating_sub(stalled);
    let shown = session.shown()[shown_before..].to_vec();
    judge_pace(&shown, took)?;
    judge_age(&shown, stalled.min(STALL_MAX))?;
    if grown > GROWTH_BYTES_MAX {
        let sentence = format!(
            "the memory of your program grew by {} MB in {} updates: it keeps what it does not show; keep only the newest",
            grown >> 20,
            FLOOD - SETTLED
        );
        return fail(Code::Memory, sentence);
    }
    Ok(())
}

/// Checks that the program waits after each update: showing takes time, so that it cannot show everything.
fn judge_pace(shown: &[Shown], took: Duration) -> Result<(), Fault> {
    let most = took.as_secs_f64() / SHOW.as_secs_f64() + 2.0;
    if shown.len() as f64 > most {
        let sentence = format!(
            "{} were shown in {:.1} s, but showing one takes {} ms (LAB_SHOW_MS); wait that long after each line that you print",
            shown.len(),
            took.as_secs_f64(),
            SHOW.as_millis()
        );
        return Err(Fault::new(Code::ShowsTooFast, sentence));
    }
    Ok(())
}

fn judge_age(shown: &[Shown], stalled: Duration) -> Result<(), Fault> {
    let mut ages: Vec<Duration> = shown.iter().map(|shown| shown.at.saturating_sub(shown.due).duration()).collect();
    ages.sort_unstable();
    let at = (ages.len() as f64 * YOUNG_SHARE) as usize;
    let Some(age) = ages.get(at.min(ages.len().saturating_sub(1))) else {
        return Err(Fault::new(Code::Silent, "nothing was shown"));
    };
    let most = SHOW * 2 + stalled;
    if *age > most {
        let sentence = format!(
            "a quarter of what was shown was at least {} ms old; if you keep only the newest, it is at most {} ms (one update \
             waits, and showing takes {} ms): let a new update replace the one that waits",
            age.as_millis(),
            (SHOW * 2).as_millis(),
            SHOW.as_millis()
        );
        return Err(Fault::new(Code::TooOld, sentence));
    }
    Ok(())
}

/// The last update shown is the newest one.
async fn newest(session: &mut Session<'_>) -> Result<(), Stop> {
    session.publish(3);
    let last = session.published().len() - 1;
    let is_there = |session: &Session<'_>| session.shown().last().is_some_and(|shown| shown.number == last);
    if session.wait(limits::LEARN_PATIENCE, is_there).await? {
        return Ok(());
    }
    let sentence = match session.shown().last() {
        None => "nothing was shown".to_owned(),
        Some(shown) => format!(
            "the stream paused at update {}, but the last one shown is update {}; an update that comes while one is shown must be shown after it",
            last + 1,
            shown.number + 1
        ),
    };
    fail(Code::NotTheNewest, sentence)
}

/// The program's resident memory in bytes; 0 if it cannot be read.
fn memory(session: &Session<'_>) -> u64 {
    let id = session.program.id().and_then(|id| i32::try_from(id).ok());
    let rss =
        id.and_then(|id| Process::new(id).ok()).and_then(|process| process.statm().ok()).map(|statm| statm.resident);
    rss.unwrap_or(0) * procfs::page_size()
}
