//! Where updates come from: a [`Source`] is a schedule of updates, and [`run`] publishes it on time.
//!
//! The schedule is **open loop**: an update's `at_us` is when it was due, even if the server published it late. A stall
//! of the server therefore shows in every latency, which is measured from `at_us`.
//!
//! Updates are due on whole microseconds, so that the instant on the wire is exactly the instant at which they were
//! due.

mod replay;
mod stdin;
mod synthetic;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::value::RawValue;

pub use replay::{Replay, ReplayError};
pub use stdin::publish_lines;
pub use synthetic::{Synthetic, SyntheticError};

use crate::clock::Clock;
use crate::run::Arrivals;
use crate::stream::Publisher;
use crate::units::Nanos;

/// One item of a schedule: an update's data, and when it is due.
#[derive(Clone, Debug)]
pub struct Due {
    /// When it is due after the start of the schedule; a whole number of microseconds.
    pub offset: Nanos,
    /// The update's `data`.
    pub data: Arc<RawValue>,
}

/// The settings of a feed.
#[derive(Clone, Debug, PartialEq)]
pub enum Feed {
    /// A recording, played by its own timestamps.
    Replay {
        /// The file; the bundled earthquakes if absent.
        file: Option<PathBuf>,
        /// How much faster than recorded.
        speed: f64,
        /// Where it begins, as a share of its length from 0 to below 1. At its end it continues from its start.
        from: f64,
    },
    /// Generated updates.
    Synthetic {
        /// Updates a second, on average.
        rate: f64,
        /// Bytes of each update's `data`.
        payload: usize,
        /// How they are spread in time.
        arrivals: Arrivals,
        /// The seed: the same one gives the same schedule and data.
        seed: u64,
    },
    /// One JSON value per line on standard input, due when it is read.
    Stdin,
    /// Only what is posted to `/updates`.
    None,
}

/// An endless schedule: updates in the order in which they are due.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Source {
    /// A recording.
    Replay(Replay),
    /// Generated updates.
    Synthetic(Synthetic),
}

/// Why a feed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The recording cannot be played.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The settings of the synthetic feed are impossible.
    #[error(transparent)]
    Synthetic(#[from] SyntheticError),
}

impl FeedError {
    /// Whether the cause is a setting, and not a file.
    pub fn is_usage_error(&self) -> bool {
        match self {
            Self::Synthetic(_) | Self::Replay(ReplayError::Speed(_) | ReplayError::TooFast { .. }) => true,
            Self::Replay(ReplayError::Read { .. } | ReplayError::Line { .. } | ReplayError::Empty(_)) => false,
        }
    }
}

impl Feed {
    /// The schedule of this feed; `None` for a feed whose updates come from outside.
    ///
    /// Errors: [`FeedError`], before anything is published.
    pub fn source(&self) -> Result<Option<Source>, FeedError> {
        Ok(match self {
            Self::Replay { file, speed, from } => {
                Some(Source::Replay(Replay::open(file.as_deref(), *speed)?.beginning_at(*from)))
            }
            Self::Synthetic { rate, payload, arrivals, seed } => {
                Some(Source::Synthetic(Synthetic::new(*rate, *payload, *arrivals, *seed)?))
            }
            Self::Stdin | Self::None => None,
        })
    }

    /// Where the recording begins, as a share of its length; `None` if the feed is not a recording.
    pub fn replay_from(&self) -> Option<f64> {
        match self {
            Self::Replay { from, .. } => Some(*from),
            Self::Synthetic { .. } | Self::Stdin | Self::None => None,
        }
    }

    /// The flags that start a server with this feed.
    pub fn flags(&self) -> Vec<String> {
        let mut flags = vec!["--feed".to_owned(), self.label().to_owned()];
        let mut add = |name: &str, value: String| flags.extend([name.to_owned(), value]);
        match self {
            Self::Replay { file, speed, from } => {
                if let Some(file) = file {
                    add("--replay", file.display().to_string());
                }
                add("--speed", speed.to_string());
                if *from > 0.0 {
                    add("--replay-from", from.to_string());
                }
            }
            Self::Synthetic { rate, payload, arrivals, seed } => {
                add("--rate", rate.to_string());
                add("--payload", payload.to_string());
                add("--arrivals", arrivals.label().to_owned());
                add("--seed", seed.to_string());
            }
            Self::Stdin | Self::None => {}
        }
        flags
    }

    /// The name in flags and in the run file.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Replay { .. } => "replay",
            Self::Synthetic { .. } => "synthetic",
            Self::Stdin => "stdin",
            Self::None => "none",
        }
    }
}

impl Iterator for Source {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        match self {
            Self::Replay(replay) => replay.next(),
            Self::Synthetic(synthetic) => synthetic.next(),
        }
    }
}

/// Publishes a schedule that starts at `origin`, rounded to whole microseconds. Runs until it is dropped.
///
/// Errors: only if the kernel provides no timer.
pub async fn run(
    source: impl Iterator<Item = Due>,
    publisher: &Publisher,
    clock: Clock,
    origin: Nanos,
) -> std::io::Result<()> {
    let mut timer = clock.timer()?;
    let origin = origin.whole_micros();
    for due in source {
        let at = origin.saturating_add(due.offset);
        timer.sleep_until(at).await?;
        publisher.offer(at, clock.now(), &due.data).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixAnchor;
    use crate::stream::{BatchLimit, Bounds, Journal, Start};

    #[test]
    fn every_schedule_is_on_whole_microseconds_and_keeps_its_rate() {
        let synthetic = |rate, arrivals| Feed::Synthetic { rate, payload: 1, arrivals, seed: 3 };
        let replay = |speed| Feed::Replay { file: None, speed, from: 0.37 };
        // A rate whose interval is not a whole number of microseconds: rounding errors must not accumulate.
        for (feed, rate) in [
            (synthetic(3_000.0, Arrivals::Steady), Some(3_000.0)),
            (synthetic(700.0, Arrivals::Poisson), None),
            (synthetic(700.0, Arrivals::Bursty), None),
            (replay(3_601.7), None),
        ] {
            let due: Vec<Due> = feed.source().unwrap().unwrap().take(5_001).collect();
            assert!(due.iter().all(|due| due.offset == due.offset.whole_micros()), "{feed:?}");
            assert!(due.is_sorted_by_key(|due| due.offset));
            if let Some(rate) = rate {
                let off = due[5_000].offset.seconds() - 5_000.0 / rate;
                assert!(off.abs() < 1e-6, "{feed:?} is off by {off} s");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_carries_the_time_at_which_it_was_due_even_if_the_server_was_late() {
        let clock = Clock::Runtime(tokio::time::Instant::now());
        let journal = Journal::new(Bounds::default(), UnixAnchor::SIMULATED, crate::stream::journal::testing::encode);
        let feed = Feed::Synthetic { rate: 10.0, payload: 8, arrivals: Arrivals::Steady, seed: 1 };
        let source = feed.source().unwrap().unwrap();
        // The schedule started a second ago: the updates that are late must carry the times at which they were due.
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        let publisher = Publisher::Journal(std::sync::Arc::clone(&journal));
        let publishing = run(source, &publisher, clock, Nanos::ZERO);
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), publishing).await;
        let mut reader = journal.reader(Start::Earliest).unwrap();
        let batch = reader.try_next(BatchLimit { updates: 99, bytes: usize::MAX }).unwrap();
        let due: Vec<u64> = batch.updates.iter().map(|entry| entry.at_ns.0 / 1_000_000).collect();
        assert_eq!(due, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
        assert!(batch.updates.iter().all(|entry| entry.published_ns >= Nanos::SECOND));
    }
}
