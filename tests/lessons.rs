//! Checks the lessons as documents: their figures come from a real run, both languages have the same blocks, each
//! question has an answer, and the minutes of the instructor's plans add up. `tests/page/lessons.rs` makes the run.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "common/docs.rs"]
mod docs;
#[path = "../build/lessons.rs"]
#[allow(dead_code, reason = "build.rs uses the rest")]
mod lessons;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use docs::assert_generated;
use lessons::{Part, parse};

const LESSONS: [&str; 10] = [
    "01-polling",
    "02-late",
    "03-long-polling",
    "04-bytes",
    "05-sse",
    "06-websocket",
    "07-resume",
    "08-between",
    "09-slow-reader",
    "10-choose",
];
const EXERCISES: [&str; 11] = [
    "poller",
    "staleness",
    "long-poller",
    "frames",
    "sse-parser",
    "echo",
    "chat",
    "resume",
    "heartbeat",
    "conflate",
    "your-case",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/learn")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn json(file: &str) -> BTreeMap<String, Value> {
    serde_json::from_str(&read(file)).unwrap()
}

/// The Markdown files of a language, relative to docs/learn.
fn files(language: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder().join(language)).unwrap().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.ends_with(".md"));
    let mut files: Vec<String> =
        names.map(|name| if language.is_empty() { name } else { format!("{language}/{name}") }).collect();
    files.sort();
    files
}

fn every_file() -> Vec<String> {
    [files(""), files("zh")].concat()
}

/// The blocks of a file: kind, id, text.
fn blocks(file: &str) -> Vec<(&'static str, String, String)> {
    let document = parse(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let blocks = document.parts.into_iter().filter_map(|part| match part {
        Part::Block { kind, id, text } => Some((kind, id, text)),
        Part::Text(_) | Part::Notes(_) => None,
    });
    blocks.collect()
}

#[test]
fn every_figure_in_the_text_is_that_of_the_recorded_run() {
    let recorded = json("figures.json");
    let is_blessed = std::env::var_os("PUSHPULL_BLESS").is_some_and(|value| value == "1");
    for file in every_file() {
        let text = read(&file);
        let mut written = text.clone();
        for (name, shown) in lessons::figures(&text) {
            let (lab, member) = name.split_once('.').unwrap();
            let figure = recorded.get(lab).and_then(|lab| lab.get(member)).and_then(Value::as_str);
            let Some(figure) = figure else { panic!("{file}: there is no figure {name} in figures.json") };
            written =
                written.replace(&format!("<!--={name}-->{shown}<!--/-->"), &format!("<!--={name}-->{figure}<!--/-->"));
        }
        // To Markdown a line that begins with a comment is raw HTML, so its formatting marks would be visible.
        assert!(!text.lines().any(|line| line.starts_with("<!--=")), "{file}: a line begins with a figure");
        if is_blessed {
            std::fs::write(folder().join(&file), &written).unwrap();
        } else {
            assert!(written == text, "{file} has other figures than figures.json; run the tests with PUSHPULL_BLESS=1");
        }
        let heads = if file.starts_with("zh/") { ("实测", "理论") } else { ("measured", "theory") };
        for (_, id, _) in blocks(&file).iter().filter(|(kind, ..)| *kind == "lab") {
            let shown = |member: &str| recorded[id][member].as_str().unwrap();
            let table =
                format!("| {} | {} |\n|---|---|\n| {} | {} |\n", heads.0, heads.1, shown("measured"), shown("theory"));
            assert_generated(&format!("docs/learn/{file}"), id, &table);
        }
    }
}

#[test]
fn each_lab_is_in_its_lesson_with_a_question_and_a_picture() {
    let labs = json("labs.json");
    let mut found = BTreeSet::new();
    for (number, lesson) in LESSONS.iter().enumerate() {
        for (_, id, text) in blocks(&format!("{lesson}.md")).iter().filter(|(kind, ..)| *kind == "lab") {
            let lab = labs.get(id).unwrap_or_else(|| panic!("{lesson}: no lab {id} in labs.json"));
            assert_eq!(lab["lesson"], number as u64 + 1, "{id}");
            assert!(text.lines().any(|line| line.starts_with("> ")), "{id}: a question in a quotation");
            let picture = format!("pictures/{id}.svg");
            assert!(text.contains(&picture) && folder().join(&picture).exists(), "{id}: {picture}");
            found.insert(id.clone());
        }
    }
    assert_eq!(found, labs.into_keys().collect());
}

#[test]
fn each_lesson_has_every_part_and_names_its_exercises() {
    let mut exercises = BTreeSet::new();
    for lesson in LESSONS {
        let document = parse(&read(&format!("{lesson}.md"))).unwrap();
        let count = |wanted: &str| {
            document.parts.iter().filter(|part| matches!(part, Part::Block { kind, .. } if *kind == wanted)).count()
        };
        assert!(count("lab") >= 1 && count("saw") == 1 && count("check") >= 1, "{lesson}");
        assert!(count("code") >= 1 && count("discuss") >= 1, "{lesson}: three kinds of questions");
        assert!(
            matches!(document.parts[0], Part::Text(_)) && matches!(document.parts[1], Part::Block { kind: "lab", .. }),
            "{lesson} opens with its picture"
        );
        assert!(document.parts.iter().any(|part| matches!(part, Part::Notes(_))), "{lesson}: notes");
        assert!(document.front["minutes"].parse::<u32>().is_ok() && !document.front["title"].is_empty(), "{lesson}");
        let named = document.front["exercise"].split(',').map(|name| name.trim().to_owned());
        exercises.extend(named);
    }
    assert_eq!(exercises, EXERCISES.map(str::to_owned).into());
}

#[test]
fn each_question_has_one_right_option_and_explains_every_option() {
    for file in every_file() {
        for (_, id, text) in blocks(&file).iter().filter(|(kind, ..)| *kind == "check") {
            let options: Vec<&str> = text.lines().filter(|line| line.starts_with("- [")).collect();
            let right = options.iter().filter(|option| option.starts_with("- [x]")).count();
            assert!(right == 1 && options.len() >= 2, "{file} {id}");
            for option in options {
                let why =
                    option.split_once("**").and_then(|(_, rest)| rest.split_once("**")).map(|(_, why)| why.trim());
                assert!(why.is_some_and(|why| !why.is_empty()), "{file} {id}: {option}");
            }
        }
    }
}

#[test]
fn no_two_blocks_of_a_language_have_the_same_id() {
    for language in ["", "zh"] {
        let mut seen = BTreeSet::new();
        for file in files(language) {
            for (kind, id, _) in blocks(&file) {
                assert!(seen.insert((kind, id.clone())), "{file}: {kind} {id} is there twice");
            }
        }
    }
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    for file in every_file() {
        let text = read(&file);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.starts_with("https://") || link.starts_with('#') || link.starts_with('/') {
                continue;
            }
            let target = folder().join(&file).parent().unwrap().join(link.split('#').next().unwrap());
            assert!(target.exists(), "{file}: {link}");
        }
    }
}

#[test]
fn both_languages_have_the_same_blocks_with_the_same_answers_and_figures() {
    for file in LESSONS.iter().map(|lesson| format!("{lesson}.md")).chain(["hand-in.md".to_owned()]) {
        let chinese = format!("zh/{file}");
        let shape = |file: &str| -> Vec<(&'static str, String, Vec<bool>)> {
            let blocks = blocks(file).into_iter().map(|(kind, id, text)| {
                let options = text.lines().filter(|line| line.starts_with("- [")).map(|line| line.starts_with("- [x]"));
                (kind, id, options.collect())
            });
            blocks.collect()
        };
        assert_eq!(shape(&file), shape(&chinese), "{file}");
        let names = |file: &str| -> BTreeSet<String> {
            lessons::figures(&read(file)).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&file), names(&chinese), "{file}: the figures in the text");
        let front = |file: &str, key: &str| parse(&read(file)).unwrap().front.get(key).cloned();
        for key in ["minutes", "exercise"] {
            assert_eq!(front(&file, key), front(&chinese, key), "{file}: {key}");
        }
        let code = |file: &str| read(file).matches("```").count();
        assert_eq!(code(&file), code(&chinese), "{file}: pieces of code");
    }
}

#[test]
fn the_minutes_of_the_plans_add_up() {
    let text = read("instructor.md");
    let mut plans = 0;
    for plan in text.split("<!-- plan: ").skip(1) {
        let (target, rest) = plan.split_once(" -->").unwrap();
        let rows = rest.split_once("<!-- /plan -->").unwrap().0;
        let minutes = rows.lines().filter_map(|line| line.split('|').nth(1)?.trim().parse::<u32>().ok());
        assert_eq!(minutes.sum::<u32>(), target.parse::<u32>().unwrap(), "the plan for {target} minutes");
        plans += 1;
    }
    assert_eq!(plans, 2);
    let numbered = |from: &str| from.lines().filter(|line| line.starts_with(|one: char| one.is_ascii_digit())).count();
    let (_, answers) = text.split_once("## Answers to the six questions").unwrap();
    let answers = answers.split("\n## ").next().unwrap();
    let asked = read("test.md").lines().filter(|line| line.starts_with("**") && line.contains(".**")).count();
    assert_eq!((numbered(answers), asked), (6, 6));
}

#[test]
fn the_schema_of_a_hand_in_accepts_empty_lists_and_refuses_wrong_members() {
    let schema: Value = serde_json::from_str(include_str!("../schema/hand-in.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let empty = serde_json::json!({"schema": "pushpull.hand-in/1", "name": "", "made_at": "2026-01-01T00:00:00Z",
        "guesses": [], "checks": [], "notes": [], "exercises": []});
    assert!(validator.is_valid(&empty));
    for (member, wrong) in [
        ("schema", Value::from("pushpull.hand-in/2")),
        ("guesses", serde_json::json!([{"lab": "empty"}])),
        ("checks", Value::Null),
        ("more", Value::from(1)),
    ] {
        let mut file = empty.clone();
        file[member] = wrong;
        assert!(!validator.is_valid(&file), "{member}");
    }
}

/// Each text in `text` that follows `before` and ends at a single quote.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('\'').next()).collect()
}

#[test]
fn every_phrase_in_the_pictures_of_the_lanes_is_translated() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let read = |file: &str| std::fs::read_to_string(web.join(file)).unwrap();
    let table = read("learn/phrases_zh.js");
    let mut count = 0;
    for file in ["format.js", "clock.js", "view.js", "diagram.js", "sentences.js"] {
        let text = read(file);
        for phrase in [" say('", "(say('", " phrase('", "(phrase('", "[say('", "kept: '", "forgot: '"]
            .into_iter()
            .flat_map(|before| quoted(&text, before))
        {
            let is_there = table.contains(&format!("'{phrase}':")) || table.contains(&format!(" {phrase}:"));
            assert!(is_there, "{file}: `{phrase}` is not in web/learn/phrases_zh.js");
            count += 1;
        }
    }
    assert!(count > 50, "{count} phrases");
}
