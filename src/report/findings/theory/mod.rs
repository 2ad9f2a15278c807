//! Theoretical predictions of what each transport costs and delivers, to compare with measurements.
//!
//! The models are deliberately small: each is a few lines from rate, poll interval, hold, payload, round trip and
//! header sizes, with its source. If measurement and theory differ, one of the two needs an explanation.
//!
//! Three inputs are measured by the run: the rate at which updates arrived, the size of their `data`, and the
//! *transit*, the time that an update takes without any waiting of the transport. For pushed updates, the transit is
//! the latency with one client alone (without such a trial: how late the server published), plus the *fan-out* (the
//! server's N writes, then half of the generator's N reads, each at the processor time of one delivery, on the
//! available processors), plus half the round trip. For polled updates, and if that time is unknown, it is the mean
//! latency of the TCP baseline at the same point, plus half the round trip if the TCP baseline did not use the link;
//! over a path with loss, it is the baseline's median, which loss does not affect. [`loss`] adds the effect of loss.
//!
//! [`over`] gives the bytes of TLS and HTTP/2: records, frames, and heads compressed by HPACK.
//!
//! The models do not cover: bytes with compression, with new or shared connections, and of a browser's heads over
//! HTTP/2; losses in bursts; an update that queues behind the previous one; answers cut at a limit; and a server that
//! cannot keep up.
//!
//! Over 400 lines: the four models are in one file, because readers compare them with one another.

pub mod handshake;
mod loss;
mod over;
mod setting;
pub mod sizes;
#[cfg(test)]
mod tests;
mod traffic;

use self::loss::Lossy;
use self::over::{H2_PING_AND_ACK, Over, RECORD_BYTES, steady};
use self::setting::{Gaps, Setting};
use self::sizes::{segments, tcp_ip};
pub use self::traffic::{Traffic, traffic};
use crate::limits;
use crate::run::Transport;
use crate::run::file::{Leaving, Run};
use crate::run::metric::{Metric, Unit};

/// One figure as predicted and as measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The metric.
    pub metric: Metric,
    /// The transport.
    pub transport: Transport,
    /// The sweep point.
    pub point_index: usize,
    /// The predicted value, in the metric's unit.
    pub predicted: f64,
    /// The measured value.
    pub measured: f64,
    /// The difference of the measurement from the prediction, as a share of the prediction: 0.1 is 10 % more. For a
    /// metric that is itself a share, the plain difference. If zero was predicted: 0 if zero was measured, else 1.
    pub off: f64,
    /// The formula, in words and symbols.
    pub formula: &'static str,
    /// The source of the formula.
    pub source: &'static str,
}

/// A report points out a difference larger than this share.
pub const OFF_MAX: f64 = 0.1;

/// Every measured metric that theory predicts, by point and transport.
pub fn predictions(run: &Run) -> Vec<Prediction> {
    let mut all = Vec::new();
    for row in &run.summary {
        let (Some(transport), point_index) = (row.transport, row.point_index) else { continue };
        // The models cover clients that subscribe to a server of this project's contract, and stay.
        let is_foreign = row.point.target.is_some_and(|target| !target.keeps_contract());
        if row.point.echo.is_some() || row.point.churn != Leaving::Never || is_foreign {
            continue;
        }
        let trials = run.trials_of(row);
        let tcp_baseline = run.tcp_baseline.iter().find(|tcp_baseline| tcp_baseline.point_index == point_index);
        let Some(setting) = Setting::of(run, row, &trials, tcp_baseline) else { continue };
        for one in predict(transport, &setting) {
            let Some(measured) = row.metrics.get(one.metric).0 else { continue };
            let Predicted { metric, predicted, formula, source } = one;
            let off = off(metric, predicted, measured);
            all.push(Prediction { metric, transport, point_index, predicted, measured, off, formula, source });
        }
    }
    all
}

/// The rate, in updates a second, at which two transports take the same bytes per delivery of a run's stream; below it,
/// the first takes more. `None` if there is no realistic one, or if either measurement is too far from theory.
pub(crate) fn rate_of_equal_bytes(run: &Run, [first, second]: [Transport; 2]) -> Option<f64> {
    let known = predictions(run);
    let is_trusted = |transport: Transport| {
        let mut of = known.iter().filter(|one| one.transport == transport && one.metric == Metric::WireTotal);
        of.next().is_some_and(|one| one.off.abs() <= OFF_MAX)
    };
    if !(is_trusted(first) && is_trusted(second)) {
        return None;
    }
    let row = run.summary.iter().find(|row| row.transport == Some(second))?;
    let tcp_baseline = run.tcp_baseline.iter().find(|one| one.point_index == row.point_index);
    let measured = Setting::of(run, row, &run.trials_of(row), tcp_baseline)?;
    // Over an hour, heartbeats have their average frequency; the short interval of a run may have none.
    let setting = Setting { interval: [0.0, 3600.0], ..measured };
    let total = |transport: Transport, rate: f64| {
        let all = predict(transport, &Setting { rate, ..setting });
        all.into_iter().find(|one| one.metric == Metric::WireTotal).map(|one| one.predicted)
    };
    let excess = |rate: f64| Some(total(first, rate)? - total(second, rate)?);
    let [mut low, mut high] = RATES_LOOKED_AT;
    if excess(low)? <= 0.0 || excess(high)? >= 0.0 {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = (low * high).sqrt();
        if excess(middle)? > 0.0 { low = middle } else { high = middle }
    }
    Some((low * high).sqrt())
}

/// The range of rates that is searched, in updates a second.
const RATES_LOOKED_AT: [f64; 2] = [0.01, 1000.0];
/// Bisection steps of that range, in logarithms, that leave less than a thousandth of a rate.
const HALVINGS: u32 = 24;

fn off(metric: Metric, predicted: f64, measured: f64) -> f64 {
    match predicted == 0.0 {
        _ if metric.unit() == Unit::Fraction => measured - predicted,
        false => measured / predicted - 1.0,
        true if measured.abs() < 1e-9 => 0.0,
        true => 1.0,
    }
}

struct Predicted {
    metric: Metric,
    predicted: f64,
    formula: &'static str,
    source: &'static str,
}

fn predict(transport: Transport, setting: &Setting) -> Vec<Predicted> {
    let usable = setting.rate > 0.0 && setting.poll_interval > 0.0 && setting.hold > 0.0;
    let model = match transport {
        _ if !usable => return Vec::new(),
        Transport::Polling => polling(setting),
        Transport::LongPolling => long_polling(setting),
        Transport::Sse => sse(setting),
        Transport::WebSocket => websocket(setting),
    };
    let cost =
        |metric, predicted| Predicted { metric, predicted, formula: model.wire_formula, source: model.wire_source };
    let requests = |metric, predicted| Predicted {
        metric,
        predicted,
        formula: model.requests_formula,
        source: model.requests_source,
    };
    let over = setting.over;
    let below = model.h2_frames + model.tls_records;
    let total = setting.lengths.payload_bytes + model.framing + model.heads + model.tcp_ip + below;
    let mut all = Vec::new();
    let latency =
        |metric, seconds: f64, formula, source| Predicted { metric, predicted: seconds * 1e9, formula, source };
    match Lossy::of(transport, setting) {
        Some(lossy) => all.extend([
            latency(Metric::LatencyMean, lossy.mean(), lossy.formula, loss::SOURCE),
            latency(Metric::LatencyP50, lossy.quantile(0.5), lossy.formula, loss::SOURCE),
            latency(Metric::LatencyP99, lossy.quantile(0.99), lossy.formula, loss::SOURCE),
        ]),
        None if over.is_fresh && setting.loss > 0.0 => {}
        None => all.extend(
            model
                .latency
                .map(|seconds| latency(Metric::LatencyMean, seconds, model.latency_formula, model.latency_source)),
        ),
    }
    all.push(requests(Metric::RequestsPerDelivery, model.requests));
    all.extend(model.empty.map(|share| requests(Metric::EmptyFraction, share)));
    let by = |metric, predicted, formula, source| Predicted { metric, predicted, formula, source };
    let handshakes = over.handshake().map(|bytes| model.requests * bytes);
    all.extend(handshakes.map(|bytes| by(Metric::WireTlsHandshake, bytes, HANDSHAKE, HANDSHAKE_SOURCE)));
    if over.is_beyond {
        return all;
    }
    all.extend([
        cost(Metric::WireTotal, total),
        cost(Metric::WireFraming, model.framing),
        match over.is_h2 {
            false => cost(Metric::WireHttpHeaders, model.heads),
            true => by(Metric::WireHttpHeaders, model.heads, HPACK, HPACK_SOURCE),
        },
        cost(Metric::WireTcpIp, model.tcp_ip),
    ]);
    all.extend(over.is_h2.then(|| by(Metric::WireH2Frames, model.h2_frames, FRAMES, FRAMES_SOURCE)));
    all.extend(over.is_tls.then(|| by(Metric::WireTlsRecords, model.tls_records, RECORDS, RECORDS_SOURCE)));
    all
}

const HPACK: &str =
    "over HTTP/2: 1 B for a field that was sent before; path, cursor, length and each new second written out";
const HPACK_SOURCE: &str = "RFC 7541 sections 6.1 and 6.2, appendix B for the Huffman code; the h2 crate keeps the path, etag \
                            and content-length out of the table";
const FRAMES: &str = "9 B a frame: HEADERS there, HEADERS and DATA back; DATA for each pushed update; a PING and its answer \
                      each 20 s";
const FRAMES_SOURCE: &str = "RFC 9113 sections 4.1 and 6.7";
const RECORDS: &str = "22 B a record: head 5, content type 1, tag 16; a record a write";
const RECORDS_SOURCE: &str = "RFC 8446 sections 5.1 and 5.2; RFC 5116 section 5.1";

const HANDSHAKE: &str = "requests × (ClientHello with a ticket + ServerHello + EncryptedExtensions + two Finished + two new \
                         tickets + close_notify of each side)";
const HANDSHAKE_SOURCE: &str = "RFC 8446 sections 4.1 to 4.6, with what rustls offers and the lab's names; sessions are resumed, so no certificate";

/// The predictions of a transport's model for one delivery, in seconds and bytes.
struct Model {
    /// `None` if it is all transit, and that is unknown.
    latency: Option<f64>,
    latency_formula: &'static str,
    latency_source: &'static str,
    requests: f64,
    /// Share of the requests that return nothing; `None` without requests.
    empty: Option<f64>,
    requests_formula: &'static str,
    requests_source: &'static str,
    framing: f64,
    heads: f64,
    h2_frames: f64,
    tls_records: f64,
    tcp_ip: f64,
    wire_formula: &'static str,
    wire_source: &'static str,
}

/// The formula of the transit of a pushed update.
const TRANSIT: &str = "one transit: latency with one client alone, or publish lag, + N × (server CPU + generator CPU / 2) per delivery / processors + half the round trip";

/// The time after which Linux sends a delayed acknowledgement (`TCP_DELACK_MIN`, `TCP_ATO_MIN`).
const DELAYED_ACK: f64 = 0.040;

/// Polling each T with a random phase: an update waits T/2 on average, whatever the rate; the number of requests is
/// 1/T, whatever is published.
fn polling(setting: &Setting) -> Model {
    let lengths = &setting.lengths;
    let interval = setting.poll_interval;
    let requests = 1.0 / (setting.rate * interval);
    let empty = (setting.rate * setting.excess(interval)).min(1.0);
    let exchange = Exchanges { requests, empty, request_bytes: lengths.poll_request(setting.over) };
    // The client acknowledges an answer with its next request, or, as usual, with a separate segment before that.
    let acks = f64::from(u8::from(interval > DELAYED_ACK)) * requests;
    let (framing, heads, segments, body) = exchange.cost(setting);
    let pings = Pings::of(setting);
    Model {
        // An unknown transit is negligible compared with half an interval.
        latency: Some(interval / 2.0 + setting.transit.unwrap_or(0.0) + setting.sending(body)),
        latency_formula: "T/2 + transit",
        latency_source: "the mean wait for the next of evenly spaced polls at a random phase",
        requests,
        empty: Some(empty),
        requests_formula: "1/(λT); empty: λ × mean of (gap − T) where it is positive",
        requests_source: "one request each T (RFC 6202 section 1); the share of spans of T that hold no update",
        framing,
        heads,
        h2_frames: exchange.frames(setting.over) + pings.frames,
        tls_records: exchange.records(setting.over, body) + pings.records,
        tcp_ip: tcp_ip(segments + acks + pings.segments),
        wire_formula: "requests × (request + answer or 204 + 3 segments × 52 B) + updates in their envelope",
        wire_source: "RFC 9112 section 2.1 headers; TCP/IPv4 header with timestamps 52 B; one acknowledgement per answer",
    }
}

/// Long polling: one request per answer. Updates published in the cycle c, while the answer travels to the client and
/// the next request back, arrive together in the next answer.
fn long_polling(setting: &Setting) -> Model {
    let lengths = &setting.lengths;
    // A request on a new connection is parked later, by the round trips that set it up.
    let cycle = 2.0 * setting.transit.unwrap_or(0.0) + setting.over.trips_before() * setting.round_trip;
    let (answers, late) = batching(setting, cycle);
    let expiries = setting.times_in_gap(setting.hold);
    let requests = answers + expiries;
    let exchange =
        Exchanges { requests, empty: expiries / requests, request_bytes: lengths.long_poll_request(setting.over) };
    // The server acknowledges a request with the answer if that follows soon, else with a separate segment.
    let acks = answers * setting.is_longer(DELAYED_ACK) + expiries;
    let (framing, heads, segments, body) = exchange.cost(setting);
    let pings = Pings::of(setting);
    Model {
        latency: setting.transit.map(|transit| transit + late * cycle / 2.0 + setting.sending(body)),
        latency_formula: "transit as of a stream + c/2 × share of updates published in a cycle c = 2 transits",
        latency_source: "RFC 6202 section 2.2: one transit on average, over three at the most",
        requests,
        empty: Some(expiries / requests),
        requests_formula: "1/(λc + P(no update in c)) + holds that expire in a gap",
        requests_source: "RFC 6202 sections 2.1 and 2.2, as a renewal process: an answer brings what came in the \
                          cycle before it, or the next update",
        framing,
        heads,
        h2_frames: exchange.frames(setting.over) + pings.frames,
        tls_records: exchange.records(setting.over, body) + pings.records,
        tcp_ip: tcp_ip(segments + acks + pings.segments),
        wire_formula: "requests × (request + answer or 204 + 2 to 3 segments × 52 B) + updates in their envelope",
        wire_source: "RFC 6202 section 2.2: every long poll carries full headers; the server acknowledges a request on its \
                      own only if it waits longer than 40 ms",
    }
}

/// Answers for each update, and the share of updates that are published while no request is parked.
fn batching(setting: &Setting, cycle: f64) -> (f64, f64) {
    let load = setting.rate * cycle;
    let late_if_any = |per_answer: f64| load / per_answer;
    match setting.gaps {
        // A request is parked again before the next update, or each answer brings the updates of a whole cycle.
        Gaps::Steady if load < 1.0 => (1.0, 0.0),
        Gaps::Steady => (1.0 / load, 1.0),
        Gaps::Poisson => {
            let per_answer = load + (-load).exp();
            (1.0 / per_answer, late_if_any(per_answer))
        }
        Gaps::Bursty => {
            let (inside, _, first) = setting.burst();
            let behind = 1.0 - first;
            let is_late = f64::from(u8::from(cycle > inside));
            (first + behind * (inside / cycle).min(1.0), behind * is_late)
        }
    }
}

/// The request and answer pairs that one delivery takes.
struct Exchanges {
    requests: f64,
    empty: f64,
    request_bytes: f64,
}

impl Exchanges {
    /// Framing, heads and data segments for one delivery, and the bytes of one answer that brings updates.
    fn cost(&self, setting: &Setting) -> (f64, f64, f64, f64) {
        let lengths = &setting.lengths;
        let answers = self.requests * (1.0 - self.empty);
        let updates = if answers > 0.0 { 1.0 / answers } else { 1.0 };
        let envelope = lengths.answer_envelope(updates);
        let body = envelope + updates * (lengths.update_envelope() + lengths.payload_bytes);
        let (nothing, over, cursor) = (self.requests * self.empty, setting.over, lengths.cursor());
        let per_s = self.requests * setting.rate;
        let (head, empty_head) = match over.is_h2 {
            false => (lengths.answer_head(body), lengths.empty_answer_head()),
            true => (steady::answer(&cursor, body, per_s), steady::empty_answer(&cursor, per_s)),
        };
        let framing = answers * envelope + lengths.update_envelope();
        let heads = self.requests * self.request_bytes + answers * head + nothing * empty_head;
        let asked = segments(self.request_bytes, setting.segment_bytes);
        let writes = segments(head + body, setting.segment_bytes).max(over.writes(body));
        let answered = answers * writes + nothing;
        (framing, heads, self.requests * asked + answered, head + body)
    }
}

impl Exchanges {
    /// HEADERS in each direction, and DATA if there is a body.
    fn frames(&self, over: Over) -> f64 {
        over.frames(self.requests * (3.0 - self.empty))
    }

    /// A request, and an answer of `answer_bytes` or an empty one.
    fn records(&self, over: Over, answer_bytes: f64) -> f64 {
        let answers = self.requests * (1.0 - self.empty);
        (self.requests + self.requests * self.empty) * over.records(0.0) + answers * over.records(answer_bytes)
    }
}

/// The PINGs by which the server checks that an HTTP/2 connection is alive, for one delivery.
struct Pings {
    frames: f64,
    records: f64,
    segments: f64,
}

impl Pings {
    fn of(setting: &Setting) -> Self {
        let over = setting.over;
        let beats = if over.is_h2 { setting.beats(limits::H2_PING.as_secs_f64()) / setting.rate } else { 0.0 };
        let records = if over.is_tls { 2.0 * RECORD_BYTES } else { 0.0 };
        Self { frames: beats * H2_PING_AND_ACK, records: beats * records, segments: beats * 3.0 }
    }
}

/// SSE: each update is one chunk of one endless answer, whose request came before the measured interval.
fn sse(setting: &Setting) -> Model {
    let beat = setting.beats(limits::SSE_HEARTBEAT.as_secs_f64()) / setting.rate;
    let mut model = stream(setting, setting.lengths.sse_framing(setting.over));
    model.framing += beat * sizes::sse_heartbeat(setting.over);
    model.h2_frames += beat * setting.over.frames(1.0);
    model.tls_records += beat * setting.over.records(0.0);
    model.tcp_ip += beat * tcp_ip(2.0);
    model.wire_formula = "update + block fields + chunk lines + 2 × 52 B, and a heartbeat each 15 s";
    model.wire_source =
        "WHATWG HTML, \"Server-sent events\"; RFC 9112 section 7.1 for the chunk; one segment and its acknowledgement";
    model
}

/// WebSocket: each update is one frame.
fn websocket(setting: &Setting) -> Model {
    let ping = setting.beats(limits::WS_PING.as_secs_f64()) / setting.rate;
    let mut model = stream(setting, setting.lengths.websocket_framing());
    model.framing += ping * sizes::websocket_ping_and_pong();
    model.h2_frames += ping * setting.over.frames(2.0);
    model.tls_records += ping * 2.0 * setting.over.records(0.0);
    // The ping, the pong that acknowledges it, and the pong's own acknowledgement.
    model.tcp_ip += ping * tcp_ip(3.0);
    model.wire_formula = "update + frame header of 2, 4 or 10 B + 2 × 52 B, and a ping and pong each 20 s";
    model.wire_source = "RFC 6455 section 5.2 for the header; one segment and its acknowledgement";
    model
}

/// The common part of the two streams: one transit, no requests, one or more segments and their acknowledgement per
/// update.
fn stream(setting: &Setting, added: f64) -> Model {
    let lengths = &setting.lengths;
    let framing = lengths.update_envelope() + added;
    let message = framing + lengths.payload_bytes;
    let pings = Pings::of(setting);
    Model {
        latency: setting.transit.map(|transit| transit + setting.sending(message)),
        latency_formula: TRANSIT,
        latency_source: "RFC 6202 section 3.2: a stream's ideal is one transit; N equal jobs on P processors",
        requests: 0.0,
        empty: None,
        requests_formula: "0: the one request came before the measured interval",
        requests_source: "by construction",
        framing,
        heads: 0.0,
        h2_frames: setting.over.frames(1.0) + pings.frames,
        tls_records: setting.over.records(message) + pings.records,
        // The client reads at once and sends nothing, so each message gets its own acknowledgement.
        tcp_ip: tcp_ip(
            segments(message, setting.segment_bytes).max(setting.over.writes(message)) + 1.0 + pings.segments,
        ),
        wire_formula: "",
        wire_source: "",
    }
}
