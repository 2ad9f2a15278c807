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
//! ← text  {"cursor":"1f3a9c02-41"}                        the position: the cursor asked for, or the newest update
//! ← text  {"seq":42,"at_us":1795363216000123,"data":{…}}
//! ← ping / → pong                                         every 20 seconds
//! ← text  {"gap":{"reason":"evicted","lost":57},"cursor":"1f3a9c02-99"}
//! ← close 1001                                            the server is shutting down
//! ```
//!
//! A client's position moves with each update. A gap moves it to the `cursor` in the same frame, which may be of
//! another epoch, so a connection that breaks between two frames cannot hide the loss.
//!
//! Over 400 lines: it contains the server half and the client half, as the file of every transport does.
//!
//! What a developer must get right (`build.rs` counts these points along with the lines of code):
//!
//! - server: checks the key, version and origin of the handshake
//! - server: the position comes first, so that a client can resume before its first update
//! - server: sends pings, and treats a connection without a pong as dead
//! - server: the close handshake, with a code that says whether to reconnect
//! - server: a slow reader falls behind in the journal and takes no server memory
//! - server: a message of the wrong kind or size is refused with the right close code
//! - client: sends the handshake and checks the answer
//! - client: answers pings and close frames
//! - client: distinguishes a silent stream from a dead connection
//! - client: resumes by itself, because the protocol has no position

mod client;
mod deflate;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::header::{
    ALLOW, CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode};
use http_body_util::Full;
use hyper::ext::Protocol;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_util::either::Either;

use crate::limits;
use crate::net::Stream;
use crate::run::Transport;
use crate::server::fanout::{Delivery, Member};
use crate::server::origin::Origins;
use crate::server::request::StrictQuery;
use crate::server::request::single_header;
use crate::server::wire::Wire;
use crate::server::{App, Connection, Problem, RequestCounters, Room, Socket};
use crate::stream::{Batch, Cursor, Entry, Epoch, Gap, Reader, Start};
use crate::transport::Update;
use crate::transport::answer::gap_json;
use crate::transport::client::{ClientError, Event, Options, path, refusal, retry_after};
use crate::transport::session::{self, H2Session};
use crate::units::UnixMicros;
pub use client::{ClientSocket, handshake};

/// The `:protocol` of a WebSocket over an HTTP/2 stream (RFC 8441 section 4).
const WEBSOCKET: Protocol = Protocol::from_static("websocket");

// Server half ---------------------------------------------------------------------------------------------------------

/// `?after=C`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WsQuery {
    after: Option<String>,
}

/// Server half: `GET /updates/ws`.
///
/// Errors: 426 for a request that is not a WebSocket handshake, 400 for a malformed handshake, cursor or query.
pub async fn serve(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    Extension(room): Extension<Arc<Room>>,
    StrictQuery(query): StrictQuery<WsQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let start = query.after.as_deref().map_or(Ok(Start::Now), str::parse)?;
    let reader = room.reader(start)?;
    let is_deflated = app.settings.compress && deflate::is_offered(request.headers());
    let (mut response, opened) = accept(request, &app.settings.origins)?;
    if is_deflated {
        response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, deflate::EXTENSION);
    }
    // If a gap follows, the position is still the client's own cursor; the gap's frame moves it.
    let position = match start {
        Start::After(cursor) => cursor,
        Start::Now | Start::Earliest => reader.cursor(),
    };
    let session = Session { app: Arc::clone(&app), room, reader, position, counts: connection.counts() };
    // A session that ends in an error needs no handling here: the connection counts it.
    match is_deflated {
        true => opened.then(&app, &connection, async move |socket| {
            let _ended = Box::pin(session.run_deflated(socket)).await;
        }),
        false => opened.then(&app, &connection, move |socket| session.run(socket).map(drop)),
    }
    Ok(response)
}

/// The library's settings for a connection that reads messages of up to `message_bytes_max` and may echo them.
pub(crate) fn config(read_buffer_bytes: usize, message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(read_buffer_bytes)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
        .max_write_buffer_size(limits::WS_WRITE_BUFFER_BYTES_MAX + 2 * message_bytes_max)
}

/// A server-side WebSocket over a connection on which the handshake is complete.
pub(super) fn over<S: AsyncRead + AsyncWrite + Unpin>(stream: S, config: WebSocketConfig) -> WebSocketStream<S> {
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config));
    socket.now_or_never().expect("the library skips the handshake, and has nothing else to wait for")
}

/// What carries the WebSocket once the handshake's answer has been sent.
pub(super) enum Opened {
    /// The connection itself.
    Connection,
    /// A stream of an HTTP/2 connection.
    Stream(OnUpgrade),
}

impl Opened {
    /// Runs `session` over it: in the connection's own task, or in a new task for the stream.
    pub fn then<F>(self, app: &App, connection: &Arc<Connection>, session: impl FnOnce(Socket) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self {
            Self::Connection => connection.takeover().agree(move |taken| session(taken.socket).map(|()| None)),
            Self::Stream(on_upgrade) => {
                let connection = Arc::clone(connection);
                app.tasks.spawn(async move {
                    // Fails if the client disconnected before the answer was sent.
                    if let Ok(upgraded) = on_upgrade.await {
                        session(connection.stream(TokioIo::new(upgraded))).await;
                    }
                });
            }
        }
    }
}

/// Answers the opening handshake, over HTTP/1.1 (RFC 6455 section 4.2) or over an HTTP/2 stream (RFC 8441 section 5).
///
/// Errors: 426 with the protocol to upgrade to, 405 for any method except GET, 403 for a page of another site, 400 for
/// a malformed key.
pub(super) fn accept(mut request: Request, origins: &Origins) -> Result<(Response, Opened), Problem> {
    if request.extensions().get::<Protocol>() == Some(&WEBSOCKET) {
        origins.check(request.uri(), request.headers())?;
        let opened = Opened::Stream(hyper::upgrade::on(&mut request));
        return Ok((Response::new(axum::body::Body::empty()), opened));
    }
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
    // hyper's own handle to the upgraded connection. It is not used, but without it the connection cannot be upgraded.
    if request.extensions_mut().remove::<OnUpgrade>().is_none() {
        return Err(upgrade_required("this connection cannot be upgraded; use HTTP/1.1"));
    }
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept_key)
        .body(axum::body::Body::empty())
        .expect("the head is made of valid parts");
    Ok((response, Opened::Connection))
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

/// One subscriber whose WebSocket is about to open.
struct Session {
    app: Arc<App>,
    room: Arc<Room>,
    reader: Reader,
    /// Its position when it connects, sent in the first frame.
    position: Cursor,
    counts: RequestCounters,
}

/// A subscriber's WebSocket, as a member of its group.
struct Subscriber {
    socket: WebSocketStream<Wire>,
    counts: RequestCounters,
}

impl Subscriber {
    /// Queues messages to be sent.
    fn put(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), WsError> {
        messages.into_iter().try_for_each(|message| self.socket.start_send_unpin(message))
    }

    fn put_batch(&mut self, batch: &Batch) -> Result<(), WsError> {
        self.counts.sent(batch);
        self.put(messages(batch))
    }
}

impl Member for Subscriber {
    type Error = WsError;

    fn deliver(&mut self, delivery: &Delivery, context: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.counts.sent(&delivery.batch);
        // Bypasses the library, which would copy each frame for each member. The library has nothing queued: the group
        // delivers only after the member's own task has flushed everything.
        let wire = self.socket.get_mut();
        wire.put(delivery.form(Transport::WebSocket, frames).clone());
        wire.poll_flush(context).map_err(WsError::Io)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.socket.poll_flush_unpin(context)
    }
}

impl Session {
    /// Joins a group of the room's subscribers, and does everything that the group does not: the first frame, pings,
    /// incoming messages, catching up and closing.
    ///
    /// An `async` block and not an `async fn`, which would store its arguments twice: every idle subscriber keeps this
    /// state.
    fn run(self, socket: Socket) -> impl Future<Output = Result<(), WsError>> + Send {
        let Self { app, room, reader, position, counts } = self;
        let socket = over(Wire::new(socket), config(limits::WS_READ_BUFFER_BYTES, limits::WS_UP_BYTES_MAX));
        let slot = room.join(Subscriber { socket, counts: counts.clone() }, reader);
        let mut drain = app.drain.signal();
        let mut keepalive = Keepalive::new(app.settings.ws_ping);
        async move {
            let hello = Message::text(format!(r#"{{"cursor":"{position}"}}"#));
            slot.put(|one| one.put([hello]))?;
            slot.flushed().await?;
            let end = loop {
                tokio::select! {
                    // Updates come last: a client that lags always has more to read, and must still be heard.
                    biased;
                    _come_back_in = &mut drain => {
                        break SessionEnd::Close(CloseCode::Away, "the server is going away");
                    }
                    received = slot.receive(|one, _, context| one.socket.poll_next_unpin(context)) => match received {
                        None => break SessionEnd::HangUp,
                        Some(Ok(Message::Pong(_))) => {
                            keepalive.heard();
                            counts.ponged(app.clock.now());
                        }
                        Some(Ok(Message::Ping(_))) => keepalive.heard(),
                        Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                            let reason = "one-way stream; publish with POST /updates, or use /echo/ws";
                            break SessionEnd::Close(CloseCode::Policy, reason);
                        }
                        // The library answers a close frame and then ends the stream.
                        Some(Ok(Message::Close(_) | Message::Frame(_))) => {}
                        Some(Err(error)) => break SessionEnd::Error(error),
                    },
                    ping = keepalive.beat() => {
                        let ping = ping?;
                        slot.put(|one| one.put([ping]))?;
                        slot.flushed().await?;
                        counts.pinged(app.clock.now());
                    }
                    batch = slot.next() => {
                        let Some(batch) = batch? else { return Ok(()) };
                        if batch.is_cut {
                            counts.cut();
                            break SessionEnd::Close(CloseCode::Policy, "too slow: this stream fell behind");
                        }
                        slot.put(|one| one.put_batch(&batch))?;
                        drop(batch);
                        slot.flushed().await?;
                    }
                }
            };
            // Boxed before the await, so that the member takes no space in this future's state.
            let end = slot.take().map(|one| Box::pin(end.send(one.socket)));
            match end {
                Some(end) => end.await,
                None => Ok(()),
            }
        }
    }
}

/// How a session ends.
enum SessionEnd {
    /// The server sends a close frame.
    Close(CloseCode, &'static str),
    /// The close frames have been exchanged.
    HangUp,
    /// The client violated the protocol.
    Error(WsError),
}

impl SessionEnd {
    async fn send(self, mut socket: WebSocketStream<Wire>) -> Result<(), WsError> {
        match self {
            Self::Close(code, reason) => close(&mut socket, code, reason).await,
            Self::HangUp => hang_up(&mut socket).await,
            Self::Error(error) => close_for(&mut socket, error).await,
        }
    }
}

/// The ping timer of a connection, which also detects a missing pong (RFC 6455 section 5.5.2).
pub(super) struct Keepalive {
    timer: Pin<Box<Sleep>>,
    /// Time between two pings, which is also how long a pong may take.
    pause: Duration,
    awaits_pong: bool,
}

impl Keepalive {
    /// The timer of a connection that has just opened; `first` is the time until the first ping.
    pub fn new(first: Duration) -> Self {
        Self { timer: Box::pin(tokio::time::sleep(first)), pause: first.min(limits::WS_PONG_WAIT), awaits_pong: false }
    }

    /// Notes that something has arrived from the other side.
    pub fn heard(&mut self) {
        self.awaits_pong = false;
    }

    /// Waits until a ping is due.
    ///
    /// Cancel safe. Errors: [`WsError::ConnectionClosed`] if nothing was heard since the last ping.
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

/// An update as a text frame. JSON is UTF-8, so this need not be checked again for each client.
fn frame(entry: &Arc<Entry>) -> Frame {
    Frame::message(entry.encoded.json.clone(), OpCode::Data(Data::Text), true)
}

/// The frame that announces the gap of a batch, if it has one.
fn gap_text(batch: &Batch) -> Option<String> {
    let gap = gap_json(batch.gap.as_ref()?);
    Some(format!(r#"{{"gap":{gap},"cursor":"{}"}}"#, batch.position_after_gap()))
}

/// The frames of a batch. Updates are shared with all subscribers, not copied.
fn messages(batch: &Batch) -> impl Iterator<Item = Message> {
    let gap = gap_text(batch).map(Message::text);
    gap.into_iter().chain(batch.updates.iter().map(|entry| Message::Frame(frame(entry))))
}

/// The bytes of a batch's frames. A group never sends a batch with a gap.
fn frames(batch: &Batch) -> Bytes {
    const HEADER_BYTES_MAX: usize = 10;
    let length = batch.updates.iter().map(|entry| HEADER_BYTES_MAX + entry.encoded.json.len()).sum();
    let mut bytes = Vec::with_capacity(length);
    for entry in &batch.updates {
        frame(entry).format(&mut bytes).expect("memory takes what is written to it");
    }
    bytes.into()
}

/// Writes messages with one flush. The socket's write timeout ends a connection whose client reads nothing.
pub(super) async fn send_all<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    messages: impl IntoIterator<Item = Message>,
) -> Result<(), WsError> {
    for message in messages {
        socket.feed(message).await?;
    }
    socket.flush().await
}

/// Sends a close frame and waits a bounded time for the client's (RFC 6455 section 7.1.1).
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

/// Shuts the TCP connection down once the close frames have been exchanged, or once the library reads no more. Dropping
/// a socket that holds unread bytes resets its connection, and the reset can overtake the close frame.
pub(super) async fn hang_up<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> Result<(), WsError> {
    Ok(socket.get_mut().shutdown().await?)
}

/// Closes with the code for a client's error, where the library does not do that itself.
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

/// A text frame of the stream: an update, a position, or a gap with its position.
#[derive(Deserialize)]
struct TextFrame<'a> {
    seq: Option<u64>,
    at_us: Option<UnixMicros>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    cursor: Option<Cursor>,
    gap: Option<Gap>,
}

/// Deserializes a member that is present: `null` is a value, and does not mean that the member is missing.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(member: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(member).map(Some)
}

/// Client half: opens the WebSocket after the position and reports its events until it ends.
pub async fn subscribe<S: Stream>(
    session: impl Into<session::Session<S>>,
    options: &Options,
    position: &mut Option<Cursor>,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    if options.headers.get(SEC_WEBSOCKET_EXTENSIONS) == Some(&deflate::EXTENSION) {
        return deflate::subscribe(session.into(), options, position, on_event).await;
    }
    let mut socket = open(session, options, &path("/updates/ws", *position, &[]), on_event).await?;
    let mut tracker = PositionTracker::default();
    while let Some(message) = socket.next().await {
        match message.map_err(failure)? {
            Message::Text(text) => tracker.take(&text, position, on_event)?,
            Message::Close(_) => return Ok(()),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    Ok(())
}

/// The epoch that a connection's sequence numbers belong to, as its frames announce it.
#[derive(Default)]
struct PositionTracker {
    /// The epoch of the sequence numbers: that of the first frame, until a gap names another.
    epoch: Option<Epoch>,
}

impl PositionTracker {
    /// Reports a frame, and moves the position.
    fn take(
        &mut self,
        text: &str,
        position: &mut Option<Cursor>,
        on_event: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        let frame: TextFrame<'_> =
            serde_json::from_str(text).map_err(|error| ClientError::Contract(format!("a frame: {error}")))?;
        match frame {
            TextFrame { seq: Some(seq), at_us: Some(at_us), data: Some(data), .. } => {
                let Some(epoch) = self.epoch else { return Err(no_position(text)) };
                on_event(Event::Update(Update { seq, at_us, data }));
                *position = Some(Cursor { epoch, seq });
            }
            TextFrame { gap: Some(gap), cursor: Some(cursor), .. } => {
                if self.epoch.replace(cursor.epoch).is_none() {
                    return Err(no_position(text));
                }
                on_event(Event::Gap(gap));
                *position = Some(cursor);
            }
            TextFrame { gap: None, cursor: Some(cursor), .. } if self.epoch.is_none() => {
                if position.is_some_and(|asked| asked != cursor) {
                    // Accepting it would hide the loss of the updates between the two positions.
                    return Err(ClientError::Contract(format!(
                        "the first frame is not the position asked for: {text}"
                    )));
                }
                self.epoch = Some(cursor.epoch);
                *position = Some(cursor);
                on_event(Event::Position(cursor));
            }
            TextFrame { .. } => return Err(ClientError::Contract(format!("not a frame of this contract: {text}"))),
        }
        Ok(())
    }
}

fn no_position(frame: &str) -> ClientError {
    ClientError::Contract(format!("the first frame must be the position, not {frame}"))
}

/// The client's opening handshake, over an HTTP/1.1 connection or an HTTP/2 stream (RFC 8441).
pub(super) async fn open<S: Stream>(
    session: impl Into<session::Session<S>>,
    options: &Options,
    path: &str,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<ClientSocket<Either<S, TokioIo<Upgraded>>>, ClientError> {
    on_event(Event::Requested);
    let (io, ahead) = match session.into() {
        session::Session::Http1(io) => {
            let (io, ahead, _head) = handshake(io, &options.host, path, &options.headers).await?;
            (Either::Left(io), ahead)
        }
        session::Session::H2(session) => {
            let (stream, _headers) = open_stream(session, options, path).await?;
            (Either::Right(stream), BytesMut::new())
        }
        session::Session::Fresh(_) => {
            return Err(ClientError::Contract("a WebSocket needs a persistent connection".to_owned()));
        }
    };
    Ok(ClientSocket::new(io, ahead, limits::EVENT_BYTES_MAX))
}

/// The opening handshake over an HTTP/2 stream: CONNECT with `:protocol`, and 200 instead of 101 (RFC 8441 section 5).
async fn open_stream(
    mut session: H2Session,
    options: &Options,
    path: &str,
) -> Result<(TokioIo<Upgraded>, HeaderMap), ClientError> {
    let malformed = |error: http::Error| ClientError::Contract(error.to_string());
    let uri = session.uri(&options.host, path)?;
    let request = http::Request::connect(uri).header(SEC_WEBSOCKET_VERSION, "13").extension(WEBSOCKET);
    let mut request = request.body(Full::<Bytes>::default()).map_err(malformed)?;
    request.headers_mut().extend(options.headers.clone());
    let response = session.send(request).await?;
    if response.status() != StatusCode::OK {
        return Err(refusal(response).await);
    }
    let headers = response.headers().clone();
    let stream = hyper::upgrade::on(response).await.map_err(ClientError::broken)?;
    Ok((TokioIo::new(stream), headers))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's own list, of which three need their own error")]
pub(crate) fn failure(error: WsError) -> ClientError {
    match error {
        WsError::Http(response) => {
            let detail = response.body().as_deref().map(|body| String::from_utf8_lossy(body).into_owned());
            let retry_after = retry_after(response.headers());
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

    /// Feeds these frames to a client at this position. Returns its final position, the number of updates and the gaps
    /// that it reports, and how it ends.
    async fn follow(
        mut position: Option<Cursor>,
        frames: &[&'static str],
    ) -> (Option<Cursor>, u64, Vec<Gap>, Result<(), ClientError>) {
        let (near, far) = tokio::io::duplex(4096);
        let serving = async {
            let mut socket = tokio_tungstenite::accept_async(far).await.unwrap();
            send_all(&mut socket, frames.iter().map(|frame| Message::text(*frame))).await.unwrap();
            // A client that ends by itself does not answer.
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
            Event::Requested
            | Event::Position(_)
            | Event::Empty
            | Event::Retry(_)
            | Event::MissedPoll
            | Event::Decompressed { .. } => {}
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
        let frame: TextFrame<'_> = serde_json::from_str(r#"{"seq":1,"at_us":2,"data":null}"#).unwrap();
        assert_eq!(frame.data.map(RawValue::get), Some("null"));
        let frame: TextFrame<'_> =
            serde_json::from_str(r#"{"gap":{"reason":"evicted","lost":1},"cursor":"1f3a9c02-9"}"#).unwrap();
        assert!(frame.data.is_none() && frame.gap.is_some() && frame.cursor.is_some());
    }
}
