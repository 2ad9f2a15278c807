//! Why a trial, a row or a run is not valid.

use crate::report::findings::rows::Rows;
use crate::report::text::wording::{counted, listed, prose, whole};
use crate::run::file::{Row, Run};
use crate::run::metric::Unit;
use crate::run::reason::{Cause, Reason};
use crate::units::{grouped, three_digits};

/// Why a trial is not valid: one sentence without its stop.
pub(crate) fn trial_reason(reason: &Reason) -> String {
    cause(&reason.cause, "")
}

/// Why a row is not valid, each sentence with the rounds that it holds for.
pub(crate) fn row_reasons(row: &Row) -> Vec<String> {
    row.reasons.iter().map(|reason| format!("{}{}", in_rounds(reason), cause(&reason.cause, "up to "))).collect()
}

/// Why a run is not valid: each reason once, with the rows that it holds for.
pub(crate) fn run_reasons(run: &Run) -> Vec<String> {
    let rows = Rows::of(run);
    run.reasons.iter().map(|reason| run_reason(reason, &rows)).collect()
}

/// One of them.
pub(crate) fn run_reason(reason: &Reason, rows: &Rows) -> String {
    let sentence = cause(&reason.cause, "up to ");
    match reason.rows.is_empty() {
        true => sentence,
        false => format!("{}: {}{sentence}", rows.names_first(&reason.rows), in_rounds(reason)),
    }
}

fn in_rounds(reason: &Reason) -> String {
    let numbers: Vec<String> = reason.rounds.iter().map(u32::to_string).collect();
    match numbers.len() {
        0 => String::new(),
        1 => format!("in round {}, ", numbers[0]),
        _ => format!("in rounds {}, ", listed(&numbers)),
    }
}

/// A cause in words. `up_to` stands before a figure that is the worst of several.
fn cause(cause: &Cause, up_to: &str) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    match cause {
        Cause::NothingDue => "no update was due in the measured interval; use a longer --measure".to_owned(),
        Cause::Lost { count, of } => format!("{} of {} were lost without a gap notice", whole(*count), updates(*of)),
        Cause::LostAnnounced { count, of } => {
            format!("{} of {} were lost and announced as a gap", whole(*count), updates(*of))
        }
        Cause::Duplicate { count } => format!("{} arrived twice", updates(*count)),
        Cause::Reordered { count } => format!("{} arrived out of order", updates(*count)),
        Cause::ArrivedBeforeDue { count } => {
            format!("{} arrived before they were due: the clocks do not agree", updates(*count))
        }
        Cause::GeneratorStalled { lag_ns_p50, lag_ns_p99 } => format!(
            "the load generator was the bottleneck: its own timer fired {up_to}{lag_ns_p50} late at the median and \
             {up_to}{lag_ns_p99} late at p99; end other programs, or use fewer clients"
        ),
        Cause::GeneratorStarved { waited_fraction, is_pinned } => format!(
            "the load generator was the bottleneck: for {up_to}{} of the time in which it had work it waited for {}; end \
             other programs, or use fewer clients",
            percent(*waited_fraction),
            if *is_pinned { "its own processor, which another program used" } else { "a processor" }
        ),
        Cause::AgentLost { agent, clients, detail } => {
            let clients = counted(*clients as usize, "client");
            let detail = detail.as_ref().map_or_else(|| "it fell silent".to_owned(), Clone::clone);
            format!("the agent {agent} brought nothing back of its {clients}: {detail}")
        }
        Cause::AgentStarved { agent, lag_ns_p99, waited_fraction } => {
            let waited = waited_fraction.map_or_else(String::new, |share| {
                format!(", and for {up_to}{} of the time in which it had work it waited for a processor", percent(share))
            });
            format!(
                "the agent {agent} was the bottleneck: its own timer fired {up_to}{lag_ns_p99} late at p99{waited}; give it fewer \
                 clients, or end other programs there"
            )
        }
        Cause::GeneratorLate { lag_ns_p99 } => {
            format!("the load generator's own timer fired {up_to}{lag_ns_p99} late at p99")
        }
        Cause::HostBusy { fraction } => {
            format!("the host's processors were busy for {up_to}{} of the interval", percent(*fraction))
        }
        Cause::OthersBusy { fraction } => format!(
            "programs that are no part of the trial, or other guests of the machine, took {up_to}{} of the host's \
             processors; end them and run again",
            percent(*fraction)
        ),
        Cause::ClockUncertain { uncertainty_ns, latency_ns_p50 } => {
            let of = latency_ns_p50.map(|p50| Unit::Nanos.show(p50 as f64));
            let beside = of.map_or_else(String::new, |of| format!(", beside a median latency of {of}"));
            format!("the two hosts' clocks are related to within {up_to}{uncertainty_ns} only{beside}")
        }
        Cause::ClocksUnrelated => {
            "latencies are by the clocks of two hosts, this one's and that of whoever sent the messages, and how they differ was not \
             measured: every latency may be wrong by as much"
                .to_owned()
        }
        Cause::Refused { count } => format!("{} were refused or broke", counted(*count as usize, "connection")),
        Cause::Throttled { count } => {
            format!("the server asked clients {} for patience (429 or 503), and they kept away that long", times(*count))
        }
        Cause::PublishThrottled { count } => {
            format!("{} not published, since the server asked for patience (429 or 503)", were(*count, "update"))
        }
        Cause::PublishRefused { count } => format!("the server refused {} that were published", updates(*count)),
        Cause::PublishFailed { count } => {
            format!("the connection broke while {} published: nobody knows whether they arrived", were(*count, "update"))
        }
        Cause::PublisherBehind => {
            "the server took updates more slowly than they were due, and some that were due were never published; use a \
             lower --rate"
                .to_owned()
        }
        Cause::Unread { count, found_at } => {
            let messages = counted(*count as usize, "message");
            match found_at {
                Some(path) => format!(
                    "{messages} did not hold what was published where the target file says; it stands at {path}: write message = \
                     {{ json = \"{path}\" }} under the transport"
                ),
                None => format!("{messages} did not hold what was published; correct `message` in the target file"),
            }
        }
        Cause::NotAudited => "others published, without numbers: what was lost is unknown".to_owned(),
        Cause::NotTimed => {
            "the messages do not say when they were sent: no latency; give --timestamp, as in --timestamp '$.ts'".to_owned()
        }
        Cause::MissedPolls { count } => {
            format!("{} skipped because the one before had not been answered", were(*count, "poll"))
        }
        Cause::LinkOff { asked_ns, gave_ns } => format!("the link's round trip was {gave_ns} instead of {asked_ns}"),
        Cause::PathStandIn { detail } => {
            format!(
                "a link stood in for the path, which delays a stream and shows neither loss nor slow start: {detail}"
            )
        }
        Cause::PathRoundTripOff { asked_ns, gave_ns } => {
            format!("the path's round trip was {gave_ns} instead of {asked_ns}")
        }
        Cause::PathLossOff { asked_fraction, lost, of } => format!(
            "the path lost {} of the packets instead of {}",
            Unit::Fraction.show(*lost as f64 / (*of).max(1) as f64),
            Unit::Fraction.show(*asked_fraction)
        ),
        Cause::PathRelaySlow { missed, of } => {
            format!("the path's relay was too slow and lost {} of {} packets for that", whole(*missed), whole(*of))
        }
        Cause::BytesDiffer { parts, socket } => {
            format!("the parts of the bytes add up to {}, but the sockets counted {}", whole(*parts), whole(*socket))
        }
        Cause::HistogramUnreadable { detail } => detail.clone(),
        Cause::DifferentStretches { updates } => {
            let each = updates.iter().map(|one| format!("{} {}", prose(one.transport), three_digits(one.mean)));
            format!(
                "the transports saw different parts of that server's feed and differ for that reason alone: the mean number of \
                 updates in a measured interval was {}; use a longer --measure, more --rounds, or a steadier feed",
                each.collect::<Vec<_>>().join(", ")
            )
        }
        Cause::NoTrials => "no trial of any transport was finished".to_owned(),
        Cause::CutShort { done, planned, tcp_baseline_done, tcp_baseline_planned, error } => {
            let of_tcp_baseline = match tcp_baseline_planned {
                0 => String::new(),
                all => format!(" and {tcp_baseline_done} of {all} of the TCP baseline"),
            };
            let why = error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
            format!("cut short after {done} of {planned} trials{of_tcp_baseline}{why}")
        }
        Cause::Other { text } => text.clone(),
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", whole(count)) }
}

fn updates(count: u64) -> String {
    counted(count as usize, "update")
}

/// `1 poll was`, `3 polls were`.
fn were(count: u64, noun: &str) -> String {
    let be = if count == 1 { "was" } else { "were" };
    format!("{} {noun}{} {be}", grouped(count as i64), if count == 1 { "" } else { "s" })
}
