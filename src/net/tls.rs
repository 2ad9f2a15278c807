//! TLS by rustls with ring, on both ends.
//!
//! The server shows an [`Identity`]: its own certificate, or one made for the lab at its start. A client has a
//! [`Connector`], which says whom it believes ([`Trust`]) and which protocols it offers (RFC 7301):
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
//! - [`Trust::System`] believes the roots of the host (`SSL_CERT_FILE` and `SSL_CERT_DIR` in their place),
//! - [`Trust::These`] believes given certificates and nothing else: a private authority's, or a lab's ([`read_certificates`]),
//! - [`Trust::Anyone`] believes whoever answers, for a server under test whose certificate nobody can check.
//!
//! A connector resumes the sessions of its earlier connections, as a browser does; one made for each virtual client
//! ([`Connector::of_another_client`]) resumes only that client's own.
//!
//! Longer than most files: both ends stand here, since they are tested against each other.

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

/// The name that a lab certificate is for, whatever address its server listens on.
pub const LAB_NAME: &str = "localhost";

/// How a certificate in PEM ends (RFC 7468 section 5).
pub const PEM_END: &str = "-----END CERTIFICATE-----";
/// What a server says to whoever started it in place of its lab certificate when it has none.
pub const NO_LAB: &str = "certificate: given";

/// A protocol to be agreed on during the handshake (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    H2,
}

impl Alpn {
    /// Its name on the wire.
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

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read as what it should be.
    #[error("cannot read {what} in {file}: {reason}; give a PEM file")]
    File {
        /// The certificate or the key.
        what: &'static str,
        /// As given.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not belong together, or one of them is of a kind that is not known.
    #[error("the certificate and the key cannot be used together: {0}")]
    Identity(#[source] rustls::Error),
    /// The lab certificate could not be made.
    #[error("cannot make a lab certificate: {0}")]
    Lab(#[source] rcgen::Error),
    /// No authority to believe.
    #[error("no certificate of an authority could be read on this host ({0}); give one, as in --tls-ca FILE")]
    NoRoots(String),
    /// A certificate that is no authority's.
    #[error("a certificate cannot be believed: {0}")]
    Root(#[source] rustls::Error),
    /// A name that no certificate can be for.
    #[error("`{0}` is neither a host name nor an address")]
    Name(String),
}

/// What a server shows: a certificate with those that vouch for it, and its key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// A new certificate of its own, on P-256, for [`LAB_NAME`], the loopback addresses and `names`.
    ///
    /// Errors: [`TlsError::Lab`] for a name that cannot stand in a certificate.
    pub fn lab(names: &[String]) -> Result<Self, TlsError> {
        let mut all = [LAB_NAME, "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        all.extend(names.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
        Self::self_signed(CertificateParams::new(all).map_err(TlsError::Lab)?)
    }

    /// A certificate with these parameters, signed by its own key: for tests that need one that is expired or for
    /// somebody else.
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

    /// The certificate that it shows, in PEM, for whoever is to believe it.
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

    /// The certificate that it shows, in DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.chain[0]
    }

    /// Makes a server of it that speaks TLS 1.3 and these protocols, and lets clients resume their sessions with tickets
    /// that it need not remember.
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
/// Errors: [`TlsError::File`], also of a file without any.
pub fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |error| file_error("a certificate", file, &error);
    let found: Vec<_> = CertificateDer::pem_file_iter(file).map_err(error)?.collect::<Result<_, _>>().map_err(error)?;
    if found.is_empty() {
        let reason = "there is none".to_owned();
        return Err(TlsError::File { what: "a certificate", file: file.display().to_string(), reason });
    }
    Ok(found)
}

/// Reads the certificates of a text in PEM.
///
/// Errors: as for a text that is none.
pub fn certificates_of_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(text).collect()
}

fn file_error(what: &'static str, file: &Path, error: &dyn fmt::Display) -> TlsError {
    TlsError::File { what, file: file.display().to_string(), reason: error.to_string() }
}

/// What a server makes TLS of an accepted connection with.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// Does the handshake.
    ///
    /// Errors: what the client did wrong, or `TimedOut`.
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

/// Whom a client believes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The authorities that this host believes.
    System,
    /// These certificates, and what they vouch for.
    These(Vec<CertificateDer<'static>>),
    /// Whoever answers.
    Anyone,
}

/// What a client makes TLS of a connection with.
#[derive(Clone)]
pub struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Connector {
    /// To a server of this name (or address), which speaks one of these protocols.
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

    /// The same for somebody else, who resumes none of the sessions of this one.
    #[must_use]
    pub fn of_another_client(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = resumption();
        Self { config: Arc::new(config), name: self.name.clone() }
    }

    /// The same without resuming anything.
    #[must_use]
    pub fn without_resumption(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::disabled();
        Self { config: Arc::new(config), name: self.name.clone() }
    }

    /// Does the handshake.
    ///
    /// Errors: what is wrong with the server; [`certificate_error`] says whether it is its certificate.
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

/// What is wrong with a server's certificate, if that is why the handshake failed: another attempt would only repeat it.
pub fn certificate_error(error: &io::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(problem) = error.get_ref()?.downcast_ref::<rustls::Error>()? else {
        return None;
    };
    #[allow(clippy::wildcard_enum_match_arm, reason = "of the library's many the rest is said in its own words")]
    let said = match problem {
        // Of an authority of the same name with another key, or of none that is known.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "nobody who is believed here has signed it".to_owned()
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

/// Would the certificate do, if whoever has signed it were believed?
pub fn is_unknown_issuer(error: &io::Error) -> bool {
    let found = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let unknown = [CertificateError::UnknownIssuer, CertificateError::BadSignature];
    unknown.into_iter().any(|one| found == Some(&rustls::Error::InvalidCertificate(one)))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A client that talks to one server keeps few sessions.
fn resumption() -> Resumption {
    Resumption::in_memory_sessions(limits::TLS_CLIENT_SESSIONS)
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _unusable) = roots.add_parsable_certificates(found.certs);
    match added {
        0 => Err(TlsError::NoRoots(found.errors.first().map_or("there is none".to_owned(), ToString::to_string))),
        _ => Ok(roots),
    }
}

/// Believes whoever answers, as long as it has the key of the certificate that it shows.
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

    /// How a client of this trust and name fares with this identity: what it read, or why it could not.
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
    async fn whoever_trusts_the_certificate_or_anyone_is_let_in_and_all_others_learn_what_is_wrong() {
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
    fn a_certificate_and_its_key_are_read_from_files_and_what_is_none_is_refused_with_its_name() {
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
