//! `server`: one stream, four ways. See [`pushpull::cli::server`].

use clap::Parser;
use pushpull::cli::process;
use pushpull::cli::server::{self, ServerArgs};

fn main() -> std::process::ExitCode {
    let args = ServerArgs::parse();
    process::run(args.core(), async { server::run(args).await.map(|()| process::DONE) })
}
