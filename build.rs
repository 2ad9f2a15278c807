//! Tells the program what it was built from: commit, compiler, profile, and how many lines each transport took.

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "build/lessons.rs"]
mod lessons;
#[path = "build/pages.rs"]
mod pages;

/// Files of `src/transport` that every server half stands on, and every client half: a developer of one transport writes
/// them too, so that they are charged to each in full. What spares processor time and nothing else (groups of subscribers,
/// `http1`, `websocket/client`) nobody has to write.
const SHARED: [&[&str]; 2] = [&["answer"], &["answer", "client", "reconnect"]];

/// The files of `src/transport` that hold one transport each, in the order of `Transport::ALL`.
const TRANSPORTS: [&str; 4] = ["polling", "long_polling", "sse", "websocket"];

fn main() {
    let said = |program: &str, arguments: &[&str]| -> Option<String> {
        let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let is_changed =
        said("git", &["status", "--porcelain", "--", "src", "Cargo.lock"]).is_some_and(|list| !list.is_empty());
    let rustc = std::env::var("RUSTC").ok().and_then(|rustc| said(&rustc, &["--version"]));
    println!("cargo:rustc-env=PUSHPULL_COMMIT={commit}{}", if is_changed { "+changes" } else { "" });
    println!("cargo:rustc-env=PUSHPULL_RUSTC={}", rustc.unwrap_or_else(|| "unknown".to_owned()));
    println!("cargo:rustc-env=PUSHPULL_PROFILE={}", std::env::var("PROFILE").unwrap_or_default());
    println!("cargo:rustc-env=PUSHPULL_EFFORT={}", TRANSPORTS.map(effort).join(";"));
    let frame = std::fs::read_to_string("web/learn/page.html").expect("web/learn/page.html");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    pages::write(Path::new("docs/learn"), &frame, &out);
    for watched in
        [".git/HEAD", ".git/index", "src", "Cargo.lock", "build.rs", "build", "docs/learn", "web/learn/page.html"]
    {
        println!("cargo:rerun-if-changed={watched}");
    }
}

/// Lines of code before both halves, of the server half and of the client half, without comments, blank lines and tests;
/// those of the shared files of each half; and what must be got right in each half: `12,45,67,80,300,3,2`.
fn effort(transport: &str) -> String {
    let (path, source) = read(transport);
    let mut lines = [0_u32; 3];
    let mut part = 0;
    for line in source.lines().map(str::trim).take_while(|line| *line != "#[cfg(test)]") {
        match line {
            half if half.starts_with("// Server half ---") => part = 1,
            half if half.starts_with("// Client half ---") => part = 2,
            comment if comment.is_empty() || comment.starts_with("//") => {}
            _code => lines[part] += 1,
        }
    }
    assert!(lines[1] > 0 && lines[2] > 0, "{path} has no line `// Server half ---` or no `// Client half ---`");
    let shared = SHARED.map(|files| files.iter().map(|file| code_lines(&read(file).1)).sum());
    let musts = ["//! - server: ", "//! - client: "];
    let musts = musts.map(|mark| source.lines().filter(|line| line.starts_with(mark)).count() as u32);
    let all: Vec<u32> = lines.into_iter().chain(shared).chain(musts).collect();
    all.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn read(file: &str) -> (String, String) {
    let path = format!("src/transport/{file}.rs");
    let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    (path, source)
}

fn code_lines(source: &str) -> u32 {
    let before_tests = source.lines().map(str::trim).take_while(|line| *line != "#[cfg(test)]");
    before_tests.filter(|line| !line.is_empty() && !line.starts_with("//")).count() as u32
}
