//! The commands of a path: `path-check`, which tries one out, and those that the load generator starts for itself.
//!
//! None of them has a runtime: a namespace is entered before the first thread, and the relay has one thread only.

use std::time::Duration;

use clap::Subcommand;

use crate::cli::process::DONE;
use crate::load::path::check::{CheckReport, check};
use crate::load::path::{namespace, serve};
use crate::print;
use crate::run::path::report::PacketCounts;
use crate::run::path::{PathSettings, bits, percent};
use crate::units::{self, Nanos, three_digits};

/// Commands without a runtime.
#[derive(Clone, Debug, Subcommand)]
pub enum PathCommand {
    /// Try a path out: asked against given.
    #[command(hide = true)]
    PathCheck {
        /// A preset, or keys as in rtt=50ms,loss=1%.
        #[arg(default_value = "rtt=50ms,loss=1%")]
        path: PathSettings,
        /// How long each part takes.
        #[arg(long, default_value = "5s", value_parser = units::length)]
        length: Nanos,
        /// Repeats the same losses.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Print what was found as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Relay packets over a path. Started by the load generator for itself.
    #[command(hide = true)]
    PathRelay {
        /// The path.
        path: PathSettings,
        /// Repeats the same losses.
        #[arg(long)]
        seed: u64,
    },
    /// Try whether a namespace can be had. Started by the load generator for itself.
    #[command(hide = true)]
    PathTry,
}

/// Does what the command asks; returns the exit code.
///
/// Errors: one sentence that says what to do.
pub fn run(command: PathCommand) -> anyhow::Result<u8> {
    match command {
        PathCommand::PathRelay { path, seed } => serve::serve(path, seed)?,
        PathCommand::PathTry => namespace::answer_try()?,
        PathCommand::PathCheck { path, length, seed, json } => {
            namespace::try_out()?;
            let namespace = namespace::enter()?;
            let report = check(&namespace, &path, length.duration().max(Duration::from_secs(1)), seed)?;
            print::out(&match json {
                true => serde_json::to_string_pretty(&report)? + "\n",
                false => table(&report),
            })?;
        }
    }
    Ok(DONE)
}

/// Asked against given, a line each.
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
            &format!("bulk transfer, {}", bulk.congestion),
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
