//! A real path: distance, loss and a rate limit at the level of IP packets, with the kernel's own TCP on both ends, so
//! that slow start, retransmission, the retransmission timeout and head-of-line blocking are real.
//!
//! ```text
//!  client ── 10.64.0.1 → 10.67.x.y ──▶ ┌────────┐ ──▶ 10.66.x.y → 10.65.0.1 ── server (on 0.0.0.0)
//!                                      │ relay  │        holds, drops, queues each packet
//!  client ◀─ 10.67.x.y → 10.64.0.1 ─── └────────┘ ◀── 10.65.0.1 → 10.66.x.y ── server
//!                             TUN device of a network namespace of our own
//! ```
//!
//! * **One namespace.** [`namespace::enter`] moves the load generator into a network namespace of its own, before its
//!   runtime starts; servers and relay are its children and are born there. Nothing in it leads outside. Root is not
//!   needed where user namespaces are allowed; user and group keep their numbers, so files belong to whoever ran it.
//! * **One device.** What the kernel sends to 10.67.x.y comes out of the TUN device; the [`relay`] keeps it as long as
//!   the path says, rewrites both addresses and puts it in again ([`address`]). Direction and client follow from the
//!   addresses, and the checksum stays right without being touched.
//! * **One link for each client.** Client `n` dials an address of its own and so has a rate limit, a queue and a burst of
//!   losses of its own ([`link`]), as people behind different access lines do.
//! * **The relay is a process of its own**, so that its processor time is its own. It includes the kernel's receiving
//!   side of both ends, which runs when the relay writes a packet.
//!
//! The path measures its own error with datagrams that cross it like any packet ([`probe`]), and the relay says how late
//! it was with each packet.

pub mod address;
pub mod check;
pub mod link;
pub mod namespace;
mod netlink;
pub mod path_errors;
pub mod probe;
pub mod relay;
pub mod running;
pub mod serve;
pub mod trial_path;
mod tun;

pub use running::{PathError, RunningPath};
