//! `loadgen learn`: checks are recorded in hand-in files, and hand-in files are graded in a table.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::repository;

async fn learn(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen")).arg("learn").args(words).current_dir(folder).output().await.unwrap()
}

fn hand_in(name: &str) -> Value {
    json!({
        "schema": "pushpull.hand-in/1", "name": name, "made_at": "2026-11-28T01:00:00Z",
        "guesses": [], "checks": [], "notes": [], "exercises": [],
    })
}

fn guess(lab: &str, guess: f64, measured: f64, at: &str) -> Value {
    json!({"lab": lab, "lesson": 1, "unit": "%", "guess": guess, "measured": measured, "theory": measured, "runs": 1, "at": at})
}

fn answer(check: &str, right: bool) -> Value {
    json!({"check": check, "lesson": 1, "answer": 1, "right": right, "at": "2026-11-28T01:00:00Z"})
}

fn assert_matches_schema(hand_in: &Value) {
    let schema = std::fs::read_to_string(repository().join("schema/hand-in.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(hand_in).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}

pub async fn a_folder_of_hand_ins_becomes_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, value: &Value| std::fs::write(folder.path().join(name), value.to_string()).unwrap();
    let mut ada = hand_in("Ada");
    ada["guesses"] = json!([
        guess("empty", 80.0, 75.0, "2026-11-28T01:00:00Z"),
        guess("late", 100.0, 1000.0, "2026-11-28T01:00:00Z")
    ]);
    ada["checks"] = json!([answer("t-half", true), answer("k-star", false)]);
    let mut later = hand_in("Ada");
    // The first guess counts, and an exercise is passed if it is in either file.
    later["guesses"] = json!([guess("empty", 75.0, 75.0, "2026-11-28T02:00:00Z")]);
    later["exercises"] = json!([
        {"exercise": "poller", "passed": true, "checks": 5, "of": 5, "at": "2026-11-28T02:00:00Z"},
        {"exercise": "resume", "passed": false, "checks": 3, "first_wrong": "lost 3", "at": "2026-11-28T02:00:00Z"},
    ]);
    let mut rogue = hand_in("=HYPERLINK(\"x\")\u{1b}[2J");
    rogue["checks"] = json!([answer("k-star", false)]);
    for (name, value) in [("a.json", &ada), ("b.json", &later), ("c.json", &rogue)] {
        assert_matches_schema(value);
        write(name, value);
    }
    write("other.json", &json!({"schema": "something else"}));
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a hand-in").unwrap();
    let output = learn(folder.path(), &["grade", ".", "--csv", "grades.csv"]).await;
    let (table, notes) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{notes}");
    assert_eq!(notes.lines().count(), 2, "{notes}");
    assert!(!table.contains('\u{1b}'), "{table:?}");
    let mut reader = csv::Reader::from_path(folder.path().join("grades.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cell = |row: usize, column: &str| rows[row][header.iter().position(|name| name == column).unwrap()].to_owned();
    assert_eq!(rows.len(), 2);
    let (ada, rogue) = if cell(0, "student") == "Ada" { (0, 1) } else { (1, 0) };
    assert_eq!(cell(rogue, "student"), "'=HYPERLINK(\"x\")[2J");
    assert_eq!((cell(ada, "empty: guessed"), cell(ada, "late: measured")), ("80".to_owned(), "1000".to_owned()));
    assert_eq!((cell(ada, "t-half"), cell(ada, "k-star")), ("1".to_owned(), "0".to_owned()));
    assert_eq!(
        (cell(ada, "poller"), cell(ada, "resume"), cell(ada, "echo")),
        ("passed".to_owned(), "not yet (3 hold)".to_owned(), String::new())
    );
    assert_eq!(cell(rogue, "poller"), "");
    // One of two guesses was close, one of two answers right, one exercise passed.
    let row = table.lines().find(|line| line.starts_with("Ada")).unwrap();
    assert_eq!(row.matches("1 of 2").count(), 2, "{row}");
    assert!(row.contains("1 of 11") && row.ends_with("resume"), "{row}");
}

pub async fn a_check_is_recorded_in_a_hand_in_that_matches_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("case.toml"),
        "question = \"?\"\nchoose = \"sse\"\nrule_out = \"polling\"\nfail_if = []\n",
    )
    .unwrap();
    let words = ["check", "your-case", "--hand-in", "me.json", "--student", "Ada", "--", "case.toml"];
    assert_eq!(learn(folder.path(), &words).await.status.code(), Some(3));
    let read = || -> Value { serde_json::from_slice(&std::fs::read(folder.path().join("me.json")).unwrap()).unwrap() };
    let noted = read();
    assert_matches_schema(&noted);
    assert_eq!((&noted["name"], &noted["exercises"][0]["exercise"]), (&json!("Ada"), &json!("your-case")));
    assert_eq!(noted["exercises"][0]["passed"], false);
    assert!(noted["exercises"][0]["first_wrong"].is_string());
    // A later failure does not revoke a pass.
    let mut passed = noted;
    passed["exercises"][0]["passed"] = json!(true);
    std::fs::write(folder.path().join("me.json"), passed.to_string()).unwrap();
    assert_eq!(learn(folder.path(), &words).await.status.code(), Some(3));
    assert_eq!(read()["exercises"][0]["passed"], true);
}
