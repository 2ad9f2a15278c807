//! How long requests wait for others on a shared HTTP/2 connection: from when a request is made until its first byte
//! is sent. Until then it waits for a free stream, if the server's limit on streams is reached, or for data that must
//! be written before it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::limits;
use crate::units::Nanos;

/// The requests of one connection.
#[derive(Debug, Default)]
pub struct StreamQueue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    asked: VecDeque<Instant>,
    waits: Vec<(Instant, Nanos)>,
    open: u64,
    open_max: u64,
}

impl StreamQueue {
    /// A request was handed to the connection.
    pub fn asked(&self) {
        let mut state = self.lock();
        if state.asked.len() < limits::LEDGER_STREAMS_MAX {
            state.asked.push_back(Instant::now());
        }
    }

    /// A request's head was sent. The library sends heads in the order of the requests.
    pub fn began(&self) {
        let mut state = self.lock();
        state.open += 1;
        state.open_max = state.open_max.max(state.open);
        if let Some(asked) = state.asked.pop_front()
            && state.waits.len() < limits::QUEUE_WAITS_MAX
        {
            let now = Instant::now();
            state.waits.push((now, now.duration_since(asked).into()));
        }
    }

    /// A stream ended.
    pub fn ended(&self) {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
    }

    /// The waiting time of each request sent since `from`, and the maximum number of open streams.
    pub fn waits_since(&self, from: Instant) -> (Vec<Nanos>, u64) {
        let state = self.lock();
        let waits = state.waits.iter().filter(|(at, _)| *at >= from).map(|(_, wait)| *wait).collect();
        (waits, state.open_max)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete in itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_that_is_sent_is_the_oldest_that_waits() {
        let queue = StreamQueue::default();
        let began = Instant::now();
        queue.asked();
        queue.asked();
        queue.began();
        queue.began();
        queue.ended();
        queue.began();
        let (waits, open_max) = queue.waits_since(began);
        assert_eq!((waits.len(), open_max), (2, 2), "a head without a request has no waiting time");
        assert!(waits[0] >= waits[1] || waits[1].0 < Nanos::SECOND.0);
        assert!(queue.waits_since(Instant::now() + std::time::Duration::from_secs(1)).0.is_empty());
    }
}
