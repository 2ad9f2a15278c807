//! Stages that several exercises share: over any transport, each update is printed once and in order.

use std::time::Duration;

use crate::learn::context::Disturbance;
use crate::learn::fault::{Code, Stop, fail};
use crate::learn::relay::Reply;
use crate::learn::request::After;
use crate::learn::session::Session;

/// The time between two updates that come one by one.
const APART: Duration = Duration::from_millis(120);
/// The `Retry-After` of a busy server, in seconds: the shortest possible.
const BUSY_S: u32 = 1;

/// The program sends its first request, and gets its position.
pub async fn begins(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("asks the lab, and gets its first answer");
    session.first_answer().await
}

/// Updates one by one, and several at once.
pub async fn in_order(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("prints each update once and in order");
    for count in [1, 1, 1, 5, 1, 1] {
        session.publish(count);
        session.watch(APART).await?;
    }
    session.caught_up().await
}

/// More updates than fit in one answer: answers of polls have `more`.
pub async fn large(session: &mut Session<'_>) -> Result<(), Stop> {
    const UPDATES: usize = 40;
    const BYTES: usize = 16 << 10;
    const _: () = assert!(UPDATES * BYTES > crate::limits::BATCH_BYTES_MAX);
    session.stage("goes on where an answer was cut short by its size");
    (0..UPDATES).for_each(|_| session.publish_bytes(BYTES));
    session.caught_up().await
}

/// The server answers 503 with `Retry-After`.
pub async fn busy(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("obeys 503 with Retry-After");
    session.disturb(Disturbance::Busy);
    let before = session.relay.request_count();
    session.relay.reply(Reply::Busy(BUSY_S));
    session.publish(3);
    // A program with a long-lived connection sends no request by itself.
    if !session.wait(Duration::from_millis(400), |session| session.relay.replies_waiting() == 0).await? {
        session.relay.cut();
    }
    let refused = session.next_request_after(before).await?;
    let refused_index = before;
    // The connection that was cut may have sent a request at the same moment; the refused one is the first.
    let again = session.next_request_after(refused_index + 1).await?;
    let waited = again.at.saturating_duration_since(refused.answered.unwrap_or(refused.at));
    let asked = Duration::from_secs(BUSY_S.into());
    if waited + Duration::from_millis(30) < asked {
        let sentence = format!(
            "the server answered 503 with Retry-After: {BUSY_S}, and the next request came {} ms later; wait as many seconds as it says",
            waited.as_millis()
        );
        return fail(Code::IgnoresRetryAfter, sentence);
    }
    session.caught_up().await
}

/// The line is cut between answers, and updates are published before the program reconnects.
pub async fn cuts(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("reconnects after a cut, and goes on where it was");
    for count in [2, 3] {
        session.disturb(Disturbance::Cut);
        session.relay.cut();
        session.publish(count);
        session.caught_up().await?;
        session.publish(1);
        session.caught_up().await?;
    }
    Ok(())
}

/// An answer is cut in the middle: after some bytes, or inside an update.
pub async fn half_answers(session: &mut Session<'_>) -> Result<(), Stop> {
    session.stage("loses nothing and prints nothing twice when an answer is cut in the middle");
    for half in [Reply::Half(90), Reply::HalfUpdate(1), Reply::HalfUpdate(3)] {
        session.disturb(Disturbance::HalfAnswer);
        session.relay.reply(half);
        session.relay.cut();
        session.publish(4);
        session.caught_up().await?;
    }
    session.publish(1);
    session.caught_up().await
}

/// Checks that requests name cursors that the lab has issued.
pub fn check_cursors(session: &Session<'_>) -> Result<(), Stop> {
    let asked = session.relay.requests_since(0);
    let other = asked.iter().find_map(|asked| match &asked.after {
        After::Other(text) => Some(text.clone()),
        After::Now | After::Earliest | After::Cursor(_) => None,
    });
    match other {
        None => Ok(()),
        Some(text) => fail(
            Code::WrongAddress,
            format!(
                "a request asked after `{text}`, which is not a cursor; send the `cursor` of an answer, or `earliest`"
            ),
        ),
    }
}
