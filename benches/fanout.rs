//! Server CPU per delivery when an update goes to many clients: append, wake, write to N sockets.
//!
//! It measures the CPU time of all threads except the one that reads for the clients, not wall-clock time. For
//! comparison, `bare_write` is a thread that only writes the same bytes to as many sockets; docs/COST.md explains the
//! difference.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use memchr::memmem;
use pushpull::clock::Clock;
use pushpull::http::Server;
use pushpull::run::{Arrivals, Transport};
use pushpull::server::{App, Settings};
use pushpull::stream::Cursor;
use pushpull::stream::feed::Synthetic;
use rustix::time::{ClockId, clock_gettime};
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

/// The payload of the `cost` scenario.
const PAYLOAD_BYTES: usize = 200;
/// Clients of the server: one that fits into one fan-out group, and one that needs many.
const CLIENTS: [u64; 2] = [50, 500];

fn fanout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("server_cpu_per_delivery");
    // Flat: every sample is the mean of the same number of deliveries.
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    for clients in CLIENTS {
        group.bench_function(format!("bare_write/{clients}"), |bencher| {
            let (orders, mut sockets) = bare_writer(clients);
            let mut update = 0;
            bencher.iter_custom(|deliveries| {
                server_cpu_time(deliveries, clients, || {
                    update += 1;
                    orders.send(update).expect("the writer runs");
                    sockets.iter_mut().for_each(|socket| socket.read_until(update));
                })
            });
        });
        for transport in [Transport::LongPolling, Transport::Sse, Transport::WebSocket] {
            group.bench_function(format!("{transport}/{clients}"), |bencher| {
                let lab = Lab::start();
                let mut cursor = lab.app.journal.newest();
                let subscribe = |_| Client::subscribe(&lab, transport, cursor);
                let mut sockets: Vec<Client> = (0..clients).map(subscribe).collect();
                let data = payload();
                bencher.iter_custom(|deliveries| {
                    server_cpu_time(deliveries, clients, || {
                        let now = lab.app.clock.now();
                        cursor = lab.app.journal.append(now, now, &data);
                        sockets.iter_mut().for_each(|socket| socket.read_until(cursor.seq));
                        if transport == Transport::LongPolling {
                            sockets.iter_mut().for_each(|socket| socket.ask(&lab, transport, cursor));
                        }
                    })
                });
            });
        }
    }
    group.finish();
}

/// The CPU time that all other threads take for `deliveries` deliveries. Each call of `update` makes one to each
/// client.
fn server_cpu_time(deliveries: u64, clients: u64, mut update: impl FnMut()) -> Duration {
    let read = || {
        let seconds = |clock| Duration::try_from(clock_gettime(clock)).expect("a clock's time is not negative");
        seconds(ClockId::ProcessCPUTime) - seconds(ClockId::ThreadCPUTime)
    };
    let updates = deliveries.div_ceil(clients);
    let before = read();
    (0..updates).for_each(|_| update());
    (read() - before).mul_f64(deliveries as f64 / (updates * clients) as f64)
}

/// A running server on one thread.
struct Lab {
    app: Arc<App>,
    address: SocketAddr,
    _server: Runtime,
}

impl Lab {
    fn start() -> Self {
        let server = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let entered = server.enter();
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listening = Server::bind(any_port, Settings::default(), Clock::Monotonic).expect("a free port on loopback");
        let address = listening.address().expect("the address of a listening socket");
        let app = Arc::clone(listening.app());
        server.spawn(listening.run());
        drop(entered);
        Self { app, address, _server: server }
    }
}

/// A JSON value of [`PAYLOAD_BYTES`], generated as the synthetic feed does.
fn payload() -> Arc<RawValue> {
    let mut feed =
        Synthetic::new(1.0, PAYLOAD_BYTES, Arrivals::Steady, 1).expect("a rate and a size within the limits");
    feed.next().expect("the synthetic feed has no end").data
}

/// A client's socket, read by the thread that runs the bench.
struct Client {
    socket: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    fn of(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("an open socket takes its options");
        Self { socket, unread: Vec::new() }
    }

    fn subscribe(lab: &Lab, transport: Transport, cursor: Cursor) -> Self {
        let mut client = Self::of(TcpStream::connect(lab.address).expect("the server listens"));
        client.ask(lab, transport, cursor);
        match transport {
            // The answer to a poll is already the first update.
            Transport::Polling | Transport::LongPolling => {}
            Transport::Sse | Transport::WebSocket => client.read_until_found(cursor.to_string().as_bytes()),
        }
        client
    }

    fn ask(&mut self, lab: &Lab, transport: Transport, cursor: Cursor) {
        let (path, more) = match transport {
            Transport::Polling => ("poll", ""),
            Transport::LongPolling => ("long-poll", ""),
            Transport::Sse => ("sse", ""),
            Transport::WebSocket => (
                "ws",
                "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                 sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            ),
        };
        let head = format!("GET /updates/{path}?after={cursor} HTTP/1.1\r\nhost: {}\r\n{more}\r\n", lab.address);
        self.socket.write_all(head.as_bytes()).expect("the server reads");
    }

    /// Reads until the update with this sequence number has arrived.
    fn read_until(&mut self, seq: u64) {
        self.read_until_found(format!("\"seq\":{seq},").as_bytes());
        self.unread.clear();
    }

    fn read_until_found(&mut self, wanted: &[u8]) {
        let mut part = [0; 4096];
        while memmem::find(&self.unread, wanted).is_none() {
            let read = self.socket.read(&mut part).expect("the server writes");
            assert!(read > 0, "the server ended the connection");
            self.unread.extend_from_slice(&part[..read]);
        }
    }
}

/// Starts a thread that writes an update to `clients` sockets for each sequence number it is sent. Returns the sender
/// of these numbers and the other ends of the sockets.
fn bare_writer(clients: u64) -> (mpsc::Sender<u64>, Vec<Client>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
    let address = listener.local_addr().expect("a listening socket has an address");
    let (near, far): (Vec<TcpStream>, Vec<Client>) = (0..clients)
        .map(|_| {
            let far = Client::of(TcpStream::connect(address).expect("the socket listens"));
            (listener.accept().expect("a connection waits").0, far)
        })
        .unzip();
    let (orders, ordered) = mpsc::channel::<u64>();
    let data = payload();
    std::thread::spawn(move || {
        for seq in ordered {
            let line = format!("{{\"seq\":{seq},\"at_us\":1795363216000123,\"data\":{}}}\n", data.get());
            near.iter().for_each(|mut socket| socket.write_all(line.as_bytes()).expect("its other end is open"));
        }
    });
    (orders, far)
}

criterion_group!(benches, fanout);
criterion_main!(benches);
