//! Follows the TLS records of one connection (RFC 8446 section 5) from below: nothing is decrypted, since the record
//! lengths are enough.
//!
//! A record is a head of 5 bytes and, after the handshake, content with its type (1 byte) and a tag (16).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::measure::bytes::ByteCounters;
use crate::measure::tap::Tap;

/// RFC 8446 section 5.1.
const HEAD_BYTES: usize = 5;
/// The content's type and the tag of AES-GCM or ChaCha20-Poly1305 (RFC 8446 section 5.2, RFC 5116 section 5.1).
const SEALED_BYTES: u64 = 1 + 16;

/// Counts what a socket reads and writes below TLS.
pub struct RecordTap {
    counters: Arc<ByteCounters>,
    /// Is the handshake done?
    established: Arc<AtomicBool>,
    up: RecordFollower,
    down: RecordFollower,
}

impl RecordTap {
    /// For a new connection; the code that performs the handshake sets `established` when it is done.
    pub fn new(counters: Arc<ByteCounters>, established: Arc<AtomicBool>) -> Self {
        Self { counters, established, up: RecordFollower::default(), down: RecordFollower::default() }
    }
}

impl Tap for RecordTap {
    fn came_in(&mut self, bytes: &[u8]) {
        self.counters.down.fetch_add(bytes.len() as u64, Relaxed);
        self.down.follow(bytes, &self.counters, self.established.load(Relaxed));
    }

    fn went_out(&mut self, bytes: &[u8]) {
        self.counters.up.fetch_add(bytes.len() as u64, Relaxed);
        self.up.follow(bytes, &self.counters, self.established.load(Relaxed));
    }
}

/// The position of one direction in its records.
#[derive(Debug, Default)]
struct RecordFollower {
    head: [u8; HEAD_BYTES],
    filled: usize,
    /// Bytes left in the current record.
    left: u64,
}

impl RecordFollower {
    fn follow(&mut self, mut bytes: &[u8], counters: &ByteCounters, is_established: bool) {
        if !is_established {
            counters.tls_handshake.fetch_add(bytes.len() as u64, Relaxed);
        }
        while !bytes.is_empty() {
            let (used, content) = match self.left {
                0 => (self.take_head(bytes), 0),
                left => {
                    let used = left.min(bytes.len() as u64);
                    self.left -= used;
                    // Type and tag are at the end of the record.
                    (used as usize, left.saturating_sub(SEALED_BYTES).min(used))
                }
            };
            if is_established {
                counters.tls_content.fetch_add(content, Relaxed);
                counters.tls_records.fetch_add(used as u64 - content, Relaxed);
            }
            bytes = &bytes[used..];
        }
    }

    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let used = bytes.len().min(HEAD_BYTES - self.filled);
        self.head[self.filled..][..used].copy_from_slice(&bytes[..used]);
        self.filled += used;
        if self.filled == HEAD_BYTES {
            self.filled = 0;
            self.left = u16::from_be_bytes([self.head[3], self.head[4]]).into();
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::bytes::Reading;

    #[test]
    fn a_record_adds_22_bytes_and_the_handshake_counts_whole_however_the_bytes_are_split() {
        let record =
            |content: usize| [&[23, 3, 3][..], &(content as u16 + 17).to_be_bytes(), &vec![7; content + 17]].concat();
        let hello = [&[22, 3, 1, 0, 200][..], &[1; 200]].concat();
        let later = [record(100), record(1), record(16_384)].concat();
        for piece in [1, 2, 4, 5, 6, 21, 22, 23, 1_000, 1 << 20] {
            let (counters, established) = (Arc::<ByteCounters>::default(), Arc::<AtomicBool>::default());
            let mut tap = RecordTap::new(Arc::clone(&counters), Arc::clone(&established));
            hello.chunks(piece).for_each(|bytes| tap.went_out(bytes));
            established.store(true, Relaxed);
            later.chunks(piece).for_each(|bytes| tap.came_in(bytes));
            let reading = counters.read();
            let wanted = Reading {
                tls_handshake: 205,
                tls_records: 3 * 22,
                tls_content: 100 + 1 + 16_384,
                up: 205,
                down: later.len() as u64,
                ..Reading::default()
            };
            assert_eq!(reading, wanted, "{piece}");
        }
    }
}
