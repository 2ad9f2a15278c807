//! Requests to a server with TLS outside the measured ones. They use one kept-alive connection, so that its handshake
//! falls before the measured interval and not inside it.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::limits;
use crate::net::tls::Connector;

/// A control connection to a server, opened when first needed.
#[derive(Debug)]
pub struct Control {
    address: SocketAddr,
    connector: Connector,
    sender: Mutex<Option<SendRequest<Empty<Bytes>>>>,
}

impl Control {
    /// A control connection to this server.
    pub fn new(address: SocketAddr, connector: Connector) -> Self {
        Self { address, connector, sender: Mutex::default() }
    }

    /// Requests `path` of `host`.
    ///
    /// Errors: those of the system, TLS or HTTP; `TimedOut`.
    pub async fn get(&self, host: &str, path: &str) -> io::Result<(StatusCode, Bytes)> {
        tokio::time::timeout(limits::CONTROL_TIMEOUT, self.ask(host, path)).await?
    }

    async fn ask(&self, host: &str, path: &str) -> io::Result<(StatusCode, Bytes)> {
        let mut kept = self.sender.lock().await;
        let sender = match kept.as_mut().filter(|sender| !sender.is_closed()) {
            Some(_) => kept.as_mut(),
            None => Some(kept.insert(self.dial().await?)),
        };
        let Some(sender) = sender else { return Err(io::ErrorKind::NotConnected.into()) };
        let request = Request::get(path).header(HOST, host).body(Empty::new()).map_err(io::Error::other)?;
        sender.ready().await.map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), limits::CONTROL_BYTES_MAX).collect().await;
        Ok((status, body.map_err(io::Error::other)?.to_bytes()))
    }

    async fn dial(&self) -> io::Result<SendRequest<Empty<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        let stream = self.connector.connect(stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // The task ends when the sender is dropped.
        tokio::spawn(connection);
        Ok(sender)
    }
}
