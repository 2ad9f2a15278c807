//! The latency that loss adds, for connections whose messages are so far apart that only one at a time is lost.
//!
//! ```text
//! a lone message   lost ── nothing follows ──────────────── RTO: R + 200 ms ── sent again
//! one of a stream  lost ── gap ── next message ── R ── its SACK: the first is lost ── sent again, all behind it wait
//! ```
//!
//! * A lone message waits for the retransmission timeout: the smoothed round trip and, on Linux, at least 200 ms
//!   (RFC 6298 section 2, which asks for a second in all; `TCP_RTO_MIN`). The tail loss probe (RFC 8985 section 7) is no
//!   sooner: for one segment in flight Linux sends it after two round trips and 200 ms, and never later than the timeout
//!   (`tcp_schedule_loss_probe`).
//! * A message followed by another is known to be lost when the other is acknowledged: once a later segment has
//!   arrived, RACK (RFC 8985 section 6) considers a segment lost that was sent more than a round trip and a reordering
//!   window ago; the window is a quarter of the shortest round trip.
//! * Until its retransmission has arrived, all later data on the same connection wait for it (RFC 9293 section 3.10:
//!   data are delivered in order).
//!
//! Not covered: a lost retransmission, whose share is the square of the loss; losses in bursts; lost acknowledgements,
//! which the next one replaces.

use super::setting::{Gaps, Setting};
use crate::limits;
use crate::run::Transport;

/// RACK's reordering window, in round trips (RFC 8985 section 6.2 step 4).
const REORDERING: f64 = 0.25;
/// Number of parts in which a uniform spread is summed.
const PARTS: u32 = 200;

/// The predicted distribution of latency over a path with loss, with its formula.
pub struct Lossy {
    /// Latencies in seconds, each with its share of the updates, in order.
    spread: Vec<(f64, f64)>,
    /// The formula.
    pub formula: &'static str,
}

/// The source of the formula.
pub const SOURCE: &str = "RFC 6298 section 2 with Linux's minimum of 200 ms for a lone message; RFC 8985 sections 6 and 7 \
                          (RACK and the tail loss probe) where others follow; R is the round trip, p the loss each way";

/// A share of the updates that is delayed by a time between two bounds.
struct Late {
    share: f64,
    between: [f64; 2],
}

impl Lossy {
    /// The latency of a transport; `None` if the path has no loss, or the transit is unknown. Also `None` for new
    /// connections for each request, because the segments that open them may be lost too.
    pub fn of(transport: Transport, setting: &Setting) -> Option<Self> {
        let (loss, round_trip) = (setting.loss, setting.round_trip);
        let transit = setting.transit?;
        if loss <= 0.0 || setting.over.is_fresh {
            return None;
        }
        let alone = round_trip + limits::RTO_MIN.as_secs_f64();
        let (wait, late, formula) = match transport {
            Transport::Sse | Transport::WebSocket => (
                0.0,
                in_order(setting, loss, round_trip),
                "transit; of p of the updates R + min(gap, 200 ms) more, and those behind them until then",
            ),
            Transport::LongPolling => {
                // Requests and answers are lone messages, and either may be lost. Updates published meanwhile wait.
                let meanwhile = (2.0 * loss * setting.rate * alone).min(1.0);
                let late =
                    vec![Late { share: loss, between: [alone; 2] }, Late { share: meanwhile, between: [0.0, alone] }];
                (0.0, late, "transit; R + 200 ms more where the answer is lost, and up to that where the request was")
            }
            Transport::Polling => (
                setting.poll_interval,
                vec![Late { share: 2.0 * loss, between: [alone; 2] }],
                "T/2 + transit; R + 200 ms more where the poll or its answer is lost",
            ),
        };
        Some(Self { spread: spread(transit, wait, &late), formula })
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.spread.iter().map(|(latency, share)| latency * share).sum()
    }

    /// The latency that this share of the updates does not exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut below = 0.0;
        let found = self.spread.iter().find(|(_, one)| {
            below += one;
            below >= share
        });
        found.or(self.spread.last()).map_or(0.0, |(latency, _)| *latency)
    }
}

/// The delayed updates of a stream: the lost ones, and those that wait behind them.
fn in_order(setting: &Setting, loss: f64, round_trip: f64) -> Vec<Late> {
    // The mean of what the gap to the next update is, between the reordering window and the timeout.
    let most = limits::RTO_MIN.as_secs_f64();
    let least = (REORDERING * round_trip).min(most);
    let step = (most - least) / f64::from(PARTS);
    let beyond: f64 = (0..PARTS).map(|part| setting.is_longer(least + (f64::from(part) + 0.5) * step) * step).sum();
    let known_after = round_trip + least + beyond;
    let mut late = vec![Late { share: loss, between: [known_after; 2] }];
    let gap = 1.0 / setting.rate;
    match setting.gaps {
        Gaps::Steady => {
            let behind = (known_after / gap).ceil() as u32;
            late.extend((1..behind).map(|place| {
                let left = known_after - f64::from(place) * gap;
                Late { share: loss, between: [left; 2] }
            }));
        }
        Gaps::Poisson | Gaps::Bursty => {
            late.push(Late { share: (loss * setting.rate * known_after).min(1.0 - loss), between: [0.0, known_after] });
        }
    }
    late
}

/// All latencies: transit, a wait that is uniform up to a length, and the delayed updates.
fn spread(transit: f64, wait: f64, late: &[Late]) -> Vec<(f64, f64)> {
    let middles = || (0..PARTS).map(|part| (f64::from(part) + 0.5) / f64::from(PARTS));
    let in_time = (1.0 - late.iter().map(|one| one.share).sum::<f64>()).max(0.0);
    let in_time = Late { share: in_time, between: [0.0; 2] };
    let mut all = Vec::new();
    for Late { share, between: [from, to] } in std::iter::once(&in_time).chain(late) {
        // Only a uniform wait needs parts.
        let waits: Vec<f64> = if wait > 0.0 { middles().map(|middle| middle * wait).collect() } else { vec![0.0] };
        let lates: Vec<f64> =
            if to > from { middles().map(|middle| from + middle * (to - from)).collect() } else { vec![*from] };
        let each = share / (waits.len() * lates.len()) as f64;
        all.extend(waits.iter().flat_map(|wait| lates.iter().map(move |late| (transit + wait + late, each))));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_near, setting};
    use super::*;

    fn over(loss: f64, round_trip: f64, rate: f64, gaps: Gaps) -> Setting {
        Setting { loss, round_trip, transit: Some(round_trip / 2.0), ..setting(rate, gaps) }
    }

    /// The figures of docs/PATHS.md: 100 messages a second, 20 ms each way, 1 %.
    #[test]
    fn a_lost_message_of_a_stream_waits_for_the_next_and_a_round_trip_and_a_lone_one_for_the_timeout() {
        let stream = |setting: &Setting| Lossy::of(Transport::WebSocket, setting).unwrap();
        let close = stream(&over(0.01, 0.04, 100.0, Gaps::Steady));
        assert_near(close.quantile(0.999), 0.02 + 0.04 + 0.01, "20 ms there, 40 for the SACK, 10 for the next message");
        assert_near(close.quantile(0.5), 0.02, "most are not late");
        let alone = stream(&over(0.01, 0.04, 1.0, Gaps::Steady));
        assert_near(alone.quantile(0.999), 0.02 + 0.04 + 0.2, "the timeout");
        assert_near(alone.mean(), 0.02 + 0.01 * 0.24, "mean");
    }

    #[test]
    fn all_that_comes_behind_a_lost_message_waits_for_it() {
        // Fifty messages a second, so that five come within the 100 ms until the lost one is there again.
        let setting = over(0.01, 0.08, 50.0, Gaps::Steady);
        let lossy = Lossy::of(Transport::Sse, &setting).unwrap();
        let late: f64 = lossy.spread.iter().filter(|(latency, _)| *latency > 0.0401).map(|(_, share)| share).sum();
        assert_near(late, 0.05, "the lost one and four behind it");
        assert_near(lossy.spread.iter().map(|(_, share)| share).sum(), 1.0, "all of them");
    }

    #[test]
    fn without_loss_there_is_nothing_to_say() {
        assert!(Lossy::of(Transport::Sse, &over(0.0, 0.04, 10.0, Gaps::Steady)).is_none());
        let polling = Lossy::of(Transport::Polling, &over(0.01, 0.04, 10.0, Gaps::Steady)).unwrap();
        assert_near(polling.mean(), 0.5 + 0.02 + 0.02 * 0.24, "half an interval, and two chances of the timeout");
        let parked = Lossy::of(Transport::LongPolling, &over(0.01, 0.04, 1.0, Gaps::Poisson)).unwrap();
        assert!(parked.mean() > 0.02 + 0.01 * 0.24, "an answer that is lost, and what waits for a request");
    }
}
