//! The time to encode an update for each transport and to decode it again, without a socket.
//!
//! The server encodes an update once for all subscribers, when it is appended to the journal (`append`). `encode` is
//! the work left for each subscriber: the envelope of a poll answer, the blocks of an event stream (a single update
//! shares the journal's), the frames of a WebSocket. `decode` is the client half's work, down to the update itself.

use std::io::{self, Read, Write};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pushpull::clock::UnixAnchor;
use pushpull::limits;
use pushpull::run::Arrivals;
use pushpull::run::Transport;
use pushpull::stream::feed::Synthetic;
use pushpull::stream::{Batch, BatchLimit, Bounds, Journal, Start};
use pushpull::transport::Update;
use pushpull::transport::answer::{self, Answer};
use pushpull::transport::sse::{self, Parser};
use pushpull::units::Nanos;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, WebSocket};

/// Sizes of `data`, as in the bandwidth bench.
const PAYLOADS_BYTES: [usize; 3] = [16, 256, 4096];
/// The size of `data` in batches.
const BATCH_PAYLOAD_BYTES: usize = 128;
/// Updates in a batch: the usual case, and a client that has fallen behind.
const BATCHES: [usize; 2] = [1, 100];
const AT: Nanos = Nanos(40_000 * Nanos::SECOND.0);

fn append(criterion: &mut Criterion) {
    let mut group = group(criterion, "append");
    for bytes in PAYLOADS_BYTES {
        // Full from the start, so that each append evicts an update, as on a server that has run for a while.
        let bounds = Bounds { updates: 1_000, ..Bounds::default() };
        let journal = Journal::new(bounds, UnixAnchor::SIMULATED, pushpull::transport::encode);
        let data = synthetic(bytes).next().expect("the synthetic feed has no end").data;
        for _ in 0..bounds.updates {
            journal.append(AT, AT, &data);
        }
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
            bencher.iter(|| journal.append(AT, AT, &data));
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = group(criterion, "encode");
    for updates in BATCHES {
        let batch = batch(updates);
        group.throughput(Throughput::Elements(updates as u64));
        for transport in Transport::ALL {
            match transport {
                Transport::Polling => {
                    let id = BenchmarkId::new("poll_answer", updates);
                    group.bench_function(id, |bencher| bencher.iter(|| answer::encode(&batch)));
                }
                // The same answer.
                Transport::LongPolling => {}
                Transport::Sse => {
                    let id = BenchmarkId::new("sse_blocks", updates);
                    group.bench_function(id, |bencher| bencher.iter(|| sse::blocks(&batch)));
                }
                Transport::WebSocket => {
                    let mut socket = WebSocket::from_raw_socket(Sink, Role::Server, None);
                    let id = BenchmarkId::new("websocket_frames", updates);
                    group.bench_function(id, |bencher| bencher.iter(|| write_frames(&mut socket, &batch)));
                }
            }
        }
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = group(criterion, "decode");
    let json = batch(1).updates[0].encoded.json.clone();
    group.throughput(Throughput::Elements(1));
    group.bench_function("update", |bencher| {
        bencher.iter(|| decoded(std::str::from_utf8(&json).expect("JSON is UTF-8")))
    });
    for updates in BATCHES {
        let batch = batch(updates);
        group.throughput(Throughput::Elements(updates as u64));
        for transport in Transport::ALL {
            match transport {
                Transport::Polling => {
                    let body = answer::encode(&batch);
                    group.bench_function(BenchmarkId::new("poll_answer", updates), |bencher| {
                        bencher.iter(|| {
                            let answer: Answer<'_> =
                                serde_json::from_slice(&body).expect("the answer was encoded here");
                            answer.updates.len()
                        });
                    });
                }
                // The same answer.
                Transport::LongPolling => {}
                Transport::Sse => {
                    let body = sse::blocks(&batch);
                    let mut parser = Parser::default();
                    group.bench_function(BenchmarkId::new("sse_blocks", updates), |bencher| {
                        bencher.iter(|| parse_blocks(&mut parser, &body, updates));
                    });
                }
                Transport::WebSocket => {
                    let config = WebSocketConfig::default().read_buffer_size(limits::WS_LARGE_READ_BUFFER_BYTES);
                    let frames = Repeat::of(&batch);
                    let mut socket = WebSocket::from_raw_socket(frames, Role::Client, Some(config));
                    group.bench_function(BenchmarkId::new("websocket_frames", updates), |bencher| {
                        bencher.iter(|| read_frames(&mut socket, updates));
                    });
                }
            }
        }
    }
    group.finish();
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(50).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group
}

/// Updates as the journal keeps them.
fn batch(updates: usize) -> Batch {
    let journal = Journal::new(Bounds::default(), UnixAnchor::SIMULATED, pushpull::transport::encode);
    for due in synthetic(BATCH_PAYLOAD_BYTES).take(updates) {
        journal.append(AT, AT, &due.data);
    }
    let mut reader = journal.reader(Start::Earliest).expect("there is no cursor that could be ahead");
    let batch = reader.try_next(BatchLimit { updates, bytes: limits::BATCH_BYTES_MAX }).expect("they were appended");
    assert_eq!(batch.updates.len(), updates, "a batch holds them all");
    batch
}

fn synthetic(bytes: usize) -> Synthetic {
    Synthetic::new(1.0, bytes, Arrivals::Steady, 1).expect("a rate and a size within the limits")
}

fn decoded(json: &str) -> u64 {
    let update: Update<'_> = serde_json::from_str(json).expect("the update was encoded here");
    update.seq
}

fn parse_blocks(parser: &mut Parser, body: &[u8], updates: usize) {
    let mut seen = 0;
    let parsed = parser.push(body, |block| {
        std::hint::black_box(decoded(block.data));
        seen += 1;
        Ok(())
    });
    parsed.expect("the blocks were encoded here");
    assert_eq!(seen, updates, "each block is handed out");
}

/// Writes as the server half does: all frames, then one flush.
fn write_frames<S: Read + Write>(socket: &mut WebSocket<S>, batch: &Batch) {
    for entry in &batch.updates {
        socket
            .write(Message::Text(entry.encoded.json.clone().try_into().expect("JSON is UTF-8")))
            .expect("a sink takes everything");
    }
    socket.flush().expect("a sink takes everything");
}

fn read_frames(socket: &mut WebSocket<Repeat>, updates: usize) {
    for _ in 0..updates {
        let message = socket.read().expect("the frames repeat without end");
        let Message::Text(text) = &message else { panic!("an update is a text frame, not {message:?}") };
        std::hint::black_box(decoded(text.as_str()));
    }
}

/// A stream that accepts every write and discards it.
struct Sink;

impl Read for Sink {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Keeps the compiler from optimizing the frames away.
        Ok(std::hint::black_box(bytes).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream from which everything written to it is read over and over.
#[derive(Default)]
struct Repeat {
    bytes: Vec<u8>,
    read: usize,
}

impl Repeat {
    /// Repeats the frames of a batch, as a server sends them.
    fn of(batch: &Batch) -> Self {
        let mut socket = WebSocket::from_raw_socket(Self::default(), Role::Server, None);
        write_frames(&mut socket, batch);
        std::mem::take(socket.get_mut())
    }
}

impl Read for Repeat {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.bytes[self.read..]).read(buffer)?;
        self.read = (self.read + read) % self.bytes.len();
        Ok(read)
    }
}

impl Write for Repeat {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

criterion_group!(benches, append, encode, decode);
criterion_main!(benches);
