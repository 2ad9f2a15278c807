//! The four transports side by side: one line for each figure, the best in each line marked.

use maud::{Markup, html};

use crate::report::findings::ranking::{Ranking, Winner};
use crate::report::findings::view::{Drawn, View};
use crate::report::html::components::name;
use crate::report::html::distributions::figures_table;
use crate::report::text::wording::{
    DASH, NOT_MEASURED, capitalised, listed, row_reasons, shown_interval, why, withheld_lines,
};
use crate::run::Transport;
use crate::run::file::{Row, Verdict};
use crate::run::metric::Metric;
use crate::run::withheld::Missing;
use crate::units::grouped;

/// The lines of the scorecard: the most common questions. Every other figure is in the table below it.
const LINES: [Metric; 13] = [
    Metric::LatencyP50,
    Metric::LatencyP99,
    Metric::AgeMean,
    Metric::StaleFraction,
    Metric::WireTotal,
    Metric::RequestsPerDelivery,
    Metric::EmptyFraction,
    Metric::ServerCpu,
    Metric::HostCpu,
    Metric::GeneratorCpu,
    Metric::ServerRss,
    Metric::Kernel,
    Metric::ConnectP50,
];

/// The mark of a cell, from comparing it with the others of its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Best,
    Equal,
    None,
}

impl Mark {
    /// No transport is marked if only one was measured, if there is no clear winner, if the metric is not ranked, or if
    /// the figure of another transport is withheld, because that may be lower.
    fn of(ranking: Option<&Ranking>, transport: Transport) -> Self {
        let is_leader = |found: &&Ranking| found.withheld.is_empty() && found.leaders().contains(&transport);
        let Some(found) = ranking.filter(is_leader) else { return Self::None };
        match found.winner() {
            Winner::Clear => Self::Best,
            Winner::Tied(_) => Self::Equal,
            Winner::Unopposed | Winner::Inconclusive(_) => Self::None,
        }
    }
}

/// The scorecard of one point.
pub(crate) fn html(view: &View<'_>, point: usize) -> Markup {
    let transports = view.transports();
    let tcp_baseline = view.tcp_baseline(point);
    // A line without any figure is not drawn, but listed below.
    let rows: Vec<Option<&Row>> =
        transports.iter().map(|one| view.row(point, *one)).chain(tcp_baseline.map(Some)).collect();
    let is_measured = |metric: Metric| rows.iter().flatten().any(|row| row.metrics.get(metric).0.is_some());
    // A zero share of empty requests is not shown; the number of requests has its own line.
    let is_news = |metric: &Metric| {
        let is_empty = |row: &&Row| row.metrics.empty_fraction.0.is_some_and(|share| share > 0.0);
        *metric != Metric::EmptyFraction || rows.iter().flatten().any(is_empty)
    };
    let (lines, unmeasured): (Vec<Metric>, Vec<Metric>) =
        LINES.into_iter().filter(is_news).partition(|metric| is_measured(*metric));
    let has_alone = transports.iter().any(|one| view.alone(point, *one).is_some());
    let has_loss = rows.iter().flatten().any(|row| row.audit.lost > 0 || row.audit.delivered != row.audit.expected);
    let has_doubt = rows.iter().flatten().any(|row| row.verdict != Verdict::Valid);
    html! {
        div.scroll tabindex="0" role="region" aria-label="Scorecard" {
            table.scorecard.has-baseline[tcp_baseline.is_some()] {
                thead {
                    tr {
                        th scope="col" { "lower is better" }
                        @for transport in &transports { th scope="col" { (name(view, *transport)) } }
                        @if tcp_baseline.is_some() { th.baseline scope="col" { "TCP baseline" } }
                    }
                }
                tbody {
                    @for metric in lines {
                        @let ranking = Ranking::of(view, point, Drawn::Metric(metric));
                        tr {
                            th scope="row" { (view.label(Drawn::Metric(metric))) }
                            @for transport in &transports {
                                @let mark = Mark::of(ranking.as_ref(), *transport);
                                (cell(view.row(point, *transport), metric, mark))
                            }
                            @if tcp_baseline.is_some() { (cell(tcp_baseline, metric, Mark::None)) }
                        }
                        @if metric == Metric::LatencyP50 && has_alone {
                            tr {
                                th scope="row" { (view.label(Drawn::Metric(metric))) ", one client alone" }
                                @for transport in &transports {
                                    (cell(view.alone(point, *transport), metric, Mark::None))
                                }
                                @if tcp_baseline.is_some() { (cell(None, metric, Mark::None)) }
                            }
                        }
                    }
                    // The banner says it if nothing was lost.
                    @if has_loss { tr { th scope="row" { "delivered" } @for row in &rows { (audit(*row)) } } }
                    @if has_doubt { tr { th scope="row" { "verdict" } @for row in &rows { (verdict(*row)) } } }
                }
            }
        }
        (note(tcp_baseline.is_some()))
        @if !unmeasured.is_empty() { p.note { (not_measured(view, &unmeasured)) } }
        @for line in withheld_lines(view, point, &LINES) { p.note { (line) } }
        details.figures {
            summary { "Every figure, with its interval" }
            (figures_table(view, point, Metric::ALL.iter().copied()).html("Every figure"))
        }
    }
}

/// The explanation of the table's marks and intervals.
fn note(has_tcp_baseline: bool) -> Markup {
    html! {
        p.note {
            span.best { "★ best" } ", clearly lower than all others · "
            span.equal { "= shared best" } ", equal within noise · no mark without a clear winner, a ranking or a figure"
            span.desk-only { " · [low, high] is the 95 % interval over the rounds, omitted if it is narrower than the \
                              digits" }
            @if has_tcp_baseline { span.desk-only { " · the TCP baseline writes the same payloads with no HTTP and no framing" } }
        }
    }
}

/// The omitted lines in words: "Not measured: kernel memory per client."
fn not_measured(view: &View<'_>, metrics: &[Metric]) -> String {
    let names: Vec<String> = metrics.iter().map(|metric| view.label(Drawn::Metric(*metric))).collect();
    format!("{}: {}.", capitalised(NOT_MEASURED), listed(&names))
}

fn cell(row: Option<&Row>, metric: Metric, mark: Mark) -> Markup {
    let found = row.map_or(Err(Missing::NotMeasured), |row| row.shown(metric));
    let value = found.ok();
    let interval = shown_interval(metric.unit(), row.and_then(|row| *row.ci95.get(metric)));
    let interval = interval.map(|interval| without_unit(&interval, value.map(|value| metric.show(value))));
    let is_unusable = row.is_some_and(|row| row.verdict == Verdict::Invalid);
    let (class, sign, said) = match mark {
        Mark::Best => ("best", "★ ", "best: "),
        Mark::Equal => ("equal", "= ", "shared best: "),
        Mark::None if is_unusable => ("unusable", "", ""),
        Mark::None => ("", "", ""),
    };
    html! {
        td class=[(!class.is_empty()).then_some(class)] {
            @match value {
                None if has_no_request(row, metric) => { span.missing { "no requests" } }
                None => {
                    @match found {
                        Err(Missing::Withheld(reason)) => { span.missing title=(why(reason)) { (DASH) } }
                        _ => { span.missing { (NOT_MEASURED) } }
                    }
                }
                Some(value) => {
                    span.value {
                        @if !sign.is_empty() { span.mark aria-label=(said) { (sign) } }
                        (metric.show(value))
                    }
                    @if let Some(interval) = interval { " " span.interval { (interval) } }
                }
            }
        }
    }
}

/// True for a share of requests if there were no requests.
fn has_no_request(row: Option<&Row>, metric: Metric) -> bool {
    metric == Metric::EmptyFraction && row.is_some_and(|row| row.metrics.requests_per_delivery.0 == Some(0.0))
}

/// An interval without the unit that the value before it already has.
fn without_unit(interval: &str, value: Option<String>) -> String {
    let unit = value.as_deref().and_then(|value| value.split_once(' ')).map_or("", |(_, unit)| unit);
    interval.strip_suffix(unit).map_or(interval, str::trim_end).to_owned()
}

fn audit(row: Option<&Row>) -> Markup {
    let Some(row) = row else { return html! { td { span.missing { (NOT_MEASURED) } } } };
    let count = |value: u64| grouped(value as i64);
    let audit = row.audit;
    html! {
        td {
            span.value { (count(audit.delivered)) } " "
            span.interval { @if audit.lost == 0 { "none lost" } @else { (count(audit.lost)) " lost" } }
        }
    }
}

fn verdict(row: Option<&Row>) -> Markup {
    let Some(row) = row else { return html! { td { span.missing { (NOT_MEASURED) } } } };
    html! {
        td class=(row.verdict.label()) {
            span.value { (sign(row.verdict)) " " (row.verdict.label()) }
            @if !row.reasons.is_empty() {
                details { summary { "why" } @for reason in row_reasons(row) { span.reason { (reason) } } }
            }
        }
    }
}

/// A verdict as a symbol, for readers who do not see its colour.
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
    use crate::run::fake;
    use crate::run::withheld::{Why, Withheld};

    fn line(run: &crate::run::file::Run, metric: Metric) -> String {
        let page = html(&View::new(run), 0).into_string();
        let from = page.find(&format!("<th scope=\"row\">{}</th>", metric.label())).unwrap();
        page[from..from + page[from..].find("</tr>").unwrap()].to_owned()
    }

    #[test]
    fn the_best_is_marked_by_a_sign_and_those_equal_to_it_by_another() {
        let run = fake::quick();
        let bytes = line(&run, Metric::WireTotal);
        assert_eq!((bytes.matches('★').count(), bytes.matches("= </span>").count()), (1, 0), "{bytes}");
        let latency = line(&run, Metric::LatencyP50);
        assert_eq!((latency.matches('★').count(), latency.matches("= </span>").count()), (0, 2), "{latency}");
    }

    #[test]
    fn an_interval_does_not_repeat_the_unit_of_its_value() {
        assert_eq!(without_unit("[391, 403] µs", Some("397 µs".to_owned())), "[391, 403]");
        assert_eq!(without_unit("[391, 403] µs", Some("0.397 ms".to_owned())), "[391, 403] µs");
        assert_eq!(without_unit("[990 µs, 1.02 ms]", Some("1.00 ms".to_owned())), "[990 µs, 1.02 ms]");
        assert_eq!(without_unit("[0.12, 0.13]", Some("0.12".to_owned())), "[0.12, 0.13]");
    }

    #[test]
    fn nobody_is_best_alone_or_after_one_round() {
        let one_round = fake::run("quick", "?", None, vec![fake::point()], 1);
        assert!(!line(&one_round, Metric::WireTotal).contains('★'));
        let mut alone = fake::quick();
        for trial in alone.trials.iter_mut().filter(|trial| trial.transport != Some(Transport::Sse)) {
            trial.metrics.connect_ns_p50.0 = None;
        }
        assert!(!line(&alone, Metric::ConnectP50).contains('★'));
    }

    #[test]
    fn nobody_is_best_where_the_others_are_withheld() {
        let mut run = fake::quick();
        run.summary.iter_mut().for_each(|row| row.withheld.clear());
        assert!(line(&run, Metric::WireTotal).contains('★'), "all four are shown");
        let withhold = |run: &mut crate::run::file::Run, all: &[Transport]| {
            for row in run.summary.iter_mut().filter(|row| row.transport.is_some_and(|one| all.contains(&one))) {
                let why = Why::FewTrials { trials: 1 };
                row.withheld.push(Withheld { metric: Metric::WireTotal, why });
            }
        };
        for hidden in [&[Transport::Polling, Transport::LongPolling, Transport::WebSocket][..], &[Transport::Sse]] {
            let mut run = run.clone();
            withhold(&mut run, hidden);
            let one = line(&run, Metric::WireTotal);
            assert!(!one.contains('★') && !one.contains("= </span>"), "a dash may be lower: {one}");
            assert_eq!(one.matches(DASH).count(), hidden.len(), "{one}");
        }
    }

    #[test]
    fn the_host_and_a_share_of_no_requests_are_never_marked() {
        let mut run = fake::quick();
        // Every tenth poll comes back empty, so that the line is there.
        run.summary[0].metrics.empty_fraction.0 = Some(0.1);
        for trial in run.trials.iter_mut().filter(|trial| trial.transport == Some(Transport::Sse)) {
            trial.metrics.host_cpu_ns_per_delivery.0 = Some(1.0 + f64::from(trial.round) / 1e3);
        }
        for metric in [Metric::HostCpu, Metric::EmptyFraction] {
            let line = line(&run, metric);
            assert!(!line.contains('★') && !line.contains("= </span>"), "{line}");
        }
    }

    #[test]
    fn where_there_is_no_clear_winner_nothing_is_marked() {
        let mut run = fake::quick();
        for trial in run.trials.iter_mut().filter(|trial| trial.transport.is_some()) {
            let round = f64::from(trial.round);
            let shift = if trial.transport == Some(Transport::Sse) { 4.0 - round } else { round };
            trial.metrics.server_cpu_ns_per_delivery.0 = Some(1e4 * shift);
        }
        let line = line(&run, Metric::ServerCpu);
        assert!(!line.contains('★') && !line.contains("= </span>"), "{line}");
    }

    #[test]
    fn lines_without_a_figure_are_folded_into_a_sentence_and_lines_that_repeat_the_banner_are_left_out() {
        let mut run = fake::quick();
        for row in run.summary.iter_mut().chain(&mut run.tcp_baseline) {
            row.metrics.kernel_bytes_per_client.0 = None;
        }
        for row in &mut run.summary {
            row.metrics.empty_fraction.0 = Some(0.0);
        }
        let page = html(&View::new(&run), 0).into_string();
        let scorecard = &page[..page.find("</table>").unwrap()];
        let has_line = |page: &str, head: &str| page.contains(&format!("<th scope=\"row\">{head}</th>"));
        assert!(has_line(scorecard, Metric::ServerCpu.label()), "{scorecard}");
        assert!(!has_line(scorecard, Metric::Kernel.label()), "{scorecard}");
        assert!(page.contains("Not measured: kernel memory per client."));
        assert!(!has_line(scorecard, Metric::EmptyFraction.label()), "none empty, of some or of none, is no news");
        let doubtful = html(&View::new(&fake::invalid()), 0).into_string();
        for head in ["verdict", "delivered"] {
            assert!(has_line(&doubtful, head) && !has_line(scorecard, head), "{head}: {scorecard}");
        }
    }

    #[test]
    fn an_invalid_row_is_struck_out() {
        assert!(line(&fake::invalid(), Metric::LatencyP50).contains("class=\"unusable\""));
    }
}
