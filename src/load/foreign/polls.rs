//! Polling and long polling.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use serde_json::value::RawValue;

use super::description::{Polls, Session, Step};
use super::http::{self as connection, Http};
use super::subscriber::{State, Subscriber, SubscriberEvent, short, take_headers, take_text};
use super::template::Values;
use crate::limits;
use crate::net::Stream;
use crate::transport::polling::next_due;
use crate::transport::{ClientError, Options};

/// When to poll again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At the client's phase of each interval.
    Interval,
    /// Immediately: the server holds the request until there is something new.
    Held,
}

/// Polls until the connection ends.
pub async fn subscribe<S: Stream>(
    io: S,
    polls: &Polls,
    pace: Pace,
    subscriber: &Subscriber,
    options: &Options,
    state: &mut State,
    on_event: &mut impl FnMut(SubscriberEvent),
) -> Result<(), ClientError> {
    let http = Http::new(io, &subscriber.host);
    let mut client = Client { http, polls, subscriber, options, session: String::new() };
    if let Some(session) = &polls.session {
        client.open(session, state, on_event).await?;
        on_event(SubscriberEvent::Opened);
    }
    match pace {
        Pace::Held => {
            // The answer may take long, so the client counts as subscribed once it has asked.
            on_event(SubscriberEvent::Opened);
            loop {
                client.ask(state, on_event).await?;
            }
        }
        Pace::Interval => {
            while client.ask(state, on_event).await? && polls.drain {}
            on_event(SubscriberEvent::Opened);
            let mut due = next_due(options, options.clock.now());
            loop {
                tokio::time::sleep_until(options.clock.instant(due)).await;
                while client.ask(state, on_event).await? && polls.drain {}
                due = due.saturating_add(options.poll_interval);
                while due < options.clock.now() {
                    on_event(SubscriberEvent::MissedPoll);
                    due = due.saturating_add(options.poll_interval);
                }
            }
        }
    }
}

struct Client<'a, S> {
    http: Http<S>,
    polls: &'a Polls,
    subscriber: &'a Subscriber,
    options: &'a Options,
    session: String,
}

impl<S: Stream> Client<'_, S> {
    /// Polls once and reports the messages; returns whether there were any.
    async fn ask(
        &mut self,
        state: &mut State,
        on_event: &mut impl FnMut(SubscriberEvent),
    ) -> Result<bool, ClientError> {
        let polls = self.polls;
        let values = Values { session: &self.session, ..self.subscriber.values(state) };
        let url = self.subscriber.address(&polls.url, polls.next_url.as_ref(), &values);
        let mut headers = self.options.headers.clone();
        connection::add(&mut headers, &polls.headers, &values)?;
        let of_place = if state.cursor.is_empty() { &polls.first_headers } else { &polls.next_headers };
        connection::add(&mut headers, of_place, &values)?;
        on_event(SubscriberEvent::Requested);
        let head = self.http.send(Method::GET, &url, headers, Bytes::new()).await?;
        let status = head.status;
        let is_none = polls.none.contains(&status.as_u16());
        if !status.is_success() && !is_none {
            return Err(self.http.line.refusal(&head).await);
        }
        take_headers(&polls.cursor, &head.headers, state);
        let body = self.http.line.whole(limits::TARGET_MESSAGE_BYTES_MAX).await?;
        let text = text(&body)?;
        let (mut came, mut replies) = (false, Vec::new());
        if !is_none && !text.is_empty() {
            for message in messages(polls, text)? {
                match polls.replies.get(message) {
                    Some(reply) => replies.push(reply),
                    None => came |= self.subscriber.deliver(&polls.message, message, state, on_event),
                }
            }
            take_text(&polls.cursor, text, state);
        }
        if !came {
            on_event(SubscriberEvent::Empty);
        }
        for reply in replies {
            self.post(&url, reply, on_event).await?;
        }
        Ok(came)
    }

    /// Opens a session: requests its name, and performs its handshake.
    async fn open(
        &mut self,
        session: &Session,
        state: &State,
        on_event: &mut impl FnMut(SubscriberEvent),
    ) -> Result<(), ClientError> {
        let url = session.url.fill(&self.subscriber.values(state));
        let opened = self.get(&url, state, on_event).await?;
        let json = opened.strip_prefix(&session.prefix).unwrap_or(&opened);
        let id =
            session.id.text(json).ok_or_else(|| ClientError::Contract(format!("no session in {}", short(&opened))))?;
        self.session = id.into_owned();
        for step in &session.handshake {
            let url = {
                let values = Values { session: &self.session, ..self.subscriber.values(state) };
                self.polls.url.fill(&values)
            };
            match step {
                Step::Send(text) => {
                    let values = Values { session: &self.session, ..self.subscriber.values(state) };
                    let text = text.fill(&values);
                    self.post(&url, &text, on_event).await?;
                }
                Step::Expect(begin) => {
                    let answer = self.get(&url, state, on_event).await?;
                    if !answer.starts_with(begin) {
                        let said = format!("expected {begin}…, but received {}", short(&answer));
                        return Err(ClientError::Contract(said));
                    }
                }
            }
        }
        Ok(())
    }

    async fn get(
        &mut self,
        url: &str,
        state: &State,
        on_event: &mut impl FnMut(SubscriberEvent),
    ) -> Result<String, ClientError> {
        let mut headers = self.options.headers.clone();
        connection::add(&mut headers, &self.polls.headers, &self.subscriber.values(state))?;
        on_event(SubscriberEvent::Requested);
        let head = self.http.send(Method::GET, url, headers, Bytes::new()).await?;
        if head.status != StatusCode::OK {
            return Err(self.http.line.refusal(&head).await);
        }
        let body = self.http.line.whole(limits::TARGET_MESSAGE_BYTES_MAX).await?;
        text(&body).map(str::to_owned)
    }

    async fn post(
        &mut self,
        url: &str,
        text: &str,
        on_event: &mut impl FnMut(SubscriberEvent),
    ) -> Result<(), ClientError> {
        let mut headers = HeaderMap::new();
        if let Some(session) = &self.polls.session {
            let wrong = |_| ClientError::Contract("the session's content_type is not a valid header value".to_owned());
            headers.insert(CONTENT_TYPE, HeaderValue::try_from(&session.content_type).map_err(wrong)?);
        }
        on_event(SubscriberEvent::Requested);
        let head = self.http.send(Method::POST, url, headers, Bytes::from(text.to_owned())).await?;
        if !head.status.is_success() {
            return Err(self.http.line.refusal(&head).await);
        }
        self.http.line.whole(limits::TARGET_MESSAGE_BYTES_MAX).await.map(drop)
    }
}

/// The messages of an answer.
fn messages<'a>(polls: &Polls, text: &'a str) -> Result<Vec<&'a str>, ClientError> {
    match (&polls.each, &polls.separator) {
        (Some(path), _) => {
            let missing = || ClientError::Contract(format!("no list at {path} in {}", short(text)));
            let list = path.find(text).ok_or_else(missing)?;
            let list: Vec<&RawValue> = serde_json::from_str(list).map_err(|_| missing())?;
            Ok(list.into_iter().map(RawValue::get).collect())
        }
        (None, Some(separator)) if !separator.is_empty() => Ok(text.split(separator.as_str()).collect()),
        (None, _) => Ok(vec![text]),
    }
}

fn text(body: &[u8]) -> Result<&str, ClientError> {
    std::str::from_utf8(body).map_err(|_| ClientError::Contract("an answer is not text".to_owned()))
}
