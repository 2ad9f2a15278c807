//! Two runs side by side: what got better, what got worse, and what is within noise.
//!
//! The trial is the unit, as everywhere: what the trials of one run say of a figure against what those of the other say
//! ([`stats::difference`]). Value, change and interval come from the same [`Sample`]s as the rows of the report:
//! the change is always the second value over the first. Three things keep a comparison of a run with its own
//! repetition quiet:
//!
//! - *Many figures are looked at at once.* With a hundred, 5 % of false alarms each would mean five of them in every
//!   comparison. The p-values of a [`Family`] of figures are therefore judged together by the procedure of Benjamini
//!   and Hochberg ("Controlling the false discovery rate", J. R. Stat. Soc. B 57, 1995), so that
//!   of what is called different in a family 5 % at the most are expected to be false alarms.
//! - *A tail can be the work of one trial.* The bootstrap cannot tell how far the extremes of merged histograms vary
//!   (Efron and Tibshirani, 1993, section 7.4): two hiccups in six rounds, and it takes them for the rule. A latency is
//!   therefore called different only if the trials show it one by one as well.
//! - *Runs differ by more than their trials.* Two runs of one build are apart in time, in memory layout and in what
//!   else the machine does; the trials of one run do not show that (Kalibera and Jones, 2013, section 6). A difference
//!   smaller than `share_min` is not called one, however little the trials vary. Nor is small large because
//!   it is a multiple, as twice a share of 0.1 % is: see [`amount_min`].
//!
//! Simulated with 28 figures of four transports, hiccups in one trial of seven and a drift of 2 % between runs, two runs
//! of the same thing show any difference in 9 % of comparisons of three rounds, 5 % of four and 16 % of two or of six,
//! where the drift shows that no trial can tell; 20 % more processor time
//! under 3 % of noise is found for a given transport in 8 of 10 comparisons of three rounds and practically always with
//! four (200 comparisons each; the ignored test in `tests` repeats and prints them).
//!
//! Longer than most files by what it explains above.

mod caveats;
mod conditions;
mod pairs;
#[cfg(test)]
mod tests;

pub use caveats::{Caveat, Condition, Fact, Which};

use crate::limits;
use crate::report::findings::rows::Rows;
use crate::run::Transport;
use crate::run::drift::{Drift, Machine};
use crate::run::file::{Row, Run, Trial};
use crate::run::metric::{Family, Metric, Source, Unit};
use crate::run::reason::RowId;
use crate::run::samples;
use crate::stats::{self, Difference, Sample};

/// The smallest change that is called one of processor time where there is little of it: two runs of `quick`, with
/// 17 ms in a trial, were 19 % apart.
const BRIEF_SHARE_MIN: f64 = 0.25;

/// Share of false alarms allowed among what is called different in one family.
const FALSE_DISCOVERIES_MAX: f64 = 0.05;

/// Of intervals at 95 %, the share that leaves out the truth.
const LEFT_OUT: f64 = 0.05;

/// The result: the first run is the baseline, the second is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What the runs are, first the baseline.
    pub runs: [Side; 2],
    /// Why a difference may have another cause than what was to be compared.
    pub caveats: Vec<Caveat>,
    /// By what it was judged from when a change is one.
    pub calibration: Calibration,
    /// By row in the order of the summary, the TCP baseline last, and then by metric.
    pub deltas: Vec<Delta>,
}

/// From when on a change is called one.
#[derive(Clone, Debug, PartialEq)]
pub enum Calibration {
    /// Nobody measured this machine: the stated default.
    None,
    /// What was measured is of another machine or build than the runs: the stated default.
    OfAnother(Machine),
    /// What two runs of the same thing differ by on this machine.
    Used {
        /// Of how many runs.
        runs: u32,
        /// Of which scenario.
        scenario: String,
        /// When, as in the file.
        measured_at: String,
    },
}

/// What a reader must know of one of the two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Scenario.
    pub scenario: String,
    /// When it began, as in the run file.
    pub started_at: String,
    /// What it was built from.
    pub commit: String,
    /// How to repeat it.
    pub command: Vec<String>,
    /// Its rows.
    pub rows: Rows,
}

/// One metric of one row in both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// The row in the first run, and in the second.
    pub rows: [RowId; 2],
    /// Which metric.
    pub metric: Metric,
    /// Its value in the baseline, as in the summary.
    pub before: Option<f64>,
    /// Its value in the other.
    pub after: Option<f64>,
    /// The second over the first; its `ratio` is `after` over `before`.
    pub difference: Option<Difference>,
    /// The chance of such a difference between two runs of the same thing, for the judgement: that of the difference,
    /// or the larger one that the trials show one by one.
    pub p_value: f64,
    /// The smallest change that is called one, as a share.
    pub share_min: f64,
    /// What that means.
    pub outcome: Outcome,
}

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It changed to the worse.
    Worse,
    /// It changed to the better.
    Better,
    /// It changed, and is neither good nor bad: the workload itself.
    Changed,
    /// Within noise although its own interval leaves out no change: with so many figures looked at, some interval does by chance.
    Chance,
    /// The same: it changed by less than two runs of the same thing drift apart, or by less than matters.
    Small,
    /// The interval holds no change: no difference can be told from noise.
    WithinNoise,
    /// There is not enough to compare.
    NotComparable(Lack),
}

/// Why a figure cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// One of the runs did not measure it.
    NotMeasured,
    /// One of the runs has a single round, which has no noise to compare with.
    OneRound,
    /// It was zero before.
    WasZero,
}

/// The smallest change of a metric of this family that is called one: a tenth for what the machine decides, which drifts
/// by some percent from run to run, and a hundredth for what the protocol decides.
fn share_min(family: Family) -> f64 {
    match family {
        Family::Latency | Family::Processor | Family::Memory | Family::Connect | Family::Generator => 0.1,
        Family::Wire => 0.01,
    }
}

/// The smallest change that is called one in the figure's own unit.
pub fn amount_min(unit: Unit) -> f64 {
    match unit {
        // The step of the clock readings that a latency is made of.
        Unit::Nanos => 100.0,
        Unit::Bytes => 0.5,
        Unit::Count => 0.005,
        Unit::Fraction => 0.01,
    }
}

/// Is less better? The payload is the workload, and the generator's own time the instrument's: neither good nor bad. All
/// other figures are costs.
pub fn is_cost(metric: Metric) -> bool {
    !matches!(metric, Metric::WirePayload | Metric::GeneratorCpu)
}

/// Compares `after` with the baseline `before`, on a machine of which nothing is known.
pub fn compare(before: &Run, after: &Run) -> Comparison {
    compare_calibrated(before, after, None)
}

/// Compares `after` with the baseline `before`. What this machine's own runs are known to differ by takes the place of the
/// default for the smallest change that is called one.
pub fn compare_calibrated(before: &Run, after: &Run, drift: Option<&Drift>) -> Comparison {
    let machines = [before, after].map(|run| Machine::of(&run.environment));
    let of_both = drift.filter(|drift| machines.iter().all(|machine| *machine == drift.machine));
    let calibration = match (drift, of_both) {
        (None, _) => Calibration::None,
        (Some(drift), None) => Calibration::OfAnother(drift.machine.clone()),
        (_, Some(drift)) => Calibration::Used {
            runs: drift.runs,
            scenario: drift.scenario.clone(),
            measured_at: drift.measured_at.clone(),
        },
    };
    // First what was to be compared, or was set by a slip.
    let pairing = pairs::of(before, after);
    let mut caveats = pairing.caveats;
    caveats.extend(conditions::differing(before, after));
    let mut deltas = Vec::new();
    for (first, second) in pairing.pairs {
        deltas.extend(deltas_of([(before, first), (after, second)]));
    }
    for delta in &mut deltas {
        let known = of_both.and_then(|drift| drift.shares.get(&delta.metric));
        delta.share_min = known.copied().unwrap_or(delta.share_min);
    }
    judge(&mut deltas);
    caveats.extend(machine_changed(&deltas));
    Comparison { runs: [before, after].map(Side::of), caveats, calibration, deltas }
}

fn deltas_of(rows: [(&Run, &Row); 2]) -> Vec<Delta> {
    let trials = rows.map(|(run, row)| run.trials_of(row));
    let seeds = rows.map(|(run, _)| run.scenario.seed);
    let [earlier, later] = [0, 1].map(|side| samples::all(&trials[side], seeds[side]));
    let ids = rows.map(|(_, row)| row.id());
    let delta = |&metric: &Metric| {
        let (base, new) = (earlier.get(metric).as_ref(), later.get(metric).as_ref());
        let difference = base.zip(new).and_then(|(base, new)| stats::difference(new, base));
        let outcome = match (difference, base, new) {
            (Some(_), ..) => Outcome::WithinNoise,
            (None, Some(base), Some(new)) if base.trials.min(new.trials) < 2 => Outcome::NotComparable(Lack::OneRound),
            (None, Some(base), Some(new)) if base.value == 0.0 && new.value == 0.0 => Outcome::WithinNoise,
            (None, Some(_), Some(_)) => Outcome::NotComparable(Lack::WasZero),
            (None, ..) => Outcome::NotComparable(Lack::NotMeasured),
        };
        let [before, after] = [base, new].map(|sample| sample.map(|sample| sample.value));
        let one_by_one = || {
            let [base, new] = [0, 1].map(|at| Sample::of_median(&samples::values(&trials[at], metric), seeds[at]));
            stats::difference(&new?, &base?)
        };
        // Of anything but latency, the sample is of the trials one by one already.
        let is_merged = metric.source() != Source::Trials;
        let all = [difference, is_merged.then(one_by_one).flatten()];
        let p_value = all.iter().flatten().map(|found| found.p_value).fold(0.0, f64::max);
        let is_brief = metric == Metric::ServerCpu && trials.iter().flatten().any(|trial| is_brief(trial));
        let share_min = if is_brief { BRIEF_SHARE_MIN } else { share_min(metric.family()) };
        Delta { rows: ids, metric, before, after, difference, p_value, share_min, outcome }
    };
    Metric::ALL.iter().map(delta).collect()
}

/// Did the server work for so short a time that it depends on how it was woken?
fn is_brief(trial: &Trial) -> bool {
    let spent = trial.metrics.get(Metric::ServerCpu).0.map(|each| each * trial.arrived as f64);
    spent.is_some_and(|spent| spent < limits::PROCESSOR_TIME_BRIEF.0 as f64)
}

/// Decides what is different, family by family.
fn judge(deltas: &mut [Delta]) {
    for family in Family::ALL {
        // The TCP baseline has its own: it is there to tell whether the machine changed.
        for is_tcp_baseline in [false, true] {
            let mut members: Vec<&mut Delta> = deltas
                .iter_mut()
                .filter(|delta| delta.metric.family() == family && delta.transport().is_none() == is_tcp_baseline)
                .collect();
            let mut p_values: Vec<f64> =
                members.iter().filter(|delta| delta.difference.is_some()).map(|delta| delta.p_value).collect();
            let cutoff = discovery_cutoff(&mut p_values);
            members.iter_mut().for_each(|delta| delta.outcome = outcome(delta, cutoff));
        }
    }
}

/// What became of a figure, in view of the others of its family.
fn outcome(delta: &Delta, cutoff: f64) -> Outcome {
    let (Some(difference), Some(amount)) = (&delta.difference, delta.amount()) else { return delta.outcome };
    match (difference.is_clear, is_worth_the_name(delta, amount), delta.p_value <= cutoff) {
        (false, ..) => Outcome::WithinNoise,
        (true, false, _) => Outcome::Small,
        (true, true, false) => Outcome::Chance,
        (true, true, true) if !is_cost(delta.metric) => Outcome::Changed,
        (true, true, true) if amount > 0.0 => Outcome::Worse,
        (true, true, true) => Outcome::Better,
    }
}

fn is_worth_the_name(delta: &Delta, amount: f64) -> bool {
    let share = delta.share().map_or(0.0, f64::abs);
    share >= delta.share_min && amount.abs() >= amount_min(delta.metric.unit())
}

/// The largest p-value that is still called a discovery: the k-th smallest of m, for the largest k with p ≤ k/m × 5 %.
/// Below zero if there is none.
fn discovery_cutoff(p_values: &mut [f64]) -> f64 {
    p_values.sort_by(f64::total_cmp);
    let count = p_values.len() as f64;
    let is_below = |(index, p): &(usize, &f64)| **p <= (index + 1) as f64 / count * FALSE_DISCOVERIES_MAX;
    p_values.iter().enumerate().rfind(is_below).map_or(-1.0, |(_, p)| *p)
}

/// The TCP baseline has no transport in it: if it changed, the machine did.
fn machine_changed(deltas: &[Delta]) -> Option<Caveat> {
    let is_changed =
        |delta: &&Delta| delta.transport().is_none() && matches!(delta.outcome, Outcome::Better | Outcome::Worse);
    let changed = deltas.iter().find(is_changed)?;
    Some(Caveat::MachineChanged { metric: changed.metric, share: changed.share()? })
}

impl Side {
    fn of(run: &Run) -> Self {
        Self {
            scenario: run.scenario.name.clone(),
            started_at: run.started_at.clone(),
            commit: run.environment.commit.clone(),
            command: run.environment.command.clone(),
            rows: Rows::of(run),
        }
    }
}

impl Comparison {
    /// The deltas of one outcome, in order, those of the TCP baseline aside: it is there to be compared with.
    pub fn of(&self, outcome: Outcome) -> impl Iterator<Item = &Delta> {
        self.transports().filter(move |delta| delta.outcome == outcome)
    }

    /// How many of these outcomes there are.
    pub fn count(&self, outcomes: &[Outcome]) -> usize {
        self.transports().filter(|delta| outcomes.contains(&delta.outcome)).count()
    }

    /// Those of transports, in order.
    pub fn transports(&self) -> impl Iterator<Item = &Delta> {
        self.deltas.iter().filter(|delta| delta.transport().is_some())
    }

    /// Is there no transport that both runs measured under settings that can be compared with one another?
    pub fn is_empty(&self) -> bool {
        self.transports().next().is_none()
    }

    /// How many could be judged.
    pub fn judged(&self) -> usize {
        self.transports().filter(|delta| delta.difference.is_some()).count()
    }

    /// How many of these would show a difference by chance alone.
    pub fn by_chance(&self) -> usize {
        (self.judged() as f64 * LEFT_OUT).round().max(1.0) as usize
    }
}

impl Outcome {
    /// Those that are a difference, the worst first.
    pub const DIFFERENT: [Self; 3] = [Self::Worse, Self::Better, Self::Changed];
    /// Those that are within noise.
    pub const NOISE: [Self; 3] = [Self::WithinNoise, Self::Chance, Self::Small];
    /// Why a metric was not judged.
    pub const LACKING: [Self; 3] = [
        Self::NotComparable(Lack::NotMeasured),
        Self::NotComparable(Lack::OneRound),
        Self::NotComparable(Lack::WasZero),
    ];
}

impl Delta {
    /// The transport; `None` for the TCP baseline.
    pub fn transport(&self) -> Option<Transport> {
        self.rows[0].transport
    }

    /// Is there something to show of both runs?
    pub fn is_shown(&self) -> bool {
        match self.outcome {
            Outcome::NotComparable(Lack::NotMeasured | Lack::WasZero) => false,
            Outcome::NotComparable(Lack::OneRound)
            | Outcome::Worse
            | Outcome::Better
            | Outcome::Changed
            | Outcome::Chance
            | Outcome::Small
            | Outcome::WithinNoise => true,
        }
    }

    /// By how much the second is more, in the figure's unit.
    pub fn amount(&self) -> Option<f64> {
        Some(self.after? - self.before?)
    }

    /// The same as a share of the first: 0.2 is a fifth more. `None` without both values, or from zero to something.
    pub fn share(&self) -> Option<f64> {
        let (before, amount) = (self.before?, self.amount()?);
        match before == 0.0 {
            true => (amount == 0.0).then_some(0.0),
            false => Some(amount / before.abs()),
        }
    }

    /// Where that share is, with 95 % confidence.
    pub fn share_ci95(&self) -> Option<[f64; 2]> {
        // Below zero, as a growth of memory can be for noise, a larger ratio is less.
        let sign = self.before?.signum();
        let mut ends = self.difference?.ci95.map(|ratio| (ratio - 1.0) * sign);
        ends.sort_by(f64::total_cmp);
        Some(ends)
    }
}
