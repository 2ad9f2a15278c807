//! Errors on the wire: `application/problem+json` (RFC 9457), whose `detail` says what to do.

use axum::body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode, Uri};
use serde_json::json;

use crate::limits;
use crate::stream::{CursorAhead, MalformedCursor, Unpublished};

/// An error answer: `{"type":"about:blank","title":"Bad Request","status":400,"detail":"…"}`.
///
/// The type is `about:blank` because the status alone identifies the problem (RFC 9457 section 4.2.1).
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    /// Boxed because few problems have any, and a `Result` is as large as its error.
    headers: Option<Box<HeaderMap>>,
}

impl Problem {
    /// A problem whose `detail` says what to do about it.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), headers: None }
    }

    /// Adds a header that the status requires.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().append(name, value);
        self
    }

    /// A 503 for a log that cannot be reached, with `Retry-After`.
    pub fn of_log(detail: impl Into<String>) -> Self {
        let again = HeaderValue::from(limits::LOG_RETRY_AFTER.as_secs());
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).header(RETRY_AFTER, again)
    }

    /// The problem document as JSON.
    pub fn body(&self) -> String {
        let title = self.status.canonical_reason().unwrap_or("Error");
        json!({"type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail})
            .to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.body();
        let mut headers = self.headers.map(|headers| *headers).unwrap_or_default();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        (self.status, headers, body::Body::from(body)).into_response()
    }
}

impl From<MalformedCursor> for Problem {
    fn from(error: MalformedCursor) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<CursorAhead> for Problem {
    fn from(error: CursorAhead) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<Unpublished> for Problem {
    fn from(error: Unpublished) -> Self {
        match error {
            Unpublished::Away | Unpublished::Unknown => Self::of_log(error.to_string()),
            Unpublished::Refused(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        }
    }
}

/// The answer for an unknown address.
pub async fn not_found(uri: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("there is nothing at {}; README.md lists the addresses, and GET / is the live page", uri.path()),
    )
}

/// The answer for a method that an address does not support; the router adds `Allow`.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; the Allow header lists what it takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
