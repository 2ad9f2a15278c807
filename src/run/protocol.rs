//! The protocols that transports run over, and the compressions of what they carry, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest;

/// The protocol of a connection, above TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1 in the clear (RFC 9112).
    #[default]
    Http1,
    /// HTTP/1.1 over TLS 1.3 (RFC 8446).
    Https1,
    /// HTTP/2 over TLS 1.3, negotiated with ALPN (RFC 9113 section 3.2).
    H2,
    /// HTTP/2 in the clear, with prior knowledge (RFC 9113 section 3.3).
    H2c,
}

impl Protocol {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Http1, Self::Https1, Self::H2, Self::H2c];

    /// Its name in JSON and in flags.
    pub fn label(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Https1 => "https1",
            Self::H2 => "h2",
            Self::H2c => "h2c",
        }
    }

    /// Its name in prose.
    pub fn title(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Https1 => "HTTP/1.1 over TLS",
            Self::H2 => "HTTP/2 over TLS",
            Self::H2c => "HTTP/2 in the clear",
        }
    }

    /// True if it uses TLS.
    pub fn is_tls(self) -> bool {
        match self {
            Self::Https1 | Self::H2 => true,
            Self::Http1 | Self::H2c => false,
        }
    }

    /// True for HTTP/2, which has several streams on a connection.
    pub fn is_h2(self) -> bool {
        match self {
            Self::H2 | Self::H2c => true,
            Self::Http1 | Self::Https1 => false,
        }
    }
}

/// The compression of what the server sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// Content coding `gzip` (RFC 9110 section 8.4.1.3) of answers and event streams.
    Gzip,
    /// Content coding `zstd` (RFC 8878, RFC 9659) of answers and event streams.
    Zstd,
    /// `permessage-deflate` of WebSocket messages (RFC 7692).
    Deflate,
}

impl Compression {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::None, Self::Gzip, Self::Zstd, Self::Deflate];

    /// Its name in JSON and in flags.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }

    /// Its name in prose.
    pub fn title(self) -> &'static str {
        match self {
            Self::None => "no compression",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "permessage-deflate",
        }
    }

    /// Its content coding, if it is one.
    pub fn coding(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
            Self::None | Self::Deflate => None,
        }
    }
}

/// An unknown protocol or compression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{text}`; use one of {all}{hint}", all = .labels.join(", "), hint = suggest::hint(.text, .labels))]
pub struct UnknownName {
    what: &'static str,
    text: String,
    labels: Vec<&'static str>,
}

macro_rules! by_label {
    ($($type:ty, $what:literal;)+) => { $(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.label())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                let found = Self::ALL.into_iter().find(|one| one.label() == text);
                let labels = || Self::ALL.map(Self::label).to_vec();
                found.ok_or_else(|| UnknownName { what: $what, text: text.to_owned(), labels: labels() })
            }
        }
    )+ };
}

by_label! {
    Protocol, "protocol";
    Compression, "compression";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_and_a_compression_have_one_name_everywhere() {
        for protocol in Protocol::ALL {
            assert_eq!(protocol.label().parse(), Ok(protocol));
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.label());
        }
        for compression in Compression::ALL {
            assert_eq!(compression.label().parse(), Ok(compression));
            assert_eq!(serde_json::to_value(compression).unwrap(), compression.label());
        }
        assert!("http2".parse::<Protocol>().is_err() && "br".parse::<Compression>().is_err());
    }
}
