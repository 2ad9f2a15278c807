//! What the benches with a socket share: a server on a thread of its own, one client, and updates to send.
//!
//! Server and client are two runtimes of one thread each in one process, so that a hop between them costs what it costs
//! between two processes but for the cold caches; `loadgen` measures two processes.

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

/// How long one sample may take at the most: far beyond every plan, so that an update that never comes ends the bench
/// with a sentence instead of keeping it waiting.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that runs, and where its clients run.
pub struct Lab {
    /// What the server's handlers share: to publish to.
    pub app: Arc<App>,
    address: SocketAddr,
    host: HeaderValue,
    /// Runs the server, and whatever publishes beside it.
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

    /// How the client behaves.
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

    /// Opens a connection, subscribes over what `wrap` makes of it, and shows `on_event` everything up to the update
    /// number `updates`, nothing after it.
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
                    panic!("the {transport} subscription ended before its updates had come: {ended:?}");
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
            // A server that panicked has said so already; a second panic here would hide it.
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

/// A JSON value of exactly `bytes`, made the way the synthetic feed makes it.
pub fn payload(bytes: usize) -> Arc<RawValue> {
    let mut feed = Synthetic::new(1.0, bytes, Arrivals::Steady, 1).expect("a rate and a size within the limits");
    feed.next().expect("the synthetic feed has no end").data
}
