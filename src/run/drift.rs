//! How much repeated runs differ on one machine. `loadgen calibrate` measures it once and stores it in a file; `loadgen
//! compare` reads it, or uses defaults without it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::run::Transport;
use crate::run::file::{Environment, Run};
use crate::run::metric::Metric;

/// The schema that this build writes and reads.
pub const SCHEMA: &str = "pushpull.drift/1";

/// The differences between several runs of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When the last of the runs began, UTC, RFC 3339.
    pub measured_at: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Number of runs.
    pub runs: u32,
    /// Where they ran. A calibration is valid for one machine, kernel and build.
    pub machine: Machine,
    /// For each metric, the largest change in any row between any two of the runs, as a share; absent if it was not
    /// measured or was zero.
    pub shares: BTreeMap<Metric, f64>,
}

/// The machine and build that a calibration is valid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Host name.
    pub host: String,
    /// Kernel name, release and architecture.
    pub kernel: String,
    /// Processor model.
    pub processor: String,
    /// Processors that the runs could use.
    pub cores: u32,
    /// `release` or `debug`.
    pub profile: String,
}

impl Machine {
    /// The machine and build of a run.
    pub fn of(environment: &Environment) -> Self {
        let Environment { host, kernel, processor, cores, profile, .. } = environment.clone();
        Self { host, kernel, processor, cores, profile }
    }
}

/// Why a calibration could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// The file could not be read.
    #[error("cannot read the calibration {path}: {source}; create it with `loadgen calibrate`, or omit --drift")]
    Read {
        /// As given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a calibration.
    #[error("{path} is not a calibration: {problem}; recreate it with `loadgen calibrate`")]
    Format {
        /// As given.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

impl Drift {
    /// The differences between these runs of one scenario; `None` for fewer than two.
    pub fn of(runs: &[Run]) -> Option<Self> {
        let (first, last) = (runs.first()?, runs.last().filter(|_| runs.len() > 1)?);
        let ids: Vec<_> = first.summary.iter().map(|row| (row.transport, row.point_index)).collect();
        let share = |metric: &Metric| {
            let of_row = |id: &(Option<Transport>, usize)| {
                let rows = runs
                    .iter()
                    .filter_map(|run| run.summary.iter().find(|row| (row.transport, row.point_index) == *id));
                let values: Vec<f64> = rows.filter_map(|row| row.metrics.get(*metric).0).collect();
                let least = values.iter().copied().reduce(f64::min).filter(|least| *least > 0.0)?;
                Some(values.iter().copied().fold(least, f64::max) / least - 1.0)
            };
            let largest = ids.iter().filter_map(of_row).reduce(f64::max)?;
            Some((*metric, (largest * 1e6).round() / 1e6))
        };
        Some(Self {
            schema: SCHEMA.to_owned(),
            measured_at: last.started_at.clone(),
            scenario: first.scenario.name.clone(),
            runs: u32::try_from(runs.len()).ok()?,
            machine: Machine::of(&last.environment),
            shares: Metric::ALL.iter().filter_map(share).collect(),
        })
    }

    /// Reads a calibration.
    ///
    /// Errors: [`DriftError`], whose message says what to do.
    pub fn read(file: &Path) -> Result<Self, DriftError> {
        let path = file.display().to_string();
        let text = std::fs::read(file).map_err(|source| DriftError::Read { path: path.clone(), source })?;
        let refuse = |problem| DriftError::Format { path: path.clone(), problem };
        let drift: Self = serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
        match drift.schema == SCHEMA {
            true => Ok(drift),
            false => Err(refuse(format!("it has schema `{}`; this version reads `{SCHEMA}`", drift.schema))),
        }
    }

    /// Writes it atomically, and creates missing folders.
    ///
    /// Errors: those of the file system.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        files::write_whole(file, (serde_json::to_string_pretty(self)? + "\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;

    #[test]
    fn the_drift_of_a_metric_is_the_largest_change_between_any_two_runs_of_any_row() {
        let slower = |factor: f64| {
            fixture::run(move |transport, metric| match (transport, metric) {
                (Transport::Sse, Metric::ServerCpu) => factor,
                _ => 1.0,
            })
        };
        let drift = Drift::of(&[slower(1.0), slower(1.12), slower(0.98)]).unwrap();
        assert!((drift.shares[&Metric::ServerCpu] - (1.12 / 0.98 - 1.0)).abs() < 1e-5, "{drift:?}");
        assert_eq!((drift.shares[&Metric::WireTotal], drift.runs), (0.0, 3));
        assert_eq!(Drift::of(&[slower(1.0)]), None, "one run has nothing to differ from");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/drift.json");
        drift.write(&file).unwrap();
        assert_eq!(Drift::read(&file).unwrap(), drift);
        std::fs::write(&file, "{}").unwrap();
        assert!(matches!(Drift::read(&file), Err(DriftError::Format { .. })));
        assert!(matches!(Drift::read(folder.path()), Err(DriftError::Read { .. })));
    }
}
