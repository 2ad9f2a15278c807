//! A relay between a client and the server that cuts connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::common::within;

/// Connections that are cut after a number of bytes from the server, in addition to those cut by [`Relay::cut_all`].
pub const CUTS_BY_BYTES: u64 = 12;

/// After how many bytes a connection is cut: in its head, before its first update, or anywhere later. None of the
/// numbers has a common factor with an update's length, so each cut hits a different place in an update.
fn budget(connection: u64) -> usize {
    const BYTES: [usize; 12] = [401, 97, 1009, 563, 277, 1511, 331, 1999, 229, 887, 311, 2503];
    BYTES[connection as usize % BYTES.len()]
}

/// A running relay; it stops when dropped.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    cuts: AtomicU64,
    cuts_by_bytes: AtomicU64,
    /// Has a client been sent its position?
    knows_position: watch::Sender<bool>,
    cut_all: Notify,
}

impl Relay {
    /// Starts a relay to `server`.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((server.ip(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let mut tasks = JoinSet::new();
        let relayed = Arc::clone(&shared);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.spawn(relay(client, server, Arc::clone(&relayed)));
            }
        });
        Self { address, shared, _tasks: tasks }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the client has been sent its position. A client that is cut earlier starts from now when it
    /// reconnects.
    pub async fn position_sent(&self) {
        let mut knows_position = self.shared.knows_position.subscribe();
        within("the client to get its position", knows_position.wait_for(|knows| *knows)).await.unwrap();
    }

    /// Cuts all connections that are open now.
    pub fn cut_all(&self) {
        self.shared.cut_all.notify_waiters();
    }

    /// How many connections it has cut.
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(SeqCst)
    }
}

async fn relay(mut client: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    let Ok(mut upstream) = TcpStream::connect(server).await else { return };
    let ordered = shared.cut_all.notified();
    tokio::pin!(ordered);
    ordered.as_mut().enable();
    // A client is not cut before it has been sent its position.
    let number = shared.cuts_by_bytes.load(SeqCst);
    let is_cut_by_bytes = *shared.knows_position.borrow() && number < CUTS_BY_BYTES;
    let mut left = if is_cut_by_bytes { budget(number) } else { usize::MAX };
    let mut seen = Vec::new();
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            () = &mut ordered => break,
            read = client.read(&mut up) => match read {
                Ok(0) | Err(_) => return,
                Ok(length) => if upstream.write_all(&up[..length]).await.is_err() { return },
            },
            read = upstream.read(&mut down) => {
                let Ok(length @ 1..) = read else { return };
                let bytes = &down[..length.min(left)];
                if client.write_all(bytes).await.is_err() {
                    return;
                }
                left -= bytes.len();
                if left == 0 {
                    shared.cuts_by_bytes.fetch_add(1, SeqCst);
                    break;
                }
                if !*shared.knows_position.borrow() {
                    seen.extend_from_slice(bytes);
                    let text = String::from_utf8_lossy(&seen);
                    let knows = text.contains("\"cursor\":\"") || text.contains("\nid: ");
                    shared.knows_position.send_if_modified(|knew| std::mem::replace(knew, knows) != knows);
                }
            }
        }
    }
    // Every other connection is reset; the others end cleanly, but in the wrong place.
    if shared.cuts.fetch_add(1, SeqCst) % 2 == 1 {
        client.set_zero_linger().unwrap();
    }
}
