//! The log of a trial's nodes: a nats-server with JetStream, or a cluster of three, made for this trial and gone with it.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::limits;
use crate::load::foreign::process;
use crate::load::guard::Guarded;
use crate::units::Nanos;

/// For clients, and for the other servers of a cluster.
const PORT: u16 = 4222;
const ROUTES_PORT: u16 = 6222;
const PROGRAM: &str = "nats-server";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It is not installed.
    #[error(
        "--nodes needs nats-server, and it cannot be started ({0}); install it (Debian: apt-get install nats-server)"
    )]
    Missing(#[source] io::Error),
    /// Its folder or its guard.
    #[error("cannot start nats-server: {0}")]
    Start(#[source] io::Error),
    /// It ended, or does not listen.
    #[error("nats-server does not listen on {0}; it may be taken by another program")]
    Silent(SocketAddr),
}

/// Refuses nodes where there is no nats-server.
///
/// Errors: [`LogError::Missing`].
pub fn refuse_missing() -> Result<(), LogError> {
    software().map(drop)
}

/// `nats-server/2.9.10`.
fn software() -> Result<String, LogError> {
    let said = Command::new(PROGRAM).arg("--version").output().map_err(LogError::Missing)?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = said.split_whitespace().find_map(|word| word.strip_prefix('v'));
    Ok(version.map_or_else(|| PROGRAM.to_owned(), |version| format!("{PROGRAM}/{version}")))
}

/// One server of the log.
#[derive(Debug)]
struct NatsServer {
    address: SocketAddr,
    args: Vec<OsString>,
    folder: TempDir,
    /// `None` while it is away.
    process: Option<Guarded>,
}

impl NatsServer {
    fn new(host: Ipv4Addr, more: &[String]) -> Result<Self, LogError> {
        let folder = tempfile::Builder::new().prefix("pushpull-log-").tempdir().map_err(LogError::Start)?;
        let path = |name: &str| folder.path().join(name).into_os_string();
        let mut args: Vec<OsString> =
            vec!["-a".into(), host.to_string().into(), "-p".into(), PORT.to_string().into(), "-js".into()];
        args.extend(["-sd".into(), path("store"), "-l".into(), path("log")]);
        args.extend(more.iter().map(OsString::from));
        Ok(Self { address: SocketAddr::from((host, PORT)), args, folder, process: None })
    }

    /// Starts it, for the first time or again. It blocks until it listens.
    fn start(&mut self) -> Result<(), LogError> {
        self.process = Some(Guarded::start(self.folder.path(), PROGRAM, &self.args).map_err(LogError::Start)?);
        let patience = Instant::now() + limits::SERVER_START_TIMEOUT;
        while TcpStream::connect(self.address).is_err() {
            if Instant::now() > patience {
                return Err(LogError::Silent(self.address));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

/// The log at work. Its processes end, and its files go, when this is dropped.
#[derive(Debug)]
pub struct LocalLog {
    servers: Vec<NatsServer>,
    /// What it says that it is.
    pub software: String,
}

impl LocalLog {
    /// Starts so many servers, several as one cluster. It blocks until they listen.
    ///
    /// Errors: [`LogError`].
    pub fn start(count: u32) -> Result<Self, LogError> {
        let software = software()?;
        let hosts: Vec<Ipv4Addr> = (0..count).map(|_| own_host()).collect();
        let route = |host: &Ipv4Addr| format!("nats://{host}:{ROUTES_PORT}");
        let routes: Vec<String> = hosts.iter().map(route).collect();
        let server = |(number, host): (usize, &Ipv4Addr)| {
            let cluster = ["--cluster_name", "lab", "--cluster", &route(host), "--routes", &routes.join(","), "-n"];
            let mut cluster = cluster.map(str::to_owned).to_vec();
            cluster.push(format!("log-{}", number + 1));
            NatsServer::new(*host, if count > 1 { &cluster } else { &[] })
        };
        let mut servers = hosts.iter().enumerate().map(server).collect::<Result<Vec<_>, _>>()?;
        for server in &mut servers {
            server.start()?;
        }
        Ok(Self { servers, software })
    }

    /// For `server --log`.
    pub fn urls(&self) -> String {
        self.servers.iter().map(|server| format!("nats://{}", server.address)).collect::<Vec<_>>().join(",")
    }

    /// How many servers it has.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    fn pids(&self) -> Vec<u32> {
        self.servers.iter().filter_map(|server| Some(server.process.as_ref()?.pid)).collect()
    }

    /// Processor time of all servers.
    pub fn cpu(&self) -> Option<Nanos> {
        process::cpu(&self.pids())
    }

    /// Memory of all servers.
    pub fn resident_bytes(&self) -> Option<u64> {
        process::resident_bytes(&self.pids())
    }

    /// Ends all servers, and waits until they are gone.
    pub async fn stop(self) {
        for server in self.servers {
            if let Some(process) = server.process {
                process.kill().await;
            }
        }
    }
}

/// An address of loopback that no other server of this process has: its ports are then free, and stay so while it is away.
fn own_host() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    // Clients and agents keep to the first addresses, the tests' own servers are from 127.100 on.
    Ipv4Addr::new(127, 40 + COUNT.fetch_add(1, Relaxed) % 60, high, low)
}
