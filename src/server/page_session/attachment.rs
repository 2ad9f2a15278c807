//! A connection's place in a page's session: set by each request, since a browser uses one connection for many.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::measure::process::TcpCounts;
use crate::server::page_session::{Lane, LaneCounts, PageSession};

/// Where a connection's traffic is counted beside its transport's account.
#[derive(Debug, Default)]
pub struct Attachment {
    /// Spares connections that serve no page, which under load are all of them, the lock.
    is_taken: AtomicBool,
    /// Somebody looks whether the connection is silent.
    is_watched: AtomicBool,
    /// Boxed, since most connections never have one.
    place: Mutex<Option<Box<Place>>>,
}

#[derive(Debug)]
struct Place {
    session: Arc<PageSession>,
    lane: Lane,
    /// The connection's counts when it was taken.
    since: TcpCounts,
}

impl Attachment {
    /// Takes the place for a lane; `since` are the connection's counts up to here.
    pub fn take(&self, session: Arc<PageSession>, lane: Lane, since: TcpCounts) {
        *self.lock() = Some(Box::new(Place { session, lane, since }));
        self.is_taken.store(true, Relaxed);
    }

    /// Is it taken in any session?
    pub fn is_taken(&self) -> bool {
        self.is_taken.load(Relaxed)
    }

    /// Is it taken in this session?
    pub fn is_in(&self, session: &Arc<PageSession>) -> bool {
        self.place().is_some_and(|(own, _)| Arc::ptr_eq(&own, session))
    }

    /// Is it taken for one of the lanes that receive updates in this session?
    pub fn is_down(&self, session: &Arc<PageSession>) -> bool {
        self.place().is_some_and(|(own, lane)| match lane {
            Lane::Down(_) => Arc::ptr_eq(&own, session),
            Lane::UpPost | Lane::UpWebSocket => false,
        })
    }

    /// Gives the place up; `counts` are the connection's counts up to here.
    pub fn leave(&self, counts: impl FnOnce() -> TcpCounts) {
        if !self.is_taken.swap(false, Relaxed) {
            return;
        }
        if let Some(place) = self.lock().take() {
            place.session.lane(place.lane).add_tcp(counts().since(place.since));
        }
    }

    /// Counts something in the lane, if there is one.
    pub fn count(&self, count: impl FnOnce(&LaneCounts)) {
        if let Some(place) = self.place() {
            count(place.0.lane(place.1));
        }
    }

    /// Whose it is, which lane, and what the kernel counted for it so far given the connection's counts of now.
    pub fn share(&self, counts: TcpCounts) -> Option<(Arc<PageSession>, Lane, TcpCounts)> {
        let place = self.lock();
        let place = place.as_ref()?;
        Some((Arc::clone(&place.session), place.lane, counts.since(place.since)))
    }

    /// Says that it is watched from now on; was it already?
    pub fn watch(&self) -> bool {
        self.is_watched.swap(true, Relaxed)
    }

    /// What the page added to one way of this connection.
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
