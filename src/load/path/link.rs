//! One direction of one client's link, without a clock or a device: given a time and a packet, it decides what happens
//! to the packet.
//!
//! ```text
//! packet → queue (bounded, drop-tail) → rate limit → loss → delay ± jitter → out
//! ```
//!
//! A packet that is lost has used its share of the rate, as on a real link. Loss is random or comes in bursts: E. N.
//! Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39 (1960), with a bad state in which
//! every packet is lost, a good state in which none is, and one step per packet. After a silence of
//! [`limits::LOSS_MEMORY`] the state is drawn again. Otherwise a retransmission, which waits twice as long each time,
//! could meet the bad state for minutes.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::address::Direction;
use crate::limits;
use crate::run::path::PathSettings;
use crate::units::Nanos;

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Arrives {
        /// The time of arrival.
        at: Nanos,
        /// Does it overtake a packet that was sent before it?
        overtakes: bool,
    },
    /// The link loses it.
    Lost,
    /// The queue has no room for it.
    QueueFull,
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Link {
    delay: Nanos,
    jitter: Nanos,
    reorders: bool,
    bits_per_s: Option<u64>,
    queue_bytes: u64,
    /// When the last bit sent before will be out.
    free_at: Nanos,
    /// The latest arrival time of the packets so far.
    newest: Nanos,
    loss: Loss,
    jitters: ChaCha8Rng,
}

impl Link {
    /// The link of this path for one client and direction. The same seed repeats the losses and delays.
    pub fn new(settings: &PathSettings, direction: Direction, host: u16, seed: u64) -> Self {
        let bits_per_s = match direction {
            Direction::Up => settings.up_bits_per_s,
            Direction::Down => settings.down_bits_per_s,
        };
        let random = |kind: u64| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let way = u64::from(direction == Direction::Down);
            random.set_stream(u64::from(host) << 2 | way << 1 | kind);
            random
        };
        Self {
            // The odd nanosecond of a round trip goes to the downward direction.
            delay: match direction {
                Direction::Up => Nanos(settings.rtt.0 / 2),
                Direction::Down => Nanos(settings.rtt.0.div_ceil(2)),
            },
            jitter: settings.jitter,
            reorders: settings.reorder,
            bits_per_s,
            queue_bytes: bits_per_s.map_or(0, |bits_per_s| settings.queue_bytes(bits_per_s)),
            free_at: Nanos::ZERO,
            newest: Nanos::ZERO,
            loss: Loss::new(settings, random(0)),
            jitters: random(1),
        }
    }

    /// Sends a packet of this size, IP header included, at `now`.
    pub fn send(&mut self, bytes: usize, now: Nanos) -> Fate {
        let sent = match self.bits_per_s {
            None => now,
            Some(bits_per_s) => {
                let waiting = self.free_at.saturating_sub(now);
                let queued = u128::from(waiting.0) * u128::from(bits_per_s) / NANOBITS_PER_BYTE;
                if queued + bytes as u128 > u128::from(self.queue_bytes) {
                    return Fate::QueueFull;
                }
                let sending = bytes as u128 * NANOBITS_PER_BYTE / u128::from(bits_per_s);
                self.free_at = self.free_at.max(now).saturating_add(Nanos(sending as u64));
                self.free_at
            }
        };
        if self.loss.next(now) {
            return Fate::Lost;
        }
        let mut at = sent.saturating_add(self.way());
        let overtakes = at < self.newest;
        if !self.reorders {
            at = at.max(self.newest);
        }
        self.newest = self.newest.max(at);
        Fate::Arrives { at, overtakes: overtakes && self.reorders }
    }

    /// The delay plus or minus a uniformly distributed jitter.
    fn way(&mut self) -> Nanos {
        if self.jitter == Nanos::ZERO {
            return self.delay;
        }
        let off = self.jitters.random_range(0..=2 * self.jitter.0);
        Nanos((self.delay.0 + off).saturating_sub(self.jitter.0))
    }
}

/// Bits × nanoseconds per second in a byte; converts between byte counts, times and rates.
const NANOBITS_PER_BYTE: u128 = 8 * Nanos::SECOND.0 as u128;

/// Decides which packets are lost.
#[derive(Clone, Debug)]
struct Loss {
    /// Probability of the step from losing none to losing all.
    begins: f64,
    /// Probability of the step from losing all to losing none.
    ends: f64,
    is_bad: bool,
    /// When the last packet was sent; `None` before the first.
    last: Option<Nanos>,
    random: ChaCha8Rng,
}

impl Loss {
    fn new(settings: &PathSettings, random: ChaCha8Rng) -> Self {
        let share = settings.loss;
        // Random loss is the chain whose next state does not depend on the current one.
        let ends = settings.burst.map_or(1.0 - share, |burst| 1.0 / burst);
        // The share of bad steps is begins / (begins + ends) in the long run.
        let begins = share * ends / (1.0 - share);
        Self { begins, ends, is_bad: false, last: None, random }
    }

    fn next(&mut self, now: Nanos) -> bool {
        if self.begins == 0.0 {
            return false;
        }
        let last = self.last.replace(now);
        if last.is_none_or(|last| now.saturating_sub(last) >= Nanos::from(limits::LOSS_MEMORY)) {
            self.is_bad = self.random.random::<f64>() < self.begins / (self.begins + self.ends);
        }
        let chance = if self.is_bad { self.ends } else { self.begins };
        if self.random.random::<f64>() < chance {
            self.is_bad = !self.is_bad;
        }
        self.is_bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = Nanos::MILLI.0;

    fn settings(text: &str) -> PathSettings {
        text.parse().unwrap()
    }

    fn link(text: &str) -> Link {
        Link::new(&settings(text), Direction::Down, 1, 7)
    }

    fn fates(link: &mut Link, packets: u64, gap: Nanos) -> Vec<Fate> {
        (0..packets).map(|index| link.send(1_500, Nanos(index * gap.0))).collect()
    }

    fn is_lost(fate: &Fate) -> bool {
        *fate == Fate::Lost
    }

    #[test]
    fn the_delay_is_half_the_round_trip_to_the_nanosecond() {
        let path = settings("rtt=50000001ns");
        let ways = [Direction::Up, Direction::Down].map(|way| match Link::new(&path, way, 1, 7).send(40, Nanos(5)) {
            Fate::Arrives { at, overtakes: false } => at.0 - 5,
            other @ (Fate::Arrives { .. } | Fate::Lost | Fate::QueueFull) => panic!("{other:?}"),
        });
        assert_eq!(ways, [25_000_000, 25_000_001]);
    }

    #[test]
    fn the_share_of_lost_packets_is_the_requested_one_within_chance() {
        const PACKETS: u64 = 200_000;
        for share in [0.001, 0.01, 0.05, 0.2] {
            let lost = fates(&mut link(&format!("loss={}%", share * 100.0)), PACKETS, Nanos(1));
            let lost = lost.iter().filter(|fate| is_lost(fate)).count() as f64;
            let (mean, deviation) = (PACKETS as f64 * share, (PACKETS as f64 * share * (1.0 - share)).sqrt());
            // Four standard deviations of a binomial: one seed in 16,000 would fail, and the seed is fixed.
            assert!((lost - mean).abs() < 4.0 * deviation, "{share}: {lost} of {PACKETS}, {mean} ± {deviation}");
        }
    }

    #[test]
    fn losses_a_second_apart_are_independent_whatever_the_burst() {
        const PACKETS: u64 = 100_000;
        let bursts = |gap: Nanos| {
            let lost: Vec<bool> = fates(&mut link("loss=10%,burst=50"), PACKETS, gap).iter().map(is_lost).collect();
            let count = lost.iter().filter(|lost| **lost).count() as f64;
            count / lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64
        };
        let just_under = Nanos(Nanos::from(limits::LOSS_MEMORY).0 - 1);
        assert!(bursts(just_under) > 40.0);
        // Each draw is followed by one step of the chain, which leaves slightly less than independent losses would
        // have.
        assert!((1.0..1.2).contains(&bursts(limits::LOSS_MEMORY.into())));
    }

    #[test]
    fn bursts_have_the_requested_mean_length_and_random_losses_do_not_cluster() {
        const PACKETS: u64 = 400_000;
        for (text, share, length) in
            [("loss=2%,burst=5", 0.02, 5.0), ("loss=10%,burst=20", 0.1, 20.0), ("loss=5%", 0.05, 1.0 / 0.95)]
        {
            let lost: Vec<bool> = fates(&mut link(text), PACKETS, Nanos(1)).iter().map(is_lost).collect();
            let count = lost.iter().filter(|lost| **lost).count() as f64;
            let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
            let (found_share, found_length) = (count / PACKETS as f64, count / bursts);
            // The mean of many geometric lengths.
            let deviation = (length * (length - 1.0) / bursts).sqrt();
            assert!((found_length - length).abs() < 4.0 * deviation, "{text}: {found_length}");
            // Its variance is about (2 × length - 1) times that of independent losses.
            let deviation = (share / PACKETS as f64 * (2.0 * length - 1.0)).sqrt();
            assert!((found_share - share).abs() < 4.0 * deviation, "{text}: {found_share}");
        }
    }

    #[test]
    fn packets_leave_at_the_rate_and_wait_for_those_before_them() {
        // 1,500 bytes take a millisecond.
        let mut link = link("rtt=20ms,rate=12Mbit");
        let at = |fate| match fate {
            Fate::Arrives { at, .. } => at.0,
            Fate::Lost | Fate::QueueFull => panic!("{fate:?}"),
        };
        assert_eq!(at(link.send(1_500, Nanos(0))), 11 * MILLI);
        assert_eq!(at(link.send(1_500, Nanos(0))), 12 * MILLI);
        assert_eq!(at(link.send(1_500, Nanos(5 * MILLI))), 16 * MILLI, "the link was idle again");
    }

    #[test]
    fn a_full_queue_drops_new_packets_and_accepts_as_many_bytes_as_were_sent() {
        let mut link = link("rate=12Mbit,queue=15000B");
        let fates = fates(&mut link, 12, Nanos(0));
        assert!(fates[..10].iter().all(|fate| matches!(fate, Fate::Arrives { .. })), "{fates:?}");
        assert_eq!(fates[10..], [Fate::QueueFull; 2]);
        // One packet has left a millisecond later.
        assert!(matches!(link.send(1_500, Nanos(MILLI)), Fate::Arrives { at: Nanos(at), .. } if at == 11 * MILLI));
        assert_eq!(link.send(1_500, Nanos(MILLI)), Fate::QueueFull);
        assert!(matches!(link.send(1_500, Nanos(100 * MILLI)), Fate::Arrives { .. }));
    }

    #[test]
    fn each_direction_has_its_own_rate() {
        let path = settings("down=12Mbit,up=1.2Mbit");
        let ways = [Direction::Up, Direction::Down].map(|way| Link::new(&path, way, 1, 7).send(1_500, Nanos(0)));
        let at = |ms| Fate::Arrives { at: Nanos(ms * MILLI), overtakes: false };
        assert_eq!(ways, [at(10), at(1)]);
    }

    #[test]
    fn jitter_is_uniform_and_keeps_the_order_unless_reordering_is_requested() {
        let ats = |text: &str, gap: u64| -> Vec<u64> {
            let at = |fate: &Fate| match fate {
                Fate::Arrives { at, .. } => at.0,
                Fate::Lost | Fate::QueueFull => panic!("{fate:?}"),
            };
            fates(&mut link(text), 2_000, Nanos(gap * MILLI)).iter().map(at).collect()
        };
        // Far enough apart that no packet waits for another: each delay is due to the jitter only.
        let ways: Vec<u64> =
            (0..).zip(ats("rtt=100ms,jitter=20ms", 100)).map(|(index, at)| at - index * 100 * MILLI).collect();
        assert!(ways.iter().all(|way| (30 * MILLI..=70 * MILLI).contains(way)));
        let mean = ways.iter().sum::<u64>() / 2_000;
        assert!((49 * MILLI..51 * MILLI).contains(&mean), "{mean}");
        assert!(ats("rtt=100ms,jitter=20ms", 1).is_sorted());
        assert!(!ats("rtt=100ms,jitter=20ms,reorder=yes", 1).is_sorted());
    }

    #[test]
    fn an_overtaking_packet_is_marked_and_one_in_order_is_not() {
        let mut link = link("rtt=100ms,jitter=20ms,reorder=yes");
        let fates = fates(&mut link, 2_000, Nanos(MILLI));
        let mut newest = 0;
        for fate in fates {
            let Fate::Arrives { at, overtakes } = fate else { panic!("{fate:?}") };
            assert_eq!(overtakes, at.0 < newest);
            newest = newest.max(at.0);
        }
    }

    #[test]
    fn the_same_seed_repeats_a_link_and_every_client_and_direction_has_its_own_losses() {
        let path = settings("loss=20%");
        let lost = |direction, host, seed| -> Vec<bool> {
            fates(&mut Link::new(&path, direction, host, seed), 200, Nanos(1)).iter().map(is_lost).collect()
        };
        let one = lost(Direction::Up, 1, 1);
        assert_eq!(one, lost(Direction::Up, 1, 1));
        for other in [lost(Direction::Down, 1, 1), lost(Direction::Up, 2, 1), lost(Direction::Up, 1, 2)] {
            assert_ne!(one, other);
        }
    }
}
