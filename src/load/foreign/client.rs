//! A client of a third-party server, over any transport.

use super::subscriber::{State, Subscriber, SubscriberEvent};
use super::{events, polls, socket};
use crate::net::Stream;
use crate::run::Transport;
use crate::transport::{ClientError, Options};

/// Runs a client over one connection until the connection ends.
///
/// Errors: [`ClientError`]. An orderly close is not an error.
pub async fn subscribe<S: Stream>(
    via: Transport,
    io: S,
    subscriber: &Subscriber,
    options: &Options,
    state: &mut State,
    on_event: &mut impl FnMut(SubscriberEvent),
) -> Result<(), ClientError> {
    let description = &subscriber.description;
    let missing = || ClientError::Contract(format!("the target file describes no {via}"));
    match via {
        Transport::Polling => {
            let polls = description.polling.as_ref().ok_or_else(missing)?;
            polls::subscribe(io, polls, polls::Pace::Interval, subscriber, options, state, on_event).await
        }
        Transport::LongPolling => {
            let polls = description.long_polling.as_ref().ok_or_else(missing)?;
            polls::subscribe(io, polls, polls::Pace::Held, subscriber, options, state, on_event).await
        }
        Transport::Sse => {
            let events = description.sse.as_ref().ok_or_else(missing)?;
            events::subscribe(io, events, subscriber, options, state, on_event).await
        }
        Transport::WebSocket => {
            let socket = description.websocket.as_ref().ok_or_else(missing)?;
            socket::subscribe(io, socket, subscriber, options, state, on_event).await
        }
    }
}
