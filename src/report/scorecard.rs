//! The four transports side by side: one line for each figure, the best in each line marked.

use maud::{Markup, html};

use super::parts::name;
use super::pictures::figures_table;
use super::verdicts::Standing;
use super::view::{Drawn, NOT_MEASURED, View, shown_interval};
use crate::measure::figures::Figure;
use crate::report::run_file::{Row, Verdict};
use crate::transport::Transport;
use crate::units::grouped;

/// The lines of the scorecard: what most people ask. Every other figure is in the table below it.
const LINES: [Figure; 12] = [
    Figure::LatencyP50,
    Figure::LatencyP99,
    Figure::AgeMean,
    Figure::StaleFraction,
    Figure::WireTotal,
    Figure::RequestsPerDelivery,
    Figure::EmptyFraction,
    Figure::ServerCpu,
    Figure::HostCpu,
    Figure::ServerRss,
    Figure::Kernel,
    Figure::ConnectP50,
];

/// How a cell stands to the others of its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Best,
    Equal,
    Behind,
}

impl Mark {
    /// No one is best where one alone was measured, or where the noise is unknown.
    fn of(standing: Option<&Standing>, transport: Transport) -> Self {
        let Some(found) = standing.filter(|found| found.unjudged.is_empty()) else { return Self::Behind };
        let is_alone = found.equal.is_empty();
        if !found.leaders().contains(&transport) || is_alone && found.behind.is_empty() && found.above_none.is_empty() {
            Self::Behind
        } else if is_alone {
            Self::Best
        } else {
            Self::Equal
        }
    }
}

/// The scorecard of one point.
pub(crate) fn html(view: &View<'_>, point: usize) -> Markup {
    let transports = view.transports();
    let floor = view.floor(point);
    html! {
        div.scroll tabindex="0" role="region" aria-label="Scorecard" {
            table.scorecard.has-floor[floor.is_some()] {
                thead {
                    tr {
                        th scope="col" { "lower is better" }
                        @for transport in &transports { th scope="col" { (name(*transport)) } }
                        @if floor.is_some() { th.floor scope="col" { "bare TCP" } }
                    }
                }
                tbody {
                    @for figure in LINES {
                        @let standing = Standing::of(view, point, Drawn::Figure(figure));
                        tr {
                            th scope="row" { (figure.label()) }
                            @for transport in &transports {
                                @let mark = Mark::of(standing.as_ref(), *transport);
                                (cell(view.row(point, *transport), figure, mark))
                            }
                            @if floor.is_some() { (cell(floor, figure, Mark::Behind)) }
                        }
                    }
                    tr {
                        th scope="row" { "delivered" }
                        @for row in transports.iter().map(|one| view.row(point, *one)).chain(floor.map(Some)) { (audit(row)) }
                    }
                    tr {
                        th scope="row" { "verdict" }
                        @for row in transports.iter().map(|one| view.row(point, *one)).chain(floor.map(Some)) { (verdict(row)) }
                    }
                }
            }
        }
        p.note {
            span.best { "★ best" } ", clearly lower than all others · "
            span.equal { "= shared best" } ", equal within noise" span.desk-only { " · [low, high] is the 95 % interval over the rounds" }
            @if floor.is_some() { span.desk-only { " · bare TCP is the floor: the same payloads with no HTTP and no framing" } }
        }
        details.figures {
            summary { "Every figure, with its interval" }
            (figures_table(view, point, Figure::ALL.iter().copied()).html("Every figure"))
        }
    }
}

fn cell(row: Option<&Row>, figure: Figure, mark: Mark) -> Markup {
    let value = row.and_then(|row| row.figures.get(figure).0);
    let interval = shown_interval(figure.unit(), row.and_then(|row| *row.ci95.get(figure)));
    let is_unusable = row.is_some_and(|row| row.verdict == Verdict::Invalid);
    let (class, sign, said) = match mark {
        Mark::Best => ("best", "★ ", "best: "),
        Mark::Equal => ("equal", "= ", "shared best: "),
        Mark::Behind if is_unusable => ("unusable", "", ""),
        Mark::Behind => ("", "", ""),
    };
    html! {
        td class=[(!class.is_empty()).then_some(class)] {
            @match value {
                None => { span.missing { (NOT_MEASURED) } }
                Some(value) => {
                    span.value {
                        @if !sign.is_empty() { span.mark aria-label=(said) { (sign) } }
                        (figure.show(value))
                    }
                    @if let Some(interval) = interval { span.interval { (interval) } }
                }
            }
        }
    }
}

fn audit(row: Option<&Row>) -> Markup {
    let Some(row) = row else { return html! { td { span.missing { (NOT_MEASURED) } } } };
    let count = |value: u64| grouped(value as i64);
    let audit = row.audit;
    html! {
        td {
            span.value { (count(audit.delivered)) }
            span.interval { @if audit.lost == 0 { "none lost" } @else { (count(audit.lost)) " lost" } }
        }
    }
}

fn verdict(row: Option<&Row>) -> Markup {
    let Some(row) = row else { return html! { td { span.missing { (NOT_MEASURED) } } } };
    html! {
        td class=(row.verdict.label()) {
            span.value { (sign(row.verdict)) " " (row.verdict.label()) }
            @for reason in &row.reasons { span.reason { (reason) } }
        }
    }
}

/// A verdict as a sign, for those who do not see its colour.
pub(crate) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "✓",
        Verdict::Suspect => "!",
        Verdict::Invalid => "✕",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fake;

    fn line(run: &crate::report::run_file::Run, figure: Figure) -> String {
        let page = html(&View::new(run), 0).into_string();
        let from = page.find(&format!("<th scope=\"row\">{}</th>", figure.label())).unwrap();
        page[from..from + page[from..].find("</tr>").unwrap()].to_owned()
    }

    #[test]
    fn the_best_is_marked_by_a_sign_and_those_equal_to_it_by_another() {
        let run = fake::quick();
        let bytes = line(&run, Figure::WireTotal);
        assert_eq!((bytes.matches('★').count(), bytes.matches("= </span>").count()), (1, 0), "{bytes}");
        let latency = line(&run, Figure::LatencyP50);
        assert_eq!((latency.matches('★').count(), latency.matches("= </span>").count()), (0, 2), "{latency}");
    }

    #[test]
    fn nobody_is_best_alone_or_after_one_round() {
        let one_round = fake::run("quick", "?", None, vec![fake::point()], 1);
        assert!(!line(&one_round, Figure::WireTotal).contains('★'));
        let mut alone = fake::quick();
        for trial in alone.trials.iter_mut().filter(|trial| trial.transport != Some(Transport::Sse)) {
            trial.figures.connect_ns_p50.0 = None;
        }
        assert!(!line(&alone, Figure::ConnectP50).contains('★'));
    }

    #[test]
    fn an_invalid_row_is_struck_out() {
        assert!(line(&fake::invalid(), Figure::LatencyP50).contains("class=\"unusable\""));
    }
}
