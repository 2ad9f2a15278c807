//! A network namespace for this program, with the device of a path in it.
//!
//! [`enter`] moves this process, and everything that it starts, into the namespace. It must be called before a second
//! thread exists, since a process with several threads cannot enter a user namespace. A failure halfway would leave
//! the process without any network, so [`try_out`] does the same in a child process first, and reports why it fails if
//! it does.
//!
//! The user does not change: with sufficient privileges there is no user namespace, and without them user and group
//! keep their ids. Other processes, their ids and the file system are those of the host.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::sched::{CloneFlags, unshare};
use rustix::process::{getgid, getuid};
use serde::{Deserialize, Serialize};

use super::address::{CLIENTS, FAR, NEAR, PREFIX_BITS, SERVERS};
use super::netlink::Netlink;
use super::tun;
use crate::{limits, print};

/// The step that the system does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Opening `/dev/net/tun`.
    OpenDevice,
    /// `unshare(2)`.
    Unshare,
    /// Keeping user and group in the new user namespace.
    MapIds,
    /// Creating the TUN device.
    MakeDevice,
    /// Setting its addresses, and bringing it up.
    Configure,
    /// Starting a child process that tries all steps.
    TryOut,
}

/// Why a namespace is not available here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The step that failed.
    pub step: Step,
    /// The system's error number (errno(3)); `None` if it gave none.
    pub errno: Option<i32>,
}

impl Refusal {
    fn at(step: Step) -> impl Fn(io::Error) -> Self {
        move |error| Self { step, errno: error.raw_os_error() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, remedy) = match self.step {
            Step::OpenDevice => ("cannot open /dev/net/tun", "load the module tun, or give the container that device"),
            Step::Unshare => (
                "network namespaces are not allowed",
                "allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns), or run as root",
            ),
            Step::MapIds => ("cannot keep user and group in a user namespace", "run as root"),
            Step::MakeDevice => {
                ("cannot create a TUN device", "allow user namespaces their capabilities, or run as root")
            }
            Step::Configure => {
                ("cannot set up the TUN device", "allow user namespaces their capabilities, or run as root")
            }
            Step::TryOut => ("this program cannot start itself", "check the file's permissions"),
        };
        let reason = self.errno.map(|errno| format!(" ({})", io::Error::from_raw_os_error(errno))).unwrap_or_default();
        write!(f, "{what}{reason}; {remedy}")
    }
}

impl std::error::Error for Refusal {}

/// The namespace that this process is in, and the device for paths.
#[derive(Debug)]
pub struct Namespace {
    device: OwnedFd,
}

impl Namespace {
    /// The TUN device.
    pub fn device(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// Are network paths available to a run?
#[derive(Clone, Debug)]
pub enum Paths {
    /// This process is in no namespace, since no path was requested before it had threads.
    NotEntered,
    /// They are available.
    Real(Arc<Namespace>),
    /// The system does not allow them. A link is used instead, which delays a stream and knows no packets.
    Forbidden(Refusal),
}

impl Paths {
    /// Enters a namespace, if the system allows it. Call it before any thread is started.
    ///
    /// Errors: [`Refusal`] if that failed halfway, and this process has no network any more.
    pub fn enter() -> Result<Self, Refusal> {
        match try_out() {
            Ok(()) => Ok(Self::Real(Arc::new(enter()?))),
            Err(refusal) => Ok(Self::Forbidden(refusal)),
        }
    }

    /// Why paths are not available, if so.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::NotEntered | Self::Real(_) => None,
            Self::Forbidden(refusal) => Some(*refusal),
        }
    }

    /// The namespace; `None` if a link is used instead.
    ///
    /// Errors: [`NotEntered`].
    pub fn namespace(&self) -> Result<Option<&Namespace>, NotEntered> {
        match self {
            Self::NotEntered => Err(NotEntered),
            Self::Real(namespace) => Ok(Some(namespace)),
            Self::Forbidden(_) => Ok(None),
        }
    }
}

/// A path was requested too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a path needs a network namespace, which must be entered before the first thread of the program starts")]
pub struct NotEntered;

/// The hidden command of the child process of [`try_out`].
pub const TRY_COMMAND: &str = "path-try";

/// Tries in a child process whether [`enter`] would work here.
///
/// Errors: [`Refusal`].
pub fn try_out() -> Result<(), Refusal> {
    let at = Refusal::at(Step::TryOut);
    let program = std::env::current_exe().map_err(&at)?;
    let said = Command::new(program).arg(TRY_COMMAND).stdin(Stdio::null()).output().map_err(&at)?;
    let outcome: Option<Result<(), Refusal>> = serde_json::from_slice(&said.stdout).ok();
    outcome.unwrap_or(Err(Refusal { step: Step::TryOut, errno: None }))
}

/// The child's side of [`try_out`]: prints the result.
///
/// Errors: as for printing.
pub fn answer_try() -> anyhow::Result<()> {
    let outcome = enter().map(drop);
    Ok(print::out(&(serde_json::to_string(&outcome)? + "\n"))?)
}

/// Moves this process into a new namespace. Call it before any thread is started, and only if [`try_out`] succeeded:
/// after a failure halfway, a process has no network any more.
///
/// Errors: [`Refusal`].
pub fn enter() -> Result<Namespace, Refusal> {
    // With enough privileges, as root has, the user stays unchanged; otherwise a user namespace grants them.
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        let (user, group) = (getuid().as_raw(), getgid().as_raw());
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
            .map_err(|errno| Refusal::at(Step::Unshare)(errno.into()))?;
        // Without the first map, the third is not allowed (user_namespaces(7)).
        let maps = [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("{user} {user} 1")),
            ("gid_map", format!("{group} {group} 1")),
        ];
        for (name, text) in maps {
            fs::write(format!("/proc/self/{name}"), text).map_err(Refusal::at(Step::MapIds))?;
        }
    }
    // Not before now: a device belongs to the namespace in which its file was opened.
    let file = tun::open().map_err(Refusal::at(Step::OpenDevice))?;
    let device = tun::create(file).map_err(Refusal::at(Step::MakeDevice))?;
    // Only packets of the path: without this the kernel looks for IPv6 routers on the device.
    set("ipv6/conf/all/disable_ipv6", "1");
    configure().map_err(Refusal::at(Step::Configure))?;
    // A connection must not start with what an earlier one has learned about the path (tcp_metrics).
    set("ipv4/tcp_no_metrics_save", "1");
    Ok(Namespace { device })
}

/// Adds both ends to the device, and brings it and the loopback interface up.
fn configure() -> io::Result<()> {
    let netlink = Netlink::new()?;
    netlink.switch_on("lo")?;
    netlink.set_sizes(tun::DEVICE, limits::PATH_MTU_BYTES as u32, limits::PATH_DEVICE_PACKETS)?;
    // The near end reaches servers and the far end reaches clients, each by a route with its own source address.
    netlink.add_address(tun::DEVICE, NEAR, SERVERS, PREFIX_BITS)?;
    netlink.add_address(tun::DEVICE, FAR, CLIENTS, PREFIX_BITS)?;
    netlink.switch_on(tun::DEVICE)
}

/// Do connections start without the metrics of earlier ones?
pub fn forgets_metrics() -> bool {
    fs::read_to_string("/proc/sys/net/ipv4/tcp_no_metrics_save").is_ok_and(|text| text.trim() == "1")
}

/// Sets a sysctl of the namespace. If `/proc/sys` is not writable, as in many containers, it stays unchanged: see
/// [`forgets_metrics`]. IPv6 packets are then counted as strays.
fn set(name: &str, value: &str) {
    let _kept = fs::write(format!("/proc/sys/net/{name}"), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_passed_from_the_child_and_names_a_remedy() {
        for step in [Step::OpenDevice, Step::Unshare, Step::MapIds, Step::MakeDevice, Step::Configure, Step::TryOut] {
            let refusal = Refusal { step, errno: Some(libc::EPERM) };
            let outcome: Result<(), Refusal> = Err(refusal);
            let text = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Result<(), Refusal>>(&text).unwrap(), outcome);
            assert!(refusal.to_string().contains("; "), "{refusal}");
        }
    }
}
