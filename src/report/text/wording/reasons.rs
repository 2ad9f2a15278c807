//! Why a trial, a row or a run is not valid.

use crate::report::findings::rows::Rows;
use crate::report::text::wording::{counted, listed, prose, whole};
use crate::run::file::{Row, Run};
use crate::run::metric::Unit;
use crate::run::reason::{Cause, Reason};
use crate::units::{grouped, three_digits};

/// Why a trial is not valid: one sentence without a full stop.
pub(crate) fn trial_reason(reason: &Reason) -> String {
    cause(&reason.cause, "")
}

/// Why a row is not valid: one sentence for each reason, with the rounds that it applies to.
pub(crate) fn row_reasons(row: &Row) -> Vec<String> {
    row.reasons.iter().map(|reason| format!("{}{}", in_rounds(reason), cause(&reason.cause, "up to "))).collect()
}

/// Why a run is not valid: each reason once, with the rows that it applies to.
pub(crate) fn run_reasons(run: &Run) -> Vec<String> {
    let rows = Rows::of(run);
    run.reasons.iter().map(|reason| run_reason(reason, &rows)).collect()
}

/// One reason of a run.
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

/// A cause in words. `up_to` precedes a figure that is the worst of several.
fn cause(cause: &Cause, up_to: &str) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    match cause {
        Cause::NothingDue => "no update was due in the measured interval; use a longer --measure".to_owned(),
        Cause::Lost { count, of } => format!("{} without a gap notice", lost(*count, *of)),
        Cause::LostAnnounced { count, of } => {
            format!("{} and announced as a gap", lost(*count, *of))
        }
        Cause::Duplicate { count } => format!("{} arrived twice", updates(*count)),
        Cause::Reordered { count } => format!("{} arrived out of order", updates(*count)),
        Cause::ArrivedBeforeDue { count } => {
            format!("{} arrived earlier than due: the clocks disagree", updates(*count))
        }
        Cause::GeneratorStalled { lag_ns_p50, lag_ns_p99 } => format!(
            "the load generator was the bottleneck: its own timer fired {up_to}{lag_ns_p50} late at the median and \
             {up_to}{lag_ns_p99} late at p99; end other programs, or use fewer clients"
        ),
        Cause::GeneratorStarved { waited_fraction, is_pinned } => format!(
            "the load generator was the bottleneck: for {up_to}{} of the time that it had work, it waited for {}; end \
             other programs, or use fewer clients",
            percent(*waited_fraction),
            if *is_pinned { "its pinned processor, which another program was using" } else { "a processor" }
        ),
        Cause::AgentLost { agent, clients, detail } => {
            let clients = counted(*clients as usize, "client");
            let detail = detail.as_ref().map_or_else(|| "it stopped responding".to_owned(), Clone::clone);
            format!("agent {agent} returned no results for its {clients}: {detail}")
        }
        Cause::AgentStarved { agent, lag_ns_p99, waited_fraction } => {
            let waited = waited_fraction.map_or_else(String::new, |share| {
                format!(", and for {up_to}{} of the time that it had work, it waited for a processor", percent(share))
            });
            format!(
                "agent {agent} was the bottleneck: its own timer fired {up_to}{lag_ns_p99} late at p99{waited}; give \
                 it fewer clients, or end other programs there"
            )
        }
        Cause::GeneratorLate { lag_ns_p99 } => {
            format!("the load generator's own timer fired {up_to}{lag_ns_p99} late at p99")
        }
        Cause::HostBusy { fraction } => {
            format!("the host's processors were busy for {up_to}{} of the interval", percent(*fraction))
        }
        Cause::OthersBusy { fraction } => format!(
            "programs outside the trial, or other virtual machines on the same hardware, took {up_to}{} of the host's \
             processors; end them and run again",
            percent(*fraction)
        ),
        Cause::ClockUncertain { uncertainty_ns, latency_ns_p50 } => {
            let of = latency_ns_p50.map(|p50| Unit::Nanos.show(p50 as f64));
            let compared = of.map_or_else(String::new, |of| format!(", and the median latency is {of}"));
            format!("the offset between the two hosts' clocks is uncertain by {up_to}{uncertainty_ns}{compared}")
        }
        Cause::ClocksUnrelated => {
            "latencies are differences between the clocks of two hosts, this one and the one that sent the messages, \
             and the offset between these clocks was not measured: every latency may be wrong by that offset"
                .to_owned()
        }
        Cause::Refused { count } => format!("{} refused or broken", were(*count, "connection")),
        Cause::Throttled { count } => {
            format!("the server throttled clients {} (429 or 503), and they waited as long as it asked", times(*count))
        }
        Cause::PublishThrottled { count } => {
            format!("{} not published, because the server throttled the publisher (429 or 503)", were(*count, "update"))
        }
        Cause::PublishRefused { count } => format!("the server refused to publish {}", updates(*count)),
        Cause::PublishFailed { count } => {
            format!("the connection broke while {} being published, with unknown outcome", were(*count, "update"))
        }
        Cause::PublisherBehind => {
            "the server accepted updates more slowly than they were due, and some were never published; use a lower \
             --rate"
                .to_owned()
        }
        Cause::Unread { count, found_at } => {
            let messages = counted(*count as usize, "message");
            match found_at {
                Some(path) => format!(
                    "{messages} did not contain the published update where the target file says; it is at {path}: \
                     write message = {{ json = \"{path}\" }} under the transport"
                ),
                None => {
                    format!("{messages} did not contain the published update; correct `message` in the target file")
                }
            }
        }
        Cause::NotAudited => "another program published, without sequence numbers: losses are unknown".to_owned(),
        Cause::NotTimed => {
            "the messages do not say when they were sent: latency is unknown; give --timestamp, as in --timestamp \
             '$.ts'"
                .to_owned()
        }
        Cause::MissedPolls { count } => {
            format!("{} skipped because the previous one had not been answered", were(*count, "poll"))
        }
        Cause::LinkOff { asked_ns, gave_ns } => format!("the link's round trip was {gave_ns} instead of {asked_ns}"),
        Cause::PathStandIn { detail } => {
            format!(
                "a link was used instead of the path: it delays a stream, but shows neither loss nor slow start: \
                 {detail}"
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
            format!("the path's relay was too slow, and therefore lost {} of {} packets", whole(*missed), whole(*of))
        }
        Cause::BytesDiffer { parts, socket } => {
            let (parts, socket) = (whole(*parts), whole(*socket));
            format!("the parts of the wire bytes add up to {parts}, but the sockets counted {socket}")
        }
        Cause::HistogramUnreadable { detail } => detail.clone(),
        Cause::DifferentStretches { updates } => {
            let each = updates.iter().map(|one| format!("{} {}", prose(one.transport), three_digits(one.mean)));
            format!(
                "the transports saw different parts of the server's feed, which alone makes their figures differ: the \
                 mean number of updates in a measured interval was {}; use a longer --measure, more --rounds, or a \
                 steadier feed",
                each.collect::<Vec<_>>().join(", ")
            )
        }
        Cause::NoTrials => "no trial of any transport was completed".to_owned(),
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

/// `1 of 850 updates was lost`.
fn lost(count: u64, of: u64) -> String {
    format!("{} of {} {} lost", whole(count), updates(of), if count == 1 { "was" } else { "were" })
}

fn updates(count: u64) -> String {
    counted(count as usize, "update")
}

/// `1 poll was`, `3 polls were`.
fn were(count: u64, noun: &str) -> String {
    let be = if count == 1 { "was" } else { "were" };
    format!("{} {noun}{} {be}", grouped(count as i64), if count == 1 { "" } else { "s" })
}
