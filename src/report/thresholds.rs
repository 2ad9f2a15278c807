//! `--fail-if`: a condition on a figure under which a run or a comparison counts as failed.
//!
//! ```text
//! sse.latency_ns.p99 > 5ms                 one transport
//! *.wire_bytes_per_delivery.total >= 4KiB  any of them; `latency_ns.p99 > 5ms` says the same of latency
//! polling.empty_fraction > 10%             a share
//! *.lost > 0                               the delivery audit
//! sse.latency_ns.p99 > +10%                in a comparison: a tenth more than in the first run
//! ```
//!
//! What was not measured does not pass: a threshold on a figure that is `null`, or on a transport that was not run,
//! fails and says so.

use std::fmt;
use std::str::FromStr;

use super::compare::{Comparison, Lack, Line, Outcome, change};
use super::run_file::{Audit, Point, Row, Threshold};
use super::summary;
use crate::measure::figures::{Figure, Unit};
use crate::transport::Transport;
use crate::units::{grouped, length, size};

/// A condition to fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    /// `None` for all.
    transport: Option<Transport>,
    subject: Subject,
    relation: Relation,
    bound: Bound,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Figure(Figure),
    Audit(Count),
}

/// A count of the delivery audit that must be small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Lost,
    Duplicate,
    Reordered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What it is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// A value, in the figure's unit.
    Value(f64),
    /// A change against the baseline, as a share of it: 0.1 is a tenth more.
    Change(f64),
}

/// An expression that cannot be read: where, why, and what could stand there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ExpressionError {
    /// As written.
    pub expression: String,
    /// The character at which it goes wrong, from 1.
    pub position: usize,
    /// What is wrong.
    pub problem: String,
    /// The nearest of `expected`, if one is near.
    pub suggestion: Option<&'static str>,
    /// What could stand there.
    pub expected: Vec<&'static str>,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expression, position, problem, suggestion, expected } = self;
        write!(f, "`{expression}`, at character {position}: {problem}")?;
        if let Some(suggestion) = suggestion {
            write!(f, "; did you mean `{suggestion}`?")?;
        }
        if !expected.is_empty() {
            let separator = if suggestion.is_some() { " " } else { "; " };
            write!(f, "{separator}there could stand: {}", expected.join(", "))?;
        }
        Ok(())
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parser = Parser { text };
        let Some(operator) = text.find(['<', '>', '=', '!']) else {
            let end = text.trim_end().len();
            return Err(parser.error(end, "a comparison is missing".to_owned(), "", RELATIONS.to_vec()));
        };
        let (transport, subject) = parser.subject(&text[..operator])?;
        let (relation, bound_at) = parser.relation(operator)?;
        let bound = parser.bound(bound_at, subject)?;
        Ok(Self { text: text.trim().to_owned(), transport, subject, relation, bound })
    }
}

const RELATIONS: [&str; 4] = [">", ">=", "<", "<="];

struct Parser<'a> {
    text: &'a str,
}

impl<'a> Parser<'a> {
    /// `at` is a byte offset; a person counts characters.
    fn error(&self, at: usize, problem: String, found: &str, expected: Vec<&'static str>) -> ExpressionError {
        ExpressionError {
            expression: self.text.to_owned(),
            position: self.text[..at].chars().count() + 1,
            problem,
            suggestion: nearest(found, &expected),
            expected,
        }
    }

    fn subject(&self, left: &'a str) -> Result<(Option<Transport>, Subject), ExpressionError> {
        let start = left.len() - left.trim_start().len();
        let name = left.trim();
        if name.is_empty() {
            return Err(self.error(start, "the figure is missing".to_owned(), "", subjects()));
        }
        // Without a transport, all are meant.
        if let Some(subject) = subject(name) {
            return Ok((None, subject));
        }
        let (head, rest) = name.split_once('.').unwrap_or((name, ""));
        let transport = match head {
            "*" => Some(None),
            label => label.parse().ok().map(Some),
        };
        let Some(transport) = transport else {
            // A misspelt transport before a good figure, or near to one; otherwise a misspelt figure.
            let is_transport = subject(rest).is_some() || (!rest.is_empty() && nearest(head, &transports()).is_some());
            return Err(match is_transport {
                true => self.error(start, format!("there is no transport `{head}`"), head, transports()),
                false => self.error(start, format!("there is no figure `{name}`"), name, subjects()),
            });
        };
        match subject(rest) {
            Some(subject) => Ok((transport, subject)),
            None => {
                let at = start + if rest.is_empty() { head.len() } else { head.len() + 1 };
                let problem = match rest.is_empty() {
                    true => format!("a figure must follow `{head}.`"),
                    false => format!("there is no figure `{rest}`"),
                };
                Err(self.error(at, problem, rest, subjects()))
            }
        }
    }

    /// The relation at byte `at`, and where the bound begins.
    fn relation(&self, at: usize) -> Result<(Relation, usize), ExpressionError> {
        let rest = &self.text[at..];
        let found: String = rest.chars().take_while(|c| "<>=!".contains(*c)).collect();
        let relation = match found.as_str() {
            ">" => Relation::Above,
            ">=" => Relation::AtLeast,
            "<" => Relation::Below,
            "<=" => Relation::AtMost,
            other => {
                let problem = format!("`{other}` is not a comparison that can be used here");
                return Err(self.error(at, problem, "", RELATIONS.to_vec()));
            }
        };
        Ok((relation, at + found.len()))
    }

    fn bound(&self, at: usize, subject: Subject) -> Result<Bound, ExpressionError> {
        let rest = &self.text[at..];
        let at = at + rest.len() - rest.trim_start().len();
        let number = rest.trim();
        let unit = match subject {
            Subject::Figure(figure) => figure.unit(),
            Subject::Audit(_) => Unit::Count,
        };
        let examples = || match (subject, unit) {
            (Subject::Audit(_), _) => vec!["0", "10"],
            (_, Unit::Nanos) => vec!["5ms", "1.5s", "800us", "+10%"],
            (_, Unit::Bytes) => vec!["512", "4KiB", "1MB", "+10%"],
            (_, Unit::Count) => vec!["1.5", "+10%"],
            (_, Unit::Fraction) => vec!["10%", "0.1", "+10%"],
        };
        let refuse = |problem: String| self.error(at, problem, "", examples());
        if number.is_empty() {
            return Err(refuse("the number is missing".to_owned()));
        }
        if number.starts_with(['+', '-']) {
            let percent = number.strip_suffix('%').and_then(|digits| plain(digits));
            return match (percent, subject) {
                (Some(percent), Subject::Figure(_)) => Ok(Bound::Change(percent / 100.0)),
                (Some(_), Subject::Audit(_)) => {
                    Err(refuse("a count of the audit has a bound of its own, not a change".to_owned()))
                }
                (None, _) => Err(refuse(format!("`{number}` has a sign, which is for a change in percent"))),
            };
        }
        let percent = number.strip_suffix('%').and_then(|digits| plain(digits));
        let value = match unit {
            Unit::Nanos => length(number).ok().map(|length| length.0 as f64),
            Unit::Bytes => plain(number).or_else(|| size(number).ok().map(|bytes| bytes as f64)),
            Unit::Count => plain(number),
            Unit::Fraction => percent.map(|percent| percent / 100.0).or_else(|| plain(number)),
        };
        match (value, unit, percent.or_else(|| plain(number))) {
            (Some(value), ..) => Ok(Bound::Value(value)),
            (None, Unit::Nanos, Some(_)) if !number.ends_with('%') => {
                Err(refuse(format!("`{number}` is a length of time without its unit")))
            }
            (None, _, Some(_)) => {
                Err(refuse(format!("`{number}` without a sign is for shares; write a change as `+{number}`")))
            }
            (None, _, None) => Err(refuse(format!("`{number}` cannot be read as {}", kind(unit)))),
        }
    }
}

/// A finite number in the usual digits.
fn plain(text: &str) -> Option<f64> {
    let is_digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    is_digits.then(|| text.parse().ok())?.filter(|number: &f64| number.is_finite())
}

fn kind(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanos => "a length of time",
        Unit::Bytes => "a size",
        Unit::Count => "a number",
        Unit::Fraction => "a share",
    }
}

fn subject(name: &str) -> Option<Subject> {
    let count = || Count::ALL.into_iter().find(|count| count.label() == name).map(Subject::Audit);
    Figure::from_path(name).map(Subject::Figure).or_else(count)
}

fn subjects() -> Vec<&'static str> {
    Figure::ALL.iter().map(|figure| figure.path()).chain(Count::ALL.map(Count::label)).collect()
}

fn transports() -> Vec<&'static str> {
    Transport::ALL.map(Transport::label).into_iter().chain(["*"]).collect()
}

/// The candidate that takes the fewest changed letters to get to, if these are few for its length.
fn nearest(found: &str, candidates: &[&'static str]) -> Option<&'static str> {
    let near = candidates.iter().map(|candidate| (distance(found, candidate), *candidate));
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= candidate.len().div_ceil(3) && distance < candidate.len()).then_some(candidate)
}

/// Letters to insert, remove or replace to get from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (removed, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = removed + 1;
        for (index, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(row[index] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

impl Count {
    const ALL: [Self; 3] = [Self::Lost, Self::Duplicate, Self::Reordered];

    fn label(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicate => "duplicate",
            Self::Reordered => "reordered",
        }
    }

    fn of(self, audit: &Audit) -> u64 {
        match self {
            Self::Lost => audit.lost,
            Self::Duplicate => audit.duplicate,
            Self::Reordered => audit.reordered,
        }
    }
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

    /// Of two values the one that is nearer to failing, or further beyond.
    fn worse(self, a: f64, b: f64) -> std::cmp::Ordering {
        match self {
            Self::Above | Self::AtLeast => a.total_cmp(&b),
            Self::Below | Self::AtMost => b.total_cmp(&a),
        }
    }
}

/// What one row says to an expression.
struct Found {
    failed: bool,
    /// To find the one to show when none failed; `None` if there is no number.
    value: Option<f64>,
    words: String,
}

impl Expression {
    /// Does it ask for a change against a baseline, which only a comparison has?
    pub fn is_relative(&self) -> bool {
        matches!(self.bound, Bound::Change(_))
    }

    /// The outcome for the rows of one run.
    pub fn evaluate(&self, rows: &[Row]) -> Threshold {
        let Bound::Value(bound) = self.bound else {
            let advice = "a change needs a baseline; use this threshold with `loadgen compare`, or write a value";
            return self.threshold(true, advice.to_owned());
        };
        let points: Vec<&Point> = rows.iter().map(|row| &row.point).collect();
        let found = rows.iter().filter(|row| self.is_about(row.transport)).map(|row| {
            let name = summary::row_name(row, &points);
            match self.value(row) {
                Some((value, shown)) => Found {
                    failed: self.relation.holds(value, bound),
                    value: Some(value),
                    words: format!("{name}: {shown}"),
                },
                None => {
                    Found { failed: true, value: None, words: format!("{name}: not measured, which does not pass") }
                }
            }
        });
        self.outcome(found.collect())
    }

    /// The outcome for a comparison: a change in the expression is that against the first run, a value is of the second.
    ///
    /// A change beyond the bound that could be noise does not fail; what it was is said. With a single round in either
    /// run there is no telling, and the change is taken as it is.
    pub fn evaluate_comparison(&self, comparison: &Comparison, second: &[Row]) -> Threshold {
        let (Bound::Change(bound), Subject::Figure(figure)) = (self.bound, self.subject) else {
            return self.evaluate(second);
        };
        let is_meant =
            |line: &&Line| line.figure == figure && line.transport.is_some() && self.is_about(line.transport);
        self.outcome(comparison.lines.iter().filter(is_meant).map(|line| self.change(line, bound)).collect())
    }

    fn change(&self, line: &Line, bound: f64) -> Found {
        let name = &line.name;
        let ratio = match (&line.difference, line.before, line.after) {
            (Some(difference), ..) => difference.ratio,
            (None, Some(before), Some(after)) if before > 0.0 => after / before,
            (None, ..) => {
                let why = match line.outcome {
                    Outcome::NotComparable(Lack::WasZero) => {
                        "zero in the first run, so that there is no change in percent"
                    }
                    _ => "not measured in both runs, which does not pass",
                };
                return Found { failed: true, value: None, words: format!("{name}: {why}") };
            }
        };
        let is_beyond = self.relation.holds(ratio - 1.0, bound);
        let is_noise = line.difference.is_some_and(|difference| !difference.is_clear);
        let [.., interval, _] = line.cells();
        let note = match (is_noise, line.difference.is_some()) {
            (true, _) => format!(" within noise ({interval})"),
            (false, true) => format!(" ({interval})"),
            (false, false) => " in a single round".to_owned(),
        };
        Found {
            failed: is_beyond && !is_noise,
            value: Some(ratio - 1.0),
            words: format!("{name}: {}{note}", change(ratio)),
        }
    }

    /// The floor is no transport: an expression about all of them does not mean it.
    fn is_about(&self, transport: Option<Transport>) -> bool {
        transport.is_some() && (self.transport.is_none() || self.transport == transport)
    }

    /// The row's value, as a number and in words.
    fn value(&self, row: &Row) -> Option<(f64, String)> {
        match self.subject {
            Subject::Figure(figure) => row.figures.get(figure).0.map(|value| (value, figure.show(value))),
            Subject::Audit(count) => {
                let count = count.of(&row.audit);
                Some((count as f64, grouped(i64::try_from(count).unwrap_or(i64::MAX))))
            }
        }
    }

    /// All that failed, or else the one nearest to it.
    fn outcome(&self, found: Vec<Found>) -> Threshold {
        let Some(worst) = found.iter().max_by(|a, b| match (a.value, b.value) {
            (Some(a), Some(b)) => self.relation.worse(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }) else {
            let which = self.transport.map_or("any transport", Transport::title);
            return self.threshold(true, format!("there is no row of {which}, which does not pass"));
        };
        let failed: Vec<&str> = found.iter().filter(|one| one.failed).map(|one| one.words.as_str()).collect();
        match failed.is_empty() {
            true => self.threshold(false, worst.words.clone()),
            false => self.threshold(true, failed.join("; ")),
        }
    }

    fn threshold(&self, failed: bool, found: String) -> Threshold {
        Threshold { expression: self.text.clone(), failed, found }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::Value;
    use crate::report::compare::compare;
    use crate::report::fixture;

    fn parse(text: &str) -> Expression {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn error(text: &str) -> ExpressionError {
        match text.parse::<Expression>() {
            Ok(parsed) => panic!("{text} was read as {parsed:?}"),
            Err(error) => error,
        }
    }

    #[test]
    fn an_expression_has_a_transport_a_figure_a_relation_and_a_number_with_its_unit() {
        let cases = [
            ("sse.latency_ns.p99 > 5ms", Some(Transport::Sse), Relation::Above, Bound::Value(5e6)),
            ("*.latency_ns.p99>=1.5s", None, Relation::AtLeast, Bound::Value(1.5e9)),
            ("latency_ns.p99 <  800us", None, Relation::Below, Bound::Value(8e5)),
            (
                "websocket.wire_bytes_per_delivery.total > 4KiB",
                Some(Transport::WebSocket),
                Relation::Above,
                Bound::Value(4096.0),
            ),
            (
                "polling.wire_bytes_per_delivery.total > 412.5",
                Some(Transport::Polling),
                Relation::Above,
                Bound::Value(412.5),
            ),
            ("polling.empty_fraction > 10%", Some(Transport::Polling), Relation::Above, Bound::Value(0.1)),
            ("polling.empty_fraction > 0.1", Some(Transport::Polling), Relation::Above, Bound::Value(0.1)),
            (
                "long_polling.requests_per_delivery <= 1.5",
                Some(Transport::LongPolling),
                Relation::AtMost,
                Bound::Value(1.5),
            ),
            ("*.lost > 0", None, Relation::Above, Bound::Value(0.0)),
            ("sse.latency_ns.p99 > +10%", Some(Transport::Sse), Relation::Above, Bound::Change(0.1)),
            ("sse.latency_ns.p99 < -5%", Some(Transport::Sse), Relation::Below, Bound::Change(-0.05)),
        ];
        for (text, transport, relation, bound) in cases {
            let parsed = parse(text);
            assert_eq!((parsed.transport, parsed.relation, parsed.bound), (transport, relation, bound), "{text}");
            assert_eq!(parsed.is_relative(), matches!(bound, Bound::Change(_)));
        }
    }

    #[test]
    fn an_error_names_the_place_and_what_could_stand_there() {
        let cases = [
            ("", 1, "a comparison is missing", None),
            ("sse.latency_ns.p99", 19, "a comparison is missing", None),
            (" > 5ms", 2, "the figure is missing", None),
            ("ssee.latency_ns.p99 > 5ms", 1, "there is no transport `ssee`", Some("sse")),
            ("longpolling.latency > 5ms", 1, "there is no transport `longpolling`", Some("long_polling")),
            ("sse.latency_ns.p95 > 5ms", 5, "there is no figure `latency_ns.p95`", Some("latency_ns.p50")),
            ("latency.p99 > 5ms", 1, "there is no figure `latency.p99`", Some("latency_ns.p99")),
            ("sse > 5ms", 4, "a figure must follow `sse.`", None),
            ("sse.lots > 0", 5, "there is no figure `lots`", Some("lost")),
            ("sse.lost == 0", 10, "`==` is not a comparison", None),
            ("sse.latency_ns.p99 >", 21, "the number is missing", None),
            ("sse.latency_ns.p99 > 5", 22, "`5` is a length of time without its unit", None),
            ("sse.latency_ns.p99 > 5%", 22, "write a change as `+5%`", None),
            ("sse.latency_ns.p99 > fast", 22, "cannot be read as a length of time", None),
            ("sse.latency_ns.p99 > +5ms", 22, "has a sign, which is for a change in percent", None),
            ("sse.wire_bytes_per_delivery.total > many", 37, "cannot be read as a size", None),
            ("sse.requests_per_delivery > NaN", 29, "cannot be read as a number", None),
            ("*.lost > +10%", 10, "not a change", None),
        ];
        for (text, position, problem, suggestion) in cases {
            let error = error(text);
            assert!(error.problem.contains(problem), "{error}");
            assert_eq!(error.position, position, "{error}");
            match suggestion {
                Some("latency_ns.p50") => {
                    assert!(error.suggestion.is_some_and(|near| near.starts_with("latency_ns.p")), "{error}")
                }
                _ => assert_eq!(error.suggestion, suggestion, "{error}"),
            }
            assert!(!error.expected.is_empty(), "{error}");
        }
        let shown = error("ssé.lost > 0").to_string();
        assert_eq!(
            shown,
            "`ssé.lost > 0`, at character 1: there is no transport `ssé`; did you mean `sse`? \
             there could stand: polling, long_polling, sse, websocket, *"
        );
    }

    #[test]
    fn a_threshold_fails_where_any_row_meets_its_condition() {
        let mut rows = fixture::run(|_, _| 1.0).summary;
        rows.iter_mut().for_each(|row| row.figures.latency_ns.p99 = Value(Some(1e6)));
        let kept = parse("*.latency_ns.p99 > 5ms").evaluate(&rows);
        assert!(!kept.failed && kept.found.ends_with(": 1.00 ms"), "{kept:?}");
        let sse = rows.iter().position(|row| row.transport == Some(Transport::Sse)).unwrap();
        rows[sse].figures.latency_ns.p99 = Value(Some(7e6));
        let failed = parse("sse.latency_ns.p99 > 5ms").evaluate(&rows);
        assert_eq!((failed.failed, failed.found.as_str()), (true, "SSE at 50 clients: 7.00 ms"));
        assert_eq!(failed.expression, "sse.latency_ns.p99 > 5ms");
        assert!(!parse("websocket.latency_ns.p99 > 5ms").evaluate(&rows).failed);
        assert!(parse("*.latency_ns.p99 < 2ms").evaluate(&rows).failed);
        assert!(!parse("*.lost > 0").evaluate(&rows).failed);
        rows[sse].audit.lost = 3;
        assert_eq!(parse("*.lost > 0").evaluate(&rows).found, "SSE at 50 clients: 3");
    }

    #[test]
    fn what_was_not_measured_or_not_run_does_not_pass() {
        let mut rows = fixture::run(|_, _| 1.0).summary;
        rows.retain(|row| row.transport == Some(Transport::Sse));
        rows[1].figures.server_cpu_ns_per_delivery = Value(None);
        let unmeasured = parse("sse.server_cpu_ns_per_delivery > 1s").evaluate(&rows);
        assert!(unmeasured.failed && unmeasured.found.contains("SSE at 1,000 clients: not measured"), "{unmeasured:?}");
        let absent = parse("polling.latency_ns.p99 > 1s").evaluate(&rows);
        assert!(absent.failed && absent.found.contains("no row of Polling"), "{absent:?}");
        let relative = parse("sse.latency_ns.p99 > +10%").evaluate(&rows);
        assert!(relative.failed && relative.found.contains("loadgen compare"), "{relative:?}");
    }

    #[test]
    fn a_change_fails_if_it_is_beyond_the_bound_and_no_noise() {
        let before = fixture::run(|_, _| 1.0);
        let mut after = fixture::run(|_, figure| if figure == Figure::ServerCpu { 1.3 } else { 1.0 });
        let evaluate = |text: &str, after: &super::super::run_file::Run| {
            parse(text).evaluate_comparison(&compare(&before, after), &after.summary)
        };
        let failed = evaluate("sse.server_cpu_ns_per_delivery > +20%", &after);
        assert!(failed.failed && failed.found.contains("+30.0 %"), "{failed:?}");
        assert!(!evaluate("sse.server_cpu_ns_per_delivery > +40%", &after).failed);
        assert!(!evaluate("sse.host_cpu_ns_per_delivery > +20%", &after).failed);
        assert!(evaluate("sse.server_cpu_ns_per_delivery > 1ns", &after).failed, "a value is of the second run");
        for trial in &mut after.trials {
            let cpu = &mut trial.figures.server_cpu_ns_per_delivery;
            *cpu = Value(cpu.0.map(|value| value * f64::from(trial.round)));
        }
        let noise = evaluate("sse.server_cpu_ns_per_delivery > +20%", &after);
        assert!(!noise.failed && noise.found.contains("within noise"), "{noise:?}");
        after.trials.retain(|trial| trial.round == 3);
        after.summary.iter_mut().for_each(|row| {
            let cpu = &mut row.figures.server_cpu_ns_per_delivery;
            *cpu = Value(cpu.0.map(|value| value * 3.0));
        });
        let single = evaluate("sse.server_cpu_ns_per_delivery > +20%", &after);
        assert!(single.failed && single.found.contains("single round"), "{single:?}");
        after.trials.iter_mut().for_each(|trial| trial.figures.server_cpu_ns_per_delivery = Value(None));
        after.summary.iter_mut().for_each(|row| row.figures.server_cpu_ns_per_delivery = Value(None));
        let unmeasured = evaluate("sse.server_cpu_ns_per_delivery > +20%", &after);
        assert!(unmeasured.failed && unmeasured.found.contains("not measured in both"), "{unmeasured:?}");
    }
}
