//! The terminal output at the end of a run: its verdict, what was measured, the summary as a table, claims and
//! thresholds.

use crate::report::findings::rows::Rows;
use crate::report::findings::view::View;
use crate::report::findings::{claims, memory, recommendation};
use crate::report::text::table::{Align, aligned, widths};
use crate::report::text::wording::{
    self, DASH, counted, listed, memory_growth, recommendation_lines, run_reasons, shown, threshold_line,
    withheld_lines,
};
use crate::run::file::{Row, Run, Verdict};
use crate::run::metric::Metric;
use crate::run::summary::{self, Surrounding};
use crate::run::threshold::Threshold;
use crate::units::grouped;

/// The figures in the table, with the two lines of their heading.
const COLUMNS: [(Metric, &str, &str); 8] = [
    (Metric::LatencyP50, "latency", "p50"),
    (Metric::LatencyP99, "latency", "p99"),
    (Metric::AgeMean, "mean", "age"),
    (Metric::StaleFraction, "", "stale"),
    (Metric::WireTotal, "bytes/", "deliv."),
    (Metric::RequestsPerDelivery, "req./", "deliv."),
    (Metric::ServerCpu, "CPU/", "deliv."),
    (Metric::ServerRss, "memory/", "client"),
];
/// The widest line that a table may have.
const WIDTH_MAX: usize = 110;

/// The verdict of a run that is not valid, with each reason once. Empty for a valid run.
pub fn terminal_verdict(run: &Run) -> String {
    let reasons = run_reasons(run);
    let verdict = format!("{}{}", run.verdict.label(), if run.cut_short { ", cut short" } else { "" });
    match (run.verdict, reasons.as_slice()) {
        (Verdict::Valid, []) => String::new(),
        (_, [one]) => format!("This run is {verdict}: {one}\n\n"),
        (_, several) => {
            let list: String = several.iter().map(|reason| format!("  - {reason}\n")).collect();
            format!("This run is {verdict}:\n{list}\n")
        }
    }
}

/// A line for each fact about the run's surroundings.
pub fn terminal_surroundings(run: &Run) -> Vec<String> {
    let line = |one: &Surrounding| {
        let (name, text) = wording::surrounding(one);
        format!("{name}: {text}")
    };
    summary::surroundings(run).iter().map(line).collect()
}

/// A line for each claim that the run tests.
pub fn terminal_claims(run: &Run) -> String {
    let view = View::new(run);
    claims::of(&view).iter().map(|claim| wording::claim_line(&view, claim) + "\n").collect()
}

/// A line for each threshold. `run` is the run that they judge: the second one in a comparison.
pub fn terminal_thresholds(thresholds: &[Threshold], run: &Run) -> String {
    let rows = Rows::of(run);
    thresholds.iter().map(|threshold| threshold_line(threshold, &rows) + "\n").collect()
}

/// One line for each row of the summary, under a heading for each point of a sweep. A figure that was not measured is
/// a dash.
pub fn terminal_table(run: &Run) -> String {
    let view = View::new(run);
    let mut lines: Vec<Vec<String>> = [1, 2].map(heading).to_vec();
    let mut captions = Vec::new();
    let points = view.points();
    for point in &points {
        if points.len() > 1 {
            captions.push((lines.len(), view.point_title(*point)));
        }
        lines.extend(
            view.transports()
                .into_iter()
                .filter_map(|transport| view.row(*point, transport).map(|row| cells(transport.title(), row))),
        );
        lines.extend(view.tcp_baseline(*point).map(|row| cells("TCP baseline", row)));
    }
    let widths = widths(&lines);
    let columns = widths.len();
    let gap = if widths.iter().sum::<usize>() + 2 * (columns - 1) <= WIDTH_MAX { "  " } else { " " };
    // The first and the last column, names and verdicts, are words.
    let align = |column: usize| if column == 0 || column + 1 == columns { Align::Left } else { Align::Right };
    let mut out = String::new();
    for (index, line) in aligned(&lines, align, gap).iter().enumerate() {
        for (_, caption) in captions.iter().filter(|(before, _)| *before == index) {
            out.push_str(caption);
            out.push('\n');
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// The latency of each transport with one client alone, as one line; empty if that was not measured.
pub fn terminal_alone(run: &Run) -> String {
    let view = View::new(run);
    let points = view.points();
    let lines = points.iter().filter_map(|point| {
        let each = view.transports().into_iter().filter_map(|transport| {
            let p50 = view.alone(*point, transport)?.shown(Metric::LatencyP50).ok()?;
            Some(format!("{} {}", view.prose(transport), Metric::LatencyP50.show(p50)))
        });
        let each: Vec<String> = each.collect();
        let place = if points.len() > 1 { format!("{}: ", view.point_title(*point)) } else { String::new() };
        (!each.is_empty()).then(|| format!("{place}Median latency with one client alone: {}.\n", listed(&each)))
    });
    lines.collect()
}

/// How much server memory each client adds, if the run measured enough client counts.
pub fn terminal_memory(run: &Run) -> String {
    let view = View::new(run);
    memory_growth(&view, &memory::of(&view)).map_or_else(String::new, |line| line + "\n")
}

/// Why some measured figures are a dash in the table: a line for each reason and point of a sweep.
pub fn terminal_withheld(run: &Run) -> String {
    let view = View::new(run);
    let metrics = COLUMNS.map(|(metric, _, _)| metric);
    let points = view.points();
    let lines = points.iter().flat_map(|point| {
        let place = if points.len() > 1 { format!("{}: ", view.point_title(*point)) } else { String::new() };
        withheld_lines(&view, *point, &metrics).into_iter().map(move |line| format!("{place}{line}\n"))
    });
    lines.collect()
}

/// Which transport to use for a stream like this one, as a paragraph; empty if nothing can be recommended.
pub fn terminal_recommendation(run: &Run) -> String {
    recommendation::of(&View::new(run)).map_or_else(String::new, |found| recommendation_lines(&found))
}

/// What was measured, in one line: the number of trials, and of different updates in each measured interval, which may
/// be few with a long recording.
pub fn terminal_measured(run: &Run) -> String {
    let tcp_baselines = run.trials.iter().filter(|trial| trial.transport.is_none()).count();
    let mut line = counted(run.trials.len() - tcp_baselines, "trial");
    if tcp_baselines > 0 {
        line.push_str(&format!(" and {tcp_baselines} of the TCP baseline"));
    }
    match summary::updates_measured(run) {
        None => {}
        Some([least, most]) if least == most => line.push_str(&format!("; {} due in each", updates(most))),
        Some([least, most]) => line.push_str(&format!("; {} to {} due in each", grouped(least as i64), updates(most))),
    }
    line.push('\n');
    line
}

fn updates(count: u64) -> String {
    counted(count as usize, "different update")
}

fn heading(line: usize) -> Vec<String> {
    let ends = if line == 1 { ["", "", "", ""] } else { ["transport", "delivered", "lost", "verdict"] };
    let metrics = COLUMNS.iter().map(|(_, first, second)| if line == 1 { *first } else { *second });
    ends[..1].iter().copied().chain(metrics).chain(ends[1..].iter().copied()).map(str::to_owned).collect()
}

fn cells(name: &str, row: &Row) -> Vec<String> {
    let metrics = COLUMNS.iter().map(|(metric, _, _)| match row.shown(*metric) {
        Ok(value) => shown(metric.unit(), Some(value)),
        Err(_) => DASH.to_owned(),
    });
    let audit = [row.audit.delivered, row.audit.lost].map(|count| grouped(count as i64));
    std::iter::once(name.to_owned())
        .chain(metrics)
        .chain(audit)
        .chain(std::iter::once(row.verdict.label().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;

    #[test]
    fn the_table_is_aligned_and_fits_a_terminal() {
        let mut run = fake::quick();
        run.summary[1].audit.delivered = 123_456_789;
        for table in [terminal_table(&run), terminal_table(&fake::quick()), terminal_table(&fake::sweep_over_rate())] {
            assert!(table.lines().all(|line| line.chars().count() <= WIDTH_MAX), "{table}");
        }
        let table = terminal_table(&fake::quick());
        assert!(table.contains("  valid"), "an ordinary table has room for two blanks: {table}");
        let place = |line: &str| line.find("valid").or(line.find("verdict"));
        let places: Vec<_> = table.lines().skip(1).map(|line| line[..place(line).unwrap()].chars().count()).collect();
        assert!(places.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
        assert_eq!(table.lines().count(), 2 + 4 + 1, "two lines of heading, four transports, the TCP baseline");
    }

    #[test]
    fn trials_and_tcp_baseline_trials_are_counted_separately_with_their_updates() {
        let mut run = fake::quick();
        assert_eq!(terminal_measured(&run), "12 trials and 3 of the TCP baseline; 39 different updates due in each\n");
        run.trials[0].audit.expected = 50 * 17;
        assert!(terminal_measured(&run).contains("; 17 to 39 different updates due in each"));
        run.trials.retain(|trial| trial.transport.is_some());
        assert!(terminal_measured(&run).starts_with("12 trials; "));
    }

    #[test]
    fn a_figure_that_was_not_measured_is_a_dash() {
        let mut run = fake::quick();
        run.summary[0].metrics.server_cpu_ns_per_delivery.0 = None;
        let table = terminal_table(&run);
        assert!(table.lines().nth(2).unwrap().contains('–'), "{table}");
    }
}
