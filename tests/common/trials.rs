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
    for reason in missing.iter().flatten() {
        println!("ignored below: {reason}");
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Makes a [`trial`] of each function, named by its path: `trials!(missing; cuts::a_test, looks::another)`.
#[macro_export]
macro_rules! trials {
    ($missing:expr; $($test:path),+ $(,)?) => {
        vec![$($crate::common::trials::trial(stringify!($test), $missing, $test)),+]
    };
}
