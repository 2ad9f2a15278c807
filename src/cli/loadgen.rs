//! The `loadgen` program: its sub-commands and flags, and what it does with them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::children::{BaselineArgs, LinkArgs};
use crate::cli::process::{DONE, INTERRUPTED, INVALID, THRESHOLD, usage_error};
use crate::cli::server::{self as server, ServerArgs};
use crate::load::link;
use crate::load::plan::{Plan, PlanError};
use crate::load::scenarios::{self, Scenario, ScenarioError};
use crate::load::settings::RunSettings;
use crate::load::target::parse_address;
use crate::load::{run, tcp_baseline};
use crate::report::findings::compare::compare as compare_runs;
use crate::report::findings::thresholds::Expression;
use crate::report::text::comparison::Extent;
use crate::report::{export, html, text};
use crate::run::file::{Run, Verdict};
use crate::run::threshold::Threshold;

const EXAMPLES: &str = "\
Examples:
  loadgen                                        compare all four on the recorded stream, to a report
  loadgen run --clients 1000 --feed synthetic --rate 20 --payload 200
  loadgen run --transports sse,websocket --clients 10,100,1000
  loadgen run --target http://127.0.0.1:8080     measure a server that is already there
  loadgen run --fail-if 'sse.latency_ns.p99 > 5ms' --fail-if '*.lost > 0'
  loadgen report reports/sample                  draw a report again from its run.json
  loadgen compare reports/before reports/after   what changed, and what is within noise

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
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
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
    /// Hold a run against an earlier one: what got better, what got worse, what is within noise.
    Compare {
        /// The baseline: a run's folder, or its run.json.
        first: PathBuf,
        /// The run that is judged.
        second: PathBuf,
        /// Fail if this holds, as in 'sse.latency_ns.p99 > +10%'; may be given several times.
        #[arg(long, value_name = "CONDITION")]
        fail_if: Vec<Expression>,
        /// Folder that the page is written to [default: the second run's].
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// Print every metric of every row, not only what differs.
        #[arg(long)]
        all: bool,
    },
    /// List the scenarios and the question that each asks.
    Scenarios,
    /// Start the server, as the program `server` does.
    Serve(ServerArgs),
    /// Start the TCP baseline that transports are compared with.
    #[command(hide = true)]
    TcpBaseline(BaselineArgs),
    /// Start the relay that adds distance.
    #[command(hide = true)]
    Link(LinkArgs),
}

#[derive(Clone, Debug, Args)]
struct RunFlags {
    #[command(flatten)]
    settings: RunSettings,
    /// Measure a server that is already there, instead of starting one for each trial.
    #[arg(long, value_name = "URL", value_parser = parse_address)]
    target: Option<reqwest::Url>,
    /// Folder that runs are written to.
    #[arg(long, default_value = "reports", value_name = "FOLDER")]
    out: PathBuf,
    /// Fail if this holds, as in 'sse.latency_ns.p99 > 5ms' or '*.lost > 0'; may be given several times.
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<Expression>,
    /// Put server and generator on different processors.
    #[arg(long)]
    pin: bool,
    /// Argument for each server that is started, as in --server-arg=--slow=cut; may be given several times.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true, conflicts_with = "target")]
    server_arg: Vec<String>,
}

impl LoadgenArgs {
    /// The processor that this process is to keep to, if it is.
    pub fn core(&self) -> Option<usize> {
        match &self.command {
            None => self.run.pin.then_some(GENERATOR_CORE),
            Some(Command::Run { flags, .. }) => flags.pin.then_some(GENERATOR_CORE),
            Some(Command::Serve(args)) => args.core(),
            Some(Command::TcpBaseline(args)) => args.core(),
            Some(Command::Link(_) | Command::Report { .. } | Command::Compare { .. } | Command::Scenarios) => None,
        }
    }
}

/// With `--pin`: where the generator runs.
const GENERATOR_CORE: usize = 1;
/// With `--pin`: where the server runs.
const SERVER_CORE: usize = 0;

/// Does what the command line asks; returns the exit code.
///
/// Errors: one sentence that says what to do.
pub async fn run(args: LoadgenArgs) -> anyhow::Result<u8> {
    match args.command {
        None => run_scenario(scenarios::DEFAULT, args.run).await,
        Some(Command::Run { scenario, flags }) => run_scenario(&scenario, flags).await,
        Some(Command::Report { run }) => draw_again(&run),
        Some(Command::Compare { first, second, fail_if, out, all }) => {
            let extent = if all { Extent::All } else { Extent::Short };
            compare(&first, &second, &fail_if, out.as_deref(), extent)
        }
        Some(Command::Scenarios) => list_scenarios(),
        Some(Command::Serve(args)) => server::run(args).await.map(|()| DONE),
        Some(Command::Link(args)) => link::serve(args.into()).await.map(|()| DONE),
        Some(Command::TcpBaseline(args)) => {
            tokio::task::spawn_blocking(move || tcp_baseline::serve(&args.feed())).await?.map(|()| DONE)
        }
    }
}

async fn run_scenario(name: &str, flags: RunFlags) -> anyhow::Result<u8> {
    let scenario = Scenario::load(name).map_err(|error| usage_error(error, ScenarioError::is_usage_error))?;
    let mut plan = Plan::new(scenario, flags.settings, flags.target, flags.out)
        .map_err(|error| usage_error(error, PlanError::is_usage_error))?;
    plan.server_core = flags.pin.then_some(SERVER_CORE);
    plan.server_args = flags.server_arg;
    // Made first, so that a place which cannot be written is known before anything is measured.
    let folder = run_folder(&plan)?;
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    let command = std::iter::once("loadgen".to_owned()).chain(std::env::args().skip(1)).collect();
    let outcome = run::run(&plan, command, &stop).await;
    let mut run = match outcome {
        Ok(run) => run,
        Err(error) => {
            // An empty folder would look like a run.
            let _kept = std::fs::remove_dir(&folder);
            return Err(error.into());
        }
    };
    run.thresholds = flags.fail_if.iter().map(|condition| condition.evaluate(&run.summary)).collect();
    run.write(&folder.join("run.json")).with_context(|| format!("cannot write to {}", folder.display()))?;
    export::write(&run, &folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    let page = write_report(&run, &folder)?;
    print!(
        "{}{}{}{}{}",
        text::terminal::terminal_verdict(&run),
        text::terminal::terminal_measured(&run),
        text::terminal::terminal_table(&run),
        text::terminal::terminal_claims(&run),
        text::terminal::terminal_thresholds(&run.thresholds, &run)
    );
    let is_failed = run.thresholds.iter().any(|threshold| threshold.failed);
    println!("\nreport: {}", page.display());
    Ok(match (run.cut_short, run.verdict, is_failed) {
        (true, _, _) => INTERRUPTED,
        (false, Verdict::Invalid, _) => INVALID,
        (false, Verdict::Valid | Verdict::Suspect, true) => THRESHOLD,
        (false, Verdict::Valid | Verdict::Suspect, false) => DONE,
    })
}

fn compare(
    first: &Path,
    second: &Path,
    fail_if: &[Expression],
    out: Option<&Path>,
    extent: Extent,
) -> anyhow::Result<u8> {
    let (baseline, judged) = (Run::read(first)?, Run::read(second)?);
    let comparison = compare_runs(&baseline, &judged);
    print!("{}", text::comparison::terminal_comparison(&comparison, extent));
    if comparison.is_empty() {
        anyhow::bail!(
            "no row of one run can be compared with one of the other; compare runs of the same transports and sweep"
        );
    }
    let evaluate = |condition: &Expression| condition.evaluate_comparison(&comparison, &judged.summary);
    let thresholds: Vec<Threshold> = fail_if.iter().map(evaluate).collect();
    print!("{}", text::terminal::terminal_thresholds(&thresholds, &judged));
    let is_failed = thresholds.iter().any(|threshold| threshold.failed);
    let folder = out.unwrap_or_else(|| folder_of(second));
    let page = html::write_comparison(&comparison, &thresholds, folder)
        .with_context(|| format!("cannot write to {}; choose another folder with --out", folder.display()))?;
    println!("\ncomparison: {}", page.display());
    Ok(if is_failed { THRESHOLD } else { DONE })
}

/// A run is named by its folder or by the file in it.
fn folder_of(run: &Path) -> &Path {
    if run.is_dir() { run } else { run.parent().unwrap_or(Path::new(".")) }
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
    let page = html::write_page(run, folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    if let Some(reports) = folder.parent() {
        html::write_index(reports).with_context(|| format!("cannot write to {}", reports.display()))?;
    }
    Ok(page)
}

fn draw_again(run: &Path) -> anyhow::Result<u8> {
    let read = Run::read(run)?;
    let page = write_report(&read, folder_of(run))?;
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
