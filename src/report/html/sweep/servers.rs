//! Several servers side by side: a table for each transport, with a row for each server.

use maud::{Markup, html};

use super::{Group, groups};
use crate::report::findings::crossover::best_at;
use crate::report::findings::ranking::no_ranking;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::html::components::{Table, name};
use crate::report::text::wording::{capitalised, shown_in_table};
use crate::run::Transport;
use crate::run::file::Row;
use crate::run::metric::Metric;
use crate::units::grouped;

/// The most common questions about a server.
const COLUMNS: [Metric; 8] = [
    Metric::LatencyP50,
    Metric::LatencyP99,
    Metric::AgeMean,
    Metric::WireTotal,
    Metric::RequestsPerDelivery,
    Metric::ServerCpu,
    Metric::ServerRss,
    Metric::ConnectP50,
];

/// The servers of a run, transport by transport; `None` if only one was measured.
pub(crate) fn servers(view: &View<'_>) -> Option<Markup> {
    let groups = groups(view, Setting::Target);
    let is_several = groups.iter().any(|group| group.points.len() > 1);
    (view.sweep() == Some(Setting::Target) && is_several).then(|| {
        html! {
            section #servers {
                h2 { "The servers side by side" }
                p.lead {
                    "All servers were published to over one connection and had the same clients. ◂ marks the lowest of \
                     a column, where the rounds leave no doubt. Scorecard and charts below have the transports of each \
                     server."
                }
                @for group in &groups {
                    @if groups.len() > 1 { h3 { "With " (group.title) } }
                    @for transport in view.transports() { (of_transport(view, group, transport).unwrap_or_default()) }
                }
            }
        }
    })
}

fn of_transport(view: &View<'_>, group: &Group, transport: Transport) -> Option<Markup> {
    let rows: Vec<&Row> = group.points.iter().filter_map(|point| view.row(*point, transport)).collect();
    if rows.is_empty() {
        return None;
    }
    let label = |metric: &Metric| capitalised(&view.label(Drawn::Metric(*metric)));
    let head = ["Server".to_owned()].into_iter().chain(COLUMNS.iter().map(label));
    let head = head.chain(["Delivered".to_owned(), "Lost, twice, out of order".to_owned(), "Verdict".to_owned()]);
    let lowest = COLUMNS.map(|metric| lowest(view, &rows, transport, metric));
    let line = |row: &&Row| {
        let cell = |(metric, lowest): (Metric, Option<usize>)| {
            let value = shown_in_table(Drawn::Metric(metric), Some(row));
            if lowest == Some(row.point_index) { format!("{value} ◂") } else { value }
        };
        let audit = &row.audit;
        let count = |count: u64| grouped(count as i64);
        let faults = [audit.lost, audit.duplicate, audit.reordered].map(count).join(", ");
        let server = Setting::Target.tick(Setting::Target.of(&row.point));
        [server]
            .into_iter()
            .chain(COLUMNS.into_iter().zip(lowest).map(cell))
            .chain([format!("{} of {}", count(audit.delivered), count(audit.expected)), faults])
            .chain([row.verdict.label().to_owned()])
            .collect()
    };
    let table = Table::new(head.collect(), rows.iter().map(line).collect());
    Some(html! {
        h3 { (name(view, transport)) }
        (table.html(transport.title()))
    })
}

/// The point of the row that is clearly the lowest.
fn lowest(view: &View<'_>, rows: &[&Row], transport: Transport, metric: Metric) -> Option<usize> {
    let points: Vec<usize> = rows.iter().map(|row| row.point_index).collect();
    let found = best_at(view, &points, transport, Drawn::Metric(metric)).filter(|_| no_ranking(view).is_none());
    found.and_then(|found| found.point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::page::html as page;
    use crate::run::fake;
    use crate::run::file::Point;
    use crate::run::metric::Value;
    use crate::run::target_name::TargetName;

    #[test]
    fn servers_are_compared_for_each_transport_and_the_clearly_lowest_is_marked() {
        let named = ["one", "two"].map(|name| Point { target: TargetName::new(name).ok(), ..fake::point() });
        let mut run = fake::run("mine", "?", Some("target"), named.to_vec(), 3);
        for trial in run.trials.iter_mut().filter(|trial| trial.point_index == 1) {
            let cpu = &mut trial.metrics.server_cpu_ns_per_delivery;
            *cpu = Value(cpu.0.map(|value| value * 20.0));
        }
        (run.summary, run.tcp_baseline) = crate::run::summary::summarise(&run.trials, 1);
        let view = View::new(&run);
        let rows: Vec<&Row> = (0..2).filter_map(|point| view.row(point, Transport::Sse)).collect();
        assert_eq!(lowest(&view, &rows, Transport::Sse, Metric::ServerCpu), Some(0));
        let page = page(&run);
        assert!(page.contains("id=\"servers\"") && page.contains("◂"), "the section is drawn");
        assert!(servers(&View::new(&fake::quick())).is_none());
    }
}
