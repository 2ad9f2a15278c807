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

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, http::HeaderMap};
use http::StatusCode;
use serde::Deserialize;
use std::time::Duration;

use crate::limits;
use crate::net::Stream;
use crate::server::request::StrictQuery;
use crate::server::{App, Connection, Problem, Room};
use crate::stream::Cursor;
use crate::transport::answer;
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
        return Ok(answer::ok(&batch));
    }
    // Parked from here on: what is not needed any more is given back.
    drop((query, headers));
    let mut turn = app.drain.turn();
    drop(app);
    let parked = async {
        tokio::select! {
            biased;
            batch = asked.reader.next(limit) => Some(batch),
            _come_back_in = &mut turn => None,
        }
    };
    match tokio::time::timeout(hold, parked).await {
        Ok(Some(batch)) => {
            counts.sent(&batch);
            Ok(answer::ok(&batch))
        }
        Ok(None) | Err(_) => {
            counts.empty();
            Ok(asked.nothing_new())
        }
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
    let (mut http, connection) = session::http(session, options).await?;
    let requests = async {
        http.ask(&client::path("/updates/poll", *position, &[]), position, on_event).await?;
        let hold = options.hold.seconds().to_string();
        loop {
            let path = client::path("/updates/long-poll", *position, &[("hold", hold.clone())]);
            http.ask(&path, position, on_event).await?;
        }
    };
    session::beside(connection, requests).await
}
