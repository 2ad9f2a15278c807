//! Rooms: streams in addition to the main one, each with its own journal, feed and cursors.
//!
//! A page can experiment in a room without disturbing others. A room is created when it is first named, has limits on
//! everything, and is removed when it is no longer used. The main stream is a [`Room`] too: a handler gets the room
//! that its request names and need not distinguish them.
//!
//! A room exists in one process only, even if the main stream is a log that several nodes share.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use tokio_util::task::AbortOnDropHandle;

use super::fanout::{Fanout, GroupSlot, Member};
use super::feed_control::FeedControl;
use super::problem::Problem;
use super::rate_limit::RateLimit;
use super::talk::Talk;
use crate::clock::Clock;
use crate::limits;
use crate::stream::feed::Feed;
use crate::stream::journal::Encode;
use crate::stream::{Bounds, CursorAhead, Journal, Publisher, Reader, SlowConsumerPolicy, Start};
use crate::units::Nanos;

/// A room's name: 1 to 32 letters, digits, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName(Box<str>);

impl FromStr for RoomName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=limits::ROOM_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_fit) {
            return Ok(Self(text.into()));
        }
        let detail = format!("room must be 1 to {} characters from A-Z a-z 0-9 _ -", limits::ROOM_NAME_BYTES_MAX);
        Err(Problem::new(StatusCode::BAD_REQUEST, detail))
    }
}

/// The limits on what may be published in a room.
#[derive(Clone, Copy, Debug)]
pub struct RoomLimits {
    /// Bytes of one posted update.
    pub update_bytes: usize,
    /// Updates per second of its feed.
    pub feed_per_s: f64,
    /// Bytes of data in each update of its feed.
    pub feed_payload_bytes: usize,
}

/// One stream: its journal, its subscribers and its feed.
#[derive(Debug)]
pub struct Room {
    /// Its recent updates.
    pub journal: Arc<Journal>,
    /// Where its updates are published.
    pub publisher: Publisher,
    /// The groups that are sent new updates.
    fanout: Arc<Fanout>,
    /// The setting of its feed.
    pub feed: Arc<FeedControl>,
    /// The rate at which updates may be posted.
    pub publish_rate: RateLimit,
    /// The limits on what may be published.
    pub limits: RoomLimits,
    /// The messages between its pages.
    pub talk: Talk,
    /// Publishing and setting the feed need the token. True for the main stream only.
    pub needs_token: bool,
    slow_consumer: SlowConsumerPolicy,
    /// When it was last named.
    touched: AtomicU64,
    /// The task that publishes its feed and removes it when it is idle. The program publishes the main stream itself.
    _keeper: Option<AbortOnDropHandle<()>>,
}

impl Room {
    /// The main stream.
    pub fn main(
        journal: Arc<Journal>,
        publisher: Publisher,
        publish_rate: RateLimit,
        slow_consumer: SlowConsumerPolicy,
    ) -> Arc<Self> {
        Arc::new(Self {
            journal,
            publisher,
            fanout: Arc::default(),
            feed: Arc::default(),
            publish_rate,
            limits: RoomLimits {
                update_bytes: limits::UPDATE_BYTES_MAX,
                feed_per_s: limits::LIVE_RATE_MAX,
                feed_payload_bytes: limits::LIVE_PAYLOAD_BYTES_MAX,
            },
            talk: Talk::default(),
            needs_token: true,
            slow_consumer,
            touched: AtomicU64::new(0),
            _keeper: None,
        })
    }

    /// A subscription to the journal with the configured [`SlowConsumerPolicy`].
    ///
    /// Errors: as [`Journal::reader`].
    pub fn reader(&self, start: Start) -> Result<Reader, CursorAhead> {
        Ok(self.journal.reader(start)?.when_slow(self.slow_consumer))
    }

    /// Adds a subscriber to a group, which sends it new updates.
    pub fn join<M: Member>(&self, member: M, reader: Reader) -> GroupSlot<M> {
        self.fanout.join(&self.journal, member, reader)
    }

    /// Whether it has no subscribers and was not named for a while.
    fn is_idle(&self, now: Nanos) -> bool {
        // Each group has a reader of its own, in addition to those of its members.
        if self.journal.subscribers() > self.fanout.len() || self.talk.here() > 0 {
            self.touched.store(now.0, Relaxed);
        }
        let silent = now.saturating_sub(Nanos(self.touched.load(Relaxed)));
        silent.duration() >= limits::ROOM_SILENCE_MAX
    }
}

/// All rooms except the main stream, in bounded number.
#[derive(Debug)]
pub struct Rooms {
    table: Mutex<HashMap<RoomName, Arc<Room>>>,
    clock: Clock,
    encode: Encode,
    slow_consumer: SlowConsumerPolicy,
}

impl Rooms {
    /// An empty table.
    pub fn new(clock: Clock, encode: Encode, slow_consumer: SlowConsumerPolicy) -> Arc<Self> {
        Arc::new(Self { table: Mutex::default(), clock, encode, slow_consumer })
    }

    /// The room of this name, created when it is first named.
    ///
    /// Errors: 503 if there are too many rooms.
    pub fn open(self: &Arc<Self>, name: RoomName) -> Result<Arc<Room>, Problem> {
        let now = self.clock.now();
        let mut table = self.lock();
        if let Some(room) = table.get(&name) {
            room.touched.store(now.0, Relaxed);
            return Ok(Arc::clone(room));
        }
        if table.len() >= limits::ROOMS_MAX {
            let detail = format!(
                "there are {} rooms, which is the limit; try again later, or use an existing room",
                limits::ROOMS_MAX
            );
            let again = HeaderValue::from(limits::ROOM_SILENCE_MAX.as_secs());
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).header(RETRY_AFTER, again));
        }
        let room = self.begin(name.clone(), now);
        table.insert(name, Arc::clone(&room));
        Ok(room)
    }

    fn begin(self: &Arc<Self>, name: RoomName, now: Nanos) -> Arc<Room> {
        let bounds = Bounds { updates: limits::ROOM_JOURNAL_UPDATES_MAX, bytes: limits::ROOM_JOURNAL_BYTES_MAX };
        let journal = Journal::new(bounds, self.clock.anchor(), self.encode);
        let feed = Arc::new(FeedControl::default());
        feed.follows(&Feed::None, None);
        let publisher = Publisher::Journal(Arc::clone(&journal));
        let keeper = keep(Arc::downgrade(self), name, Arc::clone(&feed), publisher.clone(), self.clock);
        Arc::new(Room {
            journal,
            publisher,
            fanout: Arc::default(),
            feed,
            publish_rate: RateLimit::new(limits::ROOM_UPDATES_PER_S_MAX, "use the main stream"),
            limits: RoomLimits {
                update_bytes: limits::ROOM_UPDATE_BYTES_MAX,
                feed_per_s: limits::ROOM_UPDATES_PER_S_MAX,
                feed_payload_bytes: limits::ROOM_UPDATE_BYTES_MAX,
            },
            talk: Talk::default(),
            needs_token: false,
            slow_consumer: self.slow_consumer,
            touched: AtomicU64::new(now.0),
            _keeper: Some(AbortOnDropHandle::new(tokio::spawn(keeper))),
        })
    }

    /// The number of rooms.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are no rooms.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes a room if it is idle; returns whether it is gone.
    fn forget_if_idle(&self, name: &RoomName) -> bool {
        let mut table = self.lock();
        let is_gone = table.get(name).is_none_or(|room| room.is_idle(self.clock.now()));
        if is_gone {
            table.remove(name);
        }
        is_gone
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomName, Arc<Room>>> {
        // Nothing in this file panics while it holds the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes the feed of a room until the room is removed.
async fn keep(rooms: Weak<Rooms>, name: RoomName, feed: Arc<FeedControl>, publisher: Publisher, clock: Clock) {
    let watch = async {
        loop {
            tokio::time::sleep(limits::ROOM_CHECK_INTERVAL).await;
            if rooms.upgrade().is_none_or(|rooms| rooms.forget_if_idle(&name)) {
                return;
            }
        }
    };
    tokio::select! {
        () = watch => {}
        ended = feed.publish(None, clock.now(), &publisher, clock) => {
            if let Err(error) = ended {
                tracing::error!("the feed of a room has failed: {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::journal::testing::encode;

    fn rooms() -> Arc<Rooms> {
        Rooms::new(Clock::Runtime(tokio::time::Instant::now()), encode, SlowConsumerPolicy::default())
    }

    fn name(text: &str) -> RoomName {
        text.parse().unwrap()
    }

    #[test]
    fn a_room_name_has_letters_digits_underscores_and_hyphens_only() {
        for good in ["a", "class-7_B", &"x".repeat(32)] {
            assert!(good.parse::<RoomName>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "é", "a/b", "a%20b", "a.b", &"x".repeat(33)] {
            assert!(bad.parse::<RoomName>().is_err(), "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unused_room_is_removed_and_one_with_a_subscriber_is_not() {
        let rooms = rooms();
        let watched = rooms.open(name("watched")).unwrap();
        let reader = watched.reader(Start::Now).unwrap();
        rooms.open(name("left")).unwrap();
        tokio::time::sleep(limits::ROOM_SILENCE_MAX - limits::ROOM_CHECK_INTERVAL * 2).await;
        assert_eq!(rooms.len(), 2, "not yet");
        tokio::time::sleep(limits::ROOM_CHECK_INTERVAL * 4).await;
        assert_eq!(rooms.len(), 1);
        assert!(Arc::ptr_eq(&watched, &rooms.open(name("watched")).unwrap()));
        drop(reader);
        tokio::time::sleep(limits::ROOM_SILENCE_MAX - limits::ROOM_CHECK_INTERVAL * 2).await;
        assert_eq!(rooms.len(), 1, "counted from the end of its last subscription");
        tokio::time::sleep(limits::ROOM_CHECK_INTERVAL * 4).await;
        assert!(rooms.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_that_is_named_again_after_its_removal_is_a_new_one() {
        let rooms = rooms();
        let before = rooms.open(name("a")).unwrap().journal.newest();
        tokio::time::sleep(limits::ROOM_SILENCE_MAX + limits::ROOM_CHECK_INTERVAL * 2).await;
        let room = rooms.open(name("a")).unwrap();
        let batch = room.reader(Start::After(before)).unwrap();
        assert_ne!(batch.cursor().epoch, before.epoch);
    }
}
