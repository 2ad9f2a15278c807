//! A network path: delay, loss and a rate limit at the level of IP packets, with the kernel's own TCP on both ends, so
//! that slow start, retransmission, the retransmission timeout and head-of-line blocking are real.
//!
//! ```text
//!  client ── 10.64.0.1 → 10.67.x.y ──▶ ┌────────┐ ──▶ 10.66.x.y → 10.65.0.1 ── server (on 0.0.0.0)
//!                                      │ relay  │        delays, drops, queues packets
//!  client ◀─ 10.67.x.y → 10.64.0.1 ─── └────────┘ ◀── 10.65.0.1 → 10.66.x.y ── server
//!                             TUN device in a separate network namespace
//! ```
//!
//! * **One namespace.** [`namespace::enter`] moves the load generator into a new network namespace before its runtime
//!   starts; servers and relay are its children, and start inside it. Nothing in it leads outside. Root is not needed
//!   where user namespaces are allowed; user and group keep their ids, so files belong to the user who ran it.
//! * **One device.** Packets that the kernel sends to 10.67.x.y come out of the TUN device. The [`relay`] delays them
//!   as the path requires, rewrites both addresses and writes them back ([`address`]). Direction and client follow from
//!   addresses, and the checksum stays valid without a change.
//! * **One link per client.** Client `n` dials its own address and thus has its own rate limit, queue and bursts of
//!   losses ([`link`]), like users on separate access lines.
//! * **The relay is a separate process**, so its CPU time can be measured separately. That time includes the kernel's
//!   receiving side of both ends, which runs when the relay writes a packet.
//!
//! The path measures its own error with datagrams that cross it like any packet ([`probe`]), and the relay reports how
//! late it forwarded packets.

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
