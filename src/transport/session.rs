//! What a client half speaks over, and HTTP requests over it: a connection of its own with HTTP/1.1, a stream of an HTTP/2
//! connection that may be shared, or a new connection for each request.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, Pending, pending};
use http::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::measure::bytes::StreamQueue;
use crate::net::Stream;
use crate::transport::client::{ClientError, Options};

/// What a client half speaks over.
pub enum Session<S> {
    /// HTTP/1.1 on this connection, which is the client half's own.
    Http1(S),
    /// HTTP/2 on a connection that is kept going elsewhere, and that others may share.
    H2(H2Session),
    /// A new connection for each request.
    Fresh(Arc<dyn Dial<S>>),
}

impl<S> From<S> for Session<S> {
    fn from(io: S) -> Self {
        Self::Http1(io)
    }
}

/// Makes a connection.
pub trait Dial<S>: Send + Sync {
    /// Dials, and agrees on TLS and on what is spoken over it.
    ///
    /// Errors: what the system or TLS says.
    fn dial(&self) -> Pin<Box<dyn Future<Output = io::Result<Session<S>>> + Send + '_>>;
}

/// HTTP/2 on an open connection: as many requests at a time as the server allows.
#[derive(Clone)]
pub struct H2Session {
    sender: http2::SendRequest<Full<Bytes>>,
    scheme: &'static str,
    queue: Option<Arc<StreamQueue>>,
}

impl H2Session {
    /// Speaks HTTP/2 over `io`, until `stop` or until the last clone of this session is dropped. One that is to open
    /// WebSockets waits for the server to say that it takes them (RFC 8441 section 3).
    ///
    /// Errors: what the other side does wrong; no word of WebSockets in time.
    pub async fn open<S: Stream + 'static>(
        io: S,
        is_tls: bool,
        for_websockets: bool,
        queue: Option<Arc<StreamQueue>>,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let builder = {
            let mut builder = http2::Builder::new(Tasks(stop.clone()));
            builder.timer(TokioTimer::new()).max_header_list_size(limits::HEAD_BYTES_MAX as u32);
            builder
        };
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(io::Error::other)?;
        let asked = Instant::now();
        let mut looks = 0;
        while for_websockets && !connection.is_extended_connect_protocol_enabled() {
            // The server's first frame is on its way, and nothing wakes whoever waits for it.
            match looks {
                _ if asked.elapsed() > limits::DIAL_TIMEOUT => {
                    let refused = "the server takes no WebSocket over HTTP/2 (RFC 8441)";
                    return Err(io::Error::new(io::ErrorKind::Unsupported, refused));
                }
                0..limits::SETTINGS_YIELDS => tokio::task::yield_now().await,
                _ => tokio::time::sleep(limits::SETTINGS_LOOK).await,
            }
            looks += 1;
        }
        tokio::spawn(async move { stop.run_until_cancelled(connection).await });
        Ok(Self { sender, scheme: if is_tls { "https" } else { "http" }, queue })
    }

    /// Has the connection ended?
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// The whole address of `path` on `host`, as HTTP/2 sends it.
    pub(super) fn uri(&self, host: &HeaderValue, path: &str) -> Result<String, ClientError> {
        let host = host.to_str().map_err(|error| ClientError::Contract(error.to_string()))?;
        Ok(format!("{}://{host}{path}", self.scheme))
    }

    /// Sends a request, and returns the answer's head.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        self.sender.ready().await.map_err(ended)?;
        if let Some(queue) = &self.queue {
            queue.asked();
        }
        self.sender.send_request(request).await.map_err(ended)
    }
}

/// Runs what an HTTP/2 connection needs beside its requests, until it is to stop.
#[derive(Clone)]
struct Tasks(CancellationToken);

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let stop = self.0.clone();
        tokio::spawn(async move { stop.run_until_cancelled(future).await.map(drop) });
    }
}

/// The part of a connection that moves bytes while requests wait, where it is the client half's to move them; see `beside`.
pub(super) type Connection<S> = Either<http1::Connection<TokioIo<S>, Empty<Bytes>>, Pending<hyper::Result<()>>>;

/// HTTP as a client half speaks it.
pub(super) struct Http<'a, S> {
    over: Over<S>,
    options: &'a Options,
}

enum Over<S> {
    Http1(http1::SendRequest<Empty<Bytes>>),
    H2(H2Session),
    Fresh(Arc<dyn Dial<S>>),
}

/// Speaks HTTP over a session.
pub(super) async fn http<S: Stream>(
    session: impl Into<Session<S>>,
    options: &Options,
) -> Result<(Http<'_, S>, Connection<S>), ClientError> {
    let (over, connection) = match session.into() {
        Session::Http1(io) => {
            let (sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(ClientError::broken)?;
            (Over::Http1(sender), Either::Left(connection))
        }
        Session::H2(session) => (Over::H2(session), Either::Right(pending())),
        Session::Fresh(dial) => (Over::Fresh(dial), Either::Right(pending())),
    };
    Ok((Http { over, options }, connection))
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

impl<'a, S: Stream> Http<'a, S> {
    /// Sends one GET and returns the answer's head with the body still to come.
    pub async fn get(
        &mut self,
        path: &str,
        extra: &[(HeaderName, HeaderValue)],
    ) -> Result<Response<Incoming>, ClientError> {
        let malformed = |error: http::Error| ClientError::Contract(error.to_string());
        match &mut self.over {
            Over::Http1(sender) => {
                sender.ready().await.map_err(ended)?;
                let mut request = Request::get(path).body(Empty::new()).map_err(malformed)?;
                request.headers_mut().insert(HOST, self.options.host.clone());
                fill(request.headers_mut(), self.options, extra);
                sender.send_request(request).await.map_err(ended)
            }
            Over::H2(session) => {
                let uri = session.uri(&self.options.host, path)?;
                let mut request = Request::get(uri).body(Full::default()).map_err(malformed)?;
                fill(request.headers_mut(), self.options, extra);
                session.send(request).await
            }
            Over::Fresh(_) => Err(ClientError::Contract("a stream is read from a connection that is kept".to_owned())),
        }
    }

    pub(super) fn options(&self) -> &'a Options {
        self.options
    }

    /// Dials for each request?
    pub(super) fn dialler(&self) -> Option<Arc<dyn Dial<S>>> {
        match &self.over {
            Over::Fresh(dial) => Some(Arc::clone(dial)),
            Over::Http1(_) | Over::H2(_) => None,
        }
    }
}

/// The header fields that the options and the client half add.
fn fill(headers: &mut HeaderMap, options: &Options, extra: &[(HeaderName, HeaderValue)]) {
    headers.extend(options.headers.clone());
    headers.extend(extra.iter().cloned());
}

/// Does one request over a new connection, and ends that in good order: the server closes first, since it was asked to,
/// and is read to its end.
pub(super) async fn over_fresh<S: Stream, T>(
    dial: &dyn Dial<S>,
    options: &Options,
    request: impl AsyncFnOnce(Http<'_, S>) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let session = dial.dial().await.map_err(ClientError::of_dial)?;
    let (http, connection) = http(session, options).await?;
    let Either::Left(connection) = connection else {
        // Its streams are done, and it ends by itself.
        return request(http).await;
    };
    let closing = async {
        let mut io = connection.without_shutdown().await.map_err(io::Error::other)?.io.into_inner();
        while io.read(&mut [0; 64]).await? > 0 {}
        io.shutdown().await
    };
    let (mut closing, mut request) = (pin!(closing), pin!(request(http)));
    let outcome = tokio::select! {
        biased;
        outcome = &mut request => outcome,
        _closed = &mut closing => return request.await,
    };
    // The answer is there; how its connection ends changes nothing of it.
    let _ended = tokio::time::timeout(limits::LINGER, closing).await;
    outcome
}

/// The request header that asks for the end of the connection behind the answer (RFC 9112 section 9.6).
pub(super) fn close() -> (HeaderName, HeaderValue) {
    (CONNECTION, HeaderValue::from_static("close"))
}

/// A request that could not be finished, as its cause: a connection that was closed between requests is no breakage.
pub(crate) fn ended(error: hyper::Error) -> ClientError {
    if error.is_closed() || error.is_canceled() { ClientError::Closed } else { ClientError::broken(error) }
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
