//! A real proxy between clients and server, a child process for each trial: nginx, which speaks HTTP, or HAProxy,
//! which forwards TCP connections, also to several nodes.
//!
//! ```text
//! client ── (link or path) ── proxy ── loopback ── server, or nodes
//! ```
//!
//! Its configuration is written here, to a folder of its own.

mod haproxy;
mod nginx;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::limits;
use crate::load::guard::Guarded;
use crate::measure::process::process_cpu;
use crate::run::proxy::{Proxy, ProxyReport};
use crate::units::Nanos;

/// Why a proxy could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The program is not installed.
    #[error(
        "{asked} needs {program}, and it cannot be started ({source}); install it (Debian: apt-get install {package})"
    )]
    Missing {
        /// The flag that requires it.
        asked: &'static str,
        /// The program.
        program: &'static str,
        /// The package that contains it.
        package: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// Its folder could not be created, or its guard not started.
    #[error("cannot start a proxy: {0}")]
    Start(#[source] io::Error),
    /// It exited, or does not listen.
    #[error("{program} does not listen on {address}; see its output above")]
    Silent {
        /// The program.
        program: &'static str,
        /// The address it should listen on.
        address: SocketAddr,
    },
}

/// A running proxy. It is stopped when this is dropped.
#[derive(Debug)]
pub struct RunningProxy {
    /// The address that clients connect to.
    pub address: SocketAddr,
    /// The program's own version string.
    pub software: String,
    process: Guarded,
    _folder: TempDir,
}

/// A program that can serve as a proxy.
struct Kind {
    program: &'static str,
    package: &'static str,
    asked: &'static str,
    is_tuned: bool,
}

impl Kind {
    fn of(proxy: Proxy) -> Option<Self> {
        let nginx = |is_tuned| Self { program: "nginx", package: "nginx-light", asked: "--proxy", is_tuned };
        match proxy {
            Proxy::None => None,
            Proxy::Nginx => Some(nginx(false)),
            Proxy::NginxTuned => Some(nginx(true)),
            Proxy::Haproxy => Some(Self {
                program: HAPROXY,
                package: "haproxy",
                asked: "--nodes or --proxy haproxy",
                is_tuned: false,
            }),
        }
    }
}

const HAPROXY: &str = "haproxy";

/// Refuses a proxy that is not installed.
///
/// Errors: [`ProxyError::Missing`].
pub fn refuse_missing(proxy: Proxy) -> Result<(), ProxyError> {
    Kind::of(proxy).map_or(Ok(()), |kind| software(&kind).map(drop))
}

impl RunningProxy {
    /// Starts it in front of `servers`, on a free port of the first server's host, for this many clients; `None` if no
    /// proxy is asked for. nginx uses the first server only. Blocks until the proxy listens.
    ///
    /// Errors: [`ProxyError`].
    pub fn start(proxy: Proxy, servers: &[SocketAddr], clients: u32) -> Result<Option<Self>, ProxyError> {
        let (Some(kind), Some(first)) = (Kind::of(proxy), servers.first()) else { return Ok(None) };
        let software = software(&kind)?;
        let address = free_port(*first).map_err(ProxyError::Start)?;
        let prefix = format!("pushpull-{}-", kind.program);
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().map_err(ProxyError::Start)?;
        let file = folder.path().join("conf");
        let (configuration, args) = match kind.program {
            HAPROXY => (haproxy::configuration(address, servers, clients), haproxy::args(&file)),
            _ => (nginx::configuration(folder.path(), address, *first, kind.is_tuned), nginx::args(&file)),
        };
        std::fs::write(&file, configuration).map_err(ProxyError::Start)?;
        let process = Guarded::start(folder.path(), kind.program, &args).map_err(ProxyError::Start)?;
        let patience = Instant::now() + limits::SERVER_START_TIMEOUT;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > patience {
                return Err(ProxyError::Silent { program: kind.program, address });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Some(Self { address, software, process, _folder: folder }))
    }

    /// The CPU time it used between two readings.
    pub fn report(&self, cpu: [Option<Nanos>; 2]) -> ProxyReport {
        let [begun, ended] = cpu;
        let cpu_ns = ended.zip(begun).map(|(ended, begun)| ended.saturating_sub(begun));
        ProxyReport { software: self.software.clone(), cpu_ns }
    }

    /// Its CPU time so far.
    pub fn cpu(&self) -> Option<Nanos> {
        process_cpu(self.process.pid).ok()
    }
}

/// `nginx/1.22.1`, `haproxy/2.6.12`.
fn software(kind: &Kind) -> Result<String, ProxyError> {
    let Kind { program, package, asked, is_tuned: _ } = *kind;
    let said = Command::new(program).arg("-v").output();
    let said = said.map_err(|source| ProxyError::Missing { asked, program, package, source })?;
    let said = [said.stdout, said.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    let words: Vec<&str> = said.split_whitespace().collect();
    let version = words.iter().find_map(|word| word.strip_prefix("nginx/")).or_else(|| {
        let at = words.iter().position(|word| *word == "version")?;
        words.get(at + 1).map(|version| version.split('-').next().unwrap_or(version))
    });
    Ok(version.map_or_else(|| program.to_owned(), |version| format!("{program}/{version}")))
}

/// A port that was free a moment ago, since a proxy opens its sockets itself.
fn free_port(server: SocketAddr) -> io::Result<SocketAddr> {
    TcpListener::bind((server.ip(), 0))?.local_addr()
}
