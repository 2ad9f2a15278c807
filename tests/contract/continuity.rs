//! The stream is the same on all four transports: the same bytes, the same gaps, and cursors that are valid on each.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use pushpull::clock::Clock;
use pushpull::run::Transport;
use pushpull::stream::{Cursor, Gap, GapReason};
use pushpull::transport::reconnect;
use pushpull::transport::{Event, Options};
use pushpull::units::Nanos;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::common::clients::{EventStream, Received, next_text, open_websocket, receive};
use crate::common::{Server, within};

#[tokio::test]
async fn an_update_is_the_same_bytes_on_all_four_transports() {
    let server = Server::start(&["--feed", "synthetic", "--rate", "500", "--payload", "200"]).await;
    server.until_stat("/journal/updates", 50).await;
    let mut all: Vec<Received> = Vec::new();
    for transport in Transport::ALL {
        let mut received = receive(&server, transport, "earliest", 50).await;
        received.updates.truncate(50);
        assert_eq!(received.numbers(), (1..=50).collect::<Vec<_>>(), "{transport}");
        all.push(received);
    }
    for received in &all[1..] {
        assert_eq!(received.updates, all[0].updates);
    }
}

#[tokio::test]
async fn a_cursor_of_one_transport_can_be_resumed_on_every_other() {
    let server = Server::without_feed(&[]).await;
    let before = server.newest().await;
    for from in Transport::ALL {
        for to in Transport::ALL {
            let start = server.publish_numbers(3).await;
            let first = receive(&server, from, &start, 3).await;
            assert_eq!(first.cursor, server.newest().await, "{from}");
            let later = server.publish_numbers(2).await;
            assert_eq!(later, first.cursor);
            let rest = receive(&server, to, &first.cursor, 2).await;
            let wanted = rest.numbers()[0];
            assert_eq!(first.numbers(), [wanted - 3, wanted - 2, wanted - 1], "from {from} to {to}");
            assert_eq!(rest.numbers(), [wanted, wanted + 1], "from {from} to {to}");
            assert_eq!((first.gap, rest.gap), (None, None));
        }
    }
    let pairs = Transport::ALL.len().pow(2);
    assert_eq!(server.newest().await, before.replace("-0", &format!("-{}", pairs * 5)));
}

#[tokio::test]
async fn a_client_that_switches_between_transports_while_the_stream_runs_misses_nothing() {
    let server = Server::start(&["--feed", "synthetic", "--rate", "200", "--arrivals", "bursty"]).await;
    let mut cursor = server.newest().await;
    let mut numbers = Vec::new();
    for transport in Transport::ALL.into_iter().cycle().take(12) {
        let received = receive(&server, transport, &cursor, 7).await;
        assert_eq!(received.gap, None);
        numbers.extend(received.numbers());
        cursor = received.cursor;
    }
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[tokio::test]
async fn an_evicted_position_is_a_gap_with_its_count_and_then_the_oldest_retained_on_all_four() {
    let server = Server::without_feed(&["--journal-updates", "3"]).await;
    let before = server.publish_numbers(10).await;
    let second = before.replace("-0", "-2");
    for transport in Transport::ALL {
        let received = receive(&server, transport, &second, 3).await;
        assert_eq!(received.gap, Some(json!({"reason": "evicted", "lost": 5})), "{transport}");
        assert_eq!(received.numbers(), [8, 9, 10], "{transport}");
        // The oldest position that can still be resumed without a gap.
        let received = receive(&server, transport, &before.replace("-0", "-7"), 3).await;
        assert_eq!((received.gap.as_ref(), received.numbers()), (None, vec![8, 9, 10]), "{transport}");
    }
    assert_eq!(server.stat("/transports/sse/gaps").await, 1);
}

#[tokio::test]
async fn a_position_of_another_epoch_is_a_gap_without_a_count_on_all_four() {
    let old = Server::without_feed(&[]).await;
    let stale = old.publish("1").await;
    drop(old);
    let server = Server::without_feed(&[]).await;
    server.publish_numbers(2).await;
    for transport in Transport::ALL {
        let received = receive(&server, transport, &stale, 2).await;
        assert_eq!(received.gap, Some(json!({"reason": "epoch", "lost": null})), "{transport}");
        assert_eq!(received.numbers(), [1, 2], "{transport}");
        assert_eq!(received.cursor, server.newest().await, "{transport}");
    }
}

/// What pushpull's own client half received on a connection that was cut after a number of bytes.
#[derive(Debug, Default)]
struct CutSubscription {
    position: Option<Cursor>,
    gaps: Vec<Gap>,
    has_position: bool,
    has_update: bool,
}

/// Subscribes after the cursor `after` until the connection is cut, `bytes` bytes from the server, or the first update
/// has arrived.
async fn subscribe_until_cut(server: &Server, transport: Transport, after: Cursor, bytes: u64) -> CutSubscription {
    let (reading, writing) = TcpStream::connect(server.address).await.unwrap().into_split();
    let io = tokio::io::join(reading.take(bytes), writing);
    let options = Options {
        host: HeaderValue::from_static("localhost"),
        headers: HeaderMap::new(),
        clock: Clock::Monotonic,
        poll_interval: Nanos::from(Duration::from_millis(5)),
        poll_phase: Nanos::ZERO,
        hold: Nanos::SECOND,
    };
    let mut subscription = CutSubscription { position: Some(after), ..CutSubscription::default() };
    let enough = Notify::new();
    let CutSubscription { position, gaps, has_position, has_update } = &mut subscription;
    let mut note = |event: Event<'_>| match event {
        Event::Gap(gap) => gaps.push(gap),
        Event::Position(_) => *has_position = true,
        Event::Update(_) => {
            *has_update = true;
            enough.notify_one();
        }
        Event::Requested | Event::Empty | Event::Retry(_) | Event::MissedPoll | Event::Decompressed { .. } => {}
    };
    let subscribing = async {
        tokio::select! {
            _cut = reconnect::subscribe(transport, io, &options, position, &mut note) => {}
            () = enough.notified() => {}
        }
    };
    within("the cut", subscribing).await;
    subscription
}

/// More bytes than any transport needs up to the first update: heads, position, gap.
const FIRST_UPDATE_BYTES_MAX: u64 = 1_000;

#[tokio::test]
async fn a_client_with_a_cursor_of_another_epoch_misses_no_gap_wherever_its_connection_is_cut() {
    let server = Server::without_feed(&[]).await;
    let oldest: Cursor = server.newest().await.parse().unwrap();
    server.publish("1").await;
    let stale: Cursor = "00000000-7".parse().unwrap();
    let epoch = Gap { reason: GapReason::Epoch, lost: None };
    for transport in Transport::ALL {
        let mut cut_before_gap = 0;
        let mut bytes = 0;
        loop {
            bytes += 1;
            assert!(bytes < FIRST_UPDATE_BYTES_MAX, "{transport}: no update arrived");
            let subscription = subscribe_until_cut(&server, transport, stale, bytes).await;
            match subscription.gaps.as_slice() {
                [] => assert_eq!(subscription.position, Some(stale), "{transport}, cut after {bytes} B"),
                gaps => assert_eq!(gaps, [epoch], "{transport}, cut after {bytes} B"),
            }
            if !subscription.gaps.is_empty() && !subscription.has_update {
                assert_eq!(subscription.position, Some(oldest), "{transport}, cut after {bytes} B, before the update");
            }
            cut_before_gap += u64::from(subscription.has_position && subscription.gaps.is_empty());
            if subscription.has_update {
                break;
            }
        }
        let names_position_first = match transport {
            Transport::Polling | Transport::LongPolling => false,
            Transport::Sse | Transport::WebSocket => true,
        };
        assert_eq!(cut_before_gap > 0, names_position_first, "{transport}: {cut_before_gap} cuts in between");
    }
}

#[tokio::test]
async fn a_gap_with_no_update_after_it_is_announced_at_once_and_moves_the_position() {
    let server = Server::without_feed(&[]).await;
    let newest = server.newest().await;
    let stale = "00000000-7";
    assert_ne!(&newest[..8], "00000000");
    let gap = json!({"reason": "epoch", "lost": null});
    for path in ["/updates/poll?after=", "/updates/long-poll?hold=100&after="] {
        let answer = server.json(&format!("{path}{stale}")).await;
        assert_eq!(answer, json!({"cursor": newest, "gap": gap, "updates": []}));
    }
    let mut stream = EventStream::open(&server, &format!("/updates/sse?after={stale}"), None).await;
    let first = within("the first block", stream.block()).await.unwrap();
    assert_eq!(first.field("id"), Some(stale), "the position moves with the gap, not before it");
    let block = within("the gap", stream.block()).await.unwrap();
    assert_eq!((block.field("event"), block.field("id")), (Some("gap"), Some(newest.as_str())));
    let data: serde_json::Value = serde_json::from_str(block.field("data").unwrap()).unwrap();
    assert_eq!(data, gap);
    let mut socket = open_websocket(&server, &format!("/updates/ws?after={stale}")).await.unwrap();
    let mut frames = Vec::new();
    while frames.len() < 2 {
        frames.push(serde_json::from_str::<serde_json::Value>(&next_text(&mut socket).await).unwrap());
    }
    assert_eq!(frames[0], json!({"cursor": stale}), "the position moves with the gap, not before it");
    assert_eq!(frames[1], json!({"gap": gap, "cursor": newest}));
}

#[tokio::test]
async fn a_stream_that_falls_behind_the_journal_gets_a_gap() {
    // 12 MB of updates through a journal of 20 KiB: more than the sockets of subscribers that do not read can hold.
    let server = Server::without_feed(&["--journal-size", "20KiB"]).await;
    let mut socket = open_websocket(&server, "/updates/ws").await.unwrap();
    let mut stream = EventStream::open(&server, "/updates/sse", None).await;
    server.until_stat("/transports/websocket/requests", 1).await;
    let data = format!("\"{}\"", "x".repeat(200_000));
    for _ in 0..60 {
        server.publish(&data).await;
    }
    let (mut seen, mut lost) = (0, 0);
    while seen + lost < 60 {
        let frame: serde_json::Value = serde_json::from_str(&next_text(&mut socket).await).unwrap();
        lost += frame["gap"]["lost"].as_u64().unwrap_or(0);
        seen += u64::from(frame.get("seq").is_some());
    }
    assert_eq!(seen + lost, 60);
    assert!(lost > 0, "the socket held everything");
    let (mut seen, mut lost) = (0, 0);
    while seen + lost < 60 {
        let block = within("a block", stream.block()).await.unwrap();
        let Some(data) = block.field("data") else { continue };
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        match block.field("event") {
            Some("gap") => lost += data["lost"].as_u64().unwrap(),
            _ => seen += 1,
        }
    }
    assert_eq!(seen + lost, 60);
    assert!(lost > 0, "the socket held everything");
}
