//! Cursors: a parsed cursor is written back unchanged; text that is not a cursor is refused everywhere.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushpull::stream::{Cursor, Start};

fuzz_target!(|text: &str| {
    let cursor = text.parse::<Cursor>();
    if let Ok(cursor) = cursor {
        assert_eq!(cursor.to_string(), text);
    }
    match text.parse::<Start>() {
        Ok(Start::Earliest) => assert_eq!(text, "earliest"),
        Ok(Start::After(after)) => assert_eq!(Ok(after), cursor),
        Ok(Start::Now) => panic!("no text means now"),
        Err(error) => assert_eq!(Err(error), cursor),
    }
    let json = serde_json::to_string(text).expect("a string");
    assert_eq!(serde_json::from_str::<Cursor>(&json).ok(), cursor.ok());
});
