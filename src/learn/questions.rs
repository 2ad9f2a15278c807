//! Exercises without a network: the program reads questions, a line of JSON each, and answers each with a line.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;

use super::fault::{Code, Stop, fail};
use super::messages;
use super::program::{Input, OutputLine, Program};
use crate::limits;

/// A program that answers questions.
pub struct Questions {
    program: Program,
    stdin: ChildStdin,
    asked: u64,
}

impl Questions {
    /// Starts the program.
    ///
    /// Errors: it cannot be started.
    pub fn start(command: &[OsString]) -> Result<Self, Stop> {
        let mut program = Program::start(command, &[], Input::Lines)?;
        let Some(stdin) = program.take_stdin() else {
            return Err(std::io::Error::other("the program has no standard input").into());
        };
        Ok(Self { program, stdin, asked: 0 })
    }

    /// Asks one question.
    ///
    /// Errors: the program ends, is silent, or does not answer with JSON.
    pub async fn ask(&mut self, question: &Value) -> Result<Value, Stop> {
        self.asked += 1;
        let patience = if self.asked == 1 { limits::LEARN_START } else { limits::LEARN_PATIENCE };
        let line = format!("{question}\n");
        let exchange = async {
            // A program that does not read shows by its silence or its end.
            let _closed = self.stdin.write_all(line.as_bytes()).await;
            let _closed = self.stdin.flush().await;
            self.program.next().await
        };
        let number = self.asked;
        match tokio::time::timeout(patience, exchange).await {
            Err(_) => self.silent(patience),
            Ok(OutputLine::End) => Err(self.program.ended().await.into()),
            Ok(OutputLine::TooLong) => Err(messages::too_long(number).into()),
            Ok(OutputLine::NotUtf8) => Err(messages::not_utf8(number).into()),
            Ok(OutputLine::Text(text)) => match serde_json::from_str(&text) {
                Ok(value) => Ok(value),
                Err(_) => Err(messages::not_json(number, &text).into()),
            },
        }
    }

    fn silent<T>(&self, patience: Duration) -> Result<T, Stop> {
        let sentence = format!(
            "question {} was not answered within {} s{}; read a line, and print the answer at once (flush)",
            self.asked,
            patience.as_secs(),
            self.program.last_words()
        );
        fail(Code::Silent, sentence)
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
