//! Read-only access to the runs in the reports folder.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::server::request::Segment;
use crate::server::{App, Problem};

/// One run in the list.
#[derive(Debug, PartialEq, Serialize)]
struct Listed {
    folder: String,
    /// The run has an `index.html`.
    has_page: bool,
    started_at: String,
    scenario: String,
    question: String,
    verdict: String,
}

/// The members of a `run.json` that the list shows.
#[derive(Deserialize)]
struct Head {
    started_at: String,
    verdict: String,
    scenario: ReportedScenario,
}

#[derive(Deserialize)]
struct ReportedScenario {
    name: String,
    question: String,
}

/// `GET /live/reports`: the runs, newest first. A folder without a readable run is omitted.
pub async fn list(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let Some(folder) = app.settings.reports.clone() else { return Ok(Json(Vec::<Listed>::new()).into_response()) };
    let runs = tokio::task::spawn_blocking(move || runs(&folder)).await;
    let runs = runs.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(Json(runs).into_response())
}

fn runs(folder: &Path) -> Vec<Listed> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    // The folders' names begin with the time.
    names.sort_unstable_by(|a, b| b.cmp(a));
    names.retain(|name| folder.join(name).join("run.json").is_file());
    names.truncate(limits::LIVE_REPORTS_MAX);
    let mut runs: Vec<Listed> = names.into_iter().filter_map(|name| listed(folder, name)).collect();
    runs.sort_by(|a, b| b.started_at.cmp(&a.started_at));
    runs
}

fn listed(folder: &Path, name: String) -> Option<Listed> {
    let path = folder.join(&name);
    let file = std::fs::File::open(path.join("run.json")).ok()?;
    let head: Head = serde_json::from_reader(std::io::BufReader::new(file)).ok()?;
    Some(Listed {
        has_page: path.join("index.html").is_file(),
        folder: name,
        started_at: head.started_at,
        scenario: head.scenario.name,
        question: head.scenario.question,
        verdict: head.verdict,
    })
}

/// `GET /reports/…`: a file of the reports folder.
///
/// Errors: 404 for a path that does not exist, is not a file, or leads out of the folder; 413 for a file that is too
/// large.
pub async fn file(State(app): State<Arc<App>>, Segment(path): Segment) -> Result<Response, Problem> {
    let missing = || Problem::new(StatusCode::NOT_FOUND, "there is no such report; GET /live/reports lists them");
    let folder = app.settings.reports.clone().ok_or_else(missing)?;
    let inside = match path.ends_with('/') {
        true => format!("{path}index.html"),
        false => path,
    };
    let found = tokio::task::spawn_blocking(move || find(&folder, &inside)).await.ok().flatten();
    let file = found.ok_or_else(missing)?;
    let content_type = content_type(&file).ok_or_else(missing)?;
    let bytes = tokio::fs::metadata(&file).await.map_err(|_| missing())?.len();
    if bytes > limits::LIVE_REPORT_BYTES_MAX {
        let detail = format!("this file has {bytes} B, too much for the page; open it in the reports folder");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let content = tokio::fs::read(&file).await.map_err(|_| missing())?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // A report must not run scripts: they would have the rights of this server's own page.
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    Ok((headers, content).into_response())
}

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; \
    frame-ancestors 'none'";

/// The file at `path` below `folder`. `None` if it is outside, by `..` or by a symbolic link.
fn find(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let is_plain = |part: Component<'_>| match part {
        Component::Normal(name) => !name.to_string_lossy().starts_with('.'),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => false,
    };
    if !path.components().all(is_plain) {
        return None;
    }
    let folder = folder.canonicalize().ok()?;
    let file = folder.join(path).canonicalize().ok()?;
    (file.starts_with(&folder) && file.is_file()).then_some(file)
}

/// The content type by file extension. `None` for a type that a run does not write, which is not served.
fn content_type(file: &Path) -> Option<&'static str> {
    Some(match file.extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "json" => "application/json",
        "csv" => "text/csv; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "txt" | "hgrm" | "hlog" | "toml" | "md" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_leads_out_of_the_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("reports");
        std::fs::create_dir_all(folder.join("run")).unwrap();
        std::fs::write(outer.path().join("secret.txt"), "secret").unwrap();
        std::fs::write(folder.join("run/index.html"), "page").unwrap();
        std::fs::write(folder.join(".hidden.txt"), "hidden").unwrap();
        std::os::unix::fs::symlink(outer.path().join("secret.txt"), folder.join("run/link.txt")).unwrap();
        assert!(find(&folder, "run/index.html").is_some());
        for path in [
            "../secret.txt",
            "run/../../secret.txt",
            "/etc/passwd",
            "run/link.txt",
            ".hidden.txt",
            "run",
            "",
            "run/none",
        ] {
            assert_eq!(find(&folder, path), None, "{path}");
        }
    }

    #[test]
    fn the_list_has_the_newest_run_first_and_omits_folders_without_a_run() {
        let folder = tempfile::tempdir().unwrap();
        for (name, started) in [("20260101-x", "2026-01-01T00:00:00Z"), ("20260201-x", "2026-02-01T00:00:00Z")] {
            let run = format!(
                r#"{{"started_at":"{started}","verdict":"valid","scenario":{{"name":"x","question":"why?"}},"more":[]}}"#
            );
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("run.json"), run).unwrap();
        }
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        std::fs::create_dir(folder.path().join("broken")).unwrap();
        std::fs::write(folder.path().join("broken/run.json"), "{").unwrap();
        let runs = runs(folder.path());
        let folders: Vec<&str> = runs.iter().map(|run| run.folder.as_str()).collect();
        assert_eq!(folders, ["20260201-x", "20260101-x"]);
        assert!(!runs[0].has_page);
    }
}
