//! The protocols under the transports: every transport over every protocol, and how bad clients and bad servers are
//! handled.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod abuse;
mod every_protocol;
mod handshake;
mod local;
mod refused;
