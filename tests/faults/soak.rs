//! The soak test: thousands of clients of a server in its own process, for minutes, cut at random. Halfway the server
//! is shut down and another starts on the same port. Memory and file descriptors must stay level, and every client must
//! have received everything.
//!
//! Over 400 lines: the actions and the counts taken during them belong together.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http::{HeaderMap, HeaderValue};
use pushpull::clock::Clock;
use pushpull::limits;
use pushpull::measure::host;
use pushpull::run::Transport;
use pushpull::stream::Cursor;
use pushpull::transport::reconnect::{Ceilings, Counts, Follower};
use pushpull::transport::{Event, Options};
use pushpull::units::{Nanos, UnixMicros};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use super::oracle::{Oracle, Published, Tally};
use super::table::columns;

/// Mean time until a connection is cut.
const CUT_MEAN: Duration = Duration::from_secs(20);
/// Over how long the clients connect.
const RAMP: Duration = Duration::from_secs(5);
/// How long the clients may take to catch up at the end: twice the longest wait before a reconnect.
const CATCH_UP: Duration = Duration::from_secs(30);
const _: () = assert!(CATCH_UP.as_secs() > 2 * limits::BACKOFF_MAX.as_secs());
/// The fraction by which the server's memory may grow after the first reading, which is taken after a minute, or after
/// a quarter of a soak that is shorter than four minutes: the journal fills, and the allocator keeps what the wave of
/// reconnecting clients took.
const MEMORY_GROWTH_MAX: f64 = 0.25;
/// File descriptors in addition to one for each client: listener, logs, runtime.
const FILES_BESIDE: u64 = 64;
/// The fraction of clients whose previous connection may still linger next to the current one (`limits::LINGER`).
const FILES_LINGERING: f64 = 0.15;

/// The arguments of a soak.
#[derive(Clone, Debug, clap::Args)]
pub struct Soak {
    /// The length of the soak.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// The number of clients, spread over the four transports.
    #[arg(long, default_value_t = 2000)]
    clients: usize,
    /// Updates a second.
    #[arg(long, default_value_t = 2.0)]
    rate: f64,
    /// The server's binary.
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
}

/// A server in its own process.
struct Process {
    child: Child,
    pid: u32,
    _output: BufReader<tokio::process::ChildStdout>,
}

impl Process {
    async fn start(program: &Path, port: u16) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--port", &port.to_string(), "--feed", "none"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().with_context(|| format!("{}", program.display()))?;
        let pid = child.id().context("the server has ended already")?;
        let mut output = BufReader::new(child.stdout.take().context("the server has no output")?);
        let mut line = String::new();
        tokio::time::timeout(limits::SERVER_START_TIMEOUT, output.read_line(&mut line)).await??;
        ensure!(line.starts_with("http://"), "the server did not print the address it listens on");
        Ok(Self { child, pid, _output: output })
    }

    /// Sends SIGTERM and waits for the process to exit; returns how long that took.
    async fn drain(mut self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        kill_process(Pid::from_raw(self.pid.try_into()?).context("no such process")?, Signal::TERM)?;
        let status = tokio::time::timeout(limits::DRAIN + Duration::from_secs(5), self.child.wait()).await;
        let status = status.context("the server did not exit in time")??;
        ensure!(status.success(), "the server exited with {status}");
        Ok(began.elapsed())
    }
}

/// The state that all clients share.
struct World {
    address: SocketAddr,
    published: RwLock<Published>,
    /// How many lives of the server are recorded in `published`. A new connection waits until its server's life is.
    lives: watch::Sender<usize>,
    /// The number of the running server's life, from 1.
    life: AtomicU64,
    /// No more connections are cut.
    is_calm: AtomicBool,
    cuts: AtomicU64,
    received: AtomicU64,
    stop: CancellationToken,
}

/// The result of one client.
struct ClientResult {
    via: Transport,
    counts: Counts,
    tally: Tally,
}

/// Memory and open files at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct ResourceUsage {
    rss_bytes: u64,
    server_files: u64,
    own_files: u64,
}

impl ResourceUsage {
    fn read(server: u32) -> Self {
        Self {
            rss_bytes: host::resident_bytes(server).unwrap_or_default(),
            server_files: host::open_files(server).unwrap_or_default(),
            own_files: host::open_files(std::process::id()).unwrap_or_default(),
        }
    }
}

/// Runs the soak and prints its table; `on_progress` gets a line of progress now and then.
///
/// Errors: what prevented the soak from running, or the requirements that were not met.
pub async fn run(soak: &Soak, on_progress: impl Fn(String)) -> anyhow::Result<()> {
    let port = free_port()?;
    let mut server = Process::start(&soak.server, port).await?;
    let world = Arc::new(World {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        published: RwLock::default(),
        lives: watch::Sender::new(0),
        life: AtomicU64::new(1),
        is_calm: AtomicBool::new(false),
        cuts: AtomicU64::new(0),
        received: AtomicU64::new(0),
        stop: CancellationToken::new(),
    });
    let mut publisher = Publisher::new(&world)?;
    publisher.begin_life().await?;
    let oracles: Vec<_> = (0..soak.clients).map(|_| Arc::new(Mutex::new(Oracle::default()))).collect();
    let mut clients = JoinSet::new();
    for (id, oracle) in oracles.iter().enumerate() {
        clients.spawn(client(id, soak.clients, Arc::clone(&world), Arc::clone(oracle)));
    }

    let length = Duration::from_secs_f64(soak.minutes * 60.0);
    let began = Instant::now();
    let half = began + length / 2;
    let first = began + (length / 4).min(Duration::from_secs(60));
    publisher.publish_until(first, soak.rate, &on_progress).await?;
    let mut usages = vec![("once all are there", ResourceUsage::read(server.pid))];
    publisher.publish_until(half, soak.rate, &on_progress).await?;
    usages.push(("before the restart", ResourceUsage::read(server.pid)));
    on_progress("the server is shut down".to_owned());
    world.life.store(2, Relaxed);
    let drained = server.drain().await?;
    server = Process::start(&soak.server, port).await?;
    publisher.begin_life().await?;
    publisher.publish_until(began + length, soak.rate, &on_progress).await?;
    usages.push(("in the end", ResourceUsage::read(server.pid)));

    world.is_calm.store(true, Relaxed);
    let behind = catch_up(&world, &oracles).await;
    world.stop.cancel();
    let mut results = Vec::new();
    while let Some(client) = clients.join_next().await {
        results.push(client?);
    }
    let rest = server.drain().await?;
    println!("{}", text(&results, &usages, &world, [drained, rest]));
    judge(soak, &results, &usages, behind, world.cuts.load(Relaxed))
}

/// A free port outside the ephemeral range, from which the kernel takes the ports of clients (32768 on). Otherwise a
/// client that dials while the server is down could get the server's port and be connected to itself.
fn free_port() -> anyhow::Result<u16> {
    let mut random = ChaCha8Rng::seed_from_u64(Clock::Monotonic.now().0);
    let ports = std::iter::repeat_with(|| random.random_range(20_000..32_000)).take(100);
    let is_free = |port: &u16| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.into_iter().find(is_free).context("no port from 20000 to 32000 is free")
}

/// Publishes updates and records them.
struct Publisher<'a> {
    world: &'a World,
    http: reqwest::Client,
    random: ChaCha8Rng,
    reported: Instant,
}

#[derive(Deserialize)]
struct Answer {
    cursor: Cursor,
}

impl<'a> Publisher<'a> {
    fn new(world: &'a World) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(limits::CONTROL_TIMEOUT).build()?;
        Ok(Self { world, http, random: ChaCha8Rng::seed_from_u64(1), reported: Instant::now() })
    }

    /// Records the new life of the server.
    async fn begin_life(&mut self) -> anyhow::Result<()> {
        let url = format!("http://{}/updates/poll", self.world.address);
        let Answer { cursor } = self.http.get(url).send().await?.error_for_status()?.json().await?;
        ensure!(cursor.seq == 0, "the server begins with {cursor}");
        self.world.published.write().unwrap().begin_life(cursor.epoch, None);
        self.world.lives.send_modify(|lives| *lives += 1);
        Ok(())
    }

    async fn publish_until(&mut self, end: Instant, rate: f64, on_progress: &impl Fn(String)) -> anyhow::Result<()> {
        while Instant::now() < end {
            let wait = Duration::from_secs_f64(-(1.0 - self.random.random::<f64>()).ln() / rate);
            tokio::time::sleep_until((Instant::now() + wait).min(end)).await;
            self.publish().await?;
            if self.reported.elapsed() > Duration::from_secs(10) {
                self.reported = Instant::now();
                let World { cuts, received, published, .. } = self.world;
                on_progress(format!(
                    "{} published, {} received, {} cuts",
                    published.read().unwrap().len(),
                    received.load(Relaxed),
                    cuts.load(Relaxed)
                ));
            }
        }
        Ok(())
    }

    /// Publishes one update that contains its own number, so that no two are equal.
    async fn publish(&mut self) -> anyhow::Result<()> {
        let number = self.world.published.read().unwrap().len();
        let text = "é漢🌋".repeat(self.random.random_range(0..40));
        let data = RawValue::from_string(format!(r#"{{"number":{number},"text":"{text}"}}"#))?;
        self.world.published.write().unwrap().push(UnixMicros(number), data.clone());
        let post = self.http.post(format!("http://{}/updates", self.world.address)).body(data.get().to_owned());
        let Answer { cursor } = post.send().await?.error_for_status()?.json().await?;
        ensure!(cursor.seq > 0, "the server published as {cursor}");
        Ok(())
    }
}

fn identify(published: &Published, data: &RawValue) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        number: u64,
    }
    let Numbered { number } = serde_json::from_str(data.get()).ok()?;
    published.identify(UnixMicros(number), data)
}

async fn client(id: usize, of: usize, world: Arc<World>, oracle: Arc<Mutex<Oracle>>) -> ClientResult {
    let via = Transport::ALL[id % Transport::ALL.len()];
    let share = id as f64 / of as f64;
    let mut random = ChaCha8Rng::seed_from_u64(id as u64);
    let options = Options {
        host: HeaderValue::from_static("localhost"),
        headers: HeaderMap::new(),
        clock: Clock::Monotonic,
        poll_interval: Nanos::SECOND,
        poll_phase: Nanos((Nanos::SECOND.0 as f64 * share) as u64),
        hold: limits::LONG_POLL_HOLD.into(),
    };
    let mut follower = Follower::new(options, Ceilings::default(), id as u64);
    let dial = |position| {
        oracle.lock().unwrap().connected(&world.published.read().unwrap(), position);
        let stays = CUT_MEAN.mul_f64(-(1.0 - random.random::<f64>()).ln());
        let (resets, world) = (random.random(), &world);
        async move { Ok((via, dial(world, stays, resets).await?)) }
    };
    let mut note = |event: Event<'_>| {
        let published = world.published.read().unwrap();
        match event {
            Event::Update(update) => {
                world.received.fetch_add(1, Relaxed);
                let number = identify(&published, update.data);
                oracle.lock().unwrap().update(&published, number, update.seq);
            }
            Event::Gap(gap) => oracle.lock().unwrap().gap(&published, gap),
            Event::Position(cursor) => oracle.lock().unwrap().position(&published, cursor),
            Event::Requested | Event::Empty | Event::Retry(_) | Event::MissedPoll | Event::Decompressed { .. } => {}
        }
    };
    let following = async {
        tokio::time::sleep(RAMP.mul_f64(share)).await;
        follower.follow(dial, &mut note).await
    };
    let gave_up = tokio::select! {
        () = world.stop.cancelled() => None,
        error = following => Some(error),
    };
    let mut tally = std::mem::take(&mut *oracle.lock().unwrap()).finish(&world.published.read().unwrap());
    tally.wrong.extend(gave_up.map(|error| format!("the client gave up: {error}")));
    ClientResult { via, counts: follower.counts, tally }
}

async fn dial(world: &World, stays: Duration, resets: bool) -> std::io::Result<CuttingStream<'_>> {
    let stream = TcpStream::connect(world.address).await?;
    stream.set_nodelay(true)?;
    // A server that has just started is recorded a moment later.
    let life = world.life.load(Relaxed) as usize;
    let mut lives = world.lives.subscribe();
    // The channel cannot close: `world` holds its sender.
    let _recorded = lives.wait_for(|lives| *lives >= life).await.map(drop);
    Ok(CuttingStream { stream, world, resets, at: Box::pin(tokio::time::sleep(stays)) })
}

/// A connection that its own client cuts after a while, with FIN or RST.
struct CuttingStream<'a> {
    stream: TcpStream,
    world: &'a World,
    resets: bool,
    at: Pin<Box<Sleep>>,
}

impl AsyncRead for CuttingStream<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        // After the cut it is not read again. It is not cut once the soak `is_calm`.
        if self.at.as_mut().poll(context).is_ready() && !self.world.is_calm.load(Relaxed) {
            self.world.cuts.fetch_add(1, Relaxed);
            if self.resets {
                self.stream.set_zero_linger()?;
            }
            return Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttingStream<'_> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Waits until every client has everything; returns how many do not after [`CATCH_UP`].
async fn catch_up(world: &World, oracles: &[Arc<Mutex<Oracle>>]) -> usize {
    let end = Instant::now() + CATCH_UP;
    loop {
        let behind = {
            let published = world.published.read().unwrap();
            oracles.iter().filter(|oracle| !oracle.lock().unwrap().is_caught_up(&published)).count()
        };
        if behind == 0 || Instant::now() > end {
            return behind;
        }
        tokio::time::sleep(limits::DRAIN_CHECK_INTERVAL).await;
    }
}

/// The summed results of these clients, and their number.
fn total<'a>(results: impl Iterator<Item = &'a ClientResult>) -> (u64, Counts, Tally) {
    results.fold((0, Counts::default(), Tally::default()), |(clients, mut counts, mut tally), one| {
        counts.connections += one.counts.connections;
        counts.failed += one.counts.failed;
        counts.recovered += one.counts.recovered;
        tally.add(one.tally.clone());
        (clients + 1, counts, tally)
    })
}

fn text(results: &[ClientResult], usages: &[(&str, ResourceUsage)], world: &World, drains: [Duration; 2]) -> String {
    type Metric = fn(&(u64, Counts, Tally)) -> u64;
    const ROWS: [(&str, Metric); 12] = [
        ("clients", |(clients, _, _)| *clients),
        ("reconnects", |(clients, counts, _)| counts.connections.saturating_sub(*clients)),
        ("refused or broken", |(_, counts, _)| counts.failed),
        ("expected", |(_, _, tally)| tally.expected),
        ("received", |(_, _, tally)| tally.received),
        ("recovered after a reconnect", |(_, counts, _)| counts.recovered),
        ("gaps announced", |(_, _, tally)| tally.gaps),
        ("missing in announced gaps", |(_, _, tally)| tally.announced),
        ("lost", |(_, _, tally)| tally.lost),
        ("duplicate", |(_, _, tally)| tally.duplicate),
        ("reordered", |(_, _, tally)| tally.reordered),
        ("otherwise wrong", |(_, _, tally)| tally.wrong.len() as u64),
    ];
    let of = Transport::ALL.map(|via| total(results.iter().filter(|one| one.via == via)));
    let rows: Vec<_> =
        ROWS.iter().map(|(name, metric)| ((*name).to_owned(), of.iter().map(metric).collect())).collect();
    let mut text = columns(&Transport::ALL.map(Transport::label), &rows);
    let heads: Vec<_> = ["server's RSS, KiB", "server's files", "own files"].to_vec();
    let rows: Vec<_> = usages
        .iter()
        .map(|(name, usage)| ((*name).to_owned(), vec![usage.rss_bytes / 1024, usage.server_files, usage.own_files]))
        .collect();
    let wide: Vec<_> = heads.iter().map(|head| format!("{head:>20}")).collect();
    text += &format!("\n\n{:<28}{}", "", wide.concat());
    for (name, metrics) in rows {
        let metrics: Vec<_> = metrics.iter().map(|metric| format!("{metric:>20}")).collect();
        text += &format!("\n{name:<28}{}", metrics.concat());
    }
    let [drained, rest] = drains.map(|length| length.as_secs_f64());
    let published = world.published.read().unwrap().len();
    let cuts = world.cuts.load(Relaxed);
    text += &format!(
        "\n\n{published} updates published, {cuts} connections cut by their clients; the server shut down in {drained:.1} s \
         in the middle and in {rest:.1} s at the end, both times with exit code 0"
    );
    text
}

/// Checks the requirements. Errors: each requirement that was not met, on a separate line.
fn judge(
    soak: &Soak,
    results: &[ClientResult],
    usages: &[(&str, ResourceUsage)],
    behind: usize,
    cuts: u64,
) -> anyhow::Result<()> {
    let (_, _, tally) = total(results.iter());
    let mut failures = Vec::new();
    let Tally { lost, duplicate, reordered, .. } = tally;
    if lost + duplicate + reordered > 0 {
        failures.push(format!("{lost} updates were lost, {duplicate} came twice, {reordered} out of order"));
    }
    if behind > 0 {
        failures.push(format!("{behind} clients did not have everything {CATCH_UP:?} after the last update"));
    }
    failures.extend(tally.wrong.iter().take(10).cloned());
    if cuts == 0 || tally.gaps < soak.clients as u64 {
        failures.push(format!("{cuts} cuts and {} gaps: nothing was tested", tally.gaps));
    }
    let files_max = soak.clients as u64 + FILES_BESIDE + (soak.clients as f64 * FILES_LINGERING) as u64;
    let (_, first) = usages[0];
    for (name, usage) in usages {
        if usage.rss_bytes as f64 > first.rss_bytes as f64 * (1.0 + MEMORY_GROWTH_MAX) {
            let [before, now] = [first.rss_bytes, usage.rss_bytes].map(|bytes| bytes / 1024);
            failures.push(format!(
                "the server's memory grew from {before} KiB to {now} KiB {name}; {:.0} % more is allowed",
                MEMORY_GROWTH_MAX * 100.0
            ));
        }
        for (whose, files) in [("the server", usage.server_files), ("the generator", usage.own_files)] {
            if files > files_max {
                failures.push(format!("{whose} has {files} files open {name}; {files_max} are allowed"));
            }
        }
        if usage.rss_bytes == 0 || usage.server_files == 0 {
            failures.push(format!("the server could not be read {name}"));
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    bail!("{}", failures.join("\n"))
}
