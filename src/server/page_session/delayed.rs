//! A connection with added latency: bytes written to it leave half of the added round trip later.
//!
//! The other half delays the request, in the session middleware of `http`. This models distance: a constant delay in
//! each direction, in order, with any number of writes in flight. It does not model loss, jitter or bandwidth. tokio's
//! timer rounds up to whole milliseconds, so each delay is up to 1 ms longer than requested.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::limits;

/// The current added delay of a connection.
pub trait AddedDelay {
    /// The delay in one direction.
    fn added_one_way(&self) -> Duration;
}

/// The server's end of a connection, with the bytes that are being delayed.
pub struct DelayedStream<S, D> {
    stream: S,
    delay: D,
    write_timeout: Duration,
    /// Present only while bytes are delayed; most connections never need it.
    late: Option<Box<Late>>,
}

struct Late {
    under_way: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    timer: Pin<Box<Sleep>>,
    /// Runs while bytes are due and the stream does not take them.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin, D: AddedDelay> DelayedStream<S, D> {
    /// Delays the writes to `stream` by what `delay` returns at each write. The client must take the bytes within
    /// `write_timeout` after they are due.
    pub fn new(stream: S, delay: D, write_timeout: Duration) -> Self {
        Self { stream, delay, write_timeout, late: None }
    }

    /// Writes the bytes that are due; ready when none are left.
    ///
    /// Errors: `TimedOut` if the stream takes nothing for too long. The writer cannot notice this: to it, the bytes
    /// have already been written.
    fn drive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(late) = &mut self.late else { return Poll::Ready(Ok(())) };
        while let Some((due, bytes)) = late.under_way.front_mut() {
            if late.timer.deadline() != *due {
                late.timer.as_mut().reset(*due);
            }
            ready!(late.timer.as_mut().poll(context));
            let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(context, bytes) else {
                let bound = self.write_timeout;
                let stalled = late.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(bound)));
                return stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()));
            };
            late.stalled = None;
            let written = written?;
            bytes.advance(written);
            late.bytes -= written;
            if bytes.is_empty() {
                late.under_way.pop_front();
            }
        }
        self.late = None;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, D: AddedDelay + Unpin> AsyncRead for DelayedStream<S, D> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The task that serves a connection waits in a read when it has nothing else to do. The same wait is woken when
        // delayed bytes become due.
        if let Poll::Ready(Err(error)) = self.drive(context) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin, D: AddedDelay + Unpin> AsyncWrite for DelayedStream<S, D> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let one_way = self.delay.added_one_way();
        if let Poll::Ready(outcome) = self.drive(context) {
            outcome?;
            if one_way.is_zero() {
                return Pin::new(&mut self.stream).poll_write(context, bytes);
            }
        }
        let due = Instant::now() + one_way;
        let late = self.late.get_or_insert_with(|| {
            let timer = Box::pin(tokio::time::sleep_until(due));
            Box::new(Late { under_way: VecDeque::new(), bytes: 0, timer, stalled: None })
        });
        let room = limits::LIVE_LINE_BYTES_MAX - late.bytes;
        if room == 0 {
            return Poll::Pending;
        }
        // When the delay becomes shorter, later bytes still must not overtake earlier ones.
        let due = late.under_way.back().map_or(due, |(before, _)| due.max(*before));
        let taken = bytes.len().min(room);
        late.under_way.push_back((due, Bytes::copy_from_slice(&bytes[..taken])));
        late.bytes += taken;
        // Sets the timer. Only an error that occurs now is reported by this write.
        match self.drive(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    /// Does not wait for delayed bytes: a real sender does not know when its bytes arrive.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.drive(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Pin::new(&mut self.stream).poll_flush(context),
        }
    }

    /// Waits for delayed bytes: the end must not overtake them.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drive(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    const ONE_WAY: Duration = Duration::from_millis(100);
    const BOUND: Duration = Duration::from_secs(30);

    struct OneWay;

    impl AddedDelay for OneWay {
        fn added_one_way(&self) -> Duration {
            ONE_WAY
        }
    }

    /// The server's end of a delayed connection, and the client's end.
    fn long_line() -> (DelayedStream<DuplexStream, OneWay>, DuplexStream) {
        let (near, far) = tokio::io::duplex(8);
        (DelayedStream::new(near, OneWay, BOUND), far)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_arrives_half_a_round_trip_later() {
        let (mut socket, mut far) = long_line();
        let began = Instant::now();
        socket.write_all(b"hello").await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
        let mut read = [0; 5];
        tokio::select! {
            read = far.read_exact(&mut read) => drop(read.unwrap()),
            _never = socket.read_u8() => {}
        }
        assert_eq!(began.elapsed(), ONE_WAY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_the_bytes_that_are_due_is_cut() {
        let (mut socket, _far) = long_line();
        let began = Instant::now();
        socket.write_all(b"more than eight bytes").await.unwrap();
        let ended = tokio::time::timeout(BOUND * 2, socket.shutdown()).await.expect("the cut");
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), ONE_WAY + BOUND);
    }
}
