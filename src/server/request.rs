//! Checks and extractors for every request: its single `Host`, its path and query, its body.

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use http::{StatusCode, Version};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::limits;
use crate::server::Problem;

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The value of a header that is present exactly once. With two values, another reader might use the other one.
pub fn single_header(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Checks that an HTTP/1.1 request has exactly one valid `Host` (RFC 9112 section 3.2).
///
/// Errors: 400, and the connection is closed, since what follows may be another client's request.
pub fn check_host<B>(request: &http::Request<B>) -> Result<(), Problem> {
    let is_host = |host: &HeaderValue| {
        // It may be empty if the target has no authority. It must have no userinfo (RFC 9110 section 4.2.4).
        host.is_empty() || host.to_str().is_ok_and(|host| !host.contains('@') && host.parse::<Authority>().is_ok())
    };
    // HTTP/2 has `:authority` instead (RFC 9113 section 8.3.1), which hyper checks and puts into the URI.
    if request.version() == Version::HTTP_2
        && request.uri().authority().is_some_and(|host| !host.as_str().contains('@'))
    {
        return Ok(());
    }
    if request.version() < Version::HTTP_11 || single_header(request.headers(), HOST).is_some_and(is_host) {
        return Ok(());
    }
    let detail = "a request has one Host header, with the host and port that it was sent to (RFC 9112 section 3.2)";
    Err(Problem::new(StatusCode::BAD_REQUEST, detail).header(CONNECTION, CLOSE))
}

/// A refusal of a request whose body was not read. It closes the connection unless there is no body.
pub fn unread(body: &Body, refusal: Problem) -> Problem {
    if body.is_end_stream() { refusal } else { refusal.header(CONNECTION, CLOSE) }
}

/// Reads a whole body of up to `bytes_max`. A larger `Content-Length` is refused before the body is read, so a client
/// with `Expect: 100-continue` (RFC 9110 section 10.1.1) does not send it.
///
/// Errors: 413 for a body that is too large, 408 for one that does not arrive in time, 400 for one that breaks off. The
/// rest of the body is not read, so the connection is closed.
pub async fn body(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    let refused = |status, detail: String| Problem::new(status, detail).header(CONNECTION, CLOSE);
    let too_large =
        || refused(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is too large; send {bytes_max} B or less"));
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large());
    }
    let read = Limited::new(request.into_body(), bytes_max).collect();
    match tokio::time::timeout(limits::BODY_TIMEOUT, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(refused(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}"))),
        Err(_) => {
            let seconds = limits::BODY_TIMEOUT.as_secs();
            Err(refused(
                StatusCode::REQUEST_TIMEOUT,
                format!("the body did not arrive within {seconds} s; send it again"),
            ))
        }
    }
}

/// A request body as JSON, with any content type: what a person types into curl has none.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let bytes = body(request, limits::ORDER_BYTES_MAX).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}")))
    }
}

/// The path parameter of a route.
pub struct Segment(pub String);

impl<S: Sync + Send> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(error) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, format!("the address cannot be read: {}", error.body_text())))
            }
        }
    }
}

/// A query in which unknown parameters are refused: a misspelt `after` would otherwise silently start from now.
pub struct StrictQuery<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Self(query)),
            Err(error) => {
                let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                Err(Problem::new(StatusCode::BAD_REQUEST, format!("the query cannot be read: {cause}")))
            }
        }
    }
}
