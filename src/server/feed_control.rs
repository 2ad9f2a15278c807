//! The feed as the live page sets it: one setting for all clients of a stream.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::run::Arrivals;
use crate::stream::Publisher;
use crate::stream::feed::{self, Due, Feed, FeedError, Replay, Source};
use crate::units::Nanos;

/// The kind of feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The recording, at the set rate.
    Replay,
    /// Generated updates at equal intervals.
    Steady,
    /// Generated updates at random moments.
    Poisson,
    /// Generated updates in bursts.
    Bursty,
    /// Only posted updates.
    Paused,
}

/// The setting that a page sends: `{"feed":"steady","rate":5,"payload":128}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedSetting {
    /// The kind of feed.
    pub feed: Kind,
    /// Mean updates per second.
    pub rate: f64,
    /// Bytes of `data` in a generated update; ignored for a recording.
    pub payload: usize,
}

/// The current setting, and whether the page may change it.
#[derive(Clone, Debug, Serialize)]
pub struct FeedState {
    #[serde(flatten)]
    setting: FeedSetting,
    /// The number of changes so far.
    version: u64,
    can_change: bool,
}

/// Why the feed cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum FeedChangeError {
    /// The server does not generate this feed.
    #[error("this feed comes from outside the server and cannot be changed here")]
    Closed,
    /// The setting is not valid.
    #[error(transparent)]
    Feed(#[from] FeedError),
}

/// The setting of a feed, which any page may change and the publishing task follows.
#[derive(Debug)]
pub struct FeedControl {
    order: watch::Sender<Order>,
}

#[derive(Clone, Debug)]
struct Order {
    state: FeedState,
    /// The recording of `--replay`.
    recording: Option<PathBuf>,
    source: Option<Source>,
}

impl Default for FeedControl {
    /// A control that no publisher follows, so it cannot be changed.
    fn default() -> Self {
        let setting = FeedSetting { feed: Kind::Paused, rate: 1.0, payload: 128 };
        let state = FeedState { setting, version: 0, can_change: false };
        Self { order: watch::Sender::new(Order { state, recording: None, source: None }) }
    }
}

impl FeedControl {
    /// Notes what is published now, and allows changes from now on.
    ///
    /// A feed that comes from outside (standard input) cannot be changed.
    pub fn follows(&self, feed: &Feed, source: Option<&Source>) {
        let setting = match (feed, source) {
            (Feed::Replay { .. }, Some(Source::Replay(replay))) => {
                let (rate, bytes) = replay.means();
                FeedSetting { feed: Kind::Replay, rate: (rate * 10.0).round() / 10.0, payload: bytes.round() as usize }
            }
            (Feed::Synthetic { rate, payload, arrivals, .. }, _) => {
                FeedSetting { feed: kind(*arrivals), rate: *rate, payload: *payload }
            }
            (Feed::Replay { .. } | Feed::None, _) => FeedSetting { feed: Kind::Paused, rate: 1.0, payload: 128 },
            (Feed::Stdin, _) => return,
        };
        let recording = match feed {
            Feed::Replay { file, .. } => file.clone(),
            Feed::Synthetic { .. } | Feed::Stdin | Feed::None => None,
        };
        let state = FeedState { setting, version: 0, can_change: true };
        self.order.send_replace(Order { state, recording, source: None });
    }

    /// The current setting.
    pub fn state(&self) -> FeedState {
        self.order.borrow().state.clone()
    }

    /// Changes the setting for all clients.
    ///
    /// Errors: [`FeedChangeError`].
    pub async fn change(&self, setting: FeedSetting) -> Result<FeedState, FeedChangeError> {
        let recording = {
            let order = self.order.borrow();
            if !order.state.can_change {
                return Err(FeedChangeError::Closed);
            }
            order.recording.clone()
        };
        // It may read a file.
        let source = tokio::task::spawn_blocking(move || source(setting, recording)).await;
        Ok(self.set(setting, source.expect("reading a recording does not panic")?))
    }

    fn set(&self, setting: FeedSetting, source: Option<Source>) -> FeedState {
        self.order.send_modify(|order| {
            order.state.setting = setting;
            order.state.version += 1;
            order.source = source;
        });
        self.state()
    }

    /// Publishes the feed `first`, and then each later setting. Runs until it is dropped.
    ///
    /// Errors: only if the kernel provides no timer.
    pub async fn publish(
        &self,
        first: Option<Source>,
        origin: Nanos,
        publisher: &Publisher,
        clock: Clock,
    ) -> std::io::Result<()> {
        let mut orders = self.order.subscribe();
        // If the setting was changed before this subscribed, `first` is out of date.
        let set = {
            let order = orders.borrow_and_update();
            (order.state.version > 0).then(|| (order.source.clone(), clock.now()))
        };
        let mut taken: u64 = 0;
        let mut playing = set.unwrap_or((first, origin));
        loop {
            let (source, origin) = playing;
            let play = async {
                match source {
                    None => std::future::pending().await,
                    Some(Source::Replay(replay)) => {
                        // The item that was taken last was not due yet when the setting changed.
                        taken = taken.saturating_sub(1);
                        let items = resumed(replay, taken).inspect(|_| taken += 1);
                        feed::run(items, publisher, clock, origin).await
                    }
                    Some(source @ Source::Synthetic(_)) => feed::run(source, publisher, clock, origin).await,
                }
            };
            tokio::select! {
                ended = play => return ended,
                // The sender lives in the app, which outlives the feed.
                _changed = orders.changed() => {}
            }
            playing = (orders.borrow_and_update().source.clone(), clock.now());
        }
    }
}

/// A recording from item `count` on, with that item due at once: changing the rate does not restart it.
fn resumed(mut replay: Replay, count: u64) -> impl Iterator<Item = Due> {
    for _ in 0..count {
        replay.next();
    }
    // From the start, it keeps its own offsets: the first item need not be due at once.
    let mut first = (count == 0).then_some(Nanos::ZERO);
    replay.map(move |due| {
        let first = *first.get_or_insert(due.offset);
        Due { offset: due.offset.saturating_sub(first), data: due.data }
    })
}

fn kind(arrivals: Arrivals) -> Kind {
    match arrivals {
        Arrivals::Steady => Kind::Steady,
        Arrivals::Poisson => Kind::Poisson,
        Arrivals::Bursty => Kind::Bursty,
    }
}

/// The schedule of a setting; `None` while paused.
fn source(setting: FeedSetting, recording: Option<PathBuf>) -> Result<Option<Source>, FeedError> {
    let synthetic = |arrivals| Feed::Synthetic { rate: setting.rate, payload: setting.payload, arrivals, seed: 1 };
    match setting.feed {
        Kind::Replay => {
            let (rate_at_recorded_speed, _) = Replay::open(recording.as_deref(), 1.0)?.means();
            Feed::Replay { file: recording, speed: setting.rate / rate_at_recorded_speed, from: 0.0 }.source()
        }
        Kind::Steady => synthetic(Arrivals::Steady).source(),
        Kind::Poisson => synthetic(Arrivals::Poisson).source(),
        Kind::Bursty => synthetic(Arrivals::Bursty).source(),
        Kind::Paused => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixAnchor;
    use crate::stream::{BatchLimit, Bounds, Journal, Start};
    use std::time::Duration;

    #[test]
    fn a_recording_from_its_start_keeps_its_own_offsets_and_a_resumed_one_is_due_at_once() {
        let replay = || Replay::open(None, 3600.0).unwrap().beginning_at(0.4);
        let own: Vec<Nanos> = replay().take(5).map(|due| due.offset).collect();
        assert!(own[0] > Nanos::ZERO);
        let offsets = |count| resumed(replay(), count).take(2).map(|due| due.offset).collect::<Vec<_>>();
        assert_eq!(offsets(0), own[..2]);
        assert_eq!(offsets(3), [Nanos::ZERO, Nanos(own[4].0 - own[3].0)]);
    }

    const ALL: BatchLimit = BatchLimit { updates: usize::MAX, bytes: usize::MAX };

    #[tokio::test(start_paused = true)]
    async fn a_new_setting_is_followed_without_a_restart_and_a_recording_goes_on_where_it_was() {
        let clock = Clock::Runtime(tokio::time::Instant::now());
        let journal = Journal::new(Bounds::default(), UnixAnchor::SIMULATED, crate::stream::journal::testing::encode);
        let publisher = Publisher::Journal(std::sync::Arc::clone(&journal));
        let control = FeedControl::default();
        let replay = |rate| source(FeedSetting { feed: Kind::Replay, rate, payload: 1 }, None).unwrap();
        let paused = FeedSetting { feed: Kind::Paused, rate: 1.0, payload: 1 };
        let change = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            control.set(paused, None);
            tokio::time::sleep(Duration::from_secs(20)).await;
            let before = journal.newest().seq;
            control.set(FeedSetting { feed: Kind::Replay, rate: 100.0, payload: 1 }, replay(100.0));
            tokio::time::sleep(Duration::from_secs(20)).await;
            before
        };
        let before = tokio::select! {
            ended = control.publish(replay(10.0), Nanos::ZERO, &publisher, clock) => panic!("{ended:?}"),
            before = change => before,
        };
        assert!((100..400).contains(&before), "20 s at about 10 a second: {before}");
        let after = journal.newest().seq - before;
        assert!((1000..4000).contains(&after), "20 s at about 100 a second, none while paused: {after}");
        let sent = journal.reader(Start::Earliest).unwrap().try_next(ALL).unwrap().updates;
        let recorded = Replay::open(None, 1.0).unwrap();
        for (entry, due) in sent.iter().zip(recorded) {
            assert!(
                entry.encoded.json == due.data.get().as_bytes(),
                "update {} is not the recording's next",
                entry.seq
            );
        }
        assert!(sent.is_sorted_by_key(|entry| entry.at_ns));
    }

    #[tokio::test(start_paused = true)]
    async fn a_setting_that_was_made_before_publishing_started_is_not_lost() {
        let clock = Clock::Runtime(tokio::time::Instant::now());
        let journal = Journal::new(Bounds::default(), clock.anchor(), crate::stream::journal::testing::encode);
        let control = FeedControl::default();
        control.follows(&Feed::None, None);
        let setting = FeedSetting { feed: Kind::Steady, rate: 10.0, payload: 8 };
        control.set(setting, source(setting, None).unwrap());
        let publisher = Publisher::Journal(std::sync::Arc::clone(&journal));
        let publishing = control.publish(None, clock.now(), &publisher, clock);
        let _never_ends = tokio::time::timeout(Duration::from_secs(2), publishing).await;
        assert!((19..=21).contains(&journal.newest().seq), "{}", journal.newest());
    }

    #[test]
    fn the_rate_of_a_recording_is_reached_by_its_speed() {
        let setting = FeedSetting { feed: Kind::Replay, rate: 42.0, payload: 1 };
        let Some(Source::Replay(replay)) = source(setting, None).unwrap() else { panic!("no recording") };
        assert!((replay.means().0 - 42.0).abs() < 0.1);
    }
}
