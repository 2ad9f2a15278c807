//! Delay without root: a relay process between clients and server that delays the bytes and limits their rate.
//!
//! Each client has its own link. One direction takes half the round trip, plus or minus the jitter, and the
//! transmission time of the bytes at the link's bandwidth; bytes never overtake one another. A connection opens one
//! round trip late, as if its handshake had gone over the link. When more than [`limits::LINK_BUFFER_BYTES`] are in
//! flight, the sender is held back.
//!
//! It delays a stream and does not model a network: there is no loss and no slow start, and the bandwidth counts the
//! bytes of the stream without TCP/IP headers. The kernel's counters (`TCP_INFO`) are those of the connection between
//! client and relay.
//!
//! The relay's own error is measured during the trial: a probe on a link like a client's goes back and forth, timed by
//! the generator's clock.
//!
//! Over 400 lines: both sides of the relay's standard input and output are in one file, since one reads what the other
//! writes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::limits;
use crate::load::target::TargetError;
use crate::measure::host;
use crate::print;
use crate::run::file::LinkReport;
use crate::stats::nearest_rank;
use crate::units::Nanos;

/// What a link adds to each connection.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// Address that connections are relayed to.
    pub to: SocketAddr,
    /// Round trip to add.
    pub rtt: Nanos,
    /// Random variation of the one-way delay, in either direction.
    pub jitter: Nanos,
    /// Bandwidth of each connection, each way.
    pub bits_per_s: Option<u64>,
}

/// Relays until standard input ends. Its first line contains two addresses: one for clients, one for the probe.
///
/// Errors: those of its sockets and timer.
pub async fn serve(args: LinkOptions) -> anyhow::Result<()> {
    host::raise_file_limit();
    let clock = Clock::Monotonic;
    let relay = Arc::new(Relay { args, clock, alarm: Alarm::new(clock) });
    let (clients, probes, mirror) = (listen()?, listen()?, listen()?);
    let mirror_address = mirror.local_addr()?;
    print::out(&format!("{} {}\n", clients.local_addr()?, probes.local_addr()?))?;
    let (mut orders, mut nowhere) = (tokio::io::stdin(), tokio::io::sink());
    tokio::select! {
        // Ends when the generator closes the pipe or exits.
        ended = tokio::io::copy(&mut orders, &mut nowhere) => ended.map(drop).context("cannot read standard input"),
        ended = relay.alarm.ring_for_ever() => ended.context("the link's timer"),
        ended = relay.accept(clients, relay.args.to) => ended.context("the link's listener"),
        ended = relay.accept(probes, mirror_address) => ended.context("the link's probe"),
        ended = reflect(mirror) => ended.context("the link's mirror"),
    }
}

fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(limits::LISTEN_BACKLOG)
}

/// Echoes all bytes: the far end of the probe.
async fn reflect(mirror: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = mirror.accept().await?;
        stream.set_nodelay(true)?;
        let (mut from, mut to) = stream.into_split();
        // One probe at a time; its end is not an error of the link.
        let _ended = tokio::io::copy(&mut from, &mut to).await;
    }
}

struct Relay {
    args: LinkOptions,
    clock: Clock,
    alarm: Alarm,
}

impl Relay {
    async fn accept(self: &Arc<Self>, listener: TcpListener, to: SocketAddr) -> io::Result<()> {
        let mut connections = JoinSet::new();
        for seed in 0.. {
            let (client, _) = listener.accept().await?;
            let relay = Arc::clone(self);
            connections.spawn(async move {
                // When a connection breaks, both of its ends notice it themselves.
                let _ended = relay.carry(client, to, seed).await;
            });
            while connections.try_join_next().is_some() {}
        }
        Ok(())
    }

    async fn carry(&self, client: TcpStream, to: SocketAddr, seed: u64) -> io::Result<()> {
        let accepted = self.clock.now();
        let server = TcpStream::connect(to).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        // The handshake: the server sees the connection half a round trip after the client opened it; the client sees
        // its success after a whole one.
        let half = Nanos(self.args.rtt.0 / 2);
        let up =
            self.pipe(from_client, to_server, Delay::new(&self.args, accepted.saturating_add(self.args.rtt), 2 * seed));
        let down =
            self.pipe(from_server, to_client, Delay::new(&self.args, accepted.saturating_add(half), 2 * seed + 1));
        tokio::try_join!(up, down).map(drop)
    }

    /// Relays one direction of a connection, including its end.
    async fn pipe(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut wire: Delay) -> io::Result<()> {
        let (send, mut on_their_way) = mpsc::unbounded_channel::<(Nanos, Bytes)>();
        let room = Semaphore::new(limits::LINK_BUFFER_BYTES);
        let reading = async {
            // Moved in, so that the queue closes when reading ends.
            let send = send;
            let mut buffer = vec![0; limits::LINK_READ_BYTES];
            loop {
                let read = from.read(&mut buffer).await?;
                if read == 0 {
                    return io::Result::Ok(());
                }
                let due = wire.due(read, self.clock.now());
                // The semaphore is never closed, and the other half ends only together with this one.
                if let Ok(taken) = room.acquire_many(read as u32).await {
                    taken.forget();
                }
                let _taken = send.send((due, Bytes::copy_from_slice(&buffer[..read])));
            }
        };
        let writing = async {
            while let Some((due, bytes)) = on_their_way.recv().await {
                self.alarm.until(due).await;
                to.write_all(&bytes).await?;
                room.add_permits(bytes.len());
            }
            to.shutdown().await
        };
        tokio::try_join!(reading, writing).map(drop)
    }
}

/// When bytes leave one direction of a link.
#[derive(Debug)]
struct Delay {
    delay: Nanos,
    jitter: Nanos,
    bits_per_s: Option<u64>,
    /// When the last bit sent before will be out.
    free_at: Nanos,
    /// When the newest bytes arrive.
    newest: Nanos,
    random: ChaCha8Rng,
}

impl Delay {
    fn new(args: &LinkOptions, opens_at: Nanos, seed: u64) -> Self {
        Self {
            delay: Nanos(args.rtt.0 / 2),
            jitter: args.jitter,
            bits_per_s: args.bits_per_s,
            free_at: opens_at,
            newest: Nanos::ZERO,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// When `bytes` that entered at `now` leave: after waiting for the bytes before them, being transmitted, and
    /// travelling.
    fn due(&mut self, bytes: usize, now: Nanos) -> Nanos {
        let sending = self.bits_per_s.map_or(0.0, |bits_per_s| bytes as f64 * 8.0 / bits_per_s as f64);
        self.free_at = self.free_at.max(now).saturating_add(Nanos::from_seconds(sending));
        let jitter = (self.random.random::<f64>() * 2.0 - 1.0) * self.jitter.0 as f64;
        let way = (self.delay.0 as f64 + jitter).max(0.0) as u64;
        // A stream keeps its order, so late bytes delay those after them.
        self.newest = self.newest.max(self.free_at.saturating_add(Nanos(way)));
        self.newest
    }
}

/// One kernel timer for everything in flight: tokio's timer counts whole milliseconds, and would add half a
/// millisecond to each direction.
struct Alarm {
    clock: Clock,
    waiting: Mutex<BinaryHeap<Reverse<Waiting>>>,
    /// Notified when a new earliest deadline is added.
    changed: Notify,
}

struct Waiting {
    at: Nanos,
    bell: oneshot::Sender<()>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl Alarm {
    fn new(clock: Clock) -> Self {
        Self { clock, waiting: Mutex::default(), changed: Notify::new() }
    }

    /// Returns at `at`, immediately if that has passed.
    async fn until(&self, at: Nanos) {
        if at <= self.clock.now() {
            return;
        }
        let (bell, rung) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let is_first = waiting.peek().is_none_or(|Reverse(first)| at < first.at);
            waiting.push(Reverse(Waiting { at, bell }));
            is_first
        };
        if is_first {
            self.changed.notify_one();
        }
        // The sender is dropped unused only together with the relay.
        let _rung = rung.await;
    }

    async fn ring_for_ever(&self) -> io::Result<()> {
        let mut timer = self.clock.timer()?;
        loop {
            let next = self.ring();
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                ended = timer.sleep_until(next) => ended?,
            }
        }
    }

    /// Wakes everything that is due; returns when the next is due.
    fn ring(&self) -> Nanos {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        while let Some(Reverse(first)) = waiting.peek() {
            if first.at > now {
                return first.at;
            }
            if let Some(Reverse(first)) = waiting.pop() {
                // Nobody may be waiting any more.
                let _heard = first.bell.send(());
            }
        }
        now.saturating_add(limits::LENGTH_MAX)
    }
}

/// The generator's side: a relay in a child process, which exits when its standard input ends.
pub struct Link {
    /// The address that clients connect to instead of the server's.
    pub address: SocketAddr,
    probe: SocketAddr,
    asked: Nanos,
    process: Child,
    orders: ChildStdin,
}

impl Link {
    /// The process id of the relay while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Starts a relay.
    ///
    /// Errors: [`TargetError`], as for a server.
    pub async fn start(options: &LinkOptions) -> Result<Self, TargetError> {
        let program = std::env::current_exe().map_err(TargetError::Start)?;
        let mut command = Command::new(program);
        let nanos = |length: Nanos| format!("{}ns", length.0);
        command.args(["link", "--to", &options.to.to_string()]);
        command.args(["--rtt", &nanos(options.rtt), "--jitter", &nanos(options.jitter)]);
        if let Some(bits_per_s) = options.bits_per_s {
            command.args(["--bits-per-s", &bits_per_s.to_string()]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut process = command.spawn().map_err(TargetError::Start)?;
        let (Some(orders), Some(said)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(TargetError::Silent);
        };
        let mut lines = BufReader::new(said).lines();
        let first = tokio::time::timeout(limits::SERVER_START_TIMEOUT, lines.next_line()).await;
        let Ok(Ok(Some(line))) = first else { return Err(TargetError::Silent) };
        let addresses: Vec<SocketAddr> = line.split(' ').filter_map(|address| address.parse().ok()).collect();
        let [address, probe] = addresses.as_slice() else { return Err(TargetError::Silent) };
        Ok(Self { address: *address, probe: *probe, asked: options.rtt, process, orders })
    }

    /// Sends probes back and forth until stopped; returns the round trips. The first is left out, since it waits for
    /// the link to open.
    ///
    /// `None` if no probe came back.
    pub fn watch(&self, stop: CancellationToken) -> impl Future<Output = Option<LinkReport>> + use<> {
        let (address, asked) = (self.probe, self.asked);
        async move {
            let mut trips = Vec::new();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                // If a probe breaks, the round trips before it are kept.
                _ended = probe(address, &mut trips) => {}
            }
            trips.sort_unstable();
            let (gave_ns_p50, gave_ns_p99) = (nearest_rank(&trips, 0.5)?, nearest_rank(&trips, 0.99)?);
            Some(LinkReport { asked_ns: asked, gave_ns_p50, gave_ns_p99, probes: trips.len() as u64 })
        }
    }

    /// Stops the relay, and waits for it.
    pub async fn stop(self) {
        let Self { mut process, orders, .. } = self;
        drop(orders);
        if tokio::time::timeout(limits::DRAIN, process.wait()).await.is_err() {
            let _ended = process.kill().await;
        }
    }
}

async fn probe(address: SocketAddr, trips: &mut Vec<Nanos>) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut is_first = true;
    loop {
        let sent = Clock::Monotonic.now();
        let message = sent.0.to_be_bytes();
        stream.write_all(&message).await?;
        let mut back = [0; 8];
        stream.read_exact(&mut back).await?;
        if !std::mem::take(&mut is_first) && back == message {
            trips.push(Clock::Monotonic.now().saturating_sub(sent));
        }
        tokio::time::sleep(limits::LINK_PROBE_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(rtt_ms: u64, jitter_ms: u64, bits_per_s: Option<u64>) -> LinkOptions {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        LinkOptions { to, rtt: Nanos(rtt_ms * 1_000_000), jitter: Nanos(jitter_ms * 1_000_000), bits_per_s }
    }

    #[test]
    fn bytes_are_delayed_by_the_link_and_by_their_transmission_time() {
        let mut wire = Delay::new(&args(100, 0, Some(8_000_000)), Nanos::ZERO, 1);
        // One megabyte per second: 1,000 bytes take one millisecond.
        assert_eq!(wire.due(1_000, Nanos(1_000_000)), Nanos(52_000_000));
        assert_eq!(wire.due(1_000, Nanos(1_000_000)), Nanos(53_000_000), "after the bytes before");
        assert_eq!(wire.due(1_000, Nanos(9_000_000)), Nanos(60_000_000), "the link was idle again");
    }

    #[test]
    fn a_connection_opens_no_earlier_than_its_handshake() {
        let mut wire = Delay::new(&args(100, 0, None), Nanos(100_000_000), 1);
        assert_eq!(wire.due(10, Nanos(0)), Nanos(150_000_000));
        assert_eq!(wire.due(10, Nanos(200_000_000)), Nanos(250_000_000));
    }

    #[test]
    fn jitter_varies_the_delay_and_never_reorders() {
        let mut wire = Delay::new(&args(100, 20, None), Nanos::ZERO, 7);
        let due: Vec<u64> = (0..1_000).map(|ms| wire.due(10, Nanos(ms * 1_000_000)).0).collect();
        assert!(due.is_sorted());
        let mut far = Delay::new(&args(100, 20, None), Nanos::ZERO, 7);
        let ways: Vec<u64> =
            (1..=1_000_u64).map(|s| far.due(10, Nanos(s * 1_000_000_000)).0 - s * 1_000_000_000).collect();
        assert!(ways.iter().all(|way| (30_000_000..=70_000_000).contains(way)));
        assert!(ways.iter().any(|way| *way < 35_000_000) && ways.iter().any(|way| *way > 65_000_000));
    }

    /// The relay in this process, with real sockets.
    #[tokio::test]
    async fn a_round_trip_over_the_link_takes_the_requested_time_and_carries_every_byte() {
        let mirror = listen().unwrap();
        let to = mirror.local_addr().unwrap();
        let clock = Clock::Monotonic;
        let args = LinkOptions { to, ..args(40, 0, None) };
        let relay = Arc::new(Relay { args, clock, alarm: Alarm::new(clock) });
        let clients = listen().unwrap();
        let address = clients.local_addr().unwrap();
        let talk = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // More than the link buffers, so that the sender is held back.
            let sent: Vec<u8> = (0..3 * limits::LINK_BUFFER_BYTES).map(|index| (index * 7 % 251) as u8).collect();
            let mut back = vec![0; sent.len()];
            let mut trips = Vec::new();
            probe_some(&mut stream, &mut trips).await;
            let (mut from, mut to) = stream.split();
            let (wrote, read) = tokio::join!(to.write_all(&sent), from.read_exact(&mut back));
            wrote.unwrap();
            read.unwrap();
            assert!(back == sent, "what came back is not what was sent");
            trips
        };
        let mut trips = tokio::select! {
            trips = talk => trips,
            _ = relay.alarm.ring_for_ever() => panic!("the timer ended"),
            _ = relay.accept(clients, to) => panic!("the listener ended"),
            _ = reflect(mirror) => panic!("the mirror ended"),
        };
        trips.sort_unstable();
        assert!(trips.iter().all(|trip| *trip >= Nanos(40_000_000)), "{trips:?}");
        assert!(trips[0] < Nanos(60_000_000), "{trips:?}");
    }

    async fn probe_some(stream: &mut TcpStream, trips: &mut Vec<Nanos>) {
        for _ in 0..5 {
            let sent = Clock::Monotonic.now();
            stream.write_all(b"probe").await.unwrap();
            stream.read_exact(&mut [0; 5]).await.unwrap();
            trips.push(Clock::Monotonic.now().saturating_sub(sent));
        }
    }
}
