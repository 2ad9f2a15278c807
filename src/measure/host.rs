//! Readings of the host and of processes from `/proc`. A reading that is not available on a system is `None`.

use std::fs;

use procfs::process::Process;
use procfs::{CpuInfo, Current, CurrentSI, KernelStats, Meminfo};
use rustix::time::{ClockId, clock_gettime};

use crate::units::Nanos;

fn process(pid: u32) -> Option<Process> {
    Process::new(i32::try_from(pid).ok()?).ok()
}

/// Exact resident memory of a process. `smaps_rollup` walks the pages, while `status` is only approximate; it is slow,
/// so use it at the ends of an interval and not inside.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let rollup = process(pid)?.smaps_rollup().ok()?.memory_map_rollup;
    rollup.into_iter().next()?.extension.map.get("Rss").copied()
}

/// How long the threads of a process were runnable and waited for a processor since they started (the second figure of
/// `schedstat`: Documentation/scheduler/sched-stats.rst of the kernel).
pub fn waited(pid: u32) -> Option<Nanos> {
    let threads = process(pid)?.tasks().ok()?;
    // A thread that ends between the listing and the reading is left out.
    Some(Nanos(threads.filter_map(|thread| thread.ok()?.schedstat().ok()).map(|stat| stat.run_delay).sum()))
}

/// Open file descriptors of a process.
pub fn open_files(pid: u32) -> Option<u64> {
    Some(process(pid)?.fd_count().ok()? as u64)
}

/// Memory used by the kernel for its own objects and for TCP's buffers.
///
/// Sockets, their inodes, directory entries and epoll items are in the slab; TCP counts the data in socket queues in
/// pages.
pub fn kernel_bytes() -> Option<u64> {
    // procfs does not parse this file.
    let sockets = fs::read_to_string("/proc/net/sockstat").ok()?;
    let tcp = sockets.lines().find(|line| line.starts_with("TCP:"))?;
    let pages: u64 = tcp.split_whitespace().skip_while(|&word| word != "mem").nth(1)?.parse().ok()?;
    Some(Meminfo::current().ok()?.slab + pages * procfs::page_size())
}

/// Segments that TCP has retransmitted on all connections of this network namespace (`RetransSegs` of RFC 4022).
pub fn segments_retransmitted() -> Option<u64> {
    snmp(&fs::read_to_string("/proc/net/snmp").ok()?, "Tcp:", "RetransSegs")
}

/// A counter of `/proc/net/snmp`, which has a line of names and a line of numbers for each protocol.
fn snmp(text: &str, protocol: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(protocol));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|one| one == name)?;
    numbers.split_whitespace().nth(at)?.parse().ok()
}

/// CPU time of the whole host since boot.
#[derive(Clone, Copy, Debug)]
pub struct HostTime {
    /// Time in which processors were not idle, summed over all processors: work, interrupts and, on a virtual machine,
    /// time that was stolen while there was work.
    pub busy: Nanos,
    /// Time taken by other guests of the same machine.
    pub steal: Nanos,
}

/// Reads the host's CPU time. Busy is the time that is not idle: the kernel measures how long a processor sleeps, but
/// only samples at its ticks what it does otherwise, and the sum of those samples can be less than the known CPU time
/// of single programs.
pub fn time() -> Option<HostTime> {
    let now = clock_gettime(ClockId::Boottime);
    let stats = KernelStats::current().ok()?;
    let nanos = |ticks: u64| ticks * (Nanos::SECOND.0 / procfs::ticks_per_second());
    let elapsed = now.tv_sec as u64 * Nanos::SECOND.0 + now.tv_nsec as u64;
    let all = elapsed * stats.cpu_time.len() as u64;
    let busy = Nanos(all.saturating_sub(nanos(stats.total.idle + stats.total.iowait?)));
    Some(HostTime { busy, steal: Nanos(nanos(stats.total.steal?)) })
}

/// Number of online processors of the host, including those that this process is kept off (`--pin`).
pub fn cores() -> u32 {
    let cores = KernelStats::current().map_or(1, |stats| stats.cpu_time.len());
    u32::try_from(cores).unwrap_or(1).max(1)
}

/// Identifies the current boot of the host: two processes that read the same id share one monotonic clock, unless one
/// of them is in a time namespace (time_namespaces(7)).
pub fn boot_id() -> Option<String> {
    procfs::sys::kernel::random::boot_id().ok().map(|name| name.trim().to_owned())
}

/// Processor model.
pub fn processor() -> Option<String> {
    CpuInfo::current().ok()?.model_name(0).map(str::to_owned)
}

/// Memory of the host.
pub fn memory_bytes() -> Option<u64> {
    Meminfo::current().ok().map(|memory| memory.mem_total)
}

/// Raises the soft limit on open files to the hard one, and returns it.
pub fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum.unwrap_or(u64::MAX),
        Err(_) => current.unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_counter_is_found_by_its_name() {
        let text = "Ip: Forwarding\nIp: 1\nTcp: OutSegs RetransSegs InErrs\nTcp: 500 7 0\n";
        assert_eq!(snmp(text, "Tcp:", "RetransSegs"), Some(7));
        assert_eq!(snmp(text, "Tcp:", "Absent"), None);
        assert!(segments_retransmitted().is_some());
    }

    #[test]
    fn the_host_and_this_process_can_be_read() {
        let me = std::process::id();
        assert!(resident_bytes(me).is_some_and(|bytes| bytes > 100_000));
        assert!(waited(me).is_some());
        assert!(open_files(me).is_some_and(|files| files >= 3));
        assert!(kernel_bytes().is_some_and(|bytes| bytes > 1 << 20));
        let begun = time().unwrap();
        assert!(begun.busy > Nanos::ZERO);
        let own = || super::super::process::process_cpu(me).unwrap();
        let (before, step) = (own(), Nanos(60 * Nanos::MILLI.0));
        while own().saturating_sub(before) < step {
            std::hint::spin_loop();
        }
        // Up to the resolution of idle time, one tick.
        let busy = time().unwrap().busy.saturating_sub(begun.busy);
        assert!(busy.0 + 20 * Nanos::MILLI.0 >= step.0, "{busy}");
        assert!(memory_bytes() > resident_bytes(me), "in the same unit");
        assert!(std::thread::available_parallelism().unwrap().get() <= cores() as usize);
        assert_eq!(boot_id().unwrap().len(), 36, "a UUID without its line end");
        assert_eq!(resident_bytes(u32::MAX), None);
    }
}
