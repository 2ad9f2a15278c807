//! The real nats-server with JetStream, one or a cluster, each in a process of its own, on free ports of loopback.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Server, send_signal, within};

/// For clients, and for the other servers of a cluster.
const PORT: u16 = 4222;
const ROUTES_PORT: u16 = 6222;
/// The names of the servers of a cluster.
pub const NAMES: [&str; 3] = ["a", "b", "c"];

/// What is missing here of what these tests need.
pub fn missing() -> Option<String> {
    let found = std::process::Command::new("nats-server").arg("--version").output();
    found.err().map(|error| format!("nats-server cannot be started: {error}; apt-get install nats-server"))
}

/// A nats-server. Ended when dropped; its files go with it.
pub struct Nats {
    /// Where it listens, and is there again when it is started again: an address of loopback that it has to itself, so that
    /// nobody takes its ports meanwhile.
    address: String,
    /// What it was started with beside its ports.
    flags: Vec<String>,
    process: Child,
    folder: TempDir,
}

impl Nats {
    /// Starts one with file storage.
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

    /// Waits for the file in which it says where it listens.
    async fn listens(&self) {
        let path = self.folder.path().join(format!("nats-server_{}.ports", self.process.id().unwrap()));
        within("a nats-server that listens", async {
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Three of them that are one cluster.
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

    /// Ends it as a power cut would, but for what the kernel still holds.
    pub async fn kill(&mut self) {
        send_signal(self.process.id().unwrap(), Signal::KILL);
        within("the end of nats-server", self.process.wait()).await.unwrap();
    }

    /// Starts it again where it was.
    pub async fn restart(&mut self) {
        self.process = spawn(&self.folder, &self.address, &self.flags);
        self.listens().await;
    }

    /// Keeps a copy of what it has stored, while it is away.
    pub fn save_store(&self) {
        copy(&self.folder.path().join("store"), &self.folder.path().join("saved"));
    }

    /// Puts the copy in place of what it has stored, while it is away.
    pub fn load_store(&self) {
        std::fs::remove_dir_all(self.folder.path().join("store")).unwrap();
        copy(&self.folder.path().join("saved"), &self.folder.path().join("store"));
    }

    /// For `--log`.
    pub fn url(&self) -> String {
        format!("nats://{}:{PORT}", self.address)
    }

    /// JetStream, as somebody beside the nodes uses it.
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

/// An address of loopback that no other server of these tests has.
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

/// Starts a node of a log, and waits until it follows.
pub async fn node(urls: &str, flags: &[&str]) -> Server {
    let server = Server::start(&[&["--log", urls], flags].concat()).await;
    until_ready(&server).await;
    server
}

/// Waits until a node says that it follows.
pub async fn until_ready(server: &Server) {
    within("a node that follows", async { while server.get("/readyz").await.status() != 200 {} }).await;
}

/// Waits until a node says that it does not follow.
pub async fn until_not_ready(server: &Server) {
    within("a node that does not follow", async { while server.get("/readyz").await.status() == 200 {} }).await;
}
