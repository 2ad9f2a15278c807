//! Every sentence that the terminal and the page share. Findings are data; this module words them, and no code parses
//! the words.
//!
//! | file | words for |
//! |---|---|
//! | `numbers` | values, intervals, ratios, lists |
//! | `names` | transports, points and rows |
//! | `reasons` | why a trial, a row or a run is not valid |
//! | `withheld` | why a figure is not shown |
//! | `questions`, `rankings` | which transport is lowest in a metric, and how far above it the others are |
//! | `recommendations` | which transport to use for a stream like the run's, and when that changes |
//! | `crossovers` | how two transports compare along a sweep |
//! | `effects` | the effect of one setting |
//! | `turns` | which point of a sweep changes an answer |
//! | `failovers` | the effect of a kill on the clients |
//! | `claims` | the four claims, and the evidence for or against each |
//! | `surroundings` | what links, paths, proxies, logs and agents delivered and took |
//! | `memory` | how much server memory each client adds |
//! | `conditions` | the claims under several conditions, for the README |
//! | `thresholds` | the result of a `--fail-if` |
//! | `comparisons` | what changed between two runs |
//! | `capacity` | what a workload needs, according to a calibration |
//!
//! `golden.txt` lists every sentence, to be read by eye. A test compares it with the code; `PUSHPULL_BLESS=1` rewrites
//! it.

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
mod surroundings;
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
pub(crate) use surroundings::*;
pub(crate) use thresholds::*;
pub(crate) use turns::*;
pub(crate) use withheld::*;
