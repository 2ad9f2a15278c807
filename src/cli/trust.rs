//! Which server certificates are trusted.

use std::path::PathBuf;

use clap::Args;

use crate::net::tls::{TlsError, Trust, read_certificates};

/// The flags for trusting servers.
#[derive(Clone, Debug, Args)]
pub struct TrustFlags {
    /// Trust the certificate authorities in this PEM file instead of the system's, for https and wss.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Trust any certificate, for https and wss; the report notes it.
    #[arg(long)]
    insecure: bool,
}

impl TrustFlags {
    /// The certificates to trust.
    ///
    /// Errors: the file contains no certificates.
    pub fn trust(&self) -> Result<Trust, TlsError> {
        match (&self.ca, self.insecure) {
            (Some(file), _) => read_certificates(file).map(Trust::These),
            (None, true) => Ok(Trust::Anyone),
            (None, false) => Ok(Trust::System),
        }
    }
}
