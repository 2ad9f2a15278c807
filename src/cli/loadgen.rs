//! The `loadgen` program: its subcommands and flags, and what it does with them. Over 400 lines: the help of all
//! subcommands is here.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::agents::{self, AgentArgs, FleetFlags};
use super::calibrate::{self, CalibrateArgs, DriftPlace};
use super::children::{BaselineArgs, LinkArgs};
use super::folders::{self, List, NewFolder};
use super::learn::{self, LearnArgs};
use super::path::{self, PathCommand};
use super::predict::{self, PredictArgs};
use super::targets;
use super::trust::TrustFlags;
use super::try_url::{self, TryArgs};
use crate::cli::dry_run;
use crate::cli::process::{
    self, DONE, FAILED, INTERRUPTED, INVALID, THRESHOLD, USAGE_ERROR, exit_codes, print_out, usage_error,
};
use crate::cli::server::{self as server, ServerArgs};
use crate::load::foreign::json_path::JsonPath;
use crate::load::link;
use crate::load::path::namespace::Paths;
use crate::load::plan::{Plan, PlanError};
use crate::load::scenarios::{self, Scenario, ScenarioError};
use crate::load::{run, tcp_baseline};
use crate::print;
use crate::report::findings::compare::compare_calibrated;
use crate::report::findings::thresholds::Expression;
use crate::report::text::comparison::Extent;
use crate::report::{export, html, text};
use crate::run::RunSettings;
use crate::run::file::{Run, Verdict};
use crate::run::threshold::Threshold;

const EXAMPLES: &str = "\
Examples:
  loadgen                                        compare all four transports on the recorded stream: 90 seconds
  loadgen scenarios                              the scenarios, and how long each takes
  loadgen run chatty --dry-run                   print the plan without running it
  loadgen run --clients 1000 --feed synthetic --rate 20 --payload 200
  loadgen run --target nchan,socketio,pushpull   other servers side by side; `loadgen targets` lists them
  loadgen run --fail-if 'sse.latency_ns.p99 > 5ms' --fail-if '*.lost > 0'
  loadgen report reports/sample                  regenerate a report from its run.json
  loadgen compare reports/before reports/after   what changed, and what is within noise

A run that ends early (exit code 1 or 130) still writes a report of the trials that were done.
";
const RUN_EXAMPLES: &str = "\
Examples:
  loadgen run                                    the scenario `quick`: about 90 seconds
  loadgen run sparse --dry-run                   its plan: points, trials, time, clients, open files
  loadgen run --transports sse,websocket --clients 10,100,1000
  loadgen run my-scenario.toml --out my-reports
  loadgen run --rounds 6 --fail-if 'sse.latency_ns.p99 > 5ms'

A run that ends early (exit code 1 or 130) still writes a report of the trials that were done.
";
const REPORT_EXAMPLES: &str = "\
Examples:
  loadgen report reports/sample                  rewrites reports/sample/index.html
  cd reports/sample && loadgen report .

Only the report's own index.html is replaced, and the list of runs next to the folder, if loadgen made it.
";
const COMPARE_EXAMPLES: &str = "\
Examples:
  loadgen compare reports/before reports/after
  loadgen compare reports/before reports/after --fail-if 'sse.server_cpu_ns_per_delivery > +10%'
  loadgen compare reports/before reports/after --out comparisons/today
";
const CALIBRATE_EXAMPLES: &str = "\
Examples:
  loadgen calibrate                              the scenario `quick` four times: about six minutes
  loadgen calibrate chatty --runs 3 --drift drift.json
  loadgen compare reports/before reports/after --drift drift.json
";
const SCENARIOS_EXAMPLES: &str = "\
Examples:
  loadgen scenarios
  loadgen scenarios --json
  loadgen run sparse                             run one of them
";

const TRY_EXAMPLES: &str = "\
Examples:
  loadgen try 127.0.0.1:3000/events              what the server speaks, and a first target file: my-server.toml
  loadgen try wss://example.com/feed --for 30s --header 'Authorization: Bearer ${TOKEN}'
";
const TARGETS_EXAMPLES: &str = "\
Examples:
  loadgen targets
  loadgen run --target nchan,ws,pushpull         measure some of them side by side
  loadgen run --target my-server.toml            measure your own: see docs/YOUR-SERVER.md
";

/// Exit codes of a run.
const OF_RUN: [u8; 6] = [DONE, FAILED, USAGE_ERROR, THRESHOLD, INVALID, INTERRUPTED];
/// Exit codes of a comparison.
const OF_COMPARISON: [u8; 4] = [DONE, FAILED, USAGE_ERROR, THRESHOLD];
/// Exit codes of an exercise.
const OF_EXERCISES: [u8; 5] = [DONE, FAILED, USAGE_ERROR, THRESHOLD, INTERRUPTED];
/// Exit codes of a calibration.
const OF_CALIBRATION: [u8; 4] = [DONE, FAILED, USAGE_ERROR, INTERRUPTED];
/// Exit codes of commands that only read and write files.
const OF_FILES: [u8; 3] = [DONE, FAILED, USAGE_ERROR];

/// Text after a command's help: its examples and its exit codes.
fn after(examples: &str, codes: &[u8]) -> String {
    format!("{examples}\n{}", exit_codes(codes))
}

/// Subscribes many clients to one stream over each transport, and compares latency, traffic, CPU time and memory.
#[derive(Clone, Debug, Parser)]
#[command(name = "loadgen", version, after_help = after(EXAMPLES, &OF_RUN), args_conflicts_with_subcommands = true)]
pub struct LoadgenArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunFlags,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Run a scenario and write its report (the default).
    #[command(after_help = after(RUN_EXAMPLES, &OF_RUN))]
    Run {
        /// A scenario's name (see `loadgen scenarios`), or the path of a .toml file.
        #[arg(default_value = scenarios::DEFAULT)]
        scenario: String,
        #[command(flatten)]
        flags: RunFlags,
    },
    /// Regenerate a report from its run.json.
    #[command(after_help = after(REPORT_EXAMPLES, &OF_FILES))]
    Report {
        /// The run's folder, or its run.json.
        run: PathBuf,
    },
    /// Compare two runs: what got better, what got worse, what is within noise.
    #[command(after_help = after(COMPARE_EXAMPLES, &OF_COMPARISON))]
    Compare {
        /// The baseline run: its folder, or its run.json.
        first: PathBuf,
        /// The run to compare with it: its folder, or its run.json.
        second: PathBuf,
        /// Fail if this holds, as in 'sse.latency_ns.p99 > +10%'; may be given several times.
        #[arg(long, value_name = "CONDITION")]
        fail_if: Vec<Expression>,
        /// Folder to write the page to [default: the second run's].
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// Print every metric of every row, not only those that differ.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        drift: DriftPlace,
    },
    /// Measure how far two runs of the same thing differ on this machine, for use by `compare`.
    #[command(after_help = after(CALIBRATE_EXAMPLES, &OF_CALIBRATION))]
    Calibrate(CalibrateArgs),
    /// Predict the processors, memory, bandwidth and nodes that a workload needs, from a calibration of this machine.
    #[command(after_help = after(predict::EXAMPLES, &OF_CALIBRATION))]
    Predict(PredictArgs),
    /// Run part of the clients of a `loadgen run --agents` on this or another host.
    #[command(after_help = after(agents::EXAMPLES, &OF_CALIBRATION))]
    Agent(AgentArgs),
    /// List the scenarios: the question each one answers, what it compares, and how long it takes.
    #[command(after_help = after(SCENARIOS_EXAMPLES, &OF_FILES))]
    Scenarios {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Probe an address: identify the transport, follow the stream, and write a first target file.
    #[command(after_help = after(TRY_EXAMPLES, &OF_FILES))]
    Try(TryArgs),
    /// List the servers that can be measured by name, and the transports each one supports.
    #[command(after_help = after(TARGETS_EXAMPLES, &OF_FILES))]
    Targets,
    /// Work on the exercises: start one, check a solution in any language, get a hint.
    #[command(after_help = after(learn::EXAMPLES, &OF_EXERCISES))]
    Learn(LearnArgs),
    /// Start the server (the same as the program `server`).
    Serve(ServerArgs),
    /// Start the TCP baseline that transports are compared with.
    #[command(hide = true)]
    TcpBaseline(BaselineArgs),
    /// Start the relay that adds delay.
    #[command(hide = true)]
    Link(LinkArgs),
    #[command(flatten)]
    Path(PathCommand),
}

#[derive(Clone, Debug, Args)]
struct RunFlags {
    #[command(flatten)]
    settings: RunSettings,
    #[command(flatten)]
    trust: TrustFlags,
    #[command(flatten)]
    fleet: FleetFlags,
    /// Allow load on a server that is not on this host; use it only for servers you have permission to load.
    #[arg(long)]
    i_may_load_this_server: bool,
    /// JSON path of the send time in a third-party server's messages, as in '$.ts'.
    #[arg(long, value_name = "PATH")]
    timestamp: Option<JsonPath>,
    /// Folder to write runs to, each in a new subfolder.
    #[arg(long, default_value = "reports", value_name = "FOLDER")]
    out: PathBuf,
    /// Print the plan without running it.
    #[arg(long)]
    dry_run: bool,
    /// Fail if this holds, as in 'sse.latency_ns.p99 > 5ms' or '*.lost > 0'; may be given several times.
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<Expression>,
    /// Run server and load generator on different processors.
    #[arg(long)]
    pin: bool,
    /// Argument for each server that is started, as in --server-arg=--slow-consumer=cut; may be given several times.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true, conflicts_with = "target")]
    server_arg: Vec<String>,
}

impl LoadgenArgs {
    /// The processor that this process is pinned to, if any.
    pub fn core(&self) -> Option<usize> {
        match &self.command {
            None => self.run.pin.then_some(GENERATOR_CORE),
            Some(Command::Run { flags, .. }) => flags.pin.then_some(GENERATOR_CORE),
            Some(Command::Serve(args)) => args.core(),
            Some(Command::TcpBaseline(args)) => args.core(),
            Some(
                Command::Link(_)
                | Command::Path(_)
                | Command::Calibrate(_)
                | Command::Predict(_)
                | Command::Agent(_)
                | Command::Report { .. }
                | Command::Compare { .. }
                | Command::Scenarios { .. }
                | Command::Targets
                | Command::Try(_)
                | Command::Learn(_),
            ) => None,
        }
    }

    /// Does the run need a network path? An invalid command line is reported later, when the run is planned.
    fn needs_path(&self) -> bool {
        let (scenario, flags) = match &self.command {
            None => (scenarios::DEFAULT, &self.run),
            Some(Command::Run { scenario, flags }) => (scenario.as_str(), flags),
            Some(_) => return false,
        };
        let Ok(scenario) = Scenario::load(scenario) else { return false };
        let paths = flags.settings.clone().over(scenario.settings).path;
        let has_path = paths.is_some_and(|paths| paths.0.iter().any(|path| path.0.is_some()));
        has_path && !flags.dry_run && flags.settings.target.is_none()
    }
}

/// With `--pin`: the generator's processor.
const GENERATOR_CORE: usize = 1;
/// With `--pin`: the server's processor.
const SERVER_CORE: usize = 0;

/// Runs the program and returns its exit code. A namespace can be entered only while the process has one thread, so
/// the need for one is determined here.
pub fn start(args: LoadgenArgs) -> ExitCode {
    if let Some(Command::Path(command)) = args.command {
        return process::run_plain(|| path::run(command));
    }
    let paths = if args.needs_path() { Paths::enter() } else { Ok(Paths::NotEntered) };
    process::run(args.core(), async { run(args, paths?).await })
}

/// Does what the command line asks; returns the exit code.
///
/// Errors: one sentence that tells the user what to do.
async fn run(args: LoadgenArgs, paths: Paths) -> anyhow::Result<u8> {
    match args.command {
        None => run_scenario(scenarios::DEFAULT, args.run, paths).await,
        Some(Command::Run { scenario, flags }) => run_scenario(&scenario, flags, paths).await,
        Some(Command::Report { run }) => regenerate(&run),
        Some(Command::Compare { first, second, fail_if, out, all, drift }) => {
            let extent = if all { Extent::All } else { Extent::Short };
            compare(&first, &second, &fail_if, out.as_deref(), extent, &drift)
        }
        Some(Command::Calibrate(args)) => {
            let stop = CancellationToken::new();
            tokio::spawn(stop_on_signal(stop.clone()));
            calibrate::run(args, stop).await
        }
        Some(Command::Predict(args)) => {
            let stop = CancellationToken::new();
            tokio::spawn(stop_on_signal(stop.clone()));
            predict::run(args, stop).await
        }
        Some(Command::Agent(args)) => {
            let stop = CancellationToken::new();
            tokio::spawn(agents::end_on_signal(stop.clone()));
            agents::run(args, stop).await
        }
        Some(Command::Scenarios { json }) => dry_run::scenarios(json).map(|()| DONE),
        Some(Command::Try(args)) => try_url::run(args).await.map(|()| DONE),
        Some(Command::Targets) => targets::list().map(|()| DONE),
        Some(Command::Learn(args)) => learn::run(args).await,
        Some(Command::Serve(args)) => server::run(args).await.map(|()| DONE),
        Some(Command::Path(command)) => path::run(command),
        Some(Command::Link(args)) => link::serve(args.into()).await.map(|()| DONE),
        Some(Command::TcpBaseline(args)) => {
            tokio::task::spawn_blocking(move || tcp_baseline::serve(&args.feed(), args.host())).await?.map(|()| DONE)
        }
    }
}

async fn run_scenario(name: &str, flags: RunFlags, paths: Paths) -> anyhow::Result<u8> {
    let scenario = Scenario::load(name).map_err(|error| usage_error(error, ScenarioError::is_usage_error))?;
    let mut plan = Plan::with_agents(scenario, flags.settings, flags.out, flags.fleet.processes())
        .map_err(|error| usage_error(error, PlanError::is_usage_error))?;
    if let Some(path) = &flags.timestamp {
        plan.read_timestamps(path).map_err(|error| usage_error(error, PlanError::is_usage_error))?;
    }
    if !flags.i_may_load_this_server && !flags.dry_run {
        plan.refuse_remote().await.map_err(|error| usage_error(error, PlanError::is_usage_error))?;
    }
    plan.trust = flags.trust.trust()?;
    plan.server_core = flags.pin.then_some(SERVER_CORE);
    plan.server_args = flags.server_arg;
    plan.paths = paths;
    flags.fleet.refuse(&plan)?;
    if flags.pin && plan.points.iter().any(|point| point.point.nodes > 0) {
        return Err(usage_error(
            anyhow::anyhow!("--pin keeps one server to one processor; leave it out with --nodes"),
            |_| true,
        ));
    }
    refuse_thresholds(&flags.fail_if, &plan)?;
    let shares = dry_run::percentiles(&flags.fail_if);
    if flags.dry_run {
        return dry_run::print(&plan, &shares).map(|()| DONE);
    }
    dry_run::print_notes(&plan, &shares)?;
    if let Some(refusal) = plan.paths.refusal() {
        print::err(&format!(
            "note: no network path is available here: {refusal}. A link is used instead: it delays a stream and limits \
             its rate, but shows neither loss nor slow start"
        ));
    }
    // Before anything is measured, so that a folder that cannot be written to is reported first.
    let folder = NewFolder::make(&plan.out, &plan.scenario.name)?;
    plan.fleet = match flags.fleet.gather().await {
        Ok(fleet) => fleet.map(Arc::new),
        Err(error) => {
            folder.remove();
            return Err(error.into());
        }
    };
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    let command = std::iter::once("loadgen".to_owned()).chain(std::env::args().skip(1)).collect();
    let outcome = run::run(&plan, command, &stop).await;
    if let Some(fleet) = &plan.fleet {
        fleet.leave().await;
    }
    let run::Outcome { mut run, failure } = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            folder.remove();
            return Err(error.into());
        }
    };
    run.thresholds = flags.fail_if.iter().map(|condition| condition.evaluate(&run.summary)).collect();
    let written = write_run(&run, &folder.path, &plan.out);
    text::terminal::terminal_surroundings(&run).iter().for_each(|line| print::err(line));
    let parts = [
        text::terminal::terminal_verdict(&run),
        text::terminal::terminal_measured(&run),
        text::terminal::terminal_table(&run),
        text::terminal::terminal_withheld(&run),
        text::terminal::terminal_alone(&run),
        text::terminal::terminal_memory(&run),
        text::terminal::terminal_recommendation(&run),
        text::terminal::terminal_claims(&run),
        text::terminal::terminal_thresholds(&run.thresholds, &run),
    ];
    print_out(&parts.concat())?;
    let is_failed = run.thresholds.iter().any(|threshold| threshold.failed);
    // Last: if the report cannot be written, the figures above are all that is left of the run.
    print_out(&format!("\nreport: {}\n", written?.display()))?;
    if let Some(error) = failure {
        return Err(anyhow::Error::new(error).context("the run was cut short"));
    }
    Ok(match (run.cut_short, run.verdict, is_failed) {
        (true, _, _) => INTERRUPTED,
        (false, Verdict::Invalid, _) => INVALID,
        (false, Verdict::Valid | Verdict::Suspect, true) => THRESHOLD,
        (false, Verdict::Valid | Verdict::Suspect, false) => DONE,
    })
}

/// Refuses conditions that no run of this plan can evaluate: about something that is not run, or about a change.
fn refuse_thresholds(conditions: &[Expression], plan: &Plan) -> anyhow::Result<()> {
    for condition in conditions {
        let problem = match condition.transport() {
            _ if condition.is_relative() => "compares two runs; use it with `loadgen compare`".to_owned(),
            _ if condition.target().is_some_and(|name| !plan.catalog.contains_key(&name)) => {
                "is about a server that this run leaves out; add it to --target".to_owned()
            }
            Some(transport) if !plan.scenario.transports.contains(&transport) => {
                format!("is about {transport}, which this run leaves out; add it to --transports")
            }
            Some(_) | None => continue,
        };
        return Err(usage_error(anyhow::anyhow!("--fail-if '{condition}' {problem}"), |_| true));
    }
    Ok(())
}

fn compare(
    first: &Path,
    second: &Path,
    fail_if: &[Expression],
    out: Option<&Path>,
    extent: Extent,
    drift: &DriftPlace,
) -> anyhow::Result<u8> {
    let baseline = Run::read(first)?;
    let judged = Run::read(second)?;
    let folder = match out {
        Some(out) => out.to_owned(),
        None => {
            folders::folder_of(second).map_err(|error| anyhow::anyhow!("{error}, or choose a folder with --out"))?
        }
    };
    let comparison = compare_calibrated(&baseline, &judged, drift.read()?.as_ref());
    print_out(&text::comparison::terminal_comparison(&comparison, extent))?;
    if comparison.is_empty() {
        anyhow::bail!("the two runs have no row in common; compare runs of the same transports and sweep");
    }
    let evaluate = |condition: &Expression| condition.evaluate_comparison(&comparison, &judged.summary);
    let thresholds: Vec<Threshold> = fail_if.iter().map(evaluate).collect();
    print_out(&text::terminal::terminal_thresholds(&thresholds, &judged))?;
    let is_failed = thresholds.iter().any(|threshold| threshold.failed);
    let page = html::write_comparison(&comparison, &thresholds, &folder)
        .with_context(|| format!("cannot write to {}; choose another folder with --out", folder.display()))?;
    print_out(&format!("\ncomparison: {}\n", page.display()))?;
    Ok(if is_failed { THRESHOLD } else { DONE })
}

/// Writes all files of a run; returns the path of the page.
fn write_run(run: &Run, folder: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    let cannot = || format!("cannot write to {}; the figures above are what is left of this run", folder.display());
    run.write(&folder.join(folders::RUN_FILE)).with_context(cannot)?;
    export::write(run, folder).with_context(cannot)?;
    let page = html::write_page(run, folder).with_context(cannot)?;
    folders::write_list(out, List::New);
    Ok(page)
}

fn regenerate(named: &Path) -> anyhow::Result<u8> {
    let (run, folder) = (Run::read(named)?, folders::folder_of(named)?);
    let page = html::write_page(&run, &folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    // Works for any way to name the folder, including `.` and a bare name.
    folders::write_list(&folder.join(".."), List::Kept);
    print_out(&format!("report: {}\n", page.display()))?;
    Ok(DONE)
}

/// The first Ctrl-C or SIGTERM cuts the run short, so that it writes a report of what was measured; the second exits immediately.
async fn stop_on_signal(stop: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return tracing::error!("cannot receive signals; end this process by its id");
    };
    for is_second in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if is_second {
            std::process::exit(INTERRUPTED.into());
        }
        print::err("shutting down: writing the report of what was measured; press Ctrl-C again to force");
        stop.cancel();
    }
}
