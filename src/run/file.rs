//! `run.json`: all results of a run, complete enough to regenerate the report from it alone. Settings and metrics are
//! defined in their own tables.
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
    /// The question and the settings.
    pub scenario: Scenario,
    /// The machine and the program.
    pub environment: Environment,
    /// The run as a whole: the worst of its rows.
    pub verdict: Verdict,
    /// The reasons for the verdict, each with the rows that it applies to; empty if the verdict is valid and nothing
    /// was cut short.
    pub reasons: Vec<Reason>,
    /// One row per transport and sweep point.
    pub summary: Vec<Row>,
    /// One row per sweep point for the TCP baseline; empty if not measured.
    #[serde(alias = "floor")]
    pub tcp_baseline: Vec<Row>,
    /// The transports that push, measured with one client at each point; empty if not measured.
    #[serde(default, skip_serializing_if = "Alone::is_empty")]
    pub alone: Alone,
    /// The thresholds given with `--fail-if`, and whether they were met.
    pub thresholds: Vec<Threshold>,
    /// Every trial in the order in which it was run.
    pub trials: Vec<Trial>,
    /// The trials that were repeated, of which only this is kept; empty if none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<Repeated>,
}

/// A trial that other programs disturbed and that was therefore repeated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repeated {
    /// Its transport; absent for the TCP baseline.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transport: Option<Transport>,
    /// The round, from 1.
    pub round: u32,
    /// Index of its point, as in [`Trial::point_index`].
    pub point_index: usize,
    /// True if it was a trial with one client.
    pub is_alone: bool,
    /// Share of the host's processors that other programs used.
    pub others_fraction: f64,
}

/// Trials with one client. They show a transport's own latency, because no delivery waits for those to other clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alone {
    /// One row per pushing transport and sweep point, with the same point indices as the run's own rows.
    pub summary: Vec<Row>,
    /// Every trial in the order in which it was run.
    pub trials: Vec<Trial>,
}

impl Alone {
    /// True if nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.trials.is_empty()
    }

    /// The row of a transport at a point, if it is usable.
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
    /// Index of its point: the [`Trial::point_index`] of its trials.
    #[serde(default = "unknown_point")]
    pub point_index: usize,
    /// The settings of the point.
    #[serde(flatten)]
    pub point: Point,
    /// The delivery audit, summed over the rounds.
    #[serde(flatten)]
    pub audit: Audit,
    /// Medians over the rounds; latency percentiles from the merged histograms; the parts of the wire bytes from the round
    /// with the median total, so that they add up to it.
    #[serde(flatten)]
    pub metrics: Metrics<Value>,
    /// 95 % bootstrap confidence intervals of the figures measured in several rounds.
    pub ci95: Metrics<Option<[f64; 2]>>,
    /// The figures that are not shown, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// The worst verdict of its trials.
    pub verdict: Verdict,
    /// The reasons for the verdict, each with the rounds that it applies to.
    pub reasons: Vec<Reason>,
}

/// The point index of a row whose file does not name it, until [`Run::read`] has filled it in.
const UNKNOWN_POINT: usize = usize::MAX;

fn unknown_point() -> usize {
    UNKNOWN_POINT
}

/// The delivery audit: counts of the updates that were *due* in the measured interval, whenever they arrived.
///
/// Every figure per delivery is divided by [`Audit::delivered`], which counts the same updates for all transports.
/// Bytes, requests and processor time are read at the two ends of the interval, and therefore cover what *arrived* in
/// it ([`Trial::arrived`]). The two counts differ by the updates that were due just before the interval and arrived in
/// it, minus those that were due in it and arrived after it. With streams the difference is hardly one update. With
/// polling each of the two is up to a poll interval's worth: with an uneven feed, the cost of a single trial is too
/// high if the interval begins after a burst, and too low if it ends in one. Over rounds on different stretches of the
/// feed these errors cancel, and the confidence interval of the figure shows how far they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Updates due in the interval times clients.
    pub expected: u64,
    /// Of those, received at least once.
    pub delivered: u64,
    /// Of those, never received.
    pub lost: u64,
    /// Of the lost, those that the server announced as a gap.
    pub lost_announced: u64,
    /// Updates received again.
    pub duplicate: u64,
    /// Updates received after a later one.
    pub reordered: u64,
}

impl Audit {
    /// One of the counts.
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
    /// The round, from 1.
    pub round: u32,
    /// Index into the distinct points of the run, from 0.
    pub point_index: usize,
    /// The settings.
    pub point: Point,
    /// Where in the recording the feed began, as a share of its length; the same for all transports of a round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_from: Option<f64>,
    /// Port of the server on this trial's target.
    pub port: u16,
    /// The measured interval on the monotonic clock of the generator's host.
    pub window_ns: [Nanos; 2],
    /// The same interval in nanoseconds since 1970, to line it up with a packet capture.
    pub window_unix_ns: [u64; 2],
    /// Deliveries that arrived inside the interval, whenever they were due: those whose bytes and requests were
    /// counted. [`Audit::delivered`] counts the deliveries that were due inside it, and costs are divided by that.
    pub arrived: u64,
    /// The audit of the updates that were due in the interval.
    pub audit: Audit,
    /// The metrics of this trial.
    #[serde(alias = "figures")]
    pub metrics: Metrics<Value>,
    /// Bytes of both directions in the interval by kind, and the sockets' own count of them.
    pub wire: WireTotals,
    /// The health of the generator.
    pub health: Health,
    /// The raw readings that the figures were computed from; absent in files of early versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readings: Option<Readings>,
    /// The link between client and server, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkReport>,
    /// The real path between client and server, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathReport>,
    /// What the load generator published, to a third-party server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishReport>,
    /// The TLS handshakes, if TLS was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshakes: Option<Handshakes>,
    /// How long requests waited on shared connections, if clients shared any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    /// The resources that the proxy used, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyReport>,
    /// The resources that the log used, if several nodes followed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogReport>,
    /// How the clients recovered after a kill, if something was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverReport>,
    /// The agents that ran the clients together, if there were any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentReport>,
    /// Clients that left and came back, if the settings asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<Returns>,
    /// Latency in slices of the interval, in order.
    pub timeline: Vec<Slice>,
    /// Added to every latency before it was recorded in the two histograms below, which cannot hold negative values: if
    /// the offset between two hosts' clocks is uncertain, an update may seem to arrive before it was due. The figures
    /// have the shift subtracted again, and are not clipped.
    #[serde(default)]
    pub latency_shift_ns: Nanos,
    /// Latency of every delivery, corrected: an HdrHistogram, V2 compressed, base64.
    pub latency_hdr: String,
    /// Uncorrected latency of every delivery in the same form; empty if it is unknown.
    pub uncorrected_latency_hdr: String,
    /// Whether the figures can be used.
    pub verdict: Verdict,
    /// The reasons for the verdict.
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
    /// HTTP/2 frame headers, and frames that carry neither a head nor a body.
    #[serde(default)]
    pub h2_frames: u64,
    /// What TLS adds to the content of its records.
    #[serde(default)]
    pub tls_records: u64,
    /// TLS handshakes, and the session tickets after them.
    #[serde(default)]
    pub tls_handshake: u64,
    /// Bytes that compression saved of payload and framing, which are counted before compression; negative if it made
    /// them larger.
    #[serde(default)]
    pub compression_saved: i64,
    /// Segments times header size.
    pub tcp_ip: u64,
    /// Retransmitted bytes, both ways.
    pub retransmitted: u64,
    /// Bytes that the sockets' reads and writes returned, counted independently of the parts: payload, framing,
    /// http_headers, h2_frames, tls_records and tls_handshake, minus compression_saved, must equal it.
    pub socket: u64,
    /// TCP segments, both ways.
    pub segments: u64,
    /// Of these, segments without data: acknowledgements, and the opening and closing of connections.
    #[serde(default)]
    pub acknowledgements: u64,
    /// The part of `socket` from client to server.
    pub up: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that returned no update.
    pub empty: u64,
}

impl WireTotals {
    /// The sum of the parts that the sockets carried, before compression.
    pub fn parts(&self) -> u64 {
        self.payload + self.framing + self.http_headers + self.h2_frames + self.tls_records + self.tls_handshake
    }
}

/// The health of the generator during a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// How late the generator's own 10 ms timer fired: median.
    pub schedule_lag_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub schedule_lag_ns_p99: Nanos,
    /// The same, largest.
    pub schedule_lag_ns_max: Nanos,
    /// Timer ticks that were missed altogether.
    pub missed_ticks: u64,
    /// Share of the host's processors that the generator used.
    pub cpu_fraction: f64,
    /// Share of the time that the generator's threads had work in which they waited for a processor that another thread
    /// used.
    #[serde(default)]
    pub wait_fraction: Value,
    /// Share of the host's processors that was busy, for any program.
    pub host_cpu_fraction: f64,
    /// Share of them used by programs outside the trial, or stolen by other virtual machines; null if the server's own
    /// processor time is unknown.
    #[serde(default)]
    pub others_cpu_fraction: Value,
    /// Connections that were refused or broken.
    pub refused: u64,
    /// Of those, refusals that asked the client to wait (429 and 503), which it did.
    #[serde(default)]
    pub throttled: u64,
    /// Reconnects.
    pub reconnects: u64,
    /// The server's clock minus the generator's; 0 on one host.
    pub clock_offset_ns: i64,
    /// Uncertainty of that: half the best round trip to `/clock` plus a microsecond, plus the change of the offset
    /// observed until after the interval; 0 on one host.
    pub clock_uncertainty_ns: Nanos,
}

/// The generator's own link, as measured by probes during the trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReport {
    /// The requested round trip.
    pub asked_ns: Nanos,
    /// The round trip of the probes: median.
    pub gave_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub gave_ns_p99: Nanos,
    /// Probes sent.
    pub probes: u64,
}

/// What the load generator published to a third-party server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishReport {
    /// Updates that the server accepted.
    pub sent: u64,
    /// Updates that were due while the server throttled the publisher (429 and 503), and were not sent.
    pub throttled: u64,
    /// Updates that it refused for other reasons.
    pub refused: u64,
    /// Updates whose connection broke while they were sent; whether they arrived is unknown.
    pub failed: u64,
    /// True if updates that were due in the interval were not sent in time, because the server accepted them too
    /// slowly.
    pub is_behind: bool,
}

/// The TLS handshakes of a trial, from its first client on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshakes {
    /// Full handshakes, with a certificate.
    pub full: u64,
    /// Time from the TCP connection to the end of the TLS handshake: median.
    pub full_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub full_ns_p99: Nanos,
    /// Handshakes that resumed an earlier session of the same client.
    pub resumed: u64,
    /// Duration of the resumed handshakes: median.
    pub resumed_ns_p50: Nanos,
    /// The same, 99th percentile.
    pub resumed_ns_p99: Nanos,
}

/// Requests of the measured interval on HTTP/2 connections that clients shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Connections.
    pub connections: u64,
    /// The most streams open at the same time on one connection.
    pub streams_max: u64,
    /// Requests.
    pub requests: u64,
    /// Time that a request waited behind others before it was sent: median.
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
    /// Updates that were due while their client was away, and that reached it when it was back.
    pub recovered: u64,
    /// Time from dialling to the first position or answer: median.
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
    /// Commit that it was built from, with the suffix `+changes` if the tree was not clean; `unknown` outside a
    /// checkout.
    pub commit: String,
    /// `release` or `debug`.
    pub profile: String,
    /// Compiler version.
    pub rustc: String,
    /// The command that repeats the run, without the program's path.
    pub command: Vec<String>,
    /// The effort that each transport took to write.
    #[serde(default)]
    pub effort: Vec<Effort>,
    /// Further notes, such as kernel settings that affect the figures.
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
}

/// The effort to write one transport: lines of code of its file, without comments, blank lines and tests, counted when
/// the program was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// The transport.
    pub transport: Transport,
    /// Lines before both halves: imports, constants.
    pub shared_lines: u32,
    /// Lines of its server half.
    pub server_lines: u32,
    /// Lines of its client half.
    pub client_lines: u32,
    /// Lines of the files that server halves share, each charged in full.
    #[serde(default)]
    pub shared_server_lines: u32,
    /// Lines of the files that client halves share, each charged in full.
    #[serde(default)]
    pub shared_client_lines: u32,
    /// Number of things to get right in the server half, as the head of its file lists them.
    #[serde(default)]
    pub server_musts: u32,
    /// Number of things to get right in the client half.
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
        /// The problem, and where in the file it is.
        source: serde_json::Error,
    },
    /// The file has several points, and was written before rows named their point.
    #[error(
        "{path} is from an early version, whose rows do not say which sweep point they belong to; run the scenario again"
    )]
    RowsWithoutPoint {
        /// As given.
        path: String,
    },
    /// The file has the schema of another version.
    #[error("{path} has schema `{found}`; this version reads `{SCHEMA}`")]
    Schema {
        /// As given.
        path: String,
        /// The schema that it has.
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

    /// Sets the point of rows of an early version, which do not name it, if the run has only one point. Returns false
    /// if there are several.
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

    /// The trials of a row.
    pub fn trials_of(&self, row: &Row) -> Vec<&Trial> {
        let key = (row.point_index, row.transport);
        self.trials.iter().filter(|trial| (trial.point_index, trial.transport) == key).collect()
    }

    /// Writes the run as indented JSON, atomically.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        files::write_whole(file, text.as_bytes())
    }
}

impl Row {
    /// Why a figure of this row is not shown; `None` if it is shown, or was not measured.
    pub fn why_withheld(&self, metric: Metric) -> Option<Why> {
        self.withheld.iter().find(|one| one.metric == metric).map(|one| one.why)
    }

    /// A figure of this row that may be shown.
    ///
    /// Errors: [`Missing`], which says why there is none.
    pub fn shown(&self, metric: Metric) -> Result<f64, Missing> {
        match (self.why_withheld(metric), self.metrics.get(metric).0) {
            (Some(why), _) => Err(Missing::Withheld(why)),
            (None, Some(value)) => Ok(value),
            (None, None) => Err(Missing::NotMeasured),
        }
    }

    /// Identifies this row in the run.
    pub fn id(&self) -> RowId {
        RowId { transport: self.transport, point_index: self.point_index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture;

    /// A run as written by an early version, whose rows do not name their point.
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
    fn rows_without_a_point_index_are_read_with_one_point_and_refused_with_several() {
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
