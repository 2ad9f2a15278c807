//! Tests that need a tool which may not be installed: a browser, tcpdump, node, Python packages.
//!
//! The standard test harness cannot ignore a test at run time, so a test without its tool would count as passed.
//! Instead, a test binary with `harness = false` lists its tests with [`crate::tests`], each list with the reason why
//! its tool is missing (if it is), and passes them to [`run`]. Tests whose tool is missing are reported as ignored,
//! with the reason; run with `--ignored` they fail with it. A test that is in no list is dead code, which the lints
//! refuse.
//!
//! With `PUSHPULL_TOOLS=required` a missing tool is a failure.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, SemaphorePermit};

/// One test. `missing` is the tool that this machine lacks, and how to install it.
pub fn test<F>(name: &str, missing: Option<&str>, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    test_of(name, missing, move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test());
        Ok(())
    })
}

/// One test on a runtime that several tests share.
pub fn test_on<F>(
    runtime: &'static Runtime,
    name: &str,
    missing: Option<&str>,
    test: impl FnOnce() -> F + Send + 'static,
) -> Trial
where
    F: Future<Output = ()>,
{
    test_of(name, missing, move || {
        runtime.block_on(test());
        Ok(())
    })
}

/// Slots for tests that run in parallel. A test whose measurement the load of others would disturb takes all slots.
pub struct Slots {
    at_once: u32,
    free: Semaphore,
}

impl Slots {
    /// At most `at_once` tests run in parallel.
    pub const fn new(at_once: u32) -> Self {
        Self { at_once, free: Semaphore::const_new(at_once as usize) }
    }

    /// The number of slots, and so the number of threads that are needed.
    pub fn at_once(&self) -> usize {
        self.at_once as usize
    }

    /// Takes one slot: other tests may run in parallel.
    pub async fn one(&self) -> SemaphorePermit<'_> {
        self.many(1).await
    }

    /// Takes this many slots.
    pub async fn many(&self, slots: u32) -> SemaphorePermit<'_> {
        self.free.acquire_many(slots).await.expect("it is never closed")
    }

    /// Takes all slots: no other test runs meanwhile.
    pub async fn all(&self) -> SemaphorePermit<'_> {
        self.many(self.at_once).await
    }
}

fn test_of(name: &str, missing: Option<&str>, test: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    let reason = missing.map(str::to_owned);
    let is_ignored = missing.is_some() && std::env::var("PUSHPULL_TOOLS").as_deref() != Ok("required");
    let run = move || match reason {
        Some(reason) => Err(Failed::from(reason)),
        None => test(),
    };
    Trial::test(name, run).with_ignored_flag(is_ignored)
}

/// Why the packages of a list in `tests/clients` are missing, if they are. `scripts/install-test-clients` keeps a copy
/// of the list next to the packages that it installed.
pub fn packages(place: &Path, list: &str, what: &str) -> Option<String> {
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(list);
    let installed = std::fs::read(place.join(format!("installed-{list}"))).ok();
    (installed != std::fs::read(wanted).ok())
        .then(|| format!("the {what} are not installed; run scripts/install-test-clients"))
}

/// Runs tests as the standard harness does, with its arguments, after printing why any are ignored.
pub fn run(missing: &[Option<String>], tests: Vec<Trial>) -> ExitCode {
    run_with(Arguments::from_args(), missing, tests)
}

/// Like [`run`], with `at_once` tests in parallel unless `--test-threads` asks for another number.
pub fn run_at_once(at_once: usize, missing: &[Option<String>], tests: Vec<Trial>) -> ExitCode {
    let arguments = Arguments::from_args();
    run_with(Arguments { test_threads: arguments.test_threads.or(Some(at_once)), ..arguments }, missing, tests)
}

fn run_with(arguments: Arguments, missing: &[Option<String>], tests: Vec<Trial>) -> ExitCode {
    // The output of `--list` is read by programs.
    if !arguments.list {
        missing.iter().flatten().for_each(|reason| println!("ignored: {reason}"));
    }
    libtest_mimic::run(&arguments, tests).exit_code()
}

/// Makes a [`test`] of each function, named by its path: `tests!(missing; cuts::a_test, limits::another)`.
#[macro_export]
macro_rules! tests {
    ($missing:expr; $($test:path),+ $(,)?) => {
        vec![$($crate::common::tool_tests::test(stringify!($test), $missing, $test)),+]
    };
}

/// Makes a [`test_on`] a shared runtime of each function: `tests_on!(&RUNTIME, missing; cuts::a_test)`.
#[macro_export]
macro_rules! tests_on {
    ($runtime:expr, $missing:expr; $($test:path),+ $(,)?) => {
        vec![$($crate::common::tool_tests::test_on($runtime, stringify!($test), $missing, $test)),+]
    };
}

/// Like [`tests`], and each test first waits for its slot: `tests_in_slot!(SLOTS.one(), missing; cuts::a_test)`.
#[macro_export]
macro_rules! tests_in_slot {
    ($slot:expr, $missing:expr; $($test:path),+ $(,)?) => {
        vec![$($crate::common::tool_tests::test(stringify!($test), $missing, || async {
            let _slot = $slot.await;
            $test().await;
        })),+]
    };
}
