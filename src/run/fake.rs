//! Invented runs, to design the report and to test it: four transports with plausible figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use crate::run::file::*;
use crate::run::histogram;
use crate::run::metric::{Metric, Metrics, Value, WireBytes};
use crate::run::purpose::Purpose;
use crate::run::reason::Cause;
use crate::run::setting::Setting;
use crate::run::summary;
use crate::run::threshold::{AuditCount, Found, Observed, RowFound, Threshold};
use crate::run::{RunSettings, Transport};
use crate::units::Nanos;

const SEED: u64 = 42;

/// Repeatable noise (SplitMix64; Steele, Lea and Flood 2014).
struct Noise(u64);

impl Noise {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number within `spread` of 1.
    fn near_one(&mut self, spread: f64) -> f64 {
        1.0 + (self.share() * 2.0 - 1.0) * spread
    }
}

pub(crate) fn point() -> Point {
    Point { rate_per_s: 9.8, payload_bytes: 214.0, ..Point::default() }
}

/// The default scenario.
pub(crate) fn quick() -> Run {
    run("quick", "What do the four ways cost, and what do they give?", None, vec![point()], 3)
}

/// A sweep over the rate of updates.
pub(crate) fn sweep_over_rate() -> Run {
    let points = [0.2, 0.5, 1.0, 5.0, 20.0, 50.0, 200.0].map(|rate| Point { rate_per_s: rate, ..point() });
    run("chatty", "Where does long polling become polling?", Some("rate_per_s"), points.to_vec(), 3)
}

/// A run of any scenario.
pub(crate) fn run(name: &str, question: &str, sweep: Option<&str>, points: Vec<Point>, rounds: u32) -> Run {
    let (trials, summary, tcp_baseline) = measured(&points, rounds);
    Run {
        schema: SCHEMA.to_owned(),
        started_at: "2026-11-22T17:47:03Z".to_owned(),
        took_ns: Nanos(52 * Nanos::SECOND.0),
        cut_short: false,
        scenario: Scenario {
            seed: SEED,
            rounds,
            ..Scenario::new(
                &RunSettings::default(),
                [name, question].map(str::to_owned),
                purpose(name),
                PublishedFeed::Replay { recording: Some("FAKE.ndjson".to_owned()), speed: Some(3600.0) },
                sweep.and_then(Setting::from_name),
            )
        },
        environment: environment(),
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

/// Trials and their rows.
type Measured = (Vec<Trial>, Vec<Row>, Vec<Row>);

/// The trials and rows of a run over these points. Created once for all tests, because it takes most of their time.
fn measured(points: &[Point], rounds: u32) -> Measured {
    static MADE: Mutex<BTreeMap<String, Arc<OnceLock<Measured>>>> = Mutex::new(BTreeMap::new());
    let made = Arc::clone(MADE.lock().unwrap().entry(format!("{points:?} {rounds}")).or_default());
    made.get_or_init(|| make(points, rounds)).clone()
}

fn make(points: &[Point], rounds: u32) -> Measured {
    let mut noise = Noise(7);
    let mut trials = Vec::new();
    for round in 1..=rounds {
        for (index, point) in points.iter().enumerate() {
            for transport in [Some(2), Some(0), None, Some(3), Some(1)] {
                let transport = transport.map(|index: usize| Transport::ALL[index]);
                trials.push(trial(transport, round, index, point, &mut noise));
            }
        }
    }
    let (summary, tcp_baseline) = summary::summarise(&trials, SEED);
    (trials, summary, tcp_baseline)
}

/// The purpose of the bundled scenario with this name; the default if there is none.
fn purpose(name: &str) -> Purpose {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.toml"));
    std::fs::read_to_string(file).map(|text| toml::from_str(&text).unwrap()).unwrap_or_default()
}

fn environment() -> Environment {
    Environment {
        host: "fake-host".to_owned(),
        kernel: "Linux 6.12.0 x86_64".to_owned(),
        processor: "Invented Processor 9000".to_owned(),
        cores: 2,
        memory_bytes: 8 << 30,
        version: "0.1.0".to_owned(),
        commit: "0123abc+changes".to_owned(),
        profile: "release".to_owned(),
        rustc: "rustc 1.90.0".to_owned(),
        command: ["run", "quick", "--seed", "42", "--fail-if", "sse.latency_ns.p99 > 5ms"].map(str::to_owned).to_vec(),
        effort: Vec::new(),
        notes: BTreeMap::from([("net.core.somaxconn".to_owned(), "4096".to_owned())]),
    }
}

/// Latency of one delivery: the phase of the polls, or a short time with a long tail.
fn latency(transport: Option<Transport>, point: &Point, noise: &mut Noise) -> f64 {
    let tail = 1.0 + 0.12 * (1.0 - noise.share()).powf(-0.45);
    let clients = 1.0 + f64::from(point.clients) / 2000.0;
    let way = point.rtt_ns.0 as f64 / 2.0;
    way + match transport {
        Some(Transport::Polling) => point.poll_interval_ns.0 as f64 * noise.share() + 6.4e5 * tail,
        Some(Transport::LongPolling) => {
            5.2e5 * tail * clients * (1.0 + point.rate_per_s / 400.0) + way * noise.share() * 2.0
        }
        Some(Transport::Sse) => 3.3e5 * tail * clients,
        Some(Transport::WebSocket) => 3.25e5 * tail * clients,
        None => 2.1e5 * tail * clients,
    }
}

fn metrics(transport: Option<Transport>, point: &Point, noise: &mut Noise) -> Metrics<Value> {
    let per_interval = point.rate_per_s * point.poll_interval_ns.seconds();
    let (requests, empty) = match transport {
        Some(Transport::Polling) => (1.0 / per_interval, (1.0 - per_interval).max(0.0)),
        Some(Transport::LongPolling) => (1.0 / (1.0 + point.rate_per_s * 0.002) + 0.04 / point.rate_per_s, 0.0),
        Some(Transport::Sse | Transport::WebSocket) | None => (0.0, 0.0),
    };
    let head = f64::from(point.request_header_bytes);
    let (framing, response) = match transport {
        Some(Transport::Polling | Transport::LongPolling) => (38.0 + 30.0 * requests, 280.0 + head),
        Some(Transport::Sse) => (62.0, 0.0),
        Some(Transport::WebSocket) => (40.0, 0.0),
        None => (0.0, 0.0),
    };
    let (http_headers, tcp_ip) =
        (response * requests, 52.0 * (2.0 * requests + 1.0) * noise.near_one(0.01) + 52.0 * requests.max(0.9));
    let total = point.payload_bytes + framing + http_headers + tcp_ip;
    let cpu = |base: f64, noise: &mut Noise| Value(Some(base * noise.near_one(0.03)));
    let base = match transport {
        Some(Transport::Polling) => 9_000.0 + 28_000.0 * requests,
        Some(Transport::LongPolling) => 34_000.0,
        Some(Transport::Sse) => 10_900.0,
        Some(Transport::WebSocket) => 10_500.0,
        None => 7_900.0,
    };
    let (rss, kernel) = match transport {
        Some(Transport::Polling) => (9_200.0, 5_100.0),
        Some(Transport::LongPolling) => (10_400.0, 5_000.0),
        Some(Transport::Sse) => (9_900.0, 4_900.0),
        Some(Transport::WebSocket) => (7_300.0, 4_950.0),
        None => (1_200.0, 4_900.0),
    };
    let mean = latency(transport, point, &mut Noise(3));
    let age = if transport == Some(Transport::Polling) { point.poll_interval_ns.0 as f64 / 2.0 } else { mean };
    let none = Value(Some(0.0));
    let mut all = Metrics::<Value> {
        age_ns_mean: cpu(age + 1e9 / point.rate_per_s, noise),
        stale_fraction: Value(Some((age * point.rate_per_s / 1e9).min(0.95))),
        requests_per_delivery: Value(Some(requests * noise.near_one(if requests == 0.0 { 0.0 } else { 0.01 }))),
        empty_fraction: Value::ratio(empty, if requests > 0.0 { 1.0 } else { 0.0 }),
        wire_bytes_per_delivery: WireBytes {
            total: Value(Some(total)),
            payload: Value(Some(point.payload_bytes)),
            framing: Value(Some(framing)),
            http_headers: Value(Some(http_headers)),
            tcp_ip: Value(Some(tcp_ip)),
            retransmitted: Value(Some(0.0)),
            h2_frames: none,
            tls_records: none,
            tls_handshake: none,
            compression: none,
            acknowledgements: Value(Some(26.0)),
        },
        server_cpu_ns_per_delivery: cpu(base, noise),
        host_cpu_ns_per_delivery: cpu(base * 2.6, noise),
        generator_cpu_ns_per_delivery: Value(Some(15_000.0)),
        server_rss_bytes_per_client: cpu(rss, noise),
        server_rss_loaded_bytes_per_client: cpu(rss * 1.2, noise),
        kernel_bytes_per_client: cpu(kernel, noise),
        connect_ns_p50: cpu(2.4e5, noise),
        ..Metrics::default()
    };
    if transport.is_none() {
        all.age_ns_mean = Value(None);
    }
    all
}

fn trial(transport: Option<Transport>, round: u32, point_index: usize, point: &Point, noise: &mut Noise) -> Trial {
    let mut metrics = metrics(transport, point, noise);
    let (mut corrected, mut uncorrected) = (histogram::empty(), histogram::empty());
    let mut timeline = Vec::new();
    let drift = noise.near_one(0.03);
    for slice in 0..60u64 {
        let mut all: Vec<u64> = (0..30).map(|_| (latency(transport, point, noise) * drift) as u64).collect();
        all.sort_unstable();
        for value in &all {
            corrected.record(*value).unwrap();
            uncorrected.record((value * 9) / 10).unwrap();
        }
        timeline.push(Slice {
            from_ns: Nanos(slice * 4 * Nanos::SECOND.0 / 60),
            delivered: 30,
            p50_ns: (slice % 17 != 5).then(|| Nanos(all[15])),
            p99_ns: (slice % 17 != 5).then(|| Nanos(all[29])),
            max_ns: (slice % 17 != 5).then(|| Nanos(all[29])),
        });
    }
    for (histogram, to) in [(&corrected, &mut metrics.latency_ns), (&uncorrected, &mut metrics.uncorrected_latency_ns)]
    {
        let at = |quantile: f64| Value(Some(histogram.value_at_quantile(quantile) as f64));
        (to.p50, to.p90, to.p99, to.p999) = (at(0.5), at(0.9), at(0.99), at(0.999));
        (to.max, to.mean) = (Value(Some(histogram.max() as f64)), Value(Some(histogram.mean())));
    }
    let expected = (f64::from(point.clients) * point.rate_per_s * 4.0) as u64;
    Trial {
        transport,
        round,
        point_index,
        point: point.clone(),
        port: 40_000,
        window_ns: [Nanos(1), Nanos(4 * Nanos::SECOND.0)],
        window_unix_ns: [1, 4_000_000_000],
        arrived: expected,
        audit: Audit { expected, delivered: expected, ..Audit::default() },
        metrics,
        wire: WireTotals::default(),
        health: Health {
            schedule_lag_ns_p50: Nanos(70_000),
            schedule_lag_ns_p99: Nanos(310_000),
            schedule_lag_ns_max: Nanos(900_000),
            cpu_fraction: 0.08,
            wait_fraction: Value(Some(0.04)),
            host_cpu_fraction: 0.21,
            ..Health::default()
        },
        readings: None,
        timeline,
        latency_hdr: histogram::encode(&corrected),
        uncorrected_latency_hdr: histogram::encode(&uncorrected),
        ..Trial::default()
    }
}

/// A histogram in which every delivery has the same latency, for tests that set one.
pub(crate) fn all_taking(latency_ns: f64) -> String {
    let mut histogram = histogram::empty();
    histogram::record(&mut histogram, Nanos(latency_ns as u64));
    histogram::encode(&histogram)
}

/// The default scenario with several faults.
pub(crate) fn invalid() -> Run {
    let mut run = quick();
    let stalled = Cause::GeneratorStalled { lag_ns_p50: Nanos(310_000), lag_ns_p99: Nanos(84_000_000) };
    for trial in &mut run.trials {
        let cause = match trial.transport {
            Some(Transport::Polling) => stalled.clone(),
            Some(Transport::Sse) => Cause::Refused { count: 2 },
            Some(Transport::LongPolling | Transport::WebSocket) | None => continue,
        };
        (trial.verdict, trial.reasons) = (cause.verdict(), vec![cause.into()]);
    }
    (run.summary, run.tcp_baseline) = summary::summarise(&run.trials, SEED);
    (run.verdict, run.reasons) = summary::verdict(&run.summary, &run.tcp_baseline);
    run.cut_short = true;
    let cut_short =
        Cause::CutShort { done: 12, planned: 20, tcp_baseline_done: 3, tcp_baseline_planned: 5, error: None };
    run.reasons.push(cut_short.into());
    let rows = &mut run.summary;
    (rows[0].audit.lost, rows[0].audit.lost_announced) = (17, 12);
    rows[0].audit.delivered -= 17;
    let found = |row: &Row, observed| Found::Rows { rows: vec![RowFound { row: row.id(), observed }] };
    let p99 = Observed::Value { metric: Metric::LatencyP99, value: 1.21e6 };
    let lost = Observed::Count { count: AuditCount::Lost, value: 17 };
    run.thresholds = vec![
        Threshold { expression: "sse.latency_ns.p99 > 5ms".to_owned(), failed: false, found: found(&rows[2], p99) },
        Threshold { expression: "*.lost > 0".to_owned(), failed: true, found: found(&rows[0], lost) },
    ];
    run
}
