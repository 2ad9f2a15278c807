//! The live page: its files, its sessions, its control of the feed, and its list of reports.
//!
//! | request | answer |
//! |---|---|
//! | `GET /`, `GET /web/…` | the page, from files built into the program |
//! | `…?session=ID` on every address of the stream and on `/echo` | counts the connection for the page `ID` |
//! | `…?room=R` on every address | uses the stream of room `R` instead of the main one |
//! | `GET /live/session/ID` | the server's counters for each lane of the page; the feed; the number of open pages |
//! | `POST /live/session/ID/cut` `{"seconds":2}` | breaks the page's connections, and refuses new ones for this long |
//! | `POST /live/session/ID/link` `{"round_trip_ms":200}` | adds this round-trip time to the page's connections |
//! | `POST /live/session/ID/middlebox` `{"buffer_bytes":4096,"idle_s":3,"no_upgrade":true}` | simulates such a proxy in front of the page |
//! | `GET /live/feed`, `POST /live/feed` `{"feed":"steady","rate":5,"payload":128}` | reads or sets the stream's feed |
//! | `GET /live/reports`, `GET /reports/…` | lists the runs in the reports folder; returns their files |

pub(super) mod assets;
mod feed;
mod reports;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::server::request::{JsonBody, Segment};
use crate::server::{App, Connection, FeedState, LaneCounts, LaneReading, Middlebox, Problem, Room};
use crate::stream::Cursor;
use crate::units::{Nanos, UnixMicros};

/// The routes of the page.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(assets::page))
        .route("/web/{*file}", get(assets::file))
        .route("/live/session/{id}", get(read))
        .route("/live/session/{id}/cut", post(cut))
        .route("/live/session/{id}/link", post(link))
        .route("/live/session/{id}/middlebox", post(middlebox))
        .route("/live/feed", get(feed::read).post(feed::change))
        .route("/live/reports", get(reports::list))
        .route("/reports/{*path}", get(reports::file))
}

/// The answer to `GET /live/session/ID`.
#[derive(Serialize)]
struct Reading {
    now_us: UnixMicros,
    newest: Cursor,
    round_trip_ms: f64,
    /// Bytes of IP and TCP header in each segment.
    segment_header_bytes: u64,
    /// Pages open on this server.
    pages: usize,
    feed: FeedState,
    lanes: BTreeMap<&'static str, LaneReading>,
}

async fn read(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    Extension(room): Extension<Arc<Room>>,
    Segment(id): Segment,
) -> Result<Response, Problem> {
    let now = app.clock.now();
    let session = app.sessions.open(id.parse()?, now)?;
    let mut lanes: BTreeMap<_, _> = session.read(now).into_iter().collect();
    app.counters.sockets.for_each_of(
        |connection| connection.attachment().is_in(&session),
        |connection, tcp| {
            if let Some((_, lane, share)) = connection.attachment().share(tcp)
                && let Some(reading) = lanes.get_mut(lane.label())
            {
                reading.add_open(share);
            }
        },
    );
    let reading = Reading {
        now_us: app.clock.anchor().unix(now),
        newest: room.journal.newest(),
        round_trip_ms: session.added_round_trip().seconds() * 1e3,
        segment_header_bytes: limits::segment_header_bytes(connection.peer().ip().to_canonical()),
        pages: app.sessions.in_use(now),
        feed: room.feed.state(),
        lanes,
    };
    Ok(Json(reading).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CutOrder {
    seconds: f64,
}

/// `POST /live/session/ID/cut`: breaks the connections over which this page gets updates, and every new one for the
/// given time. 200 with the number of connections broken.
///
/// Errors: 400 for a malformed body or a time out of range.
async fn cut(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    JsonBody(order): JsonBody<CutOrder>,
) -> Result<Response, Problem> {
    let most = limits::LIVE_CUT_MAX.as_secs_f64();
    if !(0.0..=most).contains(&order.seconds) {
        let detail = format!("seconds is {}; use 0 to {most}", order.seconds);
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let now = app.clock.now();
    let session = app.sessions.open(id.parse()?, now)?;
    session.cut_until(now.saturating_add(Nanos::from_seconds(order.seconds)));
    let broken = app.counters.sockets.shut(|connection| {
        let is_ours = connection.attachment().is_down(&session);
        if is_ours {
            connection.attachment().count(LaneCounts::cut);
        }
        is_ours
    });
    #[derive(Serialize)]
    struct Cut {
        broken: usize,
        seconds: f64,
    }
    Ok(Json(Cut { broken, seconds: order.seconds }).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkOrder {
    round_trip_ms: f64,
}

/// `POST /live/session/ID/link`: sets the round-trip time added to this page's connections. 204.
///
/// Errors: 400 for a malformed body or a time out of range.
async fn link(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    JsonBody(order): JsonBody<LinkOrder>,
) -> Result<StatusCode, Problem> {
    let session = app.sessions.open(id.parse()?, app.clock.now())?;
    if !(order.round_trip_ms.is_finite() && order.round_trip_ms >= 0.0) {
        let detail = format!("round_trip_ms is {}; use 0 or more", order.round_trip_ms);
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    session.add_round_trip(Nanos::from_seconds(order.round_trip_ms / 1e3))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MiddleboxOrder {
    #[serde(default)]
    buffer_bytes: usize,
    #[serde(default)]
    idle_s: f64,
    #[serde(default)]
    no_upgrade: bool,
}

/// `POST /live/session/ID/middlebox`: sets the simulated proxy in front of this page, for later requests. A member that
/// is left out turns its effect off. 204.
///
/// Errors: 400 for a malformed body or a value out of range.
async fn middlebox(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    JsonBody(order): JsonBody<MiddleboxOrder>,
) -> Result<StatusCode, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    if order.buffer_bytes > limits::MIDDLEBOX_BUFFER_BYTES_MAX {
        let most = limits::MIDDLEBOX_BUFFER_BYTES_MAX;
        return Err(bad(format!("buffer_bytes is {}; use 0 to {most}", order.buffer_bytes)));
    }
    let (least, most) = (limits::MIDDLEBOX_IDLE_MIN.as_secs_f64(), limits::MIDDLEBOX_IDLE_MAX.as_secs_f64());
    if order.idle_s != 0.0 && !(least..=most).contains(&order.idle_s) {
        return Err(bad(format!("idle_s is {}; use {least} to {most}, or 0 for never", order.idle_s)));
    }
    let session = app.sessions.open(id.parse()?, app.clock.now())?;
    session.set_middlebox(Middlebox {
        buffer_bytes: order.buffer_bytes,
        idle: (order.idle_s > 0.0).then(|| std::time::Duration::from_secs_f64(order.idle_s)),
        is_upgrade_dropped: order.no_upgrade,
    });
    Ok(StatusCode::NO_CONTENT)
}
