//! One table of every point and transport, shaded by the effect of each setting, and the same in words.

use maud::{Markup, html};

use crate::report::findings::effects::{Effect, Step, base_of, clear_change, difference, steps};
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::html::components::{name, shape};
use crate::report::text::wording::{DASH, capitalised, effect_words, short_label, step_title};
use crate::run::Transport;
use crate::run::metric::Metric;
use crate::run::purpose::Figure;

/// Ratios from which a change is drawn darker, and darkest.
const SHADES: [f64; 2] = [1.25, 2.0];

/// The metrics of the scenario's matrix; `None` if it has no matrix.
pub(crate) fn metrics(view: &View<'_>) -> Option<Vec<Metric>> {
    let figures = view.figures();
    figures.contains(&Figure::Matrix).then(|| {
        let metrics = figures.into_iter().filter_map(|figure| match figure {
            Figure::Metric(metric) => Some(metric),
            Figure::Overhead
            | Figure::Timeline
            | Figure::Frontier
            | Figure::Anatomy
            | Figure::LubbersGreco
            | Figure::Matrix => None,
        });
        metrics.collect()
    })
}

/// The effect of each value of the swept settings, one card each.
pub(crate) fn effects(view: &View<'_>, metrics: &[Metric]) -> Option<Markup> {
    let of_step = |step: Step| {
        let told = metrics.iter().filter_map(|metric| Some((*metric, Effect::of(view, step, *metric)?)));
        (step, told.collect::<Vec<(Metric, Effect)>>())
    };
    // Invalid rows have none.
    let told: Vec<_> = steps(view).into_iter().map(of_step).filter(|(_, effects)| !effects.is_empty()).collect();
    let first = view.points().first().copied()?;
    let is_of_connections = told.iter().all(|(step, _)| step.setting == Setting::KeepAlive);
    (!told.is_empty()).then(|| {
        html! {
            dl.answers.cards.effects {
                @for (step, effects) in &told {
                    div {
                        dt { strong { (step_title(view, *step)) } }
                        @for (metric, effect) in effects {
                            dd { span { (capitalised(&short_label(view, *metric))) ": " (effect_words(view, effect)) } }
                        }
                    }
                }
            }
            p.note {
                @if is_of_connections { "New connections for each request, compared with the same settings and \
                                         connections kept. " }
                @else { "Each setting by itself, with all others as in the first row: " (row_title(view, first)) ". " }
                "Unclear: the rounds do not distinguish the change from noise, or it is less than 3 %."
            }
        }
    })
}

/// The table.
pub(crate) fn table(view: &View<'_>, metrics: &[Metric]) -> Markup {
    let transports = view.transports();
    let points = view.points();
    let has_any = |metric: &Metric, transport: Transport| {
        points.iter().any(|point| shown(view, *point, transport, *metric).is_some())
    };
    let columns: Vec<(Metric, Vec<Transport>)> = metrics
        .iter()
        .map(|metric| (*metric, transports.iter().copied().filter(|one| has_any(metric, *one)).collect::<Vec<_>>()))
        .filter(|(_, of)| !of.is_empty())
        .collect();
    let has_fresh = points.iter().any(|point| view.point(*point).is_some_and(|point| !point.keep_alive));
    html! {
        p.legend { @for transport in &transports { (name(view, *transport)) } }
        div.scroll tabindex="0" role="region" aria-label="Every point" {
            table.matrix {
                thead {
                    tr {
                        td {}
                        @for (metric, of) in &columns { th scope="colgroup" colspan=(of.len()) { (capitalised(&short_label(view, *metric))) } }
                    }
                    tr {
                        td {}
                        @for (_, of) in &columns {
                            @for (index, transport) in of.iter().enumerate() {
                                th.first[index == 0] scope="col" aria-label=(view.title(*transport)) title=(view.title(*transport)) { (shape(*transport)) }
                            }
                        }
                    }
                }
                tbody {
                    @for (index, point) in points.iter().enumerate() {
                        tr.group[begins_group(view, &points, index)] {
                            th scope="row" { (row_title(view, *point)) }
                            @for (metric, of) in &columns {
                                @for (index, transport) in of.iter().enumerate() {
                                    (cell(view, *point, *transport, *metric, index == 0))
                                }
                            }
                        }
                    }
                }
            }
        }
        p.note {
            span.up2 { "more" } " and " span.down2 { "less" } " than in the first row"
            @if has_fresh { ", or with new connections than with the same connections kept" }
            ", where the rounds decide it: darker from a quarter on, darkest from twice on. Bytes, processor time and \
             memory are those of a delivery and of an idle client."
        }
    }
}

fn shown(view: &View<'_>, point: usize, transport: Transport, metric: Metric) -> Option<f64> {
    Drawn::Metric(metric).shown_of(view.row(point, transport)?)
}

fn cell(view: &View<'_>, point: usize, transport: Transport, metric: Metric, is_first: bool) -> Markup {
    let value = shown(view, point, transport, metric);
    let found = base_of(view, point).and_then(|base| difference(view, [base, point], transport, metric));
    let shade = found.and_then(|found| clear_change(&found)).map(shade);
    let class = [is_first.then_some("first"), shade].into_iter().flatten().collect::<Vec<_>>().join(" ");
    html! {
        td class=[(!class.is_empty()).then_some(class)] {
            @match value {
                Some(value) => { (metric.show(value)) }
                None if view.row(point, transport).is_none() => {}
                None => { span.missing { (DASH) } }
            }
        }
    }
}

/// The CSS class that shades a change.
fn shade(ratio: f64) -> &'static str {
    let times = ratio.max(1.0 / ratio);
    match (ratio > 1.0, SHADES.iter().filter(|from| times >= **from).count()) {
        (true, 0) => "up1",
        (true, 1) => "up2",
        (true, _) => "up3",
        (false, 0) => "down1",
        (false, 1) => "down2",
        (false, _) => "down3",
    }
}

/// A point by the values of its distinguishing settings, without their names.
fn row_title(view: &View<'_>, point: usize) -> String {
    let told = view.distinguishing_settings(point);
    let short = |(setting, value): (Setting, f64)| {
        let is_fresh = setting == Setting::KeepAlive && value == 0.0;
        if is_fresh { "new".to_owned() } else { setting.tick(value) }
    };
    told.into_iter().map(short).collect::<Vec<_>>().join(", ")
}

/// True if the outermost of several settings changes here.
fn begins_group(view: &View<'_>, points: &[usize], index: usize) -> bool {
    let outer = |index: usize| {
        let told = view.distinguishing_settings(points[index]);
        let kept = told.len().saturating_sub(1);
        told.into_iter().take(kept).collect::<Vec<_>>()
    };
    index > 0 && outer(index) != outer(index - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::page::html as page;
    use crate::run::fake;
    use crate::run::file::Point;
    use crate::run::protocol::Protocol;

    #[test]
    fn a_matrix_has_a_row_for_each_point_and_a_card_for_each_change() {
        let points = [Protocol::Http1, Protocol::Https1, Protocol::H2];
        let points = points.map(|protocol| Point { protocol, ..fake::point() });
        let mut run = fake::run("mine", "?", Some("protocol"), points.to_vec(), 3);
        run.scenario.purpose.figures = vec![Figure::Matrix, Figure::Metric(Metric::WireTotal)];
        let page = page(&run);
        assert_eq!(page.matches("<table class=\"matrix\">").count(), 1);
        assert!(page.contains("TLS 1.3") && page.contains("both over TLS"), "a card each");
        run.scenario.purpose.figures.clear();
        assert!(metrics(&View::new(&run)).is_none());
    }

    #[test]
    fn the_further_from_one_the_darker() {
        assert_eq!([1.1, 1.3, 4.0, 0.9, 0.7, 0.3].map(shade), ["up1", "up2", "up3", "down1", "down2", "down3"]);
    }
}
