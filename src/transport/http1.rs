//! HTTP/1.1 as a client half speaks it (RFC 9112): one request at a time on a connection of its own.
//!
//! A client half is one of thousands in one process, which is to disturb what it measures as little as it can. So nothing
//! stands between the socket and whoever reads the body: no task and no channel for each connection, and no buffer, since
//! bytes are taken apart where [`net::read`] has put them. Heads are parsed by httparse.

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

/// A connection.
pub struct Http1<S> {
    io: S,
    /// Was read, and belongs to what comes next.
    ahead: BytesMut,
    body: Body,
    /// It takes another request once the body is over.
    is_kept: bool,
}

impl<S: Stream> Http1<S> {
    /// Nothing has been asked yet.
    pub fn new(io: S) -> Self {
        Self { io, ahead: BytesMut::new(), body: Body::Over, is_kept: true }
    }

    /// Sends a request, and returns the head of its answer; the body is still to come.
    ///
    /// Not cancel safe: called again after that, it fails as on a closed connection.
    ///
    /// Errors: [`ClientError::Closed`] if the connection had ended before; [`ClientError::Broken`].
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

    /// Hands on the next bytes of the body, as they come; returns whether there is more to wait for.
    ///
    /// Cancel safe. Errors: those of `on_data`; [`ClientError::Broken`] where it is cut off or not according to RFC 9112.
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

    /// What an answer with an error says.
    pub async fn refusal(&mut self, head: &Parts) -> ClientError {
        refused(head, &self.whole(limits::REFUSAL_BYTES_MAX).await.unwrap_or_default())
    }

    /// The connection with what was read of it already, for another protocol.
    pub fn into_parts(self) -> (S, BytesMut) {
        (self.io, self.ahead)
    }

    /// Ends the connection behind an answer that was to be its last: the server closes first.
    pub async fn end(mut self) {
        while self.io.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
        let _ended = self.io.shutdown().await;
    }

    /// Has the server closed the connection, or said anything that nobody has asked for?
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

    /// The head of the answer, once it is there. Those that come before it only say that it will (RFC 9110 section 15.2).
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
        return Err(ClientError::Contract(format!("`{target}` is not fit for a request")));
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

/// A head and its length, if all of it is there.
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

/// Does the connection take another request (RFC 9112 section 9.3)?
fn is_kept(head: &Parts) -> bool {
    let options = head.headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let mut options = options.flat_map(|value| value.split(',')).map(str::trim);
    match head.version {
        Version::HTTP_10 => options.any(|option| option.eq_ignore_ascii_case("keep-alive")),
        _ => !options.any(|option| option.eq_ignore_ascii_case("close")),
    }
}

/// The connection ended before an answer had.
#[derive(Debug, thiserror::Error)]
#[error("the connection ended in the middle of an answer")]
pub struct CutOff;

fn cut_off() -> ClientError {
    ClientError::broken(CutOff)
}

fn unasked() -> ClientError {
    ClientError::broken("something came that nobody had asked for")
}

/// What is still to come of a body (RFC 9112 sections 6.3 and 7.1).
#[derive(Debug)]
enum Body {
    /// Nothing.
    Over,
    /// So many bytes.
    Length(u64),
    /// Whatever comes.
    UntilClose,
    /// A line with the size of a chunk, of which this has come.
    ChunkSize(Vec<u8>),
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The end of the line behind a chunk.
    ChunkEnd(Vec<u8>),
    /// Lines behind the last chunk, up to an empty one.
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
        match length.ok_or_else(|| ClientError::broken("the length of an answer is no number"))? {
            0 => Ok(Self::Over),
            length => Ok(Self::Length(length)),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// Hands on what is content among `bytes`; returns how many of them belong to this body.
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

    /// What follows on the line that has just ended.
    fn behind_line(&self) -> Result<Self, ClientError> {
        match self {
            Self::ChunkSize(line) => match chunk_size(line) {
                None => Err(ClientError::broken("the size of a chunk is no number")),
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

/// The size at the beginning of a line, before any extension.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let size = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let is_hex = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
    u64::from_str_radix(std::str::from_utf8(size).ok().filter(|_| is_hex)?, 16).ok()
}

#[cfg(test)]
mod tests;
