//! From an accepted socket to served requests.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

use super::routes;
use crate::limits;
use crate::net::AnyStream;
use crate::net::Stream;
use crate::server::request::check_host;
use crate::server::takeover::Succession;
use crate::server::{App, Connection, Problem, Socket};
use crate::transport;

/// Accepts until the drain begins, then waits for connections and tasks to end.
pub async fn run(app: Arc<App>, listener: TcpListener) {
    let router = routes::router(Arc::clone(&app));
    loop {
        tokio::select! {
            biased;
            () = app.drain.begun() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => take(&app, &router, stream, peer),
                Err(error) => {
                    // Most likely out of file descriptors: those of connections that end are given back meanwhile.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(limits::ACCEPT_REST).await;
                }
            },
        }
    }
    drop(listener);
    app.tasks.close();
    if tokio::time::timeout(app.settings.drain, app.tasks.wait()).await.is_err() {
        tracing::info!("{} connections were left when the drain time was over", app.tasks.len());
    }
}

fn take(app: &Arc<App>, router: &Router, stream: TcpStream, peer: SocketAddr) {
    if app.counters.sockets.len() >= app.settings.connections_max {
        return refuse(app, stream, "too many connections; come back later");
    }
    // Without it a small write may wait for the acknowledgement of the one before (RFC 9293 section 3.7.4).
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("{peer} was gone before it was served: {error}");
        return;
    }
    let most = match app.settings.per_address_max {
        Some(most) => most,
        None if peer.ip().to_canonical().is_loopback() => usize::MAX,
        None => limits::CONNECTIONS_PER_ADDRESS,
    };
    if !app.counters.addresses.enter(peer.ip(), most) {
        return refuse(app, stream, "too many connections of your address; close some, or come back later");
    }
    let (connection, socket) =
        app.counters.open(AnyStream::Tcp(stream), peer, app.clock.now(), app.settings.write_timeout);
    app.tasks.spawn(serve(Arc::clone(app), router.clone(), connection, socket));
}

/// Serves one connection over any stream: for a simulation, which has a network of its own.
pub async fn serve_over(app: Arc<App>, stream: impl Stream + 'static, peer: SocketAddr) {
    let router = routes::router(Arc::clone(&app));
    app.counters.addresses.enter(peer.ip(), usize::MAX);
    let wire = AnyStream::Other(Box::new(stream));
    let (connection, socket) = app.counters.open(wire, peer, app.clock.now(), app.settings.write_timeout);
    serve(app, router, connection, socket).await;
}

/// Tells a client that there is no room for it, as far as its socket takes that at once.
fn refuse(app: &Arc<App>, mut stream: TcpStream, detail: &'static str) {
    app.counters.refuse();
    let problem = Problem::new(http::StatusCode::SERVICE_UNAVAILABLE, detail);
    let body = problem.body();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: {}\r\nconnection: close\r\n\
         content-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{body}",
        limits::RETRY_AFTER.as_secs(),
        body.len()
    );
    // A fresh socket has room for so little; if not, the client sees a closed connection instead.
    let _sent = stream.try_write(head.as_bytes());
    let Ok(patience) = Arc::clone(&app.refusals).try_acquire_owned() else { return };
    app.tasks.spawn(async move {
        // What was read of it or not: a socket closed over an unread request would take the answer back with a reset.
        let read_on = async {
            stream.shutdown().await?;
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
        };
        let _ended = tokio::time::timeout(limits::LINGER, read_on).await;
        drop(patience);
    });
}

/// Serves one connection until it ends: by hyper, and in between by whoever takes it over from there.
async fn serve(app: Arc<App>, router: Router, connection: Arc<Connection>, socket: Socket) {
    let mut drain = pin!(app.drain.begun());
    let mut next = Some(socket);
    while let Some(socket) = next.take() {
        // Boxed and gone before the successor begins: an idle subscriber does not hold what only a request needs.
        let taken = Box::pin(requests(&app, &router, &connection, socket, drain.as_mut())).await;
        let Some(succession) = taken else { return };
        next = succession.await;
    }
}

/// Answers requests until the connection ends, or is taken over, or the drain asks it to end.
async fn requests(
    app: &Arc<App>,
    router: &Router,
    connection: &Arc<Connection>,
    socket: Socket,
    mut drain: Pin<&mut impl Future<Output = ()>>,
) -> Option<Succession<Socket>> {
    let service = service_fn(|request: hyper::Request<Incoming>| Box::pin(answer(app, router, connection, request)));
    let mut http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.head_timeout)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service);
    let mut is_draining = false;
    let ended = poll_fn(|context| {
        // In this order: the wait for the drain must not be asked again once it is over.
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
    // Copied, since it is most often empty: taken over, it would keep hyper's read buffer alive.
    socket.unread(Bytes::copy_from_slice(&parts.read_buf));
    let ended = match ended.map(|()| connection.takeover().take(socket)) {
        Ok(Ok(succession)) => return Some(succession),
        Ok(Err(mut socket)) => socket.shutdown().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    // The network's or the client's doing, and worth a line only to who looks for it.
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
    None
}

/// Answers one request; never, where its handler has the connection taken over.
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
    let mut request: Request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(Arc::clone(connection));
    let response = router.clone().call(request).await?;
    if connection.takeover().is_agreed() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        connection.takeover().answered(response.into_parts().0.headers);
        std::future::pending::<()>().await;
        unreachable!("nothing ends this wait");
    }
    Ok(response)
}
