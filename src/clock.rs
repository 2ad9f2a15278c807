//! One clock for every figure: the host's monotonic clock, read the same way in the server and in the load generator.
//!
//! Both processes read `CLOCK_MONOTONIC`, which counts from boot and is shared by all processes of a host, so an
//! `at_ns` written by the server can be subtracted from an arrival seen by the generator without any offset. Clocks
//! that calibrate themselves per process (quanta, minstant) cannot do that.
//!
//! [`Clock::Runtime`] follows tokio's time instead, so that tests can pause it and a simulation can drive it.

use std::io;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use crate::units::Nanos;

/// Where "now" comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The host's `CLOCK_MONOTONIC`.
    Monotonic,
    /// tokio's clock, counted from the instant given here: pausable in tests.
    Runtime(Instant),
}

impl Clock {
    /// Nanoseconds since boot, or since the start of a simulation.
    pub fn now(self) -> Nanos {
        match self {
            Self::Monotonic => {
                let now = clock_gettime(ClockId::Monotonic);
                Nanos(now.tv_sec as u64 * Nanos::SECOND.0 + now.tv_nsec as u64)
            }
            Self::Runtime(origin) => Nanos::from(origin.elapsed()),
        }
    }

    /// The instant `at` as tokio counts it: for sleeps where a millisecond either way does not matter.
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
/// measured from the schedule. One timer costs one file descriptor: it is for a schedule, not for each client.
pub enum Timer {
    /// A `timerfd`.
    Kernel(AsyncFd<rustix::fd::OwnedFd>),
    /// tokio's sleep, for paused time.
    Runtime(Clock),
}

impl Timer {
    /// Returns at `at`, at once if that has passed.
    ///
    /// Cancel safe: a sleep that is dropped leaves a timer that the next call sets anew.
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
