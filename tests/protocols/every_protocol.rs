//! Every transport delivers over every protocol and with every compression that it supports.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use pushpull::net::Stream;
use pushpull::run::{Protocol, Transport};
use pushpull::transport::{Dial, Session};

use crate::local::{Local, follow, options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transport_delivers_over_every_protocol_in_order() {
    for protocol in Protocol::ALL {
        let server = Local::start(protocol, false);
        for via in Transport::ALL {
            let session = server.session(protocol, via == Transport::WebSocket).await;
            let received = follow(&server, via, session, &options(&[]), 10).await;
            let received = received.unwrap_or_else(|error| panic!("{via} over {protocol}: {error}"));
            assert_eq!(received.numbers, (1..=10).collect::<Vec<_>>(), "{via} over {protocol}");
            assert_eq!(received.coded, 0, "compression was not requested");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_share_one_http2_connection_get_every_update() {
    let server = Local::start(Protocol::H2, false);
    let Session::H2(shared) = server.session(Protocol::H2, true).await else { panic!("HTTP/2 was asked for") };
    let before = server.app.counters.accepted();
    for via in Transport::ALL {
        let sessions: Vec<Session<Box<dyn Stream>>> = (0..2).map(|_| Session::H2(shared.clone())).collect();
        for session in sessions {
            let received = follow(&server, via, session, &options(&[]), 3).await.unwrap();
            assert_eq!(received.numbers, [1, 2, 3], "{via}");
        }
    }
    assert_eq!(server.app.counters.accepted(), before, "no other connection was made");
}

/// Dials new connections, and counts them.
struct Dialler {
    server: Arc<Local>,
    protocol: Protocol,
    count: AtomicU64,
}

impl Dial<Box<dyn Stream>> for Dialler {
    fn dial(&self) -> Pin<Box<dyn Future<Output = io::Result<Session<Box<dyn Stream>>>> + Send + '_>> {
        self.count.fetch_add(1, Relaxed);
        Box::pin(async { Ok(self.server.session(self.protocol, false).await) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_without_keep_alive_deliver_and_make_a_connection_for_each_request() {
    for protocol in Protocol::ALL {
        let server = Arc::new(Local::start(protocol, false));
        for via in [Transport::Polling, Transport::LongPolling] {
            let dial = Arc::new(Dialler { server: Arc::clone(&server), protocol, count: AtomicU64::new(0) });
            let session = Session::Fresh(Arc::clone(&dial) as Arc<dyn Dial<Box<dyn Stream>>>);
            let received = follow(&server, via, session, &options(&[]), 4).await.unwrap();
            assert_eq!(received.numbers, [1, 2, 3, 4], "{via} over {protocol}");
            let dialled = dial.count.load(Relaxed);
            assert!(dialled >= 5, "{via} over {protocol}: a position and four updates in {dialled} connections");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_updates_arrive_one_by_one() {
    for protocol in [Protocol::Http1, Protocol::H2] {
        let server = Local::start(protocol, true);
        for coding in ["gzip", "zstd"] {
            for via in [Transport::Polling, Transport::LongPolling, Transport::Sse] {
                let session = server.session(protocol, false).await;
                let received = follow(&server, via, session, &options(&[("accept-encoding", coding)]), 10).await;
                let received = received.unwrap_or_else(|error| panic!("{via} with {coding} over {protocol}: {error}"));
                assert_eq!(received.numbers, (1..=10).collect::<Vec<_>>(), "{via} with {coding} over {protocol}");
                assert!(
                    received.coded > 0 && received.decoded > 0,
                    "{via} with {coding} over {protocol}: {received:?}"
                );
            }
        }
        let session = server.session(protocol, true).await;
        let deflate = options(&[("sec-websocket-extensions", "permessage-deflate")]);
        let received = follow(&server, Transport::WebSocket, session, &deflate, 10).await.unwrap();
        assert_eq!(received.numbers, (1..=10).collect::<Vec<_>>(), "WebSocket with deflate over {protocol}");
        assert!(received.decoded > 0, "{received:?}");
    }
}
