//! Which transport is lowest in a metric, which are equal to it, and how far above it the others are.

use crate::limits::MEMORY_CLIENTS_MIN;
use crate::report::findings::ranking::{NoRanking, Ranking, Winner, rounds_advised};
use crate::report::findings::view::{Drawn, View};
use crate::report::text::wording::{
    NOT_MEASURED, Question, above, capitalised, counted, either, listed, percent, short_length, times, why,
};
use crate::run::Transport;
use crate::run::file::Verdict;
use crate::run::metric::Metric;
use crate::units::{Nanos, grouped};

/// The words where the rounds find no winner.
pub(crate) const NO_WINNER: &str = "no clear winner";

/// A transport in a sentence; polling with its interval, because all its figures depend on that.
pub(crate) fn with_interval(view: &View<'_>, point: usize, transport: Transport) -> String {
    match (transport, view.point(point)) {
        (Transport::Polling, Some(point)) if !view.is_echo() => match point.poll_interval_ns {
            Nanos::SECOND => "polling every second".to_owned(),
            interval => format!("polling every {}", short_length(interval)),
        },
        (Transport::Polling | Transport::LongPolling | Transport::Sse | Transport::WebSocket, _) => {
            view.prose(transport).to_owned()
        }
    }
}

/// The leaders by name, with the bound: "SSE and WebSocket, equal within ±4 %".
pub(crate) fn ranking_headline(view: &View<'_>, ranking: &Ranking) -> String {
    let names = view.prose_of(&ranking.leaders());
    let is_all = names.len() == view.transports().len();
    match ranking.winner() {
        Winner::Unopposed => format!("Only {}", listed(&names)),
        Winner::Clear => capitalised(&listed(&names)),
        Winner::Tied(Some(factor)) if names.len() > 2 && is_all => {
            format!("All equal within ±{} %", percent(factor - 1.0))
        }
        Winner::Tied(Some(factor)) => {
            format!("{}, equal within ±{} %", capitalised(&listed(&names)), percent(factor - 1.0))
        }
        Winner::Tied(None) => format!("{}, exactly equal", capitalised(&listed(&names))),
        Winner::Inconclusive(_) if is_all => capitalised(NO_WINNER),
        Winner::Inconclusive(_) => format!("{}: {}", capitalised(NO_WINNER), either(&names)),
    }
}

/// The leaders in a cell of a table: "SSE = WebSocket".
pub(crate) fn ranking_cell(view: &View<'_>, ranking: &Ranking) -> String {
    let names: Vec<&str> = ranking.leaders().iter().map(|one| view.title(*one)).collect();
    match ranking.winner() {
        Winner::Clear => names.join(""),
        Winner::Tied(_) => names.join(" = "),
        Winner::Unopposed => format!("only {}", names.join("")),
        Winner::Inconclusive(_) => NO_WINNER.to_owned(),
    }
}

/// The bound next to "no clear winner": "3 rounds do not rule out a difference of up to 4.4 times".
pub(crate) fn left_open(rounds: usize, factor: Option<f64>) -> String {
    match factor {
        Some(factor) => format!("{} do not rule out a difference of {}", counted(rounds, "round"), up_to(factor)),
        None => "a comparison needs at least two rounds".to_owned(),
    }
}

/// `up to 30 %`, `up to 4.4 times`.
fn up_to(factor: f64) -> String {
    if factor < 2.0 { format!("up to {} %", percent(factor - 1.0)) } else { format!("up to {} times", times(factor)) }
}

/// The sentence after a headline: the lowest value, what the rounds leave open, and how far above it the others are.
pub(crate) fn ranking_detail(view: &View<'_>, point: usize, question: &Question, ranking: &Ranking) -> String {
    let winner = ranking.winner();
    let mut parts: Vec<String> = values(view, point, question.metric, ranking).into_iter().collect();
    if let Winner::Inconclusive(factor) = winner {
        parts.push(left_open(ranking.rounds, factor));
    }
    for (transport, found) in &ranking.behind {
        let name = with_interval(view, point, *transport);
        // Where several lead, the ratio is to the lowest of them.
        let more = match winner {
            Winner::Inconclusive(_) => {
                above(Drawn::Metric(question.metric), found.ratio, found.ci95, view.prose(ranking.best))
            }
            Winner::Unopposed | Winner::Clear | Winner::Tied(_) => {
                question.comparative.more(found.ratio, found.ci95, None)
            }
        };
        parts.push(format!("{name} {more}"));
    }
    for (transport, value) in &ranking.above_none {
        let (name, verb) = (with_interval(view, point, *transport), question.comparative.verb);
        parts.push(format!("{name} {verb} {}", question.metric.show(*value)));
    }
    if !ranking.explained.is_empty() {
        let names = listed(&view.prose_of(&ranking.explained));
        parts.push(format!(
            "the distance of {names} may come from the load generator's own CPU time, or from its clock"
        ));
    }
    for (transport, reason) in &ranking.withheld {
        parts.push(format!("{} is left out: {}", with_interval(view, point, *transport), why(*reason)));
    }
    for transport in &ranking.missing {
        parts.push(format!("{} was {NOT_MEASURED}", with_interval(view, point, *transport)));
    }
    for transport in &ranking.invalid {
        parts.push(format!("{} is left out: its row is invalid", with_interval(view, point, *transport)));
    }
    capitalised(&format!("{}.", parts.join("; ")))
}

/// What the leaders have: the lowest's figure, or from where to where they lie if there is no winner.
fn values(view: &View<'_>, point: usize, metric: Metric, ranking: &Ranking) -> Option<String> {
    let value = |transport: &Transport| view.row(point, *transport).and_then(|row| row.metrics.get(metric).0);
    let lowest = metric.show(value(&ranking.best)?);
    if !matches!(ranking.winner(), Winner::Inconclusive(_)) {
        return Some(lowest);
    }
    let highest = ranking.leaders().iter().filter_map(value).fold(f64::MIN, f64::max);
    let highest = metric.show(highest);
    Some(if lowest == highest { lowest } else { format!("{lowest} to {highest}") })
}

/// What to do if the rounds find no winner.
pub(crate) fn rounds_advice(view: &View<'_>) -> String {
    format!(
        "Where there is no clear winner, more rounds (--rounds {}), a longer --measure or more --clients may decide.",
        rounds_advised(view)
    )
}

/// Why nothing in a whole run is ranked.
pub(crate) fn no_ranking_because(why: NoRanking) -> &'static str {
    match why {
        NoRanking::NothingUsable => "No answer: every trial is invalid.",
        NoRanking::OneRound => "One round does not show how much results vary, so nothing is compared; use --rounds 3.",
        NoRanking::OneUsableRound => {
            "Only one round is valid, which does not show how much results vary, so nothing is compared; repeat the run."
        }
    }
}

/// Why memory is not compared.
pub(crate) fn few_clients() -> String {
    let min = grouped(i64::from(MEMORY_CLIENTS_MIN));
    format!("Memory per client is compared only with {min} clients or more: with fewer, it is mostly chance.")
}

/// Which of the rows are suspect.
pub(crate) fn suspects(view: &View<'_>, point: usize, transports: &[Transport]) -> String {
    let names: Vec<String> = transports.iter().map(|one| with_interval(view, point, *one)).collect();
    let be = if names.len() == 1 { "is" } else { "are" };
    capitalised(&format!("{} {be} suspect.", listed(&names)))
}

/// Why a question has no answer.
pub(crate) fn unanswered(view: &View<'_>, point: usize, metric: Metric) -> String {
    let has_invalid = view.transports().iter().any(|transport| {
        view.row(point, *transport)
            .is_some_and(|row| row.verdict == Verdict::Invalid && row.metrics.get(metric).0.is_some())
    });
    let label = view.label(Drawn::Metric(metric));
    match has_invalid {
        true => format!("No answer: every row with {label} is invalid."),
        false => format!("No answer: {label} was {NOT_MEASURED}."),
    }
}
