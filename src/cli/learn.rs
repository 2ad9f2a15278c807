//! `loadgen learn`: the exercises, and what is done with them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::cli::process::{DONE, INTERRUPTED, THRESHOLD, usage_error};
use crate::learn::checks;
use crate::learn::session::Progress;
use crate::learn::{Exercise, Language, Stop};
use crate::{print, suggest};

/// Text behind its help.
pub const EXAMPLES: &str = "\
Examples:
  loadgen learn list                                 the exercises, lesson by lesson
  loadgen learn start poller --language javascript   writes poller/poller.js and its task
  loadgen learn check poller -- node poller/poller.js
  loadgen learn hint poller
";

/// What is asked of `loadgen learn`.
#[derive(Clone, Debug, Args)]
pub struct LearnArgs {
    #[command(subcommand)]
    command: Option<LearnCommand>,
}

#[derive(Clone, Debug, Subcommand)]
enum LearnCommand {
    /// List the exercises (the default).
    List,
    /// Write an exercise's starter and its task to a new folder.
    Start {
        /// The exercise's name (see `loadgen learn list`).
        #[arg(value_parser = exercise)]
        name: Exercise,
        /// The starter's language.
        #[arg(long, value_enum, default_value_t = Language::Python)]
        language: Language,
        /// The folder, which must not be there yet [default: the exercise's name].
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Run a solution against a lab of its own, and say the first thing that is wrong.
    Check {
        /// The exercise's name.
        #[arg(value_parser = exercise)]
        name: Exercise,
        /// The program and its arguments, behind `--`.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Print one step further.
    Hint {
        /// The exercise's name.
        #[arg(value_parser = exercise)]
        name: Exercise,
    },
}

fn exercise(text: &str) -> Result<Exercise, String> {
    let names: Vec<&str> = Exercise::ALL.iter().map(|exercise| exercise.name()).collect();
    Exercise::named(text).ok_or_else(|| {
        format!("there is no exercise `{text}`{}; use one of {}", suggest::hint(text, &names), names.join(", "))
    })
}

/// Does what is asked; returns the exit code.
///
/// Errors: one sentence that says what to do.
pub async fn run(args: LearnArgs) -> anyhow::Result<u8> {
    match args.command.unwrap_or(LearnCommand::List) {
        LearnCommand::List => say(&list()).map(|()| DONE),
        LearnCommand::Start { name, language, out } => start(name, language, out.as_deref()).map(|()| DONE),
        LearnCommand::Hint { name } => say(&format!("{}\n", name.hint())).map(|()| DONE),
        LearnCommand::Check { name, command } => check(name, &command).await,
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    print::out(text).context("cannot print to standard output")
}

fn list() -> String {
    let mut text = String::new();
    for exercise in Exercise::ALL {
        text += &format!("  {:<12} lesson {:<3} {}\n", exercise.name(), exercise.lesson(), exercise.task());
    }
    text + "\nBegin with `loadgen learn start NAME`; any language will do, and there are starters in Python, JavaScript and Rust.\n"
}

fn start(exercise: Exercise, language: Language, out: Option<&Path>) -> anyhow::Result<()> {
    let folder = out.unwrap_or(Path::new(exercise.name()));
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let sentence = format!(
                "{} is there already, and nothing in it is overwritten; choose another folder with --out",
                folder.display()
            );
            return Err(usage_error(anyhow::anyhow!(sentence), |_| true));
        }
        made => made.with_context(|| format!("cannot make {}", folder.display()))?,
    }
    for (name, text) in exercise.starter_files(language) {
        std::fs::write(folder.join(&name), text)
            .with_context(|| format!("cannot write {name} to {}", folder.display()))?;
    }
    let (file, name) = (folder.join(format!("{}.{}", exercise.name(), language.ending())), exercise.name());
    let command = match language {
        Language::Python => format!("loadgen learn check {name} -- python3 {}", file.display()),
        Language::Javascript => format!("loadgen learn check {name} -- node {}", file.display()),
        Language::Rust => {
            let program = folder.join(name);
            // A bare name would be looked for in PATH.
            let program = if program.is_absolute() { program } else { Path::new(".").join(program) };
            let (file, program) = (file.display(), program.display());
            format!("rustc -O --edition 2021 {file} -o {program} && loadgen learn check {name} -- {program}")
        }
    };
    say(&format!(
        "{}\n\nThe task is in {}. When you have changed {}:\n  {command}\n",
        exercise.task(),
        folder.join("task.md").display(),
        file.display()
    ))
}

async fn check(exercise: Exercise, command: &[OsString]) -> anyhow::Result<u8> {
    let mut stages = 0;
    let mut printed = Ok(());
    let mut progress = |progress| {
        let text = match progress {
            Progress::Begins(stage) => {
                stages += 1;
                format!("  {stages}. {stage} … ")
            }
            Progress::Holds => "holds\n".to_owned(),
        };
        if printed.is_ok() {
            printed = say(&text);
        }
    };
    say(&format!("{}: {}\n", exercise.name(), exercise.task()))?;
    let outcome = tokio::select! {
        outcome = checks::check(exercise, command, &mut progress) => outcome,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("cannot receive signals")?;
            print::err("interrupted; your program was ended");
            return Ok(INTERRUPTED);
        }
    };
    printed?;
    match outcome {
        Ok(()) => say(&format!("\n{} is passed.\n", exercise.name())).map(|()| DONE),
        Err(Stop::Fault(fault)) => {
            say(&format!(
                "no\n\nnot yet: {fault}\n\n`loadgen learn hint {}` goes one step further.\n",
                exercise.name()
            ))?;
            Ok(THRESHOLD)
        }
        Err(Stop::Error(error)) => {
            say("\n")?;
            Err(error.into())
        }
    }
}
