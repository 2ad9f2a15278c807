//! A WebSocket, with whatever is said on it before messages come.

use std::collections::BTreeMap;

use futures_util::{SinkExt, StreamExt};
use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::description::{Socket, Step};
use super::http as connection;
use super::subscriber::{Seen, State, Subscriber, short, take_text};
use super::template::Values;
use crate::limits;
use crate::net::Stream;
use crate::transport::websocket::{config, failure};
use crate::transport::{ClientError, Options};

/// Opens the WebSocket, and reports what comes, until it ends.
pub async fn subscribe<S: Stream>(
    io: S,
    socket: &Socket,
    subscriber: &Subscriber,
    options: &Options,
    state: &mut State,
    on_seen: &mut impl FnMut(Seen),
) -> Result<(), ClientError> {
    let values = subscriber.values(state);
    let url = subscriber.address(&socket.url, socket.next_url.as_ref(), &values);
    let mut headers = options.headers.clone();
    connection::add(&mut headers, &socket.headers, &values)?;
    on_seen(Seen::Requested);
    let mut stream = open(io, &url, headers, socket.subprotocol.as_deref()).await?;
    greet(&mut stream, &socket.handshake, &socket.replies, &values).await?;
    on_seen(Seen::Opened);
    while let Some(text) = next_text(&mut stream).await? {
        if let Some(reply) = socket.replies.get(&text) {
            stream.send(Frame::text(reply.clone())).await.map_err(failure)?;
        } else if subscriber.deliver(&socket.message, &text, state, on_seen) {
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
    headers: HeaderMap,
    subprotocol: Option<&str>,
) -> Result<WebSocketStream<S>, ClientError> {
    let mut request = url.into_client_request().map_err(failure)?;
    request.headers_mut().extend(headers);
    if let Some(name) = subprotocol {
        let wrong = |_| ClientError::Contract(format!("`{name}` is no subprotocol"));
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::try_from(name).map_err(wrong)?);
    }
    let config = config(limits::WS_LARGE_READ_BUFFER_BYTES, limits::TARGET_MESSAGE_BYTES_MAX);
    let opened = tokio_tungstenite::client_async_with_config(request, io, Some(config)).await;
    opened.map(|(stream, _response)| stream).map_err(failure)
}

/// Says and hears what comes before messages.
///
/// Errors: [`ClientError`]; what was expected and did not come breaks the contract.
pub async fn greet<S: Stream>(
    stream: &mut WebSocketStream<S>,
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
                                let said = format!("expected {begin}…, and had {}", short(&text));
                                return Err(ClientError::Contract(said));
                            }
                        }
                    }
                };
                let in_time = tokio::time::timeout(limits::HANDSHAKE_STEP_TIMEOUT, expected).await;
                in_time.map_err(|_| ClientError::Contract(format!("expected {begin}…, and nothing came")))??;
            }
        }
    }
    Ok(())
}

/// The next message as a text; `None` at an orderly end. Binary messages that are UTF-8 are texts.
///
/// Errors: [`ClientError`].
pub async fn next_text<S: Stream>(stream: &mut WebSocketStream<S>) -> Result<Option<String>, ClientError> {
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

/// Says goodbye, so that the server has no broken connection to report. What it answers makes no difference any more.
pub async fn leave<S: Stream>(mut stream: WebSocketStream<S>) {
    let _answer = tokio::time::timeout(limits::TRY_ANSWER_TIMEOUT, stream.close(None)).await;
}
