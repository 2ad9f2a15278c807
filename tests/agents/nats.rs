//! A nats-server on a free port, killed when dropped.

use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::common::within;

pub struct Nats {
    pub url: String,
    _process: Child,
    _folder: TempDir,
}

impl Nats {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"]).arg(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().unwrap();
        let url = within("the NATS server's address", async {
            loop {
                let file = std::fs::read_dir(folder.path()).unwrap().next();
                let text = file.map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default());
                // The file may be half-written.
                let ports: Option<Value> = text.and_then(|text| serde_json::from_slice(&text).ok());
                if let Some(url) = ports.and_then(|ports| Some(ports["nats"][0].as_str()?.to_owned())) {
                    return url;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        });
        Self { url: url.await, _process: process, _folder: folder }
    }
}
