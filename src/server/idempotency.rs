//! `Idempotency-Key`: identifies a request, so that a client can repeat it without publishing twice.
//!
//! Source: draft-ietf-httpapi-idempotency-key-header, section 2: a structured field string,
//! `"8e03978e-40d5-43e8-bc93-6894a57f9324"`. The quotation marks may be missing, as in most uses of it.

use http::{HeaderMap, StatusCode};

use super::problem::Problem;
use crate::limits;

/// The key of a request, if it has one.
///
/// Errors: 400 for a key that is empty, too long, or has other characters than visible ASCII, and for two keys.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let text = key.to_str().unwrap_or("");
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    if keys.next().is_some() || !is_visible || !(1..=limits::IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len()) {
        let most = limits::IDEMPOTENCY_KEY_BYTES_MAX;
        let detail =
            format!("Idempotency-Key must be one string of 1 to {most} visible ASCII characters, as a UUID is");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_key_may_be_quoted_and_must_be_short_visible_and_unique() {
        let read = |values: &[&str]| {
            let values =
                values.iter().map(|value| ("idempotency-key".parse().unwrap(), HeaderValue::from_str(value).unwrap()));
            key(&HeaderMap::from_iter(values))
        };
        assert_eq!(read(&[]).unwrap(), None);
        for same in ["8e03-1", "\"8e03-1\""] {
            assert_eq!(read(&[same]).unwrap().as_deref(), Some("8e03-1"));
        }
        for bad in ["", "\"\"", "a b", "\"a", &"x".repeat(limits::IDEMPOTENCY_KEY_BYTES_MAX + 1)] {
            assert!(read(&[bad]).is_err(), "{bad}");
        }
        let mut two = HeaderMap::new();
        two.append("idempotency-key", HeaderValue::from_static("a"));
        two.append("idempotency-key", HeaderValue::from_static("b"));
        assert!(key(&two).is_err());
    }
}
