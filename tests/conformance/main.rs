//! `/echo/ws` behaves as RFC 6455 asks, case by case, over a raw socket with frames that the test itself writes.
//!
//! Each group is a table of cases: a section of the RFC, words, what is written, what must come back, and how the
//! connection must end. A case is also wrong if the TCP connection ends with a reset instead of in good order, since a
//! reset can take the close frame with it.

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

/// `--echo-max` where the cases are about the limit: small, so that they are quick.
const SMALL: (&str, usize) = ("64KiB", 64 << 10);
/// The greatest setting.
const LARGE: (&str, usize) = ("16MiB", 16 << 20);

/// A table of cases with its name in the docs.
struct Group {
    name: &'static str,
    /// For a server that takes messages up to this size; how many cases there are does not depend on it.
    cases: fn(usize) -> Vec<Case>,
}

const fn group(name: &'static str, cases: fn(usize) -> Vec<Case>) -> Group {
    Group { name, cases }
}

const GROUPS: [Group; 18] = [
    group("messages of every length class, masks, pieces", |_| messages::lengths()),
    group("lengths beyond 63 bits", |_| messages::wrong_lengths()),
    group("lengths written longer than needed", |_| messages::longer_length_forms()),
    group("fragments, empty ones, control frames between", |_| messages::fragments()),
    group("fragments out of order", |_| messages::wrong_fragments()),
    group("about the limit (64 KiB)", messages::large),
    group("about the greatest limit (16 MiB)", messages::large),
    group("pings and pongs", |_| control::pings()),
    group("control frames too long or fragmented", |_| control::wrong_control()),
    group("reserved bits", |_| control::reserved_bits()),
    group("reserved opcodes", |_| control::reserved_opcodes()),
    group("frames without a mask", |_| control::no_mask()),
    group("text in UTF-8, cut anywhere", |_| utf8::valid()),
    group("text not in UTF-8, cut anywhere", |_| utf8::invalid()),
    group("text not in UTF-8, refused before its last fragment", |_| utf8::fails_fast()),
    group("close codes and reasons, and what follows", |_| [closing::good(), closing::behind_a_close()].concat()),
    group("close codes and reasons against the rules", |_| closing::bad()),
    group("deviations", |_| closing::deviations()),
];

async fn hold(name: &str) {
    hold_with(name, SMALL).await;
}

async fn hold_with(name: &str, (flag, limit): (&str, usize)) {
    let group = GROUPS.iter().find(|group| group.name == name).expect("a group of this name");
    let server = Server::quiet(&["--echo-max", flag]).await;
    run_all(name, &server, &(group.cases)(limit)).await;
}

#[tokio::test]
async fn messages_of_every_length_come_back_unchanged() {
    hold_with("messages of every length class, masks, pieces", LARGE).await;
    hold("lengths beyond 63 bits").await;
    hold("lengths written longer than needed").await;
}

#[tokio::test]
async fn fragments_are_put_together_and_those_out_of_order_refused() {
    hold("fragments, empty ones, control frames between").await;
    hold("fragments out of order").await;
}

#[tokio::test]
async fn a_message_past_the_limit_is_1009_and_one_at_the_limit_comes_back() {
    hold("about the limit (64 KiB)").await;
}

#[tokio::test]
async fn the_greatest_limit_holds_too() {
    hold_with("about the greatest limit (16 MiB)", LARGE).await;
}

#[tokio::test]
async fn control_frames_are_answered_or_refused() {
    hold("pings and pongs").await;
    hold("control frames too long or fragmented").await;
}

#[tokio::test]
async fn what_is_reserved_is_refused() {
    hold("reserved bits").await;
    hold("reserved opcodes").await;
}

#[tokio::test]
async fn a_frame_without_a_mask_is_refused() {
    hold("frames without a mask").await;
}

#[tokio::test]
async fn text_in_utf_8_comes_back_however_it_is_cut() {
    hold("text in UTF-8, cut anywhere").await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_1007_however_it_is_cut() {
    hold("text not in UTF-8, cut anywhere").await;
    hold("text not in UTF-8, refused before its last fragment").await;
}

#[tokio::test]
async fn a_close_frame_is_answered_with_its_code_or_refused() {
    hold_with("close codes and reasons, and what follows", LARGE).await;
    hold("close codes and reasons against the rules").await;
    hold("deviations").await;
}

#[test]
fn the_docs_count_these_cases() {
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
