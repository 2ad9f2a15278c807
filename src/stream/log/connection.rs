//! The connection to the servers of the log: opened once, and kept open by the client library.

use std::sync::OnceLock;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{ConnectOptions, Event};
use tokio::sync::watch;

use super::LogSettings;
use crate::limits;

/// The connection, once it was opened.
#[derive(Debug)]
pub(super) struct Connection {
    context: OnceLock<Context>,
    /// Counts how many times the connection was made or lost.
    changes: watch::Sender<u64>,
}

impl Default for Connection {
    fn default() -> Self {
        Self { context: OnceLock::new(), changes: watch::Sender::new(0) }
    }
}

impl Connection {
    /// Starts to connect, if it has not yet; the library then retries for ever. The returned receiver changes whenever
    /// the connection is made or lost.
    ///
    /// Errors: those of the library.
    pub(super) async fn open(&self, settings: &LogSettings) -> Result<watch::Receiver<u64>, async_nats::ConnectError> {
        let changes = self.changes.subscribe();
        if self.context.get().is_none() {
            let context = self.connect(settings).await?;
            self.context.get_or_init(|| context);
        }
        Ok(changes)
    }

    async fn connect(&self, settings: &LogSettings) -> Result<Context, async_nats::ConnectError> {
        let changes = self.changes.clone();
        let client = ConnectOptions::new()
            .name("pushpull")
            .retry_on_initial_connect()
            .connection_timeout(limits::LOG_REQUEST_TIMEOUT)
            .ping_interval(limits::LOG_REQUEST_TIMEOUT)
            .request_timeout(Some(limits::LOG_REQUEST_TIMEOUT))
            .reconnect_delay_callback(rest)
            .event_callback(move |event| {
                let changes = changes.clone();
                async move {
                    if matches!(event, Event::Connected | Event::Disconnected | Event::SlowConsumer(_)) {
                        changes.send_modify(|count| *count += 1);
                    }
                }
            })
            .connect(settings.servers.addresses())
            .await?;
        let context = ContextBuilder::new()
            .timeout(limits::LOG_ACK_TIMEOUT)
            .ack_timeout(limits::LOG_ACK_TIMEOUT)
            .backpressure_on_inflight(false)
            .build(client);
        Ok(context)
    }

    /// The JetStream context, if a server is connected.
    pub(super) fn context(&self) -> Option<&Context> {
        self.context.get().filter(|context| context.client().connection_state() == State::Connected)
    }
}

/// How long to wait after this many failed attempts.
pub(super) fn rest(failed: usize) -> Duration {
    let doublings = u32::try_from(failed).unwrap_or(u32::MAX).min(8);
    (limits::LOG_PAUSE * 2_u32.pow(doublings)).min(limits::LOG_REST_MAX)
}
