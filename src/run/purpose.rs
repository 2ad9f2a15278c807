//! The purpose of a scenario: the figures that its report draws, the transports that its question is about, and the
//! claims that it tests. Scenario files set it with the keys `figures`, `focus` and `claims`, and the run file stores
//! it. The report depends on it, and not on the name of the scenario.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::run::metric::Metric;
use crate::run::transport::Transport;
use crate::suggest;

/// What the report of a scenario shows first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Purpose {
    /// The figures to draw, in this order; if empty, those that suit the swept setting.
    #[serde(default)]
    pub figures: Vec<Figure>,
    /// The two transports that the question is about, if it is about two.
    #[serde(default)]
    pub focus: Option<Focus>,
    /// The claims that it tests.
    #[serde(default)]
    pub claims: Vec<ClaimName>,
}

/// Something that a report draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A metric: over the swept setting, or as bars without a sweep.
    Metric(Metric),
    /// The share of the bytes that is not payload, drawn in the same way.
    Overhead,
    /// Latency over the time of the measured interval.
    Timeline,
    /// Age of information against bytes.
    Frontier,
    /// The bytes of a delivery by kind, at both ends of the sweep.
    Anatomy,
    /// The table of Lubbers and Greco with the measured figures next to theirs.
    LubbersGreco,
    /// One table of all points and transports for the metrics that are listed with it, and the effect of each setting
    /// in words.
    Matrix,
}

impl Figure {
    /// The figures other than metrics, with their names.
    const NAMED: [(Self, &'static str); 6] = [
        (Self::Overhead, "overhead"),
        (Self::Timeline, "timeline"),
        (Self::Frontier, "frontier"),
        (Self::Anatomy, "anatomy"),
        (Self::LubbersGreco, "lubbers_greco"),
        (Self::Matrix, "matrix"),
    ];

    /// As in scenario files and in the run file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.path(),
            Self::Overhead | Self::Timeline | Self::Frontier | Self::Anatomy | Self::LubbersGreco | Self::Matrix => {
                let found = Self::NAMED.into_iter().find(|(figure, _)| *figure == self);
                found.expect("every figure but a metric stands in the table").1
            }
        }
    }
}

impl FromStr for Figure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::NAMED.into_iter().find(|(_, name)| *name == text).map(|(figure, _)| figure);
        named.or_else(|| Metric::from_path(text).map(Self::Metric)).ok_or_else(|| {
            let named = Self::NAMED.map(|(_, name)| name);
            let all: Vec<&str> = named.into_iter().chain(Metric::ALL.iter().map(|metric| metric.path())).collect();
            match suggest::nearest(text, &all) {
                Some(near) => format!("there is no figure `{text}`; did you mean `{near}`?"),
                None => {
                    format!(
                        "there is no figure `{text}`; use one of {}, or a metric, as in latency_ns.p99",
                        named.join(", ")
                    )
                }
            }
        })
    }
}

/// The two transports that a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Transport>", into = "Vec<Transport>")]
pub struct Focus(pub [Transport; 2]);

impl TryFrom<Vec<Transport>> for Focus {
    type Error = String;

    fn try_from(transports: Vec<Transport>) -> Result<Self, String> {
        match transports.as_slice() {
            [first, second] if first != second => Ok(Self([*first, *second])),
            _ => Err("give two different transports, as in [\"polling\", \"websocket\"]".to_owned()),
        }
    }
}

impl From<Focus> for Vec<Transport> {
    fn from(Focus(transports): Focus) -> Self {
        transports.to_vec()
    }
}

/// A claim, or a part of one, that a run can test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimName {
    /// Polling wastes requests and bandwidth when nothing has changed.
    PollingWastes,
    /// Long polling is an improvement, but when updates are very frequent no better than polling.
    LongPollingBecomesPolling,
    /// SSE pushes without repeated requests.
    SsePushes,
    /// SSE is one-way.
    SseIsOneWay,
    /// WebSocket has a large advantage over polling as traffic and load grow.
    WebsocketGainsWithLoad,
    /// WebSocket is bidirectional and carries text and binary.
    WebsocketIsBidirectional,
    /// WebSocket is not complicated to develop with.
    WebsocketIsSimple,
}

impl ClaimName {
    /// Every claim, in order.
    pub const ALL: [Self; 7] = [
        Self::PollingWastes,
        Self::LongPollingBecomesPolling,
        Self::SsePushes,
        Self::SseIsOneWay,
        Self::WebsocketGainsWithLoad,
        Self::WebsocketIsBidirectional,
        Self::WebsocketIsSimple,
    ];

    /// As in scenario files and in the run file.
    pub fn name(self) -> &'static str {
        match self {
            Self::PollingWastes => "polling_wastes",
            Self::LongPollingBecomesPolling => "long_polling_becomes_polling",
            Self::SsePushes => "sse_pushes",
            Self::SseIsOneWay => "sse_is_one_way",
            Self::WebsocketGainsWithLoad => "websocket_gains_with_load",
            Self::WebsocketIsBidirectional => "websocket_is_bidirectional",
            Self::WebsocketIsSimple => "websocket_is_simple",
        }
    }
}

impl FromStr for ClaimName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.name() == text);
        let names = Self::ALL.map(Self::name);
        found.ok_or_else(|| match suggest::nearest(text, &names) {
            Some(near) => format!("there is no claim `{text}`; did you mean `{near}`?"),
            None => format!("there is no claim `{text}`; use one of {}", names.join(", ")),
        })
    }
}

/// Implements parsing and serialization of a type by its name.
macro_rules! by_name {
    ($($type:ty),+) => { $(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )+ };
}

by_name!(Figure, ClaimName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_and_claim_is_read_by_its_own_name() {
        let figures = Figure::NAMED.map(|(figure, _)| figure).into_iter();
        for figure in figures.chain(Metric::ALL.iter().copied().map(Figure::Metric)) {
            assert_eq!(figure.name().parse(), Ok(figure));
        }
        for claim in ClaimName::ALL {
            assert_eq!(claim.name().parse(), Ok(claim));
        }
    }
}
