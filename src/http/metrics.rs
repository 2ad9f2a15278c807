//! `/metrics`, for monitoring systems.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::server::{AccountReading, App, Problem};
use crate::stream::LogState;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Label {
    transport: &'static str,
}

/// The name, help text, unit and value of a counter that is kept per transport.
type Column = (&'static str, &'static str, Option<Unit>, fn(&AccountReading) -> u64);

const COUNTERS: [Column; 10] = [
    ("requests", "Requests; a stream counts as one", None, |one| one.requests),
    ("empty_requests", "Requests answered without an update", None, |one| one.empty),
    ("updates_sent", "Updates passed to connections", None, |one| one.updates),
    ("gaps", "Gaps announced", None, |one| one.gaps),
    ("streams_cut", "Streams ended because they fell behind", None, |one| one.cut),
    ("received", "Bytes read from sockets", Some(Unit::Bytes), |one| one.bytes_in),
    ("sent", "Bytes written to sockets", Some(Unit::Bytes), |one| one.bytes_out),
    ("segments_received", "TCP segments received", None, |one| one.segments_in),
    ("segments_sent", "TCP segments sent", None, |one| one.segments_out),
    ("retransmitted", "Bytes retransmitted", Some(Unit::Bytes), |one| one.bytes_retransmitted),
];

/// `GET /metrics`: the counters as OpenMetrics text.
pub async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let mut registry = Registry::with_prefix("pushpull");
    let accounts = app.counters.read();
    for (name, help, unit, read) in COUNTERS {
        let family = Family::<Label, Counter>::default();
        for (transport, reading) in &accounts {
            family.get_or_create(&Label { transport }).inc_by(read(reading));
        }
        match unit {
            Some(unit) => registry.register_with_unit(name, help, unit, family),
            None => registry.register(name, help, family),
        }
    }
    let open = Family::<Label, Gauge>::default();
    for (transport, reading) in &accounts {
        open.get_or_create(&Label { transport }).set(reading.connections_open as i64);
    }
    registry.register("connections_open", "Connections whose last request was for this transport", open);
    let totals: [(&str, &str, u64); 3] = [
        ("connections_accepted", "Connections accepted", app.counters.accepted()),
        ("connections_refused", "Connections refused", app.counters.refused()),
        ("updates_published", "Updates published in this epoch", app.journal.newest().seq),
    ];
    for (name, help, value) in totals {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
    if let Some(log) = &app.log {
        let reading = log.reading();
        let gauges = [
            (
                "log_following",
                "1 while this node is up to date with its log",
                i64::from(reading.standing == LogState::Following),
            ),
            ("log_newest", "Number of the log's newest update when it was last checked", reading.newest_seq as i64),
        ];
        for (name, help, value) in gauges {
            let gauge = <Gauge>::default();
            gauge.set(value);
            registry.register(name, help, gauge);
        }
    }
    let mut body = String::new();
    text::encode(&mut body, &registry)
        .map_err(|error| Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], body).into_response())
}
