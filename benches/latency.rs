//! The latency from publish to receipt over a real loopback socket, for each of the four transports.
//!
//! It begins when an update is passed to the journal and ends when the client half has decoded it. This is what
//! `loadgen` calls latency, for one client and without the feed's own lateness.
//!
//! - Long polling, SSE and WebSocket receive the updates of a Poisson process, so that both sides are idle when one
//!   comes.
//! - `polling/at_once` publishes at the moment when the client sends its poll. One round trip is all that the transport
//!   itself adds.
//! - `polling/5ms` polls at the shortest interval allowed, with the same Poisson process as the others. Its mean is
//!   half the interval plus the round trip: it measures the choice of the interval, not the code.

#[path = "support/mod.rs"]
mod support;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use pushpull::limits;
use pushpull::run::Arrivals;
use pushpull::run::Transport;
use pushpull::stream::Journal;
use pushpull::stream::feed::Synthetic;
use pushpull::transport::Event;
use pushpull::units::Nanos;
use serde_json::value::RawValue;
use support::{Lab, payload};
use tokio_util::task::AbortOnDropHandle;

/// The load generator's default payload.
const PAYLOAD_BYTES: usize = 128;
/// Updates a second: 2 ms apart on average, at least ten times the latency of any of the three transports that push.
const RATE_PER_SECOND: f64 = 500.0;
/// The seed of the feed: every transport gets the same schedule.
const SEED: u64 = 1;

/// When an update is published.
#[derive(Clone, Copy)]
enum Pace {
    /// When the client sends a request.
    Requests,
    /// By an independent schedule.
    Poisson,
}

fn latency(criterion: &mut Criterion) {
    let lab = Lab::start();
    let mut group = criterion.benchmark_group("publish_to_receipt");
    // Flat: every sample is the mean of the same number of deliveries, so all samples have equal weight.
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(8));
    for transport in Transport::ALL {
        let cases: &[(&str, Pace)] = match transport {
            Transport::Polling => &[("/at_once", Pace::Requests), ("/5ms", Pace::Poisson)],
            Transport::LongPolling | Transport::Sse | Transport::WebSocket => &[("", Pace::Poisson)],
        };
        for (suffix, pace) in cases {
            group.bench_function(format!("{transport}{suffix}"), |bencher| {
                bencher.iter_custom(|deliveries| total_latency(&lab, transport, *pace, deliveries));
            });
        }
    }
    group.finish();
}

/// The sum of the latencies of `deliveries` deliveries; Criterion divides it by their number.
fn total_latency(lab: &Lab, transport: Transport, pace: Pace, deliveries: u64) -> Duration {
    let options = lab.options(limits::POLL_INTERVAL_MIN);
    let clock = lab.app.clock;
    let data = payload(PAYLOAD_BYTES);
    let mut publishing = None;
    let mut has_position = false;
    let mut sum = Nanos::ZERO;
    lab.receive(
        transport,
        &options,
        |stream| stream,
        deliveries,
        |event| match event {
            Event::Update(update) => {
                let latency =
                    clock.now().since(clock.anchor().instant(update.at_us)).expect("both ends read the same clock");
                sum = sum.saturating_add(latency);
            }
            Event::Position(_) => {
                has_position = true;
                match pace {
                    Pace::Requests => {}
                    Pace::Poisson => publishing = Some(publish(lab)),
                }
            }
            Event::Requested => match pace {
                Pace::Requests if has_position => append(&lab.app.journal, clock.now(), &data),
                Pace::Requests | Pace::Poisson => {}
            },
            Event::Empty | Event::MissedPoll | Event::Retry(_) | Event::Decompressed { .. } => {}
            Event::Gap(gap) => panic!("the journal is too small for this bench: {gap:?}"),
        },
    );
    drop(publishing);
    sum.duration()
}

/// Publishes from a task on the server's runtime, as its own feed does, until the handle is dropped.
fn publish(lab: &Lab) -> AbortOnDropHandle<()> {
    let app = std::sync::Arc::clone(&lab.app);
    let schedule =
        Synthetic::new(RATE_PER_SECOND, PAYLOAD_BYTES, Arrivals::Poisson, SEED).expect("a rate within the limits");
    AbortOnDropHandle::new(lab.server.spawn(async move {
        let mut timer = app.clock.timer().expect("the kernel gives a timer");
        let origin = app.clock.now().saturating_add(Nanos::MILLI);
        for due in schedule {
            timer.sleep_until(origin.saturating_add(due.offset)).await.expect("the timer runs");
            append(&app.journal, app.clock.now(), &due.data);
        }
    }))
}

/// Appends an update whose `at_us` is the moment of publishing, to the nearest microsecond, not the moment it was due:
/// a late timer must not count as the transport's latency.
fn append(journal: &Journal, now: Nanos, data: &RawValue) {
    journal.append(now, now, data);
}

criterion_group!(benches, latency);
criterion_main!(benches);
