//! A proxy between client and server that injects the planned faults into connections.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::plan::{ConnectionFaults, Direction, DirectionFaults, End, Ending, Pieces};

/// How long the proxy keeps a connection that it has half-closed, or that it has closed while the other direction has not.
const LINGER: Duration = Duration::from_millis(30);
/// The most delays in one direction of one connection, so that a schedule takes tens of milliseconds and not seconds.
const DELAYS_MAX: u32 = 8;
/// The most pieces in one direction of one connection; later bytes pass whole. Each piece yields to everything else on
/// the machine, so thousands of them would look like a stuck client.
const PIECES_MAX: u32 = 600;
/// The most bytes that a client reads in small pieces, for the same reason.
const SHORT_READS_BYTES: usize = 1 << 10;
const BUFFER_BYTES: usize = 16 << 10;

/// The faults that were injected, summed over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Connections that were closed with FIN on both sides.
    pub cuts: u64,
    /// Connections that were reset (RST) on both sides.
    pub resets: u64,
    /// Connections of which one direction was closed.
    pub half_closes: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Times when nothing passed for a while.
    pub stalls: u64,
    /// Directions in which bytes passed one at a time.
    pub trickles: u64,
    /// Pieces that began in the middle of a UTF-8 character.
    pub split_characters: u64,
    /// Pieces that began in the middle of what the sender wrote.
    pub splits: u64,
    /// Pieces that were delayed.
    pub delays: u64,
    /// Servers that crashed.
    pub crashes: u64,
    /// Servers that drained.
    pub drains: u64,
}

macro_rules! each_fault {
    ($apply:ident) => {
        $apply!(cuts, resets, half_closes, refused, stalls, trickles, split_characters, splits, delays, crashes, drains)
    };
}

impl Faults {
    /// Adds the counts of another schedule.
    pub fn add(&mut self, other: Self) {
        macro_rules! add {
            ($($name:ident),+) => { $( self.$name += other.$name; )+ };
        }
        each_fault!(add);
    }

    /// Each count with its name in the table.
    pub fn named(&self) -> Vec<(String, u64)> {
        macro_rules! name {
            ($($name:ident),+) => { vec![ $( (stringify!($name).replace('_', " "), self.$name) ),+ ] };
        }
        each_fault!(name)
    }
}

/// A running proxy. Its connections end when it is dropped.
pub struct Proxy {
    /// The address that clients connect to.
    address: SocketAddr,
    /// A port that refuses every connection.
    refusing: TcpSocket,
    /// Changes with every read of a client.
    progress: Arc<watch::Sender<()>>,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    /// The server's address. `None` while it is down: another process may have taken its old port.
    upstream: Mutex<Option<SocketAddr>>,
    /// The faults of the connection that is being dialled; a connection without a plan has none.
    next: Mutex<Option<ConnectionFaults>>,
    faults: Mutex<Faults>,
}

impl Shared {
    fn count(&self, add: impl FnOnce(&mut Faults)) {
        add(&mut self.faults.lock().unwrap());
    }
}

impl Proxy {
    /// Listens on a free port, for the server at `upstream`. `progress` changes with every read of a client.
    pub async fn start(upstream: SocketAddr, progress: Arc<watch::Sender<()>>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let refusing = TcpSocket::new_v4()?;
        refusing.bind("127.0.0.1:0".parse().unwrap())?;
        let (next, faults) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { upstream: Mutex::new(Some(upstream)), next, faults });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, refusing, progress, shared, _accepting: accepting })
    }

    /// Directs new connections to another server; with `None` they are closed at once.
    pub fn lead_to(&self, upstream: Option<SocketAddr>) {
        *self.shared.upstream.lock().unwrap() = upstream;
    }

    /// Opens a connection with the faults of `faults`. Call it for one connection at a time.
    pub async fn dial(&self, faults: ConnectionFaults) -> io::Result<ShortReads> {
        if faults.is_refused {
            self.shared.count(|faults| faults.refused += 1);
            TcpStream::connect(self.refusing.local_addr()?).await?;
            return Err(io::Error::other("a port on which nothing listens accepted a connection"));
        }
        let (most, left) = (faults.read_bytes_max, SHORT_READS_BYTES);
        *self.shared.next.lock().unwrap() = Some(faults);
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(ShortReads { stream, most, left, progress: Arc::clone(&self.progress) })
    }

    /// Counts a fault of the server.
    pub fn count(&self, add: impl FnOnce(&mut Faults)) {
        self.shared.count(add);
    }

    /// The faults so far.
    pub fn faults(&self) -> Faults {
        *self.shared.faults.lock().unwrap()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let faults = shared.next.lock().unwrap().take().unwrap_or_default();
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // An error of the proxy's sockets is also seen by the client or the server.
            let _ended = relay(client, faults, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Why a direction ended.
enum DirectionEnd {
    /// The sender closed it, or the connection broke.
    Eof,
    /// The plan ended it.
    Planned(Ending),
}

async fn relay(mut client: TcpStream, faults: ConnectionFaults, shared: &Shared) -> io::Result<()> {
    let Some(upstream) = *shared.upstream.lock().unwrap() else { return Ok(()) };
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ConnectionFaults { up, down, end, .. } = faults;
    let of = |direction: Direction| end.filter(|end| end.direction == direction);
    let ending = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let mut up = std::pin::pin!(pass(&mut from_client, &mut to_server, up, of(Direction::Up), shared));
        let mut down = std::pin::pin!(pass(&mut from_server, &mut to_client, down, of(Direction::Down), shared));
        // The first direction to end decides. If it ended by itself or was half-closed, the other direction continues.
        let (over, is_up) = tokio::select! {
            over = &mut up => (over, true),
            over = &mut down => (over, false),
        };
        match over {
            DirectionEnd::Planned(ending @ (Ending::Cut | Ending::Reset)) => Some(ending),
            DirectionEnd::Planned(Ending::HalfClose) | DirectionEnd::Eof => {
                let rest = async { if is_up { down.await } else { up.await } };
                match tokio::time::timeout(LINGER, rest).await {
                    Ok(DirectionEnd::Planned(ending @ (Ending::Cut | Ending::Reset))) => Some(ending),
                    Ok(DirectionEnd::Planned(Ending::HalfClose) | DirectionEnd::Eof) | Err(_) => None,
                }
            }
        }
    };
    match ending {
        Some(Ending::Reset) => {
            shared.count(|faults| faults.resets += 1);
            client.set_zero_linger()?;
            server.set_zero_linger()?;
        }
        Some(Ending::Cut) => {
            shared.count(|faults| faults.cuts += 1);
            let (_, _) = tokio::join!(close_with_fin(&mut client), close_with_fin(&mut server));
        }
        Some(Ending::HalfClose) | None => {}
    }
    Ok(())
}

/// Closes a connection with FIN, and reads the rest: closed with unread bytes, it would send RST.
async fn close_with_fin(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let _heard = tokio::time::timeout(LINGER, tokio::io::copy(stream, &mut tokio::io::sink())).await;
    Ok(())
}

/// Relays one direction until it ends or the plan ends it; the receiver then gets FIN.
async fn pass(
    from: &mut ReadHalf<'_>,
    to: &mut WriteHalf<'_>,
    mut planned: DirectionFaults,
    end: Option<End>,
    shared: &Shared,
) -> DirectionEnd {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut passed = 0;
    let mut left_of = Left { delays: DELAYS_MAX, pieces: PIECES_MAX };
    let mut left = end.map_or(usize::MAX, |end| end.after_bytes);
    if matches!(planned.pieces, Pieces::Bytes) {
        shared.count(|faults| faults.trickles += 1);
    }
    while left > 0 {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { break };
        let chunk = &buffer[..read.min(left)];
        left -= chunk.len();
        if let Some((_, length)) = planned.stall.take_if(|(after, _)| *after <= passed) {
            shared.count(|faults| faults.stalls += 1);
            tokio::time::sleep(length).await;
        }
        passed += chunk.len();
        if deliver(chunk, to, &planned, &mut left_of, shared).await.is_err() {
            break;
        }
    }
    match end {
        Some(End { ending: ending @ (Ending::Cut | Ending::Reset), .. }) if left == 0 => {
            return DirectionEnd::Planned(ending);
        }
        Some(_) if left == 0 => shared.count(|faults| faults.half_closes += 1),
        _ => {}
    }
    // The receiver may already be gone.
    let _ended = to.shutdown().await;
    match end {
        Some(end) if left == 0 => DirectionEnd::Planned(end.ending),
        _ => DirectionEnd::Eof,
    }
}

/// How many delays and pieces one direction of one connection may still have.
struct Left {
    delays: u32,
    pieces: u32,
}

/// Writes `chunk` in pieces, as planned.
async fn deliver(
    chunk: &[u8],
    to: &mut WriteHalf<'_>,
    planned: &DirectionFaults,
    left: &mut Left,
    shared: &Shared,
) -> io::Result<()> {
    let mut rest = chunk;
    while !rest.is_empty() {
        let pieces = if left.pieces > 0 { planned.pieces } else { Pieces::Whole };
        left.pieces = left.pieces.saturating_sub(1);
        let (piece, behind) = rest.split_at(pieces.first(rest));
        to.write_all(piece).await?;
        rest = behind;
        let Some(&begins) = rest.first() else { break };
        let is_inside = begins & 0b1100_0000 == 0b1000_0000;
        shared.count(|faults| {
            faults.splits += 1;
            faults.split_characters += u64::from(is_inside);
        });
        match planned.delay {
            Some(delay) if left.delays > 0 => {
                left.delays -= 1;
                shared.count(|faults| faults.delays += 1);
                tokio::time::sleep(delay).await;
            }
            // Lets the receiver read the piece before the next one is written.
            _ => tokio::task::yield_now().await,
        }
    }
    Ok(())
}

/// A client's end of a connection, whose reads return at most `most` bytes, however many the kernel has ready.
pub struct ShortReads {
    stream: TcpStream,
    most: usize,
    /// For how many more bytes reads are limited.
    left: usize,
    progress: Arc<watch::Sender<()>>,
}

impl AsyncRead for ShortReads {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = if self.left > 0 { self.most } else { usize::MAX };
        let room = buffer.remaining().min(most);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        self.left = self.left.saturating_sub(read);
        self.progress.send_replace(());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ShortReads {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
