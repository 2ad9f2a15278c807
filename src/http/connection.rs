//! One accepted connection: its protocol, and its requests.
//!
//! ```text
//! TCP → TLS, if enabled → HTTP/1.1, or HTTP/2 if ALPN or a preface says so → the router
//! ```

use std::convert::Infallible;
use std::fmt::Display;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::refusal;
use crate::limits;
use crate::net::tls::{Acceptor, Alpn};
use crate::net::{AnyStream, Counted};
use crate::server::request::check_host;
use crate::server::takeover::SuccessorFuture;
use crate::server::{App, Connection, Problem, Socket};
use crate::transport;

/// The first octet of a TLS handshake (RFC 8446 section 5.1: content type 22).
const TLS_HANDSHAKE: u8 = 22;
/// The start of the HTTP/2 client preface (RFC 9113 section 3.4), long enough to distinguish it from any HTTP/1.1
/// request.
const PREFACE: &[u8] = b"PRI ";
/// An empty SETTINGS frame, and a GOAWAY frame with the code HTTP_1_1_REQUIRED (RFC 9113 sections 6.5, 6.8 and 7).
const HTTP_1_1_REQUIRED: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0d";

/// The protocol of a connection, above TLS if there is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    H2,
}

/// Performs the TLS handshake.
///
/// Errors: a protocol violation by the client. A client that sends plain HTTP gets an answer in plain HTTP.
pub async fn accept_tls(acceptor: &Acceptor, stream: TcpStream) -> io::Result<(AnyStream, HttpVersion)> {
    let mut first = [TLS_HANDSHAKE];
    tokio::time::timeout(limits::TLS_HANDSHAKE_TIMEOUT, stream.peek(&mut first)).await??;
    if first != [TLS_HANDSHAKE] {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "this port speaks TLS; use https://");
        end(stream, refusal::in_plain_http(&problem).as_bytes()).await;
        return Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP on a TLS port"));
    }
    let stream = acceptor.accept(Counted::new(stream)).await?;
    let version = match stream.get_ref().1.alpn_protocol() {
        Some(name) if name == Alpn::H2.name() => HttpVersion::H2,
        Some(_) | None => HttpVersion::Http1,
    };
    Ok((AnyStream::Tls(Box::new(stream)), version))
}

/// Detects the HTTP/2 preface, if HTTP/2 without TLS is enabled.
///
/// Errors: those of the system; a client that sends nothing for too long.
pub async fn look_for_preface(stream: &TcpStream, patience: Duration) -> io::Result<HttpVersion> {
    let look = async {
        let mut bytes = [0; PREFACE.len()];
        loop {
            let seen = stream.peek(&mut bytes).await?;
            if seen == PREFACE.len() || seen == 0 || !PREFACE.starts_with(&bytes[..seen]) {
                return Ok(if bytes == PREFACE { HttpVersion::H2 } else { HttpVersion::Http1 });
            }
            // Peeked bytes stay readable, so waiting for readability would return at once.
            tokio::time::sleep(limits::PREFACE_CHECK_INTERVAL).await;
        }
    };
    tokio::time::timeout(patience, look).await?
}

/// Sends `word` on a connection that will not be served, and closes it.
async fn end(mut stream: TcpStream, word: &[u8]) {
    let ending = async {
        stream.write_all(word).await?;
        stream.shutdown().await?;
        // Closing a socket with unread bytes would reset the connection, and the client might lose the answer.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    let _ended = tokio::time::timeout(limits::LINGER, ending).await;
}

/// Serves one connection until it ends or is drained.
pub async fn serve(app: Arc<App>, router: Router, connection: Arc<Connection>, socket: Socket, version: HttpVersion) {
    match version {
        HttpVersion::Http1 => Box::pin(serve_http1(app, router, connection, socket)).await,
        // Boxed, so that an HTTP/1.1 connection takes no space for it.
        HttpVersion::H2 => Box::pin(serve_http2(app, router, connection, socket)).await,
    }
}

/// Serves a connection with hyper and, after each takeover, with the successor that has taken it over.
///
/// An `async` block and not an `async fn`, which would store its arguments twice: every idle subscriber keeps this
/// state.
pub fn serve_http1(
    app: Arc<App>,
    router: Router,
    connection: Arc<Connection>,
    socket: Socket,
) -> impl Future<Output = ()> + Send {
    let mut next = Some(socket);
    async move {
        while let Some(socket) = next.take() {
            // Boxed, and freed before the successor starts: an idle subscriber does not keep what only a request needs.
            let taken = Box::pin(requests(&app, &router, &connection, socket)).await;
            let Some(successor) = taken else { return };
            next = successor.await;
        }
    }
}

/// Answers requests until the connection ends, is taken over, or is drained. Returns the successor after a takeover.
async fn requests(
    app: &Arc<App>,
    router: &Router,
    connection: &Arc<Connection>,
    socket: Socket,
) -> Option<SuccessorFuture<Socket>> {
    let mut drain = pin!(app.drain.begun());
    let service = service_fn(|request: hyper::Request<Incoming>| Box::pin(answer(app, router, connection, request)));
    let mut http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.head_timeout)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service);
    let mut is_draining = false;
    let ended = poll_fn(|context| {
        // In this order: a future must not be polled again once it is ready.
        if !is_draining && (app.drain.has_begun() || drain.as_mut().poll(context).is_ready()) {
            is_draining = true;
            Pin::new(&mut http).graceful_shutdown();
        }
        let ended = http.poll_without_shutdown(context);
        if ended.is_pending() && connection.takeover().is_ready() { Poll::Ready(Ok(())) } else { ended }
    })
    .await;
    let parts = http.into_parts();
    let mut socket = parts.io.into_inner();
    // Copied, because a slice would keep hyper's whole read buffer alive, and it is usually empty.
    socket.unread(Bytes::copy_from_slice(&parts.read_buf));
    match ended {
        Ok(()) => match connection.takeover().take(socket) {
            Ok(successor) => return Some(successor),
            Err(mut socket) => note(socket.shutdown().await),
        },
        Err(error) => {
            if error.is_parse_version_h2() {
                connection.say_last(HTTP_1_1_REQUIRED);
            }
            note(Err(error));
        }
    }
    None
}

async fn serve_http2(app: Arc<App>, router: Router, connection: Arc<Connection>, socket: Socket) {
    let shared = Arc::clone(&app);
    let open = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&open);
    let service = service_fn(move |request| {
        let guard = Open::new(&counted);
        let (app, router, connection) = (Arc::clone(&shared), router.clone(), Arc::clone(&connection));
        // Boxed, so that it is freed once the answer has started.
        Box::pin(async move {
            let response = answer(&app, &router, &connection, request).await?;
            Ok::<_, Infallible>(response.map(|body| OpenBody { body, _guard: guard }))
        })
    });
    let serving = http2::Builder::new(Tasks(app.tasks.clone()))
        .timer(TokioTimer::new())
        .max_header_list_size(limits::HEAD_BYTES_MAX as u32)
        .max_concurrent_streams(app.settings.h2_streams)
        .max_send_buf_size(limits::H2_SEND_BUFFER_BYTES)
        .keep_alive_interval(limits::H2_PING)
        .keep_alive_timeout(limits::H2_PING_WAIT)
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(socket), service);
    let mut serving = pin!(serving);
    tokio::select! {
        biased;
        ended = &mut serving => return note(ended),
        () = app.drain.begun() => {}
        () = idle(&open, app.settings.head_timeout) => {}
    }
    serving.as_mut().graceful_shutdown();
    // After the graceful shutdown, the connection is closed as soon as no request has been open for a while.
    tokio::select! {
        biased;
        ended = &mut serving => note(ended),
        () = idle(&open, app.settings.head_timeout) => {}
    }
}

/// Answers one request. Never returns if the handler has agreed to a takeover.
async fn answer(
    app: &App,
    router: &Router,
    connection: &Arc<Connection>,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    connection.charge(transport::of_path(request.uri().path()));
    connection.takeover().offer(&request);
    let origins = &app.settings.origins;
    if let Err(problem) = check_host(&request).and_then(|()| origins.check_host(request.uri(), request.headers())) {
        return Ok(problem.into_response());
    }
    let mut request: Request = request.map(Body::new);
    request.extensions_mut().insert(Arc::clone(connection));
    let response = router.clone().call(request).await?;
    if connection.takeover().is_agreed() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        connection.takeover().answered(response.into_parts().0.headers);
        std::future::pending::<()>().await;
        unreachable!("nothing ends this wait");
    }
    Ok(response)
}

/// Returns once no request has been open for about `patience`. hyper has no timeout between two requests of an HTTP/2
/// connection.
async fn idle(open: &AtomicUsize, patience: Duration) {
    let mut was_quiet = false;
    loop {
        tokio::time::sleep(patience / 2).await;
        let is_quiet = open.load(Relaxed) == 0;
        if was_quiet && is_quiet {
            return;
        }
        was_quiet = is_quiet;
    }
}

/// Counts a request as open until it is dropped.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The body of an answer, whose request counts as open until the body has been sent.
struct OpenBody {
    body: Body,
    _guard: Open,
}

impl HttpBody for OpenBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Spawns the streams of HTTP/2 connections as tasks that the drain waits for.
#[derive(Clone)]
struct Tasks(TaskTracker);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// Logs how a connection ended, at debug level: a broken connection is the network's or the client's fault.
fn note(ended: Result<(), impl Display>) {
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}
