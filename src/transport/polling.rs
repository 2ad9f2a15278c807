//! Interval polling: the client asks each T, and is answered at once, most often with nothing.
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
//! A client without a position asks without `after`, and is told where it stands: 200 with no updates.
//!
//! An answer has all that there is, or as many updates as `limit` says. Where the server's own bound in bytes comes first,
//! it says so with `"more":true`, and the next poll need not wait.
//!
//! What a developer must get right, beside the lines (counted with them, by `build.rs`):
//!
//! - server: answers at once, and an answer with nothing new has no body
//! - server: a lost stretch is announced in the same answer that moves the position
//! - server: an answer cut short says that there is more
//! - client: polls on its own clock and not after the last answer, and never two at once
//! - client: asks again at once where there is more

use axum::response::{IntoResponse, Response};
use axum::{Extension, http::HeaderMap};
use serde::Deserialize;
use std::sync::Arc;

use crate::net::Stream;
use crate::server::request::StrictQuery;
use crate::server::{Connection, Problem, Room};
use crate::stream::{Batch, Cursor};
use crate::transport::answer::{self, Reply};
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
    Extension(connection): Extension<Arc<Connection>>,
    Extension(room): Extension<Arc<Room>>,
    StrictQuery(query): StrictQuery<PollQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let counts = connection.counts();
    let limit = answer::batch_limit(query.limit)?;
    let mut asked = answer::asked(&room, query.after.as_deref(), &headers)?;
    let reply = match asked.reader.try_next(limit) {
        Some(batch) => {
            counts.sent(&batch);
            Reply::updates(&batch)
        }
        None if asked.is_new => Reply::updates(&Batch {
            gap: None,
            updates: Vec::new(),
            cursor: asked.reader.cursor(),
            is_short: false,
            is_cut: false,
        }),
        None => {
            counts.empty();
            asked.nothing_new()
        }
    };
    Ok(reply.into_response())
}

// Client half ---------------------------------------------------------------------------------------------------------

const PATH: &str = "/updates/poll";

/// Client half: learns its position at once, then polls at its phase of each interval, until the connection ends.
///
/// A poll that is due while the one before it is still on its way is left out and reported. An answer behind which more
/// is waiting is followed by the next poll at once.
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

/// The first instant after `now` that is this client's phase of an interval, on a grid that all clients share: a
/// reconnect does not change the phase.
pub(crate) fn next_due(options: &Options, now: Nanos) -> Nanos {
    let interval = options.poll_interval.0.max(1);
    let phase = options.poll_phase.0 % interval;
    let since_phase = (now.0 + interval - phase) % interval;
    Nanos(now.0 - since_phase + interval)
}
