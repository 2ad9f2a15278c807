//! The header fields of requests: only what the contract needs, or what a browser sends.
//!
//! A browser's heads are recorded: `scripts/record-browser-heads` has the installed Chromium send each kind of request
//! that a page sends, and writes the heads to `data/browser-heads.json`, which is compiled in.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use http::Version;
use serde::{Deserialize, Serialize};

/// The kind of heads that clients send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heads {
    /// Only what the contract needs.
    #[default]
    Bare,
    /// What Chromium sends.
    Browser,
}

impl Heads {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Bare, Self::Browser];

    /// As in flags and in the run file.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Browser => "browser",
        }
    }

    /// The fields of these heads in addition to those that each client half sends by itself, for a page from `origin`,
    /// as in `http://127.0.0.1:8080`: names in lower case, and values.
    pub fn fields(self, request: Request, version: Version, origin: &str) -> Vec<(String, String)> {
        match self {
            Self::Bare => Vec::new(),
            Self::Browser => RECORDING.fields(request, version, origin),
        }
    }

    /// Bytes of those fields on the wire in HTTP/1.1, each with its colon, space and line end (RFC 9112 section 5).
    pub fn field_bytes(self, request: Request, origin: &str) -> usize {
        let fields = self.fields(request, Version::HTTP_11, origin);
        fields.iter().map(|(name, value)| name.len() + ": ".len() + value.len() + "\r\n".len()).sum()
    }
}

impl fmt::Display for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Heads {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.label() == text);
        found.ok_or_else(|| format!("there are no heads `{text}`; use bare or browser"))
    }
}

/// The kinds of request that a page sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `fetch`: a poll or a long poll.
    Fetch,
    /// `EventSource`.
    EventSource,
    /// `WebSocket`.
    WebSocket,
    /// `fetch` that posts text.
    PostText,
    /// `fetch` that posts bytes.
    PostBinary,
}

impl Request {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fetch, Self::EventSource, Self::WebSocket, Self::PostText, Self::PostBinary];

    fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::EventSource => "event_source",
            Self::WebSocket => "websocket",
            Self::PostText => "post_text",
            Self::PostBinary => "post_binary",
        }
    }
}

/// The browser whose heads were recorded, and the date: `Chromium 156.0.8078.108 on Linux x64, 2026-11-27`.
pub fn recorded() -> String {
    let Recording { browser, platform, recorded, .. } = &*RECORDING;
    format!("{browser} on {platform}, {recorded}")
}

static RECORDING: LazyLock<Recording> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../data/browser-heads.json")).expect("a test reads the recording")
});

type Recorded = BTreeMap<String, Vec<(String, String)>>;

/// The format of the file that the script writes.
#[derive(Debug, Deserialize)]
struct Recording {
    browser: String,
    platform: String,
    recorded: String,
    http1: Recorded,
    h2: Recorded,
}

/// Fields that a client half always sends by itself.
const OWN: [(&str, &str); 5] = [
    ("accept", "text/event-stream"),
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("content-type", "application/octet-stream"),
];
/// The placeholder for the origin in that file.
const ORIGIN: &str = "{origin}";

impl Recording {
    fn fields(&self, request: Request, version: Version, origin: &str) -> Vec<(String, String)> {
        let recorded = if version == Version::HTTP_2 { &self.h2 } else { &self.http1 };
        let all = recorded.get(request.name()).into_iter().flatten();
        let fields = all.map(|(name, value)| (name.to_ascii_lowercase(), value.replace(ORIGIN, origin)));
        let is_own = |name: &str, value: &str| {
            // A pseudo-header field (RFC 9113 section 8.3), or one whose value is specific to one request.
            name.starts_with(':') || value.starts_with('{') || OWN.contains(&(name, &value.to_ascii_lowercase()))
        };
        fields.filter(|(name, value)| !is_own(name, value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "http://127.0.0.1:40000";

    #[test]
    fn every_request_of_a_page_was_recorded_over_both_versions() {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for request in Request::ALL {
                let fields = Heads::Browser.fields(request, version, ORIGIN);
                let value =
                    |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
                assert!(value("user-agent").is_some_and(|agent| agent.contains("Chrome/")), "{request:?}");
                assert!(!value("user-agent").is_some_and(|agent| agent.contains("Headless")), "{request:?}");
                assert!(fields.iter().all(|(_, value)| !value.contains('{')), "{fields:?}");
                // The origin is the page's own server, otherwise the server would refuse the request.
                let origin = value("origin").or(value("referer")).unwrap_or_default();
                assert!(origin.starts_with(ORIGIN), "{request:?}: {fields:?}");
                for own in ["host", "upgrade", "sec-websocket-key", "content-length", "last-event-id"] {
                    assert_eq!(value(own), None, "{request:?}");
                }
                let has_connection = version == Version::HTTP_11 && request != Request::WebSocket;
                assert_eq!(value("connection"), has_connection.then_some("keep-alive"), "{request:?}");
            }
        }
        assert!(recorded().starts_with("Chromium "), "{}", recorded());
    }

    #[test]
    fn bare_heads_add_no_fields_and_a_browsers_add_the_bytes_of_their_fields() {
        assert_eq!(Heads::Bare.field_bytes(Request::Fetch, ORIGIN), 0);
        let fields = Heads::Browser.fields(Request::WebSocket, Version::HTTP_11, ORIGIN);
        let wire: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        assert_eq!(Heads::Browser.field_bytes(Request::WebSocket, ORIGIN), wire.len());
        // The measured 558 B of a whole handshake leave this much for what the client half sends by itself.
        assert!((200..500).contains(&wire.len()), "{wire}");
    }
}
