//! A student's server, for `echo` and `chat`: a program that listens, and prints its port.

use std::ffi::OsString;

use serde::Deserialize;

use crate::learn::fault::{Code, Stop, fail};
use crate::learn::frames::Opcode;
use crate::learn::messages;
use crate::learn::program::{Input, OutputLine, Program};
use crate::learn::socket::{Message, Socket};
use crate::limits;

/// A student's server.
pub struct StudentServer {
    program: Program,
    port: u16,
}

#[derive(Deserialize)]
struct Listening {
    port: u16,
}

impl StudentServer {
    /// Starts it, and waits for the line with its port.
    ///
    /// Errors: it cannot be started, ends, or does not print its port.
    pub async fn start(command: &[OsString]) -> Result<Self, Stop> {
        let mut program = Program::start(command, &[], Input::Closed)?;
        let line = tokio::time::timeout(limits::LEARN_START, program.next()).await;
        let port = match line {
            Err(_) => {
                let sentence = format!(
                    "no port was printed within {} s; listen on 127.0.0.1, port 0, and print {{\"port\":N}} with the port that you get",
                    limits::LEARN_START.as_secs()
                );
                return fail(Code::NotListening, sentence);
            }
            Ok(OutputLine::End) => return Err(program.ended().await.into()),
            Ok(OutputLine::TooLong) => return Err(messages::too_long(1).into()),
            Ok(OutputLine::NotUtf8) => return Err(messages::not_utf8(1).into()),
            Ok(OutputLine::Text(text)) => match serde_json::from_str(&text) {
                Ok(Listening { port }) => port,
                Err(_) => {
                    let sentence =
                        format!("the first line of your output is {}, not {{\"port\":N}}", messages::quote(&text));
                    return fail(Code::NotJson, sentence);
                }
            },
        };
        Ok(Self { program, port })
    }

    /// Connects a client.
    ///
    /// Errors: as [`Socket::open`], or the program has ended.
    pub async fn open(&mut self) -> Result<Socket, Stop> {
        match Socket::open(self.port).await {
            Err(_) if self.program.has_ended().await => Err(self.program.ended().await.into()),
            opened => opened,
        }
    }

    /// Connects a client and waits until the server answers its ping, so that the server surely knows it.
    ///
    /// Errors: as [`Self::open`], or no pong.
    pub async fn open_and_ping(&mut self) -> Result<Socket, Stop> {
        let mut socket = self.open().await?;
        socket.send(true, Opcode::Ping, b"here").await;
        expect(&mut socket, "sent a ping after the handshake", &Message::Pong(b"here".to_vec())).await?;
        Ok(socket)
    }

    /// Checks that the program still runs.
    ///
    /// Errors: [`Code::Ended`].
    pub fn still_runs(&mut self) -> Result<(), Stop> {
        match self.program.status() {
            None => Ok(()),
            Some(how) => fail(Code::Ended, format!("your server {how}{}", self.program.last_words())),
        }
    }
}

/// Waits for this message.
///
/// Errors: another message comes, or none.
pub async fn expect(socket: &mut Socket, what: &str, wanted: &Message) -> Result<(), Stop> {
    let found = socket.next(what).await?;
    if found == *wanted {
        return Ok(());
    }
    let code = if matches!((&found, wanted), (Message::Close(_), _) | (_, Message::Close(_))) {
        Code::Protocol
    } else {
        Code::WrongAnswer
    };
    let is_same_size = found.name() == wanted.name();
    let wanted = if is_same_size { format!("{} with the same content", wanted.name()) } else { wanted.name() };
    fail(code, format!("{what}: {} came back, not {wanted}", found.name()))
}
