//! What can be set about a run, in one place for flags and for scenario files: each setting is read and checked the
//! same way in both, so that a file's bad value is named with its line and a flag's with its name.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::limits;
use crate::run::Transport;
use crate::run::file::MessageKind;
use crate::run::{Arrivals, FeedKind};
use crate::units::{self, Nanos};

/// The settings of a run; what is absent comes from the scenario, then from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunSettings {
    /// Transports to compare, comma-separated [default: polling,long_polling,sse,websocket].
    #[arg(long, value_name = "LIST")]
    pub transports: Option<List<Transport>>,
    /// Clients, each on a connection of its own; a list is swept, as are all lists below [default: 50].
    #[arg(long, value_name = "LIST")]
    pub clients: Option<List<Clients>>,
    /// Rounds: one trial of each transport in an order shuffled anew [default: 3].
    #[arg(long)]
    pub rounds: Option<Rounds>,
    /// From all connected to the start of measuring [default: 1s].
    #[arg(long, value_name = "LENGTH")]
    pub warm_up: Option<Length>,
    /// Length of the measured interval [default: 4s].
    #[arg(long, value_name = "LENGTH")]
    pub measure: Option<Length>,
    /// Time between one client's polls [default: 1s].
    #[arg(long, value_name = "LIST")]
    pub poll_interval: Option<List<Interval>>,
    /// How long the server may park a long poll [default: 25s].
    #[arg(long, value_name = "LENGTH")]
    pub hold: Option<Length>,
    /// Bytes added to each request's head, to make it look like a browser's [default: 0].
    #[arg(long, value_name = "LIST")]
    pub request_headers: Option<List<Size>>,
    /// Where updates come from [default: replay].
    #[arg(long, value_enum)]
    pub feed: Option<FeedKind>,
    /// The recording to replay [default: the bundled week of earthquakes].
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// How much faster than it was recorded [default: 3600].
    #[arg(long, value_name = "TIMES")]
    pub speed: Option<Positive>,
    /// Updates a second of the synthetic feed [default: 10].
    #[arg(long, value_name = "LIST")]
    pub rate: Option<List<Positive>>,
    /// Bytes of data in each synthetic update [default: 128].
    #[arg(long, value_name = "LIST")]
    pub payload: Option<List<Size>>,
    /// How synthetic updates are spread in time [default: steady].
    #[arg(long, value_enum)]
    pub arrivals: Option<Arrivals>,
    /// Repeats the same order, phases and feed [default: 1].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Round trip added by a link between clients and server; 0ms for none [default: 0ms].
    #[arg(long, value_name = "LIST")]
    pub rtt: Option<List<RoundTrip>>,
    /// By how much the one-way delay of the link may differ, either way [default: 0ms].
    #[arg(long, value_name = "LENGTH")]
    pub jitter: Option<RoundTrip>,
    /// Bandwidth of each client's link, each way, as in 1Mbit; none for no limit [default: none].
    #[arg(long, value_name = "LIST")]
    pub bandwidth: Option<List<Bandwidth>>,
    /// Mean time that a client stays before it leaves and comes back; `none`, or `storm` for all of them leaving at
    /// once in the middle of the measured interval [default: none].
    #[arg(long, value_name = "LIST")]
    pub churn: Option<List<Churn>>,
    /// Send messages up and time their way there and back, instead of subscribing: text, binary or both, --rate a
    /// second for each client. Over WebSocket they are messages, over all others a POST each.
    #[arg(long, value_name = "LIST")]
    pub echo: Option<List<MessageKind>>,
    /// The measured interval is lengthened to hold this many updates, and this many polls of a client [default: 0].
    #[arg(long)]
    pub cycles: Option<Cycles>,
    /// Transports that are measured at each point of a sweep; all others, which do not depend on what is swept, only
    /// at the first [default: all].
    #[arg(long, value_name = "LIST")]
    pub sweep_only: Option<List<Transport>>,
    /// Measure the TCP baseline too: a TCP baseline with the same updates and clients [default: true].
    #[arg(long, alias = "floor", value_name = "BOOL")]
    #[serde(alias = "floor")]
    pub tcp_baseline: Option<bool>,
}

impl RunSettings {
    /// These settings where they are given, else those of `base`.
    pub fn over(self, base: Self) -> Self {
        Self {
            transports: self.transports.or(base.transports),
            clients: self.clients.or(base.clients),
            rounds: self.rounds.or(base.rounds),
            warm_up: self.warm_up.or(base.warm_up),
            measure: self.measure.or(base.measure),
            poll_interval: self.poll_interval.or(base.poll_interval),
            hold: self.hold.or(base.hold),
            request_headers: self.request_headers.or(base.request_headers),
            feed: self.feed.or(base.feed),
            replay: self.replay.or(base.replay),
            speed: self.speed.or(base.speed),
            rate: self.rate.or(base.rate),
            payload: self.payload.or(base.payload),
            arrivals: self.arrivals.or(base.arrivals),
            seed: self.seed.or(base.seed),
            rtt: self.rtt.or(base.rtt),
            jitter: self.jitter.or(base.jitter),
            bandwidth: self.bandwidth.or(base.bandwidth),
            churn: self.churn.or(base.churn),
            echo: self.echo.or(base.echo),
            cycles: self.cycles.or(base.cycles),
            sweep_only: self.sweep_only.or(base.sweep_only),
            tcp_baseline: self.tcp_baseline.or(base.tcp_baseline),
        }
    }
}

/// One or several values: `10` or `10,100` as a flag, `10` or `[10, 100]` in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.split(',').map(|one| one.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de, T: Deserialize<'de> + FromStr> Deserialize<'de> for List<T>
where
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de> + FromStr> Visitor<'de> for OneOrMany<T>
        where
            T::Err: fmt::Display,
        {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<List<T>, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<List<T>, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<List<T>, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<List<T>, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<List<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = sequence.next_element()? {
                    values.push(value);
                }
                match values.is_empty() {
                    true => Err(de::Error::custom("the list is empty; give one value or more")),
                    false => Ok(List(values)),
                }
            }
        }
        deserializer.deserialize_any(OneOrMany(std::marker::PhantomData))
    }
}

/// Makes a checked setting: a type whose one constructor reads and checks a text, from a flag or from a file.
macro_rules! setting {
    ($(#[$doc:meta])* $name:ident($inner:ty), $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name(pub $inner);

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let read: fn(&str) -> Result<$inner, String> = $read;
                read(text).map(Self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let List(values) = List::<Text<Self>>::deserialize(deserializer)?;
                match values.as_slice() {
                    [Text(one)] => Ok(*one),
                    _ => Err(de::Error::custom("give one value here, not a list")),
                }
            }
        }
    };
}

/// Reads a setting through its text, whatever form the file gives it.
struct Text<T>(T);

impl<T: FromStr> FromStr for Text<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.parse().map(Self)
    }
}

impl<'de, T: FromStr> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("give one value here, not a list"))
    }
}

fn within<T: PartialOrd + fmt::Display + Copy>(value: T, least: T, most: T) -> Result<T, String> {
    match value >= least && value <= most {
        true => Ok(value),
        false => Err(format!("{value} is out of bounds; use {least} to {most}")),
    }
}

/// A whole number within bounds, which are named whatever else stands there.
fn whole<T: FromStr + PartialOrd + fmt::Display + Copy>(text: &str, least: T, most: T) -> Result<T, String> {
    match (text.parse(), text.parse::<f64>()) {
        (Ok(value), _) => within(value, least, most),
        (Err(_), Ok(_)) => Err(format!("{text} is out of bounds; use {least} to {most}")),
        (Err(_), Err(_)) => Err(format!("`{text}` is not a number; use {least} to {most}")),
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

setting! {
    /// How many clients.
    Clients(u32), |text| whole(text, 1, limits::CLIENTS_MAX)
}
setting! {
    /// How many rounds.
    Rounds(u32), |text| whole(text, 1, limits::ROUNDS_MAX)
}
setting! {
    /// A length of time above zero.
    Length(Nanos), |text| match units::length(text).map_err(|error| error.to_string())? {
        Nanos::ZERO => Err("use a length above zero".to_owned()),
        length if length > limits::LENGTH_MAX => Err(format!("{length} is too long; use {} or less", limits::LENGTH_MAX)),
        length => Ok(length),
    }
}
setting! {
    /// A poll interval.
    Interval(Nanos), |text| {
        let interval = units::length(text).map_err(|error| error.to_string())?;
        let (least, most) = (limits::POLL_INTERVAL_MIN.into(), limits::POLL_INTERVAL_MAX.into());
        match interval >= least && interval <= most {
            true => Ok(interval),
            false => Err(format!("{interval} is out of bounds; use {least} to {most}")),
        }
    }
}
setting! {
    /// A size in bytes.
    Size(u64), |text| within(units::size(text).map_err(|error| error.to_string())?, 0, limits::UPDATE_BYTES_MAX as u64)
}
setting! {
    /// A number above zero.
    Positive(f64), |text| match number::<f64>(text)? {
        value if value > 0.0 && value.is_finite() => Ok(value),
        value => Err(format!("{value} is out of bounds; use a number above 0")),
    }
}
setting! {
    /// A length of time that may be zero.
    RoundTrip(Nanos), |text| match units::length(text).map_err(|error| error.to_string())? {
        length if length > limits::LINK_DELAY_MAX => Err(format!("{length} is too long; use {} or less", limits::LINK_DELAY_MAX)),
        length => Ok(length),
    }
}
setting! {
    /// How often the measured interval repeats what it measures.
    Cycles(u32), |text| whole(text, 0, limits::CYCLES_MAX)
}
setting! {
    /// Bits a second of a link; `None` without a limit.
    Bandwidth(Option<u64>), |text| match text {
        "none" => Ok(None),
        _ => bandwidth(text).map(Some),
    }
}
setting! {
    /// How clients leave.
    Churn(Leaving), |text| match text {
        "none" => Ok(Leaving::Never),
        "storm" => Ok(Leaving::AllAtOnce),
        _ => match units::length(text).map_err(|error| format!("{error}; or write none or storm"))? {
            short if short < limits::CHURN_STAY_MIN => Err(format!("{short} is too short; use {} or more", limits::CHURN_STAY_MIN)),
            mean => Ok(Leaving::Each(mean)),
        },
    }
}

/// When clients leave, to come back soon after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// They stay.
    Never,
    /// Each after a time of its own, exponential with this mean.
    Each(Nanos),
    /// All in the middle of the measured interval.
    AllAtOnce,
}

fn bandwidth(text: &str) -> Result<u64, String> {
    let refuse =
        || format!("`{text}` is not a bandwidth; write none, or a number and its unit, as in 500kbit or 10Mbit");
    let units = [("kbit", 1e3), ("Mbit", 1e6), ("Gbit", 1e9)];
    let (number, scale) =
        units.into_iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale))).ok_or_else(refuse)?;
    let bits = number.trim().parse::<f64>().map_err(|_| refuse())? * scale;
    match bits >= limits::LINK_BITS_PER_S_MIN as f64 && bits <= limits::LINK_BITS_PER_S_MAX as f64 {
        true => Ok(bits.round() as u64),
        false => Err(format!("{text} is out of bounds; use 8kbit to 100Gbit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_read_alike_from_a_flag_and_from_a_file() {
        let file: RunSettings =
            toml::from_str("clients = [10, 100]\nrate = 0.5\nmeasure = \"4s\"\ntransports = \"sse\"").unwrap();
        assert_eq!(file.clients, Some("10,100".parse().unwrap()));
        assert_eq!(file.rate, Some("0.5".parse().unwrap()));
        assert_eq!(file.measure, Some("4s".parse().unwrap()));
        assert_eq!(file.transports, Some(List(vec![Transport::Sse])));
    }

    #[test]
    fn a_bad_value_or_an_unknown_key_is_named_with_its_line() {
        for (text, line) in [
            ("rounds = 1\nclients = 0", "line 2"),
            ("rounds = 1\n\nclient = 5", "line 3"),
            ("rate = [1, -2]", "line 1"),
            ("measure = \"4\"", "line 1"),
            ("rounds = [1, 2]", "line 1"),
            ("transports = [\"sse\", \"carrier_pigeon\"]", "line 1"),
            ("bandwidth = \"10\"", "line 1"),
            ("churn = [\"1s\", \"often\"]", "line 1"),
            ("echo = \"morse\"", "line 1"),
        ] {
            let said = toml::from_str::<RunSettings>(text).unwrap_err().to_string();
            assert!(said.contains(line), "{said}");
        }
    }

    #[test]
    fn links_and_churn_may_be_absent() {
        let file: RunSettings = toml::from_str(
            "rtt = [\"0ms\", \"100ms\"]\nbandwidth = [\"none\", \"1.5Mbit\"]\nchurn = [\"none\", \"2s\", \"storm\"]",
        )
        .unwrap();
        assert_eq!(file.rtt, Some(List(vec![RoundTrip(Nanos::ZERO), RoundTrip(Nanos(100_000_000))])));
        assert_eq!(file.bandwidth, Some(List(vec![Bandwidth(None), Bandwidth(Some(1_500_000))])));
        let churn = [Leaving::Never, Leaving::Each(Nanos(2 * Nanos::SECOND.0)), Leaving::AllAtOnce].map(Churn);
        assert_eq!(file.churn, Some(List(churn.to_vec())));
    }

    #[test]
    fn flags_win_over_the_file() {
        let flags = RunSettings { seed: Some(2), ..RunSettings::default() };
        let file = RunSettings { seed: Some(1), rounds: Some(Rounds(9)), ..RunSettings::default() };
        let both = flags.over(file);
        assert_eq!((both.seed, both.rounds), (Some(2), Some(Rounds(9))));
    }
}
