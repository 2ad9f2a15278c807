//! The TCP baseline: a server that sends the same updates on the same schedule to the same number of clients, as one
//! JSON object per line, with no HTTP, no framing and no runtime. Whatever a transport costs in addition is the
//! transport's own cost.
//!
//! It writes from as many threads as the server has workers, each with its share of the connections. With a single
//! thread it would serve the last client later than the server does, and would be no baseline for latency. Its clients
//! are equally bare: [`reader`].
//!
//! ```text
//! ← {"cursor":"00000000-0"}
//! ← {"seq":1,"at_us":1795363216000123,"data":{…}}
//! ```

pub mod reader;

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;

use anyhow::Context;
use rustix::thread::{ClockId, clock_nanosleep_absolute};
use rustix::time::Timespec;

use crate::clock::{Clock, UnixAnchor};
use crate::limits;
use crate::print;
use crate::stream::feed::{Feed, Source};
use crate::units::Nanos;

const HELLO: &str = "{\"cursor\":\"00000000-0\"}\n";

/// The command to start at `origin`, with the anchor that turns an instant into `at_us`: `start NANOS MICROS`.
pub fn order(origin: Nanos, anchor: UnixAnchor) -> String {
    format!("start {} {}\n", origin.0, anchor.0)
}

/// Parses an [`order`].
fn ordered(line: &str) -> Option<(Nanos, UnixAnchor)> {
    let (origin, anchor) = line.trim_end().strip_prefix("start ")?.split_once(' ')?;
    Some((Nanos(origin.parse().ok()?), UnixAnchor(anchor.parse().ok()?)))
}

/// The server half: greets each connection, and writes to all of them from an [`order`] on until standard input ends.
///
/// Errors: those of the system, before anything is written.
pub fn serve(feed: &Feed, host: Ipv4Addr) -> anyhow::Result<()> {
    crate::measure::host::raise_file_limit();
    let source = feed.source()?.context("the TCP baseline needs a feed with a schedule")?;
    let listener = listen(host)?;
    print::out(&format!("tcp://{}\n", listener.local_addr()?))?;
    let (send, connections) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let is_ready = stream.set_nodelay(true).is_ok()
                && stream.write_all(HELLO.as_bytes()).is_ok()
                && stream.set_nonblocking(true).is_ok();
            if is_ready && send.send(stream).is_err() {
                return;
            }
        }
    });
    for line in std::io::stdin().lock().lines() {
        let Some((origin, anchor)) = ordered(&line?) else { continue };
        let threads = std::thread::available_parallelism()?.get();
        for share in shares(connections.try_iter().collect(), threads) {
            let source = source.clone();
            std::thread::spawn(move || write_for_ever(source, origin, anchor, share));
        }
        break;
    }
    // Ends when the generator closes the pipe.
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
    Ok(())
}

/// The standard library's backlog of 128 connections is too short for a ramp of thousands.
fn listen(host: Ipv4Addr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((host, 0))?;
    rustix::net::listen(&listener, i32::try_from(limits::LISTEN_BACKLOG)?)?;
    Ok(listener)
}

/// The connections divided among as many threads as this process may use (one with `--pin`).
fn shares<T>(connections: Vec<T>, threads: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..threads).map(|_| Vec::new()).collect();
    for (index, connection) in connections.into_iter().enumerate() {
        shares[index % threads].push(connection);
    }
    shares.retain(|share| !share.is_empty());
    shares
}

/// Writes the whole schedule to these connections in turn, each update when it is due.
fn write_for_ever(source: Source, origin: Nanos, anchor: UnixAnchor, connections: Vec<TcpStream>) {
    for (seq, due) in (1_u64..).zip(source) {
        let at = origin.saturating_add(due.offset);
        let until = Timespec { tv_sec: (at.0 / 1_000_000_000) as i64, tv_nsec: (at.0 % 1_000_000_000) as i64 };
        while Clock::Monotonic.now() < at {
            // If the sleep is interrupted or refused, the next look at the clock decides.
            let _ended = clock_nanosleep_absolute(ClockId::Monotonic, &until);
        }
        let line = format!("{{\"seq\":{seq},\"at_us\":{},\"data\":{}}}\n", anchor.unix(at).0, due.data.get());
        for mut connection in &connections {
            // Bytes that a full or broken socket does not take are missing at its client, whose audit reports it.
            let _taken = connection.write(line.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_dealt_out_evenly_and_a_thread_without_any_is_not_started() {
        assert_eq!(shares(vec![0, 1, 2, 3, 4], 2), [vec![0, 2, 4], vec![1, 3]]);
        assert_eq!(shares(vec![0], 2), [vec![0]]);
        assert_eq!(shares(vec![0, 1], 1), [vec![0, 1]]);
    }

    #[test]
    fn an_order_is_parsed_as_it_was_written() {
        for anchor in [UnixAnchor(1_795_363_216_000_123), UnixAnchor(-5)] {
            assert_eq!(ordered(&order(Nanos(42), anchor)), Some((Nanos(42), anchor)));
        }
        assert_eq!(ordered("start 42"), None);
    }

    #[test]
    fn every_thread_writes_the_same_updates_at_the_same_times() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let clients: Vec<TcpStream> =
            (0..3).map(|_| TcpStream::connect(listener.local_addr().unwrap()).unwrap()).collect();
        let served: Vec<TcpStream> = clients.iter().map(|_| listener.accept().unwrap().0).collect();
        let feed = crate::stream::feed::Feed::Synthetic {
            rate: 1_000.0,
            payload: 32,
            arrivals: crate::run::Arrivals::Poisson,
            seed: 7,
        };
        let source = feed.source().unwrap().unwrap();
        let origin = Clock::Monotonic.now().whole_micros();
        let anchor = UnixAnchor(1_795_363_216_000_000);
        for share in shares(served, 2) {
            let source = source.clone();
            std::thread::spawn(move || write_for_ever(source, origin, anchor, share));
        }
        let read = |client: &TcpStream| -> Vec<String> {
            std::io::BufReader::new(client).lines().take(20).map(Result::unwrap).collect()
        };
        let [first, others @ ..]: [Vec<String>; 3] = clients.iter().map(read).collect::<Vec<_>>().try_into().unwrap();
        let due = anchor.unix(origin).0;
        assert!(first[0].starts_with(&format!("{{\"seq\":1,\"at_us\":{due},\"data\":")), "{}", first[0]);
        others.iter().for_each(|other| assert_eq!(*other, first));
    }
}
