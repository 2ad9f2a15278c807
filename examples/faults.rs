//! Tests the delivery contract under faults, as a program: `scripts/faults` and `scripts/soak`. See docs/FAULTS.md.

#[path = "../tests/faults/mod.rs"]
mod faults;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget};

use faults::context;
use faults::plan::TransportChoice;
use faults::run::Tamper;
use faults::soak::{self, Soak};

/// Tests the delivery contract under faults.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs seeded fault schedules through a proxy, and prints a table of the results.
    Schedules(Schedules),
    /// Connects many clients to a server for minutes, cuts them, restarts it, and prints a table of the results.
    Soak(Soak),
}

#[derive(Debug, clap::Args)]
struct Schedules {
    /// How many schedules to run, each with its own seed.
    #[arg(long, default_value_t = 2000)]
    schedules: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Use only this; by default each seed uses one of the four transports, or moves between them.
    #[arg(long, value_name = "X")]
    transport: Option<TransportChoice>,
    /// Tamper with one update of each schedule, to check that the oracle notices.
    #[arg(long)]
    tamper: Option<Tamper>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    pushpull::measure::host::raise_file_limit();
    let is_clean = match Args::parse().command {
        Command::Schedules(args) => schedules(&args).await?,
        Command::Soak(args) => soak(&args).await,
    };
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn schedules(args: &Schedules) -> std::io::Result<bool> {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(args.schedules), target);
    let schedules = context::schedules(args.seed, args.schedules, args.transport);
    let table = context::run_all(schedules, args.tamper, || bar.inc(1)).await?;
    bar.finish_and_clear();
    println!("{}", table.text());
    if !table.is_clean() {
        eprintln!("\nthe contract was not kept:\n{}", table.failures());
    }
    Ok(table.is_clean())
}

async fn soak(args: &Soak) -> bool {
    let began = std::time::Instant::now();
    let on_progress = |line: String| eprintln!("{:>4} s: {line}", began.elapsed().as_secs());
    match soak::run(args, on_progress).await {
        Ok(()) => true,
        Err(error) => {
            eprintln!("\nthe soak failed:\n{error:#}");
            false
        }
    }
}
