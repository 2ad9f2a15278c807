//! The direction of a packet and its client, both of which follow from its addresses.
//!
//! | who | address | meaning |
//! |---|---|---|
//! | clients | 10.64.0.1 | the near end, source of all clients |
//! | server | 10.65.0.1 | the far end |
//! | client n, seen by the server | 10.66.x.y | `n` in the last 16 bits |
//! | the server, dialled by client n | 10.67.x.y | the same `n` |
//!
//! A packet up has 10.64.0.1 and 10.67.x.y, and leaves the relay with 10.66.x.y and 10.65.0.1. Since 64 + 67 = 66 + 65
//! and all else stays, the one's complement sum of its addresses does too, and with it the checksums of IP, TCP and UDP
//! (RFC 1071 section 2). The downward direction is the reverse.

use std::net::Ipv4Addr;
use std::ops::Range;

/// The near end, where clients are.
pub const NEAR: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
/// The far end, where servers listen.
pub const FAR: Ipv4Addr = Ipv4Addr::new(10, 65, 0, 1);
/// The network of clients as servers see them.
pub const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 0);
/// The network of servers as clients dial them.
pub const SERVERS: Ipv4Addr = Ipv4Addr::new(10, 67, 0, 0);
/// Bits of an address that name one of these networks.
pub const PREFIX_BITS: u8 = 16;
const _: () = assert!(NEAR.octets()[1] + SERVERS.octets()[1] == CLIENTS.octets()[1] + FAR.octets()[1]);

/// Length of an IPv4 header without options (RFC 791 section 3.1).
const HEADER_BYTES: usize = 20;
const SOURCE: Range<usize> = 12..16;
const DESTINATION: Range<usize> = 16..20;

/// The direction of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a client to the server.
    Up,
    /// From the server to a client.
    Down,
}

/// The address that the client with this number dials. Numbers start at 1.
pub fn server_for(host: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(SERVERS) | u32::from(host))
}

/// The address that a client of a run dials; clients are counted from 0.
pub fn server_of_client(client: u32) -> Ipv4Addr {
    server_for(u16::try_from(client + 1).expect("there are fewer clients than hosts (limits.rs)"))
}

/// Rewrites a packet's addresses to those with which it leaves the relay, and returns its direction and its client's
/// number.
///
/// `None` if the packet does not cross the path: not IPv4, or other addresses.
pub fn rewrite(packet: &mut [u8]) -> Option<(Direction, u16)> {
    let is_ipv4 = packet.len() >= HEADER_BYTES && packet[0] >> 4 == 4;
    if !is_ipv4 {
        return None;
    }
    let read = |packet: &[u8], at: Range<usize>| {
        let octets: [u8; 4] = packet[at].try_into().expect("the range has four bytes");
        Ipv4Addr::from(octets)
    };
    let network = |address: Ipv4Addr| Ipv4Addr::from(u32::from(address) & u32::MAX << PREFIX_BITS);
    let (from, to) = (read(packet, SOURCE), read(packet, DESTINATION));
    let host = u32::from(to) as u16;
    let (direction, from, to) = match (from, network(to)) {
        (NEAR, SERVERS) => (Direction::Up, Ipv4Addr::from(u32::from(CLIENTS) | u32::from(host)), FAR),
        (FAR, CLIENTS) => (Direction::Down, server_for(host), NEAR),
        (_, _) => return None,
    };
    packet[SOURCE].copy_from_slice(&from.octets());
    packet[DESTINATION].copy_from_slice(&to.octets());
    Some((direction, host))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An IPv4 header and `bytes - 20` of content.
    pub(in super::super) fn packet(from: Ipv4Addr, to: Ipv4Addr, bytes: usize) -> Vec<u8> {
        let mut packet = vec![0; bytes];
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&(bytes as u16).to_be_bytes());
        packet[8] = 64;
        packet[9] = 6;
        packet[SOURCE].copy_from_slice(&from.octets());
        packet[DESTINATION].copy_from_slice(&to.octets());
        packet
    }

    /// RFC 1071 section 1.
    fn sum(bytes: &[u8]) -> u16 {
        let mut sum: u32 = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn a_packet_leaves_with_the_addresses_of_the_other_side_and_an_unchanged_checksum() {
        for host in [1, 258, 19_000, 65_534] {
            let mut up = packet(NEAR, server_for(host), 40);
            let before = sum(&up);
            assert_eq!(rewrite(&mut up), Some((Direction::Up, host)));
            assert_eq!(sum(&up), before);
            // The server answers the address that it saw, and the answer comes from the address that the client
            // dialled.
            let (seen, server) = (up[SOURCE].to_vec(), up[DESTINATION].to_vec());
            let address = |octets: Vec<u8>| Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap());
            let mut down = packet(address(server), address(seen), 1_500);
            assert_eq!(rewrite(&mut down), Some((Direction::Down, host)));
            assert_eq!(down[SOURCE], server_for(host).octets());
            assert_eq!(down[DESTINATION], NEAR.octets());
        }
    }

    #[test]
    fn packets_that_do_not_cross_the_path_are_not_changed() {
        let mut six = vec![0x60; 60];
        let mut elsewhere = packet(NEAR, Ipv4Addr::new(224, 0, 0, 22), 40);
        let mut spoofed = packet(Ipv4Addr::LOCALHOST, server_for(1), 40);
        for stray in [&mut six, &mut elsewhere, &mut spoofed, &mut vec![0x45; 19], &mut Vec::new()] {
            let before = stray.clone();
            assert_eq!(rewrite(stray), None);
            assert_eq!(*stray, before);
        }
    }
}
