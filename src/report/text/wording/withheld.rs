//! Why a figure is not shown.

use crate::limits;
use crate::report::findings::view::{Drawn, View};
use crate::report::text::wording::{TCP_BASELINE, capitalised, listed, shown};
use crate::run::file::Row;
use crate::run::metric::Metric;
use crate::run::withheld::Why;
use crate::units::grouped;

/// What a table shows instead of a figure that is withheld.
pub(crate) const DASH: &str = "–";
/// The words before the reason.
const NOT_SHOWN: &str = "not shown";

/// Why a figure is not shown, as the end of "not shown: ".
pub(crate) fn why(why: Why) -> String {
    match why {
        Why::FewBeyond { beyond } => {
            format!("only {beyond} deliveries lie beyond it, and {} are needed", limits::PERCENTILE_SAMPLES_MIN)
        }
        Why::FewTrials { trials: 1 } => {
            format!("only one trial had a delivery that late, and {} are needed", limits::PERCENTILE_TRIALS_MIN)
        }
        Why::FewTrials { trials } => {
            format!("only {trials} trials had a delivery that late, and {} are needed", limits::PERCENTILE_TRIALS_MIN)
        }
        Why::ClockUncertain { uncertainty_ns } => {
            format!("it is within the {uncertainty_ns} of uncertainty of the two hosts' clocks")
        }
        Why::FewClients { clients } => format!(
            "with {} clients it is mostly chance, and {} are needed",
            grouped(clients.into()),
            grouped(limits::MEMORY_CLIENTS_MIN.into())
        ),
    }
}

/// A figure of a row for a cell of a table: its value, or a dash, or that it was not measured.
pub(crate) fn shown_in_table(drawn: Drawn, row: Option<&Row>) -> String {
    let is_withheld = |row: &Row| matches!(drawn, Drawn::Metric(metric) if row.why_withheld(metric).is_some());
    match row {
        Some(row) if is_withheld(row) => DASH.to_owned(),
        row => shown(drawn.unit(), row.and_then(|row| drawn.of(&row.metrics))),
    }
}

/// Which of these figures are not shown at a point, and why: one sentence for each reason.
pub(crate) fn withheld_lines(view: &View<'_>, point: usize, metrics: &[Metric]) -> Vec<String> {
    let rows = view.transports().into_iter().filter_map(|one| Some((view.prose(one), view.row(point, one)?)));
    let rows: Vec<(&str, &Row)> = rows.chain(view.tcp_baseline(point).map(|row| (TCP_BASELINE, row))).collect();
    let mut lines: Vec<(Why, Vec<Metric>, Vec<&str>)> = Vec::new();
    for metric in metrics {
        let mut of_metric: Vec<(Why, Vec<&str>)> = Vec::new();
        for (name, row) in &rows {
            let Some(why) = row.why_withheld(*metric) else { continue };
            match of_metric.iter_mut().find(|(known, _)| *known == why) {
                Some((_, names)) => names.push(name),
                None => of_metric.push((why, vec![name])),
            }
        }
        for (why, names) in of_metric {
            match lines.iter_mut().find(|(known, _, of)| *known == why && *of == names) {
                Some((_, metrics, _)) => metrics.push(*metric),
                None => lines.push((why, vec![*metric], names)),
            }
        }
    }
    let line = |(reason, metrics, names): (Why, Vec<Metric>, Vec<&str>)| {
        let labels: Vec<String> = metrics.into_iter().map(|metric| view.label(Drawn::Metric(metric))).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let of = if names.len() == rows.len() { String::new() } else { format!(" of {}", listed(&names)) };
        format!("{}: {}{of}: {}.", capitalised(NOT_SHOWN), listed(&labels), why(reason))
    };
    lines.into_iter().map(line).collect()
}
