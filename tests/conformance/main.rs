//! Tests `/echo/ws` against RFC 6455, case by case, over a raw socket with frames that the test itself encodes.
//!
//! Each group is a table of cases: a section of the RFC, a description, the bytes to write, the frames that must come
//! back, and how the connection must end. A case also fails if the TCP connection ends with a reset instead of cleanly,
//! since a reset can discard the close frame.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod case;
mod closing;
mod control;
mod frame;
mod handshake;
mod messages;
mod utf8;

use case::{Case, run_all};
use common::Server;
use common::docs::assert_generated;

/// A small `--echo-max`, so that cases at the limit are quick: the flag and its value in bytes.
const SMALL: (&str, usize) = ("64KiB", 64 << 10);
/// The largest `--echo-max` allowed.
const LARGE: (&str, usize) = ("16MiB", 16 << 20);

/// A table of cases, by its name in the docs.
struct Group {
    name: &'static str,
    /// The cases for a server with this message limit in bytes. Their number does not depend on it.
    cases: fn(usize) -> Vec<Case>,
}

const fn group(name: &'static str, cases: fn(usize) -> Vec<Case>) -> Group {
    Group { name, cases }
}

const GROUPS: [Group; 18] = [
    group("messages of every length class, masked and in pieces", |_| messages::lengths()),
    group("lengths beyond 63 bits", |_| messages::wrong_lengths()),
    group("lengths in a longer form than needed", |_| messages::longer_length_forms()),
    group("fragments, some empty, with control frames between", |_| messages::fragments()),
    group("fragments out of order", |_| messages::wrong_fragments()),
    group("around the limit (64 KiB)", messages::large),
    group("around the largest limit (16 MiB)", messages::large),
    group("pings and pongs", |_| control::pings()),
    group("control frames too long or fragmented", |_| control::wrong_control()),
    group("reserved bits", |_| control::reserved_bits()),
    group("reserved opcodes", |_| control::reserved_opcodes()),
    group("frames without a mask", |_| control::no_mask()),
    group("valid UTF-8 text, split anywhere", |_| utf8::valid()),
    group("invalid UTF-8 text, split anywhere", |_| utf8::invalid()),
    group("invalid UTF-8 text, refused before its last fragment", |_| utf8::fails_fast()),
    group("valid close codes and reasons, and frames after a close", |_| {
        [closing::good(), closing::after_a_close()].concat()
    }),
    group("invalid close codes and reasons", |_| closing::bad()),
    group("deviations", |_| closing::deviations()),
];

async fn run_group(name: &str) {
    run_group_with(name, SMALL).await;
}

async fn run_group_with(name: &str, (flag, limit): (&str, usize)) {
    let group = GROUPS.iter().find(|group| group.name == name).expect("a group of this name");
    let server = Server::without_feed(&["--echo-max", flag]).await;
    run_all(name, &server, &(group.cases)(limit)).await;
}

#[tokio::test]
async fn messages_of_every_length_come_back_unchanged() {
    run_group_with("messages of every length class, masked and in pieces", LARGE).await;
    run_group("lengths beyond 63 bits").await;
    run_group("lengths in a longer form than needed").await;
}

#[tokio::test]
async fn fragments_are_reassembled_and_those_out_of_order_refused() {
    run_group("fragments, some empty, with control frames between").await;
    run_group("fragments out of order").await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_1009_and_one_at_the_limit_comes_back() {
    run_group("around the limit (64 KiB)").await;
}

#[tokio::test]
async fn the_largest_limit_is_kept_too() {
    run_group_with("around the largest limit (16 MiB)", LARGE).await;
}

#[tokio::test]
async fn control_frames_are_answered_or_refused() {
    run_group("pings and pongs").await;
    run_group("control frames too long or fragmented").await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_refused() {
    run_group("reserved bits").await;
    run_group("reserved opcodes").await;
}

#[tokio::test]
async fn a_frame_without_a_mask_is_refused() {
    run_group("frames without a mask").await;
}

#[tokio::test]
async fn text_in_utf_8_comes_back_wherever_it_is_split() {
    run_group("valid UTF-8 text, split anywhere").await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_1007_wherever_it_is_split() {
    run_group("invalid UTF-8 text, split anywhere").await;
    run_group("invalid UTF-8 text, refused before its last fragment").await;
}

#[tokio::test]
async fn a_close_frame_is_answered_with_its_code_or_refused() {
    run_group_with("valid close codes and reasons, and frames after a close", LARGE).await;
    run_group("invalid close codes and reasons").await;
    run_group("deviations").await;
}

#[test]
fn the_docs_list_the_number_of_these_cases() {
    let mut table = String::from("| group | sections of RFC 6455 | cases |\n|---|---|---:|\n");
    let mut total = handshake::CASES.len();
    table += &format!("| the opening handshake | 4.2 | {total} |\n");
    for Group { name, cases } in GROUPS {
        let cases = cases(SMALL.1);
        let mut sections: Vec<_> = cases.iter().map(|case| case.section).collect();
        sections.sort_unstable();
        sections.dedup();
        table += &format!("| {name} | {} | {} |\n", sections.join(", "), cases.len());
        total += cases.len();
    }
    table += &format!("| **all** | | **{total}** |\n");
    println!("{total} cases");
    assert_generated("docs/CONFORMANCE.md", "cases", &table);
}
