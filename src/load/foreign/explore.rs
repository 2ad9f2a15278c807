//! `loadgen try`: finds out what an address serves: an event stream, a WebSocket, Socket.IO, JSON or none of these.
//! The result is data; the command words it.
//!
//! Over 400 lines: identifying a stream and following it belong together, and the kinds of streams are side by side.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use super::connect::Endpoint;
pub use super::explore_errors::ExploreError;
use super::follow::{Followed, Message};
use super::http::{Http, origin_form};
use super::socket;
use crate::limits;
use crate::net::AnyStream;
use crate::net::tls::Trust;
use crate::transport::ClientError;
use crate::transport::sse::Parser;

/// The kind of stream at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `text/event-stream`.
    Events,
    /// A WebSocket.
    WebSocket,
    /// Engine.IO, and therefore most likely Socket.IO.
    SocketIo,
    /// JSON, to be polled.
    Json,
    /// A web page.
    Page,
    /// Something else.
    Other,
}

/// The response head of an address.
#[derive(Clone, Debug)]
pub struct Head {
    /// The address that was requested.
    pub url: String,
    /// The kind of stream.
    pub kind: Kind,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
}

/// An event to report while the exploration runs.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A response head.
    Head(&'a Head),
    /// A message.
    Message(&'a Message),
    /// A second has passed: messages and bytes in it.
    Second(u64, u64),
}

/// Options of the exploration.
#[derive(Clone, Debug)]
pub struct ExploreOptions {
    /// Headers of each request.
    pub headers: HeaderMap,
    /// How long to follow.
    pub length: Duration,
    /// Which certificates are trusted.
    pub trust: Trust,
}

/// Paths at which streams are commonly found, tried if the given address is a page.
const USUAL: [&str; 6] = ["/events", "/sse", "/stream", "/ws", "/updates/sse", "/socket.io/?EIO=4&transport=polling"];

/// Finds out what an address serves: first as it is, then as a WebSocket, then at common paths.
///
/// Errors: [`ExploreError`].
pub async fn find(
    url: &str,
    options: &ExploreOptions,
    on_progress: &mut impl FnMut(Progress<'_>),
) -> Result<Head, ExploreError> {
    let endpoint = Endpoint::of(url, &options.trust).await?;
    let first = match url.starts_with("ws") {
        true => websocket_head(&endpoint, url, options).await?,
        false => head(&endpoint, url, options).await?,
    };
    on_progress(Progress::Head(&first));
    if matches!(first.kind, Kind::Events | Kind::WebSocket | Kind::SocketIo | Kind::Json) {
        return Ok(first);
    }
    if let Ok(found) = websocket_head(&endpoint, url, options).await
        && found.kind == Kind::WebSocket
    {
        on_progress(Progress::Head(&found));
        return Ok(found);
    }
    let is_root = origin_form(url) == "/";
    let base = url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
    let scheme = if endpoint.secure.is_some() { "https" } else { "http" };
    for path in USUAL.into_iter().filter(|_| is_root) {
        let near = format!("{scheme}://{base}{path}");
        for found in [head(&endpoint, &near, options).await, websocket_head(&endpoint, &near, options).await] {
            if let Ok(found) = found
                && matches!(found.kind, Kind::Events | Kind::WebSocket | Kind::SocketIo)
            {
                on_progress(Progress::Head(&found));
                return Ok(found);
            }
        }
    }
    Ok(first)
}

async fn head(endpoint: &Endpoint, url: &str, options: &ExploreOptions) -> Result<Head, ExploreError> {
    let mut headers = options.headers.clone();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json;q=0.9, */*;q=0.1"));
    let host = endpoint.host.to_str().unwrap_or_default().to_owned();
    let stream = dialled(endpoint, &host).await?;
    let asked = async {
        let mut http = Http::new(stream, &endpoint.host);
        let head = http.send(Method::GET, url, headers, Bytes::new()).await?;
        let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = match kind.to_ascii_lowercase() {
            kind if kind.starts_with("text/event-stream") => Kind::Events,
            kind if kind.contains("json") => Kind::Json,
            kind if kind.starts_with("text/html") => Kind::Page,
            _ => {
                let mut is_socket_io = false;
                let look = |data: &[u8]| {
                    is_socket_io |= data.starts_with(b"0{\"sid\"");
                    Ok(())
                };
                // Only the start of the answer is read: it shows whether this is Socket.IO.
                let _more = http.line.next(look).await;
                if is_socket_io { Kind::SocketIo } else { Kind::Other }
            }
        };
        let kind = if head.status.is_success() { kind } else { Kind::Other };
        Ok::<_, ClientError>(Head { url: url.to_owned(), kind, status: head.status, headers: head.headers })
    };
    match tokio::time::timeout(limits::TRY_ANSWER_TIMEOUT, asked).await {
        Ok(Ok(head)) => Ok(head),
        Ok(Err(error)) => Err(ExploreError::of_answer(host, &error)),
        Err(_) => Err(ExploreError::Silent { host, seconds: limits::TRY_ANSWER_TIMEOUT.as_secs() }),
    }
}

/// Why there is no connection, or no TLS on it.
async fn unreachable(endpoint: &Endpoint, host: String, error: ClientError) -> ExploreError {
    if let ClientError::Untrusted(problem) = error {
        return ExploreError::Untrusted { host, problem };
    }
    let problem = error.to_string();
    // The port accepts a plain connection, so the TLS handshake failed.
    if endpoint.secure.is_some() && endpoint.is_open().await {
        return ExploreError::NotTls { host, problem };
    }
    ExploreError::Closed { host, problem }
}

/// Opens a connection for the exploration.
async fn dialled(endpoint: &Endpoint, host: &str) -> Result<AnyStream, ExploreError> {
    match endpoint.dial().await {
        Ok(stream) => Ok(stream),
        Err(error) => Err(unreachable(endpoint, host.to_owned(), error).await),
    }
}

/// Requests a WebSocket upgrade.
async fn websocket_head(endpoint: &Endpoint, url: &str, options: &ExploreOptions) -> Result<Head, ExploreError> {
    let host = endpoint.host.to_str().unwrap_or_default().to_owned();
    let stream = dialled(endpoint, &host).await?;
    let url = socket_url(url);
    let opened = socket::open(stream, &url, options.headers.clone(), None);
    let head = |kind, status| Head { url: url.clone(), kind, status, headers: HeaderMap::new() };
    match tokio::time::timeout(limits::TRY_ANSWER_TIMEOUT, opened).await {
        Ok(Ok(stream)) => {
            socket::leave(stream).await;
            Ok(head(Kind::WebSocket, StatusCode::SWITCHING_PROTOCOLS))
        }
        Ok(Err(ClientError::Refused { status, .. })) => Ok(head(Kind::Other, status)),
        Ok(Err(error)) => Err(ExploreError::of_answer(host, &error)),
        Err(_) => Err(ExploreError::Silent { host, seconds: limits::TRY_ANSWER_TIMEOUT.as_secs() }),
    }
}

/// The WebSocket form of an address.
pub fn socket_url(url: &str) -> String {
    url.strip_prefix("http").map_or_else(|| url.to_owned(), |rest| format!("ws{rest}"))
}

/// Follows the stream for a while.
///
/// Errors: [`ClientError`].
pub async fn follow(
    head: &Head,
    options: &ExploreOptions,
    on_progress: &mut impl FnMut(Progress<'_>),
) -> Result<Followed, ClientError> {
    let endpoint = Endpoint::of(&head.url, &options.trust).await.map_err(ClientError::broken)?;
    let mut followed = Followed::default();
    let until = Instant::now() + options.length;
    let following = async {
        match head.kind {
            Kind::Events => {
                let events = events(&endpoint, &head.url, options, None, &mut followed, on_progress);
                has_ended(until, events).await
            }
            Kind::WebSocket => messages(&endpoint, &head.url, options, until, &mut followed, on_progress).await,
            Kind::Json => has_ended(until, polls(&endpoint, &head.url, options, &mut followed, on_progress)).await,
            Kind::SocketIo | Kind::Page | Kind::Other => Ok(true),
        }
    };
    match following.await {
        Ok(is_ended) => followed.ended = is_ended,
        Err(error) if followed.messages.is_empty() => return Err(error),
        Err(_) => followed.ended = true,
    }
    if head.kind == Kind::Events {
        followed.resumes = resumes(&endpoint, &head.url, options, &followed).await;
    }
    Ok(followed)
}

/// Did the server close the connection before the time was over?
async fn has_ended(
    until: Instant,
    following: impl Future<Output = Result<(), ClientError>>,
) -> Result<bool, ClientError> {
    match tokio::time::timeout_at(until, following).await {
        Ok(ended) => ended.map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Follows an event stream, after an `id` if one is given.
async fn events(
    endpoint: &Endpoint,
    url: &str,
    options: &ExploreOptions,
    after: Option<&str>,
    followed: &mut Followed,
    on_progress: &mut impl FnMut(Progress<'_>),
) -> Result<(), ClientError> {
    let mut http = Http::new(endpoint.dial().await?, &endpoint.host);
    let mut headers = options.headers.clone();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    if let Some(id) = after.and_then(|id| HeaderValue::try_from(id).ok()) {
        headers.insert(HeaderName::from_static("last-event-id"), id);
    }
    let _head = http.send(Method::GET, url, headers, Bytes::new()).await?;
    let mut parser = Parser::default();
    loop {
        let mut data = Vec::new();
        let keep = |came: &[u8]| {
            data.extend_from_slice(came);
            Ok(())
        };
        let goes_on = with_seconds(http.line.next(keep), followed, on_progress).await?;
        followed.read(data.len());
        followed.heartbeats += data.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b":")).count() as u64;
        parser.push(&data, |block| {
            followed.retry = followed.retry.or(block.retry);
            if !block.data.is_empty() {
                let message = Message::new(block.data, block.event, block.id);
                on_progress(Progress::Message(&message));
                followed.push(message);
            }
            Ok(())
        })?;
        if !goes_on {
            return Ok(());
        }
    }
}

/// Reconnects after an event that was seen, and checks whether the events after it are sent again; `None` if too few
/// were seen.
async fn resumes(endpoint: &Endpoint, url: &str, options: &ExploreOptions, seen: &Followed) -> Option<bool> {
    let mut ids = seen.messages.iter().filter_map(|message| message.id.as_deref());
    let (first, second) = (ids.next()?, ids.next()?);
    let mut again = Followed::default();
    let quiet = &mut |_: Progress<'_>| {};
    let waited = async {
        let following = events(endpoint, url, options, Some(first), &mut again, quiet);
        tokio::time::timeout(limits::TRY_RESUME_WAIT, following).await
    };
    let _over = waited.await;
    let came = again.messages.iter().find_map(|message| message.id.as_deref());
    Some(came == Some(second))
}

/// Reads a WebSocket for a while, then closes it. Did the server close it before that?
async fn messages(
    endpoint: &Endpoint,
    url: &str,
    options: &ExploreOptions,
    until: Instant,
    followed: &mut Followed,
    on_progress: &mut impl FnMut(Progress<'_>),
) -> Result<bool, ClientError> {
    let mut stream = socket::open(endpoint.dial().await?, url, options.headers.clone(), None).await?;
    let reading = async {
        while let Some(text) = with_seconds(socket::next_text(&mut stream), followed, on_progress).await? {
            followed.read(text.len());
            let message = Message::new(&text, "", None);
            on_progress(Progress::Message(&message));
            followed.push(message);
        }
        Ok(())
    };
    let is_ended = has_ended(until, reading).await;
    socket::leave(stream).await;
    is_ended
}

/// Polls each second, and records whether the answer has changed.
async fn polls(
    endpoint: &Endpoint,
    url: &str,
    options: &ExploreOptions,
    followed: &mut Followed,
    on_progress: &mut impl FnMut(Progress<'_>),
) -> Result<(), ClientError> {
    let mut http = Http::new(endpoint.dial().await?, &endpoint.host);
    let (mut tag, mut known) = (None::<HeaderValue>, BTreeSet::new());
    loop {
        let mut headers = options.headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(tag) = &tag {
            headers.insert(IF_NONE_MATCH, tag.clone());
        }
        let head = http.send(Method::GET, url, headers, Bytes::new()).await?;
        let is_unchanged = head.status == StatusCode::NOT_MODIFIED;
        followed.not_modified |= is_unchanged;
        tag = head.headers.get(ETAG).cloned().or(tag);
        followed.has_tag |= tag.is_some();
        let content = http.line.whole(limits::TARGET_MESSAGE_BYTES_MAX).await?;
        followed.read(content.len());
        let value: Option<Value> = (!is_unchanged).then(|| serde_json::from_slice(&content).unwrap_or_default());
        let (path, list) = value.as_ref().map(list).unwrap_or_default();
        followed.list = followed.list.take().or(path);
        for one in list.iter().map(ToString::to_string) {
            if known.insert(one.clone()) && known.len() < limits::TRY_MESSAGES_MAX {
                let message = Message::new(&one, "", None);
                on_progress(Progress::Message(&message));
                followed.push(message);
            }
        }
        with_seconds(tokio::time::sleep(Duration::from_secs(1)), followed, on_progress).await;
    }
}

/// The list in an answer and its path: the whole answer, or its first member that is a list.
fn list(value: &Value) -> (Option<String>, Vec<Value>) {
    match value {
        Value::Array(list) => (Some("$".to_owned()), list.clone()),
        Value::Object(members) => match members.iter().find(|(_, member)| member.is_array()) {
            Some((name, member)) => (Some(name.clone()), member.as_array().cloned().unwrap_or_default()),
            None => (None, vec![value.clone()]),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (None, vec![value.clone()]),
    }
}

/// Waits for a future, and reports each second that passes meanwhile.
async fn with_seconds<T>(
    future: impl Future<Output = T>,
    followed: &mut Followed,
    on_progress: &mut impl FnMut(Progress<'_>),
) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        let next = followed.second_ends();
        tokio::select! {
            biased;
            value = &mut future => return value,
            () = tokio::time::sleep_until(next) => {
                let (count, bytes) = followed.end_second();
                on_progress(Progress::Second(count, bytes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_an_answer_is_found() {
        for (json, path, count) in [
            (r#"[1,2]"#, Some("$"), 2),
            (r#"{"cursor":"a","updates":[1,2,3]}"#, Some("updates"), 3),
            (r#"{"price":1}"#, None, 1),
        ] {
            let (found, list) = list(&serde_json::from_str(json).unwrap());
            assert_eq!((found.as_deref(), list.len()), (path, count), "{json}");
        }
    }
}
