//! What Rust's standard library lacks for the exercises: HTTP over a TcpStream, and the members of a JSON object.
//! No dependencies: `rustc -O --edition 2021 NAME.rs` is all.
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

/// Prints one line at once: to a pipe, `println!` alone waits for no more than a line, but be sure.
pub fn print(line: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// An answer whose body has yet to be read.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    /// Bytes of the body that are left; of a chunked one, of this chunk.
    left: usize,
    is_chunked: bool,
}

/// Asks for a path, on a connection of its own. `silence`: after how long without a byte a read fails.
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

    /// The next bytes of the body, as they come; `None` at its end. Of a body that is cut, an error.
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

/// How many bytes the JSON value takes with which `text` begins.
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

/// A member of a JSON object, as it stands there: `member(r#"{"a":[1],"b":"x"}"#, "b")` is `"x"` with its quotes.
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

/// The elements of a JSON array, each as it stands there.
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

/// What a JSON string says, if nothing in it is escaped.
pub fn plain(value: &str) -> &str {
    value.trim_matches('"')
}
