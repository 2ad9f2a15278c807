//! The messages seen while following a stream, and what they show: how often, how large, how late, and whether an
//! intermediary buffers them.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::timestamp;
use crate::clock::{Clock, UnixAnchor};
use crate::limits;
use crate::stats::nearest_rank;
use crate::units::Nanos;

/// A message that was received.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its text.
    pub text: String,
    /// The event's name; empty if it has none.
    pub event: String,
    /// Its `id`.
    pub id: Option<String>,
    /// JSON path of its send time, and how long ago that was in nanoseconds; negative if the clocks differ.
    pub sent: Option<(String, i64)>,
    arrived: Instant,
}

impl Message {
    /// A message that has just arrived.
    pub fn new(text: &str, event: &str, id: Option<&str>) -> Self {
        Self {
            text: text.to_owned(),
            event: event.to_owned(),
            id: id.map(str::to_owned),
            sent: sent(text),
            arrived: Instant::now(),
        }
    }
}

/// The path of a value that is an instant close to now, and how long ago that is.
fn sent(text: &str) -> Option<(String, i64)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let now = UnixAnchor::of_process().unix(Clock::Monotonic.now());
    let mut left = vec![("$".to_owned(), &value, 0)];
    let mut at = 0;
    // Breadth first, since the send time is most likely in an outer object.
    while let Some((path, value, depth)) = left.get(at).cloned() {
        at += 1;
        let written = match value {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) => Some(text.clone()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if let Some(sent) = written.as_deref().and_then(timestamp::read) {
            let ago = i128::from(now.0) - i128::from(sent.0);
            let day = i128::from(limits::TRY_TIMESTAMP_OFF_MAX.as_micros() as u64);
            if (-day..=day).contains(&ago) {
                return Some((path, i64::try_from(ago * 1_000).unwrap_or(i64::MAX)));
            }
        }
        if depth < 3 && left.len() < 100 {
            for (name, member) in value.as_object().into_iter().flatten() {
                left.push((format!("{path}.{name}"), member, depth + 1));
            }
            for (index, element) in value.as_array().into_iter().flatten().enumerate().take(4) {
                left.push((format!("{path}[{index}]"), element, depth + 1));
            }
        }
    }
    None
}

/// The result of following a stream.
#[derive(Debug)]
pub struct Followed {
    /// The messages, up to a maximum number.
    pub messages: Vec<Message>,
    /// Total number of messages.
    pub count: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Reads that returned data.
    pub reads: u64,
    /// Comment lines of an event stream.
    pub heartbeats: u64,
    /// The stream's `retry` field.
    pub retry: Option<Nanos>,
    /// Does `Last-Event-ID` work? `None` if too few events were seen.
    pub resumes: Option<bool>,
    /// Do answers have an `ETag`?
    pub has_tag: bool,
    /// Was a poll answered with 304?
    pub not_modified: bool,
    /// JSON path of the list in an answer.
    pub list: Option<String>,
    /// Did the server close the connection?
    pub ended: bool,
    second: (Instant, u64, u64),
}

impl Default for Followed {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            count: 0,
            bytes: 0,
            reads: 0,
            heartbeats: 0,
            retry: None,
            resumes: None,
            has_tag: false,
            not_modified: false,
            list: None,
            ended: false,
            second: (Instant::now(), 0, 0),
        }
    }
}

/// What the send times show.
#[derive(Clone, Debug, PartialEq)]
pub struct Delays {
    /// JSON path of the send time.
    pub path: String,
    /// Median delay between sent and seen, in nanoseconds.
    pub p50: i64,
    /// Minimum delay.
    pub min: i64,
    /// Maximum delay.
    pub max: i64,
    /// Do messages arrive in bunches although they were sent apart?
    pub is_held_back: bool,
}

impl Followed {
    pub(super) fn read(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.reads += 1;
        self.second.2 += bytes as u64;
    }

    pub(super) fn push(&mut self, message: Message) {
        self.count += 1;
        self.second.1 += 1;
        if self.messages.len() < limits::TRY_MESSAGES_MAX {
            self.messages.push(message);
        }
    }

    pub(super) fn second_ends(&self) -> Instant {
        self.second.0 + Duration::from_secs(1)
    }

    pub(super) fn end_second(&mut self) -> (u64, u64) {
        let (at, count, bytes) = self.second;
        self.second = (at + Duration::from_secs(1), 0, 0);
        (count, bytes)
    }

    /// Intervals between messages: median and longest; `None` with fewer than two messages.
    pub fn gaps(&self) -> Option<[Duration; 2]> {
        let mut gaps: Vec<Duration> =
            self.messages.windows(2).map(|pair| pair[1].arrived.duration_since(pair[0].arrived)).collect();
        gaps.sort_unstable();
        Some([nearest_rank(&gaps, 0.5)?, nearest_rank(&gaps, 1.0)?])
    }

    /// What the send times show, if messages have them.
    pub fn delays(&self) -> Option<Delays> {
        let path = self.published().find_map(|message| message.sent.as_ref())?.0.clone();
        let of_path = |message: &Message| message.sent.as_ref().filter(|(at, _)| *at == path).map(|(_, ago)| *ago);
        let timed: Vec<(Instant, i64)> =
            self.published().filter_map(|message| Some((message.arrived, of_path(message)?))).collect();
        let mut delays: Vec<i64> = timed.iter().map(|(_, ago)| *ago).collect();
        delays.sort_unstable();
        let at = |share| nearest_rank(&delays, share);
        let apart = i64::try_from(limits::TRY_HELD_BACK.as_nanos()).unwrap_or(i64::MAX);
        // Two messages that arrived together, although one was sent well before the other.
        let bunched = timed.windows(2).filter(|pair| {
            let together = pair[1].0.duration_since(pair[0].0) < Duration::from_millis(5);
            together && pair[0].1 - pair[1].1 > apart
        });
        let is_held_back = bunched.count() * 3 > timed.len() && timed.len() > 3;
        Some(Delays { path, p50: at(0.5)?, min: *delays.first()?, max: *delays.last()?, is_held_back })
    }

    /// The names of the events with their counts and bytes, the one with the most bytes first. That is most likely the
    /// published one, since greetings and heartbeats are small.
    pub fn events(&self) -> Vec<(&str, usize, usize)> {
        let mut found: Vec<(&str, usize, usize)> = Vec::new();
        for message in &self.messages {
            let name = message.event.as_str();
            match found.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, count, bytes)) => (*count, *bytes) = (*count + 1, *bytes + message.text.len()),
                None => found.push((name, 1, message.text.len())),
            }
        }
        found.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
        found
    }

    /// The messages of the event that is most likely the published one.
    fn published(&self) -> impl Iterator<Item = &Message> {
        let name = self.events().first().map(|(name, ..)| (*name).to_owned());
        self.messages.iter().filter(move |message| name.as_deref() == Some(message.event.as_str()))
    }

    /// Paths of objects in a message, the innermost first: a published update may come back in an envelope.
    pub fn envelopes(&self) -> Vec<String> {
        let Some(value) = self.published().find_map(|one| serde_json::from_str::<Value>(&one.text).ok()) else {
            return Vec::new();
        };
        let mut found = vec![("$".to_owned(), &value)];
        let mut at = 0;
        while let Some((path, value)) = found.get(at).cloned() {
            at += 1;
            let members = value.as_object().into_iter().flatten().filter(|(_, member)| member.is_object());
            found.extend(members.map(|(name, member)| (format!("{path}.{name}"), member)));
            found.truncate(limits::TRY_ENVELOPES_MAX);
        }
        found.into_iter().skip(1).map(|(path, _)| path).rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_send_time_is_found_and_bunches_are_detected() {
        let now = || UnixAnchor::of_process().unix(Clock::Monotonic.now()).0;
        let message =
            |ago_ms: u64| Message::new(&format!(r#"{{"n":17,"d":{{"ts":{}}}}}"#, now() / 1_000 - ago_ms), "", None);
        assert_eq!(message(0).sent.map(|(path, _)| path).as_deref(), Some("$.d.ts"));
        assert_eq!(Message::new("{\"n\":17}", "", None).sent, None);
        let mut smooth = Followed::default();
        let mut bunched = Followed::default();
        for round in 0..4 {
            smooth.push(message(3));
            // Four messages sent 300 ms apart arrive together.
            (0..4).for_each(|place| bunched.push(message(900 - place * 300)));
            tokio::time::advance(Duration::from_millis(1_200 + round)).await;
        }
        assert!(!smooth.delays().unwrap().is_held_back);
        let delays = bunched.delays().unwrap();
        assert!(delays.is_held_back && delays.max - delays.min >= 899_000_000, "{delays:?}");
    }

    #[test]
    fn the_event_with_the_most_bytes_is_the_published_one_and_its_envelopes_are_found() {
        let mut followed = Followed::default();
        let message = |event: &str, text: &str| Message::new(text, event, None);
        followed.push(message("connected", r#"{"session":"e30fc4d3"}"#));
        followed.push(message("heartbeat", r#"{"at":"2026-11-28T07:07:21.555Z"}"#));
        for _ in 0..2 {
            followed.push(message("order.created", r#"{"meta":{"source":"api"},"data":{"attributes":{"sku":"A1"}}}"#));
            followed.push(message("heartbeat", "{}"));
        }
        let names: Vec<(&str, usize)> = followed.events().into_iter().map(|(name, count, _)| (name, count)).collect();
        assert_eq!(names, [("order.created", 2), ("heartbeat", 3), ("connected", 1)]);
        assert_eq!(followed.envelopes(), ["$.data.attributes", "$.data", "$.meta"]);
        assert_eq!(followed.delays(), None, "the send time of a heartbeat is not that of an order");
    }
}
