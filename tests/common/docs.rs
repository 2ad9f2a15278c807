//! Parts of the docs that the tests generate, so that they cannot differ from what is tested.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Tests run in parallel, and two of them may write to the same file.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Asserts that the part of `file` between `<!-- generated: NAME -->` and `<!-- end: NAME -->` is exactly `text`.
///
/// With `PUSHPULL_BLESS=1` in the environment it writes `text` there instead.
pub fn assert_generated(file: &str, name: &str, text: &str) {
    // A test that panicked while it held the lock has left nothing half-written.
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let found = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->"));
    let parts = found.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?)));
    let Some((before, (inside, after))) = parts else { panic!("{file} has no `{begin}` or no `{end}`") };
    if inside == text {
        return;
    }
    if std::env::var_os("PUSHPULL_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, [before, &begin, text, &end, after].concat()).unwrap();
        return;
    }
    let differs = text.lines().zip(inside.lines()).find(|(wanted, found)| wanted != found);
    panic!("{file} is not what the tests generate (first difference: {differs:?}); run them with PUSHPULL_BLESS=1");
}

/// Asserts that a whole file is exactly `text`; with `PUSHPULL_BLESS=1` in the environment it writes the file.
#[allow(dead_code, reason = "not every test that uses this module generates a whole file")]
pub fn assert_file(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::fs::read_to_string(&path).is_ok_and(|found| found == text) {
        return;
    }
    if std::env::var_os("PUSHPULL_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, text).unwrap();
        return;
    }
    panic!("{file} is not what the tests generate; run them with PUSHPULL_BLESS=1");
}
