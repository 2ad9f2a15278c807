//! The client half of the TCP baseline, as bare as its server half. One thread per processor waits for its share of
//! the connections with one epoll, reads into one buffer, and records what arrived. Whatever the generator needs per
//! message in addition to this is the cost of a transport's client.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::{StreamExt, stream};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::Timespec;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::limits;
use crate::load::context::{ClientProgress, Outcome, TrialContext};
use crate::load::dial::{Dialler, SocketTap};
use crate::measure::delivery::Delivery;
use crate::measure::tap::Tap;
use crate::net;
use crate::stream::Cursor;
use crate::transport::ClientError;
use crate::units::UnixMicros;

/// A client's id, its progress, and the channel for its outcome.
struct ClientHandle {
    id: u32,
    progress: Arc<ClientProgress>,
    leave: oneshot::Sender<Outcome>,
}

/// Starts these clients. Each connects once, and returns what it received when the trial is stopped.
pub fn spawn(context: &Arc<TrialContext>, clients: Vec<(u32, Arc<ClientProgress>)>) -> JoinSet<Outcome> {
    let mut outcomes = JoinSet::new();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for share in super::shares(clients, threads) {
        let mut handles = Vec::with_capacity(share.len());
        for (id, progress) in share {
            let (leave, left) = oneshot::channel();
            outcomes.spawn(async move { left.await.unwrap_or_default() });
            handles.push(ClientHandle { id, progress, leave });
        }
        // Not joined here: each client's result arrives over its channel.
        tokio::spawn(serve(Arc::clone(context), handles));
    }
    outcomes
}

/// Connects a share of the clients, then reads from them until the trial is stopped.
async fn serve(context: Arc<TrialContext>, handles: Vec<ClientHandle>) {
    let dials =
        stream::iter(handles).map(|handle| greet(Arc::clone(&context), handle)).buffer_unordered(limits::DIALS_AT_ONCE);
    let greeted = dials.filter_map(std::future::ready).collect::<Vec<_>>();
    let Some(clients) = context.stop.run_until_cancelled(greeted).await else { return };
    let reading = move || {
        let mut reader = Reader { context, clients };
        let ended = reader.read_until_stopped();
        for client in reader.clients {
            client.leave(ended.as_ref().err());
        }
    };
    let _joined = tokio::task::spawn_blocking(reading).await;
}

/// Connects, and waits for the position.
async fn greet(context: Arc<TrialContext>, handle: ClientHandle) -> Option<ConnectedClient> {
    let dialled = context.clock.now();
    let greeted = async {
        let permit = context.dials.acquire().await;
        let dialler = Dialler::new(handle.id, Arc::clone(&context), Arc::clone(&handle.progress.counters));
        let (mut stream, mut tap) = dialler.bare().await?;
        let mut line = Vec::new();
        while !line.contains(&b'\n') {
            let come = |bytes: &[u8]| {
                tap.came_in(bytes);
                line.extend_from_slice(bytes);
                bytes.len()
            };
            if net::read(&mut stream, come).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        drop(permit);
        Ok::<_, io::Error>((stream.into_std()?, tap, line))
    };
    let mut outcome = Outcome::default();
    match greeted.await.and_then(|(stream, tap, line)| Ok((stream, tap, position(&line)?))) {
        Ok((stream, tap, position)) => {
            outcome.connect = Some(context.clock.now().saturating_sub(dialled));
            handle.progress.held.fetch_max(position.seq, Relaxed);
            context.connected.add_permits(1);
            Some(ConnectedClient { tap, stream, partial: Vec::new(), outcome, handle })
        }
        Err(error) => {
            outcome.refused = 1;
            outcome.error = Some(ClientError::of_dial(error));
            // After the trial, nobody may be waiting for the outcome.
            let _left = handle.leave.send(outcome);
            None
        }
    }
}

/// Parses the first line.
fn position(line: &[u8]) -> io::Result<Cursor> {
    #[derive(Deserialize)]
    struct Hello {
        cursor: Cursor,
    }
    Ok(serde_json::from_slice::<Hello>(line)?.cursor)
}

/// A connected client.
struct ConnectedClient {
    /// Declared before its socket, so that it is dropped first.
    tap: SocketTap,
    stream: TcpStream,
    /// An incomplete line.
    partial: Vec<u8>,
    outcome: Outcome,
    handle: ClientHandle,
}

impl ConnectedClient {
    fn leave(mut self, error: Option<&io::Error>) {
        if let Some(error) = error {
            self.outcome.refused += 1;
            self.outcome.error = Some(ClientError::Broken(error.to_string().into()));
        }
        let _left = self.handle.leave.send(self.outcome);
    }
}

/// One thread's share of the connections.
struct Reader {
    context: Arc<TrialContext>,
    clients: Vec<ConnectedClient>,
}

impl Reader {
    /// Errors: those of the epoll. An error of a connection ends only that connection.
    fn read_until_stopped(&mut self) -> io::Result<()> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (index, client) in (0..).zip(&self.clients) {
            epoll::add(&epoll, &client.stream, EventData::new_u64(index), EventFlags::IN)?;
        }
        let look = Timespec::try_from(limits::BARE_READER_CHECK_INTERVAL).map_err(io::Error::other)?;
        let mut events: Vec<Event> = Vec::with_capacity(limits::BARE_READER_EVENTS);
        let mut buffer = [0; limits::READ_BYTES_MAX];
        while !self.context.stop.is_cancelled() {
            events.clear();
            match epoll::wait(&epoll, spare_capacity(&mut events), Some(&look)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let data = event.data;
                let Some(client) = self.clients.get_mut(data.u64() as usize) else { continue };
                if let Err(error) = take(&self.context, client, &mut buffer) {
                    epoll::delete(&epoll, &client.stream)?;
                    client.outcome.refused += 1;
                    client.outcome.error = Some(ClientError::broken(error));
                }
            }
        }
        Ok(())
    }
}

/// Reads once, and records every complete line.
fn take(context: &TrialContext, client: &mut ConnectedClient, buffer: &mut [u8]) -> io::Result<()> {
    let count = match client.stream.read(buffer) {
        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => count,
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut rest = &buffer[..count];
    client.tap.came_in(rest);
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = match client.partial.is_empty() {
            true => &rest[..end],
            false => {
                client.partial.extend_from_slice(&rest[..end]);
                &client.partial
            }
        };
        let (seq, at_us, bytes) = update(line).ok_or(io::ErrorKind::InvalidData)?;
        let arrived_ns = context.clock.now();
        let at_ns = context.relation.anchor.instant(at_us);
        client.outcome.seen.deliveries.push(Delivery { seq, at_ns, arrived_ns, bytes });
        client.handle.progress.counters.delivered(bytes as usize);
        client.handle.progress.held.fetch_max(seq, Relaxed);
        client.partial.clear();
        rest = &rest[end + 1..];
    }
    client.partial.extend_from_slice(rest);
    Ok(())
}

/// Sequence number, due time and data length of `{"seq":1,"at_us":1795363216000123,"data":…}`.
fn update(line: &[u8]) -> Option<(u64, UnixMicros, u32)> {
    let mut parts = line.splitn(3, |byte| *byte == b',');
    let seq = number(parts.next()?.strip_prefix(b"{\"seq\":")?)?;
    let at_us = number(parts.next()?.strip_prefix(b"\"at_us\":")?)?;
    let data = parts.next()?.strip_prefix(b"\"data\":")?.strip_suffix(b"}")?;
    Some((seq, UnixMicros(at_us), u32::try_from(data.len()).ok()?))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit.is_ascii_digit().then(|| digit - b'0')?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parsed_and_anything_else_is_refused() {
        let line = br#"{"seq":42,"at_us":1795363216000123,"data":{"a":[1,2]}}"#;
        assert_eq!(update(line), Some((42, UnixMicros(1_795_363_216_000_123), 11)));
        for line in [&b"{\"cursor\":\"00000000-0\"}"[..], b"", b"{\"seq\":x,\"at_us\":1,\"data\":1}", &line[..40]] {
            assert_eq!(update(line), None);
        }
        assert_eq!(position(super::super::HELLO.as_bytes()).unwrap().seq, 0);
    }
}
