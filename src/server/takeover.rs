//! Takes a connection over from hyper.
//!
//! hyper reads each request and axum finds its handler. A handler whose answer has no end, or comes much later, may agree
//! to a takeover: what it hands in then has the socket to itself, with hyper's buffers given back, and gives it back for
//! the next request when it is done. A handler that is not offered one (HTTP/1.0, a body, `Connection: close`) answers
//! through hyper in the ordinary way.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap};
use http::{Method, StatusCode, Version};
use hyper::body::Body;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Socket;

/// What a handler hands in: has the connection until it gives it back, or ends it.
pub type Successor = Box<dyn FnOnce(Taken) -> Pin<Box<dyn Future<Output = Option<Socket>> + Send>> + Send>;

/// What it is given.
pub struct Taken {
    /// The connection.
    pub socket: Socket,
    /// The headers of the handler's response, with those that its middleware added; nothing of it has been sent, except
    /// of a 101.
    pub headers: HeaderMap,
}

/// What hyper's side and the handler's side of a connection say to one another about it.
#[derive(Default)]
pub struct Takeover {
    /// The request that was read last can be answered by somebody else than hyper.
    is_offered: AtomicBool,
    /// hyper still has bytes of earlier answers to send.
    has_unsent: AtomicBool,
    agreed: Mutex<Agreed>,
}

#[derive(Default)]
struct Agreed {
    successor: Option<Successor>,
    headers: Option<HeaderMap>,
}

impl Takeover {
    /// Offers it to the handler of this request, if its answer can be written by somebody else.
    pub fn offer<B: Body>(&self, request: &http::Request<B>) {
        let is_kept_alive = request.headers().get(CONNECTION).is_none_or(|value| value == "keep-alive");
        let is_plain = request.version() == Version::HTTP_11 && request.method() == Method::GET;
        self.is_offered.store(is_plain && is_kept_alive && request.body().is_end_stream(), Relaxed);
    }

    /// Is it offered?
    pub fn is_offered(&self) -> bool {
        self.is_offered.load(Relaxed)
    }

    /// Agrees to it. Of the handler's response only the headers count then, unless it is a 101, which hyper sends.
    pub fn agree<F>(&self, successor: impl FnOnce(Taken) -> F + Send + 'static)
    where
        F: Future<Output = Option<Socket>> + Send + 'static,
    {
        self.lock().successor = Some(Box::new(|taken| Box::pin(successor(taken))));
    }

    /// Has the handler agreed?
    pub fn is_agreed(&self) -> bool {
        self.lock().successor.is_some()
    }

    /// The handler's response has come through its middleware, with these headers.
    pub fn answered(&self, headers: HeaderMap) {
        self.lock().headers = Some(headers);
    }

    /// Who has the connection next, if hyper can let go of it now.
    pub fn ready(&self) -> Option<(Successor, HeaderMap)> {
        if self.has_unsent.load(Relaxed) {
            return None;
        }
        let mut agreed = self.lock();
        let headers = agreed.headers.take()?;
        Some((agreed.successor.take()?, headers))
    }

    /// Who has the connection next, now that hyper has sent a 101 and is done.
    pub fn upgraded(&self) -> Option<Successor> {
        self.lock().successor.take()
    }

    /// Something is to be sent, or all has been.
    pub(super) fn note_unsent(&self, has_unsent: bool) {
        self.has_unsent.store(has_unsent, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Agreed> {
        // Nothing in this file panics while it holds the lock.
        self.agreed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Takeover {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Takeover").field("is_offered", &self.is_offered()).finish_non_exhaustive()
    }
}

/// How long a body is, in the words of a head (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none, nor can there be one: 204 and 304.
    None,
    /// So many bytes.
    Bytes(usize),
    /// It comes in chunks.
    Chunked,
}

/// The head of a response, as hyper writes it.
pub fn head(status: StatusCode, headers: &[&HeaderMap], length: BodyLength) -> BytesMut {
    const ROOM_BYTES: usize = 256;
    let mut head = BytesMut::with_capacity(ROOM_BYTES);
    // Writing to memory cannot fail.
    let _ = write!(head, "HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default());
    for (name, value) in headers.iter().copied().flatten() {
        // That of the response which was not sent.
        if name != CONTENT_LENGTH {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
    let _ = match length {
        BodyLength::None => Ok(()),
        BodyLength::Bytes(bytes) => write!(head, "content-length: {bytes}\r\n"),
        BodyLength::Chunked => write!(head, "transfer-encoding: chunked\r\n"),
    };
    let _ = write!(head, "date: {}\r\n\r\n", httpdate::HttpDate::from(SystemTime::now()));
    head
}

/// A connection that was taken over. What its socket does not take at once waits here.
pub struct Wire {
    socket: Socket,
    unsent: Bytes,
    is_heard: bool,
}

impl Wire {
    /// With nothing to send.
    pub fn new(socket: Socket) -> Self {
        Self { socket, unsent: Bytes::new(), is_heard: true }
    }

    /// Puts bytes behind those that wait to be sent.
    pub fn put(&mut self, bytes: Bytes) {
        self.unsent = match self.unsent.is_empty() {
            true => bytes,
            false => [&self.unsent[..], &bytes].concat().into(),
        };
    }

    /// Sends what waits.
    ///
    /// Errors: the socket's.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, &self.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(written);
        }
        Pin::new(&mut self.socket).poll_flush(context)
    }

    /// Ready when the client has gone. What it says instead, its next request, is kept for whoever has the connection
    /// next, and is the last that is read: a client may not send that much ahead.
    pub fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        const AHEAD_BYTES: usize = 1024;
        while self.is_heard {
            let mut bytes = [0; AHEAD_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            let outcome = ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer));
            if outcome.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
            self.socket.unread(Bytes::copy_from_slice(buffer.filled()));
            self.is_heard = false;
        }
        Poll::Pending
    }

    /// The connection.
    pub fn into_socket(self) -> Socket {
        self.socket
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{DATE, ETAG};

    #[test]
    fn a_head_is_read_by_others_as_it_was_meant() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("\"1f3a9c02-41\""));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let cases = [
            (StatusCode::OK, BodyLength::Bytes(17), Some(("content-length", "17"))),
            (StatusCode::OK, BodyLength::Chunked, Some(("transfer-encoding", "chunked"))),
            (StatusCode::NOT_MODIFIED, BodyLength::None, None),
        ];
        for (status, length, wanted) in cases {
            let head = head(status, &[&headers, &HeaderMap::new()], length);
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
