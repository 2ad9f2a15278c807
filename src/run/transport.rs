//! The four transports by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest;

/// A transport: how updates get from the server to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// The client asks at a fixed interval, and is answered at once.
    Polling,
    /// The client asks, and is answered when there is an update (RFC 6202 section 2).
    LongPolling,
    /// One endless response (WHATWG HTML, "Server-sent events").
    Sse,
    /// Frames both ways over an upgraded connection (RFC 6455).
    #[serde(rename = "websocket")]
    WebSocket,
}

impl Transport {
    /// All four, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Polling, Self::LongPolling, Self::Sse, Self::WebSocket];

    /// Its name in JSON, in flags and in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::LongPolling => "long_polling",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
        }
    }

    /// Its name in prose.
    pub fn title(self) -> &'static str {
        match self {
            Self::Polling => "Polling",
            Self::LongPolling => "Long polling",
            Self::Sse => "SSE",
            Self::WebSocket => "WebSocket",
        }
    }

    /// Its position in [`Transport::ALL`], as an index into tables of four.
    pub fn index(self) -> usize {
        match self {
            Self::Polling => 0,
            Self::LongPolling => 1,
            Self::Sse => 2,
            Self::WebSocket => 3,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// An unknown transport.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no transport `{0}`; use polling, long_polling, sse or websocket{hint}",
    hint = suggest::hint(.0, &Transport::ALL.map(Transport::label)))]
pub struct UnknownTransport(String);

impl FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|one| one.label() == text).ok_or_else(|| UnknownTransport(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_has_one_name_everywhere() {
        for transport in Transport::ALL {
            assert_eq!(transport.label().parse(), Ok(transport));
            assert_eq!(serde_json::to_value(transport).unwrap(), transport.label());
            assert_eq!(Transport::ALL[transport.index()], transport);
        }
        assert!("carrier_pigeon".parse::<Transport>().is_err());
    }
}
