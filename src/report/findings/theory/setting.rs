//! The inputs of the models: the settings of one row, and how its updates are spread in time.

use crate::limits;
use crate::report::findings::theory::over::Over;
use crate::report::findings::theory::sizes::Lengths;
use crate::run::file::{PublishedFeed, Row, Run, Trial};
use crate::run::heads::Request;
use crate::run::metric::{Percentiles, Value};
use crate::run::{Arrivals, Transport};
use crate::units::{Nanos, UnixMicros};

/// One way, from what the TCP baseline took and half the round trip of the link. A baseline that took less did not go over it.
fn transit(tcp_baseline: Option<f64>, half_trip: f64) -> Option<f64> {
    match tcp_baseline {
        Some(tcp_baseline) if tcp_baseline >= half_trip => Some(tcp_baseline),
        Some(tcp_baseline) => Some(tcp_baseline + half_trip),
        None => (half_trip > 0.0).then_some(half_trip),
    }
}

/// The number of clients from which deliveries are most of the processor time of server and generator. Their timers
/// take as much with one client as with fifty.
const FAN_OUT_CLIENTS_MIN: u32 = 10;

/// From due to decoded where an update is pushed to N clients over no distance, in seconds: what it takes with one client
/// alone, and the fan-out. The server's pass of N writes comes first, on P processors; the generator's N reads, which
/// those writes wake, stand in line behind it, and the client in the middle of that line has waited for half of them. Without
/// a trial of one client alone, how late the server published it stands for it. `None` where one of these is not known, of
/// a server on another host or that does not say when it published, and of so few clients that most of the processor time is
/// not theirs.
///
/// The processor time of a delivery is the run's own, both programs apart: the term says how much of the latency is
/// that work, and what is left over is the transport's waiting.
fn pushed(run: &Run, row: &Row) -> Option<f64> {
    let transport = row.transport?;
    match transport {
        Transport::Polling => return None,
        Transport::LongPolling | Transport::Sse | Transport::WebSocket => {}
    }
    if row.point.clients < FAN_OUT_CLIENTS_MIN {
        return None;
    }
    let metrics = &row.metrics;
    let [server, generator] = [metrics.server_cpu_ns_per_delivery.0?, metrics.generator_cpu_ns_per_delivery.0?];
    let is_direct = !row.point.has_link() && row.point.path.is_none();
    let alone = run.alone.row(row.point_index, transport).filter(|_| is_direct);
    let lag = || Some((metrics.latency_ns.mean.0? - metrics.uncorrected_latency_ns.mean.0?).max(0.0));
    let (first, in_line) = match alone.and_then(|alone| alone.metrics.latency_ns.mean.0) {
        Some(alone) => (alone, row.point.clients - 1),
        None => (lag()?, row.point.clients),
    };
    let processors = f64::from(run.environment.cores.max(1));
    Some((first + f64::from(in_line) * (server + generator / 2.0) / processors) / 1e9)
}

/// The gaps between updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gaps {
    /// All gaps alike.
    Steady,
    /// Exponential gaps. Also used for feeds with an unknown pattern: a recording, standard input.
    Poisson,
    /// Bursts of [`limits::BURST_UPDATES`] at [`limits::BURST_SPEEDUP`] times the rate, exponential gaps between them.
    Bursty,
}

/// All inputs of the models, in seconds and bytes.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Updates in a second that were due and reached a client.
    pub rate: f64,
    /// How they are spread.
    pub gaps: Gaps,
    /// Time between two polls of one client.
    pub poll_interval: f64,
    /// How long a long poll is parked.
    pub hold: f64,
    /// One way, from due to decoded, with nothing but the machine and the link in between; `None` where the run has
    /// nothing to tell it. Of what is pushed it is [`pushed`], of what is polled what the TCP baseline took.
    pub transit: Option<f64>,
    /// How long the connections had been open when the measured interval began, and how long that was.
    pub interval: [f64; 2],
    /// Share of the packets that a path loses each way, each by itself.
    pub loss: f64,
    /// Round trip of the link or the path, in seconds.
    pub round_trip: f64,
    /// Bits a second of a limited link, or of a path to the client.
    pub bandwidth: Option<f64>,
    /// Payload of a full TCP segment.
    pub segment_bytes: u64,
    /// The inputs for the sizes of heads and envelopes.
    pub lengths: Lengths,
    /// The layers below the transport.
    pub over: Over,
}

impl Setting {
    /// The settings of one row, with its trials and the TCP baseline at the same point; `None` of no trials.
    pub fn of(run: &Run, row: &Row, trials: &[&Trial], tcp_baseline: Option<&Row>) -> Option<Self> {
        let trial = trials.first()?;
        let point = &row.point;
        let seconds: f64 =
            trials.iter().filter_map(|trial| Some(trial.window_ns[1].since(trial.window_ns[0])?.seconds())).sum();
        let delivered: u64 = trials.iter().map(|trial| trial.audit.delivered).sum();
        let interval = [run.scenario.warm_up_ns.seconds(), run.scenario.measure_ns.seconds()];
        let gaps = match run.scenario.feed {
            PublishedFeed::Synthetic { arrivals: Some(Arrivals::Steady) } => Gaps::Steady,
            PublishedFeed::Synthetic { arrivals: Some(Arrivals::Bursty) } => Gaps::Bursty,
            PublishedFeed::Synthetic { arrivals: Some(Arrivals::Poisson) | None }
            | PublishedFeed::Replay { .. }
            | PublishedFeed::External { .. }
            | PublishedFeed::None => Gaps::Poisson,
        };
        // Losses in bursts and jitter are not covered.
        let loss = point.path.filter(|path| path.burst.is_none() && path.jitter == Nanos::ZERO);
        let loss = loss.map_or(0.0, |path| path.loss);
        let way = |latency: &Percentiles<Value>| if loss > 0.0 { latency.p50.0 } else { latency.mean.0 };
        let tcp_baseline = tcp_baseline.and_then(|one| way(&one.metrics.latency_ns)).map(|way| way / 1e9);
        let half_trip = point.round_trip().seconds() / 2.0;
        // Files of early versions do not tell it: Ethernet carries 1,500 B, and half of the loopback device's window is
        // what Linux puts in one segment there.
        let told = trials.iter().filter_map(|trial| trial.readings.as_ref()?.segment_bytes).max();
        let is_external = matches!(run.scenario.feed, PublishedFeed::External { .. });
        let usual = if is_external || point.path.is_some() { 1_500 - limits::TCP_IPV4_HEADER_BYTES } else { 32_768 };
        let heads = point.heads.field_bytes(Request::Fetch, &format!("http://127.0.0.1:{}", trial.port));
        Some(Self {
            rate: delivered as f64 / (seconds * f64::from(point.clients)),
            gaps,
            poll_interval: point.poll_interval_ns.seconds(),
            hold: point.hold_ns.seconds(),
            transit: pushed(run, row).map(|pushed| pushed + half_trip).or(transit(tcp_baseline, half_trip)),
            interval,
            loss,
            round_trip: point.round_trip().seconds(),
            bandwidth: point
                .link_bits_per_s
                .or(point.path.and_then(|path| path.down_bits_per_s))
                .map(|bits| bits as f64),
            segment_bytes: told.map_or(usual, u64::from),
            lengths: Lengths {
                port: trial.port,
                seq: (point.rate_per_s * (interval[0] + interval[1] / 2.0)).round() as u64,
                at_us: UnixMicros(trial.window_unix_ns[0] / 1_000),
                payload_bytes: point.payload_bytes,
                request_header_bytes: point.request_header_bytes + heads as u32,
                hold_ns: point.hold_ns,
            },
            over: Over::of(point),
        })
    }

    /// The frequency, in the measured interval, of something that happens every `period` after connecting. In a short
    /// interval it is not 1/`period`, but depends on how often it falls into the interval.
    pub fn beats(&self, period: f64) -> f64 {
        let [before, length] = self.interval;
        (((before + length) / period).floor() - (before / period).floor()) / length
    }

    /// The mean of what each gap between two updates is longer than `length`. By itself a sum over all gaps; times the
    /// rate, the chance that a span of that length which begins anywhere holds no update.
    pub fn excess(&self, length: f64) -> f64 {
        let mean = 1.0 / self.rate;
        match self.gaps {
            Gaps::Steady => (mean - length).max(0.0),
            Gaps::Poisson => mean * (-length / mean).exp(),
            Gaps::Bursty => {
                let (inside, between, share_between) = self.burst();
                let long = between * (-length / between).exp();
                share_between * long + (1.0 - share_between) * (inside - length).max(0.0)
            }
        }
    }

    /// The chance that the gap behind an update is longer than `length`.
    pub fn is_longer(&self, length: f64) -> f64 {
        let mean = 1.0 / self.rate;
        match self.gaps {
            Gaps::Steady => f64::from(u8::from(mean > length)),
            Gaps::Poisson => (-length / mean).exp(),
            Gaps::Bursty => {
                let (inside, between, share_between) = self.burst();
                let long = (-length / between).exp();
                share_between * long + (1.0 - share_between) * f64::from(u8::from(inside > length))
            }
        }
    }

    /// How often `length` fits into the gap behind an update, on average.
    pub fn times_in_gap(&self, length: f64) -> f64 {
        let mean = 1.0 / self.rate;
        // The number of whole lengths in an exponential gap is geometric.
        let in_exponential = |mean: f64| 1.0 / (length / mean).exp_m1();
        match self.gaps {
            Gaps::Steady => (mean / length).floor(),
            Gaps::Poisson => in_exponential(mean),
            Gaps::Bursty => {
                let (inside, between, share_between) = self.burst();
                share_between * in_exponential(between) + (1.0 - share_between) * (inside / length).floor()
            }
        }
    }

    /// Of the bursty feed: the gap inside a burst, the mean gap between two, and the share of gaps that are between.
    pub fn burst(&self) -> (f64, f64, f64) {
        let updates = limits::BURST_UPDATES as f64;
        let inside = 1.0 / (self.rate * limits::BURST_SPEEDUP);
        (inside, updates / self.rate - (updates - 1.0) * inside, 1.0 / updates)
    }

    /// The time that `bytes` take on a limited link of their own.
    pub fn sending(&self, bytes: f64) -> f64 {
        self.bandwidth.map_or(0.0, |bits_per_s| bytes * 8.0 / bits_per_s)
    }
}
