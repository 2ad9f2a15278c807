//! What changed between two runs, for a terminal.

use crate::report::findings::compare::{Comparison, Delta, Outcome};
use crate::report::text::table::{Align, aligned};
use crate::report::text::wording::{
    calibration, caveat_sentence, comparison_headline, comparison_rest, counted, delta_cells, moment,
    outcome_explanation, outcome_label,
};

/// How much of a comparison is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What differs, and a count of the rest.
    Short,
    /// Every metric of every row.
    All,
}

/// The two runs, the caveats of comparing them, what differs, and the result last, where a terminal user looks.
pub fn terminal_comparison(comparison: &Comparison, extent: Extent) -> String {
    let mut text = String::new();
    for (name, side) in ["first", "second"].iter().zip(&comparison.runs) {
        let began = moment(&side.started_at);
        text.push_str(&format!("{name:>6}: {}, {began}, commit {}\n", side.scenario, side.commit));
    }
    for one in &comparison.caveats {
        text.push_str(&format!("  note: {}\n", caveat_sentence(one, &comparison.runs)));
    }
    text.push_str(&table(comparison, extent));
    if extent == Extent::All {
        text.push_str(&explanations(comparison));
    }
    text.push_str(&format!("\n{}\n", comparison_headline(comparison)));
    if !comparison.is_empty() {
        text.push_str(&comparison_rest(comparison));
        text.push_str(&format!(" {}", calibration(comparison)));
        let hidden = comparison.transports().filter(|delta| delta.is_shown() && !is_printed(delta, extent)).count();
        if hidden > 0 {
            text.push_str(&format!(" --all prints {}.", counted(hidden, "more row")));
        }
        text.push('\n');
    }
    text
}

fn is_printed(delta: &Delta, extent: Extent) -> bool {
    delta.is_shown() && (extent == Extent::All || Outcome::DIFFERENT.contains(&delta.outcome))
}

fn table(comparison: &Comparison, extent: Extent) -> String {
    let mut deltas: Vec<&Delta> = comparison.deltas.iter().filter(|delta| is_printed(delta, extent)).collect();
    if deltas.is_empty() {
        return String::new();
    }
    // A stable sort: rows with the same outcome keep the order of the summary.
    deltas.sort_by_key(|delta| delta.outcome);
    let head = ["", "metric", "first", "second", "change", "95 % interval", ""].map(str::to_owned);
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(deltas.into_iter().map(|delta| delta_cells(delta, &comparison.runs)))
        .map(Vec::from)
        .collect();
    let align = |column: usize| if (2..6).contains(&column) { Align::Right } else { Align::Left };
    format!("\n{}\n", aligned(&rows, align, "  ").join("\n"))
}

/// What the marks of a full table mean, and how many rows it leaves out.
fn explanations(comparison: &Comparison) -> String {
    let mut text = String::new();
    for lacking in Outcome::LACKING {
        let count = comparison.of(lacking).filter(|delta| !delta.is_shown()).count();
        if count > 0 {
            text.push_str(&format!("{count} more: {}\n", outcome_label(lacking)));
        }
    }
    for marked in [Outcome::Chance, Outcome::Small] {
        let is_there = comparison.deltas.iter().any(|delta| delta.outcome == marked);
        if let Some(explanation) = outcome_explanation(comparison, marked).filter(|_| is_there) {
            text.push_str(&format!("\n{}: {explanation}\n", outcome_label(marked)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::findings::compare::compare;
    use crate::run::Transport;
    use crate::run::fixture;
    use crate::run::metric::Metric;

    /// The rows of a table, below its heading.
    fn rows(text: &str) -> Vec<&str> {
        text.split("\n\n").nth(1).map(|table| table.lines().skip(1).collect()).unwrap_or_default()
    }

    #[test]
    fn differences_are_printed_and_the_rest_only_with_all() {
        let slower = |transport, metric| match (transport, metric) {
            (Transport::Sse, Metric::ServerCpu) => 2.0,
            (Transport::Polling, Metric::ServerRss) => 0.5,
            _ => 1.0,
        };
        let comparison = compare(&fixture::run(|_, _| 1.0), &fixture::run(slower));
        let [short, all] = [Extent::Short, Extent::All].map(|extent| terminal_comparison(&comparison, extent));
        assert_eq!(rows(&short).len(), 4, "{short}");
        assert_eq!(rows(&all).len(), comparison.deltas.len());
        assert_eq!(
            rows(&all)[..4].iter().map(|row| &row[..20]).collect::<Vec<_>>(),
            rows(&short).iter().map(|row| &row[..20]).collect::<Vec<_>>(),
            "the worst first, in both"
        );
        for text in [&short, &all] {
            let (rest, headline) = (comparison_rest(&comparison), comparison_headline(&comparison));
            assert!(text.contains(&format!("\n{headline}\n{rest}")), "{text}");
        }
        assert!(short.contains("--all") && !all.contains("--all"), "{short}");
    }

    #[test]
    fn runs_that_cannot_be_judged_print_no_rows() {
        let mut single = fixture::run(|_, _| 1.0);
        single.trials.retain(|trial| trial.round == 1);
        let text = terminal_comparison(&compare(&single, &single), Extent::Short);
        assert!(text.lines().count() < 8, "{text}");
    }
}
