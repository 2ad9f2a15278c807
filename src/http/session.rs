//! Middleware that resolves a request's stream (`room=R`, or the main one) and the live page that its connection is
//! counted for (`session=ID`), so that no handler needs to know about rooms and pages.

use std::sync::{Arc, Weak};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONNECTION, UPGRADE};
use http::uri::{PathAndQuery, Uri};
use http::{Method, StatusCode};
use tokio::time::Instant;

use crate::limits;
use crate::server::{App, Buffered, Connection, Lane, Middlebox, PageSession, Problem, Room};
use crate::transport;

/// Middleware for all addresses: removes `room` and `session` from the query, adds the [`Room`] to the request, and
/// delays the request by the page's added latency.
///
/// Errors: 400 for a malformed name; 503 if there are too many rooms, or if this node has not followed its log yet;
/// those of [`attach`].
pub async fn middleware(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let room: Arc<Room> = match take(&mut request, "room") {
        Some(name) => app.rooms.open(name.parse()?)?,
        None => Arc::clone(&app.main),
    };
    let lane = lane_of(request.method(), request.uri().path());
    // Until the log is followed, every cursor would seem to be of another epoch.
    let knows_cursors = app.log.as_ref().is_none_or(|log| log.has_been_followed()) || !room.needs_token;
    if !knows_cursors && matches!(lane, Some(Lane::Down(_))) {
        return Err(Problem::of_log("this node has not reached the log yet; use another, or try again later"));
    }
    request.extensions_mut().insert(room);
    let mut middlebox = Middlebox::default();
    if let Some(lane) = lane
        && let Some(session) = take(&mut request, "session")
        && let Some(connection) = request.extensions().get::<Arc<Connection>>().cloned()
    {
        let session = attach(&app, &connection, &session, lane).await?;
        middlebox = session.middlebox();
        if middlebox.buffer_bytes > 0 {
            connection.takeover().withdraw();
        }
        if middlebox.idle.is_some() && !connection.attachment().watch() {
            app.tasks.spawn(cut_when_silent(Arc::clone(&app), Arc::downgrade(&connection), session));
        }
    }
    if middlebox.is_upgrade_dropped {
        // A proxy that does not support a protocol removes the headers that name it (RFC 9110 section 7.6.1).
        request.headers_mut().remove(UPGRADE);
        request.headers_mut().remove(CONNECTION);
    }
    let response = next.run(request).await;
    if middlebox.buffer_bytes == 0 || response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    Ok(response.map(|body| Body::new(Buffered::new(body, middlebox.buffer_bytes))))
}

/// Breaks a connection that is silent in both directions for the idle time of the page's middlebox.
async fn cut_when_silent(app: Arc<App>, connection: Weak<Connection>, session: Arc<PageSession>) {
    let mut seen = (0, 0);
    let mut since = Instant::now();
    loop {
        tokio::select! {
            () = app.drain.begun() => return,
            () = tokio::time::sleep(limits::MIDDLEBOX_CHECK_INTERVAL) => {}
        }
        let Some(connection) = connection.upgrade() else { return };
        let Some(idle) = session.middlebox().idle else { continue };
        if connection.bytes() != seen {
            seen = connection.bytes();
            since = Instant::now();
        } else if since.elapsed() >= idle {
            app.counters.sockets.shut(|one| Arc::ptr_eq(one, &connection));
            return;
        }
    }
}

/// Removes a parameter from a request's query and returns its value.
fn take(request: &mut Request, parameter: &str) -> Option<String> {
    let (value, rest) = take_parameter(request.uri(), parameter)?;
    *request.uri_mut() = rest;
    Some(value)
}

/// The lane of the page that a request belongs to.
fn lane_of(method: &Method, path: &str) -> Option<Lane> {
    match path {
        "/echo" if *method == Method::POST => Some(Lane::UpPost),
        "/echo/ws" | "/talk/ws" => Some(Lane::UpWebSocket),
        _ => transport::of_path(path).map(Lane::Down),
    }
}

/// The value of the parameter, and the URI without it; `None` if it is absent.
fn take_parameter(uri: &Uri, parameter: &str) -> Option<(String, Uri)> {
    let query = uri.query()?;
    let is_named = |pair: &&str| pair.split_once('=').is_some_and(|(name, _)| name == parameter);
    let value = query.split('&').find(is_named)?.split_once('=')?.1.to_owned();
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_named(pair)).collect();
    let target = if kept.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), kept.join("&")) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Some((value, Uri::from_parts(parts).ok()?))
}

/// Attaches a request's connection to a page session, and delays the request by the page's added latency.
///
/// The first request on a connection is delayed by a round trip more, because opening the connection takes one (RFC
/// 9293 section 3.5).
///
/// Errors: 400 for a malformed session; 503 if too many pages are open, or if this page is cut off. When it is cut off,
/// the connection is already broken and nobody reads the answer.
async fn attach(
    app: &App,
    connection: &Arc<Connection>,
    session: &str,
    lane: Lane,
) -> Result<Arc<PageSession>, Problem> {
    let now = app.clock.now();
    let session = app.sessions.open(session.parse()?, now)?;
    if session.is_cut(now) && matches!(lane, Lane::Down(_)) {
        session.lane(lane).cut();
        app.counters.sockets.shut(|one| Arc::ptr_eq(one, connection));
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this page asked to be cut off; try again later"));
    }
    let is_first = connection.attach(&session, lane);
    let one_way = session.added_one_way();
    if !one_way.is_zero() {
        tokio::time::sleep(if is_first { one_way * 3 } else { one_way }).await;
    }
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_is_removed_from_the_query_and_the_rest_stays_as_it_was() {
        let take =
            |uri: &str| take_parameter(&uri.parse().unwrap(), "session").map(|(value, rest)| (value, rest.to_string()));
        let taken = |value: &str, rest: &str| Some((value.to_owned(), rest.to_owned()));
        assert_eq!(take("/updates/sse?after=1-2&session=ab"), taken("ab", "/updates/sse?after=1-2"));
        assert_eq!(take("/updates/sse?session=ab&limit=%20"), taken("ab", "/updates/sse?limit=%20"));
        assert_eq!(take("/echo?session="), taken("", "/echo"));
        assert_eq!(take("/updates/sse?sessions=ab"), None);
        assert_eq!(take("/updates/sse"), None);
    }
}
