//! `server`: one stream of updates over four transports. See [`pushpull::cli::server`].

use pushpull::cli::args;
use pushpull::cli::process;
use pushpull::cli::server::{self, ServerArgs};

fn main() -> std::process::ExitCode {
    let args: ServerArgs = match args::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    process::run(args.core(), async { server::run(args).await.map(|()| process::DONE) })
}
