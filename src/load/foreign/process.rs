//! A third-party server as a child process: started in its own process group and folder, and stopped together with
//! everything that it started.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::catalog::CatalogEntry;
use super::description::Start;
use super::template::Values;
use crate::limits;
use crate::measure::host;
use crate::measure::process::process_cpu;
use crate::units::Nanos;

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program does not exist, or cannot be executed.
    #[error("cannot start {program} for the target {target}: {source}{hint}")]
    Spawn {
        /// The target.
        target: String,
        /// The program.
        program: String,
        /// The system's error.
        source: io::Error,
        /// How to install it.
        hint: String,
    },
    /// Its folder or files could not be created.
    #[error("cannot create the files of the target {target}: {source}")]
    Files {
        /// The target.
        target: String,
        /// The system's error.
        source: io::Error,
    },
    /// It exited before it was ready.
    #[error("the target {target} exited before it was ready ({status}){output}{hint}")]
    Ended {
        /// The target.
        target: String,
        /// Its exit status.
        status: ExitStatus,
        /// The last lines of its output.
        output: String,
        /// How to install what it needs.
        hint: String,
    },
    /// It was not ready in time.
    #[error("the target {target} was not ready after {seconds} s{output}")]
    NotReady {
        /// The target.
        target: String,
        /// How long it was awaited, in seconds.
        seconds: u64,
        /// The last lines of its output.
        output: String,
    },
}

/// A server that was started here.
pub struct Process {
    child: Child,
    group: Pid,
    work: tempfile::TempDir,
}

/// A folder and a port for a server that is about to start.
pub struct Workspace {
    /// The folder.
    pub work: tempfile::TempDir,
    /// The port, which was free a moment ago.
    pub port: u16,
}

impl Workspace {
    /// Errors: those of the system.
    pub fn new() -> io::Result<Self> {
        let work = tempfile::Builder::new().prefix("pushpull-target-").tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        Ok(Self { work, port })
    }
}

/// Refuses a target whose program does not exist, before anything is measured. A path that is known only after the
/// start cannot be checked yet.
///
/// Errors: [`StartError::Spawn`].
pub fn refuse_missing(entry: &CatalogEntry) -> Result<(), StartError> {
    let Some(start) = &entry.description.start else { return Ok(()) };
    let Some(word) = start.command.first().filter(|word| !word.needs_start()) else { return Ok(()) };
    let dir = entry.dir.display().to_string();
    let values = Values { dir: &dir, ..Values::default() };
    let program = word.fill(&values);
    let path =
        start.env.get("PATH").map(|path| OsString::from(path.fill(&values))).or_else(|| std::env::var_os("PATH"));
    if program == OWN || is_program(Path::new(&program), &path.unwrap_or_default()) {
        return Ok(());
    }
    let source = io::Error::new(io::ErrorKind::NotFound, "no such program; install it, or correct `command`");
    Err(StartError::Spawn { target: entry.name.to_string(), program, source, hint: hint(start) })
}

/// Can this be executed? A name without a folder is looked up in `path`, as the system does.
fn is_program(program: &Path, path: &OsStr) -> bool {
    let is_executable = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.components().count() > 1 {
        return is_executable(program);
    }
    std::env::split_paths(path).any(|folder| is_executable(&folder.join(program)))
}

impl Process {
    /// Starts the program; it may not be ready when this returns.
    ///
    /// Errors: [`StartError`].
    pub fn spawn(
        entry: &CatalogEntry,
        start: &Start,
        workspace: Workspace,
        values: &Values<'_>,
    ) -> Result<Self, StartError> {
        let files = |source| StartError::Files { target: entry.name.to_string(), source };
        let work = workspace.work;
        for (name, source) in &start.files {
            std::fs::write(work.path().join(name), entry.file(source).map_err(files)?).map_err(files)?;
        }
        for (name, source) in &start.fill {
            let text = entry.file(source).map_err(files)?;
            let template: super::template::Template =
                text.parse().map_err(|error| files(io::Error::other(format!("{source}: {error}"))))?;
            std::fs::write(work.path().join(name), template.fill(values)).map_err(files)?;
        }
        let output = std::fs::File::create(work.path().join(OUTPUT)).map_err(files)?;
        let errors = output.try_clone().map_err(files)?;
        let words: Vec<String> = start.command.iter().map(|word| word.fill(values)).collect();
        // `loadgen` as a command means this program.
        let own = std::env::current_exe().ok().filter(|_| words[0] == OWN);
        let program = own.unwrap_or_else(|| PathBuf::from(&words[0]));
        let mut command = Command::new(&program);
        command.args(&words[1..]).env("PORT", workspace.port.to_string());
        command.envs(start.env.iter().map(|(name, value)| (name, value.fill(values))));
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0).kill_on_drop(true);
        let child = command.spawn().map_err(|source| StartError::Spawn {
            target: entry.name.to_string(),
            program: words[0].clone(),
            source,
            hint: hint(start),
        })?;
        let group = Pid::from_raw(child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default());
        Ok(Self { child, group, work })
    }

    /// Waits until `is_ready` returns true.
    ///
    /// Errors: [`StartError::Ended`], [`StartError::NotReady`].
    pub async fn ready(
        &mut self,
        target: &str,
        start: &Start,
        mut is_ready: impl AsyncFnMut() -> bool,
    ) -> Result<(), StartError> {
        let deadline = tokio::time::Instant::now() + limits::TARGET_START_TIMEOUT;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                let (target, output, hint) = (target.to_owned(), self.output(), hint(start));
                return Err(StartError::Ended { target, status, output, hint });
            }
            if is_ready().await {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                let seconds = limits::TARGET_START_TIMEOUT.as_secs();
                return Err(StartError::NotReady { target: target.to_owned(), seconds, output: self.output() });
            }
            tokio::time::sleep(limits::TARGET_START_CHECK_INTERVAL).await;
        }
    }

    /// Its exit status, if it has exited.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Its process ids.
    pub fn pids(&self) -> Vec<u32> {
        of_group(self.group)
    }

    /// Stops it, and waits until it has exited.
    pub async fn stop(mut self) {
        let _gone = killpg(self.group, Signal::SIGTERM);
        if tokio::time::timeout(limits::TARGET_STOP_TIMEOUT, self.child.wait()).await.is_err() {
            let _gone = killpg(self.group, Signal::SIGKILL);
            let _ended = self.child.wait().await;
        }
    }

    /// The last lines of its output, as the end of a sentence.
    fn output(&self) -> String {
        let bytes = std::fs::read(self.work.path().join(OUTPUT)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let shown = &lines[lines.len().saturating_sub(limits::TARGET_OUTPUT_LINES)..];
        if shown.is_empty() {
            "; it printed nothing".to_owned()
        } else {
            format!("; it printed:\n  {}\n", shown.join("\n  "))
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Also stops the processes that it has started.
        if self.group.as_raw() > 1 {
            let _gone = killpg(self.group, Signal::SIGKILL);
        }
    }
}

const OUTPUT: &str = "output.log";
/// The name of this program in target files.
const OWN: &str = "loadgen";

fn hint(start: &Start) -> String {
    if start.install.is_empty() { String::new() } else { format!("; to install it: {}", start.install) }
}

/// The process ids of a group.
fn of_group(group: Pid) -> Vec<u32> {
    let Ok(all) = procfs::process::all_processes() else { return Vec::new() };
    let stats = all.filter_map(Result::ok).filter_map(|process| process.stat().ok());
    stats.filter(|stat| stat.pgrp == group.as_raw()).filter_map(|stat| u32::try_from(stat.pid).ok()).collect()
}

/// The process that listens at an address of this host, if it can be found.
pub fn listening_at(address: SocketAddr) -> Option<u32> {
    let v4 = procfs::net::tcp().unwrap_or_default();
    let v6 = procfs::net::tcp6().unwrap_or_default();
    let is_it = |entry: &procfs::net::TcpNetEntry| {
        let bound = entry.local_address;
        let is_ours = bound.ip() == address.ip() || bound.ip().is_unspecified();
        entry.state == procfs::net::TcpState::Listen && bound.port() == address.port() && is_ours
    };
    let inode = v4.iter().chain(&v6).find(|entry| is_it(entry))?.inode;
    let has_it = |process: &procfs::process::Process| {
        let descriptors = process.fd().ok()?;
        let target = procfs::process::FDTarget::Socket(inode);
        descriptors.filter_map(Result::ok).any(|one| one.target == target).then_some(process.pid)
    };
    let found = procfs::process::all_processes().ok()?.filter_map(Result::ok).find_map(|process| has_it(&process));
    found.and_then(|pid| u32::try_from(pid).ok())
}

/// CPU time of these processes together; `None` if it cannot be read for any of them.
pub fn cpu(pids: &[u32]) -> Option<Nanos> {
    let each: Vec<Nanos> = pids.iter().filter_map(|pid| process_cpu(*pid).ok()).collect();
    (!each.is_empty()).then(|| each.into_iter().fold(Nanos::ZERO, Nanos::saturating_add))
}

/// Resident memory of these processes together; shared memory counts for each.
pub fn resident_bytes(pids: &[u32]) -> Option<u64> {
    let each: Vec<u64> = pids.iter().filter_map(|pid| host::resident_bytes(*pid)).collect();
    (!each.is_empty()).then(|| each.into_iter().sum())
}

/// Is it an address of this host?
pub fn is_here(address: IpAddr) -> bool {
    address.is_loopback()
        || nix::ifaddrs::getifaddrs().is_ok_and(|interfaces| {
            interfaces.filter_map(|interface| interface.address).any(|own| {
                own.as_sockaddr_in().map(|own| IpAddr::from(own.ip())) == Some(address)
                    || own.as_sockaddr_in6().map(|own| IpAddr::from(own.ip())) == Some(address)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_that_listens_at_a_port_is_found() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(listening_at(address), Some(std::process::id()));
        drop(listener);
        assert_eq!(listening_at(address), None);
    }

    #[test]
    fn a_program_is_looked_up_as_the_system_does() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("served");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        let path = folder.path().as_os_str();
        assert!(!is_program(&program, path) && !is_program(Path::new("served"), path), "it is not executable yet");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_program(&program, OsStr::new("")) && is_program(Path::new("served"), path));
        assert!(!is_program(Path::new("./served"), path), "a named folder is the only one searched");
        assert!(!is_program(folder.path(), path) && !is_program(Path::new("other"), path));
    }

    #[test]
    fn addresses_of_this_host_are_distinguished_from_others() {
        for (address, here) in [("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("192.0.2.1", false)] {
            assert_eq!(is_here(address.parse().unwrap()), here, "{address}");
        }
    }
}
