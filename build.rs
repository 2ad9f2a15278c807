//! Tells the program what it was built from: commit, compiler, profile.

use std::process::Command;

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
    for watched in [".git/HEAD", ".git/index", "src", "Cargo.lock", "build.rs"] {
        println!("cargo:rerun-if-changed={watched}");
    }
}
