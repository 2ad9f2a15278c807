//! A connection's attachment to a lane of a page's session. Each request sets it again, since a browser uses one
//! connection for several purposes.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::measure::process::TcpCounts;
use crate::server::page_session::{Lane, LaneCounts, PageSession};

/// The lane in which a connection's traffic is counted, in addition to its transport's account.
#[derive(Debug, Default)]
pub struct Attachment {
    /// Saves the lock for connections that serve no page, which under load are all of them.
    is_taken: AtomicBool,
    /// A task watches whether the connection is silent.
    is_watched: AtomicBool,
    /// Boxed because most connections never have one.
    place: Mutex<Option<Box<Place>>>,
}

#[derive(Debug)]
struct Place {
    session: Arc<PageSession>,
    lane: Lane,
    /// The connection's counts when it was attached.
    since: TcpCounts,
}

impl Attachment {
    /// Attaches the connection to a lane. `since` are the connection's counts up to now.
    pub fn take(&self, session: Arc<PageSession>, lane: Lane, since: TcpCounts) {
        *self.lock() = Some(Box::new(Place { session, lane, since }));
        self.is_taken.store(true, Relaxed);
    }

    /// Whether the connection is attached to any session.
    pub fn is_taken(&self) -> bool {
        self.is_taken.load(Relaxed)
    }

    /// Whether it is attached to this session.
    pub fn is_in(&self, session: &Arc<PageSession>) -> bool {
        self.place().is_some_and(|(own, _)| Arc::ptr_eq(&own, session))
    }

    /// Whether it is attached to a lane of this session that receives updates.
    pub fn is_down(&self, session: &Arc<PageSession>) -> bool {
        self.place().is_some_and(|(own, lane)| match lane {
            Lane::Down(_) => Arc::ptr_eq(&own, session),
            Lane::UpPost | Lane::UpWebSocket => false,
        })
    }

    /// Detaches the connection. `counts` are the connection's counts up to now.
    pub fn leave(&self, counts: impl FnOnce() -> TcpCounts) {
        if !self.is_taken.swap(false, Relaxed) {
            return;
        }
        if let Some(place) = self.lock().take() {
            place.session.lane(place.lane).add_tcp(counts().since(place.since));
        }
    }

    /// Counts something in the lane, if the connection is attached.
    pub fn count(&self, count: impl FnOnce(&LaneCounts)) {
        if let Some(place) = self.place() {
            count(place.0.lane(place.1));
        }
    }

    /// The session, the lane, and the lane's share of the connection's current counts.
    pub fn share(&self, counts: TcpCounts) -> Option<(Arc<PageSession>, Lane, TcpCounts)> {
        let place = self.lock();
        let place = place.as_ref()?;
        Some((Arc::clone(&place.session), place.lane, counts.since(place.since)))
    }

    /// Marks the connection as watched; returns whether it was already.
    pub fn watch(&self) -> bool {
        self.is_watched.swap(true, Relaxed)
    }

    /// The delay that the page adds in each direction.
    pub fn added_one_way(&self) -> Duration {
        self.place().map_or(Duration::ZERO, |(session, _)| session.added_one_way())
    }

    fn place(&self) -> Option<(Arc<PageSession>, Lane)> {
        if !self.is_taken.load(Relaxed) {
            return None;
        }
        self.lock().as_ref().map(|place| (Arc::clone(&place.session), place.lane))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Place>>> {
        // Nothing in this file panics while it holds the lock.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
