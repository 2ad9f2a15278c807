//! Which transport to use, in words: one paragraph, the same for terminal and page. Each sentence has a figure.

use crate::report::findings::recommendation::{Recommendation, TransportFigure};
use crate::report::text::wording::{capitalised, either, percent, prose, short_length, times};
use crate::run::Transport;
use crate::run::file::Point;
use crate::run::metric::Metric;
use crate::units::{Nanos, grouped, short_number, three_digits};

/// The widest line in a terminal.
const WIDTH_MAX: usize = 110;

/// The paragraph, sentence by sentence; the first is the answer.
pub(crate) fn recommendation_sentences(found: &Recommendation) -> Vec<String> {
    let mut sentences = vec![answer(found)];
    sentences.extend(found.between.map(|[low, high]| {
        let less = percent(1.0 - low.value / high.value);
        let which = if found.fastest.len() == 2 { "Between the two" } else { "Of these" };
        format!("{which}, {} takes {less} % fewer bytes: {}.", prose(low.transport), bytes(low, high))
    }));
    sentences.extend(found.cheaper.map(|(one, late, best)| {
        let name = named(one.transport, &found.point);
        format!("If {} is soon enough, {name} takes fewer bytes: {}.", latency(late), bytes(one, best))
    }));
    if let Some((rate, other)) = found.same_bytes_rate {
        let (rate, other) = (three_digits(rate), prose(other));
        sentences.push(match found.cheaper.is_some_and(|(one, ..)| one.transport == Transport::Polling) {
            true => format!(
                "That changes with the rate: in theory, polling takes more bytes than {other} below {rate} updates a \
                 second."
            ),
            false => format!("In theory, polling takes fewer bytes than {other} only above {rate} updates a second."),
        });
    }
    sentences.extend(found.dearer.iter().map(|(one, late, best)| {
        let name = capitalised(&named(one.transport, &found.point));
        let ratio = times(one.value / best.value);
        format!("{name} takes {} and {ratio} times the bytes: {}.", latency(*late), bytes(*one, *best))
    }));
    sentences
}

/// The same, wrapped into lines for a terminal, with an empty line before them.
pub(crate) fn recommendation_lines(found: &Recommendation) -> String {
    let mut lines = vec![String::new()];
    for word in recommendation_sentences(found).join(" ").split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH_MAX => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    format!("\n{}\n", lines.join("\n"))
}

/// Which transport to use, and how soon it delivers.
fn answer(found: &Recommendation) -> String {
    let stream = stream(&found.point);
    let names: Vec<String> = found.fastest.iter().map(|one| prose(one.transport).to_owned()).collect();
    let Some(slowest) = found.slowest else {
        let names = either(&names);
        return format!(
            "No clear winner for a stream like this one ({stream}): {names} may be the fastest to deliver."
        );
    };
    let values = || found.fastest.iter().map(|one| one.value);
    let (low, high) = (latency(values().fold(f64::MAX, f64::min)), latency(values().fold(0.0, f64::max)));
    let within = if low == high { low } else { format!("{low} to {high}") };
    let open = if found.is_open { ", with no clear winner between them" } else { "" };
    format!(
        "For a stream like this one ({stream}), use {}: at the median an update arrives within {within}{open}; {} takes {}.",
        either(&names),
        named(slowest.transport, &found.point),
        latency(slowest.value)
    )
}

/// "7.08 updates a second of 153 B, 50 clients".
fn stream(point: &Point) -> String {
    format!(
        "{} updates a second of {}, {} client{}",
        short_number(point.rate_per_s),
        Metric::WireTotal.show(point.payload_bytes),
        grouped(point.clients.into()),
        if point.clients == 1 { "" } else { "s" }
    )
}

/// A transport; polling with its interval, because all its figures depend on that.
fn named(transport: Transport, point: &Point) -> String {
    match (transport, point.poll_interval_ns) {
        (Transport::Polling, Nanos::SECOND) => "polling every second".to_owned(),
        (Transport::Polling, interval) => format!("polling every {}", short_length(interval)),
        (Transport::LongPolling | Transport::Sse | Transport::WebSocket, _) => prose(transport).to_owned(),
    }
}

/// "302 B a delivery, SSE 328 B".
fn bytes(one: TransportFigure, other: TransportFigure) -> String {
    let show = |value| Metric::WireTotal.show(value);
    format!("{} a delivery, {} {}", show(one.value), prose(other.transport), show(other.value))
}

fn latency(nanos: f64) -> String {
    Metric::LatencyP50.show(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::findings::recommendation;
    use crate::report::findings::view::View;
    use crate::run::fake;
    use crate::run::file::Run;

    fn said(run: &Run) -> Vec<String> {
        recommendation_sentences(&recommendation::of(&View::new(run)).unwrap())
    }

    #[test]
    fn each_sentence_has_a_figure_and_the_first_is_the_answer() {
        let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample");
        for run in [fake::quick(), Run::read(&sample).unwrap()] {
            let said = said(&run);
            assert!(said[0].contains(" use ") && said.len() > 2, "{said:#?}");
            for sentence in &said {
                assert!(sentence.contains(|one: char| one.is_ascii_digit()) && sentence.ends_with('.'), "{sentence}");
            }
        }
    }

    #[test]
    fn where_nothing_can_be_ranked_it_says_no_clear_winner_and_nothing_else() {
        let run = fake::run("quick", "?", None, vec![fake::point()], 1);
        let said = said(&run);
        assert!(said.len() <= 2 && said[0].starts_with("No clear winner"), "{said:?}");
    }

    #[test]
    fn lines_fit_a_terminal() {
        let text = recommendation_lines(&recommendation::of(&View::new(&fake::quick())).unwrap());
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH_MAX), "{text}");
    }
}
