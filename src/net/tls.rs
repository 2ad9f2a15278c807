//! TLS with rustls and ring, for server and client.
//!
//! A server has an [`Identity`]: a given certificate and key, or a self-signed lab certificate made at its start. A
//! client has a [`Connector`], which defines the certificates that it trusts ([`Trust`]) and the protocols that it
//! offers (ALPN, RFC 7301):
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use pushpull::net::tls::{Alpn, Connector, Trust};
//! let connector = Connector::new("example.org", &Trust::System, &[Alpn::Http1])?;
//! let tcp = tokio::net::TcpStream::connect(("example.org", 443)).await?;
//! let tls = connector.connect(tcp).await?; // AsyncRead + AsyncWrite: any client half runs over it
//! # Ok(()) }
//! ```
//!
//! - [`Trust::System`] trusts the root certificates of the host (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them),
//! - [`Trust::These`] trusts only the given certificates, of a private authority or a lab ([`read_certificates`]),
//! - [`Trust::Anyone`] trusts any server, for a server under test whose certificate cannot be checked.
//!
//! A connector resumes the sessions of its earlier connections, as a browser does. With one connector per virtual
//! client ([`Connector::of_another_client`]), each client resumes only its own sessions.
//!
//! Over 400 lines: it contains both ends, which are tested against each other.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::limits;

/// The name in a lab certificate, independent of the address on which its server listens.
pub const LAB_NAME: &str = "localhost";

/// The last line of a certificate in PEM (RFC 7468 section 5).
pub const PEM_END: &str = "-----END CERTIFICATE-----";
/// The line that a server prints instead of a lab certificate if it was given a certificate.
pub const NO_LAB: &str = "certificate: given";

/// A protocol that is negotiated during the handshake (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    H2,
}

impl Alpn {
    /// The name on the wire.
    pub fn name(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::H2 => b"h2",
        }
    }

    fn names(alpn: &[Self]) -> Vec<Vec<u8>> {
        alpn.iter().map(|alpn| alpn.name().to_vec()).collect()
    }
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or parsed.
    #[error("cannot read {what} in {file}: {reason}; give a PEM file")]
    File {
        /// Which one: a certificate or a private key.
        what: &'static str,
        /// The file as given.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not belong together, or one of them is of an unsupported kind.
    #[error("the certificate and the key cannot be used together: {0}")]
    Identity(#[source] rustls::Error),
    /// The lab certificate could not be made.
    #[error("cannot make a lab certificate: {0}")]
    Lab(#[source] rcgen::Error),
    /// The host has no root certificates.
    #[error("no root certificate could be read on this host ({0}); give one, as in --tls-ca FILE")]
    NoRoots(String),
    /// A certificate that cannot be used as a root.
    #[error("a certificate cannot be trusted: {0}")]
    Root(#[source] rustls::Error),
    /// A server name that cannot be in a certificate.
    #[error("`{0}` is neither a host name nor an address")]
    Name(String),
}

/// A server's certificate chain and private key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// A new self-signed certificate, on P-256, for [`LAB_NAME`], the loopback addresses and `names`.
    ///
    /// Errors: [`TlsError::Lab`] for a name that cannot be in a certificate.
    pub fn lab(names: &[String]) -> Result<Self, TlsError> {
        let mut all = [LAB_NAME, "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        all.extend(names.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
        Self::self_signed(CertificateParams::new(all).map_err(TlsError::Lab)?)
    }

    /// A self-signed certificate with these parameters, for tests that need an expired one or another name.
    ///
    /// Errors: [`TlsError::Lab`].
    pub fn self_signed(params: CertificateParams) -> Result<Self, TlsError> {
        let key = KeyPair::generate().map_err(TlsError::Lab)?;
        let certificate = params.self_signed(&key).map_err(TlsError::Lab)?;
        Ok(Self { chain: vec![certificate.der().clone()], key: PrivateKeyDer::Pkcs8(key.serialize_der().into()) })
    }

    /// Reads a certificate chain and its key from PEM files.
    ///
    /// Errors: [`TlsError::File`].
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = read_certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| file_error("a private key", key, &error))?;
        Ok(Self { chain, key })
    }

    /// The server's certificate in PEM, for clients that should trust it.
    pub fn certificate_pem(&self) -> String {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(self.certificate());
        let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
        for line in encoded.as_bytes().chunks(64) {
            pem += std::str::from_utf8(line).unwrap_or_default();
            pem.push('\n');
        }
        pem + PEM_END + "\n"
    }

    /// The server's certificate in DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.chain[0]
    }

    /// An acceptor with this identity, for TLS 1.3 and these protocols. Clients resume their sessions with tickets, for
    /// which the server keeps no state.
    ///
    /// Errors: [`TlsError::Identity`].
    pub fn acceptor(self, alpn: &[Alpn]) -> Result<Acceptor, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13]);
        let builder = builder.map_err(TlsError::Identity)?.with_no_client_auth();
        let mut config = builder.with_single_cert(self.chain, self.key).map_err(TlsError::Identity)?;
        config.alpn_protocols = Alpn::names(alpn);
        config.ticketer = ring::Ticketer::new().map_err(TlsError::Identity)?;
        Ok(Acceptor(TlsAcceptor::from(Arc::new(config))))
    }
}

/// Reads the certificates of a PEM file.
///
/// Errors: [`TlsError::File`], also for a file without certificates.
pub fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |error| file_error("a certificate", file, &error);
    let found: Vec<_> = CertificateDer::pem_file_iter(file).map_err(error)?.collect::<Result<_, _>>().map_err(error)?;
    if found.is_empty() {
        let reason = "it has none".to_owned();
        return Err(TlsError::File { what: "a certificate", file: file.display().to_string(), reason });
    }
    Ok(found)
}

/// Parses the certificates of a text in PEM.
///
/// Errors: if the text is not PEM.
pub fn certificates_of_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(text).collect()
}

fn file_error(what: &'static str, file: &Path, error: &dyn fmt::Display) -> TlsError {
    TlsError::File { what, file: file.display().to_string(), reason: error.to_string() }
}

/// Performs the server's side of the TLS handshake on accepted connections.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// Performs the handshake.
    ///
    /// Errors: a protocol violation by the client, or `TimedOut`.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<tokio_rustls::server::TlsStream<S>> {
        tokio::time::timeout(limits::TLS_HANDSHAKE_TIMEOUT, self.0.accept(stream)).await?
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

/// The certificates that a client trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The root certificates of this host.
    System,
    /// These certificates, and those signed by them.
    These(Vec<CertificateDer<'static>>),
    /// Any certificate.
    Anyone,
}

/// Performs the client's side of the TLS handshake on new connections.
#[derive(Clone)]
pub struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Connector {
    /// A connector to the server of this name (or address), offering these protocols.
    ///
    /// Errors: [`TlsError`].
    pub fn new(name: &str, trust: &Trust, alpn: &[Alpn]) -> Result<Self, TlsError> {
        let server = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))?;
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Root)?;
        let builder = match trust {
            Trust::Anyone => {
                let anyone = Arc::new(AnyoneVerifier(provider()));
                builder.dangerous().with_custom_certificate_verifier(anyone)
            }
            Trust::System => builder.with_root_certificates(system_roots()?),
            Trust::These(certificates) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates {
                    roots.add(certificate.clone()).map_err(TlsError::Root)?;
                }
                builder.with_root_certificates(roots)
            }
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = Alpn::names(alpn);
        config.resumption = resumption();
        Ok(Self { config: Arc::new(config), name: server })
    }

    /// The same connector for another client, which does not resume this one's sessions.
    #[must_use]
    pub fn of_another_client(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = resumption();
        Self { config: Arc::new(config), name: self.name.clone() }
    }

    /// The same connector without session resumption.
    #[must_use]
    pub fn without_resumption(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::disabled();
        Self { config: Arc::new(config), name: self.name.clone() }
    }

    /// Performs the handshake.
    ///
    /// Errors: what is wrong with the server; [`certificate_error`] says whether it is the certificate.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        let connecting = TlsConnector::from(Arc::clone(&self.config)).connect(self.name.clone(), stream);
        tokio::time::timeout(limits::TLS_HANDSHAKE_TIMEOUT, connecting).await?
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is wrong with a server's certificate, if the handshake failed for that reason. Another attempt would fail too.
pub fn certificate_error(error: &io::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(problem) = error.get_ref()?.downcast_ref::<rustls::Error>()? else {
        return None;
    };
    #[allow(clippy::wildcard_enum_match_arm, reason = "all other variants are shown in the library's own words")]
    let said = match problem {
        // An unknown authority, or one of the same name with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "it is not signed by a trusted authority".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            // rustls writes each as `DnsName("example.org")`.
            let bare = |name: &String| {
                let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner.trim_end_matches(')'));
                inner.trim_matches('"').to_owned()
            };
            let names: Vec<String> = presented.iter().map(bare).collect();
            format!("it is for {}, and not for {}", names.join(" and "), expected.to_str())
        }
        CertificateError::NotValidForName => "it is for another name".to_owned(),
        other => other.to_string(),
    };
    Some(format!("its certificate is not valid: {said}"))
}

/// Whether the only thing wrong with the certificate is that its issuer is not trusted.
pub fn is_unknown_issuer(error: &io::Error) -> bool {
    let found = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let unknown = [CertificateError::UnknownIssuer, CertificateError::BadSignature];
    unknown.into_iter().any(|one| found == Some(&rustls::Error::InvalidCertificate(one)))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A client with one server keeps few sessions.
fn resumption() -> Resumption {
    Resumption::in_memory_sessions(limits::TLS_CLIENT_SESSIONS)
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _unusable) = roots.add_parsable_certificates(found.certs);
    match added {
        0 => Err(TlsError::NoRoots(found.errors.first().map_or("there are none".to_owned(), ToString::to_string))),
        _ => Ok(roots),
    }
}

/// Trusts any certificate, as long as the server has its key.
#[derive(Debug)]
struct AnyoneVerifier(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyoneVerifier {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::date_time_ymd;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Connects a client with this trust and name to this identity; returns what it read, or why it could not.
    async fn talk(identity: Identity, name: &str, trust: &Trust) -> io::Result<Vec<u8>> {
        let acceptor = identity.acceptor(&[Alpn::H2, Alpn::Http1]).unwrap();
        let (near, far) = tokio::io::duplex(1 << 14);
        let serving = tokio::spawn(async move {
            let mut stream = acceptor.accept(far).await?;
            stream.write_all(b"hello").await?;
            stream.shutdown().await
        });
        let mut stream = Connector::new(name, trust, &[Alpn::Http1]).unwrap().connect(near).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(Alpn::Http1.name()));
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await?;
        serving.await.unwrap()?;
        Ok(read)
    }

    #[tokio::test]
    async fn a_client_that_trusts_the_certificate_or_any_connects_and_all_others_learn_what_is_wrong() {
        let lab = || Identity::lab(&["10.9.0.2".to_owned()]).unwrap();
        for name in [LAB_NAME, "127.0.0.1", "10.9.0.2", "::1"] {
            let identity = lab();
            let trust = Trust::These(vec![identity.certificate().clone()]);
            assert_eq!(talk(identity, name, &trust).await.unwrap(), b"hello", "{name}");
        }
        assert_eq!(talk(lab(), "example.org", &Trust::Anyone).await.unwrap(), b"hello");

        let of = |params: CertificateParams| {
            let identity = Identity::self_signed(params).unwrap();
            let trust = Trust::These(vec![identity.certificate().clone()]);
            (identity, trust)
        };
        let mut expired = CertificateParams::new([LAB_NAME.to_owned()]).unwrap();
        expired.not_after = date_time_ymd(2001, 1, 1);
        let elsewhere = CertificateParams::new(["example.org".to_owned()]).unwrap();
        let (stranger, _) = of(CertificateParams::new([LAB_NAME.to_owned()]).unwrap());
        let cases = [
            (of(expired), "expired"),
            (of(elsewhere), "it is for example.org, and not for"),
            ((stranger, of(CertificateParams::default()).1), ""),
        ];
        for ((identity, trust), part) in cases {
            let error = talk(identity, LAB_NAME, &trust).await.unwrap_err();
            let said = certificate_error(&error).unwrap_or_else(|| panic!("{part}: {error}"));
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_certificate_and_its_key_are_read_from_files_and_another_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key, other] = ["cert.pem", "key.pem", "other.pem"].map(|name| folder.path().join(name));
        let own = KeyPair::generate().unwrap();
        let made = CertificateParams::new([LAB_NAME.to_owned()]).unwrap().self_signed(&own).unwrap();
        std::fs::write(&certificate, made.pem()).unwrap();
        std::fs::write(&key, own.serialize_pem()).unwrap();
        std::fs::write(&other, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let identity = Identity::read(&certificate, &key).unwrap();
        assert_eq!(identity.certificate_pem().trim(), made.pem().replace("\r\n", "\n").trim());
        identity.acceptor(&[Alpn::H2]).unwrap();
        let mixed = Identity::read(&certificate, &other).unwrap().acceptor(&[Alpn::H2]);
        assert!(matches!(mixed, Err(TlsError::Identity(_))), "{mixed:?}");
        for (certificate, key) in [(&key, &key), (&certificate, &certificate), (&folder.path().join("none"), &key)] {
            let error = Identity::read(certificate, key).unwrap_err();
            assert!(
                matches!(&error, TlsError::File { file, .. } if file.contains(".pem") || file.contains("none")),
                "{error}"
            );
        }
    }
}
