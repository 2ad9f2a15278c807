//! The relay between a student's program and the lab. It records every request, and disturbs connections and answers as
//! the check orders.
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

/// How the relay treats one coming request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Answers 503 with so many seconds of `Retry-After`, without asking the server.
    Busy(u32),
    /// Cuts the answer after so many bytes.
    Half(usize),
    /// Cuts the answer in the middle of its nth update, from 1.
    HalfUpdate(usize),
    /// Delays the request by so much.
    Late(Duration),
}

/// How the relay treats everything, until it is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Treatment {
    /// Delay of each request.
    pub delay: Duration,
    /// The largest random delay of each piece of an answer.
    pub jitter: Duration,
    /// Whether long polls are answered at once with 204.
    pub is_impatient: bool,
    /// Whether only the head of an event stream passes, as through a proxy that buffers whole answers.
    pub holds_streams: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    /// Connections with a lower number are cut.
    cut_below: u64,
    /// Connections with a lower number stay open, but no more bytes pass.
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
    /// Counts events: requests, answers, ends of connections.
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
    /// Errors: the port cannot be opened.
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

    /// The address for the student's program.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A counter that changes with each request, each answer and each end of a connection.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.shared.progress.subscribe()
    }

    /// Forwards new connections to this server; without one, they end at once.
    pub fn forward_to(&self, upstream: Option<SocketAddr>) {
        self.shared.plan().upstream = upstream;
    }

    /// Cuts all open connections.
    pub fn cut(&self) {
        let connections = self.shared.plan().connections;
        self.shared.orders.send_modify(|orders| orders.cut_below = connections);
    }

    /// Lets no more bytes pass on open connections, without closing them.
    pub fn freeze(&self) {
        let connections = self.shared.plan().connections;
        self.shared.orders.send_modify(|orders| orders.frozen_below = connections);
    }

    /// Sets the treatment of the next request for which none is set yet.
    pub fn reply(&self, reply: Reply) {
        self.shared.plan().replies.push_back(reply);
    }

    /// The number of replies that wait for their request.
    pub fn replies_waiting(&self) -> usize {
        self.shared.plan().replies.len()
    }

    /// Sets the treatment of everything from now on.
    pub fn treat(&self, treatment: Treatment) {
        self.shared.plan().treatment = treatment;
    }

    /// The number of requests so far.
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
            tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            continue;
        };
        let (upstream, number) = {
            let mut plan = shared.plan();
            plan.connections += 1;
            (plan.upstream, plan.connections - 1)
        };
        // Without a server, the connection is dropped unused.
        let Some(upstream) = upstream else { continue };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let orders = shared.orders.subscribe();
            // An error here is an error for the program or the server as well, and shows there.
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

/// The part of an answer that is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// The body. So many of the four bytes that end the head have just passed.
    Body(usize),
}

struct Connection {
    number: u64,
    shared: Arc<Shared>,
    orders: watch::Receiver<Orders>,
    /// The index of the request that is waiting for its answer to begin.
    asked: Option<usize>,
    /// Bytes of the answer that still pass before it is cut.
    left: Option<usize>,
    /// The answer is cut inside the update that is this many ahead.
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

    /// Handles one request; returns whether the connection is no longer HTTP after it.
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

    /// Passes on a piece of an answer; returns whether the connection is to end here.
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

    /// Finds the place to cut an answer that is to be cut inside an update.
    fn count_updates(&mut self, piece: &[u8]) {
        /// The beginning of an update, and the number of bytes that still pass after it.
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

    /// Ends the connection: every other one with a reset, as a router that has dropped its state does.
    fn end(&self, client: TcpStream) -> io::Result<()> {
        if self.number % 2 == 1 {
            client.set_zero_linger()?;
        }
        Ok(())
    }
}

/// The end of the first request's head. Requests of the exercises have no body.
fn head_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}
