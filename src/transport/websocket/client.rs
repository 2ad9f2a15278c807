//! The client's end of a WebSocket. The library implements the protocol in memory; this file does the I/O: it passes
//! the library the bytes that [`net::read`] has read, and sends what the library writes.
//!
//! The library's own stream keeps a buffer of some KiB for each connection, fills it with zeros before each read, and
//! wakes reader and writer separately. In a generator with thousands of clients, that cost more than everything else it
//! does with a message (docs/COST.md).

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::response::Parts;
use http::{Method, StatusCode};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::config;
use crate::limits;
use crate::net::{self, Stream};
use crate::transport::client::ClientError;
use crate::transport::http1::Http1;

/// An open WebSocket.
pub struct ClientSocket<S> {
    io: S,
    protocol: WebSocketContext,
    /// Bytes that were read and that the library has not taken yet.
    ahead: Bytes,
    /// Bytes that the library has written and the connection has not taken yet.
    unsent: BytesMut,
    /// Everything that the connection has taken has been flushed.
    is_flushed: bool,
}

impl<S: Stream> ClientSocket<S> {
    /// A WebSocket over a connection on which the handshake is complete; `ahead` was read after the handshake.
    pub fn new(io: S, ahead: BytesMut, message_bytes_max: usize) -> Self {
        let config = config(limits::WS_CLIENT_BUFFER_BYTES, message_bytes_max);
        let protocol = WebSocketContext::new(Role::Client, Some(config));
        Self { io, protocol, ahead: ahead.freeze(), unsent: BytesMut::new(), is_flushed: true }
    }

    /// The next message; `None` after an orderly end. The next call answers a ping.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Message, WsError>> {
        let outcome = self.hear().await;
        match outcome {
            Err(WsError::ConnectionClosed | WsError::AlreadyClosed) => None,
            outcome => Some(outcome),
        }
    }

    async fn hear(&mut self) -> Result<Message, WsError> {
        loop {
            // This also makes the library answer earlier pings and close frames.
            let mut memory = Memory { incoming: &self.ahead, is_end: false, outgoing: &mut self.unsent };
            let heard = memory.hear(&mut self.protocol);
            let left = memory.incoming.len();
            self.ahead.advance(self.ahead.len() - left);
            if let Some(heard) = heard {
                return heard;
            }
            if let Some(heard) = std::future::poll_fn(|context| self.poll_hear(context)).await? {
                return heard;
            }
        }
    }

    /// Reads once, even while an answer is still unsent: the other side may have to be read before it takes more.
    fn poll_hear(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Result<Message, WsError>>>> {
        if let Poll::Ready(sent) = self.poll_flush(context) {
            sent?;
        }
        let Self { io, protocol, ahead, unsent, .. } = self;
        net::poll_read(io, context, |bytes| {
            let mut memory = Memory { incoming: bytes, is_end: bytes.is_empty(), outgoing: unsent };
            let heard = memory.hear(protocol);
            if !memory.incoming.is_empty() {
                *ahead = Bytes::copy_from_slice(memory.incoming);
            }
            heard
        })
    }

    /// Sends a message.
    ///
    /// Errors: those of the library and of the connection.
    pub async fn send(&mut self, message: Message) -> Result<(), WsError> {
        let mut memory = Memory { incoming: &[], is_end: false, outgoing: &mut self.unsent };
        self.protocol.write(&mut memory, message)?;
        self.protocol.flush(&mut memory)?;
        Ok(std::future::poll_fn(|context| self.poll_flush(context)).await?)
    }

    /// Sends what the library has written.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            self.is_flushed = false;
            let written = ready!(Pin::new(&mut self.io).poll_write(context, &self.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(written);
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.io).poll_flush(context))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// The in-memory connection that the library reads from and writes to.
struct Memory<'a> {
    /// Received bytes that the library has not read yet.
    incoming: &'a [u8],
    /// The connection has ended after them.
    is_end: bool,
    outgoing: &'a mut BytesMut,
}

impl Memory<'_> {
    /// A message, if a complete one has arrived.
    fn hear(&mut self, protocol: &mut WebSocketContext) -> Option<Result<Message, WsError>> {
        match protocol.read(self) {
            Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            heard => Some(heard),
        }
    }
}

impl Read for Memory<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.incoming.is_empty() && !self.is_end {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => self.incoming.read(buffer),
        }
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The opening handshake over HTTP/1.1 (RFC 6455 section 4.1). Returns the connection, the bytes read after the answer,
/// and the answer's head.
///
/// Errors: [`ClientError`]; an answer without the key's digest is [`ClientError::Contract`].
pub async fn handshake<S: Stream>(
    io: S,
    host: &HeaderValue,
    path: &str,
    more: &HeaderMap,
) -> Result<(S, BytesMut, Parts), ClientError> {
    let key = generate_key();
    let written = HeaderValue::try_from(&key).map_err(|error| ClientError::Contract(error.to_string()))?;
    let mut headers = HeaderMap::from_iter([
        (HOST, host.clone()),
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        (SEC_WEBSOCKET_KEY, written),
    ]);
    headers.extend(more.clone());
    let mut connection = Http1::new(io);
    let head = connection.send(&Method::GET, path, &headers, &[]).await?;
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(connection.refusal(&head).await);
    }
    let accept = head.headers.get(SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|accept| accept.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(ClientError::Contract("the answer to the handshake lacks the key's digest".to_owned()));
    }
    let (io, ahead) = connection.into_parts();
    Ok((io, ahead, head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::AsyncWriteExt;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    #[tokio::test(start_paused = true)]
    async fn messages_are_whole_and_pings_answered_however_the_network_splits_them() {
        let long = "long ".repeat(1_000);
        for piece in [1, 2, 7, 300, 1 << 16] {
            let (near, far) = tokio::io::duplex(piece);
            let serving = async {
                let mut socket = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
                socket.feed(Message::text("short")).await.unwrap();
                socket.feed(Message::Ping(Bytes::from_static(b"there?"))).await.unwrap();
                let part = |text: &'static str, code, is_last| {
                    Message::Frame(Frame::message(text, OpCode::Data(code), is_last))
                };
                socket.feed(part("in ", Data::Text, false)).await.unwrap();
                socket.feed(part("parts", Data::Continue, true)).await.unwrap();
                socket.send(Message::text(long.clone())).await.unwrap();
                assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong(Bytes::from_static(b"there?")));
                assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("up"));
                socket.close(None).await.unwrap();
                while let Some(Ok(_)) = socket.next().await {}
            };
            let listening = async {
                let mut socket = ClientSocket::new(near, BytesMut::new(), 1 << 20);
                let mut texts = Vec::new();
                while texts.len() < 3 {
                    if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
                        texts.push(text.to_string());
                    }
                }
                socket.send(Message::text("up")).await.unwrap();
                assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
                assert!(socket.next().await.is_none(), "its answer is on its way");
                texts
            };
            let (texts, ()) = tokio::join!(listening, serving);
            assert_eq!(texts, ["short", "in parts", long.as_str()], "{piece}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_cut_off_or_a_message_past_the_bound_is_an_error() {
        for (frames, message_bytes_max) in [(&[0x81, 5, b'h', b'i'][..], 1 << 20), (&[0x81, 2, b'h', b'i'][..], 1)] {
            let (near, mut far) = tokio::io::duplex(64);
            far.write_all(frames).await.unwrap();
            drop(far);
            let mut socket = ClientSocket::new(near, BytesMut::new(), message_bytes_max);
            assert!(matches!(socket.next().await, Some(Err(_))), "{frames:?}");
        }
    }
}
