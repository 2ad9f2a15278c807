//! What the client halves share: the events they report, the errors they end with, and HTTP requests over one
//! connection.

use std::fmt::Write as _;
use std::pin::pin;

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

use crate::clock::Clock;
use crate::limits;
use crate::net::Stream;
use crate::stream::{Cursor, Gap};
use crate::transport::Update;
use crate::transport::answer::Answer;
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
    /// The server said something that the contract does not allow.
    #[error("the server does not keep to the contract: {0}")]
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
            Self::Contract(_) => false,
        }
    }

    /// How long the server asks to stay away for this once.
    pub fn retry_after(&self) -> Option<Nanos> {
        match self {
            Self::Refused { retry_after, .. } => retry_after.map(|seconds| Nanos(u64::from(seconds) * Nanos::SECOND.0)),
            Self::Broken(_) | Self::Closed | Self::Contract(_) => None,
        }
    }

    pub(crate) fn broken(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Broken(source.into())
    }
}

/// One HTTP/1.1 connection of a client.
pub(super) struct Http<'a> {
    sender: SendRequest<Empty<Bytes>>,
    options: &'a Options,
}

/// The part of a connection that moves bytes while requests wait; see [`beside`].
pub(super) type Connection<S> = http1::Connection<TokioIo<S>, Empty<Bytes>>;

/// Speaks HTTP/1.1 over `io`.
pub(super) async fn http<S: Stream>(io: S, options: &Options) -> Result<(Http<'_>, Connection<S>), ClientError> {
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(ClientError::broken)?;
    Ok((Http { sender, options }, connection))
}

/// Runs requests and their connection in one task, so that the connection has an owner and no task of its own to join.
pub(crate) async fn beside<T>(
    connection: impl Future<Output = hyper::Result<()>>,
    requests: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let mut requests = pin!(requests);
    let mut connection = pin!(Some(connection));
    let ended = tokio::select! {
        biased;
        outcome = &mut requests => return outcome,
        ended = async { connection.as_mut().as_pin_mut().expect("it has not ended").await } => ended,
    };
    // Dropped, since it may still hold a request that was handed to it as it ended: only so the request learns of it.
    connection.set(None);
    match ended {
        Err(error) => Err(ClientError::broken(error)),
        // What the connection delivered before its end may still wait to be read.
        Ok(()) => requests.await,
    }
}

impl Http<'_> {
    /// Sends one GET and returns the answer's head with the body still to come.
    pub async fn get(
        &mut self,
        path: &str,
        extra: &[(http::HeaderName, HeaderValue)],
    ) -> Result<Response<Incoming>, ClientError> {
        self.sender.ready().await.map_err(ended)?;
        let mut request =
            Request::get(path).body(Empty::new()).map_err(|error| ClientError::Contract(error.to_string()))?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.options.host.clone());
        headers.extend(self.options.headers.clone());
        headers.extend(extra.iter().cloned());
        self.sender.send_request(request).await.map_err(ended)
    }

    /// Asks `path` for updates and reports what comes; returns whether more is waiting.
    pub async fn ask(
        &mut self,
        path: &str,
        position: &mut Option<Cursor>,
        on_event: &mut impl FnMut(Event<'_>),
    ) -> Result<bool, ClientError> {
        on_event(Event::Requested);
        let response = self.get(path, &[]).await?;
        match response.status() {
            StatusCode::OK => {
                let body = body(response, limits::BATCH_BYTES_MAX * 2).await?;
                let answer: Answer<'_> = serde_json::from_slice(&body)
                    .map_err(|error| ClientError::Contract(format!("the answer of {path}: {error}")))?;
                if let Some(gap) = answer.gap {
                    on_event(Event::Gap(gap));
                }
                match (answer.updates.is_empty(), position.is_none()) {
                    (false, _) => {}
                    (true, true) => on_event(Event::Position(answer.cursor)),
                    (true, false) => on_event(Event::Empty),
                }
                for update in &answer.updates {
                    on_event(Event::Update(*update));
                }
                *position = Some(answer.cursor);
                Ok(answer.more || answer.updates.len() >= limits::POLL_LIMIT_DEFAULT)
            }
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => {
                on_event(Event::Empty);
                Ok(false)
            }
            _ => Err(refusal(response).await),
        }
    }
}

/// A request that could not be finished, as its cause: a connection that was closed between requests is no breakage.
pub(crate) fn ended(error: hyper::Error) -> ClientError {
    if error.is_closed() || error.is_canceled() { ClientError::Closed } else { ClientError::broken(error) }
}

/// A whole body, up to `bytes_max`.
pub(crate) async fn body(response: Response<Incoming>, bytes_max: usize) -> Result<Bytes, ClientError> {
    let collected = Limited::new(response.into_body(), bytes_max).collect().await.map_err(ClientError::Broken)?;
    Ok(collected.to_bytes())
}

/// An error answer, with the detail of its problem document where there is one.
pub(crate) async fn refusal(response: Response<Incoming>) -> ClientError {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let body = body(response, 4096).await.unwrap_or_default();
    let detail = match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => problem.detail,
        Err(_) => String::from_utf8_lossy(&body).chars().filter(|c| !c.is_control()).take(200).collect(),
    };
    ClientError::Refused { status, detail, retry_after }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_request_that_was_handed_to_a_connection_as_it_ended_learns_of_it() {
        let (answer, answered) = oneshot::channel::<()>();
        // As hyper's: it has ended, and holds what it was handed for as long as it exists.
        let connection = std::future::poll_fn(move |_| {
            let _held = &answer;
            Poll::Ready(Ok(()))
        });
        let requests = async { answered.await.map_err(ClientError::broken) };
        let outcome = tokio::time::timeout(limits::DIAL_TIMEOUT, beside(connection, requests)).await;
        assert!(matches!(outcome, Ok(Err(ClientError::Broken(_)))), "{outcome:?}");
    }
}
