//! The exercises in Python, JavaScript and Rust: every starter fails with a useful message, every solution passes, and
//! each typical wrong solution gets the right diagnosis.
//!
//! The solutions are in `solutions/`. A wrong solution is one of them with a line or two changed
//! (`wrong_solutions.rs`).

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod docs;
mod grade;
mod languages;
mod techniques;
mod wrong_solutions;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::Trial;
use pushpull::learn::session::Progress;
use pushpull::learn::{Code, Exercise, Language, Stop, checks};

use languages::{command, missing};

/// The seed of the checks: fixed, so that the suite is repeatable.
const SEED: u64 = 1;

/// Checks that run in parallel: they mostly wait for timers, so they can be many.
const AT_ONCE: usize = 10;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn solution(exercise: Exercise, language: Language) -> PathBuf {
    repository().join("tests/learn/solutions").join(exercise.file_name(language))
}

/// Checks a program; returns how many stages passed, and the code and message of the first fault.
async fn check(exercise: Exercise, program: &[OsString]) -> (usize, Option<(Code, String)>) {
    let mut passed = 0;
    let mut note = |progress| passed += usize::from(progress == Progress::StagePassed);
    let outcome = checks::check(exercise, program, Path::new(env!("CARGO_BIN_EXE_loadgen")), SEED, &mut note).await;
    match outcome {
        Ok(()) => (passed, None),
        Err(Stop::Fault(fault)) => (passed, Some((fault.code, fault.sentence))),
        Err(Stop::Error(error)) => panic!("{}: {error}", exercise.name()),
    }
}

async fn a_starter_fails_with_a_useful_message(exercise: Exercise, language: Language) {
    let text = exercise.starter(language);
    let program = command(exercise, language, "starter", text);
    let (_, wrong) = check(exercise, &program).await;
    let (code, sentence) = wrong.unwrap_or_else(|| panic!("the starter of {} passes", exercise.name()));
    let wanted = wrong_solutions::of_starter(exercise);
    assert_eq!(code, wanted, "{}: {sentence}", exercise.name());
    println!("{} starter in {}: {sentence}", exercise.name(), language.label());
}

async fn a_solution_passes(exercise: Exercise, language: Language) {
    let text = std::fs::read_to_string(solution(exercise, language)).unwrap();
    let program = command(exercise, language, "solution", &text);
    let (passed, wrong) = check(exercise, &program).await;
    assert_eq!(wrong, None, "{} in {}, after {passed} stages", exercise.name(), language.label());
    assert!(passed > 1, "{}", exercise.name());
}

async fn a_wrong_solution_gets_the_right_diagnosis(wrong: &'static wrong_solutions::WrongSolution) {
    let path = solution(wrong.exercise, wrong.language);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in wrong.changes {
        assert_eq!(text.matches(from).count(), 1, "{}: `{from}` in {}", wrong.what, path.display());
        text = text.replace(from, to);
    }
    let name = wrong.what.replace(|c: char| !c.is_alphanumeric(), "-");
    let program = command(wrong.exercise, wrong.language, &name, &text);
    let (_, found) = check(wrong.exercise, &program).await;
    let (code, sentence) = found.unwrap_or_else(|| panic!("{}: it passes", wrong.what));
    assert_eq!(code, wrong.code, "{}: {sentence}", wrong.what);
    println!("{}, {}: {sentence}", wrong.exercise.name(), wrong.what);
}

fn test<F>(name: String, language: Language, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    common::tool_tests::test(&name, missing(language).as_deref(), test)
}

fn main() -> ExitCode {
    let mut tests = Vec::new();
    for &exercise in Exercise::ALL {
        // An exercise whose solution is a file instead of a program is the same in every language.
        let languages = if exercise.is_program() { &Language::ALL[..] } else { &Language::ALL[..1] };
        for &language in languages {
            let of = |what: &str| format!("{}::{what}_in_{}", exercise.name(), language.label());
            tests.push(test(of("the_starter_fails"), language, move || {
                a_starter_fails_with_a_useful_message(exercise, language)
            }));
            tests.push(test(of("the_solution_passes"), language, move || a_solution_passes(exercise, language)));
        }
        let wrong: Vec<_> = wrong_solutions::WRONG.iter().filter(|wrong| wrong.exercise == exercise).collect();
        assert!(wrong.len() >= 3, "{} has {} wrong solutions; at least three are needed", exercise.name(), wrong.len());
        for wrong in wrong {
            let name = format!("{}::{}_is_diagnosed", exercise.name(), wrong.what.replace(' ', "_"));
            tests.push(test(name, wrong.language, move || a_wrong_solution_gets_the_right_diagnosis(wrong)));
        }
    }
    for (technique, _) in techniques::TECHNIQUES {
        for server in Language::ALL {
            for client in Language::ALL {
                let lacks = missing(server).or_else(|| missing(client));
                let name = format!("techniques::{technique}_from_{}_to_{}", server.label(), client.label());
                tests.push(common::tool_tests::test(&name, lacks.as_deref(), move || {
                    techniques::a_client_reads_each_update_once(technique, server, client)
                }));
            }
        }
    }
    tests.extend(tests![
        None;
        techniques::the_page_shows_the_code_that_is_tested,
        grade::a_folder_of_hand_ins_becomes_a_table,
        grade::a_check_is_recorded_in_a_hand_in_that_matches_its_schema,
        docs::bad_programs_get_the_right_diagnosis,
        docs::the_docs_have_each_exercise_with_its_task_and_hint,
    ]);
    let missing: Vec<_> = Language::ALL.into_iter().map(missing).collect();
    common::tool_tests::run_at_once(AT_ONCE, &missing, tests)
}
