//! The usual textbook server on axum: a broadcast channel, `axum::response::sse` and `WebSocketUpgrade` with their
//! defaults, `axum::serve`. Measuring it next to pushpull's server (`loadgen run --target textbook_axum,pushpull`)
//! shows the effect of that server's tuning.

use std::convert::Infallible;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{any, get, post};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

/// How many updates a client may fall behind.
const CHANNEL: usize = 1024;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (sender, _) = broadcast::channel::<String>(CHANNEL);
    let app =
        Router::new().route("/publish", post(publish)).route("/sse", get(sse)).route("/ws", any(ws)).with_state(sender);
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await
}

async fn publish(State(sender): State<Sender<String>>, body: String) -> StatusCode {
    // It is no error if nobody is subscribed.
    let _subscribers = sender.send(body);
    StatusCode::NO_CONTENT
}

async fn sse(State(sender): State<Sender<String>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let updates = unfold(sender.subscribe(), async |mut updates| {
        let update = next(&mut updates).await?;
        Some((Ok(Event::default().data(update)), updates))
    });
    Sse::new(updates).keep_alive(KeepAlive::default())
}

async fn ws(State(sender): State<Sender<String>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| follow(socket, sender.subscribe()))
}

async fn follow(mut socket: WebSocket, mut updates: Receiver<String>) {
    while let Some(update) = next(&mut updates).await {
        if socket.send(Message::text(update)).await.is_err() {
            return;
        }
    }
}

/// The next update. Missed updates are skipped silently, as textbooks do.
async fn next(updates: &mut Receiver<String>) -> Option<String> {
    loop {
        match updates.recv().await {
            Ok(update) => return Some(update),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}
