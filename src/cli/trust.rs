//! Which certificates of servers are believed.

use std::path::PathBuf;

use clap::Args;

use crate::net::tls::{TlsError, Trust, read_certificates};

/// The flags.
#[derive(Clone, Debug, Args)]
pub struct TrustFlags {
    /// Believe the authorities in this PEM file, instead of the system's, for https and wss.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Believe whoever answers, for https and wss: said in the report.
    #[arg(long)]
    insecure: bool,
}

impl TrustFlags {
    /// What they say.
    ///
    /// Errors: a file that holds no certificates.
    pub fn trust(&self) -> Result<Trust, TlsError> {
        match (&self.ca, self.insecure) {
            (Some(file), _) => read_certificates(file).map(Trust::These),
            (None, true) => Ok(Trust::Anyone),
            (None, false) => Ok(Trust::System),
        }
    }
}
