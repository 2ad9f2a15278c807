//! Shared by the benches that use a socket: a server on its own thread, one client, and payloads.
//!
//! Server and client are two single-threaded runtimes in one process. A hop between them costs as much as between two
//! processes, except for cold caches; `loadgen` measures two processes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderValue;
use pushpull::clock::Clock;
use pushpull::http::Server;
use pushpull::limits;
use pushpull::net::Stream;
use pushpull::run::Arrivals;
use pushpull::run::Transport;
use pushpull::server::{App, Settings};
use pushpull::stream::feed::Synthetic;
use pushpull::transport::{ClientError, Event, Options, long_polling, polling, sse, websocket};
use pushpull::units::Nanos;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The timeout of one sample. It is far longer than any sample takes: it makes a bench whose update never arrives fail
/// with a message instead of hanging.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A running server, and the runtime of its client.
pub struct Lab {
    /// The state that the server's handlers share; benches publish to its journal.
    pub app: Arc<App>,
    address: SocketAddr,
    host: HeaderValue,
    /// The runtime of the server and of tasks that publish.
    pub server: Runtime,
    serving: Option<JoinHandle<()>>,
    client: Runtime,
}

impl Lab {
    /// Starts a server without a feed on a free port.
    pub fn start() -> Self {
        let server =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime for the server");
        let client = Builder::new_current_thread().enable_all().build().expect("a runtime for the client");
        let entered = server.enter();
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listening = Server::bind(any_port, Settings::default(), Clock::Monotonic).expect("a free port on loopback");
        let address = listening.address().expect("the address of a listening socket");
        let app = Arc::clone(listening.app());
        let serving = Some(server.spawn(listening.run()));
        drop(entered);
        let host = HeaderValue::try_from(address.to_string()).expect("an address is fit for a header");
        Self { app, address, host, server, serving, client }
    }

    /// The options of the client.
    pub fn options(&self, poll_interval: Duration) -> Options {
        Options {
            host: self.host.clone(),
            headers: HeaderMap::new(),
            clock: self.app.clock,
            poll_interval: poll_interval.into(),
            poll_phase: Nanos::ZERO,
            hold: limits::LONG_POLL_HOLD.into(),
        }
    }

    /// Opens a connection, passes it through `wrap` and subscribes over it. `on_event` gets each event up to and
    /// including the last of `updates` updates, and none after it.
    pub fn receive<S: Stream>(
        &self,
        transport: Transport,
        options: &Options,
        wrap: impl FnOnce(TcpStream) -> S,
        updates: u64,
        mut on_event: impl FnMut(Event<'_>),
    ) {
        let enough = Notify::new();
        let mut missing = updates;
        let mut count = |event: Event<'_>| {
            if missing == 0 {
                return;
            }
            on_event(event);
            if matches!(event, Event::Update(_)) {
                missing -= 1;
                if missing == 0 {
                    enough.notify_one();
                }
            }
        };
        let receiving = async {
            let stream = TcpStream::connect(self.address).await.expect("the server listens");
            stream.set_nodelay(true).expect("an open socket takes its options");
            tokio::select! {
                biased;
                ended = subscribe(transport, wrap(stream), options, &mut count) => {
                    panic!("the {transport} subscription ended before its updates had arrived: {ended:?}");
                }
                () = enough.notified() => {}
            }
        };
        let outcome = self.client.block_on(async { tokio::time::timeout(SAMPLE_TIMEOUT, receiving).await });
        outcome.expect("a sample within its time; if the host is that busy, run the bench again when it is not");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.app.drain.begin();
        if let Some(serving) = self.serving.take() {
            // A server that panicked has reported it already; a second panic here would hide it.
            let _ended = self.server.block_on(serving);
        }
    }
}

async fn subscribe<S: Stream>(
    transport: Transport,
    io: S,
    options: &Options,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let mut position = None;
    match transport {
        Transport::Polling => polling::subscribe(io, options, &mut position, on_event).await,
        Transport::LongPolling => long_polling::subscribe(io, options, &mut position, on_event).await,
        Transport::Sse => sse::subscribe(io, options, &mut position, on_event).await,
        Transport::WebSocket => websocket::subscribe(io, options, &mut position, on_event).await,
    }
}

/// A JSON value of exactly `bytes` bytes, generated as the synthetic feed does.
pub fn payload(bytes: usize) -> Arc<RawValue> {
    let mut feed = Synthetic::new(1.0, bytes, Arrivals::Steady, 1).expect("a rate and a size within the limits");
    feed.next().expect("the synthetic feed has no end").data
}
