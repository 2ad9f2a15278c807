//! One virtual client: a connection of its own, a position, and a record of all that it saw.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::duplex::{self, Sending};
use super::floor;
use super::knobs::Leaving;
use crate::clock::Clock;
use crate::journal::Cursor;
use crate::limits;
use crate::measure::delivery::{Delivery, Due, Seen, Window};
use crate::measure::ledger::{Bookkeeper, Ledger};
use crate::measure::sockets::Sockets;
use crate::measure::tap::{Tap, Tapped};
use crate::transport::reconnect::{self, BackOff};
use crate::transport::{ClientError, Event, Options, Transport};
use crate::units::Nanos;

/// What a trial measures: a transport, or the floor that all are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// One of the four.
    Transport(Transport),
    /// A bare TCP writer.
    Floor,
}

impl Subject {
    /// Its name in lines and messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Transport(transport) => transport.label(),
            Self::Floor => "floor",
        }
    }
}

/// What all clients of a trial share.
#[derive(Debug)]
pub struct Crowd {
    /// What they subscribe to.
    pub subject: Subject,
    /// Where the server is.
    pub server: SocketAddr,
    /// The clock that arrivals are read from.
    pub clock: Clock,
    /// Their open sockets.
    pub sockets: Sockets<()>,
    /// Taken while dialling, so that a ramp is gentle.
    pub dials: Semaphore,
    /// Gets a permit for each client that has its first position or answer.
    pub connected: Semaphore,
    /// How they leave, to come back.
    pub leaving: Leaving,
    /// When it all happens, once that is known.
    pub begun: watch::Sender<Option<Begun>>,
    /// Ends all of them.
    pub stop: CancellationToken,
}

/// When a trial happens, on the generator's clock.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// The start of the feed.
    pub origin: Nanos,
    /// The measured interval.
    pub window: Window,
}

impl Crowd {
    /// Waits until it is known when the trial happens.
    pub async fn begun(&self) -> Begun {
        let mut begun = self.begun.subscribe();
        // The sender is here: the channel cannot close while anyone waits on it.
        match begun.wait_for(Option::is_some).await.ok().and_then(|begun| *begun) {
            Some(begun) => begun,
            None => std::future::pending().await,
        }
    }
}

/// What the trial may look at while the client runs.
#[derive(Debug, Default)]
pub struct Glimpse {
    /// Its bytes and requests.
    pub ledger: Arc<Ledger>,
    /// The newest update it holds.
    pub held: AtomicU64,
}

/// What a client brings back.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The updates and the gaps.
    pub seen: Seen,
    /// From dialling to the first position or answer, of its first connection.
    pub connect: Option<Nanos>,
    /// Connections beyond the first.
    pub reconnects: u64,
    /// Connections that were refused or broke.
    pub refused: u64,
    /// Polls left out because the one before was still on its way.
    pub missed_polls: u64,
    /// Each connection after having left: when it was there, and how long that took.
    pub returns: Vec<(Nanos, Nanos)>,
    /// When each update was due that was missed while away, and came after all.
    pub recovered: Vec<Nanos>,
    /// What it was to send; `None` of a client that subscribes.
    pub planned: Option<Vec<Due>>,
    /// Why it last failed, if it did.
    pub error: Option<ClientError>,
}

/// Subscribes, and subscribes again whenever the connection ends, until the crowd is stopped.
pub async fn run(
    id: u32,
    crowd: Arc<Crowd>,
    options: Options,
    sending: Option<Sending>,
    glimpse: Arc<Glimpse>,
) -> Outcome {
    let mut client = Client {
        id,
        dialled: Nanos::ZERO,
        back_off: BackOff::default(),
        dialling: None,
        left: None,
        is_returning: false,
        sending,
        outcome: Outcome::default(),
        glimpse,
        crowd: &crowd,
    };
    let mut position = None;
    tokio::select! {
        biased;
        () = crowd.stop.cancelled() => {}
        () = client.subscribe_for_ever(&options, &mut position) => {}
    }
    if let (Some(sending), Some(begun)) = (sending, *crowd.begun.borrow()) {
        duplex::complete(client.outcome.planned.get_or_insert_default(), &sending, &begun);
    }
    client.outcome
}

pub(super) struct Client<'a> {
    id: u32,
    pub(super) crowd: &'a Crowd,
    pub(super) glimpse: Arc<Glimpse>,
    pub(super) outcome: Outcome,
    /// When the current connection was dialled.
    dialled: Nanos,
    /// How long it waits before a reconnect.
    back_off: BackOff,
    /// When it last left of its own accord.
    left: Option<Nanos>,
    /// It left, and has no answer yet.
    is_returning: bool,
    /// What it sends, if it does not subscribe.
    sending: Option<Sending>,
    /// Held from dialling to the first answer.
    dialling: Option<SemaphorePermit<'a>>,
}

impl<'a> Client<'a> {
    /// Returns only when there is no sense in trying again.
    async fn subscribe_for_ever(&mut self, options: &Options, position: &mut Option<Cursor>) {
        let mut random = ChaCha8Rng::seed_from_u64(u64::from(self.id));
        let mut storms_ahead = 1;
        loop {
            let leaving = leave(self.crowd, random.random(), storms_ahead);
            let ended = tokio::select! {
                biased;
                ended = self.subscribe(options, position) => ended,
                away = leaving => {
                    self.dialling = None;
                    self.left = Some(self.crowd.clock.now());
                    self.is_returning = true;
                    self.outcome.reconnects += 1;
                    storms_ahead = 0;
                    tokio::time::sleep(away(random.random())).await;
                    continue;
                }
            };
            self.dialling = None;
            let wait = self.back_off.wait(&ended, random.random());
            if let Err(error) = ended {
                self.outcome.refused += 1;
                let is_passing = error.is_passing();
                self.outcome.error = Some(error);
                if !is_passing {
                    return;
                }
            }
            self.outcome.reconnects += 1;
            tokio::time::sleep(wait).await;
        }
    }

    async fn subscribe(&mut self, options: &Options, position: &mut Option<Cursor>) -> Result<(), ClientError> {
        let permit = self.crowd.dials.acquire().await;
        self.dialling = permit.ok();
        self.dialled = self.crowd.clock.now();
        let io = self.dial().await.map_err(|error| ClientError::Broken(error.into()))?;
        let subject = self.crowd.subject;
        if let (Subject::Transport(via), Some(sending)) = (subject, self.sending) {
            return duplex::talk(self, via, io, options, sending).await;
        }
        let mut on_event = |event: Event<'_>| self.note(event);
        match subject {
            Subject::Transport(via) => reconnect::subscribe(via, io, options, position, &mut on_event).await,
            Subject::Floor => floor::subscribe(io, position, &mut on_event).await,
        }
    }

    fn note(&mut self, event: Event<'_>) {
        let now = self.crowd.clock.now();
        match event {
            Event::Update(update) => {
                let bytes = update.data.get().len();
                let delivery = Delivery {
                    seq: update.seq,
                    at_ns: update.at_ns,
                    arrived_ns: now,
                    bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
                };
                self.outcome.seen.deliveries.push(delivery);
                if self.left.is_some_and(|left| left <= update.at_ns && update.at_ns < self.dialled) {
                    self.outcome.recovered.push(update.at_ns);
                }
                self.glimpse.ledger.delivered(bytes);
                self.glimpse.held.fetch_max(update.seq, Relaxed);
                self.connected(now);
            }
            Event::Position(cursor) => {
                self.glimpse.held.fetch_max(cursor.seq, Relaxed);
                self.connected(now);
            }
            Event::Requested => self.glimpse.ledger.requested(),
            Event::Empty => {
                self.glimpse.ledger.came_back_empty();
                self.connected(now);
            }
            Event::Gap(gap) => self.outcome.seen.gaps.push((self.outcome.seen.deliveries.len(), gap)),
            Event::Retry(length) => self.back_off.asked_to_wait(length),
            Event::MissedPoll => self.outcome.missed_polls += 1,
        }
    }

    pub(super) fn connected(&mut self, now: Nanos) {
        self.back_off.answered();
        self.dialling = None;
        if std::mem::take(&mut self.is_returning) {
            self.outcome.returns.push((now, now.past(self.dialled)));
        }
        if self.outcome.connect.is_none() {
            self.outcome.connect = Some(now.past(self.dialled));
            self.crowd.connected.add_permits(1);
        }
    }

    /// Connects from an address of its own part of 127.0.0.0/8, if the server is there.
    async fn dial(&self) -> std::io::Result<Tapped<TcpStream, ClientTap<'a>>> {
        let server = self.crowd.server;
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
        let id = self.crowd.sockets.enter(stream.as_raw_fd(), Arc::default());
        let ledger = Arc::clone(&self.glimpse.ledger);
        let keeper = match self.crowd.subject {
            Subject::Transport(_) => Bookkeeper::new(ledger),
            Subject::Floor => Bookkeeper::bare(ledger),
        };
        let crowd: &'a Crowd = self.crowd;
        Ok(Tapped::new(stream, ClientTap { keeper, sockets: &crowd.sockets, id }, limits::WRITE_TIMEOUT))
    }
}

/// Puts the bytes in the ledger, and leaves the kernel's counts when the connection closes.
struct ClientTap<'a> {
    keeper: Bookkeeper,
    sockets: &'a Sockets<()>,
    id: u64,
}

impl Tap for ClientTap<'_> {
    fn came_in(&mut self, bytes: &[u8]) {
        self.keeper.came_in(bytes);
    }

    fn went_out(&mut self, bytes: &[u8]) {
        self.keeper.went_out(bytes);
    }

    fn closing(&mut self) {
        self.sockets.leave(self.id);
    }
}

/// How long a client that left stays away, from a random share.
type Away = fn(f64) -> Duration;

/// Returns when a client leaves, with how long it stays away: one that leaves by itself for an exponential time, one
/// of a storm as long as all the others, so that they come back together too. None leaves before the trial begins.
async fn leave(crowd: &Crowd, share: f64, storms_ahead: u32) -> Away {
    match crowd.leaving {
        Leaving::Each(mean) => {
            crowd.begun().await;
            tokio::time::sleep(exponential(mean, share)).await;
            |share| exponential(limits::CHURN_AWAY, share)
        }
        Leaving::AllAtOnce if storms_ahead > 0 => {
            let window = crowd.begun().await.window;
            let middle = window.start.plus(Nanos(window.length().0 / 2));
            tokio::time::sleep_until(crowd.clock.instant(middle)).await;
            |_share| limits::CHURN_AWAY.duration()
        }
        Leaving::AllAtOnce | Leaving::Never => std::future::pending().await,
    }
}

/// An exponential time from a uniform share: that of events which do not know of one another.
fn exponential(mean: Nanos, share: f64) -> Duration {
    mean.duration().mul_f64(-(1.0 - share).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_times_have_their_mean() {
        let shares = (0..10_000).map(|index| (f64::from(index) + 0.5) / 10_000.0);
        let sum: f64 = shares.map(|share| exponential(Nanos::SECOND, share).as_secs_f64()).sum();
        assert!((sum / 10_000.0 - 1.0).abs() < 0.001, "{sum}");
    }
}
