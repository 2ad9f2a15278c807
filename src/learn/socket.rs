//! A WebSocket client over a TCP connection, to test a student's server. It can violate the protocol, which a library
//! would not do.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fault::{Code, Fault, Stop, fail};
use super::frames::{Frame, Opcode};
use crate::limits;

/// The key of the example in RFC 6455 section 1.3, and the server's answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The masking key of all frames: that of RFC 6455 section 5.7.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One open WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Binary.
    Binary(Vec<u8>),
    /// The answer to a ping.
    Pong(Vec<u8>),
    /// A close frame, with its code if it has one.
    Close(Option<u16>),
}

impl Message {
    /// A description for a sentence.
    pub fn name(&self) -> String {
        match self {
            Self::Text(text) => format!("the text {}", super::messages::quote(text)),
            Self::Binary(bytes) => format!("a binary message of {} B", bytes.len()),
            Self::Pong(bytes) => format!("a pong of {} B", bytes.len()),
            Self::Close(Some(code)) => format!("a close frame with {code}"),
            Self::Close(None) => "a close frame without a code".to_owned(),
        }
    }
}

impl Socket {
    /// Connects, and does the opening handshake (RFC 6455 section 4).
    ///
    /// Errors: [`Code::NotListening`], [`Code::Protocol`].
    pub async fn open(port: u16) -> Result<Self, Stop> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let Ok(mut stream) = TcpStream::connect(address).await else {
            return fail(
                Code::NotListening,
                format!("nothing listens on 127.0.0.1:{port}; print the port once you listen on it"),
            );
        };
        stream.set_nodelay(true)?;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n"
        );
        let _closed = stream.write_all(request.as_bytes()).await;
        let mut socket = Self { stream, read: Vec::new() };
        let head = tokio::time::timeout(limits::LEARN_PATIENCE, socket.head()).await.unwrap_or_default();
        let Some(head) = head else {
            return fail(Code::Protocol, "the opening handshake was not answered; see RFC 6455, section 4.2.2");
        };
        if !head.starts_with("HTTP/1.1 101") {
            let first = head.lines().next().unwrap_or_default();
            return fail(
                Code::Protocol,
                format!("the opening handshake was answered with `{first}`, not with HTTP/1.1 101"),
            );
        }
        let accept = head.lines().filter_map(|line| line.split_once(':'));
        let accept = accept.filter(|(name, _)| name.trim().eq_ignore_ascii_case("sec-websocket-accept"));
        match accept.map(|(_, value)| value.trim()).next() {
            Some(ACCEPT) => Ok(socket),
            found => {
                let sentence = format!(
                    "the key {KEY} needs Sec-WebSocket-Accept: {ACCEPT}, but yours is {}; it is the base64 of the SHA-1 of the key \
                     followed by 258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
                    found.unwrap_or("missing")
                );
                fail(Code::Protocol, sentence)
            }
        }
    }

    async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.read, b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if self.stream.read_buf(&mut self.read).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Sends one frame, masked as a client's must be.
    pub async fn send(&mut self, is_final: bool, opcode: Opcode, payload: &[u8]) {
        self.send_frame(&Frame { is_final, opcode, key: Some(MASK), payload: payload.to_vec() }).await;
    }

    /// Sends a frame as it is. A closed connection shows at the next read.
    pub async fn send_frame(&mut self, frame: &Frame) {
        let _gone = self.stream.write_all(&frame.bytes()).await;
    }

    /// The next message. Pings that come before it are answered.
    ///
    /// Errors: nothing comes, or the server violates the protocol.
    pub async fn next(&mut self, what: &str) -> Result<Message, Stop> {
        self.next_within(limits::LEARN_PATIENCE, what).await
    }

    /// The next message within this time.
    ///
    /// Errors: as [`Self::next`].
    pub async fn next_within(&mut self, patience: Duration, what: &str) -> Result<Message, Stop> {
        match tokio::time::timeout(patience, self.message(what)).await {
            Ok(message) => message,
            Err(_) => fail(Code::NotDelivered, format!("{what}: nothing came within {} s", patience.as_secs())),
        }
    }

    async fn message(&mut self, what: &str) -> Result<Message, Stop> {
        let mut whole: Option<(Opcode, Vec<u8>)> = None;
        loop {
            let Frame { is_final, opcode, key, payload } = self.frame(what).await?;
            if key.is_some() {
                return fail(
                    Code::Protocol,
                    format!("{what}: your frame is masked; a server's must not be (RFC 6455, section 5.1)"),
                );
            }
            match opcode {
                Opcode::Ping => self.send(true, Opcode::Pong, &payload).await,
                Opcode::Pong => return Ok(Message::Pong(payload)),
                Opcode::Close => {
                    return Ok(Message::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))));
                }
                Opcode::Text | Opcode::Binary if whole.is_none() => whole = Some((opcode, payload)),
                Opcode::Continuation if whole.is_some() => {
                    if let Some((_, bytes)) = &mut whole {
                        bytes.extend(payload);
                    }
                }
                Opcode::Text | Opcode::Binary | Opcode::Continuation | Opcode::Other(_) => {
                    let sentence = format!(
                        "{what}: your server sent a {} frame where none is allowed (RFC 6455, section 5.4)",
                        opcode.name()
                    );
                    return fail(Code::Protocol, sentence);
                }
            }
            if !is_final {
                continue;
            }
            match whole.take() {
                Some((Opcode::Text, bytes)) => {
                    let text = String::from_utf8(bytes);
                    let wrong = || Fault::new(Code::Protocol, format!("{what}: your text message is not UTF-8"));
                    return Ok(Message::Text(text.map_err(|_| wrong())?));
                }
                Some((_, bytes)) => return Ok(Message::Binary(bytes)),
                None => {}
            }
        }
    }

    async fn frame(&mut self, what: &str) -> Result<Frame, Stop> {
        loop {
            if let Some(frame) = Frame::take(&mut self.read) {
                return Ok(frame);
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => {
                    return fail(
                        Code::Protocol,
                        format!("{what}: your server closed the connection without a close frame"),
                    );
                }
            }
        }
    }

    /// Breaks the connection with a reset.
    pub fn reset(self) {
        // If this fails, the connection ends without a close frame, which tests the server as well.
        let _ordinary = self.stream.set_zero_linger();
    }
}
