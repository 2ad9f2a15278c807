//! A network namespace of our own, with the device of a path in it.
//!
//! [`enter`] moves this process into it, and all that it starts. It must come before the first thread: a user namespace
//! can only be entered by a process that has one thread. A failure half way would leave the process in a network without
//! anything, so [`try_out`] does the same in a child first, and says why it does not work where it does not.
//!
//! Nobody gets another name by it: with the right to do without a user namespace there is none, and without it user and
//! group keep their numbers. Other processes, their numbers and the file system are those of the host.

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

/// The step that a system does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Opening `/dev/net/tun`.
    OpenDevice,
    /// `unshare(2)`.
    Unshare,
    /// Keeping user and group in the new user namespace.
    MapIds,
    /// Making the TUN device.
    MakeDevice,
    /// Giving it addresses, and switching it on.
    Configure,
    /// Starting a child that tries all this.
    TryOut,
}

/// Why there is no namespace to be had here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was not allowed.
    pub step: Step,
    /// The system's number for the reason (errno(3)); `None` if it gave none.
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
            Step::OpenDevice => {
                ("/dev/net/tun cannot be opened", "load the module tun, or give the container that device")
            }
            Step::Unshare => (
                "network namespaces are not allowed",
                "allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns), or run as root",
            ),
            Step::MapIds => ("user and group cannot be kept in a user namespace", "run as root"),
            Step::MakeDevice => {
                ("no TUN device can be made", "allow user namespaces their capabilities, or run as root")
            }
            Step::Configure => {
                ("the TUN device cannot be set up", "allow user namespaces their capabilities, or run as root")
            }
            Step::TryOut => ("this program cannot start itself", "look at the file's permissions"),
        };
        let reason = self.errno.map(|errno| format!(" ({})", io::Error::from_raw_os_error(errno))).unwrap_or_default();
        write!(f, "{what}{reason}; {remedy}")
    }
}

impl std::error::Error for Refusal {}

/// The namespace that this process is in, and the device that paths are made of.
#[derive(Debug)]
pub struct Namespace {
    device: OwnedFd,
}

impl Namespace {
    /// The device.
    pub fn device(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// Whether paths can be had by a run.
#[derive(Clone, Debug)]
pub enum Paths {
    /// This process is in no namespace, since nothing asked for a path before it had threads.
    NotEntered,
    /// They can.
    Real(Arc<Namespace>),
    /// The system forbids them: a link stands in, which delays a stream and knows no packets.
    Forbidden(Refusal),
}

impl Paths {
    /// Enters a namespace, if the system allows it. Call it before any thread is started.
    ///
    /// Errors: [`Refusal`] where that failed half way, and this process has no network any more.
    pub fn enter() -> Result<Self, Refusal> {
        match try_out() {
            Ok(()) => Ok(Self::Real(Arc::new(enter()?))),
            Err(refusal) => Ok(Self::Forbidden(refusal)),
        }
    }

    /// Why there are none.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::NotEntered | Self::Real(_) => None,
            Self::Forbidden(refusal) => Some(*refusal),
        }
    }

    /// Where they are; `None` where a link stands in.
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

/// A path was asked for too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a path needs a network namespace, which must be entered before the first thread of the program starts")]
pub struct NotEntered;

/// The hidden command of [`try_out`]'s child.
pub const TRY_COMMAND: &str = "path-try";

/// Tries in a child whether [`enter`] would work here.
///
/// Errors: [`Refusal`].
pub fn try_out() -> Result<(), Refusal> {
    let at = Refusal::at(Step::TryOut);
    let program = std::env::current_exe().map_err(&at)?;
    let said = Command::new(program).arg(TRY_COMMAND).stdin(Stdio::null()).output().map_err(&at)?;
    let outcome: Option<Result<(), Refusal>> = serde_json::from_slice(&said.stdout).ok();
    outcome.unwrap_or(Err(Refusal { step: Step::TryOut, errno: None }))
}

/// The child's side of [`try_out`]: says what came of it.
///
/// Errors: as for printing.
pub fn answer_try() -> anyhow::Result<()> {
    let outcome = enter().map(drop);
    Ok(print::out(&(serde_json::to_string(&outcome)? + "\n"))?)
}

/// Moves this process into a namespace of its own. Call it before any thread is started, and only where [`try_out`] has
/// found that it works: a process that could not get all the way has no network any more.
///
/// Errors: [`Refusal`].
pub fn enter() -> Result<Namespace, Refusal> {
    // With the right to, as root has it, users stay as they are; without it, a user namespace gives it.
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        let (user, group) = (getuid().as_raw(), getgid().as_raw());
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
            .map_err(|errno| Refusal::at(Step::Unshare)(errno.into()))?;
        // Without the first, the third is not allowed (user_namespaces(7)).
        let maps = [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("{user} {user} 1")),
            ("gid_map", format!("{group} {group} 1")),
        ];
        for (name, text) in maps {
            fs::write(format!("/proc/self/{name}"), text).map_err(Refusal::at(Step::MapIds))?;
        }
    }
    // Only now: a device belongs to the namespace in which its file was opened.
    let file = tun::open().map_err(Refusal::at(Step::OpenDevice))?;
    let device = tun::create(file).map_err(Refusal::at(Step::MakeDevice))?;
    // No packets but those of the path: without this the kernel looks for IPv6 routers on the device.
    set("ipv6/conf/all/disable_ipv6", "1");
    configure().map_err(Refusal::at(Step::Configure))?;
    // A connection must not begin with what one before it has found out about the path (tcp_metrics).
    set("ipv4/tcp_no_metrics_save", "1");
    Ok(Namespace { device })
}

/// Gives the device both of its ends, and switches it and the loopback interface on.
fn configure() -> io::Result<()> {
    let netlink = Netlink::new()?;
    netlink.switch_on("lo")?;
    netlink.set_sizes(tun::DEVICE, limits::PATH_MTU_BYTES as u32, limits::PATH_DEVICE_PACKETS)?;
    // The near end reaches servers, and the far end clients, each by a route whose packets have its own address.
    netlink.add_address(tun::DEVICE, NEAR, SERVERS, PREFIX_BITS)?;
    netlink.add_address(tun::DEVICE, FAR, CLIENTS, PREFIX_BITS)?;
    netlink.switch_on(tun::DEVICE)
}

/// Does a connection begin without knowing what those before it have found out?
pub fn forgets_metrics() -> bool {
    fs::read_to_string("/proc/sys/net/ipv4/tcp_no_metrics_save").is_ok_and(|text| text.trim() == "1")
}

/// Sets a variable of the namespace. Where `/proc/sys` cannot be written, as in many containers, it stays: see
/// [`forgets_metrics`]; and packets of IPv6 are counted as strays.
fn set(name: &str, value: &str) {
    let _kept = fs::write(format!("/proc/sys/net/{name}"), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_the_way_from_the_child_and_names_a_remedy() {
        for step in [Step::OpenDevice, Step::Unshare, Step::MapIds, Step::MakeDevice, Step::Configure, Step::TryOut] {
            let refusal = Refusal { step, errno: Some(libc::EPERM) };
            let outcome: Result<(), Refusal> = Err(refusal);
            let text = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Result<(), Refusal>>(&text).unwrap(), outcome);
            assert!(refusal.to_string().contains("; "), "{refusal}");
        }
    }
}
