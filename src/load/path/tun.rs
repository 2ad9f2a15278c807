//! Creates the TUN device of a path. One request to the kernel has no safe binding: rustix and nix offer `ioctl(2)`
//! but not this request, and the crates that do come with a netlink library each.
#![allow(unsafe_code, reason = "ioctl(TUNSETIFF) has no safe binding")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The device's name in its namespace.
pub const DEVICE: &str = "path";
const _: () = assert!(DEVICE.len() < libc::IFNAMSIZ);

/// Opens the file from which TUN devices are created. They belong to the namespace in which it was opened.
///
/// Errors: the file does not exist, or may not be used.
pub fn open() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/net/tun")
}

/// `struct ifreq` of netdevice(7): a name, and a union that starts with the flags for this request.
#[repr(C, align(8))]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    flags: [u8; 2],
    rest: [u8; size_of::<libc::ifreq>() - libc::IFNAMSIZ - 2],
}
const _: () = assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());
const _: () = assert!(align_of::<InterfaceRequest>() >= align_of::<libc::ifreq>());

/// Creates the device; it exists as long as its file is open.
///
/// Errors: this process may not create one.
pub fn create(file: File) -> io::Result<OwnedFd> {
    // IP packets without an extra header.
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    let mut request = InterfaceRequest { name: [0; _], flags: (flags as u16).to_ne_bytes(), rest: [0; _] };
    request.name[..DEVICE.len()].copy_from_slice(DEVICE.as_bytes());
    // SAFETY: TUNSETIFF takes a pointer to a `struct ifreq`, which the kernel reads, and writes within its length.
    // `request` has that length and alignment (asserted above), is fully initialised, consists of bytes for which
    // every value is valid, and outlives the call. The file is open while it is borrowed here.
    let code = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(file.into()) }
}
