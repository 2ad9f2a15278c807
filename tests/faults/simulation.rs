//! The delivery contract in virtual time: a network that partitions, delays and holds back, a server that crashes and
//! restarts, and minutes of silence that take no real time.
//!
//! It uses [turmoil](https://docs.rs/turmoil): every host has its own tokio runtime with paused time, and the test
//! controls the latency, partitions and crashes of the network between them. The server takes turmoil's streams through
//! `http::serve_over`; everything behind that is what serves real connections: hyper, the handlers, the journal, the
//! drain. The clients are the real client halves with the real reconnects. This covers what the proxy in this folder
//! cannot: the hold of a long poll, heartbeats, ping and pong deadlines, the ceilings of the back-off, and a network
//! that dies silently.
//!
//! turmoil does not retransmit what a partition swallowed: after a partition the connection is dead, and neither side
//! notices. That is the worst that a network can do, and the reason why [`Follower`] drops a silent connection. A
//! network that recovers before TCP gives up is turmoil's `hold` and `release`.
//!
//! Each latency is drawn from the seed and constant until it is set again, since the order in which a server wakes its
//! subscribers does not depend on the seed. So a repeated seed gives each client the same events, to the nanosecond.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use pushpull::clock::Clock;
use pushpull::http::serve_over;
use pushpull::limits;
use pushpull::run::Transport;
use pushpull::server::{App, Settings};
use pushpull::stream::Bounds;
use pushpull::transport::reconnect::{Ceilings, Follower};
use pushpull::transport::{Event, Options};
use pushpull::units::Nanos;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::value::RawValue;
use tokio::time::Instant;
use turmoil::Sim;
use turmoil::net::{TcpListener, TcpStream};

use super::faults::oracle::{Oracle, Published, Tally};
use super::faults::plan::TransportChoice;

const PORT: u16 = 80;
/// The time step of the simulated network; timers within a host are exact.
const TICK: Duration = Duration::from_millis(50);
const SERVER: &str = "server";
/// How long the network and the server have faults.
const FAULT_PERIOD: Duration = Duration::from_secs(600);
/// How long the clients may take to catch up after that: a connection that died silently is dropped after the longest
/// silence that its transport allows, and then comes the longest wait before a reconnect.
const CATCH_UP: Duration = Duration::from_secs(120);
const _: () = assert!(
    CATCH_UP.as_secs()
        > limits::LONG_POLL_HOLD.as_secs() + limits::SILENCE_GRACE.as_secs() + 2 * limits::BACKOFF_MAX.as_secs()
);
/// Mean time between two updates. Sometimes there is none for minutes: see [`inject_faults`].
const UPDATE_MEAN: Duration = Duration::from_secs(2);
/// Mean time between two faults.
const FAULT_MEAN: Duration = Duration::from_secs(20);

/// The result of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRecord {
    /// The label of its transport.
    pub over: &'static str,
    /// The oracle's counts.
    pub tally: Tally,
    /// Connections beyond the first.
    pub reconnects: u64,
    /// Each event of the client, with its virtual time in nanoseconds.
    pub events: Vec<(u128, String)>,
}

/// Counts of the injected faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Partitions of a client from the server; everything in flight was lost.
    pub partitions: u64,
    /// Times that a client's network held all packets back.
    pub holds: u64,
    /// Changes of a client's latency.
    pub delays: u64,
    /// Crashes of the server, each followed by a restart.
    pub crashes: u64,
}

#[derive(Default)]
struct Client {
    oracle: Oracle,
    dials: u64,
    events: Vec<(u128, String)>,
}

#[derive(Clone)]
struct World {
    published: Arc<Mutex<Published>>,
    clients: Arc<Vec<Mutex<Client>>>,
    /// The server that is running now.
    app: Arc<Mutex<Option<Arc<App>>>>,
}

/// Runs ten simulated minutes of a seed, and then as long as the clients need to catch up.
///
/// Errors: those of the simulation.
pub fn run(seed: u64) -> turmoil::Result<(Vec<ClientRecord>, FaultCounts)> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut sim = turmoil::Builder::new()
        .simulation_duration(FAULT_PERIOD + CATCH_UP * 2)
        .tick_duration(TICK)
        .tcp_capacity(4096)
        .rng_seed(seed)
        .build();
    let world = World {
        published: Arc::default(),
        clients: Arc::new(TransportChoice::ALL.map(|_| Mutex::default()).into()),
        app: Arc::default(),
    };
    let bounds = if random.random() { Bounds::default() } else { Bounds { updates: 8, bytes: usize::MAX } };
    let of_server = world.clone();
    sim.host(SERVER, move || serve(of_server.clone(), bounds));
    for (index, over) in TransportChoice::ALL.into_iter().enumerate() {
        sim.client(over.label(), follow(world.clone(), index, over, seed));
        sim.set_link_latency(over.label(), SERVER, Duration::from_millis(random.random_range(1..100)));
    }
    let faults = inject_faults(&mut sim, &world, &mut random)?;
    let until = sim.elapsed() + CATCH_UP;
    let is_behind = |world: &World| {
        let published = world.published.lock().unwrap();
        world.clients.iter().any(|client| !client.lock().unwrap().oracle.is_caught_up(&published))
    };
    while is_behind(&world) && sim.elapsed() < until {
        sim.step()?;
    }
    drop(sim);
    let published = world.published.lock().unwrap();
    let clients = TransportChoice::ALL.iter().zip(world.clients.iter()).map(|(over, client)| {
        let Client { oracle, dials, events } = std::mem::take(&mut *client.lock().unwrap());
        ClientRecord {
            over: over.label(),
            tally: oracle.finish(&published),
            reconnects: dials.saturating_sub(1),
            events,
        }
    });
    Ok((clients.collect(), faults))
}

/// Publishes updates and injects faults for [`FAULT_PERIOD`], then repairs everything and publishes a last update.
fn inject_faults(sim: &mut Sim<'_>, world: &World, random: &mut ChaCha8Rng) -> turmoil::Result<FaultCounts> {
    enum End {
        Repair(&'static str),
        Release(&'static str),
        Bounce,
    }
    let mut faults = FaultCounts::default();
    let mut ends: Vec<(Duration, End)> = Vec::new();
    let mut next_update = Duration::ZERO;
    let mut next_fault = Duration::from_secs(5);
    while sim.elapsed() < FAULT_PERIOD || !ends.is_empty() {
        sim.step()?;
        let now = sim.elapsed();
        while let Some(index) = ends.iter().position(|(at, _)| *at <= now) {
            match ends.swap_remove(index).1 {
                End::Repair(client) => sim.repair(client, SERVER),
                End::Release(client) => sim.release(client, SERVER),
                End::Bounce => sim.bounce(SERVER),
            }
        }
        if next_update <= now {
            publish(world, now, random);
            // One pause in forty is longer than any heartbeat, hold or ping.
            let is_long = random.random_range(0..40) == 0;
            next_update =
                now + exponential(UPDATE_MEAN, random) + if is_long { FAULT_MEAN * 4 } else { Duration::ZERO };
        }
        if next_fault > now || now > FAULT_PERIOD {
            continue;
        }
        next_fault = now + exponential(FAULT_MEAN, random);
        let client = TransportChoice::ALL[random.random_range(0..TransportChoice::ALL.len())].label();
        let is_well = ends.iter().all(|(_, end)| match end {
            End::Repair(other) | End::Release(other) => *other != client,
            End::Bounce => true,
        });
        let is_up = !ends.iter().any(|(_, end)| matches!(end, End::Bounce));
        match random.random_range(0..4) {
            0 if is_well => {
                sim.partition(client, SERVER);
                ends.push((now + exponential(Duration::from_secs(30), random), End::Repair(client)));
                faults.partitions += 1;
            }
            1 if is_well => {
                sim.hold(client, SERVER);
                ends.push((now + exponential(Duration::from_secs(8), random), End::Release(client)));
                faults.holds += 1;
            }
            2 => {
                sim.set_link_latency(client, SERVER, Duration::from_millis(random.random_range(1..2_000)));
                faults.delays += 1;
            }
            3 if is_up => {
                sim.crash(SERVER);
                *world.app.lock().unwrap() = None;
                ends.push((now + exponential(Duration::from_secs(5), random), End::Bounce));
                faults.crashes += 1;
            }
            _ => {}
        }
    }
    // After a last crash the server starts in the next step; the last update must be published to it.
    while world.app.lock().unwrap().is_none() {
        sim.step()?;
    }
    publish(world, sim.elapsed(), random);
    Ok(faults)
}

fn exponential(mean: Duration, random: &mut ChaCha8Rng) -> Duration {
    mean.mul_f64(-(1.0 - random.random::<f64>()).ln())
}

/// Publishes to the running server; while it is down nothing is published.
fn publish(world: &World, now: Duration, random: &mut ChaCha8Rng) {
    let text = "é漢🌋".repeat(random.random_range(0..200));
    let Some(app) = world.app.lock().unwrap().clone() else { return };
    let mut published = world.published.lock().unwrap();
    let data = RawValue::from_string(format!("\"{text}\"")).unwrap();
    let at = Nanos::from(now);
    published.push(app.clock.anchor().unix(at), data.clone());
    app.journal.append(at, at, &data);
}

async fn serve(world: World, journal: Bounds) -> turmoil::Result {
    let settings = Settings { journal, ..Settings::default() };
    let app = App::new(settings, Clock::Runtime(Instant::now()), pushpull::transport::encode);
    let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?;
    world.published.lock().unwrap().begin_life(app.journal.newest().epoch, Some(Arc::clone(&app.journal)));
    *world.app.lock().unwrap() = Some(Arc::clone(&app));
    loop {
        let (stream, peer) = listener.accept().await?;
        app.tasks.spawn(serve_over(Arc::clone(&app), stream, peer));
    }
}

async fn follow(world: World, index: usize, over: TransportChoice, seed: u64) -> turmoil::Result {
    let clock = Clock::Runtime(Instant::now());
    let options = Options {
        host: HeaderValue::from_static(SERVER),
        headers: HeaderMap::new(),
        clock,
        poll_interval: Nanos(5 * Nanos::SECOND.0),
        poll_phase: Nanos::ZERO,
        hold: limits::LONG_POLL_HOLD.into(),
    };
    let mut follower = Follower::new(options, Ceilings::default(), seed);
    let began = Instant::now();
    let with_client = |act: &dyn Fn(&Published, &mut Client), what: String| {
        let published = world.published.lock().unwrap();
        let mut client = world.clients[index].lock().unwrap();
        act(&published, &mut client);
        client.events.push((began.elapsed().as_nanos(), what));
    };
    let mut connections = 0;
    let dial = |position| {
        connections += 1;
        let via = match over {
            TransportChoice::Fixed(via) => via,
            TransportChoice::Moves => Transport::ALL[connections % 4],
        };
        let take = |published: &Published, client: &mut Client| {
            client.dials += 1;
            client.oracle.connected(published, position);
        };
        with_client(&take, format!("dials {via}"));
        async move {
            let dialled = TcpStream::connect((SERVER, PORT));
            Ok((via, tokio::time::timeout(limits::DIAL_TIMEOUT, dialled).await??))
        }
    };
    let mut note = |event: Event<'_>| match event {
        Event::Update(update) => {
            let take = |published: &Published, client: &mut Client| {
                let number = published.identify(update.at_us, update.data);
                client.oracle.update(published, number, update.seq);
            };
            with_client(&take, format!("update {}", update.seq));
        }
        Event::Gap(gap) => with_client(&|published, client| client.oracle.gap(published, gap), format!("{gap:?}")),
        Event::Position(cursor) => {
            with_client(&|published, client| client.oracle.position(published, cursor), format!("at {}", cursor.seq));
        }
        Event::Requested | Event::Empty | Event::Retry(_) | Event::MissedPoll | Event::Decompressed { .. } => {}
    };
    let error = follower.follow(dial, &mut note).await;
    Err(format!("{over} gave up: {error}").into())
}
