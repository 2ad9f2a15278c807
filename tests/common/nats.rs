//! Starts the real nats-server with JetStream, alone or as a cluster. Each server has its own process and loopback
//! address.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Server, send_signal, within};

/// The port for clients.
const PORT: u16 = 4222;
/// The port for the other servers of a cluster.
const ROUTES_PORT: u16 = 6222;
/// The names of the servers of a cluster.
pub const NAMES: [&str; 3] = ["a", "b", "c"];

/// Why nats-server cannot be started on this machine, if it cannot.
pub fn missing() -> Option<String> {
    let found = std::process::Command::new("nats-server").arg("--version").output();
    found.err().map(|error| format!("nats-server cannot be started: {error}; apt-get install nats-server"))
}

/// A running nats-server. Killed when dropped, and its files are deleted.
pub struct Nats {
    /// The loopback address it listens on. No other process uses it, so its ports are still free when it restarts.
    address: String,
    /// The flags it was started with, in addition to its ports.
    flags: Vec<String>,
    process: Child,
    folder: TempDir,
}

impl Nats {
    /// Starts a single server with file storage.
    pub async fn start() -> Self {
        Self::start_with(own_address(), Vec::new()).await
    }

    async fn start_with(address: String, flags: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = spawn(&folder, &address, &flags);
        let nats = Self { address, flags, process, folder };
        nats.listens().await;
        nats
    }

    /// Waits for the file in which it reports the ports it listens on.
    async fn listens(&self) {
        let path = self.folder.path().join(format!("nats-server_{}.ports", self.process.id().unwrap()));
        within("a nats-server that listens", async {
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Starts three servers that form one cluster.
    pub async fn cluster() -> [Self; 3] {
        let addresses = [own_address(), own_address(), own_address()];
        let route = |address: &String| format!("nats://{address}:{ROUTES_PORT}");
        let routes = addresses.each_ref().map(route).join(",");
        let start = |index: usize| {
            let address = addresses[index].clone();
            let flags =
                ["--cluster_name", "lab", "--cluster", &route(&address), "--routes", &routes, "-n", NAMES[index]];
            Self::start_with(address, flags.map(str::to_owned).to_vec())
        };
        [start(0).await, start(1).await, start(2).await]
    }

    /// Kills it, as a power cut would, except that what it has handed to the kernel is kept.
    pub async fn kill(&mut self) {
        send_signal(self.process.id().unwrap(), Signal::KILL);
        within("the end of nats-server", self.process.wait()).await.unwrap();
    }

    /// Starts it again with the same address, flags and files.
    pub async fn restart(&mut self) {
        self.process = spawn(&self.folder, &self.address, &self.flags);
        self.listens().await;
    }

    /// Copies its stored data. Call it only while the server is down.
    pub fn save_store(&self) {
        copy(&self.folder.path().join("store"), &self.folder.path().join("saved"));
    }

    /// Restores the copy made by [`Self::save_store`]. Call it only while the server is down.
    pub fn load_store(&self) {
        std::fs::remove_dir_all(self.folder.path().join("store")).unwrap();
        copy(&self.folder.path().join("saved"), &self.folder.path().join("store"));
    }

    /// Its URL, for `--log`.
    pub fn url(&self) -> String {
        format!("nats://{}:{PORT}", self.address)
    }

    /// A JetStream context of the test's own, independent of the nodes.
    pub async fn jetstream(&self) -> Context {
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        jetstream::new(within("a connection to nats-server", options.connect(self.url())).await.unwrap())
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &place),
            false => drop(std::fs::copy(entry.path(), place).unwrap()),
        }
    }
}

/// A loopback address that no other server of these tests uses.
fn own_address() -> String {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}", 100 + COUNT.fetch_add(1, Relaxed) % 100)
}

fn spawn(folder: &TempDir, address: &str, flags: &[String]) -> Child {
    let path = |name: &str| Path::new(folder.path()).join(name).display().to_string();
    Command::new("nats-server")
        .args(["-a", address, "-p", &PORT.to_string(), "-js", "-sd", &path("store"), "-l", &path("log")])
        .args(["--ports_file_dir", &path("")])
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Starts a node with the log at `urls`, and waits until it follows the log.
pub async fn node(urls: &str, flags: &[&str]) -> Server {
    let server = Server::start(&[&["--log", urls], flags].concat()).await;
    until_ready(&server).await;
    server
}

/// Waits until a node reports that it follows its log.
pub async fn until_ready(server: &Server) {
    within("a node that follows", async { while server.get("/readyz").await.status() != 200 {} }).await;
}

/// Waits until a node reports that it does not follow its log.
pub async fn until_not_ready(server: &Server) {
    within("a node that does not follow", async { while server.get("/readyz").await.status() == 200 {} }).await;
}
