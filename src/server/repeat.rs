//! Repeated polls: a request that equals the previous one except for its cursor is not parsed, routed and checked
//! again.
//!
//! The handler of a poll takes the connection over from hyper. It reads the next request itself and compares its bytes
//! with those of the last request that went through hyper. A request that differs in more than the cursor is passed to
//! hyper unchanged.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use memchr::memmem;
use tokio::time::Instant;

use super::App;
use super::counters::{Connection, Socket};
use super::wire::Wire;
use crate::run::Transport;
use crate::stream::Cursor;

/// The request head that a polling client repeats, with the place of the cursor in it. hyper has parsed, routed and
/// checked it once.
pub struct PollTemplate {
    head: Bytes,
    cursor: Range<usize>,
}

/// The next request of a client.
pub enum NextRequest {
    /// The same poll, with the cursor that the client was given.
    Repeat,
    /// Anything else, as received.
    Other(Bytes),
}

impl PollTemplate {
    /// The request that this connection has just sent, if its bytes are known and contain this cursor exactly once.
    /// `None` for a connection of a live page, whose every request must be counted and delayed.
    pub fn new(connection: &Connection, cursor: Cursor) -> Option<Self> {
        let head = connection.takeover().head().filter(|_| !connection.attachment().is_taken())?;
        Self::of(head, cursor)
    }

    fn of(head: Bytes, cursor: Cursor) -> Option<Self> {
        let cursor = cursor.to_string();
        let mut found = memmem::find_iter(&head, cursor.as_bytes());
        let start = found.next().filter(|_| found.next().is_none())?;
        let is_whole = memmem::find(&head, b"\r\n\r\n").is_some_and(|end| end + 4 == head.len());
        is_whole.then(|| Self { cursor: start..start + cursor.len(), head })
    }

    /// Whether `request` is the same head with this cursor.
    pub fn is_repeat(&self, request: &[u8], cursor: Cursor) -> bool {
        let (before, after) = (&self.head[..self.cursor.start], &self.head[self.cursor.end..]);
        let between = request.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        // A cursor has one spelling.
        between.and_then(|between| std::str::from_utf8(between).ok()?.parse().ok()) == Some(cursor)
    }
}

/// The client's next request, compared with the template at its position; `None` if the client has disconnected.
pub fn poll_request(
    wire: &mut Wire,
    template: Option<(&PollTemplate, Cursor)>,
    context: &mut Context<'_>,
) -> Poll<Option<NextRequest>> {
    wire.poll_read_with(context, |bytes| match template {
        Some((template, position)) if template.is_repeat(bytes, position) => NextRequest::Repeat,
        Some(_) | None => NextRequest::Other(Bytes::copy_from_slice(bytes)),
    })
}

/// A polling client that may repeat its request on this connection, and whose repeats are answered at once.
pub struct RepeatPoller {
    connection: Arc<Connection>,
    /// `None` at the first poll: its bytes are known only from the second one on.
    template: Option<PollTemplate>,
}

impl RepeatPoller {
    /// The client of this connection, which has just polled with `cursor`, if with any. `None` if a takeover is not
    /// offered, if the connection belongs to a live page, or if a repeat of the request could not be recognised.
    pub fn of(connection: &Arc<Connection>, cursor: Option<Cursor>) -> Option<Self> {
        if !connection.takeover().is_offered() || connection.attachment().is_taken() {
            return None;
        }
        let template = match connection.takeover().head() {
            None => None,
            Some(head) => Some(PollTemplate::of(head, cursor?)?),
        };
        Some(Self { connection: Arc::clone(connection), template })
    }

    /// Sends the answer that `reply` makes, now and after every repeat of the request. `reply` is told whether the
    /// connection ends after its answer, and also returns the client's new position. Any other request is left to
    /// hyper.
    ///
    /// An `async` block and not an `async fn`, which would store its arguments twice: every idle client keeps this
    /// state.
    pub fn answer_repeats(
        self,
        app: Arc<App>,
        transport: Transport,
        socket: Socket,
        mut reply: impl FnMut(bool) -> (Bytes, Cursor) + Send,
    ) -> impl Future<Output = Option<Socket>> + Send {
        let mut wire = Wire::new(socket);
        let mut drain = app.drain.begun_signal();
        async move {
            let Self { connection, template } = &self;
            let mut patience = pin!(tokio::time::sleep(app.settings.head_timeout));
            loop {
                let is_last = app.drain.has_begun();
                let (answer, position) = reply(is_last);
                wire.put(answer);
                poll_fn(|context| wire.poll_flush(context)).await.ok()?;
                let template = template.as_ref().filter(|_| !is_last).map(|template| (template, position));
                let next = tokio::select! {
                    biased;
                    next = poll_fn(|context| poll_request(&mut wire, template, context)) => next?,
                    _now = &mut drain => return Some(wire.into_socket()),
                    () = &mut patience => return None,
                };
                if let NextRequest::Other(request) = next {
                    return Some(wire.leave(request, connection));
                }
                connection.charge(Some(transport));
                patience.as_mut().reset(Instant::now() + app.settings.head_timeout);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[test]
    fn a_request_is_a_repeat_only_if_nothing_but_its_cursor_differs() {
        let cursor = |seq| Cursor { seq, ..Cursor::from_str("1f3a9c02-41").unwrap() };
        let head = |cursor: Cursor, host: &str| {
            format!("GET /updates/long-poll?after={cursor}&hold=25 HTTP/1.1\r\nhost: {host}\r\n\r\n")
        };
        let template = PollTemplate::of(head(cursor(9), "a").into(), cursor(9)).unwrap();
        assert!(template.is_repeat(head(cursor(10), "a").as_bytes(), cursor(10)));
        for (said, at) in [
            (head(cursor(10), "a"), cursor(11)),
            (head(cursor(10), "b"), cursor(10)),
            (head(cursor(10), "a") + "GET", cursor(10)),
            (head(cursor(10), "a").replace("\r\n\r\n", "\r\n"), cursor(10)),
            (head(cursor(10), "a").replace("GET", "HEAD"), cursor(10)),
        ] {
            assert!(!template.is_repeat(said.as_bytes(), at), "{said:?}");
        }
        // The cursor twice, or not at all; an incomplete head; two heads.
        for head in
            [head(cursor(9), "1f3a9c02-9"), head(cursor(8), "a"), "GET".to_owned(), head(cursor(9), "a").repeat(2)]
        {
            assert!(PollTemplate::of(head.clone().into(), cursor(9)).is_none(), "{head:?}");
        }
    }
}
