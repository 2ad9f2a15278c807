//! chat: pass each message on to all clients.
//! Run: rustc -O --edition 2021 chat.rs && loadgen learn check chat -- ./chat
mod lab;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

fn serve(mut stream: TcpStream) -> io::Result<()> {
    lab::shake_hands(&mut stream)?;
    loop {
        let mut header = [0; 2];
        stream.read_exact(&mut header)?;
        // Right for up to 125 B of text, in one frame. Your echo can do the others.
        let mut rest = vec![0; 4 + usize::from(header[1] & 0x7f)];
        stream.read_exact(&mut rest)?;
        let (key, payload) = rest.split_at(4);
        let text: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        // A ping is answered with a pong. And text: who else must get it?
        let opcode = if header[0] == 0x89 { 0x8a } else { 0x81 };
        stream.write_all(&[&[opcode, text.len() as u8][..], &text].concat())?;
    }
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    lab::print(&format!("{{\"port\":{}}}", listener.local_addr().expect("a port").port()));
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || serve(stream));
    }
}
