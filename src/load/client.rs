//! A virtual client: its connection, its position in the stream, and a record of everything it received.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::SemaphorePermit;

use crate::limits;
use crate::load::context::{ClientProgress, Cut, Outcome, TrialContext};
use crate::load::dial::{ClientStream, Dialler};
use crate::load::echo::{self, EchoEvent, Sending};
use crate::load::foreign;
use crate::load::foreign::connect::untrusted;
use crate::load::foreign::publisher::is_busy;
use crate::load::foreign::subscriber::{State, SubscriberEvent};
use crate::measure::delivery::Delivery;
use crate::run::Transport;
use crate::run::file::Leaving;
use crate::stream::Cursor;
use crate::transport::reconnect::{self, BackOff};
use crate::transport::{ClientError, Event, Options};
use crate::units::Nanos;

/// Subscribes, and resubscribes whenever the connection ends, until the trial's clients are stopped.
pub async fn run(
    id: u32,
    via: Transport,
    context: Arc<TrialContext>,
    options: Options,
    sending: Option<Sending>,
    progress: Arc<ClientProgress>,
) -> Outcome {
    let dialler = Arc::new(Dialler::new(id, Arc::clone(&context), Arc::clone(&progress.counters)));
    let mut client = Client {
        id,
        via,
        dialler,
        dialled: Nanos::ZERO,
        back_off: BackOff::default(),
        dialling: None,
        left: None,
        is_returning: false,
        sending,
        outcome: Outcome::default(),
        progress,
        context: &context,
    };
    let mut position = StreamPosition { cursor: None, foreign: State { client: id, ..State::default() } };
    tokio::select! {
        biased;
        () = context.stop.cancelled() => {}
        () = client.subscribe_for_ever(&options, &mut position) => {}
    }
    if let (Some(sending), Some(times)) = (sending, *context.times.borrow()) {
        echo::complete(client.outcome.planned.get_or_insert_default(), &sending, &times);
    }
    client.outcome
}

/// A client's position in the stream, kept across connections.
struct StreamPosition {
    /// With a server that implements the project's contract.
    cursor: Option<Cursor>,
    /// With a third-party server.
    foreign: State,
}

struct Client<'a> {
    id: u32,
    via: Transport,
    dialler: Arc<Dialler>,
    context: &'a TrialContext,
    progress: Arc<ClientProgress>,
    outcome: Outcome,
    /// When the current connection was dialled.
    dialled: Nanos,
    /// The delay before a reconnect.
    back_off: BackOff,
    /// When it last left voluntarily.
    left: Option<Nanos>,
    /// It left, and has not had an answer since.
    is_returning: bool,
    /// What it sends, if it sends instead of subscribing.
    sending: Option<Sending>,
    /// Held from dialling to the first answer.
    dialling: Option<SemaphorePermit<'a>>,
}

impl<'a> Client<'a> {
    /// Returns only when a retry would be pointless.
    async fn subscribe_for_ever(&mut self, options: &Options, position: &mut StreamPosition) {
        let mut random = ChaCha8Rng::seed_from_u64(u64::from(self.id));
        let mut storms_ahead = 1;
        loop {
            let leaving = leave(self.context, random.random(), storms_ahead);
            let ended = tokio::select! {
                biased;
                ended = self.subscribe(options, position) => ended,
                away = leaving => {
                    self.dialling = None;
                    self.left = Some(self.context.clock.now());
                    self.is_returning = true;
                    self.outcome.reconnects += 1;
                    storms_ahead = 0;
                    tokio::time::sleep(away(random.random())).await;
                    continue;
                }
            };
            self.dialling = None;
            if self.context.killed.get().is_some() {
                self.left = Some(self.context.clock.now());
                self.outcome.cut.get_or_insert_default();
            }
            let wait = self.back_off.wait(&ended, random.random());
            if let Err(error) = ended {
                self.outcome.refused += 1;
                if let ClientError::Refused { status, .. } = &error {
                    self.outcome.throttled += u64::from(is_busy(*status));
                }
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

    async fn subscribe(&mut self, options: &Options, position: &mut StreamPosition) -> Result<(), ClientError> {
        let permit = self.context.dials.acquire().await;
        self.dialling = permit.ok();
        self.dialled = self.context.clock.now();
        if self.context.killed.get().is_some() {
            self.outcome.dialled.push(self.dialled);
        }
        let via = self.via;
        if let Some(subscriber) = &self.context.subscriber {
            let wire = self.dialler.wire().await.map_err(untrusted)?;
            let mut on_event = |event: SubscriberEvent| self.note_subscriber_event(event);
            return foreign::client::subscribe(via, wire, subscriber, options, &mut position.foreign, &mut on_event)
                .await;
        }
        let session = self.dialler.session().await.map_err(ClientError::of_dial)?;
        if let Some(sending) = self.sending {
            let next_seq = self.outcome.planned.as_ref().map_or(0, |planned| planned.len() as u64) + 1;
            let context = self.context;
            let note = |event| self.note_echo(event);
            return echo::talk::<ClientStream>(context, via, session, options, sending, next_seq, note).await;
        }
        reconnect::subscribe::<ClientStream>(via, session, options, &mut position.cursor, &mut |event| self.note(event))
            .await
    }

    fn note(&mut self, event: Event<'_>) {
        let now = self.context.clock.now();
        match event {
            Event::Update(update) => {
                let at_ns = self.context.relation.anchor.instant(update.at_us);
                self.delivered(now, update.seq, at_ns, update.data.get().len());
            }
            Event::Position(cursor) => {
                self.progress.held.fetch_max(cursor.seq, Relaxed);
                self.connected(now);
            }
            Event::Requested => self.progress.counters.requested(),
            Event::Empty => {
                self.progress.counters.came_back_empty();
                self.connected(now);
            }
            Event::Gap(gap) => self.outcome.seen.gaps.push((self.outcome.seen.deliveries.len(), gap)),
            Event::Retry(length) => self.back_off.asked_to_wait(length),
            Event::MissedPoll => self.outcome.missed_polls += 1,
            Event::Decompressed { coded, decoded } => self.progress.counters.decompressed(coded, decoded),
        }
    }

    fn note_subscriber_event(&mut self, event: SubscriberEvent) {
        let now = self.context.clock.now();
        match event {
            SubscriberEvent::Requested => self.progress.counters.requested(),
            SubscriberEvent::Opened => self.connected(now),
            SubscriberEvent::Empty => {
                self.progress.counters.came_back_empty();
                self.connected(now);
            }
            SubscriberEvent::Update { seq, at, bytes } => {
                // A message without a send time is recorded with its arrival time, and has no latency.
                let at_ns = at.map_or(now, |at| self.context.relation.anchor.instant(at));
                self.delivered(now, seq, at_ns, bytes);
            }
            SubscriberEvent::Retry(length) => self.back_off.asked_to_wait(length),
            SubscriberEvent::MissedPoll => self.outcome.missed_polls += 1,
            SubscriberEvent::Unread => self.outcome.unread += 1,
        }
    }

    fn delivered(&mut self, now: Nanos, seq: u64, at_ns: Nanos, bytes: usize) {
        let delivery = Delivery { seq, at_ns, arrived_ns: now, bytes: u32::try_from(bytes).unwrap_or(u32::MAX) };
        self.outcome.seen.deliveries.push(delivery);
        if self.left.is_some_and(|left| left <= at_ns && at_ns < self.dialled) {
            self.outcome.recovered.push(at_ns);
        }
        self.progress.counters.delivered(bytes);
        self.progress.held.fetch_max(seq, Relaxed);
        self.connected(now);
    }

    fn note_echo(&mut self, event: EchoEvent) {
        match event {
            EchoEvent::Connected => self.connected(self.context.clock.now()),
            EchoEvent::Sent { due, is_request } => {
                self.outcome.planned.get_or_insert_default().push(due);
                if is_request {
                    self.progress.counters.requested();
                }
            }
            EchoEvent::Returned(delivery) => {
                // The bytes went up and came back down.
                self.progress.counters.delivered(2 * delivery.bytes as usize);
                self.outcome.seen.deliveries.push(delivery);
            }
        }
    }

    fn connected(&mut self, now: Nanos) {
        self.back_off.answered();
        self.dialling = None;
        if let Some(Cut { back: back @ None }) = &mut self.outcome.cut {
            *back = Some(now);
        }
        if std::mem::take(&mut self.is_returning) {
            self.outcome.returns.push((now, now.saturating_sub(self.dialled)));
        }
        if self.outcome.connect.is_none() {
            self.outcome.connect = Some(now.saturating_sub(self.dialled));
            self.context.connected.add_permits(1);
        }
    }
}

/// How long a client stays away after leaving, computed from a random share.
type Away = fn(f64) -> Duration;

/// Returns when the client leaves, with the function that decides how long it stays away. With `Each` that is an
/// exponential time. In a storm it is the same for all, so that all return together. No client leaves before the trial
/// starts.
async fn leave(context: &TrialContext, share: f64, storms_ahead: u32) -> Away {
    match context.leaving {
        Leaving::Each(mean) => {
            context.times().await;
            tokio::time::sleep(exponential(mean, share)).await;
            |share| exponential(limits::CHURN_AWAY, share)
        }
        Leaving::AllAtOnce if storms_ahead > 0 => {
            let window = context.times().await.window;
            let middle = window.start.saturating_add(Nanos(window.length().0 / 2));
            tokio::time::sleep_until(context.clock.instant(middle)).await;
            |_share| limits::CHURN_AWAY.duration()
        }
        Leaving::AllAtOnce | Leaving::Never => std::future::pending().await,
    }
}

/// An exponentially distributed time from a uniform share, as between independent events.
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
