//! A stream with a tap that sees its bytes as they pass: the server counts them, the client classifies them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::limits;

/// Sees every byte that a stream actually read or wrote.
pub trait Tap {
    /// Does the stream, after its last write, continue for a while to read what the other side still sends?
    const LINGERS: bool = false;
    /// These bytes were received.
    fn came_in(&mut self, bytes: &[u8]);
    /// The kernel accepted these bytes for sending.
    fn went_out(&mut self, bytes: &[u8]);
    /// Everything written has left the stream's own buffers.
    fn flushed(&mut self) {}
    /// The stream is about to be closed; its socket is still open.
    fn closing(&mut self) {}
}

/// A stream with a tap, and a limit on how long the other side may accept nothing.
pub struct Tapped<S, T: Tap> {
    stream: S,
    tap: T,
    write_timeout: Duration,
    /// Runs while the stream has no room for a pending write.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Bytes that were read and seen by the tap, then given back to be read again.
    unread: Bytes,
    /// Does `stalled` run for a flush? With TLS, accepted bytes may still wait for room.
    is_flushing: bool,
}

impl<S, T: Tap> Tapped<S, T> {
    /// Attaches `tap` to `stream`.
    pub fn new(stream: S, tap: T, write_timeout: Duration) -> Self {
        Self { stream, tap, write_timeout, stalled: None, unread: Bytes::new(), is_flushing: false }
    }

    /// Gives back bytes that were read ahead; the next read returns them first.
    pub fn unread(&mut self, bytes: Bytes) {
        self.unread = match self.unread.is_empty() {
            true => bytes,
            false => [bytes, std::mem::take(&mut self.unread)].concat().into(),
        };
    }

    /// The underlying stream.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Passes a finished write through; while the write is pending, checks the time limit.
    ///
    /// Errors: `TimedOut` if nothing could be written within the limit.
    fn watch<R>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let bound = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(bound)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin, T: Tap + Unpin> Tapped<S, T> {
    /// Discards received bytes until the other side closes or the time is over.
    ///
    /// Closing a socket with unread bytes resets its connection. A client that is still sending a refused body would
    /// then see the reset instead of the answer with the reason (RFC 9112 section 9.6).
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // Everything is written by now, so the timer of stalled writes is free.
            let over = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limits::LINGER)));
            if over.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut bytes = [0; 4096];
            let mut buffer = ReadBuf::new(&mut bytes);
            let outcome = ready!(Pin::new(&mut *self).poll_read(context, &mut buffer));
            if outcome.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S, T: Tap> Drop for Tapped<S, T> {
    fn drop(&mut self) {
        self.tap.closing();
    }
}

impl<S: AsyncRead + Unpin, T: Tap + Unpin> AsyncRead for Tapped<S, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let taken = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(taken));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            self.tap.came_in(bytes);
        }
        outcome
    }
}

/// Not vectored: above a stream that takes one buffer at a time, hyper joins head and body by copying. For updates of
/// this size that is cheaper than a list of buffers in memory and in the system call.
impl<S: AsyncRead + AsyncWrite + Unpin, T: Tap + Unpin> AsyncWrite for Tapped<S, T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = outcome {
            self.tap.went_out(&bytes[..written]);
        }
        self.watch(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = outcome {
            self.tap.flushed();
        }
        if outcome.is_pending() || self.is_flushing {
            self.is_flushing = outcome.is_pending();
            return self.watch(context, outcome);
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        if T::LINGERS { self.linger(context) } else { Poll::Ready(Ok(())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[derive(Default)]
    struct Kept {
        came_in: Vec<u8>,
        went_out: Vec<u8>,
    }

    impl Tap for &mut Kept {
        fn came_in(&mut self, bytes: &[u8]) {
            self.came_in.extend_from_slice(bytes);
        }
        fn went_out(&mut self, bytes: &[u8]) {
            self.went_out.extend_from_slice(bytes);
        }
    }

    #[tokio::test]
    async fn a_tap_sees_every_byte_once_in_both_directions() {
        let (near, mut far) = tokio::io::duplex(5);
        let mut kept = Kept::default();
        let mut tapped = Tapped::new(near, &mut kept, Duration::from_secs(1));
        let echo = async {
            let mut bytes = [0; 11];
            far.read_exact(&mut bytes).await.unwrap();
            far.write_all(&bytes).await.unwrap();
        };
        let talk = async {
            tapped.write_all(b"hello world").await.unwrap();
            tapped.read_exact(&mut [0; 11]).await.unwrap();
        };
        tokio::join!(echo, talk);
        drop(tapped);
        assert_eq!((kept.came_in.as_slice(), kept.went_out.as_slice()), (&b"hello world"[..], &b"hello world"[..]));
    }

    /// A tap whose stream lingers.
    struct Patient;

    impl Tap for Patient {
        const LINGERS: bool = true;
        fn came_in(&mut self, _bytes: &[u8]) {}
        fn went_out(&mut self, _bytes: &[u8]) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_lingers_reads_what_still_arrives_for_a_limited_time() {
        for closes in [true, false] {
            let (near, mut far) = tokio::io::duplex(4);
            let mut tapped = Tapped::new(near, Patient, Duration::from_secs(30));
            let began = tokio::time::Instant::now();
            let send = async move {
                far.write_all(b"more than four").await.unwrap();
                if closes {
                    drop(far);
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                outcome = tapped.shutdown() => outcome.unwrap(),
                () = async { send.await; std::future::pending().await } => {}
            }
            assert_eq!(began.elapsed(), if closes { Duration::ZERO } else { limits::LINGER });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_accepts_nothing_is_disconnected_after_the_time_limit() {
        let (near, _far) = tokio::io::duplex(4);
        let mut kept = Kept::default();
        let mut tapped = Tapped::new(near, &mut kept, Duration::from_secs(30));
        let began = tokio::time::Instant::now();
        let error = tapped.write_all(b"more than four").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 30);
    }
}
