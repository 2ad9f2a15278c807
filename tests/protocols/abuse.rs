//! Malicious clients: each is disconnected or refused, memory stays bounded, and other clients are not affected.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{Server, within};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The most memory that one of these clients may cost: a decompression bomb would take gigabytes.
const GROWTH_MAX_BYTES: u64 = 64 << 20;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A GET of `path` in HPACK, without the dynamic table (RFC 7541 section 6).
fn head(path: &str) -> Vec<u8> {
    let mut head = vec![0x82, 0x86, 0x04, path.len() as u8];
    head.extend(path.as_bytes());
    head.extend([0x01, 9]);
    head.extend(b"localhost");
    head
}

fn resident_bytes(server: &Server) -> u64 {
    pushpull::measure::host::resident_bytes(server.pid()).unwrap()
}

/// A connection with the HTTP/2 preface sent.
async fn begin(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// All frames until the server closes the connection: kind, stream and payload of each.
async fn frames_until_end(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<(u8, u32, Vec<u8>)> {
    let mut frames = Vec::new();
    let reading = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return;
            }
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let mut payload = vec![0; length];
            if stream.read_exact(&mut payload).await.is_err() {
                return;
            }
            frames.push((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload));
        }
    };
    within("the end of the connection", reading).await;
    frames
}

/// The code of the last GOAWAY frame.
fn goaway_code(frames: &[(u8, u32, Vec<u8>)]) -> Option<u32> {
    let last = frames.iter().rev().find(|(kind, _, _)| *kind == GOAWAY)?;
    Some(u32::from_be_bytes(last.2[4..8].try_into().unwrap()))
}

/// A subscriber that must continue to get updates, whatever the other client does.
struct Bystander(TcpStream);

impl Bystander {
    async fn arrive(server: &Server) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /updates/sse HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut bystander = Self(stream);
        bystander.reads("id: ").await;
        bystander
    }

    async fn reads(&mut self, text: &str) {
        let mut read = String::new();
        let reading = async {
            while !read.contains(text) {
                let mut bytes = [0; 4096];
                let count = self.0.read(&mut bytes).await.unwrap();
                assert!(count > 0, "the server has ended the stream");
                read += &String::from_utf8_lossy(&bytes[..count]);
            }
        };
        within(text, reading).await;
    }
}

/// Asserts that the server still works, that the bystander still gets updates, and that memory has not grown.
async fn assert_unharmed(server: &Server, mut bystander: Bystander, before: u64) {
    server.assert_unharmed().await;
    bystander.reads("still here").await;
    let grown = resident_bytes(server).saturating_sub(before);
    assert!(grown < GROWTH_MAX_BYTES, "memory has grown by {grown} B");
}

#[tokio::test]
async fn a_head_that_decompresses_to_gigabytes_is_refused_without_decompressing_it() {
    let server = Server::without_feed(&["--h2c"]).await;
    let bystander = Bystander::arrive(&server).await;
    let before = resident_bytes(&server);
    let mut stream = begin(&server).await;
    // Adds an entry of 4,000 bytes to the dynamic table (RFC 7541 section 6.2.1), then has one MiB of references to it.
    let mut bomb = head("/updates/poll");
    bomb.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    bomb.extend(vec![b'b'; 4_000]);
    bomb.extend(vec![0xbe; 1 << 20]);
    let pieces: Vec<&[u8]> = bomb.chunks(16_384).collect();
    let last = pieces.len() - 1;
    for (index, piece) in pieces.into_iter().enumerate() {
        let kind = if index == 0 { HEADERS } else { CONTINUATION };
        let flags = if index == 0 { END_STREAM } else { 0 } | if index == last { END_HEADERS } else { 0 };
        // The server may close the connection in the middle.
        if stream.write_all(&frame(kind, flags, 1, piece)).await.is_err() {
            break;
        }
    }
    let mut received = Vec::new();
    let ended = async {
        loop {
            let mut bytes = [0; 4096];
            match stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return "closed",
                Ok(count) => received.extend_from_slice(&bytes[..count]),
            }
            // It may also refuse only this stream: with 431 or a reset.
            let mut at = 0;
            while at + 9 <= received.len() {
                let byte = |offset: usize| usize::from(received[at + offset]);
                let length = byte(0) << 16 | byte(1) << 8 | byte(2);
                let (kind, stream) = (received[at + 3], received[at + 8]);
                if stream == 1 && matches!(kind, HEADERS | RST_STREAM | DATA) || kind == GOAWAY {
                    return "refused";
                }
                at += 9 + length;
            }
        }
    };
    within("the refusal of the head", ended).await;
    assert_unharmed(&server, bystander, before).await;
}

#[tokio::test]
async fn a_client_that_opens_and_resets_ten_thousand_streams_is_disconnected() {
    let server = Server::without_feed(&["--h2c"]).await;
    let bystander = Bystander::arrive(&server).await;
    let before = resident_bytes(&server);
    let (mut reading, mut writing) = begin(&server).await.into_split();
    let hammering = tokio::spawn(async move {
        let mut all = Vec::new();
        for number in 0..10_000 {
            let stream = 2 * number + 1;
            all.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("/updates/long-poll")));
            // CANCEL: the pattern of CVE-2023-44487.
            all.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        }
        let _cut = writing.write_all(&all).await;
        writing
    });
    const ENHANCE_YOUR_CALM: u32 = 0xb;
    let frames = frames_until_end(&mut reading).await;
    assert_eq!(
        goaway_code(&frames),
        Some(ENHANCE_YOUR_CALM),
        "{:?}",
        frames.iter().map(|frame| frame.0).collect::<Vec<_>>()
    );
    drop(hammering.await.unwrap());
    assert_unharmed(&server, bystander, before).await;
}

#[tokio::test]
async fn a_client_that_speaks_http2_to_an_http1_server_gets_http_1_1_required() {
    let server = Server::without_feed(&[]).await;
    let mut stream = begin(&server).await;
    const HTTP_1_1_REQUIRED: u32 = 0xd;
    assert_eq!(goaway_code(&frames_until_end(&mut stream).await), Some(HTTP_1_1_REQUIRED));
    server.assert_unharmed().await;
}

#[tokio::test]
async fn a_client_that_is_silent_after_the_http2_preface_is_disconnected() {
    let server = Server::without_feed(&["--h2c", "--head-timeout", "1s"]).await;
    let mut stream = begin(&server).await;
    const NO_ERROR: u32 = 0;
    assert_eq!(goaway_code(&frames_until_end(&mut stream).await), Some(NO_ERROR));
    // So is a client that stops in the middle of the preface.
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(&PREFACE[..3]).await.unwrap();
    assert_eq!(within("the end", half.read(&mut [0; 16])).await.unwrap_or(0), 0);
    tokio::time::timeout(Duration::from_secs(20), server.assert_unharmed()).await.unwrap();
}

#[tokio::test]
async fn a_message_that_decompresses_to_a_hundred_megabytes_ends_its_connection() {
    use flate2::{Compress, Compression, FlushCompress};
    let server = Server::without_feed(&["--compress"]).await;
    let bystander = Bystander::arrive(&server).await;
    let before = resident_bytes(&server);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(
            b"GET /updates/ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
              sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
              sec-websocket-extensions: permessage-deflate\r\n\r\n",
        )
        .await
        .unwrap();
    let plain = vec![0; 100 << 20];
    let mut packed = Vec::with_capacity(1 << 20);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(&plain, &mut packed, FlushCompress::Sync).unwrap();
    packed.truncate(packed.len() - 4);
    // FIN, RSV1 (compressed), text; masked with zeros.
    let mut message = vec![0xc1, 0xff];
    message.extend((packed.len() as u64).to_be_bytes());
    message.extend([0; 4]);
    message.extend(&packed);
    let _cut = stream.write_all(&message).await;
    let mut received = Vec::new();
    let _reset = within("the end of the connection", stream.read_to_end(&mut received)).await;
    let head = String::from_utf8_lossy(&received);
    assert!(head.contains("permessage-deflate"), "the extension was not agreed on: {head}");
    assert_unharmed(&server, bystander, before).await;
}
