//! Which web pages may use this server. A browser names the page that sends a request in `Origin`.

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

/// A text that is not an origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is a scheme and a host, as https://example.org or http://localhost:3000, without a path; or *")]
pub struct MalformedOrigin;

impl Origin {
    /// Whether it has this host and port.
    fn has_authority(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Of(origin) => {
                let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
                authority.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
            }
        }
    }
}

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

/// A name of this server, without scheme and port: `laptop.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(Box<str>);

impl std::fmt::Display for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a host name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a host name alone, as in laptop.example.org, without http://, port or path")]
pub struct MalformedHostName;

impl FromStr for HostName {
    type Err = MalformedHostName;

    fn from_str(text: &str) -> Result<Self, MalformedHostName> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if text.is_empty() || !text.bytes().all(is_fit) {
            return Err(MalformedHostName);
        }
        Ok(Self(text.trim_end_matches('.').to_ascii_lowercase().into()))
    }
}

/// The allowed origins and host names.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// Allowed pages of other sites.
    pub pages: Vec<Origin>,
    /// Names of this server, in addition to its addresses.
    pub hosts: Vec<HostName>,
}

impl Origins {
    /// Accepts a request that was sent to an address or a name of this server.
    ///
    /// This prevents DNS rebinding: the owner of a name can point it at this server after a page has loaded, and the
    /// browser then lets that page read everything here. The name is in `Host`, so it is checked for every request,
    /// including reads.
    ///
    /// Errors: 403 with the flag that allows the name.
    pub fn check_host(&self, target: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(host) = host_of(target, headers) else { return Ok(()) };
        let is_ours = host.is_empty() || host.parse::<Authority>().is_ok_and(|host| self.is_ours(&host));
        if is_ours || self.pages.iter().any(|page| page.has_authority(host)) {
            return Ok(());
        }
        let detail = format!(
            "this server is not known as {host}; if that is its name, start it with --allow-host {}",
            host.rsplit_once(':').map_or(host, |(name, _port)| name)
        );
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// Whether the host is a configured name, or one that nobody else can own: an address, `localhost` (RFC 6761
    /// section 6.3), or a name without a dot, which only a local network can resolve (RFC 7085 section 3).
    fn is_ours(&self, host: &Authority) -> bool {
        let host = host.host().trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        host.parse::<std::net::IpAddr>().is_ok()
            || !host.contains('.')
            || host.to_ascii_lowercase().ends_with(".localhost")
            || self.hosts.iter().any(|name| name.0.eq_ignore_ascii_case(host))
    }

    /// Accepts a request without `Origin` (not from a browser), from an allowed page, or from a page of this server:
    /// its `Origin` equals `Host`, and `Host` is this server ([`Self::check_host`]).
    ///
    /// A page of another site can send a POST without a preflight request, and can open a WebSocket without any of the
    /// checks that restrict `fetch` (RFC 6455 section 10.2). But the browser names that page in `Origin`.
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
        let is_ours = match (page, host_of(target, headers)) {
            (Some(page), Some(host)) => page.as_str().eq_ignore_ascii_case(host) && self.is_ours(page),
            (None, _) | (_, None) => false,
        };
        if is_ours {
            return Ok(());
        }
        let detail = "a page of another site may not do this; start the server with --allow-origin ORIGIN";
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// The CORS headers that let the allowed pages read answers (Fetch standard, "CORS protocol"); `None` if no page is
    /// allowed.
    pub fn cors(&self) -> Option<CorsLayer> {
        if self.pages.is_empty() {
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
        self.pages.iter().any(|origin| match origin {
            Origin::Any => true,
            Origin::Of(origin) => page.as_bytes().eq_ignore_ascii_case(origin.as_bytes()),
        })
    }
}

/// The host that a request was sent to. An absolute target overrides `Host` (RFC 9112 section 3.2.2).
fn host_of<'a>(target: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let host = target.authority().map(Authority::as_str);
    host.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()))
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

    fn pages(origins: &[&str]) -> Origins {
        Origins { pages: origins.iter().map(|origin| origin.parse().unwrap()).collect(), ..Origins::default() }
    }

    #[test]
    fn a_name_with_a_dot_is_ours_only_if_it_is_configured_and_an_address_always() {
        let reads = |origins: &Origins, host: &'static str| {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            origins.check_host(&Uri::from_static("/updates/poll"), &headers).is_ok()
        };
        let closed = Origins::default();
        for ours in
            ["127.0.0.1:8080", "[::1]:8080", "192.168.1.7", "localhost:8080", "app.localhost", "server:8080", ""]
        {
            assert!(reads(&closed, ours), "{ours}");
        }
        for rebound in ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert!(!reads(&closed, rebound), "{rebound}");
        }
        let named = Origins { hosts: vec!["Lab.Example".parse().unwrap()], ..Origins::default() };
        assert!(reads(&named, "lab.example:8080") && reads(&named, "LAB.example."));
        assert!(!reads(&named, "lab.example.evil") && !reads(&named, "x.lab.example"));
        let other = Uri::from_static("http://evil.example/updates/poll");
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("127.0.0.1"))]);
        assert!(closed.check_host(&other, &headers).is_err(), "the target's host counts: RFC 9112 section 3.2.2");
    }

    #[test]
    fn a_page_of_a_configured_name_is_a_page_of_ours() {
        let named = Origins { hosts: vec!["lab.example".parse().unwrap()], ..Origins::default() };
        assert!(passes(&named, Some("http://lab.example:8080"), "lab.example:8080"));
        assert!(!passes(&named, Some("http://lab.example:9090"), "lab.example:8080"), "another port is another page");
        assert!(!passes(&Origins::default(), Some("http://lab.example:8080"), "lab.example:8080"));
    }

    #[test]
    fn a_host_name_has_no_scheme_port_or_path() {
        for text in ["", "http://lab.example", "lab.example:8080", "lab.example/", "*", "a b"] {
            assert_eq!(text.parse::<HostName>(), Err(MalformedHostName), "{text}");
        }
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
    fn a_name_that_was_rebound_to_this_server_is_refused_unless_it_is_allowed() {
        let (page, host) = (Some("http://evil.example:8080"), "evil.example:8080");
        assert!(!passes(&Origins::default(), page, host));
        assert!(passes(&pages(&["http://evil.example:8080"]), page, host));
    }

    #[test]
    fn an_allowed_page_passes_and_no_other() {
        let open = pages(&["https://Lab.example"]);
        assert!(passes(&open, Some("https://lab.example"), "127.0.0.1:8080"));
        assert!(!passes(&open, Some("http://lab.example"), "127.0.0.1:8080"), "another scheme is another origin");
        assert!(!passes(&open, Some("https://lab.example.evil"), "127.0.0.1:8080"));
        assert!(passes(&pages(&["*"]), Some("https://any.example"), "127.0.0.1:8080"));
    }

    #[test]
    fn an_origin_has_a_scheme_and_a_host_and_nothing_else() {
        for text in
            ["", "example.org", "https://", "https://example.org/", "https://example.org/path", "ftp://x", "null"]
        {
            assert_eq!(text.parse::<Origin>(), Err(MalformedOrigin), "{text}");
        }
        assert_eq!("*".parse::<Origin>(), Ok(Origin::Any));
    }
}
