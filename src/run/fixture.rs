//! An invented run for tests: plausible figures, two sweep points, three rounds.

use std::collections::BTreeMap;

use crate::run::file::{
    Audit, Environment, Health, Point, PublishedFeed, Run, SCHEMA, Scenario, Slice, Trial, Verdict, WireTotals,
};
use crate::run::histogram;
use crate::run::metric::{Metric, Unit, Value};
use crate::run::purpose::Purpose;
use crate::run::readings::{AgeReadings, ClockReading, Edge, MemoryReadings, Readings};
use crate::run::setting::Setting;
use crate::run::summary;
use crate::run::{Arrivals, RunSettings, Transport};
use crate::units::Nanos;

const MEASURE: Nanos = Nanos(4 * Nanos::SECOND.0);

/// Settings of a sweep over the clients.
pub fn point(index: usize) -> Point {
    Point { clients: [50, 1_000][index], ..Point::default() }
}

/// A valid trial of 1,000 deliveries whose latencies are spread from `latency_ns` to twice that.
pub fn trial(transport: Option<Transport>, round: u32, point_index: usize, latency_ns: u64) -> Trial {
    let mut latencies = histogram::empty();
    (0..1_000).for_each(|index| histogram::record(&mut latencies, Nanos(latency_ns + latency_ns * index / 1_000)));
    let start = Nanos(u64::from(round) * 10 * Nanos::SECOND.0);
    let started_at = 1_790_000_000 * Nanos::SECOND.0 + start.0;
    let mut trial = Trial {
        transport,
        round,
        point_index,
        point: point(point_index),
        port: 40_000,
        window_ns: [start, start.saturating_add(MEASURE)],
        window_unix_ns: [started_at, started_at + MEASURE.0],
        arrived: 1_000,
        audit: Audit { expected: 1_000, delivered: 1_000, ..Audit::default() },
        metrics: Default::default(),
        wire: WireTotals::default(),
        health: Health::default(),
        readings: Some(readings()),
        timeline: vec![Slice {
            from_ns: Nanos::ZERO,
            delivered: 1_000,
            p50_ns: Some(Nanos(latency_ns * 3 / 2)),
            p99_ns: Some(Nanos(latency_ns * 2)),
            max_ns: Some(Nanos(latency_ns * 2)),
        }],
        latency_hdr: histogram::encode(&latencies),
        uncorrected_latency_hdr: histogram::encode(&latencies),
        ..Trial::default()
    };
    for &metric in Metric::ALL {
        // A small term for the round in each figure, so that rounds differ.
        let noise = 1.0 + f64::from(round) / 1_000.0;
        let value = match metric.unit() {
            Unit::Nanos => latency_ns as f64 * noise,
            Unit::Bytes => 200.0 * noise,
            Unit::Count => 1.0 * noise,
            Unit::Fraction => 0.5 * noise,
        };
        *trial.metrics.get_mut(metric) = Value(Some(value));
    }
    trial.metrics.latency_ns = histogram::percentiles(&latencies, Nanos::ZERO);
    trial.metrics.uncorrected_latency_ns = histogram::percentiles(&latencies, Nanos::ZERO);
    trial
}

/// Readings of a quiet host with two processors: the server used 100 ms of an interval of 4 s, the generator 200 ms, and
/// others 10 ms.
pub fn readings() -> Readings {
    let begun = Edge {
        at_ns: Nanos::SECOND,
        server_cpu_ns: Some(Nanos(50 * Nanos::MILLI.0)),
        generator_cpu_ns: Nanos(80 * Nanos::MILLI.0),
        relay_cpu_ns: Nanos::ZERO,
        generator_wait_ns: Some(Nanos::MILLI),
        host_busy_ns: Some(Nanos(100 * Nanos::SECOND.0)),
        host_steal_ns: Some(Nanos::SECOND),
        segments_in: 100,
        segments_out: 100,
        bytes_retransmitted: 0,
        server_bytes_retransmitted: Some(0),
    };
    let more = |of: Nanos, millis: u64| Nanos(of.0 + millis * Nanos::MILLI.0);
    let ended = Edge {
        at_ns: more(begun.at_ns, 4_000),
        server_cpu_ns: begun.server_cpu_ns.map(|of| more(of, 100)),
        generator_cpu_ns: more(begun.generator_cpu_ns, 200),
        generator_wait_ns: begun.generator_wait_ns.map(|of| more(of, 1)),
        host_busy_ns: begun.host_busy_ns.map(|of| more(of, 310)),
        segments_in: 1_100,
        segments_out: 1_100,
        ..begun
    };
    let clocks = vec![ClockReading { at_ns: begun.at_ns, offset_ns: 0, uncertainty_ns: Nanos::ZERO }];
    let (memory, age) = (MemoryReadings { ends_per_client: 2, ..Default::default() }, AgeReadings::default());
    Readings { begun, ended, memory, age, segment_bytes: Some(65_483), clocks }
}

/// The default settings of a sweep over the clients.
fn scenario() -> Scenario {
    let words = ["crowd", "Who bends first?"].map(str::to_owned);
    let feed = PublishedFeed::Synthetic { arrivals: Some(Arrivals::Steady) };
    Scenario::new(&RunSettings::default(), words, Purpose::default(), feed, Some(Setting::Clients))
}

/// A valid run of all transports and the TCP baseline over two points, each figure times its `factor`.
pub fn run(factor: impl Fn(Transport, Metric) -> f64) -> Run {
    let mut trials = Vec::new();
    for point_index in [0, 1] {
        for round in 1..=3 {
            for transport in Transport::ALL {
                let mut trial = trial(Some(transport), round, point_index, 100_000 * (4 - transport.index() as u64));
                for &metric in Metric::ALL {
                    let value = trial.metrics.get_mut(metric);
                    *value = Value(value.0.map(|value| value * factor(transport, metric)));
                }
                trials.push(trial);
            }
            trials.push(self::trial(None, round, point_index, 50_000));
        }
    }
    let (summary, tcp_baseline) = summary::summarise(&trials, 1);
    Run {
        schema: SCHEMA.to_owned(),
        started_at: "2026-11-22T18:00:00Z".to_owned(),
        took_ns: Nanos(60 * Nanos::SECOND.0),
        cut_short: false,
        scenario: scenario(),
        environment: Environment {
            host: "host".to_owned(),
            kernel: "Linux 6.12".to_owned(),
            processor: "a processor".to_owned(),
            cores: 2,
            memory_bytes: 8 << 30,
            version: "0.1.0".to_owned(),
            commit: "unknown".to_owned(),
            profile: "release".to_owned(),
            rustc: "1.90".to_owned(),
            command: vec!["run".to_owned(), "crowd".to_owned()],
            effort: Vec::new(),
            notes: BTreeMap::new(),
        },
        verdict: Verdict::Valid,
        reasons: Vec::new(),
        summary,
        tcp_baseline,
        alone: Default::default(),
        thresholds: Vec::new(),
        trials,
        repeated: Vec::new(),
    }
}
