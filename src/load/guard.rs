//! Programs that do not exit with the process that started them: nginx, haproxy, nats-server. Each is started by a
//! guard, a child process of the load generator that kills the program when its own standard input ends. The program
//! is thus stopped however the generator ends.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

use crate::limits;

/// The hidden command of the guard.
pub const COMMAND: &str = "guard";

/// A running program. It is stopped when this is dropped.
#[derive(Debug)]
pub struct Guarded {
    /// Process id of the program.
    pub pid: u32,
    guard: Child,
}

impl Guarded {
    /// Starts a program that keeps its files in `folder`. Blocks until the program has been started.
    ///
    /// Errors: as for any process; a program that fails to start reports it on standard error.
    pub fn start(folder: &Path, program: &str, args: &[OsString]) -> io::Result<Self> {
        let file = folder.join(format!("{program}.pid"));
        // Left by an earlier run.
        let _none_yet = std::fs::remove_file(&file);
        let mut command = tokio::process::Command::new(std::env::current_exe()?);
        // A process group of its own: Ctrl-C is for the generator.
        command.arg(COMMAND).arg(&file).arg(program).args(args).process_group(0);
        let guard = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let patience = Instant::now() + limits::SERVER_START_TIMEOUT;
        loop {
            let written = std::fs::read_to_string(&file).ok();
            if let Some(pid) = written.and_then(|text| text.strip_suffix('\n')?.parse().ok()) {
                return Ok(Self { pid, guard });
            }
            if Instant::now() > patience {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("{program} did not start in time")));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills the program without warning, and waits until it has exited.
    pub async fn kill(mut self) {
        drop(self.guard.stdin.take());
        // The guard exits after its program.
        let _ended = tokio::time::timeout(limits::DRAIN, self.guard.wait()).await;
    }
}

/// The guard: runs a program until standard input ends, and writes its process id to `file`.
///
/// Errors: the program cannot be started.
pub fn guard(file: &Path, program: &str, args: &[OsString]) -> io::Result<()> {
    let mut child = Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let pid = child.id();
    std::fs::write(file, format!("{pid}\n"))?;
    std::thread::spawn(move || {
        let _ended = io::stdin().read_to_end(&mut Vec::new());
        // The program may have exited by itself.
        let _gone = i32::try_from(pid).ok().and_then(Pid::from_raw).map(|pid| kill_process(pid, Signal::KILL));
    });
    child.wait().map(drop)
}
