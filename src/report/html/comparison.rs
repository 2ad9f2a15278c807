//! The comparison of two runs as one self-contained HTML page.

use std::io;
use std::path::{Path, PathBuf};

use maud::{Markup, html};

use crate::report::findings::compare::{Comparison, Delta, NotCompared, Outcome, Side};
use crate::report::findings::rows::Rows;
use crate::report::html::document::document;
use crate::report::html::page_file::PageKind;
use crate::report::text::wording::{
    calibration, capitalised, caveat_sentence, command_line, comparison_headline, comparison_rest, counted,
    delta_cells, moment, outcome_explanation, outcome_label, threshold_found, threshold_lead,
};
use crate::run::threshold::Threshold;
use crate::stats::Difference;

/// Writes `comparison.html` into a folder.
///
/// Errors: those of the file system.
pub fn write_comparison(comparison: &Comparison, thresholds: &[Threshold], folder: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join("comparison.html");
    PageKind::Comparison.write(&file, &html(comparison, thresholds))?;
    Ok(file)
}

/// The page: the result in one sentence, then the caveats, what changed, and what did not.
pub fn html(comparison: &Comparison, thresholds: &[Threshold]) -> String {
    let [first, second] = &comparison.runs;
    let title = format!("{} compared with {}", moment(&second.started_at), moment(&first.started_at));
    let noise: Vec<&Delta> = comparison.of(Outcome::WithinNoise).collect();
    let single: Vec<&Delta> = comparison.of(Outcome::NotComparable(NotCompared::OneRound)).collect();
    let tcp_baseline: Vec<&Delta> =
        comparison.deltas.iter().filter(|delta| delta.transport().is_none() && delta.is_shown()).collect();
    let body = html! {
        h1 { (comparison_headline(comparison)) }
        p.rest { (comparison_rest(comparison)) " " (calibration(comparison)) }
        (runs(comparison))
        @if !comparison.caveats.is_empty() {
            ul.warnings aria-label="Caveats" {
                @for caveat in &comparison.caveats { li { (caveat_sentence(caveat, &comparison.runs)) } }
            }
        }
        @if !thresholds.is_empty() {
            h2 { "Thresholds" }
            ul { @for threshold in thresholds { (outcome_of(threshold, &second.rows)) } }
        }
        @for outcome in [Outcome::Worse, Outcome::Better, Outcome::Changed, Outcome::Chance, Outcome::Small] {
            (section(comparison, outcome))
        }
        (folded(&format!("Within noise: {}, each with the bound", counted(noise.len(), "metric")), &noise, &comparison.runs))
        (folded("A single round, which does not show the noise", &single, &comparison.runs))
        (folded("The TCP baseline: changes of the machine itself", &tcp_baseline, &comparison.runs))
        @for lack in [NotCompared::NotMeasured, NotCompared::WasZero] {
            (lacking(comparison, Outcome::NotComparable(lack)))
        }
        h2 { "How to read this" }
        p {
            "A change is the second value relative to the first, with the interval that contains the true change in 95 \
             % of cases. A latency is that of all rounds' deliveries together; every other metric is the median of the \
             rounds. A metric is called better or worse if the interval does not contain zero, if that is unlikely to \
             be chance among so many metrics, and if the change is large enough to matter: a tenth for times and \
             memory, which drift from run to run, a hundredth for requests and bytes."
        }
    };
    document(PageKind::Comparison, &title, body).into_string()
}

/// The CSS class of an outcome, for its colour.
fn class(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Worse => Some("worse"),
        Outcome::Better => Some("better"),
        Outcome::Changed | Outcome::Chance | Outcome::Small | Outcome::WithinNoise | Outcome::NotComparable(_) => None,
    }
}

fn runs(comparison: &Comparison) -> Markup {
    html! {
        @for (name, side) in ["First", "Second"].iter().zip(&comparison.runs) {
            p.muted {
                (name) ": " (side.scenario) ", " (moment(&side.started_at))
                ", commit " code { (side.commit) } ", " code { (command_line(&side.command)) }
            }
        }
    }
}

fn outcome_of(threshold: &Threshold, rows: &Rows) -> Markup {
    html! {
        li {
            strong.failed[threshold.failed] { (threshold_lead(threshold)) } " "
            code { (threshold.expression) } "; " (threshold_found(threshold, rows))
        }
    }
}

fn section(comparison: &Comparison, outcome: Outcome) -> Markup {
    let deltas: Vec<&Delta> = comparison.of(outcome).collect();
    let title = match outcome {
        Outcome::Worse => "Worse",
        Outcome::Better => "Better",
        Outcome::Changed => "Changed, neither good nor bad",
        Outcome::Chance => "Could be chance",
        Outcome::Small => "Too small to count",
        Outcome::WithinNoise | Outcome::NotComparable(_) => outcome_label(outcome),
    };
    html! {
        @if !deltas.is_empty() {
            h2 class=[class(outcome)] { (title) }
            (table(title, &deltas, &comparison.runs))
            @if let Some(explanation) = outcome_explanation(comparison, outcome) { p.muted { (capitalised(&explanation)) "." } }
        }
    }
}

fn folded(title: &str, deltas: &[&Delta], runs: &[Side; 2]) -> Markup {
    html! {
        @if !deltas.is_empty() {
            h2 { (title) }
            details { summary { "Show them" } (table(title, deltas, runs)) }
        }
    }
}

fn lacking(comparison: &Comparison, outcome: Outcome) -> Markup {
    let rows = &comparison.runs[0].rows;
    let named = |delta: &Delta| format!("{}, {}", rows.name(delta.rows[0]), delta.metric.label());
    let names: Vec<String> = comparison.of(outcome).map(named).collect();
    html! {
        @if !names.is_empty() {
            h2 { "Not compared: " (outcome_label(outcome)) }
            details { summary { (counted(names.len(), "metric")) } p.muted { (names.join("; ")) } }
        }
    }
}

fn table(label: &str, deltas: &[&Delta], runs: &[Side; 2]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table {
                thead {
                    tr {
                        th scope="col" { "row" }
                        th scope="col" { "metric" }
                        @for name in ["first", "second", "change", "95 % interval"] { th.number scope="col" { (name) } }
                        th scope="col" { "half … double" }
                    }
                }
                tbody {
                    @for delta in deltas {
                        @let [name, metric, first, second, change, interval, _] = delta_cells(delta, runs);
                        tr {
                            th scope="row" { (name) }
                            th scope="row" { (metric) }
                            @for cell in [first, second, change, interval] { td { (cell) } }
                            td class=[class(delta.outcome)] { @if let Some(difference) = &delta.difference { (range(difference)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The interval on a logarithmic scale from half to double, with a line in the middle for no change. Screen readers
/// skip it, because the table has the figures.
fn range(difference: &Difference) -> Markup {
    const WIDTH: f64 = 144.0;
    const MARGIN: f64 = 4.0;
    let x = |ratio: f64| {
        // A ratio of zero or less is off the scale, like any other ratio below a half.
        let share = (ratio.max(f64::MIN_POSITIVE).log2().clamp(-1.0, 1.0) + 1.0) / 2.0;
        format!("{:.1}", MARGIN + share * (WIDTH - 2.0 * MARGIN))
    };
    let [low, high] = difference.ci95.map(x);
    html! {
        svg viewBox="0 0 144 18" aria-hidden="true" {
            line.axis x1=(x(0.5)) x2=(x(2.0)) y1="9" y2="9" {}
            line.one x1=(x(1.0)) x2=(x(1.0)) y1="2" y2="16" {}
            line.range x1=(low) x2=(high) y1="9" y2="9" {}
            circle.ratio cx=(x(difference.ratio)) cy="9" r="3.5" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::findings::compare::compare;
    use crate::run::fixture;
    use crate::run::metric::{Metric, Value};
    use crate::run::threshold::tests::every_finding;

    #[test]
    fn the_page_begins_with_what_changed_and_is_self_contained() {
        let before = fixture::run(|_, _| 1.0);
        let mut after = fixture::run(|_, metric| if metric == Metric::ServerCpu { 1.5 } else { 1.0 });
        after.environment.host = "<another>".to_owned();
        after.trials.iter_mut().for_each(|trial| trial.metrics.kernel_bytes_per_client = Value(None));
        let comparison = compare(&before, &after);
        let failed = every_finding().remove(1);
        let failed = Threshold { expression: "*.lost > 0".to_owned(), failed: true, found: failed };
        let page = html(&comparison, &[failed]);
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(at(&comparison_headline(&comparison)) < at("&lt;another&gt;"));
        assert!(at("*.lost &gt; 0") < at(">Worse<") && at(">Worse<") < at("+50.0 %"));
        assert!(at("+50.0 %") < at("Within noise: "));
        at("Not compared: not measured in both");
        assert!(page.contains(">loadgen run crowd<") && !page.contains("loadgen loadgen"), "{page}");
        assert!(page.contains("<title>2026-11-22 18:00:00 UTC compared with 2026-11-22 18:00:00 UTC"), "{page}");
        assert!(!page.contains("<another>") && !page.contains("http://") && !page.contains("https://"));
        assert!(!page.contains(">Better<"));
    }

    #[test]
    fn an_interval_beyond_the_scale_ends_at_its_edge() {
        let wide = Difference { ratio: 1.0, ci95: [-0.5, 9.0], is_clear: false, p_value: 0.5 };
        let drawn = range(&wide).into_string();
        assert!(drawn.contains(r#"x1="4.0" x2="140.0""#) && drawn.contains(r#"cx="72.0""#), "{drawn}");
    }
}
