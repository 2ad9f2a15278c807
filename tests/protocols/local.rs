//! A server in this process, and pushpull's own client halves over a given protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use pushpull::clock::Clock;
use pushpull::http::Server;
use pushpull::net::Stream;
use pushpull::net::tls::{Acceptor, Alpn, Connector, Identity, LAB_NAME, Trust};
use pushpull::run::{Protocol, Transport};
use pushpull::server::{App, Settings};
use pushpull::transport::{ClientError, Event, H2Session, Options, Session, reconnect};
use pushpull::units::Nanos;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use crate::common::within;

/// A running server in this process.
pub struct Local {
    pub address: SocketAddr,
    pub app: Arc<App>,
    certificate: Option<CertificateDer<'static>>,
}

impl Local {
    /// Starts a server that speaks this protocol, with compression if `compress`.
    pub fn start(protocol: Protocol, compress: bool) -> Self {
        let identity = Identity::lab(&[]).unwrap();
        let certificate = identity.certificate().clone();
        let tls = protocol.is_tls().then(|| identity.acceptor(&[Alpn::H2, Alpn::Http1]).unwrap());
        let certificate = tls.is_some().then_some(certificate);
        Self { certificate, ..Self::with(tls, protocol == Protocol::H2c, compress) }
    }

    /// Starts a server with this TLS configuration.
    pub fn with(tls: Option<Acceptor>, h2c: bool, compress: bool) -> Self {
        let settings = Settings { tls, h2c, compress, ..Settings::default() };
        let server = Server::bind(([127, 0, 0, 1], 0).into(), settings, Clock::Monotonic).unwrap();
        let (address, app) = (server.address().unwrap(), Arc::clone(server.app()));
        tokio::spawn(server.run());
        Self { address, app, certificate: None }
    }

    /// Publishes a number, in an update that compresses well.
    pub fn publish(&self, number: u64) {
        let now = self.app.clock.now();
        let data = format!("[{number},\"{}\"]", "x".repeat(200));
        self.app.journal.append(now, now, &RawValue::from_string(data).unwrap());
    }

    /// A TLS connector that trusts this server's certificate.
    pub fn connector(&self, alpn: Alpn) -> Connector {
        Connector::new(LAB_NAME, &Trust::These(self.certificate.iter().cloned().collect()), &[alpn]).unwrap()
    }

    /// A new connection for this protocol.
    pub async fn session(&self, protocol: Protocol, for_websockets: bool) -> Session<Box<dyn Stream>> {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let alpn = if protocol.is_h2() { Alpn::H2 } else { Alpn::Http1 };
        let io: Box<dyn Stream> = match protocol.is_tls() {
            false => Box::new(tcp),
            true => Box::new(self.connector(alpn).connect(tcp).await.unwrap()),
        };
        if !protocol.is_h2() {
            return Session::Http1(io);
        }
        let stop = CancellationToken::new();
        Session::H2(H2Session::open(io, protocol.is_tls(), for_websockets, None, stop).await.unwrap())
    }
}

/// The options of a client that polls often, with these headers.
pub fn options(headers: &[(&'static str, &'static str)]) -> Options {
    let header = |(name, value): &(&'static str, &'static str)| {
        (http::HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    Options {
        host: HeaderValue::from_static("localhost"),
        headers: HeaderMap::from_iter(headers.iter().map(header)),
        clock: Clock::Monotonic,
        poll_interval: Nanos::from(Duration::from_millis(20)),
        poll_phase: Nanos::ZERO,
        hold: Nanos::SECOND,
    }
}

/// What a client received: the published numbers, and the compressed bytes before (`coded`) and after decoding.
#[derive(Debug, Default, PartialEq)]
pub struct Received {
    pub numbers: Vec<u64>,
    pub coded: usize,
    pub decoded: usize,
}

/// Subscribes over `session` until `count` updates have arrived; publishes each once the client has the previous one.
pub async fn follow(
    server: &Local,
    via: Transport,
    session: Session<Box<dyn Stream>>,
    options: &Options,
    count: u64,
) -> Result<Received, ClientError> {
    let mut received = Received::default();
    let mut position = None;
    let enough = tokio::sync::Notify::new();
    let mut note = |event: Event<'_>| match event {
        Event::Position(_) => server.publish(1),
        Event::Update(update) => {
            let (number, _): (u64, String) = serde_json::from_str(update.data.get()).unwrap();
            received.numbers.push(number);
            match number < count {
                true => server.publish(number + 1),
                false => enough.notify_one(),
            }
        }
        Event::Decompressed { coded, decoded } => {
            received.coded += coded;
            received.decoded += decoded;
        }
        Event::Requested | Event::Empty | Event::Gap(_) | Event::Retry(_) | Event::MissedPoll => {}
    };
    let following = async {
        tokio::select! {
            biased;
            () = enough.notified() => Ok(()),
            ended = reconnect::subscribe::<Box<dyn Stream>>(via, session, options, &mut position, &mut note) => ended,
        }
    };
    within("the updates", following).await?;
    Ok(received)
}
