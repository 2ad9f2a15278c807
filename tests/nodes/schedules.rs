//! Seeded failure schedules with several nodes: nodes and nats-server are killed while updates are published, and
//! clients move between nodes and transports with their cursor. Every acknowledged update must reach every client once,
//! in order and without a gap, since the stream and the journals retain all updates.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use pushpull::run::Transport;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::{Mutex, RwLock, watch};
use tokio_tungstenite::tungstenite::Message;

use crate::common::nats::{NAMES, Nats};
use crate::common::{Server, clients};

/// Updates of one schedule.
const UPDATES: usize = 60;
/// Kills in one schedule.
const FAILURES: usize = 4;
/// Kills in a schedule with three nats-servers. Each takes some seconds: the election of a leader.
const LEADER_FAILURES: usize = 2;
/// The timeout for an election and everything that waits for it.
const ELECTIONS: Duration = Duration::from_secs(90);
/// Clients of one schedule.
const CLIENTS: u64 = 6;
/// How long a client stays on one connection before it moves.
const STAY: Duration = Duration::from_millis(700);

/// The nats-servers of the log.
type Log = Arc<Mutex<Vec<Nats>>>;

type Nodes = Arc<[RwLock<Option<Server>>; 2]>;

/// The seeds to run: from `NODES_SEED` (default 1) on, as many as the variable `name` says.
fn seeds(name: &str, usual: u64) -> std::ops::Range<u64> {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let first = number("NODES_SEED", 1);
    first..first + number(name, usual)
}

/// Runs `NODES_SEEDS` schedules (default 3) with one nats-server.
pub async fn schedules_of_failures_lose_duplicate_and_reorder_nothing() {
    all(seeds("NODES_SEEDS", 3), Arc::new(Mutex::new(vec![Nats::start().await])), FAILURES).await;
}

/// Runs `NODES_LEADER_SEEDS` schedules (default 1) with three nats-servers that replicate the stream; the leader is
/// killed.
pub async fn schedules_in_which_the_leader_of_three_is_killed_lose_nothing_either() {
    all(seeds("NODES_LEADER_SEEDS", 1), Arc::new(Mutex::new(Nats::cluster().await.into())), LEADER_FAILURES).await;
}

async fn all(seeds: std::ops::Range<u64>, nats: Log, failures: usize) {
    let (first, count) = (seeds.start, seeds.end - seeds.start);
    for seed in seeds {
        schedule(seed, &nats, failures).await;
        // Otherwise nats-server would recover this stream at each later start.
        let _gone = nats.lock().await[0].jetstream().await.delete_stream(format!("s{seed}")).await;
    }
    if count > 3 {
        let [updates, clients, failures] = [UPDATES as u64, CLIENTS, failures as u64].map(|one| one * count);
        println!(
            "{count} schedules from seed {first}: {updates} updates, {clients} clients, {failures} kills; nothing lost, duplicated or reordered"
        );
    }
}

/// The server to kill: the only one, or the leader of the stream once all replicas are current (two of three must be).
async fn leader(nats: &[Nats], stream: &str) -> usize {
    let [_, _, ..] = nats else { return 0 };
    let jetstream = nats[0].jetstream().await;
    within_elections("a leader", async {
        loop {
            let info = jetstream.get_stream(stream).await.ok().and_then(|stream| stream.cached_info().cluster.clone());
            if let Some(info) =
                info.filter(|info| info.replicas.len() == 2 && info.replicas.iter().all(|one| one.current))
                && let Some(leader) = NAMES.iter().position(|name| info.leader.as_deref() == Some(*name))
            {
                return leader;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

/// Like `within`, with a timeout that is enough for several elections on a busy machine.
async fn within_elections<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(ELECTIONS, future).await.unwrap_or_else(|_| panic!("waited {ELECTIONS:?} for {what}"))
}

async fn schedule(seed: u64, nats: &Log, failures: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (url, replicas) = {
        let nats = nats.lock().await;
        (nats.iter().map(Nats::url).collect::<Vec<_>>().join(","), nats.len().to_string())
    };
    let stream = format!("s{seed}");
    let flags = ["--stream", &stream, "--sse-retry", "20ms", "--stream-replicas", &replicas];
    let start = || async { Some(within_elections("a node", ready(&url, &flags)).await) };
    let nodes: Nodes = Arc::new([RwLock::new(start().await), RwLock::new(start().await)]);
    let before = nodes[0].read().await.as_ref().unwrap().newest().await;
    let (done, newest) = watch::channel(None);
    let readers: Vec<_> = (0..CLIENTS)
        .map(|id| tokio::spawn(read(seed * CLIENTS + id, Arc::clone(&nodes), before.clone(), newest.clone())))
        .collect();
    let publisher = tokio::spawn(publish(seed, Arc::clone(&nodes)));
    for number in 0..failures {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
        match random.random_range(0..3_u32) {
            // With three servers, at least one kill is of the leader.
            which if which == 0 || (number == 0 && replicas != "1") => {
                let mut nats = nats.lock().await;
                let leader = leader(&nats, &stream).await;
                nats[leader].kill().await;
                tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
                nats[leader].restart().await;
            }
            which => {
                let place = &nodes[which as usize - 1];
                let killed = place.write().await.take();
                if let Some(killed) = killed {
                    killed.signal(Signal::KILL);
                    killed.ended().await;
                }
                let again = start().await;
                *place.write().await = again;
            }
        }
    }
    let acknowledged = within_elections("all updates to be acknowledged", publisher).await.unwrap();
    done.send_replace(acknowledged.iter().map(|(seq, _)| *seq).max());
    let mut first: Option<Vec<String>> = None;
    for reader in readers {
        let got = within_elections("a client that has everything", reader).await.unwrap();
        let numbers: Vec<u64> = got.iter().map(|update| clients::number(update)).collect();
        assert_eq!(numbers, (1..=got.len() as u64).collect::<Vec<_>>(), "seed {seed}: lost, duplicate or reordered");
        assert_eq!(first.get_or_insert_with(|| got.clone()), &got, "seed {seed}: two clients got different updates");
    }
    let received = first.unwrap();
    // No more than was acknowledged: a repeated attempt has the same key.
    assert_eq!(received.len(), acknowledged.len(), "seed {seed}");
    for (seq, data) in acknowledged {
        let update: Value = serde_json::from_str(&received[usize::try_from(seq).unwrap() - 1]).unwrap();
        assert_eq!(update["data"], data, "seed {seed}");
    }
}

/// Starts a node and waits until it follows the log, without a timeout.
async fn ready(url: &str, flags: &[&str]) -> Server {
    let server = Server::start(&[&["--log", url], flags].concat()).await;
    while server.get("/readyz").await.status() != 200 {}
    server
}

/// Publishes through either node, with an idempotency key for each update, until each is acknowledged. Returns sequence
/// number and data of each.
async fn publish(seed: u64, nodes: Nodes) -> Vec<(u64, u64)> {
    let mut random = ChaCha8Rng::seed_from_u64(!seed);
    let mut acknowledged = Vec::new();
    for data in 0..UPDATES as u64 {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..20))).await;
        loop {
            let request = {
                let node = nodes[random.random_range(0..2_usize)].read().await;
                node.as_ref().map(|node| node.http.post(node.url("/updates")))
            };
            let Some(request) = request else { continue };
            let sent = request.header("idempotency-key", format!("{seed}-{data}")).body(data.to_string()).send().await;
            match sent {
                Ok(answer) if answer.status() == 201 => {
                    let Ok(published) = answer.json::<Value>().await else { continue };
                    let cursor = published["cursor"].as_str().unwrap();
                    acknowledged.push((cursor.split_once('-').unwrap().1.parse().unwrap(), data));
                    break;
                }
                Ok(answer) => assert_eq!(answer.status(), 503),
                Err(_node_is_gone) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    acknowledged
}

/// Reads from changing nodes over changing transports until everything has arrived.
async fn read(seed: u64, nodes: Nodes, mut cursor: String, newest: watch::Receiver<Option<u64>>) -> Vec<String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut got: Vec<String> = Vec::new();
    loop {
        if (*newest.borrow()).is_some_and(|newest| cursor.split_once('-').unwrap().1.parse::<u64>().unwrap() >= newest)
        {
            return got;
        }
        let transport = Transport::ALL[random.random_range(0..Transport::ALL.len())];
        let address = {
            let node = nodes[random.random_range(0..2_usize)].read().await;
            node.as_ref().map(|node| (node.address, node.http.clone()))
        };
        let Some((address, http)) = address else { continue };
        let most = random.random_range(1..15_usize);
        // Everything read counts, however the connection ends.
        let reading = async {
            match transport {
                Transport::Polling => {
                    poll(&http, format!("http://{address}/updates/poll?after="), &mut cursor, &mut got).await
                }
                Transport::LongPolling => {
                    poll(&http, format!("http://{address}/updates/long-poll?hold=1&after="), &mut cursor, &mut got)
                        .await
                }
                Transport::Sse => {
                    sse(&http, format!("http://{address}/updates/sse?after="), most, &mut cursor, &mut got).await
                }
                Transport::WebSocket => websocket(format!("{address}"), most, &mut cursor, &mut got).await,
            }
        };
        let _ended = tokio::time::timeout(STAY, reading).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(1..30))).await;
    }
}

async fn poll(http: &reqwest::Client, url: String, cursor: &mut String, got: &mut Vec<String>) -> Option<()> {
    let answer = http.get(format!("{url}{cursor}")).send().await.ok()?;
    if answer.status() != 200 {
        assert!([204, 503].contains(&answer.status().as_u16()), "{}", answer.status());
        return None;
    }
    let answer: clients::Answer = answer.json().await.ok()?;
    assert_eq!(answer.gap, None, "after {cursor}");
    *cursor = answer.cursor;
    got.extend(answer.updates.iter().map(|update| update.get().to_owned()));
    Some(())
}

async fn sse(
    http: &reqwest::Client,
    url: String,
    most: usize,
    cursor: &mut String,
    got: &mut Vec<String>,
) -> Option<()> {
    let mut answer = http.get(format!("{url}{cursor}")).send().await.ok()?;
    if answer.status() != 200 {
        assert_eq!(answer.status(), 503);
        return None;
    }
    let (mut text, mut count) = (Vec::new(), 0);
    while count < most {
        text.extend_from_slice(&answer.chunk().await.ok()??);
        while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = text.drain(..end + 2).collect();
            let block = String::from_utf8(block).unwrap();
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            assert_eq!(field("event: "), None, "after {cursor}: {block}");
            if let Some(id) = field("id: ") {
                *cursor = id;
            }
            if let Some(data) = field("data: ") {
                got.push(data);
                count += 1;
            }
        }
    }
    Some(())
}

async fn websocket(address: String, most: usize, cursor: &mut String, got: &mut Vec<String>) -> Option<()> {
    let stream = tokio::net::TcpStream::connect(&address).await.ok()?;
    let url = format!("ws://{address}/updates/ws?after={cursor}");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.ok()?;
    let mut count = 0;
    while count < most {
        let Message::Text(text) = socket.next().await?.ok()? else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        assert!(frame["gap"].is_null(), "after {cursor}: {text}");
        if let Some(seq) = frame["seq"].as_u64() {
            *cursor = format!("{}-{seq}", cursor.split_once('-').unwrap().0);
            got.push(text.to_string());
            count += 1;
        }
    }
    Some(())
}
