//! The questions that a report answers for every run, and the words in which each compares two transports.

use crate::report::findings::view::{Drawn, View};
use crate::report::text::wording::{bracketed, percent, times};
use crate::run::metric::{Metric, Source};

/// A question.
pub(crate) struct Question {
    /// Its text.
    asked: &'static str,
    /// The figure that answers it; lower is better in all of them.
    pub metric: Metric,
    /// How a difference is worded.
    pub comparative: Comparative,
}

/// "takes 8.1 times as long as SSE", "takes 20 % longer than SSE".
pub(crate) struct Comparative {
    pub verb: &'static str,
    /// After a ratio: "times as long".
    many: &'static str,
    /// Between that and the name of the lower transport: "as".
    link: &'static str,
    /// After a percentage: "longer".
    some: &'static str,
}

const PLAIN: Comparative = Comparative { verb: "has", many: "times as much", link: "as", some: "more" };

/// The questions, in the order in which they are shown.
const QUESTIONS: [Question; 6] = [
    Question {
        asked: "Fastest to deliver",
        metric: Metric::LatencyP50,
        comparative: Comparative { verb: "takes", many: "times as long", link: "as", some: "longer" },
    },
    Question {
        asked: "Freshest",
        metric: Metric::AgeMean,
        comparative: Comparative { verb: "is", many: "times as old", link: "as", some: "older" },
    },
    Question {
        asked: "Cheapest on the wire",
        metric: Metric::WireTotal,
        comparative: Comparative { verb: "costs", many: "times the bytes", link: "of", some: "more bytes" },
    },
    Question {
        asked: "Fewest requests",
        metric: Metric::RequestsPerDelivery,
        comparative: Comparative { verb: "sends", many: "times the requests", link: "of", some: "more requests" },
    },
    Question {
        asked: "Cheapest for the server",
        metric: Metric::ServerCpu,
        comparative: Comparative { verb: "costs", many: "times the CPU time", link: "of", some: "more CPU time" },
    },
    Question {
        asked: "Least memory per client",
        metric: Metric::ServerRss,
        comparative: Comparative { verb: "takes", many: "times the memory", link: "of", some: "more memory" },
    },
];

impl Question {
    /// The question that a metric answers.
    pub fn of(metric: Metric) -> Option<&'static Self> {
        QUESTIONS.iter().find(|question| question.metric == metric)
    }

    /// Its text for this run: echoed messages have a round trip.
    pub fn asked(&self, view: &View<'_>) -> &'static str {
        if view.is_echo() && self.metric == Metric::LatencyP50 { "Fastest there and back" } else { self.asked }
    }
}

impl Comparative {
    /// The wording that fits a figure.
    fn of(drawn: Drawn) -> &'static Self {
        let asked = match drawn {
            Drawn::Metric(metric) if metric.source() == Source::Corrected => Some(Metric::LatencyP50),
            Drawn::Metric(metric) => Some(metric),
            Drawn::Overhead => None,
        };
        asked.and_then(Question::of).map_or(&PLAIN, |question| &question.comparative)
    }

    /// "takes 8.1 times as long [7.9, 8.4]", or with a lower transport "takes 8.1 times as long as SSE [7.9, 8.4]".
    pub fn more(&self, ratio: f64, ci95: [f64; 2], lower: Option<&str>) -> String {
        let than = |link: &str| lower.map_or_else(String::new, |lower| format!(" {link} {lower}"));
        if ratio >= 2.0 {
            let interval = bracketed(ci95, times);
            return format!("{} {} {}{}{interval}", self.verb, times(ratio), self.many, than(self.link));
        }
        let more = |ratio: f64| percent(ratio - 1.0);
        let interval = bracketed(ci95, more);
        format!("{} {} % {}{}{interval}", self.verb, more(ratio), self.some, than("than"))
    }
}

/// How much more than `lower` a transport has: "takes 8.1 times as long as SSE [7.9, 8.4]".
pub(crate) fn above(drawn: Drawn, ratio: f64, ci95: [f64; 2], lower: &str) -> String {
    Comparative::of(drawn).more(ratio, ci95, Some(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_fit_the_figure() {
        let interval = [7.9, 8.4];
        let said = |metric| above(Drawn::Metric(metric), 8.1, interval, "SSE");
        assert_eq!(said(Metric::LatencyP99), "takes 8.1 times as long as SSE [7.9, 8.4]");
        assert_eq!(said(Metric::WireTotal), "costs 8.1 times the bytes of SSE [7.9, 8.4]");
        assert_eq!(above(Drawn::Overhead, 1.5, [1.4, 1.6], "SSE"), "has 50 % more than SSE [40, 60]");
    }
}
