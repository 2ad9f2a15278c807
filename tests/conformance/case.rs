//! A case: the bytes to write to `/echo/ws` and the frames that must come back. And the driver that runs cases.

use std::fmt::Write as _;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{Server, TIMEOUT};
use crate::frame::{CLOSE, Frame, close};

/// The head of a valid opening handshake, without its last empty line.
pub const HANDSHAKE: &str = "GET /echo/ws HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// The header that must answer its key (RFC 6455 section 1.3).
pub const ACCEPT: &str = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How the connection must end.
#[derive(Clone, Debug)]
pub enum End {
    /// By a close frame of the test, which the server answers with the same.
    ByClient,
    /// By a close frame of the server with one of these codes; `None` means a frame without a code.
    ByServer(Vec<Option<u16>>),
}

/// A conformance case: a section of RFC 6455, a description, the bytes to write and the frames that must come back.
#[derive(Clone, Debug)]
pub struct Case {
    pub section: &'static str,
    pub what: String,
    writes: Vec<Vec<u8>>,
    wanted: Vec<Frame>,
    end: End,
}

/// A case that writes these frames with one call.
pub fn case(section: &'static str, what: impl Into<String>, frames: impl AsRef<[Frame]>) -> Case {
    let writes = vec![frames.as_ref().iter().flat_map(Frame::bytes).collect()];
    Case { section, what: what.into(), writes, wanted: Vec::new(), end: End::ByClient }
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

    /// The server must answer the close frame among those written with this code.
    pub fn closes(self, code: Option<u16>) -> Self {
        Self { end: End::ByServer(vec![code]), ..self }
    }

    /// Writes the same bytes in pieces of `length`, each with a separate call.
    pub fn in_pieces_of(self, length: usize) -> Self {
        let all = self.writes.concat();
        let what = match length {
            1 => format!("{}, a byte at a time", self.what),
            _ => format!("{}, {length} bytes at a time", self.what),
        };
        Self { writes: all.chunks(length).map(<[u8]>::to_vec).collect(), what, ..self }
    }

    /// The case as it is, and the same a byte at a time.
    pub fn whole_and_bytewise(self) -> [Self; 2] {
        [self.clone(), self.in_pieces_of(1)]
    }

    async fn run(&self, server: &Server) -> Result<(), String> {
        let mut socket = TcpStream::connect(server.address).await.map_err(|error| error.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut buffer = handshake(&mut socket).await?;
        let (mut reading, mut writing) = socket.split();
        // Write and read concurrently: a server that sends back much must not have to wait until everything is written.
        let write = async {
            for bytes in &self.writes {
                writing.write_all(bytes).await?;
                // Lets the server see each piece separately, unless the kernel merges them.
                tokio::task::yield_now().await;
            }
            io::Result::Ok(())
        };
        let read = async {
            let mut got = Vec::new();
            let until = match self.end {
                End::ByClient => self.wanted.len(),
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
        // A write error is ignored: a server that has failed the connection stops reading.
        let (_written, got) = tokio::join!(write, read);
        let mut got = got?;
        if let End::ByClient = self.end {
            let sent = close(1000, "done");
            writing.write_all(&sent.bytes()).await.map_err(|error| format!("cannot send a close frame: {error}"))?;
            let answer = next(&mut reading, &mut buffer).await?;
            if answer != sent.clone().key(None) {
                return Err(format!("answered {sent:?} with {answer:?}, after {got:?}"));
            }
        } else {
            let last = got.pop().ok_or("no frame")?;
            self.check_end(&last)?;
        }
        if got != self.wanted {
            return Err(format!("got {got:?}, wanted {:?}", self.wanted));
        }
        // RFC 6455 section 7.1.1: the server closes the TCP connection first, cleanly.
        match reading.read_to_end(&mut buffer).await {
            Err(error) => Err(format!("the connection broke: {error}")),
            Ok(_) if buffer.is_empty() => Ok(()),
            Ok(_) => Err(format!("{} B after the close frame", buffer.len())),
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

/// Opens the WebSocket; returns the bytes that followed the answer.
async fn handshake(socket: &mut TcpStream) -> Result<Vec<u8>, String> {
    socket.write_all(format!("{HANDSHAKE}\r\n").as_bytes()).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    loop {
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = answer.split_off(end + 4);
            let head = String::from_utf8_lossy(&answer).into_owned();
            let agreed = head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT);
            return if agreed { Ok(rest) } else { Err(format!("the handshake: {head}")) };
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

/// Runs every case of a group against one server, and reports all failures together.
pub async fn run_all(group: &str, server: &Server, cases: &[Case]) {
    let mut failures = String::new();
    for case in cases {
        let outcome = tokio::time::timeout(TIMEOUT, case.run(server)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(format!("timed out after {TIMEOUT:?}")));
        if let Err(error) = outcome {
            let error: String = error.chars().take(400).collect();
            let _ = writeln!(failures, "  [{}] {}: {error}", case.section, case.what);
        }
    }
    let failed = failures.lines().count();
    println!("{group}: {} cases, {} passed", cases.len(), cases.len() - failed);
    assert!(failures.is_empty(), "{group}: {failed} of {} cases failed:\n{failures}", cases.len());
    server.assert_unharmed().await;
}
