//! What the transports run over: every transport over every protocol, and what bad clients and bad servers get.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod abuse;
mod every_way;
mod handshake;
mod local;
mod refused;
