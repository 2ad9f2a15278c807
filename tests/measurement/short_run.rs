//! A short real run of the load generator. Its run file is checked against its schema and for consistency.
//!
//! The checks hold on a busy machine too: the run is still complete, and its verdicts must follow from the figures that
//! it measured of the machine itself.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use pushpull::limits;
use pushpull::run::heads::{Heads, Request};
use pushpull::run::reason::{Reason, Verdict};
use pushpull::units::Nanos;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::common::{CommandOutput, Server, loadgen, run_for};

/// The timeout of a run of ten trials, about three seconds each.
const RUN_TIMEOUT: Duration = Duration::from_secs(180);
/// The largest size of a report page.
const REPORT_BYTES_MAX: u64 = 1 << 20;

pub async fn a_short_run_delivers_every_update_once_and_in_order_and_accounts_for_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (output, run) = short_run(folder.path()).await;
    check_against_schema(&run);
    check_audit(&run);
    check_wire(&run);
    check_feed(&run);
    check_verdicts(&run, output.code);
    check_reports(folder.path(), &output);
}

/// Makes a run of ten trials: two of each transport and of the TCP baseline.
pub async fn short_run(out: &Path) -> (CommandOutput, Value) {
    let flags = "run --rounds 2 --clients 20 --poll-interval 250ms --warm-up 300ms --measure 1s --out";
    let arguments: Vec<&str> = flags.split(' ').chain([out.to_str().unwrap()]).collect();
    let output = run_for(loadgen(), &arguments, RUN_TIMEOUT).await;
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    let run = read_run(out, &output);
    (output, run)
}

fn read_run(out: &Path, output: &CommandOutput) -> Value {
    let text = std::fs::read(run_folder(out).join("run.json")).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    serde_json::from_slice(&text).unwrap()
}

/// The folder of the only run in a folder of reports.
pub fn run_folder(out: &Path) -> PathBuf {
    let entries = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).max().expect("the run has a folder")
}

/// The audits are clean, so only the load of the machine decides the verdicts. A trial has a reason exactly if the
/// generator or the host was busier than the bound, a row exactly if one of its trials has one, and the exit code
/// follows the run.
fn check_verdicts(run: &Value, code: Option<i32>) {
    for trial in trials(run) {
        let reasons: Vec<Reason> = serde_json::from_value(trial["reasons"].clone()).unwrap();
        let verdict = reasons.iter().map(|reason| reason.cause.verdict()).max().unwrap_or(Verdict::Valid);
        assert_eq!(trial["verdict"], verdict.label(), "{trial}");
        // `null` means that this kernel does not provide the figure.
        let health = |name: &str| trial["health"][name].as_f64().unwrap_or(0.0);
        let is_beyond = |name: &str, bound: Nanos| health(name) > bound.0 as f64;
        let is_stalled = is_beyond("schedule_lag_ns_p50", limits::LAG_P50_INVALID)
            || is_beyond("schedule_lag_ns_p99", limits::LAG_P99_INVALID);
        let is_starved = health("wait_fraction") > limits::WAIT_INVALID;
        let is_late = is_beyond("schedule_lag_ns_p99", limits::LAG_P99_SUSPECT);
        let bounds = [
            ("generator_stalled", is_stalled),
            ("generator_starved", is_starved && !is_stalled),
            ("generator_late", is_late && !is_starved && !is_stalled),
            ("host_busy", health("host_cpu_fraction") > limits::HOST_BUSY_SUSPECT),
            ("others_busy", health("others_cpu_fraction") > limits::OTHERS_BUSY_SUSPECT),
        ];
        let mut output: Vec<&str> = reasons.iter().map(|reason| reason.cause.code()).collect();
        for (code, is_so) in bounds {
            assert_eq!(output.contains(&code), is_so, "{code}: {trial}");
            output.retain(|one| *one != code);
        }
        // On a busy machine clients may miss polls.
        output.retain(|one| *one != "missed_polls");
        assert!(output.is_empty(), "no other reason: {trial}");
        assert_eq!(trial["health"]["refused"], 0, "{trial}");
    }
    for row in rows(run) {
        let of_row: Vec<&Value> = trials(run).filter(|trial| trial["transport"] == row["transport"]).collect();
        let is_valid = of_row.iter().all(|trial| trial["verdict"] == "valid");
        assert_eq!(row["verdict"] == "valid", is_valid, "{row}");
        assert_eq!(is_valid, row["reasons"].as_array().unwrap().is_empty(), "{row}");
    }
    assert_eq!(code, Some(if run["verdict"] == "invalid" { 4 } else { 0 }), "{}", run["reasons"]);
}

fn rows(run: &Value) -> impl Iterator<Item = &Value> {
    ["summary", "tcp_baseline"].into_iter().flat_map(|list| run[list].as_array().unwrap())
}

fn check_against_schema(run: &Value) {
    let schema: Value = serde_json::from_str(include_str!("../../schema/run.schema.json")).unwrap();
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(run).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
}

fn check_audit(run: &Value) {
    let rows = run["summary"].as_array().unwrap();
    let transports: Vec<&str> = rows.iter().map(|row| row["transport"].as_str().unwrap()).collect();
    assert_eq!(transports, ["polling", "long_polling", "sse", "websocket"]);
    for row in rows {
        let count = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name} in {row}"));
        let transport = &row["transport"];
        assert!(count("expected") > 0, "{transport}");
        assert_eq!(count("expected"), count("delivered") + count("lost"), "{transport}");
        assert_eq!(count("lost"), 0, "{transport}");
        assert_eq!(count("duplicate"), 0, "{transport}");
        assert_eq!(count("reordered"), 0, "{transport}");
        let expected: u64 = trials(run)
            .filter(|trial| trial["transport"] == *transport)
            .map(|trial| trial["audit"]["expected"].as_u64().unwrap())
            .sum();
        assert_eq!(count("expected"), expected, "{transport}: the row is the sum of its trials");
        assert!(row["latency_ns"]["p50"].as_f64().unwrap() > 0.0, "{transport}");
        assert!(row["server_cpu_ns_per_delivery"].as_f64().unwrap() > 0.0, "{transport}");
    }
    assert_eq!(run["cut_short"], false);
    assert_eq!(trials(run).count(), 10, "four transports and the TCP baseline, twice");
}

fn trials(run: &Value) -> impl Iterator<Item = &Value> {
    run["trials"].as_array().unwrap().iter()
}

/// The parts of a row add up to its total, and those of a trial to the sockets' own count, within 1 %.
fn check_wire(run: &Value) {
    for row in run["summary"].as_array().unwrap() {
        let wire = &row["wire_bytes_per_delivery"];
        let part = |name: &str| wire[name].as_f64().unwrap_or_else(|| panic!("{name} in {wire}"));
        let of_protocol = ["h2_frames", "tls_records", "tls_handshake", "compression"].map(part).iter().sum::<f64>();
        assert_eq!(of_protocol, 0.0, "{}: HTTP/1.1 in the clear", row["transport"]);
        let parts = ["payload", "framing", "http_headers", "tcp_ip", "retransmitted"].map(part).iter().sum::<f64>();
        let total = part("total");
        assert!((parts - total).abs() < 1e-6, "{}: {parts} of {total}", row["transport"]);
        assert!(part("payload") > 0.0 && part("tcp_ip") > 0.0, "{}: {wire}", row["transport"]);
    }
    for trial in trials(run) {
        let part = |name: &str| trial["wire"][name].as_u64().unwrap() as f64;
        let parts = part("payload") + part("framing") + part("http_headers");
        assert!((parts - part("socket")).abs() <= part("socket") * 0.01, "{}", trial["wire"]);
    }
}

/// The recording has about ten updates a second on average, not in every second: a row's rate is that of the updates
/// due in its interval.
fn check_feed(run: &Value) {
    for trial in trials(run) {
        let point = &trial["point"];
        assert_eq!(point["measured_feed"], true, "{point}");
        let ends = [0, 1].map(|end| trial["window_ns"][end].as_f64().unwrap());
        let due = trial["audit"]["expected"].as_f64().unwrap() / point["clients"].as_f64().unwrap();
        let rate = due / (ends[1] - ends[0]) * 1e9;
        assert!((point["rate_per_s"].as_f64().unwrap() - rate).abs() < 1e-6, "{point}, not {rate}");
        let bytes = point["payload_bytes"].as_f64().unwrap();
        assert!((100.0..300.0).contains(&bytes), "{point}");
    }
}

pub async fn a_run_against_a_running_server_measures_its_rate_and_payload() {
    let server = Server::start(&["--feed", "synthetic", "--rate", "25", "--payload", "153"]).await;
    let folder = tempfile::tempdir().unwrap();
    let (target, out) = (server.url(""), folder.path().to_str().unwrap());
    let flags = ["--transports", "sse,websocket", "--clients", "5", "--rounds", "1", "--measure", "1s", "--out", out];
    let arguments = [&["run", "--target", &target], &flags[..]].concat();
    let output = run_for(loadgen(), &arguments, RUN_TIMEOUT).await;
    let run = read_run(folder.path(), &output);
    check_against_schema(&run);
    for row in run["summary"].as_array().unwrap() {
        let number = |name: &str| row[name].as_f64().unwrap();
        assert!((24.0..=26.0).contains(&number("rate_per_s")), "{row}");
        assert_eq!((number("payload_bytes"), &row["measured_feed"]), (153.0, &Value::Bool(true)), "{row}");
    }
}

pub async fn transports_measured_at_different_rates_of_a_servers_feed_are_not_valid() {
    let server = Server::without_feed(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new(loadgen());
    command.args(["run", "--target", &server.url(""), "--transports", "sse,websocket", "--clients", "5"]);
    command.args(["--rounds", "1", "--warm-up", "200ms", "--measure", "1s"]).arg("--out").arg(folder.path());
    let mut process = command.stderr(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    // The test publishes at a steady pace, and much faster as soon as the first trial is done.
    let mut pace = tokio::time::interval(Duration::from_millis(200));
    let ending = async {
        loop {
            tokio::select! {
                _tick = pace.tick() => drop(server.publish("1").await),
                line = lines.next_line() => match line.unwrap() {
                    Some(line) if line.starts_with("[1/2]") => pace = tokio::time::interval(Duration::from_millis(30)),
                    Some(_) => {}
                    None => return process.wait().await.unwrap(),
                },
            }
        }
    };
    let status = tokio::time::timeout(RUN_TIMEOUT, ending).await.expect("the run ends");
    let output = CommandOutput { code: status.code(), stdout: String::new(), stderr: String::new() };
    let run = read_run(folder.path(), &output);
    let rates: Vec<f64> = rows(&run).map(|row| row["rate_per_s"].as_f64().unwrap()).collect();
    assert!(rates[0] * 2.0 < rates[1] || rates[1] * 2.0 < rates[0], "the feed was changed between the two: {rates:?}");
    for row in rows(&run) {
        assert_ne!(row["verdict"], "valid", "{row}");
        let codes: Vec<&str> =
            row["reasons"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
        assert!(codes.contains(&"different_stretches"), "{row}");
    }
}

fn check_reports(out: &Path, output: &CommandOutput) {
    let page = run_folder(out).join("index.html");
    assert!(output.stdout.contains(&format!("report: {}", page.display())), "{}", output.stdout);
    let bytes = page.metadata().unwrap().len();
    assert!(bytes < REPORT_BYTES_MAX, "{bytes} B");
    let text = std::fs::read_to_string(&page).unwrap();
    for transport in ["Polling", "Long polling", "SSE", "WebSocket"] {
        assert!(text.contains(transport), "{transport}");
    }
    let index = std::fs::read_to_string(out.join("index.html")).unwrap();
    let folder = run_folder(out);
    assert!(index.contains(folder.file_name().unwrap().to_str().unwrap()), "the run is listed");
}

pub async fn requests_with_a_browsers_heads_have_the_recorded_size_on_the_wire() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "run --transports polling,long_polling --rounds 1 --clients 5 --feed synthetic --rate 20 --heads bare,browser \
                 --poll-interval 100ms --warm-up 200ms --measure 1s --alone false --tcp-baseline false --out";
    let arguments: Vec<&str> = flags.split_whitespace().chain([folder.path().to_str().unwrap()]).collect();
    let output = run_for(loadgen(), &arguments, RUN_TIMEOUT).await;
    let run = read_run(folder.path(), &output);
    let of = |transport: &str, heads: &str| {
        let is_it = |trial: &&Value| trial["transport"] == transport && trial["point"]["heads"] == heads;
        let trial = trials(&run).find(is_it).unwrap_or_else(|| panic!("{transport} {heads}: {output:?}"));
        let per_request =
            |name: &str| trial["wire"][name].as_f64().unwrap() / trial["wire"]["requests"].as_f64().unwrap();
        let audit = &trial["audit"];
        assert_eq!((&audit["lost"], &audit["delivered"]), (&Value::from(0), &audit["expected"]), "{trial}");
        (per_request("http_headers"), trial["port"].as_u64().unwrap())
    };
    for transport in ["polling", "long_polling"] {
        let ((bare, _), (browser, port)) = (of(transport, "bare"), of(transport, "browser"));
        let recorded = Heads::Browser.field_bytes(Request::Fetch, &format!("http://127.0.0.1:{port}")) as f64;
        // Not exact: answers with and without updates have different heads, and a request may fall on an end of the
        // interval.
        assert!(
            (browser - bare - recorded).abs() < 0.05 * recorded,
            "{transport}: {bare} B and {browser} B, {recorded} B"
        );
    }
}
