//! From an accepted socket to served requests.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use futures_util::future::{Either, ready};
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

/// Serves one connection until it ends, or until the drain asks it to.
async fn serve(app: Arc<App>, router: Router, connection: Arc<Connection>, socket: Socket) {
    let shared = Arc::clone(&app);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        connection.charge(transport::of_path(request.uri().path()));
        let origins = &shared.settings.origins;
        let host = check_host(&request).and_then(|()| origins.check_host(request.uri(), request.headers()));
        let answer = match host {
            Err(problem) => Either::Left(ready(Ok(problem.into_response()))),
            Ok(()) => {
                let mut request: Request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(Arc::clone(&connection));
                Either::Right(router.clone().call(request))
            }
        };
        // Boxed, since hyper keeps room for it as long as the connection lives, also when a stream needs it no more.
        Box::pin(answer)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.head_timeout)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = &mut connection => note(ended),
        () = app.drain.begun() => {
            connection.as_mut().graceful_shutdown();
            note(connection.await);
        }
    }
}

/// A connection that breaks is the network's or the client's doing, and worth a line only to who looks for it.
fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}
