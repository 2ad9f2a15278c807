//! The list of the runs in a folder.

use std::io;
use std::path::{Path, PathBuf};

use maud::{Markup, html};

use crate::report::html::components::unbroken;
use crate::report::html::page::document;
use crate::report::html::scorecard::sign;
use crate::report::text::wording::moment;
use crate::run::file::Run;

/// Writes `index.html` into `reports`: one line for each run in a folder of its own, the newest first. A folder whose
/// `run.json` cannot be read is named with the reason, and the others are listed all the same.
pub fn write_index(reports: &Path) -> io::Result<PathBuf> {
    let (mut runs, mut unreadable) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(reports)? {
        let path = entry?.path();
        if !path.join("run.json").is_file() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match Run::read(&path) {
            Ok(run) => runs.push((name, run)),
            Err(error) => unreadable.push((name, error.to_string())),
        }
    }
    runs.sort_by(|a, b| b.1.started_at.cmp(&a.1.started_at).then(b.0.cmp(&a.0)));
    unreadable.sort();
    let file = reports.join("index.html");
    std::fs::write(&file, document("Runs", body(&runs, &unreadable)).into_string())?;
    Ok(file)
}

fn body(runs: &[(String, Run)], unreadable: &[(String, String)]) -> Markup {
    html! {
        header { p.kicker { "pushpull" } h1 { "Runs" } }
        main {
            @if runs.is_empty() { p { "No run yet. " code { "cargo run --release" } " makes one." } }
            @else {
                div.scroll tabindex="0" role="region" aria-label="Runs" {
                    table.runs {
                        thead { tr { @for head in ["when", "scenario", "question", "verdict"] { th scope="col" { (head) } } } }
                        tbody {
                            @for (folder, run) in runs {
                                tr {
                                    td.word { a href=(address(folder)) { (unbroken(&moment(&run.started_at))) } }
                                    td.word { (run.scenario.name) }
                                    td.word { (run.scenario.question) }
                                    td class=(format!("word {}", run.verdict.label())) {
                                        (sign(run.verdict)) " " (run.verdict.label()) @if run.cut_short { ", cut short" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            @if !unreadable.is_empty() {
                h2 { "Could not be read" }
                ul { @for (folder, reason) in unreadable { li { code { (folder) } ": " (reason) } } }
            }
        }
    }
}

/// A folder's name as an address relative to the list: what a URL gives a meaning to is percent-encoded (RFC 3986
/// section 2.1), and `./` keeps a colon from being read as a scheme (section 4.2).
fn address(folder: &str) -> String {
    let mut out = String::from("./");
    for byte in folder.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out + "/index.html"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake;

    #[test]
    fn the_list_has_the_newest_run_first_and_names_what_it_could_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for (name, started) in [("old", "2026-01-01T00:00:00Z"), ("new & odd?", "2026-02-01T00:00:00Z")] {
            let run = Run { started_at: started.to_owned(), ..fake::quick() };
            std::fs::create_dir(folder.path().join(name)).unwrap();
            run.write(&folder.path().join(name).join("run.json")).unwrap();
        }
        std::fs::create_dir(folder.path().join("broken")).unwrap();
        std::fs::write(folder.path().join("broken/run.json"), "{").unwrap();
        std::fs::create_dir(folder.path().join("unrelated")).unwrap();
        let page = std::fs::read_to_string(write_index(folder.path()).unwrap()).unwrap();
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing: {page}"));
        assert!(place("./new%20%26%20odd%3F/index.html") < place("./old/index.html"));
        assert!(place("Could not be read") < place("<code>broken</code>"));
        assert!(!page.contains("unrelated"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(write_index(Path::new("/nowhere/at/all")).is_err());
    }
}
