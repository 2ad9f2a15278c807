//! What the client halves share: the events they report, the errors they end with, and what a refusal says.

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

/// What a client half tells whoever runs it, at the moment it happens.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request was sent.
    Requested,
    /// The position was learned, or confirmed, without an update.
    Position(Cursor),
    /// A request brought nothing.
    Empty,
    /// An update arrived and is decoded.
    Update(Update<'a>),
    /// Updates are missing here.
    Gap(Gap),
    /// The server asks to wait this long before a reconnect.
    Retry(Nanos),
    /// Something came compressed: so many bytes of it were these. Of what is compressed inside a frame, only the second is
    /// known.
    Decompressed {
        /// As they came.
        coded: usize,
        /// What they were before.
        decoded: usize,
    },
    /// A poll was due while the one before it was still on its way, and was left out.
    MissedPoll,
}

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// What stands in `Host`.
    pub host: HeaderValue,
    /// Headers added to each request.
    pub headers: HeaderMap,
    /// The clock of the polling plan.
    pub clock: Clock,
    /// Time between two polls.
    pub poll_interval: Nanos,
    /// When in each interval this client polls.
    pub poll_phase: Nanos,
    /// How long the server may park a long poll.
    pub hold: Nanos,
}

/// Why a subscription ended.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection broke or was closed in the middle of something.
    #[error("the connection broke: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server ended the connection in an orderly way.
    #[error("the server closed the connection")]
    Closed,
    /// The server answered with an error.
    #[error("the server answered {status}: {detail}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// The problem's detail, or as much of the body as is fit to print.
        detail: String,
        /// After how many seconds to come back, if it says so.
        retry_after: Option<u32>,
    },
    /// The server is not who it should be.
    #[error("the server cannot be trusted: {0}")]
    Untrusted(String),
    /// The server said something that the contract does not allow.
    #[error("unexpected answer from the server: {0}")]
    Contract(String),
}

impl ClientError {
    /// Would trying again later make sense?
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

    /// How long the server asks to stay away for this once.
    pub fn retry_after(&self) -> Option<Nanos> {
        match self {
            Self::Refused { retry_after, .. } => retry_after.map(|seconds| Nanos(u64::from(seconds) * Nanos::SECOND.0)),
            Self::Broken(_) | Self::Closed | Self::Contract(_) | Self::Untrusted(_) => None,
        }
    }

    /// A connection that could not be made.
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

/// A whole body of HTTP/2, up to `bytes_max`.
pub(crate) async fn whole(body: Incoming, bytes_max: usize) -> Result<Bytes, ClientError> {
    let collected = Limited::new(body, bytes_max).collect().await.map_err(ClientError::Broken)?;
    Ok(collected.to_bytes())
}

/// An error answer of HTTP/2.
pub(crate) async fn refusal(response: Response<Incoming>) -> ClientError {
    let (head, body) = response.into_parts();
    let body = whole(body, limits::REFUSAL_BYTES_MAX).await.unwrap_or_default();
    refused(&head, &body)
}

/// An error answer, with the detail of its problem document where there is one.
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

/// `Retry-After` in its form of seconds (RFC 9110 section 10.2.3); a date is for clients that know what day it is.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// A path with `after` in its query, where the position is known, and whatever else is asked.
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
