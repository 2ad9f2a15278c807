//! `--fail-if`: a condition on a metric under which a run or a comparison fails.
//!
//! ```text
//! sse.latency_ns.p99 > 5ms                 one transport
//! *.wire_bytes_per_delivery.total >= 4KiB  any of them; `latency_ns.p99 > 5ms` says the same of latency
//! polling.empty_fraction > 10%             a share
//! *.lost > 0                               the delivery audit
//! nchan.sse.latency_ns.p99 > 5ms           one of several servers; `nchan.*.lost > 0` with any transport
//! sse.latency_ns.p99 > +10%                in a comparison: a tenth more than in the first run
//! ```
//!
//! A missing measurement does not pass: a threshold on a figure that is `null`, or on a transport that was not run,
//! fails and says so.

mod parse;

use std::fmt;

pub use parse::ExpressionError;

use crate::report::findings::compare::{Comparison, Delta, NotCompared, Outcome};
use crate::run::Transport;
use crate::run::file::Row;
use crate::run::metric::Metric;
use crate::run::reason::RowId;
use crate::run::target_name::TargetName;
use crate::run::threshold::{AuditCount, Found, Observed, RowFound, Threshold};

/// A parsed `--fail-if` condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    /// The server; `None` for all.
    target: Option<TargetName>,
    /// `None` for all.
    transport: Option<Transport>,
    subject: Subject,
    relation: Relation,
    bound: Bound,
}

/// The subject of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Metric(Metric),
    Audit(AuditCount),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// The bound that the subject is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// A value, in the figure's unit.
    Value(f64),
    /// A change from the baseline, as a share of it: 0.1 is a tenth more.
    Change(f64),
}

impl Relation {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
        }
    }

    /// Orders two values by how near they are to failing, or how far beyond.
    fn worse(self, a: f64, b: f64) -> std::cmp::Ordering {
        match self {
            Self::Above | Self::AtLeast => a.total_cmp(&b),
            Self::Below | Self::AtMost => b.total_cmp(&a),
        }
    }
}

impl Expression {
    /// The transport that it names; `None` for all.
    pub fn transport(&self) -> Option<Transport> {
        self.transport
    }

    /// The server that it names; `None` for all.
    pub fn target(&self) -> Option<TargetName> {
        self.target
    }

    /// The percentile that it is about, as a share, if it is about one.
    pub fn percentile(&self) -> Option<f64> {
        let Subject::Metric(metric) = self.subject else { return None };
        let digits = metric.path().rsplit_once(".p")?.1;
        Some(digits.parse::<f64>().ok()? / 10_f64.powi(i32::try_from(digits.len()).ok()?))
    }
}

/// The result of an expression for one row.
struct Candidate {
    failed: bool,
    /// To find the one to show when none failed; `None` if there is no number.
    value: Option<f64>,
    found: RowFound,
}

impl Candidate {
    fn new(row: RowId, failed: bool, value: Option<f64>, observed: Observed) -> Self {
        Self { failed, value, found: RowFound { row, observed } }
    }
}

impl Expression {
    /// True if it is about a change from a baseline, which only a comparison has.
    pub fn is_relative(&self) -> bool {
        matches!(self.bound, Bound::Change(_))
    }

    /// The outcome for the rows of one run.
    pub fn evaluate(&self, rows: &[Row]) -> Threshold {
        let Bound::Value(bound) = self.bound else { return self.threshold(true, Found::NeedsBaseline) };
        let candidate = |row: &Row| match self.value(row) {
            Some((value, observed)) => {
                Candidate::new(row.id(), self.relation.holds(value, bound), Some(value), observed)
            }
            None => Candidate::new(row.id(), true, None, Observed::NotMeasured),
        };
        self.outcome(rows.iter().filter(|row| self.is_about(row)).map(candidate).collect())
    }

    /// The outcome for a comparison: a change is relative to the first run, a value is that of the second.
    ///
    /// A change beyond the bound that could be noise does not fail, but is reported. With a single round in either run,
    /// the noise is unknown, and the change counts as it is.
    pub fn evaluate_comparison(&self, comparison: &Comparison, second: &[Row]) -> Threshold {
        let (Bound::Change(bound), Subject::Metric(metric)) = (self.bound, self.subject) else {
            return self.evaluate(second);
        };
        let is_of = |id: RowId| second.iter().any(|row| row.id() == id && self.is_about(row));
        let is_meant = |delta: &&Delta| delta.metric == metric && is_of(delta.rows[1]);
        self.outcome(comparison.deltas.iter().filter(is_meant).map(|delta| self.change(delta, bound)).collect())
    }

    fn change(&self, delta: &Delta, bound: f64) -> Candidate {
        let [_, row] = delta.rows;
        let Some(share) = delta.share() else {
            let observed = match delta.outcome {
                Outcome::NotComparable(NotCompared::WasZero) => Observed::WasZero,
                Outcome::NotComparable(NotCompared::NotMeasured | NotCompared::OneRound)
                | Outcome::Worse
                | Outcome::Better
                | Outcome::Changed
                | Outcome::Chance
                | Outcome::Small
                | Outcome::WithinNoise => Observed::NotInBoth,
            };
            return Candidate::new(row, true, None, observed);
        };
        let is_beyond = self.relation.holds(share, bound);
        let is_noise = delta.difference.is_some_and(|difference| !difference.is_clear);
        let observed = Observed::Change { share, ci95: delta.share_ci95(), is_noise };
        Candidate::new(row, is_beyond && !is_noise, Some(share), observed)
    }

    /// The TCP baseline is not a transport: an expression about all transports does not include it.
    fn is_about(&self, row: &Row) -> bool {
        row.transport.is_some()
            && (self.transport.is_none() || self.transport == row.transport)
            && (self.target.is_none() || self.target == row.point.target)
    }

    /// The row's value, and what it is of.
    fn value(&self, row: &Row) -> Option<(f64, Observed)> {
        match self.subject {
            Subject::Metric(metric) => {
                row.metrics.get(metric).0.map(|value| (value, Observed::Value { metric, value }))
            }
            Subject::Audit(count) => {
                let value = row.audit.count(count);
                Some((value as f64, Observed::Count { count, value }))
            }
        }
    }

    /// All rows that failed, or the one nearest to failing.
    fn outcome(&self, candidates: Vec<Candidate>) -> Threshold {
        let Some(worst) = candidates.iter().max_by(|a, b| match (a.value, b.value) {
            (Some(a), Some(b)) => self.relation.worse(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }) else {
            return self.threshold(true, Found::NoRow { transport: self.transport });
        };
        let failed: Vec<RowFound> = candidates.iter().filter(|one| one.failed).map(|one| one.found.clone()).collect();
        match failed.is_empty() {
            true => self.threshold(false, Found::Rows { rows: vec![worst.found.clone()] }),
            false => self.threshold(true, Found::Rows { rows: failed }),
        }
    }

    fn threshold(&self, failed: bool, found: Found) -> Threshold {
        Threshold { expression: self.text.clone(), failed, found }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
