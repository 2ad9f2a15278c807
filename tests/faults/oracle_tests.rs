//! Unit tests of the oracle: each wrong claim that it must reject.

use std::sync::Arc;

use pushpull::clock::UnixAnchor;
use pushpull::stream::{Bounds, Cursor, Gap, GapReason, Journal};
use pushpull::units::{Nanos, UnixMicros};
use serde_json::value::RawValue;

use super::faults::oracle::{Oracle, Published, Tally};

/// Server lives that each retain two updates, with `counts` updates published in each; their first cursors; and the
/// oracle of one client.
fn setup(counts: &[u64]) -> (Published, Vec<Cursor>, Oracle) {
    let mut published = Published::default();
    let mut starts = Vec::new();
    for count in counts {
        let journal =
            Journal::new(Bounds { updates: 2, bytes: usize::MAX }, UnixAnchor::SIMULATED, pushpull::transport::encode);
        starts.push(journal.newest());
        published.begin_life(journal.newest().epoch, Some(Arc::clone(&journal)));
        for _ in 0..*count {
            let data = RawValue::from_string("\"é\"".to_owned()).unwrap();
            published.push(UnixMicros(published.len()), data.clone());
            journal.append(Nanos(0), Nanos(0), &data);
        }
    }
    let mut oracle = Oracle::default();
    oracle.connected(&published, None);
    oracle.position(&published, starts[0]);
    (published, starts, oracle)
}

const fn evicted(lost: u64) -> Gap {
    Gap { reason: GapReason::Evicted, lost: Some(lost) }
}

const EPOCH: Gap = Gap { reason: GapReason::Epoch, lost: None };

#[test]
fn updates_missing_in_a_correct_gap_are_not_lost() {
    let (published, _, mut oracle) = setup(&[5]);
    oracle.gap(&published, evicted(3));
    oracle.update(&published, Some(3), 4);
    oracle.update(&published, Some(4), 5);
    assert!(oracle.is_caught_up(&published));
    let wanted = Tally { expected: 5, received: 2, announced: 3, gaps: 1, ..Tally::default() };
    assert_eq!(oracle.finish(&published), wanted);
}

#[test]
fn a_gap_larger_than_what_was_evicted_is_wrong() {
    let (published, _, mut oracle) = setup(&[5]);
    oracle.gap(&published, evicted(4));
    oracle.update(&published, Some(4), 5);
    assert!(!oracle.finish(&published).is_clean());
}

#[test]
fn a_gap_smaller_than_what_is_missing_leaves_the_rest_lost() {
    let (published, _, mut oracle) = setup(&[5]);
    oracle.gap(&published, evicted(2));
    oracle.update(&published, Some(3), 4);
    oracle.update(&published, Some(4), 5);
    assert_eq!(oracle.finish(&published).lost, 1);
}

#[test]
fn a_gap_between_epochs_must_be_announced_and_lead_to_the_oldest_retained_update() {
    let (published, _, mut oracle) = setup(&[2, 4]);
    oracle.gap(&published, EPOCH);
    oracle.update(&published, Some(4), 3);
    oracle.update(&published, Some(5), 4);
    assert!(oracle.finish(&published).is_clean());

    let (published, _, mut oracle) = setup(&[2, 4]);
    oracle.update(&published, Some(4), 3);
    assert_eq!(oracle.finish(&published).lost, 5, "unannounced");

    let (published, _, mut oracle) = setup(&[2, 4]);
    oracle.gap(&published, EPOCH);
    oracle.update(&published, Some(5), 4);
    let tally = oracle.finish(&published);
    assert!(!tally.wrong.is_empty(), "{tally:?}");
}

#[test]
fn a_gap_of_an_epoch_that_has_not_ended_is_wrong() {
    let (published, _, mut oracle) = setup(&[2]);
    oracle.gap(&published, EPOCH);
    assert!(!oracle.finish(&published).is_clean());
}

#[test]
fn a_gap_announced_again_after_a_cut_is_counted_once_as_missing() {
    let (published, starts, mut oracle) = setup(&[5]);
    oracle.gap(&published, evicted(3));
    // The connection was cut after the gap and before an update: the position is still the old one.
    oracle.connected(&published, Some(starts[0]));
    oracle.gap(&published, evicted(3));
    oracle.update(&published, Some(3), 4);
    oracle.update(&published, Some(4), 5);
    let tally = oracle.finish(&published);
    assert_eq!((tally.is_clean(), tally.announced, tally.gaps), (true, 3, 2), "{tally:?}");
}

#[test]
fn a_client_that_resumes_too_early_gets_duplicates_and_one_that_resumes_too_late_loses_updates() {
    let (published, starts, mut oracle) = setup(&[4]);
    oracle.update(&published, Some(0), 1);
    oracle.connected(&published, Some(starts[0]));
    oracle.update(&published, Some(0), 1);
    oracle.connected(&published, Some(Cursor { seq: 3, ..starts[0] }));
    oracle.update(&published, Some(3), 4);
    let tally = oracle.finish(&published);
    assert_eq!((tally.duplicate, tally.lost), (1, 2), "{tally:?}");
}

#[test]
fn unpublished_content_and_a_wrong_number_are_noticed() {
    let (published, _, mut oracle) = setup(&[2]);
    let other = RawValue::from_string("\"e\"".to_owned()).unwrap();
    assert_eq!(published.identify(UnixMicros(0), &other), None);
    oracle.update(&published, None, 1);
    oracle.update(&published, Some(0), 2);
    oracle.update(&published, Some(1), 2);
    assert_eq!(oracle.finish(&published).wrong.len(), 2);
}

#[test]
fn an_update_that_never_arrives_is_lost() {
    let (published, _, mut oracle) = setup(&[2]);
    oracle.update(&published, Some(0), 1);
    assert!(!oracle.is_caught_up(&published));
    assert_eq!(oracle.finish(&published).lost, 1);
    assert!(!Oracle::default().finish(&published).is_clean());
}
