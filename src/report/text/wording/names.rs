//! Transports, points and rows by name.

use std::borrow::Cow;

use crate::report::findings::rows::Rows;
use crate::report::findings::view::{Drawn, Setting, View};
use crate::report::text::wording::{capitalised, counted_messages, listed};
use crate::run::Transport;
use crate::run::file::{Point, PublishedFeed};
use crate::run::reason::RowId;

/// The name of the TCP baseline in the middle of a sentence.
pub(crate) const TCP_BASELINE: &str = "the TCP baseline";

/// A transport in the middle of a sentence.
pub(crate) fn prose(transport: Transport) -> &'static str {
    match transport {
        Transport::Polling => "polling",
        Transport::LongPolling => "long polling",
        Transport::Sse | Transport::WebSocket => transport.title(),
    }
}

/// A transport, or the TCP baseline, at the start of a line.
pub(crate) fn title(transport: Option<Transport>) -> &'static str {
    transport.map_or("TCP baseline", Transport::title)
}

impl View<'_> {
    /// A transport in a heading. From client to server, three of the four are the same request.
    pub fn title(&self, transport: Transport) -> &'static str {
        match transport {
            Transport::Polling if self.is_echo() => "Polling (POST)",
            Transport::LongPolling if self.is_echo() => "Long polling (POST)",
            Transport::Sse if self.is_echo() => "SSE (POST)",
            Transport::Polling | Transport::LongPolling | Transport::Sse | Transport::WebSocket => transport.title(),
        }
    }

    /// The same in the middle of a sentence.
    pub fn prose(&self, transport: Transport) -> &'static str {
        match transport {
            Transport::Polling if self.is_echo() => "polling (POST)",
            Transport::LongPolling if self.is_echo() => "long polling (POST)",
            Transport::Sse | Transport::WebSocket => self.title(transport),
            Transport::Polling | Transport::LongPolling => prose(transport),
        }
    }

    /// Several transports in the middle of a sentence.
    pub fn prose_of(&self, transports: &[Transport]) -> Vec<String> {
        transports.iter().map(|one| self.prose(*one).to_owned()).collect()
    }

    /// The name of a figure. For echoed messages, the latency is a round trip.
    pub fn label(&self, drawn: Drawn) -> String {
        let label = match drawn {
            Drawn::Metric(metric) => metric.label(),
            Drawn::Overhead => "share of the bytes that is not payload",
        };
        match self.is_echo() {
            true => label.replace("latency", "round trip").replace("per delivery", "per message and back"),
            false => label.to_owned(),
        }
    }

    /// The settings that a heading names.
    pub fn settings(&self, point: &Point) -> Vec<String> {
        let shown = [Setting::Clients, Setting::Rate, Setting::Payload, Setting::PollInterval, Setting::RoundTrip];
        let has_polls = !self.is_echo() && self.transports().contains(&Transport::Polling);
        let is_shown = |one: &Setting| {
            (*one != Setting::RoundTrip || point.rtt_ns.0 > 0) && (*one != Setting::PollInterval || has_polls)
        };
        let phrase = |one: Setting| {
            let value = one.of(point);
            // Each client sends its own messages at this rate; updates are one stream for all clients.
            let is_messages = self.is_echo() && one == Setting::Rate;
            if is_messages { format!("{} a second each", counted_messages(value)) } else { one.phrase(value) }
        };
        shown.into_iter().filter(|one| self.sweep() != Some(*one) && is_shown(one)).map(phrase).collect()
    }

    /// A point as a heading.
    pub fn point_title(&self, index: usize) -> String {
        let phrases = self.distinguishing_settings(index).into_iter().map(|(setting, value)| setting.phrase(value));
        phrases.collect::<Vec<_>>().join(", ")
    }
}

/// A feed in words, without rate and payload, which are settings of a point.
pub(crate) fn feed_words(feed: &PublishedFeed) -> String {
    let at_speed = |speed: Option<f64>| speed.map_or_else(String::new, |speed| format!(", at {speed} times its speed"));
    match feed {
        PublishedFeed::Replay { recording: None, speed } => {
            format!("a recorded week of earthquakes{}", at_speed(*speed))
        }
        PublishedFeed::Replay { recording: Some(name), speed } => format!("the recording {name}{}", at_speed(*speed)),
        PublishedFeed::Synthetic { arrivals: Some(arrivals) } => {
            format!("synthetic updates, {} arrivals", arrivals.label())
        }
        PublishedFeed::Synthetic { arrivals: None } => "synthetic updates".to_owned(),
        PublishedFeed::External { target: Some(url) } => format!("the updates that {url} publishes"),
        PublishedFeed::External { target: None } => "the updates that the server publishes".to_owned(),
        PublishedFeed::None => {
            "messages that clients send and get back, each client on its own steady schedule".to_owned()
        }
    }
}

/// The most rows of one transport that are listed individually.
const ROWS_NAMED_MAX: usize = 3;

impl Rows {
    /// `SSE`, or `SSE with 50 clients`.
    pub(crate) fn name(&self, row: RowId) -> String {
        let telling = self.distinguishing(row).into_iter().map(|(setting, value)| setting.at(value));
        let place = telling.collect::<Vec<_>>().join(", ");
        format!("{} {place}", title(row.transport)).trim_end().to_owned()
    }

    /// Several rows in short: `Polling and SSE`, `all transports`, `SSE at 7 of 12 points`.
    pub(crate) fn names(&self, rows: &[RowId]) -> String {
        let of = |transport: Option<Transport>| rows.iter().filter(move |row| row.transport == transport);
        let all = |transport: Option<Transport>| self.count(transport);
        let measured: Vec<_> = Transport::ALL.into_iter().map(Some).filter(|one| all(*one) > 0).collect();
        let is_whole = |transport: &Option<Transport>| all(*transport) > 0 && of(*transport).count() == all(*transport);
        if measured.len() > 1 && measured.iter().all(is_whole) {
            let and = if is_whole(&None) { format!(" and {TCP_BASELINE}") } else { String::new() };
            return format!("all transports{and}");
        }
        let the = |transport: Option<Transport>| if transport.is_none() { "the " } else { "" };
        let named = |transport: Option<Transport>| -> Vec<String> {
            match of(transport).count() {
                0 => Vec::new(),
                _ if is_whole(&transport) => vec![format!("{}{}", the(transport), title(transport))],
                some if some <= ROWS_NAMED_MAX => {
                    of(transport).map(|row| format!("{}{}", the(transport), self.name(*row))).collect()
                }
                some => vec![format!("{} at {some} of {} points", title(transport), all(transport))],
            }
        };
        listed(&measured.iter().copied().chain([None]).flat_map(named).collect::<Vec<_>>())
    }

    /// The same at the start of a sentence.
    pub(crate) fn names_first(&self, rows: &[RowId]) -> String {
        capitalised(&self.names(rows))
    }
}

/// A command line, quoted so that a shell reads these words back.
pub(crate) fn command_line(words: &[String]) -> String {
    let program = words.first().is_none_or(|first| first != "loadgen").then_some("loadgen");
    let words = program.into_iter().chain(words.iter().map(String::as_str));
    // A word with a NUL byte cannot have come from a command line; it is left unquoted.
    let quoted = words.map(|word| shlex::try_quote(word).unwrap_or(Cow::Borrowed(word)));
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::file::MessageKind;
    use crate::run::metric::Metric;
    use crate::run::{fake, fixture};

    #[test]
    fn echoed_messages_have_their_own_names() {
        let point = Point { echo: Some(MessageKind::Text), rate_per_s: 10.0, ..fake::point() };
        let run = fake::run("duplex", "?", None, vec![point], 1);
        let view = View::new(&run);
        assert_eq!((view.title(Transport::Sse), view.title(Transport::WebSocket)), ("SSE (POST)", "WebSocket"));
        assert_eq!(view.label(Drawn::Metric(Metric::LatencyP50)), "round trip p50");
        let settings = view.settings(view.point(0).unwrap()).join(" · ");
        assert!(settings.contains("10 messages a second each") && !settings.contains("poll"), "{settings}");
    }

    #[test]
    fn rows_are_named_by_their_distinguishing_settings_and_many_rows_in_short() {
        let rows = Rows::of(&fixture::run(|_, _| 1.0));
        let row = |transport, point_index| RowId { transport, point_index };
        let [sse, polling] = [Transport::Sse, Transport::Polling].map(Some);
        assert_eq!(rows.name(row(sse, 1)), "SSE with 1,000 clients");
        assert_eq!(rows.names(&[row(sse, 0), row(sse, 1)]), "SSE");
        let some = [row(sse, 1), row(polling, 0), row(polling, 1), row(None, 0)];
        assert_eq!(rows.names(&some), "Polling, SSE with 1,000 clients and the TCP baseline with 50 clients");
        let everything: Vec<RowId> = rows.ids().collect();
        assert_eq!(rows.names_first(&everything), "All transports and the TCP baseline");
        let one_point = Rows::of(&fake::quick());
        assert_eq!(one_point.name(row(sse, 0)), "SSE");
    }

    #[test]
    fn a_command_can_be_pasted_into_a_shell() {
        let words = ["run", "quick", "--fail-if", "sse.latency_ns.p99 > 5ms", "--out", "it's"].map(str::to_owned);
        assert_eq!(shlex::split(&command_line(&words)).unwrap(), [&["loadgen".to_owned()], &words[..]].concat());
    }
}
