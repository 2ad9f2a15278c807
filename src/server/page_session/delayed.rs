//! A connection with a longer way: what is written to it leaves half an added round trip later.
//!
//! The other half is the request's and is waited for by [`the middleware in `http``]. Modelled is distance: a constant time
//! each way, in order, any number of writes under way at once. Not modelled are loss, jitter and bandwidth. tokio's
//! timer rounds up to whole milliseconds, so a way is up to 1 ms longer than asked.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::limits;

/// How long the way is that is added to a connection, at the moment.
pub trait AddedDelay {
    /// One way.
    fn added_one_way(&self) -> Duration;
}

/// A server's end of a connection, with what is on its longer way.
pub struct DelayedStream<S, D> {
    stream: S,
    delay: D,
    write_timeout: Duration,
    /// Only while something is late: most connections never have it.
    late: Option<Box<Late>>,
}

struct Late {
    under_way: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    timer: Pin<Box<Sleep>>,
    /// Runs while something has arrived and the stream does not take it.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin, D: AddedDelay> DelayedStream<S, D> {
    /// Puts a delay before `stream`, as long as `delay` says at each write; the other side must take what
    /// arrives within `write_timeout`.
    pub fn new(stream: S, delay: D, write_timeout: Duration) -> Self {
        Self { stream, delay, write_timeout, late: None }
    }

    /// Passes on what has arrived; ready when nothing is under way any more.
    ///
    /// Errors: `TimedOut` when nothing of it was taken for too long: whoever wrote it believes that it is gone, and
    /// watches no clock.
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
        // Whoever serves a connection waits to read from it whenever nothing else is to be done: that wait is woken for
        // what is under way, too.
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
        // A way that was made shorter does not let what is written later overtake.
        let due = late.under_way.back().map_or(due, |(before, _)| due.max(*before));
        let taken = bytes.len().min(room);
        late.under_way.push_back((due, Bytes::copy_from_slice(&bytes[..taken])));
        late.bytes += taken;
        // Sets the timer; what happens to the bytes later is no longer this write's concern, except a broken stream.
        match self.drive(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    /// Does not wait for what is under way: a sender does not know when its bytes arrive.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.drive(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Pin::new(&mut self.stream).poll_flush(context),
        }
    }

    /// Does wait: the end must not overtake what was written before it.
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

    /// A server's end of a connection with a longer way, and the client's end of it.
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
    async fn a_client_that_takes_nothing_of_what_has_arrived_is_cut() {
        let (mut socket, _far) = long_line();
        let began = Instant::now();
        socket.write_all(b"more than eight bytes").await.unwrap();
        let ended = tokio::time::timeout(BOUND * 2, socket.shutdown()).await.expect("the cut");
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), ONE_WAY + BOUND);
    }
}
