//! Server-Sent Events: one response that does not end (WHATWG HTML, "Server-sent events").
//!
//! ```text
//! → GET /updates/sse?after=1f3a9c02-41 HTTP/1.1
//! ← HTTP/1.1 200 OK
//!   content-type: text/event-stream
//!   transfer-encoding: chunked
//!
//!   retry: 1000
//!   id: 1f3a9c02-41
//!
//!   id: 1f3a9c02-42
//!   data: {"seq":42,"at_us":1795363216000123,"data":{…}}
//!
//!   :
//!
//!   … a heartbeat comment every 15 seconds, so that no proxy takes a silent stream for a dead one …
//!
//!   event: gap
//!   id: 1f3a9c02-99
//!   data: {"reason":"evicted","lost":57}
//! ```
//!
//! The first block has an `id` and no data, so a client that never gets an update still knows where to resume. A block
//! without data dispatches no event but does set the last event ID. A gap has an `id` too: the position moves in the
//! block that announces the loss, so a connection that breaks between two blocks cannot hide it.
//!
//! Over 400 lines: it contains the server half and the client half, as the file of every transport does.
//!
//! What a developer must get right (`build.rs` counts these points along with the lines of code):
//!
//! - server: the position comes first, so that a client can resume before its first update
//! - server: a heartbeat keeps proxies from cutting the stream, and no proxy buffers it
//! - server: fields and line ends: data of several lines stays one event
//! - server: a slow reader falls behind in the journal and takes no server memory
//! - server: `Last-Event-ID` wins over the query
//! - server: asks clients to reconnect, spread over time, when it shuts down
//! - client: assembles blocks across reads, and moves the position only with a complete one
//! - client: distinguishes a silent stream from a dead connection
//! - client: waits as long as `retry` asks

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use hyper::body::Frame;
use serde::Deserialize;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::ReusableBoxFuture;

use crate::limits;
use crate::net::Stream;
use crate::run::Transport;
use crate::server::fanout::{Delivery, GroupSlot, Member};
use crate::server::request::StrictQuery;
use crate::server::wire::{self, BodyLength, Wire};
use crate::server::{App, Connection, DrainSignal, Problem, RequestCounters, Room, Socket};
use crate::stream::{Batch, BatchLimit, Cursor, Reader, Start};
use crate::transport::answer::gap_json;
use crate::transport::client::{ClientError, Event, Options};
use crate::transport::coding::Decoder;
use crate::transport::session::{self, Session};
use crate::units::Nanos;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const LIMIT: BatchLimit =
    BatchLimit { updates: limits::STREAM_BATCH_UPDATES_MAX, bytes: limits::STREAM_BATCH_BYTES_MAX };

// Server half ---------------------------------------------------------------------------------------------------------

/// `?after=C`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SseQuery {
    after: Option<String>,
}

/// Server half: `GET /updates/sse`. `Last-Event-ID` wins over `after`, because a browser that reconnects sends its
/// original URL again and adds the header.
///
/// Errors: 400 for a malformed cursor or query.
pub async fn serve(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    Extension(room): Extension<Arc<Room>>,
    StrictQuery(query): StrictQuery<SseQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let counts = connection.counts();
    let last_event_id = match headers.get(LAST_EVENT_ID) {
        Some(id) => Some(id.to_str().map_err(|_| crate::stream::MalformedCursor)?),
        None => None,
    };
    let start = match last_event_id.filter(|id| !id.is_empty()).or(query.after.as_deref()) {
        Some(cursor) => cursor.parse()?,
        None => Start::Now,
    };
    let reader = room.reader(start)?;
    // If a gap follows, the position is still the client's own cursor; the gap's block moves it.
    let position = match start {
        Start::After(cursor) => cursor,
        Start::Now | Start::Earliest => reader.cursor(),
    };
    let hello = Bytes::from(format!("retry: {}\nid: {position}\n\n", app.settings.sse_retry.as_millis()));
    let mut stream = EventStream {
        updates: Updates::Read { grown: None, reader },
        hello: Some(hello),
        every: app.settings.sse_heartbeat,
        heartbeat: Box::pin(tokio::time::sleep(app.settings.sse_heartbeat)),
        drain: DrainNotice::Pending(app.drain.signal()),
        counts,
    };
    let headers = [
        (CONTENT_TYPE, EVENT_STREAM),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx and other proxies buffer a response until it ends unless told not to.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    if !connection.takeover().is_offered() {
        return Ok((headers, Body::new(stream)).into_response());
    }
    let own = Arc::clone(&connection);
    connection.takeover().agree(move |taken| {
        let mut wire = Wire::new(taken.socket);
        wire.put(wire::head(StatusCode::OK, taken.headers.as_deref(), BodyLength::Chunked).freeze());
        let slot = stream.join(&room, wire);
        send_all(own, slot, stream)
    });
    Ok(headers.into_response())
}

/// The response body. It is polled only when the connection can take more, so a slow client holds only its position.
struct EventStream {
    updates: Updates,
    hello: Option<Bytes>,
    /// Time between two heartbeats.
    every: Duration,
    heartbeat: Pin<Box<Sleep>>,
    drain: DrainNotice,
    counts: RequestCounters,
}

/// The source of the updates that the stream itself sends.
enum Updates {
    /// The journal, while hyper sends the body.
    Read {
        reader: Reader,
        /// Ready when there may be something to read.
        grown: Option<ReusableBoxFuture<'static, ()>>,
    },
    /// The group's slot: updates that the group does not send.
    Slot(Arc<GroupSlot<Subscriber>>),
    /// None, during the change from the one to the other.
    None,
}

/// Whether the client has been told that the stream will end.
enum DrainNotice {
    Pending(DrainSignal),
    Sent,
}

impl Updates {
    /// The next batch to send; `None` if the connection can send no more.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Batch>> {
        match self {
            Self::Read { reader, grown } => loop {
                if let Some(batch) = reader.try_next(LIMIT) {
                    return Poll::Ready(Some(batch));
                }
                let again = reader.grown();
                match grown {
                    None => *grown = Some(ReusableBoxFuture::new(again)),
                    Some(grown) => {
                        ready!(grown.poll(context));
                        grown.set(again);
                    }
                }
            },
            // If the connection is broken, the next write reports it.
            Self::Slot(slot) => slot.poll_next(context).map(|next| next.ok().flatten()),
            Self::None => Poll::Ready(None),
        }
    }
}

impl HttpBody for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = |bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        if let Some(hello) = self.hello.take() {
            return frame(hello);
        }
        // Checked before the updates: a client that lags always has more to read, and must still be told.
        match &mut self.drain {
            DrainNotice::Sent => return Poll::Ready(None),
            DrainNotice::Pending(signal) => {
                if let Poll::Ready(come_back_in) = Pin::new(signal).poll(context) {
                    self.drain = DrainNotice::Sent;
                    return frame(Bytes::from(format!("retry: {}\n\n", come_back_in.as_millis())));
                }
            }
        }
        if let Poll::Ready(next) = self.updates.poll_next(context) {
            let Some(batch) = next else { return Poll::Ready(None) };
            if batch.is_cut {
                self.counts.cut();
                return Poll::Ready(None);
            }
            self.counts.sent(&batch);
            return frame(blocks(&batch));
        }
        ready!(self.heartbeat.as_mut().poll(context));
        let next = Instant::now() + self.every;
        self.heartbeat.as_mut().reset(next);
        frame(Bytes::from_static(b":\n\n"))
    }
}

impl EventStream {
    /// Moves the stream and its connection into a group of subscribers.
    fn join(&mut self, room: &Room, wire: Wire) -> Option<Arc<GroupSlot<Subscriber>>> {
        let Updates::Read { reader, .. } = std::mem::replace(&mut self.updates, Updates::None) else { return None };
        let slot = Arc::new(room.join(Subscriber { wire, counts: self.counts.clone() }, reader));
        self.updates = Updates::Slot(Arc::clone(&slot));
        Some(slot)
    }
}

/// A subscriber's connection, as a member of its group.
struct Subscriber {
    wire: Wire,
    counts: RequestCounters,
}

impl Member for Subscriber {
    type Error = io::Error;

    fn deliver(&mut self, delivery: &Delivery, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.counts.sent(&delivery.batch);
        self.wire.put(delivery.form(Transport::Sse, |batch| chunk(&blocks(batch))).clone());
        self.wire.poll_flush(context)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_flush(context)
    }
}

/// Sends everything that the group does not: the response head, which is already queued on the wire, and the parts of
/// the body that this task produces. Returns the connection at the end of the body.
///
/// An `async` block and not an `async fn`, which would store its arguments twice: every idle subscriber keeps this
/// state.
fn send_all(
    connection: Arc<Connection>,
    slot: Option<Arc<GroupSlot<Subscriber>>>,
    mut body: EventStream,
) -> impl Future<Output = Option<Socket>> + Send {
    // A request that arrived before this response ended; it waits until then.
    let mut ahead = None;
    async move {
        let slot = slot.as_ref()?;
        slot.flushed().await.ok()?;
        loop {
            let next = tokio::select! {
                biased;
                received = slot.receive(|one, _, context| one.wire.poll_received(context)), if ahead.is_none() => {
                    ahead = Some(received?);
                    continue;
                }
                next = body.frame() => next,
            };
            let data = next.and_then(|frame| frame.ok()?.into_data().ok());
            let is_end = data.is_none();
            let chunk = data.map_or(Bytes::from_static(b"0\r\n\r\n"), |data| chunk(&data));
            let put = |one: &mut Subscriber| {
                one.wire.put(chunk);
                Ok(())
            };
            slot.put(put).ok()?;
            slot.flushed().await.ok()?;
            if is_end {
                let wire = slot.take()?.wire;
                return Some(match ahead {
                    Some(request) => wire.leave(request, &connection),
                    None => wire.into_socket(),
                });
            }
        }
    }
}

/// One chunk of a body of unknown length (RFC 9112 section 7.1).
fn chunk(data: &[u8]) -> Bytes {
    [format!("{:X}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat().into()
}

/// One update as a block with its cursor as `id`. `json` must have no line break.
pub fn block(cursor: Cursor, json: &str) -> Bytes {
    Bytes::from(format!("id: {cursor}\ndata: {json}\n\n"))
}

/// The blocks of a batch. A single update, the usual case, is the block that was encoded once for all subscribers.
pub fn blocks(batch: &Batch) -> Bytes {
    if let (None, [only]) = (&batch.gap, batch.updates.as_slice()) {
        return only.encoded.sse.clone();
    }
    let mut bytes =
        BytesMut::with_capacity(batch.updates.iter().map(|entry| entry.encoded.sse.len()).sum::<usize>() + 128);
    if let Some(gap) = &batch.gap {
        let position = batch.position_after_gap();
        bytes.extend_from_slice(format!("event: gap\nid: {position}\ndata: {}\n\n", gap_json(gap)).as_bytes());
    }
    for entry in &batch.updates {
        bytes.extend_from_slice(&entry.encoded.sse);
    }
    bytes.freeze()
}

// Client half ---------------------------------------------------------------------------------------------------------

/// Client half: opens the stream after the position and reports its events until it ends.
pub async fn subscribe<S: Stream>(
    session: impl Into<Session<S>>,
    options: &Options,
    position: &mut Option<Cursor>,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let mut http = session::http(session, options);
    on_event(Event::Requested);
    let mut headers = vec![(ACCEPT, EVENT_STREAM)];
    if let Some(cursor) = position {
        let id = HeaderValue::try_from(cursor.to_string()).map_err(|error| ClientError::Contract(error.to_string()))?;
        headers.push((LAST_EVENT_ID, id));
    }
    let response = http.get("/updates/sse", &headers).await?;
    if !response.status().is_success() {
        return Err(session::refusal(response).await);
    }
    if response.headers().get(CONTENT_TYPE) != Some(&EVENT_STREAM) {
        return Err(ClientError::Contract("an event stream must be text/event-stream".to_owned()));
    }
    let mut decoder = Decoder::of(response.headers())?;
    let mut parser = Parser::default();
    let take = |data: &[u8]| {
        let data = decoder.next(data, limits::EVENT_BYTES_MAX, on_event)?;
        parser.push(&data, |block| report(&block, position, on_event))
    };
    response.into_body().each(take).await
}

/// Reports one block as an event, and moves the position.
fn report(
    block: &Block<'_>,
    position: &mut Option<Cursor>,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let malformed = |what: &str, error: &dyn std::fmt::Display| ClientError::Contract(format!("{what}: {error}"));
    if let Some(retry) = block.retry {
        on_event(Event::Retry(retry));
    }
    match (block.event, block.data) {
        (_, "") => {}
        ("gap", data) => on_event(Event::Gap(serde_json::from_str(data).map_err(|error| malformed("a gap", &error))?)),
        ("" | "message", data) => {
            on_event(Event::Update(serde_json::from_str(data).map_err(|error| malformed("an update", &error))?));
        }
        // An event type without a listener has no effect (WHATWG HTML).
        _ => {}
    }
    if let Some(id) = block.id.filter(|id| !id.is_empty()) {
        let cursor = id.parse().map_err(|error| malformed("an id", &error))?;
        *position = Some(cursor);
        if block.data.is_empty() {
            on_event(Event::Position(cursor));
        }
    }
    Ok(())
}

/// One block of an event stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block<'a> {
    /// The `event` field; empty if absent, which means `message`.
    pub event: &'a str,
    /// The `data` fields, joined by line feeds. A block without data dispatches no event.
    pub data: &'a str,
    /// The `id` field, if present.
    pub id: Option<&'a str>,
    /// The `retry` field, if present and a number.
    pub retry: Option<Nanos>,
}

/// Splits an event stream into blocks, independently of how the network splits it.
///
/// Lines end with LF, CR or CRLF. A byte order mark before the first line is skipped.
/// Source: WHATWG HTML, "Parsing an event stream" and "Interpreting an event stream".
#[derive(Debug, Default)]
pub struct Parser {
    /// The start of a line whose end has not arrived yet.
    line: Vec<u8>,
    /// The last chunk ended with CR, so an LF at the start of the next one belongs to the same line end.
    after_cr: bool,
    /// The first line has been seen.
    begun: bool,
    event: String,
    data: String,
    id: String,
    has_id: bool,
    retry: Option<Nanos>,
}

impl Parser {
    /// Parses the next bytes and calls `on_block` for every block that they complete.
    ///
    /// Errors: a line or a block longer than [`limits::EVENT_BYTES_MAX`], and the errors of `on_block`.
    pub fn push(
        &mut self,
        mut chunk: &[u8],
        mut on_block: impl FnMut(Block<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        if self.after_cr && !chunk.is_empty() {
            self.after_cr = false;
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', chunk) {
            let (line, rest) = (&chunk[..end], &chunk[end..]);
            chunk = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
            if self.line.is_empty() {
                self.take_line(line, &mut on_block)?;
            } else {
                self.line.extend_from_slice(line);
                let line = std::mem::take(&mut self.line);
                self.take_line(&line, &mut on_block)?;
            }
        }
        self.line.extend_from_slice(chunk);
        self.check_length(self.line.len())
    }

    fn check_length(&self, bytes: usize) -> Result<(), ClientError> {
        if bytes + self.data.len() > limits::EVENT_BYTES_MAX {
            return Err(ClientError::Contract(format!("an event is longer than {} B", limits::EVENT_BYTES_MAX)));
        }
        Ok(())
    }

    fn take_line(
        &mut self,
        line: &[u8],
        on_block: &mut impl FnMut(Block<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        self.check_length(line.len())?;
        let line = match self.begun {
            true => line,
            false => line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line),
        };
        self.begun = true;
        if line.is_empty() {
            return self.dispatch(on_block);
        }
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            // "If the field value does not contain U+0000 NULL".
            "id" if !value.contains('\0') => {
                value.clone_into(&mut self.id);
                self.has_id = true;
            }
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(|ms: u64| Nanos(ms.saturating_mul(Nanos::MILLI.0)));
            }
            // A comment (an empty name) or an unknown field is ignored.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, on_block: &mut impl FnMut(Block<'_>) -> Result<(), ClientError>) -> Result<(), ClientError> {
        let is_empty = self.data.is_empty() && !self.has_id && self.retry.is_none();
        let outcome = match is_empty {
            true => Ok(()),
            false => on_block(Block {
                event: &self.event,
                data: self.data.strip_suffix('\n').unwrap_or(&self.data),
                id: self.has_id.then_some(self.id.as_str()),
                retry: self.retry,
            }),
        };
        self.event.clear();
        self.data.clear();
        self.has_id = false;
        self.retry = None;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blocks that a parser finds in `chunks`, one line each.
    fn parse(chunks: &[&[u8]]) -> Vec<String> {
        let mut parser = Parser::default();
        let mut blocks = Vec::new();
        for chunk in chunks {
            let keep = |block: Block<'_>| {
                blocks.push(format!("{}|{}|{:?}|{:?}", block.event, block.data, block.id, block.retry.map(|ns| ns.0)));
                Ok(())
            };
            parser.push(chunk, keep).unwrap();
        }
        blocks
    }

    #[test]
    fn a_stream_is_read_as_the_standard_says() {
        let cases: [(&str, &[&str]); 9] = [
            ("data: a\n\n", &["|a|None|None"]),
            ("data\n\n", &["||None|None"]),
            ("data: a\ndata: b\n\n", &["|a\nb|None|None"]),
            ("data:a\r\rdata: b\r\n\r\n", &["|a|None|None", "|b|None|None"]),
            (": comment\n\nevent: x\n\ndata: a\n\n", &["|a|None|None"]),
            ("retry: 1000\nid: 5\n\n", &["||Some(\"5\")|Some(1000000000)"]),
            ("retry: soon\nid: a\0b\ndata:  two\n\n", &["| two|None|None"]),
            ("event: gap\ndata: {}\nunknown: 1\n\ndata: cut off", &["gap|{}|None|None"]),
            ("\u{feff}data: a\n\n\u{feff}data: b\n\n", &["|a|None|None"]),
        ];
        for (stream, wanted) in cases {
            assert_eq!(parse(&[stream.as_bytes()]), wanted, "{stream:?}");
        }
    }

    #[test]
    fn every_way_to_split_a_stream_gives_the_same_blocks() {
        let stream =
            "\u{feff}retry: 5\r\nid: 1\r\n\r\n:\n\ndata: é\u{1F30B}\rdata: b\r\revent: gap\nid: 2\ndata: c\n\n"
                .as_bytes();
        let whole = parse(&[stream]);
        assert_eq!(whole.len(), 3);
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                assert_eq!(
                    parse(&[&stream[..first], &stream[first..second], &stream[second..]]),
                    whole,
                    "{first} {second}"
                );
            }
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(parse(&bytes), whole);
    }

    #[test]
    fn an_event_without_end_is_refused_and_not_kept() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 64 << 10];
        let outcome = (0..100).try_for_each(|_| parser.push(&chunk, |_| Ok(())));
        assert!(matches!(outcome, Err(ClientError::Contract(_))));
    }
}
