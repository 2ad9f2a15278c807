//! Why a trial failed.

use crate::load::agents::errors::FleetError;
use crate::load::foreign::server::ForeignError;
use crate::load::nodes::nats::LogError;
use crate::load::path::PathError;
use crate::load::proxy::ProxyError;
use crate::load::target::TargetError;

/// Why a trial failed.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The server failed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A third-party server failed.
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    /// Not all clients could connect.
    #[error("only {connected} of {wanted} clients could connect: {reason}")]
    Ramp {
        /// Number of clients that connected.
        connected: u32,
        /// Number of clients that should have.
        wanted: u32,
        /// The error of the last client that failed.
        reason: String,
    },
    /// A reading that every trial needs failed.
    #[error("cannot read the processor time of this process: {0}")]
    Reading(#[source] std::io::Error),
    /// The path failed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The proxy failed.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The log of several nodes failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The agents failed.
    #[error(transparent)]
    Agents(#[from] FleetError),
    /// One of these, for a server of a target file, with values from the environment masked.
    #[error("{0}")]
    Masked(String),
    /// Interrupted with Ctrl-C.
    #[error("cut short")]
    Stopped,
}
