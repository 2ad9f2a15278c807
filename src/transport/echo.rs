//! The client-to-server direction: the server sends each message back unchanged.
//!
//! ```text
//! → POST /echo HTTP/1.1                            upstream for polling, long polling and SSE
//!   content-type: text/plain; charset=utf-8
//!   content-length: 5
//!
//!   hello
//! ← HTTP/1.1 200 OK
//!   content-type: text/plain; charset=utf-8
//!   x-content-type-options: nosniff
//!   …
//!   hello
//!
//! → GET /echo/ws HTTP/1.1, upgraded as in websocket.rs
//! → text  hello                                    upstream for WebSocket
//! ← text  hello
//! ```

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::Method;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_util::either::Either;

use crate::limits;
use crate::net::Stream;
use crate::run::Transport;
use crate::run::file::MessageKind;
use crate::server::request::StrictQuery;
use crate::server::wire::Wire;
use crate::server::{App, Connection, Problem, request};
use crate::transport::client::{self, ClientError, Options};
use crate::transport::http1::Http1;
use crate::transport::session::{H2Session, Session};
use crate::transport::websocket;

/// An empty query: any parameter is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

// Server half ---------------------------------------------------------------------------------------------------------

/// `POST /echo`: answers with the request's body and content type.
///
/// Errors: 408 for a body that does not arrive in time, 413 for one above the limit.
pub async fn post(
    State(app): State<Arc<App>>,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    let body = request::body(request, app.settings.echo_bytes_max).await?;
    // Without this, a browser that guesses another content type could execute the echoed body (WHATWG Fetch, "Should
    // response to request be blocked due to nosniff").
    let nosniff = (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let mut response = ([nosniff], Body::from(body)).into_response();
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    Ok(response)
}

/// `GET /echo/ws`: echoes each text or binary message.
///
/// Errors: as for `GET /updates/ws`.
pub async fn serve(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let (response, opened) = websocket::accept(request, &app.settings.origins)?;
    let config = websocket::config(limits::WS_LARGE_READ_BUFFER_BYTES, app.settings.echo_bytes_max);
    let drain = app.drain.signal();
    let echoing = Arc::clone(&connection);
    opened.then(&app, &connection, async move |socket| {
        let mut socket = websocket::over(Wire::new(socket), config);
        tokio::select! {
            biased;
            _ended = echo(&mut socket, &echoing) => {}
            _come_back_in = drain => {
                let _ended = websocket::close(&mut socket, CloseCode::Away, "the server is going away").await;
            }
        }
    });
    Ok(response)
}

async fn echo(socket: &mut WebSocketStream<Wire>, connection: &Connection) -> Result<(), WsError> {
    let mut keepalive = websocket::Keepalive::new(limits::WS_PING);
    loop {
        let received = tokio::select! {
            biased;
            received = socket.next() => received,
            // A client that stops in the middle of a message cannot answer a ping either, so it is closed too.
            ping = keepalive.beat() => {
                websocket::send_all(socket, [ping?]).await?;
                continue;
            }
        };
        let Some(received) = received else { return websocket::hang_up(socket).await };
        keepalive.heard();
        let one_way = connection.attachment().added_one_way();
        if !one_way.is_zero() {
            tokio::time::sleep(one_way).await;
        }
        match received {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => websocket::send_all(socket, [message]).await?,
            // The library answers pings and close frames.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
            Err(error) => return websocket::close_for(socket, error).await,
        }
    }
}

// Client half ---------------------------------------------------------------------------------------------------------

/// One connection for sending messages and reading their echoes.
pub enum EchoConnection<S> {
    /// One POST per message, on one HTTP/1.1 connection.
    Post(Box<Http1<S>>),
    /// One POST per message, on streams of one HTTP/2 connection.
    PostStream(H2Session),
    /// WebSocket messages.
    WebSocket(Box<websocket::ClientSocket<Either<S, TokioIo<Upgraded>>>>),
}

/// Opens a line over a session and passes it to `talk`. WebSocket sends messages over itself; the other transports use
/// POST.
pub async fn with_line<S: Stream, T>(
    via: Transport,
    session: impl Into<Session<S>>,
    options: &Options,
    talk: impl AsyncFnOnce(EchoConnection<S>) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    match via {
        Transport::WebSocket => {
            let socket = websocket::open(session, options, "/echo/ws", &mut |_requested| {}).await?;
            talk(EchoConnection::WebSocket(Box::new(socket))).await
        }
        Transport::Polling | Transport::LongPolling | Transport::Sse => match session.into() {
            Session::Http1(io) => talk(EchoConnection::Post(Box::new(Http1::new(io)))).await,
            Session::H2(session) => talk(EchoConnection::PostStream(session)).await,
            Session::Fresh(_) => Err(ClientError::Contract("echoes need a persistent connection".to_owned())),
        },
    }
}

impl<S: Stream> EchoConnection<S> {
    /// Sends `message` and returns its echo.
    pub async fn exchange(
        &mut self,
        options: &Options,
        kind: MessageKind,
        message: Bytes,
    ) -> Result<Bytes, ClientError> {
        match self {
            Self::Post(connection) => {
                let mut headers = HeaderMap::from_iter([(HOST, options.host.clone())]);
                fill(&mut headers, options, kind);
                let head = connection.send(&Method::POST, "/echo", &headers, &message).await?;
                match head.status.is_success() {
                    true => connection.whole(message.len()).await.map(Bytes::from),
                    false => Err(connection.refusal(&head).await),
                }
            }
            Self::PostStream(session) => {
                let bytes_max = message.len();
                let request = Request::post(session.uri(&options.host, "/echo")?).body(Full::new(message));
                let mut request = request.map_err(|error| ClientError::Contract(error.to_string()))?;
                fill(request.headers_mut(), options, kind);
                let response = session.send(request).await?;
                match response.status().is_success() {
                    true => client::whole(response.into_body(), bytes_max).await,
                    false => Err(client::refusal(response).await),
                }
            }
            Self::WebSocket(socket) => {
                let message = match kind {
                    MessageKind::Text => Message::Text(message.try_into().map_err(ClientError::broken)?),
                    MessageKind::Binary => Message::Binary(message),
                };
                socket.send(message).await.map_err(websocket::failure)?;
                loop {
                    match socket.next().await {
                        None => return Err(ClientError::Closed),
                        Some(Err(error)) => return Err(websocket::failure(error)),
                        Some(Ok(Message::Text(text))) => return Ok(text.into()),
                        Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => {}
                    }
                }
            }
        }
    }
}

/// Adds the headers of a posted message.
fn fill(headers: &mut HeaderMap, options: &Options, kind: MessageKind) {
    let content_type = match kind {
        MessageKind::Text => HeaderValue::from_static("text/plain; charset=utf-8"),
        MessageKind::Binary => HeaderValue::from_static("application/octet-stream"),
    };
    headers.insert(CONTENT_TYPE, content_type);
    headers.extend(options.headers.clone());
}
