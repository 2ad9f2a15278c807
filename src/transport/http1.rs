//! The HTTP/1.1 client of the client halves (RFC 9112): one request at a time on its own connection.
//!
//! A load generator runs thousands of clients in one process and must disturb its measurement as little as possible. So
//! there is nothing between the socket and the code that reads the body: no task, channel or buffer per connection.
//! Bytes are parsed in place, where [`net::read`] has put them. httparse parses the heads.

use std::pin::Pin;
use std::task::Poll;

use bytes::{Buf, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::response::Parts;
use http::{Method, StatusCode, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};

use crate::limits;
use crate::net::{self, Stream};
use crate::transport::client::{ClientError, refused};

/// An HTTP/1.1 connection.
pub struct Http1<S> {
    io: S,
    /// Bytes that were read and not parsed yet.
    ahead: BytesMut,
    body: Body,
    /// The connection takes another request once the body has been read.
    is_kept: bool,
}

impl<S: Stream> Http1<S> {
    /// A connection on which no request has been sent yet.
    pub fn new(io: S) -> Self {
        Self { io, ahead: BytesMut::new(), body: Body::Over, is_kept: true }
    }

    /// Sends a request and returns the head of the answer. The body is still unread.
    ///
    /// Not cancel safe: after a cancelled call, the next one fails as on a closed connection.
    ///
    /// Errors: [`ClientError::Closed`] if the connection had already ended; [`ClientError::Broken`].
    pub async fn send(
        &mut self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        content: &[u8],
    ) -> Result<Parts, ClientError> {
        if !self.is_kept || !self.body.is_over() || self.has_ended().await? {
            return Err(ClientError::Closed);
        }
        self.is_kept = false;
        let request = encode(method, target, headers, content)?;
        self.io.write_all(&request).await.map_err(ClientError::broken)?;
        self.io.flush().await.map_err(ClientError::broken)?;
        loop {
            if let Some(head) = self.take_head()? {
                return Ok(head);
            }
            let ahead = &mut self.ahead;
            let come = |bytes: &[u8]| {
                ahead.extend_from_slice(bytes);
                bytes.len()
            };
            if net::read(&mut self.io, come).await.map_err(ClientError::broken)? == 0 {
                return Err(cut_off());
            }
        }
    }

    /// Passes the next bytes of the body to `on_data`; returns whether more may follow.
    ///
    /// Cancel safe. Errors: those of `on_data`; [`ClientError::Broken`] if the body is cut off or violates RFC 9112.
    pub async fn next(
        &mut self,
        mut on_data: impl FnMut(&[u8]) -> Result<(), ClientError>,
    ) -> Result<bool, ClientError> {
        let Self { io, ahead, body, .. } = self;
        if body.is_over() {
            return Ok(false);
        }
        if !ahead.is_empty() {
            let used = body.take(ahead, &mut on_data)?;
            ahead.advance(used);
            return Ok(!body.is_over());
        }
        let come = |bytes: &[u8]| match (bytes, &*body) {
            ([], Body::UntilClose) => Ok(false),
            ([], _) => Err(cut_off()),
            _ => {
                let used = body.take(bytes, &mut on_data)?;
                ahead.extend_from_slice(&bytes[used..]);
                Ok(!body.is_over())
            }
        };
        net::read(io, come).await.map_err(ClientError::broken)?
    }

    /// The rest of the body, up to `bytes_max`.
    ///
    /// Errors: as [`Self::next`]; [`ClientError::Broken`] if it is longer.
    pub async fn whole(&mut self, bytes_max: usize) -> Result<Vec<u8>, ClientError> {
        let mut whole = Vec::new();
        let mut keep = |data: &[u8]| {
            whole.extend_from_slice(data);
            match whole.len() > bytes_max {
                true => Err(ClientError::broken(format!("the answer is longer than {bytes_max} B"))),
                false => Ok(()),
            }
        };
        while self.next(&mut keep).await? {}
        Ok(whole)
    }

    /// Reads the body of an error answer and returns it as an error.
    pub async fn refusal(&mut self, head: &Parts) -> ClientError {
        refused(head, &self.whole(limits::REFUSAL_BYTES_MAX).await.unwrap_or_default())
    }

    /// The connection and the bytes already read from it, for another protocol.
    pub fn into_parts(self) -> (S, BytesMut) {
        (self.io, self.ahead)
    }

    /// Ends the connection after its last answer: waits for the server to close, then closes too.
    pub async fn end(mut self) {
        while self.io.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
        let _ended = self.io.shutdown().await;
    }

    /// Whether the server has closed the connection.
    ///
    /// Errors: [`ClientError::Broken`] also for bytes that no request has asked for.
    async fn has_ended(&mut self) -> Result<bool, ClientError> {
        if !self.ahead.is_empty() {
            return Err(unasked());
        }
        let io = &mut self.io;
        let looked = std::future::poll_fn(|context| {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            Poll::Ready(match Pin::new(&mut *io).poll_read(context, &mut buffer) {
                Poll::Pending => Ok(false),
                Poll::Ready(Err(error)) => Err(ClientError::broken(error)),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => Ok(true),
                Poll::Ready(Ok(())) => Err(unasked()),
            })
        });
        looked.await
    }

    /// The head of the final answer, if all of it has arrived. Interim answers are skipped (RFC 9110 section 15.2).
    fn take_head(&mut self) -> Result<Option<Parts>, ClientError> {
        loop {
            let Some((head, length)) = parse(&self.ahead)? else {
                return match self.ahead.len() > limits::LEDGER_HEAD_BYTES_MAX {
                    true => Err(ClientError::broken("the head of the answer is too long")),
                    false => Ok(None),
                };
            };
            self.ahead.advance(length);
            if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                continue;
            }
            self.body = Body::of(&head)?;
            self.is_kept = is_kept(&head) && !matches!(self.body, Body::UntilClose);
            return Ok(Some(head));
        }
    }
}

/// The bytes of a request.
fn encode(method: &Method, target: &str, headers: &HeaderMap, content: &[u8]) -> Result<Vec<u8>, ClientError> {
    if target.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(ClientError::Contract(format!("`{target}` cannot be a request target")));
    }
    let mut request = Vec::with_capacity(512 + content.len());
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| request.extend_from_slice(part));
    put(&[method.as_str().as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\n"]);
    for (name, value) in headers {
        put(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    if !content.is_empty() || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        put(&[b"content-length: ", content.len().to_string().as_bytes(), b"\r\n"]);
    }
    put(&[b"\r\n", content]);
    Ok(request)
}

/// A head and its length, if it is complete.
fn parse(bytes: &[u8]) -> Result<Option<(Parts, usize)>, ClientError> {
    let mut fields = [httparse::EMPTY_HEADER; limits::HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = parsed.parse(bytes).map_err(ClientError::broken)? else {
        return Ok(None);
    };
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(ClientError::broken)?;
    head.version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    for field in parsed.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(ClientError::broken)?;
        head.headers.append(name, HeaderValue::from_bytes(field.value).map_err(ClientError::broken)?);
    }
    Ok(Some((head, length)))
}

/// Whether the connection takes another request after this answer (RFC 9112 section 9.3).
fn is_kept(head: &Parts) -> bool {
    let options = head.headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let mut options = options.flat_map(|value| value.split(',')).map(str::trim);
    match head.version {
        Version::HTTP_10 => options.any(|option| option.eq_ignore_ascii_case("keep-alive")),
        _ => !options.any(|option| option.eq_ignore_ascii_case("close")),
    }
}

/// The connection ended before the answer was complete.
#[derive(Debug, thiserror::Error)]
#[error("the connection ended in the middle of an answer")]
pub struct CutOff;

fn cut_off() -> ClientError {
    ClientError::broken(CutOff)
}

fn unasked() -> ClientError {
    ClientError::broken("the server sent bytes that were not requested")
}

/// The part of a body that is still expected (RFC 9112 sections 6.3 and 7.1).
#[derive(Debug)]
enum Body {
    /// Nothing: the body is complete.
    Over,
    /// This many bytes.
    Length(u64),
    /// Everything until the server closes the connection.
    UntilClose,
    /// The line with a chunk's size, with the part of it that has arrived.
    ChunkSize(Vec<u8>),
    /// This many bytes of a chunk.
    Chunk(u64),
    /// The line end after a chunk, with the part of it that has arrived.
    ChunkEnd(Vec<u8>),
    /// The trailer lines after the last chunk, up to an empty one, with the part of the line that has arrived.
    Trailer(Vec<u8>),
}

impl Body {
    fn of(head: &Parts) -> Result<Self, ClientError> {
        if head.status.is_informational() || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok(Self::Over);
        }
        if let Some(coding) = head.headers.get_all(TRANSFER_ENCODING).iter().next_back() {
            let is_chunked = coding.as_bytes().to_ascii_lowercase().ends_with(b"chunked");
            return Ok(if is_chunked { Self::ChunkSize(Vec::new()) } else { Self::UntilClose });
        }
        let Some(length) = head.headers.get(CONTENT_LENGTH) else { return Ok(Self::UntilClose) };
        let length = length.to_str().ok().and_then(|length| length.trim().parse().ok());
        match length.ok_or_else(|| ClientError::broken("the content-length of an answer is not a number"))? {
            0 => Ok(Self::Over),
            length => Ok(Self::Length(length)),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// Passes the content in `bytes` to `on_data`; returns how many of the bytes belong to this body.
    fn take(
        &mut self,
        bytes: &[u8],
        on_data: &mut impl FnMut(&[u8]) -> Result<(), ClientError>,
    ) -> Result<usize, ClientError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self {
                Self::Over => break,
                Self::UntilClose => {
                    on_data(rest)?;
                    rest = &[];
                }
                Self::Length(left) | Self::Chunk(left) => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    let (data, behind) = rest.split_at(count);
                    on_data(data)?;
                    *left -= count as u64;
                    rest = behind;
                    if *left == 0 {
                        *self = if matches!(self, Self::Chunk(_)) { Self::ChunkEnd(Vec::new()) } else { Self::Over };
                    }
                }
                Self::ChunkSize(line) | Self::ChunkEnd(line) | Self::Trailer(line) => {
                    let end = memchr::memchr(b'\n', rest);
                    let (part, behind) = rest.split_at(end.unwrap_or(rest.len()));
                    line.extend_from_slice(part);
                    if line.len() > limits::LEDGER_HEAD_BYTES_MAX {
                        return Err(ClientError::broken("a line between two chunks is too long"));
                    }
                    rest = behind.get(1..).unwrap_or_default();
                    if end.is_some() {
                        *self = self.behind_line()?;
                    }
                }
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// The state after the line that has just ended.
    fn behind_line(&self) -> Result<Self, ClientError> {
        match self {
            Self::ChunkSize(line) => match chunk_size(line) {
                None => Err(ClientError::broken("the size of a chunk is not a number")),
                Some(0) => Ok(Self::Trailer(Vec::new())),
                Some(size) => Ok(Self::Chunk(size)),
            },
            Self::ChunkEnd(line) if is_blank(line) => Ok(Self::ChunkSize(Vec::new())),
            Self::ChunkEnd(_) => Err(ClientError::broken("a chunk is longer than its size")),
            Self::Trailer(line) if is_blank(line) => Ok(Self::Over),
            Self::Trailer(_) => Ok(Self::Trailer(Vec::new())),
            Self::Over | Self::Length(_) | Self::UntilClose | Self::Chunk(_) => Ok(Self::Over),
        }
    }
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, [] | [b'\r'])
}

/// The chunk size at the start of a line, before any extension.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let size = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let is_hex = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
    u64::from_str_radix(std::str::from_utf8(size).ok().filter(|_| is_hex)?, 16).ok()
}

#[cfg(test)]
mod tests;
