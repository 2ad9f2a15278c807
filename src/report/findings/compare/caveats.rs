//! Caveats: why a difference between two runs may have another cause than the one under test.

use crate::run::file::{PublishedFeed, Verdict};
use crate::run::metric::Metric;
use crate::run::reason::{Reason, RowId};
use crate::run::setting::Setting;

/// Which of the two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The baseline.
    First,
    /// The run that is judged.
    Second,
}

impl Which {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];

    /// Its index in a pair.
    pub fn index(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

/// A reason why a difference may have another cause.
#[derive(Clone, Debug, PartialEq)]
pub enum Caveat {
    /// A setting that differs between the runs, with its values in each.
    Setting {
        /// Which.
        setting: Setting,
        /// The first run's, and the second's.
        values: [Vec<f64>; 2],
    },
    /// Rows that only one run has.
    OnlyIn {
        /// Which run.
        run: Which,
        /// Its rows.
        rows: Vec<RowId>,
    },
    /// A run that is not valid.
    NotValid {
        /// Which run.
        run: Which,
        /// What it is.
        verdict: Verdict,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// A run that was cut short.
    CutShort {
        /// Which.
        run: Which,
    },
    /// A condition that differs.
    Condition {
        /// Which.
        condition: Condition,
        /// What it was in each.
        values: [Fact; 2],
    },
    /// A setting of the whole run that differs.
    RunSetting {
        /// What it is called.
        name: &'static str,
        /// What it was in each.
        values: [String; 2],
    },
    /// A note of the environment that differs; `None` if a run does not have it.
    Noted {
        /// Its name.
        name: String,
        /// What it says in each.
        values: [Option<String>; 2],
    },
    /// The TCP baseline, which uses no transport, changed.
    MachineChanged {
        /// The metric that changed.
        metric: Metric,
        /// The change as a share.
        share: f64,
    },
}

/// A condition of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Name of the host.
    Host,
    /// Kernel.
    Kernel,
    /// Processor model.
    Processor,
    /// Processors that the run could use.
    Cores,
    /// Memory of the host.
    Memory,
    /// Release or debug.
    Profile,
    /// Compiler.
    Compiler,
    /// Name of the scenario.
    Scenario,
    /// Where updates came from.
    Feed,
}

/// The value of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A name.
    Text(String),
    /// A number.
    Count(u64),
    /// A size.
    Bytes(u64),
    /// Where updates came from.
    Feed(PublishedFeed),
}
