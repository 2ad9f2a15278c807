//! `loadgen learn`: lists, starts, checks and grades exercises.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::cli::process::{DONE, INTERRUPTED, THRESHOLD, print_out, usage_error};
use crate::learn::checks;
use crate::learn::grade::Grades;
use crate::learn::hand_in::{ExerciseResult, HandIn};
use crate::learn::session::Progress;
use crate::learn::{Exercise, Language, Stop};
use crate::{files, limits, print, suggest};

/// Examples in the help.
pub const EXAMPLES: &str = "\
Examples:
  loadgen learn list                                 the exercises, lesson by lesson
  loadgen learn start poller --language javascript   writes poller/poller.js and its task
  loadgen learn check poller -- node poller/poller.js
  loadgen learn hint poller
  loadgen learn check poller --hand-in ada.json --student Ada -- node poller/poller.js
  loadgen learn grade hand-ins --csv grades.csv      a table of a class's hand-ins
";

/// The arguments of `loadgen learn`.
#[derive(Clone, Debug, Args)]
pub struct LearnArgs {
    #[command(subcommand)]
    command: Option<LearnCommand>,
}

#[derive(Clone, Debug, Subcommand)]
enum LearnCommand {
    /// List the exercises (the default).
    List,
    /// Write an exercise's starter code and task to a new folder.
    Start {
        /// The exercise's name (see `loadgen learn list`).
        #[arg(value_parser = exercise)]
        name: Exercise,
        /// Language of the starter code.
        #[arg(long, value_enum, default_value_t = Language::Python)]
        language: Language,
        /// Folder to create; it must not exist yet [default: the exercise's name].
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Run a solution in a lab of its own, and report the first thing that is wrong.
    Check {
        /// The exercise's name.
        #[arg(value_parser = exercise)]
        name: Exercise,
        /// File to record the outcome in, for `loadgen learn grade`; the file from the lessons page works too.
        #[arg(long, value_name = "FILE")]
        hand_in: Option<PathBuf>,
        /// Your name, in a new hand-in file.
        #[arg(long, value_name = "NAME", default_value = "", requires = "hand_in")]
        student: String,
        /// Seed of a check's random choices (the order of disturbances in `resume`); the same seed repeats them.
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u64).range(..=limits::SEED_MAX))]
        seed: u64,
        /// The program and its arguments, after `--`.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Make a table of a class's hand-ins.
    Grade {
        /// Folder of hand-in files (.json).
        folder: PathBuf,
        /// File to write the table to as CSV; an existing file is replaced.
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
    },
    /// Print a hint for the next step.
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

/// Runs the subcommand; returns the exit code.
///
/// Errors: one sentence that tells the user what to do.
pub async fn run(args: LearnArgs) -> anyhow::Result<u8> {
    match args.command.unwrap_or(LearnCommand::List) {
        LearnCommand::List => print_out(&list()).map(|()| DONE),
        LearnCommand::Start { name, language, out } => start(name, language, out.as_deref()).map(|()| DONE),
        LearnCommand::Hint { name } => print_out(&format!("{}\n", name.hint())).map(|()| DONE),
        LearnCommand::Check { name, hand_in, student, seed, command } => {
            let hand_in = hand_in.map(|file| HandInFile::open(file, &student)).transpose()?;
            check(name, &command, seed, hand_in).await
        }
        LearnCommand::Grade { folder, csv } => grade(&folder, csv.as_deref()).map(|()| DONE),
    }
}

fn list() -> String {
    let mut text = String::new();
    for exercise in Exercise::ALL {
        text += &format!("  {:<12} lesson {:<3} {}\n", exercise.name(), exercise.lesson(), exercise.task());
    }
    text += "\nBegin with `loadgen learn start NAME`. ";
    text + "Starters are in Python, JavaScript and Rust; any language works.\n"
}

fn start(exercise: Exercise, language: Language, out: Option<&Path>) -> anyhow::Result<()> {
    let folder = out.unwrap_or(Path::new(exercise.name()));
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let sentence = format!(
                "{} already exists, and nothing in it is overwritten; choose another folder with --out",
                folder.display()
            );
            return Err(usage_error(anyhow::anyhow!(sentence), |_| true));
        }
        made => made.with_context(|| format!("cannot create {}", folder.display()))?,
    }
    for (name, text) in exercise.starter_files(language) {
        std::fs::write(folder.join(&name), text)
            .with_context(|| format!("cannot write {name} to {}", folder.display()))?;
    }
    let (file, name) = (folder.join(exercise.file_name(language)), exercise.name());
    let command = match language {
        _ if !exercise.is_program() => format!("loadgen learn check {name} -- {}", file.display()),
        Language::Python => format!("loadgen learn check {name} -- python3 {}", file.display()),
        Language::Javascript => format!("loadgen learn check {name} -- node {}", file.display()),
        Language::Rust => {
            let program = folder.join(name);
            // A bare name would be looked up in PATH.
            let program = if program.is_absolute() { program } else { Path::new(".").join(program) };
            let (file, program) = (file.display(), program.display());
            format!("rustc -O --edition 2021 {file} -o {program} && loadgen learn check {name} -- {program}")
        }
    };
    print_out(&format!(
        "{}\n\nThe task is in {}. When you have changed {}:\n  {command}\n",
        exercise.task(),
        folder.join("task.md").display(),
        file.display()
    ))
}

/// The file in which the outcome of a check is recorded.
struct HandInFile {
    file: PathBuf,
    hand_in: HandIn,
}

impl HandInFile {
    /// Reads and writes the file before the check, so that a file that cannot be written is reported first.
    fn open(file: PathBuf, student: &str) -> anyhow::Result<Self> {
        let hand_in = match file.try_exists() {
            Ok(false) => HandIn::new(student, &now()),
            Ok(true) | Err(_) => {
                HandIn::read(&file).with_context(|| format!("nothing was written to {}", file.display()))?
            }
        };
        let opened = Self { file, hand_in };
        opened.write()?;
        Ok(opened)
    }

    fn write(&self) -> anyhow::Result<()> {
        let cannot = || format!("cannot write to {}; choose another file with --hand-in", self.file.display());
        self.hand_in.write(&self.file).with_context(cannot)
    }
}

/// RFC 3339, to the second.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn grade(folder: &Path, csv: Option<&Path>) -> anyhow::Result<()> {
    let grades = Grades::read(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for (file, error) in &grades.left_out {
        print::err(&format!("note: {} is left out: {error}", file.display()));
    }
    if grades.is_empty() {
        anyhow::bail!(
            "no hand-ins in {}; they are the .json files written by the lessons page and by --hand-in",
            folder.display()
        );
    }
    print_out(&grades.table())?;
    if let Some(file) = csv {
        files::write_whole(file, &grades.csv()?).with_context(|| format!("cannot write to {}", file.display()))?;
        print_out(&format!("\ntable: {}\n", file.display()))?;
    }
    Ok(())
}

async fn check(exercise: Exercise, command: &[OsString], seed: u64, hand_in: Option<HandInFile>) -> anyhow::Result<u8> {
    let loadgen = std::env::current_exe().context("cannot find this program's own file")?;
    let (mut stages, mut held) = (0, 0);
    let mut printed = Ok(());
    let mut progress = |progress| {
        let text = match progress {
            Progress::StageStarted(stage) => {
                stages += 1;
                format!("  {stages}. {stage} … ")
            }
            Progress::StagePassed => {
                held += 1;
                "holds\n".to_owned()
            }
        };
        if printed.is_ok() {
            printed = print_out(&text);
        }
    };
    print_out(&format!("{}: {}\n", exercise.name(), exercise.task()))?;
    let outcome = tokio::select! {
        outcome = checks::check(exercise, command, &loadgen, seed, &mut progress) => outcome,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("cannot receive signals")?;
            print::err("interrupted; your program was stopped");
            return Ok(INTERRUPTED);
        }
    };
    printed?;
    if let Some(mut hand_in) = hand_in {
        let (passed, first_wrong) = match &outcome {
            Ok(()) => (true, None),
            Err(Stop::Fault(fault)) => (false, Some(fault.to_string())),
            Err(Stop::Error(error)) => (false, Some(error.to_string())),
        };
        let name = exercise.name().to_owned();
        let of = passed.then_some(held);
        hand_in.hand_in.note(ExerciseResult { exercise: name, passed, checks: Some(held), of, first_wrong, at: now() });
        hand_in.write()?;
    }
    match outcome {
        Ok(()) => print_out(&format!("\n{} is passed.\n", exercise.name())).map(|()| DONE),
        Err(Stop::Fault(fault)) => {
            print_out(&format!("no\n\nnot yet: {fault}\n\nfor a hint: `loadgen learn hint {}`\n", exercise.name()))?;
            Ok(THRESHOLD)
        }
        Err(Stop::Error(error)) => {
            print_out("\n")?;
            Err(error.into())
        }
    }
}
