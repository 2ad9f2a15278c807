//! **pushpull**: one server publishes one stream of updates four ways, and a load generator measures what each way costs
//! and gives.
//!
//! # The flow
//!
//! ```text
//! feed → journal → transport (server half) → wire → transport (client half) → measure → load → report
//! ```
//!
//! # Reading order
//!
//! 1. [`units`], [`clock`], [`limits`], [`stats`], [`suggest`], [`mod@print`], [`files`], [`net`]: what everything else is
//!    written in.
//! 2. [`run`]: the names, metrics and rows of a run, as `load` writes them and `report` reads them.
//! 3. [`stream`]: when updates are due, where they are kept, and how every subscriber reads them; the log of several nodes.
//! 4. [`transport`]: one file for each of the four, its wire transcript at the top, server half and client half together.
//! 5. [`server`]: what handlers share: counters, authorization, bounds, shutting down; and the fan-out, where one task wakes
//!    for a group of clients and writes to each of their sockets. [`http`]: routes, and the live page
//!    with the files in `web/`.
//! 6. [`measure`]: counting bytes, following deliveries, reading processes. [`load`]: plan → trial → run.
//! 7. [`report`]: findings as data, then their words and pictures.
//! 8. [`learn`]: the exercises and what checks a student's program, the oracle among it. [`cli`]: the two programs.
//!
//! # The arrows
//!
//! A module imports only modules that stand before it in this list: `units`, `limits`, `clock`, `stats`, `suggest`, `print`,
//! `files`, `net`, `run`, `stream`, `measure`, `server`, `transport`, `http`, `load`, `report`, `learn`, `cli`; and `report` imports
//! neither `http` nor `load` nor anything between them and `run`. `tests/architecture.rs` reads the `use` lines and fails on any other.
//!
//! # Where to find what
//!
//! | to find | go to |
//! |---|---|
//! | a percentile of latency | `percentiles` in [`run::histogram`]; of the rounds merged, with its interval: `latency` in `run/samples` |
//! | a verdict on a trial | `judge` in [`load::analysis`] finds the causes; `verdict` in [`run::reason`] decides |
//! | how an SSE event is encoded | `block` in [`transport::sse`] |
//! | how an update reaches a thousand sockets | `append` in [`stream::journal`] wakes, `serve` in `server/fanout.rs` goes through a group, `server/wire.rs` writes |
//! | how often a client polls | `poll_interval` in [`run::setting`]; [`load::trial`] hands it to `transport::client::Options`; `subscribe` in [`transport::polling`] waits for it |
//! | what a setting does | its entry in [`run::setting`] makes a [`run::file::Point`]; [`load::trial`] makes `transport::client::Options` of it; the transport's `subscribe` uses them |
//!
//! # Where to add what
//!
//! | to add | go to |
//! |---|---|
//! | a transport | a variant of [`run::Transport`]: the compiler then names every place that must decide |
//! | a source of updates | [`stream::feed::Source`] and its flags in `cli/feed.rs` |
//! | a metric | one entry of the table in [`run::metric`]: run file, schema, report, CSV, comparison and thresholds follow |
//! | a setting of a run | one entry of the table in [`run::setting`]: flag, scenario key, run file, schema, sweep, CSV and comparison follow |
//! | a question | a file in `scenarios/`, which says what its report draws ([`run::purpose`]) |
//! | a server to be measured | a file in `targets/`, and its name in [`load::foreign::catalog`] |
//! | an exercise | a variant of [`learn::Exercise`], and its files in `exercises/` |
//! | a bound | [`limits`], with its reason |

pub mod cli;
pub mod clock;
pub mod files;
pub mod http;
pub mod learn;
pub mod limits;
pub mod load;
pub mod measure;
pub mod net;
pub mod print;
pub mod report;
pub mod run;
pub mod server;
pub mod stats;
pub mod stream;
pub mod suggest;
pub mod transport;
pub mod units;
