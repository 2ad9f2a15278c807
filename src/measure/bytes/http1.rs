//! Follows one direction of a connection that uses HTTP/1.1 (RFC 9112) and, after an upgrade, WebSocket (RFC 6455
//! section 5.2).

use std::sync::atomic::Ordering::Relaxed;

use crate::limits;
use crate::measure::bytes::ByteCounters;

/// RFC 6455 section 5.2: 2 bytes, up to 8 of extended length, 4 of mask.
const FRAME_HEAD_MAX: usize = 14;

/// The position of one direction of a connection in its messages.
#[derive(Debug, Default)]
pub(super) struct MessageFollower {
    state: State,
}

#[derive(Debug)]
enum State {
    /// In a message head; the bytes seen so far.
    Head(Vec<u8>),
    /// In a body of known length.
    Body { left: u64 },
    /// In the line with a chunk's size (RFC 9112 section 7.1).
    ChunkSize { size: u64, in_extension: bool },
    /// In a chunk.
    Chunk { left: u64 },
    /// In the line end after a chunk.
    ChunkEnd { left: u64 },
    /// In the trailer section after the last chunk, which ends with an empty line.
    Trailer { line_is_empty: bool },
    /// In a body that ends with the connection.
    UntilClose,
    /// In the head of a WebSocket frame.
    FrameHead { bytes: [u8; FRAME_HEAD_MAX], filled: usize },
    /// In a WebSocket frame's payload.
    FramePayload { left: u64, is_control: bool, is_coded: bool },
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

/// Did the head that was just completed agree to an upgrade?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upgraded {
    No,
    Now,
}

impl MessageFollower {
    /// Starts in a body that ends with the connection.
    pub(super) fn bare() -> Self {
        Self { state: State::UntilClose }
    }

    /// Starts in the frames of a WebSocket.
    pub(super) fn of_websocket() -> Self {
        Self { state: State::FrameHead { bytes: [0; FRAME_HEAD_MAX], filled: 0 } }
    }

    /// Counts the next bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8], counters: &ByteCounters) -> Upgraded {
        let mut upgraded = Upgraded::No;
        while !bytes.is_empty() {
            let (used, next) = match &mut self.state {
                State::Head(seen) => {
                    let before = seen.len();
                    seen.extend_from_slice(bytes);
                    // The end may span these bytes and earlier ones.
                    let from = before.saturating_sub(3);
                    match seen[from..].windows(4).position(|window| window == b"\r\n\r\n") {
                        Some(position) => {
                            seen.truncate(from + position + 4);
                            let used = seen.len() - before;
                            counters.http_headers.fetch_add(used as u64, Relaxed);
                            let next = after_head(seen);
                            if matches!(next, State::FrameHead { .. }) {
                                upgraded = Upgraded::Now;
                            }
                            (used, Some(next))
                        }
                        None => {
                            counters.http_headers.fetch_add(bytes.len() as u64, Relaxed);
                            let is_endless = seen.len() > limits::LEDGER_HEAD_BYTES_MAX;
                            (bytes.len(), is_endless.then_some(State::UntilClose))
                        }
                    }
                }
                State::Body { left } => {
                    let used = take(left, bytes);
                    counters.body.fetch_add(used as u64, Relaxed);
                    (used, (*left == 0).then(State::default))
                }
                State::ChunkSize { .. } | State::Chunk { .. } | State::ChunkEnd { .. } | State::Trailer { .. } => {
                    self.follow_chunked(bytes, counters)
                }
                State::UntilClose => {
                    counters.body.fetch_add(bytes.len() as u64, Relaxed);
                    (bytes.len(), None)
                }
                State::FrameHead { bytes: head, filled } => {
                    head[*filled] = bytes[0];
                    *filled += 1;
                    counters.framing.fetch_add(1, Relaxed);
                    (1, after_frame_head(&head[..*filled]))
                }
                State::FramePayload { left, is_control, is_coded } => {
                    let used = take(left, bytes);
                    if *is_coded {
                        counters.coded.fetch_add(used as u64, Relaxed);
                    }
                    let account = if *is_control { &counters.framing } else { &counters.body };
                    account.fetch_add(used as u64, Relaxed);
                    (used, (*left == 0).then_some(State::FrameHead { bytes: [0; FRAME_HEAD_MAX], filled: 0 }))
                }
            };
            bytes = &bytes[used..];
            if let Some(next) = next {
                self.state = next;
            }
        }
        upgraded
    }

    /// The parts of a chunked body (RFC 9112 section 7.1).
    fn follow_chunked(&mut self, bytes: &[u8], counters: &ByteCounters) -> (usize, Option<State>) {
        if let State::Chunk { left } = &mut self.state {
            let used = take(left, bytes);
            counters.body.fetch_add(used as u64, Relaxed);
            return (used, (*left == 0).then_some(State::ChunkEnd { left: 2 }));
        }
        counters.framing.fetch_add(1, Relaxed);
        let byte = bytes[0];
        let next = match &mut self.state {
            State::ChunkSize { size, in_extension } => match (byte, char::from(byte).to_digit(16)) {
                (b'\n', _) if *size == 0 => Some(State::Trailer { line_is_empty: true }),
                (b'\n', _) => Some(State::Chunk { left: *size }),
                (_, Some(digit)) if !*in_extension => {
                    *size = size.saturating_mul(16).saturating_add(digit.into());
                    None
                }
                _ => {
                    *in_extension = true;
                    None
                }
            },
            State::ChunkEnd { left } => {
                *left -= 1;
                (*left == 0).then_some(State::ChunkSize { size: 0, in_extension: false })
            }
            State::Trailer { line_is_empty } => match byte {
                b'\n' if *line_is_empty => Some(State::default()),
                b'\n' => Some(State::Trailer { line_is_empty: true }),
                b'\r' => None,
                _ => Some(State::Trailer { line_is_empty: false }),
            },
            State::Head(_)
            | State::Body { .. }
            | State::Chunk { .. }
            | State::UntilClose
            | State::FrameHead { .. }
            | State::FramePayload { .. } => None,
        };
        (1, next)
    }
}

/// Consumes up to `left` of `bytes`; returns how many.
fn take(left: &mut u64, bytes: &[u8]) -> usize {
    let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= used as u64;
    used
}

/// The state after a message head (RFC 9112 section 6.3, for the messages of a client that sends neither HEAD nor
/// CONNECT).
fn after_head(head: &[u8]) -> State {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    if head.starts_with(b"HTTP/") {
        let mut response = httparse::Response::new(&mut headers);
        if response.parse(head).is_err() {
            return State::UntilClose;
        }
        return match response.code {
            Some(101) => State::FrameHead { bytes: [0; FRAME_HEAD_MAX], filled: 0 },
            Some(100..=199 | 204 | 304) => State::default(),
            _ => body(response.headers, State::UntilClose),
        };
    }
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(_) => body(request.headers, State::default()),
        Err(_) => State::UntilClose,
    }
}

fn body(headers: &[httparse::Header<'_>], without_length: State) -> State {
    let value = |name: &str| {
        let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    if value("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked")) {
        return State::ChunkSize { size: 0, in_extension: false };
    }
    match value("content-length").and_then(|length| length.trim().parse().ok()) {
        Some(0) => State::default(),
        Some(left) => State::Body { left },
        None => without_length,
    }
}

/// The state after a frame's head, once the head is complete.
fn after_frame_head(head: &[u8]) -> Option<State> {
    let [first, second, extended @ ..] = head else { return None };
    let mask_bytes = if second & 0x80 != 0 { 4 } else { 0 };
    let length_bytes = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if extended.len() < length_bytes + mask_bytes {
        return None;
    }
    let left = match length_bytes {
        0 => u64::from(second & 0x7f),
        _ => extended[..length_bytes].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
    };
    Some(match left {
        0 => State::FrameHead { bytes: [0; FRAME_HEAD_MAX], filled: 0 },
        // RSV1: the message is compressed (RFC 7692 section 6). Both sides here send such a message in one frame.
        _ => State::FramePayload { left, is_control: first & 0x08 != 0, is_coded: first & 0x40 != 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::bytes::{ByteClassifier, Reading};
    use crate::measure::tap::Tap;
    use std::sync::Arc;

    /// Counts both directions, in pieces of `piece` bytes.
    fn entered(up: &[&[u8]], down: &[&[u8]], piece: usize) -> Reading {
        let counters = Arc::new(ByteCounters::default());
        let mut keeper = ByteClassifier::new(Arc::clone(&counters));
        for (up, down) in up.iter().zip(down) {
            up.chunks(piece).for_each(|bytes| keeper.went_out(bytes));
            down.chunks(piece).for_each(|bytes| keeper.came_in(bytes));
        }
        counters.read()
    }

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[test]
    fn heads_and_bodies_are_distinguished_however_the_bytes_are_split() {
        let none: &[u8] = b"HTTP/1.1 204 No Content\r\netag: x\r\n\r\n";
        let some: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        for piece in 1..some.len() {
            let reading = entered(&[GET, GET], &[none, some], piece);
            assert_eq!(reading.http_headers, (2 * GET.len() + none.len() + some.len() - 5) as u64);
            assert_eq!((reading.body, reading.framing), (5, 0));
            assert_eq!(reading.http_headers + reading.body, reading.up + reading.down);
        }
    }

    #[test]
    fn chunk_sizes_extensions_and_trailers_are_framing() {
        let head: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let down =
            [head, b"5;a=1\r\nhello\r\nb\r\nhello world\r\n0\r\nx: y\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n"].concat();
        for piece in 1..down.len() {
            let reading = entered(&[GET], &[&down], piece);
            assert_eq!(reading.body, 16, "{piece}");
            assert_eq!(reading.framing, (7 + 2 + 3 + 2 + 3 + 6 + 2) as u64);
            assert_eq!(reading.http_headers, (GET.len() + head.len() + 19) as u64);
        }
    }

    #[test]
    fn after_an_upgrade_frame_headers_and_control_frames_are_framing() {
        let switch: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
        let long = [vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], vec![7; 65_536]].concat();
        let down = [switch, &[0x81, 2], b"hi", &[0x81, 126, 0, 200], &[b'x'; 200], &[0x89, 1, b'p'], &long].concat();
        let pong: &[u8] = &[0x8a, 0x81, 1, 2, 3, 4, b'p'];
        for piece in [1, 2, 3, 7, 100, 1 << 20] {
            let reading = entered(&[GET, pong], &[&down, b""], piece);
            assert_eq!(reading.body, 2 + 200 + 65_536);
            assert_eq!(reading.framing, 2 + 4 + 3 + 10 + 7);
            assert_eq!(reading.http_headers, (GET.len() + switch.len()) as u64);
        }
    }
}
