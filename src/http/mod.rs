//! HTTP: from an accepted socket to the handlers of the contract and of the live page.
//!
//! [`Server::bind`] takes an address and settings; [`Server::run`] serves until it is told to stop. Connections are
//! served by hyper's own builders for HTTP/1.1 and HTTP/2, with or without TLS. Unlike `axum::serve`, the builder for
//! HTTP/1.1 allows a timeout for incomplete request heads and a small buffer for idle connections.

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

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An error of the system, for example a port in use.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Other hosts could reach the server, and publish without a token.
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

/// A listening server.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
}

impl Server {
    /// Listens on `address`; port 0 picks a free one.
    ///
    /// Errors: [`BindError`].
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

    /// The address that the server listens on, with the port that was picked.
    ///
    /// Errors: those of the system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The state that its handlers share, for publishing, reading the counters and draining.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Accepts and serves until [`Drain::begin`](crate::server::Drain::begin), then drains the connections in bounded
    /// time.
    pub async fn run(self) {
        accept::run(self.app, self.listener).await;
    }
}
