//! Limits on clients: connections per address, and updates published per second.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};

use super::problem::Problem;
use crate::units::Nanos;

/// The number of open connections per address.
#[derive(Debug, Default)]
pub struct Addresses {
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Addresses {
    /// Counts a connection from `address` unless it already has `most`; returns whether the connection is accepted.
    pub fn enter(&self, address: IpAddr, most: usize) -> bool {
        let mut open = self.lock();
        let count = open.entry(client_prefix(address)).or_default();
        let is_let_in = *count < most;
        *count += usize::from(is_let_in);
        is_let_in
    }

    /// Counts the end of a connection from `address`.
    pub fn leave(&self, address: IpAddr) {
        let mut open = self.lock();
        let address = client_prefix(address);
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing in this file panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The prefix that counts as one client: for IPv6 the /64 network, within which a host may choose any address (RFC
/// 8981).
fn client_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address @ (IpAddr::V4(_) | IpAddr::V6(_)) => address,
    }
}

/// A token bucket that holds at most one second's worth.
#[derive(Debug)]
pub struct RateLimit {
    per_s: f64,
    /// What a client can do other than publish more slowly.
    advice: &'static str,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Nanos,
}

impl RateLimit {
    /// A rate limit with a full bucket.
    pub fn new(per_s: f64, advice: &'static str) -> Self {
        Self { per_s, advice, bucket: Mutex::new(Bucket { left: per_s.max(1.0), at: Nanos::ZERO }) }
    }

    /// Takes one token.
    ///
    /// Errors: 429, with the time until the next token as `Retry-After`.
    pub fn take(&self, now: Nanos) -> Result<(), Problem> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let refilled = bucket.left + now.saturating_sub(bucket.at).seconds() * self.per_s;
        *bucket = Bucket { left: refilled.min(self.per_s.max(1.0)), at: now };
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let wait = Duration::from_secs_f64((1.0 - bucket.left) / self.per_s);
        let detail = format!("more than {} updates a second; publish slower, or {}", self.per_s, self.advice);
        let seconds = HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).header(RETRY_AFTER, seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_limited_per_address_and_an_ipv6_network_counts_as_one() {
        let addresses = Addresses::default();
        let enter = |address: &str| addresses.enter(address.parse().unwrap(), 2);
        assert_eq!([enter("192.0.2.1"), enter("192.0.2.1"), enter("192.0.2.1")], [true, true, false]);
        assert!(enter("192.0.2.2"), "another address has its own limit");
        addresses.leave("192.0.2.1".parse().unwrap());
        assert!(enter("::ffff:192.0.2.1"), "the same address, mapped to IPv6 (RFC 4291 section 2.5.5.2)");
        assert!(enter("2001:db8::1") && enter("2001:db8::2"));
        assert!(!enter("2001:db8::3") && enter("2001:db8:0:1::3"));
        for left in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::9", "2001:db8::9", "2001:db8:0:1::3"] {
            addresses.leave(left.parse().unwrap());
        }
        assert!(addresses.lock().is_empty(), "an address without connections is removed");
    }

    #[test]
    fn a_rate_lets_a_burst_of_a_second_through_and_then_one_at_a_time() {
        let rate = RateLimit::new(10.0, "wait");
        let begin = Nanos::SECOND;
        assert_eq!((0..20).filter(|_| rate.take(begin).is_ok()).count(), 10);
        assert!(rate.take(begin.saturating_add(Nanos(99_000_000))).is_err());
        assert!(rate.take(begin.saturating_add(Nanos(100_000_001))).is_ok());
        assert!(rate.take(begin.saturating_add(Nanos(100_000_001))).is_err());
        assert_eq!(
            (0..20).filter(|_| rate.take(Nanos(100 * Nanos::SECOND.0)).is_ok()).count(),
            10,
            "no more than a second's"
        );
    }

    #[test]
    fn a_rate_below_one_a_second_still_lets_one_through() {
        let rate = RateLimit::new(0.5, "wait");
        assert!(rate.take(Nanos::SECOND).is_ok());
        assert!(rate.take(Nanos(2 * Nanos::SECOND.0)).is_err());
        assert!(rate.take(Nanos(3 * Nanos::SECOND.0)).is_ok());
    }
}
