//! A cursor has exactly one spelling, and no other text is a cursor.

use proptest::prelude::*;
use pushpull::stream::{Cursor, MalformedCursor, Start};

/// The contract's definition of a cursor, independent of the parser under test.
fn is_cursor(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((epoch, [b'-', seq @ ..])) = bytes.split_at_checked(8) else { return false };
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let is_number = !seq.is_empty() && seq.len() <= 20 && seq.iter().all(u8::is_ascii_digit);
    let has_leading_zero = seq.len() > 1 && seq[0] == b'0';
    let fits = || String::from_utf8_lossy(seq).parse::<u128>().is_ok_and(|number| number <= u64::MAX.into());
    epoch.iter().all(is_hex) && is_number && !has_leading_zero && fits()
}

fn check(text: &str) {
    let cursor = text.parse::<Cursor>();
    assert_eq!(cursor.is_ok(), is_cursor(text), "{text:?}");
    assert_eq!(serde_json::from_value::<Cursor>(text.into()).ok(), cursor.ok(), "{text:?}");
    match cursor {
        Ok(cursor) => {
            assert_eq!(cursor.to_string(), text);
            assert_eq!(text.parse(), Ok(Start::After(cursor)));
        }
        Err(MalformedCursor) if text == "earliest" => assert_eq!(text.parse(), Ok(Start::Earliest)),
        Err(error) => assert_eq!(text.parse::<Start>(), Err(error)),
    }
}

proptest! {
    #![proptest_config(crate::cases(4_000))]

    #[test]
    fn every_cursor_is_read_back_as_it_is_written(epoch: u32, seq: u64) {
        let text = format!("{epoch:08x}-{seq}");
        prop_assert!(is_cursor(&text));
        check(&text);
        prop_assert_eq!(text.parse::<Cursor>().unwrap().seq, seq);
    }

    #[test]
    fn text_similar_to_a_cursor_is_a_cursor_or_is_refused(text in "[0-9a-fA-F]{7,9}[-_+ ]{0,2}[0-9+ -]{0,21}") {
        check(&text);
    }

    #[test]
    fn a_cursor_with_one_character_changed_is_another_cursor_or_is_refused(
        epoch: u32,
        seq: u64,
        at: usize,
        // Mostly ASCII: hardly any other character is similar to one of a cursor.
        other in prop_oneof![3 => proptest::char::range(' ', '~'), 1 => any::<char>()],
    ) {
        let mut text: Vec<char> = format!("{epoch:08x}-{seq}").chars().collect();
        let at = at % text.len();
        text[at] = other;
        check(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_text_is_a_cursor_or_is_refused(text: String) {
        check(&text);
    }
}
