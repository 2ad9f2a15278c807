//! The kernel's counters of a TCP connection, and the CPU time of another process.
#![allow(unsafe_code, reason = "getsockopt(TCP_INFO) has no safe binding, nor in nix")]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::socket::{MsgFlags, Shutdown, shutdown};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::units::Nanos;

/// The kernel's counters of one end of a TCP connection since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpCounts {
    /// Segments sent, acknowledgements included.
    pub segments_out: u64,
    /// Segments received.
    pub segments_in: u64,
    /// Segments with data, sent and received.
    pub data_segments: u64,
    /// Retransmitted bytes of data.
    pub bytes_retransmitted: u64,
    /// Bytes of data in a full outgoing segment; for several connections, the maximum.
    pub segment_bytes: u32,
    /// Segments with data sent.
    pub data_segments_out: u64,
    /// How many of these were retransmissions.
    pub segments_retransmitted: u64,
    /// The shortest round trip that the kernel saw in the last minutes (`net.ipv4.tcp_min_rtt_wlen`): that of the
    /// path, without the other side's delayed acknowledgements. For several connections, the minimum.
    pub round_trip: Option<Nanos>,
    /// Number of connections in these counts: each starts with two segments that have longer headers.
    pub connections: u64,
}

impl std::ops::Add for TcpCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            segments_out: self.segments_out + other.segments_out,
            segments_in: self.segments_in + other.segments_in,
            data_segments: self.data_segments + other.data_segments,
            bytes_retransmitted: self.bytes_retransmitted + other.bytes_retransmitted,
            segment_bytes: self.segment_bytes.max(other.segment_bytes),
            data_segments_out: self.data_segments_out + other.data_segments_out,
            segments_retransmitted: self.segments_retransmitted + other.segments_retransmitted,
            round_trip: [self.round_trip, other.round_trip].into_iter().flatten().min(),
            connections: self.connections + other.connections,
        }
    }
}

impl TcpCounts {
    /// The increase since `earlier`, a reading of the same connection.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            segments_out: self.segments_out.saturating_sub(earlier.segments_out),
            segments_in: self.segments_in.saturating_sub(earlier.segments_in),
            data_segments: self.data_segments.saturating_sub(earlier.data_segments),
            bytes_retransmitted: self.bytes_retransmitted.saturating_sub(earlier.bytes_retransmitted),
            segment_bytes: self.segment_bytes,
            data_segments_out: self.data_segments_out.saturating_sub(earlier.data_segments_out),
            segments_retransmitted: self.segments_retransmitted.saturating_sub(earlier.segments_retransmitted),
            round_trip: self.round_trip,
            connections: self.connections.saturating_sub(earlier.connections),
        }
    }

    /// Reads `TCP_INFO` (tcp(7); the fields are documented in Linux's `include/uapi/linux/tcp.h`).
    ///
    /// The caller must ensure that the descriptor still belongs to this connection: see
    /// [`crate::measure::sockets::Sockets`].
    ///
    /// Errors: those of `getsockopt`, for example for a descriptor that is not a TCP socket.
    pub fn of(socket: RawFd) -> io::Result<Self> {
        let info = tcp_info(socket)?;
        Ok(Self {
            segments_out: info.tcpi_segs_out.into(),
            segments_in: info.tcpi_segs_in.into(),
            data_segments: u64::from(info.tcpi_data_segs_in) + u64::from(info.tcpi_data_segs_out),
            bytes_retransmitted: info.tcpi_bytes_retrans,
            segment_bytes: info.tcpi_snd_mss,
            data_segments_out: info.tcpi_data_segs_out.into(),
            segments_retransmitted: info.tcpi_total_retrans.into(),
            // The field is all ones before the first acknowledgement.
            round_trip: (info.tcpi_min_rtt != u32::MAX).then(|| Nanos(u64::from(info.tcpi_min_rtt) * 1_000)),
            connections: 1,
        })
    }
}

/// How far a connection is from being closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// This side has not sent FIN.
    Open,
    /// This side has sent FIN, and segments may still pass.
    Ending,
    /// Nothing will pass any more, except what the kernel answers by itself.
    Ended,
}

/// The stage of this socket's connection; `None` if it is not a TCP socket.
///
/// The caller must ensure that the descriptor still belongs to this connection: see
/// [`crate::measure::sockets::Sockets`].
pub fn stage(socket: RawFd) -> Option<Stage> {
    // Linux's include/net/tcp_states.h; libc has them for few targets.
    const FIN_WAIT1: u8 = 4;
    const FIN_WAIT2: u8 = 5;
    const TIME_WAIT: u8 = 6;
    const CLOSE: u8 = 7;
    const LAST_ACK: u8 = 9;
    const CLOSING: u8 = 11;
    Some(match tcp_info(socket).ok()?.tcpi_state {
        FIN_WAIT1 | FIN_WAIT2 | LAST_ACK | CLOSING => Stage::Ending,
        TIME_WAIT | CLOSE => Stage::Ended,
        _ => Stage::Open,
    })
}

/// A second descriptor of the same socket: the connection exists until both are closed.
///
/// The caller must ensure that the descriptor still belongs to this connection: see
/// [`crate::measure::sockets::Sockets`].
///
/// Errors: those of `dup`, for example too many open files.
pub fn hold(socket: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor stays open during this call, since its entry in the table is locked.
    let socket = unsafe { BorrowedFd::borrow_raw(socket) };
    socket.try_clone_to_owned()
}

fn tcp_info(socket: RawFd) -> io::Result<libc::tcp_info> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into a buffer of that size. A descriptor that is not open, or
    // not a TCP socket, only causes an error.
    let code =
        unsafe { libc::getsockopt(socket, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &mut length) };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: every field is an integer, for which the zeros that the kernel may have left are valid.
    Ok(unsafe { info.assume_init() })
}

/// The kernel's counters of the sending end of a TCP connection over a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpSender {
    /// Bytes of data in a full segment.
    pub segment_bytes: u32,
    /// Segments retransmitted since the connection was opened.
    pub segments_retransmitted: u32,
    /// Data segments sent, including retransmissions.
    pub data_segments: u32,
    /// The smoothed round trip (RFC 6298).
    pub round_trip: Nanos,
}

impl TcpSender {
    /// Reads them from `TCP_INFO`.
    ///
    /// Errors: those of `getsockopt`, for example for a descriptor that is not a TCP socket.
    pub fn of(socket: impl AsFd) -> io::Result<Self> {
        let info = tcp_info(socket.as_fd().as_raw_fd())?;
        Ok(Self {
            segment_bytes: info.tcpi_snd_mss,
            segments_retransmitted: info.tcpi_total_retrans,
            data_segments: info.tcpi_data_segs_out,
            round_trip: Nanos(u64::from(info.tcpi_rtt) * 1_000),
        })
    }
}

/// Shuts down a connection in both directions at once: a pending read returns the end of the stream.
///
/// The caller must ensure that the descriptor still belongs to this connection: see
/// [`crate::measure::sockets::Sockets`].
///
/// Errors: the connection is already closed.
pub fn shut(socket: RawFd) -> io::Result<()> {
    Ok(shutdown(socket, Shutdown::Both)?)
}

/// Sends without blocking, and returns how many bytes were accepted.
///
/// The caller must ensure that the descriptor still belongs to this connection: see
/// [`crate::measure::sockets::Sockets`].
///
/// Errors: the connection is closed.
pub fn send(socket: RawFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(nix::sys::socket::send(socket, bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)?)
}

/// User and system CPU time of a process, with all its threads.
///
/// `/proc/PID/stat` counts the same in ticks of 10 ms, too coarse for a few seconds of a light load.
///
/// Errors: the process has exited.
pub fn process_cpu(pid: u32) -> io::Result<Nanos> {
    let pid = Pid::from_raw(i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?);
    let time = ClockId::pid_cpu_clock_id(pid)?.now()?;
    Ok(Nanos(time.tv_sec() as u64 * Nanos::SECOND.0 + time.tv_nsec() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn segments_are_counted_on_both_ends_of_a_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut near = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let before = TcpCounts::of(near.as_raw_fd()).unwrap();
        for _ in 0..10 {
            near.write_all(b"ping").await.unwrap();
            far.read_exact(&mut [0; 4]).await.unwrap();
            far.write_all(b"pong").await.unwrap();
            near.read_exact(&mut [0; 4]).await.unwrap();
        }
        let after = TcpCounts::of(near.as_raw_fd()).unwrap();
        assert!(after.segments_out - before.segments_out >= 10);
        assert!(after.segments_in - before.segments_in >= 10);
        assert_eq!(after.bytes_retransmitted, 0);
        assert!((1_000..65_536).contains(&after.segment_bytes), "{after:?}");
    }

    #[test]
    fn cpu_time_of_this_process_grows_with_work_and_that_of_a_missing_process_is_an_error() {
        let me = std::process::id();
        let before = process_cpu(me).unwrap();
        while process_cpu(me).unwrap() == before {
            std::hint::spin_loop();
        }
        assert!(process_cpu(u32::MAX).is_err());
    }
}
