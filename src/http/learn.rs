//! The lessons: `docs/learn`, rendered at build time.
//!
//! | request | answer |
//! |---|---|
//! | `GET /learn/`, `GET /learn/NAME` | redirects to the page in the language that the browser prefers |
//! | `GET /learn/en/NAME`, `GET /learn/zh/NAME` | the page; `index` lists the lessons |
//! | `GET /learn/pictures/FILE` | a still picture of a lesson |

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::Uri;
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION, VARY};

use super::live::assets;
use crate::server::request::Segment;
use crate::server::{App, not_found};

mod built {
    include!(concat!(env!("OUT_DIR"), "/learn.rs"));
}

/// The routes of the lessons.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/learn", get(|headers: HeaderMap| async move { choose(&headers, "") }))
        .route("/learn/", get(|headers: HeaderMap| async move { choose(&headers, "") }))
        .route("/learn/{*path}", get(page))
}

/// `GET /learn/…`: a page, a picture, or a redirect.
///
/// Errors: 404.
async fn page(Segment(path): Segment, headers: HeaderMap, uri: Uri) -> Response {
    match path.split_once('/') {
        None if has("en", &path) => choose(&headers, &path),
        None if path == "en" || path == "zh" => redirect(&format!("/learn/{path}/")),
        Some(("pictures", file)) => match built::PICTURES.iter().find(|(known, _)| *known == file) {
            Some((_, picture)) => assets::answer("image/svg+xml", picture),
            None => not_found(uri).await.into_response(),
        },
        Some((language, name)) => {
            let name = if name.is_empty() { "index" } else { name };
            match built::PAGES.iter().find(|(one, known, _)| *one == language && *known == name) {
                Some((.., page)) => assets::document(&headers, page),
                None => not_found(uri).await.into_response(),
            }
        }
        None => not_found(uri).await.into_response(),
    }
}

fn has(language: &str, name: &str) -> bool {
    built::PAGES.iter().any(|(one, known, _)| *one == language && *known == name)
}

/// Redirects to the page in the browser's language.
fn choose(headers: &HeaderMap, name: &str) -> Response {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let name_in_chinese = if name.is_empty() { "index" } else { name };
    let language = if prefers_chinese(accepted) && has("zh", name_in_chinese) { "zh" } else { "en" };
    redirect(&format!("/learn/{language}/{name}"))
}

fn redirect(to: &str) -> Response {
    let location = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/learn/en/"));
    let headers = [
        (LOCATION, location),
        (VARY, HeaderValue::from_static("accept-language")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Whether `Accept-Language` prefers Chinese to English (RFC 9110 section 12.5.4): by weight, then by order.
fn prefers_chinese(accepted: &str) -> bool {
    let weight = |language: &str| {
        let weights = accepted.split(',').enumerate().filter_map(|(place, one)| {
            let (range, parameter) = one.split_once(';').unwrap_or((one, "q=1"));
            let is_meant = range.trim().to_ascii_lowercase().split('-').next() == Some(language);
            let weight =
                parameter.trim().strip_prefix("q=")?.trim().parse::<f64>().ok().filter(|weight| *weight > 0.0)?;
            is_meant.then_some((weight, place))
        });
        weights.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
    };
    match (weight("zh"), weight("en")) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some((zh, zh_place)), Some((en, en_place))) => zh > en || (zh == en && zh_place < en_place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_the_browser_prefers() {
        for chinese in ["zh-CN,zh;q=0.9,en;q=0.8", "zh", "fr, zh-TW;q=0.5", "zh,en", "en;q=0, zh;q=0.1"] {
            assert!(prefers_chinese(chinese), "{chinese}");
        }
        for other in ["", "en-US,en;q=0.9", "en,zh", "de", "zh;q=0", "en;q=0.9,zh;q=0.8", "zhx", "zh;q=nan,en"] {
            assert!(!prefers_chinese(other), "{other}");
        }
    }

    #[test]
    fn each_page_exists_in_both_languages_or_in_english() {
        for (language, name, _) in built::PAGES {
            assert!(*language == "en" || has("en", name), "{language}/{name} has no English page");
        }
    }

    #[test]
    fn pages_load_nothing_from_another_host_and_run_no_script_of_their_own() {
        for (language, name, page) in built::PAGES {
            for loads in ["src=\"http", "src='http", "@import", "<iframe", "onclick=", "onload=", "style=\"", "<style"]
            {
                assert!(!page.contains(loads), "{language}/{name} has {loads}");
            }
            let scripts = page.matches("<script").count();
            let ours = page.matches("<script type=\"module\" src=\"/web/").count()
                + page.matches("<script type=\"application/json\"").count();
            assert_eq!(scripts, ours, "{language}/{name}");
        }
    }
}
