use super::*;
use crate::clock::UnixAnchor;
use crate::stream::Bounds;
use crate::stream::journal::testing::encode;
use crate::units::Nanos;
use serde_json::value::RawValue;
use std::time::Duration;

/// A member that records the group's deliveries, with a socket that takes `room` bytes.
#[derive(Default)]
struct Noted {
    by_group: Vec<u64>,
    waits: usize,
    room: usize,
    panics: bool,
}

impl Member for Noted {
    type Error = ();

    fn deliver(&mut self, delivery: &Delivery, context: &mut Context<'_>) -> Poll<Result<(), ()>> {
        assert!(!self.panics, "as asked");
        self.by_group.extend(delivery.batch.updates.iter().map(|entry| entry.seq));
        self.waits += delivery.form(Transport::Sse, |batch| batch.updates[0].encoded.sse.clone()).len();
        self.poll_flush(context)
    }

    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ()>> {
        let sent = self.waits.min(self.room);
        (self.waits, self.room) = (self.waits - sent, self.room - sent);
        if self.waits == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

fn journal() -> Arc<Journal> {
    Journal::new(Bounds { updates: 8, bytes: usize::MAX }, UnixAnchor::SIMULATED, encode)
}

fn append(journal: &Journal) {
    journal.append(Nanos(1), Nanos(2), &RawValue::from_string("1".to_owned()).unwrap());
}

fn slots(fanout: &Arc<Fanout>, journal: &Arc<Journal>, room: usize, count: usize) -> Vec<GroupSlot<Noted>> {
    let slot = |_| fanout.join(journal, Noted { room, ..Noted::default() }, journal.reader(Start::Now).unwrap());
    (0..count).map(slot).collect()
}

/// The updates that the member's own task has to send; `None` if there are none within a second.
async fn own_turn(slot: &Slot<Noted>) -> Option<Vec<u64>> {
    let next = tokio::time::timeout(Duration::from_secs(1), slot.next()).await.ok()?;
    next.unwrap().map(|batch| batch.updates.iter().map(|entry| entry.seq).collect())
}

#[tokio::test(start_paused = true)]
async fn a_member_that_keeps_up_is_served_by_its_group_and_one_that_does_not_by_its_own_task() {
    let (journal, fanout) = (journal(), Arc::default());
    let slots = slots(&fanout, &journal, 3, 2);
    append(&journal);
    for slot in &slots {
        assert_eq!(own_turn(slot).await, Some(vec![1]), "the group does not deliver before its own task has read");
        assert_eq!(own_turn(slot).await, None);
    }
    append(&journal);
    append(&journal);
    tokio::time::sleep(Duration::from_secs(1)).await;
    slots[1].lock().member.as_mut().unwrap().room = 0;
    append(&journal);
    tokio::time::sleep(Duration::from_secs(1)).await;
    append(&journal);
    assert_eq!(own_turn(&slots[0]).await, None);
    assert_eq!(slots[0].lock().member.as_ref().unwrap().by_group, [2, 3, 4, 5]);
    assert_eq!(own_turn(&slots[1]).await, None, "the last delivery is still unsent");
    slots[1].lock().member.as_mut().unwrap().room = 9;
    assert_eq!(own_turn(&slots[1]).await, Some(vec![5]), "published in the meantime");
    assert_eq!(slots[1].lock().member.as_ref().unwrap().by_group, [2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_bounded_and_is_removed_once_it_is_empty() {
    let (journal, fanout) = (journal(), Arc::default());
    let mut slots = slots(&fanout, &journal, 0, limits::GROUP_MEMBERS_MAX + 1);
    assert_eq!(fanout.len(), 2);
    slots.truncate(limits::GROUP_MEMBERS_MAX);
    append(&journal);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fanout.len(), 1);
    drop(slots);
    assert_eq!(journal.subscribers(), 1, "only the reader of the remaining group");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_fell_behind_leaves_each_member_to_find_its_own_gap() {
    let (journal, fanout) = (journal(), Arc::default());
    let slots = slots(&fanout, &journal, 9, 1);
    assert_eq!(own_turn(&slots[0]).await, None);
    (0..20).for_each(|_| append(&journal));
    let batch = slots[0].next().await.unwrap().unwrap();
    assert_eq!(batch.gap.and_then(|gap| gap.lost), Some(12));
    assert!(slots[0].lock().member.as_ref().unwrap().by_group.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_delivery_ends_that_member_and_the_group_goes_on() {
    let (journal, fanout) = (journal(), Arc::default());
    let slots = slots(&fanout, &journal, 9, 3);
    for slot in &slots {
        assert_eq!(own_turn(slot).await, None);
    }
    slots[1].lock().member.as_mut().unwrap().panics = true;
    append(&journal);
    let ended = tokio::time::timeout(Duration::from_secs(1), slots[1].next()).await;
    assert!(matches!(ended, Ok(Ok(None))), "its own task learns of it");
    append(&journal);
    tokio::time::sleep(Duration::from_secs(1)).await;
    for slot in [&slots[0], &slots[2]] {
        assert_eq!(slot.lock().member.as_ref().unwrap().by_group, [1, 2]);
    }
}
