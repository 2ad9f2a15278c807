//! Why a trial, a row or a run is not valid, as data, so that programs can distinguish the reasons. Their words are in
//! `report/text/wording/reasons.rs`.
//!
//! Over 400 lines: one list of causes, each with its data, its verdict and its code.

mod gathered;

use serde::{Deserialize, Serialize};

pub use gathered::Gathered;

use crate::run::Transport;
use crate::units::Nanos;

/// Whether figures can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is known against them.
    #[default]
    Valid,
    /// Usable with care; see the reasons.
    Suspect,
    /// Not to be used.
    Invalid,
}

impl Verdict {
    /// As in the run file.
    pub fn label(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// A cause, with the rounds and rows that it applies to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Reason {
    /// The cause. For several trials together, counts are sums and all other values are the worst.
    #[serde(flatten)]
    pub cause: Cause,
    /// The rounds that it applies to; empty for a single trial, and if it applies to all rounds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<u32>,
    /// The rows of a run that it applies to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowId>,
}

/// Identifies a row of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowId {
    /// The transport; `None` for the TCP baseline.
    pub transport: Option<Transport>,
    /// Index of its point, from 0.
    pub point_index: usize,
}

/// A cause for which a trial, a row or a run is not valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Cause {
    /// No update was due in the measured interval.
    NothingDue,
    /// Updates were lost without a gap notice.
    Lost {
        /// How many.
        count: u64,
        /// Updates that were due.
        of: u64,
    },
    /// Updates were lost, and the server announced it as a gap.
    LostAnnounced {
        /// How many.
        count: u64,
        /// Updates that were due.
        of: u64,
    },
    /// Updates arrived more than once.
    Duplicate {
        /// How many.
        count: u64,
    },
    /// Updates arrived after a later one.
    Reordered {
        /// How many.
        count: u64,
    },
    /// Updates arrived earlier than due: the clocks of the two programs disagree.
    ArrivedBeforeDue {
        /// How many.
        count: u64,
    },
    /// The generator's own timer fired so late that its latencies must not be used.
    GeneratorStalled {
        /// How late at the median.
        lag_ns_p50: Nanos,
        /// How late at the 99th percentile.
        lag_ns_p99: Nanos,
    },
    /// The generator had work and did not get a processor for it.
    GeneratorStarved {
        /// Share of the time that it had work in which it waited.
        waited_fraction: f64,
        /// True if it had a processor of its own (`--pin`).
        is_pinned: bool,
    },
    /// An agent ended, or stopped responding, before it returned the results of its clients.
    AgentLost {
        /// Its name.
        agent: String,
        /// Number of clients that it ran.
        clients: u64,
        /// The error that it reported, if any.
        detail: Option<String>,
    },
    /// An agent was the bottleneck of the trial.
    AgentStarved {
        /// Its name.
        agent: String,
        /// How late its own timer fired at the 99th percentile.
        lag_ns_p99: Nanos,
        /// Share of the time that it had work in which it waited for a processor; `None` if unknown.
        waited_fraction: Option<f64>,
    },
    /// The generator's own timer fired late enough to be mentioned.
    GeneratorLate {
        /// How late at the 99th percentile.
        lag_ns_p99: Nanos,
    },
    /// The host's processors were busy nearly all the time.
    HostBusy {
        /// Share of the processors that was busy.
        fraction: f64,
    },
    /// Programs outside the trial, or other virtual machines, took processor time.
    OthersBusy {
        /// Share of the host's processors that they took.
        fraction: f64,
    },
    /// The offset between two hosts' clocks is not known well enough for the latencies.
    ClockUncertain {
        /// Uncertainty of the offset.
        uncertainty_ns: Nanos,
        /// The median latency; `None` if there was none.
        latency_ns_p50: Option<i64>,
    },
    /// Updates have the send time of another host's clock, whose offset was not measured.
    ClocksUnrelated,
    /// Connections were refused or broken.
    Refused {
        /// How many.
        count: u64,
    },
    /// The server throttled clients (429 or 503), and they waited.
    Throttled {
        /// Number of times.
        count: u64,
    },
    /// Updates were not published, because the server throttled the publisher (429 or 503).
    PublishThrottled {
        /// How many.
        count: u64,
    },
    /// The server refused to publish updates.
    PublishRefused {
        /// How many.
        count: u64,
    },
    /// The connection broke while an update was being published.
    PublishFailed {
        /// How many.
        count: u64,
    },
    /// The server accepted updates more slowly than they were due.
    PublisherBehind,
    /// Messages did not contain the published update.
    Unread {
        /// How many.
        count: u64,
        /// Where the update is in them instead, as a path into JSON, if it was found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found_at: Option<String>,
    },
    /// Updates carry no sequence number of the generator, so losses are unknown.
    NotAudited,
    /// Updates carry no send time, so latency is unknown.
    NotTimed,
    /// Polls were skipped because the previous one had not been answered.
    MissedPolls {
        /// How many.
        count: u64,
    },
    /// The link's round trip is not the requested one.
    LinkOff {
        /// Requested.
        asked_ns: Nanos,
        /// Measured, at the median.
        gave_ns: Nanos,
    },
    /// A link was used instead of the requested path: it delays a stream, but shows neither loss nor slow start.
    PathStandIn {
        /// Why no path was possible.
        detail: String,
    },
    /// The path's round trip is not the requested one.
    PathRoundTripOff {
        /// Requested.
        asked_ns: Nanos,
        /// Measured, at the median.
        gave_ns: Nanos,
    },
    /// The share of packets that the path lost is not the requested one.
    PathLossOff {
        /// Requested.
        asked_fraction: f64,
        /// Packets that it lost.
        lost: u64,
        /// Packets that were queued.
        of: u64,
    },
    /// The path's relay was too slow, and therefore lost packets.
    PathRelaySlow {
        /// Packets lost.
        missed: u64,
        /// Packets in all.
        of: u64,
    },
    /// The parts of the wire bytes do not add up to what the sockets counted.
    BytesDiffer {
        /// Sum of the parts.
        parts: u64,
        /// The sockets' own count.
        socket: u64,
    },
    /// A latency histogram of the run file cannot be read.
    HistogramUnreadable {
        /// The error.
        detail: String,
    },
    /// The transports saw different stretches of a feed that the generator did not start.
    DifferentStretches {
        /// Updates due in a measured interval, mean over the rounds, for each transport at this point.
        updates: Vec<UpdatesDue>,
    },
    /// No trial of any transport was completed.
    NoTrials,
    /// Ctrl-C or an error ended the run before every trial was done.
    CutShort {
        /// Trials of transports done.
        done: u64,
        /// Number of trials planned.
        planned: u64,
        /// Trials of the TCP baseline done.
        tcp_baseline_done: u64,
        /// Number of trials planned.
        tcp_baseline_planned: u64,
        /// The error; `None` for Ctrl-C.
        error: Option<String>,
    },
    /// A sentence, as written by versions without codes.
    Other {
        /// The sentence.
        text: String,
    },
}

/// The number of updates that were due for a transport.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdatesDue {
    /// The transport.
    pub transport: Transport,
    /// Updates in a measured interval, mean over the rounds.
    pub mean: f64,
}

impl Cause {
    /// True if other programs on the host's processors alone can cause it.
    pub fn is_of_a_busy_host(&self) -> bool {
        matches!(
            self,
            Self::OthersBusy { .. }
                | Self::HostBusy { .. }
                | Self::GeneratorLate { .. }
                | Self::GeneratorStalled { .. }
                | Self::GeneratorStarved { .. }
                | Self::AgentStarved { .. }
        )
    }

    /// The verdict on a trial with this cause alone.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NothingDue | Self::Lost { .. } | Self::Duplicate { .. } | Self::Reordered { .. } => Verdict::Invalid,
            Self::ArrivedBeforeDue { .. } | Self::GeneratorStalled { .. } => Verdict::Invalid,
            Self::AgentLost { .. } | Self::AgentStarved { .. } => Verdict::Invalid,
            Self::GeneratorStarved { .. } | Self::HistogramUnreadable { .. } | Self::NoTrials => Verdict::Invalid,
            Self::LostAnnounced { .. } | Self::GeneratorLate { .. } | Self::HostBusy { .. } => Verdict::Suspect,
            Self::OthersBusy { .. } | Self::ClockUncertain { .. } | Self::ClocksUnrelated => Verdict::Suspect,
            Self::Refused { .. } | Self::MissedPolls { .. } | Self::LinkOff { .. } => Verdict::Suspect,
            Self::PathStandIn { .. } | Self::PathRoundTripOff { .. } | Self::PathLossOff { .. } => Verdict::Suspect,
            Self::PathRelaySlow { .. } | Self::BytesDiffer { .. } => Verdict::Suspect,
            Self::DifferentStretches { .. } | Self::Other { .. } => Verdict::Suspect,
            Self::Throttled { .. } | Self::PublishThrottled { .. } | Self::PublishRefused { .. } => Verdict::Suspect,
            Self::PublishFailed { .. } | Self::Unread { .. } => Verdict::Suspect,
            Self::PublisherBehind => Verdict::Invalid,
            // The trials measured before that are not affected.
            Self::CutShort { .. } => Verdict::Valid,
            // The figures that were measured are valid; the others are a dash.
            Self::NotAudited | Self::NotTimed => Verdict::Valid,
        }
    }

    /// Its name in run files and in progress messages.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingDue => "nothing_due",
            Self::Lost { .. } => "lost",
            Self::LostAnnounced { .. } => "lost_announced",
            Self::Duplicate { .. } => "duplicate",
            Self::Reordered { .. } => "reordered",
            Self::ArrivedBeforeDue { .. } => "arrived_before_due",
            Self::GeneratorStalled { .. } => "generator_stalled",
            Self::GeneratorStarved { .. } => "generator_starved",
            Self::AgentLost { .. } => "agent_lost",
            Self::AgentStarved { .. } => "agent_starved",
            Self::GeneratorLate { .. } => "generator_late",
            Self::HostBusy { .. } => "host_busy",
            Self::OthersBusy { .. } => "others_busy",
            Self::ClockUncertain { .. } => "clock_uncertain",
            Self::ClocksUnrelated => "clocks_unrelated",
            Self::Refused { .. } => "refused",
            Self::Throttled { .. } => "throttled",
            Self::PublishThrottled { .. } => "publish_throttled",
            Self::PublishRefused { .. } => "publish_refused",
            Self::PublishFailed { .. } => "publish_failed",
            Self::PublisherBehind => "publisher_behind",
            Self::Unread { .. } => "unread",
            Self::NotAudited => "not_audited",
            Self::NotTimed => "not_timed",
            Self::MissedPolls { .. } => "missed_polls",
            Self::LinkOff { .. } => "link_off",
            Self::PathStandIn { .. } => "path_stand_in",
            Self::PathRoundTripOff { .. } => "path_round_trip_off",
            Self::PathLossOff { .. } => "path_loss_off",
            Self::PathRelaySlow { .. } => "path_relay_slow",
            Self::BytesDiffer { .. } => "bytes_differ",
            Self::HistogramUnreadable { .. } => "histogram_unreadable",
            Self::DifferentStretches { .. } => "different_stretches",
            Self::NoTrials => "no_trials",
            Self::CutShort { .. } => "cut_short",
            Self::Other { .. } => "other",
        }
    }
}

impl From<Cause> for Reason {
    fn from(cause: Cause) -> Self {
        Self { cause, rounds: Vec::new(), rows: Vec::new() }
    }
}

/// A reason in a run file: with its code, or in older files as a sentence.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Coded {
        #[serde(flatten)]
        cause: Cause,
        #[serde(default)]
        rounds: Vec<u32>,
        #[serde(default)]
        rows: Vec<RowId>,
    },
}

impl From<Stored> for Reason {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Text(text) => Cause::Other { text }.into(),
            Stored::Coded { cause, rounds, rows } => Self { cause, rounds, rows },
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// One of each cause, for tests of code that must handle all of them.
    pub(crate) fn every_cause() -> Vec<Cause> {
        let updates = vec![
            UpdatesDue { transport: Transport::Sse, mean: 20.0 },
            UpdatesDue { transport: Transport::WebSocket, mean: 25.0 },
        ];
        vec![
            Cause::NothingDue,
            Cause::Lost { count: 3, of: 850 },
            Cause::LostAnnounced { count: 1, of: 850 },
            Cause::Duplicate { count: 2 },
            Cause::Reordered { count: 1 },
            Cause::ArrivedBeforeDue { count: 5 },
            Cause::GeneratorStalled { lag_ns_p50: Nanos(6_000_000), lag_ns_p99: Nanos(84_000_000) },
            Cause::GeneratorStarved { waited_fraction: 0.81, is_pinned: false },
            Cause::GeneratorStarved { waited_fraction: 0.42, is_pinned: true },
            Cause::AgentLost { agent: "agent-2".to_owned(), clients: 500, detail: None },
            Cause::AgentStarved {
                agent: "agent-1".to_owned(),
                lag_ns_p99: Nanos(80_000_000),
                waited_fraction: Some(0.7),
            },
            Cause::GeneratorLate { lag_ns_p99: Nanos(12_000_000) },
            Cause::HostBusy { fraction: 0.97 },
            Cause::OthersBusy { fraction: 0.22 },
            Cause::ClockUncertain { uncertainty_ns: Nanos(400_000), latency_ns_p50: Some(-20_000) },
            Cause::ClocksUnrelated,
            Cause::Refused { count: 4 },
            Cause::Throttled { count: 2 },
            Cause::PublishThrottled { count: 20 },
            Cause::PublishRefused { count: 3 },
            Cause::PublishFailed { count: 1 },
            Cause::PublisherBehind,
            Cause::Unread { count: 7, found_at: None },
            Cause::Unread { count: 7, found_at: Some("$.body".to_owned()) },
            Cause::NotAudited,
            Cause::NotTimed,
            Cause::MissedPolls { count: 40 },
            Cause::LinkOff { asked_ns: Nanos(100_000_000), gave_ns: Nanos(121_000_000) },
            Cause::PathStandIn { detail: "this system does not allow a namespace".to_owned() },
            Cause::PathRoundTripOff { asked_ns: Nanos(50_000_000), gave_ns: Nanos(71_000_000) },
            Cause::PathLossOff { asked_fraction: 0.01, lost: 31, of: 1_000 },
            Cause::PathRelaySlow { missed: 12, of: 1_000 },
            Cause::BytesDiffer { parts: 5_620, socket: 5_492 },
            Cause::HistogramUnreadable { detail: "a latency histogram is not base64".to_owned() },
            Cause::DifferentStretches { updates },
            Cause::NoTrials,
            Cause::CutShort { done: 2, planned: 12, tcp_baseline_done: 1, tcp_baseline_planned: 3, error: None },
            Cause::CutShort {
                done: 1,
                planned: 12,
                tcp_baseline_done: 0,
                tcp_baseline_planned: 0,
                error: Some("the server has ended".to_owned()),
            },
            Cause::Other { text: "the host was busy".to_owned() },
        ]
    }

    #[test]
    fn a_reason_is_written_with_its_code_and_read_back() {
        let reason = Reason {
            rounds: vec![2],
            rows: vec![RowId { transport: Some(Transport::Sse), point_index: 1 }],
            ..Cause::Lost { count: 3, of: 850 }.into()
        };
        let written = serde_json::to_value(&reason).unwrap();
        let rows = json!([{"transport": "sse", "point_index": 1}]);
        assert_eq!(written, json!({"code": "lost", "count": 3, "of": 850, "rounds": [2], "rows": rows}));
        for cause in every_cause() {
            let reason = Reason::from(cause);
            let written = serde_json::to_value(&reason).unwrap();
            assert_eq!(written["code"], reason.cause.code());
            assert!(written.get("rounds").is_none() && written.get("rows").is_none(), "{written}");
            assert_eq!(serde_json::from_value::<Reason>(written).unwrap(), reason);
        }
    }

    #[test]
    fn a_sentence_of_an_older_file_is_kept_as_it_is() {
        let read: Reason = serde_json::from_value(json!("3 updates were lost")).unwrap();
        assert_eq!(read.cause, Cause::Other { text: "3 updates were lost".to_owned() });
        assert!(serde_json::from_value::<Reason>(json!({"code": "unheard_of"})).is_err());
    }
}
