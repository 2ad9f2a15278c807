//! The clock for all measurements: the host's monotonic clock, read in the same way by the server and the load
//! generator.
//!
//! Both processes read `CLOCK_MONOTONIC`, which counts from boot and is shared by all processes of a host. Clocks that
//! calibrate themselves per process (quanta, minstant) cannot relate an instant of one process to one of another.
//!
//! On the wire, an instant is in microseconds since the Unix epoch (`at_us`). A process reads the system's clock once
//! and from then on adds a constant number of microseconds to the monotonic clock: its [`UnixAnchor`]. So `at_us` never
//! jumps, and has as many digits after a minute of uptime as after a year. Two processes of one host read the system's
//! clock at different moments, and it may have been set in between, so they must not compare `at_us` directly. `GET
//! /clock` returns one instant on both clocks, which gives a client on the same host the server's exact anchor.
//!
//! [`Clock::Runtime`] follows tokio's time instead, so that tests can pause it and a simulation can drive it.

use std::io;
use std::sync::LazyLock;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use crate::units::{Nanos, UnixMicros};

/// The offset of a monotonic clock from the Unix epoch, in whole microseconds.
///
/// An instant on a whole microsecond is converted exactly in both directions, any other one to the nearest microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixAnchor(pub i64);

impl UnixAnchor {
    /// The anchor of a simulation, whose clock starts at zero: the same in each run, and with sixteen digits like any
    /// other.
    pub const SIMULATED: Self = Self(1_800_000_000_000_000);

    /// The anchor of this process, from one reading of the system's clock.
    pub fn of_process() -> Self {
        static ANCHOR: LazyLock<UnixAnchor> = LazyLock::new(UnixAnchor::read);
        *ANCHOR
    }

    /// The anchor that maps `instant` to `unix`.
    pub fn between(unix: UnixMicros, instant: Nanos) -> Self {
        Self(signed(unix.0).saturating_sub(signed(instant.whole_micros().0 / Nanos::MICRO.0)))
    }

    /// Converts an instant to the wire. One before 1970 becomes 0.
    pub fn unix(self, instant: Nanos) -> UnixMicros {
        let micros = signed(instant.whole_micros().0 / Nanos::MICRO.0).saturating_add(self.0);
        UnixMicros(u64::try_from(micros).unwrap_or(0))
    }

    /// Converts an instant from the wire. One before the zero of the monotonic clock becomes 0.
    pub fn instant(self, unix: UnixMicros) -> Nanos {
        let micros = signed(unix.0).saturating_sub(self.0);
        Nanos(u64::try_from(micros).unwrap_or(0).saturating_mul(Nanos::MICRO.0))
    }

    /// Reads both clocks: the system's between two readings of the monotonic one. Uses the attempt in which these two
    /// are closest together, since the others were interrupted.
    fn read() -> Self {
        const ATTEMPTS: usize = 8;
        let attempts = (0..ATTEMPTS).map(|_| {
            let before = Clock::Monotonic.now();
            let unix = nanos(clock_gettime(ClockId::Realtime));
            let between = Clock::Monotonic.now().saturating_sub(before);
            (between, Self::between(UnixMicros(unix.whole_micros().0 / Nanos::MICRO.0), middle(before, between)))
        });
        attempts.min_by_key(|(between, _)| *between).map_or(Self(0), |(_, anchor)| anchor)
    }
}

fn middle(from: Nanos, length: Nanos) -> Nanos {
    from.saturating_add(Nanos(length.0 / 2))
}

/// Saturates at 292,000 years, which no instant reaches.
fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// A system clock set to before 1970 counts as 1970.
fn nanos(time: Timespec) -> Nanos {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Nanos(seconds.saturating_mul(Nanos::SECOND.0).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0)))
}

/// The source of the current time.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The host's `CLOCK_MONOTONIC`.
    Monotonic,
    /// tokio's clock, counted from this instant; tests can pause it.
    Runtime(Instant),
}

impl Clock {
    /// Nanoseconds since boot, or since the start of a simulation.
    pub fn now(self) -> Nanos {
        match self {
            Self::Monotonic => nanos(clock_gettime(ClockId::Monotonic)),
            Self::Runtime(origin) => Nanos::from(origin.elapsed()),
        }
    }

    /// Its anchor, which is constant for the life of the process.
    pub fn anchor(self) -> UnixAnchor {
        match self {
            Self::Monotonic => UnixAnchor::of_process(),
            Self::Runtime(_) => UnixAnchor::SIMULATED,
        }
    }

    /// The instant `at` on tokio's clock, for sleeps where a millisecond does not matter.
    pub fn instant(self, at: Nanos) -> Instant {
        Instant::now() + at.saturating_sub(self.now()).duration()
    }

    /// A timer of this clock. See [`Timer`].
    pub fn timer(self) -> io::Result<Timer> {
        match self {
            Self::Monotonic => {
                let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
                #[expect(deprecated, reason = "unsound only for types that give up their descriptor; OwnedFd does not")]
                let fd = AsyncFd::new(fd)?;
                Ok(Timer::Kernel(fd))
            }
            Self::Runtime(_) => Ok(Timer::Runtime(self)),
        }
    }
}

/// Sleeps until an instant of the clock with the kernel's precision, about 50 µs.
///
/// tokio's own sleep rounds up to whole milliseconds, which would add half a millisecond to every latency that is
/// measured from the schedule. A timer costs one file descriptor, so use one per schedule and not one per client.
pub enum Timer {
    /// A `timerfd`.
    Kernel(AsyncFd<rustix::fd::OwnedFd>),
    /// tokio's sleep, for paused time.
    Runtime(Clock),
}

impl Timer {
    /// Returns at `at`, or at once if that has passed.
    ///
    /// Cancel safe: the next call sets the timer again.
    pub async fn sleep_until(&mut self, at: Nanos) -> io::Result<()> {
        match self {
            Self::Kernel(fd) => {
                // A value of zero would disarm the timer instead of firing it.
                let at = at.0.max(1);
                let value = Timespec { tv_sec: (at / 1_000_000_000) as i64, tv_nsec: (at % 1_000_000_000) as i64 };
                let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
                timerfd_settime(&*fd, TimerfdTimerFlags::ABSTIME, &once)?;
                loop {
                    let mut ready = fd.readable().await?;
                    let mut expirations = [0u8; 8];
                    match ready.try_io(|fd| Ok(rustix::io::read(fd, &mut expirations)?)) {
                        Ok(outcome) => return outcome.map(drop),
                        Err(_not_yet) => continue,
                    }
                }
            }
            Self::Runtime(clock) => {
                tokio::time::sleep_until(clock.instant(at)).await;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_on_a_whole_microsecond_is_converted_exactly_both_ways_and_any_other_to_the_nearest() {
        for anchor in [UnixAnchor(1_795_363_216_000_123), UnixAnchor::SIMULATED, UnixAnchor(0), UnixAnchor(-5_000_000)]
        {
            for micros in [5_000_000, 5_000_001, 31_622_400_000_000] {
                let instant = Nanos(micros * 1_000);
                let unix = anchor.unix(instant);
                assert_eq!((anchor.instant(unix), UnixAnchor::between(unix, instant)), (instant, anchor));
                assert_eq!(anchor.unix(Nanos(instant.0 + 499)), unix);
                assert_eq!(anchor.unix(Nanos(instant.0 - 500)), unix);
                assert_eq!(anchor.unix(Nanos(instant.0 + 500)).0, unix.0 + 1);
            }
        }
    }

    #[test]
    fn an_instant_out_of_range_saturates() {
        assert_eq!(UnixAnchor(1_000).instant(UnixMicros(999)), Nanos::ZERO);
        assert_eq!(UnixAnchor(-1_000).unix(Nanos(999_000)), UnixMicros(0));
        assert_eq!(UnixAnchor(0).instant(UnixMicros(u64::MAX)), Nanos::MAX);
        assert!(UnixAnchor(i64::MAX).unix(Nanos::MAX).0 > 0);
    }

    #[test]
    fn the_clock_of_a_process_is_the_systems_with_sixteen_digits_and_so_is_a_simulations() {
        let system = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as u64;
        let clock = Clock::Monotonic;
        let ours = clock.anchor().unix(clock.now()).0;
        // The test may have to wait for a processor between the two readings; a wrong anchor is off by hours.
        assert!((system..system + 10_000_000).contains(&ours), "{system} {ours}");
        let simulated = Clock::Runtime(Instant::now());
        for micros in [ours, simulated.anchor().unix(Nanos::ZERO).0, simulated.anchor().unix(simulated.now()).0] {
            assert_eq!(micros.to_string().len(), 16);
            assert!(micros < 1 << 53, "exact in JavaScript");
        }
    }

    #[tokio::test]
    async fn a_kernel_timer_never_fires_early() {
        let clock = Clock::Monotonic;
        let mut timer = clock.timer().unwrap();
        for wait in [Nanos(0), Nanos(200_000), Nanos(3_000_000)] {
            let at = clock.now().saturating_add(wait);
            timer.sleep_until(at).await.unwrap();
            assert!(clock.now() >= at);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_runtime_timer_follows_paused_time() {
        let clock = Clock::Runtime(Instant::now());
        let at = clock.now().saturating_add(Nanos(3_600 * Nanos::SECOND.0));
        clock.timer().unwrap().sleep_until(at).await.unwrap();
        assert!(clock.now() >= at);
    }
}
