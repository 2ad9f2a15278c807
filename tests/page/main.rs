//! The live page in a real browser: what it shows is what the server did.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../common/mod.rs"]
mod common;

mod browser;
mod deeds;
mod doors;
mod lanes;
mod looks;
