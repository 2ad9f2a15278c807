//! The page of one run.

use std::io;
use std::path::{Path, PathBuf};

use maud::{Markup, html};

use super::{answers, appendix, claims, distributions, failover, guide, scorecard, sweep, theory, timeline};
use crate::report::findings::ranking::no_ranking;
use crate::report::findings::rows::Rows;
use crate::report::findings::view::{Drawn, View};
use crate::report::findings::{crossover, memory, recommendation};
use crate::report::html::charts::Size;
use crate::report::html::components::{Fit, Table, unbroken};
use crate::report::html::document::document;
use crate::report::html::page_file::PageKind;
use crate::report::text::wording::{
    capitalised, changes_along, counted, feed_words, listed, memory_growth, moment, recommendation_sentences,
    run_reasons, short_length, threshold_found, threshold_lead, whole,
};
use crate::run::file::{Run, Verdict};
use crate::run::metric::Metric;
use crate::run::summary::updates_measured;

/// Points of a sweep whose percentiles and bytes are drawn; the figures of all of them are in the tables.
const POINTS_DRAWN_MAX: usize = 3;
/// Points of a sweep whose latency over time and single trials are drawn. These charts are the largest.
const POINTS_IN_DETAIL_MAX: usize = 2;

/// Writes the run's page, `index.html`, into its folder; returns the file's path.
pub fn write_page(run: &Run, folder: &Path) -> io::Result<PathBuf> {
    let file = folder.join("index.html");
    PageKind::Run.write(&file, &html(run))?;
    Ok(file)
}

/// The run's page: one self-contained HTML document.
pub fn html(run: &Run) -> String {
    let view = View::new(run);
    let title = format!("{}: {}", run.scenario.name, run.scenario.question);
    document(PageKind::Run, &title, body(&view)).into_string()
}

fn body(view: &View<'_>) -> Markup {
    let run = view.run;
    let points = view.points();
    let Some(first) = points.first().copied() else {
        return html! {
            (header(view)) (validity(run))
            main { p { "No trial was completed, so there is nothing to compare." } (appendix::environment(run)) }
        };
    };
    let is_sweep = view.sweep().is_some() && points.len() > 1;
    let picture = sweep::picture(view);
    // A scenario with its own picture answers its own questions first, so that both fit on one screen.
    let asked_first = if picture.is_some() { sweep::asked_first(view) } else { answers::ALL.to_vec() };
    let asked_later: Vec<Metric> = answers::ALL.into_iter().filter(|metric| !asked_first.contains(metric)).collect();
    html! {
        (header(view))
        (validity(run))
        main {
            @if let Some(failover) = failover::html(view) { (failover) }
            section #verdict aria-label="Verdict" {
                @if let Some(found) = recommendation::of(view) { p.recommendation { (recommendation_sentences(&found).join(" ")) } }
                @if is_sweep { (sweep::answers(view).unwrap_or_default()) }
                @else { (answers::answers(view, first, &asked_first)) }
            }
            @if let Some(picture) = &picture { section #picture aria-label="The picture" { (picture) } }
            @if let Some(servers) = sweep::servers(view) { (servers) }
            @if let Some(claims) = claims::html(view) { (claims) }
            @if is_sweep && no_ranking(view).is_none() { (leaders(view)) }
            @if !is_sweep && picture.is_some() && no_ranking(view).is_none() {
                section { h2 { "The other questions" } (answers::answers(view, first, &asked_later)) }
            }
            section #scorecard {
                h2 { "Scorecard" }
                (each_point(view, POINTS_DRAWN_MAX * 10, |point, _| Some(scorecard::html(view, point))))
                @if let Some(line) = memory_growth(view, &memory::of(view)) { p.lead { (line) } }
            }
            section #latency {
                h2 { (if view.is_echo() { "Round trip by percentile" } else { "Latency by percentile" }) }
                (each_point(view, POINTS_DRAWN_MAX, |point, fit| distributions::percentiles(view, point, fit)))
            }
            section #bytes {
                h2 { "What a delivery costs on the wire" }
                (each_point(view, POINTS_DRAWN_MAX, |point, fit| distributions::anatomy(view, point, fit, "")))
            }
            (theory::html(view))
            section #time {
                h2 { (if view.is_echo() { "Round trip over time" } else { "Latency over time" }) }
                (each_point(view, POINTS_IN_DETAIL_MAX, |point, fit| timeline::timeline(view, point, fit, false)))
            }
            section #dots {
                h2 { "Every trial" }
                p.lead { "Each dot is a trial; the bar is the row’s figure for all of them." }
                (each_point(view, POINTS_IN_DETAIL_MAX, |point, fit| {
                    Some(distributions::dots(view, point, matches!(fit, Fit::Scrolled(_))))
                }))
            }
            (appendix::trials(view))
            (appendix::environment(run))
            (guide::html(view))
        }
    }
}

/// What `draw` returns for each point. A single point is shown directly; several are folded, with the middle one open.
fn each_point(view: &View<'_>, drawn_max: usize, draw: impl Fn(usize, Fit) -> Option<Markup>) -> Markup {
    let points = view.points();
    if let [only] = points.as_slice() {
        return draw(*only, Fit::Both(Size::Full)).unwrap_or_else(nothing);
    }
    let drawn = spread(&points, drawn_max);
    // With an odd number of points this is the same point in every section.
    let opened = drawn[(drawn.len() - 1) / 2];
    html! {
        @for point in &drawn {
            details.fold open[*point == opened] {
                summary { "At " (view.point_title(*point)) }
                @let fit = if *point == opened { Fit::Both(Size::Full) } else { Fit::Scrolled(Size::Full) };
                (draw(*point, fit).unwrap_or_else(nothing))
            }
        }
        @if drawn.len() < points.len() {
            p.note {
                "Drawn for " (drawn.len()) " of " (points.len()) " points, to keep this page small; the scorecard has \
                 the figures of all of them."
            }
        }
    }
}

fn nothing() -> Markup {
    html! { p.note { "Not measured here." } }
}

/// At most `count` of the points, evenly spread, the ends included.
fn spread(points: &[usize], count: usize) -> Vec<usize> {
    if points.len() <= count {
        return points.to_vec();
    }
    (0..count).map(|index| points[index * (points.len() - 1) / (count - 1).max(1)]).collect()
}

fn header(view: &View<'_>) -> Markup {
    let run = view.run;
    let scenario = &run.scenario;
    // From a row, because the measured rate and payload are medians over its rounds.
    let settings = run.summary.first().map(|row| view.settings(&row.point).join(" · "));
    let held = match updates_measured(run) {
        None => String::new(),
        Some([least, most]) if least == most => format!(", each with {}", counted(most as usize, "update")),
        Some([least, most]) => format!(", each with {least} to {}", counted(most as usize, "update")),
    };
    html! {
        header {
            p.kicker { "pushpull · " (scenario.name) " · " time datetime=(run.started_at) { (unbroken(&moment(&run.started_at))) } }
            h1 { (scenario.question) }
            p.meta {
                (feed_words(&scenario.feed)) @if let Some(settings) = settings { " · " (settings) } " · "
                (counted(scenario.rounds as usize, "round")) " of " (short_length(scenario.measure_ns)) (held)
            }
        }
    }
}

/// Whether the run is valid, before anything else.
fn validity(run: &Run) -> Markup {
    let (sign, word) = match run.verdict {
        Verdict::Valid => ("✓", "Valid"),
        Verdict::Suspect => ("!", "Suspect"),
        Verdict::Invalid => ("✕", "Invalid"),
    };
    let failed = run.thresholds.iter().filter(|threshold| threshold.failed).count();
    html! {
        section class=(format!("validity {}", run.verdict.label())) aria-label="Is this run valid?" {
            p {
                strong.sign { (sign) " " (word) } " "
                @match run.verdict {
                    Verdict::Valid => { (audit(run)) }
                    Verdict::Suspect => { (audit(run)) " Use these figures with care:" }
                    Verdict::Invalid => { "Do not use the rows marked invalid. " (audit(run)) }
                }
            }
            (reasons(&run_reasons(run)))
            @if !run.thresholds.is_empty() {
                p {
                    strong { "Thresholds: " }
                    @if failed == 0 { "all " (run.thresholds.len()) " passed." } @else { (failed) " of " (run.thresholds.len()) " failed." }
                }
                @let rows = Rows::of(run);
                ul.thresholds {
                    @for threshold in &run.thresholds {
                        li {
                            (if threshold.failed { "✕ " } else { "✓ " }) (threshold_lead(threshold)) " "
                            code { (threshold.expression) } "; " (threshold_found(threshold, &rows))
                        }
                    }
                }
            }
        }
    }
}

/// How many reasons are on the first screen. The others are folded, so that the answer stays on it.
const REASONS_SHOWN: usize = 3;

fn reasons(reasons: &[String]) -> Markup {
    let (shown, folded) = reasons.split_at(reasons.len().min(REASONS_SHOWN));
    html! {
        @if !shown.is_empty() { ul { @for reason in shown { li { (reason) } } } }
        @if !folded.is_empty() {
            details.figures {
                summary { (counted(folded.len(), "further reason")) }
                ul { @for reason in folded { li { (reason) } } }
            }
        }
    }
}

/// The delivery audit of the whole run in one sentence.
fn audit(run: &Run) -> String {
    let sum = |of: fn(&crate::run::file::Audit) -> u64| run.summary.iter().map(|row| of(&row.audit)).sum::<u64>();
    let (expected, delivered, lost) = (sum(|a| a.expected), sum(|a| a.delivered), sum(|a| a.lost));
    let (announced, duplicate, reordered) = (sum(|a| a.lost_announced), sum(|a| a.duplicate), sum(|a| a.reordered));
    let trials = counted(run.trials.iter().filter(|trial| trial.transport.is_some()).count(), "trial");
    if expected == 0 {
        return format!("{trials}; no update was due.");
    }
    if lost + duplicate + reordered == 0 && expected == delivered {
        return format!("{trials}; all {} deliveries arrived, once and in order.", whole(delivered));
    }
    format!(
        "{trials}; {} of {} deliveries arrived, {} lost ({} of them announced), {} twice, {} out of order.",
        whole(delivered),
        whole(expected),
        whole(lost),
        whole(announced),
        whole(duplicate),
        whole(reordered)
    )
}

/// Which transport is lowest where along the sweep, and the crossovers.
fn leaders(view: &View<'_>) -> Markup {
    let (head, rows) = answers::leaders_table(view);
    let ordered = view.sweep().filter(|setting| sweep::has_order(view, *setting));
    let heading = if ordered.is_some() { "Crossovers" } else { "Which transport leads where" };
    let crossings = ordered.into_iter().flat_map(|setting| {
        let groups = sweep::groups(view, setting);
        let points = groups.first().map(|group| group.points.clone()).unwrap_or_default();
        [Metric::LatencyP50, Metric::WireTotal, Metric::RequestsPerDelivery, Metric::ServerCpu]
            .map(|metric| (metric, crossover::changes(view, setting, &points, Drawn::Metric(metric))))
            .map(|(metric, changes)| (metric, changes_along(view, setting, &changes)))
    });
    // Metrics with the same sentences share a line.
    let mut lines: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (metric, sentences) in crossings.filter(|(_, sentences)| !sentences.is_empty()) {
        let label = view.label(Drawn::Metric(metric));
        match lines.iter_mut().find(|(_, known)| *known == sentences) {
            Some((labels, _)) => labels.push(label),
            None => lines.push((vec![label], sentences)),
        }
    }
    html! {
        section #crossings {
            h2 { (heading) }
            p.lead {
                "The lowest at each point; joined by = where they are equal within noise. There is no clear winner where the \
                 rounds do not rule out a difference of more than a quarter."
            }
            (Table { head, rows, is_words: true }.html("Which transport leads at each point"))
            @if let Some(turns) = answers::turns_table(view) {
                h3 { "What changes each answer" }
                p.lead {
                    "The nearest point at which none of the transports that lead at the first point leads, or at which \
                     another one leads as well, with the figures of a former leader and of the new one."
                }
                (turns.html("What changes each answer"))
            }
            @if !lines.is_empty() {
                dl.answers.small {
                    @for (labels, sentences) in &lines {
                        div {
                            dt { (capitalised(&listed(labels))) }
                            dd { @for sentence in sentences { span { (sentence) " " } } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
