//! Generates the tables of README.md and docs/CLAIMS.md from the runs in `reports`, and checks the links of the docs.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "common/docs.rs"]
mod docs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use pushpull::report::findings::conditions::{self, Found};
use pushpull::report::html::claims_picture;
use pushpull::report::text::document::{cell, dashes, lowest};
use pushpull::report::text::wording::conditions as words;
use pushpull::run::Transport;
use pushpull::run::file::{Row, Run, Verdict};
use pushpull::run::metric::Metric;
use pushpull::units::grouped;

use docs::{assert_file, assert_generated};

fn sample() -> Run {
    Run::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample")).unwrap()
}

fn row(run: &Run, transport: Option<Transport>) -> &Row {
    run.summary.iter().chain(&run.tcp_baseline).find(|row| row.transport == transport).unwrap()
}

#[test]
fn the_advice_of_the_readme_has_the_figures_of_the_sample_run() {
    let run = sample();
    let when = |transport| match transport {
        Transport::Polling => "half an interval late is soon enough, and updates come more often than polls",
        Transport::LongPolling => "updates must come at once, and only plain requests get through",
        Transport::Sse => "updates go one way, above all to browsers",
        Transport::WebSocket => "clients send as well, or data is binary",
    };
    let mut table = String::from("| use | when | in the run below |\n|---|---|---|\n");
    for transport in Transport::ALL {
        let row = row(&run, Some(transport));
        writeln!(
            table,
            "| **{}** | {} | {} late at the median, {} and {} requests a delivery |",
            transport.title(),
            when(transport),
            cell(row, Metric::LatencyP50),
            cell(row, Metric::WireTotal),
            cell(row, Metric::RequestsPerDelivery)
        )
        .unwrap();
    }
    assert_generated("README.md", "use", &table);
}

#[test]
fn the_figures_of_the_readme_are_those_of_the_sample_run_with_their_intervals() {
    let run = sample();
    let columns = Transport::ALL.map(Some).into_iter().chain([None]).map(|one| row(&run, one)).collect::<Vec<_>>();
    let mut table = String::from(
        "| | polling | long polling | SSE | WebSocket | TCP baseline | lowest of the four |\n|---|---|---|---|---|---|---|\n",
    );
    let mut line = |label: &str, cells: Vec<String>, lowest: String| {
        writeln!(table, "| {label} | {} | {lowest} |", cells.join(" | ")).unwrap();
    };
    let metrics = [
        ("latency p50", Metric::LatencyP50),
        ("latency p99", Metric::LatencyP99),
        ("age, mean", Metric::AgeMean),
        ("wire bytes per delivery", Metric::WireTotal),
        ("requests per delivery", Metric::RequestsPerDelivery),
        ("server CPU per delivery", Metric::ServerCpu),
        ("generator CPU per delivery", Metric::GeneratorCpu),
    ];
    for (label, metric) in metrics {
        line(label, columns.iter().map(|row| cell(row, metric)).collect(), lowest(&run, metric));
        if metric == Metric::LatencyP50 {
            let alone = |transport: Transport| run.alone.row(0, transport).map(|row| cell(row, metric));
            let cells = Transport::ALL.into_iter().map(|one| alone(one).unwrap_or_else(|| "–".to_owned()));
            line("the same with one client alone", cells.chain(["–".to_owned()]).collect(), "–".to_owned());
        }
    }
    let audit =
        |row: &&Row| format!("{} of {}", grouped(row.audit.delivered as i64), grouped(row.audit.expected as i64));
    line("delivered of expected", columns.iter().map(audit).collect(), "–".to_owned());
    for sentence in dashes(&run, &metrics.map(|(_, metric)| metric)) {
        writeln!(table, "\n{sentence}").unwrap();
    }
    assert_generated("README.md", "figures", &table);
}

/// The findings under each condition, from the runs that `scripts/claims` made.
fn under_conditions() -> Vec<Found> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/claims");
    let conditions = ["rtt0ms-bare", "rtt0ms-browser", "rtt50ms-bare", "rtt50ms-browser"];
    let found = conditions.map(|condition| {
        let read = |kind: &str| Run::read(&folder.join(format!("{kind}-{condition}.json"))).unwrap();
        let [waste, fresh, load] = ["waste", "fresh", "load"].map(read);
        conditions::of([&waste, &fresh, &load])
            .unwrap_or_else(|| panic!("{condition} lacks a row that the claims need"))
    });
    found.to_vec()
}

/// All runs behind the claims.
fn runs_of_claims() -> Vec<Run> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/claims");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| Run::read(file).unwrap()).collect()
}

/// A sentence with the commits of the runs and the number of trials that are not valid.
fn provenance() -> String {
    let runs = runs_of_claims();
    let commits: BTreeSet<String> = runs.iter().map(|run| format!("`{}`", run.environment.commit)).collect();
    let trials: Vec<_> = runs.iter().flat_map(|run| &run.trials).collect();
    let doubtful: Vec<_> = trials.iter().filter(|trial| trial.verdict != Verdict::Valid).collect();
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in doubtful.iter().flat_map(|trial| &trial.reasons) {
        *causes.entry(reason.cause.code()).or_default() += 1;
    }
    let causes: Vec<String> = causes.iter().map(|(code, count)| format!("`{code}` {count}")).collect();
    let why = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    let builds: Vec<String> = commits.into_iter().collect();
    format!(
        "The runs are of commit {}; lines of code are those of this checkout. Of their {} trials {} are not valid{why}.",
        builds.join(" and "),
        trials.len(),
        doubtful.len()
    )
}

/// The targets of the links in a Markdown text; code blocks are skipped.
fn links(text: &str) -> Vec<String> {
    use pulldown_cmark::{Event, Parser, Tag};
    let of = |event| {
        let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else { return None };
        Some(dest_url.to_string())
    };
    Parser::new(text).filter_map(of).collect()
}

#[test]
fn every_relative_link_of_the_docs_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|file| file.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let others = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "targets/README.md", "data/README.md"];
    let mut broken = Vec::new();
    for path in docs.chain(others.map(|name| root.join(name))) {
        for link in links(&std::fs::read_to_string(&path).unwrap()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains(':') && !path.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_diffs_of_contributing_fit_the_files_that_they_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let blocks = text.split("```diff\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut hunks: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        if let Some(file) = line.strip_prefix("+++ b/") {
            hunks.push((file, Vec::new()));
        } else if let Some(context) = line.strip_prefix(' ') {
            hunks.last_mut().unwrap().1.push(context);
        }
    }
    assert!(!hunks.is_empty());
    for (file, context) in hunks {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let lines: Vec<&str> = text.lines().collect();
        let places = lines.windows(context.len()).filter(|lines| *lines == context).count();
        assert_eq!(places, 1, "{file} has these lines in one place: {context:#?}");
    }
}

#[test]
fn the_claims_of_the_readme_are_judged_by_the_runs_that_are_kept() {
    let all = under_conditions();
    let heads: Vec<String> = all.iter().map(|one| words::condition(one.condition)).collect();
    let mut table =
        format!("| claim | {} | where it flips |\n|---|{}---|\n", heads.join(" | "), "---|".repeat(all.len()));
    for (index, claim) in words::CLAIMS.iter().enumerate() {
        let cells: Vec<String> =
            all.iter().map(|one| format!("**{}**", words::holding(one.holdings()[index]))).collect();
        writeln!(table, "| {}. {claim} | {} | {} |", index + 1, cells.join(" | "), words::flips(index + 1, &all))
            .unwrap();
    }
    assert_generated("README.md", "claims", &table);

    let mut figures = String::new();
    for (index, claim) in words::CLAIMS.iter().enumerate() {
        writeln!(figures, "## Claim {}\n\n> {claim}\n\n| condition | verdict | figures |\n|---|---|---|", index + 1)
            .unwrap();
        for one in &all {
            let [condition, finding] = [words::condition(one.condition), words::found(index + 1, one)];
            writeln!(figures, "| {condition} | **{}** | {finding} |", words::holding(one.holdings()[index])).unwrap();
        }
        writeln!(figures).unwrap();
    }
    let (holding, effort) = words::complicated(&pushpull::load::environment::effort()).unwrap();
    writeln!(figures, "\"Not complicated\" **{}**. {effort}\n", words::holding(holding)).unwrap();
    writeln!(figures, "{}", provenance()).unwrap();
    assert_generated("docs/CLAIMS.md", "claims", &figures);
    assert_file("docs/claims.svg", &claims_picture::svg(&all));
}
