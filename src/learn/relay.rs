//! What stands between a student's program and the lab: it writes down every request, and does to connections and answers
//! what a check orders.
//!
//! ```text
//! program ⇄ relay ⇄ server      cut, freeze, delay, jitter, busy answers, half answers, bodies that are held back
//! ```

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::request::{Head, Request};
use crate::limits;

/// What becomes of one request that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 503 with so many seconds of `Retry-After`, and the server does not hear of it.
    Busy(u32),
    /// The answer is cut after so many bytes.
    Half(usize),
    /// The answer is cut in the middle of its update of this number, from 1.
    HalfUpdate(usize),
    /// It reaches the server only after so long.
    Late(Duration),
}

/// What becomes of everything until it is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Treatment {
    /// Each answer begins so much later.
    pub delay: Duration,
    /// Each piece of an answer comes up to so much later.
    pub jitter: Duration,
    /// Long polls are answered at once with 204.
    pub is_impatient: bool,
    /// Of an event stream the head passes alone: a proxy that gathers an answer before it hands it on.
    pub holds_streams: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    /// Connections with a lower number are cut.
    cut_below: u64,
    /// Nothing passes any more on connections with a lower number.
    frozen_below: u64,
}

#[derive(Debug)]
struct Plan {
    upstream: Option<SocketAddr>,
    replies: VecDeque<Reply>,
    treatment: Treatment,
    connections: u64,
    asked: Vec<Request>,
}

#[derive(Debug)]
struct Shared {
    plan: Mutex<Plan>,
    orders: watch::Sender<Orders>,
    /// Counts what happened: requests, answers, ends of connections.
    progress: watch::Sender<u64>,
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        // Nothing here panics while it holds the lock.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.progress.send_modify(|count| *count += 1);
    }
}

/// A relay that listens until it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

impl Relay {
    /// Listens on a free port of loopback, for the server at `upstream`.
    ///
    /// Errors: what the system says.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((upstream.ip(), 0)).await?;
        let address = listener.local_addr()?;
        let plan = Plan {
            upstream: Some(upstream),
            replies: VecDeque::new(),
            treatment: Treatment::default(),
            connections: 0,
            asked: Vec::new(),
        };
        let shared = Arc::new(Shared {
            plan: Mutex::new(plan),
            orders: watch::Sender::default(),
            progress: watch::Sender::default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _accepting: accepting })
    }

    /// What a student's program is given.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes with each request, each answer and each end of a connection.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.shared.progress.subscribe()
    }

    /// Leads new connections to another server, or ends them at once where there is none.
    pub fn forward_to(&self, upstream: Option<SocketAddr>) {
        self.shared.plan().upstream = upstream;
    }

    /// Cuts what is open.
    pub fn cut(&self) {
        let connections = self.shared.plan().connections;
        self.shared.orders.send_modify(|orders| orders.cut_below = connections);
    }

    /// Lets nothing pass any more on what is open, and does not say so.
    pub fn freeze(&self) {
        let connections = self.shared.plan().connections;
        self.shared.orders.send_modify(|orders| orders.frozen_below = connections);
    }

    /// What becomes of the next request that has no reply yet.
    pub fn reply(&self, reply: Reply) {
        self.shared.plan().replies.push_back(reply);
    }

    /// How many replies wait for their request.
    pub fn replies_waiting(&self) -> usize {
        self.shared.plan().replies.len()
    }

    /// What becomes of everything from now on.
    pub fn treat(&self, treatment: Treatment) {
        self.shared.plan().treatment = treatment;
    }

    /// How many requests there were.
    pub fn request_count(&self) -> usize {
        self.shared.plan().asked.len()
    }

    /// The requests from `first` on.
    pub fn requests_since(&self, first: usize) -> Vec<Request> {
        self.shared.plan().asked.get(first..).unwrap_or_default().to_vec()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(limits::ACCEPT_REST).await;
            continue;
        };
        let (upstream, number) = {
            let mut plan = shared.plan();
            plan.connections += 1;
            (plan.upstream, plan.connections - 1)
        };
        // Where there is no server, a connection ends before it was used.
        let Some(upstream) = upstream else { continue };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let orders = shared.orders.subscribe();
            // Whatever the network says to the relay, it has said to the program or to the server as well.
            let _ended = Connection {
                number,
                shared: Arc::clone(&shared),
                orders,
                asked: None,
                left: None,
                updates_left: None,
                holds: Holds::Nothing,
            }
            .run(client, upstream)
            .await;
            shared.tell();
        });
        while connections.try_join_next().is_some() {}
    }
}

/// What is held back of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// The body; so many of the four bytes that end the head have passed.
    Body(usize),
}

struct Connection {
    number: u64,
    shared: Arc<Shared>,
    orders: watch::Receiver<Orders>,
    /// The request that is being answered, if its answer has not begun.
    asked: Option<usize>,
    /// Bytes of the answer until it is cut.
    left: Option<usize>,
    /// Updates until it is cut in one.
    updates_left: Option<usize>,
    holds: Holds,
}

impl Connection {
    async fn run(mut self, mut client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
        let mut server = TcpStream::connect(upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let mut random = ChaCha8Rng::seed_from_u64(self.number);
        let (mut up, mut down) = ([0; 8192], [0; 8192]);
        let mut head = Vec::new();
        let mut is_raw = false;
        loop {
            let Orders { cut_below, frozen_below } = *self.orders.borrow_and_update();
            if self.number < cut_below {
                return self.end(client);
            }
            let is_frozen = self.number < frozen_below;
            tokio::select! {
                biased;
                changed = self.orders.changed() => if changed.is_err() { return Ok(()) },
                read = client.read(&mut up) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    if is_frozen {
                        continue;
                    }
                    if is_raw {
                        server.write_all(&up[..read]).await?;
                        continue;
                    }
                    head.extend_from_slice(&up[..read]);
                    while let Some(length) = head_end(&head) {
                        let request: Vec<u8> = head.drain(..length).collect();
                        is_raw = self.request(&request, &mut client, &mut server).await?;
                        if is_raw {
                            server.write_all(&head).await?;
                            head.clear();
                        }
                    }
                    if head.len() > limits::HEAD_BYTES_MAX {
                        return Ok(());
                    }
                }
                read = server.read(&mut down), if !is_frozen => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    if self.pass(&down[..read], &mut client, &mut random).await? {
                        return self.end(client);
                    }
                }
            }
        }
    }

    /// Takes one request; returns whether what follows is no HTTP any more.
    async fn request(&mut self, bytes: &[u8], client: &mut TcpStream, server: &mut TcpStream) -> io::Result<bool> {
        let head = Head::read(bytes);
        let (reply, treatment) = {
            let mut plan = self.shared.plan();
            if plan.asked.len() < limits::LEARN_REQUESTS_MAX {
                self.asked = Some(plan.asked.len());
                plan.asked.push(Request::new(&head, Instant::now(), self.number));
            }
            (plan.replies.pop_front(), plan.treatment)
        };
        (self.left, self.updates_left) = (None, None);
        self.holds = if treatment.holds_streams && head.is_event_stream() { Holds::Body(0) } else { Holds::Nothing };
        self.shared.tell();
        match reply {
            Some(Reply::Busy(seconds)) => {
                let body = format!(r#"{{"status":503,"detail":"busy; come back in {seconds} s"}}"#);
                let answer = format!(
                    "HTTP/1.1 503 Service Unavailable\r\nretry-after: {seconds}\r\n\
                     content-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                client.write_all(answer.as_bytes()).await?;
                self.answered();
                return Ok(false);
            }
            Some(Reply::Half(bytes)) => self.left = Some(bytes),
            Some(Reply::HalfUpdate(number)) => self.updates_left = Some(number),
            Some(Reply::Late(wait)) => tokio::time::sleep(wait).await,
            None => {}
        }
        if treatment.is_impatient && head.is_long_poll() {
            client.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            self.answered();
            return Ok(false);
        }
        tokio::time::sleep(treatment.delay).await;
        server.write_all(bytes).await?;
        Ok(head.is_upgrade)
    }

    /// Hands on a piece of an answer; returns whether it is to end here.
    async fn pass(&mut self, piece: &[u8], client: &mut TcpStream, random: &mut ChaCha8Rng) -> io::Result<bool> {
        let jitter = self.shared.plan().treatment.jitter;
        if !jitter.is_zero() {
            let share: f64 = random.random();
            tokio::time::sleep(jitter.mul_f64(share)).await;
        }
        let piece = match self.holds {
            Holds::Nothing => piece,
            Holds::Body(seen) => {
                const END: &[u8] = b"\r\n\r\n";
                let mut seen = seen;
                let head = piece.iter().take_while(|byte| {
                    let goes_on = seen < END.len();
                    if goes_on {
                        seen = if **byte == END[seen] { seen + 1 } else { usize::from(**byte == END[0]) };
                    }
                    goes_on
                });
                let head = head.count();
                self.holds = Holds::Body(seen);
                &piece[..head]
            }
        };
        self.count_updates(piece);
        let piece = &piece[..piece.len().min(self.left.unwrap_or(usize::MAX))];
        if piece.is_empty() {
            return Ok(false);
        }
        client.write_all(piece).await?;
        self.answered();
        if let Some(left) = &mut self.left {
            *left -= piece.len();
            return Ok(*left == 0);
        }
        Ok(false)
    }

    /// Finds where an answer is to be cut that is to be cut in an update.
    fn count_updates(&mut self, piece: &[u8]) {
        /// What an update begins with, and some of what follows.
        const BEGIN: &[u8] = b"{\"seq\":";
        const MORE: usize = 9;
        let Some(updates) = self.updates_left else { return };
        let begins: Vec<usize> = memchr::memmem::find_iter(piece, BEGIN).take(updates).collect();
        self.updates_left = Some(updates - begins.len());
        if let Some(last) = begins.last().filter(|_| begins.len() == updates) {
            (self.left, self.updates_left) = (Some(last + BEGIN.len() + MORE), None);
        }
    }

    fn answered(&mut self) {
        if let Some(index) = self.asked.take() {
            if let Some(asked) = self.shared.plan().asked.get_mut(index) {
                asked.answered = Some(Instant::now());
            }
            self.shared.tell();
        }
    }

    /// Ends the connection: with a reset every other time, as a router does that forgot it.
    fn end(&self, client: TcpStream) -> io::Result<()> {
        if self.number % 2 == 1 {
            client.set_zero_linger()?;
        }
        Ok(())
    }
}

/// Where the first request's head ends. The exercises send no bodies.
fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}
