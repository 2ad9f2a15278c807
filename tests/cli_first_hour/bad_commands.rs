//! Generates docs/BAD-COMMANDS.md: what each bad command prints.

use std::fmt::Write as _;
use std::path::Path;

use tokio::process::Command;

use crate::common::docs::assert_generated;
use crate::common::{CommandOutput, loadgen};
use crate::{changed, content, ended, run_in};

/// Commands that must fail: the exit code, and the command as it is typed.
const COMMANDS: &[(i32, &str)] = &[
    (2, "loadgen rnu"),
    (2, "loadgen sparse"),
    (2, "loadgen --clients 5 run"),
    (2, "loadgen --verbose"),
    (2, "loadgen run quikc"),
    (2, "loadgen run fast"),
    (2, "loadgen run quick sparse"),
    (1, "loadgen run nowhere.toml"),
    (2, "loadgen run key.toml"),
    (2, "loadgen run value.toml"),
    (2, "loadgen run nothing.toml"),
    (2, "loadgen run text.toml"),
    (2, "loadgen run --clients -5"),
    (2, "loadgen run --clients 0"),
    (2, "loadgen run --clients 20000"),
    (2, "loadgen run --clients 1e3"),
    (2, "loadgen run --nodes 17"),
    (2, "loadgen run --nodes 2 --proxy nginx"),
    (2, "loadgen run --nodes 2 --path 4g"),
    (2, "loadgen run --nodes 2 --pin"),
    (2, "loadgen run --kill king --nodes 2"),
    (2, "loadgen run --kill node"),
    (2, "loadgen run --clients"),
    (2, "loadgen run --clients 10,,100"),
    (2, "loadgen run --clients 5 --clients 6"),
    (2, "loadgen run --clinets 5"),
    (2, "loadgen run --transports ws"),
    (2, "loadgen run --transports ''"),
    (2, "loadgen run --transports all"),
    (2, "loadgen run --rounds 1001"),
    (2, "loadgen run --measure 4"),
    (2, "loadgen run --measure 0s"),
    (2, "loadgen run --measure 2h"),
    (2, "loadgen run --measure 2400"),
    (2, "loadgen run --poll-interval 1ms"),
    (2, "loadgen run --poll-interval 2m"),
    (2, "loadgen run --feed sinthetic"),
    (2, "loadgen run --feed none"),
    (2, "loadgen run --rate 50"),
    (2, "loadgen run --feed synthetic --rate 0"),
    (2, "loadgen run --feed synthetic --rate 30000"),
    (2, "loadgen run --feed synthetic --payload 0"),
    (2, "loadgen run --feed synthetic --payload 1GB"),
    (2, "loadgen run --feed synthetic --speed 2"),
    (2, "loadgen run --speed 1"),
    (1, "loadgen run --replay nowhere.ndjson"),
    (1, "loadgen run --replay key.toml"),
    (1, "loadgen run --replay empty.ndjson"),
    (2, "loadgen run --rtt 5"),
    (2, "loadgen run --rtt 10s"),
    (2, "loadgen run --bandwidth 10"),
    (2, "loadgen run --churn 1ms"),
    (2, "loadgen run --echo morse"),
    (2, "loadgen run --tcp-baseline maybe"),
    (2, "loadgen run --sweep-only polling,sse --transports websocket"),
    (2, "loadgen run --rounds 1000 --measure 1h"),
    (2, "loadgen run sparse --rounds 1 --measure 3s"),
    (2, "loadgen run --target 127.0.0.1:8080"),
    (2, "loadgen run --target https://127.0.0.1"),
    (1, "loadgen run --target http://127.0.0.1:9"),
    (2, "loadgen run --target http://127.0.0.1:9 --rate 5"),
    (2, "loadgen run chatty --target http://127.0.0.1:9"),
    (2, "loadgen run --target http://127.0.0.1:9 --server-arg=--drain=1s"),
    (2, "loadgen run --fail-if 'sse.p99 > 5ms'"),
    (2, "loadgen run --fail-if 'sse.latency_ns.p99 > 5'"),
    (2, "loadgen run --fail-if 'sse.latency_ns.p99 = 5ms'"),
    (2, "loadgen run --fail-if 'sse.latency_ns.p99 > +10%'"),
    (2, "loadgen run --fail-if 'polling.lost > 0' --transports sse"),
    (2, "loadgen run --fail-if ''"),
    (2, "loadgen run --transports sse,sse"),
    (2, "loadgen run --rounds 2.5"),
    (2, "loadgen run --jitter 100ms"),
    (2, "loadgen run --echo text --churn 1s"),
    (2, "loadgen run --fail-if 'polling.empty_fraction > 50'"),
    (2, "loadgen run --seed -1"),
    (2, "loadgen run --hold 0s"),
    (1, "loadgen run --out key.toml"),
    (1, "loadgen run --server-arg=--prot=1 --rounds 1 --measure 1s"),
    (2, "loadgen report"),
    (1, "loadgen report nowhere"),
    (1, "loadgen report empty"),
    (1, "loadgen report broken"),
    (1, "loadgen report newer"),
    (2, "loadgen report --all sample"),
    (1, "loadgen report mine"),
    (1, "loadgen report other.json"),
    (1, "loadgen report key.toml"),
    (2, "loadgen report sample sample"),
    (2, "loadgen compare sample"),
    (1, "loadgen compare sample nowhere"),
    (1, "loadgen compare broken sample"),
    (1, "loadgen compare sample other.json"),
    (1, "loadgen compare sample sample --out key.toml"),
    (2, "loadgen compare sample sample --fail-if 'sse.latency > +10%'"),
    (2, "loadgen compare sample sample --fial-if 'lost > 0'"),
    (2, "loadgen run --agents 0"),
    (2, "loadgen run --agents 65"),
    (2, "loadgen run --control nats://127.0.0.1:9"),
    (1, "loadgen run --agents 2 --control nats://127.0.0.1:9"),
    (2, "loadgen run --agents 2 --rtt 5ms"),
    (2, "loadgen run --agents 2 --pin"),
    (2, "loadgen run --agents 2 --server-host 10.0.0.1"),
    (2, "loadgen agent"),
    (2, "loadgen agent --control http://127.0.0.1:9"),
    (2, "loadgen agent --control 127.0.0.1:4222"),
    (1, "loadgen agent --control nats://127.0.0.1:9"),
    (2, "loadgen predict"),
    (2, "loadgen predict --clients 1.5"),
    (2, "loadgen predict --clients 1e11"),
    (2, "loadgen predict --clients 5 --transport ws"),
    (2, "loadgen predict --clients 5 --busy 0"),
    (2, "loadgen predict --clients 5 --files 50"),
    (2, "loadgen predict --clients 5 --memory much"),
    (2, "loadgen predict --clients 5 --calibrate"),
    (2, "loadgen predict --calibrate --validate"),
    (2, "loadgen predict --calibrate --trials 3"),
    (2, "loadgen predict --calibrate --clients-max 20000"),
    (1, "loadgen predict --clients 5 --capacity nowhere.json"),
    (1, "loadgen predict --clients 5 --capacity other.json"),
    (1, "loadgen predict --validate --capacity key.toml"),
    (2, "loadgen scenarios quick"),
    (2, "loadgen scenarios --jsno"),
    (2, "loadgen learn check"),
    (2, "loadgen learn check poler -- true"),
    (2, "loadgen learn check poller"),
    (1, "loadgen learn check poller -- no-such-program"),
    (2, "loadgen learn check poller python3 poller.py"),
    (1, "loadgen learn check your-case -- nowhere.toml"),
    (1, "loadgen learn check your-case -- python3 case.py"),
    (1, "loadgen learn check poller --hand-in other.json -- true"),
    (1, "loadgen learn check poller --hand-in nowhere/a.json -- true"),
    (2, "loadgen learn check poller --student Ada -- true"),
    (1, "loadgen learn grade nowhere"),
    (1, "loadgen learn grade empty"),
    (2, "loadgen learn start poller --language cobol"),
    (2, "loadgen learn start poller --out empty"),
    (1, "loadgen learn start poller --out nowhere/poller"),
    (2, "loadgen serve --port 65536"),
    (2, "loadgen serve 8080"),
    (2, "loadgen serve --feed kafka"),
    (1, "loadgen serve --port 0 --replay nowhere.ndjson"),
    (2, "loadgen help rnu"),
    (2, "server 8080"),
    (2, "server --port -1"),
    (2, "server --port http"),
    (2, "server --host localhost"),
    (1, "server --port 0 --host 0.0.0.0"),
    (2, "server --port 0 --feed kafka"),
    (2, "server --port 0 --feed synthetic --rate -3"),
    (1, "server --port 0 --replay nowhere.ndjson"),
    (2, "server --port 0 --speed 0"),
    (1, "server --port 0 --token-file nowhere"),
    (1, "server --port 0 --token-file empty.ndjson"),
    (2, "server --port 0 --allow-origin example.org"),
    (2, "server --port 0 --journal-updates 0"),
    (2, "server --port 0 --echo-max 1GiB"),
    (2, "server --port 0 --slow-consumer drop"),
    (2, "server --port 0 --write-timeout 30"),
    (2, "server --port 0 --publish-rate 0"),
    (2, "server --port 0 --core 4096"),
];

/// Splits a command into its words; single quotes group words.
fn words(line: &str) -> Vec<String> {
    let parts: Vec<&str> = line.split('\'').collect();
    let mut words = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push((*part).to_owned()),
        }
    }
    words
}

/// Writes the files that the commands name.
fn write_files(folder: &Path) {
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    for name in ["sample", "mine"] {
        run_in(&folder.join(name));
    }
    std::fs::copy(folder.join("sample/run.json"), folder.join("other.json")).unwrap();
    write("mine/index.html", "<title>Mine</title>");
    write("broken/run.json", "{\"schema\":\"pushpull.run/1\",");
    write("newer/run.json", "{\"schema\":\"pushpull.run/99\"}");
    write("key.toml", "question = \"q?\"\n[set]\nclinets = 5\n");
    write("value.toml", "question = \"q?\"\n[set]\nclients = -5\n");
    write("nothing.toml", "[set]\nclients = 5\n");
    write("text.toml", "ask me anything\n");
    write("empty.ndjson", "");
    std::fs::create_dir(folder.join("empty")).unwrap();
}

/// What was printed to standard error, as one line of Markdown, without clap's usage.
fn printed(output: &CommandOutput) -> String {
    let is_usage = |line: &str| line.starts_with("Usage:") || line.starts_with("For more information");
    let lines = output.stderr.lines().take_while(|line| !line.starts_with("Usage:")).filter(|line| !is_usage(line));
    let lines: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ⏎ ").replace('|', "\\|")
}

#[tokio::test]
async fn bad_commands_print_one_error_and_change_no_file() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    let before = content(folder.path());
    let mut wrong = Vec::new();
    let mut table = String::from("| command | exit code | printed |\n|---|---|---|\n");
    for (code, line) in COMMANDS {
        let words = words(line);
        let program = if words[0] == "server" { env!("CARGO_BIN_EXE_server").into() } else { loadgen() };
        let mut command = Command::new(program);
        command.args(&words[1..]).current_dir(folder.path()).env_remove("PUSHPULL_TOKEN").env("RUST_LOG", "off");
        let output = ended(&mut command).await;
        let errors = output.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        // The server that a run starts prints an error of its own.
        let is_one = errors == 1 || errors == 2 && line.contains("--server-arg");
        if output.code != Some(*code) || !is_one || output.stderr.contains("panicked") {
            wrong.push(format!("{line}: {output:?}"));
        }
        writeln!(table, "| `{line}` | {code} | {} |", printed(&output)).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(COMMANDS.len() >= 60, "{}", COMMANDS.len());
    // Not even commands with `--out` have created or changed a file.
    assert_eq!(changed(&before, &content(folder.path())), [""; 0]);
    assert_generated("docs/BAD-COMMANDS.md", "commands", &table);
}
