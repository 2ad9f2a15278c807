//! The TUN device of a path, and the interfaces of its namespace. Linux's `ioctl`s on interfaces have no safe binding
//! (rustix and nix give the call and not the requests; the crates that have them bring a netlink library each), so they
//! are made here, in one function.
#![allow(unsafe_code, reason = "ioctl(2) with a struct ifreq has no safe binding")]

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketType, socket};

use super::address::{CLIENTS, FAR, MASK, NEAR, SERVERS};
use crate::limits;

/// The device's name in its namespace.
pub const DEVICE: &str = "path";
/// Its second address is set under a name of its own.
const SECOND: &str = "path:1";

/// Opens the file from which TUN devices are made.
///
/// Errors: where there is none, or it may not be used.
pub fn open() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/net/tun")
}

/// Makes the device; it exists as long as anyone holds its file.
///
/// Errors: where this process may not make any.
pub fn create(file: File) -> io::Result<OwnedFd> {
    // IP packets without a header before them.
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    let request = InterfaceRequest::new(DEVICE).with(&(flags as i16).to_ne_bytes());
    ask(file.as_fd(), Request::MakeTun, request)?;
    Ok(file.into())
}

/// Gives the device both of its ends, and switches it and the loopback interface on.
///
/// Errors: what the system refuses.
pub fn configure() -> io::Result<()> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let ask = |request, of: InterfaceRequest| self::ask(socket.as_fd(), request, of);
    let up = (libc::IFF_UP | libc::IFF_NOARP) as i16;
    ask(Request::SetFlags, InterfaceRequest::new("lo").with(&(libc::IFF_UP as i16).to_ne_bytes()))?;
    let mtu = limits::PATH_MTU_BYTES as i32;
    ask(Request::SetMtu, InterfaceRequest::new(DEVICE).with(&mtu.to_ne_bytes()))?;
    ask(Request::SetQueue, InterfaceRequest::new(DEVICE).with(&limits::PATH_DEVICE_PACKETS.to_ne_bytes()))?;
    // The near end reaches servers, and the far end clients: each with a route whose packets have its own address.
    for (name, own, others) in [(DEVICE, NEAR, SERVERS), (SECOND, FAR, CLIENTS)] {
        ask(Request::SetAddress, InterfaceRequest::new(name).with(&inet(own)))?;
        ask(Request::SetMask, InterfaceRequest::new(name).with(&inet(MASK)))?;
        ask(Request::SetPeer, InterfaceRequest::new(name).with(&inet(others)))?;
    }
    ask(Request::SetFlags, InterfaceRequest::new(DEVICE).with(&up.to_ne_bytes()))
}

/// What is asked of the kernel about an interface (netdevice(7)).
#[derive(Clone, Copy, Debug)]
enum Request {
    MakeTun,
    SetFlags,
    SetMtu,
    SetQueue,
    SetAddress,
    SetMask,
    SetPeer,
}

impl Request {
    fn code(self) -> libc::Ioctl {
        match self {
            Self::MakeTun => libc::TUNSETIFF,
            Self::SetFlags => libc::SIOCSIFFLAGS as libc::Ioctl,
            Self::SetMtu => libc::SIOCSIFMTU as libc::Ioctl,
            Self::SetQueue => libc::SIOCSIFTXQLEN as libc::Ioctl,
            Self::SetAddress => libc::SIOCSIFADDR as libc::Ioctl,
            Self::SetMask => libc::SIOCSIFNETMASK as libc::Ioctl,
            Self::SetPeer => libc::SIOCSIFDSTADDR as libc::Ioctl,
        }
    }
}

/// `struct ifreq` of netdevice(7): a name, and a union of which each request reads its own beginning.
#[repr(C, align(8))]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    value: [u8; size_of::<libc::ifreq>() - libc::IFNAMSIZ],
}
const _: () = assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());
const _: () = assert!(align_of::<InterfaceRequest>() >= align_of::<libc::ifreq>());

impl InterfaceRequest {
    /// A request about the interface of this name, with zeros for its value.
    fn new(of: &str) -> Self {
        let mut name = [0; libc::IFNAMSIZ];
        // The last byte stays zero, and ends the name.
        let length = of.len().min(libc::IFNAMSIZ - 1);
        name[..length].copy_from_slice(&of.as_bytes()[..length]);
        Self { name, value: [0; _] }
    }

    fn with(mut self, value: &[u8]) -> Self {
        self.value[..value.len()].copy_from_slice(value);
        self
    }
}

/// `struct sockaddr_in` of ip(7), without a port.
fn inet(address: Ipv4Addr) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[4..8].copy_from_slice(&address.octets());
    bytes
}

fn ask(file: BorrowedFd<'_>, request: Request, mut of: InterfaceRequest) -> io::Result<()> {
    // SAFETY: every code of `Request` is one that takes a pointer to a `struct ifreq`, which the kernel reads and may
    // write within its length. `of` has that length and alignment (asserted above), is initialised in every byte, has
    // no byte that is not a valid value, and outlives the call. The descriptor is borrowed and so open.
    let code = unsafe { libc::ioctl(file.as_raw_fd(), request.code(), &raw mut of) };
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
