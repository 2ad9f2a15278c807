//! Interval polling: the client sends a request every T, and the server answers at once, usually with nothing new.
//!
//! ```text
//! → GET /updates/poll?after=1f3a9c02-41 HTTP/1.1
//! ← HTTP/1.1 204 No Content                                     nothing new
//!   … the poll interval passes …
//! → GET /updates/poll?after=1f3a9c02-41 HTTP/1.1
//! ← HTTP/1.1 200 OK
//!   etag: "1f3a9c02-42"
//!
//!   {"cursor":"1f3a9c02-42","updates":[{"seq":42,"at_us":1795363216000123,"data":{…}}]}
//! ```
//!
//! A client without a position leaves out `after`. It gets the current position: 200 with no updates.
//!
//! An answer contains all updates after the cursor, up to `limit`. If the server's own bound in bytes is reached first,
//! the answer has `"more":true`, and the client may send the next poll at once.
//!
//! What a developer must get right (`build.rs` counts these points along with the lines of code):
//!
//! - server: answers at once, and an answer with nothing new has no body
//! - server: a gap is announced in the same answer that moves the position
//! - server: an answer that was cut short says that there is more
//! - client: polls by a fixed schedule, not a delay after the last answer, and never sends two polls at once
//! - client: polls again at once if there is more

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::HeaderMap;
use serde::Deserialize;

use crate::net::Stream;
use crate::run::Transport;
use crate::server::repeat::RepeatPoller;
use crate::server::request::StrictQuery;
use crate::server::{App, Connection, Problem, RequestCounters, Room};
use crate::stream::{Batch, BatchLimit, Cursor};
use crate::transport::answer::{self, PollRequest, Reply};
use crate::transport::client::{self, ClientError, Event, Options};
use crate::transport::session::{self, Session};
use crate::units::Nanos;

// Server half ---------------------------------------------------------------------------------------------------------

/// `?after=C&limit=N`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollQuery {
    after: Option<String>,
    limit: Option<usize>,
}

/// Server half: `GET /updates/poll`.
///
/// Errors: 400 for a malformed cursor, limit or query.
pub async fn serve(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    Extension(room): Extension<Arc<Room>>,
    StrictQuery(query): StrictQuery<PollQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = answer::batch_limit(query.limit)?;
    let request = answer::read_request(&room, query.after.as_deref(), &headers)?;
    let mut poller = Poller { request, limit, counts: connection.counts() };
    let Some(repeats) = RepeatPoller::of(&connection, poller.request.cursor()) else {
        return Ok(poller.reply().into_response());
    };
    connection.takeover().agree(move |taken| {
        let headers = taken.headers;
        let reply = move |is_last| {
            let reply = poller.reply().encode(headers.as_deref(), is_last);
            (reply, poller.request.reader.cursor())
        };
        repeats.answer_repeats(app, Transport::Polling, taken.socket, reply)
    });
    Ok(Response::default())
}

/// The state of one polling client on one connection.
struct Poller {
    request: PollRequest,
    limit: BatchLimit,
    counts: RequestCounters,
}

impl Poller {
    /// The answer to the client's current poll.
    fn reply(&mut self) -> Reply {
        // The position at the time of the request. The next poll gets any updates that were published since.
        if self.request.is_new() {
            let cursor = self.request.reader.cursor();
            return Reply::updates(&Batch { gap: None, updates: Vec::new(), cursor, is_short: false, is_cut: false });
        }
        match self.request.reader.try_next(self.limit) {
            Some(batch) => {
                self.counts.sent(&batch);
                Reply::updates(&batch)
            }
            None => {
                self.counts.empty();
                self.request.nothing_new()
            }
        }
    }
}

// Client half ---------------------------------------------------------------------------------------------------------

const PATH: &str = "/updates/poll";

/// Client half: learns its position at once, then polls at its phase of each interval until the connection ends.
///
/// A poll that falls due while the previous one is still in flight is skipped and reported. If an answer says that
/// there is more, the next poll follows at once.
pub async fn subscribe<S: Stream>(
    session: impl Into<Session<S>>,
    options: &Options,
    position: &mut Option<Cursor>,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let mut http = session::http(session, options);
    http.ask(&client::path(PATH, *position, &[]), position, on_event).await?;
    let mut due = next_due(options, options.clock.now());
    loop {
        tokio::time::sleep_until(options.clock.instant(due)).await;
        while http.ask(&client::path(PATH, *position, &[]), position, on_event).await? {}
        due = due.saturating_add(options.poll_interval);
        while due < options.clock.now() {
            on_event(Event::MissedPoll);
            due = due.saturating_add(options.poll_interval);
        }
    }
}

/// The next instant after `now` at which this client polls. All clients share one grid of intervals, so a reconnect
/// does not change the phase.
pub(crate) fn next_due(options: &Options, now: Nanos) -> Nanos {
    let interval = options.poll_interval.0.max(1);
    let phase = options.poll_phase.0 % interval;
    let since_phase = (now.0 + interval - phase) % interval;
    Nanos(now.0 - since_phase + interval)
}
