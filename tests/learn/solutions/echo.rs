mod lab;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Why a connection ends: a network error, or a protocol violation with its close code.
enum End {
    Network,
    Wrong(u16),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        End::Network
    }
}

fn read(stream: &mut TcpStream, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A frame: whether it is the last of its message, its opcode, its payload.
fn read_frame(stream: &mut TcpStream) -> Result<(bool, u8, Vec<u8>), End> {
    let header = read(stream, 2)?;
    let number = |bytes: Vec<u8>| bytes.into_iter().fold(0, |sum, byte| sum << 8 | usize::from(byte));
    let length = match header[1] & 0x7f {
        126 => number(read(stream, 2)?),
        127 => number(read(stream, 8)?),
        short => usize::from(short),
    };
    if header[1] < 0x80 {
        return Err(End::Wrong(1002));
    }
    let key = read(stream, 4)?;
    let payload = read(stream, length)?.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    Ok((header[0] >= 0x80, header[0] & 15, payload))
}

fn send(stream: &mut TcpStream, opcode: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(length as u8),
        length @ 126..=65535 => frame.extend([&[126], &(length as u16).to_be_bytes()[..]].concat()),
        length => frame.extend([&[127], &(length as u64).to_be_bytes()[..]].concat()),
    }
    frame.extend(payload);
    stream.write_all(&frame)
}

/// The next whole message; `None` when the other side has closed. Answers pings.
fn message(stream: &mut TcpStream) -> Result<Option<(u8, Vec<u8>)>, End> {
    let (mut kind, mut whole) = (0, Vec::new());
    loop {
        let (is_final, opcode, payload) = read_frame(stream)?;
        match opcode {
            PING => send(stream, PONG, &payload)?,
            PONG => {}
            CLOSE => {
                send(stream, CLOSE, &payload[..payload.len().min(2)])?;
                return Ok(None);
            }
            _ => {
                kind = kind.max(opcode);
                whole.extend(payload);
                if is_final {
                    return Ok(Some((kind, whole)));
                }
            }
        }
    }
}

fn answer(text: &str) -> String {
    match lab::member(text, "numbers") {
        Some(numbers) => {
            let sum: i64 = lab::items(numbers).iter().filter_map(|number| number.parse::<i64>().ok()).sum();
            format!("{{\"sum\":{sum}}}")
        }
        None => "Nice to meet you!".to_owned(),
    }
}

fn talk(stream: &mut TcpStream) -> Result<(), End> {
    lab::shake_hands(stream)?;
    while let Some((kind, payload)) = message(stream)? {
        if kind == BINARY {
            send(stream, BINARY, &payload)?;
            continue;
        }
        let text = String::from_utf8(payload).map_err(|_| End::Wrong(1007))?;
        send(stream, TEXT, answer(&text).as_bytes())?;
    }
    Ok(())
}

fn serve(mut stream: TcpStream) {
    if let Err(End::Wrong(code)) = talk(&mut stream) {
        let _gone = send(&mut stream, CLOSE, &code.to_be_bytes());
    }
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    lab::print(&format!("{{\"port\":{}}}", listener.local_addr().expect("a port").port()));
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || serve(stream));
    }
}
