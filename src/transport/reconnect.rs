//! Reconnecting: one client follows the stream over any number of connections, on any of the four transports.
//!
//! A client half ends with its connection. [`subscribe`] runs the client half of a transport, [`BackOff`] computes the
//! wait before the next connection, and [`Follower`] combines both.
//!
//! ```text
//! dial → subscribe after the position → events … → the connection ends, for any reason
//!   ↑                                                      │
//!   └── wait: full jitter, and at least what was asked ────┘
//! ```
//!
//! Only the position is kept between two connections. The server's journal has the rest.

use std::io;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::limits;
use crate::net::{IdleTimeout, Stream};
use crate::run::Transport;
use crate::stream::Cursor;
use crate::transport::{ClientError, Event, Options, Session, long_polling, polling, sse, websocket};
use crate::units::Nanos;

/// Runs the client half of `via` over one [`Session`] until that ends.
///
/// Errors: those of the client half. An orderly end is not an error.
pub async fn subscribe<S: Stream>(
    via: Transport,
    session: impl Into<Session<S>>,
    options: &Options,
    position: &mut Option<Cursor>,
    on_event: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    match via {
        Transport::Polling => polling::subscribe(session, options, position, on_event).await,
        Transport::LongPolling => long_polling::subscribe(session, options, position, on_event).await,
        Transport::Sse => sse::subscribe(session, options, position, on_event).await,
        Transport::WebSocket => websocket::subscribe(session, options, position, on_event).await,
    }
}

/// The ceilings of the waits of a [`BackOff`].
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// The ceiling of the first wait; it doubles with each attempt.
    pub first: Duration,
    /// The highest ceiling.
    pub max: Duration,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self { first: limits::BACKOFF_FIRST, max: limits::BACKOFF_MAX }
    }
}

/// Computes how long to wait before a reconnect.
///
/// Full jitter: a random wait up to a ceiling that doubles with each attempt, so that clients which were disconnected
/// together do not reconnect together. The wait that a server asks for is added.
/// Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#[derive(Clone, Debug, Default)]
pub struct BackOff {
    ceilings: Ceilings,
    /// Connections in a row on which nothing was received.
    attempts: u32,
    /// The wait that the server asks for before every reconnect.
    retry: Nanos,
}

impl BackOff {
    /// A back-off with these ceilings.
    pub fn new(ceilings: Ceilings) -> Self {
        Self { ceilings, ..Self::default() }
    }

    /// Notes an answer from the server: the ceiling starts again at the first.
    pub fn answered(&mut self) {
        self.attempts = 0;
    }

    /// Notes that the server asks for at least this wait from now on.
    pub fn asked_to_wait(&mut self, length: Nanos) {
        self.retry = length;
    }

    /// The wait before the next attempt. `share` is random, from 0 to 1; a refusal in `ended` may itself ask for a
    /// wait.
    pub fn wait(&mut self, ended: &Result<(), ClientError>, share: f64) -> Duration {
        let ceiling = self.ceilings.first.saturating_mul(2_u32.saturating_pow(self.attempts)).min(self.ceilings.max);
        self.attempts = self.attempts.saturating_add(1);
        let asked = ended.as_ref().err().and_then(ClientError::retry_after).unwrap_or_default();
        self.retry.max(asked).duration().min(limits::ASKED_WAIT_MAX) + ceiling.mul_f64(share)
    }
}

/// The connections of a [`Follower`] so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections dialled, the first included.
    pub connections: u64,
    /// Those of them that could not be made, were refused, or broke.
    pub failed: u64,
    /// Updates that were due before the connection on which they arrived was dialled: delivered late, but not lost.
    pub recovered: u64,
}

/// A client that follows the stream and reconnects whenever its connection ends.
#[derive(Debug)]
pub struct Follower {
    /// The last update that it has, once it knows its position.
    pub position: Option<Cursor>,
    /// Its connections so far.
    pub counts: Counts,
    options: Options,
    back_off: BackOff,
    random: ChaCha8Rng,
}

impl Follower {
    /// A client without a position, which begins with the next update. `seed` seeds its jitter.
    pub fn new(options: Options, ceilings: Ceilings, seed: u64) -> Self {
        Self {
            position: None,
            counts: Counts::default(),
            options,
            back_off: BackOff::new(ceilings),
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Follows the stream until an error occurs that another attempt would only repeat, and returns that error.
    ///
    /// `dial` makes each connection and chooses its transport, given the position to resume from. The transport may
    /// differ from one connection to the next.
    ///
    /// A connection that is silent for longer than its transport allows is dropped, because a network that fails may
    /// not report it.
    ///
    /// Cancel safe: the position is that of the last event reported, and another call resumes from it.
    pub async fn follow<S, Dial, Dialled>(
        &mut self,
        mut dial: Dial,
        on_event: &mut impl FnMut(Event<'_>),
    ) -> ClientError
    where
        S: Stream,
        Dial: FnMut(Option<Cursor>) -> Dialled,
        Dialled: Future<Output = io::Result<(Transport, S)>>,
    {
        loop {
            let is_return = self.counts.connections > 0;
            self.counts.connections += 1;
            let dialled = self.options.clock.anchor().unix(self.options.clock.now());
            let Self { position, counts, options, back_off, .. } = self;
            let mut note = |event: Event<'_>| {
                match event {
                    Event::Update(update) => {
                        back_off.answered();
                        counts.recovered += u64::from(is_return && update.at_us < dialled);
                    }
                    Event::Position(_) | Event::Empty => back_off.answered(),
                    Event::Retry(length) => back_off.asked_to_wait(length),
                    Event::Requested | Event::Gap(_) | Event::MissedPoll | Event::Decompressed { .. } => {}
                }
                on_event(event);
            };
            let ended = match dial(*position).await {
                Ok((via, io)) => {
                    let io = IdleTimeout::new(io, silence_max(via, options));
                    subscribe(via, io, options, position, &mut note).await
                }
                Err(error) => Err(ClientError::of_dial(error)),
            };
            let wait = self.back_off.wait(&ended, self.random.random());
            if let Err(error) = ended {
                self.counts.failed += 1;
                if !error.is_passing() {
                    return error;
                }
            }
            tokio::time::sleep(wait).await;
        }
    }
}

/// How long a healthy connection may be silent.
fn silence_max(via: Transport, options: &Options) -> Duration {
    let silent = match via {
        Transport::Polling => options.poll_interval.duration(),
        Transport::LongPolling => options.hold.duration(),
        Transport::Sse => limits::SSE_HEARTBEAT,
        Transport::WebSocket => limits::WS_PING,
    };
    silent + limits::SILENCE_GRACE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use http::{HeaderMap, HeaderValue, StatusCode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::Instant;

    fn options() -> Options {
        Options {
            host: HeaderValue::from_static("localhost"),
            headers: HeaderMap::new(),
            clock: Clock::Runtime(Instant::now()),
            poll_interval: Nanos::SECOND,
            poll_phase: Nanos::ZERO,
            hold: limits::LONG_POLL_HOLD.into(),
        }
    }

    #[test]
    fn the_wait_before_a_reconnect_doubles_up_to_its_ceiling_and_starts_again_after_an_answer() {
        let mut back_off = BackOff::default();
        let mut waits: Vec<_> = (0..40).map(|_| back_off.wait(&Ok(()), 1.0)).collect();
        assert_eq!(waits[..2], [limits::BACKOFF_FIRST, limits::BACKOFF_FIRST * 2]);
        assert_eq!(waits.pop(), Some(limits::BACKOFF_MAX));
        back_off.answered();
        assert_eq!(back_off.wait(&Ok(()), 1.0), limits::BACKOFF_FIRST);
    }

    #[test]
    fn the_wait_before_a_reconnect_obeys_the_server() {
        let mut back_off = BackOff::default();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let refused = || ClientError::Refused { status, detail: String::new(), retry_after: Some(5) };
        assert_eq!(back_off.wait(&Err(refused()), 0.0), Duration::from_secs(5));
        back_off.asked_to_wait(Nanos::SECOND);
        assert_eq!(back_off.wait(&Ok(()), 0.0), Duration::from_secs(1));
        back_off.asked_to_wait(Nanos(u64::MAX));
        assert_eq!(back_off.wait(&Ok(()), 0.0), limits::ASKED_WAIT_MAX, "not for ever");
    }

    /// A server that reads and never sends anything.
    async fn silent(mut stream: DuplexStream) {
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_dropped_on_every_transport() {
        for via in Transport::ALL {
            let options = options();
            let bound = silence_max(via, &options);
            let mut follower = Follower::new(options, Ceilings::default(), 1);
            let began = Instant::now();
            let mut dialled = Vec::new();
            let dial = |_position| {
                dialled.push(began.elapsed());
                let (near, far) = tokio::io::duplex(4096);
                tokio::spawn(silent(far));
                async move { Ok((via, near)) }
            };
            let mut ignore = |_event: Event<'_>| {};
            let following = follower.follow(dial, &mut ignore);
            let _stopped = tokio::time::timeout(bound + limits::BACKOFF_FIRST * 2, following).await;
            assert!(dialled.len() == 2 && dialled[1] >= bound, "{via}: {dialled:?}");
            assert_eq!(follower.counts, Counts { connections: 2, failed: 1, recovered: 0 });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_another_attempt_would_repeat_ends_the_following() {
        let mut follower = Follower::new(options(), Ceilings::default(), 1);
        let dial = |_position| {
            let (near, mut far) = tokio::io::duplex(4096);
            tokio::spawn(async move {
                let mut request = [0; 1024];
                let _read = far.read(&mut request).await.unwrap();
                far.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            });
            async move { Ok((Transport::Sse, near)) }
        };
        let error = follower.follow(dial, &mut |_event| {}).await;
        assert!(matches!(error, ClientError::Refused { status: StatusCode::BAD_REQUEST, .. }), "{error}");
    }
}
