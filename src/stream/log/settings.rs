//! The settings of the log: its servers and the name of its stream.

use std::fmt;
use std::str::FromStr;

use async_nats::ServerAddr;

use crate::limits;

/// The log that a node follows.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The NATS servers.
    pub servers: Servers,
    /// The stream's name.
    pub stream: StreamName,
    /// On how many servers the stream is stored, if this node has to create it.
    pub replicas: usize,
}

/// The servers of a cluster. Any one of them is enough to connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Servers(Vec<ServerAddr>);

/// A list of servers that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a NATS server; write nats://HOST:4222 or tls://HOST:4222, several with commas between them")]
pub struct MalformedLog(String);

impl Servers {
    /// The addresses.
    pub(super) fn addresses(&self) -> &[ServerAddr] {
        &self.0
    }
}

impl FromStr for Servers {
    type Err = MalformedLog;

    fn from_str(text: &str) -> Result<Self, MalformedLog> {
        let read = |one: &str| {
            let (scheme, host) = one.split_once("://").filter(|(_, host)| !host.is_empty())?;
            let is_plain = !host.contains(['/', '?', '#', ' ']);
            let address: ServerAddr = one.parse().ok()?;
            (matches!(scheme, "nats" | "tls") && is_plain && !address.host().is_empty()).then_some(address)
        };
        text.split(',')
            .map(|one| read(one).ok_or_else(|| MalformedLog(one.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Shows the servers without the password that an address may contain.
impl fmt::Display for Servers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|one| format!("{}:{}", one.host(), one.port()));
        formatter.write_str(&shown.collect::<Vec<_>>().join(", "))
    }
}

/// The name of a stream: letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamName(Box<str>);

impl Default for StreamName {
    fn default() -> Self {
        Self("pushpull".into())
    }
}

/// A text that is not a stream's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a stream's name; use 1 to {} characters from A-Z a-z 0-9 _ -", limits::LOG_NAME_BYTES_MAX)]
pub struct MalformedName;

impl FromStr for StreamName {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, MalformedName> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_name = (1..=limits::LOG_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_fit);
        is_name.then(|| Self(text.into())).ok_or(MalformedName)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_with_their_scheme_and_shown_without_a_password() {
        let servers: Servers = "nats://me:secret@a.example:4223,tls://b".parse().unwrap();
        assert_eq!(servers.to_string(), "a.example:4223, b:4222");
        for bad in ["", "localhost:4222", "http://a", "ws://a:80", "nats://", "nats://a,", "nats://a/b", "nats://a b"] {
            assert!(bad.parse::<Servers>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_stream_name_has_letters_digits_underscores_and_hyphens_only() {
        assert!("pushpull-1_B".parse::<StreamName>().is_ok());
        for bad in ["", "a.b", "a b", "*", ">", &"x".repeat(65)] {
            assert_eq!(bad.parse::<StreamName>(), Err(MalformedName), "{bad}");
        }
    }
}
