//! Tests that need a program which may not be there: a browser, tcpdump, node, Python packages.
//!
//! The usual test harness cannot ignore a test at run time, so a test without its tool would have to count as passed.
//! A test program with `harness = false` lists its tests with [`crate::trials`], each list with what it lacks, and hands
//! them to [`run`]: those that lack something are reported as ignored, with the reason, and with `--ignored` they fail
//! with it. A test that is left out of the list is dead code, which the lints refuse.
//!
//! `PUSHPULL_TOOLS=required` makes a missing tool a failure.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, SemaphorePermit};

/// One test: `missing` says what it lacks here, and how to install it.
pub fn trial<F>(name: &str, missing: Option<&str>, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    trial_of(name, missing, move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test());
        Ok(())
    })
}

/// The same on a runtime that several tests share.
pub fn trial_on<F>(
    runtime: &'static Runtime,
    name: &str,
    missing: Option<&str>,
    test: impl FnOnce() -> F + Send + 'static,
) -> Trial
where
    F: Future<Output = ()>,
{
    trial_of(name, missing, move || {
        runtime.block_on(test());
        Ok(())
    })
}

/// Tests that go at the same time, and tests that go alone, since the load of others would be what they measure.
pub struct Turns {
    at_once: u32,
    free: Semaphore,
}

impl Turns {
    /// So many at the same time.
    pub const fn new(at_once: u32) -> Self {
        Self { at_once, free: Semaphore::const_new(at_once as usize) }
    }

    /// How many go at the same time: no more threads are wanted.
    pub fn at_once(&self) -> usize {
        self.at_once as usize
    }

    /// A turn beside others.
    pub async fn beside(&self) -> SemaphorePermit<'_> {
        self.several(1).await
    }

    /// So many turns.
    pub async fn several(&self, turns: u32) -> SemaphorePermit<'_> {
        self.free.acquire_many(turns).await.expect("it is never closed")
    }

    /// The turns of all.
    pub async fn alone(&self) -> SemaphorePermit<'_> {
        self.several(self.at_once).await
    }
}

fn trial_of(name: &str, missing: Option<&str>, test: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    let reason = missing.map(str::to_owned);
    let is_ignored = missing.is_some() && std::env::var("PUSHPULL_TOOLS").as_deref() != Ok("required");
    let run = move || match reason {
        Some(reason) => Err(Failed::from(reason)),
        None => test(),
    };
    Trial::test(name, run).with_ignored_flag(is_ignored)
}

/// What is missing of a list in `tests/clients`, which `scripts/install-test-clients` keeps beside what it brought.
pub fn packages(place: &Path, list: &str, what: &str) -> Option<String> {
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(list);
    let installed = std::fs::read(place.join(format!("installed-{list}"))).ok();
    (installed != std::fs::read(wanted).ok())
        .then(|| format!("the {what} are not installed; run scripts/install-test-clients"))
}

/// Runs tests as the usual harness does, with its arguments, after saying why any are ignored.
pub fn run(missing: &[Option<String>], trials: Vec<Trial>) -> ExitCode {
    run_with(Arguments::from_args(), missing, trials)
}

/// The same, so many tests at the same time unless `--test-threads` asks for others.
pub fn run_at_once(at_once: usize, missing: &[Option<String>], trials: Vec<Trial>) -> ExitCode {
    let arguments = Arguments::from_args();
    run_with(Arguments { test_threads: arguments.test_threads.or(Some(at_once)), ..arguments }, missing, trials)
}

fn run_with(arguments: Arguments, missing: &[Option<String>], trials: Vec<Trial>) -> ExitCode {
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

/// The same with [`trial_on`] a runtime: `trials_on!(&RUNTIME, missing; cuts::a_test)`.
#[macro_export]
macro_rules! trials_on {
    ($runtime:expr, $missing:expr; $($test:path),+ $(,)?) => {
        vec![$($crate::common::trials::trial_on($runtime, stringify!($test), $missing, $test)),+]
    };
}

/// The same, each when it has its turn: `trials_in!(TURNS.beside(), missing; cuts::a_test)`.
#[macro_export]
macro_rules! trials_in {
    ($turn:expr, $missing:expr; $($test:path),+ $(,)?) => {
        vec![$($crate::common::trials::trial(stringify!($test), $missing, || async {
            let _turn = $turn.await;
            $test().await;
        })),+]
    };
}
