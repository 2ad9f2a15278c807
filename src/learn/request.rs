//! One request of a student's program, as the relay records it: its address, and the position that it asks from.

use percent_encoding::percent_decode_str;
use tokio::time::Instant;

use super::oracle::Published;
use crate::run::Transport;
use crate::stream::Cursor;
use crate::transport;

/// The position that a request asks from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Now: it names no position.
    Now,
    /// The oldest update that is retained.
    Earliest,
    /// The update after this cursor.
    Cursor(Cursor),
    /// Text that is no position.
    Other(String),
}

/// A recorded request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// When it came.
    pub at: Instant,
    /// The number of its connection, from 0.
    pub connection: u64,
    /// Its path without the query.
    pub path: String,
    /// The position that it asks from.
    pub after: After,
    /// Its `hold` parameter: for how many seconds the server may hold it.
    pub hold: Option<String>,
    /// When its answer began, if it did.
    pub answered: Option<Instant>,
}

impl Request {
    /// A request with this head.
    pub(super) fn new(head: &Head, at: Instant, connection: u64) -> Self {
        let Head { path, after, hold, .. } = head.clone();
        Self { at, connection, path, after, hold, answered: None }
    }

    /// The number of the update that it asks for, if it names a cursor of this lab.
    pub fn next(&self, published: &Published) -> Option<u64> {
        match self.after {
            After::Cursor(cursor) => published.number_after(cursor),
            After::Now | After::Earliest | After::Other(_) => None,
        }
    }

    /// The transport that its address belongs to.
    pub fn transport(&self) -> Option<Transport> {
        transport::of_path(&self.path)
    }
}

/// A request's head, as far as it matters.
#[derive(Clone, Debug)]
pub(super) struct Head {
    path: String,
    after: After,
    hold: Option<String>,
    pub is_upgrade: bool,
}

impl Head {
    /// Reads a head. An invalid one is left to the server to refuse.
    pub fn read(bytes: &[u8]) -> Self {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let _unreadable = request.parse(bytes);
        let target = request.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(found, _)| *found == name)?;
            Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        let header = |name: &str| {
            let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
            Some(String::from_utf8_lossy(found.value).into_owned())
        };
        let tag = header("if-none-match").map(|tag| tag.trim_start_matches("W/").trim_matches('"').to_owned());
        // In the server's order of precedence.
        let position = header("last-event-id").filter(|id| !id.is_empty()).or_else(|| parameter("after")).or(tag);
        let after = match position.as_deref() {
            None | Some("") => After::Now,
            Some("earliest") => After::Earliest,
            Some(text) => text.parse().map_or_else(|_| After::Other(text.to_owned()), After::Cursor),
        };
        Self { path: path.to_owned(), after, hold: parameter("hold"), is_upgrade: header("upgrade").is_some() }
    }

    pub fn is_event_stream(&self) -> bool {
        transport::of_path(&self.path) == Some(Transport::Sse)
    }

    pub fn is_long_poll(&self) -> bool {
        transport::of_path(&self.path) == Some(Transport::LongPolling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(head: &str) -> After {
        Head::read(format!("{head}\r\n\r\n").as_bytes()).after
    }

    #[test]
    fn the_position_is_read_from_each_place_that_the_contract_allows() {
        let cursor = After::Cursor("1f3a9c02-41".parse().unwrap());
        assert_eq!(after("GET /updates/poll?limit=5&after=1f3a9c02-41 HTTP/1.1"), cursor);
        assert_eq!(after("GET /updates/sse?after=earliest HTTP/1.1\r\nLast-Event-ID: 1f3a9c02-41"), cursor);
        assert_eq!(after("GET /updates/poll HTTP/1.1\r\nIf-None-Match: W/\"1f3a9c02-41\""), cursor);
        assert_eq!(after("GET /updates/sse?after=earliest HTTP/1.1\r\nlast-event-id: "), After::Earliest);
        assert_eq!(after("GET /updates/sse HTTP/1.1"), After::Now);
        assert_eq!(after("GET /updates/sse?after=null HTTP/1.1"), After::Other("null".to_owned()));
    }
}
