//! The size of each transport's code: lines of its own file, and of the shared files that it needs.

use std::fmt::Write as _;

/// The files of one transport, below `src`, without their extension.
pub struct Files {
    /// Its own file, with both halves.
    pub own: &'static str,
    /// Files that its server half needs and shares with others. They count in full for each transport, since they would
    /// have to be written for that transport alone, too.
    pub server: &'static [&'static str],
    /// Files that its client half needs.
    pub client: &'static [&'static str],
}

/// Needed by every server half that pushes: writing updates to all subscribers, taking over their sockets, heads and
/// frames.
const PUSH: [&str; 4] = ["transport/answer", "server/fanout", "server/takeover", "server/wire"];

/// Needed by a client that sends one request after another.
const ASK: [&str; 5] =
    ["transport/answer", "transport/ask", "transport/client", "transport/reconnect", "transport/session"];

/// Needed by a client with one stream.
const FOLLOW: [&str; 3] = ["transport/client", "transport/reconnect", "transport/session"];

/// In the order of `Transport::ALL`. Compression (`coding`, `deflate`) is optional for all four and counted for none.
/// Nor is code whose only purpose is to save processor time of the generator (`http1`, `websocket/client`).
pub const TRANSPORTS: [Files; 4] = [
    Files { own: "transport/polling", server: &["transport/answer"], client: &ASK },
    Files { own: "transport/long_polling", server: &PUSH, client: &ASK },
    Files { own: "transport/sse", server: &PUSH, client: &FOLLOW },
    Files { own: "transport/websocket", server: &PUSH, client: &FOLLOW },
];

/// The counts of one transport: lines of code before both halves, of the server half and of the client half, without
/// comments, blank lines and tests; lines of the shared files of each half; and the number of requirements that each
/// half lists: `12,45,67,80,300,3,2`.
pub fn count(files: &Files) -> String {
    let source = read(files.own);
    let mut lines = [0_u32; 3];
    let mut part = 0;
    for line in before_tests(&source) {
        match line {
            half if half.starts_with("// Server half ---") => part = 1,
            half if half.starts_with("// Client half ---") => part = 2,
            line if is_code(line) => lines[part] += 1,
            _comment => {}
        }
    }
    let own = files.own;
    assert!(lines[1] > 0 && lines[2] > 0, "{own} has no line `// Server half ---` or no `// Client half ---`");
    let code_lines = |file: &&str| before_tests(&read(file)).filter(|line| is_code(line)).count() as u32;
    let shared = [files.server, files.client].map(|files| files.iter().map(code_lines).sum());
    let musts = ["//! - server: ", "//! - client: "];
    let musts = musts.map(|mark| source.lines().filter(|line| line.starts_with(mark)).count() as u32);
    let mut out = String::new();
    for (index, count) in lines.into_iter().chain(shared).chain(musts).enumerate() {
        // Writing into a string cannot fail.
        let _ = write!(out, "{}{count}", if index == 0 { "" } else { "," });
    }
    out
}

fn read(file: &str) -> String {
    let path = format!("src/{file}.rs");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn before_tests(source: &str) -> impl Iterator<Item = &str> {
    source.lines().map(str::trim).take_while(|line| *line != "#[cfg(test)]")
}

fn is_code(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("//")
}
