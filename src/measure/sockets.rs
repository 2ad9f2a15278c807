//! The open TCP connections of a process, each with its owner, so that the kernel's counts can be read at any moment
//! and are kept when a connection ends.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::measure::process::{self, TcpCounts};

/// A table of open sockets.
///
/// A descriptor's number is used again as soon as it is closed. Entries are therefore read and removed under one lock,
/// and a connection leaves the table before its socket is closed ([`crate::measure::tap::Tap::closing`]).
#[derive(Debug)]
pub struct Sockets<T> {
    table: Mutex<Table<T>>,
}

#[derive(Debug)]
struct Table<T> {
    open: HashMap<u64, (RawFd, Arc<T>)>,
    next_id: u64,
    /// The last counts of all connections that have ended.
    ended: TcpCounts,
}

impl<T> Default for Sockets<T> {
    fn default() -> Self {
        Self { table: Mutex::new(Table { open: HashMap::new(), next_id: 0, ended: TcpCounts::default() }) }
    }
}

impl<T> Sockets<T> {
    /// Enters a connection; the number it gets is needed to take it out again.
    pub fn enter(&self, socket: RawFd, owner: Arc<T>) -> u64 {
        let mut table = self.lock();
        let id = table.next_id;
        table.next_id += 1;
        table.open.insert(id, (socket, owner));
        id
    }

    /// Takes a connection out while its socket is still open, and returns the last counts of it.
    pub fn leave(&self, id: u64) -> TcpCounts {
        let mut table = self.lock();
        let Some((socket, _owner)) = table.open.remove(&id) else { return TcpCounts::default() };
        let counts = TcpCounts::of(socket).unwrap_or_default();
        table.ended = table.ended + counts;
        counts
    }

    /// Shows every open connection with its counts of this moment.
    pub fn for_each(&self, see: impl FnMut(&Arc<T>, TcpCounts)) {
        self.for_each_of(|_| true, see);
    }

    /// Shows the open connections that are wanted with their counts of this moment; the kernel is asked for no other.
    pub fn for_each_of(&self, wanted: impl Fn(&T) -> bool, mut see: impl FnMut(&Arc<T>, TcpCounts)) {
        for (socket, owner) in self.lock().open.values().filter(|(_, owner)| wanted(owner)) {
            see(owner, TcpCounts::of(*socket).unwrap_or_default());
        }
    }

    /// The counts of one open connection at this moment; zeros if it has left.
    pub fn counts(&self, id: u64) -> TcpCounts {
        let table = self.lock();
        table.open.get(&id).and_then(|(socket, _)| TcpCounts::of(*socket).ok()).unwrap_or_default()
    }

    /// Sends a last word over an open connection, as far as there is room for it.
    pub fn say(&self, id: u64, word: &[u8]) {
        if let Some((socket, _)) = self.lock().open.get(&id) {
            let _sent = process::send(*socket, word);
        }
    }

    /// Breaks the open connections that are wanted, and says how many they were.
    pub fn shut(&self, wanted: impl Fn(&Arc<T>) -> bool) -> usize {
        let table = self.lock();
        let sockets = table.open.values().filter(|(_, owner)| wanted(owner));
        sockets.filter(|(socket, _)| process::shut(*socket).is_ok()).count()
    }

    /// The counts of all connections that there have been.
    pub fn total(&self) -> TcpCounts {
        let table = self.lock();
        let open = table.open.values().filter_map(|(socket, _)| TcpCounts::of(*socket).ok());
        open.fold(table.ended, |sum, one| sum + one)
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// None is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        // A panic of `see` leaves the table as it was.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
