//! Compares two runs: what got better, what got worse, and what is within noise.
//!
//! The statistical unit is the trial: a metric's values in the trials of one run are compared with those in the trials
//! of the other ([`stats::difference`]). Value, change and interval come from the same [`Sample`]s as the rows of the
//! report, and the change is always the second value over the first. Three rules prevent false alarms when a run is
//! compared with its own repetition:
//!
//! - *Many metrics are compared at once.* With a hundred, 5 % of false alarms each would mean five in every comparison.
//!   The p-values of a [`Family`] of metrics are therefore judged together by the procedure of Benjamini and Hochberg
//!   ("Controlling the false discovery rate", J. R. Stat. Soc. B 57, 1995), so that at most 5 % of the differences
//!   reported in a family are expected to be false alarms.
//! - *A tail can come from one trial.* The bootstrap does not estimate well how much the extremes of merged histograms
//!   vary (Efron and Tibshirani, 1993, section 7.4): after two hiccups in six rounds, it treats them as normal. A
//!   latency is therefore called different only if the individual trials show it as well.
//! - *Runs differ by more than their trials.* Two runs of one build differ in time, in memory layout and in the other
//!   work of the machine, which the trials of one run do not show (Kalibera and Jones, 2013, section 6). A difference
//!   smaller than `share_min` is not called one, however little the trials vary. The same holds for a small amount that
//!   is a large ratio, such as twice a share of 0.1 %: see [`amount_min`].
//!
//! In a simulation with 28 metrics of four transports, hiccups in one trial of seven and a drift of 2 % between runs,
//! two identical runs show any difference in 9 % of comparisons with three rounds, 5 % with four, and 16 % with two or
//! with six, where the drift shows that no trial can reveal. 20 % more processor time under 3 % of noise is found for a
//! given transport in 8 of 10 comparisons with three rounds, and practically always with four (200 comparisons each;
//! the ignored test in `tests` repeats and prints them).
//!
//! Over 400 lines, because of the explanation above.

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

/// The smallest change that counts for a small amount of processor time: two runs of `quick`, with 17 ms in a trial,
/// differed by 19 %.
const BRIEF_SHARE_MIN: f64 = 0.25;

/// Share of false alarms allowed among the differences of one family.
const FALSE_DISCOVERIES_MAX: f64 = 0.05;

/// Share of 95 % intervals that do not contain the true value.
const LEFT_OUT: f64 = 0.05;

/// The result of a comparison: the first run is the baseline, the second is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The two runs, the baseline first.
    pub runs: [Side; 2],
    /// Why a difference may have another cause than the one under test.
    pub caveats: Vec<Caveat>,
    /// The source of the smallest changes that count.
    pub calibration: Calibration,
    /// Ordered by row as in the summary, with the TCP baseline last, and then by metric.
    pub deltas: Vec<Delta>,
}

/// The source of the smallest change of a metric that counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Calibration {
    /// Without a calibration, the defaults apply.
    None,
    /// The calibration is for another machine or build than the runs, so the defaults apply.
    OfAnother(Machine),
    /// The calibration applies: how much repeated runs differ on this machine.
    Used {
        /// Number of runs.
        runs: u32,
        /// Their scenario.
        scenario: String,
        /// Time of the calibration, as in its file.
        measured_at: String,
    },
}

/// One of the two runs, as described in a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Scenario.
    pub scenario: String,
    /// Time of its start, as in the run file.
    pub started_at: String,
    /// The commit it was built from.
    pub commit: String,
    /// The command that repeats it.
    pub command: Vec<String>,
    /// Its rows.
    pub rows: Rows,
}

/// One metric of one row in both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// The row in the first run, and in the second.
    pub rows: [RowId; 2],
    /// The metric.
    pub metric: Metric,
    /// Its value in the baseline, as in the summary.
    pub before: Option<f64>,
    /// Its value in the second run.
    pub after: Option<f64>,
    /// The second over the first; its `ratio` is `after` over `before`.
    pub difference: Option<Difference>,
    /// The probability of such a difference between two identical runs: that of the difference, or that of the
    /// individual trials if it is larger.
    pub p_value: f64,
    /// The smallest change that counts, as a share.
    pub share_min: f64,
    /// The verdict.
    pub outcome: Outcome,
}

/// The outcome of comparing a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It changed to the worse.
    Worse,
    /// It changed to the better.
    Better,
    /// It changed, but is neither good nor bad, like the workload itself.
    Changed,
    /// Within noise, although its own interval excludes zero change: among so many metrics, some intervals do by
    /// chance.
    Chance,
    /// Within noise, although its own interval excludes zero change: it changed by less than repeated runs drift, or by
    /// less than matters.
    Small,
    /// Within noise: the interval contains zero change.
    WithinNoise,
    /// The data are not enough to compare it.
    NotComparable(NotCompared),
}

/// Why a metric cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotCompared {
    /// One of the runs did not measure it.
    NotMeasured,
    /// One of the runs has a single round, so its noise is unknown.
    OneRound,
    /// It was zero in the first run.
    WasZero,
}

/// The default for the smallest change that counts: a tenth for families that depend on the machine, which drifts by
/// some percent from run to run, and a hundredth for those that depend on the protocol.
fn share_min(family: Family) -> f64 {
    match family {
        Family::Latency | Family::Processor | Family::Memory | Family::Connect | Family::Generator => 0.1,
        Family::Wire => 0.01,
    }
}

/// The smallest change that counts, in the metric's own unit.
pub fn amount_min(unit: Unit) -> f64 {
    match unit {
        // The resolution of the clock readings.
        Unit::Nanos => 100.0,
        Unit::Bytes => 0.5,
        Unit::Count => 0.005,
        Unit::Fraction => 0.01,
    }
}

/// True if less is better. The payload belongs to the workload and the generator's own time to the instrument, so both
/// are neither good nor bad. All other metrics are costs.
pub fn is_cost(metric: Metric) -> bool {
    !matches!(metric, Metric::WirePayload | Metric::GeneratorCpu)
}

/// Compares `after` with the baseline `before`, without a calibration.
pub fn compare(before: &Run, after: &Run) -> Comparison {
    compare_calibrated(before, after, None)
}

/// Compares `after` with the baseline `before`. A calibration for this machine replaces the defaults for the smallest
/// change that counts.
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
    // Settings come first: they are the subject of the comparison, or a mistake.
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
            (None, Some(base), Some(new)) if base.trials.min(new.trials) < 2 => {
                Outcome::NotComparable(NotCompared::OneRound)
            }
            (None, Some(base), Some(new)) if base.value == 0.0 && new.value == 0.0 => Outcome::WithinNoise,
            (None, Some(_), Some(_)) => Outcome::NotComparable(NotCompared::WasZero),
            (None, ..) => Outcome::NotComparable(NotCompared::NotMeasured),
        };
        let [before, after] = [base, new].map(|sample| sample.map(|sample| sample.value));
        let one_by_one = || {
            let [base, new] = [0, 1].map(|at| Sample::of_median(&samples::values(&trials[at], metric), seeds[at]));
            stats::difference(&new?, &base?)
        };
        // For metrics other than latency, the sample already consists of individual trials.
        let is_merged = metric.source() != Source::Trials;
        let all = [difference, is_merged.then(one_by_one).flatten()];
        let p_value = all.iter().flatten().map(|found| found.p_value).fold(0.0, f64::max);
        let is_brief = metric == Metric::ServerCpu && trials.iter().flatten().any(|trial| is_brief(trial));
        let share_min = if is_brief { BRIEF_SHARE_MIN } else { share_min(metric.family()) };
        Delta { rows: ids, metric, before, after, difference, p_value, share_min, outcome }
    };
    Metric::ALL.iter().map(delta).collect()
}

/// True if the server's processor time is so short that it depends on how the server was woken.
fn is_brief(trial: &Trial) -> bool {
    let spent = trial.metrics.get(Metric::ServerCpu).0.map(|each| each * trial.arrived as f64);
    spent.is_some_and(|spent| spent < limits::PROCESSOR_TIME_BRIEF.0 as f64)
}

/// Sets the outcomes, family by family.
fn judge(deltas: &mut [Delta]) {
    for family in Family::ALL {
        // The TCP baseline is judged separately: it shows whether the machine changed.
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

/// The outcome of a metric, given the cutoff of its family.
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

/// The largest p-value that is still a discovery: the k-th smallest of m, for the largest k with p ≤ k/m × 5 %.
/// Negative if there is none.
fn discovery_cutoff(p_values: &mut [f64]) -> f64 {
    p_values.sort_by(f64::total_cmp);
    let count = p_values.len() as f64;
    let is_below = |(index, p): &(usize, &f64)| **p <= (index + 1) as f64 / count * FALSE_DISCOVERIES_MAX;
    p_values.iter().enumerate().rfind(is_below).map_or(-1.0, |(_, p)| *p)
}

/// A caveat if the TCP baseline changed. It uses no transport, so the machine must have changed.
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
    /// The deltas of one outcome in order, without those of the TCP baseline.
    pub fn of(&self, outcome: Outcome) -> impl Iterator<Item = &Delta> {
        self.transports().filter(move |delta| delta.outcome == outcome)
    }

    /// The number of deltas with these outcomes, without the TCP baseline.
    pub fn count(&self, outcomes: &[Outcome]) -> usize {
        self.transports().filter(|delta| outcomes.contains(&delta.outcome)).count()
    }

    /// The deltas of transports, in order.
    pub fn transports(&self) -> impl Iterator<Item = &Delta> {
        self.deltas.iter().filter(|delta| delta.transport().is_some())
    }

    /// True if there is no transport that both runs measured under comparable settings.
    pub fn is_empty(&self) -> bool {
        self.transports().next().is_none()
    }

    /// The number of deltas that could be judged.
    pub fn judged(&self) -> usize {
        self.transports().filter(|delta| delta.difference.is_some()).count()
    }

    /// The expected number of intervals that exclude zero change by chance alone.
    pub fn by_chance(&self) -> usize {
        (self.judged() as f64 * LEFT_OUT).round().max(1.0) as usize
    }
}

impl Outcome {
    /// The outcomes that are a difference, the worst first.
    pub const DIFFERENT: [Self; 3] = [Self::Worse, Self::Better, Self::Changed];
    /// The outcomes that are within noise.
    pub const NOISE: [Self; 3] = [Self::WithinNoise, Self::Chance, Self::Small];
    /// The outcomes of metrics that were not judged.
    pub const LACKING: [Self; 3] = [
        Self::NotComparable(NotCompared::NotMeasured),
        Self::NotComparable(NotCompared::OneRound),
        Self::NotComparable(NotCompared::WasZero),
    ];
}

impl Delta {
    /// The transport; `None` for the TCP baseline.
    pub fn transport(&self) -> Option<Transport> {
        self.rows[0].transport
    }

    /// True if there is a value to show for both runs.
    pub fn is_shown(&self) -> bool {
        match self.outcome {
            Outcome::NotComparable(NotCompared::NotMeasured | NotCompared::WasZero) => false,
            Outcome::NotComparable(NotCompared::OneRound)
            | Outcome::Worse
            | Outcome::Better
            | Outcome::Changed
            | Outcome::Chance
            | Outcome::Small
            | Outcome::WithinNoise => true,
        }
    }

    /// The second value minus the first, in the metric's unit.
    pub fn amount(&self) -> Option<f64> {
        Some(self.after? - self.before?)
    }

    /// The change as a share of the first value: 0.2 is a fifth more. `None` without both values, or for a change from
    /// zero.
    pub fn share(&self) -> Option<f64> {
        let (before, amount) = (self.before?, self.amount()?);
        match before == 0.0 {
            true => (amount == 0.0).then_some(0.0),
            false => Some(amount / before.abs()),
        }
    }

    /// The 95 % interval of that share.
    pub fn share_ci95(&self) -> Option<[f64; 2]> {
        // For a negative value, such as noise in a growth of memory, a larger ratio is less.
        let sign = self.before?.signum();
        let mut ends = self.difference?.ci95.map(|ratio| (ratio - 1.0) * sign);
        ends.sort_by(f64::total_cmp);
        Some(ends)
    }
}
