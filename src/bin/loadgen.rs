//! `loadgen`: what each transport costs and gives. See [`pushpull::cli::loadgen`].

use pushpull::cli::args;
use pushpull::cli::loadgen::{self, LoadgenArgs};
use pushpull::cli::process;

fn main() -> std::process::ExitCode {
    let args: LoadgenArgs = match args::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    args.run_plain().unwrap_or_else(|| process::run(args.core(), loadgen::run(args)))
}
