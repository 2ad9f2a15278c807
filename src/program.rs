//! What the two programs share: logs, the runtime, exit codes.

use std::process::ExitCode;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Everything was done.
pub const DONE: u8 = 0;
/// It could not be done.
pub const FAILED: u8 = 1;
/// A `--fail-if` threshold was not kept. (2, wrong use, is clap's.)
pub const THRESHOLD: u8 = 3;
/// The run was invalid.
pub const INVALID: u8 = 4;
/// Cut short with Ctrl-C, as a shell would say it.
pub const INTERRUPTED: u8 = 130;

/// Runs a program to its exit code, on one processor if it is named; an error is printed as one line.
pub fn run(core: Option<usize>, program: impl Future<Output = anyhow::Result<u8>>) -> ExitCode {
    log_to_standard_error();
    // Before the runtime starts its threads, which inherit it.
    if let Some(core) = core
        && let Err(error) = keep_to(core)
    {
        eprintln!("error: cannot keep to processor {core}: {error}; this host has {}", crate::measure::host::cores());
        return FAILED.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return FAILED.into();
        }
    };
    let outcome = runtime.block_on(program);
    // A read of standard input cannot be taken back; the runtime does not wait for it.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            FAILED.into()
        }
    }
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
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(is_terminal).with_target(false);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}
