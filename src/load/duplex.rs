//! The client-to-server direction: messages that clients send up on a plan of their own, and get back.
//!
//! A message is due at the client's phase of each period; its latency is the round trip from then, so that a line which
//! is still busy with the message before does not stop the clock. WebSocket sends messages on its open connection. The
//! other three transports have no way up: they send a POST, on a connection that is kept.

use bytes::Bytes;

use super::client::{Begun, Client};
use crate::limits;
use crate::measure::delivery::{Delivery, Due};
use crate::report::run_file::MessageKind;
use crate::transport::client::Stream;
use crate::transport::echo;
use crate::transport::{ClientError, Options, Transport};
use crate::units::Nanos;

/// What one client sends, and when.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// What messages are made of.
    pub kind: MessageKind,
    /// Bytes of each.
    pub bytes: usize,
    /// Between two of them.
    pub period: Nanos,
    /// When in each period this client sends.
    pub phase: Nanos,
}

impl Sending {
    /// When a message is due; they are numbered from 1.
    pub fn due(&self, begun: &Begun, seq: u64) -> Nanos {
        begun.origin.plus(self.phase).plus(Nanos(self.period.0.saturating_mul(seq - 1)))
    }

    /// A message that no other is like, as far as its length allows.
    fn message(&self, seq: u64) -> Bytes {
        let mut message = match self.kind {
            MessageKind::Text => vec![b'm'; self.bytes],
            // No text in any encoding that a server might take it for.
            MessageKind::Binary => vec![0xff; self.bytes],
        };
        let number = match self.kind {
            MessageKind::Text => format!("{seq:016x}").into_bytes(),
            MessageKind::Binary => seq.to_be_bytes().to_vec(),
        };
        let length = number.len().min(message.len());
        message[..length].copy_from_slice(&number[number.len() - length..]);
        message.into()
    }
}

/// Sends over one connection until it ends. What is due while there is no connection is sent late by the next.
///
/// Errors: as for a subscription; an echo that is not what was sent is a breach of the contract.
pub(super) async fn talk<S: Stream>(
    client: &mut Client<'_>,
    via: Transport,
    io: S,
    options: &Options,
    sending: Sending,
) -> Result<(), ClientError> {
    echo::with_line(via, io, options, async |mut line| {
        let is_request = match via {
            Transport::WebSocket => false,
            Transport::Polling | Transport::LongPolling | Transport::Sse => true,
        };
        let mut timer = client.crowd.clock.timer().map_err(|error| ClientError::Broken(error.into()))?;
        // The first exchange shows that the line works; it is no part of the plan.
        exchange(&mut line, options, &sending, 0).await?;
        client.connected(client.crowd.clock.now());
        let begun = client.crowd.begun().await;
        loop {
            let seq = client.outcome.planned.as_ref().map_or(0, |planned| planned.len() as u64) + 1;
            let due = sending.due(&begun, seq);
            timer.sleep_until(due).await.map_err(|error| ClientError::Broken(error.into()))?;
            let sent = client.crowd.clock.now();
            let planned = client.outcome.planned.get_or_insert_default();
            planned.push(Due { seq, at_ns: due, published_ns: Some(sent) });
            if is_request {
                client.glimpse.ledger.requested();
            }
            exchange(&mut line, options, &sending, seq).await?;
            let arrived_ns = client.crowd.clock.now();
            // Up and down.
            client.glimpse.ledger.delivered(2 * sending.bytes);
            client.outcome.seen.deliveries.push(Delivery { seq, at_ns: due, arrived_ns, bytes: sending.bytes as u32 });
        }
    })
    .await
}

async fn exchange<S: Stream>(
    line: &mut echo::Line<S>,
    options: &Options,
    sending: &Sending,
    seq: u64,
) -> Result<(), ClientError> {
    let message = sending.message(seq);
    let back = line.exchange(options, sending.kind, message.clone()).await?;
    match back == message {
        true => Ok(()),
        false => Err(ClientError::Contract(format!("the echo of message {seq} is not what was sent"))),
    }
}

/// Adds what was due in the interval and never sent: it is expected, and lost.
pub fn complete(planned: &mut Vec<Due>, sending: &Sending, begun: &Begun) {
    for seq in planned.len() as u64 + 1..=limits::DELIVERIES_MAX {
        let at_ns = sending.due(begun, seq);
        if at_ns >= begun.window.end {
            return;
        }
        planned.push(Due { seq, at_ns, published_ns: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::delivery::Window;

    fn sending(kind: MessageKind, bytes: usize) -> Sending {
        Sending { kind, bytes, period: Nanos(100), phase: Nanos(30) }
    }

    #[test]
    fn messages_have_the_bytes_asked_for_and_differ() {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            for bytes in [1, 8, 16, 1024] {
                let [one, two] = [1, 2].map(|seq| sending(kind, bytes).message(seq));
                assert_eq!((one.len(), one == two), (bytes, false), "{kind:?} {bytes}");
            }
        }
        assert!(std::str::from_utf8(&sending(MessageKind::Text, 64).message(7)).is_ok());
        assert!(std::str::from_utf8(&sending(MessageKind::Binary, 64).message(7)).is_err());
    }

    #[test]
    fn what_was_due_and_never_sent_is_expected_all_the_same() {
        let begun = Begun { origin: Nanos(1_000), window: Window { start: Nanos(1_000), end: Nanos(1_330) } };
        let sending = sending(MessageKind::Text, 16);
        let mut planned = vec![Due { seq: 1, at_ns: Nanos(1_030), published_ns: Some(Nanos(1_031)) }];
        complete(&mut planned, &sending, &begun);
        assert_eq!(planned.iter().map(|due| due.at_ns.0).collect::<Vec<_>>(), [1_030, 1_130, 1_230]);
        assert_eq!(planned[2].published_ns, None);
    }
}
