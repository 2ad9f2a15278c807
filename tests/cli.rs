//! Bad input on the command line: each gets one clear error message and the right exit code, without a panic or an
//! orphan process.
//!
//! Over 400 lines: the cases are one list of bad input.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use common::{CommandOutput, loadgen, run, send_signal, within};
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

const SERVER: &str = env!("CARGO_BIN_EXE_server");

/// Asserts that the program failed with exit code `code` and one error message, which contains each of `parts`.
#[track_caller]
fn assert_refused(output: &CommandOutput, code: i32, parts: &[&str]) {
    assert_eq!(output.code, Some(code), "{output:?}");
    assert!(!output.stderr.contains("panicked") && !output.stderr.contains("RUST_BACKTRACE"), "{output:?}");
    let errors: Vec<&str> = output.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [sentence] = errors.as_slice() else { panic!("expected one line that begins with `error: `, not {output:?}") };
    for part in parts {
        // Clap adds hints below the message; a scenario's error shows the line of the file there.
        assert!(output.stderr.contains(part), "`{part}` in {}", output.stderr);
    }
    assert!(sentence.len() > "error: ".len() + 10, "{sentence}");
    assert_eq!(repeated_part(&output.stderr), None, "{output:?}");
    assert!(!output.stdout.contains("http://"), "nothing was started: {output:?}");
}

/// The first part of a text, between colons, semicolons and line ends, that occurs more than once.
fn repeated_part(text: &str) -> Option<String> {
    let parts = text.replace("; ", "\n").replace(": ", "\n");
    let mut seen = BTreeSet::new();
    let mut parts = parts.lines().map(str::trim).filter(|part| part.len() > 3);
    parts.find(|part| !seen.insert(part.to_owned())).map(str::to_owned)
}

#[tokio::test]
async fn wrong_usage_exits_with_code_2_and_names_what_is_wrong() {
    let loadgen = loadgen();
    let cases: [(&[&str], &[&str]); 20] = [
        (&["--clinets", "5"], &["--clinets"]),
        (&["rnu"], &["rnu"]),
        (&["run", "--transports", "sse,carrier_pigeon"], &["carrier_pigeon", "long_polling"]),
        (&["run", "--clients", "0"], &["--clients"]),
        (&["run", "--clients", "many"], &["--clients", "many"]),
        (&["run", "--rate", "0"], &["--rate", "0.001", "20000"]),
        (&["run", "--rate=-1"], &["--rate", "0.001", "20000"]),
        (&["run", "--speed", "1.57e-308"], &["--speed", "0.000001", "1000000000"]),
        (&["run", "--measure", "4"], &["--measure"]),
        (&["run", "--poll-interval", "1ms"], &["--poll-interval", "5ms", "60s"]),
        (&["run", "--feed", "pigeon"], &["--feed", "replay"]),
        (&["run", "--target", "nonsense"], &["`nonsense`", "nchan", ".toml"]),
        (&["run", "--target", "https://127.0.0.1:8080"], &["--target", "TLS", "target file", "https://"]),
        (&["run", "--target", "ftp://127.0.0.1/"], &["--target", "http://127.0.0.1:8080"]),
        (&["run", "--target", "localhost:8080"], &["`localhost:8080`", "nchan", ".toml"]),
        (&["run", "nosuch"], &["`nosuch`", "quick"]),
        (&["run", "--rate", "50"], &["--rate", "--feed synthetic"]),
        (&["run", "--feed", "synthetic", "--speed", "3"], &["--speed", "--feed replay"]),
        (&["run", "--feed", "synthetic", "--rate", "1e9"], &["--rate"]),
        (&["run", "--target", "http://127.0.0.1:1", "--rate", "5"], &["--rate", "--target"]),
    ];
    for (arguments, parts) in cases {
        assert_refused(&run(&loadgen, arguments).await, 2, parts);
    }
    let cases: [(&[&str], &[&str]); 5] = [
        (&["--prot", "1"], &["--prot"]),
        (&["--port", "65536"], &["--port"]),
        (&["--host", "nowhere"], &["--host"]),
        (&["--drain", "5"], &["--drain"]),
        (&["--arrivals", "whenever"], &["--arrivals", "poisson"]),
    ];
    for (arguments, parts) in cases {
        assert_refused(&run(SERVER, arguments).await, 2, parts);
    }
}

#[tokio::test]
async fn an_impossible_feed_is_refused_before_the_server_listens() {
    let cases: [(&[&str], i32, &[&str]); 7] = [
        (&["--feed", "synthetic", "--rate", "0"], 2, &["--rate"]),
        (&["--feed", "synthetic", "--rate", "1e9"], 2, &["--rate"]),
        (&["--feed", "synthetic", "--payload", "1GiB"], 2, &["--payload"]),
        (&["--speed", "-1"], 2, &["--speed"]),
        (&["--replay", "not/there.ndjson"], 1, &["not/there.ndjson", "No such file"]),
        (&["--journal-updates", "0"], 2, &["--journal-updates"]),
        (&["--echo-max", "1GiB"], 2, &["--echo-max", "16MiB"]),
    ];
    for (flags, code, parts) in cases {
        let joined: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let arguments: Vec<&str> = ["--port", "0"].into_iter().chain(joined.iter().map(String::as_str)).collect();
        let arguments = match flags {
            // A negative number must not look like a flag.
            ["--speed", "-1"] => vec!["--port", "0", "--speed=-1"],
            _ => arguments,
        };
        assert_refused(&run(SERVER, &arguments).await, code, parts);
    }
}

#[tokio::test]
async fn a_bad_line_of_a_recording_is_named_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.ndjson");
    std::fs::write(&file, "{\"at_ms\":1}\n{\"at_ms\":2}\n{\"at_ms\":\n").unwrap();
    let file = file.to_str().unwrap();
    assert_refused(&run(SERVER, &["--port", "0", "--replay", file]).await, 1, &["bad.ndjson, line 3: "]);
    let out = folder.path().join("reports");
    let arguments = ["run", "--replay", file, "--out", out.to_str().unwrap()];
    assert_refused(&run(loadgen(), &arguments).await, 1, &["bad.ndjson, line 3: "]);
    assert!(!out.exists(), "no run was begun");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(SERVER, &["--port", &port]).await;
    assert_refused(&output, 1, &[&format!("127.0.0.1:{port}"), "--port"]);
}

#[tokio::test]
async fn a_target_that_is_not_there_or_is_no_such_server_is_named_and_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    // Bound and closed again: nothing listens on this port now.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let output = run(loadgen(), &["run", "--target", &url, "--out", out]).await;
    assert_refused(&output, 1, &[&url, "refused", "--target"]);
    assert!(!output.stderr.contains("trials"), "no plan is printed for a server that is not there: {output:?}");
    let output = run(loadgen(), &["run", "--target", "http://no-such-host.invalid", "--out", out]).await;
    assert_refused(&output, 1, &["no-such-host.invalid"]);

    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", other.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut socket, _peer) = other.accept().await.unwrap();
        let _head = socket.read(&mut [0; 4096]).await.unwrap();
        socket.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    });
    let output = run(loadgen(), &["run", "--target", &url, "--out", out]).await;
    assert_refused(&output, 1, &["/clock", "404"]);
    serving.await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn more_clients_than_the_file_limit_allows_are_refused_with_the_limit_they_need() {
    let folder = tempfile::tempdir().unwrap();
    let script = "ulimit -n 100 && exec \"$0\" \"$@\"";
    let loadgen = loadgen();
    let arguments =
        ["-c", script, loadgen.to_str().unwrap(), "run", "--clients", "200", "--out", folder.path().to_str().unwrap()];
    let needed = 200 + pushpull::limits::FD_RESERVE;
    let parts = ["200", &needed.to_string(), "100", "`ulimit -n`"];
    assert_refused(&run("bash", &arguments).await, 1, &parts);
    let arguments = ["-c", script, SERVER, "--port", "0", "--max-connections", "200"];
    assert_refused(&run("bash", &arguments).await, 1, &["--max-connections 200", "ulimit -n"]);
}

#[tokio::test]
async fn an_output_folder_that_cannot_be_written_is_named_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    // Not even root can create a folder below a regular file.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let out = file.join("reports");
    let output = run(loadgen(), &["run", "--out", out.to_str().unwrap()]).await;
    assert_refused(&output, 1, &[out.to_str().unwrap(), "--out"]);
    assert!(!output.stderr.contains("round 1"), "no trial was made: {output:?}");
}

#[tokio::test]
async fn an_invalid_scenario_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let path = file.to_str().unwrap();
    for (text, parts) in [
        ("question = \"q\"\n[set]\nclinets = 5\n", ["line 3", "clinets"]),
        ("question = \"q\"\nanswer = 42\n", ["line 2", "answer"]),
        ("question = \"q\"\n[set]\n\nrate = 0\n", ["line 4", "rate"]),
        ("question = \"q\"\n[set]\ntransports = [\"sse\", \"pigeon\"]\n", ["line 3", "pigeon"]),
        ("question = \n", ["line 1", "mine.toml"]),
        ("[set]\nclients = 5\n", ["question", "mine.toml"]),
    ] {
        std::fs::write(&file, text).unwrap();
        assert_refused(&run(loadgen(), &["run", path]).await, 2, &parts);
    }
    assert_refused(&run(loadgen(), &["run", "not/there.toml"]).await, 1, &["not/there.toml", "No such file"]);
}

#[tokio::test]
async fn a_report_of_something_that_is_no_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let file = folder.path().join("run.json");
    assert_refused(&run(loadgen(), &["report", path]).await, 1, &["run.json", "No such file"]);
    assert_refused(&run(loadgen(), &["compare", path, path]).await, 1, &["run.json", "No such file"]);
    assert_refused(&run(SERVER, &["--token-file", "not/there"]).await, 1, &["not/there", "No such file"]);
    for (text, part) in [("{", "run.json"), ("{\"schema\":\"pushpull.run/99\"}", "pushpull.run/99")] {
        std::fs::write(&file, text).unwrap();
        assert_refused(&run(loadgen(), &["report", path]).await, 1, &[part]);
    }
}

/// A copy of the sample run with a change, in its own folder.
fn changed_sample(folder: &Path, name: &str, change: impl Fn(&mut Value)) -> String {
    let sample = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample/run.json")).unwrap();
    let mut run: Value = serde_json::from_slice(&sample).unwrap();
    // The verdict of the recording does not matter here.
    (run["verdict"], run["reasons"]) = (Value::from("valid"), Value::Array(Vec::new()));
    change(&mut run);
    let folder = folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("run.json"), run.to_string()).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn runs_that_differ_in_a_setting_are_compared_and_those_without_a_common_row_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |run: &mut Value, change: &dyn Fn(&mut Value)| {
        for list in ["summary", "tcp_baseline"] {
            run[list].as_array_mut().unwrap().iter_mut().for_each(change);
        }
        run["trials"].as_array_mut().unwrap().iter_mut().for_each(|trial| change(&mut trial["point"]));
    };
    let keep = |run: &mut Value, transport: &str| {
        for list in ["summary", "trials", "tcp_baseline"] {
            run[list].as_array_mut().unwrap().retain(|row| row["transport"] == transport);
        }
    };
    let sample = changed_sample(folder.path(), "sample", |_| ());
    let often = |run: &mut Value| rows(run, &|point| point["poll_interval_ns"] = Value::from(333_000_000));
    let often = changed_sample(folder.path(), "often", often);
    let compared = run(loadgen(), &["compare", &sample, &often]).await;
    assert_eq!(compared.code, Some(0), "{compared:?}");
    let notes = |output: &CommandOutput| output.stdout.lines().filter(|line| line.starts_with("  note: ")).count();
    assert_eq!(notes(&compared), 1, "a note on the changed setting: {}", compared.stdout);
    assert!(compared.stdout.contains("333 ms"), "{}", compared.stdout);
    let all = run(loadgen(), &["compare", &sample, &often, "--all"]).await;
    assert!(all.stdout.lines().count() > compared.stdout.lines().count() + 100, "{}", all.stdout);
    let sse = changed_sample(folder.path(), "sse", |run| keep(run, "sse"));
    let polling = changed_sample(folder.path(), "polling", |run| keep(run, "polling"));
    let refused = run(loadgen(), &["compare", &sse, &polling]).await;
    assert_refused(&refused, 1, &[]);
    assert_eq!(notes(&refused), 2, "a note on what only one of the two has, for each: {}", refused.stdout);
    assert!(!Path::new(&polling).join("comparison.html").exists());
}

/// A long run that is under way. `lines` is its standard error, after the line that it was started to wait for.
struct LongRun {
    process: tokio::process::Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
}

impl LongRun {
    async fn start(out: &Path, flags: &[&str], until_line_with: &str) -> Self {
        let mut command = Command::new(loadgen());
        command.args([
            "run",
            "--rounds",
            "100",
            "--clients",
            "5",
            "--warm-up",
            "100ms",
            "--tcp-baseline",
            "false",
            "--alone",
            "false",
            "--feed",
            "synthetic",
        ]);
        command.args(flags).arg("--out").arg(out).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        within(until_line_with, async {
            while !lines.next_line().await.unwrap().expect("the run goes on").contains(until_line_with) {}
        })
        .await;
        Self { process, lines }
    }

    fn pid(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Waits until it has started a server; returns the process id of that server.
    async fn server(&self) -> u32 {
        let found = async {
            loop {
                if let Some(child) = children(self.pid()).into_iter().find(|child| is_running(*child)) {
                    return child;
                }
                tokio::task::yield_now().await;
            }
        };
        within("a server", found).await
    }

    /// Waits for its end; returns the exit code and the rest of its standard error.
    async fn ended(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        within("the end of its standard error", async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                rest.push_str(&line);
                rest.push('\n');
            }
        })
        .await;
        (within("its end", self.process.wait()).await.unwrap().code(), rest)
    }
}

/// The child processes of a process, from `/proc`.
fn children(pid: u32) -> BTreeSet<u32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return BTreeSet::new() };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>())
        .collect()
}

/// Is this process still a server that a load generator started? A process id may have been reused by another program.
fn is_running(pid: u32) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).contains("loadgen\0serve")
}

async fn until_ended(pid: u32) {
    within("the end of the server", async {
        while is_running(pid) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The only run file in a folder of reports.
fn run_file(out: &Path) -> Value {
    let mut files: Vec<_> = std::fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("run.json"))
        .filter(|file| file.exists())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    serde_json::from_slice(&std::fs::read(files.remove(0)).unwrap()).unwrap()
}

#[tokio::test]
async fn a_run_cut_short_with_ctrl_c_writes_what_it_has_and_leaves_no_server_behind() {
    for (signal, measure, until, trials) in [
        // In the middle of the second trial, and in the middle of the first.
        (Signal::INT, "500ms", "[1/400]", 1..=2),
        (Signal::TERM, "60s", "400 trials, about", 0..=0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let run = LongRun::start(folder.path(), &["--measure", measure], until).await;
        let server = run.server().await;
        send_signal(run.pid(), signal);
        let (code, rest) = run.ended().await;
        assert_eq!(code, Some(130), "{rest}");
        assert!(!rest.contains("panicked"), "{rest}");
        until_ended(server).await;
        let file = run_file(folder.path());
        assert_eq!(file["cut_short"], true);
        assert!(trials.contains(&file["trials"].as_array().unwrap().len()), "{measure}: {}", file["trials"]);
        assert_eq!(file["reasons"][0]["code"], "cut_short", "{}", file["reasons"]);
    }
}

#[tokio::test]
async fn a_load_generator_that_is_killed_leaves_no_server_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = LongRun::start(folder.path(), &["--measure", "60s"], "400 trials, about").await;
    let server = run.server().await;
    run.process.kill().await.unwrap();
    until_ended(server).await;
}

/// The long flags in a program's `--help`, by heading.
async fn flags_by_heading(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> BTreeMap<String, Vec<String>> {
    let output = run(program, &[arguments, &["--help"]].concat()).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut flags = BTreeMap::<String, Vec<String>>::new();
    let mut heading = String::new();
    for line in output.stdout.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            heading = name.to_owned();
        }
        // A flag begins its line, or follows its short form.
        let flag = line.trim_start().trim_start_matches("-h, ").trim_start_matches("-V, ");
        if let Some(flag) = flag.strip_prefix("--").filter(|_| line.starts_with("  ")) {
            let name = flag.split([' ', '<']).next().unwrap();
            flags.entry(heading.clone()).or_default().push(name.to_owned());
        }
    }
    flags
}

#[tokio::test]
async fn the_help_lists_each_flag_under_its_heading() {
    let feed = ["feed", "replay", "speed", "rate", "payload", "arrivals", "seed"];
    let loadgen = loadgen();
    for (program, arguments) in [(Path::new(SERVER), &[][..]), (&loadgen, &["serve"])] {
        let flags = flags_by_heading(program, arguments).await;
        let headings: Vec<&str> = flags.keys().map(String::as_str).collect();
        assert_eq!(headings, ["Access control", "Feed", "Limits", "Options", "Protocol", "Several nodes"]);
        for (heading, wanted) in [
            ("Access control", &["token-file", "allow-origin", "publish-rate"][..]),
            ("Feed", &feed),
            ("Limits", &["max-connections", "max-per-address", "slow-consumer", "write-timeout", "drain", "max-age"]),
            ("Options", &["host", "port", "reports", "core", "help", "version"]),
        ] {
            for flag in wanted {
                assert!(flags[heading].iter().any(|found| found == flag), "--{flag} under {heading}: {flags:?}");
            }
        }
    }
    let flags = flags_by_heading(&loadgen, &["run"]).await;
    for flag in ["out", "fail-if", "pin", "server-arg"] {
        assert!(flags["Options"].iter().any(|found| found == flag), "--{flag}: {flags:?}");
    }
    // The settings of a run are under other headings: what can be swept, the feed, how the run is made.
    for (heading, flag) in [
        ("Settings that can be swept", "clients"),
        ("Settings that can be swept", "target"),
        ("Settings that can be swept", "rate"),
        ("Feed", "speed"),
        ("Run", "rounds"),
    ] {
        assert!(flags[heading].iter().any(|found| found == flag), "--{flag} under {heading}: {flags:?}");
    }
}
