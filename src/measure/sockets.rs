//! The open TCP connections of a process, each with its owner, so that the kernel's counts can be read at any moment
//! and are kept when a connection ends.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::system::TcpCounts;

/// A table of open sockets.
///
/// A descriptor's number is used again as soon as it is closed. Entries are therefore read and removed under one lock,
/// and a connection leaves the table before its socket is closed ([`super::tap::Tap::closing`]).
#[derive(Debug)]
pub struct Sockets<T> {
    open: Mutex<HashMap<u64, (RawFd, Arc<T>)>>,
}

impl<T> Default for Sockets<T> {
    fn default() -> Self {
        Self { open: Mutex::default() }
    }
}

impl<T> Sockets<T> {
    /// Enters a connection under a number that no other has.
    pub fn enter(&self, id: u64, socket: RawFd, owner: Arc<T>) {
        self.lock().insert(id, (socket, owner));
    }

    /// Takes a connection out while its socket is still open, with the last counts of it.
    pub fn leave(&self, id: u64) -> Option<(Arc<T>, TcpCounts)> {
        let mut open = self.lock();
        let (socket, owner) = open.remove(&id)?;
        let counts = TcpCounts::of(socket).unwrap_or_default();
        Some((owner, counts))
    }

    /// Shows every open connection with its counts of this moment.
    pub fn for_each(&self, mut see: impl FnMut(&Arc<T>, TcpCounts)) {
        for (socket, owner) in self.lock().values() {
            see(owner, TcpCounts::of(*socket).unwrap_or_default());
        }
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// None is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (RawFd, Arc<T>)>> {
        // A panic of `see` leaves the table as it was.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
