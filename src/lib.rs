//! **pushpull**: one server publishes one stream of updates four ways, and a load generator measures what each way costs
//! and gives.
//!
//! # The flow
//!
//! ```text
//! feed → journal → transport (server half) → wire → transport (client half) → measure → report
//! ```
//!
//! # Reading order
//!
//! 1. [`units`], [`clock`], [`limits`]: what figures and bounds are written in.
//! 2. [`feed`]: when updates are due. [`journal`]: where they are kept, and how every subscriber reads them.
//! 3. [`transport`]: one file for each of the four, its wire transcript at the top, server half and client half together.
//! 4. [`server`]: sockets, routes, counters, doors, leaving in good order; [`server::live`] and `web/`: the live page.
//! 5. [`load`]: plan → trial → run. [`measure`]: counting bytes, following deliveries, reading processes.
//! 6. [`report`]: the run file, summaries, verdicts, pictures.
//!
//! `measure` knows no transport and `report` measures nothing; only `load` brings the two together.
//!
//! # Where to add what
//!
//! | to add | go to |
//! |---|---|
//! | a transport | a variant of [`transport::Transport`]: the compiler then names every place that must decide |
//! | a source of updates | [`feed::Source`] and its flags in `feed/args.rs` |
//! | a figure | the table in [`measure::figures`]; run file, report, CSV and thresholds follow |
//! | a setting of a run | [`load::knobs::Knobs`], which is flag and scenario key at once |
//! | a question | a file in `scenarios/` |
//! | a bound | [`limits`], with its reason |

pub mod clock;
pub mod feed;
pub mod journal;
pub mod limits;
pub mod load;
pub mod measure;
pub mod program;
pub mod report;
pub mod server;
pub mod transport;
pub mod units;
