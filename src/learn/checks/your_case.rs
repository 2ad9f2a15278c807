//! `your-case`: a student's own scenario, whose thresholds decide between two transports.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use tokio::process::Command;

use crate::learn::fault::{CheckError, Code, Fault, Stop, fail};
use crate::learn::session::Progress;
use crate::limits;
use crate::run::Transport;
use crate::run::file::Run;

/// The contents of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The question, in one sentence.
    question: String,
    /// The transport that is right for it.
    choose: Transport,
    /// One that is not.
    rule_out: Transport,
    /// Conditions that must not hold, without a transport: `latency_ns.p99 > 100ms`.
    fail_if: Vec<String>,
    /// The settings of the run.
    #[serde(default)]
    set: toml::Table,
}

/// Checks the file that is given in the place of a command.
pub async fn check(command: &[OsString], loadgen: &Path, say: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Stop> {
    let [file] = command else {
        let sentence = "your-case takes one file in the place of a program, as in: loadgen learn check your-case -- your-case.toml";
        return Err(CheckError::Use(sentence.to_owned()).into());
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        CheckError::Use(format!("cannot read {}: {error}; name your scenario file", file.display()))
    })?;
    say(Progress::StageStarted("is a scenario with a choice and thresholds"));
    let case = read(&text)?;
    say(Progress::StagePassed);
    let folder = temporary_folder(file)?;
    let outcome = async {
        say(Progress::StageStarted("runs over the transport that you choose, and keeps your thresholds"));
        let run = measure(&case, case.choose, &folder, loadgen).await?;
        if let Some(broken) = run.thresholds.iter().find(|threshold| threshold.failed) {
            let sentence = format!(
                "over {}, which you choose, this condition holds: {}; measure again, or choose another bound",
                case.choose, broken.expression
            );
            return fail(Code::ThresholdBroken, sentence);
        }
        say(Progress::StagePassed);
        say(Progress::StageStarted("runs over the one that you rule out, and breaks a threshold"));
        let run = measure(&case, case.rule_out, &folder, loadgen).await?;
        if !run.thresholds.iter().any(|threshold| threshold.failed) {
            let sentence = format!(
                "over {}, which you rule out, none of your conditions holds: {}; they do not distinguish the two",
                case.rule_out,
                case.fail_if.join("; ")
            );
            return fail(Code::DecidesNothing, sentence);
        }
        say(Progress::StagePassed);
        Ok(())
    };
    let outcome = outcome.await;
    let _left_behind = std::fs::remove_dir_all(&folder);
    outcome
}

fn read(text: &str) -> Result<Case, Stop> {
    let case: Case = match toml::from_str(text) {
        Ok(case) => case,
        Err(error) => {
            let first: Vec<&str> = error.message().lines().collect();
            return fail(
                Code::WrongAnswer,
                format!("the file does not have the format of the task: {}", first.join(" ")),
            );
        }
    };
    if case.fail_if.is_empty() {
        return fail(
            Code::DecidesNothing,
            "fail_if is empty, so any transport would do; write down what you need, as a bound",
        );
    }
    if case.choose == case.rule_out {
        return fail(
            Code::DecidesNothing,
            format!("{} is both chosen and ruled out; rule out another one", case.choose),
        );
    }
    Ok(case)
}

/// Creates an empty temporary folder.
fn temporary_folder(file: &OsString) -> std::io::Result<std::path::PathBuf> {
    let name = format!("loadgen-your-case-{}-{}", std::process::id(), file.len());
    let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let folder = std::env::temp_dir().join(format!("{name}-{unique}"));
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

async fn measure(case: &Case, transport: Transport, folder: &Path, loadgen: &Path) -> Result<Run, Stop> {
    let scenario = folder.join("case.toml");
    let mut table = toml::Table::new();
    table.insert("question".to_owned(), toml::Value::String(case.question.clone()));
    table.insert("set".to_owned(), toml::Value::Table(case.set.clone()));
    std::fs::write(&scenario, table.to_string())?;
    let out = folder.join(transport.label());
    let mut command = Command::new(loadgen);
    command.arg("run").arg(&scenario).args(["--transports", transport.label(), "--rounds", "1", "--out"]).arg(&out);
    for condition in &case.fail_if {
        command.arg("--fail-if").arg(format!("{}.{}", transport.label(), condition.trim()));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let running = tokio::time::timeout(limits::LEARN_CASE_MAX, command.output()).await;
    let Ok(output) = running else {
        let most = limits::LEARN_CASE_MAX.as_secs();
        return fail(
            Code::Silent,
            format!("a run of your scenario takes longer than {most} s; lower warm-up and measure"),
        );
    };
    let output = output?;
    let run = std::fs::read_dir(&out)
        .ok()
        .and_then(|mut runs| runs.find_map(|run| Some(run.ok()?.path().join("run.json")).filter(|file| file.exists())));
    match run {
        Some(file) => Run::read(&file).map_err(|error| std::io::Error::other(error.to_string()).into()),
        None => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let why = stderr.lines().find(|line| line.starts_with("error")).unwrap_or("it wrote no report");
            Err(Fault::new(Code::WrongAnswer, format!("your scenario does not run: {why}")).into())
        }
    }
}
