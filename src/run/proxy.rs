//! What stands before a server: nothing, or a reverse proxy.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// A proxy before the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proxy {
    /// None.
    #[default]
    #[serde(rename = "none")]
    None,
    /// nginx as its shortest configuration leaves it: answers are buffered unless the server says otherwise
    /// (`X-Accel-Buffering`), and each request is a connection of its own to the server. WebSocket gets the lines that its
    /// documentation asks for, without which it would not get through.
    #[serde(rename = "nginx")]
    Nginx,
    /// nginx set up for streams: nothing is buffered, and connections to the server are kept.
    #[serde(rename = "nginx-tuned")]
    NginxTuned,
    /// HAProxy, which speaks no HTTP: a new TCP connection goes to the server, or the node, that has the fewest.
    #[serde(rename = "haproxy")]
    Haproxy,
}

impl Proxy {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::None, Self::Nginx, Self::NginxTuned, Self::Haproxy];

    /// Does it speak HTTP itself?
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

/// What a proxy took in the measured interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyReport {
    /// What it says that it is: `nginx/1.22.1`.
    pub software: String,
    /// User and system time of its process.
    pub cpu_ns: Option<Nanos>,
}
