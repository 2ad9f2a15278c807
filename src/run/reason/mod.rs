//! Why a trial, a row or a run is not valid: as data, so that programs can tell the reasons apart. Their words are made in
//! `report/text/wording/reasons.rs`. It is one list, and so one file.
//!
//! Over 400 lines: one list of causes, each with its data, its verdict and its code.

mod gathered;

use serde::{Deserialize, Serialize};

pub use gathered::Gathered;

use crate::run::Transport;
use crate::units::Nanos;

/// Whether figures can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing speaks against them.
    Valid,
    /// Usable with the care that the reasons ask for.
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

/// A cause, with what it holds for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Reason {
    /// What is the matter; of several trials together: counts are sums, all else is the worst of them.
    #[serde(flatten)]
    pub cause: Cause,
    /// The rounds in which; empty of a single trial, and where it was so in all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<u32>,
    /// Of a run: the rows in which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowId>,
}

/// Which row of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowId {
    /// The transport; `None` for the TCP baseline.
    pub transport: Option<Transport>,
    /// Index of its point, from 0.
    pub point_index: usize,
}

/// What can be the matter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Cause {
    /// No update was due in the measured interval.
    NothingDue,
    /// Updates were lost without a gap notice.
    Lost {
        /// How many.
        count: u64,
        /// Of how many that were due.
        of: u64,
    },
    /// Updates were lost, and the server announced it as a gap.
    LostAnnounced {
        /// How many.
        count: u64,
        /// Of how many that were due.
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
    /// Updates arrived before they were due: the clocks of the two programs do not agree.
    ArrivedBeforeDue {
        /// How many.
        count: u64,
    },
    /// The generator's own timer fired so late that its latencies are not to be used.
    GeneratorStalled {
        /// How late at the median.
        lag_ns_p50: Nanos,
        /// How late at the 99th percentile.
        lag_ns_p99: Nanos,
    },
    /// The generator had work and did not get a processor for it.
    GeneratorStarved {
        /// Share of the time in which it had work that it waited.
        waited_fraction: f64,
        /// Was the processor to be its own (`--pin`)?
        is_pinned: bool,
    },
    /// An agent ended, or fell silent, before it had brought back what its clients saw.
    AgentLost {
        /// Its name.
        agent: String,
        /// Clients that were its share.
        clients: u64,
        /// What it said, if it could.
        detail: Option<String>,
    },
    /// An agent was what bounded the trial.
    AgentStarved {
        /// Its name.
        agent: String,
        /// How late its own timer fired at the 99th percentile.
        lag_ns_p99: Nanos,
        /// Share of the time in which it had work that it waited for a processor; `None` where it does not know.
        waited_fraction: Option<f64>,
    },
    /// The generator's own timer fired late enough to be mentioned.
    GeneratorLate {
        /// How late at the 99th percentile.
        lag_ns_p99: Nanos,
    },
    /// The host's processors were busy nearly all the time.
    HostBusy {
        /// Share of them that was.
        fraction: f64,
    },
    /// Programs that are no part of the trial, or other guests of the machine, took processor time.
    OthersBusy {
        /// Share of the host's processors that they took.
        fraction: f64,
    },
    /// The offset between two hosts' clocks is not known well enough for the latencies.
    ClockUncertain {
        /// By how much a latency may be wrong.
        uncertainty_ns: Nanos,
        /// The median latency; `None` where there was none.
        latency_ns_p50: Option<i64>,
    },
    /// Updates say when they were sent by the clock of another host, whose offset was not measured.
    ClocksUnrelated,
    /// Connections were refused or broke.
    Refused {
        /// How many.
        count: u64,
    },
    /// The server asked clients for patience (429 or 503), and was obeyed.
    Throttled {
        /// How often.
        count: u64,
    },
    /// Updates were not published, since the server asked for patience (429 or 503) and was obeyed.
    PublishThrottled {
        /// How many.
        count: u64,
    },
    /// The server refused updates that were published.
    PublishRefused {
        /// How many.
        count: u64,
    },
    /// The connection broke while an update was published.
    PublishFailed {
        /// How many.
        count: u64,
    },
    /// The server took updates more slowly than they were due.
    PublisherBehind,
    /// Messages did not hold what was published.
    Unread {
        /// How many.
        count: u64,
        /// Where in them it stands instead, if that is to be seen: a path into JSON.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found_at: Option<String>,
    },
    /// Updates carry no number of the generator's: nobody knows what was lost.
    NotAudited,
    /// Updates do not say when they were sent: nobody knows how late they are.
    NotTimed,
    /// Polls were skipped because the one before had not been answered.
    MissedPolls {
        /// How many.
        count: u64,
    },
    /// The link's round trip is not the one that was asked for.
    LinkOff {
        /// Asked for.
        asked_ns: Nanos,
        /// Measured, at the median.
        gave_ns: Nanos,
    },
    /// A link stood in for the path that was asked for, which delays a stream and shows neither loss nor slow start.
    PathStandIn {
        /// Why there was no path.
        detail: String,
    },
    /// The path's round trip is not the one that was asked for.
    PathRoundTripOff {
        /// Asked for.
        asked_ns: Nanos,
        /// Measured, at the median.
        gave_ns: Nanos,
    },
    /// The path lost another share of the packets than it was asked to.
    PathLossOff {
        /// Asked for.
        asked_fraction: f64,
        /// Packets that it lost.
        lost: u64,
        /// Of how many for which there was room.
        of: u64,
    },
    /// The path's relay was too slow, and lost packets for that.
    PathRelaySlow {
        /// How many.
        missed: u64,
        /// Of how many.
        of: u64,
    },
    /// The parts of the bytes do not add up to what the sockets counted.
    BytesDiffer {
        /// The parts together.
        parts: u64,
        /// The sockets' own count.
        socket: u64,
    },
    /// A latency histogram of the run file cannot be read.
    HistogramUnreadable {
        /// What is wrong with it.
        detail: String,
    },
    /// The transports saw different stretches of a feed that is not ours to start.
    DifferentStretches {
        /// Updates due in a measured interval, mean over the rounds, for each transport at this point.
        updates: Vec<UpdatesDue>,
    },
    /// No trial of any transport was finished.
    NoTrials,
    /// Ctrl-C, or something that failed, ended the run before every trial was done.
    CutShort {
        /// Trials of transports that were done.
        done: u64,
        /// Of how many.
        planned: u64,
        /// Trials of the TCP baseline that were done.
        tcp_baseline_done: u64,
        /// Of how many.
        tcp_baseline_planned: u64,
        /// What failed; `None` of Ctrl-C.
        error: Option<String>,
    },
    /// A sentence, as versions before the codes wrote it.
    Other {
        /// The sentence.
        text: String,
    },
}

/// How many updates were due for a transport.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdatesDue {
    /// Which.
    pub transport: Transport,
    /// In a measured interval, mean over the rounds.
    pub mean: f64,
}

impl Cause {
    /// Would it be so, too, only because others took the processors?
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

    /// What a trial is for this cause alone.
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
            // What was measured until then is as good as it was.
            Self::CutShort { .. } => Verdict::Valid,
            // What was measured is what it is; the rest is a dash.
            Self::NotAudited | Self::NotTimed => Verdict::Valid,
        }
    }

    /// Its name in run files and in the lines of progress.
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

/// A reason as run files have it: with its code, or, from before there were codes, as a sentence.
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

    /// One of each, for whoever must have a word on all of them.
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
