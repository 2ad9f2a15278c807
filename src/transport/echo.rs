//! The client-to-server direction: what arrives is sent back unchanged.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::{Transport, websocket};
use crate::limits;
use crate::server::{App, Connection, Problem, Socket};

/// `POST /echo`: the body, with its content type.
///
/// Errors: 413 for a body past the limit.
pub async fn post(headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Response, Problem> {
    let body = body?;
    let mut response = Body::from(body).into_response();
    if let Some(content_type) = headers.get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, content_type.clone());
    }
    Ok(response)
}

/// `GET /echo/ws`: each text or binary message.
///
/// Errors: as for `GET /updates/ws`.
pub async fn serve(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Result<Response, Problem> {
    connection.charge(Transport::WebSocket);
    let config = websocket::config(limits::WS_LARGE_READ_BUFFER_BYTES, app.settings.echo_bytes_max);
    let (response, upgrade) = websocket::accept(request, config)?;
    let drain = app.drain.turn();
    app.tasks.spawn(async move {
        if let Some(mut socket) = upgrade.socket().await {
            tokio::select! {
                biased;
                _ended = echo(&mut socket) => {}
                _come_back_in = drain => {
                    let _ended = websocket::close(&mut socket, CloseCode::Away, "the server is going away").await;
                }
            }
        }
    });
    Ok(response)
}

async fn echo(socket: &mut WebSocketStream<Socket>) -> Result<(), WsError> {
    while let Some(received) = socket.next().await {
        match received {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => websocket::send_all(socket, [message]).await?,
            // The library answers pings and close frames.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
            Err(error) => return websocket::close_for(socket, error).await,
        }
    }
    Ok(())
}
