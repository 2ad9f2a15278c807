//! Requests with bodies and headers of their own over one HTTP/1.1 connection.

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::description::Headers;
use super::template::Values;
use crate::net::Stream;
use crate::transport::ClientError;
use crate::transport::session::ended;

/// One connection.
pub struct Http {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

/// The part of a connection that moves bytes while requests wait.
pub type Connection<S> = http1::Connection<TokioIo<S>, Full<Bytes>>;

/// Speaks HTTP/1.1 over `io`.
///
/// Errors: [`ClientError::Broken`].
pub async fn open<S: Stream>(io: S, host: &HeaderValue) -> Result<(Http, Connection<S>), ClientError> {
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(ClientError::broken)?;
    Ok((Http { sender, host: host.clone() }, connection))
}

impl Http {
    /// Sends a request, and returns the head of its answer with the body still to come.
    ///
    /// Errors: [`ClientError`]; an answer with an error is none.
    pub async fn send(
        &mut self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        self.sender.ready().await.map_err(ended)?;
        let wrong = |error: http::Error| ClientError::Contract(error.to_string());
        let mut request =
            Request::builder().method(method).uri(origin_form(url)).body(Full::new(body)).map_err(wrong)?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, self.host.clone());
        self.sender.send_request(request).await.map_err(ended)
    }
}

/// The path and the query of an address (RFC 9112 section 3.2.1).
pub fn origin_form(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let path = after.find(['/', '?']).map_or("/", |at| &after[at..]);
    path.split_once('#').map_or(path, |(path, _)| path)
}

/// Adds headers with their places filled in.
///
/// Errors: [`ClientError::Contract`] of a value that is none.
pub fn add(headers: &mut HeaderMap, more: &Headers, values: &Values<'_>) -> Result<(), ClientError> {
    for (name, value) in &more.0 {
        let value = value.fill(values);
        let value = HeaderValue::try_from(value)
            .map_err(|_| ClientError::Contract(format!("the value for the header {name} is not fit for one")))?;
        headers.insert(HeaderName::clone(name), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_down_to_its_path_and_query() {
        for (url, path) in [("http://h:1/a?b=c", "/a?b=c"), ("http://h", "/"), ("ws://h/x#y", "/x"), ("/a", "/a")] {
            assert_eq!(origin_form(url), path, "{url}");
        }
    }
}
