//! A subscriber for each transport, built on reqwest and tokio-tungstenite: independent of the client halves in `src`.

use futures_util::{SinkExt, StreamExt};
use pushpull::run::Transport;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::{Server, within};

/// The body of a poll's answer. Each update is kept as the bytes that arrived.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// The position after these updates.
    pub cursor: String,
    /// The gap announced before the updates.
    pub gap: Option<Value>,
    /// Each update, byte for byte.
    pub updates: Vec<Box<RawValue>>,
}

/// What a subscriber received.
#[derive(Debug, Default, PartialEq)]
pub struct Received {
    /// The gap announced before the updates, if any.
    pub gap: Option<Value>,
    /// Each update, byte for byte.
    pub updates: Vec<String>,
    /// The position after the last update.
    pub cursor: String,
}

impl Received {
    /// The sequence numbers of the updates.
    pub fn numbers(&self) -> Vec<u64> {
        self.updates.iter().map(|update| number(update)).collect()
    }
}

/// The sequence number of an update.
pub fn number(update: &str) -> u64 {
    serde_json::from_str::<Value>(update).unwrap()["seq"].as_u64().unwrap()
}

/// Subscribes after the cursor `after`, receives at least `count` updates and disconnects.
pub async fn receive(server: &Server, transport: Transport, after: &str, count: usize) -> Received {
    let receiving = async {
        match transport {
            Transport::Polling => poll(server, "/updates/poll?after=", after, count).await,
            Transport::LongPolling => poll(server, "/updates/long-poll?hold=5&after=", after, count).await,
            Transport::Sse => sse(server, after, count).await,
            Transport::WebSocket => websocket(server, after, count).await,
        }
    };
    within(transport.label(), receiving).await
}

async fn poll(server: &Server, path: &str, after: &str, count: usize) -> Received {
    let mut received = Received { cursor: after.to_owned(), ..Received::default() };
    while received.updates.len() < count {
        let response = server.get(&format!("{path}{}", received.cursor)).await;
        if response.status() == 204 {
            continue;
        }
        assert_eq!(response.status(), 200);
        let answer: Answer = response.json().await.unwrap();
        received.cursor = answer.cursor;
        received.gap = received.gap.or(answer.gap);
        received.updates.extend(answer.updates.iter().map(|update| update.get().to_owned()));
    }
    received
}

async fn sse(server: &Server, after: &str, count: usize) -> Received {
    let mut stream = EventStream::open(server, &format!("/updates/sse?after={after}"), None).await;
    let mut received = Received::default();
    while received.updates.len() < count {
        let block = stream.block().await.expect("the stream goes on");
        if let Some(id) = block.field("id") {
            received.cursor = id.to_owned();
        }
        match (block.field("event"), block.field("data")) {
            (Some("gap"), Some(data)) => received.gap = Some(serde_json::from_str(data).unwrap()),
            (None, Some(data)) => received.updates.push(data.to_owned()),
            (None, None) => {}
            (event, data) => panic!("an event of the contract: {event:?} {data:?}"),
        }
    }
    received
}

async fn websocket(server: &Server, after: &str, count: usize) -> Received {
    let mut socket = open_websocket(server, &format!("/updates/ws?after={after}")).await.unwrap();
    let mut received = Received::default();
    let mut epoch = String::new();
    while received.updates.len() < count {
        let text = next_text(&mut socket).await;
        let frame: Value = serde_json::from_str(&text).unwrap();
        if let Some(cursor) = frame["cursor"].as_str() {
            // Next to a gap it is the position after that gap. On its own it is the position that was asked for.
            received.gap = frame.get("gap").cloned().or(received.gap);
            cursor.clone_into(&mut received.cursor);
            epoch = cursor.split('-').next().unwrap().to_owned();
        } else {
            received.cursor = format!("{epoch}-{}", frame["seq"]);
            received.updates.push(text);
        }
    }
    socket.close(None).await.unwrap();
    received
}

/// An open event stream.
pub struct EventStream {
    /// The response, whose head has been read.
    pub response: reqwest::Response,
    buffer: Vec<u8>,
}

/// The fields of one event-stream block, in order. A comment has an empty name.
#[derive(Debug, PartialEq)]
pub struct Block(pub Vec<(String, String)>);

impl Block {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

impl EventStream {
    /// Opens an event stream at `path`.
    pub async fn open(server: &Server, path: &str, last_event_id: Option<&str>) -> Self {
        let mut request = server.http.get(server.url(path)).header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = within(path, request.send()).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        Self { response, buffer: Vec::new() }
    }

    /// The next block; `None` when the server has ended the stream cleanly.
    pub async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let text = String::from_utf8(block).unwrap();
                let field = |line: &str| {
                    let (name, value) = line.split_once(':').unwrap_or((line, ""));
                    (name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned())
                };
                return Some(Block(text.lines().filter(|line| !line.is_empty()).map(field).collect()));
            }
            match self.response.chunk().await.expect("the stream either continues or ends cleanly") {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return None,
            }
        }
    }
}

/// The opening handshake of RFC 6455 section 1.3 as sent on the wire, with the additional header lines `more`.
pub fn handshake(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// The client's end of a WebSocket.
pub type Ws = WebSocketStream<TcpStream>;

/// Opens a WebSocket.
pub async fn open_websocket(server: &Server, path: &str) -> Result<Ws, WsError> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let url = format!("ws://{}{path}", server.address);
    let opening = tokio_tungstenite::client_async(url, stream);
    within(path, opening).await.map(|(socket, _response)| socket)
}

/// The next message.
pub async fn next_message(socket: &mut Ws) -> Message {
    within("a message", socket.next()).await.expect("the WebSocket goes on").unwrap()
}

/// The next text message; control frames before it are skipped.
pub async fn next_text(socket: &mut Ws) -> String {
    loop {
        match next_message(socket).await {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => {
                panic!("expected a text message, not {other:?}")
            }
        }
    }
}

/// Reads until the server's close frame, and returns its code.
pub async fn close_code(socket: &mut Ws) -> u16 {
    loop {
        if let Message::Close(frame) = next_message(socket).await {
            return frame.expect("a close frame with a code").code.into();
        }
    }
}

/// Sends a message.
pub async fn send(socket: &mut Ws, message: Message) {
    within("room to send", socket.send(message)).await.unwrap();
}
