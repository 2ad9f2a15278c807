//! The list of the runs in a folder.

use std::io;
use std::path::{Path, PathBuf};

use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::report::html::components::unbroken;
use crate::report::html::document::document;
use crate::report::html::page_file::{Found, PageKind};
use crate::report::html::scorecard::sign;
use crate::report::text::wording::{moment, prose};
use crate::run::Transport;
use crate::run::file::{Row, Run};
use crate::run::metric::Metric;
use crate::units::rough;

/// Name of the list's file.
const FILE: &str = "index.html";

/// True if this folder has a list that this program wrote.
pub fn has_index(folder: &Path) -> bool {
    PageKind::Runs.find(&folder.join(FILE)).is_ok_and(|found| found == Found::Ours)
}

/// Writes `index.html` into `reports`: one line for each subfolder with a run, the newest first. A folder whose
/// `run.json` cannot be read is named with the reason, and does not prevent listing the others.
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
    let file = reports.join(FILE);
    PageKind::Runs.write(&file, &document(PageKind::Runs, "Runs", body(&runs, &unreadable)).into_string())?;
    Ok(file)
}

fn body(runs: &[(String, Run)], unreadable: &[(String, String)]) -> Markup {
    html! {
        header { p.kicker { "pushpull" } h1 { "Runs" } }
        main {
            @if runs.is_empty() { p { "No run yet. " code { "cargo run --release" } " makes one." } }
            @for group in groups(runs) { (section(&group)) }
            @if !unreadable.is_empty() {
                h2 { "Could not be read" }
                ul { @for (folder, reason) in unreadable { li { code { (folder) } ": " (reason) } } }
            }
        }
    }
}

/// The runs grouped by scenario and question, so that rows do not repeat these; the group with the newest run comes
/// first.
fn groups(runs: &[(String, Run)]) -> Vec<Vec<&(String, Run)>> {
    let mut groups: Vec<Vec<&(String, Run)>> = Vec::new();
    let question = |run: &Run| (run.scenario.name.clone(), run.scenario.question.clone());
    for entry in runs {
        match groups.iter_mut().find(|group| question(&group[0].1) == question(&entry.1)) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}

/// The transports that have a row in any of these runs; empty if a figure at one point would mean little.
fn columns(group: &[&(String, Run)]) -> Vec<Transport> {
    if group.iter().any(|(_, run)| run.scenario.sweep.is_some()) {
        return Vec::new();
    }
    let has_row = |one: &Transport| group.iter().any(|(_, run)| row(run, *one).is_some());
    Transport::ALL.into_iter().filter(has_row).collect()
}

fn row(run: &Run, transport: Transport) -> Option<&Row> {
    run.summary.iter().find(|row| row.transport == Some(transport))
}

fn section(group: &[&(String, Run)]) -> Markup {
    let scenario = &group[0].1.scenario;
    let columns = columns(group);
    html! {
        section {
            h2 { (scenario.name) }
            p.lead { (scenario.question) }
            table.runs aria-label=(format!("Runs of {}", scenario.name)) {
                thead {
                    tr {
                        th scope="col" { "verdict" }
                        th.word scope="col" { "when" }
                        th.word scope="col" { "command" }
                        @for transport in &columns { th scope="col" { (prose(*transport)) ", p50" } }
                        th scope="col" { "trials" }
                    }
                }
                tbody { @for (folder, run) in group { (line(folder, run, &columns)) } }
            }
        }
    }
}

fn line(folder: &str, run: &Run, columns: &[Transport]) -> Markup {
    let p50 = |transport: Transport| match row(run, transport).and_then(|row| row.metrics.latency_ns.p50.0) {
        Some(value) => Metric::LatencyP50.show(value),
        None => "–".to_owned(),
    };
    html! {
        tr {
            td class=(format!("word {}", run.verdict.label())) {
                (sign(run.verdict)) " " (run.verdict.label()) @if run.cut_short { ", cut short" }
            }
            td.word { a href=(address(folder)) { (unbroken(&moment(&run.started_at))) } }
            td.word.command { code { (run.environment.command.join(" ")) } }
            @for transport in columns {
                td.figure data-label=(format!("{}, p50", prose(*transport))) { (p50(*transport)) }
            }
            td.figure data-label="trials" { (run.trials.len()) " in " (rough(run.took_ns)) }
        }
    }
}

/// A folder's name as a URL relative to the list. Reserved characters are percent-encoded (RFC 3986 section 2.1), and
/// `./` keeps a colon from being parsed as the end of a scheme (section 4.2).
fn address(folder: &str) -> String {
    const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');
    format!("./{}/index.html", utf8_percent_encode(folder, &PLAIN))
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
    fn a_question_is_shown_once_above_its_runs_and_each_row_begins_with_the_verdict() {
        let folder = tempfile::tempdir().unwrap();
        for (name, run) in [("a", fake::quick()), ("b", fake::quick()), ("c", fake::sweep_over_rate())] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            run.write(&folder.path().join(name).join("run.json")).unwrap();
        }
        let page = std::fs::read_to_string(write_index(folder.path()).unwrap()).unwrap();
        assert_eq!(page.matches(&fake::quick().scenario.question).count(), 1, "{page}");
        let rows: Vec<&str> = page.split("<tr>").skip(1).filter(|row| row.contains("href")).collect();
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.find("valid").unwrap() < row.find("href").unwrap()), "{rows:?}");
        let figures: Vec<usize> = rows.iter().map(|row| row.matches("class=\"figure\"").count()).collect();
        assert!(figures.contains(&5) && figures.contains(&1), "four latencies, or none of a sweep: {figures:?}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(write_index(Path::new("/nowhere/at/all")).is_err());
    }
}
