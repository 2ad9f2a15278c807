//! What the transports run over: every transport over every protocol, and what bad clients and bad servers get.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "each test program uses its own part of it")]
mod common;

mod abuse;
mod every_way;
mod local;
mod refused;
