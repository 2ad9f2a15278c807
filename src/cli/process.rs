//! What the two programs share: logs, the runtime, exit codes.

use std::process::ExitCode;

use anyhow::Context;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::print;

/// Everything was done.
pub const DONE: u8 = 0;
/// The command failed, or did not finish.
pub const FAILED: u8 = 1;
/// Usage error: the request makes no sense. clap reports flags that cannot be parsed.
pub const USAGE_ERROR: u8 = 2;
/// A `--fail-if` threshold was not kept.
pub const THRESHOLD: u8 = 3;
/// The run was invalid.
pub const INVALID: u8 = 4;
/// Interrupted with Ctrl-C: 128 + SIGINT, as a shell reports it.
pub const INTERRUPTED: u8 = 130;

/// Every exit code, with its meaning.
const EXIT_CODES: [(u8, &str); 6] = [
    (DONE, "done"),
    (FAILED, "failed; the error message says why"),
    (USAGE_ERROR, "usage error"),
    (THRESHOLD, "a --fail-if condition was met, or the exercise is not passed yet"),
    (INVALID, "the run was invalid"),
    (INTERRUPTED, "interrupted with Ctrl-C"),
];

/// The exit codes of a command, for its help.
pub fn exit_codes(codes: &[u8]) -> String {
    let shown = EXIT_CODES.iter().filter(|(code, _)| codes.contains(code));
    let lines: String = shown.map(|(code, meaning)| format!("  {code:<4} {meaning}\n")).collect();
    format!("Exit codes:\n{lines}")
}

/// An error that the user can fix alone, by giving other arguments: the program exits with [`USAGE_ERROR`].
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct UsageError(anyhow::Error);

/// Marks an error as [`UsageError`] if `is_usage_error` says so.
pub fn usage_error<E: Into<anyhow::Error>>(error: E, is_usage_error: impl FnOnce(&E) -> bool) -> anyhow::Error {
    match is_usage_error(&error) {
        true => UsageError(error.into()).into(),
        false => error.into(),
    }
}

/// Prints to standard output.
///
/// Errors: standard output cannot be written to.
pub fn print_out(text: &str) -> anyhow::Result<()> {
    print::out(text).context("cannot print to standard output")
}

/// An error with its causes in one sentence, without repetition.
///
/// Some errors include the text of their cause (in this crate those where more text follows it; libraries vary).
/// Others leave it to the code that prints the chain. This function handles both, and it is the only place that
/// formats errors for users.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if sentence.is_empty() {
            sentence = cause;
        } else if !sentence.contains(cause.trim()) {
            sentence = format!("{sentence}: {cause}");
        }
    }
    sentence
}

/// Runs a program and returns its exit code; pinned to one processor if `core` is given. An error is printed as one
/// line.
pub fn run(core: Option<usize>, program: impl Future<Output = anyhow::Result<u8>>) -> ExitCode {
    log_to_standard_error();
    // Before the runtime starts its threads, which inherit the setting.
    if let Some(core) = core
        && let Err(error) = keep_to(core)
    {
        let last = crate::measure::host::cores().saturating_sub(1);
        print::err(&format!("error: cannot run on processor {core}: {error}; this host has 0 to {last}"));
        return FAILED.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::err(&format!("error: cannot start the program's threads: {error}"));
            return FAILED.into();
        }
    };
    let outcome = runtime.block_on(program);
    // A blocking read of standard input cannot be cancelled, so do not wait for it.
    runtime.shutdown_background();
    end(outcome)
}

/// Runs a program without a runtime and returns its exit code; an error is printed as one line.
pub fn run_plain(program: impl FnOnce() -> anyhow::Result<u8>) -> ExitCode {
    log_to_standard_error();
    end(program())
}

fn end(outcome: anyhow::Result<u8>) -> ExitCode {
    match outcome {
        Ok(code) => code.into(),
        Err(error) => {
            print::err(&format!("error: {}", sentence(&error).trim_end()));
            exit_code(&error).into()
        }
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<UsageError>() { USAGE_ERROR } else { FAILED }
}

fn keep_to(core: usize) -> std::io::Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    if core >= rustix::thread::CpuSet::MAX_CPU {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    cores.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &cores)?)
}

/// Logs go to standard error, from `info` upwards, or as `RUST_LOG` says (`pushpull=debug`).
fn log_to_standard_error() {
    let asked = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(Level::WARN).with_target("pushpull", Level::INFO));
    // https://no-color.org
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let has_colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !is_plain;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(has_colours).with_target(false);
    // By default the layer panics when it cannot write, but a closed standard error is no reason to panic.
    let lines = lines.log_internal_errors(false);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("cannot read it: {source}; give another")]
        Whole { source: std::io::Error },
        #[error("cannot read it")]
        Part { source: std::io::Error },
    }

    fn lost() -> std::io::Error {
        std::io::Error::other("it is lost")
    }

    #[test]
    fn a_cause_is_printed_once_whether_or_not_the_error_includes_its_text() {
        let whole = anyhow::Error::new(Failure::Whole { source: lost() });
        assert_eq!(sentence(&whole), "cannot read it: it is lost; give another");
        let part = anyhow::Error::new(Failure::Part { source: lost() });
        assert_eq!(sentence(&part), "cannot read it: it is lost");
        let context = Err::<(), _>(Failure::Whole { source: lost() }).context("no run").unwrap_err();
        assert_eq!(sentence(&context), "no run: cannot read it: it is lost; give another");
    }

    #[test]
    fn every_exit_code_is_listed_once_with_its_meaning() {
        let all = [DONE, FAILED, USAGE_ERROR, THRESHOLD, INVALID, INTERRUPTED];
        assert_eq!(exit_codes(&all).lines().count(), all.len() + 1);
        assert_eq!(exit_codes(&[DONE, USAGE_ERROR]).lines().count(), 3);
    }

    #[test]
    fn a_usage_error_keeps_its_code_and_its_text_under_a_context() {
        let wrong = usage_error(lost(), |_| true).context("while planning");
        assert_eq!((exit_code(&wrong), sentence(&wrong)), (USAGE_ERROR, "while planning: it is lost".to_owned()));
        assert_eq!(exit_code(&usage_error(lost(), |_| false)), FAILED);
    }
}
