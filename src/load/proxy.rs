//! A real nginx between clients and server, in a process of its own for each trial.
//!
//! ```text
//! client ── (link or path) ── nginx ── loopback ── server
//! ```
//!
//! Its configuration is made here, in a folder of its own; what a setting leaves alone is nginx's default. Since nginx does
//! not end with whoever started it, a guard starts it, a process of the load generator's own that ends it when its
//! standard input ends.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::rand::GetRandomFlags;
use tokio::process::Child;

use crate::limits;
use crate::run::proxy::Proxy;

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It is not installed.
    #[error("--proxy needs nginx, and it cannot be started ({0}); install it (Debian: nginx-light)")]
    Missing(#[source] io::Error),
    /// Its folder or its guard.
    #[error("cannot start nginx: {0}")]
    Start(#[source] io::Error),
    /// It ended, or does not listen.
    #[error("nginx does not listen on {0}; see its output above")]
    Silent(SocketAddr),
}

/// nginx at work. It ends when this is dropped.
#[derive(Debug)]
pub struct Nginx {
    /// Where clients connect to.
    pub address: SocketAddr,
    /// What it says that it is.
    pub software: String,
    /// Its process.
    pub pid: Option<u32>,
    folder: PathBuf,
    _guard: Child,
}

impl Nginx {
    /// Starts it before the server at `server`, on a free port of the same host; nothing, where no proxy is asked for. It
    /// blocks until nginx listens.
    ///
    /// Errors: [`ProxyError`].
    pub fn start(proxy: Proxy, server: SocketAddr) -> Result<Option<Self>, ProxyError> {
        let is_tuned = match proxy {
            Proxy::None => return Ok(None),
            Proxy::Nginx => false,
            Proxy::NginxTuned => true,
        };
        let software = software()?;
        let address = free_port(server).map_err(ProxyError::Start)?;
        let folder = folder().map_err(ProxyError::Start)?;
        let started = start(&folder, &configuration(&folder, address, server, is_tuned));
        let guard = started.inspect_err(|_| remove(&folder)).map_err(ProxyError::Start)?;
        let mut nginx = Self { address, software, pid: None, folder, _guard: guard };
        let patience = Instant::now() + limits::SERVER_START_TIMEOUT;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > patience {
                return Err(ProxyError::Silent(address));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        nginx.pid = std::fs::read_to_string(nginx.folder.join("pid")).ok().and_then(|pid| pid.trim().parse().ok());
        Ok(Some(nginx))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    // In a folder for what may be lost.
    let _gone = std::fs::remove_dir_all(folder);
}

/// The hidden command of the guard.
pub const GUARD_COMMAND: &str = "proxy-guard";

fn start(folder: &Path, configuration: &str) -> io::Result<Child> {
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration)?;
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    // A process group of its own: Ctrl-C is for the generator.
    command.arg(GUARD_COMMAND).arg(file).stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
    command.spawn()
}

/// The guard: runs nginx with a configuration until standard input ends.
///
/// Errors: where nginx cannot be started.
pub fn guard(configuration: &Path) -> io::Result<()> {
    let mut nginx = Command::new("nginx")
        .args(["-e", "stderr", "-c"])
        .arg(configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let pid = i32::try_from(nginx.id()).ok().and_then(Pid::from_raw);
    std::thread::spawn(move || {
        let _ended = io::stdin().read_to_end(&mut Vec::new());
        // It may have ended by itself.
        let _gone = pid.map(|pid| kill_process(pid, Signal::KILL));
    });
    nginx.wait().map(drop)
}

/// `nginx/1.22.1`.
fn software() -> Result<String, ProxyError> {
    let said = Command::new("nginx").arg("-v").output().map_err(ProxyError::Missing)?;
    let said = String::from_utf8_lossy(&said.stderr);
    Ok(said.split_whitespace().find(|word| word.starts_with("nginx/")).unwrap_or("nginx").to_owned())
}

/// A port that was free a moment ago: nginx opens its sockets itself.
fn free_port(server: SocketAddr) -> io::Result<SocketAddr> {
    TcpListener::bind((server.ip(), 0))?.local_addr()
}

fn folder() -> io::Result<PathBuf> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty())?;
    let folder = std::env::temp_dir().join(format!("pushpull-nginx-{:016x}", u64::from_ne_bytes(bytes)));
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

/// nginx in one process, which is then the one whose processor time counts.
fn configuration(folder: &Path, listen: SocketAddr, server: SocketAddr, is_tuned: bool) -> String {
    let folder = folder.display();
    let (upstream, streams) = match is_tuned {
        // https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive
        true => ("keepalive 128;", "proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection \"\";"),
        false => ("", ""),
    };
    let connections = limits::PROXY_CONNECTIONS;
    let files = 2 * connections;
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr crit;\n\
         worker_rlimit_nofile {files};\n\
         events {{ worker_connections {connections}; }}\n\
         http {{\n\
           access_log off;\n\
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;\n\
           uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
           upstream pushpull {{ server {server}; {upstream} }}\n\
           server {{\n\
             listen {listen} backlog=4096;\n\
             proxy_set_header Host {server};\n\
             location / {{ proxy_pass http://pushpull; {streams} proxy_set_header Host {server}; }}\n\
             # https://nginx.org/en/docs/http/websocket.html\n\
             location ~ /ws$ {{\n\
               proxy_pass http://pushpull; proxy_http_version 1.1; proxy_set_header Host {server};\n\
               proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\n\
             }}\n\
           }}\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuned_proxy_buffers_nothing_and_keeps_its_connections_and_a_plain_one_is_left_alone() {
        let [listen, server] = [8080, 8081].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let written = |is_tuned| configuration(Path::new("folder"), listen, server, is_tuned);
        for (directive, is_tuned) in
            [("proxy_buffering off", true), ("keepalive 128", true), ("listen 127.0.0.1:8080", false)]
        {
            assert!(written(true).contains(directive), "{directive}");
            assert_eq!(written(false).contains(directive), !is_tuned, "{directive}");
        }
        for text in [written(true), written(false)] {
            assert!(text.contains("proxy_set_header Host 127.0.0.1:8081"), "the server sees the address that it knows");
            assert_eq!(text.matches('{').count(), text.matches('}').count());
        }
    }
}
