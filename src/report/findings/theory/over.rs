//! The bytes that the layers below a transport add to a delivery: the records of TLS, the frames of HTTP/2, and heads
//! compressed by HPACK once repeated fields are in its table.

use super::handshake::Handshake;
use crate::run::Compression;
use crate::run::file::Point;
use crate::run::heads::Heads;

/// The layers below the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Over {
    /// TLS 1.3.
    pub is_tls: bool,
    /// HTTP/2.
    pub is_h2: bool,
    /// Each request has a new connection.
    pub is_fresh: bool,
    /// The bytes depend on something that no formula here covers: how well the data compresses, handshakes, which
    /// requests share a connection, or how many of a browser's fields fit in a table.
    pub is_beyond: bool,
}

/// A record's head, content type and tag (RFC 8446 sections 5.1 and 5.2, RFC 5116 section 5.1).
pub const RECORD_BYTES: f64 = 5.0 + 1.0 + 16.0;
/// The most that one record holds (RFC 8446 section 5.1).
const RECORD_CONTENT_MAX: f64 = 16_384.0;
/// A frame's head (RFC 9113 section 4.1).
pub const FRAME_BYTES: f64 = 9.0;
/// A PING and its acknowledgement (RFC 9113 section 6.7).
pub const H2_PING_AND_ACK: f64 = 2.0 * (FRAME_BYTES + 8.0);
/// From so many bytes on the h2 crate writes a body apart from its head (its `CHAIN_THRESHOLD_WITHOUT_VECTORED_IO`).
const APART_FROM: f64 = 1_024.0;

impl Over {
    /// The layers at a point.
    pub fn of(point: &Point) -> Self {
        let is_h2 = point.protocol.is_h2();
        let is_bare = point.heads == Heads::Bare && point.request_header_bytes == 0;
        Self {
            is_tls: point.protocol.is_tls(),
            is_h2,
            is_fresh: !point.keep_alive,
            is_beyond: point.compression != Compression::None
                || !point.keep_alive
                || point.share_connection > 1
                || (is_h2 && !is_bare),
        }
    }

    /// Round trips before a request can be sent: one for TCP (RFC 9293 section 3.5) and one for TLS 1.3 (RFC 8446 section
    /// 2), where a connection is made for it.
    pub fn trips_before(self) -> f64 {
        match self.is_fresh {
            true => 1.0 + f64::from(u8::from(self.is_tls)),
            false => 0.0,
        }
    }

    /// Bytes of the TLS handshake for each request; returning clients resume their session.
    pub fn handshake(self) -> Option<f64> {
        let alpn = if self.is_h2 { "h2" } else { "http/1.1" };
        (self.is_fresh && self.is_tls).then(|| Handshake { alpn, is_resumed: true }.whole())
    }

    /// Number of writes, each with at least one segment, for a message with a body of this size.
    pub fn writes(self, body: f64) -> f64 {
        if self.is_h2 && body >= APART_FROM { 2.0 } else { 1.0 }
    }

    /// Bytes that TLS adds to a message with this body: a record for each write.
    pub fn records(self, body: f64) -> f64 {
        match self.is_tls {
            true => RECORD_BYTES * (self.writes(body) + (body / RECORD_CONTENT_MAX).floor()),
            false => 0.0,
        }
    }

    /// Bytes of the headers of this many HTTP/2 frames.
    pub fn frames(self, count: f64) -> f64 {
        if self.is_h2 { FRAME_BYTES * count } else { 0.0 }
    }
}

/// A field that is completely in one of the two tables: an index (RFC 7541 section 6.1).
const INDEXED: f64 = 1.0;
/// A name of the static table's first 14 or of those above, before a value that is written out and not kept (RFC 7541
/// section 6.2.2): the index has a prefix of four bits.
const NAME_OF_FIRST_14: f64 = 1.0;
const NAME_ABOVE: f64 = 2.0;

/// Heads of requests and answers in the steady state of HPACK: what repeats has been sent once, and each is an index of
/// one byte since; what differs from request to request is written out, in Huffman code. hyper and h2 keep `:path`, `etag`
/// and `content-length` out of the table.
pub mod steady {
    use super::{INDEXED, NAME_ABOVE, NAME_OF_FIRST_14, string};

    /// `:method`, `:scheme` and `:authority`, and the path.
    pub fn request(path: &str) -> f64 {
        3.0 * INDEXED + NAME_OF_FIRST_14 + string(path)
    }

    /// 200 with `content-type`, `etag`, `cache-control`, `content-length` and `date`, of `per_s` answers a second.
    pub fn answer(cursor: &str, body_bytes: f64, per_s: f64) -> f64 {
        let length = string(&(body_bytes.round() as u64).to_string());
        3.0 * INDEXED + etag(cursor) + NAME_ABOVE + length + date(per_s)
    }

    /// 204 with `etag`, `cache-control` and `date`.
    pub fn empty_answer(cursor: &str, per_s: f64) -> f64 {
        2.0 * INDEXED + etag(cursor) + date(per_s)
    }

    fn etag(cursor: &str) -> f64 {
        NAME_ABOVE + string(&format!("\"{cursor}\""))
    }

    /// Written out, and kept, with the first answer of each second.
    fn date(per_s: f64) -> f64 {
        let is_new = if per_s > 1.0 { 1.0 / per_s } else { 1.0 };
        let written = 1.0 + string("Sun, 22 Nov 2026 18:00:00 GMT");
        is_new * written + (1.0 - is_new) * INDEXED
    }
}

/// Bytes of a string in Huffman code, with its length before it (RFC 7541 section 5.2).
fn string(text: &str) -> f64 {
    const PREFIX_OF_7_BITS: usize = 127;
    let bytes = text.bytes().map(code_bits).sum::<usize>().div_ceil(8);
    (bytes + if bytes < PREFIX_OF_7_BITS { 1 } else { 2 }) as f64
}

/// Bits of a character's code (RFC 7541 appendix B).
fn code_bits(character: u8) -> usize {
    match character {
        b'0'..=b'2' | b'a' | b'c' | b'e' | b'i' | b'o' | b's' | b't' => 5,
        b' ' | b'%' | b'-' | b'.' | b'/' | b'3'..=b'9' | b'=' | b'A' | b'_' => 6,
        b'b' | b'd' | b'f'..=b'h' | b'l'..=b'n' | b'p' | b'r' | b'u' => 6,
        b':' | b'B'..=b'W' | b'Y' | b'j' | b'k' | b'q' | b'v'..=b'z' => 7,
        b'&' | b'*' | b',' | b';' | b'X' | b'Z' => 8,
        b'!' | b'"' | b'(' | b')' | b'?' => 10,
        // None of these is included here.
        _ => 13,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_as_long_as_in_the_examples_of_rfc_7541() {
        // Appendix C.4 and C.6, each with its length before it.
        for (text, bytes) in [
            ("www.example.com", 12),
            ("no-cache", 6),
            ("custom-key", 8),
            ("custom-value", 9),
            ("302", 2),
            ("private", 5),
            ("Mon, 21 Oct 2013 20:13:21 GMT", 22),
            ("https://www.example.com", 17),
        ] {
            assert_eq!(string(text), f64::from(bytes + 1), "{text}");
        }
    }

    #[test]
    fn a_record_is_added_to_each_write_and_a_large_body_is_written_apart_over_http2_alone() {
        let tls = Over { is_tls: true, ..Over::default() };
        let h2 = Over { is_h2: true, ..tls };
        assert_eq!([100.0, 2_000.0, 20_000.0].map(|body| tls.records(body)), [22.0, 22.0, 44.0]);
        assert_eq!([100.0, 2_000.0, 20_000.0].map(|body| h2.records(body)), [22.0, 44.0, 66.0]);
        assert_eq!((Over::default().records(100.0), tls.frames(3.0), h2.frames(3.0)), (0.0, 0.0, 27.0));
    }
}
