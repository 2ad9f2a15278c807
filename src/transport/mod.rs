//! The four transports, one file each: its wire transcript, its server half, its client half, its tests.
//!
//! The server halves are axum handlers that read the shared journal. The client halves take a connection and turn what
//! comes over it into [`Event`]s; who dials, who counts and who reconnects ([`reconnect`]) is not their business.
//! Transports do not import one another: what two of them share is here ([`client`]) or in [`answer`].

pub mod answer;
pub mod client;
pub mod echo;
pub mod long_polling;
pub mod polling;
pub mod reconnect;
pub mod sse;
pub mod websocket;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use client::{ClientError, Event, Options};

use crate::run::Transport;
use crate::stream::Cursor;
use crate::stream::journal::Encoded;
use crate::units::Nanos;

/// Encodes an update once in each form in which it is sent: `{"seq":42,"at_ns":8123456789,"data":{…}}`, and the same as
/// one block of an event stream.
pub fn encode(cursor: Cursor, at_ns: Nanos, data: &RawValue) -> Encoded {
    let json = format!(r#"{{"seq":{},"at_ns":{},"data":{}}}"#, cursor.seq, at_ns.0, data.get());
    // A line break would end the event's `data` field early; inside JSON it can only be white space between tokens
    // (RFC 8259 section 2), so a blank says the same.
    let json = if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json };
    let sse = sse::block(cursor, &json);
    Encoded { json: json.into(), sse }
}

/// A decoded update, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Update<'a> {
    /// Its number.
    pub seq: u64,
    /// When it was due, on the server host's monotonic clock.
    pub at_ns: Nanos,
    /// Its content.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// The transport that an address of the contract belongs to: its bytes are charged to it, whatever becomes of the request.
pub fn of_path(path: &str) -> Option<Transport> {
    Some(match path {
        "/updates/poll" => Transport::Polling,
        "/updates/long-poll" => Transport::LongPolling,
        "/updates/sse" => Transport::Sse,
        "/updates/ws" | "/echo/ws" => Transport::WebSocket,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{BatchLimit, Bounds, Journal, Start};

    #[test]
    fn an_update_is_encoded_in_each_form_as_the_contract_says() {
        let journal = Journal::new(Bounds::default(), encode);
        let data = RawValue::from_string("{\n\"a\": 1}".to_owned()).unwrap();
        let cursor = journal.append(Nanos(1), Nanos(2), &data);
        let mut reader = journal.reader(Start::Earliest).unwrap();
        let batch = reader.try_next(BatchLimit { updates: 1, bytes: usize::MAX }).unwrap();
        let encoded = &batch.updates[0].encoded;
        assert_eq!(encoded.json, r#"{"seq":1,"at_ns":1,"data":{ "a": 1}}"#);
        assert_eq!(encoded.sse, format!("id: {cursor}\ndata: {{\"seq\":1,\"at_ns\":1,\"data\":{{ \"a\": 1}}}}\n\n"));
    }
}
