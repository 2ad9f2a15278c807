//! Bearer tokens (RFC 6750), and which requests need one.

use std::str::FromStr;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use super::request::single_header;
use crate::limits;

/// The token that requests to publish or control must present: `Authorization: Bearer TOKEN` (RFC 6750 section 2.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

/// A text that is not a token.
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

/// Hides the token, because others may read the logs.
impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

impl Token {
    /// Accepts a request that presents this token. The comparison takes constant time, so that the token cannot be
    /// guessed character by character.
    ///
    /// Errors: 401 with the challenge of RFC 6750 section 3.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let challenge = |challenge: &'static str, detail: &str| {
            Problem::new(StatusCode::UNAUTHORIZED, detail).header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        };
        let shown = single_header(headers, AUTHORIZATION).map(HeaderValue::as_bytes);
        let Some((scheme, token)) = shown.and_then(|shown| shown.split_at_checked("bearer ".len())) else {
            let detail = "this needs the server's token; send `Authorization: Bearer TOKEN`";
            return Err(challenge("Bearer realm=\"pushpull\"", detail));
        };
        // There may be more than one space between the two (RFC 9110 section 11.4).
        let token = token.trim_ascii_start();
        if scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(token.ct_eq(self.0.as_bytes())) {
            return Ok(());
        }
        let detail = "this is not the server's token; it was set with --token-file or PUSHPULL_TOKEN";
        Err(challenge("Bearer realm=\"pushpull\", error=\"invalid_token\"", detail))
    }
}

/// Whether a request changes something, and so needs the token and an allowed origin. Echoes change nothing.
pub fn changes_something(method: &Method, path: &str) -> bool {
    !method.is_safe() && path != "/echo"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap())])
    }

    #[test]
    fn only_the_whole_token_is_accepted_and_it_is_never_printed() {
        let token: Token = "0123456789abcdef".parse().unwrap();
        assert!(token.check(&shown("Bearer 0123456789abcdef")).is_ok());
        assert!(token.check(&shown("bearer 0123456789abcdef")).is_ok(), "a scheme has no case: RFC 9110 section 11.1");
        assert!(token.check(&shown("Bearer  0123456789abcdef")).is_ok(), "spaces: RFC 9110 section 11.4");
        let mut twice = shown("Bearer 0123456789abcdef");
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer 0123456789abcdef"));
        assert!(token.check(&twice).is_err(), "with two headers it is unclear which one counts");
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
}
