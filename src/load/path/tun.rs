//! Making the TUN device of a path. One request to the kernel that has no safe binding: rustix and nix give `ioctl(2)`
//! and not this request, and the crates that have it bring a netlink library each.
#![allow(unsafe_code, reason = "ioctl(TUNSETIFF) has no safe binding")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The device's name in its namespace.
pub const DEVICE: &str = "path";
const _: () = assert!(DEVICE.len() < libc::IFNAMSIZ);

/// Opens the file from which TUN devices are made. They belong to the namespace in which that was done.
///
/// Errors: where there is none, or it may not be used.
pub fn open() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/net/tun")
}

/// `struct ifreq` of netdevice(7): a name, and a union that begins with the flags for this request.
#[repr(C, align(8))]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    flags: [u8; 2],
    rest: [u8; size_of::<libc::ifreq>() - libc::IFNAMSIZ - 2],
}
const _: () = assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());
const _: () = assert!(align_of::<InterfaceRequest>() >= align_of::<libc::ifreq>());

/// Makes the device; it exists as long as anyone holds its file.
///
/// Errors: where this process may not make any.
pub fn create(file: File) -> io::Result<OwnedFd> {
    // IP packets without a header before them.
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    let mut request = InterfaceRequest { name: [0; _], flags: (flags as u16).to_ne_bytes(), rest: [0; _] };
    request.name[..DEVICE.len()].copy_from_slice(DEVICE.as_bytes());
    // SAFETY: TUNSETIFF takes a pointer to a `struct ifreq`, which the kernel reads, and writes within its length.
    // `request` has that length and alignment (asserted above), is initialised in every byte, has no byte of which not
    // every value is valid, and outlives the call. The file is open as long as it is borrowed here.
    let code = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(file.into()) }
}
