//! How a program in each language is run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pushpull::learn::Language;

/// Where programs are written, and compiled ones kept.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("learn")
}

/// Where `scripts/install-test-clients` puts npm's packages.
fn npm() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("test-clients/node_modules")
}

/// What a language lacks here, if it lacks something.
pub fn missing(language: Language) -> Option<String> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    static NODE: OnceLock<Option<String>> = OnceLock::new();
    let lacks = |program: &str, package: &str| {
        let output = Command::new(program).arg("--version").output();
        output.err().map(|error| format!("{program} cannot be started: {error}; install {package}"))
    };
    match language {
        Language::Python => PYTHON.get_or_init(|| lacks("python3", "python3")).clone(),
        Language::Javascript => NODE
            .get_or_init(|| {
                let is_installed = npm().join("ws").exists();
                let no_ws = || Some("npm's ws is not installed; run scripts/install-test-clients".to_owned());
                lacks("node", "nodejs").or_else(|| if is_installed { None } else { no_ws() })
            })
            .clone(),
        // What runs this was compiled by it.
        Language::Rust => None,
    }
}

/// Writes a program, compiles it where that is needed, and returns the command that runs it.
pub fn command(language: Language, name: &str, text: &str) -> Vec<OsString> {
    let folder = folder().join(language.label()).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("program.{}", language.ending()));
    let words: Vec<OsString> = match language {
        Language::Python => vec!["python3".into()],
        Language::Javascript => {
            vec!["env".into(), format!("NODE_PATH={}", npm().display()).into(), "node".into()]
        }
        Language::Rust => return vec![compiled(&folder, &file, text)],
    };
    std::fs::write(&file, text).unwrap();
    words.into_iter().chain([file.into()]).collect()
}

/// Compiles with `rustc` alone, as a student does; not again what was compiled before.
fn compiled(folder: &Path, file: &Path, text: &str) -> OsString {
    let lab = include_str!("../../exercises/lab.rs");
    let program = folder.join("program");
    let is_same = |file: &Path, text: &str| std::fs::read_to_string(file).is_ok_and(|found| found == text);
    if !(program.exists() && is_same(file, text) && is_same(&folder.join("lab.rs"), lab)) {
        let _none = std::fs::remove_file(&program);
        std::fs::write(file, text).unwrap();
        std::fs::write(folder.join("lab.rs"), lab).unwrap();
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc).args(["--edition", "2021", "-o"]).arg(&program).arg(file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    program.into()
}
