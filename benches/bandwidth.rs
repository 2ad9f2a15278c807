//! The bytes of one delivery over a real loopback connection, as a Criterion measurement.
//!
//! It counts every byte that the client's socket reads or writes after the client knows its position: requests,
//! answers, heads, framing and payload, in both directions. Two things are not counted, and `loadgen` measures both:
//! opening the connection, which is paid once, and TCP/IP headers, whose share depends on the update rate. `polling` is
//! a poll that returns one update, `empty_poll` one that returns none; the poll interval decides how many empty polls
//! there are for each delivery.
//!
//! The figures are exact: sequence numbers, cursors and times have the same number of digits in every delivery. All
//! samples are equal, so the interval has no width, and Criterion's `p` is NaN (0/0) for no change and 0 for a change
//! of a single byte. What Criterion labels `time` is bytes; its throughput is the payload's share of them.

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_main};
use pushpull::limits;
use pushpull::measure::bytes::{ByteClassifier, ByteCounters, Reading};
use pushpull::measure::tap::Tapped;
use pushpull::run::Transport;
use pushpull::transport::Event;
use pushpull::units::Nanos;
use support::{Lab, payload};

const PAYLOADS_BYTES: [usize; 3] = [16, 256, 4096];
/// All sequence numbers of this bench have six digits.
const SEQ_BEFORE: u64 = 99_999;
const SEQ_MAX: u64 = 999_999;
/// The due time of every update. Its value does not matter: `at_us` always has sixteen digits.
const AT: Nanos = Nanos::SECOND;

// The measurement -----------------------------------------------------------------------------------------------------

/// Bytes on the wire in both directions, from counters that all connections of the bench share.
#[derive(Clone, Default)]
struct WireBytes {
    counters: Arc<ByteCounters>,
}

impl Measurement for WireBytes {
    type Intermediate = Reading;
    type Value = u64;

    fn start(&self) -> Reading {
        self.counters.read()
    }

    fn end(&self, began: Reading) -> u64 {
        let passed = self.counters.read() - began;
        let total = passed.up + passed.down;
        assert_eq!(passed.http_headers + passed.framing + passed.body, total, "each byte is in one part");
        total
    }

    fn add(&self, one: &u64, other: &u64) -> u64 {
        one + other
    }

    fn zero(&self) -> u64 {
        0
    }

    fn to_f64(&self, bytes: &u64) -> f64 {
        *bytes as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Bytes
    }
}

/// Shows bytes as `B`, `KiB` or `MiB`.
struct Bytes;

impl ValueFormatter for Bytes {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        let (size, unit) = match typical {
            small if small < 1024.0 => (1.0, "B"),
            middle if middle < 1024.0 * 1024.0 => (1024.0, "KiB"),
            _ => (1024.0 * 1024.0, "MiB"),
        };
        values.iter_mut().for_each(|value| *value /= size);
        unit
    }

    /// For a throughput in bytes: the payload's share of all bytes. For one in elements: elements per MiB.
    fn scale_throughputs(&self, _typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let (wanted, unit) = match *throughput {
            Throughput::Bytes(bytes) | Throughput::BytesDecimal(bytes) => (bytes as f64 * 100.0, "% payload"),
            Throughput::Bits(bits) => (bits as f64 / 8.0 * 100.0, "% payload"),
            Throughput::Elements(elements) | Throughput::ElementsAndBytes { elements, .. } => {
                (elements as f64 * 1024.0 * 1024.0, "elements/MiB")
            }
        };
        values.iter_mut().for_each(|value| *value = wanted / *value);
        unit
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "bytes"
    }
}

// What is measured ----------------------------------------------------------------------------------------------------

fn bandwidth(criterion: &mut Criterion<WireBytes>, wire: &WireBytes) {
    let lab = Lab::start();
    let filler = payload(1);
    for _ in 0..SEQ_BEFORE {
        lab.app.journal.append(AT, AT, &filler);
    }
    let mut group = criterion.benchmark_group("bytes_per_delivery");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
    for transport in Transport::ALL {
        for bytes in PAYLOADS_BYTES {
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::new(transport.label(), bytes), |bencher| {
                bencher.iter_custom(|deliveries| delivery_bytes(&lab, wire, transport, bytes, deliveries));
            });
        }
    }
    group.finish();

    let mut group = criterion.benchmark_group("bytes_per_request");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
    group.bench_function("empty_poll", |bencher| bencher.iter_custom(|polls| empty_poll_bytes(&lab, wire, polls)));
    group.finish();
}

/// The bytes of `deliveries` updates. Each is published when the client is ready for it: when it sends a request
/// (polls), or when it has received the previous update (streams).
fn delivery_bytes(lab: &Lab, wire: &WireBytes, transport: Transport, bytes: usize, deliveries: u64) -> u64 {
    let is_pushed = match transport {
        Transport::Polling | Transport::LongPolling => false,
        Transport::Sse | Transport::WebSocket => true,
    };
    let data = payload(bytes);
    let publish = || assert!(lab.app.journal.append(AT, AT, &data).seq <= SEQ_MAX, "too long: use a shorter time");
    let mut began = None;
    let mut received = 0;
    let mut total = 0;
    lab.receive(
        transport,
        &lab.options(limits::POLL_INTERVAL_MIN),
        |io| counted(wire, io),
        deliveries,
        |event| match event {
            Event::Position(_) => {
                began = Some(wire.start());
                if is_pushed {
                    publish();
                }
            }
            Event::Requested if began.is_some() => publish(),
            Event::Update(update) => {
                assert_eq!(update.data.get().len(), bytes, "the payload has the size that was asked for");
                received += 1;
                if received == deliveries {
                    total = wire.end(began.expect("a position comes before the first update"));
                } else if is_pushed {
                    publish();
                }
            }
            Event::Requested | Event::Retry(_) | Event::MissedPoll | Event::Decompressed { .. } => {}
            Event::Empty | Event::Gap(_) => panic!("each request brings its update: {event:?}"),
        },
    );
    total
}

/// The bytes of `polls` polls that return no update.
fn empty_poll_bytes(lab: &Lab, wire: &WireBytes, polls: u64) -> u64 {
    let data = payload(1);
    let mut began = None;
    let mut answered = 0;
    let mut total = 0;
    let transport = Transport::Polling;
    // One update, published after the measured polls, ends the sample.
    lab.receive(
        transport,
        &lab.options(limits::POLL_INTERVAL_MIN),
        |io| counted(wire, io),
        1,
        |event| match event {
            Event::Position(_) => began = Some(wire.start()),
            Event::Empty => {
                answered += 1;
                if answered == polls {
                    total = wire.end(began.expect("a position comes before the first empty answer"));
                    lab.app.journal.append(AT, AT, &data);
                }
            }
            Event::Requested | Event::Retry(_) | Event::MissedPoll | Event::Update(_) | Event::Decompressed { .. } => {}
            Event::Gap(_) => panic!("nothing is lost: {event:?}"),
        },
    );
    total
}

/// Wraps a connection so that its bytes are added to `wire`.
fn counted(wire: &WireBytes, io: tokio::net::TcpStream) -> Tapped<tokio::net::TcpStream, ByteClassifier> {
    Tapped::new(io, ByteClassifier::new(Arc::clone(&wire.counters)), limits::WRITE_TIMEOUT)
}

fn all() {
    let wire = WireBytes::default();
    // No plots: the density of equal samples has no width.
    let criterion = Criterion::default().with_measurement(wire.clone()).without_plots();
    bandwidth(&mut criterion.configure_from_args(), &wire);
}

criterion_main!(all);
