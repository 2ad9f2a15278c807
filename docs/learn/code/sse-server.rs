//! Server-Sent Events, server: one answer that never ends, a block of text for each update.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

type Shared = Arc<(Mutex<u64>, Condvar)>;

fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut after = 0;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(id) = line.strip_prefix("last-event-id: ") {
            after = id.parse().unwrap_or(0);
        }
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")?;
    loop {
        let newest = *shared.1.wait_while(shared.0.lock().unwrap(), |newest| *newest <= after).unwrap();
        for seq in after + 1..=newest {
            write!(stream, "id: {seq}\ndata: {{\"seq\":{seq}}}\n\n")?;
        }
        after = newest;
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
