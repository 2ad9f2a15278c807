//! Connects a virtual client to its server: TCP, TLS if any, and the protocol above it. Every byte is counted.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::HandshakeKind;
use tokio_util::either::Either;

use crate::limits;
use crate::load::context::{Handshake, Subject, TrialContext};
use crate::measure::bytes::tls::RecordTap;
use crate::measure::bytes::{ByteClassifier, ByteCounters, StreamQueue};
use crate::measure::tap::{Tap, Tapped};
use crate::net::tls::Connector;
use crate::run::Transport;
use crate::transport::{Dial, H2Session, Session};

/// A client's end of a connection.
pub type ClientStream =
    Either<Tapped<TcpStream, SocketTap>, Box<Tapped<TlsStream<Tapped<TcpStream, SocketTap>>, ByteClassifier>>>;

/// Makes the connections of one client.
pub struct Dialler {
    id: u32,
    context: Arc<TrialContext>,
    counters: Arc<ByteCounters>,
    tls: Option<Connector>,
}

impl Dialler {
    /// A client that resumes only its own TLS sessions.
    pub fn new(id: u32, context: Arc<TrialContext>, counters: Arc<ByteCounters>) -> Self {
        let tls = context.tls.as_ref().map(Connector::of_another_client);
        Self { id, context, counters, tls }
    }

    /// The session that the client subscribes over: a connection of its own or a shared one, dialled here, or one that
    /// each request dials itself.
    ///
    /// Errors: those of the system or of TLS.
    pub async fn session(self: &Arc<Self>) -> io::Result<Session<ClientStream>> {
        match (self.context.keep_alive, self.context.shared_of(self.id)) {
            (false, _) => Ok(Session::Fresh(Arc::clone(self) as Arc<dyn Dial<ClientStream>>)),
            (true, None) => self.fresh().await,
            (true, Some(shared)) => {
                let mut shared = shared.lock().await;
                if let Some(session) = shared.as_ref().filter(|session| !session.is_closed()) {
                    return Ok(Session::H2(session.clone()));
                }
                let queue = Arc::<StreamQueue>::default();
                self.context.note_queue(Arc::clone(&queue));
                let counters = Arc::clone(&self.context.shared_counters);
                let session = self.h2(counters, Some(queue)).await?;
                Ok(Session::H2(shared.insert(session).clone()))
            }
        }
    }

    /// A connection without any protocol, and the tap that counts its bytes.
    ///
    /// Errors: those of the system.
    pub async fn bare(&self) -> io::Result<(TcpStream, SocketTap)> {
        let stream = self.tcp().await?;
        let counts = CountedLayer::All(ByteClassifier::bare(Arc::clone(&self.counters)));
        let id = self.context.sockets.enter(stream.as_raw_fd(), Arc::default());
        Ok((stream, SocketTap { counts, context: Arc::clone(&self.context), id }))
    }

    /// A connection for HTTP/1.1 or a WebSocket.
    ///
    /// Errors: those of the system.
    pub async fn wire(&self) -> io::Result<ClientStream> {
        self.connect(Arc::clone(&self.counters), None).await
    }

    async fn fresh(&self) -> io::Result<Session<ClientStream>> {
        match self.context.protocol.is_h2() {
            false => self.wire().await.map(Session::Http1),
            true => self.h2(Arc::clone(&self.counters), None).await.map(Session::H2),
        }
    }

    async fn h2(&self, counters: Arc<ByteCounters>, queue: Option<Arc<StreamQueue>>) -> io::Result<H2Session> {
        let wire = self.connect(counters, queue.clone()).await?;
        let (is_tls, for_websockets) = (self.context.protocol.is_tls(), self.has_websockets());
        H2Session::open(wire, is_tls, for_websockets, queue, self.context.stop.clone()).await
    }

    fn has_websockets(&self) -> bool {
        self.context.subject == Subject::Transport(Transport::WebSocket)
    }

    async fn connect(&self, counters: Arc<ByteCounters>, queue: Option<Arc<StreamQueue>>) -> io::Result<ClientStream> {
        let stream = self.tcp().await?;
        let id = self.context.sockets.enter(stream.as_raw_fd(), Arc::default());
        let tap = |counts| SocketTap { counts, context: Arc::clone(&self.context), id };
        let classifier = match self.context.protocol.is_h2() {
            false => ByteClassifier::new(Arc::clone(&counters)),
            true => ByteClassifier::http2(Arc::clone(&counters), self.has_websockets(), queue),
        };
        let Some(connector) = &self.tls else {
            return Ok(Either::Left(Tapped::new(stream, tap(CountedLayer::All(classifier)), limits::WRITE_TIMEOUT)));
        };
        let established = Arc::<AtomicBool>::default();
        let records = CountedLayer::Below(RecordTap::new(counters, Arc::clone(&established)));
        let below = Tapped::new(stream, tap(records), limits::WRITE_TIMEOUT);
        let began = self.context.clock.now();
        let stream = connector.connect(below).await?;
        established.store(true, Relaxed);
        let at = self.context.clock.now();
        let is_resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        self.context.note_handshake(Handshake { at, took: at.saturating_sub(began), is_resumed });
        Ok(Either::Right(Box::new(Tapped::new(stream, classifier.inside_tls(), limits::WRITE_TIMEOUT))))
    }

    /// Connects from the client's own part of 127.0.0.0/8, if the server is on loopback.
    async fn tcp(&self) -> io::Result<TcpStream> {
        let server = self.context.server_of(self.id);
        let socket = match server {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        let part = self.id / limits::CLIENTS_PER_ADDRESS;
        if let (IpAddr::V4(address), 1..) = (server.ip(), part)
            && address.is_loopback()
        {
            let source = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + part);
            socket.bind(SocketAddr::new(source.into(), 0))?;
        }
        let stream = tokio::time::timeout(limits::DIAL_TIMEOUT, socket.connect(server)).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Dial<ClientStream> for Dialler {
    fn dial(&self) -> Pin<Box<dyn Future<Output = io::Result<Session<ClientStream>>> + Send + '_>> {
        Box::pin(self.fresh())
    }
}

/// Counts the bytes of a socket, and keeps the kernel's counters when the connection closes.
pub struct SocketTap {
    counts: CountedLayer,
    context: Arc<TrialContext>,
    id: u64,
}

/// How a socket's bytes are counted: as plaintext, or as TLS records.
enum CountedLayer {
    All(ByteClassifier),
    Below(RecordTap),
}

impl Tap for SocketTap {
    /// The last bytes from the server are counted too.
    const LINGERS: bool = true;

    fn came_in(&mut self, bytes: &[u8]) {
        match &mut self.counts {
            CountedLayer::All(classifier) => classifier.came_in(bytes),
            CountedLayer::Below(records) => records.came_in(bytes),
        }
    }

    fn went_out(&mut self, bytes: &[u8]) {
        match &mut self.counts {
            CountedLayer::All(classifier) => classifier.went_out(bytes),
            CountedLayer::Below(records) => records.went_out(bytes),
        }
    }

    fn closing(&mut self) {
        self.context.sockets.leave_at_its_end(self.id);
    }
}

/// A socket that is not [`Tapped`] is accounted for too, as long as its tap is dropped before it.
impl Drop for SocketTap {
    fn drop(&mut self) {
        self.closing();
    }
}
