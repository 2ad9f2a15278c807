//! Runs one schedule: a real server, the proxy, the real client half with its reconnects, and the oracle.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use clap::ValueEnum;
use http::{HeaderMap, HeaderValue};
use pushpull::clock::Clock;
use pushpull::http::Server;
use pushpull::limits;
use pushpull::server::{App, Settings};
use pushpull::transport::reconnect::{Ceilings, Follower};
use pushpull::transport::{ClientError, Event, Options};
use pushpull::units::Nanos;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::oracle::{Oracle, Published, Tally};
use super::plan::{Schedule, Step};
use super::proxy::{Faults, Proxy};

/// After the last step, a client that lacks updates and receives no byte for this long counts as stuck. It is less than
/// the time after which the client drops a silent connection, which would hide that it was stuck.
const TIMEOUT: Duration = Duration::from_secs(10);
const _: () = assert!(TIMEOUT.as_secs() < limits::SILENCE_GRACE.as_secs());
/// The same with tampering, for updates instead of bytes: a removed update never arrives, but bytes do as long as the
/// client polls.
const TIMEOUT_TAMPERED: Duration = Duration::from_secs(3);
/// The total time a client has to catch up, even if bytes keep arriving. It is generous: a kilobyte that arrives byte
/// by byte takes seconds when ten other programs want the CPU.
const CATCH_UP_MAX: Duration = Duration::from_secs(60);
const CEILINGS: Ceilings = Ceilings { first: Duration::from_millis(1), max: Duration::from_millis(8) };

/// A change to the updates between client and oracle, to check that the oracle notices it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tamper {
    /// Removes one update.
    Drop,
    /// Repeats one update.
    Duplicate,
    /// Swaps two updates.
    Swap,
}

/// Which update is tampered with: some come before it, and some after.
const TAMPERED: u64 = 3;

/// The result of a schedule.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The oracle's counts.
    pub tally: Tally,
    /// The faults that were injected.
    pub faults: Faults,
    /// Updates published.
    pub published: u64,
    /// Updates that the client recovered after a reconnect.
    pub recovered: u64,
    /// Connections beyond the first.
    pub reconnects: u64,
    /// Was an update actually tampered with?
    pub is_tampered: bool,
    /// How long it took.
    pub took: Duration,
}

/// Passes the client's updates to the oracle, and tampers with them.
struct Watcher {
    oracle: Oracle,
    tamper: Option<Tamper>,
    seen: u64,
    held: Option<(Option<u64>, u64)>,
    /// The client's last event, and when it happened: reported if the client is stuck.
    last: (String, Nanos),
}

impl Watcher {
    fn update(&mut self, published: &Published, number: Option<u64>, seq: u64) {
        self.seen += 1;
        let is_target = self.seen == TAMPERED;
        match self.tamper {
            Some(Tamper::Drop) if is_target => {}
            Some(Tamper::Swap) if is_target => self.held = Some((number, seq)),
            Some(Tamper::Duplicate) if is_target => {
                self.oracle.update(published, number, seq);
                self.oracle.update(published, number, seq);
            }
            _ => self.oracle.update(published, number, seq),
        }
        if !is_target && let Some((number, seq)) = self.held.take() {
            self.oracle.update(published, number, seq);
        }
    }
}

/// What was published, and the watcher of what the client receives.
struct Record {
    published: Published,
    watcher: Watcher,
}

/// The state that the client's and the server's side share.
struct World {
    record: Mutex<Record>,
    /// Changes with each event of the client.
    events: watch::Sender<()>,
    /// Changes with every read of the client.
    bytes: Arc<watch::Sender<()>>,
    proxy: Proxy,
    clock: Clock,
}

impl World {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    fn note(&self, event: Event<'_>) {
        let mut record = self.record();
        let Record { published, watcher } = &mut *record;
        watcher.last = (format!("{event:.0?}").chars().take(60).collect(), self.clock.now());
        match event {
            Event::Update(update) => {
                let number = published.identify(update.at_us, update.data);
                watcher.update(published, number, update.seq);
            }
            Event::Gap(gap) => watcher.oracle.gap(published, gap),
            Event::Position(cursor) => watcher.oracle.position(published, cursor),
            Event::Requested | Event::Empty | Event::Retry(_) | Event::MissedPoll | Event::Decompressed { .. } => {
                return;
            }
        }
        drop(record);
        self.events.send_replace(());
        self.bytes.send_replace(());
    }

    /// Waits until `is_there` holds; `false` if there is no `progress` for longer than `timeout`, or if it takes
    /// longer than [`CATCH_UP_MAX`].
    async fn until(
        &self,
        progress: &watch::Sender<()>,
        timeout: Duration,
        is_there: impl Fn(&Oracle, &Published) -> bool,
    ) -> bool {
        let mut progress = progress.subscribe();
        let watching = async {
            while !self.is(&is_there) {
                if tokio::time::timeout(timeout, progress.changed()).await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(CATCH_UP_MAX, watching).await.unwrap_or(false)
    }

    fn is(&self, is_there: impl Fn(&Oracle, &Published) -> bool) -> bool {
        let record = self.record();
        is_there(&record.watcher.oracle, &record.published)
    }

    /// Publishes an update. Each has a different microsecond.
    fn publish(&self, app: &App, data: Box<RawValue>, at: &mut Nanos) {
        let published = &mut self.record().published;
        *at = self.clock.now().whole_micros().max(at.saturating_add(Nanos::MICRO));
        published.push(self.clock.anchor().unix(*at), data.clone());
        app.journal.append(*at, *at, &data);
    }
}

/// A running server in this process: one life of the stream.
struct Life {
    app: Arc<App>,
    address: SocketAddr,
}

fn begin_life(schedule: &Schedule, clock: Clock, tasks: &mut JoinSet<()>) -> std::io::Result<Life> {
    let settings = Settings {
        journal: schedule.journal,
        sse_retry: Duration::from_millis(1),
        drain: Duration::from_millis(20),
        ..Settings::default()
    };
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), settings, clock)?;
    let life = Life { app: Arc::clone(server.app()), address: server.address()? };
    tasks.spawn(server.run());
    Ok(life)
}

/// Runs a schedule to its end, in bounded time.
///
/// Errors: those of the operating system when a socket cannot be opened.
pub async fn run(schedule: &Schedule, tamper: Option<Tamper>) -> std::io::Result<Outcome> {
    let clock = Clock::Monotonic;
    let began = clock.now();
    let mut servers = JoinSet::new();
    let life = begin_life(schedule, clock, &mut servers)?;
    let mut published = Published::default();
    published.begin_life(life.app.journal.newest().epoch, Some(Arc::clone(&life.app.journal)));
    let watcher = Watcher { oracle: Oracle::default(), tamper, seen: 0, held: None, last: (String::new(), began) };
    let (events, bytes) = (watch::Sender::new(()), Arc::new(watch::Sender::new(())));
    let proxy = Proxy::start(life.address, Arc::clone(&bytes)).await?;
    let world = World { record: Mutex::new(Record { published, watcher }), events, bytes, proxy, clock };
    let mut follower = Follower::new(options(schedule, clock), CEILINGS, schedule.seed);
    let gave_up = tokio::select! {
        biased;
        error = follow(&mut follower, schedule, &world) => Some(error),
        outcome = perform(schedule, &world, life, &mut servers) => { outcome?; None }
    };
    servers.shutdown().await;
    let faults = world.proxy.faults();
    let Record { published, watcher } = world.record.into_inner().unwrap();
    let is_tampered = watcher.tamper.is_some() && watcher.seen >= TAMPERED;
    let mut tally = watcher.oracle.finish(&published);
    tally.wrong.extend(gave_up.map(|error| format!("the client gave up: {error}")));
    Ok(Outcome {
        tally,
        faults,
        published: published.len(),
        recovered: follower.counts.recovered,
        reconnects: follower.counts.connections.saturating_sub(1),
        is_tampered,
        took: clock.now().saturating_sub(began).duration(),
    })
}

fn options(schedule: &Schedule, clock: Clock) -> Options {
    Options {
        host: HeaderValue::from_static("localhost"),
        headers: HeaderMap::new(),
        clock,
        poll_interval: schedule.poll_interval.into(),
        poll_phase: Nanos::ZERO,
        hold: schedule.hold.into(),
    }
}

/// The client's side.
async fn follow(follower: &mut Follower, schedule: &Schedule, world: &World) -> ClientError {
    let mut index = 0;
    let dial = |position| {
        let Record { published, watcher } = &mut *world.record();
        watcher.oracle.connected(published, position);
        let faults = schedule.connection(index);
        watcher.last = (format!("dialled connection {index}, {faults:?}"), world.clock.now());
        index += 1;
        async move { Ok((faults.via, world.proxy.dial(faults).await?)) }
    };
    follower.follow(dial, &mut |event| world.note(event)).await
}

/// The server's side: does all steps, then waits until the client has everything or is stuck.
async fn perform(schedule: &Schedule, world: &World, mut life: Life, servers: &mut JoinSet<()>) -> std::io::Result<()> {
    let mut at = Nanos::ZERO;
    if schedule.waits_for_client {
        world.until(&world.bytes, TIMEOUT, |oracle, _| oracle.has_position()).await;
    }
    for step in &schedule.steps {
        match step {
            Step::Publish(updates) => updates.iter().for_each(|data| world.publish(&life.app, data.clone(), &mut at)),
            Step::Wait(length) => tokio::time::sleep(*length).await,
            Step::Crash(down_for) => {
                world.proxy.lead_to(None);
                servers.shutdown().await;
                life.app.counters.sockets.shut(|_| true);
                tokio::time::sleep(*down_for).await;
                world.proxy.count(|faults| faults.crashes += 1);
                life = restart(schedule, world, servers)?;
            }
            Step::Drain => {
                let old = std::mem::replace(&mut life, restart(schedule, world, servers)?);
                old.app.drain.begin();
                world.proxy.count(|faults| faults.drains += 1);
            }
        }
    }
    let is_tampered = world.record().watcher.tamper.is_some();
    let (progress, timeout) = if is_tampered { (&world.events, TIMEOUT_TAMPERED) } else { (&*world.bytes, TIMEOUT) };
    if !world.until(progress, timeout, Oracle::is_caught_up).await {
        let watcher = &mut world.record().watcher;
        let (what, when) = &watcher.last;
        watcher.oracle.stuck(&format!("{:.3} s ago: {what}", world.clock.now().saturating_sub(*when).seconds()));
    }
    Ok(())
}

/// Starts another server and directs new connections to it.
fn restart(schedule: &Schedule, world: &World, servers: &mut JoinSet<()>) -> std::io::Result<Life> {
    let life = begin_life(schedule, world.clock, servers)?;
    let journal = Arc::clone(&life.app.journal);
    world.record().published.begin_life(journal.newest().epoch, Some(journal));
    world.proxy.lead_to(Some(life.address));
    Ok(life)
}
