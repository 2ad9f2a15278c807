//! Measurements that are independent of any transport: the tapped stream, the byte ledger, sockets, processes, the
//! host, and delivery.

pub mod bytes;
pub mod delivery;
pub mod host;
pub mod process;
pub mod sockets;
pub mod tap;
