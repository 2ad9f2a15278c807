//! A connection with a longer way: what is written to it leaves half an added round trip later.
//!
//! The other half is the request's and is waited for by [`super::take_seat`]. Modelled is distance: a constant time
//! each way, in order, any number of writes under way at once. Not modelled are loss, jitter and bandwidth. tokio's
//! timer rounds up to whole milliseconds, so a way is up to 1 ms longer than asked.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::limits;
use crate::server::Connection;

/// A server's end of a connection, with what is on its longer way.
pub struct Line<S> {
    stream: S,
    connection: Arc<Connection>,
    /// Only while something is late: most connections never have it.
    late: Option<Box<Late>>,
}

struct Late {
    under_way: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    timer: Pin<Box<Sleep>>,
}

impl<S: AsyncWrite + Unpin> Line<S> {
    /// Puts a line before `stream`, as long as the connection's seat says at each write.
    pub fn new(stream: S, connection: Arc<Connection>) -> Self {
        Self { stream, connection, late: None }
    }

    /// Passes on what has arrived; ready when nothing is under way any more.
    fn drive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(late) = &mut self.late else { return Poll::Ready(Ok(())) };
        while let Some((due, bytes)) = late.under_way.front_mut() {
            if late.timer.deadline() != *due {
                late.timer.as_mut().reset(*due);
            }
            ready!(late.timer.as_mut().poll(context));
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Line<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let one_way = self.connection.seat().added_one_way();
        if let Poll::Ready(outcome) = self.drive(context) {
            outcome?;
            if one_way.is_zero() {
                return Pin::new(&mut self.stream).poll_write(context, bytes);
            }
        }
        let due = Instant::now() + one_way;
        let late = self.late.get_or_insert_with(|| {
            Box::new(Late { under_way: VecDeque::new(), bytes: 0, timer: Box::pin(tokio::time::sleep_until(due)) })
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
