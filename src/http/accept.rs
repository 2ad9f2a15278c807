//! The accept loop: from a listening socket to served connections.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};

use super::connection::{self, HttpVersion, serve, serve_http1};
use super::refusal::refuse;
use super::routes;
use crate::limits;
use crate::net::AnyStream;
use crate::net::Stream;
use crate::server::App;

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
                    // Most likely out of file descriptors. During the wait, connections that end free some.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    app.tasks.close();
    if tokio::time::timeout(app.settings.drain, app.tasks.wait()).await.is_err() {
        tracing::info!(left = app.tasks.len(), "the drain time ended before all connections had ended");
    }
}

fn take(app: &Arc<App>, router: &Router, stream: TcpStream, peer: SocketAddr) {
    if app.counters.connections() >= app.settings.connections_max {
        return refuse(app, stream, "too many connections; try again later");
    }
    // Otherwise a small write may wait for the acknowledgement of the previous one (RFC 9293 section 3.7.4).
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("{peer} disconnected before it was served: {error}");
        return;
    }
    let most = match app.settings.per_address_max {
        Some(most) => most,
        None if peer.ip().to_canonical().is_loopback() => usize::MAX,
        None => limits::CONNECTIONS_PER_ADDRESS,
    };
    if !app.counters.addresses.enter(peer.ip(), most) {
        return refuse(app, stream, "too many connections from your address; close some, or try again later");
    }
    if app.settings.tls.is_some() || app.settings.h2c {
        app.tasks.spawn(agree(Arc::clone(app), router.clone(), stream, peer));
        return;
    }
    let (connection, socket) =
        app.counters.open(AnyStream::Tcp(stream), peer, app.clock.now(), app.settings.write_timeout);
    app.tasks.spawn(serve_http1(Arc::clone(app), router.clone(), connection, socket));
}

/// Negotiates the protocol with a client, outside the accept loop, and serves the connection.
async fn agree(app: Arc<App>, router: Router, stream: TcpStream, peer: SocketAddr) {
    let handshaking = app.counters.begin_handshake();
    let agreed = match &app.settings.tls {
        Some(acceptor) => connection::accept_tls(acceptor, stream).await,
        None => connection::look_for_preface(&stream, app.settings.head_timeout)
            .await
            .map(|version| (AnyStream::Tcp(stream), version)),
    };
    match agreed {
        Ok((stream, version)) => {
            let opened = app.counters.open(stream, peer, app.clock.now(), app.settings.write_timeout);
            drop(handshaking);
            let (connection, socket) = opened;
            serve(app, router, connection, socket, version).await;
        }
        Err(error) => {
            app.counters.addresses.leave(peer.ip());
            tracing::debug!("no protocol could be agreed on with {peer}: {error}");
        }
    }
}

/// Serves one connection over any stream, for simulations with their own network.
pub async fn serve_over(app: Arc<App>, stream: impl Stream + 'static, peer: SocketAddr) {
    let router = routes::router(Arc::clone(&app));
    app.counters.addresses.enter(peer.ip(), usize::MAX);
    let wire = AnyStream::Other(Box::new(stream));
    let (connection, socket) = app.counters.open(wire, peer, app.clock.now(), app.settings.write_timeout);
    serve(app, router, connection, socket, HttpVersion::Http1).await;
}
