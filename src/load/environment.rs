//! The environment of a run: what is needed to judge or to repeat it.

use std::collections::BTreeMap;

use crate::measure::host;
use crate::run::Transport;
use crate::run::file::{Effort, Environment};

/// Kernel settings that affect the figures.
const SETTINGS: [&str; 5] = [
    "net/core/somaxconn",
    "net/ipv4/tcp_congestion_control",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
    "net/ipv4/tcp_timestamps",
];

/// Reads the host and the program, and notes extra server arguments.
pub fn read(command: Vec<String>, server_args: &[String]) -> Environment {
    let kernel = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let unknown = || "unknown".to_owned();
    let mut notes = BTreeMap::new();
    for name in SETTINGS {
        if let Ok(value) = std::fs::read_to_string(format!("/proc/sys/{name}")) {
            notes.insert(name.replace('/', "."), value.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    if !server_args.is_empty() {
        notes.insert("server arguments".to_owned(), server_args.join(" "));
    }
    Environment {
        host: text(kernel.nodename()),
        kernel: format!("{} {} {}", text(kernel.sysname()), text(kernel.release()), text(kernel.machine())),
        processor: host::processor().unwrap_or_else(unknown),
        cores: host::cores(),
        memory_bytes: host::memory_bytes().unwrap_or(0),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: env!("PUSHPULL_COMMIT").to_owned(),
        profile: env!("PUSHPULL_PROFILE").to_owned(),
        rustc: env!("PUSHPULL_RUSTC").to_owned(),
        command,
        effort: effort(),
        notes,
    }
}

/// The code size of each transport, counted by the build.
pub fn effort() -> Vec<Effort> {
    let counts = env!("PUSHPULL_EFFORT").split(';').map(|counts| {
        let mut counts = counts.split(',').map(|count| count.parse().unwrap_or_default());
        std::array::from_fn(|_| counts.next().unwrap_or_default())
    });
    let effort = |(transport, counts): (Transport, [u32; 7])| {
        let [shared_lines, server_lines, client_lines, shared_server_lines, shared_client_lines, ..] = counts;
        let [.., server_musts, client_musts] = counts;
        Effort {
            transport,
            shared_lines,
            server_lines,
            client_lines,
            shared_server_lines,
            shared_client_lines,
            server_musts,
            client_musts,
        }
    };
    Transport::ALL.into_iter().zip(counts).map(effort).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_has_code_in_both_halves() {
        let effort = effort();
        assert_eq!(effort.iter().map(|one| one.transport).collect::<Vec<_>>(), Transport::ALL);
        assert!(effort.iter().all(|one| one.server_musts > 1 && one.client_musts > 1), "{effort:?}");
        assert!(
            effort.iter().all(|one| one.server_lines > 10 && one.client_lines > 10 && one.shared_client_lines > 100),
            "{effort:?}"
        );
    }
}
