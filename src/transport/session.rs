//! The session under a client half, and HTTP requests over it: an HTTP/1.1 connection of its own, streams of an HTTP/2
//! connection that may be shared, or a new connection for each request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::measure::bytes::StreamQueue;
use crate::net::Stream;
use crate::transport::client::{self, ClientError, Options, refused};
use crate::transport::http1::Http1;

/// What a client half runs over.
pub enum Session<S> {
    /// HTTP/1.1 on a connection that the client half owns.
    Http1(S),
    /// HTTP/2 on a connection that a separate task drives and that other clients may share.
    H2(H2Session),
    /// A new connection for each request.
    Fresh(Arc<dyn Dial<S>>),
}

impl<S> From<S> for Session<S> {
    fn from(io: S) -> Self {
        Self::Http1(io)
    }
}

/// Makes connections.
pub trait Dial<S>: Send + Sync {
    /// Connects, and negotiates TLS and the HTTP version.
    ///
    /// Errors: those of the system and of TLS.
    fn dial(&self) -> Pin<Box<dyn Future<Output = io::Result<Session<S>>> + Send + '_>>;
}

/// An open HTTP/2 connection: as many concurrent requests as the server allows.
#[derive(Clone)]
pub struct H2Session {
    sender: http2::SendRequest<Full<Bytes>>,
    scheme: &'static str,
    queue: Option<Arc<StreamQueue>>,
}

impl H2Session {
    /// Opens HTTP/2 over `io`. The connection ends with `stop`, or when the last clone of this session is dropped. With
    /// `for_websockets`, waits until the server has announced that it accepts them (RFC 8441 section 3).
    ///
    /// Errors: a protocol violation by the server; `Unsupported` if it does not announce WebSockets in time.
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
            // The server's SETTINGS frame is on its way, and hyper has no future to wait for it.
            match looks {
                _ if asked.elapsed() > limits::DIAL_TIMEOUT => {
                    let refused = "the server does not accept WebSocket over HTTP/2 (RFC 8441)";
                    return Err(io::Error::new(io::ErrorKind::Unsupported, refused));
                }
                0..limits::SETTINGS_YIELDS => tokio::task::yield_now().await,
                _ => tokio::time::sleep(limits::SETTINGS_CHECK_INTERVAL).await,
            }
            looks += 1;
        }
        tokio::spawn(async move { stop.run_until_cancelled(connection).await });
        Ok(Self { sender, scheme: if is_tls { "https" } else { "http" }, queue })
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// The absolute URI of `path` on `host`, which hyper splits into the HTTP/2 pseudo-headers.
    pub(super) fn uri(&self, host: &HeaderValue, path: &str) -> Result<String, ClientError> {
        let host = host.to_str().map_err(|error| ClientError::Contract(error.to_string()))?;
        Ok(format!("{}://{host}{path}", self.scheme))
    }

    /// Sends a request and returns the response; its body is still unread.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        self.sender.ready().await.map_err(ended)?;
        if let Some(queue) = &self.queue {
            queue.asked();
        }
        self.sender.send_request(request).await.map_err(ended)
    }
}

/// Spawns the background tasks of an HTTP/2 connection, and ends them with the token.
#[derive(Clone)]
struct Tasks(CancellationToken);

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let stop = self.0.clone();
        tokio::spawn(async move { stop.run_until_cancelled(future).await.map(drop) });
    }
}

/// The HTTP client of a client half.
pub(super) struct Http<'a, S> {
    over: Over<S>,
    options: &'a Options,
}

enum Over<S> {
    Http1(Box<Http1<S>>),
    H2(H2Session),
    Fresh(Arc<dyn Dial<S>>),
}

/// An HTTP client over a session.
pub(super) fn http<S: Stream>(session: impl Into<Session<S>>, options: &Options) -> Http<'_, S> {
    let over = match session.into() {
        Session::Http1(io) => Over::Http1(Box::new(Http1::new(io))),
        Session::H2(session) => Over::H2(session),
        Session::Fresh(dial) => Over::Fresh(dial),
    };
    Http { over, options }
}

impl<'a, S: Stream> Http<'a, S> {
    /// Sends a GET and returns the response; its body is still unread.
    pub async fn get(
        &mut self,
        path: &str,
        extra: &[(HeaderName, HeaderValue)],
    ) -> Result<Response<Body<'_, S>>, ClientError> {
        let mut headers = HeaderMap::new();
        match &mut self.over {
            Over::Http1(connection) => {
                headers.insert(HOST, self.options.host.clone());
                fill(&mut headers, self.options, extra);
                let head = connection.send(&Method::GET, path, &headers, &[]).await?;
                Ok(Response::from_parts(head, Body::Http1(connection)))
            }
            Over::H2(session) => {
                let request = Request::get(session.uri(&self.options.host, path)?).body(Full::default());
                let mut request = request.map_err(|error| ClientError::Contract(error.to_string()))?;
                fill(&mut headers, self.options, extra);
                *request.headers_mut() = headers;
                Ok(session.send(request).await?.map(Body::H2))
            }
            Over::Fresh(_) => Err(ClientError::Contract("a stream needs a persistent connection".to_owned())),
        }
    }

    pub(super) fn options(&self) -> &'a Options {
        self.options
    }

    /// The dialler, if every request needs a new connection.
    pub(super) fn dialler(&self) -> Option<Arc<dyn Dial<S>>> {
        match &self.over {
            Over::Fresh(dial) => Some(Arc::clone(dial)),
            Over::Http1(_) | Over::H2(_) => None,
        }
    }
}

/// Adds the headers of the options and those of the client half. The client half's replace headers of the same name: it
/// may ask to close a connection that a browser's headers would keep alive.
fn fill(headers: &mut HeaderMap, options: &Options, extra: &[(HeaderName, HeaderValue)]) {
    headers.extend(options.headers.clone());
    for (name, value) in extra {
        headers.insert(name, value.clone());
    }
}

/// The unread body of an answer.
pub(super) enum Body<'a, S> {
    /// On an HTTP/1.1 connection.
    Http1(&'a mut Http1<S>),
    /// On an HTTP/2 stream.
    H2(Incoming),
}

impl<S: Stream> Body<'_, S> {
    /// Passes the whole body to `on_data`, piece by piece as it arrives.
    ///
    /// Errors: those of `on_data`; [`ClientError::Broken`] if the body is cut off.
    pub async fn each(mut self, mut on_data: impl FnMut(&[u8]) -> Result<(), ClientError>) -> Result<(), ClientError> {
        match &mut self {
            Self::Http1(connection) => while connection.next(&mut on_data).await? {},
            Self::H2(body) => {
                while let Some(frame) = body.frame().await {
                    if let Ok(data) = frame.map_err(ClientError::broken)?.into_data() {
                        on_data(&data)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The whole body, up to `bytes_max`.
    ///
    /// Errors: [`ClientError::Broken`] if it is longer, or cut off.
    pub async fn whole(self, bytes_max: usize) -> Result<Bytes, ClientError> {
        match self {
            Self::Http1(connection) => connection.whole(bytes_max).await.map(Bytes::from),
            Self::H2(body) => client::whole(body, bytes_max).await,
        }
    }
}

/// Reads an error answer, with the `detail` of its problem document if there is one.
pub(super) async fn refusal<S: Stream>(response: Response<Body<'_, S>>) -> ClientError {
    let (head, body) = response.into_parts();
    refused(&head, &body.whole(limits::REFUSAL_BYTES_MAX).await.unwrap_or_default())
}

/// Sends one request over a new connection, then reads until the server has closed it, as the request asked.
pub(super) async fn over_fresh<S: Stream, T>(
    dial: &dyn Dial<S>,
    options: &Options,
    request: impl AsyncFnOnce(&mut Http<'_, S>) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let session = dial.dial().await.map_err(ClientError::of_dial)?;
    let mut http = http(session, options);
    let outcome = request(&mut http).await;
    match http.over {
        // The answer is complete; how its connection ends does not matter.
        Over::Http1(connection) => _ = tokio::time::timeout(limits::LINGER, connection.end()).await,
        // The connection ends by itself once its streams are done.
        Over::H2(_) | Over::Fresh(_) => {}
    }
    outcome
}

/// The request header that asks the server to close the connection after the answer (RFC 9112 section 9.6).
pub(super) fn close() -> (HeaderName, HeaderValue) {
    (CONNECTION, HeaderValue::from_static("close"))
}

/// The error of a request that failed in hyper. A connection that was closed between requests is
/// [`ClientError::Closed`].
pub(crate) fn ended(error: hyper::Error) -> ClientError {
    if error.is_closed() || error.is_canceled() { ClientError::Closed } else { ClientError::broken(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::units::Nanos;

    #[test]
    fn a_header_of_the_client_half_replaces_that_of_the_options() {
        let mut own = HeaderMap::new();
        own.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
        let options = Options {
            host: HeaderValue::from_static("localhost"),
            headers: own,
            clock: Clock::Monotonic,
            poll_interval: Nanos::SECOND,
            poll_phase: Nanos::ZERO,
            hold: Nanos::SECOND,
        };
        let mut headers = HeaderMap::new();
        fill(&mut headers, &options, &[close()]);
        assert_eq!(headers.get_all(CONNECTION).iter().collect::<Vec<_>>(), ["close"]);
    }
}
