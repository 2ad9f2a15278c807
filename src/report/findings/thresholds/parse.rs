//! Parses an expression; an error has the position, and what is expected there.

use std::fmt;
use std::str::FromStr;

use crate::report::findings::thresholds::{Bound, Expression, Relation, Subject};
use crate::run::Transport;
use crate::run::metric::{Metric, Unit};
use crate::run::target_name::TargetName;
use crate::run::threshold::AuditCount;
use crate::suggest::nearest;
use crate::units::{length, size};

/// A parse error: the position, the problem, and what is expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ExpressionError {
    /// As written.
    pub expression: String,
    /// The position of the error in characters, from 1.
    pub position: usize,
    /// What is wrong.
    pub problem: String,
    /// The part of the name before the position, up to a dot.
    pub prefix: String,
    /// The most similar one of `expected`, if any is similar.
    pub suggestion: Option<&'static str>,
    /// What is expected there.
    pub expected: Vec<&'static str>,
}

/// A list of this length is omitted if there is a suggestion.
const LIST_MAX: usize = 10;

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expression, position, problem, prefix, suggestion, expected } = self;
        write!(f, "`{expression}`, at character {position}: {problem}")?;
        match (suggestion, expected.len()) {
            // A suggestion is more useful than a list that fills a screen.
            (Some(suggestion), LIST_MAX..) => write!(f, "; did you mean `{prefix}{suggestion}`?"),
            (Some(suggestion), _) => {
                write!(f, "; did you mean `{prefix}{suggestion}`? expected one of: {}", expected.join(", "))
            }
            (None, 0) => Ok(()),
            (None, _) => write!(f, "; expected one of: {}", expected.join(", ")),
        }
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
        let (target, from) = Parser::target(&text[..operator]);
        let (transport, subject) = parser.subject(&text[..operator], from)?;
        let (relation, bound_at) = parser.relation(operator)?;
        let bound = parser.bound(bound_at, subject)?;
        Ok(Self { text: text.trim().to_owned(), target, transport, subject, relation, bound })
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
            prefix: String::new(),
            suggestion: nearest(found, &expected),
            expected,
        }
    }

    /// The server before the transport, if there is one, and where the rest begins.
    fn target(left: &'a str) -> (Option<TargetName>, usize) {
        let start = left.len() - left.trim_start().len();
        let named = left.trim().split_once('.').and_then(|(head, rest)| {
            let (transport, figure) = rest.split_once('.')?;
            let is_transport = transport == "*" || transport.parse::<Transport>().is_ok();
            // A metric may have several parts itself, and a transport be misspelt: only what is whole counts.
            (is_transport && subject(figure).is_some()).then_some(head)
        });
        match named {
            Some("*") => (None, start + 2),
            Some(head) => (TargetName::new(head).ok(), start + head.len() + 1),
            None => (None, 0),
        }
    }

    fn subject(&self, left: &'a str, from: usize) -> Result<(Option<Transport>, Subject), ExpressionError> {
        let left_of = &left[from..];
        let start = from + left_of.len() - left_of.trim_start().len();
        let name = left_of.trim();
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
                Err(ExpressionError { prefix: format!("{head}."), ..self.error(at, problem, rest, subjects()) })
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
            Subject::Metric(metric) => metric.unit(),
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
            let percent = number.strip_suffix('%').and_then(plain);
            return match (percent, subject) {
                (Some(percent), Subject::Metric(_)) => Ok(Bound::Change(percent / 100.0)),
                (Some(_), Subject::Audit(_)) => {
                    Err(refuse("a count of the audit has a bound of its own, not a change".to_owned()))
                }
                (None, _) => Err(refuse(format!("`{number}` has a sign, which is for a change in percent"))),
            };
        }
        let percent = number.strip_suffix('%').and_then(plain);
        let value = match unit {
            Unit::Nanos => length(number).ok().map(|length| length.0 as f64),
            Unit::Bytes => plain(number).or_else(|| size(number).ok().map(|bytes| bytes as f64)),
            Unit::Count => plain(number),
            Unit::Fraction => percent.map(|percent| percent / 100.0).or_else(|| plain(number)),
        };
        match (value, unit, percent.or_else(|| plain(number))) {
            (Some(value), Unit::Fraction, _) if value > 1.0 => {
                Err(refuse(format!("`{number}` is more than the whole: a share is 1, or 100%, at the most")))
            }
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
    let count = || AuditCount::ALL.into_iter().find(|count| count.label() == name).map(Subject::Audit);
    Metric::from_path(name).map(Subject::Metric).or_else(count)
}

fn subjects() -> Vec<&'static str> {
    Metric::ALL.iter().map(|metric| metric.path()).chain(AuditCount::ALL.map(AuditCount::label)).collect()
}

fn transports() -> Vec<&'static str> {
    Transport::ALL.map(Transport::label).into_iter().chain(["*"]).collect()
}
