//! The agents of a run, as the coordinator sees them: which have joined, which have fallen silent, and their reports.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::errors::{FleetError, NatsError};
use super::local::Local;
use super::messages::{
    self, Answer, HELLO, Hello, Order, OrderBody, Report, ReportBody, VERSION, Versioned, clock_of, orders_of,
    other_version, pack, reports_of, unpack,
};
use super::nats::{connect, random_id};
use crate::clock::Clock;
use crate::limits;
use crate::measure::host;
use crate::print;

/// An agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name in reports and messages.
    pub name: String,
    /// Maximum number of its clients.
    pub clients_max: u32,
    /// Identifies the boot of its host.
    pub boot_id: Option<String>,
    /// When its last message arrived.
    heard: Instant,
}

impl Member {
    /// An agent with this maximum number of clients.
    #[cfg(test)]
    pub fn fixture(clients_max: u32) -> Self {
        Self { name: "any".to_owned(), clients_max, boot_id: None, heard: Instant::now() }
    }
}

#[derive(Debug, Default)]
struct Known {
    members: BTreeMap<String, Member>,
    refused: Vec<String>,
}

/// The agents of a run, and the connection to them.
pub struct Fleet {
    nats: Client,
    wanted: usize,
    known: Arc<Mutex<Known>>,
    reports: tokio::sync::Mutex<mpsc::Receiver<Report>>,
    trial: AtomicU64,
    /// Address that the servers started by the coordinator listen on.
    pub server_host: Ipv4Addr,
    // Stopped together with the fleet.
    _tasks: JoinSet<()>,
    _local: Option<Local>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Fleet {
    /// Connects to the NATS server and starts to accept agents.
    ///
    /// Errors: [`FleetError`].
    pub async fn gather(
        control: &str,
        wanted: usize,
        server_host: Ipv4Addr,
        local: Option<Local>,
    ) -> Result<Self, FleetError> {
        let nats = connect(control, "coordinator").await?;
        let run = random_id()?;
        let gone = |error: async_nats::SubscribeError| -> FleetError { NatsError::Gone(error.to_string()).into() };
        let hellos = nats.subscribe(HELLO).await.map_err(gone)?;
        let clocks = nats.subscribe(clock_of(&run)).await.map_err(gone)?;
        let heard = nats.subscribe(reports_of(&run)).await.map_err(gone)?;
        let known = Arc::<Mutex<Known>>::default();
        let (sender, receiver) = mpsc::channel(limits::AGENT_MESSAGES_WAITING);
        let mut tasks = JoinSet::new();
        tasks.spawn(tell_clock(nats.clone(), clocks));
        tasks.spawn(welcome(nats.clone(), hellos, run.clone(), wanted, Arc::clone(&known)));
        tasks.spawn(listen(nats.clone(), heard, Arc::clone(&known), sender));
        Ok(Self {
            nats,
            wanted,
            known,
            reports: tokio::sync::Mutex::new(receiver),
            trial: AtomicU64::new(0),
            server_host,
            _tasks: tasks,
            _local: local,
        })
    }

    /// Waits until the requested number of agents have joined.
    ///
    /// Errors: [`FleetError::Few`].
    pub async fn ready(&self) -> Result<BTreeMap<String, Member>, FleetError> {
        let began = Instant::now();
        loop {
            let there: BTreeMap<String, Member> =
                self.members().into_iter().filter(|(_, member)| !is_silent(member)).collect();
            if there.len() >= self.wanted {
                return Ok(there);
            }
            if began.elapsed() > limits::AGENTS_WAIT {
                let refused = lock(&self.known).refused.clone();
                let refused = refused.iter().map(|why| format!("; {why}")).collect();
                let (there, wanted, seconds) = (there.len(), self.wanted, limits::AGENTS_WAIT.as_secs());
                return Err(FleetError::Few { there, wanted, seconds, refused });
            }
            tokio::time::sleep(limits::AGENT_CHECK_INTERVAL).await;
        }
    }

    /// Every agent that ever joined.
    fn members(&self) -> BTreeMap<String, Member> {
        lock(&self.known).members.clone()
    }

    /// The number of a new trial.
    pub fn new_trial(&self) -> u64 {
        self.trial.fetch_add(1, Relaxed) + 1
    }

    /// Sends an order.
    ///
    /// Errors: [`FleetError`].
    pub async fn order(&self, agent: &str, trial: u64, what: OrderBody) -> Result<(), FleetError> {
        let packed = pack(&Order { trial, what }, self.nats.server_info().max_payload)?;
        let gone = |error: async_nats::PublishError| -> FleetError { NatsError::Gone(error.to_string()).into() };
        self.nats.publish(orders_of(agent), packed).await.map_err(gone)
    }

    /// Sends an order to several agents. An agent that misses it will not report, and is then noticed.
    pub async fn order_all(&self, agents: impl Iterator<Item = &String>, trial: u64, what: &OrderBody) {
        for agent in agents {
            let _found_out = self.order(agent, trial, what.clone()).await;
        }
        let _found_out = self.nats.flush().await;
    }

    /// Waits for one report of each of these agents; reports that `pick` rejects are dropped. An agent that falls
    /// silent, or takes too long, has none.
    pub async fn collect<T>(
        &self,
        agents: &[&String],
        trial: u64,
        patience: Duration,
        pick: impl Fn(ReportBody) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let until = Instant::now() + patience;
        let mut all = BTreeMap::new();
        let mut reports = self.reports.lock().await;
        loop {
            let members = self.members();
            let is_there = |agent: &&&String| members.get(**agent).is_some_and(|member| !is_silent(member));
            let waited_for = agents.iter().filter(|agent| !all.contains_key(**agent)).filter(is_there).count();
            if waited_for == 0 || Instant::now() > until {
                return all;
            }
            match tokio::time::timeout(limits::AGENT_CHECK_INTERVAL, reports.recv()).await {
                Ok(Some(report)) if report.trial == trial => {
                    if let Some(picked) = pick(report.said) {
                        all.insert(report.agent, picked);
                    }
                }
                // From an earlier trial, or no report yet.
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => return all,
            }
        }
    }

    /// Tells all agents that the run is over.
    pub async fn leave(&self) {
        let members = self.members();
        self.order_all(members.keys(), 0, &OrderBody::Leave).await;
    }
}

fn is_silent(member: &Member) -> bool {
    member.heard.elapsed() > limits::AGENT_SILENCE
}

fn lock(known: &Mutex<Known>) -> std::sync::MutexGuard<'_, Known> {
    // No code that holds the lock can panic.
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers with the coordinator's clock, read as late as possible.
async fn tell_clock(nats: Client, mut asked: async_nats::Subscriber) {
    let boot_id = host::boot_id();
    while let Some(message) = asked.next().await {
        let Some(reply) = message.reply else { continue };
        let instant = messages::Instant { monotonic_ns: Clock::Monotonic.now(), boot_id: boot_id.clone() };
        if let Ok(said) = serde_json::to_vec(&instant) {
            let _asked_again = nats.publish(reply, said.into()).await;
        }
    }
}

/// Accepts agents, or tells them why not.
async fn welcome(
    nats: Client,
    mut hellos: async_nats::Subscriber,
    run: String,
    wanted: usize,
    known: Arc<Mutex<Known>>,
) {
    while let Some(message) = hellos.next().await {
        let Some(reply) = message.reply else { continue };
        let Some(answer) = answer(&message.payload, &run, wanted, &known) else { continue };
        if let Ok(said) = serde_json::to_vec(&answer) {
            let _said_again = nats.publish(reply, said.into()).await;
        }
    }
}

/// The answer to a hello. `None` for an invalid message, and for an extra agent, which may join later.
fn answer(payload: &[u8], run: &str, wanted: usize, known: &Mutex<Known>) -> Option<Answer> {
    let Versioned { version } = serde_json::from_slice(payload).ok()?;
    let mut known = lock(known);
    if version != VERSION {
        let name = serde_json::from_slice::<Hello>(payload).map_or_else(|_| "unnamed".to_owned(), |hello| hello.name);
        let why = format!("the agent {name} was refused: {}", other_version("agent", version));
        if known.refused.len() < limits::AGENTS_MAX && !known.refused.contains(&why) {
            print::err(&why);
            known.refused.push(why);
        }
        let refusal = Some(other_version("agent", version).replace("this program", "the coordinator"));
        return Some(Answer { version: VERSION, run: None, refusal });
    }
    let hello: Hello = serde_json::from_slice(payload).ok()?;
    let there = known.members.values().filter(|member| !is_silent(member)).count();
    if !known.members.contains_key(&hello.id) && (there >= wanted || known.members.len() >= limits::AGENTS_MAX) {
        return None;
    }
    let Hello { name, clients_max, boot_id, .. } = hello;
    known.members.insert(hello.id, Member { name, clients_max, boot_id, heard: Instant::now() });
    Some(Answer { version: VERSION, run: Some(run.to_owned()), refusal: None })
}

/// Receives reports; any report shows that its agent is alive.
async fn listen(
    nats: Client,
    mut heard: async_nats::Subscriber,
    known: Arc<Mutex<Known>>,
    reports: mpsc::Sender<Report>,
) {
    while let Some(message) = heard.next().await {
        let Ok(report) = unpack::<Report>(&message.payload) else { continue };
        if let Some(member) = lock(&known).members.get_mut(&report.agent) {
            member.heard = Instant::now();
        }
        if let Some(reply) = message.reply {
            let _asked_again = nats.publish(reply, Bytes::new()).await;
        }
        match report.said {
            ReportBody::Alive => {}
            ReportBody::Connected | ReportBody::Failed { .. } | ReportBody::Part(_) => {
                // The channel is full only after thousands of uncollected reports, which then belong to no trial.
                let _late = reports.try_send(report);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(version: u32, id: &str) -> Vec<u8> {
        let (id, name) = (id.to_owned(), format!("agent {id}"));
        serde_json::to_vec(&Hello { version, id, name, clients_max: 10, boot_id: None }).unwrap()
    }

    #[tokio::test]
    async fn as_many_agents_join_as_are_wanted_and_one_of_another_version_is_told_why_not() {
        let known = Mutex::new(Known::default());
        let answer = |said: &[u8]| answer(said, "run", 2, &known);
        assert_eq!(answer(&hello(VERSION, "a")).unwrap().run, Some("run".to_owned()));
        let refused = answer(&hello(VERSION + 1, "b")).unwrap();
        assert!(refused.run.is_none() && refused.refusal.is_some());
        assert!(lock(&known).refused[0].contains("agent b"));
        assert!(answer(br#"{"version":77,"anything":"else"}"#).unwrap().refusal.is_some());
        assert_eq!(answer(b"nonsense"), None);
        assert!(answer(&hello(VERSION, "c")).is_some());
        assert_eq!(answer(&hello(VERSION, "d")), None, "it may join when another has left");
        assert!(answer(&hello(VERSION, "a")).is_some(), "a known agent may send another hello");
        assert_eq!(lock(&known).members.len(), 2);
    }
}
