//! Publishes a feed to a third-party server on the feed's schedule. Each update carries its sequence number and due
//! time, so clients can tell what the server did with it.
//!
//! It uses one connection and publishes one update after the other, in order: any reordering is the server's. The
//! schedule is an open loop, as everywhere: an update that is sent late still carries the instant at which it was due.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, StatusCode};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;

use super::connect::{Endpoint, EndpointError};
use super::description::{Publish, PublishHttp, PublishSocket};
use super::http::{Http, add};
use super::socket;
use super::subscriber::Subscriber;
use super::template::Values;
use crate::clock::{Clock, UnixAnchor};
use crate::limits;
use crate::measure::delivery::Due;
use crate::net::AnyStream;
use crate::net::tls::Trust;
use crate::run::file::PublishReport;
use crate::stream::feed::{self, Feed, FeedError};
use crate::transport::ClientError;
use crate::transport::websocket::failure;
use crate::units::{Nanos, UnixMicros};

/// What was published, and what failed.
#[derive(Debug, Default)]
struct Record {
    due: Vec<Due>,
    report: PublishReport,
    /// Everything due before this instant of the schedule was tried.
    reached: Nanos,
    error: Option<String>,
}

/// A running publisher. It stops when it is dropped.
pub struct Publisher {
    record: Arc<Mutex<Record>>,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// Why publishing could not start.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The feed failed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The address is not usable.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// The address that updates are published to.
pub struct PublishEndpoint {
    endpoint: Endpoint,
    publish: Publish,
    subscriber: Arc<Subscriber>,
}

impl PublishEndpoint {
    /// Resolves the address.
    ///
    /// Errors: [`EndpointError`].
    pub async fn of(publish: &Publish, subscriber: &Arc<Subscriber>, trust: &Trust) -> Result<Self, EndpointError> {
        let values = subscriber.values_of_server();
        let url = match (&publish.http, &publish.websocket) {
            (Some(http), _) => http.url.fill(&values),
            (None, Some(socket)) => socket.url.fill(&values),
            (None, None) => String::new(),
        };
        let endpoint = Endpoint::of(&url, trust).await?;
        Ok(Self { endpoint, publish: publish.clone(), subscriber: Arc::clone(subscriber) })
    }

    /// The resolved address.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Publisher {
    /// Publishes a feed that starts at `origin`.
    ///
    /// Errors: [`PublishError`].
    pub fn start(to: PublishEndpoint, feed: &Feed, origin: Nanos) -> Result<Self, PublishError> {
        let record = Arc::<Mutex<Record>>::default();
        let stop = CancellationToken::new();
        let source = feed.source()?;
        let whole = match feed {
            Feed::Synthetic { payload, .. } => Some(*payload),
            Feed::Replay { .. } | Feed::Stdin | Feed::None => None,
        };
        let work = Work { to, whole, record: Arc::clone(&record), seq: 1, paused_until: Nanos::ZERO };
        let ended = stop.clone();
        let task = tokio::spawn(async move {
            let source = source.into_iter().flatten();
            ended.run_until_cancelled(work.run(source, origin)).await;
        });
        Ok(Self { record, task, stop })
    }

    /// Waits, for a limited time, until everything that was due before `until` was tried. Returns what was published,
    /// and what happened to the rest.
    pub async fn finish(&self, until: Nanos) -> (Vec<Due>, PublishReport, Option<String>) {
        let reached = async {
            while self.lock().reached < until && !self.task.is_finished() {
                tokio::time::sleep(limits::DRAIN_CHECK_INTERVAL).await;
            }
        };
        let in_time = tokio::time::timeout(limits::TRIAL_DRAIN, reached).await;
        let record = self.lock();
        let mut report = record.report;
        report.is_behind = in_time.is_err();
        (record.due.clone(), report, record.error.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

struct Work {
    to: PublishEndpoint,
    /// Payload size in bytes, if the feed sets one.
    whole: Option<usize>,
    record: Arc<Mutex<Record>>,
    seq: u64,
    /// The server asked for no requests before this instant.
    paused_until: Nanos,
}

/// Why a connection for publishing was closed.
enum Ended {
    /// The end of the schedule.
    Schedule,
    /// The connection failed.
    Connection(ClientError),
}

impl Work {
    async fn run(mut self, source: impl Iterator<Item = feed::Due>, origin: Nanos) {
        let mut source = source.peekable();
        let mut failures = 0;
        loop {
            let before = self.seq;
            match self.connected(&mut source, origin).await {
                Ended::Schedule => return,
                Ended::Connection(error) => self.note(|record| record.error = Some(error.to_string())),
            }
            failures = if self.seq > before { 0 } else { failures + 1 };
            // Updates that become due during this wait are late, and are reported as late.
            tokio::time::sleep(limits::BACKOFF_FIRST.saturating_mul(failures).min(limits::BACKOFF_MAX)).await;
        }
    }

    async fn connected(
        &mut self,
        source: &mut std::iter::Peekable<impl Iterator<Item = feed::Due>>,
        origin: Nanos,
    ) -> Ended {
        let stream = match self.to.endpoint.dial().await {
            Ok(stream) => stream,
            Err(error) => return Ended::Connection(error),
        };
        let publish = self.to.publish.clone();
        match (&publish.http, &publish.websocket) {
            (Some(http), _) => self.over_http(stream, http, source, origin).await,
            (None, Some(socket)) => self.over_socket(stream, socket, source, origin).await,
            (None, None) => Ended::Schedule,
        }
    }

    async fn over_http(
        &mut self,
        stream: AnyStream,
        http: &PublishHttp,
        source: &mut std::iter::Peekable<impl Iterator<Item = feed::Due>>,
        origin: Nanos,
    ) -> Ended {
        let mut connection = Http::new(stream, &self.to.endpoint.host);
        let method = Method::try_from(http.method.as_str()).unwrap_or(Method::POST);
        let requests = async {
            while let Some(next) = self.next(source, origin).await {
                let payload = next.payload.clone();
                let subscriber = Arc::clone(&self.to.subscriber);
                let values = Values { payload: &payload, seq: next.due.seq, ..subscriber.values_of_server() };
                let mut headers = HeaderMap::new();
                add(&mut headers, &http.headers, &values)?;
                let (url, content) = (http.url.fill(&values), Bytes::from(http.body.fill(&values)));
                let answered = async {
                    let head = connection.send(method.clone(), &url, headers, content).await?;
                    match http.ok.contains(&head.status.as_u16()) {
                        true => connection.line.whole(limits::TARGET_MESSAGE_BYTES_MAX).await.map(drop),
                        false => Err(connection.line.refusal(&head).await),
                    }
                };
                let outcome = tokio::time::timeout(limits::PUBLISH_TIMEOUT, answered).await;
                self.settle(next, source, outcome.unwrap_or_else(|late| Err(ClientError::broken(late))))?;
            }
            Ok(())
        };
        match requests.await {
            Ok(()) => Ended::Schedule,
            Err(error) => Ended::Connection(error),
        }
    }

    async fn over_socket(
        &mut self,
        stream: AnyStream,
        publish: &PublishSocket,
        source: &mut std::iter::Peekable<impl Iterator<Item = feed::Due>>,
        origin: Nanos,
    ) -> Ended {
        let subscriber = Arc::clone(&self.to.subscriber);
        let values = subscriber.values_of_server();
        let outcome = async {
            let mut headers = HeaderMap::new();
            add(&mut headers, &publish.headers, &values)?;
            let url = publish.url.fill(&values);
            let mut stream = socket::open(stream, &url, headers, publish.subprotocol.as_deref()).await?;
            socket::greet(&mut stream, &publish.handshake, &publish.replies, &values).await?;
            loop {
                let next = {
                    let mut next = pin!(self.next(source, origin));
                    loop {
                        // Messages from the server must be read in between, and its pings answered.
                        tokio::select! {
                            next = &mut next => break next,
                            frame = stream.next() => {
                                let frame = frame.ok_or(ClientError::Closed)?.map_err(failure)?;
                                if let Frame::Text(text) = frame
                                    && let Some(reply) = publish.replies.get(text.as_str())
                                {
                                    stream.send(Frame::text(reply.clone())).await.map_err(failure)?;
                                }
                            }
                        }
                    }
                };
                let Some(next) = next else { return Ok(()) };
                let values = Values { payload: &next.payload, seq: next.due.seq, ..values.clone() };
                let text = publish.message.fill(&values);
                let sent = stream.send(Frame::text(text)).await.map_err(failure);
                self.settle(next, source, sent)?;
            }
        };
        match outcome.await {
            Ok(()) => Ended::Schedule,
            Err(error) => Ended::Connection(error),
        }
    }

    /// Waits for the next update that is due and may be sent.
    async fn next(
        &mut self,
        source: &mut std::iter::Peekable<impl Iterator<Item = feed::Due>>,
        origin: Nanos,
    ) -> Option<Next> {
        let clock = Clock::Monotonic;
        loop {
            let at = origin.saturating_add(source.peek()?.offset);
            tokio::time::sleep_until(clock.instant(at)).await;
            let now = clock.now();
            if now < self.paused_until {
                // The server asked for a pause: updates that are due before its end are not sent.
                source.next();
                self.note(|record| {
                    record.report.throttled += 1;
                    record.reached = at;
                });
                continue;
            }
            let data = source.peek()?.data.get().to_owned();
            let at_us = UnixAnchor::of_process().unix(at);
            let payload = payload(self.seq, at_us, &data, self.whole);
            let due = Due { seq: self.seq, at_ns: at, published_ns: Some(now) };
            return Some(Next { due, payload });
        }
    }

    /// Records the outcome of an update.
    ///
    /// Errors: the connection can no longer be used.
    fn settle(
        &mut self,
        next: Next,
        source: &mut std::iter::Peekable<impl Iterator<Item = feed::Due>>,
        outcome: Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        let was_never_sent = matches!(outcome, Err(ClientError::Closed));
        if !was_never_sent {
            // The connection was already closed, so this was no attempt: the same update is sent over the next one.
            source.next();
        }
        let pause = match &outcome {
            Err(ClientError::Refused { status, .. }) if is_busy(*status) => {
                let asked = outcome.as_ref().err().and_then(ClientError::retry_after).unwrap_or(Nanos::SECOND);
                Some(asked.min(limits::ASKED_WAIT_MAX.into()))
            }
            Ok(()) | Err(_) => None,
        };
        if let Some(pause) = pause {
            self.paused_until = Clock::Monotonic.now().saturating_add(pause);
        }
        let is_counted = !matches!(outcome, Err(ClientError::Refused { .. } | ClientError::Closed));
        if is_counted {
            self.seq += 1;
        }
        self.note(|record| {
            record.reached = next.due.at_ns;
            if is_counted {
                // An update without an answer may have been published all the same.
                record.due.push(next.due);
            }
            match &outcome {
                Ok(()) => record.report.sent += 1,
                Err(ClientError::Closed) => {}
                Err(ClientError::Refused { .. }) if pause.is_some() => record.report.throttled += 1,
                Err(ClientError::Refused { .. }) => record.report.refused += 1,
                Err(_) => record.report.failed += 1,
            }
            if let Err(error) = &outcome {
                record.error = Some(error.to_string());
            }
        });
        match outcome {
            Ok(()) | Err(ClientError::Refused { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn note(&self, change: impl FnOnce(&mut Record)) {
        change(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Next {
    due: Due,
    payload: String,
}

/// A status that asks the client to slow down (RFC 6585 section 4, RFC 9110 section 15.6.4).
pub fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE
}

/// `{"seq":42,"at_us":1795363216000123,"data":…}`: `whole` bytes long if the data is a string that can be cut or
/// padded.
pub fn payload(seq: u64, at_us: UnixMicros, data: &str, whole: Option<usize>) -> String {
    let head = format!(r#"{{"seq":{seq},"at_us":{},"data":"#, at_us.0);
    let Some(whole) = whole else { return format!("{head}{data}}}") };
    let room = whole.saturating_sub(head.len() + 3);
    let letters: String = data.trim_matches('"').chars().chain(std::iter::repeat('x')).take(room).collect();
    format!("{head}\"{letters}\"}}")
}

/// Minimum size of a payload.
pub const PAYLOAD_BYTES_MIN: usize = r#"{"seq":1000000,"at_us":1795363216000123,"data":""}"#.len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_the_requested_size_and_contains_its_number_and_time() {
        let at = UnixMicros(1_795_363_216_000_123);
        for whole in [PAYLOAD_BYTES_MIN, 60, 200, 4096] {
            for seq in [1, 99, 1_000_000] {
                let made = payload(seq, at, "\"ABCDEFGH\"", Some(whole));
                assert_eq!(made.len(), whole, "{made}");
                let read: serde_json::Value = serde_json::from_str(&made).unwrap();
                assert_eq!((read["seq"].as_u64(), read["at_us"].as_u64()), (Some(seq), Some(at.0)));
            }
        }
        assert_eq!(payload(7, at, "[1]", None), r#"{"seq":7,"at_us":1795363216000123,"data":[1]}"#);
    }
}
