//! The write side of a connection that was taken over from hyper: its send buffer, and the head of a response.

use std::fmt::Write as _;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use http::header::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::counters::{Connection, Socket};
use crate::limits;

/// How the head of a response gives the length of its body (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// Not at all: the response has no body (204 and 304).
    None,
    /// `Content-Length`.
    Bytes(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Encodes the head of a response as hyper does.
pub fn head<'a>(status: StatusCode, headers: impl IntoIterator<Item = &'a HeaderMap>, length: BodyLength) -> BytesMut {
    const ROOM_BYTES: usize = 256;
    let mut head = BytesMut::with_capacity(ROOM_BYTES);
    // Writing to memory cannot fail.
    let _ = write!(head, "HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default());
    for (name, value) in headers.into_iter().flatten() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    let _ = match length {
        BodyLength::None => Ok(()),
        BodyLength::Bytes(bytes) => write!(head, "content-length: {bytes}\r\n"),
        BodyLength::Chunked => write!(head, "transfer-encoding: chunked\r\n"),
    };
    let _ = write!(head, "date: {}\r\n\r\n", httpdate::HttpDate::from(SystemTime::now()));
    head
}

/// A connection that was taken over, with a buffer for bytes that its socket has not taken yet.
pub struct Wire {
    socket: Socket,
    unsent: Bytes,
}

impl Wire {
    /// A wire with an empty buffer.
    pub fn new(socket: Socket) -> Self {
        Self { socket, unsent: Bytes::new() }
    }

    /// Appends bytes to the buffer.
    pub fn put(&mut self, bytes: Bytes) {
        self.unsent = match self.unsent.is_empty() {
            true => bytes,
            false => [&self.unsent[..], &bytes].concat().into(),
        };
    }

    /// Sends the buffer.
    ///
    /// Errors: those of the socket.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, &self.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// The next bytes from the client; `None` if it has disconnected.
    pub fn poll_received(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_read_with(context, Bytes::copy_from_slice)
    }

    /// As [`Self::poll_received`], with the bytes converted by `take`.
    pub fn poll_read_with<T>(&mut self, context: &mut Context<'_>, take: impl FnOnce(&[u8]) -> T) -> Poll<Option<T>> {
        let mut bytes = [MaybeUninit::uninit(); limits::HEAD_BYTES_MAX];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        let outcome = ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer));
        let is_received = outcome.is_ok() && !buffer.filled().is_empty();
        Poll::Ready(is_received.then(|| take(buffer.filled())))
    }

    /// Returns the connection to hyper together with a request that was read here.
    pub fn leave(mut self, request: Bytes, connection: &Connection) -> Socket {
        connection.takeover().note_read_ahead(request.clone());
        self.socket.unread(request);
        self.socket
    }

    /// Returns the connection.
    pub fn into_socket(self) -> Socket {
        self.socket
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Wire::poll_flush(&mut self, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{DATE, ETAG};

    #[test]
    fn a_head_is_parsed_by_httparse_as_it_was_meant() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("\"1f3a9c02-41\""));
        let cases = [
            (StatusCode::OK, BodyLength::Bytes(17), Some(("content-length", "17"))),
            (StatusCode::OK, BodyLength::Chunked, Some(("transfer-encoding", "chunked"))),
            (StatusCode::NOT_MODIFIED, BodyLength::None, None),
        ];
        for (status, length, wanted) in cases {
            let head = head(status, [&headers, &HeaderMap::new()], length);
            let mut fields = [httparse::EMPTY_HEADER; 8];
            let mut response = httparse::Response::new(&mut fields);
            assert_eq!(response.parse(&head).unwrap(), httparse::Status::Complete(head.len()));
            assert_eq!((response.version, response.code), (Some(1), Some(status.as_u16())));
            let value = |name: &str| {
                let found: Vec<_> = response.headers.iter().filter(|field| field.name == name).collect();
                assert!(found.len() <= 1, "{name} twice");
                found.first().map(|field| std::str::from_utf8(field.value).unwrap())
            };
            assert_eq!(value(ETAG.as_str()), Some("\"1f3a9c02-41\""));
            assert!(httpdate::parse_http_date(value(DATE.as_str()).unwrap()).is_ok());
            for name in ["content-length", "transfer-encoding"] {
                assert_eq!(value(name), wanted.filter(|(wanted, _)| *wanted == name).map(|(_, value)| value));
            }
        }
    }
}
