//! Connecting to a NATS server, and names on it.

use async_nats::{Client, ConnectOptions};
use rustix::rand::GetRandomFlags;

use super::errors::NatsError;
use crate::limits;

/// Connects to a NATS server.
///
/// Errors: [`NatsError::Unreachable`].
pub async fn connect(url: &str, name: &str) -> Result<Client, NatsError> {
    let options = ConnectOptions::new()
        .name(name)
        .connection_timeout(limits::NATS_CONNECT_TIMEOUT)
        .subscription_capacity(limits::AGENT_MESSAGES_WAITING);
    let refuse =
        |error: async_nats::ConnectError| NatsError::Unreachable { url: url.to_owned(), reason: error.to_string() };
    options.connect(url).await.map_err(refuse)
}

/// Eight random digits that identify an agent or a run.
///
/// Errors: [`NatsError::Random`].
pub fn random_id() -> Result<String, NatsError> {
    let mut bytes = [0; 4];
    rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty()).map_err(|error| NatsError::Random(error.into()))?;
    Ok(format!("{:08x}", u32::from_ne_bytes(bytes)))
}
