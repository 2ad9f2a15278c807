//! The routes of the contract, and the handlers that belong to no transport.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{coding, learn, live, metrics, session};
use crate::limits;
use crate::server::request::StrictQuery;
use crate::server::{App, Problem, Room, auth, idempotency, method_not_allowed, not_found, request};
use crate::stream::{self, BatchLimit, Cursor, LogReading, LogState, Occupancy, Start};
use crate::transport::{echo, long_polling, polling, sse, talk, websocket};
use crate::units::{Nanos, UnixMicros};

/// The router with all routes and middleware.
pub fn router(app: Arc<App>) -> Router {
    let streams = Router::new()
        .route("/updates/poll", get(polling::serve))
        .route("/updates/long-poll", get(long_polling::serve))
        .route("/updates/sse", get(sse::serve))
        .route("/updates/ws", get(websocket::serve).connect(websocket::serve))
        .route("/echo/ws", get(echo::serve).connect(echo::serve))
        .route("/talk/ws", get(talk::serve).connect(talk::serve));
    let streams = match app.settings.compress {
        true => streams.layer(middleware::from_fn(coding::compress)),
        false => streams,
    };
    let rest = Router::new()
        .route("/updates", post(publish))
        .route("/echo", post(echo::post))
        .route("/clock", get(clock))
        .route("/stats", get(stats))
        .route("/stats/schedule", get(schedule))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .merge(live::router())
        .merge(learn::router())
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard));
    let all = streams
        .merge(rest)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), session::middleware));
    match app.settings.origins.cors() {
        None => all.with_state(app),
        Some(cors) => all.layer(cors).with_state(app),
    }
}

/// Middleware that accepts a request that changes something only from an allowed page and, for the main stream, with
/// the token if one is set.
///
/// The body of a refused request is not read, so the connection is closed.
async fn guard(
    State(app): State<Arc<App>>,
    Extension(room): Extension<Arc<Room>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if auth::changes_something(request.method(), request.uri().path()) {
        may_change(&app, &room, &request).map_err(|problem| request::unread(request.body(), problem))?;
    }
    Ok(next.run(request).await)
}

fn may_change(app: &App, room: &Room, request: &Request) -> Result<(), Problem> {
    app.settings.origins.check(request.uri(), request.headers())?;
    app.settings.token.as_ref().filter(|_| room.needs_token).map_or(Ok(()), |token| token.check(request.headers()))
}

/// `POST /updates`: publishes any JSON value, due now. Answers 201 with its cursor; with a log, after the
/// acknowledgement.
///
/// With a log, the first of two updates with the same `Idempotency-Key` is kept, and both requests get its cursor.
///
/// Errors: 400 for a body that is not JSON or is nested too deeply and for a malformed key, 401 without the token, 403
/// for a page of another site, 408 for a body that does not arrive in time, 413 for one that is too large, 422 for an
/// update that the log refuses, 429 above the rate limit, 503 with `Retry-After` if the log cannot be reached.
async fn publish(
    State(app): State<Arc<App>>,
    Extension(room): Extension<Arc<Room>>,
    request: Request,
) -> Result<Response, Problem> {
    let key = idempotency::key(request.headers()).map_err(|problem| request::unread(request.body(), problem))?;
    let body = request::body(request, room.limits.update_bytes).await?;
    let now = app.clock.now();
    let data = stream::value(&body)
        .map_err(|problem| Problem::new(StatusCode::BAD_REQUEST, format!("the body is {problem}")))?;
    #[derive(Serialize)]
    struct Published {
        cursor: Cursor,
    }
    room.publish_rate.take(now)?;
    let cursor = room.publisher.publish(now, app.clock.now(), data, key.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(Published { cursor })).into_response())
}

/// `GET /clock`: the current instant, on the clock of `at_us` and on the host's monotonic clock.
///
/// The difference between the two is constant while the server runs. A client on the same host (with the same
/// `boot_id`) subtracts it from each `at_us`, and gets the instant on the monotonic clock that it shares with the
/// server.
async fn clock(State(app): State<Arc<App>>) -> impl IntoResponse {
    #[derive(Serialize)]
    struct Reading<'a> {
        now_us: UnixMicros,
        monotonic_us: u64,
        boot_id: &'a str,
    }
    let now = app.clock.now().whole_micros();
    let reading =
        Reading { now_us: app.clock.anchor().unix(now), monotonic_us: now.0 / Nanos::MICRO.0, boot_id: &app.boot_id };
    Json(reading).into_response()
}

/// `GET /readyz`: 200 while new work is accepted; 503 once the drain has begun, and while a node is not up to date with
/// its log.
async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    let refuse = |detail: &str| Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    if app.drain.has_begun() {
        return refuse("the server is shutting down; use another");
    }
    match app.log.as_ref().map(|log| log.standing()) {
        None | Some(LogState::Following) => Ok("ready\n"),
        Some(LogState::Away) => refuse("the log cannot be reached; use another node"),
        Some(LogState::Missing) => refuse("the log's stream is missing; use another node"),
        Some(LogState::Unfit(reason)) => refuse(&format!("the log's stream cannot be used: {reason}")),
        Some(LogState::CatchingUp) => refuse("this node is catching up with the log; use another, or wait"),
    }
}

/// `GET /stats`: the counters as JSON.
async fn stats(State(app): State<Arc<App>>) -> impl IntoResponse {
    #[derive(Serialize)]
    struct Reading {
        now_us: UnixMicros,
        journal: Occupancy,
        #[serde(skip_serializing_if = "Option::is_none")]
        log: Option<LogReading>,
        /// Streams in addition to the main one.
        rooms: usize,
        connections: Connections,
        transports: std::collections::BTreeMap<&'static str, crate::server::AccountReading>,
    }
    #[derive(Serialize)]
    struct Connections {
        open: usize,
        accepted: u64,
        refused: u64,
    }
    let connections = Connections {
        open: app.counters.sockets.len(),
        accepted: app.counters.accepted(),
        refused: app.counters.refused(),
    };
    let transports = app.counters.read().into_iter().collect();
    let (journal, rooms) = (app.journal.occupancy(), app.rooms.len());
    let now_us = app.clock.anchor().unix(app.clock.now());
    let log = app.log.as_ref().map(|log| log.reading());
    Json(Reading { now_us, journal, log, rooms, connections, transports }).into_response()
}

/// When each update was due and when it was published: the record against which a load generator audits deliveries.
#[derive(Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// The position after these updates.
    pub cursor: Cursor,
    /// `[seq, at_us, published_us]` of each.
    pub updates: Vec<(u64, UnixMicros, UnixMicros)>,
}

/// `GET /stats/schedule?after=C`: up to 10,000 entries of the journal without their data.
///
/// Errors: 400 for a malformed cursor or query.
async fn schedule(
    State(app): State<Arc<App>>,
    Extension(room): Extension<Arc<Room>>,
    StrictQuery(query): StrictQuery<ScheduleQuery>,
) -> Result<Json<Schedule>, Problem> {
    let start = query.after.as_deref().map_or(Ok(Start::Earliest), str::parse)?;
    let mut reader = room.journal.reader(start)?;
    let batch = reader.try_next(BatchLimit { updates: limits::POLL_LIMIT_MAX, bytes: usize::MAX });
    let entries = batch.map(|batch| batch.updates).unwrap_or_default();
    let unix = |at| app.clock.anchor().unix(at);
    let updates = entries.iter().map(|entry| (entry.seq, unix(entry.at_ns), unix(entry.published_ns))).collect();
    Ok(Json(Schedule { cursor: reader.cursor(), updates }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleQuery {
    after: Option<String>,
}
