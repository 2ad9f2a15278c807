//! What the clients of a third-party server share: its address, how its messages are read, and the cursor. The events
//! of a subscription are reported as [`SubscriberEvent`], whatever the protocol.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use http::header::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use super::description::{CursorPart, Description, Message};
use super::json_path::{JsonPath, unquoted};
use super::template::{Template, Values};
use super::timestamp;
use crate::clock::Clock;
use crate::units::{Nanos, UnixMicros};

/// An event of a subscription, reported when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriberEvent {
    /// A request was sent.
    Requested,
    /// The subscription is open.
    Opened,
    /// A request returned nothing new.
    Empty,
    /// An update arrived.
    Update {
        /// Sequence number: the publisher's, or for a third-party feed the count of earlier updates.
        seq: u64,
        /// When it was due or sent, if it states that.
        at: Option<UnixMicros>,
        /// Its size when published.
        bytes: usize,
    },
    /// The server asks to wait this long before a reconnect.
    Retry(Nanos),
    /// A poll was skipped, because the one before it was still in flight.
    MissedPoll,
    /// A message of the stream did not contain the published update.
    Unread,
}

/// Who published an update, which determines how it is parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The load generator: the update contains its sequence number and due time.
    Published,
    /// A third party; the path leads to the send time, if there is one.
    Observed(Option<JsonPath>),
}

/// The state that all clients of a target share.
#[derive(Debug)]
pub struct Subscriber {
    /// The target file.
    pub description: Arc<Description>,
    /// Base address of the server, without a trailing slash.
    pub base: String,
    /// Value of the `Host` header.
    pub host: HeaderValue,
    /// Port of the server.
    pub port: u16,
    /// The folder of the target file.
    pub dir: String,
    /// The server's own folder.
    pub work: String,
    /// Who publishes.
    pub origin: Origin,
    /// Set by the first message that lacks the published update where it should be: where the update was found
    /// instead, if anywhere.
    pub published_found_at: OnceLock<Option<String>>,
}

/// The state that a client keeps across connections.
#[derive(Debug, Default)]
pub struct State {
    /// The client's number.
    pub client: u32,
    /// The parts of the cursor; empty at first.
    pub cursor: BTreeMap<String, String>,
    /// Updates of a third-party feed received so far.
    pub count: u64,
}

#[derive(Deserialize)]
struct Published {
    seq: u64,
    at_us: UnixMicros,
}

impl Subscriber {
    /// The placeholder values for a client.
    pub fn values<'a>(&'a self, state: &'a State) -> Values<'a> {
        Values { client: state.client, cursor: Some(&state.cursor), ..self.values_of_server() }
    }

    /// The placeholder values for the server only.
    pub fn values_of_server(&self) -> Values<'_> {
        Values { base: &self.base, port: self.port, dir: &self.dir, work: &self.work, ..Values::default() }
    }

    /// The address of a subscription at its current position.
    pub fn address(&self, url: &Template, next: Option<&Template>, values: &Values<'_>) -> String {
        let has_cursor = values.cursor.is_some_and(|cursor| !cursor.is_empty());
        next.filter(|_| has_cursor).unwrap_or(url).fill(values)
    }

    /// Reports a message if it is part of the stream; returns whether it was.
    pub fn deliver(
        &self,
        message: &Message,
        text: &str,
        state: &mut State,
        on_event: &mut impl FnMut(SubscriberEvent),
    ) -> bool {
        let Some(payload) = message.payload(text) else { return false };
        let payload = unquoted(payload.trim());
        match &self.origin {
            Origin::Published => match serde_json::from_str::<Published>(&payload) {
                Ok(Published { seq, at_us }) => {
                    on_event(SubscriberEvent::Update { seq, at: Some(at_us), bytes: payload.len() })
                }
                Err(_) => {
                    self.published_found_at.get_or_init(|| where_published(text).map(|path| path.to_string()));
                    on_event(SubscriberEvent::Unread);
                }
            },
            Origin::Observed(place) => {
                state.count += 1;
                let at = place.as_ref().and_then(|path| timestamp::read(&path.text(&payload)?));
                on_event(SubscriberEvent::Update { seq: state.count, at, bytes: payload.len() });
            }
        }
        true
    }
}

/// The path of the published update in a message, as an object or as a string that contains one; the shallowest such
/// path.
fn where_published(text: &str) -> Option<JsonPath> {
    let is_update = |value: &Value| match value {
        Value::Object(_) => Published::deserialize(value).is_ok(),
        Value::String(inside) => serde_json::from_str::<Published>(inside).is_ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    };
    let mut level = vec![(JsonPath::default(), serde_json::from_str::<Value>(text).ok()?)];
    while !level.is_empty() {
        if let Some((path, _)) = level.iter().find(|(_, value)| is_update(value)) {
            return Some(path.clone());
        }
        level = level.into_iter().flat_map(|(path, value)| below(path, value)).collect();
    }
    None
}

/// The members or elements of a value with their paths.
fn below(path: JsonPath, value: Value) -> Vec<(JsonPath, Value)> {
    match value {
        Value::Object(members) => {
            members.into_iter().map(|(name, inner)| (path.clone().member(&name), inner)).collect()
        }
        Value::Array(elements) => {
            elements.into_iter().enumerate().map(|(index, inner)| (path.clone().element(index), inner)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Updates the cursor from the headers of an answer.
pub fn take_headers(parts: &BTreeMap<String, CursorPart>, headers: &HeaderMap, state: &mut State) {
    for (name, part) in parts {
        if let CursorPart::Header(header) = part
            && let Some(value) = headers.get(header).and_then(|value| value.to_str().ok())
        {
            state.cursor.insert(name.clone(), value.to_owned());
        }
    }
}

/// Updates the cursor from the text of an answer or a message.
pub fn take_text(parts: &BTreeMap<String, CursorPart>, text: &str, state: &mut State) {
    for (name, part) in parts {
        if let Some(value) = part.of_text(text) {
            state.cursor.insert(name.clone(), value);
        }
    }
}

/// The current time on the clock of `at_us`.
pub fn now(clock: Clock) -> UnixMicros {
    crate::clock::UnixAnchor::of_process().unix(clock.now())
}

/// The beginning of a message, shortened for display.
pub fn short(text: &str) -> String {
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    if shown.is_empty() { "nothing".to_owned() } else { format!("`{shown}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_update_is_found_anywhere_in_a_message() {
        let update = r#"{"seq":7,"at_us":1795363216000123,"data":"x"}"#;
        let quoted = serde_json::to_string(update).unwrap();
        let cases = [
            (format!(r#"{{"kind":"chat","id":1,"body":{update}}}"#), Some("$.body")),
            (format!(r#"[1,{{"args":[{quoted}]}}]"#), Some("$[1].args[0]")),
            (format!(r#"{{"a":{{"b":{update}}},"c":{update}}}"#), Some("$.c")),
            (r#"{"kind":"welcome"}"#.to_owned(), None),
            (format!("prefix {update}"), None),
        ];
        for (message, path) in cases {
            assert_eq!(where_published(&message).map(|path| path.to_string()).as_deref(), path, "{message}");
        }
    }
}
