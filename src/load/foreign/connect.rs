//! Resolves a server's address and connects to it.

use std::net::SocketAddr;

use http::header::HeaderValue;
use reqwest::Url;
use tokio::net::TcpStream;

use super::secrets::shown;
use crate::limits;
use crate::net::AnyStream;
use crate::net::tls::{Alpn, Connector, TlsError, Trust, certificate_error, is_unknown_issuer};
use crate::transport::ClientError;

/// A resolved address from a target file.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Socket address to connect to.
    pub address: SocketAddr,
    /// Value of the `Host` header.
    pub host: HeaderValue,
    /// The host name that its certificate must have.
    pub name: String,
    /// The TLS connector, if the address needs TLS.
    pub secure: Option<Connector>,
}

/// Why an address is not usable.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is malformed.
    #[error("`{url}` is not a valid address: {problem}; write it as in http://127.0.0.1:8080/events")]
    Malformed {
        /// As given, without its query.
        url: String,
        /// Why.
        problem: String,
    },
    /// The host name does not resolve.
    #[error("there is no host {name}: {problem}")]
    Unresolved {
        /// The name.
        name: String,
        /// The system's error.
        problem: String,
    },
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Endpoint {
    /// Errors: [`EndpointError`].
    pub async fn of(url: &str, trust: &Trust) -> Result<Self, EndpointError> {
        let refuse = |problem: &str| EndpointError::Malformed { url: shown(url), problem: problem.to_owned() };
        let parsed: Url = url.parse().map_err(|error| refuse(&format!("{error}")))?;
        let is_secure = match parsed.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            other => return Err(refuse(&format!("{other}:// is not supported"))),
        };
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(refuse("it contains a user name or password; send them in a header, from ${NAME}"));
        }
        let written = parsed.host_str().ok_or_else(|| refuse("there is no host"))?;
        let name = written.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = parsed.port_or_known_default().ok_or_else(|| refuse("there is no port"))?;
        let authority = parsed.port().map_or_else(|| written.to_owned(), |port| format!("{written}:{port}"));
        let host = HeaderValue::try_from(authority).map_err(|_| refuse("the host is not a valid header value"))?;
        let resolved = tokio::net::lookup_host((name.as_str(), port)).await;
        let address = match resolved.map(|mut found| found.next()) {
            Ok(Some(address)) => address,
            Ok(None) => return Err(EndpointError::Unresolved { name, problem: "it has no address".to_owned() }),
            Err(error) => return Err(EndpointError::Unresolved { name, problem: error.to_string() }),
        };
        let secure = is_secure.then(|| Connector::new(&name, trust, &[Alpn::Http1])).transpose()?;
        Ok(Self { address, host, name, secure })
    }

    /// Does it accept a connection, whatever the protocol?
    pub async fn is_open(&self) -> bool {
        let connecting = tokio::time::timeout(limits::DIAL_TIMEOUT, TcpStream::connect(self.address));
        matches!(connecting.await, Ok(Ok(_)))
    }

    /// Opens a connection.
    ///
    /// Errors: [`ClientError::Broken`].
    pub async fn dial(&self) -> Result<AnyStream, ClientError> {
        let connecting = tokio::time::timeout(limits::DIAL_TIMEOUT, TcpStream::connect(self.address));
        let stream = connecting.await.map_err(ClientError::broken)?.map_err(ClientError::broken)?;
        stream.set_nodelay(true).map_err(ClientError::broken)?;
        match &self.secure {
            None => Ok(AnyStream::Tcp(stream)),
            Some(connector) => Ok(AnyStream::Other(Box::new(connector.connect(stream).await.map_err(untrusted)?))),
        }
    }
}

/// The error of a failed handshake: with a bad certificate a retry would only fail again.
pub fn untrusted(error: std::io::Error) -> ClientError {
    let advice = match is_unknown_issuer(&error) {
        true => "name its authority with --ca FILE, or use --insecure to trust any certificate",
        false => "correct it, or use --insecure to trust any certificate",
    };
    match certificate_error(&error) {
        Some(problem) => ClientError::Untrusted(format!("{problem}; {advice}")),
        None => ClientError::broken(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_resolved_and_a_malformed_one_is_reported() {
        for (url, address, host, is_secure) in [
            ("http://127.0.0.1:81/x", "127.0.0.1:81", "127.0.0.1:81", false),
            ("https://127.0.0.1", "127.0.0.1:443", "127.0.0.1", true),
            ("ws://[::1]:9/", "[::1]:9", "[::1]:9", false),
        ] {
            let found = Endpoint::of(url, &Trust::Anyone).await.unwrap();
            let of = (found.address.to_string(), found.host.to_str().unwrap(), found.secure.is_some());
            assert_eq!(of, (address.to_owned(), host, is_secure), "{url}");
        }
        for url in ["127.0.0.1:80", "ftp://h", "http://", "http://me:secret@127.0.0.1"] {
            assert!(matches!(Endpoint::of(url, &Trust::Anyone).await, Err(EndpointError::Malformed { .. })), "{url}");
        }
        for url in ["ftp://h/?token=secret", "http://me:secret@127.0.0.1"] {
            let said = Endpoint::of(url, &Trust::Anyone).await.unwrap_err().to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
