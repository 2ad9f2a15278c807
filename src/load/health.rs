//! The generator's own health: how late its timers fire, and how busy it is.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::stats::nearest_rank;
use crate::units::Nanos;

/// How late the ticks of a schedule fired.
#[derive(Debug, Default)]
pub struct Lateness {
    lags: Vec<Nanos>,
    /// Ticks that were skipped because an earlier one was late.
    pub missed: u64,
}

impl Lateness {
    /// The lag below which this share of the ticks fired; zero without ticks.
    pub fn percentile(&mut self, share: f64) -> Nanos {
        self.lags.sort_unstable();
        nearest_rank(&self.lags, share).unwrap_or_default()
    }
}

/// Ticks on the runtime that also runs the clients' timers, until stopped.
pub async fn watch(stop: CancellationToken) -> Lateness {
    let mut lateness = Lateness::default();
    let mut ticks = interval(limits::HEALTH_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut before: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return lateness,
            due = ticks.tick() => {
                lateness.lags.push(Nanos::from(due.elapsed()));
                let skipped = before.map_or(0, |before| skipped(due.duration_since(before)));
                lateness.missed += skipped;
                before = Some(due);
            }
        }
    }
}

fn skipped(distance: Duration) -> u64 {
    let ticks = (distance.as_secs_f64() / limits::HEALTH_TICK.as_secs_f64()).round() as u64;
    ticks.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stalled_runtime_is_noticed() {
        let stop = CancellationToken::new();
        let watching = tokio::spawn(watch(stop.clone()));
        tokio::time::sleep(Duration::from_millis(95)).await;
        // Time passes while nothing can run.
        tokio::time::advance(Duration::from_millis(400)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.cancel();
        let mut lateness = watching.await.unwrap();
        assert!(lateness.percentile(1.0) >= Nanos(390_000_000), "{lateness:?}");
        assert!(lateness.percentile(0.5) < Nanos(10_000_000));
        assert!(lateness.missed >= 38, "{lateness:?}");
    }
}
