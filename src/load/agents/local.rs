//! Starts agents and a NATS server on this machine, for users who have neither.

use std::io;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::errors::FleetError;
use crate::limits;

/// Child processes, which are stopped when this is dropped.
#[derive(Debug)]
pub struct Local {
    /// Address of the NATS server.
    pub control: String,
    _nats: Child,
    _agents: Vec<Child>,
    _folder: TempDir,
}

/// The file that nats-server writes with `--ports_file_dir`.
#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
}

impl Local {
    /// Starts a NATS server on a free port, and this many agents.
    ///
    /// Errors: [`FleetError::Start`], [`FleetError::Silent`].
    pub async fn start(agents: usize) -> Result<Self, FleetError> {
        let failed = |program, hint| move |source| FleetError::Start { program, source, hint };
        let folder =
            tempfile::Builder::new().prefix("pushpull-nats-").tempdir().map_err(failed("a NATS server", ""))?;
        let mut nats = Command::new("nats-server");
        nats.args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"]).arg(folder.path());
        const INSTALL: &str =
            "; install it (apt-get install nats-server), or name one that runs with --control nats://HOST:4222";
        let nats = quiet(&mut nats).spawn().map_err(failed("nats-server", INSTALL))?;
        let control = address(folder.path()).await?;
        let program = std::env::current_exe().map_err(failed("an agent", ""))?;
        let agent = |number: usize| {
            let mut agent = Command::new(&program);
            agent.args(["agent", "--once", "--control", &control, "--name", &format!("agent-{number}")]);
            quiet(&mut agent).spawn().map_err(failed("an agent", ""))
        };
        let agents = (1..=agents).map(agent).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { control, _nats: nats, _agents: agents, _folder: folder })
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    // A process group of its own: Ctrl-C goes to the coordinator, which stops them itself.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).kill_on_drop(true)
}

/// Waits for the file with the server's address.
async fn address(folder: &Path) -> Result<String, FleetError> {
    let read = || -> io::Result<Option<String>> {
        for file in std::fs::read_dir(folder)? {
            // The file may be half written.
            if let Ok(Ports { nats }) = serde_json::from_slice(&std::fs::read(file?.path())?) {
                return Ok(nats.into_iter().next());
            }
        }
        Ok(None)
    };
    let found = async {
        loop {
            if let Ok(Some(address)) = read() {
                return address;
            }
            tokio::time::sleep(limits::DRAIN_CHECK_INTERVAL).await;
        }
    };
    tokio::time::timeout(limits::SERVER_START_TIMEOUT, found).await.map_err(|_| FleetError::Silent)
}
