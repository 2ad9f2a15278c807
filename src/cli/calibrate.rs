//! `loadgen calibrate`: runs one scenario several times, to measure by how much two runs of the same thing differ
//! here.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::process::{DONE, INTERRUPTED, usage_error};
use crate::load::path::namespace::Paths;
use crate::load::plan::{Plan, PlanError};
use crate::load::run;
use crate::load::scenarios::{Scenario, ScenarioError};
use crate::print;
use crate::report::text::wording::drift_lines;
use crate::run::RunSettings;
use crate::run::drift::Drift;

/// The flags of `loadgen calibrate`.
#[derive(Clone, Debug, Args)]
pub struct CalibrateArgs {
    /// The scenario to repeat.
    #[arg(default_value = "quick")]
    scenario: String,
    /// Number of runs.
    #[arg(long, default_value = "4", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..=100))]
    runs: u32,
    #[command(flatten)]
    settings: RunSettings,
    #[command(flatten)]
    place: DriftPlace,
}

/// Where this machine's calibration is stored.
#[derive(Clone, Debug, Args)]
pub struct DriftPlace {
    /// File of this machine's calibration [default: pushpull/drift.json in $XDG_DATA_HOME or ~/.local/share].
    #[arg(long, value_name = "FILE")]
    pub drift: Option<PathBuf>,
}

/// A file in the user's data directory; `None` for a user without a home directory.
pub fn data_file(name: &str) -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = of("XDG_DATA_HOME").or_else(|| Some(of("HOME")?.join(".local/share")))?;
    Some(data.join("pushpull").join(name))
}

impl DriftPlace {
    /// The file: as given, or the user's own; `None` for a user without a home directory.
    pub fn file(&self) -> Option<PathBuf> {
        self.drift.clone().or_else(|| data_file("drift.json"))
    }

    /// The calibration in that file; `None` where there is none, unless a file was named.
    ///
    /// Errors: the file cannot be read, and what to do.
    pub fn read(&self) -> anyhow::Result<Option<Drift>> {
        match self.file() {
            Some(file) if self.drift.is_some() || file.exists() => Ok(Some(Drift::read(&file)?)),
            Some(_) | None => Ok(None),
        }
    }
}

/// Runs the scenario that many times, one after the other, and stores how far the runs differ.
///
/// Errors: one sentence that tells the user what to do.
pub async fn run(args: CalibrateArgs, stop: CancellationToken) -> anyhow::Result<u8> {
    let file = args.place.file().context("no home directory to store the calibration in; name a file with --drift")?;
    let mut runs = Vec::new();
    for number in 1..=args.runs {
        let scenario =
            Scenario::load(&args.scenario).map_err(|error| usage_error(error, ScenarioError::is_usage_error))?;
        let mut plan = Plan::new(scenario, args.settings.clone(), PathBuf::new())
            .map_err(|error| usage_error(error, PlanError::is_usage_error))?;
        plan.paths = Paths::NotEntered;
        print::err(&format!("calibrating, run {number} of {}", args.runs));
        let command = std::iter::once("loadgen".to_owned()).chain(std::env::args().skip(1)).collect();
        let run::Outcome { run, failure } = run::run(&plan, command, &stop).await?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        if run.cut_short {
            print::err("cut short: no calibration was written");
            return Ok(INTERRUPTED);
        }
        runs.push(run);
    }
    let drift = Drift::of(&runs).context("a calibration needs two runs or more")?;
    drift.write(&file).with_context(|| format!("cannot write {}; name another file with --drift", file.display()))?;
    print::out(&drift_lines(&drift)).and_then(|()| print::out(&format!("calibration: {}\n", file.display())))?;
    Ok(DONE)
}
