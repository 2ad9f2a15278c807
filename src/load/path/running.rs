//! A path that is there: its relay in a process of its own, as the load generator sees it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::namespace::{Namespace, NotEntered};
use super::relay::RelayReport;
use crate::limits;
use crate::run::path::PathSettings;

/// The hidden command that is the relay.
pub const RELAY_COMMAND: &str = "path-relay";

/// Why a path could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The process.
    #[error("the relay of the path cannot be started: {0}")]
    Start(#[source] io::Error),
    /// It does not answer.
    #[error("the relay of the path does not answer; see its output above")]
    Silent(#[source] io::Error),
    /// There is no namespace.
    #[error(transparent)]
    NotEntered(#[from] NotEntered),
    /// A socket of the probes.
    #[error("the path cannot be probed: {0}")]
    Probe(#[source] io::Error),
    /// It answered something else.
    #[error("the relay of the path said something else than its counts")]
    Answer(#[source] serde_json::Error),
}

/// A relay at work. It ends when this is dropped, however that comes.
#[derive(Debug)]
pub struct RunningPath {
    settings: PathSettings,
    process: Child,
    control: BufReader<UnixStream>,
}

impl RunningPath {
    /// Starts the relay, and waits until it is ready. One at a time: they would share the device.
    ///
    /// Errors: [`PathError`].
    pub fn start(namespace: &Namespace, settings: &PathSettings, seed: u64) -> Result<Self, PathError> {
        let start = |error: io::Error| PathError::Start(error);
        let (own, relays) = UnixStream::pair().map_err(start)?;
        let device = namespace.device().try_clone_to_owned().map_err(start)?;
        let mut command = Command::new(std::env::current_exe().map_err(start)?);
        command.args([RELAY_COMMAND, &settings.to_string(), "--seed", &seed.to_string()]);
        // A process group of its own: Ctrl-C is for the generator.
        command.stdin(device).stdout(OwnedFd::from(relays)).process_group(0);
        let process = command.spawn().map_err(start)?;
        // The command holds the relay's end of the socket, whose closing is how the relay's end would be seen.
        drop(command);
        own.set_read_timeout(Some(limits::PATH_ANSWER_TIMEOUT)).map_err(start)?;
        let mut path = Self { settings: *settings, process, control: BufReader::new(own) };
        path.line()?;
        Ok(path)
    }

    /// What it was asked to be.
    pub fn settings(&self) -> &PathSettings {
        &self.settings
    }

    /// The relay's process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What the relay has counted since its start.
    ///
    /// Errors: [`PathError`], where it has ended.
    pub fn report(&mut self) -> Result<RelayReport, PathError> {
        self.control.get_mut().write_all(b"report\n").map_err(PathError::Silent)?;
        let line = self.line()?;
        serde_json::from_str(&line).map_err(PathError::Answer)
    }

    fn line(&mut self) -> Result<String, PathError> {
        let mut line = String::new();
        let mut bounded = self.control.by_ref().take(limits::PATH_ANSWER_BYTES_MAX);
        match bounded.read_line(&mut line) {
            Ok(_) if line.ends_with('\n') => Ok(line),
            Ok(_) => Err(PathError::Silent(io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(PathError::Silent(error)),
        }
    }
}

impl Drop for RunningPath {
    fn drop(&mut self) {
        // The relay ends when it reads this end's end; what does not is ended.
        let _gone = self.control.get_ref().shutdown(std::net::Shutdown::Both);
        let patience = Instant::now() + limits::PATH_ANSWER_TIMEOUT;
        while Instant::now() < patience {
            match self.process.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}
