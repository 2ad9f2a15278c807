//! Measures for how long this machine stalled, since a student's program is not always to blame for being late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::limits;

/// Sums up the lateness of its own tick until it is dropped.
#[derive(Debug)]
pub struct StallMeter {
    late_ns: Arc<AtomicU64>,
    _ticking: AbortOnDropHandle<()>,
}

impl StallMeter {
    /// Starts ticking.
    pub fn start() -> Self {
        let late_ns = Arc::<AtomicU64>::default();
        let total = Arc::clone(&late_ns);
        let ticking = async move {
            let mut due = Instant::now();
            loop {
                due += limits::LEARN_TICK;
                tokio::time::sleep_until(due).await;
                let late = due.elapsed();
                if late > limits::LEARN_TICK_LATE {
                    total.fetch_add(u64::try_from(late.as_nanos()).unwrap_or(u64::MAX), Relaxed);
                    due = Instant::now();
                }
            }
        };
        Self { late_ns, _ticking: AbortOnDropHandle::new(tokio::spawn(ticking)) }
    }

    /// The total time by which ticks were late.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.late_ns.load(Relaxed))
    }
}
