//! WebSocket, server: a handshake, then frames. Short ones: two bytes and up to 125 B of payload.
mod lab;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

type Shared = Arc<(Mutex<u64>, Condvar)>;

fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    lab::shake_hands(&mut stream)?; // SHA-1 and base64 of the client's key
    let mut seq = 0;
    loop {
        seq += 1;
        drop(shared.1.wait_while(shared.0.lock().unwrap(), |newest| *newest < seq).unwrap());
        let text = format!("{{\"seq\":{seq}}}");
        stream.write_all(&[&[0x81, text.len() as u8], text.as_bytes()].concat())?;
    }
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("{{\"port\":{}}}", listener.local_addr().expect("a port").port());
    let shared = Shared::default();
    let publisher = Arc::clone(&shared);
    std::thread::spawn(move || loop {
        std::thread::sleep(Duration::from_millis(100));
        *publisher.0.lock().unwrap() += 1;
        publisher.1.notify_all();
    });
    for stream in listener.incoming().flatten() {
        let shared = Arc::clone(&shared);
        std::thread::spawn(move || serve(stream, &shared));
    }
}
