//! Follows an event stream.

use std::pin::pin;

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;

use super::description::Events;
use super::http::{self as connection, Http};
use super::subscriber::{State, Subscriber, SubscriberEvent};
use crate::limits;
use crate::net::Stream;
use crate::transport::sse::Parser;
use crate::transport::{ClientError, Options};

/// Opens the stream after the last `id`, and reports events until it ends.
pub async fn subscribe<S: Stream>(
    io: S,
    events: &Events,
    subscriber: &Subscriber,
    options: &Options,
    state: &mut State,
    on_event: &mut impl FnMut(SubscriberEvent),
) -> Result<(), ClientError> {
    let mut http = Http::new(io, &subscriber.host);
    let values = subscriber.values(state);
    let url = subscriber.address(&events.url, events.next_url.as_ref(), &values);
    let mut headers = options.headers.clone();
    connection::add(&mut headers, &events.headers, &values)?;
    if !state.cursor.is_empty() {
        connection::add(&mut headers, &events.next_headers, &values)?;
    }
    on_event(SubscriberEvent::Requested);
    let head = {
        let mut asked = pin!(http.send(Method::GET, &url, headers, Bytes::new()));
        tokio::select! {
            head = &mut asked => head?,
            () = tokio::time::sleep(limits::TARGET_OPEN_PATIENCE) => {
                // The server may send the response head only with the first event, and without clients there would be
                // none.
                on_event(SubscriberEvent::Opened);
                asked.await?
            }
        }
    };
    if !head.status.is_success() {
        return Err(http.line.refusal(&head).await);
    }
    let is_stream = |kind: &str| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream");
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !is_stream(kind) {
        return Err(ClientError::Contract(format!("an event stream is text/event-stream, and this is `{kind}`")));
    }
    on_event(SubscriberEvent::Opened);
    let mut parser = Parser::default();
    let mut take = |data: &[u8]| {
        parser.push(data, |block| {
            if let Some(retry) = block.retry {
                on_event(SubscriberEvent::Retry(retry));
            }
            if let Some(id) = block.id {
                state.cursor.insert("id".to_owned(), id.to_owned());
            }
            let is_wanted = match &events.event {
                Some(name) => block.event == name,
                None => matches!(block.event, "" | "message"),
            };
            if is_wanted && !block.data.is_empty() {
                subscriber.deliver(&events.message, block.data, state, on_event);
            }
            Ok(())
        })
    };
    while http.line.next(&mut take).await? {}
    Ok(())
}
