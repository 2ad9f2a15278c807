//! Compares predictions with trials that the model was not fitted to.

use super::{CapacityError, Model};
use crate::run::Transport;
use crate::run::capacity::{Capacity, CapacitySample};
use crate::run::reason::Verdict;
use crate::stats;

/// Tolerance for bytes.
pub const BYTES_WITHIN: f64 = 0.05;
/// Tolerance for processor time.
pub const CORES_WITHIN: f64 = 0.25;
/// The share of the intervals that must contain the measurement.
pub const COVERED: f64 = 0.9;

/// The error of one prediction in one trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictionError {
    /// The error as a share of the measurement: 0.1 is 10 % too much.
    pub off: f64,
    /// True if the interval contains the measurement.
    pub covered: bool,
}

/// The errors of one figure in several trials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(pub Vec<PredictionError>);

impl Figures {
    /// How many errors are within this share.
    pub fn within(&self, share: f64) -> usize {
        self.0.iter().filter(|one| one.off.abs() <= share).count()
    }

    /// How many intervals contain the measurement.
    pub fn covered(&self) -> usize {
        self.0.iter().filter(|one| one.covered).count()
    }

    /// The median error, without sign.
    pub fn median(&self) -> f64 {
        stats::median(&self.0.iter().map(|one| one.off.abs()).collect::<Vec<_>>()).unwrap_or(0.0)
    }

    /// The largest error, without sign.
    pub fn worst(&self) -> f64 {
        self.0.iter().map(|one| one.off.abs()).fold(0.0, f64::max)
    }
}

/// The validation of one transport, or of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validation {
    /// The transport; `None` for all together.
    pub transport: Option<Transport>,
    /// Bytes of a delivery.
    pub bytes: Figures,
    /// Processor time.
    pub cores: Figures,
    /// Memory.
    pub memory: Figures,
    /// Unusable trials, in which the generator was the bottleneck.
    pub invalid: usize,
}

impl Validation {
    /// True if every figure is within its tolerance.
    pub fn is_kept(&self) -> bool {
        let all = self.cores.0.len();
        let covered = [&self.bytes, &self.cores].iter().all(|one| one.covered() as f64 >= all as f64 * COVERED);
        all > 0 && covered && self.bytes.within(BYTES_WITHIN) == all && self.cores.within(CORES_WITHIN) == all
    }
}

/// Compares the predictions of a calibration with other trials: each transport, then all.
///
/// Errors: [`CapacityError`].
pub fn validate(capacity: &Capacity, trials: &[CapacitySample]) -> Result<Vec<Validation>, CapacityError> {
    let mut rows = Vec::new();
    let mut sum = Validation::default();
    for transport in Transport::ALL {
        let of: Vec<_> = trials.iter().filter(|one| one.workload.transport == transport).collect();
        if of.is_empty() {
            continue;
        }
        let model = Model::of(capacity, transport)?;
        let mut row = Validation { transport: Some(transport), ..Validation::default() };
        for one in of {
            if one.verdict == Verdict::Invalid {
                row.invalid += 1;
                continue;
            }
            let need = model.of_trial(one)?;
            let held = |band: super::fit::Band, measured: f64| PredictionError {
                off: band.value / measured - 1.0,
                covered: band.covers(measured),
            };
            row.bytes.0.push(held(need.bytes_per_delivery, one.wire_bytes_per_delivery));
            row.cores.0.push(held(need.cores, one.server_cores));
            row.memory.0.push(held(need.memory_bytes, one.server_bytes as f64));
        }
        sum.bytes.0.extend(&row.bytes.0);
        sum.cores.0.extend(&row.cores.0);
        sum.memory.0.extend(&row.memory.0);
        sum.invalid += row.invalid;
        rows.push(row);
    }
    rows.push(sum);
    Ok(rows)
}
