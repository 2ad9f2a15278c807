//! The open TCP connections of a process, each with its owner, so that the kernel's counters can be read at any time
//! and are kept when a connection is closed.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::limits;
use crate::measure::process::{self, Stage, TcpCounts};

/// A table of open sockets.
///
/// A descriptor's number is reused as soon as it is closed. Entries are therefore read and removed under one lock, and
/// a connection leaves the table before its socket is closed ([`crate::measure::tap::Tap::closing`]).
#[derive(Debug)]
pub struct Sockets<T> {
    table: Mutex<Table<T>>,
}

#[derive(Debug)]
struct Table<T> {
    open: HashMap<u64, (RawFd, Arc<T>)>,
    next_id: u64,
    /// Connections closed by their owners after the last byte, on which segments still pass. In the order in which
    /// they left.
    ending: VecDeque<Ending>,
    /// The final counts of all connections that have ended.
    ended: TcpCounts,
}

/// A connection that is being closed, kept open so that the kernel continues to count.
#[derive(Debug)]
struct Ending {
    socket: OwnedFd,
    since: Instant,
}

impl Ending {
    fn counts(&self) -> TcpCounts {
        TcpCounts::of(self.socket.as_raw_fd()).unwrap_or_default()
    }

    fn is_over(&self) -> bool {
        process::stage(self.socket.as_raw_fd()) != Some(Stage::Ending) || self.since.elapsed() > limits::LINGER
    }
}

impl<T> Table<T> {
    /// Adds the counts of connections that have ended since the last call, and of the oldest if there are too many.
    fn sweep(&mut self) {
        while let Some(first) = self.ending.front()
            && (first.is_over() || self.ending.len() > limits::SOCKETS_ENDING_MAX)
        {
            self.ended = self.ended + first.counts();
            self.ending.pop_front();
        }
    }
}

impl<T> Default for Sockets<T> {
    fn default() -> Self {
        Self {
            table: Mutex::new(Table {
                open: HashMap::new(),
                next_id: 0,
                ending: VecDeque::new(),
                ended: TcpCounts::default(),
            }),
        }
    }
}

impl<T> Sockets<T> {
    /// Adds a connection; the returned id is needed to remove it.
    pub fn enter(&self, socket: RawFd, owner: Arc<T>) -> u64 {
        let mut table = self.lock();
        let id = table.next_id;
        table.next_id += 1;
        table.open.insert(id, (socket, owner));
        id
    }

    /// Removes a connection while its socket is still open, and returns its final counts.
    pub fn leave(&self, id: u64) -> TcpCounts {
        let mut table = self.lock();
        let Some((socket, _owner)) = table.open.remove(&id) else { return TcpCounts::default() };
        let counts = TcpCounts::of(socket).unwrap_or_default();
        table.ended = table.ended + counts;
        counts
    }

    /// Removes a connection while its socket is still open. If this side has sent FIN, the connection is counted until
    /// it ends: the other side's FIN and its acknowledgement arrive long after the owner has closed it.
    pub fn leave_at_its_end(&self, id: u64) {
        let mut table = self.lock();
        let Some((socket, _owner)) = table.open.remove(&id) else { return };
        let held = (process::stage(socket) == Some(Stage::Ending)).then(|| process::hold(socket).ok()).flatten();
        match held {
            Some(socket) => table.ending.push_back(Ending { socket, since: Instant::now() }),
            None => table.ended = table.ended + TcpCounts::of(socket).unwrap_or_default(),
        }
        table.sweep();
    }

    /// Calls `see` with every open connection and its current counts.
    pub fn for_each(&self, see: impl FnMut(&Arc<T>, TcpCounts)) {
        self.for_each_of(|_| true, see);
    }

    /// Calls `see` with the wanted open connections and their current counts; the kernel is not queried for any other.
    pub fn for_each_of(&self, wanted: impl Fn(&T) -> bool, mut see: impl FnMut(&Arc<T>, TcpCounts)) {
        for (socket, owner) in self.lock().open.values().filter(|(_, owner)| wanted(owner)) {
            see(owner, TcpCounts::of(*socket).unwrap_or_default());
        }
    }

    /// The current counts of one open connection; zeros if it has left.
    pub fn counts(&self, id: u64) -> TcpCounts {
        let table = self.lock();
        table.open.get(&id).and_then(|(socket, _)| TcpCounts::of(*socket).ok()).unwrap_or_default()
    }

    /// Sends a final message over an open connection, as far as there is room for it.
    pub fn say(&self, id: u64, word: &[u8]) {
        if let Some((socket, _)) = self.lock().open.get(&id) {
            let _sent = process::send(*socket, word);
        }
    }

    /// Breaks the wanted open connections, and returns their number.
    pub fn shut(&self, wanted: impl Fn(&Arc<T>) -> bool) -> usize {
        let table = self.lock();
        let sockets = table.open.values().filter(|(_, owner)| wanted(owner));
        sockets.filter(|(socket, _)| process::shut(*socket).is_ok()).count()
    }

    /// The counts of all connections so far, open and closed.
    pub fn total(&self) -> TcpCounts {
        let mut table = self.lock();
        table.sweep();
        let open = table.open.values().filter_map(|(socket, _)| TcpCounts::of(*socket).ok());
        open.chain(table.ending.iter().map(Ending::counts)).fold(table.ended, |sum, one| sum + one)
    }

    /// Number of open connections.
    pub fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// Is no connection open?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        // A panic of `see` leaves the table as it was.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// A TCP connection: the connecting side and the accepting side.
    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn a_connection_closed_by_its_owner_is_counted_until_it_ends() {
        let (mut near, mut far) = pair().await;
        let sockets = Sockets::<()>::default();
        let id = sockets.enter(near.as_raw_fd(), Arc::default());
        near.shutdown().await.unwrap();
        sockets.leave_at_its_end(id);
        drop(near);
        let left = sockets.total();
        // The other side reads the end and closes: two more segments, and their acknowledgements.
        assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
        far.write_all(b"bye").await.unwrap();
        far.shutdown().await.unwrap();
        drop(far);
        // Over loopback a segment has arrived when its sending returns, but acknowledgements may be late.
        let enough = async {
            while sockets.total().segments_in < left.segments_in + 2 || !sockets.lock().ending.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(limits::LINGER * 5, enough).await.unwrap();
        let total = sockets.total();
        assert_eq!((total.connections, total.data_segments), (1, left.data_segments + 1));
        assert!(total.segments_out > left.segments_out, "{total:?} after {left:?}");
    }

    #[tokio::test]
    async fn a_connection_dropped_midway_is_counted_at_once_and_not_kept_open() {
        let (near, _far) = pair().await;
        let sockets = Sockets::<()>::default();
        sockets.leave_at_its_end(sockets.enter(near.as_raw_fd(), Arc::default()));
        assert!(sockets.lock().ending.is_empty());
        assert_eq!(sockets.total().connections, 1);
    }

    #[tokio::test]
    async fn no_more_connections_than_the_bound_are_kept_open_until_they_end() {
        let sockets = Sockets::<()>::default();
        let mut far_sides = Vec::new();
        for _ in 0..limits::SOCKETS_ENDING_MAX + 3 {
            let (mut near, far) = pair().await;
            let id = sockets.enter(near.as_raw_fd(), Arc::default());
            near.shutdown().await.unwrap();
            sockets.leave_at_its_end(id);
            far_sides.push(far);
        }
        assert!(sockets.lock().ending.len() <= limits::SOCKETS_ENDING_MAX);
        assert_eq!(sockets.total().connections, far_sides.len() as u64);
    }
}
