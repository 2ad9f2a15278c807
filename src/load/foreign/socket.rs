//! Follows a WebSocket, including its handshake messages.

use std::collections::BTreeMap;

use http::Uri;
use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use http::uri::Authority;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::description::{Socket, Step};
use super::http as connection;
use super::secrets::shown;
use super::subscriber::{State, Subscriber, SubscriberEvent, short, take_text};
use super::template::Values;
use crate::limits;
use crate::net::Stream;
use crate::transport::websocket::{ClientSocket, failure, handshake};
use crate::transport::{ClientError, Options};

/// Opens the WebSocket, and reports messages until it ends.
pub async fn subscribe<S: Stream>(
    io: S,
    socket: &Socket,
    subscriber: &Subscriber,
    options: &Options,
    state: &mut State,
    on_event: &mut impl FnMut(SubscriberEvent),
) -> Result<(), ClientError> {
    let values = subscriber.values(state);
    let url = subscriber.address(&socket.url, socket.next_url.as_ref(), &values);
    let mut headers = options.headers.clone();
    connection::add(&mut headers, &socket.headers, &values)?;
    on_event(SubscriberEvent::Requested);
    let mut stream = open(io, &url, headers, socket.subprotocol.as_deref()).await?;
    greet(&mut stream, &socket.handshake, &socket.replies, &values).await?;
    on_event(SubscriberEvent::Opened);
    while let Some(text) = next_text(&mut stream).await? {
        if let Some(reply) = socket.replies.get(&text) {
            stream.send(Frame::text(reply.clone())).await.map_err(failure)?;
        } else if subscriber.deliver(&socket.message, &text, state, on_event) {
            take_text(&socket.cursor, &text, state);
        }
    }
    Ok(())
}

/// The opening handshake.
///
/// Errors: [`ClientError`].
pub async fn open<S: Stream>(
    io: S,
    url: &str,
    mut headers: HeaderMap,
    subprotocol: Option<&str>,
) -> Result<ClientSocket<S>, ClientError> {
    let wrong = |problem: &dyn std::fmt::Display| ClientError::Contract(format!("{}: {problem}", shown(url)));
    let uri: Uri = url.parse().map_err(|error| wrong(&error))?;
    let authority = uri.authority().map_or("", Authority::as_str);
    let host = HeaderValue::try_from(authority).map_err(|error| wrong(&error))?;
    if let Some(name) = subprotocol {
        let name = HeaderValue::try_from(name);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, name.map_err(|_| wrong(&"the subprotocol is not a valid header"))?);
    }
    let (io, ahead, head) = handshake(io, &host, connection::origin_form(url), &headers).await?;
    // RFC 6455 section 4.1: only the requested subprotocol, if any, may be selected.
    if head.headers.get(SEC_WEBSOCKET_PROTOCOL) != headers.get(SEC_WEBSOCKET_PROTOCOL) {
        return Err(wrong(&"the server did not select the requested subprotocol"));
    }
    Ok(ClientSocket::new(io, ahead, limits::TARGET_MESSAGE_BYTES_MAX))
}

/// Exchanges the handshake messages.
///
/// Errors: [`ClientError`]; an expected message that does not arrive breaks the contract.
pub async fn greet<S: Stream>(
    stream: &mut ClientSocket<S>,
    steps: &[Step],
    replies: &BTreeMap<String, String>,
    values: &Values<'_>,
) -> Result<(), ClientError> {
    for step in steps {
        match step {
            Step::Send(text) => stream.send(Frame::text(text.fill(values))).await.map_err(failure)?,
            Step::Expect(begin) => {
                let expected = async {
                    loop {
                        let Some(text) = next_text(stream).await? else { return Err(ClientError::Closed) };
                        match replies.get(&text) {
                            Some(reply) => stream.send(Frame::text(reply.clone())).await.map_err(failure)?,
                            None if text.starts_with(begin) => return Ok(()),
                            None => {
                                let said = format!("expected {begin}…, but received {}", short(&text));
                                return Err(ClientError::Contract(said));
                            }
                        }
                    }
                };
                let in_time = tokio::time::timeout(limits::HANDSHAKE_STEP_TIMEOUT, expected).await;
                in_time.map_err(|_| ClientError::Contract(format!("expected {begin}…, but received nothing")))??;
            }
        }
    }
    Ok(())
}

/// The next message as text; `None` at an orderly close. Binary messages that are UTF-8 count as text.
///
/// Errors: [`ClientError`].
pub async fn next_text<S: Stream>(stream: &mut ClientSocket<S>) -> Result<Option<String>, ClientError> {
    while let Some(frame) = stream.next().await {
        match frame.map_err(failure)? {
            Frame::Text(text) => return Ok(Some(text.as_str().to_owned())),
            Frame::Binary(bytes) => return Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Frame::Close(_) => return Ok(None),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
        }
    }
    Ok(None)
}

/// Closes the WebSocket, so that the server does not report a broken connection. Its answer is ignored.
pub async fn leave<S: Stream>(mut stream: ClientSocket<S>) {
    let _answer = tokio::time::timeout(limits::TRY_ANSWER_TIMEOUT, stream.send(Frame::Close(None))).await;
}
