//! A running path: its relay process, as the load generator sees it.

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

/// The hidden command of the relay.
pub const RELAY_COMMAND: &str = "path-relay";

/// Why a path is not available.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The process could not be started.
    #[error("cannot start the relay of the path: {0}")]
    Start(#[source] io::Error),
    /// It does not answer.
    #[error("the relay of the path does not answer; see its output above")]
    Silent(#[source] io::Error),
    /// There is no namespace.
    #[error(transparent)]
    NotEntered(#[from] NotEntered),
    /// A socket of the probes failed.
    #[error("cannot probe the path: {0}")]
    Probe(#[source] io::Error),
    /// Its answer could not be parsed.
    #[error("the relay of the path sent an invalid report")]
    Answer(#[source] serde_json::Error),
}

/// A running relay. It is stopped when this is dropped.
#[derive(Debug)]
pub struct RunningPath {
    settings: PathSettings,
    process: Child,
    control: BufReader<UnixStream>,
}

impl RunningPath {
    /// Starts the relay, and waits until it is ready. Only one may run at a time, since they would share the device.
    ///
    /// Errors: [`PathError`].
    pub fn start(namespace: &Namespace, settings: &PathSettings, seed: u64) -> Result<Self, PathError> {
        let start = |error: io::Error| PathError::Start(error);
        let (own, relays) = UnixStream::pair().map_err(start)?;
        let device = namespace.device().try_clone_to_owned().map_err(start)?;
        let mut command = Command::new(std::env::current_exe().map_err(start)?);
        command.args([RELAY_COMMAND, &settings.to_string(), "--seed", &seed.to_string()]);
        // A process group of its own: Ctrl-C goes to the generator.
        command.stdin(device).stdout(OwnedFd::from(relays)).process_group(0);
        let process = command.spawn().map_err(start)?;
        // The command holds the relay's end of the socket; it must be closed so that the relay's exit is seen.
        drop(command);
        own.set_read_timeout(Some(limits::PATH_ANSWER_TIMEOUT)).map_err(start)?;
        let mut path = Self { settings: *settings, process, control: BufReader::new(own) };
        path.line()?;
        Ok(path)
    }

    /// The requested settings.
    pub fn settings(&self) -> &PathSettings {
        &self.settings
    }

    /// Process id of the relay.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The relay's counts since its start.
    ///
    /// Errors: [`PathError`], if it has exited.
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
        // The relay exits when this end is closed; if not, it is killed.
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
