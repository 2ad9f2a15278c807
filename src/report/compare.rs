//! Two runs side by side: what got better, what got worse, and what is within noise.
//!
//! The trial is the unit, as everywhere: a figure's values in the trials of one run against those of the other
//! ([`statistics::difference`]). Three things keep a comparison of a run with its own repetition quiet:
//!
//! - *Many figures are looked at at once.* With a hundred, 5 % of false alarms each would mean five of them in every
//!   comparison. The p-values of a [`Family`] of figures are therefore judged together by the procedure of Benjamini
//!   and Hochberg ("Controlling the false discovery rate", J. R. Stat. Soc. B 57, 1995): of what is called different
//!   in a family, 5 % at the most are expected to be false alarms, and where nothing is different anything is called
//!   so in 5 % of comparisons at the most.
//! - *Runs differ by more than their trials.* Two runs of one build are apart in time, in memory layout and in what
//!   else the machine does; the trials of one run do not show that (Kalibera and Jones, 2013, section 6). A difference
//!   smaller than [`Family::share_min`] is not called one, however little the trials vary.
//! - *Small is not large because it is a multiple.* Twice a share of 0.1 % is no news: see [`amount_min`].
//!
//! Simulated with 28 figures of four transports and the noise that they have, two runs of the same thing show any
//! difference in about 4 % of comparisons, and 20 % more processor time under 3 % of noise is found for a given
//! transport in 8 of 10 comparisons of three rounds, and practically always with four.

mod conditions;

use super::run_file::{Row, Run, Trial};
use super::summary::{self, is_same_point};
use crate::measure::figures::{Figure, Unit};
use crate::measure::statistics::{self, Difference};
use crate::transport::Transport;

/// Share of false alarms allowed among what is called different.
const FALSE_DISCOVERIES_MAX: f64 = 0.05;

/// The result: the first run is the baseline, the second is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What the runs are, first the baseline.
    pub runs: [Side; 2],
    /// Why a difference may have another cause than what was to be compared.
    pub warnings: Vec<String>,
    /// By row in the order of the summary, the floor last, and then by figure.
    pub lines: Vec<Line>,
}

/// What a reader must know of one of the two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Scenario.
    pub scenario: String,
    /// When it began.
    pub started_at: String,
    /// What it was built from.
    pub commit: String,
    /// How to repeat it.
    pub command: String,
}

/// One figure of one row in both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The transport; `None` for the floor.
    pub transport: Option<Transport>,
    /// The row's name: transport and the settings that set its point apart.
    pub name: String,
    /// Which figure.
    pub figure: Figure,
    /// Its value in the baseline's summary.
    pub before: Option<f64>,
    /// Its value in the other's.
    pub after: Option<f64>,
    /// The second over the first; its `ratio` is of the medians of trials.
    pub difference: Option<Difference>,
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
    /// No difference can be told from noise, or none worth the name.
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

/// Figures about one thing, whose p-values are judged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// How late.
    Latency,
    /// How many requests and bytes.
    Wire,
    /// How much processor time.
    Processor,
    /// How much memory.
    Memory,
    /// How long it takes to connect.
    Connect,
}

impl Family {
    /// Where a figure belongs.
    pub fn of(figure: Figure) -> Self {
        use Figure as F;
        match figure {
            F::LatencyP50 | F::LatencyP90 | F::LatencyP99 | F::LatencyP999 | F::LatencyMax | F::LatencyMean => {
                Self::Latency
            }
            F::UncorrectedP50 | F::UncorrectedP90 | F::UncorrectedP99 | F::UncorrectedP999 => Self::Latency,
            F::UncorrectedMax | F::UncorrectedMean | F::AgeMean | F::StaleFraction => Self::Latency,
            F::RequestsPerDelivery | F::EmptyFraction | F::WireTotal | F::WirePayload => Self::Wire,
            F::WireFraming | F::WireHttpHeaders | F::WireTcpIp | F::WireRetransmitted => Self::Wire,
            F::ServerCpu | F::HostCpu => Self::Processor,
            F::ServerRss | F::ServerRssLoaded | F::Kernel => Self::Memory,
            F::ConnectP50 => Self::Connect,
        }
    }

    /// The smallest change that is called one: a tenth for what the machine decides, which drifts by some percent from
    /// run to run, and a hundredth for what the protocol decides.
    pub fn share_min(self) -> f64 {
        match self {
            Self::Latency | Self::Processor | Self::Memory | Self::Connect => 0.1,
            Self::Wire => 0.01,
        }
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

/// Is less better? The payload is the workload and neither good nor bad; all other figures are costs.
pub fn is_cost(figure: Figure) -> bool {
    figure != Figure::WirePayload
}

/// Compares `after` with the baseline `before`.
pub fn compare(before: &Run, after: &Run) -> Comparison {
    let mut warnings = conditions::differing(before, after);
    let mut lines = Vec::new();
    let rows = |run: &'_ Run| -> Vec<Row> { run.summary.iter().chain(&run.floor).cloned().collect() };
    let (first, second) = (rows(before), rows(after));
    let points: Vec<_> = first.iter().map(|row| &row.point).collect();
    let is_same = |a: &Row, b: &Row| a.transport == b.transport && is_same_point(&a.point, &b.point);
    for row in &first {
        let name = summary::row_name(row, &points);
        match second.iter().find(|other| is_same(row, other)) {
            Some(other) => lines.extend(figures_of(before, after, row, other, &name)),
            None => warnings.push(format!("{name} is only in the first run")),
        }
    }
    let other_points: Vec<_> = second.iter().map(|row| &row.point).collect();
    for row in second.iter().filter(|row| !first.iter().any(|other| is_same(other, row))) {
        warnings.push(format!("{} is only in the second run", summary::row_name(row, &other_points)));
    }
    judge(&mut lines);
    warnings.extend(machine_changed(&lines));
    Comparison { runs: [before, after].map(Side::of), warnings, lines }
}

fn figures_of(before: &Run, after: &Run, first: &Row, second: &Row, name: &str) -> Vec<Line> {
    let trials = |run: &'_ Run, row: &Row| -> Vec<Trial> {
        let is_of_row = |trial: &&Trial| trial.transport == row.transport && is_same_point(&trial.point, &row.point);
        run.trials.iter().filter(is_of_row).cloned().collect()
    };
    let (earlier, later) = (trials(before, first), trials(after, second));
    let line = |&figure: &Figure| {
        let values = |trials: &[Trial]| summary::values(&trials.iter().collect::<Vec<_>>(), figure);
        let (base, new) = (values(&earlier), values(&later));
        let difference = statistics::difference(&new, &base, before.scenario.seed);
        let outcome = match difference {
            Some(_) => Outcome::WithinNoise,
            None if base.is_empty() || new.is_empty() => Outcome::NotComparable(Lack::NotMeasured),
            None if base.len() < 2 || new.len() < 2 => Outcome::NotComparable(Lack::OneRound),
            None => Outcome::NotComparable(Lack::WasZero),
        };
        let [before, after] = [first, second].map(|row| row.figures.get(figure).0);
        Line { transport: first.transport, name: name.to_owned(), figure, before, after, difference, outcome }
    };
    Figure::ALL.iter().map(line).collect()
}

/// Decides what is different, family by family.
fn judge(lines: &mut [Line]) {
    for family in [Family::Latency, Family::Wire, Family::Processor, Family::Memory, Family::Connect] {
        // The floor has its own: it is there to tell whether the machine changed.
        for is_floor in [false, true] {
            let mut members: Vec<&mut Line> = lines
                .iter_mut()
                .filter(|line| Family::of(line.figure) == family && line.transport.is_none() == is_floor)
                .collect();
            let mut p_values: Vec<f64> =
                members.iter().filter_map(|line| Some(line.difference.as_ref()?.p_value)).collect();
            let cutoff = discovery_cutoff(&mut p_values);
            for line in &mut members {
                if let Some(difference) = &line.difference
                    && difference.p_value <= cutoff
                    && is_worth_the_name(line, difference)
                {
                    // Below zero, as a growth of memory can be for noise, a larger ratio is less.
                    let is_more = (difference.ratio > 1.0) == (line.before.unwrap_or_default() >= 0.0);
                    line.outcome = match (is_cost(line.figure), is_more) {
                        (false, _) => Outcome::Changed,
                        (true, true) => Outcome::Worse,
                        (true, false) => Outcome::Better,
                    };
                }
            }
        }
    }
}

fn is_worth_the_name(line: &Line, difference: &Difference) -> bool {
    let share = (difference.ratio - 1.0).abs();
    let amount = share * line.before.unwrap_or_default().abs();
    share >= Family::of(line.figure).share_min() && amount >= amount_min(line.figure.unit())
}

/// The largest p-value that is still called a discovery: the k-th smallest of m, for the largest k with p ≤ k/m × 5 %.
/// Below zero if there is none.
fn discovery_cutoff(p_values: &mut [f64]) -> f64 {
    p_values.sort_by(f64::total_cmp);
    let count = p_values.len() as f64;
    let is_below = |(index, p): &(usize, &f64)| **p <= (index + 1) as f64 / count * FALSE_DISCOVERIES_MAX;
    p_values.iter().enumerate().rfind(is_below).map_or(-1.0, |(_, p)| *p)
}

/// The floor has no transport in it: if it changed, the machine did.
fn machine_changed(lines: &[Line]) -> Option<String> {
    let is_changed =
        |line: &&Line| line.transport.is_none() && matches!(line.outcome, Outcome::Better | Outcome::Worse);
    let changed = lines.iter().find(is_changed)?;
    let change = changed.difference.as_ref().map(|difference| change(difference.ratio))?;
    Some(format!(
        "the machine itself changed between the runs: the floor's {} is {change}; read the other changes against that, \
         or repeat both runs",
        changed.figure.label()
    ))
}

impl Side {
    fn of(run: &Run) -> Self {
        Self {
            scenario: run.scenario.name.clone(),
            started_at: run.started_at.clone(),
            commit: run.environment.commit.clone(),
            command: run.environment.command.join(" "),
        }
    }
}

impl Outcome {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Changed => "changed",
            Self::WithinNoise => "within noise",
            Self::NotComparable(Lack::NotMeasured) => "not measured in both",
            Self::NotComparable(Lack::OneRound) => "one round, which shows no noise",
            Self::NotComparable(Lack::WasZero) => "zero before",
        }
    }
}

/// A ratio as a change: `+20.3 %`.
pub fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    let sign = if percent < -0.05 { "−" } else { "+" };
    format!("{sign}{:.1} %", percent.abs())
}

impl Comparison {
    /// The lines of one outcome, in order, those of the floor aside: it is there to be compared with.
    pub fn of(&self, outcome: Outcome) -> impl Iterator<Item = &Line> {
        self.transports().filter(move |line| line.outcome == outcome)
    }

    fn transports(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.transport.is_some())
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        let count = |outcome| self.of(outcome).count();
        let lacking = self.transports().filter(|line| matches!(line.outcome, Outcome::NotComparable(_))).count();
        format!(
            "{} figures got worse, {} got better, {} changed, {} are within noise, {lacking} cannot be compared.",
            count(Outcome::Worse),
            count(Outcome::Better),
            count(Outcome::Changed),
            count(Outcome::WithinNoise),
        )
    }

    /// For the terminal: the warnings, what changed, what did not, and the sentence at the end, where the eye is.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (name, side) in ["first", "second"].iter().zip(&self.runs) {
            text.push_str(&format!("{name:>6}: {}, {}, commit {}\n", side.scenario, side.started_at, side.commit));
        }
        for warning in &self.warnings {
            text.push_str(&format!("  note: {warning}\n"));
        }
        let head = ["", "figure", "first", "second", "change", "95 % interval", ""].map(str::to_owned);
        let mut rows = vec![head];
        let mut lines: Vec<&Line> = self.lines.iter().filter(|line| line.difference.is_some()).collect();
        // Stable: within an outcome, the order of the summary.
        lines.sort_by_key(|line| line.outcome);
        rows.extend(lines.into_iter().map(Line::cells));
        text.push('\n');
        text.push_str(&aligned(&rows));
        for lack in [Lack::NotMeasured, Lack::OneRound, Lack::WasZero] {
            let outcome = Outcome::NotComparable(lack);
            let count = self.of(outcome).count();
            if count > 0 {
                text.push_str(&format!("{count} more: {}\n", outcome.label()));
            }
        }
        text.push_str(&format!("\n{}\n", self.sentence()));
        text
    }
}

impl Line {
    /// Name, figure, first, second, change, interval of the change, outcome: in words, for a table.
    pub fn cells(&self) -> [String; 7] {
        let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| self.figure.show(value));
        let (ratio, interval) = match &self.difference {
            Some(Difference { ratio, ci95: [low, high], .. }) => {
                (change(*ratio), format!("{} to {}", change(*low), change(*high)))
            }
            None => ("–".to_owned(), "–".to_owned()),
        };
        let outcome = self.outcome.label().to_owned();
        [
            self.name.clone(),
            self.figure.label().to_owned(),
            value(self.before),
            value(self.after),
            ratio,
            interval,
            outcome,
        ]
    }
}

/// Columns as wide as their widest cell: words to the left, numbers to the right.
fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            match (2..COLUMNS - 1).contains(&column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::Value;
    use crate::report::fixture;
    use crate::report::run_file::Verdict;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The trials of a run with noise of 3 % in each figure, and each times its factor.
    fn noisy(seed: u64, factor: impl Fn(Transport, Figure) -> f64) -> Run {
        static QUIET: std::sync::LazyLock<Run> = std::sync::LazyLock::new(|| fixture::run(same));
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut run = QUIET.clone();
        for trial in &mut run.trials {
            for &figure in Figure::ALL {
                // Twelve uniform numbers add up to a nearly normal one.
                let normal = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
                let factor = trial.transport.map_or(1.0, |transport| factor(transport, figure));
                let value = trial.figures.get_mut(figure);
                *value = Value(value.0.map(|value| value * factor * (0.03 * normal).exp()));
            }
        }
        run
    }

    fn same(_: Transport, _: Figure) -> f64 {
        1.0
    }

    #[test]
    fn a_run_compared_with_its_repetition_is_within_noise() {
        const PAIRS: u64 = 20;
        let mut with_an_alarm = 0;
        for seed in 0..PAIRS {
            let comparison = compare(&noisy(seed, same), &noisy(1_000 + seed, same));
            assert_eq!(comparison.lines.len(), 10 * Figure::ALL.len());
            let alarms = comparison.lines.iter().filter(|line| line.outcome != Outcome::WithinNoise).count();
            with_an_alarm += u64::from(alarms > 0);
        }
        assert!(with_an_alarm <= PAIRS / 10, "{with_an_alarm} of {PAIRS} comparisons had a false alarm");
    }

    #[test]
    fn a_fifth_more_processor_time_is_found_and_nothing_else() {
        let slower = |_, figure| if Family::of(figure) == Family::Processor { 1.2 } else { 1.0 };
        let mut found = 0;
        for seed in 0..5 {
            let comparison = compare(&noisy(seed, same), &noisy(1_000 + seed, slower));
            let worse: Vec<_> = comparison.of(Outcome::Worse).collect();
            found += worse.iter().filter(|line| line.figure == Figure::ServerCpu).count();
            assert!(worse.iter().all(|line| Family::of(line.figure) == Family::Processor), "{worse:?}");
            assert_eq!(comparison.of(Outcome::Better).count(), 0);
        }
        assert!(found >= 32, "found in {found} of 40 rows");
        let back = compare(&noisy(1, slower), &noisy(2, same));
        assert!(back.of(Outcome::Better).count() > 4 && back.of(Outcome::Worse).count() == 0);
    }

    #[test]
    fn growing_from_below_zero_is_worse_too() {
        let (mut before, mut after) = (fixture::run(same), fixture::run(same));
        for (run, bytes) in [(&mut before, -100.0), (&mut after, 4_000.0)] {
            run.trials
                .iter_mut()
                .for_each(|trial| trial.figures.kernel_bytes_per_client = Value(Some(bytes + f64::from(trial.round))));
            run.summary.iter_mut().for_each(|row| row.figures.kernel_bytes_per_client = Value(Some(bytes)));
        }
        assert_eq!(compare(&before, &after).of(Outcome::Worse).count(), 8);
        assert_eq!(compare(&after, &before).of(Outcome::Better).count(), 8);
    }

    #[test]
    fn a_change_of_the_payload_is_neither_good_nor_bad() {
        let larger = |_, figure| if figure == Figure::WirePayload { 2.0 } else { 1.0 };
        let comparison = compare(&noisy(1, same), &noisy(2, larger));
        assert_eq!(comparison.of(Outcome::Changed).count(), 8);
    }

    #[test]
    fn a_clear_difference_that_is_too_small_to_matter_is_not_called_one() {
        let slightly = |_, figure| if Family::of(figure) == Family::Memory { 1.05 } else { 1.0 };
        let comparison = compare(&fixture::run(same), &fixture::run(slightly));
        let rss = comparison.lines.iter().find(|line| line.figure == Figure::ServerRss).unwrap();
        assert!(rss.difference.unwrap().is_clear);
        assert_eq!(rss.outcome, Outcome::WithinNoise);
    }

    #[test]
    fn what_cannot_be_compared_says_why() {
        let (mut before, mut after) = (fixture::run(same), fixture::run(same));
        after.trials.iter_mut().for_each(|trial| trial.figures.kernel_bytes_per_client = Value(None));
        before
            .trials
            .iter_mut()
            .for_each(|trial| trial.figures.wire_bytes_per_delivery.retransmitted = Value(Some(0.0)));
        let outcome = |before: &Run, after: &Run, figure| {
            compare(before, after).lines.into_iter().find(|line| line.figure == figure).unwrap().outcome
        };
        assert_eq!(outcome(&before, &after, Figure::Kernel), Outcome::NotComparable(Lack::NotMeasured));
        assert_eq!(outcome(&before, &after, Figure::WireRetransmitted), Outcome::NotComparable(Lack::WasZero));
        after.trials.retain(|trial| trial.round == 1);
        assert_eq!(outcome(&before, &after, Figure::ServerCpu), Outcome::NotComparable(Lack::OneRound));
    }

    #[test]
    fn other_conditions_are_warned_of() {
        let before = fixture::run(same);
        assert_eq!(compare(&before, &before).warnings, Vec::<String>::new());
        let mut after = before.clone();
        after.environment.kernel = "Linux 7.0".to_owned();
        after.environment.notes.insert("governor".to_owned(), "powersave".to_owned());
        after.scenario.measure_ns = crate::units::Nanos::SECOND;
        after.verdict = Verdict::Suspect;
        after.reasons = vec!["the host was busy".to_owned()];
        after.summary.retain(|row| row.transport != Some(Transport::Sse));
        let warnings = compare(&before, &after).warnings;
        for expected in [
            "second run is suspect: the host was busy",
            "kernel differs: Linux 6.12",
            "governor differs",
            "measured interval differs",
            "SSE at 50 clients is only in the first run",
        ] {
            assert!(warnings.iter().any(|warning| warning.contains(expected)), "{expected}: {warnings:?}");
        }
    }

    #[test]
    fn a_floor_that_changed_is_the_machines_doing() {
        let before = fixture::run(same);
        let mut after = before.clone();
        for trial in after.trials.iter_mut().filter(|trial| trial.transport.is_none()) {
            let cpu = &mut trial.figures.server_cpu_ns_per_delivery;
            *cpu = Value(cpu.0.map(|value| value * 1.5));
        }
        let warnings = compare(&before, &after).warnings;
        assert!(warnings[0].contains("the floor's server CPU per delivery is +50.0 %"), "{warnings:?}");
    }

    #[test]
    fn the_cutoff_is_that_of_benjamini_and_hochberg() {
        // Their example of 1995, section 3.2: fifteen p-values, of which four are discoveries.
        let mut p_values = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        assert_eq!(discovery_cutoff(&mut p_values), 0.0095);
        assert!(discovery_cutoff(&mut [0.5, 0.06]) < 0.0);
        assert!(discovery_cutoff(&mut []) < 0.0);
    }

    #[test]
    fn the_table_puts_what_got_worse_first_and_ends_with_the_sentence() {
        let slower = |transport, figure| match (transport, figure) {
            (Transport::Sse, Figure::ServerCpu) => 2.0,
            _ => 1.0,
        };
        let comparison = compare(&fixture::run(same), &fixture::run(slower));
        let table = comparison.table();
        let rows: Vec<&str> = table.lines().skip_while(|line| !line.contains("95 % interval")).collect();
        assert!(
            rows[1].starts_with("SSE at 50 clients") && rows[1].contains("+100.0 %") && rows[1].ends_with("worse"),
            "{table}"
        );
        assert!(table.ends_with(&format!("\n{}\n", comparison.sentence())));
        assert!(comparison.sentence().starts_with("2 figures got worse, 0 got better"), "{}", comparison.sentence());
    }
}
