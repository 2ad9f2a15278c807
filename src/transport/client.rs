//! What the client halves share: the events they report, their options, their errors, and how they read a refusal.

use std::fmt::Write as _;
use std::io;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use http::response::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;

use crate::clock::Clock;
use crate::limits;
use crate::net::tls;
use crate::stream::{Cursor, Gap};
use crate::transport::Update;
use crate::units::Nanos;

/// What a client half reports to its caller, at the moment it happens.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request was sent.
    Requested,
    /// The position was learned, or confirmed, without an update.
    Position(Cursor),
    /// A request was answered without an update.
    Empty,
    /// An update arrived and was decoded.
    Update(Update<'a>),
    /// Updates are missing here.
    Gap(Gap),
    /// The server asks the client to wait this long before a reconnect.
    Retry(Nanos),
    /// Compressed bytes were decompressed. For a compressed WebSocket message only `decoded` is known, and `coded` is
    /// 0.
    Decompressed {
        /// Bytes as received.
        coded: usize,
        /// Bytes after decompression.
        decoded: usize,
    },
    /// A poll fell due while the previous one was still in flight, and was skipped.
    MissedPoll,
}

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The value of `Host`.
    pub host: HeaderValue,
    /// Headers added to each request.
    pub headers: HeaderMap,
    /// The clock of the polling schedule.
    pub clock: Clock,
    /// Time between two polls.
    pub poll_interval: Nanos,
    /// The offset within each interval at which this client polls.
    pub poll_phase: Nanos,
    /// How long the server may hold a long poll.
    pub hold: Nanos,
}

/// Why a subscription ended.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection broke, or was closed before an answer or message was complete.
    #[error("the connection broke: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server ended the connection in an orderly way.
    #[error("the server closed the connection")]
    Closed,
    /// The server answered with an error.
    #[error("the server answered {status}: {detail}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The problem's `detail`, or the printable start of the body.
        detail: String,
        /// `Retry-After` in seconds, if present.
        retry_after: Option<u32>,
    },
    /// The server's certificate is not trusted.
    #[error("the server cannot be trusted: {0}")]
    Untrusted(String),
    /// The server sent something that the contract does not allow.
    #[error("unexpected answer from the server: {0}")]
    Contract(String),
}

impl ClientError {
    /// Whether a later attempt may succeed.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Closed => true,
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            }
            Self::Contract(_) | Self::Untrusted(_) => false,
        }
    }

    /// How long the server asks to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Nanos> {
        match self {
            Self::Refused { retry_after, .. } => retry_after.map(|seconds| Nanos(u64::from(seconds) * Nanos::SECOND.0)),
            Self::Broken(_) | Self::Closed | Self::Contract(_) | Self::Untrusted(_) => None,
        }
    }

    /// The error for a connection that could not be made.
    pub fn of_dial(error: io::Error) -> Self {
        match tls::certificate_error(&error) {
            Some(problem) => Self::Untrusted(problem),
            None => Self::Broken(error.into()),
        }
    }

    pub(crate) fn broken(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Broken(source.into())
    }
}

/// Reads a whole HTTP/2 body of up to `bytes_max`.
pub(crate) async fn whole(body: Incoming, bytes_max: usize) -> Result<Bytes, ClientError> {
    let collected = Limited::new(body, bytes_max).collect().await.map_err(ClientError::Broken)?;
    Ok(collected.to_bytes())
}

/// Reads an error answer over HTTP/2.
pub(crate) async fn refusal(response: Response<Incoming>) -> ClientError {
    let (head, body) = response.into_parts();
    let body = whole(body, limits::REFUSAL_BYTES_MAX).await.unwrap_or_default();
    refused(&head, &body)
}

/// The error for a refusal, with the `detail` of its problem document if there is one.
pub(crate) fn refused(head: &Parts, body: &[u8]) -> ClientError {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let detail = match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => problem.detail,
        Err(_) => String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(200).collect(),
    };
    ClientError::Refused { status: head.status, detail, retry_after: retry_after(&head.headers) }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3). The form with a date is ignored: it needs a wall clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// The path and query of a request: `after` if the position is known, then the other parameters.
pub(super) fn path(endpoint: &str, position: Option<Cursor>, rest: &[(&str, String)]) -> String {
    let mut path = endpoint.to_owned();
    let after = position.map(|cursor| ("after", cursor.to_string()));
    let mut separator = '?';
    for (name, value) in after.iter().chain(rest) {
        // Writing to a String cannot fail.
        let _ = write!(path, "{separator}{name}={value}");
        separator = '&';
    }
    path
}
