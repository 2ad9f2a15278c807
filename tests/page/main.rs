//! The live page in a real browser: what it shows is what the server did.
//!
//! Without Chromium and its driver the tests that need them are ignored: `build.rs` looks for them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../common/mod.rs"]
mod common;

mod actions;
mod addresses;
mod browser;
mod lanes;
mod looks;
mod predictions;
mod story;
