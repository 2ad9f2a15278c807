//! Tests that the parts of a row's bytes add up.

use super::summarise;
use crate::run::Transport;
use crate::run::file::Trial;
use crate::run::fixture;
use crate::run::metric::{Metric, Value, WireBytes};
use crate::stats;

const WIRE_PARTS: [Metric; 5] =
    [Metric::WirePayload, Metric::WireFraming, Metric::WireHttpHeaders, Metric::WireTcpIp, Metric::WireRetransmitted];

#[test]
fn the_parts_of_the_bytes_add_up_to_the_total_and_the_total_is_the_median() {
    // Each part has its median in another round: part by part they would add up to 154 + 46 + 29 + 20 = 249.
    let rounds = [[150.1, 46.2, 30.3, 20.4], [154.1, 40.2, 29.3, 22.4], [158.1, 47.2, 20.3, 19.4]];
    for count in [1, 2, 3] {
        let mut trials: Vec<Trial> =
            (1..=count).map(|round| fixture::trial(Some(Transport::Sse), round as u32, 0, 1_000)).collect();
        let mut totals = Vec::new();
        for (trial, [payload, framing, http_headers, tcp_ip]) in trials.iter_mut().zip(rounds) {
            let total = payload + framing + http_headers + tcp_ip;
            totals.push(total);
            trial.metrics.wire_bytes_per_delivery = WireBytes {
                total: Value(Some(total)),
                payload: Value(Some(payload)),
                framing: Value(Some(framing)),
                http_headers: Value(Some(http_headers)),
                tcp_ip: Value(Some(tcp_ip)),
                retransmitted: Value(Some(0.0)),
                ..WireBytes::default()
            };
        }
        let row = &summarise(&trials, 1).0[0];
        let total = row.metrics.wire_bytes_per_delivery.total.0.unwrap();
        assert!((total - stats::median(&totals).unwrap()).abs() < 1e-5, "{count}: {total} of {totals:?}");
        let parts = || WIRE_PARTS.map(|part| row.metrics.get(part).0.unwrap());
        assert!((total - parts().iter().sum::<f64>()).abs() < 1e-9, "{count}: {:?}", parts());
        // The same holds in the written file.
        let written = serde_json::to_value(&row.metrics.wire_bytes_per_delivery).unwrap();
        let sum: f64 = ["payload", "framing", "http_headers", "tcp_ip", "retransmitted"]
            .map(|part| written[part].as_f64().unwrap())
            .iter()
            .sum();
        assert!((sum - written["total"].as_f64().unwrap()).abs() < 1e-9, "{count}: {written}");
        for part in WIRE_PARTS {
            let (value, interval) = (row.metrics.get(part).0.unwrap(), row.ci95.get(part));
            assert_eq!(interval.is_some(), count > 1, "{part:?}");
            assert!(interval.is_none_or(|[low, high]| low <= value && value <= high), "{part:?}: {interval:?}");
        }
    }
}
