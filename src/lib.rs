//! **pushpull**: one server publishes one stream of updates over four transports, and a load generator measures what
//! each transport costs and delivers.
//!
//! # Data flow
//!
//! ```text
//! feed → journal → transport (server half) → wire → transport (client half) → measure → load → report
//! ```
//!
//! # Reading order
//!
//! 1. [`units`], [`clock`], [`limits`], [`stats`], [`suggest`], [`mod@print`], [`files`], [`net`]: basics that all other
//!    modules use.
//! 2. [`run`]: the names, metrics and rows of a run, which `load` writes and `report` reads.
//! 3. [`stream`]: when updates are due, where they are kept, and how every subscriber reads them; the log of several
//!    nodes.
//! 4. [`transport`]: one file per transport, with its wire transcript at the top, then the server half and the client
//!    half.
//! 5. [`server`]: what handlers share: counters, authorization, limits and shutdown; and the fan-out, in which one task
//!    writes to each socket of a group of clients. [`http`]: routes, and the live page with the files in `web/`.
//! 6. [`measure`]: counting bytes, auditing deliveries, reading process statistics. [`load`]: plan → trial → run.
//! 7. [`report`]: findings as data, then text and charts.
//! 8. [`learn`]: the exercises, and the checks and oracle for a student's program. [`cli`]: the two programs.
//!
//! # Dependencies between modules
//!
//! A module imports only modules that come before it in this list: `units`, `limits`, `clock`, `stats`, `suggest`,
//! `print`, `files`, `net`, `run`, `stream`, `measure`, `server`, `transport`, `http`, `load`, `report`, `learn`,
//! `cli`; and `report` imports neither `http` nor `load`, nor anything between them and `run`. `tests/architecture.rs`
//! checks the `use` lines.
//!
//! # Where to find what
//!
//! | to find | go to |
//! |---|---|
//! | a percentile of latency | `percentiles` in [`run::histogram`]; over merged rounds with its interval: `latency` in `run/samples` |
//! | the verdict on a trial | `judge` in [`load::analysis`] finds the reasons; `verdict` in [`run::reason`] (`run/reason/mod.rs`) decides |
//! | how an SSE event is encoded | `block` in [`transport::sse`] |
//! | how an update reaches a thousand sockets | `append` in [`stream::journal`] wakes the groups, `serve` in `server/fanout.rs` serves a group, `server/wire.rs` writes |
//! | how often a client polls | `poll_interval` in [`run::setting`]; [`load::trial`] puts it into `transport::client::Options`; `subscribe` in [`transport::polling`] waits for it |
//! | how shutting down ends a request or a stream | `DrainSignal` in `server/drain.rs`; each transport waits for it |
//! | what a setting does | its entry in [`run::setting`] sets a member of [`run::file::Point`]; [`load::trial`] converts that to `transport::client::Options`; the transport's `subscribe` uses them |
//!
//! # Where to add what
//!
//! | to add | go to |
//! |---|---|
//! | a transport | a variant of [`run::Transport`]: the compiler then names every place that must handle it |
//! | a source of updates | [`stream::feed::Source`] and its flags in `cli/feed.rs` |
//! | a metric | one entry of the table in [`run::metric`]: run file, schema, report, CSV, comparison and thresholds follow; measure it in [`load::analysis`] |
//! | a setting of a run | one entry of the table in [`run::setting`]: flag, scenario key, run file, schema, sweep, CSV and comparison follow |
//! | a question | a file in `scenarios/`, which defines what its report shows ([`run::purpose`]) |
//! | a server under test | a file in `targets/`, and its name in [`load::foreign::catalog`] |
//! | an exercise | a variant of [`learn::Exercise`], and its files in `exercises/` |
//! | a limit | [`limits`], with its reason |

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
