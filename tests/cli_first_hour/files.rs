//! No file of the user is overwritten, and none is left half-written.

use std::path::Path;

use tokio::process::Command;

use crate::common::loadgen;
use crate::{changed, content, ended, loadgen_in, only_run, run_in};

/// The arguments of a run that takes about a second.
pub const SHORT: [&str; 17] = [
    "run",
    "--transports",
    "sse",
    "--feed",
    "synthetic",
    "--rate",
    "50",
    "--clients",
    "2",
    "--rounds",
    "1",
    "--measure",
    "300ms",
    "--warm-up",
    "50ms",
    "--tcp-baseline",
    "false",
];

fn read(file: impl AsRef<Path>) -> String {
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test]
async fn a_report_is_regenerated_by_a_bare_name_a_trailing_slash_a_dot_and_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("sample");
    run_in(&run);
    for (here, named) in [(folder.path(), "sample"), (folder.path(), "sample/"), (&run, "."), (&run, "run.json")] {
        let _none = std::fs::remove_file(run.join("index.html"));
        let output = loadgen_in(here, &["report", named]).await;
        assert_eq!(output.code, Some(0), "{named}: {output:?}");
        assert!(read(run.join("index.html")).contains("pushpull run"), "{named}");
    }
    let names: Vec<String> = content(folder.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["sample"], "no index page is created next to the run");
}

#[tokio::test]
async fn a_users_own_page_next_to_a_run_or_in_place_of_its_report_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let mine = "<title>My own page</title>";
    run_in(&site.join("run1"));
    std::fs::write(site.join("index.html"), mine).unwrap();
    let output = loadgen_in(folder.path(), &["report", "site/run1"]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(read(site.join("index.html")), mine);
    // The user's own page where the report would be written, and where a comparison would be.
    std::fs::write(site.join("run1/index.html"), mine).unwrap();
    std::fs::write(site.join("run1/comparison.html"), mine).unwrap();
    for arguments in [&["report", "site/run1"][..], &["compare", "site/run1", "site/run1"]] {
        let output = loadgen_in(folder.path(), arguments).await;
        assert_eq!(output.code, Some(1), "{output:?}");
    }
    assert_eq!(
        (read(site.join("run1/index.html")).as_str(), read(site.join("run1/comparison.html")).as_str()),
        (mine, mine)
    );
    // A run whose --out is the user's site: the report is written, and the site's page is kept.
    let output = loadgen_in(folder.path(), &[&SHORT[..], &["--out", "site"]].concat()).await;
    assert!(output.stderr.contains("site/index.html"), "{output:?}");
    assert_eq!(read(site.join("index.html")), mine);
    assert_eq!(content(&site).len(), 3, "the page, the run that was there, the new one");
}

#[tokio::test]
async fn an_index_page_that_loadgen_made_is_kept_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let output = loadgen_in(folder.path(), &[&SHORT[..], &["--out", "runs"]].concat()).await;
    assert!([Some(0), Some(4)].contains(&output.code), "{output:?}");
    let runs = folder.path().join("runs");
    let (run, _) = only_run(&runs);
    run_in(&runs.join("added"));
    let before = read(runs.join("index.html"));
    assert_eq!(loadgen_in(&runs, &["report", "added"]).await.code, Some(0));
    let after = read(runs.join("index.html"));
    assert!(!before.contains("./added/") && after.contains("./added/"));
    assert!(after.contains(run.file_name().unwrap().to_str().unwrap()));
}

#[tokio::test]
async fn a_full_disk_or_a_broken_run_loses_nothing_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    run_in(&folder.path().join("run"));
    assert_eq!(loadgen_in(folder.path(), &["report", "run"]).await.code, Some(0));
    let before = content(&folder.path().join("run"));
    // No file may grow beyond 50 KiB, and the page is larger. With SIGXFSZ ignored, writing fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 50; exec \"$0\" \"$@\"";
    for arguments in [&["report", "run"][..], &["compare", "run", "run", "--out", "run"]] {
        let mut command = Command::new("bash");
        command.args(["-c", script]).arg(loadgen()).args(arguments).current_dir(folder.path());
        let output = ended(&mut command).await;
        assert!(output.code == Some(1) || arguments[0] == "compare", "{output:?}");
        let kept = content(&folder.path().join("run"));
        let lost: Vec<_> = before.iter().filter(|file| !kept.contains(file)).map(|(name, _)| name).collect();
        assert!(lost.is_empty() && kept.iter().all(|(name, _)| !name.ends_with(".tmp")), "{lost:?}");
    }
    std::fs::write(folder.path().join("run/run.json"), "{\"schema\":").unwrap();
    let output = loadgen_in(folder.path(), &["report", "run"]).await;
    assert_eq!((output.code, output.stderr.lines().count()), (Some(1), 1), "{output:?}");
    let broken = changed(&before, &content(&folder.path().join("run")));
    assert!(!broken.contains(&"index.html".to_owned()), "{broken:?}");
}
