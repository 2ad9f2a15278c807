//! The metrics, in one table: `metrics!` below. One entry adds a metric to the run file, the schema, the report, the
//! CSV, the comparison and the thresholds. What remains is to measure it, in `load/analysis.rs`.

use serde::{Deserialize, Serialize};

use crate::units::short_number;

/// The points of a distribution that are reported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles<T> {
    /// Median.
    pub p50: T,
    /// 90th percentile.
    pub p90: T,
    /// 99th percentile.
    pub p99: T,
    /// 99.9th percentile.
    pub p999: T,
    /// Largest value.
    pub max: T,
    /// Arithmetic mean.
    pub mean: T,
}

/// The bytes of one delivery, by kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de> + Default"))]
pub struct WireBytes<T> {
    /// The sum of the parts below.
    pub total: T,
    /// The update's `data` alone.
    pub payload: T,
    /// The update's and the answer's JSON envelope, SSE fields, chunk sizes, WebSocket headers and control frames.
    pub framing: T,
    /// Request and response heads; over HTTP/2 as HPACK wrote them.
    pub http_headers: T,
    /// HTTP/2 frame headers, and frames that carry neither a head nor a body.
    #[serde(default)]
    pub h2_frames: T,
    /// What TLS adds to the content of its records.
    #[serde(default)]
    pub tls_records: T,
    /// TLS handshakes, and the session tickets after them.
    #[serde(default)]
    pub tls_handshake: T,
    /// Bytes that compression saved of payload and framing, as a negative number: the two are counted before
    /// compression.
    #[serde(default)]
    pub compression: T,
    /// TCP/IP headers: segments, acknowledgements included, times the size of their headers.
    pub tcp_ip: T,
    /// Of these, the headers of segments without data.
    #[serde(default)]
    pub acknowledgements: T,
    /// Retransmitted bytes.
    pub retransmitted: T,
}

/// A measured value: `None` where it could not be measured, which is `null` in JSON and never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Value(pub Option<f64>);

impl Value {
    /// A ratio; not measured if the divisor is zero.
    pub fn ratio(part: f64, whole: f64) -> Self {
        Self((whole > 0.0).then(|| part / whole))
    }
}

impl From<Option<f64>> for Value {
    fn from(value: Option<f64>) -> Self {
        Self(value.filter(|number| number.is_finite()))
    }
}

/// Whole numbers are written without a fraction, so that nanoseconds and bytes stay integers in JSON.
impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_none(),
            Some(whole) if whole.fract() == 0.0 && whole.abs() < 9e15 => serializer.serialize_i64(whole as i64),
            Some(number) => serializer.serialize_f64((number * 1e6).round() / 1e6),
        }
    }
}

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanos,
    /// Bytes.
    Bytes,
    /// A count per something.
    Count,
    /// A share from 0 to 1.
    Fraction,
}

/// The data that a metric is computed from. Reading a histogram takes a hundred times as long as reading a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The histograms of corrected latency.
    Corrected,
    /// The histograms of uncorrected latency.
    Uncorrected,
    /// The trials' own values.
    Trials,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Corrected, Self::Uncorrected, Self::Trials];
}

/// A group of related metrics, whose p-values are judged together when runs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Latency and age.
    Latency,
    /// Requests and bytes.
    Wire,
    /// Processor time.
    Processor,
    /// Memory.
    Memory,
    /// Time to connect.
    Connect,
    /// Resources of the load generator itself.
    Generator,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Latency, Self::Wire, Self::Processor, Self::Memory, Self::Connect, Self::Generator];
}

/// Defines [`Metrics`], [`Metric`] and the properties of each metric. Each entry is a member of [`Metrics`] with its
/// type, its source, its family, and its metric, or one metric for each of its parts: name, unit and label.
macro_rules! metrics {
    ($(
        $(#[doc = $doc:literal])+
        $member:ident: $type:ty, from $source:ident, in $family:ident {
            $( $name:ident $(. $part:ident)?: $unit:ident, $label:literal; )+
        }
    )+) => {
        /// One value for every metric: measured values, intervals, or anything else per metric.
        ///
        /// `Metrics<Value>` has the values of a trial or a row, and `Metrics<Option<[f64; 2]>>` their intervals. The
        /// members have the same names in JSON.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, bound(deserialize = "T: Deserialize<'de> + Default"))]
        pub struct Metrics<T> {
            $( $(#[doc = $doc])+ pub $member: $type, )+
        }

        /// One metric; written in JSON as its path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "&'static str", try_from = "String")]
        #[allow(missing_docs, reason = "each is documented at its member of `Metrics`")]
        pub enum Metric { $( $( $name, )+ )+ }

        impl Metric {
            /// Every metric, in the order in which they are shown.
            pub const ALL: &[Self] = &[ $( $( Self::$name, )+ )+ ];

            /// Its path in a row of the run file: `latency_ns.p99`.
            pub fn path(self) -> &'static str {
                match self { $( $( Self::$name => concat!(stringify!($member) $(, ".", stringify!($part))?), )+ )+ }
            }

            /// Its name in a report.
            pub fn label(self) -> &'static str {
                match self { $( $( Self::$name => $label, )+ )+ }
            }

            /// Its unit.
            pub fn unit(self) -> Unit {
                match self { $( $( Self::$name => Unit::$unit, )+ )+ }
            }

            /// The data that it is computed from.
            pub fn source(self) -> Source {
                match self { $( $( Self::$name => Source::$source, )+ )+ }
            }

            /// The family that it is judged with.
            pub fn family(self) -> Family {
                match self { $( $( Self::$name => Family::$family, )+ )+ }
            }

            /// The members of [`Metrics`], each with its description for the schema and its metrics.
            #[cfg(test)]
            pub(crate) fn described() -> Vec<(&'static str, String, Vec<Self>)> {
                vec![ $( (stringify!($member), [$($doc.trim()),+].join(" "), vec![ $( Self::$name ),+ ]), )+ ]
            }
        }

        impl<T> Metrics<T> {
            /// The value of one metric.
            pub fn get(&self, metric: Metric) -> &T {
                match metric { $( $( Metric::$name => &self.$member $(.$part)?, )+ )+ }
            }

            /// A mutable reference to the value of one metric.
            pub fn get_mut(&mut self, metric: Metric) -> &mut T {
                match metric { $( $( Metric::$name => &mut self.$member $(.$part)?, )+ )+ }
            }
        }
    };
}

metrics! {
    /// From due, by the feed's schedule, to decoded at the client, in nanoseconds.
    latency_ns: Percentiles<T>, from Corrected, in Latency {
        LatencyP50.p50: Nanos, "latency p50";
        LatencyP90.p90: Nanos, "latency p90";
        LatencyP99.p99: Nanos, "latency p99";
        LatencyP999.p999: Nanos, "latency p99.9";
        LatencyMax.max: Nanos, "latency max";
        LatencyMean.mean: Nanos, "latency mean";
    }
    /// From published by the server to decoded at the client, in nanoseconds. Like any tool that starts its clock when
    /// something is sent, it does not count the time by which the server publishes late.
    uncorrected_latency_ns: Percentiles<T>, from Uncorrected, in Latency {
        UncorrectedP50.p50: Nanos, "uncorrected latency p50";
        UncorrectedP90.p90: Nanos, "uncorrected latency p90";
        UncorrectedP99.p99: Nanos, "uncorrected latency p99";
        UncorrectedP999.p999: Nanos, "uncorrected latency p99.9";
        UncorrectedMax.max: Nanos, "uncorrected latency max";
        UncorrectedMean.mean: Nanos, "uncorrected latency mean";
    }
    /// Age of Information (Kaul, Yates, Gruteser, INFOCOM 2012), averaged over time and clients, in nanoseconds.
    age_ns_mean: T, from Trials, in Latency { AgeMean: Nanos, "age of information"; }
    /// Share of the time in which a newer update existed than the client held.
    stale_fraction: T, from Trials, in Latency { StaleFraction: Fraction, "stale fraction"; }
    /// Requests sent for each delivery.
    requests_per_delivery: T, from Trials, in Wire { RequestsPerDelivery: Count, "requests per delivery"; }
    /// Share of the requests that returned no update.
    empty_fraction: T, from Trials, in Wire { EmptyFraction: Fraction, "empty requests"; }
    /// All bytes both ways for each delivery, and the parts that add up to the total.
    wire_bytes_per_delivery: WireBytes<T>, from Trials, in Wire {
        WireTotal.total: Bytes, "wire bytes per delivery";
        WirePayload.payload: Bytes, "payload";
        WireFraming.framing: Bytes, "framing";
        WireHttpHeaders.http_headers: Bytes, "HTTP headers";
        WireH2Frames.h2_frames: Bytes, "HTTP/2 frames";
        WireTlsRecords.tls_records: Bytes, "TLS records";
        WireTlsHandshake.tls_handshake: Bytes, "TLS handshakes";
        WireCompression.compression: Bytes, "compression";
        WireTcpIp.tcp_ip: Bytes, "TCP/IP headers";
        WireAcknowledgements.acknowledgements: Bytes, "acknowledgements";
        WireRetransmitted.retransmitted: Bytes, "retransmitted";
    }
    /// User and system time of the server process for each delivery, in nanoseconds.
    server_cpu_ns_per_delivery: T, from Trials, in Processor { ServerCpu: Nanos, "server CPU per delivery"; }
    /// Busy time of the whole host for each delivery, in nanoseconds: loopback charges some of one side's work to the
    /// other.
    host_cpu_ns_per_delivery: T, from Trials, in Processor { HostCpu: Nanos, "host CPU per delivery"; }
    /// User and system time of the generator's own process for each delivery, in nanoseconds. If the generator shares
    /// processors with the server, this adds to the latency of updates.
    generator_cpu_ns_per_delivery: T, from Trials, in Generator {
        GeneratorCpu: Nanos, "generator CPU per delivery";
    }
    /// Growth of the server's resident memory per client, from no clients to all connected and idle.
    server_rss_bytes_per_client: T, from Trials, in Memory { ServerRss: Bytes, "server memory per idle client"; }
    /// The same growth, to the end of the measured interval.
    server_rss_loaded_bytes_per_client: T, from Trials, in Memory {
        ServerRssLoaded: Bytes, "server memory per client under load";
    }
    /// Growth of the kernel's slab and socket memory per client; divided by two on loopback, where both ends of a
    /// connection are on this host.
    kernel_bytes_per_client: T, from Trials, in Memory { Kernel: Bytes, "kernel memory per client"; }
    /// From dialling to the first position or answer, median over the clients, in nanoseconds.
    connect_ns_p50: T, from Trials, in Connect { ConnectP50: Nanos, "connect p50"; }
}

impl From<Metric> for &'static str {
    fn from(metric: Metric) -> Self {
        metric.path()
    }
}

impl TryFrom<String> for Metric {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        Self::from_path(&path).ok_or_else(|| format!("there is no metric `{path}`"))
    }
}

impl Metric {
    /// The metric with this path, as written in a threshold or a CSV header.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.path() == path)
    }

    /// A value of this metric with its unit, in readable form.
    pub fn show(self, value: f64) -> String {
        self.unit().show(value)
    }
}

impl Unit {
    /// A value at a tick of an axis, without trailing zeros.
    pub fn tick(self, value: f64) -> String {
        match self {
            // Always bytes, so that axes do not mix KiB and kB.
            Self::Bytes => format!("{} B", short_number(value)),
            Self::Count => short_number(value),
            Self::Fraction => format!("{} %", short_number(value * 100.0)),
            Self::Nanos => match value.abs() {
                0.0 => "0".to_owned(),
                size if size < 1e3 => format!("{} ns", short_number(value)),
                size if size < 1e6 => format!("{} µs", short_number(value / 1e3)),
                size if size < 1e9 => format!("{} ms", short_number(value / 1e6)),
                _ => format!("{} s", short_number(value / 1e9)),
            },
        }
    }

    /// A value with its unit, in readable form.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Nanos if value < 0.0 => format!("−{}", crate::units::Nanos((-value).round() as u64)),
            Self::Nanos => crate::units::Nanos(value.round() as u64).to_string(),
            Self::Bytes if value.abs() >= 10_240.0 => format!("{} KiB", crate::units::three_digits(value / 1024.0)),
            Self::Bytes => format!("{} B", crate::units::three_digits(value)),
            Self::Count => crate::units::three_digits(value),
            // A share below 1/200,000, which a formula may give, is shown as zero.
            Self::Fraction if value.abs() < 5e-6 => "0 %".to_owned(),
            Self::Fraction => format!("{} %", crate::units::three_digits(value * 100.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_of_metrics_is_a_named_metric() {
        let mut metrics: Metrics<Value> = Metrics::default();
        for (index, metric) in Metric::ALL.iter().enumerate() {
            *metrics.get_mut(*metric) = Value(Some(index as f64));
            assert_eq!(Metric::from_path(metric.path()), Some(*metric));
        }
        let written = serde_json::to_string(&metrics).unwrap();
        assert!(!written.contains("null"), "a member has no figure: {written}");
    }

    #[test]
    fn a_negligible_share_is_shown_as_zero() {
        assert_eq!(Unit::Fraction.show(1.2e-77), "0 %");
        assert_eq!(Unit::Fraction.show(-1e-9), "0 %", "and never as −0 %");
        assert_eq!(Unit::Fraction.show(0.0042), "0.420 %");
    }

    #[test]
    fn ticks_have_no_trailing_zeros() {
        assert_eq!(Unit::Nanos.tick(2e8), "200 ms");
        assert_eq!(Unit::Nanos.tick(1.5e9), "1.5 s");
        assert_eq!(Unit::Bytes.tick(500.0), "500 B");
        assert_eq!(Unit::Bytes.tick(65_536.0), "65,536 B", "never binary beside decimal");
        assert_eq!(Unit::Nanos.tick(0.0), "0", "an axis in µs does not begin in ms");
        assert_eq!(Unit::Fraction.tick(0.05), "5 %");
    }

    #[test]
    fn what_was_not_measured_is_null_and_never_zero() {
        assert_eq!(serde_json::to_string(&Value(None)).unwrap(), "null");
        assert_eq!(serde_json::to_string(&Value::ratio(3.0, 0.0)).unwrap(), "null");
        assert_eq!(serde_json::to_string(&Value(Some(12.0))).unwrap(), "12");
        assert_eq!(serde_json::to_string(&Value(Some(0.125))).unwrap(), "0.125");
    }
}
