//! What each transport takes to write: lines of code of its own file, and of the files that it cannot do without.

use std::fmt::Write as _;

/// The files of one transport, below `src`, without their ending.
pub struct Files {
    /// Its own, with both halves.
    pub own: &'static str,
    /// Those that its server half stands on and shares with others: whoever develops it alone writes them too, so that they
    /// are charged to it in full.
    pub server: &'static [&'static str],
    /// Those that its client half stands on.
    pub client: &'static [&'static str],
}

/// What holds for one subscriber and for a thousand: updates written to all of them, sockets taken over for that, heads and
/// frames.
const PUSH: [&str; 4] = ["transport/answer", "server/fanout", "server/takeover", "server/wire"];

/// What a client that asks again and again stands on.
const ASK: [&str; 5] =
    ["transport/answer", "transport/ask", "transport/client", "transport/reconnect", "transport/session"];

/// What a client with one stream stands on.
const FOLLOW: [&str; 3] = ["transport/client", "transport/reconnect", "transport/session"];

/// In the order of `Transport::ALL`. What makes answers and messages smaller (`coding`, `deflate`) is an option of all four
/// and counted for none; so is what spares the generator processor time and nothing else (`http1`, `websocket/client`).
pub const TRANSPORTS: [Files; 4] = [
    Files { own: "transport/polling", server: &["transport/answer"], client: &ASK },
    Files { own: "transport/long_polling", server: &PUSH, client: &ASK },
    Files { own: "transport/sse", server: &PUSH, client: &FOLLOW },
    Files { own: "transport/websocket", server: &PUSH, client: &FOLLOW },
];

/// Of one transport: lines of code before both halves, of the server half and of the client half, without comments, blank
/// lines and tests; those of the shared files of each half; and what must be got right in each half:
/// `12,45,67,80,300,3,2`.
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
