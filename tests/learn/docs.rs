//! Generates the parts of `docs/learn` about the exercises.

use std::ffi::OsString;

use pushpull::learn::{Code, Exercise};

use crate::check;
use crate::common::docs::assert_generated;

/// Programs that are wrong whatever the exercise: a description, a shell script, and the expected code.
const BAD: &[(&str, &str, Code)] = &[
    ("ends at once", "exit 7", Code::Ended),
    ("prints words", "echo Listening…; sleep 60", Code::NotJson),
    ("prints JSON that is no update", "echo '{\"hello\":1}'; sleep 60", Code::NotAnUpdate),
    ("prints what is not UTF-8", "printf '\\377\\n'; sleep 60", Code::NotJson),
    ("prints a line without end", "yes x | tr -d '\\n'", Code::Flood),
    ("prints lines without end", "yes", Code::NotJson),
    ("makes up an update", "echo '{\"seq\":1,\"at_us\":1,\"data\":1}'; sleep 60", Code::Altered),
    ("makes up a gap", "echo '{\"gap\":{\"reason\":\"evicted\",\"lost\":3}}'; sleep 60", Code::Gap),
];

/// Checks each bad program, and generates their table in the docs.
pub async fn bad_programs_get_the_right_diagnosis() {
    let mut table = "| program | `check` prints |\n|---|---|\n".to_owned();
    for (what, script, wanted) in BAD {
        let program: Vec<OsString> = ["sh", "-c", script].map(OsString::from).to_vec();
        let (_, wrong) = check(Exercise::Poller, &program).await;
        let (code, sentence) = wrong.unwrap_or_else(|| panic!("{what}: it passes"));
        assert_eq!(code, *wanted, "{what}: {sentence}");
        table += &format!("| {what}: `{}` | {sentence} |\n", script.replace('|', "\\|"));
    }
    assert_generated("docs/learn/exercises.md", "bad programs", &table);
}

/// Generates the list of exercises in the docs.
pub async fn the_docs_have_each_exercise_with_its_task_and_hint() {
    let mut text = String::new();
    for exercise in Exercise::ALL {
        let task = exercise.text().replacen("# ", "### ", 1);
        text += &format!("{task}\n<details><summary>Hint</summary>\n\n{}\n\n</details>\n\n", exercise.hint());
    }
    assert_generated("docs/learn/exercises.md", "exercises", &text);
}
