//! Follows an HTTP/2 connection frame by frame (RFC 9113 section 4.1): HPACK blocks (RFC 7541) count as heads, DATA as
//! body, and everything else as frames.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::limits;
use crate::measure::bytes::http1::MessageFollower;
use crate::measure::bytes::{ByteCounters, StreamQueue};

/// `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n` (RFC 9113 section 3.4).
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// Both directions of one connection, from the client's side.
#[derive(Debug)]
pub struct Connection {
    up: FrameFollower,
    down: FrameFollower,
    queue: Option<Arc<StreamQueue>>,
}

impl Connection {
    /// At the start of a connection.
    pub fn new(has_websockets: bool, queue: Option<Arc<StreamQueue>>) -> Self {
        let follower = |preface_left| FrameFollower { preface_left, ..FrameFollower::new(has_websockets) };
        Self { up: follower(PREFACE_BYTES), down: follower(0), queue }
    }

    /// Counts bytes from the server.
    pub fn came_in(&mut self, bytes: &[u8], counters: &ByteCounters) {
        let queue = self.queue.as_deref();
        self.down.follow(bytes, counters, |frame| {
            if let Some(queue) = queue.filter(|_| frame.ends_stream()) {
                queue.ended();
            }
        });
    }

    /// Counts bytes from the client.
    pub fn went_out(&mut self, bytes: &[u8], counters: &ByteCounters) {
        let queue = self.queue.as_deref();
        self.up.follow(bytes, counters, |frame| match (queue, frame.kind) {
            (Some(queue), HEADERS) => queue.began(),
            (Some(queue), RST_STREAM) => queue.ended(),
            (_, _) => {}
        });
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn ends_stream(self) -> bool {
        self.kind == RST_STREAM || matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// The position of one direction in its frames.
#[derive(Debug)]
struct FrameFollower {
    preface_left: usize,
    head: [u8; HEAD_BYTES],
    filled: usize,
    frame: Frame,
    /// Bytes left in the current frame before its content: the padding length and priority fields.
    before: usize,
    content: usize,
    /// Bytes of padding after its content.
    behind: usize,
    /// The next byte is the length of the padding.
    awaits_padding: bool,
    /// The messages in streams that are WebSockets; `None` if no stream can be one.
    websockets: Option<HashMap<u32, MessageFollower>>,
}

impl FrameFollower {
    fn new(has_websockets: bool) -> Self {
        Self {
            preface_left: 0,
            head: [0; HEAD_BYTES],
            filled: 0,
            frame: Frame::default(),
            before: 0,
            content: 0,
            behind: 0,
            awaits_padding: false,
            websockets: has_websockets.then(HashMap::new),
        }
    }

    fn follow(&mut self, mut bytes: &[u8], counters: &ByteCounters, mut on_frame: impl FnMut(Frame)) {
        let frames = |bytes: usize| counters.h2_frames.fetch_add(bytes as u64, Relaxed);
        while !bytes.is_empty() {
            let used = if self.preface_left > 0 {
                let used = self.preface_left.min(bytes.len());
                self.preface_left -= used;
                frames(used);
                used
            } else if self.awaits_padding {
                self.awaits_padding = false;
                self.behind = usize::from(bytes[0]).min(self.content);
                self.content -= self.behind;
                frames(1);
                1
            } else if self.before > 0 {
                let used = self.before.min(bytes.len());
                self.before -= used;
                frames(used);
                used
            } else if self.content > 0 {
                let used = self.content.min(bytes.len());
                self.content -= used;
                self.put_down(&bytes[..used], counters);
                used
            } else if self.behind > 0 {
                let used = self.behind.min(bytes.len());
                self.behind -= used;
                frames(used);
                used
            } else {
                let used = bytes.len().min(HEAD_BYTES - self.filled);
                self.head[self.filled..][..used].copy_from_slice(&bytes[..used]);
                self.filled += used;
                frames(used);
                if self.filled == HEAD_BYTES {
                    self.filled = 0;
                    self.begin();
                    on_frame(self.frame);
                }
                used
            };
            bytes = &bytes[used..];
        }
    }

    /// Parses the completed head.
    fn begin(&mut self) {
        let [a, b, c, kind, flags, stream @ ..] = self.head;
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        self.frame = Frame { kind, flags, stream };
        self.content = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.awaits_padding = self.content > 0 && flags & PADDED != 0 && matches!(kind, DATA | HEADERS | PUSH_PROMISE);
        self.content -= usize::from(self.awaits_padding);
        let extra = match kind {
            HEADERS if flags & PRIORITY != 0 => 5,
            PUSH_PROMISE => 4,
            _ => 0,
        };
        self.before = extra.min(self.content);
        self.content -= self.before;
        if let Some(websockets) = &mut self.websockets {
            if self.frame.ends_stream() && (kind == RST_STREAM || self.content == 0) {
                websockets.remove(&stream);
            } else if kind == HEADERS && websockets.len() < limits::LEDGER_STREAMS_MAX {
                websockets.insert(stream, MessageFollower::of_websocket());
            }
        }
    }

    fn put_down(&mut self, bytes: &[u8], counters: &ByteCounters) {
        let account = |count: &AtomicU64| count.fetch_add(bytes.len() as u64, Relaxed);
        match self.frame.kind {
            HEADERS | PUSH_PROMISE | CONTINUATION => account(&counters.http_headers),
            DATA => match self.websockets.as_mut().and_then(|all| all.get_mut(&self.frame.stream)) {
                Some(messages) => {
                    messages.follow(bytes, counters);
                    0
                }
                None => account(&counters.body),
            },
            _ => account(&counters.h2_frames),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::bytes::{ByteClassifier, Reading};
    use crate::measure::tap::Tap;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    fn entered(has_websockets: bool, up: &[u8], down: &[u8], piece: usize) -> Reading {
        let counters = Arc::<ByteCounters>::default();
        let mut classifier = ByteClassifier::http2(Arc::clone(&counters), has_websockets, None);
        up.chunks(piece).for_each(|bytes| classifier.went_out(bytes));
        down.chunks(piece).for_each(|bytes| classifier.came_in(bytes));
        counters.read()
    }

    #[test]
    fn heads_data_and_everything_else_are_distinguished_however_the_bytes_are_split() {
        let preface: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let settings = frame(4, 0, 0, &[0; 12]);
        let ordered = frame(HEADERS, PRIORITY | PADDED, 1, &[&[2][..], &[0; 5], b"hpack", &[0; 2]].concat());
        let up = [preface, &settings, &ordered, &frame(CONTINUATION, 4, 1, b"more")].concat();
        let padded = frame(DATA, PADDED, 1, &[&[3][..], b"hello", &[0; 3]].concat());
        let down =
            [frame(HEADERS, 4, 1, b"head"), padded, frame(DATA, 1, 1, b"world"), frame(8, 0, 0, &[0; 4])].concat();
        for piece in [1, 2, 3, 8, 9, 10, 100] {
            let reading = entered(false, &up, &down, piece);
            assert_eq!((reading.http_headers, reading.body), (5 + 4 + 4, 10), "{piece}");
            assert_eq!(reading.h2_frames, 24 + 7 * 9 + 12 + 8 + 4 + 4, "{piece}");
            assert_eq!(reading.http_headers + reading.body + reading.h2_frames, reading.up + reading.down);
        }
    }

    #[test]
    fn the_messages_of_each_websocket_are_followed_on_its_own_stream() {
        let data = |stream, bytes: &[u8]| frame(DATA, 0, stream, bytes);
        let open = |stream| frame(HEADERS, 4, stream, b"ok");
        // The messages of two streams, each cut in the middle of its head.
        let down = [
            open(1),
            open(3),
            data(1, &[0x81]),
            data(3, &[0x81, 126, 0]),
            data(1, &[2, b'h']),
            data(3, &[200]),
            data(3, &[b'x'; 200]),
            data(1, b"i"),
        ];
        for piece in [1, 5, 1_000] {
            let reading = entered(true, &[], &down.concat(), piece);
            assert_eq!((reading.body, reading.framing, reading.http_headers), (2 + 200, 2 + 4, 4), "{piece}");
            assert_eq!(reading.h2_frames, 8 * 9);
        }
    }
}
