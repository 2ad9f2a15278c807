//! Tests of the models.

use super::sizes::Lengths;
use super::*;
use crate::run::fixture;
use crate::units::{Nanos, UnixMicros};

pub(super) fn setting(rate: f64, gaps: Gaps) -> Setting {
    Setting {
        rate,
        gaps,
        poll_interval: 1.0,
        hold: 25.0,
        transit: Some(0.0001),
        interval: [1.0, 60.0],
        loss: 0.0,
        round_trip: 0.0,
        bandwidth: None,
        segment_bytes: 65_484,
        lengths: Lengths {
            port: 40_000,
            seq: 42,
            at_us: UnixMicros(1_795_363_216_000_123),
            payload_bytes: 128.0,
            request_header_bytes: 0,
            hold_ns: Nanos(25_000_000_000),
        },
        over: Over::default(),
    }
}

#[test]
fn over_tls_and_http2_a_poll_takes_two_records_three_frames_and_the_heads_that_hpack_leaves() {
    let over = Over { is_tls: true, is_h2: true, ..Over::default() };
    let far = Setting { over, poll_interval: 0.2, interval: [0.3, 3.0], ..setting(5.0, Gaps::Steady) };
    let model = polling(&far);
    assert_eq!((model.tls_records, model.h2_frames), (44.0, 27.0));
    // As measured: 54.2 B a request (`loadgen run --protocol h2 --poll-interval 200ms --rate 5`).
    assert!((model.heads / 54.2 - 1.0).abs() < 0.03, "{}", model.heads);
    let event = sse(&far);
    assert_eq!((event.tls_records, event.h2_frames, event.heads), (22.0, 9.0, 0.0));
    let shown = |over| predict(Transport::Polling, &Setting { over, ..far });
    let has = |over, metric| shown(over).iter().any(|one| one.metric == metric);
    assert!(has(over, Metric::WireTlsRecords) && has(over, Metric::WireH2Frames) && has(over, Metric::WireTotal));
    assert!(!has(Over::default(), Metric::WireTlsRecords) && !has(Over::default(), Metric::WireH2Frames));
    let beyond = Over { is_beyond: true, ..over };
    assert!(!has(beyond, Metric::WireTotal) && has(beyond, Metric::LatencyMean), "bytes that no formula knows");
}

pub(super) fn assert_near(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 0.01 * expected.abs().max(0.01), "{what}: {found}, not {expected}");
}

#[test]
fn below_a_rate_polling_takes_more_bytes_than_a_stream_and_above_it_fewer() {
    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample");
    let run = Run::read(&sample).unwrap();
    let rate = rate_of_equal_bytes(&run, [Transport::Polling, Transport::WebSocket]).unwrap();
    // The run itself is above it, and there polling was measured to take fewer.
    let bytes = |transport| {
        let row = run.summary.iter().find(|row| row.transport == Some(transport)).unwrap();
        row.metrics.wire_bytes_per_delivery.total.0.unwrap()
    };
    assert!(rate < run.summary[0].point.rate_per_s && bytes(Transport::Polling) < bytes(Transport::WebSocket));
    assert!((1.0..7.0).contains(&rate), "{rate}");
    assert_eq!(rate_of_equal_bytes(&run, [Transport::LongPolling, Transport::WebSocket]), None);
}

#[test]
fn polling_waits_half_its_interval_and_asks_whether_there_is_something_or_not() {
    let sparse = polling(&setting(0.1, Gaps::Steady));
    assert_near(sparse.latency.unwrap(), 0.5001, "latency");
    assert_near(sparse.requests, 10.0, "requests");
    assert_near(sparse.empty.unwrap(), 0.9, "empty");
    assert_near(polling(&setting(0.1, Gaps::Poisson)).empty.unwrap(), (-0.1_f64).exp(), "empty");
    assert_eq!(polling(&setting(7.0, Gaps::Steady)).empty, Some(0.0));
}

#[test]
fn long_polling_asks_once_for_each_update_until_updates_outrun_its_cycle() {
    assert_near(long_polling(&setting(10.0, Gaps::Steady)).requests, 1.0, "requests");
    let far = |rate, gaps| long_polling(&Setting { transit: Some(0.05), ..setting(rate, gaps) });
    assert_near(far(100.0, Gaps::Steady).requests, 0.1, "ten come in one cycle of 100 ms");
    assert_near(far(100.0, Gaps::Steady).latency.unwrap(), 0.1, "a transit and half a cycle");
    assert_near(far(10.0, Gaps::Poisson).requests, 1.0 / (1.0 + (-1.0_f64).exp()), "requests");
    let idle = long_polling(&setting(0.01, Gaps::Steady));
    assert_near(idle.requests, 5.0, "four holds of 25 s expire in 100 s");
    assert_near(idle.empty.unwrap(), 0.8, "empty");
}

/// The models of gaps against a simulation of the feed itself.
#[test]
fn the_shares_of_empty_spans_are_those_of_the_feeds() {
    use rand::{RngExt, SeedableRng};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    for (gaps, rate, length) in
        [(Gaps::Steady, 0.4, 1.0), (Gaps::Poisson, 0.7, 1.0), (Gaps::Bursty, 3.0, 1.0), (Gaps::Bursty, 1.0, 0.05)]
    {
        let setting = setting(rate, gaps);
        let (inside, between, _) = setting.burst();
        let mut exponential = |mean: f64| -mean * (1.0 - random.random::<f64>()).ln();
        let mut time = 0.0;
        let mut empty = 0.0;
        let mut longer = 0;
        const UPDATES: u64 = 200_000;
        for update in 0..UPDATES {
            let gap = match gaps {
                Gaps::Steady => 1.0 / rate,
                Gaps::Poisson => exponential(1.0 / rate),
                Gaps::Bursty if update % limits::BURST_UPDATES == 0 => exponential(between),
                Gaps::Bursty => inside,
            };
            time += gap;
            // A span that begins in the gap holds nothing if it ends in it.
            empty += (gap - length).max(0.0);
            longer += u64::from(gap > length);
        }
        assert_near(UPDATES as f64 / time, rate, "rate");
        let what = format!("{gaps:?} at {rate}");
        assert!((empty / time - rate * setting.excess(length)).abs() < 0.01, "{what}: {}", empty / time);
        assert!((longer as f64 / UPDATES as f64 - setting.is_longer(length)).abs() < 0.01, "{what}: {longer}");
    }
}

#[test]
fn a_stream_carries_an_update_in_one_segment_with_one_acknowledgement() {
    let websocket = websocket(&setting(10.0, Gaps::Steady));
    let envelope = r#"{"seq":42,"at_us":1795363216000123,"data":}"#.len() as f64;
    assert_near(websocket.framing, envelope + 4.0 + 3.0 * 8.0 / 600.0, "framing");
    assert_near(websocket.tcp_ip, 104.0 + 3.0 * 156.0 / 600.0, "TCP/IP");
    assert_eq!((websocket.requests, websocket.heads), (0.0, 0.0));
    let large = Setting { segment_bytes: 1_448, ..setting(10.0, Gaps::Steady) };
    let large = Setting { lengths: Lengths { payload_bytes: 2_000.0, ..large.lengths }, ..large };
    assert_near(sse(&large).tcp_ip, 3.0 * 52.0 + 4.0 * 104.0 / 600.0, "two segments and an acknowledgement");
}

#[test]
fn a_stream_whose_transit_is_not_known_has_no_latency_to_predict() {
    let unknown = Setting { transit: None, ..setting(10.0, Gaps::Steady) };
    assert_eq!(sse(&unknown).latency, None);
    assert_near(polling(&unknown).latency.unwrap(), 0.5, "latency");
}

#[test]
fn what_is_done_at_a_period_counts_as_often_as_it_falls_into_the_interval() {
    let beats = |interval| Setting { interval, ..setting(1.0, Gaps::Steady) }.beats(15.0);
    assert_eq!((beats([1.0, 4.0]), beats([12.0, 4.0]), beats([1.0, 60.0])), (0.0, 0.25, 4.0 / 60.0));
}

#[test]
fn a_limited_link_adds_the_time_of_sending() {
    let narrow = Setting { bandwidth: Some(1e6), ..setting(10.0, Gaps::Steady) };
    let message = narrow.lengths.payload_bytes + narrow.lengths.update_envelope() + 4.0;
    assert_near(websocket(&narrow).latency.unwrap(), 0.0001 + message * 8.0 / 1e6, "latency");
}

#[test]
fn predictions_stand_beside_the_rows_that_they_belong_to() {
    let mut run = fixture::run(|_, _| 1.0);
    let rows = run.summary.len();
    let index = run.summary.iter().position(|row| row.transport == Some(Transport::Polling)).unwrap();
    let expected = run.tcp_baseline[0].metrics.latency_ns.mean.0.unwrap() + 0.5e9;
    run.summary[index].metrics.latency_ns.mean = crate::run::metric::Value(Some(1.2 * expected));
    let predictions = predictions(&run);
    let latency = predictions.iter().find(|one| one.metric == Metric::LatencyMean).unwrap();
    assert_eq!((latency.transport, latency.point_index), (Transport::Polling, 0));
    assert_near(latency.off, 0.2, "off");
    assert_eq!(predictions.iter().filter(|one| one.metric == Metric::WireTotal).count(), rows);
    assert!(predictions.iter().all(|one| !one.formula.is_empty() && !one.source.is_empty()));
    run.summary[index].metrics.latency_ns.mean = crate::run::metric::Value(None);
    let fewer = super::predictions(&run).len();
    assert_eq!(fewer + 1, predictions.len(), "what was not measured is not compared");
}

#[test]
fn off_is_a_share_of_the_prediction_and_zero_is_met_or_missed() {
    let bytes = |predicted, measured| off(Metric::WireTotal, predicted, measured);
    assert_near(bytes(10.0, 11.0), 0.1, "more");
    assert_near(bytes(10.0, 5.0), -0.5, "less");
    assert_eq!((bytes(0.0, 0.0), bytes(0.0, 0.5)), (0.0, 1.0));
    assert_near(off(Metric::EmptyFraction, 0.0, 0.02), 0.02, "a share");
}
