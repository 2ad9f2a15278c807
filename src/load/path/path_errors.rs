//! Deviations of a path from the request.

use crate::limits;
use crate::run::path::PathSettings;
use crate::run::path::report::PathReport;
use crate::run::reason::Cause;

/// Causes to suspect a trial over the path; empty if it delivered what was requested, within chance and the limits of
/// a sound host.
pub fn of(asked: &PathSettings, gave: &PathReport) -> Vec<Cause> {
    let mut errors = Vec::new();
    // Packets that keep their order wait for each other, the longer the more their delays differ.
    let most = limits::LINK_OFF_MAX.0 + asked.jitter.0 + (asked.rtt.0 as f64 * limits::LINK_OFF_SHARE_MAX) as u64;
    let gave_ns = gave.round_trip_ns_p50;
    if gave_ns.0.abs_diff(asked.rtt.0) > most {
        errors.push(Cause::PathRoundTripOff { asked_ns: asked.rtt, gave_ns });
    }
    let both = gave.up.with(gave.down);
    let (lost, of) = (both.lost, both.sent());
    let sent = of as f64;
    // The number of losses in bursts varies more than that of single losses, by less than twice the burst length.
    let deviation = (sent * asked.loss * (1.0 - asked.loss) * 2.0 * asked.burst.unwrap_or(1.0)).sqrt();
    if (lost as f64 - sent * asked.loss).abs() > limits::PATH_LOSS_DEVIATIONS_MAX * deviation {
        errors.push(Cause::PathLossOff { asked_fraction: asked.loss, lost, of });
    }
    if gave.missed as f64 > both.packets_in as f64 * limits::PATH_MISSED_SUSPECT {
        errors.push(Cause::PathRelaySlow { missed: gave.missed, of: both.packets_in });
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::path::report::PacketCounts;
    use crate::units::Nanos;

    fn gave(round_trip_us: u64, lost: u64, missed: u64) -> PathReport {
        let down = PacketCounts { packets_in: 10_500, queue_dropped: 500, lost, ..PacketCounts::default() };
        PathReport { round_trip_ns_p50: Nanos(round_trip_us * 1_000), down, missed, ..PathReport::default() }
    }

    #[test]
    fn a_path_that_delivers_what_was_requested_has_no_errors_and_each_deviation_is_reported() {
        let path = |text: &str| text.parse::<PathSettings>().unwrap();
        for (asked, gave, errors) in [
            ("rtt=50ms,loss=1%", gave(50_400, 103, 0), 0),
            ("rtt=50ms,loss=1%", gave(55_000, 103, 0), 1),
            ("rtt=50ms,loss=1%", gave(50_400, 200, 0), 1),
            ("rtt=50ms,loss=1%,burst=10", gave(50_400, 200, 0), 0),
            ("rtt=50ms", gave(50_400, 1, 0), 1),
            ("rtt=50ms", gave(50_400, 0, 2), 1),
            ("rtt=50ms,jitter=10ms", gave(59_000, 0, 0), 0),
            ("rtt=50ms,loss=1%", gave(90_000, 0, 50), 3),
        ] {
            assert_eq!(of(&path(asked), &gave).len(), errors, "{asked}: {gave:?}");
        }
    }
}
