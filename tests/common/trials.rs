//! Tests that need a program which may not be there: a browser, tcpdump, node, Python packages.
//!
//! The usual test harness cannot ignore a test at run time, so a test without its tool would have to count as passed.
//! A test program with `harness = false` lists its tests with [`crate::trials`], each list with what it lacks, and hands
//! them to [`run`]: those that lack something are reported as ignored, with the reason, and with `--ignored` they fail
//! with it. A test that is left out of the list is dead code, which the lints refuse.
//!
//! `PUSHPULL_TOOLS=required` makes a missing tool a failure.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// One test: `missing` says what it lacks here, and how to install it.
pub fn trial<F>(name: &str, missing: Option<&str>, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    let reason = missing.map(str::to_owned);
    let is_ignored = missing.is_some() && std::env::var("PUSHPULL_TOOLS").as_deref() != Ok("required");
    let run = move || match reason {
        Some(reason) => Err(Failed::from(reason)),
        None => {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test());
            Ok(())
        }
    };
    Trial::test(name, run).with_ignored_flag(is_ignored)
}

/// Runs tests as the usual harness does, with its arguments, after saying why any are ignored.
pub fn run(missing: &[Option<String>], trials: Vec<Trial>) -> ExitCode {
    run_with(Arguments::from_args(), missing, trials)
}

/// The same, one test at a time unless `--test-threads` asks for more: for tests that measure.
pub fn run_one_by_one(missing: &[Option<String>], trials: Vec<Trial>) -> ExitCode {
    let arguments = Arguments::from_args();
    run_with(Arguments { test_threads: arguments.test_threads.or(Some(1)), ..arguments }, missing, trials)
}

/// The same, with these arguments.
pub fn run_with(arguments: Arguments, missing: &[Option<String>], trials: Vec<Trial>) -> ExitCode {
    // A list of the tests is for programs to read.
    if !arguments.list {
        missing.iter().flatten().for_each(|reason| println!("ignored: {reason}"));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Makes a [`trial`] of each function, named by its path: `trials!(missing; cuts::a_test, looks::another)`.
#[macro_export]
macro_rules! trials {
    ($missing:expr; $($test:path),+ $(,)?) => {
        vec![$($crate::common::trials::trial(stringify!($test), $missing, $test)),+]
    };
}
