//! HAProxy as a balancer of TCP connections: a new connection goes to the node that has the fewest, and bytes pass
//! unchanged. Equivalent to `deploy/haproxy.cfg`, without its host names.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::limits;

/// Arguments that run it with a configuration, in one process.
pub fn args(configuration: &Path) -> Vec<OsString> {
    vec!["-db".into(), "-q".into(), "-f".into(), configuration.into()]
}

/// HAProxy in front of `servers`, for this many clients.
pub fn configuration(listen: SocketAddr, servers: &[SocketAddr], clients: u32) -> String {
    let connections = clients.saturating_add(limits::BALANCER_CONNECTIONS_SPARE);
    // Longer than the heartbeat of a stream, and than the longest long poll.
    let silence = limits::LONG_POLL_HOLD_MAX.as_secs() + 30;
    let mut text = format!(
        "global\n  maxconn {connections}\n\
         defaults\n  mode tcp\n  timeout connect 2s\n  timeout client {silence}s\n  timeout server {silence}s\n  \
         option redispatch 1\n\
         frontend clients\n  bind {listen} backlog 4096\n  default_backend nodes\n\
         backend nodes\n  balance leastconn\n"
    );
    // A single server needs no check: there is no other to use instead.
    let check = match servers {
        [_] => "",
        _ => {
            text += "  option httpchk GET /readyz\n  http-check send hdr Host localhost\n";
            " check inter 1s fall 2 rise 1"
        }
    };
    for (number, server) in (1..).zip(servers) {
        // Writing to a string does not fail.
        let _written = writeln!(text, "  server node-{number} {server}{check}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_a_server_and_several_are_asked_whether_they_are_ready() {
        let [listen, first, second] = [8080, 8081, 8082].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let both = configuration(listen, &[first, second], 10);
        for line in ["balance leastconn", "server node-1 127.0.0.1:8081 check", "server node-2 127.0.0.1:8082 check"] {
            assert!(both.contains(line), "{line}: {both}");
        }
        assert!(!configuration(listen, &[first], 10).contains("check"));
    }

    #[test]
    fn the_deployed_configuration_is_the_same_except_for_names_and_numbers() {
        let deployed = include_str!("../../../deploy/haproxy.cfg");
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        let own = configuration(address, &[address, address], 10);
        for line in own.lines() {
            // The values after these keywords differ.
            let known = ["  maxconn ", "  bind ", "  server node-"].into_iter().find(|known| line.starts_with(known));
            let is_there = |one: &str| known.map_or(one == line, |known| one.starts_with(known));
            assert!(deployed.lines().any(is_there), "deploy/haproxy.cfg has no `{line}`");
        }
    }
}
