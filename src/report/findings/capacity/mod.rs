//! Estimates what a workload needs, from a calibration of the machine: bytes from theory ([`super::theory`]), processor
//! time and memory by least squares ([`fit`]), each with an interval that contains a new measurement in 95 of 100
//! cases.
//!
//! Processor time of a server a second = a × requests + b × deliveries + c × bytes + d × wake-ups + e. Memory = m₀ + m
//! × clients + updates that clients have not taken yet + the journal. A workload that is too large for one process is
//! divided over nodes, and the model is evaluated for the share of one node.

pub mod fit;
mod nodes;
#[cfg(test)]
mod tests;
pub mod validation;

pub use nodes::{Estimate, NodeCount, NodeLimits, Resource};
use serde::Serialize;

use self::fit::{Band, CONFIDENCE, Fit};
use crate::limits;
use crate::report::findings::theory::{Traffic, traffic};
use crate::run::Transport;
use crate::run::capacity::{Capacity, CapacitySample, Workload};
use crate::run::reason::Verdict;
use crate::stats;

/// Why no estimate is possible.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CapacityError {
    /// The calibration has too few trials of the transport.
    #[error(
        "the calibration has {usable} usable trials of {transport}, and {} are needed; calibrate again, on a machine with \
         nothing else to do",
        limits::CAPACITY_TRIALS_MIN
    )]
    FewTrials {
        /// The transport.
        transport: Transport,
        /// Number of usable trials.
        usable: usize,
    },
    /// No theory covers the workload.
    #[error("no model covers this workload; use a rate and intervals above zero")]
    NoTheory,
}

/// A dimension of the workload that has a calibrated range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Clients of one node.
    Clients,
    /// Updates a second.
    Rate,
    /// Bytes of an update.
    Payload,
    /// Deliveries a second of one node.
    Deliveries,
    /// Time between two polls.
    PollInterval,
}

impl Axis {
    const ALL: [Self; 5] = [Self::Clients, Self::Rate, Self::Payload, Self::Deliveries, Self::PollInterval];

    fn of(self, workload: &Workload) -> f64 {
        match self {
            Self::Clients => workload.clients as f64,
            Self::Rate => workload.rate_per_s,
            Self::Payload => workload.payload_bytes,
            Self::Deliveries => workload.deliveries_per_s(),
            Self::PollInterval => workload.poll_interval_ns.seconds(),
        }
    }

    fn concerns(self, transport: Transport) -> bool {
        match (self, transport) {
            (Self::PollInterval, Transport::LongPolling | Transport::Sse | Transport::WebSocket) => false,
            (Self::PollInterval, Transport::Polling) => true,
            (Self::Clients | Self::Rate | Self::Payload | Self::Deliveries, _) => true,
        }
    }
}

/// A dimension in which a workload is outside the calibrated range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Beyond {
    /// The dimension.
    pub axis: Axis,
    /// The value of the workload.
    pub asked: f64,
    /// The smallest and the largest calibrated value.
    pub calibrated: [f64; 2],
    /// The factor by which it is beyond the nearer end.
    pub times: f64,
}

/// The resources that one process needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Need {
    /// Number of processors that it keeps busy.
    pub cores: Band,
    /// Its resident memory.
    pub memory_bytes: Band,
    /// The kernel's memory for its connections, if known.
    pub kernel_bytes: Option<f64>,
    /// Bytes of one delivery on the wire.
    pub bytes_per_delivery: Band,
    /// Requests a second.
    pub requests_per_s: f64,
    /// The dimensions in which this is an extrapolation.
    pub beyond: Vec<Beyond>,
}

/// The terms of processor time: requests, deliveries, bytes and wake-ups a second, and a constant.
type CpuTerms = [f64; 5];
/// The terms of memory: one, clients, bytes of an update times clients, bytes of the journal.
type MemoryTerms = [f64; 4];

/// The model of one transport, fitted to a calibration.
#[derive(Clone, Debug)]
pub struct Model {
    transport: Transport,
    cores: Fit<5>,
    memory: Fit<4>,
    /// Resident memory without any client.
    base_bytes: f64,
    kernel_bytes_per_client: Option<f64>,
    /// The relative difference of bytes from theory that 95 of 100 trials do not exceed.
    bytes_off: f64,
    calibrated: Vec<CapacitySample>,
}

impl Model {
    /// Fits the model of a transport.
    ///
    /// Errors: [`CapacityError`].
    pub fn of(capacity: &Capacity, transport: Transport) -> Result<Self, CapacityError> {
        let is_usable = |one: &&CapacitySample| {
            one.workload.transport == transport && one.verdict != Verdict::Invalid && one.deliveries_per_s > 0.0
        };
        let calibrated: Vec<CapacitySample> = capacity.samples.iter().filter(is_usable).copied().collect();
        let few = CapacityError::FewTrials { transport, usable: calibrated.len() };
        if calibrated.len() < limits::CAPACITY_TRIALS_MIN {
            return Err(few);
        }
        let work: Vec<(CpuTerms, f64)> = calibrated.iter().map(|one| (measured_work(one), one.server_cores)).collect();
        let grown = |one: &CapacitySample| one.server_bytes.saturating_sub(one.server_bytes_before) as f64;
        let held: Vec<(MemoryTerms, f64)> =
            calibrated.iter().map(|one| (held(&one.workload, published(one)), grown(one))).collect();
        let all = |of: fn(&CapacitySample) -> Option<f64>| calibrated.iter().filter_map(of).collect::<Vec<f64>>();
        Ok(Self {
            transport,
            cores: Fit::of(&work).ok_or_else(|| few.clone())?,
            memory: Fit::of(&held).ok_or(few)?,
            base_bytes: stats::median(&all(|one| Some(one.server_bytes_before as f64))).unwrap_or(0.0),
            kernel_bytes_per_client: stats::median(&all(|one| one.kernel_bytes_per_client)),
            bytes_off: bytes_off(&capacity.samples),
            calibrated,
        })
    }

    /// The resources of a process in steady state: heartbeats are sent, and its journal is full.
    ///
    /// Errors: [`CapacityError::NoTheory`].
    pub fn need(&self, workload: &Workload, segment_bytes: u64) -> Result<Need, CapacityError> {
        let traffic = traffic(workload, [0.0, LONG], segment_bytes).ok_or(CapacityError::NoTheory)?;
        Ok(self.need_of(workload, traffic, f64::INFINITY))
    }

    /// The resources that a trial should use, given its duration.
    ///
    /// Errors: [`CapacityError::NoTheory`].
    pub fn of_trial(&self, sample: &CapacitySample) -> Result<Need, CapacityError> {
        let traffic = own_traffic(sample).ok_or(CapacityError::NoTheory)?;
        Ok(self.need_of(&sample.workload, traffic, published(sample)))
    }

    fn need_of(&self, workload: &Workload, traffic: Traffic, published: f64) -> Need {
        let deliveries = workload.deliveries_per_s();
        let [requests, bytes] =
            [traffic.requests_per_delivery, traffic.wire_bytes_per_delivery].map(|one| one * deliveries);
        let off = self.bytes_off;
        let value = traffic.wire_bytes_per_delivery;
        Need {
            cores: self.cores.predict(&[requests, deliveries, bytes, wake_ups(workload, requests), 1.0]),
            memory_bytes: self.memory.predict(&held(workload, published)).plus(self.base_bytes),
            kernel_bytes: self.kernel_bytes_per_client.map(|each| each * workload.clients as f64),
            bytes_per_delivery: Band { value, low: value * (1.0 - off), high: value * (1.0 + off) },
            requests_per_s: requests,
            beyond: Axis::ALL.into_iter().filter_map(|axis| self.beyond(axis, workload)).collect(),
        }
    }

    fn beyond(&self, axis: Axis, workload: &Workload) -> Option<Beyond> {
        if !axis.concerns(self.transport) {
            return None;
        }
        let of = |pick: fn(f64, f64) -> f64| self.calibrated.iter().map(|one| axis.of(&one.workload)).reduce(pick);
        let calibrated @ [least, most] = [of(f64::min)?, of(f64::max)?];
        let asked = axis.of(workload);
        let times = if asked < least { least / asked } else { asked / most };
        (times > 1.0 + 1e-9).then_some(Beyond { axis, asked, calibrated, times })
    }

    /// Fitted processor time for a request, a delivery, a kilobyte, a wake-up and a second, in microseconds.
    pub fn cost_us(&self) -> [f64; 5] {
        let [request, delivery, byte, wake_up, second] = self.cores.coefficients.map(|seconds| seconds * 1e6);
        [request, delivery, byte * 1e3, wake_up, second]
    }

    /// Fitted memory for each client, in bytes.
    pub fn bytes_per_client(&self) -> f64 {
        self.memory.coefficients[1]
    }

    /// Number of trials that it was fitted to.
    pub fn trials(&self) -> usize {
        self.calibrated.len()
    }

    /// The transport of the model.
    pub fn transport(&self) -> Transport {
        self.transport
    }
}

/// Duration of the steady state in seconds, long enough for heartbeats to have their average frequency.
const LONG: f64 = 3_600.0;

/// On loopback, Linux puts half of the device's window into one segment.
const LOOPBACK_SEGMENT_BYTES: u64 = 32_768;

fn own_traffic(one: &CapacitySample) -> Option<Traffic> {
    let segment_bytes = one.segment_bytes.map_or(LOOPBACK_SEGMENT_BYTES, u64::from);
    traffic(&one.workload, [one.warm_up_ns.seconds(), one.measure_ns.seconds()], segment_bytes)
}

/// The difference of a new trial's bytes from theory that is not exceeded with probability [`CONFIDENCE`]. Theory is
/// not fitted, so a new trial is exchangeable with the measured ones: its difference is among the k smallest of n + 1
/// with probability k/(n + 1), whatever the distribution (Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random
/// World", 2005). All transports are pooled, because their differences have the same cause: segments that an end of the
/// interval cuts off.
fn bytes_off(samples: &[CapacitySample]) -> f64 {
    let usable = samples.iter().filter(|one| one.verdict != Verdict::Invalid);
    let off = |one: &CapacitySample| {
        Some((one.wire_bytes_per_delivery / own_traffic(one)?.wire_bytes_per_delivery - 1.0).abs())
    };
    let mut off: Vec<f64> = usable.filter_map(off).collect();
    off.sort_by(f64::total_cmp);
    let rank = ((off.len() + 1) as f64 * CONFIDENCE).ceil() as usize;
    off.get(rank.min(off.len()).saturating_sub(1)).copied().unwrap_or(0.0)
}

fn measured_work(one: &CapacitySample) -> CpuTerms {
    let wake_ups = wake_ups(&one.workload, one.requests_per_s);
    [one.requests_per_s, one.deliveries_per_s, one.wire_bytes_per_s, wake_ups, 1.0]
}

/// How often in a second an idle server gets work. A pushed update wakes it once. Polls arrive at random times, rounded
/// by the generator's timer, which fires on whole milliseconds: with m polls per millisecond on average, a share of
/// e^−m of the milliseconds has none. A request that arrives alone wakes a processor, and takes several times as long
/// as one that follows another.
fn wake_ups(workload: &Workload, requests_per_s: f64) -> f64 {
    match workload.transport {
        Transport::Polling => TICKS_PER_S * -(-requests_per_s / TICKS_PER_S).exp_m1(),
        Transport::LongPolling | Transport::Sse | Transport::WebSocket => workload.rate_per_s,
    }
}

/// Frequency of the timers of generator and server.
const TICKS_PER_S: f64 = 1_000.0;

/// Updates in the journal at the end of a trial.
fn published(one: &CapacitySample) -> f64 {
    one.workload.rate_per_s * (one.warm_up_ns.seconds() + one.measure_ns.seconds())
}

fn held(workload: &Workload, published: f64) -> MemoryTerms {
    let entry = workload.payload_bytes + limits::JOURNAL_ENTRY_OVERHEAD_BYTES as f64;
    let journal = (published.min(limits::JOURNAL_UPDATES_MAX as f64) * entry).min(limits::JOURNAL_BYTES_MAX as f64);
    let clients = workload.clients as f64;
    [1.0, clients, clients * workload.payload_bytes, journal]
}
