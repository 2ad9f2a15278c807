//! What `echo` and `chat` share: a student's program that listens, and says on which port.

use std::ffi::OsString;

use serde::Deserialize;

use crate::learn::fault::{Code, Stop, fail};
use crate::learn::frames::Opcode;
use crate::learn::messages;
use crate::learn::program::{Input, Line, Program};
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
    /// Starts it, and waits for the line that says where it listens.
    ///
    /// Errors: it cannot be started, ends, or does not say it.
    pub async fn start(command: &[OsString]) -> Result<Self, Stop> {
        let mut program = Program::start(command, &[], Input::Closed)?;
        let line = tokio::time::timeout(limits::LEARN_START, program.next()).await;
        let port = match line {
            Err(_) => {
                let sentence = format!(
                    "no port was printed within {} s; listen on 127.0.0.1, port 0, and print {{\"port\":N}} with the port that you got",
                    limits::LEARN_START.as_secs()
                );
                return fail(Code::NotListening, sentence);
            }
            Ok(Line::End) => return Err(program.ended().await.into()),
            Ok(Line::TooLong) => return Err(messages::too_long(1).into()),
            Ok(Line::NotUtf8) => return Err(messages::not_utf8(1).into()),
            Ok(Line::Text(text)) => match serde_json::from_str(&text) {
                Ok(Listening { port }) => port,
                Err(_) => {
                    let sentence =
                        format!("the first line of your output is {}, and not {{\"port\":N}}", messages::quote(&text));
                    return fail(Code::NotJson, sentence);
                }
            },
        };
        Ok(Self { program, port })
    }

    /// A client of it.
    ///
    /// Errors: as [`Socket::open`], or that it has ended.
    pub async fn open(&mut self) -> Result<Socket, Stop> {
        match Socket::open(self.port).await {
            Err(_) if self.program.has_ended().await => Err(self.program.ended().await.into()),
            opened => opened,
        }
    }

    /// A client that the server has answered once: it is there in every sense.
    ///
    /// Errors: as [`Self::open`], or no pong.
    pub async fn open_and_ping(&mut self) -> Result<Socket, Stop> {
        let mut socket = self.open().await?;
        socket.send(true, Opcode::Ping, b"here").await;
        expect(&mut socket, "sent a ping behind the handshake", &Message::Pong(b"here".to_vec())).await?;
        Ok(socket)
    }

    /// Has it come through all of this?
    ///
    /// Errors: [`Code::Ended`].
    pub fn still_runs(&mut self) -> Result<(), Stop> {
        match self.program.status() {
            None => Ok(()),
            Some(how) => fail(Code::Ended, format!("your server {how}{}", self.program.last_words())),
        }
    }
}

/// Waits for this message and no other.
///
/// Errors: another one, or none.
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
    fail(code, format!("{what}: {} came back, and not {wanted}", found.name()))
}
