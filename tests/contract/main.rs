//! The contract on the wire, checked against the real server over real sockets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod auth;
mod bad_requests;
mod bounds;
mod continuity;
mod drain;
mod feeds;
mod lessons;
mod metrics;
mod polls;
mod rooms;
mod streams;
mod timeouts;
