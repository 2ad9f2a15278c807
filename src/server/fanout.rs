//! Fan-out: subscribers in groups, each of which one task serves.
//!
//! A subscriber that keeps up costs its write and little more. When the journal grows, one task wakes for a whole group,
//! reads the journal once, encodes once what it read, and writes it to one member after the other while the code and the
//! data for it are at hand. All else is done by the connection's own task, which sleeps meanwhile: hearing its client,
//! heartbeats and pings, saying goodbye, and catching up.
//!
//! ```text
//! own task ── has read all that there is ──▶ lends its seat to the group
//!    ▲                                              │
//!    └── a socket did not take all, or an update ◀──┘
//!        came that does not follow on the last one
//! ```
//!
//! A member lives under the lock of its [`Seat`], so the two never write at the same time, and each finds the position
//! where the other left it.

use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio_util::task::AbortOnDropHandle;

use crate::limits;
use crate::run::Transport;
use crate::stream::{Batch, BatchLimit, Cursor, Journal, Reader, Start};

/// What a group reads at once; a member that catches up by itself does the same.
const LIMIT: BatchLimit =
    BatchLimit { updates: limits::STREAM_BATCH_UPDATES_MAX, bytes: limits::STREAM_BATCH_BYTES_MAX };

/// What a group hands to each of its members.
pub struct Delivery {
    /// The updates.
    pub batch: Batch,
    /// Their bytes as each transport sends them, made when the first member asks.
    forms: [OnceCell<Bytes>; Transport::ALL.len()],
}

impl Delivery {
    /// With no form made yet.
    pub fn new(batch: Batch) -> Self {
        Self { batch, forms: Default::default() }
    }

    /// The form in which a transport sends this; every member after the first gets what was made for that one.
    pub fn form(&self, transport: Transport, encode: impl FnOnce(&Batch) -> Bytes) -> &Bytes {
        self.forms[transport.index()].get_or_init(|| encode(&self.batch))
    }
}

/// A connection that subscribes: where its bytes go.
pub trait Member: Send + 'static {
    /// Why it takes no more.
    type Error;

    /// It wants one delivery and no more.
    const WANTS_ONE: bool = false;

    /// Writes a delivery, all of it: what the socket does not take at once it keeps, and is then pending. It is pending,
    /// too, where its own task has to go on behind this delivery.
    fn deliver(&mut self, delivery: &Delivery, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// Writes what it kept.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
}

/// A member and its position, which its own task and its group share.
pub struct Seat<M> {
    place: Mutex<Place<M>>,
}

struct Place<M> {
    /// Gone once the connection is somebody else's.
    member: Option<M>,
    reader: Reader,
    /// The group delivers; else the own task does.
    is_lent: bool,
    /// A delivery of the group was all that the member wanted.
    is_served: bool,
    /// Wakes the own task.
    owner: Waker,
}

impl<M: Member> Seat<M> {
    fn new(member: M, reader: Reader) -> Self {
        let place =
            Place { member: Some(member), reader, is_lent: false, is_served: false, owner: Waker::noop().clone() };
        Self { place: Mutex::new(place) }
    }

    /// What the own task has to deliver; it is pending for as long as the group does it. `None` once the group has
    /// delivered all that the member wanted.
    ///
    /// Cancel safe. Errors: the member's, also those that the group met with.
    pub fn next(&self) -> impl Future<Output = Result<Option<Batch>, M::Error>> {
        std::future::poll_fn(|context| self.poll_next(context))
    }

    /// As [`Self::next`].
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Result<Option<Batch>, M::Error>> {
        let mut place = self.lock();
        let Place { member: Some(member), reader, is_lent, is_served, owner } = &mut *place else {
            return Poll::Ready(Ok(None));
        };
        if !*is_lent {
            ready!(member.poll_flush(context))?;
            if *is_served {
                return Poll::Ready(Ok(None));
            }
            if let Some(batch) = reader.try_next(LIMIT) {
                return Poll::Ready(Ok(Some(batch)));
            }
            // What is appended from here on finds the seat lent: the group comes by after the append, and waits for the
            // lock that is held here.
            *is_lent = true;
        }
        owner.clone_from(context.waker());
        Poll::Pending
    }

    /// Lets the own task hear the client, whose position `poll` is told. With what it hears the seat is taken back: the
    /// member may have to answer before it is written to again.
    ///
    /// Cancel safe, if `poll` is.
    pub fn hear<T>(
        &self,
        mut poll: impl FnMut(&mut M, Cursor, &mut Context<'_>) -> Poll<Option<T>>,
    ) -> impl Future<Output = Option<T>> {
        std::future::poll_fn(move |context| {
            let mut place = self.lock();
            let Place { member: Some(member), reader, is_lent, .. } = &mut *place else { return Poll::Ready(None) };
            let heard = ready!(poll(member, reader.cursor(), context));
            *is_lent = false;
            Poll::Ready(heard)
        })
    }

    /// The member wants one more delivery, behind the last.
    pub fn want_more(&self) {
        self.lock().is_served = false;
    }

    /// Takes the seat back to write something of the own task's, to be followed by [`Self::flushed`]. The group has it
    /// again with the next call of [`Self::next`].
    ///
    /// Errors: the member's.
    pub fn put(&self, write: impl FnOnce(&mut M) -> Result<(), M::Error>) -> Result<(), M::Error> {
        let mut place = self.lock();
        place.is_lent = false;
        place.member.as_mut().map_or(Ok(()), write)
    }

    /// Waits until the socket has taken what was put.
    ///
    /// Errors: the member's.
    pub fn flushed(&self) -> impl Future<Output = Result<(), M::Error>> {
        std::future::poll_fn(|context| {
            self.lock().member.as_mut().map_or(Poll::Ready(Ok(())), |member| member.poll_flush(context))
        })
    }

    /// Takes the member out for good.
    pub fn take(&self) -> Option<M> {
        self.lock().member.take()
    }

    /// The member's position.
    pub fn position(&self) -> Cursor {
        self.lock().reader.cursor()
    }

    fn lock(&self) -> MutexGuard<'_, Place<M>> {
        // A panic under the lock is the end of the member's own task or of its group's, which others do not share.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat of any transport, as its group sees it.
trait Subscriber: Send + Sync {
    fn deliver(&self, delivery: &Delivery);
}

impl<M: Member> Subscriber for Seat<M> {
    fn deliver(&self, delivery: &Delivery) {
        let mut place = self.lock();
        let Place { member: Some(member), reader, is_lent: is_lent @ true, is_served, owner } = &mut *place else {
            return;
        };
        if reader.has(&delivery.batch) {
            return;
        }
        let is_done = reader.follow(&delivery.batch)
            && matches!(member.deliver(delivery, &mut Context::from_waker(owner)), Poll::Ready(Ok(())));
        match is_done {
            // Its own task finds this when its client asks again.
            true if M::WANTS_ONE => (*is_lent, *is_served) = (false, true),
            true => {}
            // Its own task flushes, and meets with the error, if it is one.
            false => {
                *is_lent = false;
                *is_served = M::WANTS_ONE && reader.has(&delivery.batch);
                owner.wake_by_ref();
            }
        }
    }
}

/// The groups of one journal.
#[derive(Default)]
pub struct Fanout {
    groups: Mutex<Vec<Group>>,
}

struct Group {
    members: Arc<Members>,
    _task: AbortOnDropHandle<()>,
}

type Members = Mutex<Vec<Arc<dyn Subscriber>>>;

/// A seat in a group, which is left when this is dropped.
pub struct Seated<M: Member> {
    seat: Arc<Seat<M>>,
    group: Arc<Members>,
}

impl<M: Member> Deref for Seated<M> {
    type Target = Seat<M>;

    fn deref(&self) -> &Seat<M> {
        &self.seat
    }
}

impl<M: Member> Drop for Seated<M> {
    fn drop(&mut self) {
        let mut members = lock(&self.group);
        let own = Arc::as_ptr(&self.seat).cast::<()>();
        if let Some(index) = members.iter().position(|member| Arc::as_ptr(member).cast::<()>() == own) {
            members.swap_remove(index);
        }
    }
}

impl Fanout {
    /// Gives a member a seat in a group that has room, or in a new one. It is not lent yet.
    pub fn seat<M: Member>(self: &Arc<Self>, journal: &Arc<Journal>, member: M, reader: Reader) -> Seated<M> {
        let seat = Arc::new(Seat::new(member, reader));
        let mut groups = lock(&self.groups);
        for group in groups.iter() {
            let mut members = lock(&group.members);
            if members.len() < limits::GROUP_MEMBERS_MAX {
                members.push(Arc::clone(&seat) as _);
                return Seated { seat, group: Arc::clone(&group.members) };
            }
        }
        let members: Arc<Members> = Arc::new(Mutex::new(vec![Arc::clone(&seat) as _]));
        if let Ok(reader) = journal.reader(Start::Now) {
            let task = tokio::spawn(serve(Arc::downgrade(self), Arc::clone(&members), reader));
            groups.push(Group { members: Arc::clone(&members), _task: AbortOnDropHandle::new(task) });
        }
        Seated { seat, group: members }
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        lock(&self.groups).len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets a group if nobody is in it; is it gone?
    fn forget_if_empty(&self, group: &Arc<Members>) -> bool {
        let mut groups = lock(&self.groups);
        let is_empty = lock(group).is_empty();
        if is_empty {
            groups.retain(|other| !Arc::ptr_eq(&other.members, group));
        }
        is_empty
    }
}

impl std::fmt::Debug for Fanout {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Fanout").field("groups", &self.len()).finish()
    }
}

/// Serves a group until it is empty when the journal grows.
async fn serve(fanout: Weak<Fanout>, group: Arc<Members>, mut reader: Reader) {
    loop {
        let delivery = Delivery::new(reader.next(LIMIT).await);
        let members = lock(&group).clone();
        if members.is_empty() && fanout.upgrade().is_none_or(|fanout| fanout.forget_if_empty(&group)) {
            return;
        }
        // The runtime makes sockets refuse work after some while, so that tasks give way: a member would look slow then.
        let pass = std::future::poll_fn(move |_context| {
            members.iter().for_each(|member| member.deliver(&delivery));
            Poll::Ready(())
        });
        tokio::task::coop::unconstrained(pass).await;
        // Instead it gives way here, once a pass.
        tokio::task::yield_now().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in this file panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
