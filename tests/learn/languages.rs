//! How to run a program in each language.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use pushpull::learn::{Exercise, Language};

/// The folder of the programs: sources and binaries.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("learn")
}

/// Where `scripts/install-test-clients` installs npm packages.
fn npm() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("test-clients/node_modules")
}

/// Why programs in a language cannot run on this machine, if they cannot.
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
        // The compiler that built this test is there.
        Language::Rust => None,
    }
}

/// Writes the program of an exercise, compiles it if needed, and returns the command that runs it.
pub fn command(exercise: Exercise, language: Language, name: &str, text: &str) -> Vec<OsString> {
    let place = format!("{}/{name}", exercise.name());
    if exercise.is_program() {
        return run_file(language, &place, exercise.name(), text);
    }
    let file = folder().join(place).join(exercise.file_name(language));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    vec![file.into()]
}

/// The same for any program: a file named `stem`, in its own folder `place`.
pub fn run_file(language: Language, place: &str, stem: &str, text: &str) -> Vec<OsString> {
    // Two tests may run the same program at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder().join(language.label()).join(place);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{stem}.{}", language.ending()));
    let words: Vec<OsString> = match language {
        Language::Python => vec!["python3".into()],
        Language::Javascript => vec!["env".into(), format!("NODE_PATH={}", npm().display()).into(), "node".into()],
        Language::Rust => return vec![compiled(&folder, &file, text)],
    };
    if std::fs::read_to_string(&file).map_or(true, |found| found != text) {
        std::fs::write(&file, text).unwrap();
    }
    words.into_iter().chain([file.into()]).collect()
}

/// Compiles a program with plain `rustc`, as a student does, unless the same source is compiled already.
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
