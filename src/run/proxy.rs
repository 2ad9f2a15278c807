//! The reverse proxy in front of a server.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// A proxy in front of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proxy {
    /// None.
    #[default]
    #[serde(rename = "none")]
    None,
    /// nginx with its shortest configuration: it buffers answers unless the server says otherwise
    /// (`X-Accel-Buffering`), and opens a new connection to the server for each request. WebSocket has the lines that
    /// nginx's documentation requires, without which it would not work.
    #[serde(rename = "nginx")]
    Nginx,
    /// nginx configured for streams: it buffers nothing, and keeps its connections to the server.
    #[serde(rename = "nginx-tuned")]
    NginxTuned,
    /// HAProxy in TCP mode, without HTTP: a new connection goes to the server, or the node, that has the fewest.
    #[serde(rename = "haproxy")]
    Haproxy,
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Nginx, Self::NginxTuned, Self::Haproxy];

    /// True if it parses HTTP itself.
    pub fn speaks_http(self) -> bool {
        match self {
            Self::Nginx | Self::NginxTuned => true,
            Self::None | Self::Haproxy => false,
        }
    }

    /// As in flags and in the run file.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Nginx => "nginx",
            Self::NginxTuned => "nginx-tuned",
            Self::Haproxy => "haproxy",
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.label() == text);
        found.ok_or_else(|| format!("there is no proxy `{text}`; use {}", Self::ALL.map(Self::label).join(", ")))
    }
}

/// The resources that a proxy used in the measured interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyReport {
    /// The software and version that it reports: `nginx/1.22.1`.
    pub software: String,
    /// User and system time of its process.
    pub cpu_ns: Option<Nanos>,
}
