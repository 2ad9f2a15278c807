//! The figures of README.md are those of the run that is kept in `reports/sample`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "common/docs.rs"]
mod docs;

use std::fmt::Write as _;
use std::path::Path;

use pushpull::run::Transport;
use pushpull::run::file::{Row, Run};
use pushpull::run::metric::{Metric, Unit};
use pushpull::units::grouped;

use docs::assert_generated;

fn sample() -> Run {
    Run::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample")).unwrap()
}

fn row(run: &Run, transport: Option<Transport>) -> &Row {
    run.summary.iter().chain(&run.tcp_baseline).find(|row| row.transport == transport).unwrap()
}

fn shown(row: &Row, metric: Metric) -> String {
    let value = row.metrics.get(metric).0.unwrap();
    match metric.unit() {
        Unit::Count => format!("{value:.2}"),
        Unit::Nanos | Unit::Bytes | Unit::Fraction => metric.show(value),
    }
}

#[test]
fn the_advice_of_the_readme_has_the_figures_of_the_sample_run() {
    let run = sample();
    let when = |transport| match transport {
        Transport::Polling => "half an interval late is soon enough, and updates come more often than polls",
        Transport::LongPolling => "updates must come at once, and only plain requests get through",
        Transport::Sse => "updates go one way, above all to browsers",
        Transport::WebSocket => "clients send as well, or data is binary",
    };
    let mut table = String::from("| use | when | in the run below |\n|---|---|---|\n");
    for transport in Transport::ALL {
        let row = row(&run, Some(transport));
        writeln!(
            table,
            "| **{}** | {} | {} late at the median, {} and {} requests a delivery |",
            transport.title(),
            when(transport),
            shown(row, Metric::LatencyP50),
            shown(row, Metric::WireTotal),
            shown(row, Metric::RequestsPerDelivery)
        )
        .unwrap();
    }
    assert_generated("README.md", "use", &table);
}

#[test]
fn the_figures_of_the_readme_are_those_of_the_sample_run() {
    let run = sample();
    let columns = Transport::ALL.map(Some).into_iter().chain([None]).map(|one| row(&run, one)).collect::<Vec<_>>();
    let mut table =
        String::from("| | polling | long polling | SSE | WebSocket | TCP baseline |\n|---|---|---|---|---|---|\n");
    for (label, metric) in [
        ("latency p50", Metric::LatencyP50),
        ("latency p99", Metric::LatencyP99),
        ("age, mean", Metric::AgeMean),
        ("wire bytes per delivery", Metric::WireTotal),
        ("requests per delivery", Metric::RequestsPerDelivery),
        ("server CPU per delivery", Metric::ServerCpu),
    ] {
        let cells: Vec<String> = columns.iter().map(|row| shown(row, metric)).collect();
        writeln!(table, "| {label} | {} |", cells.join(" | ")).unwrap();
    }
    let audit =
        |row: &&Row| format!("{} of {}", grouped(row.audit.delivered as i64), grouped(row.audit.expected as i64));
    let cells: Vec<String> = columns.iter().map(audit).collect();
    writeln!(table, "| delivered of expected | {} |", cells.join(" | ")).unwrap();
    assert_generated("README.md", "figures", &table);
}
