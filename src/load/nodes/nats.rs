//! The log of a trial's nodes: a nats-server with JetStream, or a cluster of three, created for this trial and removed
//! after it.

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
use crate::stream::log::StreamName;
use crate::units::Nanos;

/// For clients; the other port connects the servers of a cluster.
const PORT: u16 = 4222;
const ROUTES_PORT: u16 = 6222;
const PROGRAM: &str = "nats-server";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The program is not installed.
    #[error(
        "--nodes needs nats-server, and it cannot be started ({0}); install it (Debian: apt-get install nats-server)"
    )]
    Missing(#[source] io::Error),
    /// Its folder could not be created, or its guard not started.
    #[error("cannot start nats-server: {0}")]
    Start(#[source] io::Error),
    /// The stream has no leader, or the server does not report it.
    #[error("cannot find the leader of the log: {0}")]
    NoLeader(String),
    /// It exited, or does not listen.
    #[error("nats-server does not listen on {0}; another program may use that address")]
    Silent(SocketAddr),
}

/// Refuses nodes if nats-server is not installed.
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
    /// `None` while it is stopped.
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

    /// Starts or restarts it. Blocks until it listens.
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

/// A running log. When this is dropped, its processes are stopped and its files removed.
#[derive(Debug)]
pub struct LocalLog {
    servers: Vec<NatsServer>,
    /// CPU time of servers that were killed.
    used: Nanos,
    /// The program's own version string.
    pub software: String,
}

impl LocalLog {
    /// Starts `count` servers, several as one cluster. Blocks until they listen.
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
            cluster.push(name(number));
            NatsServer::new(*host, if count > 1 { &cluster } else { &[] })
        };
        let mut servers = hosts.iter().enumerate().map(server).collect::<Result<Vec<_>, _>>()?;
        for server in &mut servers {
            server.start()?;
        }
        Ok(Self { servers, used: Nanos::ZERO, software })
    }

    /// The value of `server --log`.
    pub fn urls(&self) -> String {
        self.servers.iter().map(|server| format!("nats://{}", server.address)).collect::<Vec<_>>().join(",")
    }

    /// Number of its servers.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    fn pids(&self) -> Vec<u32> {
        self.servers.iter().filter_map(|server| Some(server.process.as_ref()?.pid)).collect()
    }

    /// CPU time of all servers.
    pub fn cpu(&self) -> Option<Nanos> {
        process::cpu(&self.pids()).map(|cpu| cpu.saturating_add(self.used))
    }

    /// Memory of all servers.
    pub fn resident_bytes(&self) -> Option<u64> {
        process::resident_bytes(&self.pids())
    }

    /// Kills a server, and waits until it has exited.
    pub async fn kill(&mut self, index: usize) {
        if let Some(process) = self.servers[index].process.take() {
            self.used = self.used.saturating_add(process::cpu(&[process.pid]).unwrap_or_default());
            process.kill().await;
        }
    }

    /// Restarts a server that was killed. Blocks until it listens.
    ///
    /// Errors: [`LogError`].
    pub fn restart(&mut self, index: usize) -> Result<(), LogError> {
        self.servers[index].start()
    }

    /// The index of the server that leads the nodes' stream.
    ///
    /// Errors: [`LogError::NoLeader`].
    pub async fn leader(&self) -> Result<usize, LogError> {
        let none = |why: String| LogError::NoLeader(why);
        // Any server knows.
        let any = format!("nats://{}", self.servers[0].address);
        let connected = async_nats::connect(any).await.map_err(|error| none(error.to_string()))?;
        let context = async_nats::jetstream::new(connected);
        let stream = context.get_stream(StreamName::default().to_string()).await;
        let stream = stream.map_err(|error| none(error.to_string()))?;
        let leader = stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone());
        let leader = leader.ok_or_else(|| none("the stream has none".to_owned()))?;
        let index = (0..self.servers.len()).find(|index| name(*index) == leader);
        index.ok_or_else(|| none(format!("{leader} is not one of its servers")))
    }

    /// Stops all servers, and waits until they have exited.
    pub async fn stop(self) {
        for server in self.servers {
            if let Some(process) = server.process {
                process.kill().await;
            }
        }
    }
}

/// The name of a server in a cluster.
fn name(index: usize) -> String {
    format!("log-{}", index + 1)
}

/// A loopback address that no other server of this process has, so its ports are free, and stay free while it is
/// stopped.
fn own_host() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    // Clients and agents use the first addresses; the servers of the tests start at 127.100.
    Ipv4Addr::new(127, 40 + COUNT.fetch_add(1, Relaxed) % 60, high, low)
}
