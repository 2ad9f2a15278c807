//! One case: what is written to `/echo/ws` and what must come back; and the driver that holds the server to it.

use std::fmt::Write as _;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{PATIENCE, Server};
use crate::frame::{CLOSE, Frame, close};

/// The head of an opening handshake that is in order.
pub const HANDSHAKE: &str = "GET /echo/ws HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// What its key is answered with (RFC 6455 section 1.3).
pub const ACCEPT: &str = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How the connection ends.
#[derive(Clone, Debug)]
pub enum End {
    /// By a close frame of the test, which the server sends back.
    ByUs,
    /// By a close frame of the server with one of these codes; `None` is a frame without a code.
    ByServer(Vec<Option<u16>>),
}

/// Words, a section of RFC 6455, and the bytes both ways.
#[derive(Clone, Debug)]
pub struct Case {
    pub section: &'static str,
    pub what: String,
    writes: Vec<Vec<u8>>,
    wanted: Vec<Frame>,
    end: End,
}

/// Writes these frames with one call.
pub fn case(section: &'static str, what: impl Into<String>, frames: impl AsRef<[Frame]>) -> Case {
    let writes = vec![frames.as_ref().iter().flat_map(Frame::bytes).collect()];
    Case { section, what: what.into(), writes, wanted: Vec::new(), end: End::ByUs }
}

impl Case {
    /// These frames must come back, in this order.
    pub fn gets(self, wanted: impl AsRef<[Frame]>) -> Self {
        Self { wanted: wanted.as_ref().iter().cloned().map(|frame| frame.key(None)).collect(), ..self }
    }

    /// The server must fail the connection with this code.
    pub fn fails(self, code: u16) -> Self {
        Self { end: End::ByServer(vec![Some(code)]), ..self }
    }

    /// The server must answer the close frame in what was written with this code.
    pub fn closes(self, code: Option<u16>) -> Self {
        Self { end: End::ByServer(vec![code]), ..self }
    }

    /// Writes the same bytes in pieces of `length`, each with a call of its own.
    pub fn in_pieces_of(self, length: usize) -> Self {
        let all = self.writes.concat();
        let what = match length {
            1 => format!("{}, a byte at a time", self.what),
            _ => format!("{}, {length} bytes at a time", self.what),
        };
        Self { writes: all.chunks(length).map(<[u8]>::to_vec).collect(), what, ..self }
    }

    /// The case as it is, and a byte at a time.
    pub fn whole_and_bytewise(self) -> [Self; 2] {
        [self.clone(), self.in_pieces_of(1)]
    }

    async fn run(&self, server: &Server) -> Result<(), String> {
        let mut socket = TcpStream::connect(server.address).await.map_err(|error| error.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut buffer = handshake(&mut socket).await?;
        let (mut reading, mut writing) = socket.split();
        // Both ways at the same time: a server that sends back much must not have to wait for the end of the case.
        let write = async {
            for bytes in &self.writes {
                writing.write_all(bytes).await?;
                // Lets the other end see each piece by itself, as far as the kernel does not join them.
                tokio::task::yield_now().await;
            }
            io::Result::Ok(())
        };
        let read = async {
            let mut got = Vec::new();
            let until = match self.end {
                End::ByUs => self.wanted.len(),
                End::ByServer(_) => usize::MAX,
            };
            while got.len() < until {
                let frame = next(&mut reading, &mut buffer).await?;
                let is_last = frame.opcode == CLOSE;
                got.push(frame);
                if is_last {
                    break;
                }
            }
            Ok::<_, String>(got)
        };
        // What a server that has failed the connection does not read any more is no error of the writer.
        let (_written, got) = tokio::join!(write, read);
        let mut got = got?;
        if let End::ByUs = self.end {
            let goodbye = close(1000, "done");
            writing.write_all(&goodbye.bytes()).await.map_err(|error| format!("cannot say goodbye: {error}"))?;
            let answer = next(&mut reading, &mut buffer).await?;
            if answer != goodbye.clone().key(None) {
                return Err(format!("answered {goodbye:?} with {answer:?}, after {got:?}"));
            }
        } else {
            let last = got.pop().ok_or("no frame")?;
            self.check_end(&last)?;
        }
        if got != self.wanted {
            return Err(format!("got {got:?}, wanted {:?}", self.wanted));
        }
        // RFC 6455 section 7.1.1: the server closes the TCP connection first, in good order.
        match reading.read_to_end(&mut buffer).await {
            Err(error) => Err(format!("the connection broke: {error}")),
            Ok(_) if buffer.is_empty() => Ok(()),
            Ok(_) => Err(format!("{} B behind the close frame", buffer.len())),
        }
    }

    fn check_end(&self, last: &Frame) -> Result<(), String> {
        let End::ByServer(codes) = &self.end else { return Ok(()) };
        match last.opcode == CLOSE && codes.contains(&last.close_code()) {
            true => Ok(()),
            false => Err(format!("ended with {last:?} {:?}, wanted one of {codes:?}", last.close_code())),
        }
    }
}

/// Opens the WebSocket; returns what came behind the answer.
async fn handshake(socket: &mut TcpStream) -> Result<Vec<u8>, String> {
    socket.write_all(format!("{HANDSHAKE}\r\n").as_bytes()).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    loop {
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let behind = answer.split_off(end + 4);
            let head = String::from_utf8_lossy(&answer).into_owned();
            let agreed = head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT);
            return if agreed { Ok(behind) } else { Err(format!("the handshake: {head}")) };
        }
        if socket.read_buf(&mut answer).await.map_err(|error| error.to_string())? == 0 {
            return Err("the handshake was not answered".to_owned());
        }
    }
}

async fn next(reading: &mut (impl AsyncReadExt + Unpin), buffer: &mut Vec<u8>) -> Result<Frame, String> {
    loop {
        if let Some(frame) = Frame::split_off(buffer)? {
            return Ok(frame);
        }
        match reading.read_buf(buffer).await {
            Ok(0) => return Err("the connection was closed without a close frame".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(format!("the connection broke: {error}")),
        }
    }
}

/// Runs every case of a group against one server, and reports all that fail together.
pub async fn run_all(group: &str, server: &Server, cases: &[Case]) {
    let mut failures = String::new();
    for case in cases {
        let outcome = tokio::time::timeout(PATIENCE, case.run(server)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(format!("nothing more came within {PATIENCE:?}")));
        if let Err(error) = outcome {
            let error: String = error.chars().take(400).collect();
            let _ = writeln!(failures, "  [{}] {}: {error}", case.section, case.what);
        }
    }
    let failed = failures.lines().count();
    println!("{group}: {} cases, {} held", cases.len(), cases.len() - failed);
    assert!(failures.is_empty(), "{group}: {failed} of {} cases failed:\n{failures}", cases.len());
    server.assert_unharmed().await;
}
