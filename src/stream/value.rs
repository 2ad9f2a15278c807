//! What can be published: any JSON value that is not nested too deeply.

use serde_json::value::RawValue;

use crate::limits;

/// Checks that `text` is one JSON value that can be published, and returns it unchanged.
///
/// Errors: a message that says what is wrong.
pub fn value(text: &[u8]) -> Result<&RawValue, String> {
    let value: &RawValue = serde_json::from_slice(text).map_err(|error| format!("not one JSON value: {error}"))?;
    match nesting(value.get()) {
        0..=limits::UPDATE_NESTING_MAX => Ok(value),
        deep => Err(format!("nested {deep} deep; use at most {}", limits::UPDATE_NESTING_MAX)),
    }
}

/// How deeply the arrays and objects of a JSON text are nested.
fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest) = (0, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth -= 1,
            // Skips to the end of the string; a character after a backslash does not end it.
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(bytes.next()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_json_text_that_is_not_nested_too_deeply() {
        assert_eq!(value(br#" {"a":["]"]} "#).unwrap().get(), r#"{"a":["]"]}"#);
        assert_eq!(nesting(r#"{"a":["[[","\"[[",[]],"b":{}}"#), 3, "brackets in strings are text");
        assert!(value(b"1 2").is_err() && value(b"").is_err());
        let nested = |deep: usize| format!("{}{}", "[".repeat(deep), "]".repeat(deep));
        assert!(value(nested(limits::UPDATE_NESTING_MAX).as_bytes()).is_ok());
        let refused = value(nested(limits::UPDATE_NESTING_MAX + 1).as_bytes()).unwrap_err();
        assert!(refused.contains("nested 101 deep"), "{refused}");
    }
}
