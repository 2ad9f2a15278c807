//! What a kill did to the clients, in a sentence and as cells of a table.

use crate::report::findings::view::View;
use crate::report::text::wording::{capitalised, counted, listed, whole};
use crate::run::failover::Kill;
use crate::run::summary::Failover;
use crate::units::Nanos;

/// What the columns of [`failover_cells`] are.
pub(crate) const FAILOVER_COLUMNS: [&str; 9] = [
    "Transport",
    "Clients cut",
    "Came back",
    "Next answer after: p50",
    "p99",
    "at most",
    "Updates recovered, lost",
    "Connections/s, at most",
    "No update for, at most",
];

/// What was killed, as the head of a table.
pub(crate) fn killed(kill: Kill) -> &'static str {
    match kill {
        Kill::None => "Nothing was killed",
        Kill::Node => "A node was killed",
        Kill::Log => "The only server of the log was killed, and started again",
        Kill::Leader => "The server that led the stream was killed",
    }
}

/// A line of the table.
pub(crate) fn failover_cells(view: &View<'_>, one: &Failover) -> Vec<String> {
    let after = |length: Nanos| if one.back == 0 { "–".to_owned() } else { length.to_string() };
    let name = one.transport.map_or("TCP baseline", |transport| view.title(transport));
    vec![
        name.to_owned(),
        whole(one.cut),
        whole(one.back),
        after(one.recover_ns_p50),
        after(one.recover_ns_p99),
        after(one.recover_ns_max),
        format!("{}, {}", whole(one.recovered), whole(one.lost)),
        whole(one.dialled_per_s_max.round() as u64),
        one.silence_ns_max.to_string(),
    ]
}

/// What became of the clients of all transports after one of the kills.
pub(crate) fn failover_sentence(view: &View<'_>, all: &[&Failover]) -> String {
    let sum = |of: fn(&Failover) -> u64| all.iter().map(|one| of(one)).sum::<u64>();
    let (cut, back, lost) = (sum(|one| one.cut), sum(|one| one.back), sum(|one| one.lost));
    let silence = all.iter().map(|one| one.silence_ns_max).max().unwrap_or_default();
    let connections = match (cut, cut - back.min(cut)) {
        (0, _) => "No client lost its connection".to_owned(),
        (_, 0) => format!("{} lost their connection and came back", counted(cut as usize, "client")),
        (_, gone) => format!("{} lost their connection, {} never came back", counted(cut as usize, "client"), whole(gone)),
    };
    let halves = all.iter().filter(|one| one.back > 0).filter_map(|one| {
        Some(format!("{} {}", view.prose(one.transport?), one.recover_ns_p50))
    });
    let halves: Vec<String> = halves.collect();
    let halves = match halves.is_empty() {
        true => String::new(),
        false => format!("; half of them had an answer again after: {}", listed(&halves)),
    };
    let loss = match lost {
        0 => "no update was lost".to_owned(),
        _ => format!("{} were lost", counted(lost as usize, "update")),
    };
    format!("{}{halves}. No update came for up to {silence}, and {loss}.", capitalised(&connections))
}
