//! HTTP: from an accepted socket to the handlers of the contract and of the live page.
//!
//! [`Server::bind`] takes settings and an address; [`Server::run`] accepts until it is told to stop. Connections are
//! served by hyper's own builders of HTTP/1.1 and HTTP/2, over TLS or without. That of HTTP/1.1, unlike `axum::serve`, lets a
//! half-sent request head time out and keeps the memory of an idle connection small.

mod accept;
mod coding;
mod connection;
mod learn;
mod live;
mod metrics;
mod refusal;
mod routes;
mod session;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};

pub use accept::serve_over;

use crate::clock::Clock;
use crate::limits;
use crate::server::{App, Settings};
use crate::transport;

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The system says so, as for a port in use.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Others could reach it, and publish as they like.
    #[error(
        "other hosts could reach {0} and publish there; set a token (--token-file or PUSHPULL_TOKEN), or listen on 127.0.0.1"
    )]
    NoToken(IpAddr),
}

impl From<BindError> for io::Error {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Io(error) => error,
            BindError::NoToken(_) => Self::new(io::ErrorKind::PermissionDenied, error),
        }
    }
}

/// A server that listens.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
}

impl Server {
    /// Listens on `address`; port 0 picks a free one.
    ///
    /// Errors: what the system says, as for a port in use; an address beyond loopback without a token.
    pub fn bind(address: SocketAddr, settings: Settings, clock: Clock) -> Result<Self, BindError> {
        if !address.ip().to_canonical().is_loopback() && settings.token.is_none() {
            return Err(BindError::NoToken(address.ip()));
        }
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(limits::LISTEN_BACKLOG)?;
        Ok(Self { app: App::new(settings, clock, transport::encode), listener })
    }

    /// The address it really listens on.
    ///
    /// Errors: what the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What its handlers share: to publish to, to count with, and to drain.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Accepts and serves until [`Drain::begin`](crate::server::Drain::begin), then lets connections end in good order, in bounded time.
    pub async fn run(self) {
        accept::run(self.app, self.listener).await;
    }
}
