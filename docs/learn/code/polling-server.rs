//! Polling, server: answers at once with what is newer than `after`.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn serve(mut stream: TcpStream, newest: &Mutex<u64>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while let Some(request) = lines.next().transpose()? {
        while lines.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
        let after: u64 = request.split(['=', ' ']).nth(2).and_then(|after| after.parse().ok()).unwrap_or(0);
        let fresh: Vec<String> = (after + 1..=*newest.lock().unwrap()).map(|seq| format!("{{\"seq\":{seq}}}")).collect();
        let body = format!("[{}]", fresh.join(","));
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    }
    Ok(())
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("{{\"port\":{}}}", listener.local_addr().expect("a port").port());
    let newest = Arc::new(Mutex::new(0));
    let publisher = Arc::clone(&newest);
    std::thread::spawn(move || loop {
        std::thread::sleep(Duration::from_millis(100));
        *publisher.lock().unwrap() += 1;
    });
    for stream in listener.incoming().flatten() {
        let newest = Arc::clone(&newest);
        std::thread::spawn(move || serve(stream, &newest));
    }
}
