//! The exercises: every starter fails with a useful word, every solution passes, and typical wrong solutions are each told
//! what is wrong with them; in Python, JavaScript and Rust.
//!
//! A solution stands in `solutions/`; a wrong one is a solution with a line or two changed (`wrong.rs`).

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod docs;
mod four;
mod grade;
mod languages;
mod wrong;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::Trial;
use pushpull::learn::session::Progress;
use pushpull::learn::{Code, Exercise, Language, Stop, checks};

use languages::{command, missing};

/// Of what a check draws: fixed, so that the suite does the same each time.
const SEED: u64 = 1;

/// Checks wait for clocks and not for the processor, so that many go at once.
const AT_ONCE: usize = 10;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn solution(exercise: Exercise, language: Language) -> PathBuf {
    repository().join("tests/learn/solutions").join(exercise.file_name(language))
}

/// What a check of this program says: its stages that hold, and what is wrong.
async fn checked(exercise: Exercise, program: &[OsString]) -> (usize, Option<(Code, String)>) {
    let mut held = 0;
    let mut say = |progress| held += usize::from(progress == Progress::StagePassed);
    let outcome = checks::check(exercise, program, Path::new(env!("CARGO_BIN_EXE_loadgen")), SEED, &mut say).await;
    match outcome {
        Ok(()) => (held, None),
        Err(Stop::Fault(fault)) => (held, Some((fault.code, fault.sentence))),
        Err(Stop::Error(error)) => panic!("{}: {error}", exercise.name()),
    }
}

async fn a_starter_fails_with_a_useful_word(exercise: Exercise, language: Language) {
    let text = exercise.starter(language);
    let program = command(exercise, language, "starter", text);
    let (_, wrong) = checked(exercise, &program).await;
    let (code, sentence) = wrong.unwrap_or_else(|| panic!("the starter of {} passes", exercise.name()));
    let wanted = wrong::of_starter(exercise);
    assert_eq!(code, wanted, "{}: {sentence}", exercise.name());
    println!("{} starter in {}: {sentence}", exercise.name(), language.label());
}

async fn a_solution_passes(exercise: Exercise, language: Language) {
    let text = std::fs::read_to_string(solution(exercise, language)).unwrap();
    let program = command(exercise, language, "solution", &text);
    let (held, wrong) = checked(exercise, &program).await;
    assert_eq!(wrong, None, "{} in {}, behind {held} stages", exercise.name(), language.label());
    assert!(held > 1, "{}", exercise.name());
}

async fn a_wrong_solution_is_told_what_is_wrong(wrong: &'static wrong::Wrong) {
    let path = solution(wrong.exercise, wrong.language);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in wrong.changes {
        assert_eq!(text.matches(from).count(), 1, "{}: `{from}` in {}", wrong.what, path.display());
        text = text.replace(from, to);
    }
    let name = wrong.what.replace(|c: char| !c.is_alphanumeric(), "-");
    let program = command(wrong.exercise, wrong.language, &name, &text);
    let (_, found) = checked(wrong.exercise, &program).await;
    let (code, sentence) = found.unwrap_or_else(|| panic!("{}: it passes", wrong.what));
    assert_eq!(code, wrong.code, "{}: {sentence}", wrong.what);
    println!("{}, {}: {sentence}", wrong.exercise.name(), wrong.what);
}

fn trial<F>(name: String, language: Language, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    common::trials::trial(&name, missing(language).as_deref(), test)
}

fn main() -> ExitCode {
    let mut trials = Vec::new();
    for &exercise in Exercise::ALL {
        // A file is no program, and the same in every language.
        let languages = if exercise.is_program() { &Language::ALL[..] } else { &Language::ALL[..1] };
        for &language in languages {
            let of = |what: &str| format!("{}::{what}_in_{}", exercise.name(), language.label());
            trials.push(trial(of("the_starter_fails"), language, move || {
                a_starter_fails_with_a_useful_word(exercise, language)
            }));
            trials.push(trial(of("the_solution_passes"), language, move || a_solution_passes(exercise, language)));
        }
        let wrong: Vec<_> = wrong::WRONG.iter().filter(|wrong| wrong.exercise == exercise).collect();
        assert!(wrong.len() >= 3, "{} has {} wrong solutions; three are wanted", exercise.name(), wrong.len());
        for wrong in wrong {
            let name = format!("{}::{}_is_told", exercise.name(), wrong.what.replace(' ', "_"));
            trials.push(trial(name, wrong.language, move || a_wrong_solution_is_told_what_is_wrong(wrong)));
        }
    }
    for (technique, _) in four::TECHNIQUES {
        for server in Language::ALL {
            for client in Language::ALL {
                let lacks = missing(server).or_else(|| missing(client));
                let name = format!("four::{technique}_from_{}_to_{}", server.label(), client.label());
                trials.push(common::trials::trial(&name, lacks.as_deref(), move || {
                    four::a_client_reads_each_update_once(technique, server, client)
                }));
            }
        }
    }
    trials.extend(trials![
        None;
        four::the_page_has_the_code_as_it_is_tested,
        grade::a_folder_of_hand_ins_becomes_a_table,
        grade::a_check_is_noted_in_a_hand_in_that_keeps_to_its_schema,
        docs::bad_programs_are_told_what_is_wrong,
        docs::the_docs_have_each_exercise_with_its_task_and_hint,
    ]);
    let missing: Vec<_> = Language::ALL.into_iter().map(missing).collect();
    common::trials::run_at_once(AT_ONCE, &missing, trials)
}
