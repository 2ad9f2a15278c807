//! A poll that is asked again: the same bytes with another cursor, which need not be parsed, routed and checked again.
//!
//! A poll is answered by whoever has taken its connection over from hyper. The request behind it is read there, and
//! compared with the last one that went through hyper; what differs in anything but the cursor goes to hyper as it came.

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

/// The head of a poll as a client sends it again and again, with nothing changed but its cursor: read, routed and checked
/// once, it need not be again.
pub struct Question {
    head: Bytes,
    cursor: Range<usize>,
}

/// What a client says next.
pub enum Heard {
    /// The same question, from the position that it was given.
    Again,
    /// Anything else.
    Other(Bytes),
}

impl Question {
    /// The one that a connection has just asked, if its bytes are known and hold this cursor once. A connection that
    /// belongs to a page asks anew each time: its requests are counted, and take their time.
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

    /// Is this the same head, with this cursor?
    pub fn is_asked_again(&self, request: &[u8], cursor: Cursor) -> bool {
        let (before, after) = (&self.head[..self.cursor.start], &self.head[self.cursor.end..]);
        let between = request.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        // A cursor has one spelling.
        between.and_then(|between| std::str::from_utf8(between).ok()?.parse().ok()) == Some(cursor)
    }
}

/// What the client says next, which may be a question again from a position; `None` when it has gone.
pub fn poll_heard(
    wire: &mut Wire,
    question: Option<(&Question, Cursor)>,
    context: &mut Context<'_>,
) -> Poll<Option<Heard>> {
    wire.poll_heard(context, |bytes| match question {
        Some((question, position)) if question.is_asked_again(bytes, position) => Heard::Again,
        Some(_) | None => Heard::Other(Bytes::copy_from_slice(bytes)),
    })
}

/// A client that may ask again over its connection what it has just asked, and is answered at once.
pub struct Asking {
    connection: Arc<Connection>,
    /// Not known before its bytes have been seen, which is when it asks once more.
    question: Option<Question>,
}

impl Asking {
    /// With the cursor that it has just asked with, if with one. `None` where its connection is not offered or belongs to
    /// a page, and where nothing it asks so can be known again.
    pub fn of(connection: &Arc<Connection>, cursor: Option<Cursor>) -> Option<Self> {
        if !connection.takeover().is_offered() || connection.attachment().is_taken() {
            return None;
        }
        let question = match connection.takeover().head() {
            None => None,
            Some(head) => Some(Question::of(head, cursor?)?),
        };
        Some(Self { connection: Arc::clone(connection), question })
    }

    /// Answers with what `reply` makes, given whether the connection ends behind it, and with the position that it gives;
    /// so too when the same is asked again. Any other request is left to hyper.
    ///
    /// A block and no `async fn`, whose arguments would stand in its state twice: every idle client holds this.
    pub fn answer_each(
        self,
        app: Arc<App>,
        transport: Transport,
        socket: Socket,
        mut reply: impl FnMut(bool) -> (Bytes, Cursor) + Send,
    ) -> impl Future<Output = Option<Socket>> + Send {
        let mut wire = Wire::new(socket);
        let mut drain = app.drain.begun_signal();
        async move {
            let Self { connection, question } = &self;
            let mut patience = pin!(tokio::time::sleep(app.settings.head_timeout));
            loop {
                let is_last = app.drain.has_begun();
                let (answer, position) = reply(is_last);
                wire.put(answer);
                poll_fn(|context| wire.poll_flush(context)).await.ok()?;
                let question = question.as_ref().filter(|_| !is_last).map(|question| (question, position));
                let heard = tokio::select! {
                    biased;
                    heard = poll_fn(|context| poll_heard(&mut wire, question, context)) => heard?,
                    _now = &mut drain => return Some(wire.into_socket()),
                    () = &mut patience => return None,
                };
                if let Heard::Other(request) = heard {
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
    fn a_question_is_the_same_again_only_with_every_byte_but_the_cursor_unchanged() {
        let cursor = |seq| Cursor { seq, ..Cursor::from_str("1f3a9c02-41").unwrap() };
        let head = |cursor: Cursor, host: &str| {
            format!("GET /updates/long-poll?after={cursor}&hold=25 HTTP/1.1\r\nhost: {host}\r\n\r\n")
        };
        let question = Question::of(head(cursor(9), "a").into(), cursor(9)).unwrap();
        assert!(question.is_asked_again(head(cursor(10), "a").as_bytes(), cursor(10)));
        for (said, at) in [
            (head(cursor(10), "a"), cursor(11)),
            (head(cursor(10), "b"), cursor(10)),
            (head(cursor(10), "a") + "GET", cursor(10)),
            (head(cursor(10), "a").replace("\r\n\r\n", "\r\n"), cursor(10)),
            (head(cursor(10), "a").replace("GET", "HEAD"), cursor(10)),
        ] {
            assert!(!question.is_asked_again(said.as_bytes(), at), "{said:?}");
        }
        // A cursor that stands there twice, or not at all; half a head; more than one.
        for head in
            [head(cursor(9), "1f3a9c02-9"), head(cursor(8), "a"), "GET".to_owned(), head(cursor(9), "a").repeat(2)]
        {
            assert!(Question::of(head.clone().into(), cursor(9)).is_none(), "{head:?}");
        }
    }
}
