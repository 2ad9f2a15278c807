//! The answers in words: who is first at a question, who is equal to it within noise, and how far the others are.

use maud::{Markup, html};

use super::view::{Drawn, NOT_MEASURED, View, capitalised, listed, percent, prose, short_length, times};
use crate::measure::figures::Figure;
use crate::measure::statistics::{Difference, Sample, difference};
use crate::report::run_file::Verdict;
use crate::transport::Transport;

/// A question that the report answers of every run.
pub(crate) struct Question {
    /// As the page asks it.
    pub asked: &'static str,
    /// The figure that answers it; lower is better in all of them.
    pub figure: Figure,
    /// What is said of one that takes several times as much: "takes … as long".
    many: (&'static str, &'static str),
    /// What is said of one that takes some per cent more: "takes … longer".
    some: (&'static str, &'static str),
}

/// The questions, in the order in which people ask them.
const QUESTIONS: [Question; 6] = [
    Question {
        asked: "Fastest to deliver",
        figure: Figure::LatencyP50,
        many: ("takes", "times as long"),
        some: ("takes", "longer"),
    },
    Question { asked: "Freshest", figure: Figure::AgeMean, many: ("is", "times as old"), some: ("is", "older") },
    Question {
        asked: "Cheapest on the wire",
        figure: Figure::WireTotal,
        many: ("costs", "times the bytes"),
        some: ("costs", "more bytes"),
    },
    Question {
        asked: "Fewest requests",
        figure: Figure::RequestsPerDelivery,
        many: ("sends", "times the requests"),
        some: ("sends", "more requests"),
    },
    Question {
        asked: "Cheapest for the server",
        figure: Figure::ServerCpu,
        many: ("costs", "times the processor time"),
        some: ("costs", "more processor time"),
    },
    Question {
        asked: "Least memory per client",
        figure: Figure::ServerRss,
        many: ("takes", "times the memory"),
        some: ("takes", "more memory"),
    },
];

/// The figures of the questions that are asked of every run. How many requests that took is told by what they cost;
/// only a scenario that is about them asks for them first.
pub(crate) const ALL: [Figure; 5] =
    [Figure::LatencyP50, Figure::AgeMean, Figure::WireTotal, Figure::ServerCpu, Figure::ServerRss];

/// How the transports stand to one another in one figure at one point.
pub(crate) struct Standing {
    /// The lowest.
    pub best: Transport,
    /// Those that cannot be told from it, each with the bound of the difference; `None` where they are exactly equal
    /// or nothing is known of the noise.
    pub equal: Vec<(Transport, Option<f64>)>,
    /// Those that are clearly above it, the nearest first.
    pub behind: Vec<(Transport, Difference)>,
    /// Those that have some, with how much, where the best has none at all: there is no ratio to nothing.
    pub above_none: Vec<(Transport, f64)>,
    /// Those of which one cannot say, because there is no interval.
    pub unjudged: Vec<Transport>,
    /// Those without a value.
    pub missing: Vec<Transport>,
    /// Those whose row is invalid.
    pub invalid: Vec<Transport>,
}

impl Standing {
    /// How the transports stand in `drawn`, lower being better. `None` if no transport has a value to be used.
    pub fn of(view: &View<'_>, point: usize, drawn: Drawn) -> Option<Self> {
        let (mut missing, mut invalid) = (Vec::new(), Vec::new());
        let mut measured: Vec<(Transport, Sample)> = Vec::new();
        for transport in view.transports() {
            let Some(row) = view.row(point, transport) else { continue };
            if row.verdict == Verdict::Invalid {
                invalid.push(transport);
            } else if let Some(sample) = view.sample(point, transport, drawn) {
                measured.push((transport, sample));
            } else {
                missing.push(transport);
            }
        }
        measured.sort_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
        let (best, lowest) = measured.first().cloned()?;
        let mut standing = Self {
            best,
            equal: Vec::new(),
            behind: Vec::new(),
            above_none: Vec::new(),
            unjudged: Vec::new(),
            missing,
            invalid,
        };
        let has_none = lowest.trials > 1 && lowest.all(|value| value == 0.0);
        for (transport, sample) in measured.into_iter().skip(1) {
            if sample == lowest {
                standing.equal.push((transport, None));
                continue;
            }
            match difference(&sample, &lowest) {
                Some(found) if found.is_clear && found.ratio > 1.0 => standing.behind.push((transport, found)),
                Some(found) => standing.equal.push((transport, Some(bound(found.ci95)))),
                None if has_none && sample.all(|value| value > 0.0) => {
                    standing.above_none.push((transport, sample.value));
                }
                None => standing.unjudged.push(transport),
            }
        }
        Some(standing)
    }

    /// The best and those equal to it.
    pub fn leaders(&self) -> Vec<Transport> {
        std::iter::once(self.best).chain(self.equal.iter().map(|(transport, _)| *transport)).collect()
    }

    /// The widest bound within which the leaders are equal; `None` with one leader, or where they are exactly equal.
    pub fn bound(&self) -> Option<f64> {
        self.equal.iter().filter_map(|(_, bound)| *bound).reduce(f64::max)
    }

    /// The leaders by name, with the bound: "SSE and WebSocket, equal within noise (±4 %)".
    pub fn headline(&self) -> String {
        let leaders = self.leaders();
        let names = capitalised(&listed(&leaders.iter().map(|one| prose(*one).to_owned()).collect::<Vec<_>>()));
        match (leaders.len(), self.bound()) {
            (1, _) => names,
            (_, Some(bound)) => format!("{names}, equal within noise (±{} %)", percent(bound)),
            (_, None) => format!("{names}, exactly equal"),
        }
    }
}

/// The largest difference that an interval of a ratio leaves possible.
fn bound([low, high]: [f64; 2]) -> f64 {
    (low - 1.0).abs().max((high - 1.0).abs())
}

/// A ratio with its interval in the words of the question.
fn behind(question: &Question, found: &Difference) -> String {
    let [low, high] = found.ci95;
    if found.ratio >= 2.0 {
        let (verb, what) = question.many;
        return format!("{verb} {} {what} [{}, {}]", times(found.ratio), times(low), times(high));
    }
    let (verb, what) = question.some;
    let more = |ratio: f64| percent(ratio - 1.0);
    format!("{verb} {} % {what} [{}, {}]", more(found.ratio), more(low), more(high))
}

/// How much more than `lower` a transport has, in the words of the question that `drawn` answers, or in plain ones:
/// "takes 8.1 times as long as SSE [7.9, 8.4]".
pub(crate) fn above(drawn: Drawn, ratio: f64, [low, high]: [f64; 2], lower: &str) -> String {
    let asked = match drawn {
        Drawn::Figure(figure) if figure.path().starts_with("latency_ns") => Some(Figure::LatencyP50),
        Drawn::Figure(figure) => Some(figure),
        Drawn::Overhead => None,
    };
    let question = asked.and_then(|figure| QUESTIONS.iter().find(|question| question.figure == figure));
    if ratio >= 2.0 {
        let (verb, what) = question.map_or(("has", "times as much"), |question| question.many);
        let than = if what.starts_with("times as") { "as" } else { "of" };
        return format!("{verb} {} {what} {than} {lower} [{}, {}]", times(ratio), times(low), times(high));
    }
    let (verb, what) = question.map_or(("has", "more"), |question| question.some);
    let more = |ratio: f64| percent(ratio - 1.0);
    format!("{verb} {} % {what} than {lower} [{}, {}]", more(ratio), more(low), more(high))
}

/// A transport in a sentence; polling with its interval, because all it costs and gives depends on that.
fn named(view: &View<'_>, point: usize, transport: Transport) -> String {
    match (transport, view.point(point)) {
        (Transport::Polling, Some(point)) => format!("polling every {}", short_length(point.poll_interval_ns)),
        (Transport::Polling | Transport::LongPolling | Transport::Sse | Transport::WebSocket, _) => {
            prose(transport).to_owned()
        }
    }
}

/// The sentence behind a headline: the value of the best, and how far the others are.
pub(crate) fn detail(view: &View<'_>, point: usize, question: &Question, standing: &Standing) -> String {
    let mut parts = Vec::new();
    for (transport, found) in &standing.behind {
        parts.push(format!("{} {}", named(view, point, *transport), behind(question, found)));
    }
    for (transport, value) in &standing.above_none {
        let (verb, _) = question.many;
        parts.push(format!("{} {verb} {}", named(view, point, *transport), question.figure.show(*value)));
    }
    for transport in &standing.unjudged {
        parts.push(format!("{} cannot be compared: there is no interval", named(view, point, *transport)));
    }
    for transport in &standing.missing {
        parts.push(format!("{} was {NOT_MEASURED}", named(view, point, *transport)));
    }
    for transport in &standing.invalid {
        parts.push(format!("{} is left out: its row is invalid", named(view, point, *transport)));
    }
    parts.extend(suspects(view, point, standing));
    let value = view.row(point, standing.best).and_then(|row| row.figures.get(question.figure).0);
    let value = value.map(|value| question.figure.show(value));
    let sentence = match (value, parts.is_empty()) {
        (Some(value), true) => format!("{value}."),
        (Some(value), false) => format!("{value}; {}.", parts.join("; ")),
        (None, _) => format!("{}.", parts.join("; ")),
    };
    capitalised(&sentence)
}

/// Which of the compared rows are suspect, in one breath.
fn suspects(view: &View<'_>, point: usize, standing: &Standing) -> Option<String> {
    let behind = standing.behind.iter().map(|(transport, _)| *transport);
    let rows: Vec<Transport> = standing.leaders().into_iter().chain(behind).collect();
    let is_suspect =
        |transport: &Transport| view.row(point, *transport).is_some_and(|row| row.verdict == Verdict::Suspect);
    let suspect: Vec<String> =
        rows.iter().copied().filter(is_suspect).map(|transport| named(view, point, transport)).collect();
    match suspect.as_slice() {
        [] => None,
        [only] => Some(format!("{only} is suspect")),
        all if all.len() == rows.len() => Some("all of these are suspect".to_owned()),
        several => Some(format!("{} are suspect", listed(several))),
    }
}

/// One answer for each of these figures that has a question, at one point.
pub(crate) fn answers(view: &View<'_>, point: usize, figures: &[Figure]) -> Markup {
    html! {
        dl.answers {
            @for question in figures.iter().filter_map(|figure| QUESTIONS.iter().find(|one| one.figure == *figure)) {
                div {
                    dt { (question.asked) }
                    @if let Some(standing) = Standing::of(view, point, Drawn::Figure(question.figure)) {
                        dd { strong { (standing.headline()) } span { (detail(view, point, question, &standing)) } }
                    } @else {
                        dd { (unanswered(view, point, question.figure)) }
                    }
                }
            }
        }
    }
}

/// Why a question has no answer.
fn unanswered(view: &View<'_>, point: usize, figure: Figure) -> String {
    let has_invalid = view.transports().iter().any(|transport| {
        view.row(point, *transport)
            .is_some_and(|row| row.verdict == Verdict::Invalid && row.figures.get(figure).0.is_some())
    });
    match has_invalid {
        true => "No answer: every row that could give one is invalid.".to_owned(),
        false => format!("No answer: {} was {NOT_MEASURED}.", figure.label()),
    }
}

/// Who leads at each point of a sweep, question by question.
pub(crate) fn leaders_table(view: &View<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let asked = || QUESTIONS.iter().filter(|one| ALL.contains(&one.figure));
    let head = std::iter::once(String::new()).chain(asked().map(|one| one.asked.to_owned())).collect();
    let rows = view.points().into_iter().map(|point| {
        let cells = asked().map(|question| {
            Standing::of(view, point, Drawn::Figure(question.figure)).map_or("—".to_owned(), |standing| {
                let names: Vec<String> = standing.leaders().iter().map(|one| one.title().to_owned()).collect();
                names.join(" = ")
            })
        });
        std::iter::once(view.point_title(point)).chain(cells).collect()
    });
    (head, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fake;

    fn standing(run: &crate::report::run_file::Run, figure: Figure) -> Option<Standing> {
        Standing::of(&View::new(run), 0, Drawn::Figure(figure))
    }

    #[test]
    fn two_that_cannot_be_told_apart_share_the_first_place_with_a_bound() {
        let run = fake::quick();
        let found = standing(&run, Figure::LatencyP50).unwrap();
        assert_eq!(found.leaders().len(), 2, "SSE and WebSocket differ by less than their noise");
        assert!(found.headline().contains("equal within noise (±"), "{}", found.headline());
        assert_eq!(found.behind.last().unwrap().0, Transport::Polling);
    }

    #[test]
    fn the_sentence_names_the_poll_interval_the_ratio_and_its_interval() {
        let run = fake::quick();
        let view = View::new(&run);
        let found = standing(&run, Figure::LatencyP50).unwrap();
        let sentence = detail(&view, 0, &QUESTIONS[0], &found);
        assert!(sentence.contains("polling every 1 s takes "), "{sentence}");
        assert!(sentence.contains(" times as long ["), "{sentence}");
    }

    #[test]
    fn an_invalid_row_answers_nothing_and_a_suspect_one_is_named() {
        let run = fake::invalid();
        let view = View::new(&run);
        let found = standing(&run, Figure::LatencyP50).unwrap();
        assert_eq!(found.invalid, [Transport::Polling]);
        assert!(found.behind.iter().all(|(transport, _)| *transport != Transport::Polling));
        let sentence = detail(&view, 0, &QUESTIONS[0], &found);
        assert!(
            sentence.contains("is left out: its row is invalid") && sentence.contains("SSE is suspect"),
            "{sentence}"
        );
    }

    #[test]
    fn a_figure_that_nobody_measured_gets_no_answer() {
        let mut run = fake::quick();
        for trial in &mut run.trials {
            trial.figures.server_cpu_ns_per_delivery.0 = None;
        }
        assert!(standing(&run, Figure::ServerCpu).is_none());
        let page = answers(&View::new(&run), 0, &ALL).into_string();
        assert!(page.contains("No answer: server CPU per delivery was not measured."), "{page}");
    }

    #[test]
    fn where_the_best_has_none_the_others_are_said_with_what_they_have() {
        let run = fake::quick();
        let found = standing(&run, Figure::RequestsPerDelivery).unwrap();
        assert_eq!(found.headline(), "SSE and WebSocket, exactly equal");
        let page = answers(&View::new(&run), 0, &[Figure::RequestsPerDelivery]).into_string();
        assert!(page.contains("polling every 1 s sends 0.10"), "{page}");
    }

    #[test]
    fn the_words_fit_the_figure() {
        let interval = [7.9, 8.4];
        let said = |figure| above(Drawn::Figure(figure), 8.1, interval, "SSE");
        assert_eq!(said(Figure::LatencyP99), "takes 8.1 times as long as SSE [7.9, 8.4]");
        assert_eq!(said(Figure::WireTotal), "costs 8.1 times the bytes of SSE [7.9, 8.4]");
        assert_eq!(above(Drawn::Overhead, 1.5, [1.4, 1.6], "SSE"), "has 50 % more than SSE [40, 60]");
    }

    #[test]
    fn one_round_judges_nothing() {
        let run = fake::run("quick", "?", None, vec![fake::point()], 1);
        let found = standing(&run, Figure::LatencyP50).unwrap();
        assert_eq!(found.unjudged.len(), 3);
        let sentence = detail(&View::new(&run), 0, &QUESTIONS[0], &found);
        assert!(sentence.contains("cannot be compared: there is no interval"), "{sentence}");
    }
}
