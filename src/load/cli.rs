//! The `loadgen` program: its sub-commands and flags, and what it does with them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::floor::FloorArgs;
use super::knobs::Knobs;
use super::link::{self, LinkArgs};
use super::plan::Plan;
use super::scenarios::{self, Scenario};
use super::{floor, run};
use crate::program::{DONE, INTERRUPTED, INVALID};
use crate::report;
use crate::report::run_file::{Run, Verdict};
use crate::server::cli::{self as server, ServerArgs};

const EXAMPLES: &str = "\
Examples:
  loadgen                                        compare all four on the recorded stream, to a report
  loadgen run --clients 1000 --feed synthetic --rate 20 --payload 200
  loadgen run --transports sse,websocket --clients 10,100,1000
  loadgen run --target http://127.0.0.1:8080     measure a server that is already there
  loadgen report reports/sample                  draw a report again from its run.json

Exit codes: 0 done; 1 could not be done; 2 wrong use; 3 a --fail-if threshold was not kept; 4 the run was invalid;
130 cut short with Ctrl-C.
";

/// Subscribes many clients to one stream over each transport, and reports what each costs and gives.
#[derive(Clone, Debug, Parser)]
#[command(name = "loadgen", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct LoadgenArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunFlags,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Run a scenario and write its report [default].
    Run {
        /// A scenario's name (see `loadgen scenarios`), or the path of a .toml file.
        #[arg(default_value = scenarios::DEFAULT)]
        scenario: String,
        #[command(flatten)]
        flags: RunFlags,
    },
    /// Draw a report again from its run.json.
    Report {
        /// The run's folder, or its run.json.
        run: PathBuf,
    },
    /// List the scenarios and the question that each asks.
    Scenarios,
    /// Start the server, as the program `server` does.
    Serve(ServerArgs),
    /// Start the bare TCP writer that transports are compared with.
    #[command(hide = true)]
    Floor(FloorArgs),
    /// Start the relay that adds distance.
    #[command(hide = true)]
    Link(LinkArgs),
}

#[derive(Clone, Debug, Args)]
struct RunFlags {
    #[command(flatten)]
    knobs: Knobs,
    /// Measure a server that is already there, instead of starting one for each trial.
    #[arg(long, value_name = "URL")]
    target: Option<reqwest::Url>,
    /// Folder that runs are written to.
    #[arg(long, default_value = "reports", value_name = "FOLDER")]
    out: PathBuf,
}

/// Does what the command line asks; returns the exit code.
///
/// Errors: one sentence that says what to do.
pub async fn run(args: LoadgenArgs) -> anyhow::Result<u8> {
    match args.command {
        None => run_scenario(scenarios::DEFAULT, args.run).await,
        Some(Command::Run { scenario, flags }) => run_scenario(&scenario, flags).await,
        Some(Command::Report { run }) => draw_again(&run),
        Some(Command::Scenarios) => list_scenarios(),
        Some(Command::Serve(args)) => server::run(args).await.map(|()| DONE),
        Some(Command::Link(args)) => link::serve(args).await.map(|()| DONE),
        Some(Command::Floor(args)) => tokio::task::spawn_blocking(move || floor::serve(&args)).await?.map(|()| DONE),
    }
}

async fn run_scenario(name: &str, flags: RunFlags) -> anyhow::Result<u8> {
    let plan = Plan::new(Scenario::load(name)?, flags.knobs, flags.target, flags.out)?;
    // Made first, so that a place which cannot be written is known before anything is measured.
    let folder = run_folder(&plan)?;
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    let command = std::iter::once("loadgen".to_owned()).chain(std::env::args().skip(1)).collect();
    let outcome = run::run(&plan, command, &stop).await;
    let run = match outcome {
        Ok(run) => run,
        Err(error) => {
            // An empty folder would look like a run.
            let _kept = std::fs::remove_dir(&folder);
            return Err(error.into());
        }
    };
    run.write(&folder.join("run.json")).with_context(|| format!("cannot write to {}", folder.display()))?;
    let page = write_report(&run, &folder)?;
    print!("{}", report::terminal_table(&run));
    println!("\nreport: {}", page.display());
    Ok(match (run.cut_short, run.verdict) {
        (true, _) => INTERRUPTED,
        (false, Verdict::Invalid) => INVALID,
        (false, Verdict::Valid | Verdict::Suspect) => DONE,
    })
}

/// `reports/20261122-181300-quick`, made new.
fn run_folder(plan: &Plan) -> anyhow::Result<PathBuf> {
    let time = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let folder = plan.out.join(format!("{time}-{}", plan.name));
    let attempt = std::fs::create_dir_all(&folder).and_then(|()| {
        let probe = folder.join("run.json");
        std::fs::write(&probe, "")?;
        std::fs::remove_file(&probe)
    });
    attempt.with_context(|| format!("cannot write to {}; choose another folder with --out", plan.out.display()))?;
    Ok(folder)
}

fn write_report(run: &Run, folder: &Path) -> anyhow::Result<PathBuf> {
    let page = report::write_page(run, folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    if let Some(reports) = folder.parent() {
        report::write_index(reports).with_context(|| format!("cannot write to {}", reports.display()))?;
    }
    Ok(page)
}

fn draw_again(run: &Path) -> anyhow::Result<u8> {
    let read = Run::read(run)?;
    let folder = if run.is_dir() { run } else { run.parent().unwrap_or(Path::new(".")) };
    let page = write_report(&read, folder)?;
    println!("report: {}", page.display());
    Ok(DONE)
}

fn list_scenarios() -> anyhow::Result<u8> {
    for scenario in Scenario::all() {
        let scenario = scenario?;
        println!("{:<12} {}", scenario.name, scenario.question);
    }
    Ok(DONE)
}

/// The first Ctrl-C or SIGTERM cuts the run short and lets it write what it has; the second ends it at once.
async fn stop_on_signal(stop: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return tracing::error!("signals cannot be heard; end this process by its id");
    };
    for is_second in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if is_second {
            std::process::exit(INTERRUPTED.into());
        }
        eprintln!("cut short: writing what there is; once more to end at once");
        stop.cancel();
    }
}
