//! Publishing to the log. Each update has an identifier, so that a second attempt does not publish it twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::publish::PublishAck;
use async_nats::{HeaderMap, header};
use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::{AT_US, Log, Shared};
use crate::limits;
use crate::stream::cursor::Cursor;
use crate::stream::publisher::Unpublished;
use crate::units::Nanos;

/// An update on its way to the log.
#[derive(Clone, Debug)]
struct Message {
    headers: HeaderMap,
    data: Bytes,
}

/// The result of one attempt to publish.
enum Attempt {
    Stored(PublishAck),
    /// There is no connection, so nothing was sent.
    Away,
    /// A server could not store it at the moment.
    NotStored,
    /// It was sent, and no server answered.
    Unknown,
    /// It was refused; another attempt would not help.
    Refused(String),
}

impl Log {
    /// Publishes an update and waits, for a bounded time, until the log has acknowledged it.
    ///
    /// Errors: [`Unpublished`].
    pub(in crate::stream) async fn publish(
        &self,
        at: Nanos,
        data: &RawValue,
        key: Option<&str>,
    ) -> Result<Cursor, Unpublished> {
        let shared = &self.shared;
        let deadline = Instant::now() + limits::LOG_PUBLISH_PATIENCE;
        // The prefix keeps a client's key apart from this node's own identifiers.
        let id = key.map_or_else(|| shared.new_id(), |key| format!("key {key}"));
        let message = shared.message(at, data, &id);
        let mut was_sent = false;
        loop {
            match timeout_at(deadline, shared.attempt(&message)).await.unwrap_or(Attempt::Unknown) {
                Attempt::Stored(ack) => {
                    return Ok(Cursor { epoch: shared.journal.newest().epoch, seq: ack.sequence });
                }
                Attempt::Refused(reason) => return Err(Unpublished::Refused(reason)),
                Attempt::Away if !was_sent => return Err(Unpublished::Away),
                Attempt::Away | Attempt::NotStored => {}
                Attempt::Unknown => was_sent = true,
            }
            if Instant::now() + limits::LOG_PAUSE >= deadline {
                return Err(if was_sent { Unpublished::Unknown } else { Unpublished::Away });
            }
            sleep(limits::LOG_PAUSE).await;
        }
    }

    /// Passes an update of a schedule to the feeder; waits while its queue is full.
    pub(in crate::stream) async fn offer(&self, at: Nanos, data: &RawValue) {
        let message = self.shared.message(at, data, &self.shared.new_id());
        // The feeder lives as long as the log.
        let _taken = self.feeder.queue.send(message).await;
    }
}

impl Shared {
    /// A unique identifier.
    fn new_id(&self) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        format!("node {} {}", self.node, COUNT.fetch_add(1, Relaxed))
    }

    fn message(&self, at: Nanos, data: &RawValue, id: &str) -> Message {
        let mut headers = HeaderMap::new();
        headers.insert(AT_US, self.clock.anchor().unix(at).0.to_string());
        headers.insert(header::NATS_MESSAGE_ID, id);
        Message { headers, data: Bytes::copy_from_slice(data.get().as_bytes()) }
    }

    /// Sends a message, if a server is connected and the stream is known.
    async fn send(&self, message: &Message) -> Result<PublishAckFuture, Attempt> {
        let subject = self.lock().subject.clone();
        let (Some(context), Some(subject)) = (self.connection.context(), subject) else {
            return Err(Attempt::Away);
        };
        let sent = context.publish_with_headers(subject.to_string(), message.headers.clone(), message.data.clone());
        sent.await.map_err(failed)
    }

    async fn attempt(&self, message: &Message) -> Attempt {
        match self.send(message).await {
            Ok(ack) => acknowledged(ack).await,
            Err(attempt) => attempt,
        }
    }
}

/// Waits for the acknowledgement. The timeout starts with this call and not with the first poll: when many
/// acknowledgements are lost, the timeouts run concurrently.
fn acknowledged(ack: PublishAckFuture) -> impl Future<Output = Attempt> + Send {
    let deadline = Instant::now() + limits::LOG_ACK_TIMEOUT;
    async move {
        match timeout_at(deadline, ack.into_future()).await {
            Ok(Ok(ack)) => Attempt::Stored(ack),
            Ok(Err(error)) => failed(error),
            Err(_elapsed) => Attempt::Unknown,
        }
    }
}

fn failed(error: PublishError) -> Attempt {
    match error.kind() {
        // No stream has the subject: it was deleted, or its server is still starting.
        PublishErrorKind::StreamNotFound | PublishErrorKind::MaxAckPending => Attempt::NotStored,
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => Attempt::Unknown,
        PublishErrorKind::MaxPayloadExceeded => Attempt::Refused(error.to_string()),
        PublishErrorKind::WrongLastMessageId | PublishErrorKind::WrongLastSequence | PublishErrorKind::Other => {
            match std::error::Error::source(&error).and_then(|source| source.downcast_ref()) {
                Some(error) => answered(error),
                // An answer that cannot be read does not show whether the update was stored.
                None => Attempt::Unknown,
            }
        }
    }
}

/// The result for an answer that is not an acknowledgement. A server error (5xx: no leader, no space) may be temporary.
fn answered(error: &async_nats::jetstream::Error) -> Attempt {
    match error.code() {
        500.. => Attempt::NotStored,
        _ => Attempt::Refused(error.to_string()),
    }
}

/// Publishes the updates of schedules in order, with several in flight.
#[derive(Debug)]
pub(super) struct Feeder {
    queue: mpsc::Sender<Message>,
    _task: AbortOnDropHandle<()>,
}

impl Feeder {
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let (queue, messages) = mpsc::channel(limits::LOG_IN_FLIGHT_MAX);
        Self { queue, _task: AbortOnDropHandle::new(tokio::spawn(feed(shared, messages))) }
    }
}

/// A message and its pending acknowledgement; `None` if it could not be sent.
type InFlight = (Message, Option<std::pin::Pin<Box<dyn Future<Output = Attempt> + Send>>>);

async fn feed(shared: Arc<Shared>, mut messages: mpsc::Receiver<Message>) {
    let mut in_flight: VecDeque<InFlight> = VecDeque::new();
    loop {
        let has_room = in_flight.len() < limits::LOG_IN_FLIGHT_MAX;
        let oldest = in_flight.front_mut();
        tokio::select! {
            attempt = async {
                match oldest {
                    Some((_, Some(ack))) => ack.await,
                    Some((_, None)) => Attempt::NotStored,
                    None => std::future::pending().await,
                }
            } => {
                let Some((message, _)) = in_flight.pop_front() else { continue };
                match attempt {
                    Attempt::Stored(_) => {}
                    Attempt::Refused(reason) => tracing::error!("an update of the feed is not published: {reason}"),
                    // Nothing more is sent until it is stored or abandoned.
                    Attempt::Away | Attempt::NotStored | Attempt::Unknown => insist(&shared, &message).await,
                }
            }
            message = messages.recv(), if has_room => {
                let Some(message) = message else { return };
                let ack = shared.send(&message).await.ok().map(|ack| Box::pin(acknowledged(ack)) as _);
                in_flight.push_back((message, ack));
            }
        }
    }
}

/// Publishes a message again until it is stored, but only for as long as the log would detect a duplicate.
async fn insist(shared: &Shared, message: &Message) {
    let deadline = Instant::now() + limits::LOG_FEED_PATIENCE;
    while Instant::now() < deadline {
        match shared.attempt(message).await {
            Attempt::Stored(_) => return,
            Attempt::Refused(reason) => return tracing::error!("an update of the feed is not published: {reason}"),
            // The first attempt has no delay: when the log is back, many messages may have to be sent again.
            Attempt::Away | Attempt::NotStored | Attempt::Unknown => sleep(limits::LOG_PAUSE).await,
        }
    }
    tracing::error!("an update of the feed was dropped: the log did not answer for {:?}", limits::LOG_FEED_PATIENCE);
}
