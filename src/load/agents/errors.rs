//! Why agents, and those who wait for them, give up.

use super::messages::MessageError;

/// What is wrong with the NATS server, or the way to it.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// There is none.
    #[error("cannot reach the NATS server {url}: {reason}; start it with `nats-server`, or correct --control")]
    Unreachable {
        /// As given.
        url: String,
        /// What was wrong.
        reason: String,
    },
    /// It went away.
    #[error("the NATS server does not take messages any more: {0}")]
    Gone(String),
    /// No random name could be had.
    #[error("cannot get random bytes from the system: {0}")]
    Random(#[source] std::io::Error),
}

/// Why an agent ends.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The NATS server.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// The coordinator will not have it.
    #[error("the coordinator refused this agent: {0}")]
    Refused(String),
}

/// Why there are not the agents that a run needs.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The NATS server.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// A message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Fewer agents came than were asked for.
    #[error("{there} of {wanted} agents came in {seconds} s{refused}; start each with `loadgen agent --control URL`")]
    Few {
        /// How many are there.
        there: usize,
        /// How many should be.
        wanted: usize,
        /// How long they were waited for.
        seconds: u64,
        /// Those that were refused, and why.
        refused: String,
    },
    /// An agent could not do its part before anything was measured.
    #[error("the agent {agent} could not begin: {reason}")]
    Failed {
        /// Its name.
        agent: String,
        /// Why.
        reason: String,
    },
    /// The clients are more than the agents can hold.
    #[error("{clients} clients are more than the {most} that {agents} agents can hold; start more agents")]
    TooMany {
        /// How many there are to be.
        clients: u32,
        /// How many there can be.
        most: u32,
        /// Agents.
        agents: usize,
    },
    /// What is needed to start agents here.
    #[error("cannot start {program}: {source}{hint}")]
    Start {
        /// Which program.
        program: &'static str,
        /// What the system said.
        source: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The NATS server that was started here does not answer.
    #[error("the nats-server that was started does not say where it listens")]
    Silent,
}
