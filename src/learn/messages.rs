//! The messages for a student: one sentence, with the update, the disturbance and the request that it is about.

use super::context::{Context, Disturbance, DisturbanceRecord};
use super::fault::{Code, Fault};
use super::oracle::Violation;
use super::request::{After, Request};
use crate::limits;
use crate::run::Transport;
use crate::stream::{Gap, GapReason};

/// Output of a student's program as a quotation, shortened.
pub fn quote(text: &str) -> String {
    let short: String = text.chars().take(limits::LEARN_QUOTE_CHARACTERS).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

pub fn not_json(line: u64, text: &str) -> Fault {
    let sentence = format!(
        "line {line} of your output is not JSON: {}; print one JSON object per line, and everything else to standard error",
        quote(text)
    );
    Fault::new(Code::NotJson, sentence)
}

pub fn not_utf8(line: u64) -> Fault {
    Fault::new(Code::NotJson, format!("line {line} of your output is not UTF-8; print one JSON object per line"))
}

pub fn too_long(line: u64) -> Fault {
    let most = limits::LEARN_LINE_BYTES_MAX;
    Fault::new(
        Code::Flood,
        format!("line {line} of your output is longer than {most} B; end each object with a line break"),
    )
}

pub fn not_an_update(line: u64, text: &str) -> Fault {
    let sentence = format!(
        "line {line} of your output is neither an update nor a gap: {}; print an update unchanged, with seq, at_us and data, or \
         {{\"gap\":{{\"reason\":…,\"lost\":…}}}}",
        quote(text)
    );
    Fault::new(Code::NotAnUpdate, sentence)
}

pub fn wrong_address(path: &str, allowed: &[Transport]) -> String {
    let known: Vec<&str> = allowed.iter().map(|transport| address(*transport)).collect();
    format!("your program asked for {path}; this exercise is about {}", known.join(" and "))
}

/// The address of a transport.
pub fn address(transport: Transport) -> &'static str {
    match transport {
        Transport::Polling => "/updates/poll",
        Transport::LongPolling => "/updates/long-poll",
        Transport::Sse => "/updates/sse",
        Transport::WebSocket => "/updates/ws",
    }
}

/// `3 updates`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `second`.
pub fn ordinal(nth: usize) -> String {
    const WORDS: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];
    nth.checked_sub(1).and_then(|index| WORDS.get(index)).map_or_else(|| format!("{nth}th"), |word| (*word).to_owned())
}

fn noun(what: Disturbance) -> &'static str {
    match what {
        Disturbance::Cut => "cut",
        Disturbance::HalfAnswer => "half answer",
        Disturbance::Silence => "silence",
        Disturbance::Busy => "busy answer (503)",
        Disturbance::Restart => "restart of the server",
        Disturbance::Eviction => "long absence",
    }
}

/// `after the second cut`.
pub fn after(disturbed: &DisturbanceRecord) -> String {
    format!("after the {} {}", ordinal(disturbed.nth), noun(disturbed.what))
}

/// What is wrong with the update that was just printed.
pub fn update(context: &Context<'_>, number: Option<u64>, seq: u64) -> Fault {
    match context.oracle.first_violation() {
        Some(Violation::Lost(range)) => lost(context, range.start, range.end),
        Some(Violation::Duplicate(number)) => twice(context, *number),
        Some(Violation::Reordered(number)) => {
            let sentence =
                format!("update {} was printed after a later one; print them in order", context.seq_of(*number));
            Fault::new(Code::OutOfOrder, sentence)
        }
        Some(Violation::Wrong(_)) | None => other(context, number, seq),
    }
}

fn other(context: &Context<'_>, number: Option<u64>, seq: u64) -> Fault {
    let Some(number) = number else {
        let sentence = format!("update {seq} differs from what was published; print it unchanged");
        return Fault::new(Code::Altered, sentence);
    };
    if context.seq_of(number) != seq {
        let sentence = format!("update {} was printed as update {seq}; print it unchanged", context.seq_of(number));
        return Fault::new(Code::Altered, sentence);
    }
    if context.oracle.next().is_some_and(|next| number < next) {
        return twice(context, number);
    }
    let sentence = if context.has_unannounced_restart() {
        "the server restarted, and its first update was printed without the gap before it; print {\"gap\":{\"reason\":\"epoch\",\
         \"lost\":null}} when the server announces it"
            .to_owned()
    } else {
        format!("update {seq} was printed where it cannot come: {}", wrong(context))
    };
    Fault::new(Code::Gap, sentence)
}

fn wrong(context: &Context<'_>) -> String {
    match context.oracle.first_violation() {
        Some(Violation::Wrong(what)) => what.clone(),
        Some(Violation::Lost(_) | Violation::Duplicate(_) | Violation::Reordered(_)) | None => {
            "it is not its turn".to_owned()
        }
    }
}

/// The last disturbance before the update of this number, and the first request after the disturbance.
fn disturbance(context: &Context<'_>, before: u64) -> Option<(DisturbanceRecord, Option<Request>)> {
    let disturbed = *context.disturbed.iter().rfind(|disturbed| disturbed.published <= before)?;
    Some((disturbed, context.requests_since(disturbed.asked).first().cloned()))
}

fn lost(context: &Context<'_>, start: u64, end: u64) -> Fault {
    if context.has_unannounced_restart() && context.life_of(end) > context.life_of(start.saturating_sub(1)) {
        let sentence = "the server restarted, and your program printed its updates without a gap before them; print \
                        {\"gap\":{\"reason\":\"epoch\",\"lost\":null}} when the server announces it";
        return Fault::new(Code::Gap, sentence);
    }
    let count = end - start;
    let Some((disturbed, request)) = disturbance(context, end) else { return lost_undisturbed(context, start, count) };
    let place = after(&disturbed);
    let is_eviction = disturbed.what == Disturbance::Eviction;
    // A request that skips updates which were never printed.
    let passes = |asked: &Request| context.next(asked).is_some_and(|next| next > start);
    let passing = context.requests_since(disturbed.asked).iter().find(|asked| passes(asked)).cloned();
    match (request, passing) {
        (Some(Request { after: After::Now, .. }), _) => {
            let sentence = format!("lost {count} {place}: the request after it asked from now, not after your cursor");
            Fault::new(Code::FromNow, sentence)
        }
        (_, Some(passing)) if !is_eviction => {
            let asked = context.next(&passing).unwrap_or(start);
            let sentence = format!(
                "lost {count} {place}: a request asked after update {}, but your program had printed only up to update {}; move \
                 your cursor only past what you have read completely",
                context.seq_before(asked),
                context.seq_before(start)
            );
            Fault::new(Code::MovedOn, sentence)
        }
        (Some(_), _) if is_eviction => {
            let sentence = format!(
                "{} are missing {place}, and the gap was not printed; print {{\"gap\":{{\"reason\":\"evicted\",\"lost\":{count}}}}} when \
                 the server announces it",
                counted(count, "update")
            );
            Fault::new(Code::Gap, sentence)
        }
        (Some(_) | None, _) => {
            let sentence =
                format!("lost {count} {place}: update {} came in an answer and was not printed", context.seq_of(start));
            Fault::new(Code::Lost, sentence)
        }
    }
}

fn lost_undisturbed(context: &Context<'_>, start: u64, count: u64) -> Fault {
    let asked = context.requests_since(0);
    let from_now = asked.iter().enumerate().skip(1).find(|(_, asked)| asked.after == After::Now);
    match from_now {
        Some((index, _)) => {
            let sentence = format!(
                "lost {count} before update {}: your request number {} asked from now, not after your cursor",
                context.seq_of(start + count),
                index + 1
            );
            Fault::new(Code::FromNow, sentence)
        }
        None => {
            let sentence = format!(
                "lost {count} before update {}: update {} came in an answer and was not printed",
                context.seq_of(start + count),
                context.seq_of(start)
            );
            Fault::new(Code::Lost, sentence)
        }
    }
}

fn twice(context: &Context<'_>, number: u64) -> Fault {
    let seq = context.seq_of(number);
    let place = disturbance(context, context.published.len())
        .map_or_else(String::new, |(disturbed, _)| format!(", {}", after(&disturbed)));
    let asked = context.requests_since(0);
    // The last request that brought it.
    let again = asked.iter().skip(1).rfind(|asked| match &asked.after {
        After::Earliest => true,
        After::Cursor(_) => context.next(asked).is_some_and(|next| next <= number),
        After::Now | After::Other(_) => false,
    });
    let why = match again.map(|asked| (&asked.after, context.next(asked))) {
        Some((After::Earliest, _)) => "a request asked from the earliest again, not after your cursor".to_owned(),
        Some((After::Cursor(_), next)) => {
            let seq = next.map_or(0, |next| context.seq_before(next));
            format!("a request asked after update {seq} again; ask after the last one that you have")
        }
        Some((After::Now | After::Other(_), _)) | None => "it came only once".to_owned(),
    };
    Fault::new(Code::Twice, format!("update {seq} was printed twice{place}: {why}"))
}

/// What is wrong with the gap that was printed in this line.
pub fn gap(line: u64, gap: Gap) -> Fault {
    let reason = match gap.reason {
        GapReason::Epoch => "epoch",
        GapReason::Evicted => "evicted",
    };
    let lost = gap.lost.map_or_else(|| "null".to_owned(), |lost| lost.to_string());
    let sentence = format!(
        "line {line} of your output is a gap ({reason}, lost {lost}) that did not happen; print a gap once, as the server announces it"
    );
    Fault::new(Code::Gap, sentence)
}

/// Why the program prints nothing more.
pub fn stuck(context: &Context<'_>) -> Fault {
    let patience = limits::LEARN_PATIENCE.as_secs();
    let Some(next) = context.oracle.next() else { return Fault::new(Code::Silent, "nothing was printed") };
    if context.oracle.is_between_lives() || next >= context.published.len() {
        let sentence =
            format!("after the gap nothing was printed for {patience} s; go on from the position that came with it");
        return Fault::new(Code::Silent, sentence);
    }
    let seq = context.seq_of(next);
    let last = context.disturbed.last().filter(|last| last.published <= context.published.len());
    let since = last.map_or(0, |last| last.asked);
    let requests = context.requests_since(since);
    let place = last.map_or_else(String::new, |last| format!(" {}", after(last)));
    if last.is_some() && requests.is_empty() {
        return no_return(context);
    }
    let from_now = requests.iter().skip(usize::from(last.is_none())).any(|asked| asked.after == After::Now);
    if from_now {
        let count = context.published.len() - next;
        let which = if last.is_some() { "the request after it" } else { "a request" };
        let sentence =
            format!("lost {count}{place}, update {seq} first: {which} asked from now, not after your cursor");
        return Fault::new(Code::FromNow, sentence);
    }
    let moved = requests.iter().find(|asked| context.next(asked).is_some_and(|asked| asked > next));
    if let Some(moved) = moved {
        let asked = context.next(moved).unwrap_or(next);
        let sentence = format!(
            "update {seq} was not printed{place}: your program already asks after update {}; move your cursor only past what you \
             have read completely, and print it",
            context.seq_before(asked)
        );
        return Fault::new(Code::MovedOn, sentence);
    }
    let sentence = format!(
        "update {seq} was published but not printed within {patience} s{place}{}; print each line at once (flush)",
        context.last_words
    );
    Fault::new(Code::Silent, sentence)
}

/// The program did not send another request.
pub fn no_return(context: &Context<'_>) -> Fault {
    let place = context.disturbed.last().map_or_else(|| "after its first answer".to_owned(), after);
    let patience = limits::LEARN_PATIENCE.as_secs();
    Fault::new(
        Code::NoReturn,
        format!("{place} no request came for {patience} s; your program must ask again by itself"),
    )
}
