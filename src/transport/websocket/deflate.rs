//! WebSockets with compressed messages: `permessage-deflate` (RFC 7692), implemented by yawc, which accepts a stream
//! that is already open. Both sides keep their window from message to message; without that, small messages hardly
//! compress.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::SinkExt;
use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::either::Either;
use yawc::close::CloseCode;
use yawc::frame::{Frame, OpCode};
use yawc::{Options as Library, Role, WebSocketError};

use super::{Keepalive, PositionTracker, Session, gap_text, handshake, open_stream};
use crate::limits;
use crate::net::Stream;
use crate::server::Socket;
use crate::stream::{BatchLimit, Cursor};
use crate::transport::client::{self, ClientError, Event, Options};
use crate::transport::session;

/// The extension that a client offers to have its messages compressed, and that a server answers with if it agrees.
pub const EXTENSION: HeaderValue = HeaderValue::from_static("permessage-deflate");

const LIMIT: BatchLimit =
    BatchLimit { updates: limits::STREAM_BATCH_UPDATES_MAX, bytes: limits::STREAM_BATCH_BYTES_MAX };

/// Whether the headers offer the extension, with any parameters.
pub fn is_offered(headers: &HeaderMap) -> bool {
    let values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().filter_map(|value| value.to_str().ok());
    let mut offers = values.flat_map(|value| value.split(','));
    offers.any(|offer| offer.split(';').next().is_some_and(|name| name.trim() == "permessage-deflate"))
}

/// Opens a WebSocket with the extension over an open stream, for messages of at most `message_bytes_max`.
pub fn over<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    role: Role,
    message_bytes_max: usize,
) -> yawc::Result<yawc::WebSocket<S>> {
    let options = Library::default()
        .with_balanced_compression()
        .with_limits(message_bytes_max, 2 * message_bytes_max)
        .with_read_buffer_capacity(limits::WS_READ_BUFFER_BYTES)
        .with_write_buffer_capacity(limits::WS_READ_BUFFER_BYTES)
        .with_utf8();
    yawc::WebSocket::from_stream_with_extensions(stream, role, Some("permessage-deflate"), options)
}

impl Session {
    /// Runs the session without a group: each client's window differs, so compressed bytes cannot be shared.
    pub(super) async fn run_deflated(mut self, socket: Socket) -> yawc::Result<()> {
        let mut socket = over(socket, Role::Server, limits::WS_UP_BYTES_MAX)?;
        socket.send(Frame::text(format!(r#"{{"cursor":"{}"}}"#, self.position))).await?;
        let mut drain = self.app.drain.signal();
        let mut keepalive = Keepalive::new(self.app.settings.ws_ping);
        loop {
            tokio::select! {
                biased;
                _come_back_in = &mut drain => return close(&mut socket, CloseCode::Away, "the server is going away").await,
                received = socket.next_frame() => match received.map(|frame| frame.opcode()) {
                    Ok(OpCode::Pong) => {
                        keepalive.heard();
                        self.counts.ponged(self.app.clock.now());
                    }
                    Ok(OpCode::Ping) => keepalive.heard(),
                    Ok(OpCode::Text | OpCode::Binary | OpCode::Continuation) => {
                        let reason = "one-way stream; publish with POST /updates, or use /echo/ws";
                        return close(&mut socket, CloseCode::Policy, reason).await;
                    }
                    Ok(OpCode::Close) => return hang_up(&mut socket).await,
                    // The library has already sent the close code.
                    Err(error) => return hang_up(&mut socket).await.and(Err(error)),
                },
                ping = keepalive.beat() => {
                    if ping.is_err() {
                        return Err(WebSocketError::ConnectionClosed);
                    }
                    socket.send(Frame::ping(Bytes::new())).await?;
                    self.counts.pinged(self.app.clock.now());
                }
                batch = self.reader.next(LIMIT) => {
                    if batch.is_cut {
                        self.counts.cut();
                        return close(&mut socket, CloseCode::Policy, "too slow: this stream fell behind").await;
                    }
                    self.counts.sent(&batch);
                    if let Some(gap) = gap_text(&batch) {
                        socket.feed(Frame::text(gap)).await?;
                    }
                    for entry in &batch.updates {
                        socket.feed(Frame::text(entry.encoded.json.clone())).await?;
                    }
                    socket.flush().await?;
                }
            }
        }
    }
}

async fn close(socket: &mut yawc::WebSocket<Socket>, code: CloseCode, reason: &str) -> yawc::Result<()> {
    socket.send(Frame::close(code, reason)).await?;
    let answered = async { while socket.next_frame().await.is_ok_and(|frame| frame.opcode() != OpCode::Close) {} };
    let _in_time = tokio::time::timeout(limits::WS_CLOSE_WAIT, answered).await;
    hang_up(socket).await
}

/// Shuts the connection down, in bounded time.
async fn hang_up(socket: &mut yawc::WebSocket<Socket>) -> yawc::Result<()> {
    tokio::time::timeout(limits::WS_CLOSE_WAIT, socket.close()).await.unwrap_or(Ok(()))
}

/// Client half with compressed messages.
///
/// Errors: as [`super::subscribe`]; [`ClientError::Contract`] if the server does not agree to the extension.
pub async fn subscribe<S: Stream>(
    session: session::Session<S>,
    options: &Options,
    position: &mut Option<Cursor>,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let path = client::path("/updates/ws", *position, &[]);
    on_event(Event::Requested);
    let stream = match session {
        session::Session::Http1(io) => {
            let (stream, read, head) = handshake(io, &options.host, &path, &options.headers).await?;
            agreed(&head.headers)?;
            Either::Left(Prefixed { read: read.freeze(), stream })
        }
        session::Session::H2(session) => {
            let (stream, headers) = open_stream(session, options, &path).await?;
            agreed(&headers)?;
            Either::Right(stream)
        }
        session::Session::Fresh(_) => {
            return Err(ClientError::Contract("a WebSocket needs a persistent connection".to_owned()));
        }
    };
    let mut socket = over(stream, Role::Client, limits::EVENT_BYTES_MAX).map_err(ClientError::broken)?;
    let mut tracker = PositionTracker::default();
    loop {
        let frame = match socket.next_frame().await {
            Ok(frame) => frame,
            Err(WebSocketError::ConnectionClosed) => return Err(ClientError::Closed),
            Err(error) => return Err(ClientError::broken(error)),
        };
        match frame.opcode() {
            OpCode::Text => {
                let text = std::str::from_utf8(frame.payload());
                let text = text.map_err(|error| ClientError::Contract(format!("a frame: {error}")))?;
                // The compressed size is in the frame's header; the byte counter on the connection reads it there.
                on_event(Event::Decompressed { coded: 0, decoded: text.len() });
                tracker.take(text, position, on_event)?;
            }
            OpCode::Close => return Ok(()),
            OpCode::Binary | OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
        }
    }
}

/// Checks that the server agreed to the extension: a measurement without it would measure something else.
fn agreed(headers: &HeaderMap) -> Result<(), ClientError> {
    match is_offered(headers) {
        true => Ok(()),
        false => Err(ClientError::Contract("the server does not agree to permessage-deflate".to_owned())),
    }
}

/// A stream some of whose bytes have already been read.
pub struct Prefixed<S> {
    read: Bytes,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read.split_to(count));
        Poll::Ready(Ok(()))
    }
}

crate::net::forward_writes!(Prefixed);
