//! Theory compared with the measurement, with a sentence where they differ.

use maud::{Markup, html};

use crate::report::findings::theory::{self, Prediction};
use crate::report::findings::view::View;
use crate::report::html::charts::Size;
use crate::report::html::charts::axis::{Axis, Scale};
use crate::report::html::charts::strip::{Dots, Strip};
use crate::report::html::components::{Fit, Picture, Table};
use crate::report::text::wording::{capitalised, counted, listed};
use crate::run::metric::{Metric, Unit};
use crate::units::short_number;

/// A difference above this gets a sentence.
const OFF_MAX: f64 = 0.10;
/// A share below this is shown as 0 %, because only one decimal is shown.
const SHARE_SHOWN_MIN: f64 = 0.0005;
/// Dots farther off than this are drawn at the edge of their chart.
const OFF_DRAWN_MAX: f64 = 0.5;

/// The section; empty if no model applies.
pub(crate) fn html(view: &View<'_>) -> Markup {
    let predictions = theory::predictions(view.run);
    if predictions.is_empty() {
        return html! {};
    }
    let mut metrics: Vec<Metric> = predictions.iter().map(|one| one.metric).collect();
    metrics.sort_unstable();
    metrics.dedup();
    let far: Vec<&Prediction> = predictions.iter().filter(|one| one.off.abs() > OFF_MAX).collect();
    html! {
        section #theory {
            h2 { "Measured against theory" }
            @if far.is_empty() {
                p.lead { "Every measured figure is within 10 % of what its formula predicts." }
            } @else {
                p.lead { (far.len()) " of " (predictions.len()) " predictions are off by more than 10 %:" }
                ul.far { @for one in sentences(view, &far) { li { (one) } } }
            }
            div.pair { @for metric in metrics { @if let Some(one) = picture(view, metric, &predictions) { (one) } } }
            (formulas(&predictions))
        }
    }
}

/// One sentence for each metric and transport that is off, with the point where it is off the most.
fn sentences(view: &View<'_>, far: &[&Prediction]) -> Vec<String> {
    let mut seen: Vec<(Metric, crate::run::Transport)> = Vec::new();
    let mut sentences = Vec::new();
    for one in far {
        let key = (one.metric, one.transport);
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let mut same: Vec<&&Prediction> = far.iter().filter(|other| (other.metric, other.transport) == key).collect();
        same.sort_by(|a, b| b.off.abs().total_cmp(&a.off.abs()));
        let worst = same[0];
        let place = if view.points().len() > 1 {
            format!(" at {}", view.point_title(worst.point_index))
        } else {
            String::new()
        };
        let more =
            if same.len() > 1 { format!(", and at {}", counted(same.len() - 1, "more point")) } else { String::new() };
        sentences.push(format!(
            "{}, {}: measured {}, predicted {} ({}){place}{more}.",
            worst.transport.title(),
            worst.metric.label(),
            shown(worst.metric, worst.measured),
            shown(worst.metric, worst.predicted),
            signed(worst.off)
        ));
    }
    sentences
}

/// A figure's value. A share too small to be shown is 0 %, and not 1.2e-75 %.
fn shown(metric: Metric, value: f64) -> String {
    let is_none = metric.unit() == Unit::Fraction && value.abs() < SHARE_SHOWN_MIN;
    if is_none { "0 %".to_owned() } else { metric.show(value) }
}

fn signed(off: f64) -> String {
    let percent = (off * 1000.0).round() / 10.0;
    if percent == 0.0 {
        return "0 %".to_owned();
    }
    let percent = short_number(percent);
    if off < 0.0 { format!("−{} %", percent.trim_start_matches('-')) } else { format!("+{percent} %") }
}

fn picture(view: &View<'_>, metric: Metric, predictions: &[Prediction]) -> Option<Markup> {
    let of_figure: Vec<&Prediction> = predictions.iter().filter(|one| one.metric == metric).collect();
    let row = |transport: crate::run::Transport| {
        let dots = of_figure.iter().filter(|one| one.transport == transport).map(|one| {
            let value = format!("{} against {}", shown(metric, one.measured), shown(metric, one.predicted));
            let place =
                if view.points().len() > 1 { view.point_title(one.point_index) } else { transport.title().to_owned() };
            (one.off, format!("{place}: {}", signed(one.off)), value)
        });
        Dots { name: transport.title().to_owned(), index: transport.index(), middle: None, dots: dots.collect() }
    };
    let rows: Vec<Dots> = view.transports().into_iter().map(row).filter(|row| !row.dots.is_empty()).collect();
    if rows.is_empty() {
        return None;
    }
    let edge = of_figure.iter().map(|one| one.off.abs()).fold(0.2, f64::max).min(OFF_DRAWN_MAX);
    let edge = (edge * 10.0).ceil() / 10.0;
    let ticks = vec![-edge, -edge / 2.0, 0.0, edge / 2.0, edge];
    let title = format!("{}, difference from theory", capitalised(metric.label()));
    let strip = Strip {
        title: &title,
        x: Axis::exact(-edge, edge, Scale::Linear, ticks),
        x_title: "difference from the prediction",
        label: &signed,
        rows,
        band: Some([-OFF_MAX, OFF_MAX]),
    };
    let beyond = of_figure.iter().filter(|one| one.off.abs() > edge).map(|one| one.transport.title().to_owned());
    let mut beyond: Vec<String> = beyond.collect();
    beyond.dedup();
    let note = match beyond.as_slice() {
        [] => "The band is ±10 %.".to_owned(),
        names => format!("The band is ±10 %. Farther off than drawn, at the edge: {}.", listed(names)),
    };
    let head = ["transport", "point", "predicted", "measured", "off"].map(str::to_owned).to_vec();
    let table = of_figure.iter().map(|one| {
        vec![
            one.transport.title().to_owned(),
            view.point_title(one.point_index),
            shown(metric, one.predicted),
            shown(metric, one.measured),
            signed(one.off),
        ]
    });
    let table = Table::new(head, table.collect());
    let (drawing, legend) = (Fit::Both(Size::Half).draw(|size| strip.svg(size)), html! {});
    Some(Picture { title: capitalised(metric.label()), is_captioned: true, note, legend, drawing, table }.html())
}

/// Each formula once, with its source, and the metrics and transports that it is for.
fn formula_rows(predictions: &[Prediction]) -> Vec<Vec<String>> {
    struct Formula {
        text: [&'static str; 2],
        metrics: Vec<String>,
        transports: Vec<String>,
    }
    let mut formulas: Vec<Formula> = Vec::new();
    for one in predictions {
        let text = [one.formula, one.source];
        let known = formulas.iter().position(|formula| formula.text == text);
        let index = known.unwrap_or_else(|| {
            formulas.push(Formula { text, metrics: Vec::new(), transports: Vec::new() });
            formulas.len() - 1
        });
        let Formula { metrics, transports, .. } = &mut formulas[index];
        for (list, name) in [(metrics, one.metric.label()), (transports, one.transport.title())] {
            if !list.iter().any(|known| known == name) {
                list.push(name.to_owned());
            }
        }
    }
    let row = |Formula { text: [formula, source], metrics, transports }: Formula| {
        vec![listed(&metrics), listed(&transports), formula.to_owned(), source.to_owned()]
    };
    formulas.into_iter().map(row).collect()
}

/// The formulas, as a table.
fn formulas(predictions: &[Prediction]) -> Markup {
    let rows = formula_rows(predictions);
    let head = ["figures", "transports", "formula", "source"].map(str::to_owned).to_vec();
    html! { details.figures { summary { "The formulas and their sources" } (Table { head, rows, is_words: true }.html("Formulas")) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;

    #[test]
    fn a_share_that_is_none_for_any_reader_is_0_per_cent() {
        for value in [1.2e-77, -5.2e-93, 0.0, -0.0] {
            assert_eq!(shown(Metric::EmptyFraction, value), "0 %");
            assert_eq!(signed(value), "0 %");
        }
        assert_eq!(signed(-0.0004), "0 %");
        assert_eq!((signed(-0.012), signed(0.2)), ("−1.2 %".to_owned(), "+20 %".to_owned()));
        assert_eq!(shown(Metric::EmptyFraction, 0.25), Metric::EmptyFraction.show(0.25));
        assert_eq!(shown(Metric::WireTotal, 1e-5), Metric::WireTotal.show(1e-5));
    }

    #[test]
    fn each_formula_stands_once_with_all_that_it_is_for() {
        let run = fake::quick();
        let predictions = theory::predictions(&run);
        let rows = formula_rows(&predictions);
        for row in &rows {
            assert_eq!(rows.iter().filter(|other| other[2] == row[2] && other[3] == row[3]).count(), 1, "{row:?}");
        }
        let transit = rows.iter().find(|row| row[2].starts_with("one transit")).unwrap();
        assert_eq!(transit[1], "SSE and WebSocket");
        // None was lost on the way.
        for one in &predictions {
            let is_it = |row: &&Vec<String>| row[2] == one.formula && row[3] == one.source;
            let row = rows.iter().find(is_it).unwrap();
            assert!(row[0].contains(one.metric.label()) && row[1].contains(one.transport.title()), "{row:?}");
        }
    }
}
