//! Server-Sent Events, client: reads lines; an empty one ends a block. The id says where to go on.
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

fn follow(host: &str, last: &mut String) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET /updates HTTP/1.1\r\nHost: {host}\r\nLast-Event-ID: {last}\r\n\r\n")?;
    // Sizes of chunks are lines as well, but no fields: a parser of events ignores them.
    for line in BufReader::new(stream).lines() {
        match line?.split_once(": ") {
            Some(("id", id)) => *last = id.to_owned(),
            Some(("data", data)) => println!("{data}"),
            Some(_) | None => {}
        }
    }
    Ok(())
}

fn main() {
    let url = std::env::args().nth(1).expect("the server's address");
    let mut last = String::new();
    loop {
        let _cut = follow(url.trim_start_matches("http://"), &mut last);
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
