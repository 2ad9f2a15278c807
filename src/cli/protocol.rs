//! The flags for TLS, HTTP/2 and compression, and the TLS acceptor made from them.

use std::path::PathBuf;

use anyhow::Context;

use super::bounded::count;
use crate::limits;
use crate::net::tls::{Acceptor, Alpn, Identity};

/// What a server speaks, besides HTTP/1.1 without TLS.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Protocol")]
pub struct ProtocolArgs {
    /// Speak TLS 1.3, with HTTP/1.1 or HTTP/2 as clients ask; without --tls-cert a certificate is generated for this
    /// run.
    #[arg(long)]
    tls: bool,
    /// Certificate chain in PEM, the server's own first; implies --tls.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Write the certificate that is generated for this run to this file, for clients that should trust it.
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert")]
    lab_cert: Option<PathBuf>,
    /// Accept HTTP/2 without TLS from clients that start with it (prior knowledge).
    #[arg(long, conflicts_with_all = ["tls", "tls_cert"])]
    h2c: bool,
    /// Maximum number of concurrent requests on one HTTP/2 connection.
    #[arg(long, default_value_t = limits::H2_STREAMS_MAX as usize, value_name = "N",
        value_parser = count(1, limits::H2_STREAMS_SETTING_MAX))]
    h2_streams: usize,
    /// Compress for clients that accept it: gzip and zstd for answers and event streams, permessage-deflate for
    /// WebSocket messages.
    #[arg(long)]
    compress: bool,
}

/// The TLS setup of a server.
pub struct Tls {
    /// Accepts TLS connections.
    pub acceptor: Acceptor,
    /// The generated certificate in PEM, if one was generated.
    pub lab_certificate: Option<String>,
}

impl ProtocolArgs {
    /// TLS, if it is asked for; `names` are the host names in a generated certificate.
    ///
    /// Errors: one sentence about the file or the certificate.
    pub fn tls(&self, names: &[String]) -> anyhow::Result<Option<Tls>> {
        let (identity, lab_certificate) = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => (Identity::read(certificate, key)?, None),
            (_, _) if self.tls || self.lab_cert.is_some() => {
                let identity = Identity::lab(names)?;
                let pem = identity.certificate_pem();
                if let Some(file) = &self.lab_cert {
                    std::fs::write(file, &pem)
                        .with_context(|| format!("cannot write the certificate to {}", file.display()))?;
                }
                (identity, Some(pem))
            }
            (_, _) => return Ok(None),
        };
        Ok(Some(Tls { acceptor: identity.acceptor(&[Alpn::H2, Alpn::Http1])?, lab_certificate }))
    }

    /// Is HTTP/2 accepted without TLS?
    pub fn h2c(&self) -> bool {
        self.h2c
    }

    /// Maximum number of concurrent requests on one HTTP/2 connection.
    pub fn h2_streams(&self) -> u32 {
        u32::try_from(self.h2_streams).unwrap_or(limits::H2_STREAMS_MAX)
    }

    /// Is the output compressed?
    pub fn compress(&self) -> bool {
        self.compress
    }
}
