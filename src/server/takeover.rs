//! Takes a connection over from hyper.
//!
//! hyper reads each request and axum finds its handler. A handler whose answer has no end, or comes much later, may agree
//! to a takeover: what it hands in then has the socket to itself, with hyper's buffers given back, and gives it back for
//! the next request when it is done. A handler that is not offered one (HTTP/1.0, a body, `Connection: close`) answers
//! through hyper in the ordinary way.

use std::fmt::Write as _;
use std::io;
use std::mem::MaybeUninit;
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
use crate::limits;

/// What a handler hands in.
type Successor = Box<dyn FnOnce(Taken) -> Succession + Send>;

/// What has the connection until it gives it back, or ends it.
pub type Succession = Pin<Box<dyn Future<Output = Option<Socket>> + Send>>;

/// What it is given.
pub struct Taken {
    /// The connection.
    pub socket: Socket,
    /// The headers of the handler's response, with those that its middleware added; nothing of it has been sent, except
    /// of a 101.
    pub headers: Box<HeaderMap>,
}

/// What hyper's side and the handler's side of a connection say to one another about it.
#[derive(Default)]
pub struct Takeover {
    /// The request that was read last can be answered by somebody else than hyper.
    is_offered: AtomicBool,
    /// hyper still has bytes of earlier answers to send.
    has_unsent: AtomicBool,
    agreed: Mutex<Box<Agreed>>,
}

#[derive(Default)]
struct Agreed {
    successor: Option<Successor>,
    headers: Option<Box<HeaderMap>>,
    /// What a successor has read of the request that hyper reads next.
    read_ahead: Option<Bytes>,
    /// What a successor had read of the request that was read last.
    head: Option<Bytes>,
}

impl Takeover {
    /// Offers it to the handler of this request, if its answer can be written by somebody else.
    pub fn offer<B: Body>(&self, request: &http::Request<B>) {
        let is_kept_alive = request.headers().get(CONNECTION).is_none_or(|value| value == "keep-alive");
        let is_plain = request.version() == Version::HTTP_11 && request.method() == Method::GET;
        self.is_offered.store(is_plain && is_kept_alive && request.body().is_end_stream(), Relaxed);
        let mut agreed = self.lock();
        agreed.head = agreed.read_ahead.take();
    }

    /// The bytes that the request began with, if a successor read them before hyper did.
    pub fn head(&self) -> Option<Bytes> {
        self.lock().head.take()
    }

    /// A successor leaves a request to hyper that begins with these bytes.
    pub fn leave(&self, wire: Wire, request: Bytes) -> Socket {
        self.lock().read_ahead = Some(request.clone());
        let mut socket = wire.socket;
        socket.unread(request);
        socket
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
    pub fn answered(&self, mut headers: HeaderMap) {
        // That of the body which is not sent.
        headers.remove(CONTENT_LENGTH);
        self.lock().headers = Some(Box::new(headers));
    }

    /// Is all said and done, so that hyper can let go of the connection?
    pub fn is_ready(&self) -> bool {
        !self.has_unsent.load(Relaxed) && self.lock().headers.is_some()
    }

    /// Has the connection, which hyper let go of, taken over, if that was agreed.
    pub fn take(&self, socket: Socket) -> Result<Succession, Socket> {
        let mut agreed = self.lock();
        let headers = agreed.headers.take().unwrap_or_default();
        match agreed.successor.take() {
            Some(successor) => Ok(successor(Taken { socket, headers })),
            None => Err(socket),
        }
    }

    /// Something is to be sent, or all has been.
    pub(super) fn note_unsent(&self, has_unsent: bool) {
        self.has_unsent.store(has_unsent, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Box<Agreed>> {
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

/// A connection that was taken over. What its socket does not take at once of a delivery waits here, before all that is
/// written later.
pub struct Wire {
    socket: Socket,
    unsent: Bytes,
}

impl Wire {
    /// With nothing to send.
    pub fn new(socket: Socket) -> Self {
        Self { socket, unsent: Bytes::new() }
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

    /// What the client says, as much as there is at once; `None` when it has gone.
    pub fn poll_said(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut bytes = [MaybeUninit::uninit(); limits::HEAD_BYTES_MAX];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        let outcome = ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer));
        let is_said = outcome.is_ok() && !buffer.filled().is_empty();
        Poll::Ready(is_said.then(|| Bytes::copy_from_slice(buffer.filled())))
    }

    /// The connection.
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
    fn a_head_is_read_by_others_as_it_was_meant() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_static("\"1f3a9c02-41\""));
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
