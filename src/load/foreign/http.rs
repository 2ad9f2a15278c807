//! Requests with any headers and body over one HTTP/1.1 connection.

use bytes::Bytes;
use http::Method;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;

use super::description::Headers;
use super::template::Values;
use crate::net::Stream;
use crate::transport::ClientError;
use crate::transport::http1::Http1;

/// One HTTP/1.1 connection.
pub struct Http<S> {
    /// The underlying connection, from which answers are read.
    pub line: Http1<S>,
    host: HeaderValue,
}

impl<S: Stream> Http<S> {
    /// Speaks HTTP/1.1 over `io`.
    pub fn new(io: S, host: &HeaderValue) -> Self {
        Self { line: Http1::new(io), host: host.clone() }
    }

    /// Sends a request, and returns the head of its answer; the body is still unread.
    ///
    /// Errors: [`ClientError`]; an error status is not an error.
    pub async fn send(
        &mut self,
        method: Method,
        url: &str,
        mut headers: HeaderMap,
        content: Bytes,
    ) -> Result<Parts, ClientError> {
        headers.insert(HOST, self.host.clone());
        self.line.send(&method, origin_form(url), &headers, &content).await
    }
}

/// The path and query of an address (RFC 9112 section 3.2.1).
pub fn origin_form(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let path = after.find(['/', '?']).map_or("/", |at| &after[at..]);
    path.split_once('#').map_or(path, |(path, _)| path)
}

/// Adds headers with their placeholders filled in.
///
/// Errors: [`ClientError::Contract`] for an invalid value.
pub fn add(headers: &mut HeaderMap, more: &Headers, values: &Values<'_>) -> Result<(), ClientError> {
    for (name, value) in &more.0 {
        let value = value.fill(values);
        let value = HeaderValue::try_from(value)
            .map_err(|_| ClientError::Contract(format!("the value of {name} is not a valid header value")))?;
        headers.insert(HeaderName::clone(name), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_reduced_to_its_path_and_query() {
        for (url, path) in [("http://h:1/a?b=c", "/a?b=c"), ("http://h", "/"), ("ws://h/x#y", "/x"), ("/a", "/a")] {
            assert_eq!(origin_form(url), path, "{url}");
        }
    }
}
