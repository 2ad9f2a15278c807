//! Who may come in, how many, and how often: bearer tokens, connections per address, and the rate of publishing.
//! Which pages of the web may do something is in [`super::origin`].

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use subtle::ConstantTimeEq;

use super::Problem;
use super::request::only;
use crate::limits;
use crate::units::Nanos;

/// What a request must show that publishes or controls: `Authorization: Bearer TOKEN` (RFC 6750 section 2.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

/// A text that is no token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token is {} to {} characters from A-Z a-z 0-9 - . _ ~ + / =; make one with `openssl rand -hex 32`",
    limits::TOKEN_BYTES_MIN,
    limits::TOKEN_BYTES_MAX
)]
pub struct MalformedToken;

impl FromStr for Token {
    type Err = MalformedToken;

    fn from_str(text: &str) -> Result<Self, MalformedToken> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let is_long_enough = (limits::TOKEN_BYTES_MIN..=limits::TOKEN_BYTES_MAX).contains(&text.len());
        if is_long_enough && text.bytes().all(is_fit) { Ok(Self(text.into())) } else { Err(MalformedToken) }
    }
}

/// Not shown: logs are read by others.
impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

impl Token {
    /// Lets a request pass that shows this token. The comparison takes as long for a token that is wrong in its first
    /// character as for one that is wrong in its last, so that it cannot be guessed piece by piece.
    ///
    /// Errors: 401 with the challenge of RFC 6750 section 3.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let challenge = |challenge: &'static str, detail: &str| {
            Problem::new(StatusCode::UNAUTHORIZED, detail).header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        };
        let shown = only(headers, AUTHORIZATION).map(HeaderValue::as_bytes);
        let Some((scheme, token)) = shown.and_then(|shown| shown.split_at_checked("bearer ".len())) else {
            let detail = "this needs the server's token; send `Authorization: Bearer TOKEN`";
            return Err(challenge("Bearer realm=\"pushpull\"", detail));
        };
        // More than one blank may stand between the two (RFC 9110 section 11.4).
        let token = token.trim_ascii_start();
        if scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(token.ct_eq(self.0.as_bytes())) {
            return Ok(());
        }
        let detail = "this is not the server's token; it was set with --token-file or PUSHPULL_TOKEN";
        Err(challenge("Bearer realm=\"pushpull\", error=\"invalid_token\"", detail))
    }
}

/// Does a request change something, and therefore need the token and a page of ours? Echoes change nothing.
pub fn changes_something(method: &Method, path: &str) -> bool {
    !method.is_safe() && path != "/echo"
}

/// How many connections each address has.
#[derive(Debug, Default)]
pub struct Addresses {
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Addresses {
    /// One more from `address`, unless it has `most` already; says whether it is let in.
    pub fn enter(&self, address: IpAddr, most: usize) -> bool {
        let mut open = self.lock();
        let count = open.entry(household(address)).or_default();
        let is_let_in = *count < most;
        *count += usize::from(is_let_in);
        is_let_in
    }

    /// One less.
    pub fn leave(&self, address: IpAddr) {
        let mut open = self.lock();
        let address = household(address);
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing panics while it is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, within which a host takes any address it likes
/// (RFC 8981).
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address @ (IpAddr::V4(_) | IpAddr::V6(_)) => address,
    }
}

/// Lets through so many a second, after a burst of at most one second's worth (a token bucket).
#[derive(Debug)]
pub struct Rate {
    per_s: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Nanos,
}

impl Rate {
    /// With a full bucket.
    pub fn new(per_s: f64) -> Self {
        Self { per_s, bucket: Mutex::new(Bucket { left: per_s.max(1.0), at: Nanos::ZERO }) }
    }

    /// Takes one.
    ///
    /// Errors: 429 with the time after which there is one again.
    pub fn take(&self, now: Nanos) -> Result<(), Problem> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let refilled = bucket.left + now.past(bucket.at).seconds() * self.per_s;
        *bucket = Bucket { left: refilled.min(self.per_s.max(1.0)), at: now };
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let wait = Duration::from_secs_f64((1.0 - bucket.left) / self.per_s);
        let detail = format!("more than {} updates a second; publish slower, or raise --publish-rate", self.per_s);
        let seconds = HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).header(RETRY_AFTER, seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap())])
    }

    #[test]
    fn only_the_whole_token_opens_the_door_and_it_is_never_printed() {
        let token: Token = "0123456789abcdef".parse().unwrap();
        assert!(token.check(&shown("Bearer 0123456789abcdef")).is_ok());
        assert!(token.check(&shown("bearer 0123456789abcdef")).is_ok(), "a scheme has no case: RFC 9110 section 11.1");
        assert!(token.check(&shown("Bearer  0123456789abcdef")).is_ok(), "blanks: RFC 9110 section 11.4");
        let mut twice = shown("Bearer 0123456789abcdef");
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer 0123456789abcdef"));
        assert!(token.check(&twice).is_err(), "of two nobody can say which one counts");
        for wrong in
            ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdeF", "Basic 0123456789abcdef"]
        {
            assert!(token.check(&shown(wrong)).is_err(), "{wrong}");
        }
        assert!(token.check(&HeaderMap::new()).is_err());
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn a_token_that_is_short_or_does_not_fit_a_header_is_refused() {
        for text in ["", "short", "fifteen-letters", "with a blank in the middle", "umlaute-äöü-und-mehr-davon"] {
            assert_eq!(text.parse::<Token>(), Err(MalformedToken), "{text}");
        }
    }

    #[test]
    fn an_address_has_so_many_connections_and_a_network_of_ipv6_is_one() {
        let addresses = Addresses::default();
        let enter = |address: &str| addresses.enter(address.parse().unwrap(), 2);
        assert_eq!([enter("192.0.2.1"), enter("192.0.2.1"), enter("192.0.2.1")], [true, true, false]);
        assert!(enter("192.0.2.2"), "another one is not concerned");
        addresses.leave("192.0.2.1".parse().unwrap());
        assert!(enter("::ffff:192.0.2.1"), "the same in IPv6's words (RFC 4291 section 2.5.5.2)");
        assert!(enter("2001:db8::1") && enter("2001:db8::2"));
        assert!(!enter("2001:db8::3") && enter("2001:db8:0:1::3"));
        for left in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::9", "2001:db8::9", "2001:db8:0:1::3"] {
            addresses.leave(left.parse().unwrap());
        }
        assert!(addresses.lock().is_empty(), "who is gone takes no room");
    }

    #[test]
    fn a_rate_lets_a_burst_of_a_second_through_and_then_one_at_a_time() {
        let rate = Rate::new(10.0);
        let begin = Nanos::SECOND;
        assert_eq!((0..20).filter(|_| rate.take(begin).is_ok()).count(), 10);
        assert!(rate.take(begin.plus(Nanos(99_000_000))).is_err());
        assert!(rate.take(begin.plus(Nanos(100_000_001))).is_ok());
        assert!(rate.take(begin.plus(Nanos(100_000_001))).is_err());
        assert_eq!(
            (0..20).filter(|_| rate.take(Nanos(100 * Nanos::SECOND.0)).is_ok()).count(),
            10,
            "no more than a second's"
        );
    }

    #[test]
    fn a_rate_below_one_a_second_still_lets_one_through() {
        let rate = Rate::new(0.5);
        assert!(rate.take(Nanos::SECOND).is_ok());
        assert!(rate.take(Nanos(2 * Nanos::SECOND.0)).is_err());
        assert!(rate.take(Nanos(3 * Nanos::SECOND.0)).is_ok());
    }
}
