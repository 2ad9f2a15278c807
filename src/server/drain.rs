//! Graceful shutdown: each stream is asked to end at its own random moment, spread over the drain time, so that the
//! clients do not all reconnect at once.

use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;

use crate::limits;

/// A future that is ready when a stream has to end. Its output is how long the stream's client should wait before it
/// reconnects.
///
/// A busy stream polls this often, so polling is cheap: once it is waiting, it checks only a flag until the drain
/// begins. It must always be polled by the same task.
pub struct DrainSignal {
    leave: Pin<Box<dyn Future<Output = Duration> + Send>>,
    begun: Arc<AtomicBool>,
    /// It will be woken when the drain begins, and not before.
    is_asleep: bool,
    has_age_max: bool,
}

impl Future for DrainSignal {
    type Output = Duration;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Duration> {
        if self.is_asleep && !self.begun.load(Acquire) {
            return Poll::Pending;
        }
        self.is_asleep = !self.has_age_max;
        self.leave.as_mut().poll(context)
    }
}

/// The shutdown signal, and the jitter for each stream.
#[derive(Debug)]
pub struct Drain {
    begun: CancellationToken,
    /// The same state, readable without a lock.
    has_begun: Arc<AtomicBool>,
    /// The time over which streams are ended once the drain has begun.
    spread: Duration,
    /// The age at which a stream is asked to end in normal operation, if limited.
    age_max: Option<Duration>,
    random: Mutex<ChaCha8Rng>,
}

impl Drain {
    /// A drain that has not begun.
    pub fn new(spread: Duration, age_max: Option<Duration>, seed: u64) -> Self {
        let random = Mutex::new(ChaCha8Rng::seed_from_u64(seed));
        Self { begun: CancellationToken::new(), has_begun: Arc::default(), spread, age_max, random }
    }

    /// Begins the drain.
    pub fn begin(&self) {
        // In this order: a task that is woken must see the flag.
        self.has_begun.store(true, Release);
        self.begun.cancel();
    }

    /// Whether the drain has begun.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Acquire)
    }

    /// Waits until the drain begins.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// The signal for one stream, at a random moment of the drain.
    ///
    /// The client of a stream that has reached its age limit may reconnect at once, because the age limit has jitter
    /// too.
    pub fn signal(&self) -> DrainSignal {
        self.signal_at(self.random_share(), self.age_max)
    }

    /// As [`Self::begun`], for a connection that polls it often: ready as soon as the drain begins.
    pub fn begun_signal(&self) -> DrainSignal {
        self.signal_at(0.0, None)
    }

    fn signal_at(&self, share: f64, age_max: Option<Duration>) -> DrainSignal {
        let begun = self.begun.clone();
        let spread = self.spread;
        // Only the timer is boxed, when it is needed: every open stream keeps this state.
        let leave = async move {
            begun.cancelled().await;
            Box::pin(tokio::time::sleep(spread.mul_f64(share))).await;
            // Clients that were disconnected first return last: the server is down for at least the rest of the drain.
            spread.mul_f64(2.0 - share)
        };
        // Without an age limit there is no timer until the drain begins.
        let leave: Pin<Box<dyn Future<Output = Duration> + Send>> =
            match age_max.map(|age| age.mul_f64(1.0 - limits::AGE_JITTER * share)) {
                None => Box::pin(leave),
                Some(age) => Box::pin(async move {
                    tokio::select! {
                        () = tokio::time::sleep(age) => Duration::ZERO,
                        come_back_in = leave => come_back_in,
                    }
                }),
            };
        let begun = Arc::clone(&self.has_begun);
        DrainSignal { leave, begun, is_asleep: false, has_age_max: age_max.is_some() }
    }

    fn random_share(&self) -> f64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn the_signals_of_a_drain_are_spread_over_its_time() {
        let drain = Drain::new(Duration::from_secs(10), None, 1);
        let signals: Vec<_> = (0..100).map(|_| tokio::spawn(drain.signal())).collect();
        let began = Instant::now();
        drain.begin();
        let mut ended = Vec::new();
        for signal in signals {
            signal.await.unwrap();
            ended.push(began.elapsed().as_secs_f64());
        }
        assert!(ended.iter().all(|&seconds| seconds <= 10.01));
        // The longest wait of the first k signals grows: they do not end together.
        assert!(ended[0] < 9.0 && ended[99] > 9.0, "{ended:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_before_its_greatest_age() {
        let drain = Drain::new(Duration::from_secs(1), Some(Duration::from_secs(600)), 1);
        let began = Instant::now();
        drain.signal().await;
        assert!((480..=600).contains(&began.elapsed().as_secs()));
    }
}
