//! The effect of a kill on the clients, in a sentence and as table cells.

use crate::report::findings::view::View;
use crate::report::text::wording::{listed, whole};
use crate::run::failover::Kill;
use crate::run::summary::Failover;
use crate::units::Nanos;

/// The column headings for [`failover_cells`].
pub(crate) const FAILOVER_COLUMNS: [&str; 9] = [
    "Transport",
    "Clients disconnected",
    "Reconnected",
    "Next answer after: p50",
    "p99",
    "max",
    "Updates recovered, lost",
    "Connections/s, max",
    "No update for, max",
];

/// What was killed, as the heading of a table.
pub(crate) fn killed(kill: Kill) -> &'static str {
    match kill {
        Kill::None => "Nothing was killed",
        Kill::Node => "A node was killed",
        Kill::Log => "The log's only server was killed and restarted",
        Kill::Leader => "The server that led the stream was killed",
    }
}

/// One row of the table.
pub(crate) fn failover_cells(view: &View<'_>, one: &Failover) -> Vec<String> {
    let report = &one.report;
    let after = |length: Nanos| if report.back == 0 { "–".to_owned() } else { length.to_string() };
    let name = one.transport.map_or("TCP baseline", |transport| view.title(transport));
    vec![
        name.to_owned(),
        whole(report.cut),
        whole(report.back),
        after(report.recover_ns_p50),
        after(report.recover_ns_p99),
        after(report.recover_ns_max),
        format!("{}, {}", whole(report.recovered), whole(one.lost)),
        whole(report.dialled_per_s_max.round() as u64),
        report.silence_ns_max.to_string(),
    ]
}

/// How the clients of all transports recovered after one kind of kill.
pub(crate) fn failover_sentence(view: &View<'_>, all: &[&Failover]) -> String {
    let sum = |of: fn(&Failover) -> u64| all.iter().map(|one| of(one)).sum::<u64>();
    let (cut, back, lost) = (sum(|one| one.report.cut), sum(|one| one.report.back), sum(|one| one.lost));
    let silence = all.iter().map(|one| one.report.silence_ns_max).max().unwrap_or_default();
    let connections = match (cut, cut - back.min(cut)) {
        (0, _) => "No client lost its connection".to_owned(),
        (1, 0) => "1 client lost its connection and reconnected".to_owned(),
        (1, _) => "1 client lost its connection and never reconnected".to_owned(),
        (cut, 0) => format!("{} clients lost their connections and reconnected", whole(cut)),
        (cut, never) => format!("{} clients lost their connections, {} never reconnected", whole(cut), whole(never)),
    };
    let halves = all
        .iter()
        .filter(|one| one.report.back > 0)
        .filter_map(|one| Some(format!("{} {}", view.prose(one.transport?), one.report.recover_ns_p50)));
    let halves: Vec<String> = halves.collect();
    let halves = match halves.is_empty() {
        true => String::new(),
        false => format!("; half of them had their next answer after: {}", listed(&halves)),
    };
    let loss = match lost {
        0 => "no update was lost".to_owned(),
        1 => "1 update was lost".to_owned(),
        many => format!("{} updates were lost", whole(many)),
    };
    format!("{connections}{halves}. No update came for up to {silence}, and {loss}.")
}
