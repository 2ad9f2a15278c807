//! The settings of a run, in one table: `settings!` below. One entry gives a setting its flag, its key in scenario
//! files, its member of the run file and of the schema, its column in the CSV, its words in headings and its place in
//! comparisons. The section of the table decides whether it can be swept.
//!
//! The value of a setting has a type from [`values`], which parses and checks it; the error for a bad value names the
//! range.
//!
//! Over 400 lines: one table of all settings.

mod entry;
mod member;
mod values;
mod words;

use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub use entry::Entry;
use entry::by_default;
#[cfg(test)]
pub(crate) use member::Described;
pub use member::Member;
pub use values::{
    AtTarget, Bandwidth, Churn, Clients, Cycles, Delay, Echo, Hold, Interval, Leaving, List, Measure, Nodes, OnPath,
    Payload, Rate, RequestHeaders, Rounds, Seed, Share, Sharers, Speed, Value, WarmUp,
};

use crate::run::failover::Kill;
use crate::run::feed::{Arrivals, FeedKind, MessageKind, PublishedFeed};
use crate::run::heads::Heads;
use crate::run::path::PathSettings;
use crate::run::protocol::{Compression, Protocol};
use crate::run::proxy::Proxy;
use crate::run::purpose::Purpose;
use crate::run::target_name::TargetName;
use crate::run::transport::Transport;
use crate::units::Nanos;
use words::{Form, Words};

/// Generates everything that depends on the list of settings. An entry has:
///
/// - `flag: type = "default"`, where the default is parsed like a typed value, then `=> member: type` of the run file;
/// - for a setting that is the same at every point: its name in a comparison;
/// - for a setting that can be swept: its variant of [`Setting`], the form of its values, its name on an axis, a
///   heading and a phrase with `{}` for the value, after `zero` other words for a value of zero, and after `only` the
///   transports that it affects, unless it affects all of them and the TCP baseline;
/// - last, the help of the flag, which is also the description in the schema; after `typed`, help for the flag only.
macro_rules! settings {
    (
        feed { $(
            $(#[$fattr:meta])*
            $flag_f:ident: $type_f:ty $(= $default_f:literal)?, $doc_f:literal;
        )+ }
        fixed { $(
            $(#[$attr_r:meta])*
            $flag_r:ident: $type_r:ty = $default_r:literal => $(#[$of_r:meta])* $member_r:ident: $in_file_r:ty,
            $name_r:literal, $doc_r:literal;
        )+ }
        swept { $(
            $(#[$attr_p:meta])*
            $flag_p:ident: $type_p:ty = $default_p:literal => $(#[$of_p:meta])* $member_p:ident: $in_file_p:ty,
            $setting:ident: $form:ident, $label:literal, $heading:literal, $at:literal
            $(, zero $zero:literal)? $(, only [$($only:ident),+])?,
            $doc_p:literal $(, typed $typed:literal)?;
        )+ }
    ) => {
        /// The settings of a run, as flags or as the keys of a scenario file. A missing one comes from the scenario,
        /// then from the defaults.
        #[derive(Clone, Debug, Default, PartialEq, Args, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct RunSettings {
            $(
                #[doc = $doc_p]
                $(#[$attr_p])*
                #[arg(long, value_name = "LIST", help_heading = "Settings that can be swept",
                    help = concat!($doc_p, $($typed,)? " [default: ", $default_p, "]"))]
                pub $flag_p: Option<List<$type_p>>,
            )+
            $(
                #[doc = $doc_f]
                $(#[$fattr])*
                #[arg(long, help_heading = "Feed", help = concat!($doc_f $(, " [default: ", $default_f, "]")?))]
                pub $flag_f: Option<$type_f>,
            )+
            $(
                #[doc = $doc_r]
                $(#[$attr_r])*
                #[arg(long, help_heading = "Run", help = concat!($doc_r, " [default: ", $default_r, "]"))]
                pub $flag_r: Option<$type_r>,
            )+
        }

        impl RunSettings {
            /// These settings, with missing ones taken from `base`.
            pub fn over(self, base: Self) -> Self {
                Self {
                    $( $flag_f: self.$flag_f.or(base.$flag_f), )+
                    $( $flag_r: self.$flag_r.or(base.$flag_r), )+
                    $( $flag_p: self.$flag_p.or(base.$flag_p), )+
                }
            }

            $( $(
                #[doc = $doc_f]
                pub fn $flag_f(&self) -> $type_f {
                    self.$flag_f.clone().unwrap_or_else(|| by_default($default_f))
                }
            )? )+

            $(
                #[doc = $doc_r]
                pub fn $flag_r(&self) -> $type_r {
                    self.$flag_r.clone().unwrap_or_else(|| by_default($default_r))
                }
            )+

            /// Every setting, in the order of the table.
            pub fn entries() -> Vec<Entry> {
                vec![
                    $( Entry::of::<$type_f>(stringify!($flag_f), false), )+
                    $( Entry::of::<$type_r>(stringify!($flag_r), false), )+
                    $( Entry::of::<$type_p>(stringify!($flag_p), true), )+
                ]
            }

            /// The number of points that the lists make.
            pub fn points_count(&self) -> u64 {
                let counts = [ $( self.$flag_p.as_ref().map_or(1, |List(values)| values.len() as u64), )+ ];
                counts.into_iter().fold(1, u64::saturating_mul)
            }

            /// The first setting whose list has a value twice.
            pub fn listed_twice(&self) -> Option<Setting> {
                $(
                    if let Some(List(values)) = &self.$flag_p
                        && (1..values.len()).any(|index| values[..index].contains(&values[index]))
                    {
                        return Some(Setting::$setting);
                    }
                )+
                None
            }

            /// Every combination of the lists, with the first setting of the table outermost, and the swept setting:
            /// the first one with several values.
            pub fn points(&self) -> (Vec<Point>, Option<Setting>) {
                let (mut points, mut sweep) = (vec![Point::default()], None);
                $(
                    if let Some(List(values)) = &self.$flag_p {
                        if values.len() > 1 && sweep.is_none() {
                            sweep = Some(Setting::$setting);
                        }
                        let with = |point: &Point, value: $type_p| Point { $member_p: value.into(), ..point.clone() };
                        let each = |point: &Point| values.iter().map(|value| with(point, *value)).collect::<Vec<_>>();
                        points = points.iter().flat_map(each).collect();
                    }
                )+
                (points, sweep)
            }
        }

        /// The question of a run, and the settings that are the same at every point.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct Scenario {
            /// Its name, as given to `loadgen run`.
            pub name: String,
            /// The question it asks, in one sentence.
            pub question: String,
            /// What its report shows.
            #[serde(flatten)]
            pub purpose: Purpose,
            /// The feed.
            #[serde(flatten)]
            pub feed: PublishedFeed,
            $( #[doc = $doc_r] $(#[$of_r])* pub $member_r: $in_file_r, )+
            /// The setting that is swept (a member of [`Point`]), if one is.
            pub sweep: Option<String>,
        }

        impl Scenario {
            /// A scenario with the members that follow from `settings`, and the others as given.
            pub fn new(
                settings: &RunSettings,
                [name, question]: [String; 2],
                purpose: Purpose,
                feed: PublishedFeed,
                sweep: Option<Setting>,
            ) -> Self {
                Self {
                    $( $member_r: settings.$flag_r().into(), )+
                    name,
                    question,
                    purpose,
                    feed,
                    sweep: sweep.map(|setting| setting.name().to_owned()),
                }
            }

            /// The settings in the order of the table, each with its name in a comparison and its value.
            pub fn settings(&self) -> Vec<(&'static str, String)> {
                vec![ $( ($name_r, self.$member_r.shown()), )+ ]
            }

            /// The descriptions of the settings for the schema.
            #[cfg(test)]
            pub(crate) fn described() -> Vec<member::Described> {
                vec![ $(
                    member::described::<$in_file_r>(stringify!($member_r), $doc_r, !is_given!($(#[$of_r])*)),
                )+ ].concat()
            }
        }

        /// The settings of one sweep point.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct Point {
            $( #[doc = $doc_p] $(#[$of_p])* pub $member_p: $in_file_p, )+
            /// True if rate and payload were not set but measured from the feed: the updates due in the measured
            /// interval divided by its length, and the mean size of those that reached a client.
            #[serde(default)]
            pub measured_feed: bool,
        }

        /// The point with every setting at its default.
        impl Default for Point {
            fn default() -> Self {
                Self { $( $member_p: by_default::<$type_p>($default_p).into(), )+ measured_feed: false }
            }
        }

        impl Point {
            /// The names of its columns in the CSV.
            pub fn columns() -> Vec<&'static str> {
                let mut columns = Vec::new();
                $( columns.extend(<$in_file_p>::columns(stringify!($member_p))); )+
                columns.push("measured_feed");
                columns
            }

            /// The values of these columns; empty if absent.
            pub fn cells(&self) -> Vec<String> {
                let mut cells = Vec::new();
                $( cells.extend(self.$member_p.cells()); )+
                cells.push(self.measured_feed.to_string());
                cells
            }

            /// The descriptions of the settings for the schema.
            #[cfg(test)]
            pub(crate) fn described() -> Vec<member::Described> {
                vec![ $(
                    member::described::<$in_file_p>(stringify!($member_p), $doc_p, !is_given!($(#[$of_p])*)),
                )+ ].concat()
            }
        }

        /// A setting that can be swept.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "each is documented at its member of `Point`")]
        pub enum Setting { $( $setting, )+ }

        impl Setting {
            /// Every setting, in the order of the table.
            pub const ALL: &[Self] = &[ $( Self::$setting, )+ ];

            /// The name of its member of [`Point`].
            pub fn name(self) -> &'static str {
                match self { $( Self::$setting => <$in_file_p>::columns(stringify!($member_p))[0], )+ }
            }

            /// Its value at a point as a number; for a value that is not a number, one that distinguishes the values.
            pub fn of(self, point: &Point) -> f64 {
                match self { $( Self::$setting => point.$member_p.number(), )+ }
            }

            fn words(self) -> Words {
                match self { $( Self::$setting => Words {
                    form: Form::$form,
                    label: $label,
                    heading: $heading,
                    at: $at,
                    zero: [$( $zero )?].first().copied(),
                }, )+ }
            }

            /// True if it can change what a transport (`None`: the TCP baseline) does.
            pub fn concerns(self, transport: Option<Transport>) -> bool {
                let only: &[Transport] = match self { $( Self::$setting => &[$( $(Transport::$only),+ )?], )+ };
                only.is_empty() || transport.is_some_and(|transport| only.contains(&transport))
            }
        }
    };
}

/// True if an entry has an attribute. The only attributes in the table make a member optional.
#[cfg(test)]
macro_rules! is_given {
    () => {
        false
    };
    ($(#[$attribute:meta])+) => {
        true
    };
}

settings! {
    feed {
        #[arg(value_enum)]
        feed: FeedKind = "replay", "Where updates come from";
        #[arg(value_name = "FILE")]
        replay: PathBuf, "The recording to replay [default: the bundled week of earthquakes]";
        #[arg(value_name = "TIMES")]
        speed: Speed = "3600", "Replay speed, as a multiple of the recorded pace";
        #[arg(value_enum)]
        arrivals: Arrivals = "steady", "How synthetic updates are spread in time";
    }
    fixed {
        #[arg(value_name = "LIST")]
        transports: List<Transport> = "polling,long_polling,sse,websocket" => transports: Vec<Transport>,
            "transports", "Transports to compare, comma-separated";
        rounds: Rounds = "3" => rounds: u32,
            "number of rounds", "Number of rounds; each has one trial of every transport, in a new random order";
        #[arg(value_name = "LENGTH")]
        warm_up: WarmUp = "1s" => warm_up_ns: Nanos,
            "warm-up", "Warm-up time before measuring, from all clients connected";
        #[arg(value_name = "LENGTH")]
        measure: Measure = "4s" => measure_ns: Nanos,
            "measured interval", "Length of the measured interval";
        cycles: Cycles = "0" => #[serde(default)] cycles: u32,
            "number of cycles", "Lengthen the measured interval to this many updates, and as many polls of a client";
        seed: Seed = "1" => seed: u64,
            "seed", "Seed of trial order, poll phases and feed; the same seed repeats them";
        #[arg(value_name = "LIST")]
        sweep_only: List<Transport> = "polling,long_polling,sse,websocket" =>
            #[serde(default)] sweep_only: Vec<Transport>,
            "transports measured at each point",
            "Transports measured at each point of a sweep; the others, which do not depend on what is swept, only at \
             the first";
        #[arg(alias = "floor", value_name = "BOOL")]
        #[serde(alias = "floor")]
        tcp_baseline: bool = "true" => #[serde(default)] tcp_baseline: bool,
            "measuring of the TCP baseline",
            "Also measure the TCP baseline: plain TCP connections with the same updates and clients";
        #[arg(value_name = "BOOL")]
        alone: bool = "false" => #[serde(default)] alone: bool,
            "trials with one client",
            "Also measure each transport that pushes with one client alone: its own latency, without other clients";
    }
    swept {
        #[arg(display_order = 0)]
        target: AtTarget = "none" => #[serde(default)] target: Option<TargetName>,
            Target: Target, "server", "{}", "on {}", zero "the server that loadgen starts",
            only [Polling, LongPolling, Sse, WebSocket],
            "Servers to measure",
            typed ": nchan, socketio and others by name (`loadgen targets` lists them), the path of a .toml file, or \
            the address of one server that keeps to our contract, as in http://127.0.0.1:8080";
        rtt: Delay = "0ms" => rtt_ns: Nanos,
            RoundTrip: Length, "added round trip", "round trip {}", "with a round trip of {}",
            "Round trip added by a link between clients and server", typed "; 0ms for none";
        #[arg(display_order = 0)]
        clients: Clients = "50" => clients: u32,
            Clients: Count, "clients", "{} client{s}", "with {} client{s}",
            "Number of clients, each on its own connection";
        rate: Rate = "10" => rate_per_s: f64,
            Rate: Count, "updates a second", "{} update{s} a second", "at {} update{s} a second",
            "Updates a second", typed " of the synthetic feed";
        poll_interval: Interval = "1s" => poll_interval_ns: Nanos,
            PollInterval: Length, "poll interval", "poll interval {}", "with a poll interval of {}", only [Polling],
            "Time between one client's polls";
        payload: Payload = "128" => payload_bytes: f64,
            Payload: Bytes, "payload", "payload {}", "with a payload of {}",
            "Bytes of data in each update", typed " of the synthetic feed";
        hold: Hold = "25s" => hold_ns: Nanos,
            Hold: Length, "hold time of a long poll", "long-poll hold time {}", "with a long-poll hold time of {}", only [LongPolling],
            "How long the server holds a long poll open when there is no update";
        request_headers: RequestHeaders = "0" => request_header_bytes: u32,
            RequestHeader: Bytes, "bytes added to each request's headers", "{} more in each request's headers",
            "with {} more in each request's headers", zero "no headers added",
            only [Polling, LongPolling, Sse, WebSocket],
            "Bytes added to each request's headers, as cookies do";
        heads: Heads = "bare" => #[serde(default)] heads: Heads,
            Heads: Heads, "heads of requests", "{} heads", "with {} heads",
            only [Polling, LongPolling, Sse, WebSocket],
            "Heads of requests: bare, or those that a browser sends",
            typed " (scripts/record-browser-heads)";
        bandwidth: Bandwidth = "none" => link_bits_per_s: Option<u64>,
            Link: Bandwidth, "bandwidth of the link", "link of {}", "on a link of {}", zero "no limit on the link",
            "Bandwidth of each client's link, each way, in bits a second", typed ": as in 1Mbit; none for no limit";
        jitter: Delay = "0ms" => #[serde(default)] jitter_ns: Nanos,
            Jitter: Length, "jitter of the link", "jitter {}", "with a jitter of {}",
            "Random variation of the link's one-way delay, in either direction";
        path: OnPath = "none" => #[serde(default)] path: Option<PathSettings>,
            Path: Path, "path", "path {}", "over the path {}", zero "no path",
            "A real path of IP packets between clients and server, with distance, loss and a rate limit",
            typed ": a preset, as in 4g,3g, or keys, as in rtt=50ms,loss=1%; a comma before a preset, or a semicolon, \
            begins the next path";
        protocol: Protocol = "http1" => #[serde(default)] protocol: Protocol,
            Protocol: Protocol, "protocol", "protocol {}", "over {}", only [Polling, LongPolling, Sse, WebSocket],
            "Protocol of a connection",
            typed ": http1, https1 (over TLS 1.3), h2 (HTTP/2 over TLS 1.3), h2c (HTTP/2 in the clear)";
        compression: Compression = "none" => #[serde(default)] compression: Compression,
            Compression: Compression, "compression", "compression {}", "with {}", zero "no compression",
            only [Polling, LongPolling, Sse, WebSocket],
            "Compression of what the server sends",
            typed ": gzip or zstd, for answers and event streams; deflate, for WebSocket messages \
                   (permessage-deflate); a transport is measured where it can have it";
        keep_alive: bool = "true" => #[serde(default = "member::yes")] keep_alive: bool,
            KeepAlive: Switch, "connections kept", "connections {}", "with connections {}", only [Polling, LongPolling],
            "Keep a connection for the next request",
            typed "; false opens a new one for each, and measures only the transports that send requests";
        share_connection: Sharers = "1" => #[serde(default = "member::one")] share_connection: u32,
            Share: Count, "clients on one connection", "{} client{s} on each connection",
            "with {} client{s} on each connection", only [Polling, LongPolling, Sse, WebSocket],
            "Clients that share one HTTP/2 connection, each with its own streams";
        proxy: Proxy = "none" => #[serde(default)] proxy: Proxy,
            Proxy: Proxy, "proxy", "{} before the server", "with {} before the server", zero "no proxy",
            only [Polling, LongPolling, Sse, WebSocket],
            "A proxy in front of the server",
            typed ": nginx with its defaults, nginx-tuned for streams, or haproxy, which balances TCP connections";
        nodes: Nodes = "0" => #[serde(default)] nodes: u32,
            Nodes: Count, "nodes", "{} node{s}", "on {} node{s}", zero "one server with its own journal",
            only [Polling, LongPolling, Sse, WebSocket],
            "Servers that share a log: a nats-server that is started with them",
            typed "; behind haproxy, or with --proxy none the clients are distributed over them; 0 for one server with \
                   its own journal";
        kill: Kill = "none" => #[serde(default)] kill: Kill,
            Kill: Kill, "what is killed", "{} killed", "with the {} killed", zero "nothing killed",
            only [Polling, LongPolling, Sse, WebSocket],
            "Which of the --nodes processes is killed in the middle of the measured interval",
            typed ": a node; the log's only server, which is restarted after 2 s; or the stream's leader, of three";
        churn: Churn = "none" => #[serde(flatten)] churn: Leaving,
            Churn: Stay, "mean time before a client leaves", "clients that stay {}", "with clients that stay {}",
            zero "all clients leaving at once",
            "Mean time that a client stays before it leaves and comes back",
            typed "; none, or storm for all of them leaving at once in the middle of the measured interval";
        echo: Echo = "none" => #[serde(default)] echo: Option<MessageKind>,
            Echo: Message, "kind of message", "{} messages", "with {} messages", zero "updates",
            "Messages that clients send and get back, instead of subscribing",
            typed ": text, binary or both, --rate a second for each client; over WebSocket they are messages, over all \
            others a POST each";
    }
}

impl Point {
    /// The requested round trip between clients and server.
    pub fn round_trip(&self) -> Nanos {
        self.path.map_or(self.rtt_ns, |path| path.rtt)
    }

    /// The share of packets lost in each direction.
    pub fn loss(&self) -> f64 {
        self.path.map_or(0.0, |path| path.loss)
    }

    /// True if there is a link between clients and server.
    pub fn has_link(&self) -> bool {
        self.rtt_ns > Nanos::ZERO || self.jitter_ns > Nanos::ZERO || self.link_bits_per_s.is_some()
    }
}

#[cfg(test)]
mod tests;
