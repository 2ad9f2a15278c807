//! Attaches a request's connection to the live page that it names with `session=ID`, so that no handler needs to know
//! of pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::uri::{PathAndQuery, Uri};
use http::{Method, StatusCode};

use crate::server::{App, Connection, Lane, Problem};
use crate::transport;

/// The parameter that names a page.
const PARAMETER: &str = "session";

/// Middleware of the addresses that a live page uses: takes `session` off the query, and lets the request wait as long
/// as the page's added distance makes it travel.
///
/// Errors: as [`attach`].
pub async fn middleware(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Result<Response, Problem> {
    if let Some((session, rest)) = take_parameter(request.uri()) {
        let connection = request.extensions().get::<Arc<Connection>>().cloned();
        let lane = lane_of(request.method(), request.uri().path());
        *request.uri_mut() = rest;
        if let (Some(connection), Some(lane)) = (connection, lane) {
            attach(&app, &connection, &session, lane).await?;
        }
    }
    Ok(next.run(request).await)
}

/// The lane of the page that a request belongs to.
fn lane_of(method: &Method, path: &str) -> Option<Lane> {
    match path {
        "/echo" if *method == Method::POST => Some(Lane::UpPost),
        "/echo/ws" => Some(Lane::UpWebSocket),
        _ => transport::of_path(path).map(Lane::Down),
    }
}

/// The value of the parameter, and the address without it; `None` where it does not stand there.
fn take_parameter(uri: &Uri) -> Option<(String, Uri)> {
    let query = uri.query()?;
    let value = query.split('&').find_map(value_of)?.to_owned();
    let kept: Vec<&str> = query.split('&').filter(|pair| value_of(pair).is_none()).collect();
    let target = if kept.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), kept.join("&")) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Some((value, Uri::from_parts(parts).ok()?))
}

fn value_of(pair: &str) -> Option<&str> {
    pair.split_once('=').filter(|(name, _)| *name == PARAMETER).map(|(_, value)| value)
}

/// Attaches a request's connection to a page session, and lets the request travel the page's longer way.
///
/// A request on a connection that nothing was asked on before has made the connection first: that takes a round trip
/// (RFC 9293 section 3.5), so it waits that much longer.
///
/// Errors: 400 for a malformed session, 503 where too many pages are open or this one is cut off just now; in the last
/// case the connection is already broken and nobody will read the answer.
async fn attach(app: &App, connection: &Arc<Connection>, session: &str, lane: Lane) -> Result<(), Problem> {
    let now = app.clock.now();
    let session = app.sessions.open(session.parse()?, now)?;
    if session.is_cut(now) && matches!(lane, Lane::Down(_)) {
        session.lane(lane).cut();
        app.counters.sockets.shut(|one| Arc::ptr_eq(one, connection));
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this page asked to be cut off; come back later"));
    }
    let is_first = connection.attach(&session, lane);
    let one_way = session.added_one_way();
    if !one_way.is_zero() {
        tokio::time::sleep(if is_first { one_way * 3 } else { one_way }).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_is_taken_off_the_query_and_the_rest_stays_as_it_was() {
        let take = |uri: &str| take_parameter(&uri.parse().unwrap()).map(|(value, rest)| (value, rest.to_string()));
        let taken = |value: &str, rest: &str| Some((value.to_owned(), rest.to_owned()));
        assert_eq!(take("/updates/sse?after=1-2&session=ab"), taken("ab", "/updates/sse?after=1-2"));
        assert_eq!(take("/updates/sse?session=ab&limit=%20"), taken("ab", "/updates/sse?limit=%20"));
        assert_eq!(take("/echo?session="), taken("", "/echo"));
        assert_eq!(take("/updates/sse?sessions=ab"), None);
        assert_eq!(take("/updates/sse"), None);
    }
}
