//! Long polling: the client sends a request, and the server holds it until there is an update (RFC 6202 section 2).
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
//! The journal retains updates that are published while the client has no request open. The next request gets them at
//! once, so nothing is lost between two polls.
//!
//! What a developer must get right (`build.rs` counts these points along with the lines of code):
//!
//! - server: an update published between the check and the wait still wakes the request
//! - server: ends a hold before proxies time out, with an answer that says so
//! - server: notices that the client of a held request is gone
//! - server: a gap is announced in the same answer that moves the position
//! - server: an answer that was cut short says that there is more
//! - server: answers held requests, spread over time, when it shuts down
//! - client: waits longer than the server holds
//! - client: asks again at once, and backs off when it is refused

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::HeaderMap;
use serde::Deserialize;
use tokio::time::Instant;

use crate::limits;
use crate::net::Stream;
use crate::run::Transport;
use crate::server::fanout::{Delivery, Member};
use crate::server::repeat::{self, NextRequest, PollTemplate};
use crate::server::request::StrictQuery;
use crate::server::takeover::TakenConnection;
use crate::server::wire::Wire;
use crate::server::{App, Connection, DrainSignal, Problem, RequestCounters, Room, Socket};
use crate::stream::{Batch, BatchLimit, Cursor};
use crate::transport::answer::{self, PollRequest, Reply};
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
    let mut request = answer::read_request(&room, query.after.as_deref(), &headers)?;
    if let Some(batch) = request.reader.try_next(limit) {
        counts.sent(&batch);
        return Ok(Reply::updates(&batch).into_response());
    }
    // The request is parked from here on: free what is no longer needed.
    drop((query, headers));
    let drain_signal = app.drain.signal();
    let parked = Parked { app, request, hold, drain_signal, counts };
    // A group delivers batches of its own size, so it cannot honour a smaller limit.
    if !connection.takeover().is_offered() || limit.updates < limits::STREAM_BATCH_UPDATES_MAX {
        return Ok(parked.reply(limit).await.into_response());
    }
    let template = parked.request.cursor().and_then(|cursor| PollTemplate::new(&connection, cursor));
    let own = Arc::clone(&connection);
    connection.takeover().agree(move |taken| parked.reply_over(own, template, &room, taken));
    Ok(Response::default())
}

/// A request that is waiting for an update.
struct Parked {
    app: Arc<App>,
    request: PollRequest,
    hold: Duration,
    drain_signal: DrainSignal,
    counts: RequestCounters,
}

impl Parked {
    /// Waits for an update, the end of the hold or a drain, and returns the answer for hyper to send.
    async fn reply(mut self, limit: BatchLimit) -> Reply {
        let next = async {
            tokio::select! {
                biased;
                batch = self.request.reader.next(limit) => Some(batch),
                _come_back_in = &mut self.drain_signal => None,
            }
        };
        match tokio::time::timeout(self.hold, next).await {
            Ok(Some(batch)) => {
                self.counts.sent(&batch);
                Reply::updates(&batch)
            }
            Ok(None) | Err(_) => {
                self.counts.empty();
                self.request.nothing_new()
            }
        }
    }

    /// Waits as a member of a group, which usually writes the answer. Repeats of the same request are answered here
    /// too; any other request is left to hyper.
    ///
    /// This task notices that the group has answered when the next request arrives or the hold ends. An `async` block
    /// and not an `async fn`, which would store its arguments twice: every idle subscriber keeps this state.
    fn reply_over(
        self,
        connection: Arc<Connection>,
        template: Option<PollTemplate>,
        room: &Room,
        taken: TakenConnection<Socket>,
    ) -> impl Future<Output = Option<Socket>> + Send + use<> {
        let Self { app, request, hold, mut drain_signal, counts } = self;
        let PollRequest { reader, nothing_new, .. } = request;
        let (wire, headers) = (Wire::new(taken.socket), taken.headers);
        let parked = Subscriber { wire, headers, counts, app: Arc::clone(&app), is_answered: false };
        let slot = room.join(parked, reader);
        // A request that arrived before this one was answered; it waits until then.
        let mut ahead = None;
        async move {
            let mut over = pin!(tokio::time::sleep(hold));
            loop {
                let batch = tokio::select! {
                    biased;
                    batch = slot.next() => batch.ok()?,
                    next = slot.receive(|one, at, cx| one.poll_request(template.as_ref(), at, cx)),
                        if ahead.is_none() =>
                    {
                        ahead = Some(next?);
                        continue;
                    }
                    _come_back_in = &mut drain_signal => {
                        drain_signal = app.drain.signal();
                        None
                    }
                    () = &mut over => None,
                };
                let nothing_new = Reply::nothing_new(nothing_new, slot.position());
                slot.put(|one| one.answer(batch, nothing_new)).ok()?;
                slot.flushed().await.ok()?;
                let next = match ahead.take() {
                    Some(next) => next,
                    None => tokio::select! {
                        biased;
                        next = slot.receive(|one, at, cx| one.poll_request(template.as_ref(), at, cx)) => next?,
                        () = app.drain.begun() => return Some(slot.take()?.wire.into_socket()),
                        () = tokio::time::sleep(app.settings.head_timeout) => return None,
                    },
                };
                let is_again = |template: &PollTemplate, request| template.is_repeat(request, slot.position());
                if let NextRequest::Other(request) = next
                    && (app.drain.has_begun()
                        || !template.as_ref().is_some_and(|template| is_again(template, &request)))
                {
                    return Some(slot.take()?.wire.leave(request, &connection));
                }
                connection.charge(Some(Transport::LongPolling));
                slot.want_more();
                over.as_mut().reset(Instant::now() + hold);
            }
        }
    }
}

/// The connection of a parked request, as a member of its group.
struct Subscriber {
    wire: Wire,
    /// Headers that middleware adds to the answer.
    headers: Option<Box<HeaderMap>>,
    counts: RequestCounters,
    app: Arc<App>,
    is_answered: bool,
}

impl Subscriber {
    /// Answers if the group has not: with the batch, or with `nothing_new`.
    fn answer(&mut self, batch: Option<Batch>, nothing_new: Reply) -> io::Result<()> {
        match batch {
            Some(batch) => self.put_batch(&batch),
            None if self.is_answered => {}
            None => {
                self.counts.empty();
                self.put(&nothing_new);
            }
        }
        self.is_answered = false;
        Ok(())
    }

    fn put_batch(&mut self, batch: &Batch) {
        self.counts.sent(batch);
        self.put(&Reply::updates(batch));
    }

    fn put(&mut self, reply: &Reply) {
        self.wire.put(reply.encode(self.headers.as_deref(), self.app.drain.has_begun()));
    }

    fn poll_request(
        &mut self,
        template: Option<&PollTemplate>,
        position: Cursor,
        context: &mut Context<'_>,
    ) -> Poll<Option<NextRequest>> {
        // A repeat is recognised only after an answer, and not during a drain.
        let template = template.filter(|_| self.is_answered && !self.app.drain.has_begun());
        repeat::poll_request(&mut self.wire, template.map(|template| (template, position)), context)
    }
}

impl Member for Subscriber {
    type Error = io::Error;

    const WANTS_ONE: bool = true;

    fn deliver(&mut self, delivery: &Delivery, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_answered = true;
        let is_last = self.app.drain.has_begun();
        if self.headers.is_none() && !is_last {
            self.counts.sent(&delivery.batch);
            let encode = |batch: &Batch| Reply::updates(batch).encode(None, false);
            self.wire.put(delivery.form(Transport::LongPolling, encode).clone());
        } else {
            self.put_batch(&delivery.batch);
        }
        ready!(self.wire.poll_flush(context))?;
        // The last answer carries `Connection: close`; the member's own task then ends the connection.
        if is_last { Poll::Pending } else { Poll::Ready(Ok(())) }
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

/// Client half: learns its position with one poll, which is answered at once. Then it keeps one long poll open at all
/// times until the connection ends.
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
