//! Every sentence that a terminal and a page have in common. Findings are data; here is where they get their words, and
//! nothing reads these words again.
//!
//! | file | words for |
//! |---|---|
//! | `numbers` | values, intervals, ratios, lists |
//! | `names` | transports, points and rows |
//! | `reasons` | why a trial, a row or a run is not valid |
//! | `withheld` | why a figure is not shown |
//! | `questions`, `rankings` | who is lowest in a metric, and how far the others are |
//! | `recommendations` | which transport to use for a stream like the run's, and when that changes |
//! | `crossovers` | what becomes of two transports along a sweep |
//! | `effects` | what one setting changes |
//! | `turns` | what turns an answer |
//! | `failovers` | what a kill did to the clients |
//! | `claims` | the four claims and what speaks for or against them |
//! | `memory` | by how much the server's memory grows with each client |
//! | `conditions` | the claims under several conditions, for the README |
//! | `thresholds` | what became of a `--fail-if` |
//! | `comparisons` | what changed between two runs |
//! | `capacity` | what a workload needs, by a calibration |
//!
//! All of them stand in `golden.txt`, to be read by eye: a test writes it with `PUSHPULL_BLESS=1` and fails where it differs.

mod capacity;
mod claims;
mod comparisons;
pub mod conditions;
mod crossovers;
mod effects;
mod failovers;
mod memory;
mod names;
mod numbers;
mod questions;
mod rankings;
mod reasons;
mod recommendations;
#[cfg(test)]
mod tests;
mod thresholds;
mod turns;
mod withheld;

pub(crate) use capacity::*;
pub(crate) use claims::*;
pub(crate) use comparisons::*;
pub(crate) use crossovers::*;
pub(crate) use effects::*;
pub(crate) use failovers::*;
pub(crate) use memory::*;
pub(crate) use names::*;
pub(crate) use numbers::*;
pub(crate) use questions::*;
pub(crate) use rankings::*;
pub(crate) use reasons::*;
pub(crate) use recommendations::*;
pub(crate) use thresholds::*;
pub(crate) use turns::*;
pub(crate) use withheld::*;
