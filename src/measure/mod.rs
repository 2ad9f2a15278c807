//! Measuring, which knows no transport: the counted stream, the byte ledger, processes, delivery, age, histograms.

pub mod bytes;
pub mod delivery;
pub mod host;
pub mod process;
pub mod sockets;
pub mod tap;
