//! Tells the program what it was built from: commit, compiler, profile, and how many lines each transport took.

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "build/effort.rs"]
mod effort;
#[path = "build/lessons.rs"]
mod lessons;
#[path = "build/pages.rs"]
mod pages;

fn main() {
    let said = |program: &str, arguments: &[&str]| -> Option<String> {
        let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let is_changed = said("git", &["--no-optional-locks", "status", "--porcelain", "--", "src", "Cargo.lock"])
        .is_some_and(|list| !list.is_empty());
    let rustc = std::env::var("RUSTC").ok().and_then(|rustc| said(&rustc, &["--version"]));
    println!("cargo:rustc-env=PUSHPULL_COMMIT={commit}{}", if is_changed { "+changes" } else { "" });
    println!("cargo:rustc-env=PUSHPULL_RUSTC={}", rustc.unwrap_or_else(|| "unknown".to_owned()));
    println!("cargo:rustc-env=PUSHPULL_PROFILE={}", std::env::var("PROFILE").unwrap_or_default());
    println!("cargo:rustc-env=PUSHPULL_EFFORT={}", effort::TRANSPORTS.each_ref().map(effort::count).join(";"));
    let frame = std::fs::read_to_string("web/learn/page.html").expect("web/learn/page.html");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    pages::write(Path::new("docs/learn"), &frame, &out);
    for watched in ["src", "Cargo.lock", "build.rs", "build", "docs/learn", "web/learn/page.html"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    // In a worktree these are elsewhere, and a missing file would cause a full rebuild each time.
    for name in ["HEAD", "index"] {
        if let Some(path) = said("git", &["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}
