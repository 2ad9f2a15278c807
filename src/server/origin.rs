//! Which pages of the web may do something here: a browser says in `Origin` which page sends a request.

use std::str::FromStr;

use axum::http::request::Parts;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, ORIGIN,
};
use http::uri::{Authority, Uri};
use http::{Method, StatusCode};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::server::Problem;
use crate::server::request::single_header;

/// A page's origin as a browser writes it, `https://example.org`, or `*` for every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Every page.
    Any,
    /// The pages of one scheme, host and port.
    Of(HeaderValue),
}

/// A text that is no origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is a scheme and a host, as https://example.org or http://localhost:3000, without a path; or *")]
pub struct MalformedOrigin;

impl FromStr for Origin {
    type Err = MalformedOrigin;

    fn from_str(text: &str) -> Result<Self, MalformedOrigin> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let uri: Uri = text.parse().map_err(|_| MalformedOrigin)?;
        match (uri.scheme_str(), uri.authority()) {
            (Some(scheme @ ("http" | "https")), Some(host))
                if text.eq_ignore_ascii_case(&format!("{scheme}://{host}")) =>
            {
                HeaderValue::try_from(text.to_ascii_lowercase()).map(Self::Of).map_err(|_| MalformedOrigin)
            }
            _ => Err(MalformedOrigin),
        }
    }
}

/// The pages of other sites that are let in, beside our own.
#[derive(Clone, Debug, Default)]
pub struct Origins(pub Vec<Origin>);

impl Origins {
    /// Lets a request pass that comes from no browser (no `Origin`), from a page that was let in, or from a page of this
    /// server: `Origin` names what `Host` names, and that is an address or `localhost`.
    ///
    /// A page of another site can send a POST without asking first, and open a WebSocket without any of the checks that
    /// bind `fetch` (RFC 6455 section 10.2); the browser does say so in `Origin`. A name is not enough for a page of our
    /// own, since whoever owns a name can point it at this server once his page is loaded (DNS rebinding).
    ///
    /// Errors: 403.
    pub fn check(&self, target: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if !headers.contains_key(ORIGIN) {
            return Ok(());
        }
        let origin = single_header(headers, ORIGIN);
        if origin.is_some_and(|origin| self.lets_in(origin)) {
            return Ok(());
        }
        let uri: Option<Uri> = origin.and_then(|origin| origin.to_str().ok()?.parse().ok());
        let page = uri.as_ref().and_then(Uri::authority);
        // A target that names its host takes the place of `Host` (RFC 9112 section 3.2.2).
        let host = target.authority().map(Authority::as_str);
        let host = host.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()));
        let detail = match (page, host) {
            (Some(page), Some(host)) if page.as_str().eq_ignore_ascii_case(host) && cannot_be_rebound(page) => {
                return Ok(());
            }
            (Some(page), Some(host)) if page.as_str().eq_ignore_ascii_case(host) => {
                format!("{host} is a name, which anybody's page may have; start the server with --allow-origin ORIGIN")
            }
            _ => "a page of another site may not do this; start the server with --allow-origin ORIGIN".to_owned(),
        };
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// The answers that let these pages read (Fetch standard, "CORS protocol"); `None` while none is let in.
    pub fn cors(&self) -> Option<CorsLayer> {
        if self.0.is_empty() {
            return None;
        }
        let origins = self.clone();
        let allowed = AllowOrigin::predicate(move |origin: &HeaderValue, _request: &Parts| origins.lets_in(origin));
        let headers = [AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, HeaderName::from_static("last-event-id")];
        let methods = [Method::GET, Method::POST];
        Some(
            CorsLayer::new().allow_origin(allowed).allow_methods(methods).allow_headers(headers).expose_headers([ETAG]),
        )
    }

    fn lets_in(&self, page: &HeaderValue) -> bool {
        self.0.iter().any(|origin| match origin {
            Origin::Any => true,
            Origin::Of(origin) => page.as_bytes().eq_ignore_ascii_case(origin.as_bytes()),
        })
    }
}

/// An address, or the one name that browsers themselves resolve to loopback (RFC 6761 section 6.3).
fn cannot_be_rebound(page: &Authority) -> bool {
    let host = page.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(origins: &Origins, origin: Option<&'static str>, host: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        origins.check(&Uri::from_static("/updates"), &headers).is_ok()
    }

    #[test]
    fn only_a_page_of_the_same_host_and_port_may_change_something() {
        let closed = Origins::default();
        assert!(passes(&closed, None, "127.0.0.1:8080"), "curl sends no Origin");
        assert!(passes(&closed, Some("http://127.0.0.1:8080"), "127.0.0.1:8080"));
        assert!(passes(&closed, Some("http://LocalHost:8080"), "localhost:8080"));
        assert!(passes(&closed, Some("http://[::1]:8080"), "[::1]:8080"));
        assert!(!passes(&closed, Some("http://127.0.0.1:9090"), "127.0.0.1:8080"));
        assert!(!passes(&closed, Some("http://evil.example"), "127.0.0.1:8080"));
        assert!(!passes(&closed, Some("null"), "127.0.0.1:8080"), "a sandboxed frame has no origin to name");
        assert!(!passes(&closed, Some(""), "127.0.0.1:8080"));
    }

    #[test]
    fn a_name_that_was_pointed_at_this_server_is_no_page_of_ours_unless_it_is_let_in() {
        let (page, host) = (Some("http://evil.example:8080"), "evil.example:8080");
        assert!(!passes(&Origins::default(), page, host));
        assert!(passes(&Origins(vec!["http://evil.example:8080".parse().unwrap()]), page, host));
    }

    #[test]
    fn a_page_that_was_let_in_passes_and_no_other() {
        let open = Origins(vec!["https://Lab.example".parse().unwrap()]);
        assert!(passes(&open, Some("https://lab.example"), "127.0.0.1:8080"));
        assert!(!passes(&open, Some("http://lab.example"), "127.0.0.1:8080"), "another scheme is another origin");
        assert!(!passes(&open, Some("https://lab.example.evil"), "127.0.0.1:8080"));
        assert!(passes(&Origins(vec![Origin::Any]), Some("https://any.example"), "127.0.0.1:8080"));
    }

    #[test]
    fn an_origin_has_a_scheme_and_a_host_and_nothing_behind_them() {
        for text in
            ["", "example.org", "https://", "https://example.org/", "https://example.org/path", "ftp://x", "null"]
        {
            assert_eq!(text.parse::<Origin>(), Err(MalformedOrigin), "{text}");
        }
        assert_eq!("*".parse::<Origin>(), Ok(Origin::Any));
    }
}
