//! Fan-out: subscribers are served in groups, with one task per group.
//!
//! When the journal grows, one task wakes for a whole group. It reads the journal once, encodes the batch once, and
//! writes it to one member after the other while code and data are in the cache. So a subscriber that keeps up costs
//! little more than its write.
//!
//! Everything else is done by the connection's own task: reading from the client, heartbeats and pings, closing, and
//! catching up. While the group delivers, that task waits.
//!
//! ```text
//! own task ── has read the whole journal ──▶ hands its slot to the group
//!    ▲                                              │
//!    └── the socket did not take everything, or ◀───┘
//!        an update does not follow the last one
//! ```
//!
//! A member is behind the lock of its [`Slot`], so the two tasks never write at the same time, and each continues at
//! the position that the other reached.

use std::cell::OnceCell;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio_util::task::AbortOnDropHandle;

use crate::limits;
use crate::run::Transport;
use crate::stream::{Batch, BatchLimit, Cursor, Journal, Reader, Start};

/// The size of one batch, for a group and for a member that catches up by itself.
const LIMIT: BatchLimit =
    BatchLimit { updates: limits::STREAM_BATCH_UPDATES_MAX, bytes: limits::STREAM_BATCH_BYTES_MAX };

/// A batch of updates that a group sends to each of its members.
pub struct Delivery {
    /// The updates.
    pub batch: Batch,
    /// The batch as each transport sends it, encoded when the first member asks for it.
    forms: [OnceCell<Bytes>; Transport::ALL.len()],
}

impl Delivery {
    /// A delivery with nothing encoded yet.
    pub fn new(batch: Batch) -> Self {
        Self { batch, forms: Default::default() }
    }

    /// The batch as `transport` sends it. `encode` runs for the first member only; the others share its result.
    pub fn form(&self, transport: Transport, encode: impl FnOnce(&Batch) -> Bytes) -> &Bytes {
        self.forms[transport.index()].get_or_init(|| encode(&self.batch))
    }
}

/// A subscriber's connection, as a group writes to it.
pub trait Member: Send + 'static {
    /// Why a write failed.
    type Error;

    /// The member takes one delivery and no more, as a long poll does.
    const WANTS_ONE: bool = false;

    /// Writes a whole delivery. Pending if the socket did not take all of it, in which case the member buffers the
    /// rest. Also pending if the member's own task has to continue after this delivery.
    fn deliver(&mut self, delivery: &Delivery, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// Writes what was buffered.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
}

/// A member and its reader, shared by its own task and its group.
pub struct Slot<M> {
    state: Mutex<State<M>>,
}

struct State<M> {
    /// `None` once [`Slot::take`] has removed it.
    member: Option<M>,
    reader: Reader,
    /// The group delivers; otherwise the member's own task does.
    is_grouped: bool,
    /// The group has made the one delivery that the member wanted.
    is_served: bool,
    /// Wakes the member's own task.
    owner: Waker,
}

impl<M: Member> Slot<M> {
    fn new(member: M, reader: Reader) -> Self {
        let state =
            State { member: Some(member), reader, is_grouped: false, is_served: false, owner: Waker::noop().clone() };
        Self { state: Mutex::new(state) }
    }

    /// The next batch that the member's own task has to send; pending while the group delivers. `None` once the group
    /// has made the one delivery that the member wanted, or the member was taken out.
    ///
    /// Cancel safe. Errors: those of the member's writes, including those of the group.
    pub fn next(&self) -> impl Future<Output = Result<Option<Batch>, M::Error>> {
        std::future::poll_fn(|context| self.poll_next(context))
    }

    /// As [`Self::next`].
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Result<Option<Batch>, M::Error>> {
        let mut state = self.lock();
        let State { member: Some(member), reader, is_grouped, is_served, owner } = &mut *state else {
            return Poll::Ready(Ok(None));
        };
        if !*is_grouped {
            ready!(member.poll_flush(context))?;
            if *is_served {
                return Poll::Ready(Ok(None));
            }
            if let Some(batch) = reader.try_next(LIMIT) {
                return Poll::Ready(Ok(Some(batch)));
            }
            // No update is missed: the group delivers after the append, and must wait for the lock that is held here.
            *is_grouped = true;
        }
        owner.clone_from(context.waker());
        Poll::Pending
    }

    /// Reads from the client with `poll`, which is given the member's position. When something arrives, the group stops
    /// delivering: the member may have to answer first.
    ///
    /// Cancel safe if `poll` is.
    pub fn receive<T>(
        &self,
        mut poll: impl FnMut(&mut M, Cursor, &mut Context<'_>) -> Poll<Option<T>>,
    ) -> impl Future<Output = Option<T>> {
        std::future::poll_fn(move |context| {
            let mut state = self.lock();
            let State { member: Some(member), reader, is_grouped, .. } = &mut *state else { return Poll::Ready(None) };
            let heard = ready!(poll(member, reader.cursor(), context));
            *is_grouped = false;
            Poll::Ready(heard)
        })
    }

    /// Asks for one more delivery, for a member that wants one at a time.
    pub fn want_more(&self) {
        self.lock().is_served = false;
    }

    /// Stops the group's deliveries and writes something from the member's own task; call [`Self::flushed`] afterwards.
    /// The group continues after the next call of [`Self::next`].
    ///
    /// Errors: those of the member's writes.
    pub fn put(&self, write: impl FnOnce(&mut M) -> Result<(), M::Error>) -> Result<(), M::Error> {
        let mut state = self.lock();
        state.is_grouped = false;
        state.member.as_mut().map_or(Ok(()), write)
    }

    /// Waits until the socket has taken everything that was written.
    ///
    /// Errors: those of the member's writes.
    pub fn flushed(&self) -> impl Future<Output = Result<(), M::Error>> {
        std::future::poll_fn(|context| {
            self.lock().member.as_mut().map_or(Poll::Ready(Ok(())), |member| member.poll_flush(context))
        })
    }

    /// Removes the member, which gets no more deliveries.
    pub fn take(&self) -> Option<M> {
        self.lock().member.take()
    }

    /// The member's position.
    pub fn position(&self) -> Cursor {
        self.lock().reader.cursor()
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // A panic under the lock ends the member: its own task, or [`GroupMember::end`].
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot with a member of any transport, as its group sees it.
trait GroupMember: Send + Sync {
    fn deliver(&self, delivery: &Delivery);

    /// Removes the member, and wakes its own task to end the connection.
    fn end(&self);
}

impl<M: Member> GroupMember for Slot<M> {
    fn end(&self) {
        let mut state = self.lock();
        state.member = None;
        state.owner.wake_by_ref();
    }

    fn deliver(&self, delivery: &Delivery) {
        let mut state = self.lock();
        let State { member: Some(member), reader, is_grouped: is_grouped @ true, is_served, owner } = &mut *state
        else {
            return;
        };
        if reader.has(&delivery.batch) {
            return;
        }
        let is_done = reader.follow(&delivery.batch)
            && matches!(member.deliver(delivery, &mut Context::from_waker(owner)), Poll::Ready(Ok(())));
        match is_done {
            // The member's own task sees this when the client sends its next request.
            true if M::WANTS_ONE => (*is_grouped, *is_served) = (false, true),
            true => {}
            // The member's own task flushes, and gets the error if there was one.
            false => {
                *is_grouped = false;
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

type Members = Mutex<Vec<Arc<dyn GroupMember>>>;

/// A slot in a group. Dropping it leaves the group.
pub struct GroupSlot<M: Member> {
    slot: Arc<Slot<M>>,
    group: Arc<Members>,
}

impl<M: Member> Deref for GroupSlot<M> {
    type Target = Slot<M>;

    fn deref(&self) -> &Slot<M> {
        &self.slot
    }
}

impl<M: Member> Drop for GroupSlot<M> {
    fn drop(&mut self) {
        let mut members = lock(&self.group);
        let own = Arc::as_ptr(&self.slot).cast::<()>();
        if let Some(index) = members.iter().position(|member| Arc::as_ptr(member).cast::<()>() == own) {
            members.swap_remove(index);
        }
    }
}

impl Fanout {
    /// Adds a member to a group that is not full, or to a new one. Its own task delivers first.
    pub fn join<M: Member>(self: &Arc<Self>, journal: &Arc<Journal>, member: M, reader: Reader) -> GroupSlot<M> {
        let slot = Arc::new(Slot::new(member, reader));
        let mut groups = lock(&self.groups);
        for group in groups.iter() {
            let mut members = lock(&group.members);
            if members.len() < limits::GROUP_MEMBERS_MAX {
                members.push(Arc::clone(&slot) as _);
                return GroupSlot { slot, group: Arc::clone(&group.members) };
            }
        }
        let members: Arc<Members> = Arc::new(Mutex::new(vec![Arc::clone(&slot) as _]));
        if let Ok(reader) = journal.reader(Start::Now) {
            let task = tokio::spawn(serve(Arc::downgrade(self), Arc::clone(&members), reader));
            groups.push(Group { members: Arc::clone(&members), _task: AbortOnDropHandle::new(task) });
        }
        GroupSlot { slot, group: members }
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        lock(&self.groups).len()
    }

    /// Whether there are no groups.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes a group if it has no members; returns whether it did.
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

/// Serves a group. Returns when the journal grows and the group has no members.
async fn serve(fanout: Weak<Fanout>, group: Arc<Members>, mut reader: Reader) {
    loop {
        let delivery = Delivery::new(reader.next(LIMIT).await);
        let members = lock(&group).clone();
        if members.is_empty() && fanout.upgrade().is_none_or(|fanout| fanout.forget_if_empty(&group)) {
            return;
        }
        // tokio's cooperative budget would make sockets return pending after a while, and members would look slow.
        let pass = std::future::poll_fn(move |_context| {
            for member in &members {
                // A panic would end the group, and its members would wait forever. So it ends one member, whose client
                // reconnects with its cursor.
                if catch_unwind(AssertUnwindSafe(|| member.deliver(&delivery))).is_err() {
                    member.end();
                }
            }
            Poll::Ready(())
        });
        tokio::task::coop::unconstrained(pass).await;
        // Instead, the task yields once per pass.
        tokio::task::yield_now().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in this file panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
