//! The comparison in words, and as a table for the terminal.

use crate::report::findings::compare::{Comparison, Lack, Line, Outcome};
use crate::report::findings::view::{self, counted, listed};
use crate::units::grouped;

/// Of intervals at 95 %, the share that leaves out the truth.
const LEFT_OUT: f64 = 0.05;

impl Outcome {
    /// Why a figure was not judged.
    pub(crate) const LACKING: [Self; 3] = [
        Self::NotComparable(Lack::NotMeasured),
        Self::NotComparable(Lack::OneRound),
        Self::NotComparable(Lack::WasZero),
    ];

    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Changed => "changed",
            Self::Chance => "within noise ¹",
            Self::Small => "within noise ²",
            Self::WithinNoise => "within noise",
            Self::NotComparable(Lack::NotMeasured) => "not measured in both",
            Self::NotComparable(Lack::OneRound) => "one round, which shows no noise",
            Self::NotComparable(Lack::WasZero) => "zero before",
        }
    }
}

/// A share as a change: `+20.3 %`, `+3,878 %`.
pub fn change(share: f64) -> String {
    let percent = share * 100.0;
    let sign = if percent < -0.05 { "−" } else { "+" };
    match percent.abs() {
        // Past ten times nobody reads the tenths.
        many if many >= 1_000.0 => format!("{sign}{} %", grouped(many.round() as i64)),
        some => format!("{sign}{some:.1} %"),
    }
}

/// A moment to the second, for a terminal too.
pub(super) fn moment(written: &str) -> String {
    view::moment(written).replace('\u{a0}', " ").replace('\u{2011}', "-")
}

impl Comparison {
    /// The answer: what changed, the worst first, or that nothing did.
    pub fn headline(&self) -> String {
        let count = |outcome| self.of(outcome).count();
        let [worse, better, changed] = [Outcome::Worse, Outcome::Better, Outcome::Changed].map(count);
        let is_judged = |line: &Line| line.difference.is_some();
        if self.is_empty() {
            return "Nothing can be compared: the two runs have no row in common.".to_owned();
        }
        if !self.transports().any(is_judged) {
            let is_single = count(Outcome::NotComparable(Lack::OneRound)) > 0;
            let why = if is_single { ": a single round shows no noise; repeat with --rounds 3 or more" } else { "" };
            return format!("Nothing can be judged{why}.");
        }
        let said = [(worse, "got worse"), (better, "got better"), (changed, "changed and is neither good nor bad")];
        let mut said = said.into_iter().filter(|(count, _)| *count > 0);
        let Some((count, what)) = said.next() else { return "Nothing changed beyond noise.".to_owned() };
        let first = format!("{} {what}", counted(count, "figure"));
        let rest = said.map(|(count, what)| format!("{count} {what}"));
        format!("{}.", listed(&std::iter::once(first).chain(rest).collect::<Vec<_>>()))
    }

    /// How many figures are behind the answer, and what became of the others.
    pub fn rest(&self) -> String {
        let lacking = self.transports().filter(|line| matches!(line.outcome, Outcome::NotComparable(_))).count();
        let noise = [Outcome::WithinNoise, Outcome::Chance, Outcome::Small];
        let noise = noise.into_iter().map(|outcome| self.of(outcome).count()).sum();
        let counts: [(usize, &str); 2] = [(noise, "within noise"), (lacking, "cannot be compared")];
        let named = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let named = listed(&named.collect::<Vec<_>>());
        let all = counted(self.transports().count(), "figure");
        if named.is_empty() { format!("{all} compared.") } else { format!("Of {all}: {named}.") }
    }

    /// Why a figure is within noise although its own interval leaves out no change.
    pub fn explanation(&self, outcome: Outcome) -> Option<String> {
        let looked_at = self.transports().filter(|line| line.difference.is_some()).count();
        let by_chance = (looked_at as f64 * LEFT_OUT).round().max(1.0);
        match outcome {
            Outcome::Chance => Some(format!(
                "its own interval leaves out no change, but with {looked_at} figures looked at, about {by_chance} would do \
                 so by chance alone, and one trial's hiccup can make a tail; repeat both runs, with more --rounds, to \
                 find out"
            )),
            Outcome::Small => Some(
                "its own interval leaves out no change, but two runs of the same thing drift apart by as much: times, \
                 processor time and memory by up to 10 %, a few milliseconds of processor time by up to 25 %, requests \
                 and bytes by up to 1 %"
                    .to_owned(),
            ),
            Outcome::Worse | Outcome::Better | Outcome::Changed | Outcome::WithinNoise | Outcome::NotComparable(_) => {
                None
            }
        }
    }

    /// For the terminal: the warnings, what changed, what did not, and the answer at the end, where the eye is.
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
        let mut lines: Vec<&Line> = self.lines.iter().filter(|line| line.is_shown()).collect();
        // Stable: within an outcome, the order of the summary.
        lines.sort_by_key(|line| line.outcome);
        rows.extend(lines.into_iter().map(Line::cells));
        if rows.len() > 1 {
            text.push('\n');
            text.push_str(&aligned(&rows));
        }
        for outcome in Outcome::LACKING {
            let count = self.of(outcome).filter(|line| !line.is_shown()).count();
            if count > 0 {
                text.push_str(&format!("{count} more: {}\n", outcome.label()));
            }
        }
        let is_there = |outcome: &Outcome| self.lines.iter().any(|line| line.outcome == *outcome);
        for outcome in [Outcome::Chance, Outcome::Small].into_iter().filter(is_there) {
            if let Some(explanation) = self.explanation(outcome) {
                text.push_str(&format!("\n{}: {explanation}\n", outcome.label()));
            }
        }
        text.push_str(&format!("\n{}\n", self.headline()));
        if !self.is_empty() {
            text.push_str(&format!("{}\n", self.rest()));
        }
        text
    }
}

impl Line {
    /// Is there something to show of both runs?
    pub(crate) fn is_shown(&self) -> bool {
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

    /// Name, figure, first, second, change, interval of the change, outcome: in words, for a table.
    pub fn cells(&self) -> [String; 7] {
        let nothing = || "–".to_owned();
        let value = |value: Option<f64>| value.map_or_else(nothing, |value| self.metric.show(value));
        let interval = self.share_ci95().map(|ends| ends.map(change).join(" to "));
        [
            self.name.clone(),
            self.metric.label().to_owned(),
            value(self.before),
            value(self.after),
            self.share().map_or_else(nothing, change),
            interval.unwrap_or_else(nothing),
            self.outcome.label().to_owned(),
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
