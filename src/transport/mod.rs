//! The four transports, one file each: its wire transcript, its server half, its client half, its tests.
//!
//! A server half is an axum handler that reads the shared journal. A client half takes a connection and turns what
//! arrives on it into [`Event`]s. Dialling, counting and reconnecting ([`reconnect`]) happen elsewhere.
//!
//! Transports do not import one another. Code that two of them share is in [`client`] or [`answer`]. They do not depend
//! on what they run over either: a [`Session`] is HTTP/1.1 or HTTP/2, with or without TLS, on one connection or on a
//! new one for each request.

pub mod answer;
mod ask;
pub mod client;
mod coding;
pub mod echo;
pub(crate) mod http1;
pub mod long_polling;
pub mod polling;
pub mod reconnect;
pub mod session;
pub mod sse;
pub mod talk;
pub mod websocket;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use client::{ClientError, Event, Options};
pub use session::{Dial, H2Session, Session};

use crate::run::Transport;
use crate::stream::Cursor;
use crate::stream::journal::Encoded;
use crate::units::UnixMicros;

/// Encodes an update once in each form in which it is sent: as JSON, `{"seq":42,"at_us":1795363216000123,"data":{…}}`,
/// and as one block of an event stream.
pub fn encode(cursor: Cursor, at_us: UnixMicros, data: &RawValue) -> Encoded {
    let json = format!(r#"{{"seq":{},"at_us":{},"data":{}}}"#, cursor.seq, at_us.0, data.get());
    // A line break would end the event's `data` field early. In JSON it can only be whitespace between tokens (RFC 8259
    // section 2), so a space is equivalent.
    let json = if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json };
    let sse = sse::block(cursor, &json);
    Encoded { json: json.into(), sse }
}

/// A decoded update that borrows from the bytes it was parsed from.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Update<'a> {
    /// The sequence number.
    pub seq: u64,
    /// When the update was due, by the server's clock.
    pub at_us: UnixMicros,
    /// The content: any JSON value.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// The transport that a path of the contract belongs to. The request's bytes are charged to it even if the request
/// fails.
pub fn of_path(path: &str) -> Option<Transport> {
    Some(match path {
        "/updates/poll" => Transport::Polling,
        "/updates/long-poll" => Transport::LongPolling,
        "/updates/sse" => Transport::Sse,
        "/updates/ws" | "/echo/ws" | "/talk/ws" => Transport::WebSocket,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixAnchor;
    use crate::stream::{Batch, BatchLimit, Bounds, Journal, Start};
    use crate::units::Nanos;

    /// A batch of one update, from a server whose clock has this offset from the Unix epoch.
    fn published(anchor: UnixAnchor, due: Nanos, data: &str) -> Batch {
        let journal = Journal::new(Bounds::default(), anchor, encode);
        journal.append(due, due, &RawValue::from_string(data.to_owned()).unwrap());
        let mut reader = journal.reader(Start::Earliest).unwrap();
        reader.try_next(BatchLimit { updates: 1, bytes: usize::MAX }).unwrap()
    }

    #[test]
    fn an_update_is_encoded_in_each_form_as_the_contract_says() {
        let batch = published(UnixAnchor(1_795_363_216_000_000), Nanos(123_000), "{\n\"a\": 1}");
        let (encoded, cursor) = (&batch.updates[0].encoded, batch.cursor);
        let json = r#"{"seq":1,"at_us":1795363216000123,"data":{ "a": 1}}"#;
        assert_eq!(encoded.json, json);
        assert_eq!(encoded.sse, format!("id: {cursor}\ndata: {json}\n\n"));
    }

    #[test]
    fn an_update_has_the_same_number_of_bytes_whatever_the_uptime_of_its_host() {
        const NOW: UnixMicros = UnixMicros(1_795_363_216_000_123);
        let bytes = |uptime: Nanos| {
            let batch = published(UnixAnchor::between(NOW, uptime), uptime, "[1,2,3]");
            let Encoded { json, sse } = &batch.updates[0].encoded;
            [json.len(), sse.len(), sse::blocks(&batch).len(), answer::encode(&batch).len()]
        };
        let just_booted = bytes(Nanos(3 * Nanos::SECOND.0));
        for seconds in [50, 11 * 3_600, 400 * 86_400] {
            assert_eq!(bytes(Nanos(seconds * Nanos::SECOND.0)), just_booted, "up for {seconds} s");
        }
    }
}
