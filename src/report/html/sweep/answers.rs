//! The answers of a sweep in words: which transport is lowest at its ends, and which pairs change their order between
//! them.

use maud::{Markup, html};

use crate::report::findings::crossover::{self, BestAt, Change, Changes, Compared, Lowest, Relation};
use crate::report::findings::ranking::{Winner, no_ranking};
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::html::sweep::{groups, has_order, matrix};
use crate::report::text::wording::{
    best_by_category, capitalised, change_of_pair, changes_along, compared_at, ends_of_sweep, lowest_by_category,
    no_ranking_because, rounds_advice,
};
use crate::run::Transport;

/// The answer of a sweep for one figure.
enum Answer {
    /// For the two transports that the question is about.
    Pair { change: Option<Change>, at_ends: Vec<Compared> },
    /// For all transports, with swept values side by side.
    Beside { lowest: Vec<Lowest>, best: Vec<BestAt> },
    /// For all transports, along a sweep.
    All { ends: Option<[Lowest; 2]>, spread: Option<Compared>, changes: Changes },
}

impl Answer {
    fn of(view: &View<'_>, setting: Setting, points: &[usize], drawn: Drawn) -> Self {
        let has_order = has_order(view, setting);
        let Some(pair @ [first, second]) = view.focus() else {
            if !has_order {
                let lowest = |point: &usize| crossover::lowest_at(view, setting, *point, drawn);
                let best = |one: Transport| crossover::best_at(view, points, one, drawn);
                let best = view.transports().into_iter().filter_map(best).collect();
                return Self::Beside { lowest: points.iter().filter_map(lowest).collect(), best };
            }
            let spread = points.last().and_then(|point| crossover::spread(view, setting, *point, drawn));
            let ends = crossover::lowest_at_ends(view, setting, points, drawn);
            return Self::All { ends, spread, changes: crossover::changes(view, setting, points, drawn) };
        };
        let compared = |point: &usize| crossover::pair(view, setting, *point, drawn, pair);
        if !has_order {
            return Self::Pair { change: None, at_ends: points.iter().filter_map(compared).collect() };
        }
        let at_ends = points.first().into_iter().chain(points.last()).filter_map(compared).collect();
        Self::Pair { change: crossover::change_of(view, setting, points, drawn, [second, first]), at_ends }
    }

    /// True if more rounds may decide what these leave open.
    fn is_inconclusive(&self) -> bool {
        let is_open = |found: &Compared| matches!(found.relation, Relation::Inconclusive { .. });
        match self {
            Self::Pair { at_ends, .. } => at_ends.iter().any(is_open),
            Self::Beside { lowest, best } => {
                let is_open = |one: &Lowest| matches!(one.winner, Winner::Inconclusive(_));
                lowest.iter().any(is_open) || best.iter().any(|one| one.point.is_none())
            }
            Self::All { ends, spread, .. } => {
                spread.iter().any(is_open)
                    || ends.iter().flatten().any(|end| matches!(end.winner, Winner::Inconclusive(_)))
            }
        }
    }

    /// A headline, and the sentences behind it.
    fn words(&self, view: &View<'_>, setting: Setting, drawn: Drawn) -> (Option<String>, Vec<String>) {
        let compared = |found: &Compared| compared_at(view, setting, drawn, found);
        let mut sentences: Vec<String> = match self {
            Self::Pair { change, at_ends } => {
                let change = change.iter().map(|change| change_of_pair(view, setting, change));
                change.chain(at_ends.iter().map(compared)).collect()
            }
            Self::Beside { lowest, best } => {
                let headline = lowest_by_category(view, setting, lowest);
                return (headline, best_by_category(view, setting, best).into_iter().collect());
            }
            Self::All { ends, spread, changes } => {
                let headline = ends.as_ref().map(|ends| ends_of_sweep(view, setting, ends));
                let change = changes_along(view, setting, changes).into_iter().take(1);
                return (headline, spread.iter().map(compared).chain(change).collect());
            }
        };
        let rest = sentences.split_off(sentences.len().min(1));
        (sentences.pop(), rest)
    }
}

/// The answers of a sweep in words: which transport is lowest at its ends, and which pairs change their order between
/// them.
pub(crate) fn answers(view: &View<'_>) -> Option<Markup> {
    let setting = view.sweep()?;
    if let Some(why) = no_ranking(view) {
        return Some(html! { p.unranked { strong { (no_ranking_because(why)) } } });
    }
    if let Some(cards) = matrix::metrics(view).and_then(|metrics| matrix::effects(view, &metrics)) {
        return Some(cards);
    }
    let groups = groups(view, setting);
    let group = groups.first().filter(|group| group.points.len() > 1)?;
    let answers: Vec<(Drawn, Answer)> =
        view.asked().into_iter().map(|drawn| (drawn, Answer::of(view, setting, &group.points, drawn))).collect();
    let is_inconclusive = answers.iter().any(|(_, answer)| answer.is_inconclusive());
    Some(html! {
        dl.answers.cards {
            @for (drawn, answer) in &answers {
                @let (headline, sentences) = answer.words(view, setting, *drawn);
                div {
                    dt { (capitalised(&view.label(*drawn))) }
                    dd {
                        strong { (headline.unwrap_or_else(|| "No answer: too little was measured.".to_owned())) }
                        @for sentence in sentences { span { (sentence) " " } }
                    }
                }
            }
        }
        @if is_inconclusive { p.note { (rounds_advice(view)) } }
    })
}
