//! echo: a WebSocket server.
//! Run: rustc -O --edition 2021 echo.rs && loadgen learn check echo -- ./echo
mod lab;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

fn serve(mut stream: TcpStream) -> io::Result<()> {
    lab::shake_hands(&mut stream)?;
    loop {
        let mut header = [0; 2];
        stream.read_exact(&mut header)?;
        // Right for up to 125 B. But what is in the message, and is it text or binary?
        let mut rest = vec![0; 4 + usize::from(header[1] & 0x7f)];
        stream.read_exact(&mut rest)?;
        let answer = b"Nice to meet you!";
        stream.write_all(&[&[0x81, answer.len() as u8][..], answer].concat())?;
    }
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    lab::print(&format!("{{\"port\":{}}}", listener.local_addr().expect("a port").port()));
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || serve(stream));
    }
}
