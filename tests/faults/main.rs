//! The delivery contract under faults: what a client sees is what was published, in order, with no duplicate, and with
//! nothing missing but where a gap is announced. See docs/FAULTS.md.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "mod.rs"]
mod faults;

mod oracle_tests;

use std::io::Write as _;

use faults::crowd;
use faults::plan::Over;
use faults::run::Tamper;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_seeded_schedules_lose_double_and_reorder_nothing() {
    let table = crowd::run_all(crowd::schedules(0, 200, None), None, || {}).await.unwrap();
    // Past the capture of the test's output: one line that says what was tried.
    writeln!(std::io::stderr(), "faults: {}", table.line()).unwrap();
    assert!(table.is_clean(), "{}", table.failures());
}

/// Runs schedules with one update tampered with, and returns what the oracle made of them.
async fn tampered(over: Over, tamper: Tamper) -> (u64, u64, u64) {
    let table = crowd::run_all(crowd::schedules(0, 12, Some(over)), Some(tamper), || {}).await.unwrap();
    assert!(!table.is_clean());
    assert!(table.failures().contains("scripts/faults --schedules 1 --seed"), "{}", table.failures());
    table.lost_duplicate_reordered()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_is_taken_away_counts_as_lost() {
    for over in Over::ALL {
        let (lost, duplicate, reordered) = tampered(over, Tamper::Drop).await;
        assert!(lost >= 8 && (duplicate, reordered) == (0, 0), "{over}: {lost} {duplicate} {reordered}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_comes_twice_counts_as_a_duplicate() {
    for over in Over::ALL {
        let (lost, duplicate, reordered) = tampered(over, Tamper::Duplicate).await;
        assert!(duplicate >= 8 && (lost, reordered) == (0, 0), "{over}: {lost} {duplicate} {reordered}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_that_change_places_count_as_reordered() {
    for over in Over::ALL {
        let (_, duplicate, reordered) = tampered(over, Tamper::Swap).await;
        assert!(reordered >= 6 && duplicate == 0, "{over}: {duplicate} {reordered}");
    }
}
