//! The relay process: reads packets from the device, and writes those that a link lets through back when they are due.
//! It has one thread, and uses the kernel's timer at nanosecond resolution.
//!
//! Standard input is the device, standard output a socket to the load generator. On that socket the relay prints
//! `ready`, answers each line with a [`RelayReport`], and exits when the other end is closed.

use std::io::{self, Read, Write};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use hdrhistogram::Histogram;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::relay::{Relay, RelayReport};
use super::tun;
use crate::clock::Clock;
use crate::limits;
use crate::run::path::PathSettings;
use crate::units::Nanos;

/// The nice value of highest priority (sched(7)).
const FIRST: i32 = -20;

/// Relays until the other end of standard output is closed.
///
/// Errors: those of the device and of the socket.
pub fn serve(settings: PathSettings, seed: u64) -> io::Result<()> {
    let device = io::stdin().as_fd().try_clone_to_owned()?;
    let control = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    rustix::io::ioctl_fionbio(&device, true)?;
    control.set_nonblocking(true)?;
    // By default the kernel may let a thread sleep 50 µs too long, to wake fewer processors.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    // The relay must not wait for the processes whose packets it carries. Only root may raise its priority; otherwise,
    // the measured delays of the path show how much it waited.
    let _as_it_is = rustix::process::setpriority_process(None, FIRST);
    let relay = Relay::new(settings, seed);
    let late = Histogram::new_with_bounds(1, limits::HISTOGRAM_MAX.0, limits::HISTOGRAM_DIGITS)
        .map_err(|error| io::Error::other(error.to_string()))?;
    Process { relay, device, control, late, refused: 0, missed_before: missed() }.run()
}

struct Process {
    relay: Relay,
    device: OwnedFd,
    control: UnixStream,
    /// How late packets left, in nanoseconds.
    late: Histogram<u64>,
    refused: u64,
    missed_before: u64,
}

impl Process {
    fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; 2 * limits::PATH_MTU_BYTES];
        // Packets left over from earlier trials do not belong to this one.
        while self.read(&mut buffer)?.is_some() {}
        self.control.write_all(b"ready\n")?;
        loop {
            self.send_due()?;
            let mut is_empty = false;
            for _ in 0..limits::PATH_READ_BATCH {
                let Some(length) = self.read(&mut buffer)? else {
                    is_empty = true;
                    break;
                };
                self.relay.take(&mut buffer[..length], Clock::Monotonic.now());
            }
            if is_empty && self.wait()? && !self.answer()? {
                return Ok(());
            }
        }
    }

    /// Reads a packet, if there is one.
    fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match rustix::io::read(&self.device, buffer) {
            Ok(length) => Ok(Some(length)),
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn send_due(&mut self) -> io::Result<()> {
        let mut now = Clock::Monotonic.now();
        while let Some((due, packet)) = self.relay.release(now) {
            // A full device refuses a packet; it counts as refused, as if the wire had lost it.
            if rustix::io::write(&self.device, &packet).is_err() {
                self.refused += 1;
            }
            now = Clock::Monotonic.now();
            self.late.saturating_record(now.saturating_sub(due).0);
        }
        Ok(())
    }

    /// Waits for a packet, for the next due packet, or for the other end; returns whether the other end has sent
    /// something.
    fn wait(&self) -> io::Result<bool> {
        let timeout = self.relay.due().map(|due| {
            let left = due.saturating_sub(Clock::Monotonic.now());
            Timespec { tv_sec: (left.0 / Nanos::SECOND.0) as i64, tv_nsec: (left.0 % Nanos::SECOND.0) as i64 }
        });
        let mut sources = [PollFd::new(&self.device, PollFlags::IN), PollFd::new(&self.control, PollFlags::IN)];
        match poll(&mut sources, timeout.as_ref()) {
            Ok(_) => Ok(!sources[1].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Answers a query; false if the other end is closed.
    fn answer(&mut self) -> io::Result<bool> {
        let mut question = [0; 64];
        match self.control.read(&mut question) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error),
        }
        let report = RelayReport {
            refused: self.refused,
            missed: missed().saturating_sub(self.missed_before),
            late_ns_p50: Nanos(self.late.value_at_quantile(0.5)),
            late_ns_p99: Nanos(self.late.value_at_quantile(0.99)),
            late_ns_max: Nanos(self.late.max()),
            ..self.relay.report()
        };
        let mut line = serde_json::to_string(&report)?;
        line.push('\n');
        self.control.write_all(line.as_bytes())?;
        Ok(true)
    }
}

/// Packets that the device has dropped so far because its queue was full.
fn missed() -> u64 {
    std::fs::read_to_string("/proc/net/dev").ok().and_then(|text| dropped(&text)).unwrap_or(0)
}

/// Packets dropped on transmission, from `/proc/net/dev`: the fourth of the eight transmit counts, which follow eight
/// receive counts.
fn dropped(text: &str) -> Option<u64> {
    let of_device = |line: &str| line.trim_start().strip_prefix(tun::DEVICE)?.strip_prefix(':').map(str::to_owned);
    text.lines().find_map(of_device)?.split_whitespace().nth(11)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_devices_drops_are_read_from_its_line() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
             face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed\n    \
             lo:     100       1    0    2    0     0          0         0      100       1    0    3    0     0       0          0\n  \
             path:     200       2    0    4    0     0          0         0      300       3    0   17    0     0       0          0\n";
        assert_eq!(dropped(text), Some(17));
        assert_eq!(dropped("lo: 1"), None);
    }
}
