//! The commands of a network path: `path-check`, which tries paths out, and those that the load generator starts
//! itself.
//!
//! None of them has a runtime: a namespace must be entered before a second thread exists, and the relay has one
//! thread.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;

use crate::cli::process::DONE;
use crate::limits;
use crate::load::guard;
use crate::load::path::check::{Bulk, CheckReport, check};
use crate::load::path::{namespace, serve};
use crate::print;
use crate::run::path::report::PacketCounts;
use crate::run::path::{PathSettings, bits, percent};
use crate::run::setting::{List, OnPath};
use crate::units::{self, Nanos, grouped, three_digits};

/// Commands that run without a runtime.
#[derive(Clone, Debug, Subcommand)]
pub enum PathCommand {
    /// Try network paths, and compare what was requested with what was measured.
    PathCheck {
        /// Presets, or keys as in rtt=50ms,loss=1%; a comma before a preset, or a semicolon, starts the next path.
        #[arg(default_value = "rtt=50ms,loss=1%")]
        paths: List<OnPath>,
        /// Length of each part of a check.
        #[arg(long, default_value = "5s", value_parser = check_length)]
        length: Nanos,
        /// Seed of the random losses; the same seed repeats them.
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u64).range(..=limits::SEED_MAX))]
        seed: u64,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Relay packets over a path. Started by the load generator itself.
    #[command(hide = true)]
    PathRelay {
        /// The path.
        path: PathSettings,
        /// Seed of the random losses; the same seed repeats them.
        #[arg(long)]
        seed: u64,
    },
    /// Run a program until standard input ends. Started by the load generator itself.
    #[command(hide = true)]
    Guard {
        /// File to write the program's process id to.
        file: PathBuf,
        /// The program.
        program: String,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Check whether a namespace can be created. Started by the load generator itself.
    #[command(hide = true)]
    PathTry,
}

/// A length between the bounds of a part of a check.
fn check_length(text: &str) -> Result<Nanos, String> {
    let [least, most] = [limits::PATH_CHECK_MIN, limits::PATH_CHECK_MAX].map(Nanos::from);
    let range = [least, most].map(units::plain_length);
    units::within(text, units::length(text).map_err(|error| error.to_string()), [least, most], range)
}

/// Runs the command; returns the exit code.
///
/// Errors: one sentence that tells the user what to do.
pub fn run(command: PathCommand) -> anyhow::Result<u8> {
    match command {
        PathCommand::PathRelay { path, seed } => serve::serve(path, seed)?,
        PathCommand::Guard { file, program, args } => guard::guard(&file, &program, &args)?,
        PathCommand::PathTry => namespace::answer_try()?,
        PathCommand::PathCheck { paths: List(paths), length, seed, json } => {
            let paths: Option<Vec<PathSettings>> = paths.into_iter().map(|OnPath(path)| path).collect();
            let paths = paths.context("`none` is not a path that can be tried; leave it out")?;
            namespace::try_out()?;
            let namespace = namespace::enter()?;
            let (mut reports, is_single) = (Vec::new(), paths.len() == 1);
            for path in paths {
                let report = check(&namespace, &path, length.duration(), seed)?;
                match (json, is_single) {
                    (true, _) => {}
                    (false, true) => print::out(&table(&report))?,
                    // A row is printed as soon as it is known: each takes some seconds.
                    (false, false) => print::out(&match reports.is_empty() {
                        true => format!("{HEAD}{}", row(&report)),
                        false => row(&report),
                    })?,
                }
                reports.push(report);
            }
            match (json, reports.as_slice()) {
                (false, _) => {}
                (true, [only]) => print::out(&(serde_json::to_string_pretty(only)? + "\n"))?,
                (true, all) => print::out(&(serde_json::to_string_pretty(all)? + "\n"))?,
            }
        }
    }
    Ok(DONE)
}

/// Table header for several paths, in Markdown.
const HEAD: &str = "\
    | asked | round trip: p50, p99 | loss: relay's, of packets | rate up, down | relay dropped, sent again | Reno against Mathis |\n\
    |---|---|---|---|---|---|\n";

/// The requested and the measured values of one path, as a table row.
fn row(report: &CheckReport) -> String {
    let CheckReport { path, probes, bulk, relay, .. } = report;
    let both = relay.up.with(relay.down);
    let mbit = |bits_per_s: f64| three_digits(bits_per_s / 1e6);
    let none = || "—".to_owned();
    let loss = match both.loss() {
        Some(loss) if path.loss > 0.0 => {
            // Deviation from the requested loss in standard deviations of chance; a burst counts as one loss.
            let deviation = (path.loss * (1.0 - path.loss) * path.burst.unwrap_or(1.0) / both.sent() as f64).sqrt();
            let off = (loss - path.loss) / deviation;
            format!("{:.2} % of {} ({off:+.1} σ)", loss * 100.0, grouped(both.sent() as i64))
        }
        _ => format!("{} of {}", both.lost, grouped(both.sent() as i64)),
    };
    let rates = match report.rate_bits_per_s {
        [None, None] => none(),
        rates => {
            let rates = rates.map(|rate| rate.map_or_else(none, mbit));
            format!("{}, {} Mbit/s", rates[0], rates[1])
        }
    };
    let again = |bulk: &Bulk| {
        let Bulk { congestion, down, missed, segments_retransmitted, .. } = bulk;
        format!(
            "{congestion}: {}, {}",
            grouped((down.dropped() + missed) as i64),
            grouped((*segments_retransmitted).into())
        )
    };
    let mathis = bulk.iter().find_map(|bulk| {
        let (given, formula) = (bulk.goodput_bits_per_s, bulk.mathis_bits_per_s?);
        Some(format!("{} of {} Mbit/s ({:+.0} %)", mbit(given), mbit(formula), (given / formula - 1.0) * 100.0))
    });
    format!(
        "| `{path}` | {}, {} | {loss} | {rates} | {} | {} |\n",
        probes.round_trip_ns_p50,
        probes.round_trip_ns_p99,
        bulk.iter().map(again).collect::<Vec<_>>().join("; "),
        mathis.unwrap_or_else(none)
    )
}

/// The requested and the measured values of one path, one line each.
fn table(report: &CheckReport) -> String {
    let CheckReport { path, probes, messages, bulk, relay, .. } = report;
    let mut lines = vec![format!("path {path}"), format!("{:<26}{:>14}  {}", "", "asked", "given")];
    let mut line = |name: &str, asked: String, given: String| lines.push(format!("{name:<26}{asked:>14}  {given}"));
    let none = || "-".to_owned();
    line(
        "round trip",
        path.rtt.to_string(),
        format!("p50 {}, p99 {}, max {}", probes.round_trip_ns_p50, probes.round_trip_ns_p99, probes.round_trip_ns_max),
    );
    let share = |lost: u64, of: u64| if of == 0 { none() } else { format!("{:.2}%", lost as f64 * 100.0 / of as f64) };
    line(
        "loss up, down (probes)",
        percent(path.loss),
        format!(
            "{}, {} of {}",
            share(probes.sent - probes.reached, probes.sent),
            share(probes.reached - probes.returned, probes.reached),
            probes.sent
        ),
    );
    let loss = |counts: PacketCounts| counts.loss().map_or_else(none, |loss| format!("{:.2}%", loss * 100.0));
    line("loss up, down (relay)", percent(path.loss), format!("{}, {}", loss(relay.up), loss(relay.down)));
    for (name, asked, given) in [
        ("rate up", path.up_bits_per_s, report.rate_bits_per_s[0]),
        ("rate down", path.down_bits_per_s, report.rate_bits_per_s[1]),
    ] {
        if let Some(asked) = asked {
            line(name, bits(asked), given.map_or_else(none, |given| format!("{} Mbit/s", three_digits(given / 1e6))));
        }
    }
    line("connecting", path.rtt.to_string(), messages.connect_ns.to_string());
    line(
        "100 messages/s, latency",
        Nanos(path.rtt.0 / 2).to_string(),
        format!(
            "p50 {}, p95 {}, p99 {}, p99.9 {}; {} dropped, {} sent again",
            messages.latency_ns_p50,
            messages.latency_ns_p95,
            messages.latency_ns_p99,
            messages.latency_ns_p999,
            messages.down.dropped(),
            messages.segments_retransmitted
        ),
    );
    for bulk in bulk {
        let mathis =
            bulk.mathis_bits_per_s.map_or_else(none, |mathis| format!("{} Mbit/s", three_digits(mathis / 1e6)));
        line(
            &format!("bulk, {} × {}", bulk.connections, bulk.congestion),
            mathis,
            format!(
                "{} Mbit/s, MSS {}; {} segments, {} sent again; relay dropped {} ({} lost, {} queue)",
                three_digits(bulk.goodput_bits_per_s / 1e6),
                bulk.segment_bytes,
                bulk.data_segments,
                bulk.segments_retransmitted,
                bulk.down.dropped(),
                bulk.down.lost,
                bulk.down.queue_dropped
            ),
        );
    }
    line(
        "relay",
        none(),
        format!(
            "late p50 {}, p99 {}, max {}; {} of processor time a packet; {} missed, {} refused, {} strays",
            relay.late_ns_p50,
            relay.late_ns_p99,
            relay.late_ns_max,
            Nanos(report.relay_cpu_ns_per_packet as u64),
            relay.missed,
            relay.refused,
            relay.strays
        ),
    );
    lines.join("\n") + "\n"
}
