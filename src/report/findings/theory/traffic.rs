//! The predicted traffic of a workload without a run, from the same models.

use super::over::Over;
use super::setting::{Gaps, Setting};
use super::sizes::Lengths;
use super::{Predicted, predict};
use crate::run::capacity::Workload;
use crate::run::metric::Metric;
use crate::units::UnixMicros;

/// The predicted traffic of one delivery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests.
    pub requests_per_delivery: f64,
    /// Bytes both ways, including TCP/IP headers.
    pub wire_bytes_per_delivery: f64,
}

/// An instant with as many digits as any of this century, and a port and a number with as many as is usual.
const AT: UnixMicros = UnixMicros(1_800_000_000_000_000);
const PORT: u16 = 40_000;
const SEQ_OF_A_DAY: u64 = 100_000;

/// The traffic of one delivery of this workload; `None` if a rate or an interval is not a number above zero.
///
/// `interval` is how long connections have been open, and for how long they are looked at, in seconds; in an hour heartbeats
/// come as often as they do, in a trial of seconds none does.
pub fn traffic(workload: &Workload, interval: [f64; 2], segment_bytes: u64) -> Option<Traffic> {
    let updates_until = workload.rate_per_s * (interval[0] + interval[1] / 2.0);
    let setting = Setting {
        rate: workload.rate_per_s,
        gaps: Gaps::Steady,
        poll_interval: workload.poll_interval_ns.seconds(),
        hold: workload.hold_ns.seconds(),
        transit: None,
        interval,
        loss: 0.0,
        round_trip: 0.0,
        bandwidth: None,
        segment_bytes,
        lengths: Lengths {
            port: PORT,
            seq: (updates_until.round() as u64).clamp(1, SEQ_OF_A_DAY),
            at_us: AT,
            payload_bytes: workload.payload_bytes,
            request_header_bytes: 0,
            hold_ns: workload.hold_ns,
        },
        // HTTP/1.1 in the clear, as workloads are written down.
        over: Over::default(),
    };
    let all = predict(workload.transport, &setting);
    let of = |metric| all.iter().find(|one: &&Predicted| one.metric == metric).map(|one| one.predicted);
    Some(Traffic {
        requests_per_delivery: of(Metric::RequestsPerDelivery)?,
        wire_bytes_per_delivery: of(Metric::WireTotal)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use crate::run::Transport;
    use crate::units::Nanos;

    #[test]
    fn a_stream_asks_nothing_and_grows_with_its_payload_and_a_poll_asks_at_its_interval() {
        let of = |transport, rate_per_s, payload_bytes| {
            let (poll_interval_ns, hold_ns) = (Nanos::SECOND, Nanos::from(limits::LONG_POLL_HOLD));
            let workload = Workload { transport, clients: 1, rate_per_s, payload_bytes, poll_interval_ns, hold_ns };
            traffic(&workload, [0.0, 3_600.0], 1_448)
        };
        let [small, large] = [100.0, 1_100.0].map(|payload| of(Transport::Sse, 2.0, payload).unwrap());
        assert_eq!(small.requests_per_delivery, 0.0);
        // Apart from the payload, only a digit of the chunk's size and a second segment are added.
        let grown = large.wire_bytes_per_delivery - small.wire_bytes_per_delivery;
        assert!((1_000.0..1_002.0).contains(&grown), "{grown}");
        assert_eq!(of(Transport::Polling, 4.0, 100.0).unwrap().requests_per_delivery, 0.25);
        assert_eq!(of(Transport::LongPolling, 4.0, 100.0).unwrap().requests_per_delivery, 1.0);
        assert_eq!(of(Transport::Sse, 0.0, 100.0), None);
    }
}
