//! A connection to a server in the same process and thread, so that the fuzzer sees the code coverage of the server.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use pushpull::clock::Clock;
use pushpull::http::Server;
use pushpull::server::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// A connection that is kept between requests, and reopened when the server has closed it.
pub struct Connection {
    runtime: Runtime,
    address: SocketAddr,
    socket: Option<TcpStream>,
}

/// The response to one request.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

thread_local! {
    static CONNECTION: RefCell<Connection> = RefCell::new(Connection::open());
}

impl Connection {
    /// Sends a request and reads its answer.
    pub fn exchange(request: &[u8]) -> Answer {
        CONNECTION.with_borrow_mut(|connection| {
            let Connection { runtime, address, socket } = connection;
            runtime.block_on(async {
                let exchange = exchange(*address, socket, request);
                tokio::time::timeout(Duration::from_secs(5), exchange).await.expect("an answer in time")
            })
        })
    }

    fn open() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let address = runtime.block_on(async {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let server = Server::bind(any, Settings::default(), Clock::Monotonic).expect("a free port");
            let address = server.address().expect("its address");
            tokio::spawn(server.run());
            address
        });
        Self { runtime, address, socket: None }
    }
}

async fn exchange(address: SocketAddr, kept: &mut Option<TcpStream>, request: &[u8]) -> Answer {
    let mut socket = match kept.take() {
        Some(socket) => socket,
        None => TcpStream::connect(address).await.expect("a connection"),
    };
    socket.write_all(request).await.expect("the server reads the request");
    let mut bytes = Vec::new();
    let head_length = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let read = socket.read_buf(&mut bytes).await.expect("the connection holds");
        assert!(read > 0, "closed without an answer: {}", String::from_utf8_lossy(request));
    };
    let head = String::from_utf8_lossy(&bytes[..head_length]).to_ascii_lowercase();
    let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    while bytes.len() < head_length + length {
        let read = socket.read_buf(&mut bytes).await.expect("the connection holds");
        assert!(read > 0, "closed in the middle of an answer");
    }
    if !head.contains("connection: close") {
        *kept = Some(socket);
    }
    Answer { status, body: bytes.split_off(head_length) }
}
