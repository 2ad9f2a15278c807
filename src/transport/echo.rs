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
use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::answer::Strict;
use super::{Transport, websocket};
use crate::limits;
use crate::server::{App, Connection, Lane, Problem, Socket, live};

/// `?session=ID` from a live page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EchoQuery {
    session: Option<String>,
}

/// `POST /echo`: the body, with its content type.
///
/// Errors: 413 for a body past the limit.
pub async fn post(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    Strict(query): Strict<EchoQuery>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body?;
    live::take_seat(&app, &connection, query.session.as_deref(), Lane::UpPost).await?;
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
    Strict(query): Strict<EchoQuery>,
    request: Request,
) -> Result<Response, Problem> {
    connection.charge(Transport::WebSocket);
    live::take_seat(&app, &connection, query.session.as_deref(), Lane::UpWebSocket).await?;
    let config = websocket::config(limits::WS_LARGE_READ_BUFFER_BYTES, app.settings.echo_bytes_max);
    let (response, upgrade) = websocket::accept(request, config)?;
    let drain = app.drain.turn();
    app.tasks.spawn(async move {
        if let Some(mut socket) = upgrade.socket().await {
            tokio::select! {
                biased;
                _ended = echo(&mut socket, &connection) => {}
                _come_back_in = drain => {
                    let _ended = websocket::close(&mut socket, CloseCode::Away, "the server is going away").await;
                }
            }
        }
    });
    Ok(response)
}

async fn echo(socket: &mut WebSocketStream<Socket>, connection: &Connection) -> Result<(), WsError> {
    while let Some(received) = socket.next().await {
        let one_way = connection.seat().added_one_way();
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
    Ok(())
}
