//! Messages between the pages of a room: text and binary, forwarded to every page that is connected, and not stored.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use tokio::sync::broadcast;

use super::problem::Problem;
use crate::limits;

/// One message in a room.
#[derive(Clone, Debug)]
pub struct TalkMessage {
    /// The number of the page that sent it.
    pub from: u16,
    /// The content.
    pub content: TalkContent,
}

/// The content of a message.
#[derive(Clone, Debug)]
pub enum TalkContent {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
    /// A page has joined or left: the number of pages connected now.
    Here(usize),
}

/// The message channel of a room.
#[derive(Debug)]
pub struct Talk {
    sender: broadcast::Sender<TalkMessage>,
    here: AtomicUsize,
    numbers: AtomicU16,
}

impl Default for Talk {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(limits::TALK_BEHIND_MAX),
            here: AtomicUsize::new(0),
            numbers: AtomicU16::new(0),
        }
    }
}

impl Talk {
    /// The number of pages connected.
    pub fn here(&self) -> usize {
        self.here.load(Relaxed)
    }

    /// Joins the room; returns the page's number and a receiver of all later messages.
    ///
    /// Errors: 503 if the room is full.
    pub fn join(&self) -> Result<(u16, broadcast::Receiver<TalkMessage>), Problem> {
        let more = |here: usize| (here < limits::TALK_PARTICIPANTS_MAX).then_some(here + 1);
        let Ok(before) = self.here.fetch_update(Relaxed, Relaxed, more) else {
            let detail = format!("this room is full, with {} pages; use another room", limits::TALK_PARTICIPANTS_MAX);
            let again = HeaderValue::from(limits::RETRY_AFTER.as_secs());
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).header(RETRY_AFTER, again));
        };
        let from = self.numbers.fetch_add(1, Relaxed).wrapping_add(1);
        let receiver = self.sender.subscribe();
        self.send(TalkMessage { from, content: TalkContent::Here(before + 1) });
        Ok((from, receiver))
    }

    /// Leaves the room.
    pub fn leave(&self, from: u16) {
        let before = self.here.fetch_sub(1, Relaxed);
        self.send(TalkMessage { from, content: TalkContent::Here(before - 1) });
    }

    /// Sends a message to every page in the room, including the sender.
    pub fn send(&self, message: TalkMessage) {
        // Fails if no page is connected, which is fine.
        let _receivers = self.sender.send(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_a_fixed_number_of_places_and_one_that_is_left_is_free_again() {
        let talk = Talk::default();
        let participants: Vec<u16> = (0..limits::TALK_PARTICIPANTS_MAX).map(|_| talk.join().unwrap().0).collect();
        assert!(talk.join().is_err());
        talk.leave(participants[0]);
        let (participant, _) = talk.join().unwrap();
        assert!(!participants.contains(&participant), "a number is not reused");
        assert_eq!(talk.here(), limits::TALK_PARTICIPANTS_MAX);
    }
}
