//! Long polling: the client asks, the server parks the request until there is something to say (RFC 6202 section 2).
//!
//! ```text
//! → GET /updates/long-poll?after=1f3a9c02-41&hold=25 HTTP/1.1
//!   … the server holds the request …
//! ← HTTP/1.1 200 OK
//!   etag: "1f3a9c02-42"
//!
//!   {"cursor":"1f3a9c02-42","updates":[{"seq":42,"at_us":1795363216000123,"data":{…}}]}
//! → GET /updates/long-poll?after=1f3a9c02-42&hold=25 HTTP/1.1
//!   … 25 seconds without an update …
//! ← HTTP/1.1 204 No Content
//! ```
//!
//! What is published while the client has no request parked is retained by the journal and answered at once to the
//! next one: nothing is lost between two polls.
//!
//! What a developer must get right, beside the lines (counted with them, by `build.rs`):
//!
//! - server: parks without missing what is published between the look and the wait
//! - server: ends a hold before proxies do, with an answer that says so
//! - server: notices that a parked client has gone
//! - server: a lost stretch is announced in the same answer that moves the position
//! - server: an answer cut short says that there is more
//! - client: waits longer than the server holds
//! - client: asks again at once, and backs off where it is refused

use std::io;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONNECTION, HeaderMap, HeaderValue};
use memchr::memmem;
use serde::Deserialize;
use tokio::time::Instant;

use crate::limits;
use crate::net::Stream;
use crate::run::Transport;
use crate::server::fanout::{Delivery, Member};
use crate::server::request::StrictQuery;
use crate::server::takeover::Taken;
use crate::server::wire::Wire;
use crate::server::{App, Connection, DrainSignal, Problem, RequestCounters, Room, Socket};
use crate::stream::{Batch, BatchLimit, Cursor};
use crate::transport::answer::{self, Asked, Reply};
use crate::transport::client::{self, ClientError, Event, Options};
use crate::transport::session::{self, Session};

// Server half ---------------------------------------------------------------------------------------------------------

/// `?after=C&hold=S&limit=N`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongPollQuery {
    after: Option<String>,
    hold: Option<f64>,
    limit: Option<usize>,
}

/// Server half: `GET /updates/long-poll`.
///
/// Errors: 400 for a malformed cursor, hold, limit or query.
pub async fn serve(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    Extension(room): Extension<Arc<Room>>,
    StrictQuery(query): StrictQuery<LongPollQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let counts = connection.counts();
    let limit = answer::batch_limit(query.limit)?;
    let hold = hold(query.hold)?;
    let mut asked = answer::asked(&room, query.after.as_deref(), &headers)?;
    if let Some(batch) = asked.reader.try_next(limit) {
        counts.sent(&batch);
        return Ok(Reply::updates(&batch).into_response());
    }
    // Parked from here on: what is not needed any more is given back.
    drop((query, headers));
    let turn = app.drain.turn();
    let parked = Parked { app, asked, hold, turn, counts };
    // A group hands over as many updates as it finds.
    if !connection.takeover().is_offered() || limit.updates < limits::STREAM_BATCH_UPDATES_MAX {
        return Ok(parked.reply(limit).await.into_response());
    }
    let own = Arc::clone(&connection);
    connection.takeover().agree(move |taken| parked.reply_over(own, room, taken));
    Ok(Response::default())
}

/// A request that waits for an update.
struct Parked {
    app: Arc<App>,
    asked: Asked,
    hold: Duration,
    turn: DrainSignal,
    counts: RequestCounters,
}

impl Parked {
    /// Waits, and says what hyper is to answer.
    async fn reply(mut self, limit: BatchLimit) -> Reply {
        let next = async {
            tokio::select! {
                biased;
                batch = self.asked.reader.next(limit) => Some(batch),
                _come_back_in = &mut self.turn => None,
            }
        };
        match tokio::time::timeout(self.hold, next).await {
            Ok(Some(batch)) => {
                self.counts.sent(&batch);
                Reply::updates(&batch)
            }
            Ok(None) | Err(_) => {
                self.counts.empty();
                self.asked.nothing_new()
            }
        }
    }

    /// Waits in a group, which most often writes the answer, and answers further requests of the same kind; any other is
    /// left to hyper.
    ///
    /// That the group has answered is noticed when the next request comes, or when the hold is over.
    async fn reply_over(self, connection: Arc<Connection>, room: Arc<Room>, taken: Taken<Socket>) -> Option<Socket> {
        let Self { app, asked, hold, mut turn, counts } = self;
        let Asked { reader, nothing_new, .. } = asked;
        let question = Question::new(&connection, reader.cursor());
        let parked = Subscriber { wire: Wire::new(taken.socket), headers: taken.headers, counts, is_answered: false };
        let seat = room.seat(parked, reader);
        let mut over = pin!(tokio::time::sleep(hold));
        // A request that comes before this one is answered waits until it is.
        let mut ahead = None;
        loop {
            let batch = tokio::select! {
                biased;
                batch = seat.next() => batch.ok()?,
                said = seat.hear(|one, context| one.wire.poll_said(context)), if ahead.is_none() => {
                    ahead = Some(said?);
                    continue;
                }
                _come_back_in = &mut turn => {
                    turn = app.drain.turn();
                    None
                }
                () = &mut over => None,
            };
            let position = seat.position();
            let answer = |one: &mut Subscriber| {
                if app.drain.has_begun() {
                    one.headers.insert(CONNECTION, HeaderValue::from_static("close"));
                }
                match batch {
                    Some(batch) => one.put_batch(&batch),
                    None if one.is_answered => {}
                    None => {
                        one.counts.empty();
                        one.wire.put(Reply::nothing_new(nothing_new, position).encode(&one.headers));
                    }
                }
                one.is_answered = false;
                Ok(())
            };
            seat.send(answer).await.ok()?;
            let request = match ahead.take() {
                Some(request) => request,
                None => tokio::select! {
                    biased;
                    said = seat.hear(|one, context| one.wire.poll_said(context)) => said?,
                    () = app.drain.begun() => return Some(seat.take()?.wire.into_socket()),
                    () = tokio::time::sleep(app.settings.head_timeout) => return None,
                },
            };
            let is_again = |question: &Question| question.is_asked_again(&request, seat.position());
            if app.drain.has_begun() || !question.as_ref().is_some_and(is_again) {
                return Some(seat.take()?.wire.leave(request, &connection));
            }
            connection.charge(Some(Transport::LongPolling));
            seat.want_more();
            over.as_mut().reset(Instant::now() + hold);
        }
    }
}

/// The head of a long poll as a client sends it again and again, with nothing changed but its cursor: read, routed and
/// checked once, it need not be again.
struct Question {
    head: Bytes,
    cursor: Range<usize>,
}

impl Question {
    /// The one that a connection has just asked, if its bytes are known and hold this cursor once. A connection that
    /// belongs to a page asks anew each time: its requests are counted, and take their time.
    fn new(connection: &Connection, cursor: Cursor) -> Option<Self> {
        let head = connection.takeover().head().filter(|_| !connection.attachment().is_taken())?;
        Self::of(head, cursor)
    }

    fn of(head: Bytes, cursor: Cursor) -> Option<Self> {
        let cursor = cursor.to_string();
        let mut found = memmem::find_iter(&head, cursor.as_bytes());
        let start = found.next().filter(|_| found.next().is_none())?;
        let is_whole = memmem::find(&head, b"\r\n\r\n").is_some_and(|end| end + 4 == head.len());
        is_whole.then(|| Self { cursor: start..start + cursor.len(), head })
    }

    /// Is this the same head, with this cursor?
    fn is_asked_again(&self, request: &[u8], cursor: Cursor) -> bool {
        let (before, after) = (&self.head[..self.cursor.start], &self.head[self.cursor.end..]);
        let between = request.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        between.is_some_and(|between| between == cursor.to_string().as_bytes())
    }
}

/// The connection of a parked request, as its group sees it.
struct Subscriber {
    wire: Wire,
    /// What middleware adds to the answer.
    headers: Box<HeaderMap>,
    counts: RequestCounters,
    is_answered: bool,
}

impl Subscriber {
    fn put_batch(&mut self, batch: &Batch) {
        self.counts.sent(batch);
        self.wire.put(Reply::updates(batch).encode(&self.headers));
    }
}

impl Member for Subscriber {
    type Error = io::Error;

    const WANTS_ONE: bool = true;

    fn deliver(&mut self, delivery: &Delivery, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_answered = true;
        if self.headers.is_empty() {
            self.counts.sent(&delivery.batch);
            let encode = |batch: &Batch| Reply::updates(batch).encode(&HeaderMap::new());
            self.wire.put(delivery.form(Transport::LongPolling, encode).clone());
        } else {
            self.put_batch(&delivery.batch);
        }
        self.wire.poll_flush(context)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_flush(context)
    }
}

fn hold(seconds: Option<f64>) -> Result<Duration, Problem> {
    let Some(seconds) = seconds else { return Ok(limits::LONG_POLL_HOLD) };
    if !(0.0..=limits::LONG_POLL_HOLD_MAX.as_secs_f64()).contains(&seconds) {
        let detail = format!("hold is {seconds}; use seconds from 0 to {}", limits::LONG_POLL_HOLD_MAX.as_secs());
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    Ok(Duration::from_secs_f64(seconds))
}

// Client half ---------------------------------------------------------------------------------------------------------

/// Client half: learns its position with one poll that is answered at once, then keeps one long poll parked at all
/// times, until the connection ends.
pub async fn subscribe<S: Stream>(
    session: impl Into<Session<S>>,
    options: &Options,
    position: &mut Option<Cursor>,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let mut http = session::http(session, options);
    http.ask(&client::path("/updates/poll", *position, &[]), position, on_event).await?;
    let hold = options.hold.seconds().to_string();
    loop {
        let path = client::path("/updates/long-poll", *position, &[("hold", hold.clone())]);
        http.ask(&path, position, on_event).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[test]
    fn a_question_is_the_same_again_only_with_every_byte_but_the_cursor_unchanged() {
        let cursor = |seq| Cursor { seq, ..Cursor::from_str("1f3a9c02-41").unwrap() };
        let head = |cursor: Cursor, host: &str| {
            format!("GET /updates/long-poll?after={cursor}&hold=25 HTTP/1.1\r\nhost: {host}\r\n\r\n")
        };
        let question = Question::of(head(cursor(9), "a").into(), cursor(9)).unwrap();
        assert!(question.is_asked_again(head(cursor(10), "a").as_bytes(), cursor(10)));
        for (said, at) in [
            (head(cursor(10), "a"), cursor(11)),
            (head(cursor(10), "b"), cursor(10)),
            (head(cursor(10), "a") + "GET", cursor(10)),
            (head(cursor(10), "a").replace("\r\n\r\n", "\r\n"), cursor(10)),
            (head(cursor(10), "a").replace("GET", "HEAD"), cursor(10)),
        ] {
            assert!(!question.is_asked_again(said.as_bytes(), at), "{said:?}");
        }
        // A cursor that stands there twice, or not at all; half a head; more than one.
        for head in
            [head(cursor(9), "1f3a9c02-9"), head(cursor(8), "a"), "GET".to_owned(), head(cursor(9), "a").repeat(2)]
        {
            assert!(Question::of(head.clone().into(), cursor(9)).is_none(), "{head:?}");
        }
    }
}
