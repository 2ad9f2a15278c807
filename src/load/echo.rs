//! The client-to-server direction: messages that clients send on their own schedule and get back.
//!
//! A message is due at the client's phase of each period. Its latency is the round trip from its due time, so a
//! connection that is still busy with the previous message does not stop the clock. WebSocket sends messages on its
//! open connection. The other three transports have no upstream channel: they send a POST on a kept-alive connection.

use bytes::Bytes;

use crate::limits;
use crate::load::context::{TrialContext, TrialTimes};
use crate::measure::delivery::{Delivery, Due};
use crate::net::Stream;
use crate::run::Transport;
use crate::run::file::MessageKind;
use crate::transport::echo;
use crate::transport::{ClientError, Options, Session};
use crate::units::Nanos;

/// What a client sends, and when.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// Kind of the messages.
    pub kind: MessageKind,
    /// Bytes of each message.
    pub bytes: usize,
    /// Time between two messages.
    pub period: Nanos,
    /// Offset of this client's messages in each period.
    pub phase: Nanos,
}

impl Sending {
    /// When message `seq` is due; the first is 1.
    pub fn due(&self, times: &TrialTimes, seq: u64) -> Nanos {
        times.origin.saturating_add(self.phase).saturating_add(Nanos(self.period.0.saturating_mul(seq - 1)))
    }

    /// A message that differs from all others, as far as its length allows.
    fn message(&self, seq: u64) -> Bytes {
        let mut message = match self.kind {
            MessageKind::Text => vec![b'm'; self.bytes],
            // Invalid in any text encoding that a server might assume.
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

/// An event on the connection, for the client to record.
pub enum EchoEvent {
    /// The connection works.
    Connected,
    /// A message was sent.
    Sent {
        /// When it was due, and when it was sent.
        due: Due,
        /// Is it an HTTP request of its own?
        is_request: bool,
    },
    /// A message came back.
    Returned(Delivery),
}

/// Sends over one connection until it ends, starting with message `next_seq`. A message that was due without a
/// connection is sent late, on the next one.
///
/// Errors: as for a subscription. An echo that differs from the message breaks the contract.
pub async fn talk<S: Stream>(
    context: &TrialContext,
    via: Transport,
    session: impl Into<Session<S>>,
    options: &Options,
    sending: Sending,
    next_seq: u64,
    mut on_event: impl FnMut(EchoEvent),
) -> Result<(), ClientError> {
    echo::with_line(via, session, options, async |mut line| {
        let is_request = match via {
            Transport::WebSocket => false,
            Transport::Polling | Transport::LongPolling | Transport::Sse => true,
        };
        let mut timer = context.clock.timer().map_err(|error| ClientError::Broken(error.into()))?;
        // The first exchange shows that the connection works; it is not part of the plan.
        exchange(&mut line, options, &sending, 0).await?;
        on_event(EchoEvent::Connected);
        let times = context.times().await;
        let mut seq = next_seq;
        loop {
            let at_ns = sending.due(&times, seq);
            timer.sleep_until(at_ns).await.map_err(|error| ClientError::Broken(error.into()))?;
            let due = Due { seq, at_ns, published_ns: Some(context.clock.now()) };
            on_event(EchoEvent::Sent { due, is_request });
            exchange(&mut line, options, &sending, seq).await?;
            let bytes = u32::try_from(sending.bytes).unwrap_or(u32::MAX);
            on_event(EchoEvent::Returned(Delivery { seq, at_ns, arrived_ns: context.clock.now(), bytes }));
            seq += 1;
        }
    })
    .await
}

async fn exchange<S: Stream>(
    line: &mut echo::EchoConnection<S>,
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

/// Adds the messages that were due in the interval and never sent: they count as expected, and as lost.
pub fn complete(planned: &mut Vec<Due>, sending: &Sending, times: &TrialTimes) {
    for seq in planned.len() as u64 + 1..=limits::DELIVERIES_MAX {
        let at_ns = sending.due(times, seq);
        if at_ns >= times.window.end {
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
    fn a_message_that_was_due_and_never_sent_counts_as_expected() {
        let times = TrialTimes { origin: Nanos(1_000), window: Window { start: Nanos(1_000), end: Nanos(1_330) } };
        let sending = sending(MessageKind::Text, 16);
        let mut planned = vec![Due { seq: 1, at_ns: Nanos(1_030), published_ns: Some(Nanos(1_031)) }];
        complete(&mut planned, &sending, &times);
        assert_eq!(planned.iter().map(|due| due.at_ns.0).collect::<Vec<_>>(), [1_030, 1_130, 1_230]);
        assert_eq!(planned[2].published_ns, None);
    }
}
