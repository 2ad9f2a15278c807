//! A simulated proxy between one page and the server, which buffers answers, cuts silent connections, or does not
//! support WebSocket.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use hyper::body::{Frame, SizeHint};

/// The behaviour of the proxy; the default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Middlebox {
    /// Bytes of an answer that it buffers before it forwards them; 0 for no buffering.
    pub buffer_bytes: usize,
    /// How long a connection may be silent before the proxy cuts it.
    pub idle: Option<Duration>,
    /// The proxy removes `Upgrade` from a request.
    pub is_upgrade_dropped: bool,
}

/// A buffered body: nothing is forwarded until `size` bytes have been gathered or the body has ended.
pub struct Buffered {
    body: Body,
    size: usize,
    gathered: BytesMut,
    has_ended: bool,
}

impl Buffered {
    /// Buffers `size` bytes of `body` at a time.
    pub fn new(body: Body, size: usize) -> Self {
        Self { body, size, gathered: BytesMut::new(), has_ended: false }
    }
}

impl HttpBody for Buffered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while !self.has_ended {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => self.has_ended = true,
                // This server sends no trailers.
                Poll::Ready(Some(Ok(frame))) => {
                    self.gathered.extend_from_slice(&frame.into_data().unwrap_or_default());
                    if self.gathered.len() >= self.size {
                        break;
                    }
                }
            }
        }
        if self.gathered.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(self.gathered.split().freeze()))))
    }

    fn is_end_stream(&self) -> bool {
        self.gathered.is_empty() && (self.has_ended || self.body.is_end_stream())
    }

    /// An answer of known length keeps its `Content-Length`.
    fn size_hint(&self) -> SizeHint {
        if self.gathered.is_empty() { self.body.size_hint() } else { SizeHint::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::BodyExt;

    async fn lumps(pieces: &[&'static str], size: usize) -> Vec<String> {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok::<_, axum::Error>(Bytes::from_static(piece.as_bytes()))).collect();
        let mut body = Buffered::new(Body::from_stream(stream::iter(pieces)), size);
        let mut lumps = Vec::new();
        while let Some(frame) = body.frame().await {
            lumps.push(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap());
        }
        lumps
    }

    #[tokio::test]
    async fn an_answer_comes_in_pieces_of_at_least_the_buffer_size_and_its_end_is_not_held_back() {
        assert_eq!(lumps(&["abc", "def", "ghi", "j"], 5).await, ["abcdef", "ghij"]);
        assert_eq!(lumps(&["abc"], 1000).await, ["abc"]);
        assert_eq!(lumps(&["abc", "def"], 1).await, ["abc", "def"]);
        assert!(lumps(&[], 5).await.is_empty());
    }

    #[tokio::test]
    async fn an_answer_of_known_length_keeps_its_length() {
        let body = Buffered::new(Body::from("hello"), 1000);
        assert_eq!(body.size_hint().exact(), Some(5));
    }
}
