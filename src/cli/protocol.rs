//! The flags of what a server speaks, and what is made of them.

use std::path::PathBuf;

use anyhow::Context;

use super::bounded::count;
use crate::limits;
use crate::net::tls::{Acceptor, Alpn, Identity};

/// What a server speaks, beside HTTP/1.1 in the clear.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Protocol")]
pub struct ProtocolArgs {
    /// Speak TLS 1.3, with HTTP/1.1 or HTTP/2 as clients ask for; without a certificate one is made for this run.
    #[arg(long)]
    tls: bool,
    /// Certificate chain in PEM, the server's own first; implies --tls.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Write the certificate that is made for this run to this file, for clients that are to believe it.
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert")]
    lab_cert: Option<PathBuf>,
    /// Let clients speak HTTP/2 without TLS, if they begin with it.
    #[arg(long, conflicts_with_all = ["tls", "tls_cert"])]
    h2c: bool,
    /// Requests at a time on one HTTP/2 connection.
    #[arg(long, default_value_t = limits::H2_STREAMS_MAX as usize, value_name = "N",
        value_parser = count(1, limits::H2_STREAMS_SETTING_MAX))]
    h2_streams: usize,
    /// Compress what is sent to clients that can unpack it: gzip and zstd of answers and event streams, permessage-deflate
    /// of WebSocket messages.
    #[arg(long)]
    compress: bool,
}

/// TLS as a server is to speak it.
pub struct Tls {
    /// What it accepts connections with.
    pub acceptor: Acceptor,
    /// The certificate that was made for it, in PEM.
    pub lab_certificate: Option<String>,
}

impl ProtocolArgs {
    /// TLS, if it is asked for; `names` are those that the server may be opened by.
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

    /// Is HTTP/2 let in without TLS?
    pub fn h2c(&self) -> bool {
        self.h2c
    }

    /// Requests at a time on one HTTP/2 connection.
    pub fn h2_streams(&self) -> u32 {
        u32::try_from(self.h2_streams).unwrap_or(limits::H2_STREAMS_MAX)
    }

    /// Is what is sent compressed?
    pub fn compress(&self) -> bool {
        self.compress
    }
}
