//! The size of each message of the contract, counted from the exact lines that are sent (the transcripts at the top of
//! each transport's file), so that a changed header shows as a difference between theory and measurement.

use super::over::{Over, steady};
use crate::limits;
use crate::units::{Nanos, UnixMicros};

/// The inputs for the sizes of heads and envelopes in a trial.
#[derive(Clone, Copy, Debug)]
pub struct Lengths {
    /// Port in the `Host` header.
    pub port: u16,
    /// A sequence number from the middle of the measured interval.
    pub seq: u64,
    /// An instant in it.
    pub at_us: UnixMicros,
    /// Bytes of `data`.
    pub payload_bytes: f64,
    /// Bytes added to each request's head, those of a browser included.
    pub request_header_bytes: u32,
    /// How long a long poll is parked.
    pub hold_ns: Nanos,
}

impl Lengths {
    /// `1f3a9c02-42`: eight digits of epoch, a hyphen, the sequence number.
    pub(super) fn cursor(&self) -> String {
        // Eight digits that take as much in HPACK's Huffman code as eight do on average.
        format!("5f3a9c0b-{}", self.seq)
    }

    fn request(&self, path: &str, over: Over) -> f64 {
        if over.is_h2 {
            return steady::request(path);
        }
        let head = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", self.port);
        (head.len() as u64 + u64::from(self.request_header_bytes)) as f64
    }

    /// The head of one poll.
    pub fn poll_request(&self, over: Over) -> f64 {
        self.request(&format!("/updates/poll?after={}", self.cursor()), over)
    }

    /// The head of one long poll.
    pub fn long_poll_request(&self, over: Over) -> f64 {
        self.request(&format!("/updates/long-poll?after={}&hold={}", self.cursor(), self.hold_ns.seconds()), over)
    }

    /// The head of an answer that brings updates in a body of `body_bytes`.
    pub fn answer_head(&self, body_bytes: f64) -> f64 {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: \"{}\"\r\ncache-control: no-store\r\n\
             content-length: {}\r\n{DATE}\r\n",
            self.cursor(),
            body_bytes.round() as u64
        );
        head.len() as f64
    }

    /// The head of an answer that brings nothing; it has no body (RFC 9110 section 15.3.5).
    pub fn empty_answer_head(&self) -> f64 {
        let head =
            format!("HTTP/1.1 204 No Content\r\netag: \"{}\"\r\ncache-control: no-store\r\n{DATE}\r\n", self.cursor());
        head.len() as f64
    }

    /// Bytes that an answer adds to its `updates` updates in JSON, including the commas between them.
    pub fn answer_envelope(&self, updates: f64) -> f64 {
        let envelope = format!(r#"{{"cursor":"{}","updates":[]}}"#, self.cursor());
        envelope.len() as f64 + (updates - 1.0).max(0.0)
    }

    /// Bytes that an update adds to its `data`.
    pub fn update_envelope(&self) -> f64 {
        format!(r#"{{"seq":{},"at_us":{},"data":}}"#, self.seq, self.at_us.0).len() as f64
    }

    /// What an event stream adds to the update: the fields of its block (WHATWG HTML, "Server-sent events"), and the
    /// size and the line ends of the chunk that it travels in (RFC 9112 section 7.1).
    pub fn sse_framing(&self, over: Over) -> f64 {
        let fields = format!("id: {}\ndata: \n\n", self.cursor()).len() as f64;
        // HTTP/2 has frames in their place.
        let chunk = if over.is_h2 { 0.0 } else { chunk(fields + self.update_envelope() + self.payload_bytes) };
        fields + chunk
    }

    /// What WebSocket adds to the update (RFC 6455 section 5.2): 2 bytes up to 125 B, 4 up to 65,535, else 10. The
    /// server does not mask.
    pub fn websocket_framing(&self) -> f64 {
        match (self.update_envelope() + self.payload_bytes).round() as u64 {
            0..=125 => 2.0,
            126..=65_535 => 4.0,
            65_536.. => 10.0,
        }
    }
}

/// hyper adds the date to every answer (RFC 9110 section 6.6.1); its form has a fixed length.
const DATE: &str = "date: Sun, 22 Nov 2026 18:00:00 GMT\r\n";

/// Size line and line ends around a chunk of so many bytes.
fn chunk(bytes: f64) -> f64 {
    format!("{:X}\r\n\r\n", bytes.round() as u64).len() as f64
}

/// An event stream's heartbeat: a comment in a chunk of its own.
pub fn sse_heartbeat(over: Over) -> f64 {
    let comment = ":\n\n".len() as f64;
    comment + if over.is_h2 { 0.0 } else { chunk(comment) }
}

/// A ping without content and its pong, which a client masks (RFC 6455 sections 5.2 and 5.5).
pub fn websocket_ping_and_pong() -> f64 {
    const PING: f64 = 2.0;
    const PONG: f64 = 2.0 + 4.0;
    PING + PONG
}

/// Segments that carry `bytes` one way at `segment_bytes` each.
pub fn segments(bytes: f64, segment_bytes: u64) -> f64 {
    (bytes / segment_bytes as f64).ceil().max(1.0)
}

/// Header bytes of so many segments.
pub fn tcp_ip(segments: f64) -> f64 {
    segments * limits::TCP_IPV4_HEADER_BYTES as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: Lengths = Lengths {
        port: 40_000,
        seq: 42,
        at_us: UnixMicros(1_795_363_216_000_123),
        payload_bytes: 5.0,
        request_header_bytes: 0,
        hold_ns: Nanos(25_000_000_000),
    };

    #[test]
    fn heads_and_envelopes_are_as_long_as_those_on_the_wire() {
        let wire = "GET /updates/long-poll?after=1f3a9c02-42&hold=25 HTTP/1.1\r\nhost: 127.0.0.1:40000\r\n\r\n";
        assert_eq!(LENGTHS.long_poll_request(Over::default()), wire.len() as f64);
        let browser_like = Lengths { request_header_bytes: 800, ..LENGTHS };
        let clear = Over::default();
        assert_eq!(browser_like.poll_request(clear), LENGTHS.poll_request(clear) + 800.0);
        let update = r#"{"seq":42,"at_us":1795363216000123,"data":"abc"}"#;
        assert_eq!(LENGTHS.update_envelope() + 5.0, update.len() as f64);
        let answer = format!(r#"{{"cursor":"1f3a9c02-42","updates":[{update},{update}]}}"#);
        assert_eq!(LENGTHS.answer_envelope(2.0) + 2.0 * update.len() as f64, answer.len() as f64);
        let block = format!("id: 1f3a9c02-42\ndata: {update}\n\n");
        let chunk = format!("{:X}\r\n{block}\r\n", block.len());
        assert_eq!(LENGTHS.sse_framing(clear) + update.len() as f64, chunk.len() as f64);
        assert_eq!(sse_heartbeat(clear), "3\r\n:\n\n\r\n".len() as f64);
    }

    #[test]
    fn a_websocket_header_grows_with_its_frame() {
        let framing = |payload_bytes| Lengths { payload_bytes, ..LENGTHS }.websocket_framing();
        let envelope = LENGTHS.update_envelope();
        assert_eq!([125.0, 126.0, 65_535.0, 65_536.0].map(|frame| framing(frame - envelope)), [2.0, 4.0, 4.0, 10.0]);
    }
}
