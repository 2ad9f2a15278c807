//! `run.json`: everything a run found out, complete enough that the report can be drawn again from it alone. It is
//! one format, and so one file; settings and metrics stand in tables of their own.
//!
//! Over 400 lines: the run file is one format, each member with its documentation.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::run::Transport;
use crate::run::agents::AgentReport;
use crate::run::failover::FailoverReport;
pub use crate::run::feed::{MessageKind, PublishedFeed};
use crate::run::histogram::{self, Latencies};
use crate::run::metric::{Metric, Metrics, Value};
use crate::run::nodes::LogReport;
use crate::run::path::report::PathReport;
use crate::run::proxy::ProxyReport;
use crate::run::readings::Readings;
pub use crate::run::reason::Verdict;
use crate::run::reason::{Cause, Reason, RowId};
pub use crate::run::setting::{Leaving, Point, Scenario};
use crate::run::threshold::{AuditCount, Threshold};
use crate::run::withheld::{Missing, Why, Withheld};
use crate::units::Nanos;

/// The schema this build writes and reads.
pub const SCHEMA: &str = "pushpull.run/1";

/// One run: all the rounds of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When the run began, UTC, RFC 3339.
    pub started_at: String,
    /// How long it took.
    pub took_ns: Nanos,
    /// True if Ctrl-C ended it before every trial was done.
    pub cut_short: bool,
    /// What was asked.
    pub scenario: Scenario,
    /// Where it was measured.
    pub environment: Environment,
    /// The run as a whole: the worst of its rows.
    pub verdict: Verdict,
    /// Why, each with the rows that it holds for; empty where the verdict is valid and nothing was cut short.
    pub reasons: Vec<Reason>,
    /// One row per transport and sweep point.
    pub summary: Vec<Row>,
    /// One row per sweep point for the TCP baseline that every transport is compared with; empty if not measured.
    #[serde(alias = "floor")]
    pub tcp_baseline: Vec<Row>,
    /// The same with one client at each point, of the transports that push; empty if not measured.
    #[serde(default, skip_serializing_if = "Alone::is_empty")]
    pub alone: Alone,
    /// The thresholds asked for with `--fail-if`, and whether they were kept.
    pub thresholds: Vec<Threshold>,
    /// Every trial in the order in which it was run.
    pub trials: Vec<Trial>,
    /// The trials that were done again, and of which only this is kept; empty where none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<Repeated>,
}

/// A trial that other programs disturbed, so that it was done again in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repeated {
    /// What it measured; absent for the TCP baseline.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transport: Option<Transport>,
    /// The round, from 1.
    pub round: u32,
    /// Its point: the same number as [`Trial::point_index`].
    pub point_index: usize,
    /// With one client, beside the crowd.
    pub is_alone: bool,
    /// Share of the host's processors that others took.
    pub others_fraction: f64,
}

/// Trials with one client: what a transport's own latency is, where no delivery waits for those to others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alone {
    /// One row per transport that pushes and sweep point, numbered as the points of the crowd.
    pub summary: Vec<Row>,
    /// Every trial in the order in which it was run.
    pub trials: Vec<Trial>,
}

impl Alone {
    /// Was nothing measured?
    pub fn is_empty(&self) -> bool {
        self.trials.is_empty()
    }

    /// The row of a transport at a point, if it can be used.
    pub fn row(&self, point_index: usize, transport: Transport) -> Option<&Row> {
        let id = RowId { transport: Some(transport), point_index };
        self.summary.iter().find(|row| row.id() == id && row.verdict != Verdict::Invalid)
    }
}

/// One transport at one sweep point, over all rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The transport; absent in the rows of the TCP baseline.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transport: Option<Transport>,
    /// Its point: the same number as [`Trial::point_index`] of the trials that it is made of.
    #[serde(default = "unknown_point")]
    pub point_index: usize,
    /// The settings.
    #[serde(flatten)]
    pub point: Point,
    /// The delivery audit, summed over the rounds.
    #[serde(flatten)]
    pub audit: Audit,
    /// Medians over the rounds; latency percentiles from the merged histograms; the parts of the wire bytes from the round
    /// with the median total, so that they add up to it.
    #[serde(flatten)]
    pub metrics: Metrics<Value>,
    /// 95 % bootstrap confidence intervals, for the figures measured in several rounds.
    pub ci95: Metrics<Option<[f64; 2]>>,
    /// Which of the figures are not to be shown, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// The worst verdict of its trials.
    pub verdict: Verdict,
    /// Why, each with the rounds that it holds for.
    pub reasons: Vec<Reason>,
}

/// Stands for the point of a row whose file does not name it, until [`Run::read`] has found it.
const UNKNOWN_POINT: usize = usize::MAX;

fn unknown_point() -> usize {
    UNKNOWN_POINT
}

/// What became of the updates that were *due* in the measured interval, whenever they arrived.
///
/// Every figure per delivery is divided by [`Audit::delivered`], for all transports alike: the same updates, whatever
/// brought them. Bytes, requests and processor time are read at the two ends of the interval and so cover what *arrived*
/// in it ([`Trial::arrived`]). The two differ by what was due just before the interval and arrived in it, less what was
/// due in it and arrived behind it. With the streams that is hardly an update; with polling each is up to a poll
/// interval's worth, so that of an uneven feed a single trial's cost is too high where the interval begins behind a
/// burst, and too low where it ends in one. Over rounds on different stretches of the feed the two cancel, and the
/// interval of the figure shows how far they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Updates due in the interval times clients.
    pub expected: u64,
    /// Of those, received once or more.
    pub delivered: u64,
    /// Of those, never received.
    pub lost: u64,
    /// Of the lost, those that the server announced with a gap.
    pub lost_announced: u64,
    /// Received again.
    pub duplicate: u64,
    /// Received after a later one.
    pub reordered: u64,
}

impl Audit {
    /// One of its counts.
    pub fn count(&self, which: AuditCount) -> u64 {
        match which {
            AuditCount::Lost => self.lost,
            AuditCount::Duplicate => self.duplicate,
            AuditCount::Reordered => self.reordered,
        }
    }
}

/// One transport, one workload, one measured interval, on a server started fresh.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The transport; `None` for the TCP baseline.
    pub transport: Option<Transport>,
    /// From 1.
    pub round: u32,
    /// Index into the distinct points of the run, from 0.
    pub point_index: usize,
    /// The settings.
    pub point: Point,
    /// Where in its recording the feed began, as a share of the recording: the same for all transports of a round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_from: Option<f64>,
    /// Port of the server on this trial's target.
    pub port: u16,
    /// The measured interval on the monotonic clock of the generator's host.
    pub window_ns: [Nanos; 2],
    /// The same interval in nanoseconds since 1970, to line it up with a packet capture.
    pub window_unix_ns: [u64; 2],
    /// Deliveries that arrived inside the interval, whenever they were due: those whose bytes and requests were counted
    /// in it. [`Audit::delivered`] counts those that were due inside it, which the costs are divided by.
    pub arrived: u64,
    /// What became of the updates that were due in the interval.
    pub audit: Audit,
    /// The metrics of this trial.
    #[serde(alias = "figures")]
    pub metrics: Metrics<Value>,
    /// Bytes both ways in the interval by what they were, and the socket's own count beside them.
    pub wire: WireTotals,
    /// How the generator was doing.
    pub health: Health,
    /// What the figures were divided from; absent in files of early versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readings: Option<Readings>,
    /// The link between client and server, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkReport>,
    /// The real path between client and server, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathReport>,
    /// What the load generator published, to a server that is not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishReport>,
    /// The handshakes of TLS, if it was spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshakes: Option<Handshakes>,
    /// How requests waited on connections that clients shared, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    /// What the proxy before the server took, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyReport>,
    /// What the log took that several nodes followed, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogReport>,
    /// What became of the clients after something was killed, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverReport>,
    /// The agents that ran its clients together, if there were any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentReport>,
    /// Clients that left and came back, if they were to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<Returns>,
    /// Latency in slices of the interval, in order.
    pub timeline: Vec<Slice>,
    /// Added to every latency before it was recorded in the two histograms below, which hold nothing below zero: between
    /// hosts whose clocks are not related exactly, an update may seem to arrive before it was due. The figures have it
    /// taken off again, and are not clipped.
    #[serde(default)]
    pub latency_shift_ns: Nanos,
    /// Latency of every delivery, corrected: an HdrHistogram, V2 compressed, base64.
    pub latency_hdr: String,
    /// Latency of every delivery, uncorrected, likewise; empty if it could not be known.
    pub uncorrected_latency_hdr: String,
    /// Can its figures be used?
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
}

impl Trial {
    /// Sets the reasons and the verdict that follows from them.
    pub fn set_causes(&mut self, causes: Vec<Cause>) {
        self.verdict = causes.iter().map(Cause::verdict).max().unwrap_or(Verdict::Valid);
        self.reasons = causes.into_iter().map(Reason::from).collect();
    }

    /// Sets percentiles and histograms of the latency.
    pub fn set_latencies(&mut self, latencies: &Latencies) {
        let Latencies { corrected, uncorrected, shift_ns } = latencies;
        self.metrics.latency_ns = histogram::percentiles(corrected, *shift_ns);
        self.metrics.uncorrected_latency_ns = histogram::percentiles(uncorrected, *shift_ns);
        self.latency_shift_ns = *shift_ns;
        self.latency_hdr = histogram::encode(corrected);
        self.uncorrected_latency_hdr = match uncorrected.is_empty() {
            true => String::new(),
            false => histogram::encode(uncorrected),
        };
    }
}

/// Bytes of a trial's measured interval, both ways, summed over the clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireTotals {
    /// `data` of the updates.
    pub payload: u64,
    /// Envelopes, SSE fields, chunk sizes, WebSocket headers.
    pub framing: u64,
    /// Request and response heads.
    pub http_headers: u64,
    /// Heads of HTTP/2 frames, and the frames that carry neither a head nor a body.
    #[serde(default)]
    pub h2_frames: u64,
    /// What TLS adds to the content of its records.
    #[serde(default)]
    pub tls_records: u64,
    /// Handshakes of TLS, and the tickets behind them.
    #[serde(default)]
    pub tls_handshake: u64,
    /// What compression saved of payload and framing, which are counted as they were before it; below zero where it made
    /// them larger.
    #[serde(default)]
    pub compression_saved: i64,
    /// Segments times header size.
    pub tcp_ip: u64,
    /// Bytes sent again, both ways.
    pub retransmitted: u64,
    /// What the sockets' reads and writes returned, counted apart from the parts: payload, framing, http_headers,
    /// h2_frames, tls_records and tls_handshake, less compression_saved, must be equal to it.
    pub socket: u64,
    /// TCP segments, both ways.
    pub segments: u64,
    /// Of these, those without data: acknowledgements, and the beginning and the end of connections.
    #[serde(default)]
    pub acknowledgements: u64,
    /// From client to server, of `socket`.
    pub up: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that brought nothing.
    pub empty: u64,
}

impl WireTotals {
    /// What the sockets carried, by its parts, as if nothing had been compressed.
    pub fn parts(&self) -> u64 {
        self.payload + self.framing + self.http_headers + self.h2_frames + self.tls_records + self.tls_handshake
    }
}

/// How the generator itself was doing during a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// How late a 10 ms tick of the generator's own fired: median.
    pub schedule_lag_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub schedule_lag_ns_p99: Nanos,
    /// The same, largest.
    pub schedule_lag_ns_max: Nanos,
    /// Ticks that were missed altogether.
    pub missed_ticks: u64,
    /// Share of the host's processors that the generator used.
    pub cpu_fraction: f64,
    /// Of the time in which the generator's threads had something to do, the share in which they waited for a
    /// processor that somebody else had.
    #[serde(default)]
    pub wait_fraction: Value,
    /// Share of the host's processors that were busy, by anyone.
    pub host_cpu_fraction: f64,
    /// Share of them that was used by programs that are no part of the trial, or stolen by other guests of the machine;
    /// null where the server's own is not known.
    #[serde(default)]
    pub others_cpu_fraction: Value,
    /// Connections that were refused or broke.
    pub refused: u64,
    /// Of those, refusals that asked for patience (429 and 503), which were obeyed.
    #[serde(default)]
    pub throttled: u64,
    /// Reconnects.
    pub reconnects: u64,
    /// Server's clock minus the generator's: 0 on one host.
    pub clock_offset_ns: i64,
    /// Uncertainty of that: half the best round trip to `/clock` and a microsecond, and by how much the offset was found
    /// to move until after the interval; 0 on one host.
    pub clock_uncertainty_ns: Nanos,
}

/// The generator's own link, as a probe through it found it during the trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Round trip asked for.
    pub asked_ns: Nanos,
    /// Round trip that the probe had: median.
    pub gave_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub gave_ns_p99: Nanos,
    /// Probes sent.
    pub probes: u64,
}

/// What the load generator published to a server that is not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishReport {
    /// Updates that the server took.
    pub sent: u64,
    /// Updates that were due while it asked to be left alone (429 and 503), and were not sent.
    pub throttled: u64,
    /// Updates that it refused otherwise.
    pub refused: u64,
    /// Updates whose sending broke, and of which nobody knows whether they arrived.
    pub failed: u64,
    /// True if updates that were due in the interval were not sent in time, since it took them too slowly.
    pub is_behind: bool,
}

/// The handshakes of TLS of a trial, from its first client on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshakes {
    /// Those with a certificate.
    pub full: u64,
    /// From there being a connection to TLS being agreed on: median.
    pub full_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub full_ns_p99: Nanos,
    /// Those that went on from an earlier session of the same client.
    pub resumed: u64,
    /// How long these took: median.
    pub resumed_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub resumed_ns_p99: Nanos,
}

/// Requests of the measured interval on HTTP/2 connections that clients shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Connections.
    pub connections: u64,
    /// Streams open at the same time on one of them, at the most.
    pub streams_max: u64,
    /// Requests.
    pub requests: u64,
    /// From being asked to going out, behind others: median.
    pub wait_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub wait_ns_p99: Nanos,
    /// The same, largest.
    pub wait_ns_max: Nanos,
}

/// Clients that left and came back in the measured interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returns {
    /// Connections made by clients that came back.
    pub connects: u64,
    /// Updates that were due while their client was away, and reached it when it was back.
    pub recovered: u64,
    /// From dialling to the first position or answer: median.
    pub connect_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub connect_ns_p99: Nanos,
    /// The same, largest.
    pub connect_ns_max: Nanos,
}

/// Latency in one slice of the measured interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Start of the slice, from the start of the interval.
    pub from_ns: Nanos,
    /// Deliveries that were due in it.
    pub delivered: u64,
    /// Median latency of those; `None` if there were none.
    pub p50_ns: Option<Nanos>,
    /// 99th percentile.
    pub p99_ns: Option<Nanos>,
    /// Largest.
    pub max_ns: Option<Nanos>,
}

/// The machine and the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Host name.
    pub host: String,
    /// Kernel name, release and architecture.
    pub kernel: String,
    /// Processor model.
    pub processor: String,
    /// Processors that the run could use.
    pub cores: u32,
    /// Memory of the host.
    pub memory_bytes: u64,
    /// Version of this package.
    pub version: String,
    /// Commit it was built from, `+changes` behind it if the tree was not clean; `unknown` outside a checkout.
    pub commit: String,
    /// `release` or `debug`.
    pub profile: String,
    /// Compiler.
    pub rustc: String,
    /// The command that repeats the run, without the program's path.
    pub command: Vec<String>,
    /// What each transport took to write.
    #[serde(default)]
    pub effort: Vec<Effort>,
    /// Anything else worth knowing: kernel settings that change the figures.
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
}

/// What one transport takes to write: lines of code of its file, without comments, blank lines and tests, counted when the program was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// Whose.
    pub transport: Transport,
    /// What stands before both halves: imports, constants.
    pub shared_lines: u32,
    /// Its server half.
    pub server_lines: u32,
    /// Its client half.
    pub client_lines: u32,
    /// Of the files that server halves share, each charged in full.
    #[serde(default)]
    pub shared_server_lines: u32,
    /// Of the files that client halves share.
    #[serde(default)]
    pub shared_client_lines: u32,
    /// What must be got right in the server half, as the head of its file lists it.
    #[serde(default)]
    pub server_musts: u32,
    /// In the client half.
    #[serde(default)]
    pub client_musts: u32,
}

/// Why a run file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RunFileError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}; give a run's folder or its run.json")]
    Read {
        /// As given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a run.
    #[error("{path} is not a run file: {source}")]
    Parse {
        /// As given.
        path: String,
        /// Where in the file, and what is wrong.
        source: serde_json::Error,
    },
    /// The file was written before rows named their point, and has several.
    #[error(
        "{path} is from an early version, whose rows do not say which sweep point they belong to; run the scenario again"
    )]
    RowsWithoutPoint {
        /// As given.
        path: String,
    },
    /// The file was written by another version.
    #[error("{path} has schema `{found}`; this version reads `{SCHEMA}`")]
    Schema {
        /// As given.
        path: String,
        /// What it says.
        found: String,
    },
}

impl Run {
    /// Reads a run from its folder or its file.
    ///
    /// Errors: [`RunFileError`], which names the file.
    pub fn read(path: &Path) -> Result<Self, RunFileError> {
        let file = if path.is_dir() { path.join("run.json") } else { path.to_owned() };
        let shown = file.display().to_string();
        let text = std::fs::read(&file).map_err(|source| RunFileError::Read { path: shown.clone(), source })?;
        #[derive(Deserialize)]
        #[serde(expecting = "an object with the member `schema`")]
        struct Head {
            schema: String,
        }
        let parse = |source| RunFileError::Parse { path: shown.clone(), source };
        let head: Head = serde_json::from_slice(&text).map_err(parse)?;
        if head.schema != SCHEMA {
            return Err(RunFileError::Schema { path: shown, found: head.schema });
        }
        let mut run: Self = serde_json::from_slice(&text).map_err(parse)?;
        match run.name_points() {
            true => Ok(run),
            false => Err(RunFileError::RowsWithoutPoint { path: shown }),
        }
    }

    /// Gives rows of an early version, which do not name their point, the only one that there is; false if there are
    /// several.
    fn name_points(&mut self) -> bool {
        let rows = || self.summary.iter().chain(&self.tcp_baseline);
        if rows().all(|row| row.point_index != UNKNOWN_POINT) {
            return true;
        }
        if self.trials.iter().any(|trial| trial.point_index != 0) {
            return false;
        }
        self.summary.iter_mut().chain(&mut self.tcp_baseline).for_each(|row| row.point_index = 0);
        true
    }

    /// The rows of the transports, then those of the TCP baseline.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.summary.iter().chain(&self.tcp_baseline)
    }

    /// The trials that a row is made of.
    pub fn trials_of(&self, row: &Row) -> Vec<&Trial> {
        let key = (row.point_index, row.transport);
        self.trials.iter().filter(|trial| (trial.point_index, trial.transport) == key).collect()
    }

    /// Writes the run as JSON that a person can read too, whole or not at all.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        files::write_whole(file, text.as_bytes())
    }
}

impl Row {
    /// Why a figure of this row is not shown; `None` where it is, or was not measured.
    pub fn why_withheld(&self, metric: Metric) -> Option<Why> {
        self.withheld.iter().find(|one| one.metric == metric).map(|one| one.why)
    }

    /// A figure of this row, to be shown.
    ///
    /// Errors: what stands in its place.
    pub fn shown(&self, metric: Metric) -> Result<f64, Missing> {
        match (self.why_withheld(metric), self.metrics.get(metric).0) {
            (Some(why), _) => Err(Missing::Withheld(why)),
            (None, Some(value)) => Ok(value),
            (None, None) => Err(Missing::NotMeasured),
        }
    }

    /// Which it is of the run's.
    pub fn id(&self) -> RowId {
        RowId { transport: self.transport, point_index: self.point_index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;

    /// A run as an early version wrote it, whose rows do not name their point.
    fn early(run: &Run) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut written = serde_json::to_value(run).unwrap();
        for rows in ["summary", "tcp_baseline"] {
            for row in written[rows].as_array_mut().unwrap() {
                row.as_object_mut().unwrap().remove("point_index").unwrap();
            }
        }
        std::fs::write(folder.path().join("run.json"), written.to_string()).unwrap();
        folder
    }

    #[test]
    fn rows_that_do_not_name_their_point_are_read_where_there_is_one_and_refused_where_there_are_several() {
        let run = fixture::run(|_, _| 1.0);
        let error = Run::read(early(&run).path()).unwrap_err();
        assert!(matches!(error, RunFileError::RowsWithoutPoint { .. }), "{error}");
        let mut first = run.clone();
        first.trials.retain(|trial| trial.point_index == 0);
        first.summary.retain(|row| row.point_index == 0);
        first.tcp_baseline.retain(|row| row.point_index == 0);
        let read = Run::read(early(&first).path()).unwrap();
        assert!(read.rows().all(|row| row.point_index == 0 && read.trials_of(row).len() == 3));
    }
}
