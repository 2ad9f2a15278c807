//! Full duplex, for the lessons: the pages of a room talk over WebSockets, in text and in binary. Nothing is stored.
//!
//! ```text
//! → GET /talk/ws?room=R HTTP/1.1, upgraded as in websocket.rs
//! ← text    {"kind":"hello","you":3,"here":2}
//! → text    Hello!
//! ← text    {"kind":"frame","bytes":12,"hex":"81 86 …"}         to the sender: the frame as it arrived
//! ← text    {"kind":"text","from":3,"text":"Hello!"}            to everyone in the room
//! ← text    Nice to meet you!                                   to the sender, as a first example server would answer
//! → binary  00 10 00 20                                         for example, a point of a drawing
//! ← binary  00 03 00 10 00 20                                   to everyone, preceded by the sender's number
//! → text    {"do":"ping"}
//! ← ping / → pong
//! ← text    {"kind":"pong","us":812,"bytes":14,"hex":"8a 88 …"}
//! → text    {"do":"close","code":4000,"reason":"enough"}         the server closes with this code and reason
//! → text    {"do":"break"}                                      the server ends the connection without a close frame
//! ```

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::limits;
use crate::server::request::StrictQuery;
use crate::server::wire::Wire;
use crate::server::{App, Connection, Problem, RateLimit, Room, TalkContent, TalkMessage};
use crate::transport::echo::NoParameters;
use crate::transport::websocket;

type TalkSocket = WebSocketStream<Recorder<Wire>>;

/// `GET /talk/ws?room=R`.
///
/// Errors: as for `GET /updates/ws`; 400 without a room, 503 if the room is full.
pub async fn serve(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    Extension(room): Extension<Arc<Room>>,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    if Arc::ptr_eq(&room, &app.main) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "pages talk in a room; name one with room=NAME"));
    }
    let config = websocket::config(limits::WS_LARGE_READ_BUFFER_BYTES, limits::TALK_MESSAGE_BYTES_MAX);
    let (response, opened) = websocket::accept(request, &app.settings.origins)?;
    let (number, messages) = room.talk.join()?;
    let participant = Participant { app: Arc::clone(&app), room, number };
    opened.then(&app, &connection, async move |socket| {
        let line = websocket::over(Recorder::new(Wire::new(socket)), config);
        // A session that ends in an error needs no handling here.
        let _ended = participant.run(line, messages).await;
    });
    Ok(response)
}

/// One page in the room, which leaves the room when this is dropped.
struct Participant {
    app: Arc<App>,
    room: Arc<Room>,
    number: u16,
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.room.talk.leave(self.number);
    }
}

/// A message for the server itself, and not for the room.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
enum Command {
    Ping,
    Close { code: u16, reason: String },
    Break,
}

impl Participant {
    async fn run(&self, mut line: TalkSocket, mut messages: Receiver<TalkMessage>) -> Result<(), WsError> {
        let hello = json!({"kind": "hello", "you": self.number, "here": self.room.talk.here()});
        websocket::send_all(&mut line, [Message::text(hello.to_string())]).await?;
        let rate = RateLimit::new(limits::TALK_MESSAGES_PER_S_MAX, "say several things in one message");
        let mut keepalive = websocket::Keepalive::new(limits::WS_PING);
        let mut pinged: Option<Instant> = None;
        let mut drain = self.app.drain.signal();
        loop {
            tokio::select! {
                biased;
                _come_back_in = &mut drain => {
                    return websocket::close(&mut line, CloseCode::Away, "the server is going away").await;
                }
                received = line.next() => {
                    let Some(received) = received else { return websocket::hang_up(&mut line).await };
                    keepalive.heard();
                    let message = match received {
                        Ok(message) => message,
                        Err(error) => return websocket::close_for(&mut line, error).await,
                    };
                    let frame = line.get_mut().frame();
                    if rate.take(self.app.clock.now()).is_err() {
                        return websocket::close(&mut line, CloseCode::Policy, "too many messages a second").await;
                    }
                    match message {
                        Message::Text(text) => match serde_json::from_str::<Command>(&text) {
                            Ok(Command::Ping) => {
                                pinged = Some(Instant::now());
                                websocket::send_all(&mut line, [Message::Ping(Bytes::from_static(b"pushpull"))]).await?;
                            }
                            Ok(Command::Close { code, reason }) => return close(&mut line, code, reason).await,
                            Ok(Command::Break) => return websocket::hang_up(&mut line).await,
                            Err(_no_command) => {
                                let answer = Message::text("Nice to meet you!");
                                websocket::send_all(&mut line, [shown("frame", &frame, None), answer]).await?;
                                self.send(TalkContent::Text(text.to_string()));
                            }
                        },
                        Message::Binary(bytes) => {
                            websocket::send_all(&mut line, [shown("frame", &frame, None)]).await?;
                            self.send(TalkContent::Binary(bytes));
                        }
                        Message::Pong(_) => {
                            if let Some(pinged) = pinged.take() {
                                let us = pinged.elapsed().as_micros() as u64;
                                websocket::send_all(&mut line, [shown("pong", &frame, Some(us))]).await?;
                            }
                        }
                        // The library answers pings and close frames.
                        Message::Ping(_) | Message::Close(_) | Message::Frame(_) => {}
                    }
                }
                ping = keepalive.beat() => websocket::send_all(&mut line, [ping?]).await?,
                next = messages.recv() => match next {
                    Ok(message) => websocket::send_all(&mut line, [encode(message)]).await?,
                    Err(RecvError::Lagged(missed)) => {
                        let missed = json!({"kind": "missed", "count": missed});
                        websocket::send_all(&mut line, [Message::text(missed.to_string())]).await?;
                    }
                    // The room holds the sender.
                    Err(RecvError::Closed) => return Ok(()),
                },
            }
        }
    }

    fn send(&self, content: TalkContent) {
        self.room.talk.send(TalkMessage { from: self.number, content });
    }
}

/// Closes as the page asked. A code that may not be sent (RFC 6455 section 7.4.1) is answered with a policy close.
async fn close(line: &mut TalkSocket, code: u16, reason: String) -> Result<(), WsError> {
    let code = CloseCode::from(code);
    // A close frame has at most 125 bytes, two of which are the code (RFC 6455 section 5.5).
    let fits = reason.len() <= 123;
    let frame = match code.is_allowed() && fits {
        true => CloseFrame { code, reason: reason.into() },
        false => CloseFrame { code: CloseCode::Policy, reason: "no such close code, or too long a reason".into() },
    };
    let closing = async {
        line.close(Some(frame)).await?;
        while let Some(Ok(_)) = line.next().await {}
        websocket::hang_up(line).await
    };
    tokio::time::timeout(limits::WS_CLOSE_WAIT, closing).await.unwrap_or(Ok(()))
}

fn encode(message: TalkMessage) -> Message {
    let from = message.from;
    match message.content {
        TalkContent::Text(text) => Message::text(json!({"kind": "text", "from": from, "text": text}).to_string()),
        TalkContent::Here(here) => Message::text(json!({"kind": "here", "from": from, "here": here}).to_string()),
        TalkContent::Binary(bytes) => {
            let mut all = BytesMut::with_capacity(bytes.len() + 2);
            all.put_u16(from);
            all.extend_from_slice(&bytes);
            Message::Binary(all.freeze())
        }
    }
}

/// The message that shows a sender its frame as it arrived.
fn shown(kind: &str, frame: &RecordedFrame, us: Option<u64>) -> Message {
    let hex: Vec<String> = frame.begins.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut told = json!({"kind": kind, "bytes": frame.bytes, "hex": hex.join(" ")});
    if let Some(us) = us {
        told["us"] = us.into();
    }
    Message::text(told.to_string())
}

/// A frame as read from the wire, with header and mask.
#[derive(Debug, Default, PartialEq, Eq)]
struct RecordedFrame {
    /// Length of the frame in bytes.
    bytes: usize,
    /// Its first bytes.
    begins: Vec<u8>,
}

/// A stream that records what is read from it, because the library returns messages without their frames.
struct Recorder<S> {
    stream: S,
    read: BytesMut,
}

impl<S> Recorder<S> {
    fn new(stream: S) -> Self {
        Self { stream, read: BytesMut::new() }
    }

    /// Removes the oldest frame from the record. Of a message in several frames, which no browser sends, it is the
    /// first.
    fn frame(&mut self) -> RecordedFrame {
        let Some(bytes) = frame_bytes(&self.read).filter(|bytes| *bytes <= self.read.len()) else {
            self.read.clear();
            return RecordedFrame::default();
        };
        let frame = self.read.split_to(bytes);
        RecordedFrame { bytes, begins: frame[..bytes.min(limits::TALK_SHOWN_BYTES_MAX)].to_vec() }
    }
}

/// The length of the frame that begins here: header, mask and payload (RFC 6455 section 5.2).
fn frame_bytes(bytes: &[u8]) -> Option<usize> {
    let second = usize::from(*bytes.get(1)?);
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (header, payload) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, short),
    };
    payload.checked_add(header + mask)
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorder<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.read.extend_from_slice(&buffer.filled()[before..]);
        outcome
    }
}

crate::net::forward_writes!(Recorder);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_from_the_record_one_by_one_in_order() {
        // RFC 6455 section 5.7: "Hello" masked, and a masked ping.
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let ping = [0x8a, 0x80, 1, 2, 3, 4];
        let mut recorder =
            Recorder { stream: (), read: [&hello[..], &ping[..], &hello[..3]].concat().as_slice().into() };
        assert_eq!(recorder.frame(), RecordedFrame { bytes: 11, begins: hello.to_vec() });
        assert_eq!(recorder.frame(), RecordedFrame { bytes: 6, begins: ping.to_vec() });
        assert_eq!(recorder.frame(), RecordedFrame::default(), "half a frame is not a frame");
    }

    #[test]
    fn the_length_of_a_frame_is_read_in_all_three_forms() {
        assert_eq!(frame_bytes(&[0x82, 125]), Some(127));
        assert_eq!(frame_bytes(&[0x82, 0x80 | 126, 1, 0]), Some(256 + 8));
        assert_eq!(frame_bytes(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Some(65_536 + 10));
        assert_eq!(frame_bytes(&[0x82]), None);
        assert_eq!(frame_bytes(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]), None);
    }
}
