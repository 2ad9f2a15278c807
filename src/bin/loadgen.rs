//! `loadgen`: what each transport costs and gives. See [`pushpull::load::cli`].

use clap::Parser;
use pushpull::load::cli::{self, LoadgenArgs};

fn main() -> std::process::ExitCode {
    let args = LoadgenArgs::parse();
    pushpull::program::run(args.core(), cli::run(args))
}
