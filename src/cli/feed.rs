//! The feed's flags, the same for `server` and `loadgen`.

use std::path::PathBuf;

use clap::Args;

use crate::run::{Arrivals, FeedKind};
use crate::stream::feed::Feed;
use crate::units;

/// The feed's flags.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Feed")]
pub struct FeedArgs {
    /// Where updates come from.
    #[arg(long, value_enum, default_value = "replay")]
    pub feed: FeedKind,
    /// The recording to replay: NDJSON with `at_ms` on each line [default: the bundled week of earthquakes].
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// How much faster than it was recorded.
    #[arg(long, default_value_t = 3600.0, value_name = "TIMES")]
    pub speed: f64,
    /// Updates a second of the synthetic feed.
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// Bytes of data in each synthetic update, as in 128 or 4KiB.
    #[arg(long, default_value = "128", value_parser = units::size)]
    pub payload: u64,
    /// How synthetic updates are spread in time.
    #[arg(long, value_enum, default_value = "steady")]
    pub arrivals: Arrivals,
    /// Repeats the same random choices.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl FeedArgs {
    /// The feed they describe.
    pub fn feed(&self) -> Feed {
        match self.feed {
            FeedKind::Replay => Feed::Replay { file: self.replay.clone(), speed: self.speed },
            FeedKind::Synthetic => Feed::Synthetic {
                rate: self.rate,
                payload: usize::try_from(self.payload).unwrap_or(usize::MAX),
                arrivals: self.arrivals,
                seed: self.seed,
            },
            FeedKind::Stdin => Feed::Stdin,
            FeedKind::None => Feed::None,
        }
    }
}
