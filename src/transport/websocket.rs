//! WebSocket: frames both ways over an upgraded connection (RFC 6455).
//!
//! ```text
//! → GET /updates/ws?after=1f3a9c02-41 HTTP/1.1
//!   connection: upgrade
//!   upgrade: websocket
//!   sec-websocket-version: 13
//!   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==
//! ← HTTP/1.1 101 Switching Protocols
//!   sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//! ← text  {"cursor":"1f3a9c02-41"}                        the position: what was asked for, or that of now
//! ← text  {"seq":42,"at_us":1795363216000123,"data":{…}}
//! ← ping / → pong                                         every 20 seconds
//! ← text  {"gap":{"reason":"evicted","lost":57},"cursor":"1f3a9c02-99"}
//! ← close 1001                                            the server goes away
//! ```
//!
//! The position of a client moves with each update, and with a gap to the `cursor` beside it, which may be of another
//! epoch: in the same frame that announces the loss, so no cut between two frames can make the loss silent.
//!
//! What a developer must get right, beside the lines (counted with them, by `build.rs`):
//!
//! - server: the handshake's key, version and origin
//! - server: the position comes first, so that a client can resume before its first update
//! - server: pings, and a connection without a pong is dead
//! - server: the close handshake, with a code that says whether to come back
//! - server: a slow reader costs its cursor and not the server's memory
//! - server: a message of the wrong kind or size is refused with its code
//! - client: the handshake, and that it was answered
//! - client: answers pings, and closes in turn
//! - client: tells silence from a dead connection
//! - client: resumes by itself: the protocol has no position

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    ALLOW, CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::limits;
use crate::net::Stream;
use crate::server::origin::Origins;
use crate::server::request::StrictQuery;
use crate::server::request::single_header;
use crate::server::{App, Connection, Problem, RequestCounters, Room, Socket};
use crate::stream::{Batch, BatchLimit, Cursor, Entry, Gap, Reader, Start};
use crate::transport::Update;
use crate::transport::answer::gap_json;
use crate::transport::client::{self, ClientError, Event, Options};
use crate::units::UnixMicros;

const LIMIT: BatchLimit =
    BatchLimit { updates: limits::STREAM_BATCH_UPDATES_MAX, bytes: limits::STREAM_BATCH_BYTES_MAX };

// Server half ---------------------------------------------------------------------------------------------------------

/// `?after=C`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WsQuery {
    after: Option<String>,
}

/// Server half: `GET /updates/ws`.
///
/// Errors: 426 for a request that does not ask for a WebSocket, 400 for one that asks wrongly or for a malformed
/// cursor or query.
pub async fn serve(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    Extension(room): Extension<Arc<Room>>,
    StrictQuery(query): StrictQuery<WsQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let counts = connection.counts();
    let start = query.after.as_deref().map_or(Ok(Start::Now), str::parse)?;
    let reader = room.reader(start)?;
    let buffer = limits::WS_READ_BUFFER_BYTES;
    let (response, upgrade) = accept(request, config(buffer, limits::WS_UP_BYTES_MAX), &app.settings.origins)?;
    // With a gap to come the client still stands where it says; the gap's own frame moves it.
    let position = match start {
        Start::After(cursor) => cursor,
        Start::Now | Start::Earliest => reader.cursor(),
    };
    let session = Session { app: Arc::clone(&app), reader, position, counts };
    app.tasks.spawn(async move {
        if let Some(socket) = upgrade.socket().await {
            // Every way to end is the client's or the network's doing and counted at the connection.
            let _ended = session.run(socket).await;
        }
    });
    Ok(response)
}

/// The library's settings for a connection that reads messages up to `message_bytes_max`, and may send them back.
pub(crate) fn config(read_buffer_bytes: usize, message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(read_buffer_bytes)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
        .max_write_buffer_size(limits::WS_WRITE_BUFFER_BYTES_MAX + 2 * message_bytes_max)
}

/// An upgrade that was agreed to and has not happened yet.
pub(super) struct Upgrade {
    on_upgrade: OnUpgrade,
    config: WebSocketConfig,
}

impl Upgrade {
    /// The WebSocket, once the 101 is out; `None` if the client was gone by then.
    pub async fn socket(self) -> Option<WebSocketStream<Socket>> {
        let upgraded = self.on_upgrade.await.ok()?;
        // The concrete stream instead of hyper's boxed one: one allocation and one indirect call less per read.
        let Ok(parts) = Upgraded::downcast::<TokioIo<Socket>>(upgraded) else { return None };
        let stream = parts.io.into_inner();
        // Copied, since it is most often empty: taken over, it would keep hyper's read buffer of 8 KiB alive for good.
        let already_read = parts.read_buf.to_vec();
        Some(WebSocketStream::from_partially_read(stream, already_read, Role::Server, Some(self.config)).await)
    }
}

/// Answers the opening handshake (RFC 6455 section 4.2).
///
/// Errors: 426 with what to upgrade to, 405 for anything but GET, 403 for a page of another site, or 400 with what is
/// wrong.
pub(super) fn accept(
    mut request: Request,
    config: WebSocketConfig,
    origins: &Origins,
) -> Result<(Response, Upgrade), Problem> {
    if request.method() != Method::GET {
        let detail = "a WebSocket is opened with GET (RFC 6455 section 4.2.1)";
        let allow = HeaderValue::from_static("GET");
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).header(ALLOW, allow));
    }
    let headers = request.headers();
    let has = |name: HeaderName, token: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    let upgrade_required = |detail: &str| {
        Problem::new(StatusCode::UPGRADE_REQUIRED, detail)
            .header(CONNECTION, HeaderValue::from_static("upgrade"))
            .header(UPGRADE, HeaderValue::from_static("websocket"))
            .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
    };
    if !has(UPGRADE, "websocket") || !has(CONNECTION, "upgrade") {
        let detail = "this address speaks WebSocket; open it with a WebSocket client, or use /updates/sse";
        return Err(upgrade_required(detail));
    }
    if single_header(headers, SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(upgrade_required("only version 13 of the WebSocket protocol is spoken here"));
    }
    origins.check(request.uri(), headers)?;
    let accept_key = accept_key(headers)?;
    let Some(on_upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return Err(upgrade_required("this connection cannot be upgraded; use HTTP/1.1"));
    };
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept_key)
        .body(axum::body::Body::empty())
        .expect("the head is made of valid parts");
    Ok((response, Upgrade { on_upgrade, config }))
}

/// RFC 6455 section 4.1: the key is 16 bytes in base64.
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    use base64::Engine as _;
    let key = single_header(headers, SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    let bytes = key.and_then(|key| base64::engine::general_purpose::STANDARD.decode(key).ok());
    match (key, bytes) {
        (Some(key), Some(bytes)) if bytes.len() == 16 => {
            Ok(HeaderValue::try_from(derive_accept_key(key)).expect("base64 is fit for a header"))
        }
        _ => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key must be there once, with 16 bytes in base64"))
        }
    }
}

/// One subscriber on an open WebSocket.
struct Session {
    app: Arc<App>,
    reader: Reader,
    /// Where it stands when it connects.
    position: Cursor,
    counts: RequestCounters,
}

impl Session {
    async fn run(mut self, mut socket: WebSocketStream<Socket>) -> Result<(), WsError> {
        let hello = format!(r#"{{"cursor":"{}"}}"#, self.position);
        send_all(&mut socket, [Message::text(hello)]).await?;
        let mut drain = self.app.drain.turn();
        let mut keepalive = Keepalive::new(self.app.settings.ws_ping);
        loop {
            tokio::select! {
                // Updates come last: a client that lags always has more to read, and is heard all the same.
                biased;
                _come_back_in = &mut drain => return close(&mut socket, CloseCode::Away, "the server is going away").await,
                received = socket.next() => match received {
                    None => return hang_up(&mut socket).await,
                    Some(Ok(Message::Pong(_))) => {
                        keepalive.heard();
                        self.counts.ponged(self.app.clock.now());
                    }
                    Some(Ok(Message::Ping(_))) => keepalive.heard(),
                    Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                        let reason = "one-way stream; publish with POST /updates, or use /echo/ws";
                        return close(&mut socket, CloseCode::Policy, reason).await;
                    }
                    // The library answers a close frame and then ends the stream.
                    Some(Ok(Message::Close(_) | Message::Frame(_))) => {}
                    Some(Err(error)) => return close_for(&mut socket, error).await,
                },
                ping = keepalive.beat() => {
                    send_all(&mut socket, [ping?]).await?;
                    self.counts.pinged(self.app.clock.now());
                }
                batch = self.reader.next(LIMIT) => {
                    if batch.is_cut {
                        self.counts.cut();
                        return close(&mut socket, CloseCode::Policy, "too slow: this stream fell behind").await;
                    }
                    self.counts.sent(&batch);
                    send_all(&mut socket, messages(&batch)).await?;
                }
            }
        }
    }
}

/// Asks the other side for a sign of life now and then, and knows when none comes (RFC 6455 section 5.5.2).
pub(super) struct Keepalive {
    timer: Pin<Box<Sleep>>,
    /// Between pings, which is also how long a pong may take.
    pause: Duration,
    awaits_pong: bool,
}

impl Keepalive {
    /// That of a connection that has just been opened.
    pub fn new(first: Duration) -> Self {
        Self { timer: Box::pin(tokio::time::sleep(first)), pause: first.min(limits::WS_PONG_WAIT), awaits_pong: false }
    }

    /// The other side has said something.
    pub fn heard(&mut self) {
        self.awaits_pong = false;
    }

    /// Waits until a ping is due.
    ///
    /// Cancel safe. Errors: [`WsError::ConnectionClosed`] when nothing was heard since the last one.
    pub async fn beat(&mut self) -> Result<Message, WsError> {
        self.timer.as_mut().await;
        if self.awaits_pong {
            return Err(WsError::ConnectionClosed);
        }
        self.awaits_pong = true;
        self.timer.as_mut().reset(Instant::now() + self.pause);
        Ok(Message::Ping(Bytes::new()))
    }
}

/// An update as a text frame.
fn text(entry: &Arc<Entry>) -> Message {
    Message::Text(entry.encoded.json.clone().try_into().expect("JSON is UTF-8"))
}

/// The frames of a batch. Updates are shared with all other subscribers, not copied.
fn messages(batch: &Batch) -> impl Iterator<Item = Message> {
    let gap = batch.gap.map(|gap| {
        let position = batch.position_after_gap();
        Message::text(format!(r#"{{"gap":{},"cursor":"{position}"}}"#, gap_json(&gap)))
    });
    gap.into_iter().chain(batch.updates.iter().map(text))
}

/// Writes messages together, with one flush. A client that takes nothing for too long is cut by its [`Socket`].
pub(super) async fn send_all<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    messages: impl IntoIterator<Item = Message>,
) -> Result<(), WsError> {
    for message in messages {
        socket.feed(message).await?;
    }
    socket.flush().await
}

/// Says goodbye and waits for the client's own, in bounded time (RFC 6455 section 7.1.1).
pub(super) async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    code: CloseCode,
    reason: &'static str,
) -> Result<(), WsError> {
    let closing = async {
        socket.close(Some(CloseFrame { code, reason: reason.into() })).await?;
        while let Some(Ok(_)) = socket.next().await {}
        hang_up(socket).await
    };
    tokio::time::timeout(limits::WS_CLOSE_WAIT, closing).await.unwrap_or(Ok(()))
}

/// Ends the TCP connection in good order once the close frames are exchanged, or once the library reads no more. A
/// socket that is dropped with unread bytes in it resets its connection, and the reset can overtake the close frame.
pub(super) async fn hang_up<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> Result<(), WsError> {
    Ok(socket.get_mut().shutdown().await?)
}

/// Tells the client what it did wrong, where the library leaves that to us.
pub(super) async fn close_for<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    error: WsError,
) -> Result<(), WsError> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's own list, of which three have a close code")]
    match &error {
        WsError::Capacity(_) => close(socket, CloseCode::Size, "the message is too large").await?,
        WsError::Utf8(_) => close(socket, CloseCode::Invalid, "the text is not UTF-8").await?,
        WsError::Protocol(_) => close(socket, CloseCode::Protocol, "not according to RFC 6455").await?,
        _ => {}
    }
    Err(error)
}

// Client half ---------------------------------------------------------------------------------------------------------

/// Any frame of the stream: exactly one of its forms is filled in.
#[derive(Deserialize)]
struct Frame<'a> {
    seq: Option<u64>,
    at_us: Option<UnixMicros>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    cursor: Option<Cursor>,
    gap: Option<Gap>,
}

/// A member that is there: `null` is a value like any other, and not a member that is missing.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(member: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(member).map(Some)
}

/// Client half: opens the WebSocket behind the position and reports what comes, until it ends.
pub async fn subscribe<S: Stream>(
    io: S,
    options: &Options,
    position: &mut Option<Cursor>,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let mut socket = open(io, options, &client::path("/updates/ws", *position, &[]), on_event).await?;
    // The epoch that sequence numbers belong to from here on: that of the first frame, until a gap names another.
    let mut epoch = None;
    while let Some(message) = socket.next().await {
        let text = match message.map_err(failure)? {
            Message::Text(text) => text,
            Message::Close(_) => return Ok(()),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        let frame: Frame<'_> =
            serde_json::from_str(&text).map_err(|error| ClientError::Contract(format!("a frame: {error}")))?;
        match frame {
            Frame { seq: Some(seq), at_us: Some(at_us), data: Some(data), .. } => {
                let Some(epoch) = epoch else { return Err(no_position(&text)) };
                on_event(Event::Update(Update { seq, at_us, data }));
                *position = Some(Cursor { epoch, seq });
            }
            Frame { gap: Some(gap), cursor: Some(cursor), .. } => {
                if epoch.replace(cursor.epoch).is_none() {
                    return Err(no_position(&text));
                }
                on_event(Event::Gap(gap));
                *position = Some(cursor);
            }
            Frame { gap: None, cursor: Some(cursor), .. } if epoch.is_none() => {
                if position.is_some_and(|asked| asked != cursor) {
                    // Taken over, it would make the loss of whatever is between the two silent.
                    return Err(ClientError::Contract(format!(
                        "the first frame is not the position asked for: {text}"
                    )));
                }
                epoch = Some(cursor.epoch);
                *position = Some(cursor);
                on_event(Event::Position(cursor));
            }
            Frame { .. } => return Err(ClientError::Contract(format!("a frame without a meaning: {text}"))),
        }
    }
    Ok(())
}

fn no_position(frame: &str) -> ClientError {
    ClientError::Contract(format!("the first frame is the position, and not {frame}"))
}

/// The opening handshake of a client.
pub(super) async fn open<S: Stream>(
    io: S,
    options: &Options,
    path: &str,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<WebSocketStream<S>, ClientError> {
    let host = options.host.to_str().map_err(|error| ClientError::Contract(error.to_string()))?;
    let mut request = format!("ws://{host}{path}").into_client_request().map_err(failure)?;
    request.headers_mut().extend(options.headers.clone());
    on_event(Event::Requested);
    let config = config(limits::WS_LARGE_READ_BUFFER_BYTES, limits::EVENT_BYTES_MAX);
    let (socket, _response) =
        tokio_tungstenite::client_async_with_config(request, io, Some(config)).await.map_err(failure)?;
    Ok(socket)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's own list, of which three are told apart")]
pub(crate) fn failure(error: WsError) -> ClientError {
    match error {
        WsError::Http(response) => {
            let detail = response.body().as_deref().map(|body| String::from_utf8_lossy(body).into_owned());
            let retry_after = client::retry_after(response.headers());
            ClientError::Refused { status: response.status(), detail: detail.unwrap_or_default(), retry_after }
        }
        WsError::ConnectionClosed | WsError::AlreadyClosed => ClientError::Closed,
        other => ClientError::broken(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::stream::GapReason;
    use crate::units::Nanos;

    /// What a client at this position makes of these frames: the position it ends with, how many updates and which gaps
    /// it reports, and how it ends.
    async fn follow(
        mut position: Option<Cursor>,
        frames: &[&'static str],
    ) -> (Option<Cursor>, u64, Vec<Gap>, Result<(), ClientError>) {
        let (near, far) = tokio::io::duplex(4096);
        let serving = async {
            let mut socket = tokio_tungstenite::accept_async(far).await.unwrap();
            send_all(&mut socket, frames.iter().map(|frame| Message::text(*frame))).await.unwrap();
            // A client that ends on its own account does not answer.
            let _closed = close(&mut socket, CloseCode::Away, "").await;
        };
        let options = Options {
            host: HeaderValue::from_static("localhost"),
            headers: HeaderMap::new(),
            clock: Clock::Runtime(Instant::now()),
            poll_interval: Nanos::SECOND,
            poll_phase: Nanos::ZERO,
            hold: Nanos::SECOND,
        };
        let (mut updates, mut gaps) = (0, Vec::new());
        let mut note = |event: Event<'_>| match event {
            Event::Update(_) => updates += 1,
            Event::Gap(gap) => gaps.push(gap),
            Event::Requested | Event::Position(_) | Event::Empty | Event::Retry(_) | Event::MissedPoll => {}
        };
        let following = async { subscribe(near, &options, &mut position, &mut note).await };
        let ((), ended) = tokio::join!(serving, following);
        (position, updates, gaps, ended)
    }

    const UPDATE: &str = r#"{"seq":8,"at_us":1795363216000123,"data":1}"#;
    const GAP: &str = r#"{"gap":{"reason":"epoch","lost":null},"cursor":"0000000b-7"}"#;

    #[tokio::test(start_paused = true)]
    async fn the_position_moves_with_each_update_and_with_the_gap_that_announces_a_loss() {
        let cursor = |text: &str| text.parse::<Cursor>().ok();
        let asked = r#"{"cursor":"0000000a-5"}"#;
        let epoch = Gap { reason: GapReason::Epoch, lost: None };
        let cases: [(&[&str], &str, u64, &[Gap]); 4] = [
            (&[], "0000000a-5", 0, &[]),
            (&[asked], "0000000a-5", 0, &[]),
            (&[asked, GAP], "0000000b-7", 0, &[epoch]),
            (&[asked, GAP, UPDATE], "0000000b-8", 1, &[epoch]),
        ];
        for (frames, wanted, updates, gaps) in cases {
            let (position, seen, announced, ended) = follow(cursor("0000000a-5"), frames).await;
            assert_eq!((position, seen, announced.as_slice()), (cursor(wanted), updates, gaps), "{frames:?}");
            ended.unwrap();
        }
        let (position, ..) = follow(None, &[r#"{"cursor":"0000000b-7"}"#]).await;
        assert_eq!(position, cursor("0000000b-7"), "one that asks for no position learns it");
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_would_move_the_position_silently_break_the_contract_and_do_not_move_it() {
        let position = "0000000a-5".parse::<Cursor>().ok();
        for frames in [
            &[r#"{"cursor":"0000000b-7"}"#, UPDATE][..],
            &[r#"{"cursor":"0000000a-6"}"#],
            &[r#"{"cursor":"0000000a-5"}"#, r#"{"cursor":"0000000b-7"}"#],
            &[r#"{"cursor":"0000000a-5"}"#, r#"{"gap":{"reason":"epoch","lost":null}}"#],
            &[UPDATE],
            &[GAP],
        ] {
            let (after, updates, gaps, ended) = follow(position, frames).await;
            assert!(matches!(ended, Err(ClientError::Contract(_))), "{frames:?}: {ended:?}");
            assert_eq!((after, updates, gaps), (position, 0, Vec::new()), "{frames:?}");
        }
    }

    #[test]
    fn an_update_whose_data_is_null_is_an_update() {
        let frame: Frame<'_> = serde_json::from_str(r#"{"seq":1,"at_us":2,"data":null}"#).unwrap();
        assert_eq!(frame.data.map(RawValue::get), Some("null"));
        let frame: Frame<'_> =
            serde_json::from_str(r#"{"gap":{"reason":"evicted","lost":1},"cursor":"1f3a9c02-9"}"#).unwrap();
        assert!(frame.data.is_none() && frame.gap.is_some() && frame.cursor.is_some());
    }
}
