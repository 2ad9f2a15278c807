//! The files of the live page, which are built into the program. The page loads nothing from any other host.

use crate::server::request::Segment;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;

macro_rules! files {
    ($($name:literal: $type:expr),* $(,)?) => {
        [$(($name, $type, include_str!(concat!("../../../web/", $name)))),*]
    };
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

const PAGE: &str = include_str!("../../../web/index.html");
const FILES: &[(&str, &str, &str)] = &files! {
    "colors.css": STYLE,
    "style.css": STYLE,
    "learn/learn.css": STYLE,
    "icon.svg": "image/svg+xml",
    "main.js": SCRIPT,
    "actions.js": SCRIPT,
    "answers.js": SCRIPT,
    "api.js": SCRIPT,
    "bars.js": SCRIPT,
    "clock.js": SCRIPT,
    "connection_limit.js": SCRIPT,
    "diagram.js": SCRIPT,
    "figures.js": SCRIPT,
    "format.js": SCRIPT,
    "glyphs.js": SCRIPT,
    "lane.js": SCRIPT,
    "page.js": SCRIPT,
    "panels.js": SCRIPT,
    "predict.js": SCRIPT,
    "reports.js": SCRIPT,
    "phrases.js": SCRIPT,
    "sentences.js": SCRIPT,
    "settings.js": SCRIPT,
    "story.js": SCRIPT,
    "token.js": SCRIPT,
    "upward.js": SCRIPT,
    "view.js": SCRIPT,
    "learn/active_instrument.js": SCRIPT,
    "learn/age.js": SCRIPT,
    "learn/checks.js": SCRIPT,
    "learn/choose.js": SCRIPT,
    "learn/crossing.js": SCRIPT,
    "learn/cut.js": SCRIPT,
    "learn/frames.js": SCRIPT,
    "learn/hand_in.js": SCRIPT,
    "learn/idle.js": SCRIPT,
    "learn/lab.js": SCRIPT,
    "learn/lanes.js": SCRIPT,
    "learn/lesson.js": SCRIPT,
    "learn/lumps.js": SCRIPT,
    "learn/measures.js": SCRIPT,
    "learn/progress.js": SCRIPT,
    "learn/queue.js": SCRIPT,
    "learn/slots.js": SCRIPT,
    "learn/storm.js": SCRIPT,
    "learn/strip.js": SCRIPT,
    "learn/svg_context.js": SCRIPT,
    "learn/talk.js": SCRIPT,
    "learn/phrases_zh.js": SCRIPT,
    "learn/words.js": SCRIPT,
};

/// `GET /`
pub async fn page(headers: HeaderMap) -> Response {
    document(&headers, PAGE)
}

/// An HTML page with a content security policy that restricts it to this server.
pub fn document(headers: &HeaderMap, text: &'static str) -> Response {
    let isolation = [
        // A cross-origin isolated page gets a clock resolution of 5 µs instead of 100 µs (HR Time, "coarsen time").
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CONTENT_SECURITY_POLICY, policy(headers)),
    ];
    (isolation, answer("text/html; charset=utf-8", text)).into_response()
}

/// `GET /web/FILE`
///
/// Errors: 404.
pub async fn file(Segment(name): Segment, uri: http::Uri) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, text)) => answer(content_type, text),
        None => crate::server::not_found(uri).await.into_response(),
    }
}

/// The answer with a built-in file.
pub fn answer(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The files change with the program, and their names contain no version.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

/// The content security policy. `connect-src` also names the WebSocket schemes, which older browsers do not include in
/// `'self'`.
fn policy(headers: &HeaderMap) -> HeaderValue {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(|host| host.parse::<Authority>().ok());
    let socket = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'{socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_this_host_and_no_other_whatever_the_host_header_says() {
        let policy_for = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            policy(&headers).to_str().unwrap().to_owned()
        };
        assert!(policy_for("127.0.0.1:8080").contains("connect-src 'self' ws://127.0.0.1:8080 wss://"));
        assert!(policy_for("evil; script-src *").contains("connect-src 'self';"));
    }

    #[test]
    fn the_page_and_its_files_name_no_other_host() {
        for (name, _, text) in FILES.iter().copied().chain([("index.html", "", PAGE)]) {
            for address in ["http://", "https://", "//cdn", "@import"] {
                let found = text.replace("http://www.w3.org/2000/svg", "").contains(address);
                assert!(!found, "{name} names {address}");
            }
        }
    }
}
