//! Who may change something: a browser says in `Origin` which page sends a request, and only our own pages may.

use http::StatusCode;
use http::header::{HOST, HeaderMap, ORIGIN};
use http::uri::Uri;

use super::Problem;

/// Lets a request pass that comes from no browser (no `Origin`) or from a page of this server (`Origin` names `Host`).
///
/// A page of another site can send a POST without asking first, and open a WebSocket without any of the checks that
/// bind `fetch` (RFC 6455 section 10.2); the browser does say so in `Origin`.
///
/// Errors: 403.
pub fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin: Option<Uri> = origin.to_str().ok().and_then(|text| text.parse().ok());
    let page = origin.as_ref().and_then(Uri::authority).map(|authority| authority.as_str());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (page, host) {
        (Some(page), Some(host)) if page.eq_ignore_ascii_case(host) => Ok(()),
        _ => {
            let detail = "a page of another site may not do this; open this server's own page, or send no Origin";
            Err(Problem::new(StatusCode::FORBIDDEN, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn passes(origin: Option<&'static str>, host: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        check(&headers).is_ok()
    }

    #[test]
    fn only_a_page_of_the_same_host_and_port_may_change_something() {
        assert!(passes(None, "127.0.0.1:8080"), "curl sends no Origin");
        assert!(passes(Some("http://127.0.0.1:8080"), "127.0.0.1:8080"));
        assert!(passes(Some("http://LocalHost:8080"), "localhost:8080"));
        assert!(passes(Some("http://[::1]:8080"), "[::1]:8080"));
        assert!(!passes(Some("http://127.0.0.1:9090"), "127.0.0.1:8080"));
        assert!(!passes(Some("http://evil.example"), "127.0.0.1:8080"));
        assert!(!passes(Some("null"), "127.0.0.1:8080"), "a sandboxed frame has no origin to name");
        assert!(!passes(Some(""), "127.0.0.1:8080"));
    }
}
