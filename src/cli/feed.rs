//! The flags of the feed, the same for `server` and `loadgen`.

use std::path::PathBuf;

use clap::Args;

use crate::run::setting::{Payload, Rate, Seed, Share, Speed};
use crate::run::{Arrivals, FeedKind};
use crate::stream::feed::Feed;

/// The flags of the feed.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Feed")]
pub struct FeedArgs {
    /// Where updates come from [default: replay; none with --log].
    #[arg(long, value_enum)]
    pub feed: Option<FeedKind>,
    /// The recording to replay: NDJSON with `at_ms` on each line [default: the bundled week of earthquakes].
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Replay speed, as a multiple of the recorded pace.
    #[arg(long, default_value = "3600", value_name = "TIMES")]
    pub speed: Speed,
    /// Where in the recording to begin, as a share of its length from 0 to 1.
    #[arg(long, default_value = "0", value_name = "SHARE")]
    pub replay_from: Share,
    /// Updates per second of the synthetic feed.
    #[arg(long, default_value = "10")]
    pub rate: Rate,
    /// Bytes of data in each synthetic update, as in 128 or 4KiB.
    #[arg(long, default_value = "128")]
    pub payload: Payload,
    /// How synthetic updates are spread in time.
    #[arg(long, value_enum, default_value = "steady")]
    pub arrivals: Arrivals,
    /// Seed of the random choices; the same seed repeats them.
    #[arg(long, default_value = "1")]
    pub seed: Seed,
}

impl FeedArgs {
    /// The feed they describe.
    pub fn feed(&self) -> Feed {
        match self.feed.unwrap_or(FeedKind::Replay) {
            FeedKind::Replay => {
                Feed::Replay { file: self.replay.clone(), speed: self.speed.0, from: self.replay_from.0 }
            }
            FeedKind::Synthetic => Feed::Synthetic {
                rate: self.rate.0,
                payload: self.payload.0 as usize,
                arrivals: self.arrivals,
                seed: self.seed.0,
            },
            FeedKind::Stdin => Feed::Stdin,
            FeedKind::None => Feed::None,
        }
    }
}
