//! What Rust's standard library lacks for the exercises: HTTP over a TcpStream, the members of a JSON object, and the
//! opening handshake of a WebSocket. No dependencies: `rustc -O --edition 2021 NAME.rs` compiles it.
#![allow(dead_code)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The lab's address, from the environment.
pub fn lab_url() -> String {
    std::env::var("LAB_URL").expect("run me with: loadgen learn check NAME -- ./NAME")
}

/// A number from the environment.
pub fn setting(name: &str) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} is not set"))
}

/// Prints one line and flushes it; exits if nobody reads it.
pub fn print(line: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// An HTTP answer whose body has not been read yet.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    /// Bytes that are left of the body, or of this chunk if it is chunked.
    left: usize,
    is_chunked: bool,
}

/// Sends a GET request for a path, on a new connection. `silence`: after how long without a byte a read fails.
pub fn get(url: &str, path: &str, headers: &[(&str, &str)], silence: Option<Duration>) -> io::Result<Answer> {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(silence)?;
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{request}\r\n").as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        match reader.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    };
    let status = line()?.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let mut found = Vec::new();
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else { break };
        found.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers: found, reader, left: 0, is_chunked: false };
    answer.is_chunked = answer.header("transfer-encoding") == Some("chunked");
    answer.left = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    Ok(answer)
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The whole body; an error if it was cut.
    pub fn text(mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        while let Some(part) = self.part()? {
            bytes.extend(part);
        }
        String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// The next bytes of the body, as they come; `None` at its end; an error if the body was cut.
    pub fn part(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.left == 0 && self.is_chunked {
            let mut size = String::new();
            self.reader.read_line(&mut size)?;
            self.left = usize::from_str_radix(size.trim_end(), 16).map_err(|_| io::ErrorKind::UnexpectedEof)?;
            if self.left == 0 {
                return Ok(None);
            }
        }
        if self.left == 0 {
            return Ok(None);
        }
        let have = self.reader.fill_buf()?;
        let part = have[..have.len().min(self.left)].to_vec();
        if part.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.reader.consume(part.len());
        self.left -= part.len();
        if self.left == 0 && self.is_chunked {
            let mut end = [0; 2];
            self.reader.read_exact(&mut end)?;
        }
        Ok(Some(part))
    }
}

/// The length in bytes of the JSON value at the beginning of `text`.
fn value_length(text: &str) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (at, letter) in text.char_indices() {
        match (in_string, letter) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (true, '"') => {
                in_string = false;
                if depth == 0 {
                    return at + 1;
                }
            }
            (true, _) => {}
            (false, '"') => in_string = true,
            (false, '{' | '[') => depth += 1,
            (false, '}' | ']') if depth == 0 => return at,
            (false, '}' | ']') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            (false, ',' | ' ' | '\n' | '\r' | '\t') if depth == 0 => return at,
            (false, _) => {}
        }
    }
    text.len()
}

/// A member of a JSON object, as JSON: `member(r#"{"a":[1],"b":"x"}"#, "b")` is `"x"` with its quotes.
pub fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = object.trim().strip_prefix('{')?;
    loop {
        rest = rest.trim_start_matches([' ', ',', '\n', '\r', '\t']);
        if rest.is_empty() || rest.starts_with('}') {
            return None;
        }
        let key = value_length(rest);
        let is_it = rest[..key].trim_matches('"') == name;
        rest = rest[key..].trim_start().strip_prefix(':')?.trim_start();
        let value = value_length(rest);
        if is_it {
            return Some(&rest[..value]);
        }
        rest = &rest[value..];
    }
}

/// The elements of a JSON array, each as JSON.
pub fn items(array: &str) -> Vec<&str> {
    let mut rest = array.trim().strip_prefix('[').unwrap_or("");
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',', '\n', '\r', '\t']);
        if rest.is_empty() || rest.starts_with(']') {
            return found;
        }
        let length = value_length(rest);
        found.push(&rest[..length]);
        rest = &rest[length..];
    }
}

/// The text of a JSON string, if nothing in it is escaped.
pub fn plain(value: &str) -> &str {
    value.trim_matches('"')
}

/// Text as a JSON string.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\0'..='\u{1f}' => quoted += &format!("\\u{:04x}", letter as u32),
            _ => quoted.push(letter),
        }
    }
    quoted + "\""
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal digits as bytes.
pub fn unhex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("hexadecimal digits") as u8;
    digits.as_bytes().chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect()
}

/// Reads the head of a request, up to its empty line, and answers the opening handshake of a WebSocket (RFC 6455, section 4.2.2).
pub fn shake_hands(stream: &mut TcpStream) -> io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = head.lines().filter_map(|line| line.split_once(':'));
    let key = header.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).map(|(_, key)| key.trim()).next();
    let key = key.ok_or(io::ErrorKind::InvalidData)?;
    let accept = base64(&sha1(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes()));
    stream.write_all(
        format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
            .as_bytes(),
    )
}

/// SHA-1: FIPS 180-4, section 6.1.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
    let mut bytes = message.to_vec();
    bytes.push(0x80);
    while bytes.len() % 64 != 56 {
        bytes.push(0);
    }
    bytes.extend((message.len() as u64 * 8).to_be_bytes());
    for block in bytes.chunks(64) {
        let mut w = [0u32; 80];
        for (word, four) in w.iter_mut().zip(block.chunks(4)) {
            *word = u32::from_be_bytes([four[0], four[1], four[2], four[3]]);
        }
        for t in 16..80 {
            w[t] = (w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (t, word) in w.iter().enumerate() {
            let (f, k) = match t {
                0..=19 => (b & c | !b & d, 0x5a827999),
                20..=39 => (b ^ c ^ d, 0x6ed9eba1),
                40..=59 => (b & c | b & d | c & d, 0x8f1bbcdc),
                _ => (b ^ c ^ d, 0xca62c1d6_u32),
            };
            let sum = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
        }
        for (old, new) in state.iter_mut().zip([a, b, c, d, e]) {
            *old = old.wrapping_add(new);
        }
    }
    let mut digest = [0; 20];
    for (four, word) in digest.chunks_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Base64: RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            text.push(if at <= three.len() { LETTERS[(word >> (18 - 6 * at) & 63) as usize] as char } else { '=' });
        }
    }
    text
}
