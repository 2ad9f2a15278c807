//! Long polling, server: holds a request until there is something newer than `after`, for at most 20 s.
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

type Shared = Arc<(Mutex<u64>, Condvar)>;

fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while let Some(request) = lines.next().transpose()? {
        while lines.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
        let after: u64 = request.split(['=', ' ']).nth(2).and_then(|after| after.parse().ok()).unwrap_or(0);
        let hold = Duration::from_secs(20);
        let parked = shared.1.wait_timeout_while(shared.0.lock().unwrap(), hold, |newest| *newest <= after);
        let newest = *parked.unwrap().0;
        let fresh: Vec<String> = (after + 1..=newest).map(|seq| format!("{{\"seq\":{seq}}}")).collect();
        let body = format!("[{}]", fresh.join(","));
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    }
    Ok(())
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
