//! `server`: one stream, four ways. See [`pushpull::server::cli`].

use clap::Parser;
use pushpull::server::cli::{self, ServerArgs};

fn main() -> std::process::ExitCode {
    let args = ServerArgs::parse();
    pushpull::program::run(args.core(), async { cli::run(args).await.map(|()| pushpull::program::DONE) })
}
