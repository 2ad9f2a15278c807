//! Following the log: keeps the node's journal up to date with the stream, through failures of either.
//!
//! The node reads with a plain pull consumer, which is ephemeral and has no acknowledgements. Whenever anything is
//! unexpected, the consumer is recreated after the last update in the journal. (The client library's ordered consumers
//! recreate themselves, but stop, repeat or skip after some failures.) In addition, once a second, the node checks the
//! stream itself, which shows what an idle consumer cannot.

use std::sync::Arc;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::{Config as PullConfig, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType, Stream};
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::connection::rest;
use super::{AT_US, LogState, Shared};
use crate::limits;
use crate::stream::cursor::Epoch;
use crate::stream::value;
use crate::units::UnixMicros;

/// What a node remembers about the stream from one consumer to the next.
#[derive(Debug, Default)]
struct Known {
    /// When the stream was created whose updates are in the journal.
    created_ns: Option<i128>,
    /// Since when the stream has been missing.
    missing_since: Option<Instant>,
    /// Checks in a row at which the stream ended before the journal does.
    back: u32,
}

/// Why a consumer is no longer read.
#[derive(Debug)]
enum Ended {
    /// It was interrupted; another consumer continues where it stopped.
    Interrupted,
    /// It cannot be created, or the stream cannot be checked.
    Failed(LogState),
}

/// Follows the log for ever.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut known = Known::default();
    let mut failed = 0;
    loop {
        let mut changes = match shared.connection.open(&shared.settings).await {
            Ok(changes) => changes,
            Err(error) => {
                tracing::error!("cannot begin to connect to the log: {error}");
                sleep(limits::LOG_REST_MAX).await;
                continue;
            }
        };
        match follow(&shared, &mut changes, &mut known).await {
            Ended::Interrupted => failed = 0,
            Ended::Failed(standing) => {
                shared.set(standing);
                failed += 1;
            }
        }
        // The wait ends early when a server is connected again.
        let _either = timeout(rest(failed), changes.changed()).await;
    }
}

/// Creates a consumer that starts after the journal's newest update, and reads it until it ends.
async fn follow(shared: &Shared, changes: &mut watch::Receiver<u64>, known: &mut Known) -> Ended {
    let Some(context) = shared.connection.context() else { return Ended::Failed(LogState::Away) };
    // Read before the request: an update that arrives in the meantime must not make the stream look as if it went back.
    let held = shared.journal.newest().seq;
    let stream = match context.get_stream(shared.settings.stream.to_string()).await {
        Ok(stream) => stream,
        Err(error) if is_missing(&error) => match missing(shared, known).await {
            Ok(stream) => stream,
            Err(ended) => return ended,
        },
        Err(error) => {
            tracing::debug!("the stream cannot be looked at: {error}");
            return Ended::Failed(LogState::Away);
        }
    };
    known.missing_since = None;
    let info = stream.cached_info();
    match subject(&info.config) {
        Ok(subject) => shared.lock().subject = Some(subject.into()),
        Err(reason) => return Ended::Failed(LogState::Unfit(reason)),
    }
    if !place(shared, known, info, held) {
        sleep(limits::LOG_CHECK_INTERVAL).await;
        return Ended::Failed(LogState::CatchingUp);
    }
    let next = shared.journal.newest().seq + 1;
    let is_level = next > info.state.last_sequence;
    let mut messages = match consume(&stream, next).await {
        Ok(messages) => messages,
        Err(error) => {
            tracing::debug!("no consumer: {error}");
            return Ended::Failed(LogState::Away);
        }
    };
    {
        let mut state = shared.lock();
        state.newest_seq = info.state.last_sequence;
        state.followed += 1;
    }
    shared.set(if is_level { LogState::Following } else { LogState::CatchingUp });
    tokio::select! {
        () = read(shared, &mut messages) => Ended::Interrupted,
        ended = look(shared, &stream, known) => ended,
        ended = lost(shared, changes) => ended,
    }
}

/// Moves the journal to the stream's epoch, and past the updates that the stream no longer has. `false` if it is not
/// clear yet whether the stream has gone back.
fn place(shared: &Shared, known: &mut Known, info: &Info, held: u64) -> bool {
    let journal = &shared.journal;
    let created_ns = info.created.unix_timestamp_nanos();
    let (first, last) = (info.state.first_sequence, info.state.last_sequence);
    // At most as many updates as the journal retains, and none that the stream has dropped.
    let retained = journal.bounds().updates as u64;
    let before = first.max((last + 1).saturating_sub(retained)).saturating_sub(1);
    if known.created_ns != Some(created_ns) {
        if known.created_ns.replace(created_ns).is_some() {
            tracing::warn!("the stream {} was recreated: another epoch begins", shared.settings.stream);
        }
        known.back = 0;
        journal.restart(Epoch::of_log(created_ns), before);
        return true;
    }
    if last < held {
        known.back += 1;
        if known.back < limits::LOG_BACK_CHECKS {
            return false;
        }
        // Sequence numbers are issued a second time, so no cursor of this epoch can be trusted any more.
        tracing::error!(
            "the stream {} has gone back from {held} to {last}: it has lost updates that it had acknowledged; set \
             sync_interval, or keep it on three servers. This node continues in its own epoch; recreate the stream",
            shared.settings.stream
        );
        journal.restart(Epoch::random(), before);
    } else if before > held {
        journal.skip_to(before);
    }
    known.back = 0;
    true
}

/// A consumer that begins with message `next`. The server would silently begin later if it no longer had that message.
async fn consume(stream: &Stream, next: u64) -> Result<Messages, async_nats::Error> {
    let config = PullConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: next },
        ack_policy: AckPolicy::None,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: limits::LOG_PULL_EXPIRES * 2,
        ..PullConfig::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let messages = consumer.stream().max_messages_per_batch(limits::LOG_PULL_MESSAGES);
    Ok(messages.expires(limits::LOG_PULL_EXPIRES).heartbeat(limits::LOG_HEARTBEAT).messages().await?)
}

/// Appends the consumer's messages to the journal, until it ends or a delivery is missing.
async fn read(shared: &Shared, messages: &mut Messages) {
    for delivery in 1.. {
        let message = match messages.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return tracing::debug!("the consumer ended: {error}"),
            None => return,
        };
        let Ok(info) = message.info() else { return };
        // A message that was sent into a broken connection is not sent again. As long as no delivery is missing, a hole
        // in the stream's numbers exists in the stream itself.
        if info.consumer_sequence != delivery {
            return tracing::debug!("deliveries {delivery} to {} are missing", info.consumer_sequence);
        }
        append(shared, &message, info.stream_sequence, (info.published.unix_timestamp_nanos() / 1_000) as u64);
        if info.pending == 0 {
            shared.set(LogState::Following);
        }
    }
}

/// Appends a message to the journal. A message that is not an update is skipped, which gives the clients a gap.
fn append(shared: &Shared, message: &Message, seq: u64, stored_us: u64) {
    let journal = &shared.journal;
    let data = match message.payload.len() {
        0..=limits::UPDATE_BYTES_MAX => value(&message.payload),
        size => Err(format!("{size} B, more than the {} B that one update may have", limits::UPDATE_BYTES_MAX)),
    };
    let at = message.headers.as_ref().and_then(|headers| headers.get(AT_US)?.as_str().parse().ok());
    match data {
        Ok(data) => journal.append_logged(seq, UnixMicros(at.unwrap_or(stored_us)), shared.clock.now(), data),
        Err(problem) => {
            tracing::warn!("message {seq} of the stream is not an update: {problem}; skipped");
            journal.skip_to(seq);
        }
    }
}

/// Checks the stream regularly, until the consumer has to be recreated.
async fn look(shared: &Shared, stream: &Stream, known: &mut Known) -> Ended {
    // The newest numbers of the stream and of the journal at the last check.
    let mut before = None;
    loop {
        sleep(limits::LOG_CHECK_INTERVAL).await;
        let held = shared.journal.newest().seq;
        let info = match stream.get_info().await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!("the stream does not answer: {error}");
                return Ended::Failed(LogState::Away);
            }
        };
        let last = info.state.last_sequence;
        shared.lock().newest_seq = last;
        if known.created_ns != Some(info.created.unix_timestamp_nanos()) {
            return Ended::Interrupted;
        }
        if last < held {
            // `place` counts this when the next consumer is created.
            return Ended::Failed(LogState::CatchingUp);
        }
        known.back = 0;
        match before {
            // The journal is behind and has not grown since the last check: a purge, or a consumer that has died.
            Some((last_before, held_before)) if held < last_before && held == held_before => return Ended::Interrupted,
            Some((last_before, _)) if held < last_before => shared.set(LogState::CatchingUp),
            Some(_) => shared.set(LogState::Following),
            None => {}
        }
        before = Some((last, held));
    }
}

/// Returns when the connection was lost or made again.
async fn lost(shared: &Shared, changes: &mut watch::Receiver<u64>) -> Ended {
    // The sender lives in the log.
    let _changed = changes.changed().await;
    match shared.connection.context() {
        Some(_) => Ended::Interrupted,
        None => Ended::Failed(LogState::Away),
    }
}

fn is_missing(error: &GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
        GetStreamErrorKind::EmptyName | GetStreamErrorKind::Request | GetStreamErrorKind::InvalidStreamName => false,
    }
}

/// Creates the stream: at once if this node has never followed it, otherwise after it has been missing for a while.
async fn missing(shared: &Shared, known: &mut Known) -> Result<Stream, Ended> {
    let since = *known.missing_since.get_or_insert_with(Instant::now);
    if known.created_ns.is_some() && since.elapsed() < limits::LOG_MISSING_MAX {
        return Err(Ended::Failed(LogState::Missing));
    }
    let Some(context) = shared.connection.context() else { return Err(Ended::Failed(LogState::Away)) };
    let stream = &shared.settings.stream;
    let bounds = shared.journal.bounds();
    let config = Config {
        name: stream.to_string(),
        subjects: vec![format!("{stream}.updates")],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        max_messages: i64::try_from(bounds.updates).unwrap_or(i64::MAX),
        max_bytes: i64::try_from(bounds.bytes).unwrap_or(i64::MAX),
        max_message_size: limits::LOG_MESSAGE_BYTES_MAX,
        num_replicas: shared.settings.replicas,
        duplicate_window: limits::LOG_DUPLICATE_WINDOW,
        ..Config::default()
    };
    match context.create_stream(config).await {
        Ok(made) => {
            tracing::info!("created the stream {stream}");
            Ok(made)
        }
        Err(error) => {
            tracing::warn!("the stream {stream} cannot be created: {error}");
            Err(Ended::Failed(LogState::Missing))
        }
    }
}

/// The only subject of a stream that is used as a log.
///
/// Errors: why the stream cannot be used, and what to do.
fn subject(config: &Config) -> Result<String, String> {
    let RetentionPolicy::Limits = config.retention else {
        return Err("it drops what was read; create it with retention by limits".to_owned());
    };
    match config.subjects.as_slice() {
        [subject] if !subject.contains(['*', '>']) => Ok(subject.clone()),
        _ => Err("a log needs exactly one subject, without wildcards; name another stream with --stream".to_owned()),
    }
}
