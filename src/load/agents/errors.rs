//! Errors of agents and of their coordinator.

use super::messages::MessageError;

/// An error of the NATS server or the connection to it.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// The server does not answer.
    #[error("cannot reach the NATS server {url}: {reason}; start it with `nats-server`, or correct --control")]
    Unreachable {
        /// As given.
        url: String,
        /// Why.
        reason: String,
    },
    /// The connection was lost.
    #[error("the NATS server no longer accepts messages: {0}")]
    Gone(String),
    /// No random bytes for a name.
    #[error("cannot get random bytes from the system: {0}")]
    Random(#[source] std::io::Error),
}

/// Why an agent exits.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The NATS server failed.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// The coordinator refused it.
    #[error("the coordinator refused this agent: {0}")]
    Refused(String),
}

/// Why a run does not have the agents that it needs.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The NATS server failed.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// A message failed.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Fewer agents came than were requested.
    #[error(
        "only {there} of {wanted} agents came within {seconds} s{refused}; \
        start each with `loadgen agent --control URL`"
    )]
    Few {
        /// Number of agents that came.
        there: usize,
        /// Number of agents that were requested.
        wanted: usize,
        /// How long they were awaited, in seconds.
        seconds: u64,
        /// Those that were refused, and why.
        refused: String,
    },
    /// An agent failed before anything was measured.
    #[error("the agent {agent} could not start: {reason}")]
    Failed {
        /// Its name.
        agent: String,
        /// Why.
        reason: String,
    },
    /// The clients exceed the total maximum of the agents.
    #[error("{clients} clients are more than the {most} that {agents} agents can run; start more agents")]
    TooMany {
        /// Requested number of clients.
        clients: u32,
        /// Maximum number of clients.
        most: u32,
        /// Number of agents.
        agents: usize,
    },
    /// A program needed for agents on this machine could not be started.
    #[error("cannot start {program}: {source}{hint}")]
    Start {
        /// The program.
        program: &'static str,
        /// The system's error.
        source: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The NATS server that was started here printed no address.
    #[error("the started nats-server did not report its address")]
    Silent,
}
