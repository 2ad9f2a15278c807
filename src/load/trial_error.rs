//! Why a trial could not be done.

use crate::load::agents::errors::FleetError;
use crate::load::foreign::server::ForeignError;
use crate::load::nodes::nats::LogError;
use crate::load::path::PathError;
use crate::load::proxy::ProxyError;
use crate::load::target::TargetError;

/// Why a trial could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The server.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A server that is not ours.
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    /// Not all clients could connect.
    #[error("only {connected} of {wanted} clients could connect: {reason}")]
    Ramp {
        /// How many could.
        connected: u32,
        /// How many should.
        wanted: u32,
        /// What the last one that failed was told.
        reason: String,
    },
    /// A reading that every trial needs could not be taken.
    #[error("cannot read the processor time of this process: {0}")]
    Reading(#[source] std::io::Error),
    /// The path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The log of several nodes.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The agents.
    #[error(transparent)]
    Agents(#[from] FleetError),
    /// One of these, of a server of a target file, without what the environment had filled in.
    #[error("{0}")]
    Masked(String),
    /// Ctrl-C.
    #[error("cut short")]
    Stopped,
}
