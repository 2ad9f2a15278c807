//! The answers of polling and long polling, and how both read `after`, `If-None-Match` and `limit`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use serde::Deserialize;

use crate::limits;
use crate::server::wire::{self, BodyLength};
use crate::server::{Problem, Room};
use crate::stream::{Batch, BatchLimit, Cursor, Gap, Reader, Start};
use crate::transport::Update;

/// The body of an answer as a client reads it: `{"cursor":"C2","updates":[…]}`, with a `gap` if updates are missing,
/// and `"more":true` if the answer was cut short.
#[derive(Debug, Deserialize)]
pub struct Answer<'a> {
    /// The position after these updates.
    pub cursor: Cursor,
    /// The gap before the updates, if some are missing.
    #[serde(default)]
    pub gap: Option<Gap>,
    /// The server's bound in bytes was reached before `limit`, so more updates are waiting.
    #[serde(default)]
    pub more: bool,
    /// The updates, in order.
    #[serde(borrow)]
    pub updates: Vec<Update<'a>>,
}

/// What a poll asks for: where the answer begins, and the status that means "nothing new".
pub(super) struct PollRequest {
    pub reader: Reader,
    /// Where the client asked to begin.
    pub start: Start,
    /// 204, or 304 to a conditional request.
    pub nothing_new: StatusCode,
}

/// Reads `after`, or `If-None-Match` if there is no `after`.
///
/// Errors: 400 for a malformed cursor, and for one that is ahead of this server's newest update.
pub(super) fn read_request(room: &Room, after: Option<&str>, headers: &HeaderMap) -> Result<PollRequest, Problem> {
    let (start, nothing_new) = match (after, headers.get(IF_NONE_MATCH)) {
        (Some(after), _) => (after.parse()?, StatusCode::NO_CONTENT),
        // An empty tag: curl's --etag-compare sends it before it has saved one.
        (None, Some(tag)) if tag == "\"\"" => (Start::Now, StatusCode::NO_CONTENT),
        (None, Some(tag)) => (Start::After(from_etag(tag)?), StatusCode::NOT_MODIFIED),
        (None, None) => (Start::Now, StatusCode::NO_CONTENT),
    };
    Ok(PollRequest { reader: room.reader(start)?, start, nothing_new })
}

/// The cursor in an entity tag, which a proxy may have made weak (RFC 9110 section 8.8.3).
fn from_etag(tag: &HeaderValue) -> Result<Cursor, Problem> {
    let cursor = tag
        .to_str()
        .ok()
        .map(|text| text.strip_prefix("W/").unwrap_or(text))
        .and_then(|text| text.strip_prefix('"')?.strip_suffix('"'))
        .and_then(|cursor| cursor.parse().ok());
    cursor.ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST, "If-None-Match must hold the one ETag that the last answer carried")
    })
}

fn etag(cursor: Cursor) -> HeaderValue {
    HeaderValue::try_from(format!("\"{cursor}\"")).expect("a cursor is hexadecimal digits, a hyphen and digits")
}

/// The answer to a poll.
pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl PollRequest {
    /// Whether the client has no position yet and learns it from this answer.
    pub fn is_new(&self) -> bool {
        self.start == Start::Now
    }

    /// The cursor that the client sent, if it sent one.
    pub fn cursor(&self) -> Option<Cursor> {
        matches!(self.start, Start::After(_)).then(|| self.reader.cursor())
    }

    /// The answer when there is nothing new.
    pub fn nothing_new(&self) -> Reply {
        Reply::nothing_new(self.nothing_new, self.reader.cursor())
    }
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

impl Reply {
    /// 200 with the whole batch.
    pub fn updates(batch: &Batch) -> Self {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (ETAG, etag(batch.cursor)),
            (CACHE_CONTROL, NO_STORE),
        ];
        Self { status: StatusCode::OK, headers: HeaderMap::from_iter(headers), body: encode(batch) }
    }

    /// An empty answer with `status`. Its `ETag` tells a new client the current position.
    pub fn nothing_new(status: StatusCode, position: Cursor) -> Self {
        let headers = [(ETAG, etag(position)), (CACHE_CONTROL, NO_STORE)];
        Self { status, headers: HeaderMap::from_iter(headers), body: Bytes::new() }
    }

    /// The bytes of the answer on a connection that was taken over from hyper, with `more` headers, and with
    /// `Connection: close` if it is the last.
    pub fn encode(&self, more: Option<&HeaderMap>, is_last: bool) -> Bytes {
        let length = match self.status {
            StatusCode::OK => BodyLength::Bytes(self.body.len()),
            _no_body => BodyLength::None,
        };
        let close = is_last.then(|| HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]));
        let headers = [Some(&self.headers), more, close.as_ref()];
        let mut bytes = wire::head(self.status, headers.into_iter().flatten(), length);
        bytes.extend_from_slice(&self.body);
        bytes.freeze()
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        (self.status, self.headers, Body::from(self.body)).into_response()
    }
}

/// The body of an answer, assembled from the updates as they were encoded once for all subscribers.
pub fn encode(batch: &Batch) -> Bytes {
    const ENVELOPE_BYTES: usize = 128;
    let updates: usize = batch.updates.iter().map(|entry| entry.encoded.json.len() + 1).sum();
    let mut body = BytesMut::with_capacity(ENVELOPE_BYTES + updates);
    body.put_slice(format!(r#"{{"cursor":"{}","#, batch.cursor).as_bytes());
    if let Some(gap) = &batch.gap {
        body.put_slice(format!(r#""gap":{},"#, gap_json(gap)).as_bytes());
    }
    if batch.is_short {
        body.put_slice(br#""more":true,"#);
    }
    body.put_slice(br#""updates":["#);
    for (index, entry) in batch.updates.iter().enumerate() {
        if index > 0 {
            body.put_u8(b',');
        }
        body.put_slice(&entry.encoded.json);
    }
    body.put_slice(b"]}");
    body.freeze()
}

/// `{"reason":"evicted","lost":17}`
pub fn gap_json(gap: &Gap) -> String {
    serde_json::to_string(gap).expect("a gap is an enum and a number")
}

/// Checks `limit` against the bounds of the contract.
pub(super) fn batch_limit(limit: Option<usize>) -> Result<BatchLimit, Problem> {
    let updates = limit.unwrap_or(limits::POLL_LIMIT_DEFAULT);
    if !(1..=limits::POLL_LIMIT_MAX).contains(&updates) {
        let detail = format!("limit is {updates}; use 1 to {}", limits::POLL_LIMIT_MAX);
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    Ok(BatchLimit { updates, bytes: limits::BATCH_BYTES_MAX })
}
