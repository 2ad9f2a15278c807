//! Measuring, which knows no transport: the counted stream, the byte ledger, processes, delivery, age, histograms.

pub mod delivery;
pub mod figures;
pub mod histogram;
pub mod host;
pub mod ledger;
pub mod sockets;
pub mod statistics;
pub mod system;
pub mod tap;
