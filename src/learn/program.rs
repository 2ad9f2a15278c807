//! The student's program: a process whose output is read with bounds and is not trusted.
//!
//! It runs in a process group of its own. The group is killed when the check ends, however it ends, so that `npm start`
//! or a shell around the program leaves no process behind.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::fault::{CheckError, Code, Fault};
use crate::limits;

/// A line of the program's output.
#[derive(Debug, PartialEq, Eq)]
pub enum OutputLine {
    /// The line without its end.
    Text(String),
    /// More bytes than a line may have.
    TooLong,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// The end of the output.
    End,
}

/// A running student's program.
#[derive(Debug)]
pub struct Program {
    child: Child,
    group: Option<Pid>,
    lines: mpsc::Receiver<OutputLine>,
    stdin: Option<ChildStdin>,
    errors: Arc<Mutex<VecDeque<u8>>>,
    _readers: [AbortOnDropHandle<()>; 2],
}

/// The program's standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It is empty.
    Closed,
    /// It has lines, which the check writes.
    Lines,
}

impl Program {
    /// Starts it with these environment variables.
    ///
    /// Errors: [`CheckError::CannotStart`].
    pub fn start(command: &[OsString], variables: &[(&str, String)], input: Input) -> Result<Self, CheckError> {
        let name = command.first().cloned().unwrap_or_default();
        let cannot = |source| CheckError::CannotStart { command: name.to_string_lossy().into_owned(), source };
        let mut child = Command::new(&name)
            .args(command.iter().skip(1))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(match input {
                Input::Closed => Stdio::null(),
                Input::Lines => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(cannot(std::io::Error::other("it has no output")));
        };
        let (sender, lines) = mpsc::channel(limits::LEARN_LINES_WAITING);
        let errors = Arc::<Mutex<VecDeque<u8>>>::default();
        let readers =
            [tokio::spawn(read_lines(stdout, sender)), tokio::spawn(read_errors(stderr, Arc::clone(&errors)))];
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let stdin = child.stdin.take();
        Ok(Self { child, group, lines, stdin, errors, _readers: readers.map(AbortOnDropHandle::new) })
    }

    /// The process id; `None` once the process has been waited for.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The next line that it prints.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> OutputLine {
        self.lines.recv().await.unwrap_or(OutputLine::End)
    }

    /// Its standard input; `None` the second time.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Has it ended, or does it end within `LEARN_CHECK_INTERVAL`?
    pub async fn has_ended(&mut self) -> bool {
        tokio::time::timeout(limits::LEARN_CHECK_INTERVAL, self.child.wait()).await.is_ok()
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(how_it_ended)
    }

    /// The fault of a program that has closed its output: how it ended, with its last line on standard error.
    pub async fn ended(&mut self) -> Fault {
        let status = tokio::time::timeout(limits::LEARN_END, self.child.wait()).await;
        let how = match status {
            Ok(Ok(status)) => how_it_ended(status),
            Ok(Err(_)) | Err(_) => "closed its output".to_owned(),
        };
        Fault::new(Code::Ended, format!("your program {how} before the check was over{}", self.last_words()))
    }

    /// The last line that it wrote to standard error, as the end of a sentence.
    pub fn last_words(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let text: Vec<u8> = errors.iter().copied().collect();
        drop(errors);
        let text = String::from_utf8_lossy(&text);
        match text.lines().rev().find(|line| !line.trim().is_empty() && !line.starts_with("Node.js v")) {
            None => "; it wrote nothing to standard error".to_owned(),
            Some(last) => {
                // Node prints the error above the stack; Python prints it last.
                let error =
                    text.lines().rev().find(|line| line.contains("Error") && !line.trim_start().starts_with("at "));
                let line: String = error.unwrap_or(last).trim().chars().take(limits::LEARN_QUOTE_CHARACTERS).collect();
                format!("; its last message: {line}")
            }
        }
    }

    /// The end of its standard error, at most `LEARN_ERRORS_BYTES_MAX`.
    pub fn errors(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&errors.iter().copied().collect::<Vec<_>>()).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // The group may have ended by itself.
            let _ended = kill_process_group(group, Signal::KILL);
        }
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

async fn read_lines(output: impl AsyncRead + Unpin, lines: mpsc::Sender<OutputLine>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let most = limits::LEARN_LINE_BYTES_MAX as u64 + 1;
        let read = (&mut output).take(most).read_until(b'\n', &mut line).await;
        let line = match read {
            Err(_) | Ok(0) => OutputLine::End,
            Ok(_) if line.len() > limits::LEARN_LINE_BYTES_MAX => OutputLine::TooLong,
            Ok(_) => {
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                std::str::from_utf8(text).map_or(OutputLine::NotUtf8, |text| OutputLine::Text(text.to_owned()))
            }
        };
        let is_last = matches!(line, OutputLine::End | OutputLine::TooLong);
        if lines.send(line).await.is_err() || is_last {
            return;
        }
    }
}

async fn read_errors(mut output: impl AsyncRead + Unpin, kept: Arc<Mutex<VecDeque<u8>>>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = output.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&buffer[..read]);
        let over = kept.len().saturating_sub(limits::LEARN_ERRORS_BYTES_MAX);
        kept.drain(..over);
    }
}
