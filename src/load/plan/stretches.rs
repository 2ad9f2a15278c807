//! Which stretch of a recording each round replays.
//!
//! A recording is longer than a measured interval. If each round replayed the same few seconds, the confidence
//! interval of a metric would describe those seconds and not the stream. So each round starts at another place: a
//! random one in each of as many equal parts as there are rounds, in random order (stratified sampling: Cochran,
//! "Sampling Techniques", 1977, chapter 5). All transports of a round replay the same stretch.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::load::plan::{Plan, PlanPoint};
use crate::stream::feed::{Feed, FeedError, Source};

/// Separates this draw from others with the same seed.
const SALT: u64 = 0x7374_7265_7463_6865;

impl Plan {
    /// The feed at a point in a round; the first round is 1.
    pub fn feed_in(&self, point: &PlanPoint, round: u32) -> Feed {
        match &point.feed {
            Feed::Replay { file, speed, .. } => {
                let shares = shares(self.scenario.rounds, self.scenario.seed);
                let from = shares.get(round.saturating_sub(1) as usize).copied().unwrap_or_default();
                Feed::Replay { file: file.clone(), speed: *speed, from }
            }
            other @ (Feed::Synthetic { .. } | Feed::Stdin | Feed::None) => other.clone(),
        }
    }

    /// The schedules of a point, without duplicates: one per round for a recording, one for any other feed, none for a
    /// feed without a schedule.
    ///
    /// Errors: the feed's.
    pub(super) fn sources(&self, point: &PlanPoint) -> Result<Vec<Source>, FeedError> {
        Ok(match point.feed.source()? {
            Some(Source::Replay(replay)) => {
                let shares = shares(self.scenario.rounds, self.scenario.seed);
                shares.into_iter().map(|from| Source::Replay(replay.clone().beginning_at(from))).collect()
            }
            other => other.into_iter().collect(),
        })
    }
}

/// The start of each round, as a share of the recording.
fn shares(rounds: u32, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ SALT);
    let place = |part: u32| (f64::from(part) + random.random::<f64>()) / f64::from(rounds);
    // A millionth of the recording is precise enough, and readable in a run file.
    let mut shares: Vec<f64> = (0..rounds).map(place).map(|share| (share * 1e6).floor() / 1e6).collect();
    shares.shuffle(&mut random);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_replay_stretches_from_all_parts_of_the_recording_and_a_seed_repeats_them() {
        let drawn = shares(10, 1);
        assert_eq!(drawn, shares(10, 1));
        assert_ne!(drawn, shares(10, 2));
        let mut parts: Vec<u32> = drawn.iter().map(|share| (share * 10.0) as u32).collect();
        assert_ne!(parts, (0..10).collect::<Vec<_>>(), "not in order");
        parts.sort_unstable();
        assert_eq!(parts, (0..10).collect::<Vec<_>>());
    }
}
