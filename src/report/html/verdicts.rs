//! The answers in words: who is first at a question, who is equal to it within noise, and how far the others are.

use maud::{Markup, html};

use crate::limits::MEMORY_CLIENTS_MIN;
use crate::report::findings::ranking::{Lead, Ranking, advice, has_few_clients, is_unranked, left_open, nothing_told};
use crate::report::findings::view::{
    Drawn, NOT_MEASURED, View, capitalised, ends, listed, percent, short_length, times,
};
use crate::run::Transport;
use crate::run::file::Verdict;
use crate::run::metric::Metric;
use crate::stats::Difference;
use crate::units::{Nanos, grouped};

/// A question that the report answers of every run.
pub(crate) struct Question {
    /// As the page asks it.
    pub asked: &'static str,
    /// The figure that answers it; lower is better in all of them.
    pub metric: Metric,
    /// What is said of one that takes several times as much: "takes … as long".
    many: (&'static str, &'static str),
    /// What is said of one that takes some per cent more: "takes … longer".
    some: (&'static str, &'static str),
}

/// The questions, in the order in which people ask them.
const QUESTIONS: [Question; 6] = [
    Question {
        asked: "Fastest to deliver",
        metric: Metric::LatencyP50,
        many: ("takes", "times as long"),
        some: ("takes", "longer"),
    },
    Question { asked: "Freshest", metric: Metric::AgeMean, many: ("is", "times as old"), some: ("is", "older") },
    Question {
        asked: "Cheapest on the wire",
        metric: Metric::WireTotal,
        many: ("costs", "times the bytes"),
        some: ("costs", "more bytes"),
    },
    Question {
        asked: "Fewest requests",
        metric: Metric::RequestsPerDelivery,
        many: ("sends", "times the requests"),
        some: ("sends", "more requests"),
    },
    Question {
        asked: "Cheapest for the server",
        metric: Metric::ServerCpu,
        many: ("costs", "times the processor time"),
        some: ("costs", "more processor time"),
    },
    Question {
        asked: "Least memory per client",
        metric: Metric::ServerRss,
        many: ("takes", "times the memory"),
        some: ("takes", "more memory"),
    },
];

/// The figures of the questions that are asked of every run. How many requests that took is told by what they cost;
/// only a scenario that is about them asks for them first.
pub(crate) const ALL: [Metric; 5] =
    [Metric::LatencyP50, Metric::AgeMean, Metric::WireTotal, Metric::ServerCpu, Metric::ServerRss];

/// A ratio with its interval in the words of the question.
fn behind(question: &Question, found: &Difference) -> String {
    if found.ratio >= 2.0 {
        let (verb, what) = question.many;
        return format!("{verb} {} {what}{}", times(found.ratio), ends(found.ci95, times));
    }
    let (verb, what) = question.some;
    let more = |ratio: f64| percent(ratio - 1.0);
    format!("{verb} {} % {what}{}", more(found.ratio), ends(found.ci95, more))
}

/// How much more than `lower` a transport has, in the words of the question that `drawn` answers, or in plain ones:
/// "takes 8.1 times as long as SSE [7.9, 8.4]".
pub(crate) fn above(drawn: Drawn, ratio: f64, ci95: [f64; 2], lower: &str) -> String {
    let asked = match drawn {
        Drawn::Metric(metric) if metric.path().starts_with("latency_ns") => Some(Metric::LatencyP50),
        Drawn::Metric(metric) => Some(metric),
        Drawn::Overhead => None,
    };
    let question = asked.and_then(|metric| QUESTIONS.iter().find(|question| question.metric == metric));
    if ratio >= 2.0 {
        let (verb, what) = question.map_or(("has", "times as much"), |question| question.many);
        let than = if what.starts_with("times as") { "as" } else { "of" };
        return format!("{verb} {} {what} {than} {lower}{}", times(ratio), ends(ci95, times));
    }
    let (verb, what) = question.map_or(("has", "more"), |question| question.some);
    let more = |ratio: f64| percent(ratio - 1.0);
    format!("{verb} {} % {what} than {lower}{}", more(ratio), ends(ci95, more))
}

/// A transport in a sentence; polling with its interval, because all it costs and gives depends on that.
fn named(view: &View<'_>, point: usize, transport: Transport) -> String {
    match (transport, view.point(point)) {
        (Transport::Polling, Some(point)) if !view.is_echo() => match point.poll_interval_ns {
            Nanos::SECOND => "polling each second".to_owned(),
            interval => format!("polling each {}", short_length(interval)),
        },
        (Transport::Polling | Transport::LongPolling | Transport::Sse | Transport::WebSocket, _) => {
            view.prose(transport).to_owned()
        }
    }
}

/// The sentence behind a headline: the value of the best, what is left open, and how far the others are.
fn detail(view: &View<'_>, point: usize, question: &Question, standing: &Ranking) -> String {
    let lead = standing.lead();
    let mut parts: Vec<String> = values(view, point, question.metric, standing).into_iter().collect();
    if let Lead::Inconclusive(factor) = lead {
        parts.push(left_open(standing.rounds, factor));
    }
    for (transport, found) in &standing.behind {
        let name = named(view, point, *transport);
        // Where several lead, the ratio is to the lowest of them.
        parts.push(match lead {
            Lead::Inconclusive(_) => {
                let lower = view.prose(standing.best);
                format!("{name} {}", above(Drawn::Metric(question.metric), found.ratio, found.ci95, lower))
            }
            Lead::Alone | Lead::Sole | Lead::Shared(_) => format!("{name} {}", behind(question, found)),
        });
    }
    for (transport, value) in &standing.above_none {
        let (verb, _) = question.many;
        parts.push(format!("{} {verb} {}", named(view, point, *transport), question.metric.show(*value)));
    }
    for transport in &standing.missing {
        parts.push(format!("{} was {NOT_MEASURED}", named(view, point, *transport)));
    }
    for transport in &standing.invalid {
        parts.push(format!("{} is left out: its row is invalid", named(view, point, *transport)));
    }
    capitalised(&format!("{}.", parts.join("; ")))
}

/// What the leaders have: the lowest's figure, or from where to where they lie if they cannot be told apart.
fn values(view: &View<'_>, point: usize, metric: Metric, standing: &Ranking) -> Option<String> {
    let value = |transport: &Transport| view.row(point, *transport).and_then(|row| row.metrics.get(metric).0);
    let lowest = metric.show(value(&standing.best)?);
    if !matches!(standing.lead(), Lead::Inconclusive(_)) {
        return Some(lowest);
    }
    let highest = standing.leaders().iter().filter_map(value).fold(f64::MIN, f64::max);
    let highest = metric.show(highest);
    Some(if lowest == highest { lowest } else { format!("{lowest} to {highest}") })
}

/// One answer for each of these figures that has a question, at one point, and below them why others have none.
pub(crate) fn answers(view: &View<'_>, point: usize, metrics: &[Metric]) -> Markup {
    if let Some(why) = nothing_told(view) {
        return html! { p.untold { strong { (why) } } };
    }
    let questions: Vec<&Question> =
        metrics.iter().filter_map(|metric| QUESTIONS.iter().find(|one| one.metric == *metric)).collect();
    let standing = |question: &Question| Ranking::of(view, point, Drawn::Metric(question.metric));
    let answered: Vec<(&Question, Ranking)> =
        questions.iter().filter_map(|question| Some((*question, standing(question)?))).collect();
    let notes = notes(view, point, &questions, &answered);
    html! {
        dl.answers.cards {
            @for (question, standing) in &answered {
                div {
                    dt { (asked(view, question)) }
                    dd { strong { (standing.headline(view)) } span { (kept_together(&detail(view, point, question, standing))) } }
                }
            }
        }
        @if !notes.is_empty() { p.note { (notes.join(" ")) } }
    }
}

/// A number with its per cent sign, never broken over two lines.
fn kept_together(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

/// A question, in the words of what was measured.
fn asked(view: &View<'_>, question: &Question) -> &'static str {
    if view.is_echo() && question.metric == Metric::LatencyP50 { "Fastest there and back" } else { question.asked }
}

/// What is said once for all answers: which have none and why, what to do about it, whose rows want care.
fn notes(view: &View<'_>, point: usize, questions: &[&Question], answered: &[(&Question, Ranking)]) -> Vec<String> {
    let mut notes: Vec<String> = suspects(view, point).into_iter().collect();
    if answered.iter().any(|(_, standing)| matches!(standing.lead(), Lead::Inconclusive(_))) {
        notes.push(advice(view));
    }
    for question in questions {
        let metric = question.metric;
        if answered.iter().any(|(other, _)| other.metric == metric) {
            continue;
        }
        if is_unranked(view, point, Drawn::Metric(metric)) {
            notes.extend(has_few_clients(view, point).then(few_clients));
        } else if !(view.is_echo() && metric == Metric::AgeMean) {
            notes.push(unanswered(view, point, metric));
        }
    }
    notes
}

/// Why memory is not compared.
fn few_clients() -> String {
    format!("Too few clients to compare their memory: it takes {} or more.", grouped(i64::from(MEMORY_CLIENTS_MIN)))
}

/// Which of the rows are suspect, where not all of them are: the banner has said that.
fn suspects(view: &View<'_>, point: usize) -> Option<String> {
    let transports = view.transports();
    let is_suspect =
        |transport: &Transport| view.row(point, *transport).is_some_and(|row| row.verdict == Verdict::Suspect);
    let suspect: Vec<String> =
        transports.iter().copied().filter(is_suspect).map(|transport| named(view, point, transport)).collect();
    match suspect.len() {
        0 => None,
        all if all == transports.len() => None,
        1 => Some(capitalised(&format!("{} is suspect.", suspect[0]))),
        _ => Some(capitalised(&format!("{} are suspect.", listed(&suspect)))),
    }
}

/// Why a question has no answer.
fn unanswered(view: &View<'_>, point: usize, metric: Metric) -> String {
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

/// Who leads at each point of a sweep, question by question, for those that have an answer anywhere.
pub(crate) fn leaders_table(view: &View<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let points = view.points();
    let cell = |point: usize, question: &Question| {
        let standing = Ranking::of(view, point, Drawn::Metric(question.metric))?;
        let names: Vec<String> = standing.leaders().iter().map(|one| view.title(*one).to_owned()).collect();
        Some(match standing.lead() {
            Lead::Sole => names.join(""),
            Lead::Shared(_) => names.join(" = "),
            Lead::Alone => format!("only {}", names.join("")),
            Lead::Inconclusive(_) => "no answer".to_owned(),
        })
    };
    let questions: Vec<&Question> = QUESTIONS
        .iter()
        .filter(|one| ALL.contains(&one.metric) && points.iter().any(|point| cell(*point, one).is_some()))
        .collect();
    let head = std::iter::once(String::new()).chain(questions.iter().map(|one| asked(view, one).to_owned())).collect();
    let rows = points.iter().map(|point| {
        let cells = questions.iter().map(|question| cell(*point, question).unwrap_or_else(|| "—".to_owned()));
        std::iter::once(view.point_title(*point)).chain(cells).collect()
    });
    (head, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::Run;
    use crate::run::metric::Value;

    fn standing(run: &Run, metric: Metric) -> Option<Ranking> {
        Ranking::of(&View::new(run), 0, Drawn::Metric(metric))
    }

    fn page(run: &Run) -> String {
        answers(&View::new(run), 0, &ALL).into_string()
    }

    #[test]
    fn the_sentence_names_the_poll_interval_the_ratio_and_its_interval() {
        let run = fake::quick();
        let view = View::new(&run);
        let found = standing(&run, Metric::LatencyP50).unwrap();
        let sentence = detail(&view, 0, &QUESTIONS[0], &found);
        assert!(sentence.contains("polling each second takes "), "{sentence}");
        assert!(sentence.contains(" times as long ["), "{sentence}");
    }

    #[test]
    fn where_noise_hides_the_difference_the_answer_says_what_it_leaves_open_and_what_to_do() {
        let mut run = fake::quick();
        for trial in run.trials.iter_mut().filter(|trial| trial.transport.is_some()) {
            let round = f64::from(trial.round);
            let shift = if trial.transport == Some(Transport::Sse) { 4.0 - round } else { round };
            trial.metrics.server_cpu_ns_per_delivery = Value(Some(1e4 * shift));
        }
        let page = page(&run);
        assert!(page.contains("<strong>No answer</strong>") && page.contains("3 rounds leave up to "), "{page}");
        assert!(page.contains("more rounds (--rounds 6)"), "{page}");
        for share in page.split("±").skip(1) {
            let digits: String = share.chars().take_while(|one| one.is_ascii_digit() || *one == '.').collect();
            assert!(digits.parse::<f64>().unwrap() <= 25.0, "±{share}");
        }
    }

    #[test]
    fn memory_of_fifty_clients_gets_no_verdict_but_a_reason() {
        let page = page(&fake::quick());
        assert!(!page.contains("Least memory"), "{page}");
        assert!(page.contains("Too few clients to compare their memory: it takes 500 or more."), "{page}");
    }

    #[test]
    fn an_invalid_row_answers_nothing_and_a_suspect_one_is_named_once() {
        let run = fake::invalid();
        let view = View::new(&run);
        let found = standing(&run, Metric::LatencyP50).unwrap();
        assert_eq!(found.invalid, [Transport::Polling]);
        assert!(found.behind.iter().all(|(transport, _)| *transport != Transport::Polling));
        assert!(detail(&view, 0, &QUESTIONS[0], &found).contains("is left out: its row is invalid"));
        assert_eq!(page(&run).matches("SSE is suspect").count(), 1);
    }

    #[test]
    fn where_all_are_suspect_the_banner_alone_says_so() {
        let mut run = fake::quick();
        for row in &mut run.summary {
            row.verdict = Verdict::Suspect;
        }
        assert!(!page(&run).contains("suspect"));
    }

    #[test]
    fn a_figure_that_nobody_measured_gets_no_answer() {
        let mut run = fake::quick();
        for trial in &mut run.trials {
            trial.metrics.server_cpu_ns_per_delivery.0 = None;
        }
        assert!(standing(&run, Metric::ServerCpu).is_none());
        let page = page(&run);
        assert!(page.contains("No answer: server CPU per delivery was not measured."), "{page}");
    }

    #[test]
    fn where_the_best_has_none_the_others_are_said_with_what_they_have() {
        let run = fake::quick();
        let found = standing(&run, Metric::RequestsPerDelivery).unwrap();
        assert_eq!(found.headline(&View::new(&run)), "SSE and WebSocket, exactly equal");
        let page = answers(&View::new(&run), 0, &[Metric::RequestsPerDelivery]).into_string();
        assert!(page.contains("polling each second sends 0.10"), "{page}");
    }

    #[test]
    fn the_words_fit_the_figure() {
        let interval = [7.9, 8.4];
        let said = |metric| above(Drawn::Metric(metric), 8.1, interval, "SSE");
        assert_eq!(said(Metric::LatencyP99), "takes 8.1 times as long as SSE [7.9, 8.4]");
        assert_eq!(said(Metric::WireTotal), "costs 8.1 times the bytes of SSE [7.9, 8.4]");
        assert_eq!(above(Drawn::Overhead, 1.5, [1.4, 1.6], "SSE"), "has 50 % more than SSE [40, 60]");
    }

    #[test]
    fn one_round_gets_one_sentence_and_no_verdict() {
        let run = fake::run("quick", "?", None, vec![fake::point()], 1);
        let page = page(&run);
        assert!(page.contains("One round: nothing can be told apart; use --rounds 3."), "{page}");
        assert!(!page.contains("<dt>"), "{page}");
    }
}
