//! Interfaces and their addresses over netlink (rtnetlink(7)): two kinds of message, each acknowledged by the kernel.
//! The older requests of netdevice(7) would suffice, except that setting the length of a device's queue requires root
//! on the host.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netdevice, recv, send, socket};

/// A socket to the kernel's tables in the namespace in which it was created.
pub struct Netlink {
    socket: OwnedFd,
}

impl Netlink {
    /// Opens one.
    ///
    /// Errors: those of the system.
    pub fn new() -> io::Result<Self> {
        // No protocol number is given, since NETLINK_ROUTE is 0.
        Ok(Self { socket: socket(AddressFamily::NETLINK, SocketType::RAW, None)? })
    }

    /// Brings an interface up.
    ///
    /// Errors: what the kernel refuses.
    pub fn switch_on(&self, name: &str) -> io::Result<()> {
        let up = libc::IFF_UP as u32;
        self.ask(libc::RTM_NEWLINK, 0, &link(self.index(name)?, up))
    }

    /// Sets the MTU of an interface, and the length of its queue in packets.
    ///
    /// Errors: what the kernel refuses.
    pub fn set_sizes(&self, name: &str, mtu_bytes: u32, queue_packets: u32) -> io::Result<()> {
        let mut message = link(self.index(name)?, 0);
        attribute(&mut message, libc::IFLA_MTU, &mtu_bytes.to_ne_bytes());
        attribute(&mut message, libc::IFLA_TXQLEN, &queue_packets.to_ne_bytes());
        self.ask(libc::RTM_NEWLINK, 0, &message)
    }

    /// Adds an address to an interface, and a route from it to a network of `prefix_bits`.
    ///
    /// Errors: what the kernel refuses.
    pub fn add_address(&self, name: &str, own: Ipv4Addr, others: Ipv4Addr, prefix_bits: u8) -> io::Result<()> {
        // struct ifaddrmsg: family, length of the prefix, flags, scope, interface.
        let mut message = vec![libc::AF_INET as u8, prefix_bits, 0, libc::RT_SCOPE_UNIVERSE];
        message.extend(self.index(name)?.to_ne_bytes());
        attribute(&mut message, libc::IFA_LOCAL, &own.octets());
        attribute(&mut message, libc::IFA_ADDRESS, &others.octets());
        self.ask(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &message)
    }

    fn index(&self, name: &str) -> io::Result<u32> {
        Ok(netdevice::name_to_index(&self.socket, name)?)
    }

    /// Sends one message and reads its acknowledgement.
    fn ask(&self, kind: u16, flags: i32, message: &[u8]) -> io::Result<()> {
        let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags;
        let request = framed(kind, flags as u16, message);
        send(&self.socket, &request, SendFlags::empty())?;
        let mut answer = [0; 4096];
        let (length, _) = recv(&self.socket, &mut answer[..], RecvFlags::empty())?;
        outcome(&answer[..length])
    }
}

/// Length of `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;

/// A message with its header: length, kind, flags, number, sender.
fn framed(kind: u16, flags: u16, message: &[u8]) -> Vec<u8> {
    let mut framed = ((HEADER_BYTES + message.len()) as u32).to_ne_bytes().to_vec();
    framed.extend(kind.to_ne_bytes());
    framed.extend(flags.to_ne_bytes());
    framed.extend([0; 8]);
    framed.extend(message);
    framed
}

/// `struct ifinfomsg`: family, padding, type, interface, flags, change mask of the flags.
fn link(index: u32, flags: u32) -> Vec<u8> {
    let mut message = vec![0; 4];
    for word in [index, flags, flags] {
        message.extend(word.to_ne_bytes());
    }
    message
}

/// `struct rtattr` with its value: length without padding, kind, value, padding to four bytes.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(((4 + value.len()) as u16).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// Parses an acknowledgement: `struct nlmsgerr` starts with zero or a negative error.
fn outcome(answer: &[u8]) -> io::Result<()> {
    let word = |at: usize| -> Option<[u8; 4]> { answer.get(at..at + 4)?.try_into().ok() };
    let kind = word(4).map(|word| u16::from_ne_bytes([word[0], word[1]]));
    match (kind, word(HEADER_BYTES).map(i32::from_ne_bytes)) {
        (Some(kind), Some(0)) if i32::from(kind) == libc::NLMSG_ERROR => Ok(()),
        (Some(kind), Some(error)) if i32::from(kind) == libc::NLMSG_ERROR => Err(io::Error::from_raw_os_error(-error)),
        (_, _) => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_padded_to_four_bytes_and_its_length_is_not() {
        let mut message = Vec::new();
        attribute(&mut message, 7, &[1, 2, 3]);
        assert_eq!(message, [&7_u16.to_ne_bytes()[..], &7_u16.to_ne_bytes(), &[1, 2, 3, 0]].concat());
    }

    #[test]
    fn an_acknowledgement_is_parsed_and_anything_else_is_an_error() {
        let answer = |kind: i32, error: i32| framed(kind as u16, 0, &error.to_ne_bytes());
        assert!(outcome(&answer(libc::NLMSG_ERROR, 0)).is_ok());
        assert_eq!(outcome(&answer(libc::NLMSG_ERROR, -libc::EPERM)).unwrap_err().raw_os_error(), Some(libc::EPERM));
        assert!(outcome(&answer(libc::NLMSG_DONE, 0)).is_err());
        assert!(outcome(&[]).is_err());
    }
}
