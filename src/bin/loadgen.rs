//! `loadgen`: the load generator. See [`pushpull::cli::loadgen`].

use pushpull::cli::args;
use pushpull::cli::loadgen::{self, LoadgenArgs};

fn main() -> std::process::ExitCode {
    let args: LoadgenArgs = match args::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    loadgen::start(args)
}
