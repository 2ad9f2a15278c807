//! WebSocket, client: a handshake, then frames of text. It must know by itself where to go on.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

fn follow(host: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(host)?;
    write!(
        stream,
        "GET /updates?after=0 HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    loop {
        let mut header = [0; 2];
        reader.read_exact(&mut header)?;
        let mut payload = vec![0; usize::from(header[1])]; // up to 125 B
        reader.read_exact(&mut payload)?;
        if header[0] == 0x81 {
            println!("{}", String::from_utf8_lossy(&payload));
        }
    }
}

fn main() {
    let url = std::env::args().nth(1).expect("the server's address");
    follow(url.trim_start_matches("http://")).expect("the server goes on");
}
