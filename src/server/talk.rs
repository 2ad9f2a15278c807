//! What the pages of a room say to each other: texts and bytes, passed on to everyone who is there, kept by nobody.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use tokio::sync::broadcast;

use super::problem::Problem;
use crate::limits;

/// What somebody said.
#[derive(Clone, Debug)]
pub struct Said {
    /// The seat of who said it.
    pub from: u16,
    /// What it was.
    pub what: What,
}

/// A message, or a coming and going.
#[derive(Clone, Debug)]
pub enum What {
    /// A text message.
    Text(String),
    /// A binary one.
    Binary(Bytes),
    /// Somebody came or left: so many are here now.
    Here(usize),
}

/// A room's conversation.
#[derive(Debug)]
pub struct Talk {
    said: broadcast::Sender<Said>,
    here: AtomicUsize,
    seats: AtomicU16,
}

impl Default for Talk {
    fn default() -> Self {
        Self {
            said: broadcast::Sender::new(limits::TALK_BEHIND_MAX),
            here: AtomicUsize::new(0),
            seats: AtomicU16::new(0),
        }
    }
}

impl Talk {
    /// How many are here.
    pub fn here(&self) -> usize {
        self.here.load(Relaxed)
    }

    /// Takes a seat, and hears all that is said from here on.
    ///
    /// Errors: 503 when every seat is taken.
    pub fn join(&self) -> Result<(u16, broadcast::Receiver<Said>), Problem> {
        let more = |here: usize| (here < limits::TALK_SEATS_MAX).then_some(here + 1);
        let Ok(before) = self.here.fetch_update(Relaxed, Relaxed, more) else {
            let detail = format!("{} pages talk in this room already; use another room", limits::TALK_SEATS_MAX);
            let again = HeaderValue::from(limits::RETRY_AFTER.as_secs());
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).header(RETRY_AFTER, again));
        };
        let from = self.seats.fetch_add(1, Relaxed).wrapping_add(1);
        let heard = self.said.subscribe();
        self.say(Said { from, what: What::Here(before + 1) });
        Ok((from, heard))
    }

    /// Gives the seat up.
    pub fn leave(&self, from: u16) {
        let before = self.here.fetch_sub(1, Relaxed);
        self.say(Said { from, what: What::Here(before - 1) });
    }

    /// Says something to everyone who is here, the speaker included.
    pub fn say(&self, said: Said) {
        // Nobody may be there to hear it.
        let _heard_by = self.said.send(said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_so_many_seats_and_one_that_is_given_up_is_free_again() {
        let talk = Talk::default();
        let seats: Vec<u16> = (0..limits::TALK_SEATS_MAX).map(|_| talk.join().unwrap().0).collect();
        assert!(talk.join().is_err());
        talk.leave(seats[0]);
        let (seat, _) = talk.join().unwrap();
        assert!(!seats.contains(&seat), "a seat's number is not given to another");
        assert_eq!(talk.here(), limits::TALK_SEATS_MAX);
    }
}
