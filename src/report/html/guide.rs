//! How to read a report, for someone who sees one for the first time.

use maud::{Markup, html};

use crate::limits::MEMORY_CLIENTS_MIN;
use crate::report::findings::view::View;
use crate::units::grouped;

/// The section that explains the words of the page.
pub(crate) fn html(view: &View<'_>) -> Markup {
    let has_path = view.run.trials.iter().any(|trial| trial.path.is_some());
    let has_link = view.points().iter().filter_map(|point| view.point(*point)).any(|point| point.rtt_ns.0 > 0);
    html! {
        section #guide {
            h2 { "How to read this" }
            dl.guide {
                @if view.is_echo() { div { dt { "Round trip" } dd {
                    "From the moment a message was due by its client’s plan to the moment that client holds the \
                     answer, decoded. SSE has no channel to the server: each message is a POST, as it would be with \
                     polling." } } }
                @else { div { dt { "Latency" } dd {
                    "From the moment an update was due by the feed’s schedule to the moment a client has decoded it. \
                     It counts from the schedule, not from the sending: if the server stalls, the clock keeps running. \
                     p99 is the time within which 99 of 100 deliveries arrived. A percentile is shown if at least 20 \
                     deliveries lie beyond it, and one above the median only if three trials had a delivery that late; otherwise the \
                     table shows a dash." } }
                div { dt { "Age" } dd {
                    "The age of the newest update that a client holds, averaged over time. It grows while nothing is \
                     published, so compare it between transports and not with zero." } }
                div { dt { "Stale" } dd { "The share of the time in which a newer update existed than the client held." } } }
                @if !view.is_echo() { div { dt { "Per delivery" } dd {
                    "Bytes, requests and processor time are those of the measured interval, divided by the updates \
                     that were due in it and delivered: the same updates for all transports. With polling, up to a \
                     poll interval’s worth of updates is in flight at each end of the interval. A single trial is too \
                     high or too low by that; over rounds with different stretches of the feed, the errors cancel." }
                                                                                                                   } }
                div { dt { "Bytes" } dd {
                    "Everything on the wire, both ways, for each delivery: " em { "payload" } " is the data; " em { "framing" }
                    " the JSON envelope, SSE fields, chunk sizes and WebSocket headers; " em { "HTTP headers" } " those of \
                     requests and responses; " em { "TCP/IP headers" } " those of every segment, acknowledgements included; "
                    em { "retransmitted" } " the bytes that TCP sent again." } }
                div { dt { "Intervals" } dd {
                    "[low, high] is a 95 % interval within this run: how far the figure would move if the same rounds \
                     were repeated on this machine and in this hour. Another run may lie outside, because machines \
                     drift between runs; `loadgen compare` accounts for that once `loadgen calibrate` has measured it. \
                     The statistical unit is the trial, not the single delivery, because the deliveries of one trial \
                     are not independent. Two transports are called different only if the interval of their difference \
                     excludes zero. They are called equal within noise only if that interval leaves no more than a \
                     quarter between them, and ± shows how much; if it leaves more, there is no clear winner. An \
                     interval narrower than the digits shown is omitted." } }
                div { dt { "CPU and memory" } dd {
                    "User and system time of the server process, its resident memory, and the kernel’s memory for \
                     sockets, which is not part of the process’s memory. The host’s time is all time that its \
                     processors were not idle, other programs included. It is shown as a check, and omitted if it is \
                     less than its own parts. The load generator’s time is shown too, because it is part of every \
                     latency if both share their processors: a latency is ranked only beyond what that explains. \
                     Memory is compared only with " (grouped(i64::from(MEMORY_CLIENTS_MIN))) " clients or more." } }
                @if view.tcp_baseline(view.points().first().copied().unwrap_or_default()).is_some() {
                    div { dt { "TCP baseline" } dd {
                        "A program that writes the same payloads to the same number of sockets and does nothing else, \
                         and clients that only read them. A transport costs this baseline plus what it adds." } }
                }
                div { dt { "Loopback" } dd {
                    @if has_path {
                        "Server and clients ran on one host. Where there was a path between them, a relay delayed, \
                         dropped and rate-limited each client’s IP packets; slow start, retransmission and waiting for \
                         lost data are those of the kernel’s TCP. The kernel’s work to receive a packet is charged to \
                         the relay."
                    } @else {
                        "Server and clients ran on one host. There is no distance, no loss and no other traffic, so latency here is \
                         the work of the programs and the kernel; part of the work of one side is charged to the other."
                    }
                    @if has_link { " The added round trip comes from a relay that delays the stream; it does not model loss." } } }
            }
        }
    }
}
