//! The answers: for each question, which transport is lowest, which are equal to it within noise, and how far above it
//! the others are.

use maud::{Markup, html};

use crate::report::findings::ranking::{Ranking, Winner, has_few_clients, is_unranked, no_ranking};
use crate::report::findings::turns;
use crate::report::findings::view::{Drawn, View};
use crate::report::html::components::Table;
use crate::report::text::wording::{
    Question, few_clients, no_ranking_because, ranking_cell, ranking_detail, ranking_headline, rounds_advice, suspects,
    turn_cells, unanswered,
};
use crate::run::Transport;
use crate::run::file::Verdict;
use crate::run::metric::Metric;

/// The metrics of the questions that are asked of every run. The number of requests is left to scenarios that are about
/// it: its effect shows in the costs.
pub(crate) const ALL: [Metric; 5] =
    [Metric::LatencyP50, Metric::AgeMean, Metric::WireTotal, Metric::ServerCpu, Metric::ServerRss];

/// One answer for each of these metrics that has a question, at one point, followed by why others have none.
pub(crate) fn answers(view: &View<'_>, point: usize, metrics: &[Metric]) -> Markup {
    if let Some(why) = no_ranking(view) {
        return html! { p.unranked { strong { (no_ranking_because(why)) } } };
    }
    let questions: Vec<&Question> = metrics.iter().filter_map(|metric| Question::of(*metric)).collect();
    let ranking = |question: &Question| Ranking::of(view, point, Drawn::Metric(question.metric));
    let answered: Vec<(&Question, Ranking)> =
        questions.iter().filter_map(|question| Some((*question, ranking(question)?))).collect();
    let notes = notes(view, point, &questions, &answered);
    html! {
        dl.answers.cards {
            @for (question, ranking) in &answered {
                div {
                    dt { (question.asked(view)) }
                    dd {
                        strong { (ranking_headline(view, ranking)) }
                        span { (kept_together(&ranking_detail(view, point, question, ranking))) }
                    }
                }
            }
        }
        @if !notes.is_empty() { p.note { (notes.join(" ")) } }
    }
}

/// A text in which a number and its per cent sign stay on one line.
fn kept_together(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

/// Notes on all answers: which are missing and why, what to do about it, and which rows are suspect.
fn notes(view: &View<'_>, point: usize, questions: &[&Question], answered: &[(&Question, Ranking)]) -> Vec<String> {
    let suspect = suspect(view, point);
    let mut notes: Vec<String> = Vec::new();
    if !suspect.is_empty() {
        notes.push(suspects(view, point, &suspect));
    }
    if answered.iter().any(|(_, ranking)| matches!(ranking.winner(), Winner::Inconclusive(_))) {
        notes.push(rounds_advice(view));
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

/// The transports with suspect rows; empty if all rows are suspect, which the banner shows already.
fn suspect(view: &View<'_>, point: usize) -> Vec<Transport> {
    let transports = view.transports();
    let is_suspect =
        |transport: &Transport| view.row(point, *transport).is_some_and(|row| row.verdict == Verdict::Suspect);
    let suspect: Vec<Transport> = transports.iter().copied().filter(is_suspect).collect();
    if suspect.len() == transports.len() { Vec::new() } else { suspect }
}

/// The leaders at each point of a sweep, for each question that has an answer at any point.
pub(crate) fn leaders_table(view: &View<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let points = view.points();
    let cell = |point: usize, question: &Question| {
        let ranking = Ranking::of(view, point, Drawn::Metric(question.metric))?;
        Some(ranking_cell(view, &ranking))
    };
    let questions: Vec<&Question> = ALL
        .into_iter()
        .filter_map(Question::of)
        .filter(|one| points.iter().any(|point| cell(*point, one).is_some()))
        .collect();
    let head = std::iter::once(String::new()).chain(questions.iter().map(|one| one.asked(view).to_owned())).collect();
    let rows = points.iter().map(|point| {
        let cells = questions.iter().map(|question| cell(*point, question).unwrap_or_else(|| "—".to_owned()));
        std::iter::once(view.point_title(*point)).chain(cells).collect()
    });
    (head, rows.collect())
}

/// What changes each answer along a sweep: the question, the answer at the first point, the change, and the figures of
/// both.
pub(crate) fn turns_table(view: &View<'_>) -> Option<Table> {
    let first = view.points().first().copied()?;
    let rows: Vec<Vec<String>> = ALL
        .into_iter()
        .filter_map(|metric| {
            let (question, verdict) = (Question::of(metric)?, turns::verdict(view, metric)?);
            Some([vec![question.asked(view).to_owned()], turn_cells(view, &verdict).to_vec()].concat())
        })
        .collect();
    let head = ["", &format!("With {}", view.point_title(first)), "changed by", "before, and there"].map(str::to_owned);
    (!rows.is_empty()).then(|| Table { head: head.to_vec(), rows, is_words: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;
    use crate::run::file::Run;
    use crate::run::metric::Value;

    fn page(run: &Run) -> String {
        answers(&View::new(run), 0, &ALL).into_string()
    }

    #[test]
    fn every_question_with_an_answer_has_a_card() {
        let page = page(&fake::quick());
        let asked = ALL.into_iter().filter(|metric| *metric != Metric::ServerRss).filter_map(Question::of);
        assert_eq!(page.matches("<dt>").count(), asked.clone().count(), "memory of fifty clients has none");
        let view = fake::quick();
        asked.for_each(|one| assert!(page.contains(one.asked(&View::new(&view)))));
        assert!(page.contains(&few_clients()));
    }

    #[test]
    fn where_noise_hides_the_difference_the_page_says_what_to_do() {
        let mut run = fake::quick();
        let advice = |run: &Run| page(run).contains(&rounds_advice(&View::new(run)));
        assert!(!advice(&run));
        for trial in run.trials.iter_mut().filter(|trial| trial.transport.is_some()) {
            let round = f64::from(trial.round);
            let shift = if trial.transport == Some(Transport::Sse) { 4.0 - round } else { round };
            trial.metrics.server_cpu_ns_per_delivery = Value(Some(1e4 * shift));
        }
        assert!(advice(&run));
    }

    #[test]
    fn a_suspect_row_is_named_once_and_none_where_all_are() {
        let run = fake::invalid();
        assert_eq!(suspect(&View::new(&run), 0), [Transport::Sse]);
        assert_eq!(page(&run).matches(&suspects(&View::new(&run), 0, &[Transport::Sse])).count(), 1);
        let mut run = fake::quick();
        run.summary.iter_mut().for_each(|row| row.verdict = Verdict::Suspect);
        assert!(suspect(&View::new(&run), 0).is_empty());
    }

    #[test]
    fn a_figure_that_nobody_measured_gets_no_card_but_a_note() {
        let mut run = fake::quick();
        for trial in &mut run.trials {
            trial.metrics.server_cpu_ns_per_delivery.0 = None;
        }
        let page = page(&run);
        assert!(page.contains(&unanswered(&View::new(&run), 0, Metric::ServerCpu)), "{page}");
        assert!(!page.contains(Question::of(Metric::ServerCpu).unwrap().asked(&View::new(&run))), "{page}");
    }

    #[test]
    fn one_round_gets_one_sentence_and_no_card() {
        let run = fake::run("quick", "?", None, vec![fake::point()], 1);
        let page = page(&run);
        assert!(page.contains("class=\"unranked\"") && !page.contains("<dt>"), "{page}");
    }
}
